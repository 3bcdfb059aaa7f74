"""Values out of Google's records: what a row needs is there, of its type, or the source has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas.errors import SchemaDrift
from schemas.instants import parse_instant

_NEVER = "1970-01-01T00:00:00.000Z"
"""How the directory says that somebody never signed in."""


def text(record: Mapping[str, Any], name: str, of: str) -> str:
    """A text that must be there and not empty. `of` says in an error what kind of record it is."""
    found = record.get(name)
    if not isinstance(found, str) or not found:
        raise SchemaDrift(f"{of} comes without {name}. Google may have changed it, or the mask leaves it out.")
    return found


def optional_text(record: Mapping[str, Any], name: str, of: str) -> str | None:
    """A text, None where it is absent or empty."""
    found = record.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise SchemaDrift(f"{of} has a {name} that is no text.")
    return found


def flag(record: Mapping[str, Any], name: str, of: str) -> bool:
    """A boolean that must be there: an absent one is never read as false."""
    found = record.get(name)
    if not isinstance(found, bool):
        raise SchemaDrift(f"{of} does not say {name}. Nothing is read into its silence.")
    return found


def optional_flag(record: Mapping[str, Any], name: str, of: str) -> bool | None:
    """A boolean, None where it is absent."""
    return None if record.get(name) is None else flag(record, name, of)


def when(record: Mapping[str, Any], name: str, of: str) -> datetime | None:
    """An instant (RFC 3339); None where it is absent or stands for never."""
    found = optional_text(record, name, of)
    if found is None or found == _NEVER:
        return None
    try:
        return parse_instant(found)
    except ValueError as error:
        raise SchemaDrift(f"{of} has a {name} that is no instant.") from error


def moment(record: Mapping[str, Any], name: str, of: str) -> datetime:
    """An instant that must be there."""
    found = when(record, name, of)
    if found is None:
        raise SchemaDrift(f"{of} comes without {name}.")
    return found


def milliseconds(record: Mapping[str, Any], name: str, of: str) -> datetime | None:
    """An instant in milliseconds since 1970, as the directory writes some, in a text."""
    found = record.get(name)
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(int(found) / 1000, UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaDrift(f"{of} has a {name} that is no number of milliseconds.") from error


def kept(record: Mapping[str, Any], secret: Collection[str]) -> str:
    """The record as JSON without its secrets, at any depth, for the column `raw`."""
    return orjson.dumps(_without(record, frozenset(secret))).decode()


def _without(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {name: _without(entry, secret) for name, entry in held.items() if name not in secret}
    if isinstance(value, list):
        return [_without(entry, secret) for entry in cast("list[Any]", value)]
    return value
