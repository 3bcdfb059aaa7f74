"""Instants as integers: microseconds since 1970-01-01T00:00:00Z, called ticks.

Comparing and subtracting integers is several times cheaper than doing so with aware datetimes, and it can't be
wrong about time zones. Datetimes are turned into ticks where they enter the engine and back where they leave it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_TICK = timedelta(microseconds=1)


def ticks(instant: datetime) -> int:
    """Microseconds since the epoch. A naive datetime is refused: without an offset it proves nothing."""
    try:
        since = instant - EPOCH
    except TypeError:
        raise ValueError(f"{instant!r} has no time zone; every instant must be aware") from None
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def optional_ticks(instant: datetime | None) -> int | None:
    """`ticks`, passing None through."""
    return None if instant is None else ticks(instant)


def instant(tick: int) -> datetime:
    """The aware UTC datetime of `tick`."""
    return EPOCH + tick * _TICK


def optional_instant(tick: int | None) -> datetime | None:
    """`instant`, passing None through."""
    return None if tick is None else EPOCH + tick * _TICK


def days_to_ticks(days: float) -> int:
    """A duration in days of 24 hours (source retention, ages); never for calendar days, see `windows`."""
    return round(days * DAY)


def hours_to_ticks(hours: float) -> int:
    """A duration in hours."""
    return round(hours * HOUR)
