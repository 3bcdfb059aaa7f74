"""CC1-COND-01: everybody accepts the code of conduct soon after joining, and every year again.

Everybody of the people register whose time here overlaps the window has a row:

- ACK_MISSING      a document that everybody accepts was not accepted, or not within the last year, and still is not
- ACK_LATE         it was accepted, after the time for it
- ACK_OLD_VERSION  what was accepted in time was not the version in force then

The documents are those of the rule `acknowledged_documents`, the time is `acknowledgement_days` after the first day. An
acceptance holds for twelve months and 30 days, by the rule of everything that is done once a year.

Decisions where the rule leaves room:

- The version that counts is the one in force when it was accepted; a new version is accepted in the yearly turn. What
  was in force say the approvals recorded for the policy (CC2-POL-01); where they say nothing that is unknown.
- What was missing is told in every window in which it was.
- Who was here before the period, and of whom the first acceptance on record is of the period, may have accepted
  before: the days before it are unknown.
- Who leaves before the time for it is over need not accept anything.
- The register says nothing of parental or sick leave, so no clock pauses; a person decides what to make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evidence.completeness.coverage import Span
from evidence.completeness.currency import Currency
from evidence.completeness.instants import instant, ticks
from evidence.controls.currency import missing, period_of, rule_of, told
from evidence.controls.held import window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.policy_versions import PolicyVersion, approvals_of, in_force_at, versions_of
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.controls.workforce import Member, Workforce, row_of
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "workforce"
ACKS = "acks"
ACK_MISSING = "ACK_MISSING"
ACK_LATE = "ACK_LATE"
ACK_OLD_VERSION = "ACK_OLD_VERSION"
CODES = (ACK_MISSING, ACK_LATE, ACK_OLD_VERSION)

_INSTANT = timedelta(microseconds=1)


def policies_accepted(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for everybody who works here in a window."""
    return list(_Test(window, evidence).outcomes())


@dataclass(slots=True)
class _Accepted:
    """What one person accepted of one document, by what it is worth."""

    current: list[StoredRecord] = field(default_factory=list[StoredRecord])
    other: list[StoredRecord] = field(default_factory=list[StoredRecord])
    unclear: list[StoredRecord] = field(default_factory=list[StoredRecord])


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._rules = window.programme.evidence_rules
        self._rule: Currency = rule_of(window, None)
        self._workforce = Workforce(window, evidence)
        self._versions: dict[str, list[PolicyVersion]] = {
            name: versions_of(window, approvals_of(window, evidence, name))
            for name in self._rules.acknowledged_documents
        }
        self._records: dict[tuple[str, str], list[StoredRecord]] = {}
        for record in told(window, evidence.records(window.control_id, ACKS, window.scope_item_id), "acknowledgement"):
            key = (str(record.values["person_id"]), slug(str(record.values["document_id"])))
            self._records.setdefault(key, []).append(record)

    def outcomes(self) -> Iterator[Outcome]:
        yield from self._workforce.unknown(LINE)
        if not self._versions:
            yield window_unknown(
                self._window, LINE, "the programme names no document that everybody accepts.", about="documents"
            )
            return
        for member in self._workforce.members():
            yield self._judge(member)

    def _judge(self, member: Member) -> Outcome:
        window, verdict = self._window, Verdict()
        verdict.used(member.digest)
        days = self._rules.acknowledgement_days
        first_day = str(member.row["start"])
        deadline = end_of(first_day, member.zone)
        assert deadline is not None
        deadline += timedelta(days=days)
        waits = False
        if member.ends_at is not None and member.ends_at <= deadline:
            verdict.holds(f"they left on {member.row['last_day']}, before the {days} days for it were over")
        else:
            # Before the deadline the joining itself is asked, as of the deadline.
            low = max(window.start, deadline)
            high = member.until(max(window.end, low + _INSTANT))
            for name in self._versions:
                waits = self._document(verdict, member, name, low, high) or waits
        if member.doubt is not None:
            verdict.doubts(member.doubt)
        subject = f"{member.named}, here since {first_day}"
        pending = waits and not verdict.codes
        waiting = f"{subject}, has until {format_instant(deadline)} to accept." if pending else None
        return row_of(window, LINE, member, verdict, subject, waits_until=deadline, waiting=waiting)

    def _document(self, verdict: Verdict, member: Member, name: str, low: datetime, high: datetime) -> bool:
        """Judge one document in the time in which it must be accepted; True while it still may be."""
        accepted = self._accepted(member, name)
        mine = [*accepted.current, *accepted.other, *accepted.unclear]
        verdict.used(*(record.digest for record in mine))
        good = [record.performed_at for record in accepted.current]
        reached = min(high, max(low, self._window.as_of))
        if reached <= low:
            if missing(self._rule, good, low, low + _INSTANT):
                return True
            reached = low + _INSTANT
        gaps = missing(self._rule, good, low, reached)
        if not gaps:
            latest = max((at for at in good if at < reached), default=low)
            verdict.holds(f"{name} accepted at {format_instant(latest)}")
            return False
        gaps = self._weighed(verdict, member, name, gaps, mine)
        unclear = [record.performed_at for record in accepted.unclear]
        certain = [
            span for gap in gaps for span in missing(self._rule, unclear, instant(gap[0]), instant(gap[1]))
        ]  # fmt: skip
        if certain:
            self._failed(verdict, name, certain, accepted)
        elif gaps:
            said = str(accepted.unclear[-1].values["document_version"])[:80]
            verdict.doubts(f"whether {said}, which they accepted, was the version of {name} in force then")
        return False

    def _weighed(
        self, verdict: Verdict, member: Member, name: str, gaps: list[Span], mine: list[StoredRecord]
    ) -> list[Span]:
        """The gaps without the days before a first acceptance inside the period, which nobody can tell about."""
        period_start = period_of(self._window)[0]
        first = min((record.performed_at for record in mine), default=None)
        joined_before = member.starts_at + timedelta(days=self._rules.acknowledgement_days + 1) <= period_start
        if first is None or first < period_start or not joined_before:
            return gaps
        left = [(max(low, ticks(first)), high) for low, high in gaps if high > ticks(first)]
        if left != gaps:
            verdict.doubts(f"whether they had accepted {name} before {format_instant(first)}, the first on record")
        return [span for span in left if span[0] < span[1]]

    def _failed(self, verdict: Verdict, name: str, gaps: list[Span], accepted: _Accepted) -> None:
        since = instant(gaps[0][0])
        old = [
            record
            for record in accepted.other
            if missing(self._rule, [record.performed_at], since, since + _INSTANT) == []
        ]
        later = [record.performed_at for record in accepted.current if record.performed_at > since]
        if old:
            said = f"version {str(old[-1].values['document_version'])[:80]} at {format_instant(old[-1].performed_at)}"
            verdict.fails(ACK_OLD_VERSION, f"accepted {name} as {said}, which was not the one in force")
        if later:
            verdict.fails(
                ACK_LATE,
                f"{name} was to be accepted by {format_instant(since)} and was at {format_instant(min(later))}",
            )
        if not old and not later:
            verdict.fails(ACK_MISSING, f"{name} was to be accepted by {format_instant(since)} and is not")

    def _accepted(self, member: Member, name: str) -> _Accepted:
        found, versions = _Accepted(), self._versions[name]
        records = self._records.get((member.person_id, slug(name)), [])
        for record in sorted(records, key=lambda record: (record.performed_at, record.seq)):
            said = str(record.values["document_version"])
            now = in_force_at(versions, record.performed_at)
            if now is not None and now.is_named(said):
                found.current.append(record)
            elif now is None:
                found.unclear.append(record)
            else:
                found.other.append(record)
        return found
