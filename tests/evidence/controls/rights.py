"""Rows about people, their accounts and what was given to and taken from them, with defaults that are in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.controls.model import TestWindow
from schemas.dataset import Dataset
from schemas.programme import Programme

Row = dict[str, Any]
DAY = timedelta(days=1)
GITHUB, GOOGLE, AWS, GCP = "github:O_1", "google:C1", "aws:111122223333", "gcp:42"
MAY = (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
LATER = datetime(2026, 6, 20, tzinfo=UTC)


def at(text: str) -> datetime:
    """`05-12` or `05-12T10:00` of 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def window(
    control_id: str,
    scope: str,
    *,
    as_of: datetime = LATER,
    registers: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    start: datetime = MAY[0],
    end: datetime = MAY[1],
    holders: Mapping[str, tuple[str, ...]] | None = None,
    **programme: Any,
) -> TestWindow:
    """May of one system, tested on 20 June."""
    known = {
        "organisation": "Acme",
        "observation_period": {"start": "2026-04-01", "end": "2026-09-30"},
        "scope": {"google": {"customer": "C1", "domain": "acme.example", "delegate": "audit@acme.example"}},
    }
    return TestWindow(
        control_id, f"{start:%Y-%m}", start, end, scope, "acme", as_of,
        Programme.model_validate(known | programme), {name: list(rows) for name, rows in (registers or {}).items()},
        holders or {},
    )  # fmt: skip


def employee(person_id: str = "p1", **changed: Any) -> Row:
    """A row of `hr.people`; somebody who stays."""
    row: Row = {
        "person_id": person_id, "name": f"Person {person_id}", "email": f"{person_id}@acme.example", "kind": "employee",
        "office": "london", "start": "2020-01-01", "last_day": None, "manager": None, "leaving": None,
        "notified_at": None, "aliases": [], "line": 2, "register_file": "people.csv", "register_sha256": "0" * 64,
        "exported_at": at("04-01"),
    }  # fmt: skip
    return row | changed


def leaver(person_id: str = "p1", last_day: str = "2026-05-15", leaving: str | None = "voluntary", **more: Any) -> Row:
    """Somebody whose last day is a Friday in May."""
    return employee(person_id, last_day=last_day, leaving=leaving, **more)


def account_of(person_id: str, system: str, account: str, **changed: Any) -> Row:
    """A row of the identity map."""
    return {"person_id": person_id, "system": system, "account_id": account, "from": None, "to": None} | changed


def github_account(login: str = "ann", **changed: Any) -> Row:
    """A row of `github.accounts`."""
    row: Row = {
        "account_id": f"U_{login}", "kind": "person", "login": login, "name": None, "email": None,
        "membership": "member", "organisation_role": "member", "roles": [], "privileged": False,
        "two_factor": "enabled", "single_sign_on_identity": None, "suspended": None, "owner": None,
        "created_at": None, "last_used_at": None,
    }  # fmt: skip
    return row | changed


def google_account(name: str = "p1", **changed: Any) -> Row:
    """A row of `google.accounts`."""
    row: Row = {
        "account_id": f"1{name}", "kind": "user", "email": f"{name}@acme.example", "name": name, "created_at": None,
        "last_used_at": None, "suspended": False, "archived": False, "org_unit_path": "/", "privileged": False,
        "enrolled_2sv": True, "enforced_2sv": True, "roles": [], "groups": [], "tokens": [], "manager": None,
    }  # fmt: skip
    return row | changed


def aws_principal(name: str = "ann", **changed: Any) -> Row:
    """An IAM user of `aws.principals`."""
    row: Row = {
        "principal_id": f"AIDA{name}", "account_id": "111122223333", "principal_kind": "iam_user",
        "principal_name": name, "arn": f"arn:aws:iam::111122223333:user/{name}", "path": "/", "created_at": None,
        "email": None, "owner": None, "enabled": True, "service_linked": False, "external": None,
        "trusted_principals": [], "rights": [], "groups": [], "members": [], "privileged": False, "privilege": None,
        "permissions_boundary": None, "password_enabled": True, "mfa_active": True, "active_keys": 1,
        "last_used_at": None, "last_used_source": None, "last_used_service": None, "permission_set_arn": None,
        "assigned_to": None, "report_generated_at": None,
    }  # fmt: skip
    return row | changed


def gcp_principal(email: str = "p1@acme.example", **changed: Any) -> Row:
    """A user of `gcp.principals`."""
    role = {"role": "roles/viewer", "resource": "//x", "inherited": False, "privilege": None, "condition": None}
    row: Row = {
        "principal": f"user:{email}", "principal_kind": "user", "principal_id": email, "unique_id": None,
        "display_name": None, "description": None, "home_project": "acme-prod", "disabled": None, "deleted": False,
        "service_agent": False, "privileged": False, "roles": [role], "last_used_at": None, "last_use_known": False,
        "last_use_observed_from": None, "last_use_observed_to": None,
    }  # fmt: skip
    return row | changed


def _filled(dataset: Dataset, **said: Any) -> Row:
    """A row with every column of a dataset, empty where nothing is said."""
    return {name: None for name in dataset.arrow().names if name not in ("scope_item_id", "raw")} | said


def github_event(action: str, when: datetime, user: str | None = "ann", by: str = "boss", **changed: Any) -> Row:
    """A row of `github.audit_events`."""
    from schemas.github_organisation import AUDIT_EVENTS

    return _filled(
        AUDIT_EVENTS, event_id=f"audit:{action}:{user}:{when:%m%dT%H%M%S}", event_time=when, action=action,
        actor={"id": f"U_{by}", "login": by, "kind": "person"}, subject_login=user, found_in="audit_log",
    ) | changed  # fmt: skip


def google_event(name: str, when: datetime, user: str | None = "p1", by: str = "boss", **parameters: Any) -> Row:
    """A row of `google.admin_activities` of the application `admin`."""
    from schemas.google import ADMIN_ACTIVITIES

    email = user if user is None or "@" in user else f"{user}@acme.example"
    said = {"USER_EMAIL": email, **parameters} if email else parameters
    actor = {"email": f"{by}@acme.example", "profile_id": f"1{by}", "caller_type": "USER", "key": None}
    known = f"admin:{when:%m%dT%H%M%S}:{name}:{email}"
    return _filled(
        ADMIN_ACTIVITIES, event_id=f"{known}#0", event_time=when, activity_id=known, application="admin",
        unique_qualifier="1", event_index=0, event_type="USER_SETTINGS", event_name=name, actor=actor, subject=email,
        scopes=[], parameters=json.dumps(said),
    )  # fmt: skip


def aws_event(name: str, when: datetime, asked: Row | None = None, *, service: str = "iam", **changed: Any) -> Row:
    """A row of `aws.management_events`, done by boss in a session of a role."""
    from schemas.aws_trail import MANAGEMENT_EVENTS

    arn = "arn:aws:sts::111122223333:assumed-role/admin/boss@acme.example"
    row = _filled(
        MANAGEMENT_EVENTS, event_id=f"{name}:{when:%m%dT%H%M%S}:{json.dumps(asked)}", event_time=when,
        account_id="111122223333", recipient_account_id="111122223333", region="us-east-1", read_only=False,
        event_source=f"{service}.amazonaws.com", event_name=name, identity_type="AssumedRole", identity_arn=arn,
        request_parameters=json.dumps(asked or {}),
    )  # fmt: skip
    return row | changed


def gcp_event(deltas: Sequence[tuple[str, str, str]], when: datetime, **changed: Any) -> Row:
    """A row of `gcp.admin_activity`: SetIamPolicy of a project, with (action, role, member)."""
    from schemas.gcp import ADMIN_ACTIVITY

    row = _filled(
        ADMIN_ACTIVITY, event_id=f"gcp:{when:%m%dT%H%M%S}", event_time=when, container="projects/acme-prod",
        inherited=False, log="activity", insert_id="x", service="cloudresourcemanager.googleapis.com",
        method="SetIamPolicy", resource_name="projects/acme-prod", principal="boss@acme.example",
        principal_kind="person", delegation=[], permissions=[], status_code=0,
        policy_deltas=[{"action": a, "role": r, "member": m, "condition": None} for a, r, m in deltas],
    )  # fmt: skip
    return row | changed
