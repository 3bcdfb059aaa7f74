"""The small company with a Google directory, whose lists of accounts a test writes down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.collect import collect
from connectors.provenance import RunFacts
from connectors.workspace import open_workspace
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import ACCOUNTS
from schemas.instants import parse_instant
from schemas.scope import ScopeItem
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import recording_company

SYSTEM = "google:C1"
SCOPE: dict[str, Any] = {
    "google": {
        "customer": "C1", "domain": "acme.example", "delegate": "cto@acme.example", "api_url": "http://127.0.0.1:9",
    },
    "policies": ["access"],
}  # fmt: skip


def reviewing_company(folder: Path, born: str, **parts: Any) -> Project:
    """The company, its programme recorded at `born`."""
    return recording_company(folder, born, {"scope": SCOPE, **parts})


def user(name: str, **changed: Any) -> dict[str, Any]:
    """A row of `google.accounts` without a flag for people of the register."""
    row: dict[str, Any] = {
        "account_id": f"1{name}", "kind": "user", "email": f"{name}@acme.example", "name": name,
        "created_at": datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
        "last_used_at": datetime.fromisoformat("2026-03-20T00:00:00+00:00"), "suspended": False, "archived": False,
        "org_unit_path": "/", "privileged": False, "enrolled_2sv": True, "enforced_2sv": True, "roles": [],
        "groups": [], "tokens": [], "manager": None,
    }  # fmt: skip
    return {**row, **changed, "raw": {"id": f"1{name}"}}


STAFF = [user("cto"), user("lead"), user("dev", privileged=True)]


def listed(
    company: Project, rows: Iterable[Mapping[str, Any]] = STAFF, *, counted: int | None = -1, truncated: bool = False
) -> None:
    """A snapshot of the accounts, collected at the company's instant; the source counts `counted` (as many as rows)."""
    held = list(rows)
    at = parse_instant(company.now or "")

    def extractor(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
        sink.rows(ACCOUNTS, held)
        count = len(held) if counted == -1 else counted
        return [ItemClaim(ACCOUNTS.name, "list", observed_at=at, truncated=truncated, proof_of_life=True,
                          independent_count=count, rows_returned=len(held))]  # fmt: skip

    collect(
        open_workspace(company.program, now=lambda: at).store, extractor,
        lambda: Session("google", object(), "http://127.0.0.1:9", True, False, "reader", "read only", "C1"),
        (ScopeItem(SYSTEM, "C1", "google"),), (ACCOUNTS,), None,
        facts=RunFacts(zone="UTC", programme_digest="sha256:" + "0" * 64, code_commit="c0ffee"),
        flow="family", name="google.accounts",
    )  # fmt: skip
