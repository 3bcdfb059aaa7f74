"""The organisation's audit log, which GitHub serves on Enterprise Cloud only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient
from connectors.github.paging import rest_twice
from connectors.github.people import named_actor
from schemas.dataset import Dataset
from schemas.errors import SchemaDrift

TEMPLATE = "/orgs/{org}/audit-log"
REACH = timedelta(days=180)


def events(
    client: GithubClient, phrase: str, start: datetime, end: datetime, dataset: Dataset, include: str = "all"
) -> Stream[tuple[list[Json], int]]:
    """Events that fit a search phrase with time in [start, end), and the pages read.

    The log has no count, so it is read until two readings agree. The search goes by days, so it is asked a day wider on
    both sides and cut here; without `created` GitHub shows three
    months only.
    """
    span = f"created:{start - timedelta(days=1):%Y-%m-%d}..{end + timedelta(days=1):%Y-%m-%d}"
    call = Rest(
        TEMPLATE, f"/orgs/{client.organisation}/audit-log", dataset,
        {"phrase": f"{phrase} {span}".strip(), "include": include, "order": "asc"},
    )  # fmt: skip
    found, tally = yield from rest_twice(call, key=document_id, cursor=True)
    return [event for event in found if start <= at(event) < end], tally.pages


def at(event: Json) -> datetime:
    """When it happened: milliseconds since 1970 under `@timestamp`, else `created_at`."""
    stamp: Any = event.get("@timestamp", event.get("created_at"))
    if not isinstance(stamp, int):
        raise SchemaDrift("An event of GitHub's audit log has no @timestamp. The connector must be looked at.")
    return datetime.fromtimestamp(stamp / 1000, UTC)


def document_id(event: Json) -> str:
    """The event's own id."""
    found = event.get("_document_id")
    if not isinstance(found, str):
        raise SchemaDrift("An event of GitHub's audit log has no _document_id. The connector must be looked at.")
    return found


def actor(event: Json) -> Json:
    """Who did it: nobody that GitHub names for what its own machinery does, a deleted user where the name is empty."""
    if "actor" not in event:
        return {"id": None, "login": None, "kind": "unknown"}
    return named_actor(event["actor"], "person")
