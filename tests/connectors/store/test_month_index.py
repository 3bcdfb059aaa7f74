"""The index of a closed month: it says what the lines say, is vouched for by the closing entry, and is never trusted
without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.store import Signer, Store, month_index, open_store
from connectors.store.files import LocalFiles
from connectors.store.verify import verify_store
from evidence.ledger_index import IndexedEntry
from schemas.errors import PermissionDenied, StoreError, VerificationFailed
from tests.fakes.stores import EVENTS, ITEM_A, ITEM_B, STATES, FakeSource, SettableClock, event, state

MAY = "ledger/closed/2026-05.index"
JUNE = "ledger/closed/2026-06.index"


@pytest.fixture
def two_closed(store: Store, source: FakeSource, clock: SettableClock, tmp_path: Path) -> Store:
    """May and June 2026 are closed; in May the collector's key was rotated; the clock stands in August."""
    source.errors[ITEM_B.id] = PermissionDenied("not allowed", permission="contents:read")
    for month in (5, 6, 7):
        for day in (10, 20):
            clock.instant = datetime(2026, month, day, tzinfo=UTC)
            source.events[ITEM_A.id] = [event(f"e{month}{day}", clock.instant)]
            source.states[ITEM_A.id] = [state("mfa")]
            source.collect(store, items=(ITEM_A, ITEM_B), datasets=(EVENTS, STATES))
            store.append("record", {"record_kind": "note", "day": day, "text": "Grüße", "none": None, "n": 1.5})
        if month == 5:
            following = Signer.load(tmp_path / "next.pem")
            store.rotate_key(following.public_key, reason="a new machine")
            store = open_store(store.location, now=clock, signer=following, product_version="1")
    clock.instant = datetime(2026, 8, 2, tzinfo=UTC)
    for closed in ("2026-05", "2026-06"):
        store.close_month(closed)
    return store


def path_of(store: Store, name: str) -> Path:
    return Path(store.location, name)


def reopened(store: Store) -> Store:
    return open_store(store.location, now=store.now, product_version="1", read_only=True)


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


@pytest.fixture
def lines_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of closed months that were read line by line."""
    read: list[str] = []
    real = LocalFiles.lines

    def lines(self: LocalFiles, path: str) -> Iterator[bytes]:
        read.append(path)
        return real(self, path)

    monkeypatch.setattr(LocalFiles, "lines", lines)
    return read


def by_line(store: Store) -> list[IndexedEntry]:
    return list(reopened(store).claims_index())


def test_it_says_what_the_lines_say_and_no_line_is_read(two_closed: Store, lines_read: list[str]) -> None:
    wanted = by_line(two_closed)
    lines_read.clear()
    read = reopened(two_closed)
    assert read.index() == wanted
    assert lines_read == []
    assert read.head() == two_closed.head()
    assert read.keys().is_in_force(two_closed.signer.key_id), "keys changed in a closed month are known"
    assert list(read.entries()) == list(two_closed.entries())


def test_texts_that_come_again_are_held_once(two_closed: Store) -> None:
    claims = [claim for entry in reopened(two_closed).index() for claim in entry.claims]
    assert len(claims) > 8
    assert len({id(claim.query_hash) for claim in claims}) == len({claim.query_hash for claim in claims})


def test_the_same_lines_always_give_the_same_bytes(two_closed: Store) -> None:
    lines = path_of(two_closed, "ledger/closed/2026-05.jsonl").read_bytes().splitlines()
    assert b"".join(month_index.frames_of(lines)) == path_of(two_closed, MAY).read_bytes()


def test_many_entries_go_into_several_frames(two_closed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = path_of(two_closed, "ledger/closed/2026-05.jsonl").read_bytes().splitlines()
    whole = list(month_index.frames_of(lines))
    monkeypatch.setattr(month_index, "_PER_FRAME", 2)
    parted = list(month_index.frames_of(lines))
    assert len(parted) > len(whole) == 3
    replace(path_of(two_closed, MAY), b"".join(parted))
    read = month_index.read_month_index(two_closed.files, MAY)
    assert read is not None
    assert [entry.seq for entry in read[0].entries] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("month", [MAY, JUNE])
def test_an_altered_index_stops_the_reading_and_is_found(two_closed: Store, month: str) -> None:
    path = path_of(two_closed, month)
    data = path.read_bytes()
    assert data.count(b"contents:read") > 0
    replace(path, data.replace(b"contents:read", b"contents:xxxx"))
    with pytest.raises(VerificationFailed, match="differs from what the closing entry says"):
        reopened(two_closed).index()
    problems = verify_store(two_closed.location).problems
    assert [problem["path"] for problem in problems] == [month]


@pytest.mark.parametrize("length", [0, 5, 40, -1, -60])
def test_an_index_that_was_cut_off_stops_the_reading_and_is_found(two_closed: Store, length: int) -> None:
    path = path_of(two_closed, MAY)
    replace(path, path.read_bytes()[:length])
    with pytest.raises(VerificationFailed):
        reopened(two_closed).index()
    assert [problem["path"] for problem in verify_store(two_closed.location).problems] == [MAY]


def test_an_index_of_other_lines_is_found_although_an_entry_names_it(
    two_closed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = month_index.frames_of
    monkeypatch.setattr("connectors.store.closing.frames_of", lambda lines: real(list(lines)[:-1]))
    two_closed.close_month("2026-07")
    assert [problem["path"] for problem in verify_store(two_closed.location).problems] == [
        "ledger/closed/2026-07.index"
    ]


def test_without_an_index_the_lines_are_read(two_closed: Store, lines_read: list[str]) -> None:
    wanted = by_line(two_closed)
    path_of(two_closed, JUNE).unlink()
    lines_read.clear()
    assert reopened(two_closed).index() == wanted
    assert set(lines_read) == {"ledger/closed/2026-06.jsonl"}
    assert [problem["path"] for problem in verify_store(two_closed.location).problems] == [JUNE]


def test_an_index_of_another_version_is_passed_over(
    two_closed: Store, monkeypatch: pytest.MonkeyPatch, lines_read: list[str]
) -> None:
    wanted = by_line(two_closed)
    monkeypatch.setattr(month_index, "VERSION", 2)
    monkeypatch.setattr("connectors.store.verify.VERSION", 2)
    lines_read.clear()
    assert reopened(two_closed).index() == wanted
    assert set(lines_read) == {"ledger/closed/2026-05.jsonl", "ledger/closed/2026-06.jsonl"}
    assert verify_store(two_closed.location).ok


def test_an_index_that_no_entry_names_is_not_used(
    two_closed: Store, monkeypatch: pytest.MonkeyPatch, lines_read: list[str]
) -> None:
    """A crash between the index and its entry; the index itself may be anybody's."""
    monkeypatch.setattr(two_closed, "append", _crash)
    with pytest.raises(RuntimeError):
        two_closed.close_month("2026-07")
    path = path_of(two_closed, "ledger/closed/2026-07.index")
    forged = path.read_bytes().replace(b"contents:read", b"contents:xxxx")
    replace(path, forged)
    lines_read.clear()
    assert reopened(two_closed).index() == by_line(two_closed)
    assert lines_read
    monkeypatch.undo()
    with pytest.raises(StoreError, match="is not the index of"):
        two_closed.close_month("2026-07")
    path.unlink()
    assert two_closed.close_month("2026-07")["body"]["index"]["path"] == "ledger/closed/2026-07.index"
    assert verify_store(two_closed.location).ok


def _crash(*_: object) -> None:
    raise RuntimeError("crashed")


def test_a_month_that_does_not_follow_is_read_by_line(two_closed: Store, lines_read: list[str]) -> None:
    """Entries of May are gone from both forms but not from the folder: the chain leads through the originals."""
    wanted = by_line(two_closed)
    path_of(two_closed, MAY).unlink()
    path_of(two_closed, "ledger/closed/2026-05.jsonl").unlink()
    lines_read.clear()
    assert reopened(two_closed).index() == wanted
    assert lines_read


def test_it_is_kept_up_to_date_behind_the_closed_months(two_closed: Store) -> None:
    read = reopened(two_closed)
    before = len(read.index())
    two_closed.append("record", {"record_kind": "note"})
    assert len(read.index()) == before + 1
    assert read.index()[-1].body == {"record_kind": "note"}


def test_the_index_is_small(two_closed: Store) -> None:
    lines = path_of(two_closed, "ledger/closed/2026-06.jsonl").read_bytes()
    assert path_of(two_closed, JUNE).stat().st_size < len(lines) / 3
