"""Verification without network: every entry, the chain, the keys, the closed months, the seals, every object's bytes.

Unlike reading, which stops at the first thing that is wrong, this finds all of it and says where. A report that is `ok`
means: the ledger is whole from its first entry to its last, each entry was signed by a key in force, and every file the
ledger names is what it was when it was stored. That the tail was not cut off, only `expect_head` can tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.store.closing import MONTH, closed_path, seal_path, statement_of
from connectors.store.files import LocalFiles, StoreFiles, entry_path
from connectors.store.month_index import VERSION, digest_of, frames_of, index_path
from connectors.store.objects import check
from evidence import seal
from evidence.anchors import Anchoring
from evidence.ledger import KeyRing, canonical, closed_month_problems, digest, entry_problems, header_of, key_id_of
from evidence.signed_record import SignedRecords
from schemas.collection import StoredObject
from schemas.errors import StoreError, VerificationFailed

Progress = Callable[[int, int], None]
_OBJECT_PATH = re.compile(r"(objects|raw)/([0-9a-f]{2})/(\2[0-9a-f]{62})(\.[A-Za-z0-9.]+)?\Z")


_BESIDE = ("index/", "received/")
"""Caches, and what was received and not collected yet: a collection puts it into the ledger."""


@dataclass(slots=True)
class VerificationReport:
    """What was checked and all that is wrong. `ok` when nothing is; orphans are listed and are not errors."""

    entries: int = 0
    objects: int = 0
    bytes: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    anchors: list[dict[str, Any]] = field(default_factory=list)
    unanchored_days: int = 0
    store_id: str | None = None
    simulated: bool | None = None
    head: str | None = None
    deep: bool = False
    """Whether the rows of every Parquet file were digested too."""

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, path: str, problem: str) -> None:
        self.problems.append({"path": path, "problem": problem})

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok, "entries": self.entries, "objects": self.objects, "bytes": self.bytes,
            "problems": self.problems, "orphans": self.orphans, "anchors": self.anchors,
            "unanchored_days": self.unanchored_days, "store_id": self.store_id, "simulated": self.simulated,
            "ledger_head": self.head, "deep": self.deep,
        }  # fmt: skip


def verify_store(
    path: str | Path,
    *,
    expect_head: str | None = None,
    public_keys: Collection[str] | None = None,
    deep: bool = False,
    progress: Progress | None = None,
) -> VerificationReport:
    """Check everything in the store at `path`. StoreError only where there is no store at all.

    `expect_head` is the digest of an entry that was sent out earlier: it must be in the chain. `public_keys` (base64)
    are those that the collectors are known by from elsewhere: the store must be born under one of them. `deep` digests
    the rows of every Parquet file as well. `progress` is told how many of how many objects are through.
    """
    if not Path(path).is_dir():
        raise StoreError(f"There is no evidence store at {path}.")
    files = LocalFiles(Path(path))
    if not files.list_ledger() and not files.list_closed():
        raise StoreError(f"There is no evidence store at {path}: it holds no ledger.")
    return _Verifier(files, VerificationReport(deep=deep)).run(expect_head, public_keys, progress)


class _Verifier:
    def __init__(self, files: StoreFiles, report: VerificationReport) -> None:
        self.files = files
        self.report = report
        self.keys = KeyRing()
        self.digests: dict[int, str] = {}
        self.objects: dict[str, StoredObject] = {}
        self.closed: list[dict[str, Any]] = []
        self.indexes: set[str] = set()
        self.anchoring = Anchoring()
        self.last_recorded_at = ""
        self.signed_records = SignedRecords()

    def run(
        self, expect_head: str | None, public_keys: Collection[str] | None, progress: Progress | None
    ) -> VerificationReport:
        for seq, where, data in self._entries():
            self._entry(seq, where, data)
        self._birth(public_keys)
        self._expected(expect_head)
        self._anchors()
        self._closed_months()
        self._objects(progress)
        self._orphans()
        return self.report

    # --- entries -----------------------------------------------------------------------------------------------------

    def _entries(self) -> Iterator[tuple[int, str, bytes]]:
        """Every entry by its number; a missing original is a problem, and read from its closed month if that has it."""
        present = set(self.files.list_ledger())
        closed = self._closed_lines(present)
        last = max(present | closed.keys(), default=0)
        for seq in range(1, last + 1):
            if seq in present:
                yield seq, entry_path(seq), self.files.read(entry_path(seq))
                continue
            held = closed.get(seq)
            if held is None:
                self.report.add(entry_path(seq), "the entry is missing although later ones are there")
            else:
                self.report.add(entry_path(seq), "the original is missing; its closed month has it still")
                yield seq, f"closed copy of {entry_path(seq)}", held

    def _closed_lines(self, present: set[int]) -> dict[int, bytes]:
        """Lines of closed months whose originals are missing."""
        found: dict[int, bytes] = {}
        for path in self.files.list_closed():
            for line in self.files.lines(path):
                try:
                    seq = header_of(line).seq
                except VerificationFailed:
                    continue  # the comparison with the closing entry names this line
                if seq not in present:
                    found[seq] = line
        return found

    def _entry(self, seq: int, where: str, data: bytes) -> None:
        report = self.report
        report.entries += 1
        report.bytes += len(data)
        self.digests[seq] = report.head = digest(data)
        try:
            header = header_of(data)
        except VerificationFailed as error:
            report.add(where, str(error))
            return
        for problem in entry_problems(data, header):
            report.add(where, problem)
        if header.seq != seq:
            report.add(where, f"it is entry {header.seq} under another number")
        before = self.digests.get(seq - 1)
        if header.previous != before and (before is not None or seq == 1):
            report.add(
                where,
                f"it names {header.previous} as the entry before it, which has {before}: one of the two was altered or "
                "replaced",
            )
        if header.recorded_at < self.last_recorded_at:
            report.add(where, f"it was recorded at {header.recorded_at}, earlier than an entry before it")
        self.last_recorded_at = max(self.last_recorded_at, header.recorded_at)
        problem = self.keys.signature_problem(data, header)
        if problem is not None:
            report.add(where, problem)
        try:
            entry: dict[str, Any] = orjson.loads(data)
            self._body(where, entry, signed=problem is None)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            report.add(where, f"its body is not what its kind needs ({type(error).__name__})")

    def _body(self, where: str, entry: dict[str, Any], *, signed: bool) -> None:
        kind, body = entry["kind"], entry["body"]
        if kind in ("store", "key") and signed:
            try:
                self.keys.apply(entry)
            except VerificationFailed as error:
                self.report.add(where, str(error))
        if kind == "store" and entry["seq"] == 1:
            self.report.store_id, self.report.simulated = body["store_id"], body["simulated"]
        if kind == "collection":
            self._kind_of_store(where, body)
        if kind == "closed_month":
            if not MONTH.match(str(body["month"])):
                raise ValueError("month")
            self.closed.append(entry)
        self.anchoring.take(entry["seq"], kind, entry["recorded_at"], body)
        for problem in self.signed_records.problems(kind, entry["recorded_at"], body):
            self.report.add(where, problem)
        for held in _objects_in(body):
            self._named(where, held)

    def _kind_of_store(self, where: str, body: Mapping[str, Any]) -> None:
        if body["simulated"] != self.report.simulated:
            self.report.add(where, f"it says simulated: {body['simulated']}, and the store was born otherwise")
        if self.report.simulated is False and any(
            manifest["provenance"].get("endpoint_simulated") for manifest in body["manifests"]
        ):
            self.report.add(where, "it holds evidence of a simulated endpoint in a real store")

    def _named(self, where: str, held: StoredObject) -> None:
        match = _OBJECT_PATH.match(held.path)
        if match is None or "sha256:" + match[3] != held.digest:
            self.report.add(where, f"it names the object {held.path!r}, which is no name for {held.digest}")
            return
        known = self.objects.setdefault(held.path, held)
        about_rows = (held.rows, held.rows_sha256)
        if known.rows is None:
            self.objects[held.path] = held  # not every entry that names an object says what is in it
        elif held.rows is not None and about_rows != (known.rows, known.rows_sha256):
            self.report.add(where, f"it counts the rows of {held.path} otherwise than an entry before it")
        if known.bytes != held.bytes:
            self.report.add(where, f"it gives {held.path} another length than an entry before it")

    def _birth(self, public_keys: Collection[str] | None) -> None:
        if self.report.store_id is None:
            self.report.add(entry_path(1), "the first entry says nothing about the store that is born with it")
        if public_keys is None:
            return
        trusted = {key_id_of(key) for key in public_keys}
        born = [key.key_id for key in self.keys.enrolled() if key.enrolled_seq == 1]
        if not trusted.intersection(born):
            self.report.add(
                entry_path(1),
                f"the store was born under {', '.join(born) or 'no key'}, none of the keys given: this is another "
                "store, or it was made anew",
            )

    def _expected(self, expect_head: str | None) -> None:
        if expect_head is None:
            return
        wanted = expect_head if expect_head.startswith("sha256:") else f"sha256:{expect_head}"
        if wanted not in self.digests.values():
            self.report.add(
                "ledger",
                f"the chain does not contain {wanted}, which was its head once: it was cut off or rewritten",
            )

    def _anchors(self) -> None:
        self.report.anchors = self.anchoring.anchors
        self.report.unanchored_days = self.anchoring.unanchored_days()
        for anchor in self.anchoring.anchors:
            if self.digests.get(anchor["head_seq"]) != anchor["head_digest"]:
                self.report.add(
                    entry_path(anchor["seq"]),
                    f"it says that {anchor['head_digest']} was sent out as entry {anchor['head_seq']}, which the chain "
                    "does not have",
                )

    # --- closed months and seals -------------------------------------------------------------------------------------

    def _closed_months(self) -> None:
        previous: str | None = None
        for entry in self.closed:
            body = entry["body"]
            month = str(body["month"])
            path = closed_path(month)
            if body["path"] != path:
                self.report.add(entry_path(entry["seq"]), f"it closes {month} under the name {body['path']!r}")
            elif not self.files.exists(path):
                self.report.add(path, f"the closed month is missing; entry {entry['seq']} names it")
            else:
                self.report.bytes += self.files.size(path)
                for problem in closed_month_problems(body, self.files.lines(path), self.digests):
                    self.report.add(path, problem)
                self._month_index(body, month)
                self._seal(entry, previous)
            previous = digest(self.files.read(seal_path(month))) if self.files.exists(seal_path(month)) else None

    def _month_index(self, body: Mapping[str, Any], month: str) -> None:
        """The index beside the lines is the one named, and the one that the lines give."""
        named, path = body.get("index"), index_path(closed_path(month))
        if named is None:
            return
        self.indexes.add(path)
        if not self.files.exists(path):
            self.report.add(path, "the index of the closed month is missing")
            return
        data = self.files.read(path)
        self.report.bytes += len(data)
        if (named["path"], named["digest"]) != (path, digest(data)):
            self.report.add(
                path, f"it is {digest(data)}, and the closing entry names {named['path']!r}, {named['digest']}"
            )
            return
        try:
            made = digest_of(frames_of(self.files.lines(body["path"]))) if named["version"] == VERSION else digest(data)
        except VerificationFailed:
            return  # of the lines that are none, the comparison with the entries tells
        if made != named["digest"]:
            self.report.add(path, f"the lines of the month give {made}, and the closing entry says {named['digest']}")

    def _seal(self, entry: dict[str, Any], previous: str | None) -> None:
        path = seal_path(entry["body"]["month"])
        if not self.files.exists(path):
            self.report.add(path, f"the month is closed by entry {entry['seq']} and has no seal; close it again")
            return
        data = self.files.read(path)
        self.report.bytes += len(data)
        try:
            held = seal.open_envelope(data, self.keys.public_keys())
            wanted = statement_of(
                self.files, entry, previous, store_id=self.report.store_id or "", simulated=bool(self.report.simulated)
            )
        except VerificationFailed as error:
            self.report.add(path, str(error))
            return
        if canonical(held) != canonical(wanted):
            differing = [
                name for name in sorted(wanted["predicate"]) if held["predicate"].get(name) != wanted["predicate"][name]
            ]
            self.report.add(
                path, f"it seals something else than the closed month ({', '.join(differing) or 'subject'})"
            )

    # --- objects -----------------------------------------------------------------------------------------------------

    def _objects(self, progress: Progress | None) -> None:
        for number, held in enumerate(self.objects.values(), start=1):
            self.report.objects += 1
            try:
                local = check(self.files, held)
            except VerificationFailed as error:
                self.report.add(held.path, str(error).partition(": ")[2])
            else:
                self.report.bytes += held.bytes
                if self.report.deep and held.rows is not None:
                    self._rows(held, local)
            if progress is not None:
                progress(number, len(self.objects))

    def _rows(self, held: StoredObject, local: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from connectors.store.parquet import rows_digest

        try:
            rows, found = pq.read_metadata(local).num_rows, rows_digest(local)
        except (pa.ArrowException, OSError) as error:
            self.report.add(held.path, f"it is no Parquet file that can be read ({type(error).__name__})")
            return
        if rows != held.rows or found != held.rows_sha256:
            self.report.add(
                held.path, f"it has {rows} rows with {found}; the ledger says {held.rows}, {held.rows_sha256}"
            )

    def _orphans(self) -> None:
        months = {str(entry["body"]["month"]) for entry in self.closed}
        known = {closed_path(month) for month in months} | {seal_path(month) for month in months}
        known.update(entry_path(seq) for seq in self.digests)
        known.update(self.objects, self.indexes)
        self.report.orphans = [
            path for path in self.files.list_all() if path not in known and not path.startswith(_BESIDE)
        ]


def _objects_in(value: Any) -> Iterator[StoredObject]:
    """Every stored object that a body names, at any depth: whatever looks like one is one."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and "digest" in value and "bytes" in value:
            yield StoredObject(value["digest"], value["bytes"], path, value.get("rows"), value.get("rows_sha256"))
        for inner in value.values():
            yield from _objects_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects_in(inner)
