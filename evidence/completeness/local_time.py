"""Local wall-clock time to instants, in IANA zones (section 3.1).

A local time that does not exist is the first instant after the jump; one that occurs twice is the earlier.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from evidence.completeness.instants import SECOND, instant, ticks

_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone, or a ValueError that names it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, not a key, or the name of a folder
        raise ValueError(f"{name!r} is not an IANA time zone, write it like Europe/London") from None


def local_instant(wall: datetime, tz: str) -> int:
    """Ticks of the naive local time `wall`."""
    where = zone(tz)
    earlier = wall.replace(tzinfo=where, fold=0).astimezone(UTC)
    if earlier.astimezone(where).replace(tzinfo=None, fold=0) == wall:
        return ticks(earlier)
    return _end_of_jump(wall, where)


def _end_of_jump(wall: datetime, where: ZoneInfo) -> int:
    # A skipped time read with the offset of before lies at or after the jump, read with the offset of after it lies
    # before; so the jump is found between the two, to the second (zone data are not finer).
    offset_after = wall.replace(tzinfo=where, fold=1).utcoffset()
    low = ticks(wall.replace(tzinfo=where, fold=1).astimezone(UTC)) // SECOND
    high = ticks(wall.replace(tzinfo=where, fold=0).astimezone(UTC)) // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if instant(middle * SECOND).astimezone(where).utcoffset() == offset_after:
            high = middle
        else:
            low = middle
    return high * SECOND


@lru_cache(maxsize=65_536)
def midnight(day: date, tz: str) -> int:
    """Ticks of the first instant of the local calendar `day`."""
    return local_instant(datetime(day.year, day.month, day.day), tz)  # noqa: DTZ001 - a wall-clock time


_EARLIEST = date(1900, 1, 1)
"""Days before it are how people write "always"; they have no instant in every zone."""


def first_instant(day: date, tz: str) -> int:
    """Ticks at which a validity begins that a person wrote down as its first day."""
    return midnight(max(day, _EARLIEST), tz)


def end_of_last(day: date, tz: str) -> int | None:
    """Ticks at which a validity ends that a person wrote down as its last day; None for a day such as 9999-12-31,
    which is how people write that something does not end."""
    return None if day.year == date.max.year else midnight(max(day, _EARLIEST) + _ONE_DAY, tz)


def local_wall(tick: int, tz: str) -> datetime:
    """The naive local time at `tick`."""
    return instant(tick).astimezone(zone(tz)).replace(tzinfo=None, fold=0)
