"""Members, administrative power and bindings."""

from __future__ import annotations

import pytest

from connectors.gcp.iam_rows import administrator_rows, bindings, member, privilege
from schemas.errors import SchemaDrift

AGENT = "serviceAccount:service-111@gcp-sa-pubsub.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("text", "kind", "identity", "deleted"),
    [
        ("user:ines@tallybrook.example", "user", "ines@tallybrook.example", False),
        ("deleted:serviceAccount:a@b.iam.gserviceaccount.com?uid=1", "service_account",
         "a@b.iam.gserviceaccount.com", True),
        ("allUsers", "public", "allUsers", False),
        ("principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s", "workforce",
         "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s", False),
        ("somethingNew:x", "other", "x", False),
    ],
)  # fmt: skip
def test_members_are_read(text: str, kind: str, identity: str, deleted: bool) -> None:
    found = member(text)
    assert (found.kind, found.id, found.deleted) == (kind, identity, deleted)


def test_agents_of_google_are_told_from_accounts_that_people_use() -> None:
    assert member(AGENT).service_agent
    assert not member("serviceAccount:111-compute@developer.gserviceaccount.com").service_agent
    assert not member("serviceAccount:deployer@tallybrook.iam.gserviceaccount.com").service_agent


@pytest.mark.parametrize(
    ("role", "permissions", "power"),
    [
        ("roles/owner", ["resourcemanager.projects.setIamPolicy"], "owner"),
        ("roles/editor", ["compute.instances.create"], "editor"),
        ("projects/p/roles/helper", ["storage.buckets.get", "resourcemanager.projects.setIamPolicy"],
         "iam_administrator"),
        ("roles/iam.roleAdmin", ["iam.roles.update"], "iam_administrator"),
        ("roles/iam.serviceAccountTokenCreator", ["iam.serviceAccounts.getAccessToken"],
         "service_account_administrator"),
        ("roles/viewer", ["resourcemanager.projects.getIamPolicy"], None),
    ],
)  # fmt: skip
def test_power_is_told_by_permissions_and_not_by_the_name_of_a_role(
    role: str, permissions: list[str], power: str | None
) -> None:
    assert privilege(role, {"name": role, "includedPermissions": permissions}) == power


def test_a_deleted_role_gives_nothing() -> None:
    assert privilege("projects/p/roles/x", {"deleted": True, "includedPermissions": ["iam.roles.update"]}) is None


def test_the_same_role_with_and_without_condition_makes_two_rows() -> None:
    condition = {"title": "for a week", "expression": "request.time < timestamp('2026-06-01T00:00:00Z')"}
    policy = {
        "bindings": [
            {"role": "roles/owner", "members": ["user:a@x.example", "user:a@x.example"]},
            {"role": "roles/owner", "members": ["user:a@x.example"], "condition": condition},
            {"role": "roles/viewer", "members": ["user:b@x.example"]},
        ]
    }
    roles = {"roles/owner": {}, "roles/viewer": {"includedPermissions": []}}
    bound = list(bindings("organizations/1", "organisation", True, policy))
    assert len(bound) == 3
    rows = list(administrator_rows("gcp:1", bound, roles))
    assert [row["conditional"] for row in rows] == [False, True]
    assert len({row["assignment_id"] for row in rows}) == 2
    assert all(row["inherited"] for row in rows)


def test_a_role_that_was_not_looked_up_is_no_role_without_power() -> None:
    bound = list(bindings("projects/p", "project", False, {"bindings": [{"role": "roles/x", "members": ["allUsers"]}]}))
    with pytest.raises(KeyError):
        list(administrator_rows("gcp:1", bound, {}))


def test_a_binding_without_role_is_drift() -> None:
    with pytest.raises(SchemaDrift):
        list(bindings("projects/p", "project", False, {"bindings": [{"members": ["allUsers"]}]}))
