"""Deterministic Parquet: the same rows give the same bytes, in whatever order and pieces they came."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta, timezone
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
from connectors.store.objects import check
from connectors.store.parquet import Spool, distinct_keys, row_line, rows_digest, sorted_pieces, write_parquet
from connectors.store.run_writer import RunWriter, rows_by_month
from schemas.dataset import Dataset, framed
from schemas.errors import SchemaDrift
from tests.fakes.stores import EVENTS, ITEM_A, ITEM_B, START, event

WIDE = Dataset(
    "fake.wide", "fake.source", "event_stream", ("name", "number"),
    lambda: framed(("name", pa.string(), True), ("number", pa.int64(), True), ("share", pa.float64(), True)),
)  # fmt: skip


def stored(store: Store, rows_by_item: dict[Any, list[dict[str, Any]]], dataset: Dataset = EVENTS) -> Any:
    """The object of these rows, given to sinks in the order of the dict."""
    with RunWriter(store, [dataset]) as writer:
        sinks = []
        for item, rows in rows_by_item.items():
            sink = writer.item(item)
            sink.rows(dataset, rows)
            sink.finish([dataset])
            sinks.append(sink)
        return writer.put_rows(dataset, sinks)


def rows_of(count: int, **columns: Any) -> list[dict[str, Any]]:
    return [event(f"e{number:05d}", START + timedelta(minutes=number), **columns) for number in range(count)]


def test_order_items_and_batches_make_no_difference(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = rows_of(2500), rows_of(700, colour="green")
    first = stored(store, {ITEM_A: a, ITEM_B: b})
    shuffled = random.Random(7)  # noqa: S311 - a shuffle
    shuffled.shuffle(a)
    shuffled.shuffle(b)
    monkeypatch.setattr(parquet_module, "GATHER_ROWS", 311)
    monkeypatch.setattr("connectors.store.run_writer._BATCH_ROWS", 97)
    assert stored(store, {ITEM_B: b, ITEM_A: a}) == first
    assert first.rows == 3200
    table = pq.read_table(Path(store.location, first.path))
    keys = list(zip(table["scope_item_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_row_groups_follow_the_rows_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_module, "GROUP_ROWS", 100)
    monkeypatch.setattr(parquet_module, "GROUP_RAW_BYTES", 9000)
    rows = [event(f"e{n:03d}", START, raw={"x": "y" * (n % 7) * 40}) for n in range(450)]
    first = stored(store, {ITEM_A: rows})
    monkeypatch.setattr(parquet_module, "GATHER_ROWS", 64)
    assert stored(store, {ITEM_A: list(reversed(rows))}) == first
    metadata = pq.read_metadata(Path(store.location, first.path))
    assert metadata.num_row_groups > 5
    assert all(metadata.row_group(n).num_rows <= 100 for n in range(metadata.num_row_groups))


def test_one_changed_value_changes_bytes_and_rows_digest(store: Store) -> None:
    rows = rows_of(10)
    first = stored(store, {ITEM_A: rows})
    rows[3]["amount"] = 2
    second = stored(store, {ITEM_A: rows})
    assert first.digest != second.digest
    assert first.rows_sha256 != second.rows_sha256


def test_the_rows_digest_can_be_recomputed_from_the_file_and_by_anybody(store: Store) -> None:
    people = [{"id": "p1", "since": datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)}, None]
    rows = [event("e1", START, people=people, amount=None), event("e2", START, colour="green", touched_at=START)]
    held = stored(store, {ITEM_A: rows})
    path = Path(store.location, held.path)
    assert rows_digest(path) == held.rows_sha256
    lines = (
        '{"amount":null,"colour":"red","event_id":"e1","event_time":"2026-04-01T00:00:00Z","people":[{"id":"p1",'
        '"since":"2026-01-01T00:00:00.500000Z"},null],"raw":"{\\"id\\":\\"e1\\",\\"colour\\":\\"red\\"}",'
        '"scope_item_id":"fake:a","touched_at":null}\n'
        '{"amount":1,"colour":"green","event_id":"e2","event_time":"2026-04-01T00:00:00Z","people":null,'
        '"raw":"{\\"id\\":\\"e2\\",\\"colour\\":\\"green\\"}","scope_item_id":"fake:a",'
        '"touched_at":"2026-04-01T00:00:00Z"}\n'
    )
    assert held.rows_sha256 == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def test_the_file_is_plain_parquet_with_the_datasets_types(store: Store) -> None:
    held = stored(store, {ITEM_A: rows_of(3)})
    path = check(store.files, held)
    schema = pq.read_schema(path)
    assert schema.names == EVENTS.arrow().names
    assert schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    assert [entry.nullable for entry in schema] == [entry.nullable for entry in EVENTS.arrow()]
    assert schema.metadata is None
    assert path.stat().st_mode & 0o777 == 0o444


def test_no_rows_are_a_file_as_well_and_always_the_same(store: Store) -> None:
    first = stored(store, {ITEM_A: []})
    assert first == stored(store, {ITEM_A: [], ITEM_B: []})
    assert first.rows == 0
    assert first.rows_sha256 == "sha256:" + hashlib.sha256(b"").hexdigest()
    assert pq.read_table(Path(store.location, first.path)).num_rows == 0


def test_keys_sort_as_their_types_do_with_nulls_last(tmp_path: Path) -> None:
    rows = [("b", 10), ("b", 9), ("b", None), (None, 1), ("B", 2), ("é", 1), ("a", -1)]
    spool = Spool(tmp_path / "s.arrow", WIDE.arrow())
    for name, number in rows:
        spool.add(
            pa.RecordBatch.from_pylist(
                [{"scope_item_id": "x", "name": name, "number": number, "share": None, "raw": "{}"}], WIDE.arrow()
            )
        )
    spool.close()
    table = pa.concat_tables(sorted_pieces(spool.table(), WIDE.key))
    assert list(zip(table["name"].to_pylist(), table["number"].to_pylist(), strict=True)) == [
        ("B", 2), ("a", -1), ("b", 9), ("b", 10), ("b", None), ("é", 1), (None, 1),
    ]  # fmt: skip
    assert distinct_keys(table, WIDE.key) == 7
    with pytest.raises(ValueError, match="after the item was said to be whole"):
        spool.add(table.to_batches()[0])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), st.integers(0, 4)),
        unique=True,
        max_size=40,
    ),
    st.randoms(),
)
def test_any_order_of_any_rows_gives_the_same_file(
    tmp_path_factory: Any, keys: list[tuple[str, int]], mixer: Any
) -> None:
    folder = tmp_path_factory.mktemp("p")
    digests = set()
    for attempt in range(2):
        spool = Spool(folder / f"{attempt}.arrow", WIDE.arrow())
        rows = [
            {"scope_item_id": "x", "name": name, "number": number, "share": 0.5, "raw": "{}"} for name, number in keys
        ]
        for start in range(0, len(rows), 7):
            spool.add(pa.RecordBatch.from_pylist(rows[start : start + 7], WIDE.arrow()))
        spool.close()
        written = write_parquet(folder / f"{attempt}.parquet", WIDE.arrow(), sorted_pieces(spool.table(), WIDE.key))
        digests.add((hashlib.sha256(written.path.read_bytes()).hexdigest(), written.rows_sha256, written.rows))
        mixer.shuffle(keys)
    assert len(digests) == 1


def test_composed_and_decomposed_text_have_the_same_row_digest_only() -> None:
    composed, decomposed = {"a": "Zo\u00eb", "b": ["\u00e9"]}, {"a": "Zoe\u0308", "b": ["e\u0301"]}
    assert row_line(composed) == row_line(decomposed)
    assert row_line({"b": 1, "a": START}) == b'{"a":"2026-04-01T00:00:00Z","b":1}\n'


class TestDrift:
    """What does not fit is SchemaDrift, told by column and never by value."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"event_id": None}, "no value in event_id"),
            ({"amount": "many"}, "amount should be int64 and came as str"),
            ({"amount": True}, "amount should be int64 and came as bool"),
            ({"colour": "blue"}, "'colour' holds 1 value"),
            ({"event_time": datetime(2026, 4, 1)}, "'event_time' holds a time without a zone"),  # noqa: DTZ001
            ({"people": [{"id": "x", "since": datetime(2026, 4, 1)}]}, "'people' holds a time without a zone"),  # noqa: DTZ001
            ({"event_time": "2026-04-01T00:00:00Z"}, "event_time should be timestamp"),
            ({"people": [{"id": 5}]}, "people should be list"),
            ({"scope_item_id": "fake:b"}, "a row of fake:b among those of fake:a"),
            ({"raw": None}, "a row without `raw`"),
            ({"raw": {"x": object()}}, "`raw` holds something that JSON can't say"),
            ({"event_id": "\ud800"}, "event_id should be string"),
        ],
    )
    def test_each_way_of_not_fitting(self, store: Store, change: dict[str, Any], message: str) -> None:
        with RunWriter(store, [EVENTS]) as writer:
            sink = writer.item(ITEM_A)
            with pytest.raises(SchemaDrift, match=r"fake\.events: ") as caught:
                sink.rows(EVENTS, [event("ok", START), {**event("e1", START), **change}])
        assert message in str(caught.value)
        assert "many" not in str(caught.value)
        assert "blue" not in str(caught.value)

    def test_a_number_that_is_none(self, store: Store) -> None:
        with RunWriter(store, [WIDE]) as writer, pytest.raises(SchemaDrift, match="infinite or undefined"):
            writer.item(ITEM_A).rows(WIDE, [{"name": "a", "number": 1, "share": float("nan"), "raw": {}}])

    def test_two_rows_of_one_key(self, store: Store) -> None:
        with RunWriter(store, [EVENTS]) as writer:
            sink = writer.item(ITEM_A)
            sink.rows(EVENTS, [event("e1", START)])
            sink.rows(EVENTS, [event("e1", START, colour="green")])
            with pytest.raises(SchemaDrift, match="2 rows with 1 different keys"):
                sink.finish([EVENTS])

    def test_a_dataset_that_was_not_asked_for(self, store: Store) -> None:
        with RunWriter(store, [EVENTS]) as writer, pytest.raises(SchemaDrift, match="was not asked for"):
            writer.item(ITEM_A).rows(WIDE, [])

    def test_rows_outside_the_interval_asked(self, store: Store) -> None:
        end = START + timedelta(days=1)
        with RunWriter(store, [EVENTS]) as writer:
            sink = writer.item(ITEM_A, START, end)
            sink.rows(EVENTS, [event("in", START)])
            for at in (end, START - timedelta(microseconds=1)):
                with pytest.raises(SchemaDrift, match="outside the interval asked"):
                    sink.rows(EVENTS, [event("out", at)])

    def test_fields_without_a_column_are_counted_and_stay_in_raw(self, store: Store) -> None:
        with RunWriter(store, [EVENTS]) as writer:
            sink = writer.item(ITEM_A)
            rows = [{**event(f"e{n}", START), "new_field": n, "raw": {"new_field": n, "Email": "x"}} for n in range(3)]
            sink.rows(EVENTS, rows)
            assert sink.unknown_fields(EVENTS) == {"new_field": 3}
            assert sink.removed_from(EVENTS) == 3
            assert [orjson.loads(raw) for raw in sink.table(EVENTS)["raw"].to_pylist()] == [
                {"new_field": n} for n in range(3)
            ]

    def test_a_token_in_a_record_goes_from_the_typed_columns_too(self, store: Store) -> None:
        token = "ghp_" + "a" * 36
        with RunWriter(store, [WIDE]) as writer:
            sink = writer.item(ITEM_A)
            sink.rows(WIDE, [{"name": f"see {token}", "number": 1, "raw": {"title": f"see {token}"}}])
            assert sink.table(WIDE)["name"].to_pylist() == ["see [removed]"]


class TestMonths:
    """Rows are counted into the months of the programme's zone."""

    def table(self, *instants: datetime) -> pa.Table:
        return pa.table({"event_time": pa.array(instants, pa.timestamp("us", tz="UTC"))})

    def test_local_midnight_is_the_boundary(self) -> None:
        before = datetime(2026, 4, 30, 22, 59, 59, 999_999, tzinfo=UTC)
        table = self.table(before, before + timedelta(microseconds=1))
        assert rows_by_month(table, "Europe/London") == {"2026-04": 1, "2026-05": 1}
        assert rows_by_month(table, "UTC") == {"2026-04": 2}
        assert rows_by_month(table, "America/New_York") == {"2026-04": 2}

    def test_a_year_end_and_empty_months_between(self) -> None:
        table = self.table(datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
        assert rows_by_month(table, "UTC") == {"2026-11": 1, "2027-02": 1}
        assert rows_by_month(self.table(), "UTC") == {}

    @given(st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)), max_size=30))  # noqa: DTZ001
    def test_each_row_is_in_the_month_its_local_time_says(self, instants: list[datetime]) -> None:
        from collections import Counter
        from zoneinfo import ZoneInfo

        for zone in ("Europe/London", "America/Sao_Paulo", "Asia/Kathmandu"):
            expected = Counter(f"{instant.astimezone(ZoneInfo(zone)):%Y-%m}" for instant in instants)
            assert rows_by_month(self.table(*instants), zone) == dict(expected)


def test_times_of_another_zone_are_converted(store: Store) -> None:
    at = datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    held = stored(store, {ITEM_A: [event("e1", at)]})
    table = pq.read_table(Path(store.location, held.path))
    assert table["event_time"].to_pylist() == [START]
