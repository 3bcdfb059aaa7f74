"""The step that collects: one extractor over its scope items and one interval, one ledger entry, come what may.

Every item ends in a claim for each dataset: `ok` or `truncated` with its rows and proof, or `error` with the sentence
for the operator and no rows. What makes the whole run worthless (wrong configuration, a refused endpoint, a clock that
is off) or was not foreseen stops it: then nothing that was read is kept, an entry says for each item that the run
failed, and the error goes on to the caller.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.provenance import ItemRun, RunFacts, provenance
from connectors.store.claims import StoredClaim
from connectors.store.redaction import Redactor
from connectors.store.run_writer import ItemSink, RunWriter, rows_by_month
from connectors.store.store import Store
from schemas.collection import Claim, Failure, Manifest
from schemas.dataset import Dataset
from schemas.errors import ClockSkew, CollectionError, EvidenceError, IncompletePopulation, StoreError
from schemas.extraction import Extractor, ItemClaim, Request, Session, query_hash
from schemas.scope import ScopeItem

Interval = tuple[datetime, datetime]
MAX_WORKERS = 4


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """One item is through: how many are, of how many, and how it went."""

    item: ScopeItem
    done: int
    total: int
    rows: int
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """The ledger entry of a run, as it will be read, and its claims."""

    entry: dict[str, Any]
    claims: tuple[Claim, ...]

    @property
    def failures(self) -> tuple[Claim, ...]:
        """The claims that say why nothing could be claimed."""
        return tuple(claim for claim in self.claims if claim.status == "error")


def collect(
    store: Store,
    extractor: Extractor,
    session_factory: Callable[[], Session],
    items: Sequence[ScopeItem],
    datasets: Sequence[Dataset],
    interval: Interval | None,
    *,
    facts: RunFacts,
    flow: str,
    name: str | None = None,
    known_items: frozenset[str] | None = None,
    progress: Callable[[ItemProgress], None] | None = None,
    stopped: Callable[[CollectionResult], None] | None = None,
    workers: int = 1,
) -> CollectionResult:
    """Run an extractor over `items` and write what came of it as one entry of the ledger.

    `interval` is half-open and needed for event streams. `session_factory` is called once per worker thread, because
    clients are not shared between threads. `name` is written as the extractor and is by default the function's own.

    A `CollectionError` of an item becomes its error claim and the other items go on. `ConfigurationError`, `ClockSkew`,
    `StoreError` and anything unforeseen are raised after the failed run has been recorded; `stopped` is told what.
    Where this collector must not write to the store, StoreError is raised before anything is asked.
    """
    if not items or not datasets:
        raise ValueError("nothing to collect: name at least one scope item and one dataset")
    if len({item.id for item in items}) != len(items):
        raise ValueError("a scope item is named twice")
    if interval is None and any(dataset.kind == "event_stream" for dataset in datasets):
        raise ValueError("an event stream needs the interval to collect")
    if interval is not None and not interval[0] < interval[1]:
        raise ValueError("the interval to collect is empty")
    store.check_writable()
    run = _Run(store, extractor, session_factory, tuple(datasets), interval, facts, flow, name, known_items)
    with RunWriter(store, datasets) as writer:
        try:
            runs = run.over(items, writer, progress, min(max(workers, 1), MAX_WORKERS, len(items)))
            body, claims = run.stored(runs, writer)
        except BaseException as error:  # not swallowed: recorded, then raised as it came
            recorded = run.record_failure(items, error)
            if recorded is not None and stopped is not None:
                stopped(recorded)
            raise
        return CollectionResult(store.append("collection", body), tuple(claims))


@dataclass(slots=True)
class _Run:
    store: Store
    extractor: Extractor
    session_factory: Callable[[], Session]
    datasets: tuple[Dataset, ...]
    interval: Interval | None
    facts: RunFacts
    flow: str
    name: str | None
    known_items: frozenset[str] | None
    started_at: datetime = field(init=False)
    run_id: str = field(init=False)
    session: Session | None = field(init=False, default=None)
    _local: threading.local = field(init=False, default_factory=threading.local)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.started_at = self.store.now()
        self.run_id = f"{self.started_at:%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}"
        if self.name is None:
            function: Any = self.extractor
            self.name = f"{function.__module__}.{function.__qualname__}".removeprefix("connectors.")

    # --- reading the source ------------------------------------------------------------------------------------------

    def over(
        self,
        items: Sequence[ScopeItem],
        writer: RunWriter,
        progress: Callable[[ItemProgress], None] | None,
        workers: int,
    ) -> list[ItemRun]:
        """Every item, in the order given, whatever order they were finished in."""
        sinks = [writer.item(item, *(self.interval or (None, None))) for item in items]
        done: dict[str, ItemRun] = {}

        def finished(run: ItemRun) -> None:
            item = run.sink.item
            done[item.id] = run
            if progress is not None:
                rows = sum(run.sink.row_count(dataset) for dataset in self.datasets)
                progress(ItemProgress(item, len(done), len(items), rows, run.failure))

        if workers == 1:
            for sink in sinks:
                finished(self._one(sink))
        else:
            with ThreadPoolExecutor(workers, thread_name_prefix="collect") as pool:
                futures = [pool.submit(self._one, sink) for sink in sinks]
                try:
                    for future in as_completed(futures):
                        finished(future.result())
                except BaseException:
                    self._stop.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        return [done[item.id] for item in items]

    def _one(self, sink: ItemSink) -> ItemRun:
        started_at = self.store.now()
        if self._stop.is_set():
            raise StoreError("The run was stopped because of another item.")
        try:
            session = self._session()
            request = Request(
                datasets=frozenset(dataset.name for dataset in self.datasets),
                item=sink.item,
                start=None if self.interval is None else self.interval[0],
                end=None if self.interval is None else self.interval[1],
                known_items=self.known_items,
            )
            claims = self._checked(self.extractor(session, request, sink))
            sink.finish(self.datasets)
        except ClockSkew:
            raise
        except CollectionError as error:
            sink.drop_rows()
            return ItemRun(sink, started_at, self.store.now(), failure=_failure(error))
        return ItemRun(sink, started_at, self.store.now(), claims)

    def _session(self) -> Session:
        failed: CollectionError | None = getattr(self._local, "failed", None)
        if failed is not None:
            raise failed  # asking again for every item would only hammer the source
        held: Session | None = getattr(self._local, "session", None)
        if held is not None:
            return held
        try:
            session = self.session_factory()
        except CollectionError as error:
            self._local.failed = error
            raise
        if session.simulated and not self.store.simulated:
            raise StoreError(
                f"The endpoint of {session.system} is a simulation, and {self.store.location} is a real evidence "
                "store. Remove the endpoint override, or collect into a simulated store (evidence demo makes one)."
            )
        self._local.session = session
        self.session = session
        return session

    def _checked(self, claims: Sequence[ItemClaim]) -> dict[str, ItemClaim]:
        """One statement for each dataset asked for, no more and no less."""
        by_dataset = {claim.dataset: claim for claim in claims}
        wanted = {dataset.name for dataset in self.datasets}
        if set(by_dataset) != wanted or len(by_dataset) != len(claims):
            raise IncompletePopulation(
                f"{self.name} says nothing, or more than once, about "
                f"{', '.join(sorted(wanted ^ set(by_dataset))) or 'a dataset'}; without one statement for each dataset "
                "nothing can be claimed. The connector must be looked at."
            )
        for dataset in self.datasets:
            observed_at = by_dataset[dataset.name].observed_at
            if dataset.kind == "snapshot" and (observed_at is None or observed_at.tzinfo is None):
                raise IncompletePopulation(
                    f"{dataset.name}: a snapshot that doesn't say at which instant the state was true proves nothing. "
                    "The connector must be looked at."
                )
        return by_dataset

    # --- what is written ---------------------------------------------------------------------------------------------

    def stored(self, runs: list[ItemRun], writer: RunWriter) -> tuple[dict[str, Any], list[Claim]]:
        """Store answers, then rows; the body of the entry that names them, and its claims."""
        finished_at = self.store.now()
        for run in runs:
            run.raw = writer.put_answers(run.sink)
        whole = [run for run in runs if run.failure is None]
        claims: list[Claim] = []
        manifests: list[Manifest] = []
        for dataset in self.datasets:
            restated: dict[str, Mapping[str, Any]] = {}
            for run in runs:
                if run.failure is not None:
                    claims.append(self._error_claim(dataset, run.sink.item, run, run.failure))
                    continue
                claim = self._claim(dataset, run)
                counts = self._restatement(dataset, run, claim)
                if counts is not None:
                    restated[run.sink.item.id] = counts
                claims.append(_marked(claim, counts))
                run.sink.forget_pages()
            stored = writer.put_rows(dataset, (run.sink for run in whole)) if whole else None
            block = provenance(
                dataset, runs, session=self.session, facts=self.facts, collector=self.name or "",
                version=self.store.product_version, interval=self.interval, started_at=self.started_at,
                finished_at=finished_at, restated=restated,
            )  # fmt: skip
            manifests.append(Manifest(dataset.name, stored, tuple(run.raw for run in runs if run.raw), block))
        return self._body(claims, manifests), claims

    def record_failure(self, items: Sequence[ScopeItem], error: BaseException) -> CollectionResult | None:
        """Write down that the run failed. Where even that fails, the error says so and there is no result."""
        if isinstance(error, EvidenceError):
            failure = _failure(error)
        elif isinstance(error, Exception):
            # The text of an error nobody foresaw may hold anything, a credential too.
            failure = Failure(
                type(error).__name__,
                f"The collector stopped on an unexpected {type(error).__name__}, which is a defect. Nothing of this "
                "run was kept; the log of the run says where it happened.",
            )
        else:
            failure = Failure(type(error).__name__, "The run was interrupted. Nothing of it was kept; run it again.")
        now = self.store.now()
        claims = [self._error_claim(dataset, item, None, failure, now) for dataset in self.datasets for item in items]
        try:
            return CollectionResult(self.store.append("collection", self._body(claims, [])), tuple(claims))
        except EvidenceError as second:
            error.add_note(f"The failed run could not be recorded in the ledger either: {second}")
            return None

    def _body(self, claims: Sequence[Claim], manifests: Sequence[Manifest]) -> dict[str, Any]:
        return {
            "run_id": self.run_id, "flow": self.flow, "extractor": self.name,
            "claims": [claim.to_json() for claim in claims],
            "manifests": [manifest.to_json() for manifest in manifests],
            "simulated": self.store.simulated,
        }  # fmt: skip

    def _claim(self, dataset: Dataset, run: ItemRun) -> Claim:
        said = run.claims[dataset.name]
        stream = dataset.kind == "event_stream"
        table = run.sink.table(dataset)
        start = _claimed_from(self.interval, said) if stream else None
        asked_from, asked_to = self.interval if stream and self.interval else (None, None)
        # An answer that begins only after the interval is over claims nothing of it, not even a prefix.
        forgotten = start is not None and asked_to is not None and start >= asked_to
        late = start != asked_from
        until = asked_to if late and not said.truncated else said.complete_until
        return Claim(
            dataset=dataset.name,
            scope_item_id=run.sink.item.id,
            scope_item=run.sink.item.name,
            status="truncated" if said.truncated or late else "ok",
            started_at=run.started_at,
            finished_at=run.finished_at,
            start=asked_from if forgotten else start,
            end=asked_to,
            observed_at=None if stream else said.observed_at,
            complete_until=None if forgotten else until,
            rows=table.num_rows,
            rows_by_month=rows_by_month(table, self.facts.zone) if stream else {},
            proof_of_life=said.proof_of_life,
            proof=said.proof,
            query_hash=query_hash(said.query_text),
            superset_of=said.superset_of,
            independent_count=said.independent_count,
            reconciliation=said.reconciliation,
            requests=run.sink.requests,
        )

    def _error_claim(
        self, dataset: Dataset, item: ScopeItem, run: ItemRun | None, failure: Failure, now: datetime | None = None
    ) -> Claim:
        stream = dataset.kind == "event_stream" and self.interval is not None
        return Claim(
            dataset=dataset.name,
            scope_item_id=item.id,
            scope_item=item.name,
            status="error",
            started_at=self.started_at if run is None else run.started_at,
            finished_at=run.finished_at if run is not None else (now or self.started_at),
            start=self.interval[0] if stream and self.interval else None,
            end=self.interval[1] if stream and self.interval else None,
            requests=0 if run is None else run.sink.requests,
            failure=failure,
        )

    def _restatement(self, dataset: Dataset, run: ItemRun, claim: Claim) -> dict[str, Any] | None:
        if dataset.kind != "event_stream":
            return None
        from connectors.store.restatement import restatement

        lag = timedelta(hours=self.facts.lag_hours.get(dataset.name, 0))
        asserted = StoredClaim(0, self.started_at, claim, None, lag).interval()
        earlier = self.store.claims().of(dataset.name, claim.scope_item_id)
        return restatement(self.store.files, dataset, claim.scope_item_id, run.sink.table(dataset), asserted, earlier)


def _claimed_from(asked: Interval | None, said: ItemClaim) -> datetime | None:
    """Where a claim begins: where was asked, or from where on the source still answered."""
    if asked is None or said.complete_from is None:
        return None if asked is None else asked[0]
    return max(asked[0], said.complete_from)


def _marked(claim: Claim, counts: Mapping[str, Any] | None) -> Claim:
    """The claim, saying whether the rows differ from what was stored or can't be shown to be the same."""
    return replace(claim, changes_population=counts is not None and any(counts.values()))


def _failure(error: EvidenceError) -> Failure:
    message, _ = Redactor().text(str(error))
    permission: str | None = getattr(error, "permission", None)
    return Failure(type(error).__name__, message[:2000], permission)
