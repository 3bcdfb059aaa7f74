"""Instants inside the simulated GitHub: whole seconds since 1970, because every GitHub instant is one."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Generic, TypeVar

Epoch = int
"""Seconds since 1970-01-01T00:00:00Z."""

NEVER: Epoch = 2**53
ALWAYS: Epoch = -(2**53)

Span = tuple[Epoch, Epoch]
"""Half-open: from the first instant until just before the second."""

T = TypeVar("T")


def during(spans: list[Span], now: Epoch) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= now < end for start, end in spans)


def epoch(instant: datetime) -> Epoch:
    """Whole seconds of an aware datetime, rounded down."""
    return int(instant.timestamp() // 1)


def parse(text: str) -> Epoch:
    """Seconds of an ISO 8601 instant with a zone. Raises ValueError without one."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no time zone; write it with Z or an offset")
    return epoch(instant)


@lru_cache(maxsize=1 << 18)
def iso(at: Epoch) -> str:
    """`2026-04-01T09:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at: Epoch | None) -> str | None:
    """As `iso`, and null for nothing."""
    return None if at is None else iso(at)


@lru_cache(maxsize=1 << 16)
def iso_with_offset(at: Epoch, offset_minutes: int) -> str:
    """`2026-04-01T11:00:00+02:00`, the form of a git time stamp."""
    return datetime.fromtimestamp(at, timezone(timedelta(minutes=offset_minutes))).isoformat()


@lru_cache(maxsize=1 << 12)
def http_date(at: Epoch) -> str:
    """`Wed, 01 Apr 2026 09:00:00 GMT`, independent of the locale."""
    day = datetime.fromtimestamp(at, UTC)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return (
        f"{names[day.weekday()]}, {day.day:02d} {months[day.month - 1]} {day.year:04d} {day.hour:02d}:{day.minute:02d}"
        f":{day.second:02d} GMT"
    )


class Changing(Generic[T]):
    """A value with dated changes. Changes may be made known in any order."""

    __slots__ = ("_times", "_values")

    def __init__(self, first: T) -> None:
        self._times: list[Epoch] = [ALWAYS]
        self._values: list[T] = [first]

    def change(self, at: Epoch, value: T) -> None:
        """From `at` on the value is `value`, until the next change."""
        index = bisect_right(self._times, at)
        self._times.insert(index, at)
        self._values.insert(index, value)

    def at(self, now: Epoch) -> T:
        """The value at an instant."""
        return self._values[bisect_right(self._times, now) - 1]

    def since(self, now: Epoch) -> Epoch:
        """When the present value came into force; ALWAYS for the first one."""
        return self._times[bisect_right(self._times, now) - 1]

    def changes(self) -> list[tuple[Epoch, T]]:
        """Every dated change, oldest first, without the first value."""
        return list(zip(self._times[1:], self._values[1:], strict=True))
