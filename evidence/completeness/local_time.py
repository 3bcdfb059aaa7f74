"""Local wall-clock time to instants, in IANA zones (section 3.1).

A local time that does not exist is the first instant after the jump; one that occurs twice is the earlier.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from evidence.completeness.instants import SECOND, instant, ticks


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


def local_wall(tick: int, tz: str) -> datetime:
    """The naive local time at `tick`."""
    return instant(tick).astimezone(zone(tz)).replace(tzinfo=None, fold=0)
