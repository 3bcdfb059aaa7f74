"""Stored evidence in memory: the same promises as the store's own, nothing on disk.

Implements `evidence.controls.model.StoredEvidence`. Rows go through the dataset's Arrow schema, so that a test sees
what a store would give it: every column, nested fields that were left out as None, a wrong type refused.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from evidence.record import StoredRecord, stored_record
from schemas.dataset import Dataset
from schemas.instants import format_instant

Row = Mapping[str, Any]
FIRST_LEARNT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class _Stream:
    claims: list[tuple[datetime, datetime]] = field(default_factory=list)
    rows: list[tuple[datetime, datetime, Row, str]] = field(default_factory=list)
    """Event time, the instant the store learnt it, row, digest."""
    sorted: bool = True


@dataclass
class MemoryEvidence:
    """Implements `StoredEvidence`; `calls` counts questions by name."""

    _streams: dict[tuple[str, str], _Stream] = field(default_factory=dict)
    _snapshots: dict[tuple[str, str], list[tuple[datetime, list[Row], str]]] = field(default_factory=dict)
    _records: dict[tuple[str, str, str], list[StoredRecord]] = field(default_factory=dict)
    _records_held: int = 0
    tables: dict[str, list[Row]] = field(default_factory=dict)
    """Rows of tables that go with records, by digest."""
    calls: dict[str, int] = field(default_factory=dict)

    # --- filling -----------------------------------------------------------------------------------------------------

    def store(
        self,
        dataset: Dataset,
        scope_item_id: str,
        rows: Iterable[Row],
        *,
        learnt_at: datetime = FIRST_LEARNT,
        digest: str | None = None,
    ) -> str:
        """Add rows of an event stream, as one stored object; returns its digest. Claims nothing."""
        assert dataset.kind == "event_stream"
        stream = self._streams.setdefault((dataset.name, scope_item_id), _Stream())
        digest = digest or f"sha256:{dataset.name}-{len(stream.rows)}"
        for row in _typed(dataset, scope_item_id, rows):
            stream.rows.append((row["event_time"], learnt_at, row, digest))
        stream.sorted = False
        return digest

    def claim(self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime) -> None:
        """Say that every event of [start, end) is held."""
        self._streams.setdefault((dataset.name, scope_item_id), _Stream()).claims.append((start, end))

    def snapshot(self, dataset: Dataset, scope_item_id: str, observed_at: datetime, rows: Iterable[Row]) -> str:
        """Add one whole snapshot; returns its digest."""
        assert dataset.kind == "snapshot"
        held = self._snapshots.setdefault((dataset.name, scope_item_id), [])
        digest = f"sha256:{dataset.name}@{observed_at:%Y%m%dT%H%M%S}"
        held.append((observed_at, _typed(dataset, scope_item_id, rows), digest))
        held.sort(key=lambda shown: shown[0])
        return digest

    def record(
        self,
        control_id: str,
        evidence_id: str,
        scope_item_id: str,
        record_type: str,
        performed_at: datetime,
        values: Mapping[str, Any],
        *,
        recorded_at: datetime | None = None,
        kind: str = "response",
        for_window: str | None = None,
        signed_by: str | None = None,
    ) -> str:
        """Add what somebody recorded, by default at once; returns its digest."""
        held = self._records.setdefault((control_id, evidence_id, scope_item_id), [])
        body = {
            "record_kind": kind, "record_type": record_type, "control_id": control_id, "evidence_id": evidence_id,
            "scope_item_id": scope_item_id, "for_window": for_window, "signed_by": signed_by,
            "performed_at": format_instant(performed_at), "values": values,
        }  # fmt: skip
        self._records_held += 1
        added = stored_record(self._records_held, recorded_at or performed_at, body)
        held.append(added)
        held.sort(key=lambda record: record.recorded_at)
        return added.digest

    # --- the protocol ------------------------------------------------------------------------------------------------

    def rows(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime,
        *, where: Mapping[str, Collection[str]] | None = None,
    ) -> Iterator[tuple[Row, str]]:  # fmt: skip
        seen: set[tuple[Any, ...]] = set()
        for row, digest, _learnt in self.versions(dataset, scope_item_id, start, end):
            key = tuple(row[column] for column in dataset.key)
            wanted = all(row[column] in values for column, values in (where or {}).items())
            if wanted and key not in seen:
                seen.add(key)
                yield row, digest

    def versions(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterator[tuple[Row, str, datetime]]:
        self._count("versions")
        stream = self._streams.get((dataset.name, scope_item_id))
        if stream is None:
            return
        if not stream.sorted:
            stream.rows.sort(key=lambda held: held[0])
            stream.sorted = True
        first = bisect_left(stream.rows, start, key=lambda held: held[0])
        last = bisect_left(stream.rows, end, key=lambda held: held[0])
        shown = sorted(stream.rows[first:last], key=lambda held: held[1])
        for _at, learnt, row, digest in shown:
            yield row, digest, learnt

    def snapshots(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterator[tuple[datetime, list[Row], str]]:
        self._count("snapshots")
        for observed_at, rows, digest in self._snapshots.get((dataset.name, scope_item_id), ()):
            if start <= observed_at < end:
                yield observed_at, list(rows), digest

    def snapshot_before(
        self, dataset: Dataset, scope_item_id: str, instant: datetime
    ) -> tuple[datetime, list[Row], str] | None:
        self._count("snapshot_before")
        held = self._snapshots.get((dataset.name, scope_item_id), [])
        place = bisect_right(held, instant, key=lambda shown: shown[0])
        return held[place - 1] if place else None

    def covered(self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime) -> bool:
        self._count("covered")
        stream = self._streams.get((dataset.name, scope_item_id))
        reached = start
        for begin, finish in sorted(stream.claims if stream else ()):
            if begin <= reached:
                reached = max(reached, finish)
        return reached >= end

    def records(self, control_id: str, evidence_id: str, scope_item_id: str) -> list[StoredRecord]:
        self._count("records")
        return list(self._records.get((control_id, evidence_id, scope_item_id), ()))

    def recorded_rows(self, digest: str) -> list[Row] | None:
        return self.tables.get(digest)

    def _count(self, call: str) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1


def _typed(dataset: Dataset, scope_item_id: str, rows: Iterable[Row]) -> list[Row]:
    schema = dataset.arrow()
    required = {entry.name for entry in schema if not entry.nullable}
    filled = [{"scope_item_id": scope_item_id, "raw": "{}", **row} for row in rows]
    for row in filled:
        unknown = set(row) - set(schema.names)
        missing = {name for name in required if row.get(name) is None}
        assert not unknown, f"{dataset.name}: unknown columns {sorted(unknown)}"
        assert not missing, f"{dataset.name}: missing {sorted(missing)}"
    if not filled:
        return []
    return pa.RecordBatch.from_pylist(filled, schema=schema).to_pylist()
