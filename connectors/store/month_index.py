"""The index of a closed month: what completeness needs of its entries, in a fraction of the bytes, and vouched for.

Written beside the month's lines when it is closed, and named with its digest in the `closed_month` entry. A reader that
takes it need not go through the lines: the signed head leads to the closing entry, the closing entry names the index.
`evidence verify` makes it anew from the lines and compares the bytes. A month without one, or with one of another
version of this product, is read line by line.

The file is a row of frames, each a length (8 bytes, big endian) and so many bytes of msgpack: first format and version,
then lists of entries, last the summary by which the chain goes on behind the month.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from connectors.store.files import StoreFiles
from connectors.store.reading import index_entry, read_indexed
from evidence.ledger import digest
from evidence.ledger_index import IndexedEntry, Indexer
from schemas.errors import VerificationFailed

FORMAT = "evidence-month-index"
VERSION = 1
"""Raised whenever the small form of an entry changes."""
_PER_FRAME = 5_000
_LENGTH = 8


class MonthSummary(msgspec.Struct, array_like=True, frozen=True):
    """How the chain enters and leaves the month."""

    first_seq: int
    previous: str | None
    last_seq: int
    head: str
    """Digest of the last entry."""
    recorded_at: str
    """Of the last entry, as it stands there."""
    key_entries: tuple[bytes, ...]
    """Entries that make or change keys, whole: their signatures are checked on every reading."""


class MonthIndex(msgspec.Struct, frozen=True):
    """An index as read."""

    entries: list[IndexedEntry]
    summary: MonthSummary


_encode = msgspec.msgpack.Encoder().encode
_decode_entries = msgspec.msgpack.Decoder(list[IndexedEntry]).decode
_decode_summary = msgspec.msgpack.Decoder(MonthSummary).decode


def index_path(closed: str) -> str:
    """Of the month whose lines are `ledger/closed/2026-06.jsonl`: `ledger/closed/2026-06.index`."""
    return closed.removesuffix(".jsonl") + ".index"


def frames_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of the index of a month, piece by piece, from its lines. The same lines always give the same bytes."""
    yield _frame([FORMAT, VERSION])
    indexer = Indexer()
    held: list[IndexedEntry] = []
    keys: list[bytes] = []
    first: tuple[int, str | None] | None = None
    read = last = None
    for line in lines:
        read, last = read_indexed(line), line
        if first is None:
            first = read.seq, read.previous
        if read.kind in ("store", "key"):
            keys.append(line)
        held.append(index_entry(indexer, read))
        if len(held) == _PER_FRAME:
            yield _frame(held)
            held = []
    if first is None or read is None or last is None:
        raise VerificationFailed("a closed month without entries")
    yield _frame(held)
    yield _frame(MonthSummary(*first, read.seq, digest(last), read.recorded_at, tuple(keys)))


def digest_of(frames: Iterable[bytes]) -> str:
    """Digest of the frames together, as of the file they make."""
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(frame)
    return "sha256:" + whole.hexdigest()


def read_month_index(files: StoreFiles, path: str) -> tuple[MonthIndex, str] | None:
    """An index and the digest of its bytes, which is to be held against the closing entry; None where there is no
    index of this version. VerificationFailed where the bytes are none."""
    try:
        data = files.read(path)
    except FileNotFoundError:
        return None
    try:
        frames = list(_split(data))
        if msgspec.msgpack.decode(frames[0]) != [FORMAT, VERSION]:
            return None
        entries: list[IndexedEntry] = []
        for frame in frames[1:-1]:
            entries += _decode_entries(frame)
        summary = _decode_summary(frames[-1])
    except (msgspec.DecodeError, IndexError):
        raise VerificationFailed(
            f"{path}: not the index of a closed month. Run evidence verify for all that is wrong."
        ) from None
    return MonthIndex(entries, summary), digest(data)


def _frame(value: Any) -> bytes:
    content = _encode(value)
    return len(content).to_bytes(_LENGTH, "big") + content


def _split(data: bytes) -> Iterator[memoryview]:
    view, at = memoryview(data), 0
    while at < len(view):
        length = int.from_bytes(view[at : at + _LENGTH], "big")
        end = at + _LENGTH + length
        if end > len(view):
            raise IndexError("cut off")
        yield view[at + _LENGTH : end]
        at = end
