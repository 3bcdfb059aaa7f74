"""Packs as Parquet: written once, read back only after their digest was found right."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from connectors.store.objects import check
from evidence.reviews.pack import NAMES, PackRow
from schemas.collection import StoredObject
from schemas.errors import VerificationFailed

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.store.store import Store

_LISTS = frozenset({"persons", "roles", "teams", "changes", "flags"})
_TRUTHS = frozenset({"privileged", "active"})


def _schema() -> pa.Schema:
    import pyarrow as pa

    def kind(name: str) -> pa.DataType:
        return pa.list_(pa.string()) if name in _LISTS else pa.bool_() if name in _TRUTHS else pa.string()

    return pa.schema([pa.field(name, kind(name)) for name in (*NAMES, "row_digest")])


def pack_bytes(rows: Sequence[PackRow], about: Mapping[str, str]) -> bytes:
    """The pack as Parquet, one row per account. `about` says of what and when, and so tells equal lists apart."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = [{**row.to_json(), "row_digest": row.digest} for row in rows]
    made = pa.Table.from_pylist(table, schema=_schema().with_metadata(dict(about)))
    out = io.BytesIO()
    pq.write_table(made, out, compression="zstd", version="2.6")
    return out.getvalue()


def read_pack(store: Store, held: StoredObject) -> list[PackRow]:
    """The rows of a pack. VerificationFailed where the file or a row is not what was stored."""
    import pyarrow.parquet as pq

    path = check(store.files, held)
    rows: list[PackRow] = []
    with pq.ParquetFile(path) as file:
        table = file.read()
    for data in table.to_pylist():
        row = PackRow.from_json(data)
        if row.digest != data["row_digest"]:
            raise VerificationFailed(f"{held.path}: the row {row.row_id} is not what its digest says.")
        rows.append(row)
    return rows
