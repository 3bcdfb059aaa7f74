"""A ledger entry in the small form that completeness works on: claims as small records, the rest left out.

Of the bytes of an entry only the members named here are made into objects; the rest (provenance, requests, parameters)
is passed over, which is most of an entry and so most of the time that reading half a million of them would take.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class IndexedClaim(msgspec.Struct, gc=False, omit_defaults=True, rename={"start": "from", "end": "to"}):
    """A claim as far as completeness needs it. Instants are aware UTC datetimes; names as in `schemas.collection`.

    Never changed once it is in the index; not frozen only because texts that repeat are shared after reading.
    """

    dataset: str
    scope_item_id: str
    scope_item: str
    status: str
    started_at: datetime
    start: datetime | None = None
    end: datetime | None = None
    observed_at: datetime | None = None
    complete_until: datetime | None = None
    rows: int = 0
    rows_by_month: dict[str, int] | None = None
    """None where there are no rows."""
    proof_of_life: bool = False
    query_hash: str = ""
    superset_of: tuple[str, ...] = ()
    changes_population: bool = False
    object_digest: str | None = None
    """The Parquet object its rows are in; filled in from the manifest of its dataset."""
    error: dict[str, Any] | None = None
    """`{"kind", "message", "permission"?}` of a failed attempt."""
    reconciliation: str | None = None
    """What a cut-off attempt says of itself; left out for the others, which prove what they claim."""


class IndexedEntry(msgspec.Struct, gc=False, omit_defaults=True):
    """One ledger entry: the claims of a `collection`, the body of every other kind."""

    seq: int
    kind: str
    recorded_at: datetime
    claims: tuple[IndexedClaim, ...]
    body: dict[str, Any] | None
    """None for a `collection`."""
    declared_endpoints: tuple[str, ...] = ()
    """Endpoints of a `collection` that are not the vendor's own but declared in the programme."""


class _Object(msgspec.Struct, gc=False):
    digest: str


class _Provenance(msgspec.Struct, gc=False):
    endpoint: str | None = None
    """None where the run failed before there was a session."""
    endpoint_declared: bool | None = None


class _Manifest(msgspec.Struct, gc=False):
    dataset: str
    provenance: _Provenance
    object: _Object | None


class _Collection(msgspec.Struct, gc=False):
    claims: tuple[IndexedClaim, ...]
    manifests: tuple[_Manifest, ...]


class CollectionEntry(msgspec.Struct, gc=False):
    """A `collection` entry read from its bytes: what follows the chain, and the claims."""

    seq: int
    kind: str
    previous: str | None
    recorded_at: str
    body: _Collection


read_collection = msgspec.json.Decoder(CollectionEntry).decode
"""Read the bytes of a `collection` entry. msgspec.DecodeError (ValidationError) where they are none."""


class Indexer:
    """Makes the small form of entries. Texts that come again and again (names, hashes) are held once, which is most of
    the memory saved."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._supersets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def entry(self, entry: Mapping[str, Any]) -> IndexedEntry:
        """The small form of one entry that was parsed whole."""
        seq, kind, recorded_at, body = entry["seq"], entry["kind"], entry["recorded_at"], entry["body"]
        if kind != "collection":
            return IndexedEntry(seq, kind, _instant(recorded_at), (), body, ())
        return self._collection(seq, recorded_at, msgspec.convert(body, _Collection))

    def collection(self, entry: CollectionEntry) -> IndexedEntry:
        """The small form of a collection read by `read_collection`."""
        return self._collection(entry.seq, entry.recorded_at, entry.body)

    def _collection(self, seq: int, recorded_at: str, body: _Collection) -> IndexedEntry:
        objects: dict[str, str] = {}
        endpoints: set[str] = set()
        for manifest in body.manifests:
            if manifest.object is not None:
                objects[manifest.dataset] = manifest.object.digest
            block = manifest.provenance
            if block.endpoint_declared and block.endpoint is not None:
                endpoints.add(block.endpoint)
        for claim in body.claims:
            self._share(claim)
            if claim.status != "truncated":
                claim.reconciliation = None
            if claim.status != "error":
                claim.object_digest = objects.get(claim.dataset)
        declared = tuple(sorted(endpoints)) if endpoints else ()
        return IndexedEntry(seq, "collection", _instant(recorded_at), body.claims, None, declared)

    def share(self, entry: IndexedEntry) -> None:
        """Hold once the texts of an entry that was read in its small form."""
        for claim in entry.claims:
            self._share(claim)

    def _share(self, claim: IndexedClaim) -> None:
        same = self._texts.setdefault
        claim.dataset = same(text := claim.dataset, text)
        claim.scope_item_id = same(text := claim.scope_item_id, text)
        claim.scope_item = same(text := claim.scope_item, text)
        claim.query_hash = same(text := claim.query_hash, text)
        claim.status = same(text := claim.status, text)
        if claim.superset_of:
            claim.superset_of = self._supersets.setdefault(claim.superset_of, claim.superset_of)


# Every instant in a ledger entry is written with `Z`, for which this alone gives an aware datetime in UTC.
_instant = datetime.fromisoformat
