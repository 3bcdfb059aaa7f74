"""When a row of a register holds: local days, both inclusive, as the registers are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from evidence.completeness.instants import instant
from evidence.completeness.local_time import midnight
from schemas.instants import parse_instant

_EARLIEST = date(1900, 1, 1)
"""Days before it are how people write "always"; they have no instant in every zone."""


def start_of(value: object, zone: str) -> datetime | None:
    """First instant of a `YYYY-MM-DD` day in an IANA zone, an instant as it is, None for an empty cell."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    text = str(value)
    if isinstance(value, str) and "T" in text:
        return parse_instant(text)
    day = value if isinstance(value, date) else date.fromisoformat(text)
    return instant(midnight(max(day, _EARLIEST), zone))


def end_of(value: object, zone: str) -> datetime | None:
    """First instant after a last day in an IANA zone, an instant as it is, None for an empty cell."""
    if isinstance(value, str) and value and "T" not in value:
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        if value.year == date.max.year:
            return None  # how people write that something does not end
        value = value + timedelta(days=1)
    return start_of(value, zone)


def interval(row: Mapping[str, Any], zone: str) -> tuple[datetime | None, datetime | None]:
    """`[start, end)` in which a register row holds; None is open. Columns `from` and `to`."""
    return start_of(row.get("from"), zone), end_of(row.get("to"), zone)


def holds_at(row: Mapping[str, Any], at: datetime, zone: str) -> bool:
    """Whether a register row is valid at an instant."""
    start, end = interval(row, zone)
    return (start is None or start <= at) and (end is None or at < end)
