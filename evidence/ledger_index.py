"""A ledger entry in the small form that completeness works on: claims as tuples, the rest of a collection left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple


class IndexedClaim(NamedTuple):
    """A claim as far as completeness needs it. Instants are aware UTC datetimes; names as in `schemas.collection`."""

    dataset: str
    scope_item_id: str
    scope_item: str
    status: str
    started_at: datetime
    start: datetime | None
    end: datetime | None
    observed_at: datetime | None
    complete_until: datetime | None
    rows: int
    rows_by_month: Mapping[str, int] | None
    """None where there are no rows."""
    proof_of_life: bool
    query_hash: str
    superset_of: tuple[str, ...]
    changes_population: bool
    object_digest: str | None
    """The Parquet object its rows are in."""
    error: Mapping[str, Any] | None
    """`{"kind", "message", "permission"?}` of a failed attempt."""
    reconciliation: str | None = None
    """What a cut-off attempt says of itself; left out for the others, which prove what they claim."""


class IndexedEntry(NamedTuple):
    """One ledger entry: the claims of a `collection`, the body of every other kind."""

    seq: int
    kind: str
    recorded_at: datetime
    claims: tuple[IndexedClaim, ...]
    body: dict[str, Any] | None
    """None for a `collection`."""
    declared_endpoints: tuple[str, ...] = ()
    """Endpoints of a `collection` that are not the vendor's own but declared in the programme."""


class Indexer:
    """Makes the small form of entries. Texts that come again and again (names, hashes, months) are held once, which is
    most of the memory saved."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._supersets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def entry(self, entry: Mapping[str, Any]) -> IndexedEntry:
        """The small form of one entry."""
        seq, kind, body = entry["seq"], entry["kind"], entry["body"]
        recorded_at = _instant(entry["recorded_at"])
        if kind != "collection":
            return IndexedEntry(seq, kind, recorded_at, (), body, ())
        objects: dict[str, str | None] = {}
        endpoints: set[str] = set()
        for manifest in body["manifests"]:
            held, block = manifest["object"], manifest["provenance"]
            objects[manifest["dataset"]] = None if held is None else held["digest"]
            if block.get("endpoint_declared"):
                endpoints.add(block["endpoint"])
        claims = self._claims(body["claims"], objects)
        return IndexedEntry(seq, "collection", recorded_at, claims, None, tuple(sorted(endpoints)))

    def _claims(
        self, claims: Iterable[Mapping[str, Any]], objects: Mapping[str, str | None]
    ) -> tuple[IndexedClaim, ...]:
        same, made = self._texts.setdefault, IndexedClaim._make
        found: list[IndexedClaim] = []
        for claim in claims:
            get = claim.get
            dataset, superset_of = claim["dataset"], get("superset_of")
            started_at, start, end = claim["started_at"], get("from"), get("to")
            observed_at, complete_until = get("observed_at"), get("complete_until")
            months = get("rows_by_month")
            failed, cut_off = claim["status"] == "error", claim["status"] == "truncated"
            found.append(
                made((
                    same(dataset, dataset),
                    same(value := claim["scope_item_id"], value),
                    same(value := claim["scope_item"], value),
                    same(value := claim["status"], value),
                    _instant(started_at),
                    None if start is None else _instant(start),
                    None if end is None else _instant(end),
                    None if observed_at is None else _instant(observed_at),
                    None if complete_until is None else _instant(complete_until),
                    get("rows", 0),
                    None if months is None else {same(month, month): rows for month, rows in months.items()},
                    get("proof_of_life", False),
                    same(value := get("query_hash", ""), value),
                    () if superset_of is None else self._superset(tuple(superset_of)),
                    get("changes_population", False),
                    None if failed else objects.get(dataset),
                    get("error"),
                    get("reconciliation") if cut_off else None,
                ))
            )  # fmt: skip
        return tuple(found)

    def _superset(self, hashes: tuple[str, ...]) -> tuple[str, ...]:
        return self._supersets.setdefault(hashes, hashes)


# Every instant in a ledger entry is written with `Z`, for which this alone gives an aware datetime in UTC.
_instant = datetime.fromisoformat
