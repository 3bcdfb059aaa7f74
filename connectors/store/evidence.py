"""Stored evidence as tests of controls see it: rows and snapshots that the ledger names, as known at one instant.

Implements `evidence.controls.model.StoredEvidence`. Objects are found through the ledger and never by listing folders;
each is held against its digest before its first row is used. A damaged object gives no rows and covers nothing, so that
a test says `unknown` where it was the only proof; `damaged` lists them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson

from connectors.store.claims import CLOCK_TOLERANCE, StoredClaim, stored_object
from connectors.store.objects import check
from evidence.record import RECORD_KINDS, StoredRecord, stored_record
from evidence.spread import Spread
from schemas.collection import StoredObject
from schemas.dataset import Dataset
from schemas.errors import VerificationFailed
from schemas.instants import parse_instant

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

    from connectors.store.store import Store

Row = Mapping[str, Any]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Claimed = tuple[StoredClaim, tuple[datetime, datetime]]
_CACHED_ROWS = 200_000
"""Rows kept as Arrow tables over all objects; an object with more than a tenth of it is read from disk each time."""
_CACHED_OBJECTS = 5_000
"""Rows kept as Python objects, which take ten times the room: what one scope item needs for its tests."""


class LedgerEvidence:
    """Reads one store as of one instant. Rows are shared between calls: look at them, don't change them.

    `retention_days` is what each dataset's source remembers, where it forgets at all: a run claims nothing older. The
    column `raw` is left out unless `with_raw`.
    """

    def __init__(
        self,
        store: Store,
        as_of: datetime,
        *,
        retention_days: Mapping[str, float] | None = None,
        with_raw: bool = False,
    ) -> None:
        self.as_of = as_of
        self.damaged: dict[str, str] = {}
        """Path and problem of every object that is not what was stored, as far as it was needed."""
        self._files = store.files
        self._store = store
        self._records: dict[tuple[str, str, str], list[StoredRecord]] | None = None
        self._tables_of_records: dict[str, StoredObject] = {}
        self._claims = store.claims()
        self._retention = {name: timedelta(days=days) for name, days in (retention_days or {}).items()}
        self._with_raw = with_raw
        self._sound: dict[str, bool] = {}
        self._spreads: dict[tuple[str, str], Spread[_Claimed]] = {}
        self._tables: _Recent[str, pa.Table] = _Recent(_CACHED_ROWS)
        self._rows: _Recent[tuple[str, str], list[Row]] = _Recent(_CACHED_OBJECTS)

    # --- the protocol ------------------------------------------------------------------------------------------------

    def rows(
        self,
        dataset: Dataset,
        scope_item_id: str,
        start: datetime,
        end: datetime,
        *,
        where: Mapping[str, Collection[str]] | None = None,
    ) -> Iterator[tuple[Row, str]]:
        """Rows with `start <= event_time < end`, each key once, with the digest of the object it is from.

        Of several versions the one nearest to the control moment counts: the first that the store learnt of.
        """
        seen: set[tuple[Any, ...]] = set()
        for row, digest, _ in self._versions(dataset, scope_item_id, start, end, where or {}):
            key = tuple(row[column] for column in dataset.key)
            if key not in seen:
                seen.add(key)
                yield row, digest

    def versions(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterator[tuple[Row, str, datetime]]:
        """Every stored version of those rows, oldest first, with object digest and the instant the store learnt it."""
        return self._versions(dataset, scope_item_id, start, end, {})

    def _versions(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime, where: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[Row, str, datetime]]:
        for stored in self._claims.of(dataset.name, scope_item_id, self.as_of):
            claim, held = stored.claim, stored.object
            if claim.start is None or claim.end is None or held is None or not claim.rows:
                continue
            if claim.start < end and start < claim.end and self._is_sound(held):
                for row in self._rows_between(held, scope_item_id, start, end, where):
                    yield row, held.digest, stored.recorded_at

    def snapshots(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterator[tuple[datetime, list[Row], str]]:
        """Whole snapshots observed in [start, end), in order: instant, all rows, object digest."""
        for instant, stored in self._observed(dataset, scope_item_id, lambda instant: start <= instant < end):
            assert stored.object is not None
            yield instant, list(self._all_rows(stored.object, scope_item_id)), stored.object.digest

    def snapshot_before(
        self, dataset: Dataset, scope_item_id: str, instant: datetime
    ) -> tuple[datetime, list[Row], str] | None:
        """The latest whole snapshot observed at or before an instant; None when there is none: unknown, not empty."""
        found = self._observed(dataset, scope_item_id, lambda observed_at: observed_at <= instant)
        if not found:
            return None
        observed_at, stored = found[-1]
        assert stored.object is not None
        return observed_at, list(self._all_rows(stored.object, scope_item_id)), stored.object.digest

    def covered(self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime) -> bool:
        """Whether claims of one query, or of proven supersets of it, hold every event of [start, end)."""
        sharing = self._spread(dataset, scope_item_id).sharing(start, end)
        for asked in {stored.claim.query_hash for stored, _ in sharing}:
            spans = sorted(
                claimed
                for stored, claimed in sharing
                if asked in (stored.claim.query_hash, *stored.claim.superset_of) and self._is_sound(stored.object)
            )
            if _contains(spans, start, end):
                return True
        return False

    def records(self, control_id: str, evidence_id: str, scope_item_id: str) -> list[StoredRecord]:
        """What people recorded for one line and item by `as_of`, in the order in which the store heard of it."""
        if self._records is None:
            self._records = {}
            for entry in self._store.entries(kinds={"record"}, until=self.as_of):
                body = entry["body"]
                if body.get("control_id") is None or body["record_kind"] not in RECORD_KINDS:
                    continue
                if not body.get("performed_at") and not body.get("approved_at"):
                    continue
                self._tables_of_records |= {held["digest"]: stored_object(held) for held in body.get("stored") or ()}
                record = stored_record(entry["seq"], parse_instant(entry["recorded_at"]), body)
                key = (record.control_id, record.evidence_id, record.scope_item_id)
                self._records.setdefault(key, []).append(record)
        return self._records.get((control_id, evidence_id, scope_item_id), [])

    def recorded_rows(self, digest: str) -> list[Row] | None:
        """Rows of a table (Parquet or lines of JSON) that a record read before names; None where it is missing or
        altered."""
        held = self._tables_of_records.get(digest)
        if held is None or not self._is_sound(held):
            return None
        path = self._files.local(held.path)
        if path.suffix == ".jsonl":
            return [orjson.loads(line) for line in path.read_bytes().splitlines()]
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            return file.read().to_pylist()

    # --- objects -----------------------------------------------------------------------------------------------------

    def _spread(self, dataset: Dataset, scope_item_id: str) -> Spread[_Claimed]:
        """What the claims of a stream assert. Tests ask for coverage item by item, and it is looked up once."""
        key = (dataset.name, scope_item_id)
        found = self._spreads.get(key)
        if found is None:
            retention = self._retention.get(dataset.name)
            found = self._spreads[key] = Spread(
                (*claimed, (stored, claimed))
                for stored in self._claims.of(*key, self.as_of)
                if stored.object is not None and (claimed := stored.interval(retention)) is not None
            )
        return found

    def _observed(
        self, dataset: Dataset, scope_item_id: str, wanted: Callable[[datetime], bool]
    ) -> list[tuple[datetime, StoredClaim]]:
        found: list[tuple[datetime, StoredClaim]] = []
        for stored in self._claims.of(dataset.name, scope_item_id, self.as_of):
            observed_at = stored.claim.observed_at
            if stored.claim.status != "ok" or observed_at is None or stored.object is None or not wanted(observed_at):
                continue
            # An instant that lies after its own arrival proves nothing.
            if observed_at <= stored.recorded_at + CLOCK_TOLERANCE and self._is_sound(stored.object):
                found.append((observed_at, stored))
        found.sort(key=lambda one: (one[0], one[1].seq))
        return found

    def _is_sound(self, held: StoredObject | None) -> bool:
        if held is None:
            return False
        known = self._sound.get(held.digest)
        if known is None:
            try:
                check(self._files, held)
                known = True
            except VerificationFailed as error:
                self.damaged[held.path] = str(error)
                known = False
            self._sound[held.digest] = known
        return known

    def _rows_between(
        self, held: StoredObject, item: str, start: datetime, end: datetime, where: Mapping[str, Collection[str]]
    ) -> Iterator[Row]:
        # Of a selection nothing is kept: few rows of many objects are asked for, and most objects hold none of them.
        cached = self._rows.get((held.digest, item)) if where else self._load(held, item)
        if cached is not None:
            for row in cached:
                if start <= row["event_time"] < end and all(row[name] in values for name, values in where.items()):
                    yield row
            return
        from connectors.store.arrow import compute as pc

        time = pc.field("event_time")
        wanted = (pc.field("scope_item_id") == item) & (time >= start) & (time < end)
        for name, values in where.items():
            wanted = wanted & pc.field(name).isin(sorted(values))
        if not where or self._open(held)[0].count_rows(filter=wanted):  # counting reads the columns of the filter alone
            yield from self._stream(held, wanted)

    def _all_rows(self, held: StoredObject, item: str) -> Iterable[Row]:
        cached = self._load(held, item)
        if cached is not None:
            return cached
        from connectors.store.arrow import compute as pc

        return self._stream(held, pc.field("scope_item_id") == item)

    def _stream(self, held: StoredObject, wanted: Any) -> Iterator[Row]:
        source, columns = self._open(held)
        for batch in source.to_batches(columns=columns, filter=wanted):
            yield from batch.to_pylist()

    def _open(self, held: StoredObject) -> tuple[ds.Dataset, list[str]]:
        import pyarrow.dataset as ds

        source = ds.dataset(self._files.local(held.path), format="parquet")
        return source, [name for name in source.schema.names if self._with_raw or name != "raw"]

    def _load(self, held: StoredObject, item: str) -> list[Row] | None:
        """The item's rows of a small object, kept for the next question; None for a large object."""
        if held.rows is None or held.rows > _CACHED_ROWS // 10:
            return None
        rows = self._rows.get((held.digest, item))
        if rows is None:
            table = self._tables.get(held.digest)
            if table is None:
                source, columns = self._open(held)
                table = source.to_table(columns=columns)
                self._tables.keep(held.digest, table, table.num_rows)
            from connectors.store.arrow import compute as pc

            rows = table.filter(pc.equal(table.column("scope_item_id"), item)).to_pylist()
            self._rows.keep((held.digest, item), rows, len(rows))
        return rows


class _Recent(Generic[_Key, _Value]):
    """What was used last, up to a number of rows; the newest is kept whatever its size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._rows = 0

    def get(self, key: _Key) -> _Value | None:
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def keep(self, key: _Key, value: _Value, rows: int) -> None:
        size = rows + 1  # so that many with no rows are bounded too
        self._held[key] = value, size
        self._rows += size
        while self._rows > self._limit and len(self._held) > 1:
            _, (_, gone) = self._held.popitem(last=False)
            self._rows -= gone


def _contains(spans: list[tuple[datetime, datetime]], start: datetime, end: datetime) -> bool:
    """Whether the union of sorted spans contains [start, end); a hole of one microsecond is a hole."""
    if not spans or spans[0][0] > start:
        return False
    reached = spans[0][1]
    for _, (begin, finish) in pairwise(spans):
        if begin > reached:
            break
        reached = max(reached, finish)
    return reached >= end
