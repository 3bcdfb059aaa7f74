"""The ledger as completeness reads it: claims as small tuples, everything else of a collection left out.

A store of half a million entries is gone through once, entry by entry, and of each only what a verdict needs is kept.
The chain and the signature at the head are checked on the way, as for every other reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.store.files import StoreFiles
from connectors.store.reading import HeadCheck, follow, index_entry, read_indexed
from evidence.ledger import Chain, format_recorded_at
from evidence.ledger_index import IndexedEntry, Indexer


def index_entries(files: StoreFiles, until: datetime | None = None) -> Iterator[IndexedEntry]:
    """Every entry recorded at or before `until`, in order. VerificationFailed where the ledger is not whole."""
    until_text = None if until is None else format_recorded_at(until)
    check, indexer = HeadCheck(), Indexer()
    for data, read in follow(files, Chain(), read_indexed):
        check.see(data, read.kind)
        if until_text is None or read.recorded_at <= until_text:
            yield index_entry(indexer, read)
    check.finish()
