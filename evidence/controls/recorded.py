"""What tests of records of people share: which records count, who somebody named in one is, actions that are followed.

Records are read as they stood at `as_of`. One that was written down before it says it happened tells of something that
had not happened, and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.currency import told
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of, start_of
from evidence.controls.verdict import Verdict
from evidence.record import BACKDATING, StoredRecord
from schemas.instants import format_instant, parse_instant
from schemas.outcome import Outcome

_LONGEST = 160
Values = Mapping[str, Any]


def recorded(
    window: TestWindow, evidence: StoredEvidence, evidence_id: str, record_type: str, *,
    control_id: str | None = None, item: str | None = None,
) -> list[StoredRecord]:  # fmt: skip
    """Records of a type for a line and item (by default those of the window), in order of performance."""
    found = evidence.records(control_id or window.control_id, evidence_id, item or window.scope_item_id)
    return sorted(told(window, found, record_type), key=lambda one: (one.performed_at, one.seq))


def judged(
    window: TestWindow, evidence_id: str, item_id: str, at: datetime, subject: str, verdict: Verdict,
    waits_until: datetime | None = None,
) -> Outcome:  # fmt: skip
    """The row of an item. Codes and doubts outweigh what is still to come."""
    pending = waits_until is not None and not verdict.codes and not verdict.unsure
    words = verdict.explain(subject)
    return window.outcome(
        evidence_id=evidence_id,
        item_id=item_id,
        event_time=at,
        outcome="pending" if pending else verdict.outcome,
        codes=tuple(verdict.codes),
        explanation=f"{words} Not decided before {format_instant(waits_until)}." if pending and waits_until else words,
        evidence=verdict.evidence,
        resolves_at=waits_until if pending else None,
    )


def instant_of(values: Values, name: str) -> datetime | None:
    """An instant of a record; None where it is not given or can't be read."""
    try:
        return parse_instant(str(values[name])) if values.get(name) else None
    except ValueError:
        return None


def days_of(values: Values, first: str, last: str, zone: str) -> tuple[datetime, datetime] | None:
    """The time from a first to a last day, both inclusive; None where they are missing, no days, or swapped."""
    try:
        start, end = start_of(values.get(first), zone), end_of(values.get(last), zone)
    except ValueError:
        return None
    return None if start is None or end is None or start >= end else (start, end)


def rows_of(values: Values, name: str) -> list[Mapping[str, Any]]:
    """The rows of a field; empty where there are none."""
    return [row for row in values.get(name) or () if isinstance(row, Mapping)]


def serving(window: TestWindow, records: Sequence[StoredRecord]) -> list[StoredRecord]:
    """Of records in order of performance those of the window, and the latest one before it."""
    before = [record for record in records if record.performed_at < window.start]
    return [*before[-1:], *(record for record in records if window.start <= record.performed_at < window.end)]


class Persons:
    """Who people named by their addresses are."""

    def __init__(self, window: TestWindow) -> None:
        self._map = IdentityMap.of(dict(window.registers), window.programme.timezone)
        self._zone = window.programme.timezone
        self._people = window.registers.get("people", ())

    def same(self, one: str, other: str, at: datetime) -> bool | None:
        """Whether two addresses are one person; None where a register knows neither or only one of them."""
        people = self._map.at(at)
        first, second = Who("own", email=one), Who("own", email=other)
        if not people.person(first).isdisjoint(people.person(second)):
            return True
        return False if people.registered(first) and people.registered(second) else None

    def key(self, address: str, at: datetime) -> frozenset[str]:
        """The person an address stands for, for counting persons."""
        return self._map.at(at).person(Who("own", email=address))

    def works_here(self, address: str, at: datetime) -> bool | None:
        """Whether the person of an address was with the company at an instant; None where no register knows."""
        wanted = address.strip().casefold()
        rows = [
            row for row in self._people
            if wanted in {str(one).casefold() for one in (row.get("email"), *(row.get("aliases") or ())) if one}
        ]  # fmt: skip
        if not rows:
            return None
        return any(
            (start is None or start <= at) and (end is None or at < end)
            for row in rows
            for start, end in [(start_of(row.get("start"), self._zone), end_of(row.get("last_day"), self._zone))]
        )


@dataclass(slots=True)
class _Action:
    text: str
    owner: str
    due: datetime
    """End of its last day."""
    done: datetime | None = None


def follow_actions(
    window: TestWindow, verdict: Verdict, code: str, records: Sequence[StoredRecord], *, window_alone: bool = False
) -> datetime | None:
    """Whether the actions of records were done in time; gives what of the window is still awaited. With `window_alone`
    those are left out that were over before the window began or are due after it.

    Later records speak of an action by its id. A later due day counts where somebody decided on it (`redated_by`); that
    something was done counts from the record that says so where that came more than 72 hours afterwards.
    """
    waits: list[datetime] = []
    actions = list(_actions(records, window.programme.timezone, verdict))
    for action in actions:
        if window_alone and (action.due > window.end or max(action.due, action.done or window.as_of) <= window.start):
            continue
        told = f"the action {short(action.text)!r} of {short(action.owner)}, due by {format_instant(action.due)},"
        if action.done is not None and action.done < action.due:
            continue
        if action.done is not None:
            verdict.fails(code, f"{told} was done only at {format_instant(action.done)}")
        elif action.due <= window.as_of:
            verdict.fails(code, f"{told} is not done")
        elif action.due <= window.end:
            waits.append(action.due)
    if actions and code not in verdict.codes:
        verdict.holds(f"{len(actions)} action{'' if len(actions) == 1 else 's'} followed")
    return min(waits, default=None)


def _actions(records: Iterable[StoredRecord], zone: str, verdict: Verdict) -> Iterable[_Action]:
    known: dict[str, _Action] = {}
    for record in sorted(records, key=lambda one: (one.recorded_at, one.seq)):
        for number, row in enumerate(rows_of(record.values, "actions")):
            key = str(row.get("id") or "").casefold() or f"{record.seq}:{number}"
            try:
                due = end_of(row.get("due"), zone)
            except ValueError:
                due = None
            action = known.get(key)
            if due is None and action is None:
                verdict.doubts(f"when the action {short(str(row.get('text')))!r} is due")
                continue
            if action is None:
                assert due is not None
                action = known[key] = _Action(str(row.get("text")), str(row.get("owner")), due)
            elif due is not None and (due < action.due or row.get("redated_by")):
                action.due = due
            done = instant_of(row, "done_at")
            if done is not None and action.done is None:
                action.done = done if record.recorded_at - done <= BACKDATING else record.recorded_at
    return known.values()


def short(text: object) -> str:
    """A text for a sentence, on one line and of bounded length."""
    words = " ".join(str(text).split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
