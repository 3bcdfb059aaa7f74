"""Ledger entries written by hand: a small ledger as plain dictionaries, and a catalogue of a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.completeness.assemble import assemble
from evidence.completeness.ledger_facts import entries_from_json
from evidence.completeness.matrix import Matrix, MatrixCell
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_IAM_STATE,
    GITHUB_ORG_AUDIT_LOG,
    GITHUB_PULL_REQUESTS,
    GITHUB_RULE_SUITES,
    GITHUB_SETTINGS_STATE,
    GOOGLE_REPORTS_ACTIVITIES,
    OWN_RECORDS,
)
from evidence.inventory import InventorySnapshot, inventory_of
from evidence.programme_history import ProgrammeHistory, history_of
from schemas import aws, github
from schemas.instants import format_instant
from schemas.programme import Programme

ORGANISATION = "O_1"


def at(text: str) -> datetime:
    """`2026-04-01` or `2026-04-01T06:00` as an aware instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def programme(**parts: Any) -> dict[str, Any]:
    """A normalised programme: Acme, the first half of 2026, GitHub repository `acme/api`, one AWS account."""
    base: dict[str, Any] = {
        "organisation": "Acme, Inc.",
        "observation_period": {"start": "2026-01-01", "end": "2026-06-30"},
        "scope": {
            "github": {"organisation": "acme", "repositories": ["api"]},
            "aws": {"accounts": [{"id": "111122223333", "name": "prod"}]},
        },
    }
    return Programme.model_validate({**base, **parts}).normalised()


class Ledger:
    """A ledger being written: each method adds one entry."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.inventory: list[InventorySnapshot] = []
        self.add("store", "2025-12-01", {"store_id": "s", "simulated": True})

    def add(self, kind: str, recorded: str, body: Mapping[str, Any]) -> int:
        seq = len(self.entries) + 1
        self.entries.append({"seq": seq, "kind": kind, "recorded_at": format_instant(at(recorded)), "body": dict(body)})
        return seq

    def programme(
        self, recorded: str, normalised: Mapping[str, Any] | None = None, *, catalogue: str = "sha256:c",
        **registers: Sequence[Mapping[str, Any]],
    ) -> str:  # fmt: skip
        """Record a version; returns its digest."""
        digest = f"sha256:p{len(self.entries)}"
        body = {
            "programme_digest": digest,
            "catalogue_digest": catalogue,
            "programme": dict(normalised or programme()),
            "registers": {name: {"digest": "sha256:r", "rows": list(rows)} for name, rows in registers.items()},
        }
        self.add("programme", recorded, body)
        return digest

    def stream(self, dataset: str, item: str, start: str, end: str, started: str, **claim: Any) -> int:
        """A run over `[start, end)` that began at `started` and was recorded a minute later."""
        body = {
            "dataset": dataset, "scope_item_id": item, "scope_item": item, "status": "ok",
            "started_at": format_instant(at(started)), "finished_at": format_instant(at(started)),
            "from": format_instant(at(start)), "to": format_instant(at(end)), "rows": 3, "query_hash": "q",
        }  # fmt: skip
        return self.collection(started, [{**body, **claim}])

    def snapshot(self, dataset: str, item: str, observed: str, **claim: Any) -> int:
        """A snapshot observed and begun at `observed`."""
        body = {
            "dataset": dataset, "scope_item_id": item, "scope_item": item, "status": "ok",
            "started_at": format_instant(at(observed)), "finished_at": format_instant(at(observed)),
            "observed_at": format_instant(at(observed)), "rows": 3, "query_hash": "q",
        }  # fmt: skip
        return self.collection(observed, [{**body, **claim}])

    def failed(self, dataset: str, item: str, started: str, message: str, **interval: str) -> int:
        """An attempt that ended in an error."""
        body = {
            "dataset": dataset, "scope_item_id": item, "scope_item": item, "status": "error",
            "started_at": format_instant(at(started)), "finished_at": format_instant(at(started)),
            "error": {"kind": "PermissionDenied", "message": message, "permission": "Contents: read"},
            **{name: format_instant(at(value)) for name, value in interval.items()},
        }  # fmt: skip
        return self.collection(started, [body])

    def collection(self, started: str, claims: Sequence[Mapping[str, Any]]) -> int:
        recorded = (at(started) + timedelta(minutes=1)).replace(tzinfo=None).isoformat()
        manifests = [
            {"dataset": claim["dataset"], "object": {"digest": f"sha256:o{len(self.entries) + 1}"}, "raw": [],
             "provenance": {}}
            for claim in claims
        ]  # fmt: skip
        return self.add("collection", recorded, {"claims": list(claims), "manifests": manifests})

    def record(
        self, kind: str, recorded: str, control: str, evidence: str | None, item: str | None, **body: Any
    ) -> int:
        instants = {
            key: format_instant(at(value)) if key in ("performed_at", "population_at", "approved_at", "from", "to",
                                                      "sealed_at") else value
            for key, value in ((key.rstrip("_"), value) for key, value in body.items())
        }  # fmt: skip
        return self.add(
            "record",
            recorded,
            {"record_kind": kind, "control_id": control, "evidence_id": evidence, "scope_item_id": item, **instants},
        )

    def outcomes(self, recorded: str, control: str, evidence: str, item: str, window: str, **summary: Any) -> int:
        row = {
            "evidence_id": evidence, "scope_item_id": item, "window_id": window, "population": 3, "exceptions": 0,
            "emergencies": 0, "unknown": 0, "pending": 0, "resolves_at": None, "codes": {}, **summary,
        }  # fmt: skip
        return self.add(
            "outcomes", recorded, {"control_id": control, "as_of": format_instant(at(recorded)), "summary": [row]}
        )

    def repositories(self, observed: str, *rows: Mapping[str, Any], complete: bool = True) -> None:
        """An inventory snapshot; rows by `repository`."""
        self.inventory.append(InventorySnapshot("github.repositories", at(observed), at(observed), rows, complete))

    def accounts(self, observed: str, *rows: Mapping[str, Any]) -> None:
        self.inventory.append(InventorySnapshot("aws.accounts", at(observed), at(observed), rows))

    # --- asking ------------------------------------------------------------------------------------------------------

    def history(self, as_of: str) -> ProgrammeHistory:
        return history_of(entries_from_json(self.entries), at(as_of))

    def matrix(self, as_of: str, *controls: Control, **options: Any) -> Matrix:
        """The matrix as known at `as_of`."""
        return assemble(
            entries_from_json(self.entries),
            self.history(as_of),
            controls or CONTROLS,
            inventory_of(self.inventory, at(as_of)),
            at(as_of),
            **options,
        )


def repository(node_id: str, name: str, created: str = "2020-01-01", topics: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "repo_id": node_id, "repo_name": name, "created_at": format_instant(at(created)), "topics": list(topics),
        "organisation_id": ORGANISATION, "archived": False,
    }  # fmt: skip


def cells(matrix: Matrix) -> dict[tuple[str, str, str], MatrixCell]:
    """Cells by (evidence id, window id, scope item id); the hand-made controls share no evidence ids."""
    return {(cell.evidence_id, cell.window_id, cell.scope_item_id): cell for cell in matrix.cells}


def states(matrix: Matrix, evidence_id: str, item: str) -> dict[str, str]:
    """Window id to state of one row."""
    return {
        cell.window_id: cell.state
        for cell in matrix.cells
        if cell.evidence_id == evidence_id and cell.scope_item_id == item
    }


def no_exceptions(window: Any, stored: Any) -> list[Any]:
    """A test of a control that finds nothing; the matrix reads recorded outcomes and never runs it."""
    del window, stored
    return []


_COMMON: dict[str, Any] = {
    "criteria": ("CC8.1",), "tier": "core", "frequency_class": "many_per_day", "must_show": "", "population": "",
    "exception_codes": ("X",),
}  # fmt: skip

CHANGES = Control(
    id="CC8-CHG-01",
    title="Changes",
    family="change_management",
    scope_kind="github_repo",
    evidence=(
        EvidenceLine(
            "merges", "event_stream", "monthly", (GITHUB_PULL_REQUESTS,), "", {"github": github.PULL_REQUESTS},
            lag_hours=1, due_days=5, grace_days=5, is_population=True,
        ),
        EvidenceLine(
            "bypasses", "event_stream", "monthly", (GITHUB_RULE_SUITES, GITHUB_ORG_AUDIT_LOG), "",
            {"github": github.BYPASSES}, lag_hours=1, due_days=5, grace_days=5,
        ),
        EvidenceLine(
            "tips", "snapshot", "monthly", (GITHUB_SETTINGS_STATE,), "", {"github": github.BRANCH_TIPS},
            max_gap_hours=35 * 24, grace_days=5,
        ),
    ),
    test=no_exceptions,
    **_COMMON,
)  # fmt: skip

ACCESS = Control(
    id="CC6-UAR-01",
    title="Access review",
    family="logical_access",
    scope_kind="in_scope_system",
    evidence=(
        EvidenceLine(
            "pack", "snapshot", "quarterly", (AWS_IAM_STATE, GITHUB_SETTINGS_STATE), "",
            {"github": github.MEMBERS, "aws": aws.SIGN_IN}, max_gap_hours=100 * 24, grace_days=5,
        ),
        EvidenceLine(
            "decisions", "human_record", "quarterly", (OWN_RECORDS,), "", mode="periodic", grace_days=14,
            pack_max_age_days=30,
        ),
    ),
    test=None,
    **_COMMON,
)  # fmt: skip

INVENTORY = Control(
    id="CC2-SYS-01",
    title="Inventory",
    family="governance",
    scope_kind="organisation",
    evidence=(
        EvidenceLine(
            "inventory", "snapshot", "monthly", (AWS_IAM_STATE, GITHUB_SETTINGS_STATE, GOOGLE_REPORTS_ACTIVITIES), "",
            {"github": github.REPOSITORIES, "aws": aws.ACCOUNTS}, max_gap_hours=35 * 24, grace_days=5,
        ),
    ),
    test=None,
    **_COMMON,
)  # fmt: skip

BACKUPS = replace(CHANGES, id="A1-BKP-01", category="availability")

CONTROLS = (INVENTORY, ACCESS, CHANGES)
