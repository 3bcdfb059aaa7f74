"""The ledger in its small form, and whether the objects that claims rest on still are what was stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from connectors.store import Store, open_store
from connectors.store import integrity as integrity_module
from connectors.store.integrity import damaged_objects
from evidence.ledger_index import IndexedClaim
from schemas.collection import Claim
from schemas.errors import PermissionDenied, VerificationFailed
from schemas.extraction import Session
from tests.fakes.stores import EVENTS, ITEM_A, ITEM_B, START, STATES, FakeSource, SettableClock, event, state


@pytest.fixture
def filled(store: Store, source: FakeSource, clock: SettableClock) -> Store:
    source.events[ITEM_A.id] = [event("e0", START), event("e1", START + timedelta(days=20))]
    source.states[ITEM_A.id] = [state("mfa")]
    source.collect(store)
    clock.forward(days=1)
    source.claim = {
        "truncated": True,
        "complete_until": START + timedelta(days=3),
        "superset_of": ("sha256:x",),
        "reconciliation": "3 of 5",
    }
    source.collect(store)
    source.claim = {}
    source.errors[ITEM_B.id] = PermissionDenied("not allowed", permission="contents:read")
    source.collect(store, items=(ITEM_A, ITEM_B), datasets=(EVENTS, STATES))
    clock.forward(days=1)
    store.append("record", {"record_kind": "document"})
    return store


def as_written(claim: IndexedClaim) -> dict[str, Any]:
    """The fields that a claim of the ledger has as well, under the same names."""
    held = msgspec.structs.asdict(claim)
    held["rows_by_month"] = dict(held["rows_by_month"] or {})
    return {name: held[name] for name in held if name not in ("object_digest", "error", "reconciliation")}


def test_it_says_of_each_claim_what_the_ledger_says(filled: Store) -> None:
    index = list(filled.claims_index())
    entries = list(filled.entries())
    assert [(entry.seq, entry.kind) for entry in index] == [(entry["seq"], entry["kind"]) for entry in entries]
    for small, entry in zip(index, entries, strict=True):
        assert small.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") == entry["recorded_at"]
        if entry["kind"] != "collection":
            assert (small.body, small.claims) == (entry["body"], ())
            continue
        objects = {one["dataset"]: (one["object"] or {}).get("digest") for one in entry["body"]["manifests"]}
        assert small.body is None
        assert len(small.claims) == len(entry["body"]["claims"])
        for claim, data in zip(small.claims, entry["body"]["claims"], strict=True):
            full = Claim.from_json(data)
            assert as_written(claim) == {name: getattr(full, name) for name in as_written(claim)}
            assert claim.error == data.get("error")
            cut_off = data["status"] == "truncated"
            assert claim.reconciliation == (data["reconciliation"] if cut_off else None)
            assert claim.object_digest == (None if full.status == "error" else objects[full.dataset])
    assert sum(claim.status == "error" for entry in index for claim in entry.claims) == 2


def test_as_of_an_instant(filled: Store, clock: SettableClock) -> None:
    assert [entry.seq for entry in filled.claims_index(until=clock.instant - timedelta(hours=1))] == [1, 2, 3, 4]


def test_the_index_in_memory_is_kept_up_to_date(filled: Store, source: FakeSource, clock: SettableClock) -> None:
    reading = open_store(filled.location, now=clock, product_version="1", read_only=True)
    assert reading.index() == list(reading.claims_index())
    source.errors.clear()
    source.collect(filled)
    filled.append("record", {"n": 2})
    assert reading.index() == list(reading.claims_index())
    assert filled.index() == reading.index()
    assert len(reading.index()) == 7


def test_the_index_is_the_same_after_the_head_was_asked_for(filled: Store, clock: SettableClock) -> None:
    reading = open_store(filled.location, now=clock, product_version="1", read_only=True)
    reading.head()
    assert reading.index() == list(filled.claims_index())


def test_declared_endpoints_are_named(store: Store, source: FakeSource) -> None:
    plain = source.session

    def declared() -> Session:
        held = plain()
        return Session("fake", None, "https://github.acme.example/api", False, True, held.principal, "read", "t")

    source.collect(store)
    source.session = declared  # type: ignore[method-assign]
    source.collect(store)
    assert [entry.declared_endpoints for entry in store.claims_index()] == [
        (),
        (),
        ("https://github.acme.example/api",),
    ]


def test_a_ledger_that_is_not_whole_gives_no_index(filled: Store, clock: SettableClock) -> None:
    path = Path(filled.location, "ledger/00000005.json")
    data = path.read_bytes()
    for altered in (
        data.replace(b"document", b"DOCUMENT"),
        b'{"seq":"5"}',
        b'{"kind":"x","previous":1,"recorded_at":2,"seq":5}',
    ):
        path.unlink()
        path.write_bytes(altered)
        for read in (lambda s: list(s.claims_index()), lambda s: s.index()):
            reading = open_store(filled.location, now=clock, product_version="1", read_only=True)
            with pytest.raises(VerificationFailed, match=r"ledger/00000005\.json"):
                read(reading)


class TestIntegrity:
    """Objects that claims rest on."""

    def paths(self, store: Store) -> dict[str, Path]:
        return {
            one["object"]["digest"]: Path(store.location, one["object"]["path"])
            for entry in store.entries(kinds={"collection"})
            for one in entry["body"]["manifests"]
            if one["object"]
        }

    def test_all_hold(self, filled: Store) -> None:
        assert damaged_objects(filled) == {}

    def test_altered_and_missing_ones_are_named(self, filled: Store) -> None:
        assert damaged_objects(filled) == {}
        (first, altered), (second, missing) = sorted(self.paths(filled).items())
        data = bytearray(altered.read_bytes())
        data[10] ^= 1
        altered.chmod(0o644)
        altered.write_bytes(data)
        missing.unlink()
        for _ in range(2):
            found = damaged_objects(filled)
            assert set(found) == {first, second}
            assert "its content is not what was stored" in found[first]
            assert "missing" in found[second]
        data[10] ^= 1
        altered.write_bytes(data)
        assert set(damaged_objects(filled)) == {second}

    def test_a_sound_file_is_read_once(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[str] = []
        real = integrity_module.check_digest

        def counting(files: Any, folder: str, digest: str, suffix: str) -> Path:
            read.append(digest)
            return real(files, folder, digest, suffix)

        monkeypatch.setattr(integrity_module, "check_digest", counting)
        for _ in range(3):
            assert damaged_objects(filled) == {}
        assert sorted(read) == sorted(self.paths(filled))

    @pytest.mark.parametrize("cache", [b"{", b"[]", b'{"store":"another","sound":{}}', b'{"store":1}'])
    def test_a_cache_that_says_nothing_useful_is_left_aside(self, filled: Store, cache: bytes) -> None:
        filled.files.replace_cache("index/sound-objects.json", cache)
        assert damaged_objects(filled) == {}
        held = orjson.loads(filled.files.read("index/sound-objects.json"))
        assert set(held["sound"]) == set(self.paths(filled))
