"""CC1-HR-01: who joins is screened before they get access.

Everybody of the people register whose first day lies in the window has a row:

- SCREEN_MISSING       no screening is on record that counts
- SCREEN_AFTER_ACCESS  it was finished after the first access to a system in scope; or after the first day, where the
                       rule `screening_by_first_day` asks for that

Decisions where the rule leaves room:

- Access is every grant of CC6-PROV-01, what everybody gets on the first day included, from 35 days before the first
  day on. Where not all grants until the screening are held, or one was to an account that is nobody's by the
  registers, it is unknown whether there was access before.
- Of each kind of check the first counts, and of several kinds the one that was finished last.
- A waiver counts like a result. It needs a reason and somebody else who approved it. What somebody decided about
  themselves is no screening.
- An old screening serves somebody who comes back until `valid_until`. One without that day, of more than twelve months
  before the first day, leaves it unknown.
- Without access and without a screening there is time until the records of the window are due.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from evidence.completeness.currency import Currency
from evidence.completeness.instants import instant, ticks
from evidence.controls.currency import told
from evidence.controls.first_access import FirstAccess, Grant
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.controls.workforce import Member, Workforce, row_of
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "screening"
SCREEN_MISSING = "SCREEN_MISSING"
SCREEN_AFTER_ACCESS = "SCREEN_AFTER_ACCESS"
CODES = (SCREEN_MISSING, SCREEN_AFTER_ACCESS)

DUE_DAYS = 10
"""Days after the window in which its records may still arrive: due and grace of the line."""
_LOOKED_BACK = timedelta(days=35)


def screened_before_access(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for those who joined in a window."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._workforce = Workforce(window, evidence)
        self._joiners = list(self._workforce.joiners())
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._records: dict[str, list[StoredRecord]] = {}
        for record in told(window, evidence.records(window.control_id, LINE, window.scope_item_id), "screening"):
            self._records.setdefault(str(record.values["person_id"]), []).append(record)
        starts = [member.starts_at - _LOOKED_BACK for member in self._joiners]
        start = min(starts, default=window.as_of)
        self._access = FirstAccess(window, evidence, start, window.as_of)

    def outcomes(self) -> Iterator[Outcome]:
        window = self._window
        missing = list(self._workforce.unknown(LINE))
        yield from missing
        if has_closed(window) and not missing and not self._joiners and not self._workforce.held_before:
            why = "nobody joined by the people register, of which no snapshot from before the window is held."
            yield window_unknown(window, LINE, why, self._workforce.digests, about="before")
        for member in self._joiners:
            yield self._judge(member)

    def _judge(self, member: Member) -> Outcome:
        window, verdict = self._window, Verdict()
        verdict.used(member.digest)
        counted = self._counted(verdict, member)
        begins = member.starts_at - _LOOKED_BACK
        due = window.end + timedelta(days=DUE_DAYS)
        pending = False
        if counted is None:
            grant, _ = self._access.of(member.person_id, begins, window.as_of)
            if grant is not None:
                verdict.used(grant.digest)
                got = f"{grant.words[:300]} was given at {format_instant(grant.event.at)}"
                verdict.fails(SCREEN_MISSING, f"no screening is on record, and {got}")
            elif window.as_of <= due:
                pending = True
            else:
                verdict.fails(SCREEN_MISSING, "no screening is on record")
        else:
            self._before_access(verdict, member, counted, begins)
        if member.doubt is not None:
            verdict.doubts(member.doubt)
        subject = f"{member.named}, from {member.row['start']} on"
        waiting = f"{subject}: no screening and no access yet." if pending else None
        return row_of(window, LINE, member, verdict, subject, waits_until=due, waiting=waiting)

    def _before_access(self, verdict: Verdict, member: Member, record: StoredRecord, begins: datetime) -> None:
        done = record.performed_at
        kind = f"{record.values['check_type'][:80]} ({record.values['outcome']})"
        when = f"{kind} finished at {format_instant(done)}"
        grant, nobodys = self._access.of(member.person_id, begins, done)
        if grant is not None:
            verdict.used(grant.digest)
            got = f"{grant.words[:300]} was given at {format_instant(grant.event.at)}"
            verdict.fails(SCREEN_AFTER_ACCESS, f"{when}, after {got}")
        else:
            self._may_have_had(verdict, nobodys, begins, done)
        last = end_of(member.row["start"], member.zone)
        if self._window.programme.evidence_rules.screening_by_first_day and last is not None and done >= last:
            verdict.fails(SCREEN_AFTER_ACCESS, f"{when}, after the first day")
        verdict.holds(f"{when}, before any access")

    def _may_have_had(self, verdict: Verdict, nobodys: Grant | None, begins: datetime, done: datetime) -> None:
        if not self._access.watched:
            verdict.doubts("when they first got access: no system in scope tells of grants")
        if missing := self._access.uncovered(begins, min(done, self._window.as_of)):
            verdict.doubts(f"whether they had access before: not all grants of {', '.join(missing[:5])} are held")
        if nobodys is not None:
            verdict.used(nobodys.digest)
            verdict.doubts(f"whether {nobodys.words[:300]}, whom the registers give to nobody, was for them")

    def _counted(self, verdict: Verdict, member: Member) -> StoredRecord | None:
        """The record that says when the screening was finished; None where there is none that counts."""
        first: dict[str, StoredRecord] = {}
        for record in sorted(self._records.get(member.person_id, []), key=lambda one: (one.performed_at, one.seq)):
            if self._sound(record, member):
                first.setdefault(str(record.values["check_type"]).strip().casefold(), record)
        if not first:
            return None
        verdict.used(*(record.digest for record in first.values()))
        latest = max(first.values(), key=lambda record: (record.performed_at, record.seq))
        rule = Currency(member.zone, 0, 0)
        if (
            latest.values.get("valid_until") is None
            and instant(rule.lapse(ticks(latest.performed_at))) <= member.starts_at
        ):
            verdict.doubts(
                f"whether a screening of {format_instant(latest.performed_at)} still served on the first day"
            )
        return latest

    def _sound(self, record: StoredRecord, member: Member) -> bool:
        values, people = record.values, self._identities.at(record.performed_at)
        mine = people.of_key(f"person:{member.person_id}") | people.person(Who("own", email=str(member.row["email"])))
        names = ["decided_by"]
        if values["outcome"] == "waived":
            if not str(values.get("reason") or "").strip() or not values.get("approved_by"):
                return False
            names.append("approved_by")
        if any(
            values.get(name) and not people.person(Who("own", email=values[name])).isdisjoint(mine) for name in names
        ):
            return False
        until = values.get("valid_until")
        return until is None or str(until) >= str(member.row["start"])
