"""Facts about many repositories in one query, kept for the scope items that come next in the same run.

One query for each of five hundred repositories would spend a tenth of an hour's budget on each fact; fifty in one query
cost the same few points. What a repository's item keeps of such an answer is its own part, cut out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Stream, TooHeavy
from connectors.github.client import GithubClient
from connectors.github.repository import PREFIX, node_id
from connectors.github.streams import Driver
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, PermissionDenied, SourceGone
from schemas.extraction import Request, Sink

HELD = timedelta(minutes=15)
"""An answer older than this is not used any more. What is used says when it was true, however old it is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A question about repositories."""

    name: str
    """Of the GraphQL operation."""
    dataset: Dataset
    selection: str
    """Of the type `Repository`; `id` is asked for besides."""
    declares: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    size: int = 50
    """Repositories in one query."""

    def part(self, ids: Sequence[str]) -> Part:
        declares = ", ".join(filter(None, ("$ids: [ID!]!", self.declares)))
        selection = f"batch: nodes(ids: $ids) {{ id ... on Repository {{ {self.selection} }} }}"
        return Part(declares, selection, {"ids": list(ids), **self.variables})


@dataclass(frozen=True, slots=True)
class Told:
    """What GitHub said about one repository."""

    node: Json
    seen_at: datetime
    """The source's clock at the answer."""
    among: int
    """How many repositories the answer was about."""


class Kept:
    """Implements `schemas.extraction.Sink` for answers alone, to hand them on to several items."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        raise AssertionError("a shared reading makes no rows")

    def batches(self, dataset: Dataset, batches: Iterable[Any]) -> None:
        raise AssertionError("a shared reading makes no rows")

    def answer(self, **answer: Any) -> None:
        self.answers.append(answer)


@dataclass(slots=True)
class _Reading:
    at: datetime
    seen_at: datetime
    nodes: dict[str, Json]
    good: dict[str, Any]
    among: int


class Batches:
    """Readings of a run, by question. To be asked under the lock of what the run's sessions share."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Reading] = {}
        self._failed: dict[tuple[str, str, str], datetime] = {}

    def ask(self, client: GithubClient, request: Request, sink: Sink, batch: Batch) -> Told:
        """What GitHub says about the repository of a request, which may have been asked together with others.

        Each repository's part is handed out once; asked again, GitHub is asked again. Raises `SourceGone` where the
        repository is not found, and what asking raises: trouble with another repository of the same query is told
        apart by asking for fewer.
        """
        wanted = node_id(request)
        reading = self._told.pop((batch.name, wanted), None)
        if reading is None or client.now() - reading.at > HELD:
            reading = self._read(client, _neighbours(client, request, wanted, batch.size), wanted, sink, batch)
            self._told.update({(batch.name, one): reading for one in reading.nodes if one != wanted})
        node = reading.nodes.pop(wanted)
        sink.answer(**_cut(reading, node))
        return Told(node, reading.seen_at, reading.among)

    def _read(self, client: GithubClient, ids: list[str], wanted: str, sink: Sink, batch: Batch) -> _Reading:
        while True:
            span = (batch.name, ids[0], ids[-1])
            failed = self._failed.get(span)
            if failed is None or client.now() - failed > HELD:
                kept = Kept()
                try:
                    return _ask(client, ids, kept, batch)
                except (SourceGone, PermissionDenied, TooHeavy):
                    if len(ids) == 1:
                        raise
                    self._failed[span] = client.now()
                finally:
                    # Refusals stay with the item that asked; the good answer goes to each item cut to its part.
                    for answer in kept.answers:
                        sink.answer(**answer)
            half = len(ids) // 2
            ids = ids[:half] if wanted in ids[:half] else ids[half:]


def ask_about(client: GithubClient, request: Request, sink: Sink, batch: Batch) -> Told:
    """`Batches.ask` by those of the run."""
    with client.shared.lock:
        held: Batches = client.shared.readings.setdefault("batches", Batches())
        return held.ask(client, request, sink, batch)


def _neighbours(client: GithubClient, request: Request, wanted: str, size: int) -> list[str]:
    """The repositories to ask about together: those next to the wanted one in a fixed order of all known ones."""
    known = sorted(
        item.removeprefix(PREFIX)
        for item in request.known_items or ()
        if item.startswith(PREFIX) and not item.startswith(f"{PREFIX}unresolved:")
    )
    known = [one for one in known if one != client.organisation_id]
    if wanted not in known:
        return [wanted]
    start = known.index(wanted) // size * size
    return known[start : start + size]


def _ask(client: GithubClient, ids: list[str], kept: Kept, batch: Batch) -> _Reading:
    found: list[tuple[list[Json | None], datetime]] = []

    def read() -> Stream[None]:
        answer = yield Graph(batch.name, (batch.part(ids),), batch.dataset, shrinks=len(ids) > 1)
        found.append((answer.data["batch"], answer.served_at))

    Driver(client.transport, kept).ask(read())
    nodes, seen_at = found[0]
    if any(node is None for node in nodes):
        raise SourceGone(
            f"GitHub no longer finds {'a repository' if len(ids) == 1 else 'all of the repositories'} asked for: "
            "deleted, or the token may no longer see it. If it is deleted, record the scope decision."
        )
    by_id = {node["id"]: node for node in nodes if node is not None}
    if len(nodes) != len(ids) or [node["id"] for node in nodes if node is not None] != ids:
        raise IncompletePopulation("GitHub answered for other repositories than those asked. Run it again.")
    return _Reading(client.now(), seen_at, by_id, kept.answers.pop(), len(ids))


def _cut(reading: _Reading, node: Json) -> dict[str, Any]:
    """The answer as it concerns one repository; an answer about one alone is left as it came."""
    if reading.among == 1:
        return reading.good
    note = f"the part of one of {reading.among} repositories in the same answer"
    body = orjson.dumps({"data": {"batch": [node]}})
    return {**reading.good, "body": body, "parameters": {**reading.good["parameters"], "kept": note}}
