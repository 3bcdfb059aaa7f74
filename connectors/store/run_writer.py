"""Writing the evidence of one collection run: raw answers, then one Parquet file per dataset, for the entry to name.

Everything an item yields is spooled outside the store until the item is whole. Rows of an item that fails are dropped,
its answers are kept. Nothing reaches the store before the run is over, and nothing there counts before the entry.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from connectors.source_clock import MAX_SKEW_SECONDS
from connectors.store.objects import put
from connectors.store.redaction import Redactor, kept_headers
from connectors.store.store import Store
from schemas.collection import StoredObject
from schemas.dataset import Dataset
from schemas.errors import ClockSkew, SchemaDrift
from schemas.instants import format_instant
from schemas.scope import ScopeItem

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.store.conform import Conform
    from connectors.store.parquet import Spool

_BATCH_ROWS = 1000


class RunWriter:
    """The files of one run. Use as a context manager: whatever is left in the spool folder goes when it ends."""

    def __init__(self, store: Store, datasets: Sequence[Dataset]) -> None:
        self.store = store
        self.datasets = {dataset.name: dataset for dataset in datasets}
        # One answer can serve several datasets, so the secrets of all of them are taken out of each.
        self.redactor = Redactor(name for dataset in datasets for name in dataset.secret_fields)
        self._folder = Path(tempfile.mkdtemp(prefix="evidence-run-"))
        self._sinks: list[ItemSink] = []

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for sink in self._sinks:
            sink.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def item(self, item: ScopeItem, start: datetime | None = None, end: datetime | None = None) -> ItemSink:
        """The sink of one scope item. Event times outside [start, end) are refused where both are given."""
        sink = ItemSink(self, self._folder / f"{len(self._sinks):05d}", item, start, end)
        self._sinks.append(sink)
        return sink

    def put_answers(self, sink: ItemSink) -> StoredObject | None:
        """Store the answers of an item as received. None if there were none."""
        path = sink.answers_path()
        return None if path is None else put(self.store.files, "raw", ".json.zst", path)

    def put_rows(self, dataset: Dataset, sinks: Iterable[ItemSink]) -> StoredObject:
        """Store the rows of a dataset, of items that are whole, as one Parquet file sorted by scope item and key."""
        from connectors.store.parquet import write_parquet

        path = self._folder / f"{dataset.name}.parquet"
        ordered = sorted(sinks, key=lambda sink: sink.item.id.encode())
        pieces = itertools.chain.from_iterable(sink.sorted_pieces(dataset) for sink in ordered)
        written = write_parquet(path, dataset.arrow(), pieces)
        stored = put(self.store.files, "objects", ".parquet", path, rows=written.rows, rows_sha256=written.rows_sha256)
        path.unlink()
        return stored


class ItemSink:
    """Implements `schemas.extraction.Sink` for one scope item of a run. For one thread."""

    def __init__(
        self, run: RunWriter, folder: Path, item: ScopeItem, start: datetime | None, end: datetime | None
    ) -> None:
        self.item = item
        self.requests = 0
        self.http_statuses: Counter[str] = Counter()
        self.removed = 0
        """Secrets taken out of answers and records."""
        self.source_clock: datetime | None = None
        """The latest `Date` the source sent."""
        self.clock_skew_seconds: float | None = None
        """The largest difference between the source's `Date` and the clock here; positive where the source is ahead."""
        self._run = run
        self._folder = folder
        self._interval = None if start is None or end is None else (start, end)
        self._spools: dict[str, tuple[Conform, Spool]] = {}
        self._answers: Any = None

    # --- the seam ----------------------------------------------------------------------------------------------------

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows. SchemaDrift where they don't fit the dataset; errors of the iterable pass through."""
        conform, spool = self._spool(dataset)
        source = iter(rows)
        while batch := list(itertools.islice(source, _BATCH_ROWS)):
            self._add(dataset, spool, conform.batch(batch))

    def batches(self, dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows that are Arrow batches of the dataset's schema already; held to the same as `rows`."""
        conform, spool = self._spool(dataset)
        for batch in batches:
            if batch.num_rows:
                self._add(dataset, spool, conform.checked(batch))

    def answer(
        self,
        *,
        dataset: Dataset,
        method: str,
        url: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep one answer, and hold its `Date` against the clock here. ClockSkew beyond 60 s."""
        redactor = self._run.redactor
        asked, removed = redactor.value(dict(parameters or {}))
        record: dict[str, Any] = {
            "dataset": dataset.name, "method": method, "url": redactor.url(url), "parameters": asked,
            "parameters_sha256": hashlib.sha256(orjson.dumps(asked, default=str, option=_SORTED)).hexdigest(),
            "status": status, "headers": kept_headers(headers),
        }  # fmt: skip
        try:
            record["body"], found = redactor.json_text(body.decode())
            removed += found
        except UnicodeDecodeError:
            import base64

            record["body_base64"] = base64.b64encode(body).decode()
        now = self._run.store.now()
        record["received_at"] = format_instant(now)
        if removed:
            record["removed"] = removed
        self.removed += removed
        self.requests += 1
        self.http_statuses[str(status)] += 1
        self._stream().write(orjson.dumps(record, default=str, option=_SORTED | orjson.OPT_APPEND_NEWLINE))
        self._check_clock(record["headers"].get("date"), now)

    # --- after the item is whole -------------------------------------------------------------------------------------

    def finish(self, datasets: Iterable[Dataset]) -> None:
        """Close the spools and check that keys are unique. SchemaDrift if two rows of a dataset share one."""
        from connectors.store.parquet import distinct_keys

        self._close_answers()  # an open compressor holds a megabyte, and a run can have hundreds of items
        for dataset in datasets:
            table = self.table(dataset)
            distinct = distinct_keys(table, dataset.key)
            if distinct != table.num_rows:
                raise SchemaDrift(
                    f"{dataset.name}: {table.num_rows} rows with {distinct} different keys ({', '.join(dataset.key)}). "
                    "A page was read twice or the key does not name a row: the connector must be looked at."
                )
        self.forget_pages()

    def forget_pages(self) -> None:
        """Give back the memory of rows looked at: a run has many items, and each is looked at several times."""
        for _, spool in self._spools.values():
            spool.forget_pages()

    def table(self, dataset: Dataset) -> pa.Table:
        """The rows of a dataset so far, mapped from disk, in the order they came."""
        _, spool = self._spool(dataset)
        spool.close()
        return spool.table()

    def sorted_pieces(self, dataset: Dataset) -> Iterator[pa.Table]:
        """The rows in the order of the dataset's key."""
        from connectors.store.parquet import sorted_pieces

        yield from sorted_pieces(self.table(dataset), dataset.key, self._spool(dataset)[1].forget_pages)
        self.forget_pages()

    def row_count(self, dataset: Dataset) -> int:
        held = self._spools.get(dataset.name)
        return 0 if held is None else held[1].rows

    def unknown_fields(self, dataset: Dataset) -> dict[str, int]:
        """Fields that came without a column for them, and how often."""
        held = self._spools.get(dataset.name)
        return {} if held is None else held[0].unknown_fields

    def removed_from(self, dataset: Dataset) -> int:
        held = self._spools.get(dataset.name)
        return 0 if held is None else held[0].removed

    def shown_url(self, url: str) -> str:
        """An address as it may be stored."""
        return self._run.redactor.url(url)

    def drop_rows(self) -> None:
        """Forget the rows of an item that failed; its answers stay."""
        self._close_answers()
        for _, spool in self._spools.values():
            spool.delete()
        self._spools.clear()

    def answers_path(self) -> Path | None:
        self._close_answers()
        path = self._folder / "answers.json.zst"
        return path if path.exists() else None

    def close(self) -> None:
        self._close_answers()
        for _, spool in self._spools.values():
            spool.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _spool(self, dataset: Dataset) -> tuple[Conform, Spool]:
        held = self._spools.get(dataset.name)
        if held is not None:
            return held
        if dataset.name not in self._run.datasets:
            raise SchemaDrift(
                f"{dataset.name}: the connector fills this dataset although it was not asked for. Fill only what the "
                "request names."
            )
        from connectors.store.conform import Conform
        from connectors.store.parquet import Spool

        self._folder.mkdir(exist_ok=True)
        made = (
            Conform(dataset, self.item.id, self._run.redactor),
            Spool(self._folder / f"{dataset.name}.arrow", dataset.arrow(), dataset.key),
        )
        self._spools[dataset.name] = made
        return made

    def _add(self, dataset: Dataset, spool: Spool, batch: pa.RecordBatch) -> None:
        if dataset.kind == "event_stream" and self._interval is not None:
            self._check_times(dataset, batch)
        spool.add(batch)

    def _check_times(self, dataset: Dataset, batch: pa.RecordBatch) -> None:
        from connectors.store.arrow import compute as pc

        assert self._interval is not None
        start, end = self._interval
        span = pc.min_max(batch.column("event_time")).as_py()
        if span["min"] is not None and (span["min"] < start or span["max"] >= end):
            raise SchemaDrift(
                f"{dataset.name}: rows with event times outside the interval asked, {format_instant(start)} to "
                f"{format_instant(end)}. The connector must cut what a wider question brought along."
            )

    def _stream(self) -> Any:
        if self._answers is None:
            import pyarrow as pa

            self._folder.mkdir(exist_ok=True)
            self._answers = pa.CompressedOutputStream(str(self._folder / "answers.json.zst"), "zstd")
        return self._answers

    def _close_answers(self) -> None:
        if self._answers is not None:
            self._answers.close()
            self._answers = None

    def _check_clock(self, date: str | None, now: datetime) -> None:
        if date is None:
            return
        try:
            source = parsedate_to_datetime(date)
        except ValueError:
            return
        if source.tzinfo is None:
            source = source.replace(tzinfo=UTC)
        self.source_clock = source if self.source_clock is None else max(source, self.source_clock)
        # The header counts whole seconds, so the source's clock may be up to one second later than it says.
        skew = (source - now).total_seconds()
        if self.clock_skew_seconds is None or abs(skew) > abs(self.clock_skew_seconds):
            self.clock_skew_seconds = round(skew, 3)
        if abs(skew) > MAX_SKEW_SECONDS:
            raise ClockSkew(
                f"The clock here and that of the source differ by {abs(skew):.0f} s; at most {MAX_SKEW_SECONDS} s is "
                "accepted, because nothing collected now could be dated. Set the clock of this machine (NTP) and run "
                "again."
            )


def rows_by_month(table: pa.Table, zone: str) -> dict[str, int]:
    """Rows by local calendar month of their `event_time`, such as `{"2026-04": 12}`; months without are left out."""
    from connectors.store.arrow import compute as pc

    if table.num_rows == 0:
        return {}
    times = table.column("event_time")
    span = pc.min_max(times).as_py()
    local = ZoneInfo(zone)
    year, month = span["min"].astimezone(local).year, span["min"].astimezone(local).month
    counts: dict[str, int] = {}
    below = 0
    while below < table.num_rows:
        following = (year + month // 12, month % 12 + 1)
        # Where midnight does not exist, this is the first instant after the jump; where it comes twice, the earlier.
        boundary = datetime(*following, 1, tzinfo=local).astimezone(UTC)
        up_to = pc.sum(pc.less(times, _scalar(boundary, times.type))).as_py()
        if up_to > below:
            counts[f"{year:04d}-{month:02d}"] = up_to - below
        below = up_to
        year, month = following
    return counts


def _scalar(instant: datetime, kind: Any) -> Any:
    import pyarrow as pa

    return pa.scalar(instant, type=kind)


_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
