"""Rows on disk: a spool per item while it is read, and one deterministic Parquet file per dataset and run.

The same rows give the same bytes whatever order they came in, within one version of Arrow: they are sorted by scope
item and key, cut into row groups by a rule that looks at the rows alone, and written with fixed options. From one
version of Arrow to another the bytes differ, so `rows_sha256` says what the rows are: the SHA-256 over their canonical
JSON lines.

Memory stays flat: spools are mapped and gathered a few thousand rows at a time, never loaded whole.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from connectors.store.arrow import compute as pc

GATHER_ROWS = 512
DIGEST_ROWS = 256
"""Rows turned into Python objects at a time; a pull request with its reviews and record takes tens of kilobytes."""
GROUP_ROWS = 20_000
GROUP_RAW_BYTES = 4 << 20
_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Spool:
    """Batches of one dataset and item in a temporary Arrow file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._writer: pa.RecordBatchFileWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            if self.rows:
                raise ValueError(f"{self.path.name}: rows came after the item was said to be whole")
            self._writer = ipc.new_file(str(self.path), self.schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def table(self) -> pa.Table:
        """What was added, mapped from disk. After `close`."""
        if self.rows == 0:
            return self.schema.empty_table()
        return ipc.open_file(pa.memory_map(str(self.path))).read_all()

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


def distinct_keys(table: pa.Table, key: tuple[str, ...]) -> int:
    """How many different keys the rows have; a null is a value like any other."""
    return table.select(list(key)).group_by(list(key)).aggregate([]).num_rows if table.num_rows else 0


def sorted_pieces(table: pa.Table, key: tuple[str, ...]) -> Iterator[pa.Table]:
    """The rows in the order of their key, at most GATHER_ROWS at a time; nulls last."""
    keys = table.select(list(key))
    order = pc.sort_indices(keys, sort_keys=[(column, "ascending") for column in key]).to_numpy().astype(np.int64)
    batches = table.to_batches()
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    for begin in range(0, len(order), GATHER_ROWS):
        wanted = order[begin : begin + GATHER_ROWS]
        # Arrow's own `take` copies whole columns together first; so take from each batch, then bring into order.
        source = np.searchsorted(starts, wanted, side="right") - 1
        by_source = np.argsort(source, kind="stable")
        pieces: list[pa.Table] = []
        for number in np.unique(source):
            local = wanted[source == number] - starts[number]
            pieces.append(pa.Table.from_batches([batches[number].take(pa.array(local))]))
        back = np.empty(len(wanted), dtype=np.int64)
        back[by_source] = np.arange(len(wanted))
        yield pa.concat_tables(pieces).combine_chunks().take(pa.array(back))


@dataclass(frozen=True, slots=True)
class Written:
    """A finished local Parquet file."""

    path: Path
    rows: int
    rows_sha256: str


def write_parquet(path: Path, schema: pa.Schema, pieces: Iterable[pa.Table]) -> Written:
    """Write sorted pieces as one Parquet file, and digest its rows on the way."""
    rows, running = 0, hashlib.sha256()
    with pq.ParquetWriter(
        str(path), schema, version="2.6", data_page_version="1.0", compression="zstd", compression_level=3,
        use_dictionary=True, write_statistics=True, store_schema=False,
    ) as writer:  # fmt: skip
        for group in _row_groups(pieces):
            writer.write_table(group, row_group_size=max(1, group.num_rows))
            for batch in group.to_batches(max_chunksize=DIGEST_ROWS):
                _digest_rows(running, batch)
            rows += group.num_rows
    return Written(path, rows, "sha256:" + running.hexdigest())


def _row_groups(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Cut by rows and by size of the source records, never by how the pieces came."""
    held: list[pa.Table] = []
    held_rows, held_bytes = 0, 0
    for piece in pieces:
        if piece.num_rows == 0:
            continue
        sizes = pc.binary_length(piece.column("raw")).to_numpy() if "raw" in piece.column_names else None
        begin = 0
        for position in range(piece.num_rows):
            size = 0 if sizes is None else int(sizes[position])
            if held_rows and (held_rows == GROUP_ROWS or held_bytes + size > GROUP_RAW_BYTES):
                held.append(piece.slice(begin, position - begin))
                yield pa.concat_tables(held).combine_chunks()
                held, held_rows, held_bytes, begin = [], 0, 0, position
            held_rows += 1
            held_bytes += size
        held.append(piece.slice(begin))
    if held_rows:
        yield pa.concat_tables(held).combine_chunks()


def rows_digest(path: Path) -> str:
    """`rows_sha256` of a Parquet file, read back a few thousand rows at a time."""
    running = hashlib.sha256()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=DIGEST_ROWS):
            _digest_rows(running, batch)
    return "sha256:" + running.hexdigest()


def _digest_rows(running: Any, batch: pa.RecordBatch) -> None:
    for row in batch.to_pylist():
        running.update(row_line(row))


def row_line(row: Any) -> bytes:
    """A row as one line: JSON with sorted keys, instants as RFC 3339 in UTC with `Z`, text in NFC, a newline last."""
    line = orjson.dumps(row, option=_LINE)
    return line if line.isascii() else orjson.dumps(_composed(row), option=_LINE)


def _composed(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {key: _composed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_composed(inner) for inner in value]
    return value
