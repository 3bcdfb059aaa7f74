"""The stored inventories (repositories, accounts, projects, domains) in the few columns that scope is derived from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.store.objects import check_digest
from evidence.inventory import ACCOUNTS, DOMAINS, PROJECTS, REPOSITORIES, InventorySnapshot

if TYPE_CHECKING:
    from connectors.store.store import Store
    from evidence.ledger_index import IndexedEntry

_COLUMNS = {
    REPOSITORIES: ("repo_id", "repo_name", "created_at", "topics", "organisation_id"),
    ACCOUNTS: ("account_id", "name", "created_at", "regions_enabled"),
    PROJECTS: ("project_number", "project_id", "name", "created_at"),
    DOMAINS: ("domain_name", "customer_id", "created_at"),
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Rows = list[Mapping[str, Any]]


class InventoryReader:
    """Reads inventories of one store; what was read once is kept, because objects never change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[tuple[str, str], dict[str, Rows]] = {}

    def snapshots(self, entries: Iterable[IndexedEntry], as_of: datetime) -> Iterator[InventorySnapshot]:
        """Every inventory recorded by `as_of`. An object whose bytes are not what was stored raises VerificationFailed:
        scope must not be derived from a list that may have been shortened."""
        for entry in entries:
            if entry.recorded_at > as_of:
                continue
            for claim in entry.claims:
                if claim.dataset in _COLUMNS and claim.observed_at is not None and claim.object_digest is not None:
                    rows = self._object(claim.dataset, claim.object_digest).get(claim.scope_item_id, [])
                    complete = claim.status == "ok"
                    yield InventorySnapshot(claim.dataset, claim.observed_at, entry.recorded_at, rows, complete)

    def _object(self, dataset: str, digest: str) -> dict[str, Rows]:
        key = (dataset, digest)
        if key not in self._rows:
            import pyarrow as pa
            import pyarrow.parquet as pq

            path = check_digest(self._store.files, "objects", digest, ".parquet")
            found: dict[str, Rows] = {}
            # Not `read_table`: it goes through pyarrow.dataset, whose import takes longer than all of completeness.
            with pq.ParquetFile(path) as file:
                table = file.read(columns=[*_COLUMNS[dataset], "scope_item_id"])
            # Instants as numbers: Arrow imports pandas in order to make datetimes of them.
            created = table.column("created_at").cast(pa.int64()).to_pylist()
            for row, at in zip(table.drop_columns("created_at").to_pylist(), created, strict=True):
                instant = None if at is None else EPOCH + timedelta(microseconds=at)
                found.setdefault(row["scope_item_id"], []).append({**row, "created_at": instant})
            self._rows[key] = found
        return self._rows[key]
