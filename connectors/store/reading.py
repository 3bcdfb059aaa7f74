"""Following the ledger: entry after entry, each checked against the one before, from closed months where there are any.

A closed month holds the same entries line by line, so the originals behind it need not be opened. Whatever a folder
listing says, an entry counts only if the chain leads to it, and a hole in the chain is an error and never a short read.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Iterator
from typing import Any

import orjson

from connectors.store.files import StoreFiles, entry_path
from evidence.ledger import Chain, Header, KeyRing, header_of
from schemas.errors import StoreError, VerificationFailed


def follow(files: StoreFiles, chain: Chain) -> Iterator[tuple[bytes, Header]]:
    """Every entry after `chain`, which is moved along. Raises VerificationFailed where the ledger is not whole."""
    closed = files.list_closed()
    firsts = [_first_of(files, path) for path in closed]
    for position, path in enumerate(closed):
        following = firsts[position + 1] if position + 1 < len(closed) else None
        if following is not None and following <= chain.seq + 1:
            continue  # everything in it has been followed already
        yield from _singles(files, chain, range(chain.seq + 1, firsts[position]))
        number = 0
        for line in files.lines(path):
            number += 1
            try:
                header = header_of(line)
                if header.seq <= chain.seq:
                    continue
                chain.take(line, header)
            except VerificationFailed as error:
                raise _located(f"{path}, line {number}", error) from None
            yield line, header
    yield from _singles(files, chain, files.list_ledger(after=chain.seq))


def follow_new(files: StoreFiles, chain: Chain) -> Iterator[tuple[bytes, Header]]:
    """Entries that came after `chain`, found by asking for the next name; for a chain that was followed to its head."""
    while True:
        path = entry_path(chain.seq + 1)
        try:
            data = files.read(path)
        except FileNotFoundError:
            return
        yield data, _take(chain, data, path)


def chain_at(files: StoreFiles, seq: int) -> Chain:
    """The chain as it stands after entry `seq`, to follow from there. StoreError if there is no such entry."""
    chain = Chain()
    if seq == 0:
        return chain
    try:
        data = files.read(entry_path(seq))
    except FileNotFoundError:
        for _, header in follow(files, chain):
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


def parsed(data: bytes, header: Header) -> dict[str, Any]:
    """An entry as a dict. VerificationFailed where its bytes are no JSON."""
    try:
        entry: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise VerificationFailed(
            f"{entry_path(header.seq)}: its bytes are no JSON document. Run evidence verify for all that is wrong."
        ) from None
    return entry


class HeadCheck:
    """Keeps the keys while the ledger is followed from its first entry, and checks the signature at its head.

    Each entry holds the digest of the one before, so the signature at the head vouches for all of them: a ledger that
    was altered anywhere by somebody without a collector's key is noticed on reading, at the price of one signature.
    """

    def __init__(self) -> None:
        self.keys = KeyRing()
        self._last: tuple[bytes, Header] | None = None

    def see(self, data: bytes, header: Header) -> None:
        if header.kind in ("store", "key"):
            self.check(data, header)
            self.keys.apply(parsed(data, header))
            self._last = None
        else:
            self._last = (data, header)

    def check(self, data: bytes, header: Header) -> None:
        problem = self.keys.signature_problem(data, header)
        if problem is not None:
            raise VerificationFailed(f"{entry_path(header.seq)}: {problem}. Run evidence verify for all that is wrong.")

    def finish(self) -> None:
        """At the head: VerificationFailed if its signature does not hold."""
        if self._last is not None:
            self.check(*self._last)


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


def _singles(files: StoreFiles, chain: Chain, numbers: range | list[int]) -> Iterator[tuple[bytes, Header]]:
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
        yield data, _take(chain, data, path)


def _header(data: bytes, where: str) -> Header:
    try:
        return header_of(data)
    except VerificationFailed as error:
        raise _located(where, error) from None


def _take(chain: Chain, data: bytes, where: str) -> Header:
    try:
        return chain.take(data)
    except VerificationFailed as error:
        raise _located(where, error) from None


def _located(where: str, error: VerificationFailed) -> VerificationFailed:
    return VerificationFailed(f"{where}: {error}. Run evidence verify for all that is wrong.")
