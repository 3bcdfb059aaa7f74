"""An event that was delivered twice, recognised by 64 bits of its id and of what it says: millions are cheap."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bits = npt.NDArray[np.uint64]
_MIXED = np.uint64(0x9E3779B97F4A7C15)


class Delivered:
    """The events that were seen so far, in 16 bytes each."""

    def __init__(self) -> None:
        self._identity: Bits = np.empty(0, np.uint64)
        self._content: Bits = np.empty(0, np.uint64)

    def new(self, identity: Bits, content: Bits) -> npt.NDArray[np.int64]:
        """Positions of those that come for the first time, and note them.

        One that has the id of an earlier one and says something else counts as new: it is no second delivery, and what
        it is must be looked at.
        """
        firsts = _firsts(identity, content)
        places = np.searchsorted(self._identity, identity[firsts])
        fresh = ~self._known(identity[firsts], content[firsts], places)
        added, at = firsts[fresh], places[fresh]
        order = np.argsort(identity[added], kind="stable")
        self._identity = np.insert(self._identity, at[order], identity[added][order])
        self._content = np.insert(self._content, at[order], content[added][order])
        return np.sort(added)

    def _known(self, identity: Bits, content: Bits, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        known = np.zeros(len(identity), np.bool_)
        at = places.copy()
        while True:
            candidates = np.flatnonzero(~known & (at < len(self._identity)))
            candidates = candidates[self._identity[at[candidates]] == identity[candidates]]
            if len(candidates) == 0:
                return known
            known[candidates] = self._content[at[candidates]] == content[candidates]
            at[candidates] += 1


def _firsts(identity: Bits, content: Bits) -> npt.NDArray[np.int64]:
    """Positions of the first of each among themselves."""
    both = np.empty(len(identity), [("identity", np.uint64), ("content", np.uint64)])
    both["identity"], both["content"] = identity, content
    return np.sort(np.unique(both, return_index=True)[1])


def fingerprints(batch: pa.RecordBatch) -> Bits:
    """64 bits for each row of what names an event: its id, and the account whose trail has it."""
    accounts = batch.column("recipient_account_id").dictionary_encode()
    known = np.array([_hashed(str(one)) for one in accounts.dictionary.to_pylist()] + [0], np.uint64)
    found = known[accounts.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)]
    ids = np.fromiter(map(_hashed, batch.column("event_id").to_pylist()), np.uint64, batch.num_rows)
    return ids ^ (found * _MIXED)


def _hashed(text: str) -> int:
    """64 bits of a name. An event's id is random already: of a UUID its digits do."""
    if len(text) == 36:
        try:
            return int(text[:8] + text[28:], 16)
        except ValueError:
            pass
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
