"""The evidence store: write once, chained, signed. The only way in is `append`, the only way to read is the ledger.

    store = open_store("./evidence-store", now=system_clock, product_version="1.0.0")
    for entry in store.entries(kinds={"collection"}): ...

A store is born real or simulated by its first entry and nothing can change that afterwards.
"""

from __future__ import annotations

import os
import random
import threading
import time
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from connectors.store.claims import ClaimsByItem
from connectors.store.clock import Clock, system_clock
from connectors.store.files import LocalFiles, StoreFiles, entry_path
from connectors.store.index import follow_ledger, index_entries
from connectors.store.objects import put
from connectors.store.reading import (
    HeadCheck,
    chain_at,
    check_signature,
    collector_paused,
    follow,
    follow_new,
    read_entry,
)
from connectors.store.signer import Signer, signing_key_path
from evidence import ledger
from evidence.ledger import Chain, KeyRing, header_of
from evidence.ledger_index import IndexedEntry, Indexer
from schemas.collection import StoredObject
from schemas.errors import StoreError, VerificationFailed

if TYPE_CHECKING:
    from connectors.store.evidence import LedgerEvidence

BACKWARD_TOLERANCE = timedelta(seconds=60)
"""How far the local clock may stand behind the last entry; within it the entry takes that entry's instant."""

_ATTEMPTS = 2000


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the ledger."""

    seq: int
    digest: str
    recorded_at: datetime


class Store:
    """An open store. Made by `open_store` and `create_store`. Safe to share between threads."""

    def __init__(
        self,
        files: StoreFiles,
        genesis: Mapping[str, Any],
        *,
        now: Clock,
        signer: Signer | None,
        product_version: str,
        read_only: bool,
    ) -> None:
        self.files = files
        self.location = files.location
        self.store_id: str = genesis["body"]["store_id"]
        self.simulated: bool = genesis["body"]["simulated"]
        self.product_version = product_version
        self.read_only = read_only
        self.now = now
        self._signer = signer
        self._lock = threading.RLock()
        self._chain: Chain | None = None  # followed to the head on first need
        self._keys = KeyRing()
        self._claims: ClaimsByItem | None = None
        self._indexer = Indexer()
        self._index: list[IndexedEntry] | None = None

    # --- reading -----------------------------------------------------------------------------------------------------

    def entries(
        self,
        kinds: Collection[str] | None = None,
        since_seq: int = 0,
        until: datetime | None = None,
        up_to_seq: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Ledger entries in order, as dicts: those of `kinds`, after `since_seq`, recorded at or before `until`.

        The whole chain is checked on the way, also where entries are left out, and the signature at the head vouches
        for all before it. Raises VerificationFailed with the file and what is wrong; then nothing read may be used.
        """
        until_text = None if until is None else ledger.format_recorded_at(until)
        chain = chain_at(self.files, since_seq)
        check = HeadCheck() if since_seq == 0 else None
        for data, header in follow(self.files, chain, header_of):
            if check is not None:
                check.see(data, header.kind)
            if kinds is not None and header.kind not in kinds:
                continue
            if until_text is not None and header.recorded_at > until_text:
                continue
            if up_to_seq is not None and header.seq > up_to_seq:
                continue
            yield read_entry(data).entry
        if check is not None:
            check.finish()

    def claims_index(self, until: datetime | None = None) -> Iterator[IndexedEntry]:
        """The ledger in the small form that completeness needs, checked like `entries`, in a fraction of the memory."""
        return index_entries(self.files, until)

    def index(self) -> list[IndexedEntry]:
        """The whole ledger in its small form, kept in memory and brought up to date on each call. Don't change it."""
        with self._lock:
            if self._index is None:
                with collector_paused():
                    found = follow_ledger(self.files, self._indexer)
                # Whatever was followed before is a part of it.
                self._chain, self._keys, self._index = found.chain, found.keys, found.entries
                self._claims = None
            self._refresh()
            return self._index

    def head(self) -> Head:
        """The last entry there is now."""
        with self._lock:
            chain = self._refresh()
        assert chain.digest is not None
        return Head(chain.seq, chain.digest, datetime.fromisoformat(chain.recorded_at))

    def head_at(self, as_of: datetime) -> str | None:
        """Digest of the last entry recorded at or before `as_of`; None where the store was not born yet."""
        index = self.index()
        count = bisect_right(index, as_of, key=lambda entry: entry.recorded_at)
        if count == 0:
            return None
        head, seq = self.head(), index[count - 1].seq
        return head.digest if seq == head.seq else chain_at(self.files, seq).digest

    def keys(self) -> KeyRing:
        """The keys that the ledger has enrolled, as of its head."""
        with self._lock:
            self._refresh()
            return self._keys

    def claims(self) -> ClaimsByItem:
        """What was claimed so far, by dataset and scope item. Kept in memory and brought up to date on each call."""
        with self._lock:
            if self._claims is None:
                claims, up_to = ClaimsByItem(), self._refresh().seq
                with collector_paused():
                    for entry in self.entries(kinds={"collection"}, up_to_seq=up_to):
                        claims.take(entry)
                self._claims = claims
            self._refresh()
            return self._claims

    def evidence(
        self, as_of: datetime, *, retention_days: Mapping[str, float] | None = None, with_raw: bool = False
    ) -> LedgerEvidence:
        """Stored rows and snapshots as known at `as_of`, for tests of controls. See `LedgerEvidence`."""
        from connectors.store.evidence import LedgerEvidence

        return LedgerEvidence(self, as_of, retention_days=retention_days, with_raw=with_raw)

    def _refresh(self) -> Chain:
        """Follow the ledger to its head; the first time all of it, later what has come since."""
        if self._chain is None:
            return self._follow()
        for data, read in follow_new(self.files, self._chain):
            try:
                check_signature(self._keys, data)
            except VerificationFailed:
                self._chain = self._claims = self._index = None  # what was read before is doubtful now
                raise
            self._seen(read.entry)
        return self._chain

    def _follow(self) -> Chain:
        """Follow the whole ledger for the first time."""
        chain, check = Chain(), HeadCheck()
        for data, header in follow(self.files, chain, header_of):
            check.see(data, header.kind)
        check.finish()
        self._chain, self._keys = chain, check.keys
        return chain

    def _seen(self, entry: dict[str, Any]) -> None:
        """Keep what is held in memory up to date with an entry that came after it was read."""
        if entry["kind"] == "key":
            self._keys.apply(entry)
        elif entry["kind"] == "collection" and self._claims is not None:
            self._claims.take(entry)
        if self._index is not None:
            self._index.append(self._indexer.entry(entry))

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def signer(self) -> Signer:
        """The collector's signer; loaded on first need, so that reading needs no key."""
        if self._signer is None:
            root = Path(self.location) if isinstance(self.files, LocalFiles) else None
            self._signer = Signer.load(signing_key_path(os.environ), store=root)
        return self._signer

    def append(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write one entry at the head, signed and durable on return, and give it back as it will be read.

        `recorded_at` is the store's own clock, never earlier than the entry before. Other processes may write at the
        same time: whoever finds the number taken follows the chain and tries the next. Everything the body names must
        have been stored before. Raises StoreError where this store must not be written by this collector.
        """
        if self.read_only:
            raise StoreError(f"{self.location} was opened for reading only; this command must not write to it.")
        if kind == "store":
            raise StoreError(f"{self.location} exists; a store is born once.")
        signer = self.signer
        with self._lock:
            for attempt in range(_ATTEMPTS):
                chain = self._refresh()
                self._check_signer(signer)
                if kind == "key":
                    self._keys.check_change(body, signer=signer.key_id)
                recorded_at = self._instant_after(chain.recorded_at)
                data = _signed(signer, chain.seq + 1, chain.digest, recorded_at, kind, body)
                if self.files.create_if_absent(entry_path(chain.seq + 1), data):
                    header = ledger.header_of(data)
                    chain.accept(data, header)
                    entry: dict[str, Any] = orjson.loads(data)
                    self._seen(entry)
                    return entry
                # Somebody was first. Without jitter writers of equal speed would keep colliding.
                time.sleep(random.uniform(0, min(0.05, 0.001 * (attempt + 1))))  # noqa: S311 - no secret
        raise StoreError(f"{self.location}: {_ATTEMPTS} attempts to write, each time another writer was first.")

    def check_writable(self) -> None:
        """StoreError where `append` would refuse this collector: asked before hours of reading, not after."""
        if self.read_only:
            raise StoreError(f"{self.location} was opened for reading only; this command must not write to it.")
        signer = self.signer
        with self._lock:
            chain = self._refresh()
            self._check_signer(signer)
            self._instant_after(chain.recorded_at)

    def _check_signer(self, signer: Signer) -> None:
        if self._keys.is_in_force(signer.key_id):
            return
        if signer.key_id in self._keys.public_keys():
            raise StoreError(
                f"The key {signer.key_id} of this collector was rotated or revoked in {self.location}. Point "
                "EVIDENCE_SIGNING_KEY_FILE at a key in force."
            )
        raise StoreError(
            f"The key {signer.key_id} of this collector is not enrolled in {self.location}. Point "
            "EVIDENCE_SIGNING_KEY_FILE at the key the store was made with, or enrol this one from a collector that is: "
            f"evidence key enrol {signer.public_key}"
        )

    def _instant_after(self, latest: str) -> str:
        now = self.now()
        last = datetime.fromisoformat(latest)
        if last - now > BACKWARD_TOLERANCE:
            raise StoreError(
                f"The clock of this machine says {now:%Y-%m-%dT%H:%M:%SZ}, but the last entry of {self.location} was "
                f"recorded at {last:%Y-%m-%dT%H:%M:%SZ}. Set the clock (NTP) and run again; nothing is dated back."
            )
        return max(latest, ledger.format_recorded_at(now))

    def put_document(self, content: bytes | Path, suffix: str) -> StoredObject:
        """Store the bytes of a file (a programme, a record, a pack) under `objects/`, to be named by an entry later."""
        if self.read_only:
            raise StoreError(f"{self.location} was opened for reading only; this command must not write to it.")
        return put(self.files, "objects", suffix, content)

    def close_month(self, month: str) -> dict[str, Any]:
        """Close a calendar month (UTC) that is over, such as `2026-06`: one file of lines, its entry, and the seal.

        Closing it again finishes what a crash left undone, and does nothing else.
        """
        from connectors.store.closing import close_month

        return close_month(self, month)

    def enrol_key(self, public_key: str, *, reason: str) -> dict[str, Any]:
        """Let the owner of another public key (base64) write to this store. Signed by this collector's key."""
        return self._change_keys("enrol", ledger.key_id_of(public_key), public_key, reason)

    def rotate_key(self, public_key: str, *, reason: str) -> dict[str, Any]:
        """Replace this collector's key by another: the last entry that the present key signs."""
        return self._change_keys("rotate", ledger.key_id_of(public_key), public_key, reason)

    def revoke_key(self, key_id: str, *, reason: str) -> dict[str, Any]:
        """End a key at once, such as one that was lost. What it signed before stays valid."""
        public_key = self.keys().public_keys().get(key_id)
        if public_key is None:
            raise StoreError(f"{self.location} knows no key {key_id}; it knows {sorted(self.keys().public_keys())}.")
        return self._change_keys("revoke", key_id, public_key, reason)

    def _change_keys(self, action: str, key_id: str, public_key: str, reason: str) -> dict[str, Any]:
        if not reason.strip():
            raise StoreError("Say why: a change of keys is read by the auditor.")
        return self.append("key", {"action": action, "key_id": key_id, "public_key": public_key, "reason": reason})


def create_store(
    location: str | Path, *, simulated: bool, now: Clock, signer: Signer | None = None, product_version: str
) -> Store:
    """Make a store. Its first entry says for ever whether it is simulated. StoreError if there is one already."""
    files = _files_of(location)
    if not simulated and now is not system_clock:
        raise StoreError(_REAL_CLOCK.format(location=location))
    if files.list_ledger() or files.list_closed():
        raise StoreError(f"{location} holds an evidence store already; open it instead.")
    signer = signer or Signer.load(signing_key_path(os.environ), store=Path(location))
    body = {
        "store_id": os.urandom(16).hex(), "simulated": simulated, "public_key": signer.public_key,
        "product_version": product_version,
    }  # fmt: skip
    data = _signed(signer, 1, None, ledger.format_recorded_at(now()), "store", body)
    if not files.create_if_absent(entry_path(1), data):
        raise StoreError(f"{location} was made by another process at this moment; open it instead.")
    return open_store(location, now=now, signer=signer, product_version=product_version)


def open_store(
    location: str | Path, *, now: Clock, signer: Signer | None = None, product_version: str, read_only: bool = False
) -> Store:
    """Open a store that exists. StoreError where there is none, or where a real store is opened with a set clock.

    `now` is `system_clock`; anything else is accepted by a simulated store only. Without `signer` the key file of
    `EVIDENCE_SIGNING_KEY_FILE` is loaded at the first write.
    """
    files = _files_of(location)
    genesis = _genesis(files)
    if not genesis["body"]["simulated"] and now is not system_clock:
        raise StoreError(_REAL_CLOCK.format(location=location))
    return Store(files, genesis, now=now, signer=signer, product_version=product_version, read_only=read_only)


def store_exists(location: str | Path) -> bool:
    """Whether a store has been born here."""
    files = _files_of(location)
    return files.exists(entry_path(1)) or bool(files.list_closed())


_REAL_CLOCK = (
    "{location} is a real evidence store, and its clock can't be set. Leave out --simulated-now, or use a simulated "
    "store (evidence demo)."
)


def _files_of(location: str | Path) -> StoreFiles:
    text = str(location)
    if "://" in text:
        raise StoreError(
            f"{text.partition('?')[0]}: stores on object storage are not supported yet. Use a folder on a local disk."
        )
    return LocalFiles(Path(location))


def _genesis(files: StoreFiles) -> dict[str, Any]:
    data: bytes | None = None
    if files.exists(entry_path(1)):
        data = files.read(entry_path(1))
    else:
        for path in files.list_closed():
            data = next(iter(files.lines(path)), None)
            break
    if data is None:
        if files.list_ledger():
            raise StoreError(
                f"{files.location}: {entry_path(1)} is missing although later entries are there. Restore it from a "
                "copy of the store; run evidence verify for all that is wrong."
            )
        raise StoreError(
            f"There is no evidence store at {files.location}. Check `store:` in the programme; the first evidence "
            "collect makes it, and evidence demo makes a simulated one to try."
        )
    try:
        header = ledger.header_of(data)
        entry: dict[str, Any] = orjson.loads(data)
        body = entry["body"]
        whole = header.kind == "store" and header.seq == 1 and isinstance(body["simulated"], bool) and body["store_id"]
    except (VerificationFailed, orjson.JSONDecodeError, KeyError, TypeError):
        entry, whole = {}, False
    if not whole:
        raise StoreError(f"{files.location}: the first ledger entry is damaged. Run evidence verify.")
    return entry


def _signed(
    signer: Signer, seq: int, previous: str | None, recorded_at: str, kind: str, body: Mapping[str, Any]
) -> bytes:
    unsigned = ledger.unsigned_entry(
        seq=seq, previous=previous, recorded_at=recorded_at, kind=kind, key_id=signer.key_id, body=body
    )
    return ledger.with_signature(unsigned, signer.sign(unsigned))
