"""Scope items: the things evidence is about, named by the provider's stable id, never by a name that can change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

System = Literal["aws", "github", "google", "gcp", "hr", "own", "ticketing"]

ScopeKind = Literal[
    "organisation", "workforce", "identity_domain", "in_scope_system", "github_repo", "repo_or_account",
    "cloud_account", "cloud_account_region", "alert_source", "data_store", "service", "product", "policy",
    "vendor", "subservice_organisation", "customer_contract", "device",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScopeItem:
    """One thing in scope.

    `id` is `github:<node id>`, `aws:<account>`, `aws:<account>:<region>`, `org:<slug>` and so on. `name` is for people
    (`acme/api`) and stands beside the id. An item that the programme names but no inventory has identified yet has
    `resolved=False` and an id such as `github:unresolved:acme/api`: it makes cells, so that it can't be forgotten.
    """

    id: str
    name: str
    system: System
    in_scope_from: datetime | None = None
    in_scope_to: datetime | None = None
    resolved: bool = True
