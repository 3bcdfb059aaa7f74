"""IAM policies, service accounts and keys of a project against the simulation."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.google.cloud.world import CloudWorld
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied, SourceGone
from schemas.gcp import ADMINISTRATORS, PRINCIPALS, SERVICE_ACCOUNT_KEYS
from tests.fakes.cloud_company import FOLDER, ORG, Cloud, small_world

OWN = "projects/tallybrook-prod/roles/helper"
USED = "policyanalyzer.projects.locations.activityTypes.activities.query"
POWERS = {
    "roles/owner": ["resourcemanager.projects.setIamPolicy"], "roles/viewer": ["compute.instances.list"],
    "roles/resourcemanager.folderAdmin": ["resourcemanager.folders.setIamPolicy"],
    "roles/resourcemanager.organizationAdmin": ["resourcemanager.organizations.setIamPolicy"],
    OWN: ["iam.roles.update"],
}  # fmt: skip


def binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **more}


def account(number: int) -> dict[str, Any]:
    email = f"svc{number}@tallybrook-prod.iam.gserviceaccount.com"
    return {
        "name": f"projects/tallybrook-prod/serviceAccounts/{email}", "email": email, "uniqueId": str(10_000 + number),
        "projectId": "tallybrook-prod", "displayName": f"Service {number}", "oauth2ClientId": "1", "etag": "x",
    }  # fmt: skip


def key(number: int, kind: str = "USER_MANAGED") -> dict[str, Any]:
    return {
        "name": f"{account(number)['name']}/keys/{kind.lower()}{number}", "keyType": kind,
        "validAfterTime": "2025-03-01T00:00:00Z", "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyOrigin": "GOOGLE_PROVIDED", "keyAlgorithm": "KEY_ALG_RSA_2048",
    }  # fmt: skip


def used(kind: str, name: str) -> dict[str, Any]:
    return {
        "fullResourceName": f"//iam.googleapis.com/{name}", "activityType": kind,
        "observationPeriod": {"startTime": "2025-07-01T07:00:00Z", "endTime": "2026-06-29T07:00:00Z"},
        "activity": {"lastAuthenticatedTime": "2026-06-01T07:00:00Z"},
    }  # fmt: skip


@pytest.fixture
def world(cloud: Cloud) -> CloudWorld:
    made = cloud.become(small_world())
    project, (organisation, folder) = made.projects[0], made.above
    made.roles = dict(POWERS)
    project.policy = {"bindings": [
        binding("roles/owner", "user:ines@tallybrook.example", "deleted:user:old@tallybrook.example?uid=7"),
        binding("roles/viewer", "group:all@tallybrook.example"), binding(OWN, f"serviceAccount:{account(1)['email']}"),
        binding("roles/gone", "user:tom@tallybrook.example"),
    ]}  # fmt: skip
    folder.policy = {"bindings": [binding("roles/resourcemanager.folderAdmin", "user:ines@tallybrook.example")]}
    organisation.policy = {
        "bindings": [binding("roles/resourcemanager.organizationAdmin", "user:root@tallybrook.example")]
    }
    accounts = [account(number) for number in range(250)]
    project.records["iam.projects.serviceAccounts.list"] = accounts
    project.records["iam.projects.serviceAccounts.keys.list"] = [
        *(key(number) for number in (1, 2, 249)), key(1, "SYSTEM_MANAGED"),
    ]  # fmt: skip
    project.records[USED] = [
        used("serviceAccountKeyLastAuthentication", key(2)["name"]),
        used("serviceAccountLastAuthentication", account(2)["name"]),
    ]
    return made


@pytest.mark.usefixtures("world")
def test_administrators_are_found_at_every_level(cloud: Cloud) -> None:
    found = cloud.collect(ADMINISTRATORS)
    assert {(row["resource"].partition(".com/")[2], row["privilege"], row["principal_id"]) for row in found.rows} == {
        ("projects/100", "owner", "ines@tallybrook.example"), ("projects/100", "owner", "old@tallybrook.example"),
        ("projects/100", "iam_administrator", account(1)["email"]),
        (FOLDER, "iam_administrator", "ines@tallybrook.example"),
        (ORG, "iam_administrator", "root@tallybrook.example"),
    }  # fmt: skip
    assert "roles/gone no longer exists" in (found.claim.proof or "")
    assert found.claim.observed_at is not None


@pytest.mark.usefixtures("world")
def test_the_pack_holds_everybody_with_a_role_and_every_service_account(cloud: Cloud) -> None:
    rows = {row["principal_id"]: row for row in cloud.collect(PRINCIPALS).rows}
    assert len(rows) == 250 + 5
    assert rows["ines@tallybrook.example"]["privileged"]
    assert {one["resource"].partition(".com/")[2] for one in rows["ines@tallybrook.example"]["roles"]} == {
        "projects/100", FOLDER,
    }  # fmt: skip
    assert rows[account(2)["email"]]["last_used_at"] is not None
    assert not rows["all@tallybrook.example"]["privileged"]


@pytest.mark.usefixtures("world")
def test_keys_that_somebody_holds_are_found_whole(cloud: Cloud) -> None:
    found = cloud.collect(SERVICE_ACCOUNT_KEYS)
    assert [row["service_account"][:6] for row in found.rows] == ["svc1@t", "svc249", "svc2@t"]
    assert [(row["last_use_known"], row["last_used_at"] is not None) for row in found.rows] == [
        (False, False), (False, False), (True, True),
    ]  # fmt: skip
    assert all(row["expires_at"] is None for row in found.rows)
    assert found.requests["requests"] < 20  # 250 accounts are asked in three batches


def test_last_use_that_nobody_can_tell_is_not_no_use(cloud: Cloud, world: CloudWorld) -> None:
    world.denied.add(("projects/100", "policyanalyzer.serviceAccountKeyLastAuthenticationActivities.query"))
    found = cloud.collect(SERVICE_ACCOUNT_KEYS)
    assert not any(row["last_use_known"] for row in found.rows)
    assert "serviceAccountKeyLastAuthenticationActivities.query is missing" in (found.claim.proof or "")
    world.denied.clear()
    world.projects[0].services.discard("policyanalyzer.googleapis.com")
    assert "policyanalyzer.googleapis.com is off" in (cloud.collect(SERVICE_ACCOUNT_KEYS).claim.proof or "")


@pytest.mark.parametrize(
    ("dataset", "where", "permission"),
    [
        (ADMINISTRATORS, "projects/100", "resourcemanager.projects.getIamPolicy"),
        (ADMINISTRATORS, FOLDER, "resourcemanager.folders.getIamPolicy"),
        (ADMINISTRATORS, ORG, "resourcemanager.organizations.getIamPolicy"),
        (ADMINISTRATORS, FOLDER, "resourcemanager.folders.get"),
        (ADMINISTRATORS, "projects/100", "iam.roles.get"),
        (PRINCIPALS, "projects/100", "iam.serviceAccounts.list"),
        (PRINCIPALS, "projects/100", "serviceusage.services.get"),
        (SERVICE_ACCOUNT_KEYS, "projects/100", "iam.serviceAccountKeys.list"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    cloud: Cloud, world: CloudWorld, dataset: Dataset, where: str, permission: str
) -> None:
    world.denied.add((where, permission))
    for attempt in (cloud.collect, cloud.probe):
        with pytest.raises(PermissionDenied) as denied:
            attempt(dataset)
        assert denied.value.permission == permission
        assert "tallybrook-prod" in str(denied.value) or where in str(denied.value)


@pytest.mark.parametrize("dataset", [ADMINISTRATORS, PRINCIPALS, SERVICE_ACCOUNT_KEYS])
@pytest.mark.usefixtures("world")
def test_what_can_be_read_passes_the_probe_cheaply(cloud: Cloud, dataset: Dataset) -> None:
    cloud.probe(dataset)
    assert sum(cloud.plan.requests()["google"].values()) < 18


def test_accounts_of_a_project_without_the_service_are_not_licensed(cloud: Cloud, world: CloudWorld) -> None:
    world.projects[0].services.discard("iam.googleapis.com")
    with pytest.raises(NotLicensed, match=r"iam\.googleapis\.com is switched off in tallybrook-prod"):
        cloud.collect(SERVICE_ACCOUNT_KEYS)


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page", "shifting_list"])
@pytest.mark.usefixtures("world")
def test_accounts_that_a_page_loses_are_noticed(cloud: Cloud, kind: str) -> None:
    cloud.spoil("iam.projects.serviceAccounts.list", kind, items=2, after=1)
    assert len(cloud.collect(SERVICE_ACCOUNT_KEYS).rows) == 3
    cloud.spoil("iam.projects.serviceAccounts.list", kind, items=2, after=1)
    assert len(cloud.collect(PRINCIPALS).rows) == 255


@pytest.mark.usefixtures("world")
def test_keys_of_another_account_are_no_answer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    session = cloud.session()
    whole = session.client.batch

    def mixed(method: str, parameters: list[dict[str, Any]], **more: Any) -> Any:
        # Answers that belong to the question before.
        return whole(method, [parameters[-1], *parameters[:-1]] if "keys" in method else parameters, **more)

    monkeypatch.setattr(session.client, "batch", mixed)
    with pytest.raises(IncompletePopulation, match="another service account"):
        cloud.collect(SERVICE_ACCOUNT_KEYS, session=session)


def test_a_project_that_is_gone_is_named(cloud: Cloud) -> None:
    with pytest.raises((PermissionDenied, SourceGone)):
        cloud.collect(ADMINISTRATORS, 404)
