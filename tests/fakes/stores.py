"""A simulated store with a clock of its own, two small datasets, and a source whose answers a test writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.collect import CollectionResult, collect
from connectors.provenance import RunFacts
from connectors.store import Signer, Store, create_store
from schemas.dataset import Dataset, framed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.scope import ScopeItem

_PERSON = pa.struct([("id", pa.string()), ("since", pa.timestamp("us", tz="UTC"))])

EVENTS = Dataset(
    "fake.events",
    "fake.source",
    "event_stream",
    ("event_id",),
    lambda: framed(
        ("event_id", pa.string()),
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("colour", pa.string()),
        ("amount", pa.int64(), True),
        ("people", pa.list_(_PERSON), True),
        ("touched_at", pa.timestamp("us", tz="UTC"), True),
    ),
    secret_fields=("Email",),
    allowed=(("colour", ("red", "green")),),
    volatile=("touched_at",),
)
STATES = Dataset(
    "fake.states", "fake.source", "snapshot", ("name",), lambda: framed(("name", pa.string()), ("on", pa.bool_()))
)

ITEM_A = ScopeItem("fake:a", "Item A", "github")
ITEM_B = ScopeItem("fake:b", "Item B", "github")
START = datetime(2026, 4, 1, tzinfo=UTC)


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        return self.instant

    def forward(self, **by: float) -> datetime:
        self.instant += timedelta(**by)
        return self.instant


def simulated_store(folder: Path, clock: Callable[[], datetime], signer: Signer | None = None) -> Store:
    """A new simulated store in `folder`, with a key that is nowhere on disk."""
    return create_store(
        folder, simulated=True, now=clock, signer=signer or Signer.generate(), product_version="1.0.0-test"
    )


def event(event_id: str, at: datetime, **columns: Any) -> dict[str, Any]:
    """A row of EVENTS."""
    row = {"event_id": event_id, "event_time": at, "colour": "red", "amount": 1, **columns}
    return {**row, "raw": columns.get("raw", {"id": event_id, "colour": row["colour"]})}


def state(name: str, on: bool = True) -> dict[str, Any]:
    """A row of STATES."""
    return {"name": name, "on": on, "raw": {"name": name, "on": on}}


@dataclass
class FakeSource:
    """An extractor over what a test put into it. `errors` by scope item id are raised after the rows were yielded."""

    clock: Callable[[], datetime]
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    states: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    claim: dict[str, Any] = field(default_factory=dict)
    """Overrides of the claim's fields."""
    skew_seconds: float = 0
    simulated: bool = True
    sessions: int = 0

    def session(self) -> Session:
        self.sessions += 1
        return Session(
            "fake", object(), "http://127.0.0.1:9/api", self.simulated, False, "app:reader", "read only", "tenant-1"
        )

    def __call__(self, session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
        claims: list[ItemClaim] = []
        for dataset, held in ((EVENTS, self.events), (STATES, self.states)):
            if dataset.name not in request.datasets:
                continue
            rows = held.get(request.item.id, [])
            if dataset is EVENTS:
                assert request.start is not None
                assert request.end is not None
                rows = [row for row in rows if request.start <= row["event_time"] < request.end]
            self.answer(sink, dataset, rows)
            sink.rows(dataset, iter(rows))
            facts: dict[str, Any] = {
                "query_text": f"GET /{dataset.name}", "parameters": {"item": request.item.id, "per_page": 100},
                "rows_returned": len(rows), "pages": 1, "proof_of_life": True, "proof": "canary",
                "observed_at": self.clock() if dataset is STATES else None,
            }  # fmt: skip
            claims.append(ItemClaim(dataset=dataset.name, **{**facts, **self.claim}))
        error = self.errors.get(request.item.id)
        if error is not None:
            raise error
        return claims

    def answer(self, sink: Sink, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        import orjson

        date = self.clock() + timedelta(seconds=self.skew_seconds)
        sink.answer(
            dataset=dataset,
            method="GET",
            url=f"http://127.0.0.1:9/api/{dataset.name}?page=1",
            status=200,
            headers={"Date": format_datetime(date, usegmt=True), "Set-Cookie": "session=1", "ETag": '"x"'},
            body=orjson.dumps([row["raw"] for row in rows]),
            parameters={"page": 1},
        )

    def collect(
        self,
        store: Store,
        start: datetime = START,
        end: datetime = START + timedelta(days=30),
        *,
        items: tuple[ScopeItem, ...] = (ITEM_A,),
        datasets: tuple[Dataset, ...] = (EVENTS,),
        lag_hours: float = 0,
        **options: Any,
    ) -> CollectionResult:
        """One collection of this source into `store`."""
        lags = {dataset.name: lag_hours for dataset in datasets}
        facts = RunFacts(
            zone=options.pop("zone", "Europe/London"), programme_digest="sha256:" + "0" * 64, code_commit="c0ffee",
            lag_hours=lags,
        )  # fmt: skip
        return collect(
            store, options.pop("extractor", self), self.session, items, datasets, (start, end), facts=facts,
            flow="family", name="fake.read", **options,
        )  # fmt: skip
