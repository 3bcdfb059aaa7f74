"""Following the ledger: entry after entry, each checked against the one before, from closed months where there are any.

A closed month holds the same entries line by line, so the originals behind it need not be opened. Whatever a folder
listing says, an entry counts only if the chain leads to it, and a hole in the chain is an error and never a short read.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Collection, Generator, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson

from connectors.store.files import StoreFiles, entry_path
from evidence.ledger import Chain, Header, KeyRing, Link, header_of
from evidence.ledger_index import CollectionEntry, IndexedEntry, Indexer, read_collection
from schemas.errors import StoreError, VerificationFailed


class Read(NamedTuple):
    """An entry parsed whole, where its body is needed anyway: quicker than finding its header first."""

    seq: int
    kind: str
    previous: str | None
    recorded_at: str
    entry: dict[str, Any]


def read_entry(data: bytes) -> Read:
    """Parse an entry. VerificationFailed where its bytes are none."""
    try:
        entry = orjson.loads(data)
        return Read._make((entry["seq"], entry["kind"], entry["previous"], entry["recorded_at"], entry))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise VerificationFailed("not a ledger entry in canonical form") from None


Indexed = CollectionEntry | Read
"""An entry parsed as far as the index needs it: a collection in part, every other kind whole."""

# Where the kind of an entry stands: after its body, before two short members and the signature. What a body holds can
# look like it, so this only chooses how to read; the kind that was read decides.
_KIND_LIES_IN = 400
_COLLECTION = b'"kind":"collection","previous":'


def read_indexed(data: bytes) -> Indexed:
    """Parse an entry for the index. VerificationFailed where its bytes are none."""
    if data.find(_COLLECTION, -_KIND_LIES_IN) >= 0:
        try:
            found = read_collection(data)
        except msgspec.DecodeError:
            raise VerificationFailed("not a ledger entry in canonical form") from None
        if found.kind == "collection":
            return found
    return read_entry(data)


def index_entry(indexer: Indexer, read: Indexed) -> IndexedEntry:
    """The small form of what `read_indexed` made. VerificationFailed where a collection lacks what every one has."""
    if isinstance(read, CollectionEntry):
        return indexer.collection(read)
    try:
        return indexer.entry(read.entry)
    except msgspec.ValidationError as error:
        raise VerificationFailed(f"entry {read.seq}: {error}") from None


_Link = TypeVar("_Link", bound=Link)


def follow(
    files: StoreFiles, chain: Chain, read: Callable[[bytes], _Link], *, through: Collection[str] = ()
) -> Iterator[tuple[bytes, _Link]]:
    """Every entry after `chain`, which is moved along: its bytes, and what `read` (`header_of`, `read_entry`) makes of
    them; `through` are closed months that end at or before it. VerificationFailed where the ledger is not whole."""
    closed = [path for path in files.list_closed() if path not in through]
    firsts = [_first_of(files, path) for path in closed]
    for position, path in enumerate(closed):
        following = firsts[position + 1] if position + 1 < len(closed) else None
        if following is not None and following <= chain.seq + 1:
            continue  # everything in it has been followed already
        yield from _singles(files, chain, range(chain.seq + 1, firsts[position]), read)
        for number, line in enumerate(files.lines(path), 1):
            try:
                header = read(line)
                if header.seq <= chain.seq:
                    continue
                chain.take(line, header)
            except (VerificationFailed, TypeError) as error:
                raise _located(f"{path}, line {number}", error) from None
            yield line, header
    yield from _singles(files, chain, files.list_ledger(after=chain.seq), read)


def follow_new(files: StoreFiles, chain: Chain) -> Iterator[tuple[bytes, Read]]:
    """Entries that came after `chain`, found by asking for the next name; for a chain that was followed to its head."""
    while True:
        path = entry_path(chain.seq + 1)
        try:
            data = files.read(path)
        except FileNotFoundError:
            return
        yield data, _take(chain, data, path, read_entry)


def chain_at(files: StoreFiles, seq: int) -> Chain:
    """The chain as it stands after entry `seq`, to follow from there. StoreError if there is no such entry."""
    chain = Chain()
    if seq == 0:
        return chain
    try:
        data = files.read(entry_path(seq))
    except FileNotFoundError:
        for _, header in follow(files, chain, header_of):
            if header.seq == seq:
                return chain
        raise StoreError(f"{files.location}: there is no ledger entry {seq}; the last one is {chain.seq}") from None
    header = _header(data, entry_path(seq))
    if header.seq != seq:
        raise VerificationFailed(
            f"{entry_path(seq)}: it is entry {header.seq} under another name. Run evidence verify."
        )
    chain.accept(data, header)
    return chain


class HeadCheck:
    """Keeps the keys while the ledger is followed from its first entry, and checks the signature at its head.

    Each entry holds the digest of the one before, so the signature at the head vouches for all of them: a ledger that
    was altered anywhere by somebody without a collector's key is noticed on reading, at the price of one signature.
    """

    def __init__(self) -> None:
        self.keys = KeyRing()
        self._last: bytes | None = None

    def see(self, data: bytes, kind: str) -> None:
        if kind in ("store", "key"):
            check_signature(self.keys, data)
            self.keys.apply(read_entry(data).entry)
            self._last = None
        else:
            self._last = data

    def finish(self) -> None:
        """At the head: VerificationFailed if its signature does not hold."""
        if self._last is not None:
            check_signature(self.keys, self._last)


def check_signature(keys: KeyRing, data: bytes) -> None:
    """VerificationFailed where an entry is not signed by a key in force."""
    header = header_of(data)
    problem = keys.signature_problem(data, header)
    if problem is not None:
        raise _located(entry_path(header.seq), problem)


@contextlib.contextmanager
def collector_paused() -> Generator[None]:
    """Build many small objects without the garbage collector going over all of them again and again.

    It would take as long as the reading itself and find nothing: what is read holds no cycles.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _first_of(files: StoreFiles, path: str) -> int:
    for line in files.lines(path):
        return _header(line, f"{path}, line 1").seq
    raise VerificationFailed(f"{path}: a closed month without entries. Run evidence verify.")


def _singles(
    files: StoreFiles, chain: Chain, numbers: range | list[int], read: Callable[[bytes], _Link]
) -> Iterator[tuple[bytes, _Link]]:
    for number in numbers:
        path = entry_path(number)
        if number != chain.seq + 1:
            raise VerificationFailed(
                f"{entry_path(chain.seq + 1)}: the entry is missing although later ones are there. Restore it from a "
                "copy of the store; run evidence verify for all that is wrong."
            )
        try:
            data = files.read(path)
        except FileNotFoundError:
            raise VerificationFailed(
                f"{path}: the entry is missing although later ones are there. Restore it from a copy of the store; run "
                "evidence verify for all that is wrong."
            ) from None
        yield data, _take(chain, data, path, read)


def _header(data: bytes, where: str) -> Header:
    try:
        return header_of(data)
    except VerificationFailed as error:
        raise _located(where, error) from None


def _take(chain: Chain, data: bytes, where: str, read: Callable[[bytes], _Link]) -> _Link:
    try:
        header = read(data)
        chain.take(data, header)
    except (VerificationFailed, TypeError) as error:
        raise _located(where, error) from None
    return header


def _located(where: str, error: Exception | str) -> VerificationFailed:
    return VerificationFailed(f"{where}: {error}. Run evidence verify for all that is wrong.")
