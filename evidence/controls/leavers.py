"""CC6-DEPR-01: leavers lose access in time.

Each window of each system has a row for everybody whose last day falls in it, and one for every account that was
suspended or removed in it without its holder being one of them:

- LATE             access to an account, or a key or machine of the leaver, ended after the deadline
- STILL_ACTIVE     it had not ended when it was last looked at, after the deadline
- UNMAPPED_PERSON  nobody can say whose it is: an account ended that the registers give to nobody; or the identity map
                   does not know the leaver, and accounts are left that are nobody's
- NO_HR_ROW        an account ended for good whose holder is in the register without a last day

The deadline is the end of the n-th business day (`leaver_business_days`) after the last day, by the calendar of the
person's office; for whoever left involuntarily or had administrative power, `leaver_urgent_hours` after the last day.

Decisions where the rule leaves room:

- The register knows days, so the last working moment is the end of the last day, in the zone of the office. When the
  company learnt of it moves nothing and stands in the explanation.
- How access ended is read from events and from lists of accounts (see `access_end`). Where no event tells, it ended
  between two lists; where the deadline lies between them that is unknown. A removal counts once a list shows it.
- Keys that a system lists apart from accounts must have been looked at since the last day, too.
- Suspended, archived or without password and keys is ended: an account kept under legal hold is no access.
- Somebody who goes on under another entry of the register (a contractor who is employed, by the same address or the
  same account) has not lost anything; the entry must begin by the deadline.
- A binding in Google Cloud of somebody whose Google account can't sign in any more is no access.
- Where the register does not say how somebody left, what ended after the urgent deadline and before the other one is
  unknown.
- Accounts that ended for a while and came back are no sign that anybody left.
- A last day that was taken back after it had passed, and somebody who was taken out of the register without one, are
  unknown until a person says what happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.controls.access_end import End
from evidence.controls.business_days import Deadline
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.leaver_accounts import STALE, Had, SystemAccess
from evidence.controls.leaver_register import Leaver, LeaverRegister, last_day_of
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.verdict import Verdict
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "leavers"
LATE = "LATE"
STILL_ACTIVE = "STILL_ACTIVE"
NO_HR_ROW = "NO_HR_ROW"
UNMAPPED_PERSON = "UNMAPPED_PERSON"
CODES = (LATE, STILL_ACTIVE, NO_HR_ROW, UNMAPPED_PERSON)

_NAMED = 5
"""Most accounts that a sentence names."""


def leavers_lose_access(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the leavers of a window in one system, and for the accounts that ended without one."""
    register = LeaverRegister.read(window, evidence)
    if not register.instants:
        if not has_closed(window):
            return []
        return [window_unknown(window, LINE, "no snapshot of the people register is held.")]
    return list(_Test(window, evidence, register).outcomes())


@dataclass(frozen=True, slots=True)
class _Allowed:
    """The deadlines of one leaver."""

    normal: Deadline
    urgent: Deadline
    why: str | None
    """Why the urgent one holds; None where it does not."""
    kind_known: bool

    @property
    def deadline(self) -> Deadline:
        return self.normal if self.why is None else self.urgent


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence, register: LeaverRegister) -> None:
        self._window = window
        self._register = register
        self._access = SystemAccess(window, evidence, register)

    def outcomes(self) -> Iterator[Outcome]:
        window, seen = self._window, self._register.instants[-1]
        if has_closed(window) and seen < window.end:
            why = (
                f"the people register was last seen at {format_instant(seen)}, before the window ended: who left later "
                "is not known."
            )
            yield window_unknown(window, LINE, why, about="leavers")
        leavers = list(self._register.leavers())
        for leaver in leavers:
            yield self._leaver(leaver)
        yield from self._removals({leaver.person_id for leaver in leavers})

    # --- leavers ------------------------------------------------------------------------------------------------------

    def _leaver(self, leaver: Leaver) -> Outcome:
        normal, urgent = self._deadlines(leaver)
        had = list(self._access.had(leaver, normal))
        allowed = _allowed(leaver, had, normal, urgent)
        verdict = Verdict()
        verdict.used(*leaver.digests)
        if leaver.doubt is not None:
            verdict.doubts(leaver.doubt)
        waits = False
        for one in had:
            verdict.used(*one.end.digests)
            waits |= self._waits(verdict, one, allowed)
        if not had:
            self._without(verdict, leaver, allowed)
        if self._window.as_of >= allowed.deadline.at and not self._access.keys_seen_since(leaver.left_at):
            verdict.doubts("no list of keys since then is held, so not known whether one of theirs is left")
        item, said = f"leaver:{leaver.person_id}", _said(leaver, allowed)
        if waits and not verdict.codes:
            still = f"{said}. Access may end until then."
            return self._row(item, leaver.left_at, verdict, still, pending=allowed.deadline.at)
        return self._row(item, leaver.left_at, verdict, verdict.explain(said))

    def _deadlines(self, leaver: Leaver) -> tuple[Deadline, Deadline]:
        rules = self._window.programme.evidence_rules
        own = self._window.programme.controls.get(self._window.control_id)
        days, hours = rules.leaver_business_days, rules.leaver_urgent_hours
        if own is not None and own.deadline_business_days is not None:
            days = own.deadline_business_days
        if own is not None and own.deadline_hours is not None:
            hours = own.deadline_hours
        calendar = self._register.business_days.of_office(leaver.row["office"])
        normal = calendar.deadline_after_day(leaver.last_day, days)
        urgent = leaver.left_at + timedelta(hours=hours)
        if urgent >= normal.at:
            return normal, normal
        return normal, Deadline(urgent, f"{format_instant(urgent)}, {hours:g} hours after the last day")

    def _waits(self, verdict: Verdict, one: Had, allowed: _Allowed) -> bool:
        """Judge one holding; True where its access may still end in time."""
        deadline, named, end = allowed.deadline.at, one.holding.named[:200], one.end
        if one.goes_on is not None:
            verdict.holds(f"{named}: its holder goes on as {one.goes_on}")
        elif end.over is not None and end.over <= deadline and not end.unsaid:
            if not end.confirmed and self._window.as_of >= deadline:
                verdict.doubts(f"{named}: {end.words}, and no list of accounts shows it since then")
            elif not allowed.kind_known and end.over > allowed.urgent.at:
                verdict.doubts(f"{named}: {end.words}; how they left is not in the register, and may be urgent")
            else:
                verdict.holds(f"{named}: {end.words}")
        elif end.over is not None and end.exact:
            verdict.fails(LATE, f"{named}: {end.words}, {_hours(end.over - deadline)} late")
        elif end.lasted is not None and end.lasted >= deadline and end.over is not None:
            verdict.fails(LATE, f"{named}: {end.words}, at least {_hours(end.lasted - deadline)} late")
        elif end.lasted is not None and end.lasted >= deadline:
            verdict.fails(STILL_ACTIVE, f"{named}: {end.words}, {_hours(end.lasted - deadline)} after the deadline")
        elif self._window.as_of < deadline:
            return True
        else:
            verdict.doubts(f"{named}: {_in_doubt(end)}")
        return False

    def _without(self, verdict: Verdict, leaver: Leaver, allowed: _Allowed) -> None:
        """Nothing of theirs was seen: because there was nothing, or because nobody knows what is theirs."""
        told = self._access.accounts.latest_at(min(allowed.deadline.at, self._window.as_of))
        if told is None or leaver.left_at - told[0] > STALE:
            verdict.doubts("no list of the accounts of that time is held, so not known whether they had one")
            return
        verdict.used(told[1])
        nobodys = self._access.nobodys(told[0])
        if not nobodys:
            verdict.holds(f"they had no account here by the list of {format_instant(told[0])}")
            return
        listed = ", ".join(name[:120] for name in nobodys[:_NAMED]) + (" …" if len(nobodys) > _NAMED else "")
        words = f"no account of theirs is known here, and {len(nobodys)} belong to nobody that is known ({listed})"
        rows = self._window.registers.get("identities")
        if rows is not None and not any(str(row["person_id"]) == leaver.person_id for row in rows):
            verdict.fails(UNMAPPED_PERSON, f"{words}; the identity map does not know them")
        else:
            verdict.doubts(words)

    # --- the other direction ------------------------------------------------------------------------------------------

    def _removals(self, leaving: set[str]) -> Iterator[Outcome]:
        window = self._window
        if self._access.system == "gcp":
            return  # a project has bindings and no accounts: those of its people are Google's
        if has_closed(window) and not self._access.seen_throughout():
            why = "accounts that ended may be missing: neither events nor lists of accounts hold the whole window."
            yield window_unknown(window, LINE, why, about="removals")
        for holding, end in self._access.ended():
            assert end.over is not None
            entries = sorted(self._access.entries(holding, end.lasted or end.over))
            if not leaving.isdisjoint(entries):
                continue
            verdict = Verdict()
            verdict.used(*end.digests, *self._register.digests[-1:])
            self._judge_removal(verdict, entries)
            item = f"removal:{holding.id}@{format_instant(end.over)}"
            yield self._row(item, end.over, verdict, verdict.explain(f"{holding.named[:200]}: {end.words}"))

    def _judge_removal(self, verdict: Verdict, entries: Sequence[str]) -> None:
        rows = [self._register.people[entry].row for entry in entries]
        left = [
            f"{row['name']} ({row['person_id']}) has the last day {day}" for row in rows if (day := last_day_of(row))
        ]
        if not entries and not self._access.maps:
            verdict.doubts("neither identity map nor people register say whose it was")
        elif not entries:
            verdict.fails(UNMAPPED_PERSON, "the registers do not say whose it was")
        elif left:
            verdict.holds(", ".join(left))
        else:
            names = ", ".join(f"{row['name']} ({row['person_id']})" for row in rows)
            verdict.fails(NO_HR_ROW, f"{names[:200]} has no last day in the people register")

    def _row(
        self, item: str, at: datetime, verdict: Verdict, explanation: str, *, pending: datetime | None = None
    ) -> Outcome:
        window = self._window
        return window.outcome(
            evidence_id=LINE,
            item_id=item,
            event_time=at,
            outcome=verdict.outcome if pending is None else "pending",
            codes=tuple(verdict.codes),
            explanation=explanation,
            evidence=verdict.evidence,
            resolves_at=pending,
        )


def _allowed(leaver: Leaver, had: Sequence[Had], normal: Deadline, urgent: Deadline) -> _Allowed:
    why = "involuntary" if leaver.row["leaving"] == "involuntary" else None
    if why is None and any(one.privileged for one in had):
        why = "administrator"
    return _Allowed(normal, urgent, why, leaver.row["leaving"] is not None)


def _said(leaver: Leaver, allowed: _Allowed) -> str:
    why = f" ({allowed.why})" if allowed.why else ""
    notified = leaver.row["notified_at"]
    learnt = f", of which the company learnt at {format_instant(notified)}" if notified else ""
    deadline = allowed.deadline
    return f"{leaver.named} left on {leaver.last_day}{why}{learnt}, and access had to end by {deadline.words}"


def _in_doubt(end: End) -> str:
    if end.unsaid:
        return "the source does not say whether it can still be used"
    if end.over is not None:
        return f"{end.words}, and the deadline lies in between"
    return f"{end.words or 'never seen in use'}, and not looked at since the deadline"


def _hours(late: timedelta) -> str:
    return f"{late / timedelta(hours=1):.1f} hours"
