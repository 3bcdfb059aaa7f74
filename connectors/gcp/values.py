"""Reading one value out of a record of Google Cloud: instants, names, what must be there. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import orjson

from schemas.dataset import Dataset
from schemas.errors import SchemaDrift
from schemas.instants import parse_instant

Record = Mapping[str, Any]


def needed(record: Record, name: str, what: str) -> Any:
    """A field without which the record means nothing. Raises SchemaDrift."""
    value = record.get(name)
    if value is None or value == "":
        raise SchemaDrift(f"Google's {what} comes without {name}. The connector must be looked at.")
    return value


def instant(record: Record, name: str) -> datetime | None:
    """An instant, cut to microseconds; None where it is absent, or the zero of protocol buffers."""
    text = record.get(name)
    if not text or str(text).startswith(("0001-", "1970-01-01T00:00:00Z")):
        return None
    try:
        return parse_instant(str(text))
    except ValueError:
        raise SchemaDrift(
            f"Google writes {name} in a way that is no instant. The connector must be looked at."
        ) from None


def needed_instant(record: Record, name: str, what: str) -> datetime:
    """An instant that must be there. Raises SchemaDrift."""
    needed(record, name, what)
    found = instant(record, name)
    if found is None:
        raise SchemaDrift(f"Google's {what} comes without {name}. The connector must be looked at.")
    return found


def part(record: Record, name: str) -> Record:
    """A nested record; an empty one where it is absent."""
    value = record.get(name)
    return cast("Record", value) if isinstance(value, Mapping) else {}


def parts(record: Record, name: str) -> list[Record]:
    """A list of nested records; Google leaves an empty list out."""
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise SchemaDrift(f"Google answers with {name} that is no list. The connector must be looked at.")
    return [cast("Record", entry) for entry in cast("Sequence[Any]", value) if isinstance(entry, Mapping)]


def texts(record: Record, name: str) -> list[str]:
    """A list of texts; Google leaves an empty list out."""
    value = record.get(name)
    return [str(entry) for entry in cast("Sequence[Any]", value)] if isinstance(value, (list, tuple)) else []


def number(record: Record, name: str) -> int | None:
    """A whole number; 64-bit ones come as text."""
    value = record.get(name)
    if value is None or isinstance(value, bool):
        return None
    return int(value) if isinstance(value, int) or str(value).lstrip("-").isdigit() else None


def last(name: str | None) -> str | None:
    """The last part of a path or an address, such as the zone of `.../zones/europe-west1-b`."""
    return None if not name else name.rstrip("/").rpartition("/")[2]


def full_name(self_link: str) -> str:
    """The full resource name of a Compute Engine self link, as asset inventory writes it."""
    return "//compute.googleapis.com/" + self_link.partition("/compute/v1/")[2]


def raw(record: Any, dataset: Dataset) -> str:
    """The record as JSON, without the dataset's secrets at any depth."""
    return orjson.dumps(_without(record, frozenset(dataset.secret_fields))).decode()


def _without(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        record = cast("Record", value)
        return {key: _without(inner, secret) for key, inner in record.items() if key not in secret}
    if isinstance(value, list):
        return [_without(inner, secret) for inner in cast("list[Any]", value)]
    return value
