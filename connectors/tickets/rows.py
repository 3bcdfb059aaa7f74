"""What rows of tickets have in common, whatever the tracker: fields in a text, who answered first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.tickets import fields_in

Json = dict[str, Any]

RESPONSES = frozenset({"commented", "labeled", "assigned", "acknowledged", "closed"})
"""What counts as an answer to somebody who opened a ticket."""


def fields_of(text: str) -> list[Json]:
    """`Name: value` lines of a text, in order, names in snake case; the first of a name counts."""
    found: dict[str, str] = {}
    for name, value in fields_in(text):
        found.setdefault(name, value)
    return fields(found)


def fields(found: Mapping[str, str]) -> list[Json]:
    """Fields by name as the column has them."""
    return [{"name": name, "value": value} for name, value in found.items()]


def joined(*parts: Iterable[Json]) -> list[Json]:
    """Fields of several places; the first of a name counts."""
    found: dict[str, str] = {}
    for part in parts:
        for one in part:
            found.setdefault(one["name"], one["value"])
    return fields(found)


def first_response(timeline: Sequence[Json], author: Json, kinds: Collection[str] = RESPONSES) -> datetime | None:
    """When somebody other than the author first answered. Of an author or actor whom the tracker no longer names nobody
    can say whether they are two."""
    for one in timeline:
        if one["kind"] in kinds and are_two(one["actor"], author):
            return one["at"]
    return None


def are_two(one: Json | None, other: Json | None) -> bool:
    """Whether two people of one tracker are certainly not the same."""
    if one is None or other is None:
        return False
    for key in ("id", "login", "email"):
        if one.get(key) is not None and other.get(key) is not None:
            return one[key] != other[key]
    return False


def event(kind: str, at: datetime, actor: Json, **more: str | None) -> Json:
    """Something that happened, with the columns that it leaves empty."""
    nothing: Json = dict.fromkeys(("detail", "text", "field", "before", "after"))
    return {**nothing, "kind": kind, "at": at, "actor": actor, **more}
