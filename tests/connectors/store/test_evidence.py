"""Stored evidence as tests of controls see it: as of an instant, each row once, unknown where nothing is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.store import Store
from connectors.store import evidence as evidence_module
from connectors.store.evidence import LedgerEvidence
from evidence.controls.model import StoredEvidence
from schemas.errors import RetriableError
from schemas.instants import format_instant
from tests.fakes.stores import EVENTS, ITEM_A, ITEM_B, START, STATES, FakeSource, SettableClock, event, state

DAY = timedelta(days=1)
MONTH = START + 30 * DAY


def ids(rows: Any) -> list[str]:
    return [row["event_id"] for row, *_ in rows]


def held(store: Store, clock: SettableClock, **options: Any) -> LedgerEvidence:
    evidence = store.evidence(clock.instant, **options)
    protocol: StoredEvidence = evidence  # the type checker holds the class against the protocol here
    assert protocol is evidence
    return evidence


def damage(store: Store, path: str) -> None:
    file = Path(store.location, path)
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


class TestRows:
    """Event streams."""

    def test_each_row_once_although_collections_overlap(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event(f"e{n}", START + n * DAY) for n in range(4)]
        source.events[ITEM_B.id] = [event("b0", START)]
        source.collect(store, START, START + 3 * DAY, items=(ITEM_A, ITEM_B))
        clock.forward(days=1)
        source.collect(store, START + DAY, START + 4 * DAY, items=(ITEM_A, ITEM_B))
        evidence = held(store, clock)
        assert ids(evidence.rows(EVENTS, ITEM_A.id, START, MONTH)) == ["e0", "e1", "e2", "e3"]
        assert ids(evidence.rows(EVENTS, ITEM_A.id, START + DAY, START + 2 * DAY)) == ["e1"]
        assert ids(evidence.rows(EVENTS, ITEM_B.id, START, MONTH)) == ["b0"]
        assert ids(evidence.rows(EVENTS, "fake:unknown", START, MONTH)) == []

    def test_of_several_versions_the_first_counts_and_all_are_there(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event("e0", START)]
        first = source.collect(store).entry
        learnt = [clock.instant, clock.forward(days=7)]
        source.events[ITEM_A.id] = [event("e0", START, colour="green")]
        second = source.collect(store).entry
        evidence = held(store, clock)
        ((row, digest),) = evidence.rows(EVENTS, ITEM_A.id, START, MONTH)
        objects = [entry["body"]["manifests"][0]["object"]["digest"] for entry in (first, second)]
        assert (row["colour"], digest) == ("red", objects[0])
        versions = list(evidence.versions(EVENTS, ITEM_A.id, START, MONTH))
        assert [(row["colour"], digest, at) for row, digest, at in versions] == [
            ("red", objects[0], learnt[0]), ("green", objects[1], learnt[1]),
        ]  # fmt: skip

    def test_a_row_that_vanished_at_the_source_stays(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event("e0", START)]
        source.collect(store)
        source.events[ITEM_A.id] = []
        source.collect(store)
        assert ids(held(store, clock).rows(EVENTS, ITEM_A.id, START, MONTH)) == ["e0"]

    def test_only_what_the_store_knew_at_that_instant(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        before = clock.instant - timedelta(microseconds=1)
        source.events[ITEM_A.id] = [event("e0", START)]
        source.collect(store)
        known = clock.instant
        clock.forward(days=1)
        source.events[ITEM_A.id].append(event("e1", START))
        source.collect(store)
        for as_of, expected in ((before, []), (known, ["e0"]), (clock.instant, ["e0", "e1"])):
            assert ids(store.evidence(as_of).rows(EVENTS, ITEM_A.id, START, MONTH)) == expected

    def test_the_source_record_comes_only_where_it_is_asked_for(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event("e0", START)]
        source.collect(store)
        ((row, _),) = held(store, clock).rows(EVENTS, ITEM_A.id, START, MONTH)
        assert "raw" not in row
        ((row, _),) = held(store, clock, with_raw=True).rows(EVENTS, ITEM_A.id, START, MONTH)
        assert row["raw"] == '{"id":"e0","colour":"red"}'

    @pytest.mark.parametrize(("cached_rows", "cached_objects"), [(0, 5_000), (250, 1), (250, 30), (200_000, 5_000)])
    def test_large_objects_are_streamed_and_small_ones_remembered_with_the_same_result(
        self,
        store: Store,
        source: FakeSource,
        clock: SettableClock,
        monkeypatch: pytest.MonkeyPatch,
        cached_rows: int,
        cached_objects: int,
    ) -> None:
        monkeypatch.setattr(evidence_module, "_CACHED_ROWS", cached_rows)
        monkeypatch.setattr(evidence_module, "_CACHED_OBJECTS", cached_objects)
        source.events[ITEM_A.id] = [event(f"e{n}", START + n * timedelta(hours=1)) for n in range(100)]
        source.events[ITEM_B.id] = [event("b0", START)]
        for day in range(4):
            source.collect(store, START + day * DAY, START + (day + 1) * DAY, items=(ITEM_A, ITEM_B))
        evidence = held(store, clock)
        for _ in range(2):
            found = ids(evidence.rows(EVENTS, ITEM_A.id, START + DAY, START + 3 * DAY))
            assert sorted(found) == sorted(f"e{n}" for n in range(24, 72))
            some = {"event_id": ("e25", "e3", "e71")}
            assert sorted(ids(evidence.rows(EVENTS, ITEM_A.id, START + DAY, MONTH, where=some))) == ["e25", "e71"]
            assert ids(evidence.rows(EVENTS, ITEM_B.id, START, MONTH)) == ["b0"]


class TestSnapshots:
    """States at an instant."""

    def test_in_order_with_all_their_rows(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        instants = []
        for on in (True, False, True):
            source.states[ITEM_A.id] = [state("mfa", on), state("sso")]
            source.collect(store, items=(ITEM_A, ITEM_B), datasets=(STATES,))
            instants.append(clock.instant)
            clock.forward(days=1)
        evidence = held(store, clock)
        found = list(evidence.snapshots(STATES, ITEM_A.id, instants[0], instants[2]))
        assert [(at, [row["on"] for row in rows]) for at, rows, _ in found] == [
            (instants[0], [True, True]), (instants[1], [False, True]),
        ]  # fmt: skip
        # An item with nothing in it has a snapshot too: nothing was there, which is not the same as not known.
        assert [rows for _, rows, _ in evidence.snapshots(STATES, ITEM_B.id, instants[0], clock.instant)] == [[]] * 3

    def test_the_latest_at_or_before_an_instant(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        first = clock.instant
        source.states[ITEM_A.id] = [state("mfa")]
        source.collect(store, datasets=(STATES,))
        second = clock.forward(days=1)
        source.states[ITEM_A.id] = [state("mfa", False)]
        source.collect(store, datasets=(STATES,))
        evidence = held(store, clock)
        assert evidence.snapshot_before(STATES, ITEM_A.id, first - timedelta(microseconds=1)) is None
        for instant, at, on in ((first, first, True), (second - DAY / 2, first, True), (second, second, False)):
            found = evidence.snapshot_before(STATES, ITEM_A.id, instant)
            assert found is not None
            assert (found[0], [row["on"] for row in found[1]]) == (at, [on])
        assert evidence.snapshot_before(STATES, "fake:unknown", second) is None

    def test_failed_and_truncated_ones_are_none(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        source.states[ITEM_A.id] = [state("mfa")]
        source.errors[ITEM_A.id] = RetriableError("down")
        source.collect(store, datasets=(STATES,))
        source.errors.clear()
        source.claim = {"truncated": True}
        source.collect(store, datasets=(STATES,))
        assert held(store, clock).snapshot_before(STATES, ITEM_A.id, clock.instant) is None

    def test_one_dated_after_its_own_arrival_is_none(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.claim = {"observed_at": clock.instant + timedelta(seconds=61)}
        source.collect(store, datasets=(STATES,))
        clock.forward(days=1)
        assert held(store, clock).snapshot_before(STATES, ITEM_A.id, clock.instant) is None


class TestCovered:
    """Zero tolerance: a hole of a microsecond is a hole."""

    def collect(self, source: FakeSource, store: Store, start: float, end: float, **options: Any) -> None:
        source.collect(store, START + start * DAY, START + end * DAY, **options)

    def test_adjoining_runs_cover_and_a_hole_does_not(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        self.collect(source, store, 2, 4)
        self.collect(source, store, 0, 2)
        evidence = held(store, clock)
        assert evidence.covered(EVENTS, ITEM_A.id, START, START + 4 * DAY)
        assert not evidence.covered(EVENTS, ITEM_A.id, START, START + 4 * DAY + timedelta(microseconds=1))
        assert not evidence.covered(EVENTS, ITEM_A.id, START - timedelta(microseconds=1), START + DAY)
        self.collect(source, store, 4.000001, 6)
        evidence = held(store, clock)
        assert not evidence.covered(EVENTS, ITEM_A.id, START, START + 6 * DAY)
        assert evidence.covered(EVENTS, ITEM_A.id, START + 5 * DAY, START + 6 * DAY)
        assert not evidence.covered(EVENTS, ITEM_B.id, START, START + DAY)

    def test_the_settle_lag_is_not_covered(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        end = clock.instant
        source.collect(store, end - DAY, end, lag_hours=3)
        evidence = held(store, clock)
        assert evidence.covered(EVENTS, ITEM_A.id, end - DAY, end - timedelta(hours=3))
        assert not evidence.covered(EVENTS, ITEM_A.id, end - DAY, end - timedelta(hours=3) + timedelta(seconds=1))

    def test_what_the_source_had_forgotten_is_not_covered(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        self.collect(source, store, 0, 30)
        remembered = clock.instant - 10 * DAY
        evidence = held(store, clock, retention_days={"fake.events": 10})
        assert evidence.covered(EVENTS, ITEM_A.id, remembered, START + 30 * DAY)
        assert not evidence.covered(EVENTS, ITEM_A.id, remembered - timedelta(seconds=1), START + 30 * DAY)

    def test_errors_and_truncated_answers_cover_nothing_but_a_whole_prefix(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.errors[ITEM_A.id] = RetriableError("down")
        self.collect(source, store, 0, 4)
        source.errors.clear()
        source.claim = {"truncated": True}
        self.collect(source, store, 0, 4)
        assert not held(store, clock).covered(EVENTS, ITEM_A.id, START, START + DAY)
        source.claim = {"truncated": True, "complete_until": START + 2 * DAY}
        self.collect(source, store, 0, 4)
        assert held(store, clock).covered(EVENTS, ITEM_A.id, START, START + 2 * DAY)
        assert not held(store, clock).covered(EVENTS, ITEM_A.id, START, START + 2 * DAY + timedelta(seconds=1))

    def test_two_halves_of_different_questions_are_no_whole(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        from schemas.extraction import query_hash

        self.collect(source, store, 0, 2)
        source.claim = {"query_text": "GET /other"}
        self.collect(source, store, 2, 4)
        assert not held(store, clock).covered(EVENTS, ITEM_A.id, START, START + 4 * DAY)
        source.claim = {"query_text": "GET /wider", "superset_of": (query_hash("GET /fake.events"),)}
        self.collect(source, store, 2, 4)
        assert held(store, clock).covered(EVENTS, ITEM_A.id, START, START + 4 * DAY)


class TestDamage:
    """A file that is not what was stored proves nothing."""

    def test_a_damaged_object_gives_no_rows_and_covers_nothing(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.events[ITEM_A.id] = [event("e0", START), event("e1", START + DAY)]
        source.states[ITEM_A.id] = [state("mfa")]
        bad = source.collect(store, START, START + DAY).entry["body"]["manifests"][0]["object"]["path"]
        source.collect(store, START + DAY, START + 2 * DAY)
        snapshot = source.collect(store, datasets=(STATES,)).entry["body"]["manifests"][0]["object"]["path"]
        damage(store, bad)
        Path(store.location, snapshot).unlink()
        evidence = held(store, clock)
        assert ids(evidence.rows(EVENTS, ITEM_A.id, START, MONTH)) == ["e1"]
        assert not evidence.covered(EVENTS, ITEM_A.id, START, START + DAY)
        assert evidence.covered(EVENTS, ITEM_A.id, START + DAY, START + 2 * DAY)
        assert evidence.snapshot_before(STATES, ITEM_A.id, clock.instant) is None
        assert sorted(evidence.damaged) == sorted([bad, snapshot])
        assert "not what was stored" in evidence.damaged[bad]
        assert "missing" in evidence.damaged[snapshot]

    def test_a_second_good_collection_heals_it(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        source.events[ITEM_A.id] = [event("e0", START)]
        bad = source.collect(store, START, START + DAY).entry["body"]["manifests"][0]["object"]["path"]
        damage(store, bad)
        source.events[ITEM_A.id] = [event("e0", START, amount=2)]
        source.collect(store, START, START + DAY)
        assert ids(held(store, clock).rows(EVENTS, ITEM_A.id, START, MONTH)) == ["e0"]
        assert held(store, clock).covered(EVENTS, ITEM_A.id, START, START + DAY)


def test_files_that_no_entry_names_are_not_evidence(store: Store, source: FakeSource, clock: SettableClock) -> None:
    from connectors.store.run_writer import RunWriter

    with RunWriter(store, [EVENTS]) as writer:  # a crash after the object and before the entry
        sink = writer.item(ITEM_A)
        sink.rows(EVENTS, [event("e0", START)])
        writer.put_rows(EVENTS, [sink])
    assert ids(held(store, clock).rows(EVENTS, ITEM_A.id, START, MONTH)) == []
    renamed = replace(ITEM_A, name="New name")
    source.events[ITEM_A.id] = [event("e0", START)]
    source.collect(store, items=(renamed,))
    assert ids(held(store, clock).rows(EVENTS, ITEM_A.id, START, MONTH)) == ["e0"]


RECORD = {
    "record_kind": "response",
    "record_type": "screening",
    "control_id": "CC1-HR-01",
    "evidence_id": "screening",
    "scope_item_id": "workforce",
    "signed_by": "lead@example.com",
    "values": {"person_id": "p1"},
}


class TestRecords:
    """What people recorded."""

    def test_of_one_line_and_item_as_known_at_the_instant(self, store: Store, clock: SettableClock) -> None:
        done = clock.instant - DAY
        store.append("record", {**RECORD, "performed_at": format_instant(done)})
        store.append("record", {**RECORD, "performed_at": format_instant(done), "evidence_id": "other"})
        store.append("record", {**RECORD, "performed_at": format_instant(done), "record_kind": "seal"})
        early = held(store, clock)
        clock.forward(days=5)
        store.append("record", {**RECORD, "performed_at": format_instant(done), "values": {"person_id": "p2"}})
        [first] = early.records("CC1-HR-01", "screening", "workforce")
        assert (first.values, first.signed_by, first.performed_at) == ({"person_id": "p1"}, "lead@example.com", done)
        assert early.records("CC1-HR-01", "screening", "elsewhere") == []
        second = held(store, clock).records("CC1-HR-01", "screening", "workforce")[1]
        assert (second.values, second.claimed_at) == ({"person_id": "p2"}, done)
        assert second.performed_at == second.recorded_at, "six days later its own date is not believed"
