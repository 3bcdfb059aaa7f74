"""Closed months: the same entries as lines, sealed; readable without the originals, and never instead of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from connectors.store import Signer, Store, open_store
from connectors.store.verify import verify_store
from evidence import seal
from evidence.ledger import canonical, digest
from schemas.errors import StoreError, VerificationFailed
from tests.fakes.stores import FakeSource, SettableClock


@pytest.fixture
def three_months(store: Store, source: FakeSource, clock: SettableClock) -> Store:
    """Entries in May, June and July 2026; the clock stands in August."""
    for month in (5, 6, 7):
        for day in (10, 20):
            clock.instant = datetime(2026, month, day, tzinfo=UTC)
            source.collect(store)
            store.append("record", {"month": month, "day": day})
    clock.instant = datetime(2026, 8, 2, tzinfo=UTC)
    return store


def path_of(store: Store, name: str) -> Path:
    return Path(store.location, name)


def lines(store: Store, month: str) -> list[bytes]:
    return path_of(store, f"ledger/closed/{month}.jsonl").read_bytes().splitlines()


def reopened(store: Store) -> Store:
    return open_store(store.location, now=store.now, product_version="1", read_only=True)


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_a_closed_month_is_its_entries_line_by_line(three_months: Store) -> None:
    store = three_months
    originals = [path_of(store, f"ledger/{seq:08d}.json").read_bytes() for seq in range(1, 6)]
    entry = store.close_month("2026-05")
    assert lines(store, "2026-05") == originals
    whole = path_of(store, "ledger/closed/2026-05.jsonl").read_bytes()
    assert entry["body"] == {
        "month": "2026-05", "first_seq": 1, "last_seq": 5, "path": "ledger/closed/2026-05.jsonl",
        "digest": digest(whole), "entries": 5,
        "index": {
            "path": "ledger/closed/2026-05.index", "version": 1,
            "digest": digest(path_of(store, "ledger/closed/2026-05.index").read_bytes()),
        },
    }  # fmt: skip
    assert path_of(store, "ledger/closed/2026-05.jsonl").stat().st_mode & 0o777 == 0o444
    second = store.close_month("2026-06")
    assert (second["body"]["first_seq"], second["body"]["last_seq"]) == (6, 9)


def test_the_seal_is_an_in_toto_statement_over_the_month(three_months: Store) -> None:
    store = three_months
    entry = store.close_month("2026-05")
    data = path_of(store, "seals/2026-05.dsse.json").read_bytes()
    statement = seal.open_envelope(data, {store.signer.key_id: store.signer.public_key})
    held = lines(store, "2026-05")
    predicate = statement["predicate"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == entry["body"]["digest"].removeprefix("sha256:")
    assert predicate["merkle_root"] == seal.merkle_root(map(seal.leaf_hash, held))
    assert predicate["closing_entry"]["digest"] == digest(canonical(entry))
    assert predicate["kinds"] == {"store": 1, "collection": 2, "record": 2}
    assert predicate["claims_by_status"] == {"ok": 2}
    assert (predicate["simulated"], predicate["previous_seal"]) == (True, None)
    proof = seal.inclusion_proof([seal.leaf_hash(line) for line in held], 2)
    assert seal.root_from_proof(seal.leaf_hash(held[2]), 2, 5, proof) == predicate["merkle_root"]
    store.close_month("2026-06")
    second = seal.open_envelope(
        path_of(store, "seals/2026-06.dsse.json").read_bytes(), {store.signer.key_id: store.signer.public_key}
    )
    assert second["predicate"]["previous_seal"] == digest(data)


def test_reading_goes_by_the_closed_months_and_needs_no_originals(three_months: Store) -> None:
    store = three_months
    before = list(store.entries())
    closing = [store.close_month(month) for month in ("2026-05", "2026-06")]
    for seq in range(1, 10):
        path_of(store, f"ledger/{seq:08d}.json").unlink()
    read = reopened(store)
    assert list(read.entries()) == before + closing
    assert list(read.entries(since_seq=7)) == (before + closing)[7:]
    assert list(read.entries(since_seq=3, up_to_seq=11)) == before[3:11]
    assert [entry.seq for entry in read.claims_index()] == list(range(1, 16))
    assert read.head() == store.head()
    appended = open_store(store.location, now=store.now, signer=store.signer, product_version="1").append("record", {})
    assert appended["seq"] == 16


def test_an_altered_closed_month_stops_the_reading(three_months: Store) -> None:
    store = three_months
    store.close_month("2026-05")
    path = path_of(store, "ledger/closed/2026-05.jsonl")
    replace(path, path.read_bytes().replace(b'"day":20', b'"day":21'))
    with pytest.raises(VerificationFailed):
        list(reopened(store).entries())


@pytest.mark.parametrize("cut", [1, 3])
def test_a_shortened_closed_month_is_made_up_for_by_the_originals(three_months: Store, cut: int) -> None:
    store = three_months
    store.close_month("2026-05")
    before = list(reopened(store).entries())
    held = lines(store, "2026-05")
    replace(path_of(store, "ledger/closed/2026-05.jsonl"), b"".join(line + b"\n" for line in held[:-cut]))
    assert list(reopened(store).entries()) == before
    report = verify_store(store.location)
    assert {problem["path"] for problem in report.problems} >= {"ledger/closed/2026-05.jsonl"}


def test_a_missing_closed_month_between_others_is_made_up_for_as_well(three_months: Store) -> None:
    store = three_months
    for month in ("2026-05", "2026-06", "2026-07"):
        store.close_month(month)
    before = list(reopened(store).entries())
    path_of(store, "ledger/closed/2026-06.jsonl").unlink()
    assert list(reopened(store).entries()) == before
    assert [problem["path"] for problem in verify_store(store.location).problems] == ["ledger/closed/2026-06.jsonl"]


def test_closing_again_changes_nothing_and_finishes_what_a_crash_left(three_months: Store) -> None:
    store = three_months
    entry = store.close_month("2026-05")
    seals = path_of(store, "seals/2026-05.dsse.json")
    data = seals.read_bytes()
    assert store.close_month("2026-05") == entry
    assert store.head().seq == entry["seq"]
    seals.unlink()  # the crash came after the entry
    assert store.close_month("2026-05") == entry
    assert seals.read_bytes() == data
    assert verify_store(store.location).ok


def test_a_file_that_a_crash_left_without_its_entry_is_taken_over(three_months: Store) -> None:
    store = three_months
    path = path_of(store, "ledger/closed/2026-05.jsonl")
    path.parent.mkdir()
    originals = [path_of(store, f"ledger/{seq:08d}.json").read_bytes() for seq in range(1, 5)]
    path.write_bytes(b"".join(line + b"\n" for line in originals))
    entry = store.close_month("2026-05")
    # An entry that came in while the first attempt was closing goes into the next file; none is left out.
    assert (entry["body"]["last_seq"], entry["body"]["entries"]) == (4, 4)
    assert store.close_month("2026-06")["body"]["first_seq"] == 5
    assert verify_store(store.location).ok


def test_months_are_closed_when_they_are_over_and_in_order(three_months: Store, clock: SettableClock) -> None:
    store = three_months
    with pytest.raises(StoreError, match="2026-05 is still open"):
        store.close_month("2026-06")
    with pytest.raises(StoreError, match="Nothing was recorded in 2026-04"):
        store.close_month("2026-04")
    with pytest.raises(StoreError, match="2026-08 is not over"):
        store.close_month("2026-08")
    clock.instant = datetime(2026, 9, 1, 0, 1, tzinfo=UTC)
    with pytest.raises(StoreError, match="2026-08 is not over"):
        store.close_month("2026-08")
    for wrong in ("2026-13", "2026-6", "June", "2026-06\n"):
        with pytest.raises(StoreError, match="is no month"):
            store.close_month(wrong)
    assert not path_of(store, "ledger/closed").exists()


def test_the_year_end_is_a_month_end(store: Store, clock: SettableClock) -> None:
    clock.instant = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    store.append("record", {"n": 1})
    clock.instant = datetime(2027, 1, 1, 0, 2, tzinfo=UTC)
    with pytest.raises(StoreError, match="2026-05 is still open"):
        store.close_month("2026-12")
    store.close_month("2026-05")
    assert store.close_month("2026-12")["body"]["last_seq"] == 2


def test_a_seal_by_a_stranger_or_of_something_else_is_found(three_months: Store) -> None:
    store = three_months
    store.close_month("2026-05")
    path = path_of(store, "seals/2026-05.dsse.json")
    data = path.read_bytes()
    statement = seal.open_envelope(data, {store.signer.key_id: store.signer.public_key})
    stranger = Signer.generate()
    replace(path, seal.envelope(statement, key_id=stranger.key_id, sign=stranger.sign))
    (problem,) = verify_store(store.location).problems
    assert (problem["path"], "not known here" in problem["problem"]) == ("seals/2026-05.dsse.json", True)
    statement["predicate"]["entries"] = 4
    replace(path, seal.envelope(statement, key_id=store.signer.key_id, sign=store.signer.sign))
    (problem,) = verify_store(store.location).problems
    assert problem["problem"] == "it seals something else than the closed month (entries)"
    document = orjson.loads(data)
    document["signatures"][0]["sig"] = document["signatures"][0]["sig"][::-1]
    replace(path, orjson.dumps(document))
    (problem,) = verify_store(store.location).problems
    assert "signature of the envelope does not hold" in problem["problem"]
