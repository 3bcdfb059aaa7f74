"""Exposure, encryption, findings, deployments and backups of a project against the simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.google.cloud.world import CloudWorld
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied, RetriableError
from schemas.gcp import ALERTS, BACKUPS, DEPLOYMENTS, ENCRYPTION, EXPOSURE, FINDINGS
from tests.fakes.cloud_company import ORG, Cloud, Collected, small_world

LINK = "https://www.googleapis.com/compute/v1/projects/tallybrook-prod"
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
PIPELINES = "clouddeploy.projects.locations.deliveryPipelines"
HOME = "projects/tallybrook-prod/locations/europe-west1"
PIPELINE = f"{HOME}/deliveryPipelines/api"


def firewall(number: int, *ranges: str) -> dict[str, Any]:
    return {
        "selfLink": f"{LINK}/global/firewalls/rule{number}", "name": f"rule{number}", "direction": "INGRESS",
        "network": f"{LINK}/global/networks/default", "priority": 1000, "sourceRanges": list(ranges or ["10.0.0.0/8"]),
        "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}], "creationTimestamp": "2025-01-01T00:00:00.000-07:00",
    }  # fmt: skip


def finding(number: int, kind: str = "VULNERABILITY", **more: Any) -> dict[str, Any]:
    record = {
        "name": f"organizations/900/sources/7/findings/f{number}", "category": "OPEN_SSH", "findingClass": kind,
        "resourceName": "//compute.googleapis.com/projects/100/zones/z/instances/1", "state": "ACTIVE",
        "createTime": "2026-06-10T00:00:00Z", "eventTime": "2026-06-29T00:00:00Z", "severity": "HIGH",
        "sourceProperties": {"secret": "hunter2"},
    }  # fmt: skip
    return {"finding": record | more, "resource": {"name": record["resourceName"], "displayName": "vm"}}


def run(instance: str, day: int, status: str = "SUCCESSFUL") -> dict[str, Any]:
    at = datetime(2026, 6, day, 3, tzinfo=UTC)
    return {
        "id": str(1_000 * day), "instance": instance, "status": status, "type": "AUTOMATED",
        "enqueuedTime": at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip


def build(number: int, created: datetime) -> dict[str, Any]:
    return {
        "name": f"{HOME}/builds/b{number}", "id": f"b{number}", "status": "SUCCESS",
        "createTime": created.isoformat().replace("+00:00", "Z"), "options": {"env": ["TOKEN=hunter2"]},
        "substitutions": {"COMMIT_SHA": "a" * 40, "_TOKEN": "hunter2"},
    }  # fmt: skip


@pytest.fixture
def world(cloud: Cloud) -> CloudWorld:
    made = cloud.become(small_world())
    held = made.projects[0].records
    held["compute.firewalls.list"] = [firewall(n) for n in range(20)] + [firewall(999, "0.0.0.0/0")]
    held["compute.networks.list"] = [{"selfLink": f"{LINK}/global/networks/default", "name": "default"}]
    held["compute.networks.getEffectiveFirewalls"] = [{"network": "default", "answer": {
        "firewalls": [firewall(1)],
        "firewallPolicys": [{"name": "77", "shortName": "base", "type": "HIERARCHY", "rules": [
            {"priority": 5, "action": "allow", "direction": "INGRESS",
             "match": {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["443"]}]}},
        ]}],
    }}]  # fmt: skip
    held["compute.instances.aggregatedList"] = [
        {"selfLink": f"{LINK}/zones/europe-west1-{zone}/instances/vm{n}", "name": f"vm{n}",
         "zone": f"{LINK}/zones/europe-west1-{zone}", "networkInterfaces": [{"network": "x/default"}],
         "metadata": {"items": [{"key": "startup-script", "value": "hunter2"}]}}
        for n, zone in enumerate("bcd")
    ]  # fmt: skip
    held["compute.disks.aggregatedList"] = [
        {"selfLink": f"{LINK}/zones/europe-west1-b/disks/d{n}", "name": f"d{n}", "zone": f"{LINK}/zones/europe-west1-b"}
        for n in range(3)
    ]  # fmt: skip
    held["storage.buckets.list"] = [{"name": "tallybrook-public", "iamConfiguration": {}}, {"name": "tallybrook-logs"}]
    held["storage.buckets.getIamPolicy"] = [{
        "resourceId": "projects/_/buckets/tallybrook-public",
        "bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}],
    }]  # fmt: skip
    held["cloudasset.searchAllIamPolicies"] = [{
        "resource": "//run.googleapis.com/projects/tallybrook-prod/locations/europe-west1/services/api",
        "assetType": "run.googleapis.com/Service",
        "policy": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers", "user:ines@acme.example"]}]},
    }]  # fmt: skip
    held["sql.instances.list"] = [{"name": name, "project": "tallybrook-prod"} for name in ("main", "small", "spare")]
    held["sql.backupRuns.list"] = [
        *(run("main", day) for day in range(10, 30)),
        run("small", 20, "FAILED"),
        run("old", 8),
    ]
    held["securitycenter.projects.sources.findings.list"] = [
        *(finding(n) for n in range(30)), finding(40, state="INACTIVE", createTime="2025-01-01T00:00:00Z"),
        finding(41, createTime="2025-01-01T00:00:00Z"), finding(50, "THREAT"),
        finding(51, "THREAT", createTime="2025-01-01T00:00:00Z"),
    ]  # fmt: skip
    held["cloudbuild.projects.locations.builds.list"] = [build(n, START + timedelta(hours=n)) for n in range(5)]
    held["cloudbuild.projects.locations.builds.list"].append(build(9, END))
    held["clouddeploy.projects.locations.list"] = [{"locationId": "europe-west1"}, {"locationId": "us-east1"}]
    held[f"{PIPELINES}.list"] = [{"name": PIPELINE}]
    held[f"{PIPELINES}.releases.list"] = [{"name": f"{PIPELINE}/releases/r1", "createTime": "2026-05-01T00:00:00Z"}]
    held[f"{PIPELINES}.releases.rollouts.list"] = [
        {"name": f"{PIPELINE}/releases/r1/rollouts/o{n}", "createTime": f"2026-06-1{n}T00:00:00Z", "state": "SUCCEEDED",
         "targetId": "prod"}
        for n in range(3)
    ]  # fmt: skip
    held["cloudasset.searchAllResources:run.googleapis.com/Revision"] = [
        {"name": f"//run.googleapis.com/{HOME}/services/api/revisions/api-{n}", "location": "europe-west1",
         "assetType": "run.googleapis.com/Revision"}
        for n in range(2)
    ]  # fmt: skip
    held["run.projects.locations.services.revisions.list"] = [
        {"name": f"{HOME}/services/api/revisions/api-{n}", "createTime": f"2026-06-0{n + 1}T10:00:00Z",
         "service": "api", "containers": [{"image": "img", "env": [{"name": "A", "value": "hunter2"}]}]}
        for n in range(2)
    ]  # fmt: skip
    return made


def read(cloud: Cloud, dataset: Dataset) -> Collected:
    if dataset.kind == "event_stream":
        return cloud.collect(dataset, start=START, end=END)
    return cloud.collect(dataset)


ALL = (EXPOSURE, ENCRYPTION, FINDINGS, ALERTS, DEPLOYMENTS, BACKUPS)


@pytest.mark.usefixtures("world")
def test_exposure_holds_rules_policies_machines_buckets_and_public_roles(cloud: Cloud) -> None:
    rows = read(cloud, EXPOSURE).rows
    assert {row["resource_name"] for row in rows if row["public"]} == {
        "rule999", "77:5", "tallybrook-public", "roles/run.invoker on api",
    }  # fmt: skip
    assert len([row for row in rows if row["resource_kind"] == "firewall_rule"]) == 22
    assert len([row for row in rows if row["resource_kind"] == "instance"]) == 3


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("dataset", ALL, ids=lambda dataset: dataset.name)
def test_no_secret_is_kept_and_the_probe_passes(cloud: Cloud, dataset: Dataset) -> None:
    found = read(cloud, dataset)
    assert found.rows
    assert all("hunter2" not in row["raw"] for row in found.rows)
    assert all(b"hunter2" not in answer.body for answer in found.sink.answers)
    assert found.claim.proof_of_life
    cloud.probe(dataset)


def test_a_project_without_compute_has_nothing_on_the_network(cloud: Cloud, world: CloudWorld) -> None:
    world.projects[0].services.discard("compute.googleapis.com")
    found = read(cloud, EXPOSURE)
    assert {row["resource_kind"] for row in found.rows} == {"bucket", "sql_instance", "iam_binding"}
    assert "compute.googleapis.com is off, so there is no network" in (found.claim.proof or "")


@pytest.mark.parametrize(("dataset", "service"), [
    (EXPOSURE, "sqladmin"), (ENCRYPTION, "cloudkms"), (ENCRYPTION, "storage"), (DEPLOYMENTS, "run"),
])  # fmt: skip
def test_a_service_that_is_off_must_have_left_nothing(
    cloud: Cloud, world: CloudWorld, dataset: Dataset, service: str
) -> None:
    project = world.projects[0]
    project.services.discard(f"{service}.googleapis.com")
    kinds = {"sqladmin": "Instance", "cloudkms": "CryptoKey", "storage": "Bucket", "run": "Revision"}
    left = f"cloudasset.searchAllResources:{service}.googleapis.com/{kinds[service]}"
    project.records.pop(left, None)
    assert f"{service}.googleapis.com is off and asset inventory knows nothing" in (
        read(cloud, dataset).claim.proof or ""
    )
    project.records[left] = [{"name": "//x/left-over", "assetType": f"{service}.googleapis.com/{kinds[service]}"}]
    with pytest.raises(NotLicensed, match="still has 1 resources"):
        read(cloud, dataset)


@pytest.mark.parametrize(("dataset", "service"), [
    (FINDINGS, "securitycenter"), (ALERTS, "securitycenter"), (BACKUPS, "sqladmin"),
])  # fmt: skip
def test_a_dataset_of_one_service_that_is_off_is_not_licensed(
    cloud: Cloud, world: CloudWorld, dataset: Dataset, service: str
) -> None:
    world.projects[0].services.discard(f"{service}.googleapis.com")
    for attempt in (read, Cloud.probe):
        with pytest.raises(NotLicensed, match=f"{service}.googleapis.com is switched off in tallybrook-prod"):
            attempt(cloud, dataset)


def test_deployments_without_any_service_are_not_licensed(cloud: Cloud, world: CloudWorld) -> None:
    world.projects[0].services.clear()
    with pytest.raises(NotLicensed, match="all off"):
        read(cloud, DEPLOYMENTS)


@pytest.mark.usefixtures("world")
def test_security_command_center_that_nobody_activated_is_not_licensed(cloud: Cloud) -> None:
    for attempt in (read, Cloud.probe):
        cloud.spoil("securitycenter.projects.sources.findings.list", "not_found", times=None)
        with pytest.raises(NotLicensed, match="not activated"):
            attempt(cloud, FINDINGS)


@pytest.mark.usefixtures("world")
def test_findings_and_threats_are_told_apart_and_dated(cloud: Cloud) -> None:
    rows = read(cloud, FINDINGS).rows
    assert len([row for row in rows if row["change"] == "opened"]) == 30
    assert [row["finding_id"][-3:] for row in rows if row["change"] == "closed"] == ["f40"]
    found = read(cloud, ALERTS)
    assert [row["alert_id"][-3:] for row in found.rows] == ["f50"]
    assert found.claim.drop_rules == {"found before or after the interval": 1}


@pytest.mark.usefixtures("world")
def test_findings_that_google_counts_and_does_not_show_are_noticed(cloud: Cloud) -> None:
    cloud.spoil("securitycenter.projects.sources.findings.list", "truncated_page", items=1, times=None)
    with pytest.raises(IncompletePopulation):
        read(cloud, FINDINGS)


@pytest.mark.usefixtures("world")
def test_deployments_of_three_services(cloud: Cloud) -> None:
    found = read(cloud, DEPLOYMENTS)
    assert sorted(row["kind"] for row in found.rows) == ["build"] * 5 + ["revision"] * 2 + ["rollout"] * 3
    assert {row["sha"] for row in found.rows if row["kind"] == "build"} == {"a" * 40}


@pytest.mark.usefixtures("world")
def test_backups_are_claimed_from_the_oldest_run_that_is_still_listed(cloud: Cloud) -> None:
    found = read(cloud, BACKUPS)
    assert len(found.rows) == 22
    assert found.claim.complete_from == datetime(2026, 6, 20, 3, tzinfo=UTC)  # of the instance that remembers least
    assert [row["store_name"] for row in found.rows if row["succeeded"] is False] == ["small"]
    assert "no run at all: spare" in (found.claim.proof or "")


@pytest.mark.parametrize(
    ("dataset", "where", "permission"),
    [
        (EXPOSURE, "projects/100", "compute.firewalls.list"),
        (EXPOSURE, "projects/100", "compute.networks.getEffectiveFirewalls"),
        (EXPOSURE, "projects/100", "storage.buckets.getIamPolicy"),
        (EXPOSURE, "projects/100", "cloudasset.assets.searchAllIamPolicies"),
        (EXPOSURE, ORG, "resourcemanager.organizations.getIamPolicy"),
        (ENCRYPTION, "projects/100", "cloudkms.cryptoKeys.list"),
        (ENCRYPTION, "projects/100", "bigquery.datasets.get"),
        (FINDINGS, "projects/100", "securitycenter.findings.list"),
        (ALERTS, "projects/100", "securitycenter.findings.list"),
        (DEPLOYMENTS, "projects/100", "clouddeploy.rollouts.list"),
        (BACKUPS, "projects/100", "cloudsql.backupRuns.list"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    cloud: Cloud, world: CloudWorld, dataset: Dataset, where: str, permission: str
) -> None:
    world.denied.add((where, permission))
    for attempt in (read, Cloud.probe):
        with pytest.raises(PermissionDenied) as denied:
            attempt(cloud, dataset)
        assert denied.value.permission == permission
        assert "tallybrook-prod" in str(denied.value)


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page"])
@pytest.mark.parametrize(
    ("dataset", "method"),
    [
        (EXPOSURE, "compute.firewalls.list"), (EXPOSURE, "compute.instances.aggregatedList"),
        (ENCRYPTION, "compute.disks.aggregatedList"), (DEPLOYMENTS, f"{PIPELINES}.releases.rollouts.list"),
        (BACKUPS, "sql.backupRuns.list"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("world")
def test_pages_that_lose_something_are_noticed_and_read_again(
    cloud: Cloud, dataset: Dataset, method: str, kind: str
) -> None:
    whole = len(read(cloud, dataset).rows)
    cloud.spoil(method, kind, items=1)
    assert len(read(cloud, dataset).rows) == whole


@pytest.mark.usefixtures("world")
def test_zones_that_did_not_answer_are_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    warned = {"warning": {"code": "UNREACHABLE", "message": "Could not reach zone"}}
    monkeypatch.setattr("sandbox.google.cloud.lists._by_scope", lambda *_: {"zones/europe-west1-c": warned})
    with pytest.raises(RetriableError, match="europe-west1-c"):
        read(cloud, EXPOSURE)


@pytest.mark.usefixtures("world")
def test_a_rule_that_takes_effect_and_is_in_no_list_is_noticed(cloud: Cloud) -> None:
    cloud.world.projects[0].records["compute.networks.getEffectiveFirewalls"][0]["answer"]["firewalls"] = [
        firewall(4711)
    ]
    with pytest.raises(IncompletePopulation, match="are in no list"):
        read(cloud, EXPOSURE)
