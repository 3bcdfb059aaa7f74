"""Rows of the access datasets for tests, with defaults that are in order, and the domains they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.dataset import Dataset
from tests.evidence.controls.changes import START
from tests.fakes.memory_evidence import MemoryEvidence

Row = dict[str, Any]

GITHUB = "github:O_1"
AWS = "aws:111122223333"
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = (START + n * DAY for n in (3, 10, 20))
OLD = datetime(2020, 1, 1, tzinfo=UTC)


def shown(
    dataset: Dataset, scope: str, snapshots: Mapping[datetime, Sequence[Row]], evidence: MemoryEvidence | None = None
) -> MemoryEvidence:
    """Stored snapshots of one dataset."""
    evidence = evidence or MemoryEvidence()
    for observed_at, rows in snapshots.items():
        evidence.snapshot(dataset, scope, observed_at, rows)
    return evidence


def member(login: str = "alice", **changed: Any) -> Row:
    row: Row = {
        "user_id": f"U_{login}",
        "login": login,
        "membership": "member",
        "role": "member",
        "two_factor": "enabled",
        "organisation_requires_two_factor": True,
        "kind": "person",
    }
    return row | changed


def user(name: str = "alice", **changed: Any) -> Row:
    """A row of `aws.sign_in`."""
    row: Row = {
        "arn": f"arn:aws:iam::111122223333:user/{name}",
        "account_id": "111122223333",
        "user_name": name,
        "is_root": False,
        "user_created_at": OLD,
        "password_enabled": True,
        "password_last_used_at": START,
        "password_last_changed_at": OLD,
        "mfa_active": True,
        "root_credentials_present": None,
        "report_generated_at": FIRST,
    }
    return row | changed


def root(**changed: Any) -> Row:
    arn = "arn:aws:iam::111122223333:root"
    named = {"arn": arn, "is_root": True, "password_enabled": None, "root_credentials_present": True}
    return user("<root_account>", **named) | changed


def credential(id: str = "K_1", **changed: Any) -> Row:
    """A row of `github.credentials`: a deploy key made in April and used at the start of May."""
    row: Row = {
        "credential_id": id,
        "kind": "deploy_key",
        "title": "ci",
        "owner": {"id": "U_alice", "login": "alice", "kind": "person"},
        "resource_id": "R_1",
        "resource_name": "acme/api",
        "read_only": True,
        "created_at": datetime(2026, 4, 1, tzinfo=UTC),
        "last_used_at": START,
        "expires_at": None,
    }
    return row | changed


def access_key(name: str = "alice", **changed: Any) -> Row:
    row: Row = {
        "credential_id": f"arn:aws:iam::111122223333:user/{name}#access_key_1",
        "account_id": "111122223333",
        "user_arn": f"arn:aws:iam::111122223333:user/{name}",
        "user_name": name,
        "is_root": False,
        "active": True,
        "last_rotated_at": datetime(2026, 4, 1, tzinfo=UTC),
        "last_used_at": START,
        "last_used_service": "s3",
        "last_used_region": "eu-west-1",
        "report_generated_at": FIRST,
    }
    return row | changed


def owner(login: str = "alice", **changed: Any) -> Row:
    """A row of `github.administrators`."""
    row: Row = {
        "assignment_id": f"owner:{login}",
        "principal_kind": "person",
        "principal_id": f"U_{login}",
        "principal_name": login,
        "privilege": "organisation_owner",
        "resource_id": "O_1",
        "resource_name": "acme",
        "granted_via": None,
        "detail": None,
        "since": None,
    }
    return row | changed


def privilege(name: str = "alice", **changed: Any) -> Row:
    """A row of `aws.privileges`."""
    row: Row = {
        "assignment_id": f"{name}|attached|AdministratorAccess",
        "account_id": "111122223333",
        "principal_arn": f"arn:aws:iam::111122223333:user/{name}",
        "principal_kind": "user",
        "principal_name": name,
        "principal_id": f"AIDA{name}",
        "principal_created_at": OLD,
        "way": "attached",
        "group_name": None,
        "policy_name": "AdministratorAccess",
        "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
        "level": "administrator",
        "conditional": False,
        "permissions_boundary": None,
        "trusted_principals": [],
        "service_linked": False,
        "last_used_at": None,
    }
    return row | changed


def approved(principal: str = "alice", system: str = "github", **changed: Any) -> Row:
    """A row of the register of administrators."""
    row: Row = {
        "system": system,
        "principal": principal,
        "privilege": "*",
        "resource": None,
        "from": "2026-01-01",
        "to": None,
        "reason": "runs the platform",
        "approved_by": "cto@acme.example",
    }
    return row | changed


def repository(name: str = "api", **changed: Any) -> Row:
    """A row of `github.repositories`, chosen by no topic."""
    row: Row = {
        "repo_id": f"R_{name}",
        "database_id": 1,
        "repo_name": f"acme/{name}",
        "created_at": OLD,
        "archived": False,
        "fork": False,
        "visibility": "private",
        "topics": [],
        "default_branch": "main",
        "pushed_at": START,
        "organisation_id": "O_1",
    }
    return row | changed


def account(id: str = "111122223333", **changed: Any) -> Row:
    """A row of `aws.accounts`."""
    row: Row = {
        "account_id": id,
        "arn": None,
        "name": f"acme-{id[:4]}",
        "status": "ACTIVE",
        "created_at": OLD,
        "management_account": False,
        "regions_enabled": ["eu-west-1"],
        "readable": True,
    }
    return row | changed


def decided(item_id: str, **changed: Any) -> Row:
    """A row of the scope register."""
    row: Row = {
        "item_id": item_id,
        "decision": "in",
        "from": "2026-04-01",
        "to": None,
        "reason": "part of the product",
        "decided_by": "cto@acme.example",
    }
    return row | changed
