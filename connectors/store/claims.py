"""What the ledger says was claimed, by dataset and scope item: the index that reading evidence and restating go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from schemas.collection import Claim, StoredObject
from schemas.instants import parse_instant

CLOCK_TOLERANCE = timedelta(seconds=60)
"""A run whose own times lie further than this after its arrival in the store proves nothing."""


class StoredClaim(NamedTuple):
    """One claim of a dataset and item that was not an error, with the object its rows are in."""

    seq: int
    recorded_at: datetime
    claim: Claim
    object: StoredObject | None
    lag: timedelta

    def interval(self, retention: timedelta | None = None) -> tuple[datetime, datetime] | None:
        """What the claim may assert of a stream: nothing younger than the settle lag, nothing beyond what was read
        whole, nothing older than the source remembered (`retention`) when it was asked.

        None where it asserts nothing: a truncated answer without a whole prefix, or times that can't be.
        """
        claim = self.claim
        if claim.start is None or claim.end is None or claim.status == "error":
            return None
        if claim.started_at > self.recorded_at + CLOCK_TOLERANCE:
            return None
        start = claim.start if retention is None else max(claim.start, claim.started_at - retention)
        end = min(claim.end, claim.started_at - self.lag)
        if claim.complete_until is not None:
            end = min(end, claim.complete_until)
        elif claim.status == "truncated":
            return None
        return (start, end) if start < end else None


class ClaimsByItem:
    """Claims that are not errors, by dataset and scope item, in ledger order."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, str], list[StoredClaim]] = {}

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take in a `collection` entry."""
        body = entry["body"]
        objects: dict[str, StoredObject | None] = {}
        lags: dict[str, timedelta] = {}
        for manifest in body["manifests"]:
            held = manifest["object"]
            objects[manifest["dataset"]] = None if held is None else stored_object(held)
            lags[manifest["dataset"]] = timedelta(hours=manifest["provenance"].get("lag_applied") or 0)
        recorded_at = parse_instant(entry["recorded_at"])
        for data in body["claims"]:
            if data["status"] == "error":
                continue
            claim = Claim.from_json(data)
            self._claims.setdefault((claim.dataset, claim.scope_item_id), []).append(
                StoredClaim(entry["seq"], recorded_at, claim, objects.get(claim.dataset), lags[claim.dataset])
            )

    def of(self, dataset: str, scope_item_id: str, as_of: datetime | None = None) -> Iterator[StoredClaim]:
        """Claims of one dataset and item recorded at or before `as_of`, in ledger order."""
        for stored in self._claims.get((dataset, scope_item_id), ()):
            if as_of is not None and stored.recorded_at > as_of:
                return
            yield stored


def stored_object(data: Mapping[str, Any]) -> StoredObject:
    """A stored object as a manifest names it."""
    return StoredObject(data["digest"], data["bytes"], data["path"], data.get("rows"), data.get("rows_sha256"))
