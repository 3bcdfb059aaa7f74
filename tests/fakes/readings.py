"""One reading of an extractor into the store's own sink, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from connectors.registry import DATASETS, extractor_for
from connectors.sessions import source_of
from connectors.store.run_writer import ItemSink, RunWriter
from schemas.dataset import Dataset
from schemas.errors import EvidenceError
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from tests.fakes.whole_company import END, START, WholeCompany


@dataclass
class Reading:
    """What came of it: an error, or claims with their rows."""

    error: EvidenceError | None = None
    claims: dict[str, ItemClaim] = field(default_factory=dict[str, ItemClaim])
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    tables: dict[str, pa.Table] = field(default_factory=dict[str, pa.Table])
    answers: bytes = b""
    """All answers kept, one JSON document a line, as they would be stored."""
    asked: Counter[str] = field(default_factory=Counter[str])
    """Requests by operation, without those of opening the session."""
    held: int = 0
    """The most rows that were handed over without a request in between."""

    @property
    def requests(self) -> int:
        return sum(self.asked.values())

    def covers(self, dataset: str) -> bool:
        """Whether the claim proves a population: whole, and not empty without a proof of life."""
        claim = self.claims[dataset]
        return not claim.truncated and bool(self.rows[dataset] or claim.proof_of_life)

    def typed(self, dataset: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The typed columns of every row by its key, without those that move by themselves."""
        declared = DATASETS[dataset]
        moving = {"raw", *declared.volatile}
        return {
            tuple(str(row[column]) for column in declared.key): {
                name: value for name, value in row.items() if name not in moving
            }
            for row in self.rows[dataset]
        }


class CountingSink:
    """The store's sink, which also notes how many rows come between two requests."""

    def __init__(self, inner: ItemSink, company: WholeCompany) -> None:
        self._inner = inner
        self._company = company
        self._at = -1
        self._run = 0
        self.most = 0

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        self._inner.rows(dataset, self._counted(rows))

    def batches(self, dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> None:
        def counted() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                self._note(batch.num_rows)
                yield batch

        self._inner.batches(dataset, counted())

    def answer(self, **what: Any) -> None:
        self._inner.answer(**what)

    def _counted(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for row in rows:
            self._note(1)
            yield row

    def _note(self, rows: int) -> None:
        at = self._company.requests_by_operation().total()
        self._run = self._run + rows if at == self._at else rows
        self._at = at
        self.most = max(self.most, self._run)


def read(company: WholeCompany, datasets: tuple[str, ...], item: ScopeItem, session: Session | None = None) -> Reading:
    """Run the extractor of these datasets for one item, with a session of its own. Errors of the product are kept,
    any other goes on."""
    declared = [DATASETS[name] for name in datasets]
    reading = Reading()
    own = session is None
    try:
        session = session or company.session(source_of(datasets[0]))
    except EvidenceError as error:
        reading.error = error
        return reading
    before = company.requests_by_operation()
    stream = any(dataset.kind == "event_stream" for dataset in declared)
    start, end = (START, END) if stream else (None, None)
    request = Request(frozenset(datasets), item, start, end, company.known_items)
    with RunWriter(company.workspace.store, declared) as writer:
        sink = writer.item(item, start, end)
        counting = CountingSink(sink, company)
        try:
            claims = extractor_for(datasets[0])(session, request, counting)
            sink.finish(declared)
        except EvidenceError as error:
            reading.error = error
        else:
            reading.claims = {claim.dataset: claim for claim in claims}
            for dataset in declared:
                table = sink.table(dataset)
                reading.rows[dataset.name] = table.to_pylist()
                reading.tables[dataset.name] = pa.table(table.to_pydict(), schema=table.schema)
            reading.held = counting.most
        path = sink.answers_path()
        if path is not None:
            with pa.CompressedInputStream(str(path), "zstd") as stream_of:
                reading.answers = stream_of.read()
    if own:
        session.close()
    reading.asked = company.requests_by_operation() - before
    return reading


def answers_of(reading: Reading) -> list[dict[str, Any]]:
    """The kept answers as documents."""
    return [orjson.loads(line) for line in reading.answers.splitlines()]
