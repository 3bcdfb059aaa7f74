"""Instants and counts as people read them. Pure: what is now is an argument."""

from __future__ import annotations

from datetime import date, datetime, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def when(instant: str) -> str:
    """`2026-12-16T21:15:00Z` as `16 Dec 2026, 21:15 UTC`; a plain date as `16 Dec 2026`."""
    if len(instant) == 10:
        return _day(date.fromisoformat(instant))
    read = datetime.fromisoformat(instant)
    return f"{_day(read.date())}, {read:%H:%M} UTC"


def left(until: str, as_of: str) -> str:
    """How long until an instant: `in 75 days`, `in 20 hours`, `now` where it has passed."""
    span = datetime.fromisoformat(until) - datetime.fromisoformat(as_of)
    if span <= timedelta(0):
        return "now"
    if span < timedelta(days=2):
        return f"in {max(1, int(span / timedelta(hours=1)))} h"
    return f"in {span.days} days"


def month(name: str) -> str:
    """`2026-04` as `Apr 2026`."""
    return f"{_MONTHS[int(name[5:7]) - 1]} {name[:4]}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _day(value: date) -> str:
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
