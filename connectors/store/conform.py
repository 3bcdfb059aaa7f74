"""Rows on their way in: checked against their dataset's schema, one Arrow batch at a time.

Arrow alone takes `nullable=False` on trust and a naive datetime for UTC; both are looked at here. What is wrong is said
by column and type, never by value: a row can hold personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from connectors.store.arrow import compute as pc
from connectors.store.redaction import Redactor
from schemas.dataset import Dataset
from schemas.errors import SchemaDrift

_Check = Callable[[Any], bool]


class Conform:
    """Turns dicts into batches of one dataset. Counts the fields it knows no column for; they stay in `raw`."""

    def __init__(self, dataset: Dataset, scope_item_id: str, redactor: Redactor) -> None:
        self.dataset = dataset
        self.schema = dataset.arrow()
        self.unknown_fields: dict[str, int] = {}
        self.removed = 0
        self._scope_item_id = scope_item_id
        self._redactor = redactor
        self._columns = [entry.name for entry in self.schema]
        self._known = frozenset(self._columns)
        self._naive = [(entry.name, check) for entry in self.schema if (check := _holds_naive(entry.type)) is not None]

    def batch(self, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
        """The rows as a batch of the dataset's schema. SchemaDrift naming the columns that don't fit."""
        prepared = [self._prepared(row) for row in rows]
        for column, is_naive in self._naive:
            if any(is_naive(row[column]) for row in prepared):
                raise self._drift(f"column {column!r} holds a time without a zone; convert it to UTC in the connector")
        try:
            batch = pa.RecordBatch.from_pylist(prepared, schema=self.schema)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            # Arrow's own text quotes the value, so the cause is not chained either.
            raise self._drift(self._misfits(prepared)) from None
        missing = [
            entry.name for entry in self.schema if not entry.nullable and batch.column(entry.name).null_count > 0
        ]
        if missing:
            raise self._drift(f"no value in {', '.join(missing)}, which every row must have")
        self._check_values(batch)
        return batch

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch that has the dataset's schema already, held to the same as rows, its secrets taken out."""
        if not batch.schema.equals(self.schema):
            given = {entry.name: str(entry.type) for entry in batch.schema}
            off = [entry.name for entry in self.schema if given.pop(entry.name, None) != str(entry.type)]
            raise self._drift(
                f"a batch whose columns are not those of the dataset: {', '.join([*off, *given]) or 'their order'}"
            )
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid:
            raise self._drift("a batch that is no valid Arrow data") from None
        missing = [
            entry.name for entry in self.schema if not entry.nullable and batch.column(entry.name).null_count > 0
        ]
        if missing:
            raise self._drift(f"no value in {', '.join(missing)}, which every row must have")
        items = pc.unique(batch.column("scope_item_id")).to_pylist()
        if items != [self._scope_item_id]:
            raise self._drift(f"rows of {', '.join(map(str, items))} among those of {self._scope_item_id}")
        self._check_values(batch)
        return self._without_secrets(batch)

    def _without_secrets(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        raw = batch.column("raw")
        changed: dict[int, str] = {}
        for position in pc.indices_nonzero(self._redactor.suspects(raw)).to_pylist():
            text, found = self._redactor.json_text(raw[position].as_py())
            if found:
                self.removed += found
                changed[position] = text
        if not changed:
            return batch
        touched = pa.array(list(changed), pa.int64())
        rows = batch.take(touched).to_pylist()
        for row, text in zip(rows, changed.values(), strict=True):
            for name, value in row.items():
                if name not in ("scope_item_id", "raw"):
                    row[name] = self._redactor.column(value)[0]
            row["raw"] = text
        untouched = pc.invert(pc.is_in(pa.array(range(batch.num_rows), pa.int64()), value_set=touched))
        both = [batch.filter(untouched), pa.RecordBatch.from_pylist(rows, schema=self.schema)]
        return pa.concat_batches(both)

    def _prepared(self, row: Mapping[str, Any]) -> dict[str, Any]:
        unknown = row.keys() - self._known
        for name in unknown:
            self.unknown_fields[name] = self.unknown_fields.get(name, 0) + 1
        held = row.get("scope_item_id", self._scope_item_id)
        if held != self._scope_item_id:
            raise self._drift(f"a row of {held} among those of {self._scope_item_id}")
        prepared = {name: row.get(name) for name in self._columns}
        prepared["scope_item_id"] = self._scope_item_id
        raw = row.get("raw")
        if raw is None:
            raise self._drift("a row without `raw`, the source record it was made from")
        if not isinstance(raw, str):
            try:
                raw = orjson.dumps(raw, option=orjson.OPT_UTC_Z).decode()
            except TypeError as error:
                raise self._drift("`raw` holds something that JSON can't say; pass the source record") from error
        prepared["raw"], found = self._redactor.json_text(raw)
        if found:
            self.removed += found
            for name, value in prepared.items():
                if name not in ("scope_item_id", "raw"):
                    prepared[name] = self._redactor.column(value)[0]
        return prepared

    def _misfits(self, rows: list[dict[str, Any]]) -> str:
        found: list[str] = []
        for entry in self.schema:
            kinds = {type(row[entry.name]).__name__ for row in rows if not _fits(row[entry.name], entry.type)}
            if kinds:
                found.append(f"{entry.name} should be {entry.type} and came as {', '.join(sorted(kinds))}")
        return "; ".join(found) or "the rows don't fit the schema"

    def _check_values(self, batch: pa.RecordBatch) -> None:
        for column, values in self.dataset.allowed:
            held = pc.drop_null(pc.unique(batch.column(column)))
            strange = pc.filter(held, pc.invert(pc.is_in(held, value_set=pa.array(values, held.type))))
            if len(strange):
                raise self._drift(
                    f"column {column!r} holds {len(strange)} value(s) that are not among {', '.join(values)}"
                )
        for entry in self.schema:
            if pa.types.is_floating(entry.type):
                finite = pc.all(pc.is_finite(pc.drop_null(batch.column(entry.name)))).as_py()
                if finite is False:
                    raise self._drift(f"column {entry.name!r} holds a number that is infinite or undefined")

    def _drift(self, what: str) -> SchemaDrift:
        return SchemaDrift(
            f"{self.dataset.name}: {what}. The source answers otherwise than version {self.dataset.version} of the "
            "dataset expects: the connector must be looked at, nothing was stored for this item."
        )


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], type=kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _holds_naive(kind: pa.DataType) -> _Check | None:
    """A check whether a Python value of an Arrow type holds a naive datetime; None where the type has no times."""
    if pa.types.is_timestamp(kind):
        return lambda value: isinstance(value, datetime) and value.utcoffset() is None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _holds_naive(kind.value_type)
        if inner is None:
            return None
        return lambda value: isinstance(value, (list, tuple)) and any(inner(entry) for entry in value)
    if pa.types.is_struct(kind):
        checks = [
            (entry.name, check)
            for entry in (kind.field(position) for position in range(kind.num_fields))
            if (check := _holds_naive(entry.type)) is not None
        ]
        if not checks:
            return None
        return lambda value: isinstance(value, Mapping) and any(check(value.get(name)) for name, check in checks)
    return None
