"""A sink in memory: the same promises as the store's own, nothing on disk.

It checks every row against the dataset's Arrow schema (`SchemaDrift`), refuses a second row of the same key, removes
declared secret fields from JSON answers and keeps the rest as received.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from schemas.dataset import Dataset
from schemas.errors import SchemaDrift


@dataclass(frozen=True)
class Answer:
    """One answer as it was handed over."""

    dataset: str
    method: str
    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    parameters: dict[str, Any]


@dataclass
class MemorySink:
    """Implements `schemas.extraction.Sink`."""

    answers: list[Answer] = field(default_factory=list)
    _rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _keys: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        schema = dataset.arrow()
        required = {entry.name for entry in schema if not entry.nullable}
        seen = self._keys.setdefault(dataset.name, set())
        added: list[dict[str, Any]] = []
        for row in rows:
            unknown = set(row) - set(schema.names)
            missing = {name for name in required if row.get(name) is None}
            if unknown or missing:
                raise SchemaDrift(f"{dataset.name}: unknown columns {sorted(unknown)}, missing {sorted(missing)}")
            for column, values in dataset.allowed:
                if row.get(column) is not None and row[column] not in values:
                    raise SchemaDrift(f"{dataset.name}: {column} is {row[column]!r}, allowed are {values}")
            key = (row["scope_item_id"], *(str(row[column]) for column in dataset.key))
            if key in seen:
                raise SchemaDrift(f"{dataset.name}: two rows with the key {key}")
            seen.add(key)
            json.loads(row["raw"])  # `raw` is JSON in every dataset
            added.append(dict(row))
        try:
            batch = pa.RecordBatch.from_pylist(added, schema=schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SchemaDrift(f"{dataset.name}: {error}") from error
        self._rows.setdefault(dataset.name, []).extend(batch.to_pylist())

    def batches(self, dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> None:
        for batch in batches:
            if not batch.schema.equals(dataset.arrow()):
                raise SchemaDrift(f"{dataset.name}: a batch of other columns than the dataset's")
            batch.validate(full=True)
            rows = batch.to_pylist()
            for row in rows:
                for name, value in row.items():
                    if isinstance(value, str) and value[:1] in ("{", "["):
                        row[name] = _without(value.encode(), dataset.secret_fields).decode()
            self.rows(dataset, rows)

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
        assert not {name.lower() for name in headers} & {"authorization", "x-amz-security-token", "cookie"}
        kept = _without(body, dataset.secret_fields)
        self.answers.append(Answer(dataset.name, method, url, status, dict(headers), kept, dict(parameters or {})))

    def of(self, dataset: Dataset | str) -> list[dict[str, Any]]:
        """Rows of a dataset, sorted by its scope item and key columns as text."""
        name = dataset if isinstance(dataset, str) else dataset.name
        rows = self._rows.get(name, [])
        if isinstance(dataset, str):
            return list(rows)
        return sorted(rows, key=lambda row: (row["scope_item_id"], *(str(row[column]) for column in dataset.key)))


def _without(body: bytes, secret_fields: tuple[str, ...]) -> bytes:
    if not secret_fields:
        return body
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_stripped(document, frozenset(secret_fields))).encode()


def _stripped(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(entry, secret) for key, entry in value.items() if key not in secret}
    if isinstance(value, list):
        return [_stripped(entry, secret) for entry in value]
    return value
