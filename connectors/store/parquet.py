"""Rows on disk: a spool per item while it is read, and one deterministic Parquet file per dataset and run.

The same rows give the same bytes whatever order they came in, within one version of Arrow: they are sorted by scope
item and key, cut into row groups by a rule that looks at the rows alone, and written with fixed options. From one
version of Arrow to another the bytes differ, so `rows_sha256` says what the rows are: the SHA-256 over their canonical
JSON lines.

Memory stays flat: spools are mapped and gathered a few thousand rows at a time, never loaded whole. Each batch is put
in order as it comes, so that gathering takes a few neighbouring rows of each batch and never rows one by one.
"""

from __future__ import annotations

import hashlib
import mmap
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from connectors.store.arrow import compute as pc

GATHER_ROWS = 4096
GATHER_BYTES = 8 << 20
"""A piece has GATHER_ROWS rows at most, and fewer where they are large."""
DIGEST_ROWS = 2048
DIGEST_BYTES = 4 << 20
"""Rows turned into Python objects at a time: DIGEST_ROWS at most, and fewer where they are large."""
READ_ROWS = 256
"""The same for a file read back, of whose rows nobody knows how large they are: a pull request with its reviews and
record takes tens of kilobytes."""
FORGET_BYTES = 64 << 20
"""So much of a spool is looked at before its pages are given back."""
GROUP_ROWS = 20_000
GROUP_RAW_BYTES = 4 << 20
_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Spool:
    """Batches of one dataset and item in a temporary Arrow file, each in the order of `key`."""

    def __init__(self, path: Path, schema: pa.Schema, key: tuple[str, ...] = ()) -> None:
        self.path = path
        self.schema = schema
        self.key = key
        self.rows = 0
        self._writer: pa.RecordBatchFileWriter | None = None
        self._mapped: mmap.mmap | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            if self.rows:
                raise ValueError(f"{self.path.name}: rows came after the item was said to be whole")
            self._writer = ipc.new_file(str(self.path), self.schema)
        self._writer.write_batch(in_order(batch, self.key))
        self.rows += batch.num_rows

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def table(self) -> pa.Table:
        """What was added, mapped from disk. After `close`."""
        if self.rows == 0:
            return self.schema.empty_table()
        if self._mapped is None:
            with open(self.path, "rb") as stream:
                self._mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return ipc.open_file(pa.py_buffer(self._mapped)).read_all()

    def forget_pages(self) -> None:
        """Give back the memory of what was looked at. The pages come back from disk when they are looked at again."""
        if self._mapped is not None and hasattr(self._mapped, "madvise"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def delete(self) -> None:
        self.close()
        self._mapped = None
        self.path.unlink(missing_ok=True)


def in_order(batch: pa.RecordBatch, key: tuple[str, ...]) -> pa.RecordBatch:
    """The rows in the order of their key, nulls last; equal ones stay as they came."""
    if not key or batch.num_rows < 2:
        return batch
    order = pc.sort_indices(batch, sort_keys=[(column, "ascending") for column in key])
    return batch.take(order)


def distinct_keys(table: pa.Table, key: tuple[str, ...]) -> int:
    """How many different keys the rows have; a null is a value like any other."""
    return table.select(list(key)).group_by(list(key)).aggregate([]).num_rows if table.num_rows else 0


def sorted_pieces(
    table: pa.Table, key: tuple[str, ...], forget: Callable[[], None] | None = None
) -> Iterator[pa.Table]:
    """The rows in the order of their key, at most GATHER_ROWS at a time; nulls last.

    `forget` is called now and then to give back the memory of what has been gathered.
    """
    if table.num_rows == 0:
        return
    keys = table.select(list(key))
    order = pc.sort_indices(keys, sort_keys=[(column, "ascending") for column in key]).to_numpy().astype(np.int64)
    batches = table.to_batches()
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    row_bytes = max(1, table.nbytes // table.num_rows)
    rows = max(1, min(GATHER_ROWS, GATHER_BYTES // row_bytes))
    seen = 0
    for begin in range(0, len(order), rows):
        wanted = order[begin : begin + rows]
        # Arrow's own `take` copies whole columns together first; so take from each batch, then bring into order.
        source = np.searchsorted(starts, wanted, side="right") - 1
        by_source = np.argsort(source, kind="stable")
        pieces: list[pa.RecordBatch] = []
        grouped = wanted[by_source]
        numbers, firsts = np.unique(source[by_source], return_index=True)
        for number, first, last in zip(numbers, firsts, [*firsts[1:], len(grouped)], strict=True):
            pieces.append(_rows_at(batches[number], grouped[first:last] - starts[number]))
        back = np.empty(len(wanted), dtype=np.int64)
        back[by_source] = np.arange(len(wanted))
        yield pa.Table.from_batches(pieces).combine_chunks().take(pa.array(back))
        seen += len(wanted) * row_bytes
        if forget is not None and seen >= FORGET_BYTES:
            forget()
            seen = 0


def _rows_at(batch: pa.RecordBatch, positions: Any) -> pa.RecordBatch:
    """Rows of a batch. Of one in order they are neighbours, and nothing has to be copied."""
    first, count = int(positions[0]), len(positions)
    if int(positions[-1]) - first + 1 == count and (count < 3 or bool((np.diff(positions) == 1).all())):
        return batch.slice(first, count)
    return batch.take(pa.array(positions))


@dataclass(frozen=True, slots=True)
class Written:
    """A finished local Parquet file."""

    path: Path
    rows: int
    rows_sha256: str


def write_parquet(path: Path, schema: pa.Schema, pieces: Iterable[pa.Table]) -> Written:
    """Write sorted pieces as one Parquet file, and digest its rows on the way."""
    rows, running = 0, hashlib.sha256()
    # Encoding and compressing need no interpreter: they go on beside the digest of the rows.
    with (
        pq.ParquetWriter(
            str(path), schema, version="2.6", data_page_version="1.0", compression="zstd", compression_level=3,
            use_dictionary=True, write_statistics=True, store_schema=False,
        ) as writer,
        ThreadPoolExecutor(1, thread_name_prefix="parquet") as beside,
    ):  # fmt: skip
        for group in _row_groups(pieces):
            written = beside.submit(writer.write_table, group, row_group_size=max(1, group.num_rows))
            at_once = max(1, min(DIGEST_ROWS, DIGEST_BYTES * group.num_rows // max(1, group.nbytes)))
            for batch in group.to_batches(max_chunksize=at_once):
                _digest_rows(running, batch)
            rows += group.num_rows
            written.result()
    return Written(path, rows, "sha256:" + running.hexdigest())


def _row_groups(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Cut by rows and by size of the source records, never by how the pieces came."""
    held: list[pa.Table] = []
    held_rows, held_bytes = 0, 0
    for piece in pieces:
        if piece.num_rows == 0:
            continue
        begin = 0
        ends = np.cumsum(_raw_sizes(piece))
        while begin < piece.num_rows:
            before = int(ends[begin - 1]) if begin else 0
            # How many of the rows still fit: at least one where nothing is held yet, however large it is.
            fitting = int(np.searchsorted(ends, before + GROUP_RAW_BYTES - held_bytes, side="right")) - begin
            fitting = min(max(fitting, 0 if held_rows else 1), GROUP_ROWS - held_rows, piece.num_rows - begin)
            if fitting:
                held.append(piece.slice(begin, fitting))
                held_rows += fitting
                held_bytes += int(ends[begin + fitting - 1]) - before
                begin += fitting
            if begin < piece.num_rows:
                yield pa.concat_tables(held).combine_chunks()
                held, held_rows, held_bytes = [], 0, 0
    if held_rows:
        yield pa.concat_tables(held).combine_chunks()


def _raw_sizes(piece: pa.Table) -> Any:
    if "raw" not in piece.column_names:
        return np.zeros(piece.num_rows, dtype=np.int64)
    return pc.binary_length(piece.column("raw")).to_numpy().astype(np.int64)


def rows_digest(path: Path) -> str:
    """`rows_sha256` of a Parquet file, read back a few thousand rows at a time."""
    running = hashlib.sha256()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=READ_ROWS):
            _digest_rows(running, batch)
    return "sha256:" + running.hexdigest()


def _digest_rows(running: Any, batch: pa.RecordBatch) -> None:
    names = sorted(batch.schema.names)
    columns = [_values(batch.column(name)) for name in names]
    for values in zip(*columns, strict=True):
        running.update(row_line(dict(zip(names, values, strict=True))))


def _values(column: pa.Array) -> list[Any]:
    """A column as Python objects: what `to_pylist` gives, by quicker ways where there are some."""
    kind = column.type
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_string(kind) or (pa.types.is_boolean(kind) and column.null_count == 0):
        return column.to_numpy(zero_copy_only=False).tolist()
    if pa.types.is_timestamp(kind) and kind.tz == "UTC":
        return _instants(column)
    return column.to_pylist()


def _instants(column: pa.Array) -> list[Any]:
    """Instants as `row_line` writes them, where all of them are whole seconds."""
    try:
        whole = column.cast(pa.timestamp("s", "UTC"))
    except pa.ArrowInvalid:
        return column.to_pylist()
    return pc.strftime(whole, "%Y-%m-%dT%H:%M:%SZ").to_numpy(zero_copy_only=False).tolist()


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
