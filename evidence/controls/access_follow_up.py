"""Whether what an access review revoked or changed was done, and when: by later lists of accounts and by events.

A revocation is done where a list from after the signature no longer shows the account or shows that nobody can get in
with it, a change where the account's roles, teams or power are others than in the list that was reviewed. An event of
removal counts from the time of the list on; access that came back afterwards counts as not taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from evidence.controls.access_end import End, Sign, State, end_of
from evidence.controls.access_event import AccessEvent
from evidence.controls.access_events import STREAMS, access_events
from evidence.controls.business_days import BusinessDays, Deadline
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.verdict import Verdict
from evidence.reviews.accounts import LISTS, Account, accounts_of
from evidence.reviews.pack import PackRow
from schemas.instants import format_instant

REVOKE_LATE = "REVOKE_LATE"
REVOKE_NOT_DONE = "REVOKE_NOT_DONE"
_CHANGED = ("roles", "teams", "privileged")
Event = tuple[AccessEvent, str]


class FollowUp:
    """Lists and events since a review was signed, for the rows it revoked or changed."""

    def __init__(
        self, window: TestWindow, evidence: StoredEvidence, rows: Mapping[str, PackRow], observed_at: datetime,
        signed_at: datetime,
    ) -> None:  # fmt: skip
        self._window = window
        self._evidence = evidence
        self._observed_at = observed_at
        self._signed_at = signed_at
        self._business_days = BusinessDays.of(window.programme, window.registers)
        self._system = window.scope_item_id.partition(":")[0]
        self._lists: list[tuple[datetime, Mapping[str, Account], str]] = []
        self._events: list[Event] = []
        if rows:
            self._read(rows)

    def _read(self, rows: Mapping[str, PackRow]) -> None:
        window, item = self._window, self._window.scope_item_id
        for at, snapshot, digest in self._evidence.snapshots(LISTS[self._system], item, self._signed_at, window.as_of):
            if at > self._signed_at:
                found = {one.row_id: one for one in accounts_of(self._system, snapshot) if one.row_id in rows}
                self._lists.append((at, found, digest))
        stream = STREAMS[self._system]
        wanted = {key for row in rows.values() for key in row.who.keys}
        for holder in window.asked_for(stream):
            for row, digest in self._evidence.rows(stream, holder, self._observed_at, window.as_of):
                self._events += [
                    (one, digest) for one in access_events(self._system, row) if not wanted.isdisjoint(one.subject.keys)
                ]
        self._events.sort(key=lambda pair: pair[0].at)

    def judge(self, verdict: Verdict, row: PackRow, decision: str) -> datetime | None:
        """Judge one row; gives the deadline where it has not passed and the row is not done."""
        deadline = self._deadline(row)
        end = self._end(row, decision)
        verdict.used(*end.digests)
        what = "revoked" if decision == "revoke" else "changed"
        if end.over is not None:
            when = f"{'' if end.exact else 'by '}{format_instant(end.over)}"
            if end.over < deadline.at:
                verdict.holds(f"{what} {when}")
            elif end.exact or (end.lasted is not None and end.lasted >= deadline.at):
                verdict.fails(REVOKE_LATE, f"{what} {when}, after {deadline.words}")
            else:
                before = format_instant(end.lasted or self._observed_at)
                verdict.doubts(f"whether it was {what} in time: it was seen so {when}, and as it had been at {before}; "
                               f"to be done by {deadline.words}")  # fmt: skip
            return None
        if self._window.as_of < deadline.at:
            return deadline.at
        seen = [at for at, _, _ in self._lists if at >= deadline.at]
        if end.unsaid or not seen:
            why = "later lists do not say" if end.unsaid else "no list of accounts from after that is held"
            verdict.doubts(f"whether it was {what} by {deadline.words}: {why}")
        else:
            verdict.fails(REVOKE_NOT_DONE, f"not {what} by {deadline.words}, as the list of "
                          f"{format_instant(seen[-1])} shows")  # fmt: skip
        return None

    def _end(self, row: PackRow, decision: str) -> End:
        signs = [Sign(self._observed_at, "in")]
        for at, found, digest in self._lists:
            signs.append(Sign(at, _state(row, found.get(row.row_id), decision), digest=digest))
        keys = set(row.who.keys)
        for event, digest in self._events:
            if keys.isdisjoint(event.subject.keys):
                continue
            if event.kind == "ended" and event.part is None:
                signs.append(Sign(event.at, "out", event, digest))
            elif event.opens and decision == "revoke":
                signs.append(Sign(event.at, "in", event, digest))
            elif event.kind == "taken" and decision == "change":
                signs.append(Sign(event.at, "out", event, digest))
        signs.sort(key=lambda sign: (sign.at, sign.event is None))
        return end_of(signs, (), lambda _start, _end: False)

    def _deadline(self, row: PackRow) -> Deadline:
        own = self._window.programme.controls.get(self._window.control_id)
        days = self._window.programme.evidence_rules.review_removal_business_days
        if own is not None and own.deadline_business_days is not None:
            days = own.deadline_business_days
        calendar = self._business_days.of_person(row.persons[0] if row.persons else None)
        return calendar.deadline(self._signed_at, days)


def _state(row: PackRow, shown: Account | None, decision: str) -> State:
    if shown is None or shown.active is False:
        return "out"
    if decision == "change":
        return "out" if any(getattr(row, name) != getattr(shown, name) for name in _CHANGED) else "in"
    return "unsaid" if shown.active is None and row.active is not None else "in"
