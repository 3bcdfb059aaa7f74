"""When a row of a register holds: local days, both inclusive, as the registers are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from evidence.completeness.instants import instant
from evidence.completeness.local_time import end_of_last, first_instant
from schemas.instants import parse_instant


def start_of(value: object, zone: str) -> datetime | None:
    """First instant of a `YYYY-MM-DD` day in an IANA zone, an instant as it is, None for an empty cell."""
    read = _read(value)
    return read if isinstance(read, datetime) or read is None else instant(first_instant(read, zone))


def end_of(value: object, zone: str) -> datetime | None:
    """First instant after a last day in an IANA zone, an instant as it is, None for an empty cell."""
    read = _read(value)
    if isinstance(read, datetime) or read is None:
        return read
    end = end_of_last(read, zone)
    return None if end is None else instant(end)


def _read(value: object) -> date | datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, date):  # which a datetime is as well
        return value
    text = str(value)
    return parse_instant(text) if "T" in text else date.fromisoformat(text)


def interval(row: Mapping[str, Any], zone: str) -> tuple[datetime | None, datetime | None]:
    """`[start, end)` in which a register row holds; None is open. Columns `from` and `to`."""
    return start_of(row.get("from"), zone), end_of(row.get("to"), zone)


def holds_at(row: Mapping[str, Any], at: datetime, zone: str) -> bool:
    """Whether a register row is valid at an instant."""
    start, end = interval(row, zone)
    return (start is None or start <= at) and (end is None or at < end)
