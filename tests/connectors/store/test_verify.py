"""Verification: each way of tampering is broken on purpose here, and each is named with its file."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.store import Signer, Store, create_store, system_clock
from connectors.store.verify import VerificationReport, verify_store
from evidence import ledger
from schemas.errors import StoreError
from tests.fakes.stores import EVENTS, ITEM_A, START, STATES, FakeSource, SettableClock, event, state


@pytest.fixture
def filled(store: Store, source: FakeSource, clock: SettableClock) -> Store:
    """Entries 1 to 6: birth, two collections, a document, a record and another collection."""
    source.events[ITEM_A.id] = [event(f"e{n}", START + timedelta(days=n)) for n in range(5)]
    source.states[ITEM_A.id] = [state("mfa")]
    source.collect(store)
    clock.forward(hours=1)
    source.collect(store, datasets=(STATES,))
    held = store.put_document(b"a policy", ".md")
    store.append("record", {"record_kind": "document", "object": held.to_json()})
    clock.forward(hours=1)
    store.append("record", {"record_kind": "disposition", "code": "FALSE_POSITIVE"})
    source.collect(store, datasets=(EVENTS, STATES))
    return store


def entry_file(store: Store, seq: int) -> Path:
    return Path(store.location, f"ledger/{seq:08d}.json")


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def problems(store: Store, **options: Any) -> list[tuple[str, str]]:
    report = verify_store(store.location, **options)
    assert report.ok is (not report.problems)
    return [(problem["path"], problem["problem"]) for problem in report.problems]


def object_paths(store: Store) -> list[str]:
    root = Path(store.location)
    return sorted(
        path.relative_to(root).as_posix() for folder in ("objects", "raw") for path in root.glob(folder + "/*/*")
    )


class TestWhole:
    """A store that is whole."""

    def test_everything_is_counted(self, filled: Store) -> None:
        report = verify_store(filled.location, deep=True)
        paths = object_paths(filled)
        assert report.ok
        assert report.entries == 6
        assert report.objects == len(paths)
        root = Path(filled.location)
        assert report.bytes == sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        assert (report.orphans, report.anchors) == ([], [])
        assert report.head == filled.head().digest
        assert set(report.to_json()) >= {
            "ok", "entries", "objects", "bytes", "problems", "orphans", "anchors", "unanchored_days",
        }  # fmt: skip

    def test_progress_counts_objects(self, filled: Store) -> None:
        seen: list[tuple[int, int]] = []
        report = verify_store(filled.location, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(n, report.objects) for n in range(1, report.objects + 1)]

    def test_a_head_that_was_sent_out_is_in_the_chain(self, filled: Store) -> None:
        for seq in (1, 4, 6):
            digest = ledger.digest(entry_file(filled, seq).read_bytes())
            assert problems(filled, expect_head=digest) == []
            assert problems(filled, expect_head=digest.removeprefix("sha256:")) == []

    def test_the_store_was_born_under_a_key_that_is_known(self, filled: Store) -> None:
        assert problems(filled, public_keys=[Signer.generate().public_key, filled.signer.public_key]) == []
        ((path, problem),) = problems(filled, public_keys=[Signer.generate().public_key])
        assert path == "ledger/00000001.json"
        assert "none of the keys given" in problem

    def test_what_no_entry_names_is_listed_and_no_error(self, filled: Store) -> None:
        filled.put_document(b"left by a crash", ".md")
        root = Path(filled.location)
        (root / "notes.txt").write_text("x")
        (root / "ledger" / ".tmp-1-ab").write_text("half")
        (root / "index").mkdir()
        (root / "index" / "cache").write_text("x")
        report = verify_store(filled.location)
        assert report.ok
        assert len(report.orphans) == 3
        assert {"notes.txt", "ledger/.tmp-1-ab"} < set(report.orphans)

    def test_there_must_be_a_store(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="no evidence store"):
            verify_store(tmp_path / "nowhere")
        with pytest.raises(StoreError, match="holds no ledger"):
            verify_store(tmp_path)


WRITER = """
import sys
from pathlib import Path
from connectors.store import Signer, open_store, system_clock
store = open_store(sys.argv[1], now=system_clock, signer=Signer.load(Path(sys.argv[2])), product_version="1")
number = 0
while True:
    held = store.put_document(b"%d" % number * 5000, ".txt")
    store.append("record", {"record_kind": "document", "object": held.to_json()})
    print(number, flush=True)
    number += 1
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_store(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    store = create_store(
        tmp_path / "store", simulated=False, now=system_clock, signer=Signer.load(key), product_version="1"
    )
    written = 0
    for entries in (3, 8, 13):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, store.location, str(key)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(entries):
            assert writer.stdout.readline()
        writer.kill()
        writer.communicate()
        written += entries
        report = verify_store(store.location)
        assert report.problems == []
        assert report.entries >= 1 + written
        # At worst one object without its entry and one file half written are left behind, each time.
        assert len(report.orphans) <= 6


class TestObjects:
    """Files that the ledger names."""

    def test_a_changed_byte_in_any_file(self, filled: Store) -> None:
        for path in object_paths(filled):
            file = Path(filled.location, path)
            data = file.read_bytes()
            altered = bytearray(data)
            altered[len(data) // 2] ^= 1
            replace(file, bytes(altered))
            ((where, problem),) = problems(filled)
            assert where == path
            assert "its content is not what was stored" in problem
            replace(file, data)
        assert problems(filled) == []

    def test_a_missing_file_and_one_cut_short(self, filled: Store) -> None:
        first, second, *_ = object_paths(filled)
        Path(filled.location, first).unlink()
        replace(Path(filled.location, second), Path(filled.location, second).read_bytes()[:-1])
        found = dict(problems(filled))
        assert sorted(found) == sorted([first, second])
        assert "it is missing" in found[first]
        assert "its content is not what was stored" in found[second]

    def test_rows_that_are_not_those_of_the_ledger_are_found_deep(self, filled: Store) -> None:
        # Whoever holds the key could write an entry whose row digest is not that of the file it names.
        body = dict(next(filled.entries(kinds={"collection"}))["body"])
        stored = filled.put_document(Path(filled.location, body["manifests"][0]["object"]["path"]).read_bytes(), ".bin")
        held = {**stored.to_json(), "rows": 5, "rows_sha256": "sha256:" + "0" * 64}
        body["manifests"] = [{**body["manifests"][0], "object": held}]
        filled.append("collection", body)
        assert problems(filled) == []
        ((path, problem),) = problems(filled, deep=True)
        assert path == held["path"]
        assert "the ledger says 5, sha256:000" in problem

    @pytest.mark.parametrize("path", ["../outside.md", "objects/ab/" + "a" * 64 + ".md", "index/ab/x.md"])
    def test_a_name_that_leads_elsewhere_is_never_followed(self, filled: Store, path: str) -> None:
        filled.append("record", {"object": {"digest": "sha256:" + "b" * 64, "bytes": 1, "path": path}})
        ((where, problem),) = problems(filled)
        assert where == "ledger/00000007.json"
        assert "which is no name for sha256:bbb" in problem


class TestLedger:
    """Entries."""

    def test_an_edited_entry(self, filled: Store) -> None:
        data = entry_file(filled, 5).read_bytes()
        replace(entry_file(filled, 5), data.replace(b"FALSE_POSITIVE", b"CONFIRMED_BAD!"))
        found = problems(filled)
        assert ("ledger/00000005.json", f"the signature does not hold for key {filled.signer.key_id}") in found
        assert any(path == "ledger/00000006.json" and "altered or replaced" in text for path, text in found)
        assert len(found) == 2

    def test_every_entry_edited_is_found(self, filled: Store) -> None:
        for seq in range(1, 7):
            data = entry_file(filled, seq).read_bytes()
            replace(entry_file(filled, seq), data.replace(b'"recorded_at":"2026', b'"recorded_at":"2027'))
            assert any(path == f"ledger/{seq:08d}.json" and "signature" in text for path, text in problems(filled))
            replace(entry_file(filled, seq), data)
        assert problems(filled) == []

    def test_a_missing_entry(self, filled: Store) -> None:
        entry_file(filled, 3).unlink()
        found = problems(filled)
        assert found == [("ledger/00000003.json", "the entry is missing although later ones are there")]

    def test_a_missing_birth(self, filled: Store) -> None:
        entry_file(filled, 1).unlink()
        found = problems(filled)
        assert ("ledger/00000001.json", "the entry is missing although later ones are there") in found
        assert any("no entry before it enrols" in text for _, text in found)

    def test_a_deleted_tail_is_found_by_whoever_knows_the_head(self, filled: Store) -> None:
        head = filled.head().digest
        entry_file(filled, 6).unlink()
        assert problems(filled) == []
        ((path, problem),) = problems(filled, expect_head=head)
        assert path == "ledger"
        assert "was cut off or rewritten" in problem

    def test_a_tail_rewritten_by_the_holder_of_the_key(self, filled: Store) -> None:
        head = filled.head().digest
        entry_file(filled, 6).unlink()
        filled._chain = None  # as a new process
        filled.append("record", {"record_kind": "disposition", "code": "NICER"})
        assert problems(filled) == []
        assert [path for path, _ in problems(filled, expect_head=head)] == ["ledger"]

    def test_swapped_entries(self, filled: Store) -> None:
        third, fourth = entry_file(filled, 3).read_bytes(), entry_file(filled, 4).read_bytes()
        replace(entry_file(filled, 3), fourth)
        replace(entry_file(filled, 4), third)
        found = problems(filled)
        assert ("ledger/00000003.json", "it is entry 4 under another number") in found
        assert ("ledger/00000004.json", "it is entry 3 under another number") in found
        assert {path for path, _ in found} == {f"ledger/{seq:08d}.json" for seq in (3, 4, 5)}

    def test_a_wrong_signature(self, filled: Store) -> None:
        entry = orjson.loads(entry_file(filled, 6).read_bytes())
        entry["signature"] = base64.b64encode(bytes(64)).decode()
        replace(entry_file(filled, 6), ledger.canonical(entry))
        assert problems(filled) == [
            ("ledger/00000006.json", f"the signature does not hold for key {filled.signer.key_id}")
        ]

    def test_a_signature_by_a_stranger(self, filled: Store) -> None:
        stranger = Signer.generate()
        self.forge(filled, 6, stranger, lambda entry: entry)
        ((path, problem),) = problems(filled)
        assert path == "ledger/00000006.json"
        assert f"signed by {stranger.key_id}, a key that no entry before it enrols" in problem

    def test_an_entry_dated_back_by_the_holder_of_the_key(self, filled: Store) -> None:
        self.forge(filled, 6, filled.signer, lambda entry: {**entry, "recorded_at": "2026-01-01T00:00:00.000000Z"})
        ((path, problem),) = problems(filled)
        assert path == "ledger/00000006.json"
        assert "earlier than an entry before it" in problem

    def test_something_that_is_no_entry(self, filled: Store) -> None:
        replace(entry_file(filled, 6), b"{}")
        assert problems(filled) == [("ledger/00000006.json", "not a ledger entry in canonical form")]
        entry = orjson.loads(entry_file(filled, 5).read_bytes())
        replace(entry_file(filled, 6), orjson.dumps(entry, option=orjson.OPT_INDENT_2))
        assert ("ledger/00000006.json", "not a ledger entry in canonical form") in problems(filled)

    def test_a_body_that_is_not_what_its_kind_needs(self, filled: Store) -> None:
        for kind, body in (("closed_month", {"month": "2026-04"}), ("anchor", {"head_seq": 1}), ("collection", {})):
            with pytest.raises(ValueError, match=f"the body of a {kind} entry needs"):
                filled.append(kind, body)
        assert problems(filled) == []
        closing = {"month": "../../x", "first_seq": 1, "last_seq": 2, "path": "x", "digest": "sha256:", "entries": 2}
        filled.append("closed_month", closing)
        ((path, problem),) = problems(filled)
        assert path == "ledger/00000007.json"
        assert "its body is not what its kind needs" in problem
        for kind in ("collection", "anchor", "closed_month"):
            entry = {**orjson.loads(entry_file(filled, 6).read_bytes()), "kind": kind, "body": {"month": "../x"}}
            replace(entry_file(filled, 6), ledger.canonical(entry))
            assert any(f"the body of a {kind} entry needs" in problem for _, problem in problems(filled))

    def test_evidence_of_another_kind_of_store(self, filled: Store) -> None:
        body = next(filled.entries(kinds={"collection"}))["body"]
        filled.append("collection", {**body, "simulated": False})
        ((path, problem),) = problems(filled)
        assert path == "ledger/00000007.json"
        assert "the store was born otherwise" in problem

    def test_simulated_evidence_in_a_real_store(self, tmp_path: Path, filled: Store) -> None:
        # A copy of the whole store, born again as real by somebody who holds the key.
        copy = tmp_path / "copy"
        shutil.copytree(filled.location, copy)
        previous = None
        for seq in range(1, 7):
            entry = orjson.loads((copy / f"ledger/{seq:08d}.json").read_bytes())
            body = {**entry["body"], **({"simulated": False} if "simulated" in entry["body"] else {})}
            unsigned = ledger.unsigned_entry(
                seq=seq, previous=previous, recorded_at=entry["recorded_at"], kind=entry["kind"],
                key_id=entry["key_id"], body=body,
            )  # fmt: skip
            data = ledger.with_signature(unsigned, filled.signer.sign(unsigned))
            previous = ledger.digest(data)
            replace(copy / f"ledger/{seq:08d}.json", data)
        report = verify_store(copy)
        assert {problem["problem"] for problem in report.problems} == {
            "it holds evidence of a simulated endpoint in a real store"
        }
        assert not verify_store(copy, expect_head=filled.head().digest).ok

    def forge(self, store: Store, seq: int, signer: Signer, change: Callable[[Any], Any]) -> None:
        entry = change(orjson.loads(entry_file(store, seq).read_bytes()))
        unsigned = ledger.unsigned_entry(
            seq=seq, previous=entry["previous"], recorded_at=entry["recorded_at"], kind=entry["kind"],
            key_id=signer.key_id, body=entry["body"],
        )  # fmt: skip
        replace(entry_file(store, seq), ledger.with_signature(unsigned, signer.sign(unsigned)))


class TestAnchors:
    """How much could have been rewritten."""

    def anchor(self, store: Store) -> None:
        head = store.head()
        store.append("anchor", {
            "head_seq": head.seq, "head_digest": head.digest, "sent_at": "2026-05-02T08:00:00Z", "via": "mail",
            "to": "auditor@example.com", "receipt": {},
        })  # fmt: skip

    def report(self, store: Store) -> VerificationReport:
        return verify_store(store.location)

    def test_without_any_all_days_since_the_birth(self, filled: Store, clock: SettableClock) -> None:
        assert self.report(filled).unanchored_days == 1
        clock.forward(days=9, hours=23)
        filled.append("record", {})
        assert self.report(filled).unanchored_days == 11

    def test_none_right_after_one_and_counted_from_it(self, filled: Store, clock: SettableClock) -> None:
        clock.forward(days=30)
        filled.append("record", {})
        self.anchor(filled)
        self.anchor(filled)
        report = self.report(filled)
        assert report.unanchored_days == 0
        assert [(anchor["head_seq"], anchor["to"]) for anchor in report.anchors] == [
            (7, "auditor@example.com"), (8, "auditor@example.com"),
        ]  # fmt: skip
        clock.forward(days=3)
        filled.append("record", {})
        assert self.report(filled).unanchored_days == 3

    def test_an_anchor_of_a_head_that_never_was(self, filled: Store) -> None:
        filled.append("anchor", {
            "head_seq": 4, "head_digest": "sha256:" + "0" * 64, "sent_at": "2026-05-02T08:00:00Z", "via": "webhook",
            "to": "x", "receipt": {},
        })  # fmt: skip
        ((path, problem),) = problems(filled)
        assert path == "ledger/00000007.json"
        assert "which the chain does not have" in problem


class TestClosed:
    """Closed months stand beside their originals."""

    @pytest.fixture
    def closed(self, filled: Store, clock: SettableClock) -> Store:
        clock.forward(days=40)
        filled.close_month("2026-05")
        return filled

    def test_both_are_checked(self, closed: Store) -> None:
        assert problems(closed) == []
        assert verify_store(closed.location).orphans == []

    def test_a_line_that_differs(self, closed: Store) -> None:
        path = Path(closed.location, "ledger/closed/2026-05.jsonl")
        replace(path, path.read_bytes().replace(b"FALSE_POSITIVE", b"FALSE_NEGATIVE"))
        found = problems(closed)
        assert ("ledger/closed/2026-05.jsonl", "line 5 differs from entry 5") in found
        assert any(path == "seals/2026-05.dsse.json" and "merkle_root" in text for path, text in found)

    def test_a_missing_original_is_said_although_its_copy_is_there(self, closed: Store) -> None:
        entry_file(closed, 2).unlink()
        assert problems(closed) == [("ledger/00000002.json", "the original is missing; its closed month has it still")]

    def test_an_original_and_its_copy_edited_alike(self, closed: Store) -> None:
        for path in (entry_file(closed, 5), Path(closed.location, "ledger/closed/2026-05.jsonl")):
            replace(path, path.read_bytes().replace(b"FALSE_POSITIVE", b"FALSE_NEGATIVE"))
        paths = {path for path, _ in problems(closed)}
        assert {"ledger/00000005.json", "ledger/00000006.json", "ledger/closed/2026-05.jsonl"} <= paths

    def test_a_missing_closed_file_or_seal(self, closed: Store) -> None:
        Path(closed.location, "seals/2026-05.dsse.json").unlink()
        assert problems(closed) == [
            ("seals/2026-05.dsse.json", "the month is closed by entry 7 and has no seal; close it again")
        ]
        Path(closed.location, "ledger/closed/2026-05.jsonl").unlink()
        assert [path for path, _ in problems(closed)] == ["ledger/closed/2026-05.jsonl"]
