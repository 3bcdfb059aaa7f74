"""Lists of the whole organisation that concern many repositories: read once in a run, handed out by repository.

A list by repository would cost a request for each of them and fact; the organisation's lists cost one for a hundred
records. What a repository's item keeps of a page are its own records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.github.batches import HELD, Kept
from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient
from connectors.github.paging import Key, rest_list, rest_twice
from connectors.github.streams import Driver
from schemas.dataset import Dataset
from schemas.errors import CollectionError
from schemas.extraction import Sink


@dataclass(frozen=True, slots=True)
class SharedList:
    """A REST list of the organisation."""

    name: str
    call: Rest
    owner: Callable[[Json], str]
    """The node id of the repository that a record belongs to."""
    key: Key
    cursor: bool = False
    back: Rest | None = None
    """The same in the opposite order, for a list that GitHub counts nowhere, so that two readings must agree."""


@dataclass(slots=True)
class Listed:
    """A list as it was read."""

    at: datetime
    seen_at: datetime
    records: list[Json]
    pages: list[tuple[dict[str, Any], list[Json]]]
    by_owner: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    served: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Items and datasets that were given this reading."""


def listed(
    client: GithubClient, sink: Sink, which: SharedList, dataset: Dataset, item: str, owner: str | None
) -> Listed:
    """The list, and its pages handed to the sink: those records that belong to `owner`, or all of them (None).

    An item is never given the same reading twice for a dataset. A list that can't be read is asked for again for each
    item.
    """
    with client.shared.lock:
        held: Listed | None = client.shared.readings.get(which.name)
        if held is None or (item, dataset.name) in held.served or client.now() - held.at > HELD:
            held = _read(client, sink, which)
            client.shared.readings[which.name] = held
        held.served.add((item, dataset.name))
    for answer, records in held.pages:
        own = [record for record in records if owner is None or which.owner(record) == owner]
        if own or answer is held.pages[-1][0]:
            shown: dict[str, Any] = {**(answer if len(own) == len(records) else _cut(answer, own)), "dataset": dataset}
            sink.answer(**shown)
    return held


def _read(client: GithubClient, sink: Sink, which: SharedList) -> Listed:
    kept = Kept()
    records: list[Json] = []
    driver = Driver(client.transport, kept)

    def take(fresh: list[Json]) -> bool:
        records.extend(fresh)
        return False

    def read() -> Stream[None]:
        if which.back is not None:
            found, _ = yield from rest_twice(which.call, key=which.key, cursor=which.cursor, back=which.back)
            records.extend(found)
        else:
            yield from rest_list(which.call, take, key=which.key, cursor=which.cursor)

    try:
        driver.ask(read())
    except CollectionError:
        for answer in kept.answers:
            sink.answer(**answer)
        raise
    made = Listed(client.now(), driver.began_at or client.now(), records, _pages(kept.answers))
    for record in records:
        made.by_owner.setdefault(which.owner(record), []).append(record)
    return made


def _pages(answers: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], list[Json]]]:
    good = [answer for answer in answers if answer["status"] == 200]
    return [(answer, _records(answer["body"])) for answer in good]


def _records(body: bytes) -> list[Json]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []  # a broken answer that was asked for again
    return found if isinstance(found, list) else []


def _cut(answer: dict[str, Any], records: list[Json]) -> dict[str, Any]:
    note = "the records of this repository on a page of the organisation's list"
    return {**answer, "body": orjson.dumps(records), "parameters": {**answer["parameters"], "kept": note}}
