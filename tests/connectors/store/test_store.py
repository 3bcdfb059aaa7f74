"""Birth, writing, reading: what a store accepts, from whom, and by which clock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.store import Signer, Store, create_store, open_store, store_exists, system_clock
from connectors.store.files import LocalFiles
from evidence import ledger
from evidence.ledger import check_chain, digest
from schemas.errors import ConfigurationError, StoreError, VerificationFailed
from tests.fakes.stores import SettableClock, simulated_store


def chain_files(store: Store) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path(store.location, "ledger").glob("*.json"))]


class TestBirth:
    """The first entry decides what a store is, and nothing else does."""

    def test_the_first_entry_says_whether_it_is_simulated(self, store: Store) -> None:
        first = next(store.entries())
        assert first["seq"] == 1
        assert first["kind"] == "store"
        assert first["previous"] is None
        assert first["body"]["simulated"] is True
        assert first["body"]["store_id"] == store.store_id

    def test_it_is_born_once(self, store: Store, clock: SettableClock, signer: Signer) -> None:
        for simulated in (True, False):
            with pytest.raises(StoreError, match="already"):
                create_store(
                    store.location,
                    simulated=simulated,
                    now=clock if simulated else system_clock,
                    signer=signer,
                    product_version="1",
                )
        with pytest.raises(StoreError, match="born once"):
            store.append("store", {"simulated": False})

    def test_a_set_clock_is_for_simulated_stores_alone(self, tmp_path: Path, clock: SettableClock) -> None:
        with pytest.raises(StoreError, match="clock can't be set"):
            create_store(tmp_path / "s", simulated=False, now=clock, signer=Signer.generate(), product_version="1")
        assert not store_exists(tmp_path / "s")
        create_store(tmp_path / "s", simulated=False, now=system_clock, signer=Signer.generate(), product_version="1")
        for now in (clock, lambda: datetime.now(UTC)):
            with pytest.raises(StoreError, match="clock can't be set"):
                open_store(tmp_path / "s", now=now, product_version="1", read_only=True)
        assert open_store(tmp_path / "s", now=system_clock, product_version="1").simulated is False

    def test_a_missing_store_says_what_to_run(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="the first evidence collect makes it"):
            open_store(tmp_path / "nowhere", now=system_clock, product_version="1")
        assert not (tmp_path / "nowhere").exists()

    def test_object_storage_is_refused_in_words(self) -> None:
        with pytest.raises(StoreError, match="not supported yet"):
            open_store("s3://bucket/prefix", now=system_clock, product_version="1")

    def test_a_lost_first_entry_is_no_empty_store(self, store: Store, clock: SettableClock) -> None:
        store.append("record", {"n": 1})
        Path(store.location, "ledger/00000001.json").unlink()
        with pytest.raises(StoreError, match=r"00000001\.json is missing although later entries are there"):
            open_store(store.location, now=clock, product_version="1")


class TestAppend:
    """Entries are signed, chained and dated by the store."""

    def test_what_is_written_is_what_is_read(self, store: Store) -> None:
        body = {"record_kind": "document", "text": "Grüße", "n": 1.5, "none": None, "list": [1, {"a": True}]}
        written = store.append("record", body)
        assert list(store.entries(kinds={"record"})) == [written]
        assert written["body"] == body
        chain, _ = check_chain(chain_files(store))
        assert store.head().digest == chain.digest
        assert store.head().seq == 2

    def test_the_store_dates_its_entries(self, store: Store, clock: SettableClock) -> None:
        clock.instant = datetime(2026, 5, 3, 7, 8, 9, 10, tzinfo=UTC)
        entry = store.append("record", {"recorded_at": "2020-01-01T00:00:00Z"})
        assert entry["recorded_at"] == "2026-05-03T07:08:09.000010Z"
        assert store.head().recorded_at == clock.instant

    def test_time_never_runs_backwards_in_the_ledger(self, store: Store, clock: SettableClock) -> None:
        latest = store.append("record", {"n": 1})["recorded_at"]
        clock.forward(seconds=-59)
        assert store.append("record", {"n": 2})["recorded_at"] == latest
        clock.forward(seconds=-2)
        with pytest.raises(StoreError, match="Set the clock"):
            store.append("record", {"n": 3})
        assert store.head().seq == 3

    def test_a_store_opened_for_reading_is_not_written(self, store: Store, clock: SettableClock) -> None:
        reading = open_store(store.location, now=clock, product_version="1", read_only=True)
        with pytest.raises(StoreError, match="for reading only"):
            reading.append("record", {})
        with pytest.raises(StoreError, match="for reading only"):
            reading.put_document(b"x", ".txt")

    def test_what_json_cannot_say_is_refused_before_anything_is_written(self, store: Store) -> None:
        with pytest.raises(ValueError, match="JSON"):
            store.append("record", {"at": datetime(2026, 1, 1, tzinfo=UTC)})
        assert store.head().seq == 1

    def test_two_open_stores_see_each_others_entries(self, store: Store, clock: SettableClock, signer: Signer) -> None:
        other = open_store(store.location, now=clock, signer=signer, product_version="1")
        assert other.head().seq == 1
        store.append("record", {"n": 1})
        other.append("record", {"n": 2})
        store.append("record", {"n": 3})
        assert [entry["body"]["n"] for entry in other.entries(kinds={"record"})] == [1, 2, 3]
        assert other.head() == store.head()

    def test_entries_are_read_only_files(self, store: Store) -> None:
        path = Path(store.location, "ledger/00000001.json")
        assert path.stat().st_mode & 0o777 == 0o444


RACER = """
import sys
from pathlib import Path
from connectors.store import Signer, open_store, system_clock
store = open_store(sys.argv[1], now=system_clock, signer=Signer.load(Path(sys.argv[2])), product_version="1")
for number in range(int(sys.argv[4])):
    store.put_document(b"shared %d" % number, ".txt")
    store.append("record", {"writer": int(sys.argv[3]), "number": number})
"""


def test_eight_processes_write_at_the_same_time_and_the_chain_is_whole(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    store = create_store(
        tmp_path / "store", simulated=False, now=system_clock, signer=Signer.load(key), product_version="1"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", RACER, store.location, str(key), str(number), "25"])
        for number in range(8)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 8
    chain, _ = check_chain(chain_files(store))
    assert chain.seq == 201
    written = [(entry["body"]["writer"], entry["body"]["number"]) for entry in store.entries(kinds={"record"})]
    assert sorted(written) == [(writer, number) for writer in range(8) for number in range(25)]
    for writer in range(8):  # each writer's own order is kept
        assert [number for one, number in written if one == writer] == list(range(25))
    files = [path.name for path in Path(store.location).rglob("*") if path.is_file()]
    assert len(files) == 201 + 25
    assert not any(name.startswith(".tmp-") for name in files)


def test_reading_a_ledger_loads_nothing_heavy(store: Store) -> None:
    store.append("record", {"n": 1})
    script = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from connectors.store import open_store\n"
        "store = open_store(sys.argv[1], now=lambda: datetime.now(UTC), product_version='1', read_only=True)\n"
        "assert len(store.index()) == len(list(store.entries())) == store.head().seq == 2\n"
        "store.evidence(datetime.now(UTC))\n"
        "heavy = {'pandas', 'pyarrow', 'numpy', 'pydantic', 'prefect', 'boto3', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, store.location], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


class TestReading:
    """The chain is checked on the way; what is not whole is never read as less."""

    @pytest.fixture
    def filled(self, store: Store, clock: SettableClock) -> Store:
        for number in range(5):
            clock.forward(hours=1)
            store.append("record" if number % 2 else "outcomes", {"n": number})
        return store

    def reopened(self, store: Store) -> Store:
        return open_store(store.location, now=store.now, product_version="1", read_only=True)

    def rewrite(self, store: Store, seq: int, change: Any) -> None:
        path = Path(store.location, f"ledger/{seq:08d}.json")
        data = change(path.read_bytes())
        path.unlink()
        path.write_bytes(data)

    def test_by_kind_from_a_number_on_and_as_of_an_instant(self, filled: Store, clock: SettableClock) -> None:
        store = self.reopened(filled)
        assert [entry["seq"] for entry in store.entries(kinds={"record"})] == [3, 5]
        assert [entry["seq"] for entry in store.entries(since_seq=4)] == [5, 6]
        as_of = clock.instant - timedelta(hours=2)
        assert [entry["seq"] for entry in store.entries(until=as_of)] == [1, 2, 3, 4]
        assert [entry["seq"] for entry in store.entries(until=as_of - timedelta(microseconds=1))] == [1, 2, 3]
        assert [entry["seq"] for entry in store.entries(up_to_seq=2)] == [1, 2]

    def test_a_number_that_is_not_there_is_an_error(self, filled: Store) -> None:
        assert list(self.reopened(filled).entries(since_seq=6)) == []
        with pytest.raises(StoreError, match="there is no ledger entry 9"):
            list(self.reopened(filled).entries(since_seq=9))

    @pytest.mark.parametrize("seq", [1, 3, 6])
    def test_an_edited_entry_stops_the_reading(self, filled: Store, seq: int) -> None:
        self.rewrite(filled, seq, lambda data: data.replace(b'"kind":"', b'"kind":"').replace(b"2026-05", b"2026-04"))
        with pytest.raises(VerificationFailed, match="Run evidence verify"):
            list(self.reopened(filled).entries())
        with pytest.raises(VerificationFailed, match="Run evidence verify"):
            self.reopened(filled).head()

    def test_the_head_is_vouched_for_by_its_signature(self, filled: Store) -> None:
        self.rewrite(filled, 6, lambda data: data.replace(b'"n":4', b'"n":5'))
        with pytest.raises(VerificationFailed, match=r"00000006\.json: the signature does not hold"):
            list(self.reopened(filled).entries())

    def test_a_ledger_rewritten_whole_without_the_key_is_noticed(self, filled: Store) -> None:
        # Every digest fits again; only a signature could not be made.
        folder = Path(filled.location, "ledger")
        previous = digest((folder / "00000002.json").read_bytes())
        for seq in range(3, 7):
            entry = orjson.loads((folder / f"{seq:08d}.json").read_bytes())
            entry["previous"] = previous
            entry["body"]["n"] = 99
            data = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
            self.rewrite(filled, seq, lambda _, data=data: data)
            previous = digest(data)
        with pytest.raises(VerificationFailed, match="signature"):
            list(self.reopened(filled).entries())

    @pytest.mark.parametrize("seq", [2, 5])
    def test_a_hole_is_an_error_and_never_a_short_read(self, filled: Store, seq: int) -> None:
        Path(filled.location, f"ledger/{seq:08d}.json").unlink()
        store = self.reopened(filled)
        with pytest.raises(VerificationFailed, match=f"{seq:08d}.json: the entry is missing although later ones"):
            list(store.entries())

    def test_an_entry_under_another_name_is_noticed(self, filled: Store) -> None:
        folder = Path(filled.location, "ledger")
        third, fourth = (folder / "00000003.json"), (folder / "00000004.json")
        third.rename(folder / "x")
        fourth.rename(third)
        (folder / "x").rename(fourth)
        with pytest.raises(VerificationFailed, match="its sequence number is 4, expected 3"):
            list(self.reopened(filled).entries())
        with pytest.raises(VerificationFailed, match="under another name"):
            list(self.reopened(filled).entries(since_seq=3))

    def test_a_forged_entry_that_came_later_is_noticed_and_stays_noticed(self, filled: Store) -> None:
        assert filled.head().seq == 6
        stranger = Signer.generate()
        unsigned = ledger.unsigned_entry(
            seq=7, previous=filled.head().digest, recorded_at="2026-06-01T00:00:00.000000Z", kind="record",
            key_id=stranger.key_id, body={"n": 7},
        )  # fmt: skip
        forged = ledger.with_signature(unsigned, stranger.sign(unsigned))
        Path(filled.location, "ledger/00000007.json").write_bytes(forged)
        for _ in range(2):
            with pytest.raises(VerificationFailed, match=r"00000007\.json: signed by"):
                filled.head()
            with pytest.raises(VerificationFailed, match=r"00000007\.json: signed by"):
                filled.append("record", {"n": 8})
            with pytest.raises(VerificationFailed, match=r"00000007\.json: signed by"):
                filled.index()

    def test_files_that_are_being_written_are_not_entries(self, filled: Store) -> None:
        Path(filled.location, "ledger/.tmp-1-abc").write_bytes(b"half")
        Path(filled.location, "ledger/notes.txt").write_bytes(b"x")
        assert len(list(self.reopened(filled).entries())) == 6


class TestKeys:
    """Who may write."""

    def test_a_stranger_may_read_and_not_write(self, store: Store, clock: SettableClock) -> None:
        stranger = open_store(store.location, now=clock, signer=Signer.generate(), product_version="1")
        assert stranger.head().seq == 1
        with pytest.raises(StoreError, match="evidence key enrol"):
            stranger.append("record", {})
        with pytest.raises(StoreError, match="not enrolled"):
            stranger.enrol_key(Signer.generate().public_key, reason="to get in")
        assert store.head().seq == 1

    def test_an_enrolled_collector_writes_until_its_key_is_revoked(self, store: Store, clock: SettableClock) -> None:
        second = Signer.generate()
        store.enrol_key(second.public_key, reason="second machine")
        other = open_store(store.location, now=clock, signer=second, product_version="1")
        other.append("record", {"n": 1})
        store.revoke_key(second.key_id, reason="machine lost")
        with pytest.raises(StoreError, match="rotated or revoked"):
            other.append("record", {"n": 2})
        assert len(list(store.entries(kinds={"record"}))) == 1

    def test_after_rotation_the_old_key_writes_no_more(self, store: Store, clock: SettableClock) -> None:
        new = Signer.generate()
        store.rotate_key(new.public_key, reason="yearly")
        with pytest.raises(StoreError, match="rotated or revoked"):
            store.append("record", {})
        open_store(store.location, now=clock, signer=new, product_version="1").append("record", {})
        check_chain(chain_files(store))

    def test_a_change_needs_a_reason_and_a_key_that_is_there(self, store: Store) -> None:
        with pytest.raises(StoreError, match="Say why"):
            store.enrol_key(Signer.generate().public_key, reason=" ")
        with pytest.raises(StoreError, match="knows no key"):
            store.revoke_key("ed25519:0000000000000000", reason="x")
        with pytest.raises(VerificationFailed, match="the last one in force"):
            store.revoke_key(store.signer.key_id, reason="x")


class TestSigner:
    """The key file: made once, for its owner alone, never in the store."""

    def test_it_is_made_on_first_use_and_is_the_same_afterwards(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "key.pem"
        first = Signer.load(path)
        assert Signer.load(path).key_id == first.key_id
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
        assert [entry.name for entry in path.parent.iterdir()] == ["key.pem"]

    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        Signer.load(path)
        path.chmod(0o640)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            Signer.load(path)

    def test_a_key_inside_the_store_is_refused_through_links_too(self, tmp_path: Path) -> None:
        store = tmp_path / "store"
        store.mkdir()
        (tmp_path / "link").symlink_to(store)
        for path in (store / "key.pem", tmp_path / "link" / "key.pem", tmp_path / "other" / ".." / "store" / "key.pem"):
            with pytest.raises(ConfigurationError, match="points into the evidence store"):
                Signer.load(path, store=store)
        assert list(store.iterdir()) == []

    def test_the_environment_names_the_file(
        self, tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "mine.pem"))
        store = create_store(tmp_path / "s", simulated=True, now=clock, product_version="1")
        assert store.signer.key_id == Signer.load(tmp_path / "mine.pem").key_id
        monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "s" / "mine.pem"))
        with pytest.raises(ConfigurationError, match="points into the evidence store"):
            open_store(tmp_path / "s", now=clock, product_version="1").append("record", {})

    def test_something_else_in_the_file_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_text("no key")
        path.chmod(0o600)
        with pytest.raises(ConfigurationError, match="no unencrypted PEM file"):
            Signer.load(path)
        assert path.read_text() == "no key"

    def test_the_private_key_is_not_shown(self) -> None:
        signer = Signer.generate()
        assert repr(signer) == f"Signer({signer.key_id})"


class TestFiles:
    """Create once, or say that the name is taken."""

    def test_the_first_content_stays(self, tmp_path: Path) -> None:
        files = LocalFiles(tmp_path)
        assert files.create_if_absent("a/b.txt", b"one") is True
        assert files.create_if_absent("a/b.txt", b"two") is False
        assert files.read("a/b.txt") == b"one"
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]

    def test_a_crash_between_writing_and_naming_leaves_nothing_that_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_link(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "link", no_link)
        with pytest.raises(StoreError, match="no file can be created once"):
            LocalFiles(tmp_path).create_if_absent("ledger/00000001.json", b"x")
        assert LocalFiles(tmp_path).list_ledger() == []

    def test_only_caches_are_replaced(self, tmp_path: Path) -> None:
        files = LocalFiles(tmp_path)
        files.replace_cache("index/x", b"1")
        files.replace_cache("index/x", b"2")
        assert files.read("index/x") == b"2"
        with pytest.raises(ValueError, match="only files under index/"):
            files.replace_cache("objects/x", b"1")

    def test_an_object_whose_name_is_taken_by_other_bytes_is_refused(self, store: Store) -> None:
        stored = store.put_document(b"policy", ".md")
        path = Path(store.location, stored.path)
        assert store.put_document(b"policy", ".md") == stored
        path.chmod(0o644)
        path.write_bytes(b"altered")
        with pytest.raises(StoreError, match="holds other bytes than its name says"):
            store.put_document(b"policy", ".md")


def test_a_real_store_on_the_system_clock_works_end_to_end(tmp_path: Path) -> None:
    store = create_store(
        tmp_path / "s", simulated=False, now=system_clock, signer=Signer.generate(), product_version="1"
    )
    entry = store.append("record", {"n": 1})
    recorded_at = datetime.fromisoformat(entry["recorded_at"])
    assert abs(datetime.now(UTC) - recorded_at) < timedelta(minutes=5)
    assert simulated_store(tmp_path / "t", system_clock).simulated is True
