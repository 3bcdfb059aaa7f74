"""Rows as Arrow batches: the same object, the same digest and the same removals as rows that are dicts."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.store import Store
from connectors.store import parquet as parquet_module
from connectors.store.parquet import row_line
from connectors.store.redaction import REMOVED
from connectors.store.run_writer import RunWriter
from schemas.dataset import Dataset, framed
from schemas.errors import SchemaDrift
from tests.fakes.stores import ITEM_A, START, SettableClock, simulated_store

_INSTANT = pa.timestamp("us", tz="UTC")
RECORDS = Dataset(
    "fake.records", "fake.source", "event_stream", ("event_id", "amount"),
    lambda: framed(
        ("event_id", pa.string()), ("event_time", _INSTANT), ("note", pa.string(), True),
        ("parameters", pa.string(), True), ("amount", pa.int64(), True), ("on", pa.bool_(), True),
        ("share", pa.float64(), True), ("seen_at", _INSTANT, True),
        ("people", pa.list_(pa.struct([("id", pa.string()), ("since", _INSTANT)])), True),
    ),
    secret_fields=("password", "Email"), allowed=(("note", ("plain", "ghp_" + "a" * 36, "Zoë", "Zoë")),),
)  # fmt: skip

_TOKEN = "ghp_" + "a" * 36
_words = st.sampled_from([
    "plain", "", "Zoë", "Zoe\u0308", f"see {_TOKEN}",
    "https://x.example/?X-Amz-Signature=abc&b=1", 'a "quoted" \\ word',
    "\u212aey=1", "line\nbreak", "{not json", '{"password": "in a text"}',
])  # fmt: skip
_names = st.sampled_from(["p1", "Zoe\u0308"])
_fields = st.sampled_from(["name", "password", "Password", "Email", "token", "Key", "nested", "\u017fecret"])
_parameters = st.dictionaries(_fields, st.one_of(_words, st.integers(-9, 9), st.none(), st.lists(_words, max_size=2)))
_instants = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.integers(0, 10**6).map(lambda seconds: START + timedelta(seconds=seconds)),
)


@st.composite
def _record(draw: Any) -> dict[str, Any]:
    parameters = draw(st.none() | _parameters)
    escaped = draw(st.booleans())
    raw = {"x": parameters, "y": draw(_words)}
    text = orjson.dumps(raw).decode()
    return {
        "event_time": draw(_instants), "note": draw(st.none() | st.sampled_from(["plain", "Zoë"])),
        "parameters": None if parameters is None else orjson.dumps(parameters).decode(),
        "on": draw(st.none() | st.booleans()), "share": draw(st.none() | st.floats(-9, 9)),
        "seen_at": draw(st.none() | _instants),
        "people": draw(st.none() | st.lists(st.none() | st.fixed_dictionaries({"id": _names, "since": _instants}))),
        "raw": text.replace("a", "\\u0061") if escaped else text,
    }  # fmt: skip


_keys = st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), st.none() | st.integers(0, 3))


def stored(store: Store, rows: list[dict[str, Any]], size: int | None) -> Any:
    """The object of these rows, as dicts or as batches of `size`; what was removed from it."""
    with RunWriter(store, [RECORDS]) as writer:
        sink = writer.item(ITEM_A)
        if size is None:
            sink.rows(RECORDS, rows)
        else:
            sink.batches(RECORDS, (batch_of(rows[begin : begin + size]) for begin in range(0, len(rows), size)))
        sink.finish([RECORDS])
        return writer.put_rows(RECORDS, [sink]), sink.removed_from(RECORDS)


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"scope_item_id": ITEM_A.id, **row} for row in rows], RECORDS.arrow())


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(_keys, _record(), max_size=20), st.integers(1, 9), st.integers(1, 7), st.integers(1, 40),
    st.integers(20, 900), st.randoms(),
)  # fmt: skip
def test_rows_and_batches_are_the_same_object(
    tmp_path_factory: Any, records: dict[Any, dict[str, Any]], size: int, gathered: int, group: int, raw: int, mix: Any
) -> None:
    store = simulated_store(tmp_path_factory.mktemp("s"), SettableClock(START))
    rows = [{"event_id": name, "amount": amount, **record} for (name, amount), record in records.items()]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parquet_module, "GROUP_ROWS", group)
        patched.setattr(parquet_module, "GROUP_RAW_BYTES", raw)
        by_rows = stored(store, rows, None)
        patched.setattr(parquet_module, "GATHER_ROWS", gathered)
        patched.setattr(parquet_module, "FORGET_BYTES", 64)
        mix.shuffle(rows)
        assert stored(store, rows, size) == by_rows
    table = pq.read_table(Path(store.location, by_rows[0].path))
    lines = b"".join(row_line(row) for row in table.to_pylist())
    assert by_rows[0].rows_sha256 == "sha256:" + hashlib.sha256(lines).hexdigest()
    keys = [(row["event_id"], row["amount"]) for row in table.to_pylist()]
    assert keys == sorted(keys, key=lambda key: (key[0].encode(), key[1] is None, key[1] or 0))
    text = "\n".join(str(row) for row in table.to_pylist())
    assert _TOKEN not in text
    assert "=abc" not in text


def test_secrets_go_by_name_out_of_json_columns_too(store: Store) -> None:
    held = {"userName": "ana", "password": "pw-1", "tags": [{"Email": "a@x.example"}]}
    record = {
        "event_id": "e1", "event_time": START, "parameters": orjson.dumps(held).decode(),
        "raw": orjson.dumps({"requestParameters": held, "note": f"see {_TOKEN}"}).decode(),
    }  # fmt: skip
    with RunWriter(store, [RECORDS]) as writer:
        sink = writer.item(ITEM_A)
        sink.batches(RECORDS, [batch_of([record, {**record, "event_id": "e2", "parameters": None, "raw": "{}"}])])
        assert sink.removed_from(RECORDS) == 3
        rows = {row["event_id"]: row for row in sink.table(RECORDS).to_pylist()}
    assert orjson.loads(rows["e1"]["parameters"]) == {"userName": "ana", "tags": [{}]}
    assert orjson.loads(rows["e1"]["raw"])["note"] == f"see {REMOVED}"
    assert rows["e2"]["raw"] == "{}"


def _with(batch: pa.RecordBatch, column: str, values: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index(column), batch.schema.field(column), values)


GOOD = batch_of([{"event_id": "e1", "event_time": START, "raw": "{}"}])
BROKEN_TEXT = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]
)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (GOOD.drop_columns(["note"]), "columns are not those of the dataset: note"),
        (GOOD.select(list(reversed(GOOD.schema.names))), "columns are not those of the dataset: their order"),
        (_with(GOOD, "raw", pa.array([None], pa.string())), "no value in raw"),
        (_with(GOOD, "event_id", pa.array([None], pa.string())), "no value in event_id"),
        (_with(GOOD, "scope_item_id", pa.array(["fake:b"])), "rows of fake:b among those of fake:a"),
        (_with(GOOD, "note", pa.array(["blue"])), "'note' holds 1 value"),
        (_with(GOOD, "share", pa.array([float("nan")])), "infinite or undefined"),
        (_with(GOOD, "note", BROKEN_TEXT), "no valid Arrow data"),
        (_with(GOOD, "event_time", pa.array([START + timedelta(days=2)], _INSTANT)), "outside the interval asked"),
    ],
)
def test_a_batch_is_held_to_the_same_as_rows(store: Store, batch: pa.RecordBatch, message: str) -> None:
    with RunWriter(store, [RECORDS]) as writer:
        sink = writer.item(ITEM_A, START, START + timedelta(days=1))
        sink.batches(RECORDS, [GOOD])
        with pytest.raises(SchemaDrift, match=r"fake\.records: ") as caught:
            sink.batches(RECORDS, [batch])
    assert message in str(caught.value)
    assert "blue" not in str(caught.value)


def test_an_event_in_two_batches_is_told(store: Store) -> None:
    with RunWriter(store, [RECORDS]) as writer:
        sink = writer.item(ITEM_A)
        sink.batches(RECORDS, [GOOD, GOOD.slice(0, 0), GOOD])
        with pytest.raises(SchemaDrift, match="2 rows with 1 different keys"):
            sink.finish([RECORDS])
