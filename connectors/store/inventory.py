"""The stored inventories (repositories, accounts) in the few columns that scope is derived from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.store.objects import check
from evidence.inventory import ACCOUNTS, REPOSITORIES, InventorySnapshot

if TYPE_CHECKING:
    from connectors.store.store import Store

_COLUMNS = {
    REPOSITORIES: ("repo_id", "repo_name", "created_at", "topics", "organisation_id"),
    ACCOUNTS: ("account_id", "name", "created_at"),
}


def inventory_snapshots(store: Store, as_of: datetime) -> Iterator[InventorySnapshot]:
    """Every inventory recorded by `as_of`. An object whose bytes are not what was stored raises VerificationFailed:
    scope must not be derived from a list that may have been shortened."""
    import pyarrow.parquet as pq

    claims = store.claims()
    for dataset, columns in _COLUMNS.items():
        for stored in claims.of_dataset(dataset, as_of):
            claim, held = stored.claim, stored.object
            if claim.observed_at is None or held is None:
                continue
            table = pq.read_table(check(store.files, held), columns=[*columns, "scope_item_id"])
            rows: Iterable[dict[str, object]] = table.to_pylist()
            yield InventorySnapshot(
                dataset,
                claim.observed_at,
                stored.recorded_at,
                [row for row in rows if row["scope_item_id"] == claim.scope_item_id],
                complete=claim.status == "ok",
            )
