"""What a later collection changes about rows that were held before: counted, and nothing taken back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.store import Store
from tests.fakes.stores import EVENTS, ITEM_A, START, FakeSource, SettableClock, event

DAY = timedelta(days=1)


def restated(result: Any) -> Any:
    """The counts in the manifest, and whether the claim says that the population changed."""
    block = result.entry["body"]["manifests"][0]["provenance"]
    return block.get("restatement", {}).get(ITEM_A.id), result.claims[0].changes_population


class TestCounts:
    """Added, vanished, changed."""

    def test_the_first_collection_restates_nothing(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id] = [event("e0", START)]
        assert restated(source.collect(store)) == (None, False)

    def test_the_same_again_changes_nothing(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        source.events[ITEM_A.id] = [event("e0", START), event("e1", START + DAY)]
        first = source.collect(store)
        clock.forward(days=7)
        second = source.collect(store)
        assert restated(second) == ({"added": 0, "vanished": 0, "changed": 0}, False)
        objects = [result.entry["body"]["manifests"][0]["object"] for result in (first, second)]
        assert objects[0] == objects[1]

    def test_each_kind_of_change_is_counted(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        source.events[ITEM_A.id] = [event("gone", START), event("same", START), event("other", START)]
        source.collect(store)
        clock.forward(days=7)
        source.events[ITEM_A.id] = [
            event("same", START), event("other", START, colour="green"), event("n1", START), event("n2", START),
        ]  # fmt: skip
        assert restated(source.collect(store)) == ({"added": 2, "vanished": 1, "changed": 1}, True)
        clock.forward(days=7)
        assert restated(source.collect(store)) == ({"added": 0, "vanished": 0, "changed": 0}, False)

    def test_a_row_that_comes_back_is_added_again(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        for rows, counts in (
            ([event("e0", START)], None),
            ([], {"added": 0, "vanished": 1, "changed": 0}),
            ([], {"added": 0, "vanished": 0, "changed": 0}),
            ([event("e0", START)], {"added": 1, "vanished": 0, "changed": 0}),
        ):
            source.events[ITEM_A.id] = rows
            assert restated(source.collect(store))[0] == counts
            clock.forward(days=1)

    def test_columns_that_only_say_when_it_was_touched_restate_nothing(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event("e0", START, touched_at=START, raw={"a": 1})]
        source.collect(store)
        clock.forward(days=7)
        source.events[ITEM_A.id] = [event("e0", START, touched_at=START + DAY, raw={"a": 2})]
        assert restated(source.collect(store)) == ({"added": 0, "vanished": 0, "changed": 0}, False)


class TestTime:
    """Only time that both may claim is compared."""

    def test_the_next_interval_restates_nothing(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id] = [event("e0", START), event("e1", START + DAY)]
        source.collect(store, START, START + DAY)
        assert restated(source.collect(store, START + DAY, START + 2 * DAY)) == (None, False)

    def test_an_overlap_is_compared_and_the_rest_is_new(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id] = [event("e0", START), event("e1", START + DAY)]
        source.collect(store, START, START + DAY)
        assert restated(source.collect(store, START, START + 2 * DAY)) == (
            {"added": 0, "vanished": 0, "changed": 0}, False,
        )  # fmt: skip

    def test_events_inside_the_settle_lag_were_never_claimed(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        end = clock.instant
        start = end - DAY
        source.events[ITEM_A.id] = [event("early", start)]
        source.collect(store, start, end, lag_hours=3)
        late = event("late", end - timedelta(hours=2))
        missed = event("missed", end - timedelta(hours=4))
        clock.forward(hours=6)
        source.events[ITEM_A.id] = [event("early", start), late]
        assert restated(source.collect(store, start, end, lag_hours=3))[1] is False
        source.events[ITEM_A.id] = [event("early", start), late, missed]
        assert restated(source.collect(store, start, end, lag_hours=3)) == (
            {"added": 1, "vanished": 0, "changed": 0}, True,
        )  # fmt: skip

    def test_a_truncated_answer_makes_nothing_vanish_behind_its_prefix(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event(f"e{n}", START + n * DAY) for n in range(4)]
        source.collect(store)
        clock.forward(days=1)
        source.events[ITEM_A.id] = [event("e1", START + DAY)]
        source.claim = {"truncated": True, "complete_until": START + 2 * DAY}
        assert restated(source.collect(store)) == ({"added": 0, "vanished": 1, "changed": 0}, True)
        source.claim = {"truncated": True}
        assert restated(source.collect(store)) == (None, False)

    def test_failed_attempts_are_no_knowledge(self, store: Store, source: FakeSource) -> None:
        from schemas.errors import RetriableError

        source.events[ITEM_A.id] = [event("e0", START)]
        source.errors[ITEM_A.id] = RetriableError("down")
        source.collect(store)
        source.errors.clear()
        assert restated(source.collect(store)) == (None, False)


def test_a_damaged_earlier_object_can_not_be_compared_and_counts_as_a_change(
    store: Store, source: FakeSource, clock: SettableClock
) -> None:
    source.events[ITEM_A.id] = [event("e0", START)]
    held = source.collect(store).entry["body"]["manifests"][0]["object"]
    path = Path(store.location, held["path"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    clock.forward(days=1)
    source.events[ITEM_A.id] = [event("e0", START, amount=2)]
    counts, changed = restated(source.collect(store))
    assert counts["not_compared"] == [held["digest"]]
    assert changed is True


def test_a_column_of_a_later_version_has_not_changed(
    store: Store, source: FakeSource, clock: SettableClock, monkeypatch: Any
) -> None:
    from dataclasses import replace

    import pyarrow as pa

    import tests.fakes.stores as stores
    from schemas.dataset import framed

    source.events[ITEM_A.id] = [event("e0", START)]
    source.collect(store)
    later = replace(
        EVENTS,
        version=2,
        arrow=lambda: framed(
            ("event_id", pa.string()), ("event_time", pa.timestamp("us", tz="UTC")), ("colour", pa.string()),
            ("amount", pa.int64(), True), ("origin", pa.string()),
        ),
    )  # fmt: skip
    monkeypatch.setattr(stores, "EVENTS", later)
    clock.forward(days=1)
    source.events[ITEM_A.id] = [event("e0", START, origin="here")]
    assert restated(source.collect(store, datasets=(later,))) == ({"added": 0, "vanished": 0, "changed": 0}, False)
    clock.forward(days=1)
    source.events[ITEM_A.id] = [event("e0", START, origin="here", amount=5)]
    assert restated(source.collect(store, datasets=(later,)))[0]["changed"] == 1
