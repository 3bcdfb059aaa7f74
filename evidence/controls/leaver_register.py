"""Who left, by the snapshots of the people register: what each of them said, and what a later one took back.

The clock starts at the last day, whenever it was entered. The latest snapshot counts, and nobody who stood in an
earlier one is forgotten: a row that was taken out, and a last day that was taken back after it had passed, are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from evidence.controls.business_days import BusinessDays
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of, start_of
from schemas.own import PEOPLE

Row = Mapping[str, Any]
_BEGINNING = "1970-01-01"


@dataclass(slots=True)
class _Known:
    row: Row
    seen_at: datetime
    digest: str
    passed: tuple[str, datetime] | None = None
    """The latest last day that had passed when a snapshot told it, and when it did."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody whose last day falls in the window."""

    row: Row
    last_day: date
    left_at: datetime
    """End of the last day, in the zone of the person's office."""
    known_at: datetime
    """A last instant of the last day, in that zone and in the programme's: the identity map of then says what was
    theirs."""
    digests: tuple[str, ...]
    doubt: str | None = None
    """Why it can't be said that the person left."""

    @property
    def person_id(self) -> str:
        return str(self.row["person_id"])

    @property
    def named(self) -> str:
        """For sentences."""
        return f"{str(self.row['name'])[:120]} ({self.person_id[:60]})"


@dataclass(slots=True)
class LeaverRegister:
    """The people register over time, from the last snapshot before the window to `as_of`."""

    window: TestWindow
    business_days: BusinessDays
    people: dict[str, _Known] = field(default_factory=dict[str, _Known])
    instants: list[datetime] = field(default_factory=list[datetime])
    digests: list[str] = field(default_factory=list[str])

    @classmethod
    def read(cls, window: TestWindow, evidence: StoredEvidence) -> LeaverRegister:
        """All snapshots that speak of the item of the window."""
        register = cls(window, BusinessDays.of(window.programme, window.registers))
        snapshots: list[tuple[datetime, list[Row], str]] = []
        for item in window.asked_for(PEOPLE):
            held = list(evidence.snapshots(PEOPLE, item, window.start, window.as_of))
            before = evidence.snapshot_before(PEOPLE, item, window.start)
            if before is not None and (not held or before[0] < held[0][0]):
                held.insert(0, before)
            snapshots += held
        snapshots.sort(key=lambda one: one[0])
        for at, rows, digest in snapshots:
            register._add(at, rows, digest)
        latest = [known.row for known in register.people.values()]
        register.business_days = BusinessDays(window.programme, latest)
        return register

    def _add(self, at: datetime, rows: list[Row], digest: str) -> None:
        self.instants.append(at)
        self.digests.append(digest)
        for row in rows:
            key = str(row["person_id"])
            held = self.people.get(key)
            passed = None if held is None else held.passed
            if last_day_of(row) and self._end(key, row) <= at:
                passed = (last_day_of(row), at)
            self.people[key] = _Known(row, at, digest, passed)

    @property
    def rows(self) -> list[Row]:
        """Everybody, as last told."""
        return [known.row for known in self.people.values()]

    def leavers(self) -> Iterator[Leaver]:
        """Whose last day falls in the window, and who may have left in it."""
        zone = self.window.programme.timezone
        for key, known in sorted(self.people.items()):
            told = last_day_of(known.row)
            gone = bool(self.instants) and known.seen_at < self.instants[-1]
            if told and self._in_window(told, zone):
                yield self._leaver(key, known, told, None)
            elif known.passed and self._in_window(known.passed[0], zone) and (not told or told > known.passed[0]):
                now = f"it became {told}" if told else "it was taken back"
                doubt = f"the register said {known.passed[0]} after that day had passed, and later {now}"
                yield self._leaver(key, known, known.passed[0], doubt)
            elif gone and not told and self.window.start <= known.seen_at < self.window.end:
                day = known.seen_at.date().isoformat()
                doubt = f"the register had them until {day} and then no longer, without a last day"
                yield self._leaver(key, known, day, doubt)

    def _leaver(self, key: str, known: _Known, day: str, doubt: str | None) -> Leaver:
        left_at, ends = self._end(key, {"last_day": day}), end_of(day, self.window.programme.timezone)
        assert ends is not None
        known_at = min(left_at, ends) - timedelta(microseconds=1)
        return Leaver(known.row, date.fromisoformat(day), left_at, known_at, (known.digest,), doubt)

    def _end(self, person_id: str, row: Row) -> datetime:
        office = row.get("office") or (self.people[person_id].row["office"] if person_id in self.people else None)
        end = end_of(last_day_of(row), self.business_days.of_office(office).zone)
        assert end is not None
        return end

    def _in_window(self, day: str, zone: str) -> bool:
        # A day of the programme's zone belongs to one window, whatever the zone of the office.
        end = end_of(day, zone)
        return end is not None and self.window.start < end <= self.window.end

    def works_at(self, person_id: str, at: datetime) -> bool:
        """Whether somebody works here at an instant, by the local days of their office."""
        known = self.people.get(person_id)
        if known is None:
            return False
        day = self.business_days.of_office(known.row["office"]).local_day(at).isoformat()
        last = last_day_of(known.row)
        return str(known.row["start"]) <= day and (not last or day <= last)

    def starts_at(self, person_id: str) -> datetime:
        """First instant of somebody's first day, in the zone of their office."""
        row = self.people[person_id].row
        start = start_of(max(str(row["start"]), _BEGINNING), self.business_days.of_office(row["office"]).zone)
        assert start is not None
        return start


def last_day_of(row: Row) -> str:
    """The last day; empty for one that never comes, and no earlier than any instant a source can tell of."""
    day = str(row["last_day"] or "")
    return "" if day.startswith("9999") else max(day, _BEGINNING) if day else ""
