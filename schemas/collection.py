"""What a collection run may assert, and the record that describes what it stored.

These shapes are written into the ledger as plain JSON (`to_json`) and read back by the completeness engine, which must
stay quick over hundreds of thousands of them: dataclasses, no validation framework.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from schemas.instants import format_instant, optional_instant, parse_instant

ClaimStatus = Literal["ok", "truncated", "error"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a scope item yielded nothing. `kind` is the class name of the error, `message` is fit to be shown."""

    kind: str
    message: str
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One run's assertion about one scope item of one dataset.

    Streams: "I hold every event with time in [start, end)"; the engine trims it by settle lag and retention.
    Snapshots: "this was the state at observed_at"; start and end are None then.
    """

    dataset: str
    scope_item_id: str
    scope_item: str
    status: ClaimStatus
    started_at: datetime
    finished_at: datetime
    start: datetime | None = None
    end: datetime | None = None
    observed_at: datetime | None = None
    complete_until: datetime | None = None
    """For a truncated run whose source answers in event-time order: the prefix is whole up to here."""
    rows: int = 0
    rows_by_month: dict[str, int] = field(default_factory=dict)
    """Rows by local calendar month of the programme's zone (`2026-04`), so that each window knows its own count."""
    proof_of_life: bool = False
    proof: str | None = None
    """What proves that the query would have seen rows (canary, unfiltered count, unchanged branch tip)."""
    query_hash: str = ""
    superset_of: tuple[str, ...] = ()
    """Hashes of earlier queries whose answers this query's answer provably contains."""
    independent_count: int | None = None
    reconciliation: str | None = None
    """How rows and independent count relate, in words, differences listed."""
    requests: int = 0
    changes_population: bool = False
    """Set by the store when the rows differ from those an earlier claim had for the same time."""
    failure: Failure | None = None

    def to_json(self) -> dict[str, Any]:
        """The claim as it stands in the ledger; keys with no value are left out."""
        out: dict[str, Any] = {
            "dataset": self.dataset, "scope_item_id": self.scope_item_id, "scope_item": self.scope_item,
            "status": self.status, "started_at": format_instant(self.started_at),
            "finished_at": format_instant(self.finished_at), "rows": self.rows, "requests": self.requests,
            "query_hash": self.query_hash,
        }  # fmt: skip
        for key, instant in (
            ("from", self.start),
            ("to", self.end),
            ("observed_at", self.observed_at),
            ("complete_until", self.complete_until),
        ):
            if instant is not None:
                out[key] = format_instant(instant)
        for key, value in (
            ("rows_by_month", self.rows_by_month),
            ("proof_of_life", self.proof_of_life),
            ("proof", self.proof),
            ("superset_of", list(self.superset_of)),
            ("independent_count", self.independent_count),
            ("reconciliation", self.reconciliation),
            ("changes_population", self.changes_population),
        ):
            if value or (value == 0 and value is not False):
                out[key] = value  # noqa: PERF403 - beside the loop above, the same shape is easier to read
        if self.failure is not None:
            out["error"] = {"kind": self.failure.kind, "message": self.failure.message}
            if self.failure.permission:
                out["error"]["permission"] = self.failure.permission
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Claim:
        """The claim back from the ledger."""
        error = data.get("error")
        return cls(
            dataset=data["dataset"],
            scope_item_id=data["scope_item_id"],
            scope_item=data["scope_item"],
            status=data["status"],
            started_at=parse_instant(data["started_at"]),
            finished_at=parse_instant(data["finished_at"]),
            start=optional_instant(data.get("from")),
            end=optional_instant(data.get("to")),
            observed_at=optional_instant(data.get("observed_at")),
            complete_until=optional_instant(data.get("complete_until")),
            rows=data.get("rows", 0),
            rows_by_month=data.get("rows_by_month", {}),
            proof_of_life=data.get("proof_of_life", False),
            proof=data.get("proof"),
            query_hash=data.get("query_hash", ""),
            superset_of=tuple(data.get("superset_of", ())),
            independent_count=data.get("independent_count"),
            reconciliation=data.get("reconciliation"),
            requests=data.get("requests", 0),
            changes_population=data.get("changes_population", False),
            failure=None if error is None else Failure(error["kind"], error["message"], error.get("permission")),
        )


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One content-addressed file: `sha256:<hex>` of its bytes, its length, and what is in it."""

    digest: str
    bytes: int
    path: str
    """Relative to the store, `objects/ab/abcd….parquet` or `raw/ab/abcd….json.zst`."""
    rows: int | None = None
    rows_sha256: str | None = None
    """SHA-256 over the canonical JSON lines of the rows: the same across Parquet writers."""

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"digest": self.digest, "bytes": self.bytes, "path": self.path}
        if self.rows is not None:
            out["rows"] = self.rows
            out["rows_sha256"] = self.rows_sha256
        return out


@dataclass(frozen=True, slots=True)
class Manifest:
    """Information produced by the entity: what an auditor needs to judge one stored dataset of one run.

    `provenance` holds the whole block: collector_id, collector_version, code_commit, configuration_digest,
    source_system, tenant_or_account, principal_used, principal_rights, endpoint, endpoint_certificate_sha256,
    endpoint_declared, query_or_graphql_text, parameters, query_sha256, interval_from, interval_to, lag_applied,
    started_at, finished_at, source_clock, clock_skew_seconds, pages, last_cursor_empty, truncated, http_statuses,
    rows_returned, rows_kept, drop_rules, independent_count, reconciliation, unknown_fields, schema_version,
    pyarrow_version.
    """

    dataset: str
    object: StoredObject | None
    raw: tuple[StoredObject, ...]
    provenance: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "object": None if self.object is None else self.object.to_json(),
            "raw": [item.to_json() for item in self.raw],
            "provenance": self.provenance,
        }
