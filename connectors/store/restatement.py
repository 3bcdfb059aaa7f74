"""What a new collection changes about rows that the store already held for the same time (section 9 of the rules).

Rows are unioned and nothing is taken back: a row first seen now inside time that was claimed before is `added`, one
that was seen before and is not there now `vanished`, one whose columns differ from the latest stored version `changed`.
Snapshots are of one instant each and restate nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.store.claims import StoredClaim
from connectors.store.files import StoreFiles
from connectors.store.objects import check
from connectors.store.parquet import GATHER_ROWS, row_line
from schemas.dataset import Dataset
from schemas.errors import VerificationFailed

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_Key = tuple[Any, ...]
Interval = tuple[datetime, datetime]


def restatement(
    files: StoreFiles,
    dataset: Dataset,
    scope_item_id: str,
    rows: pa.Table,
    interval: Interval | None,
    earlier: Iterable[StoredClaim],
) -> dict[str, Any] | None:
    """Counts of what changed, or None where no earlier claim shares any time with `interval`, which this run may claim.

    `{"added": n, "vanished": n, "changed": n}`, and `not_compared` with the digests of earlier objects that are
    damaged: what they held can't be said, so the population has to be taken for changed.
    """
    if interval is None:
        return None
    sharing = [
        (stored, claimed)
        for stored in earlier
        if (claimed := stored.interval()) is not None and claimed[0] < interval[1] and interval[0] < claimed[1]
    ]
    if not sharing:
        return None
    sources, damaged = _sources(files, [stored for stored, _ in sharing])
    columns = _compared_columns(dataset, sources)
    known: dict[_Key, tuple[datetime, bytes]] = {}
    last_seen: dict[_Key, int] = {}
    wanted = _filter(scope_item_id, interval)
    for stored, source in sources:
        for key, time, content in _rows(dataset, source.to_batches(columns=columns, filter=wanted)):
            known[key] = (time, content)
            last_seen[key] = stored.seq
    added = changed = 0
    seen: set[_Key] = set()
    for key, time, content in _rows(dataset, rows.select(columns).to_batches(max_chunksize=GATHER_ROWS)):
        if not interval[0] <= time < interval[1]:
            continue
        seen.add(key)
        held = known.get(key)
        if held is None:
            added += any(start <= time < end for _, (start, end) in sharing)
        elif held[1] != content:
            changed += 1
        elif _had_vanished(held[0], last_seen[key], sharing):
            added += 1
    vanished = sum(
        key not in seen and not _had_vanished(time, last_seen[key], sharing) for key, (time, _) in known.items()
    )
    counts: dict[str, Any] = {"added": added, "vanished": vanished, "changed": changed}
    if damaged:
        counts["not_compared"] = sorted(damaged)
    return counts


def _had_vanished(time: datetime, last_seen: int, sharing: list[tuple[StoredClaim, Interval]]) -> bool:
    """Whether a claim after the row was last seen covered its time: then it was reported as vanished already."""
    return any(stored.seq > last_seen and start <= time < end for stored, (start, end) in sharing)


def _sources(files: StoreFiles, claims: list[StoredClaim]) -> tuple[list[tuple[StoredClaim, ds.Dataset]], set[str]]:
    import pyarrow.dataset as ds

    sources: list[tuple[StoredClaim, ds.Dataset]] = []
    damaged: set[str] = set()
    for stored in claims:
        if stored.object is None:
            continue
        try:
            sources.append((stored, ds.dataset(check(files, stored.object), format="parquet")))
        except VerificationFailed:
            damaged.add(stored.object.digest)
    return sources, damaged


def _compared_columns(dataset: Dataset, sources: list[tuple[StoredClaim, ds.Dataset]]) -> list[str]:
    """The columns that every version of the dataset has: one that came later can't have changed."""
    columns = [name for name in dataset.arrow().names if name != "raw"]
    for _, source in sources:
        columns = [name for name in columns if name in source.schema.names]
    return columns


def _filter(scope_item_id: str, interval: Interval) -> Any:
    from connectors.store.arrow import compute as pc

    time = pc.field("event_time")
    return (pc.field("scope_item_id") == scope_item_id) & (time >= interval[0]) & (time < interval[1])


def _rows(dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> Iterable[tuple[_Key, datetime, bytes]]:
    """Key, event time and a digest of everything else that makes the row what it is."""
    moving = frozenset(dataset.volatile) - frozenset(dataset.key)
    for batch in batches:
        for row in batch.to_pylist():
            key, time = tuple(row[column] for column in dataset.key), row["event_time"]
            content = {name: value for name, value in row.items() if name not in moving}
            yield key, time, hashlib.blake2b(row_line(content), digest_size=16).digest()
