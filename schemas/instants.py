"""Instants as the whole product writes and reads them: aware, UTC, RFC 3339 with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant; a text without an offset is refused, because a naive time proves nothing."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-04-01T00:00:00Z")
    return instant.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, with microseconds only where there are any."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime reached the border; all instants are aware")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def optional_instant(text: str | None) -> datetime | None:
    """`parse_instant`, passing None through."""
    return None if text is None else parse_instant(text)
