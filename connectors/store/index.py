"""The ledger as completeness reads it: claims as small records, everything else of a collection left out.

Half a million entries are gone through once, and of each only what a verdict needs is kept. The chain and the signature
at the head are checked on the way, as for every other reading. Closed months are taken from their index where they have
one: then the head vouches for the closing entry, and the closing entry for the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from connectors.store.files import StoreFiles
from connectors.store.month_index import index_path, read_month_index
from connectors.store.reading import HeadCheck, follow, index_entry, read_indexed
from evidence.ledger import Chain, KeyRing, format_recorded_at
from evidence.ledger_index import IndexedEntry, Indexer
from schemas.errors import VerificationFailed


class Followed(NamedTuple):
    """The whole ledger in its small form, followed to its head."""

    chain: Chain
    keys: KeyRing
    entries: list[IndexedEntry]


def index_entries(files: StoreFiles, until: datetime | None = None) -> Iterator[IndexedEntry]:
    """Every entry recorded at or before `until`, in order, line by line. VerificationFailed where the ledger is not
    whole."""
    until_text = None if until is None else format_recorded_at(until)
    check, indexer = HeadCheck(), Indexer()
    for data, read in follow(files, Chain(), read_indexed):
        check.see(data, read.kind)
        if until_text is None or read.recorded_at <= until_text:
            yield index_entry(indexer, read)
    check.finish()


def follow_ledger(files: StoreFiles, indexer: Indexer, *, by_month: bool = True) -> Followed:
    """The ledger from its first entry to its head, closed months by their index. VerificationFailed where it is not
    whole, or where an index is not the one that its closing entry names."""
    chain, check, entries = Chain(), HeadCheck(), list[IndexedEntry]()
    taken: dict[str, str] = {}
    closed = files.list_closed() if by_month else []
    through: set[str] = set()
    for path in closed:
        found = read_month_index(files, index_path(path))
        if found is None:
            break
        index, digest = found
        month = index.summary
        if (month.first_seq, month.previous) != (chain.seq + 1, chain.digest) or month.recorded_at < chain.recorded_at:
            break
        taken[index_path(path)] = digest
        through.add(path)
        for data in month.key_entries:
            check.see(data, "key")
        chain.seq, chain.digest, chain.recorded_at = month.last_seq, month.head, month.recorded_at
        for entry in index.entries:
            indexer.share(entry)
        entries += index.entries
    for data, read in follow(files, chain, read_indexed, through=through):
        check.see(data, read.kind)
        entries.append(index_entry(indexer, read))
    check.finish()
    named = dict(_indexes_named(entries))
    if not taken.keys() <= named.keys():
        # A crash came between an index and its closing entry: nobody vouches for it, so it is not used.
        return follow_ledger(files, indexer, by_month=False)
    for path, digest in taken.items():
        if digest != named[path]:
            raise VerificationFailed(
                f"{path}: it differs from what the closing entry says. Run evidence verify for all that is wrong."
            )
    return Followed(chain, check.keys, entries)


def _indexes_named(entries: list[IndexedEntry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if entry.kind == "closed_month" and entry.body is not None and (index := entry.body.get("index")) is not None:
            yield index["path"], index["digest"]
