"""Audit logs and their configuration against the simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from connectors.gcp import audit_logs
from sandbox.google.cloud.world import CloudWorld
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.gcp import ADMIN_ACTIVITY, ADMINISTRATORS, DATA_ACCESS, LOG_CONFIG
from schemas.instants import format_instant
from tests.fakes.cloud_company import FOLDER, NOW, ORG, Cloud, Collected, project, small_world

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)


def entry(
    number: int, at: datetime, log: str = "activity", container: str = "projects/tallybrook-prod"
) -> dict[str, Any]:
    return {
        "insertId": f"i{number}", "timestamp": format_instant(at), "severity": "NOTICE",
        "receiveTimestamp": format_instant(at + timedelta(seconds=2)),
        "logName": f"{container}/logs/{quote(f'cloudaudit.googleapis.com/{log}', safe='')}",
        "resource": {"type": "project", "labels": {}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "compute.googleapis.com",
            "methodName": "v1.compute.firewalls.patch", "resourceName": f"projects/tallybrook-prod/firewalls/{number}",
            "authenticationInfo": {"principalEmail": "ines@tallybrook.example"},
            "request": {"env": [{"name": "PASSWORD", "value": "hunter2"}]},
        },
    }  # fmt: skip


@pytest.fixture
def world(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> CloudWorld:
    monkeypatch.setattr(audit_logs, "PAGE", 100)
    monkeypatch.setattr(audit_logs, "SECOND_PAGE", 90)
    made = cloud.become(small_world())
    made.entries = [entry(n, START + timedelta(minutes=n // 3)) for n in range(250)]
    made.entries += [
        entry(9001, START + timedelta(days=1), container=ORG), entry(9002, START, "system_event", FOLDER),
        entry(9003, END), entry(9004, START - timedelta(seconds=1)),
        entry(9005, START + timedelta(days=2), "data_access"),
    ]  # fmt: skip
    return made


def logged(cloud: Cloud, dataset: Dataset = ADMIN_ACTIVITY, start: datetime = START, end: datetime = END) -> Collected:
    return cloud.collect(dataset, start=start, end=end)


@pytest.mark.usefixtures("world")
def test_an_interval_is_read_whole_with_what_is_inherited(cloud: Cloud) -> None:
    found = logged(cloud)
    assert len(found.rows) == 252
    assert {row["container"] for row in found.rows if row["inherited"]} == {ORG, FOLDER}
    assert found.claim.independent_count == 252
    assert found.claim.complete_from is None
    assert all("hunter2" not in row["raw"] for row in found.rows)
    assert all(b"hunter2" not in answer.body for answer in found.sink.answers)
    # Three pages forwards and three backwards, which a minute of quota covers many times over.
    assert cloud.plan.requests()["google"]["logging.entries.list"] == 6


# The first page of a reading can't begin earlier.
@pytest.mark.parametrize(
    ("kind", "after"),
    [(kind, after) for kind in ("truncated_page", "lying_last_page") for after in range(4)]
    + [("shifting_list", 1), ("shifting_list", 2)],
)
@pytest.mark.usefixtures("world")
def test_a_page_that_loses_or_repeats_entries_is_noticed(cloud: Cloud, kind: str, after: int) -> None:
    cloud.spoil("logging.entries.list", kind, items=2, after=after)
    with pytest.raises(IncompletePopulation):
        logged(cloud)


@pytest.mark.usefixtures("world")
def test_an_empty_interval_is_shown_to_be_readable(cloud: Cloud) -> None:
    quiet = logged(cloud, start=START + timedelta(days=10), end=START + timedelta(days=11))
    assert not quiet.rows
    assert quiet.claim.proof_of_life
    assert "an older one" in (quiet.claim.proof or "")
    before = logged(cloud, start=START - timedelta(days=9), end=START - timedelta(days=8))
    assert not before.claim.proof_of_life


@pytest.mark.usefixtures("world")
def test_what_google_no_longer_keeps_is_not_claimed(cloud: Cloud) -> None:
    found = logged(cloud, start=NOW - timedelta(days=500))
    assert found.claim.complete_from == NOW - timedelta(days=400)


def test_entries_that_arrive_while_the_log_is_read_belong_to_neither_reading(cloud: Cloud, world: CloudWorld) -> None:
    late = entry(9100, NOW - timedelta(minutes=5)) | {"receiveTimestamp": format_instant(NOW)}
    world.entries.append(late)
    assert len(logged(cloud, end=NOW).rows) == 253  # with the one at END, without the late one


@pytest.mark.parametrize("where", ["projects/100", FOLDER, ORG])
def test_data_access_without_the_right_to_private_entries_is_denied_and_not_empty(
    cloud: Cloud, world: CloudWorld, where: str
) -> None:
    world.denied.add((where, "logging.privateLogEntries.list"))
    for attempt in (logged, lambda cloud, dataset: cloud.probe(dataset)):
        with pytest.raises(PermissionDenied) as denied:
            attempt(cloud, DATA_ACCESS)
        assert denied.value.permission == "logging.privateLogEntries.list"


def test_data_access_says_what_is_switched_on_and_how_long_it_is_kept(cloud: Cloud, world: CloudWorld) -> None:
    config = {"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:a@b"]}]}
    world.above[0].policy = {"auditConfigs": [config]}
    world.projects[0].records["logging.projects.locations.buckets.list"] = [
        {"name": "projects/tallybrook-prod/locations/global/buckets/_Default", "retentionDays": 90}
    ]
    found = logged(cloud, DATA_ACCESS)
    assert [row["insert_id"] for row in found.rows] == ["i9005"]
    assert "switched on for allServices" in (found.claim.proof or "")
    # The organisation and the folder keep theirs for 30 days, so that is as far back as the answer is whole.
    assert found.claim.complete_from == NOW - timedelta(days=30)


@pytest.mark.usefixtures("world")
def test_data_access_that_nothing_logs_is_not_licensed(cloud: Cloud) -> None:
    with pytest.raises(NotLicensed, match="switched on for no service"):
        logged(cloud, DATA_ACCESS, start=START + timedelta(days=20))
    sinks = [{"name": "_Default", "destination": "logging.googleapis.com/x", "disabled": True}]
    cloud.world.above[1].records["logging.folders.sinks.list"] = sinks
    with pytest.raises(NotLicensed, match="_Default of folders/800 is switched off"):
        logged(cloud, DATA_ACCESS)


def test_sinks_buckets_and_audit_configuration_of_every_level(cloud: Cloud, world: CloudWorld) -> None:
    world.above[0].records["logging.organizations.sinks.list"] = [
        {"name": f"sink{n}", "destination": "storage.googleapis.com/audit", "includeChildren": True,
         "exclusions": [{"name": "x", "filter": "severity<INFO"}], "createTime": "2025-01-01T00:00:00Z"}
        for n in range(120)
    ]  # fmt: skip
    world.projects[0].records["logging.projects.locations.buckets.list"] = [
        {"name": "projects/tallybrook-prod/locations/global/buckets/_Required", "retentionDays": 400, "locked": True},
        {"name": "projects/tallybrook-prod/locations/eu/buckets/own", "lifecycleState": "ACTIVE"},
    ]  # fmt: skip
    world.projects[0].policy = {"auditConfigs": [
        {"service": "storage.googleapis.com", "auditLogConfigs": [{"logType": "DATA_WRITE"}]}
    ]}  # fmt: skip
    found = cloud.collect(LOG_CONFIG)
    assert len(found.rows) == 123
    assert {row["retention_days"] for row in found.rows if row["kind"] == "log_bucket"} == {400, 30}
    assert all(row["include_children"] and row["inherited"] for row in found.rows if row["kind"] == "sink")
    (audit,) = [row for row in found.rows if row["kind"] == "audit_config"]
    assert audit["log_types"] == [{"log_type": "DATA_WRITE", "exempted": []}]


@pytest.mark.parametrize(
    ("dataset", "where", "permission"),
    [
        (ADMIN_ACTIVITY, ORG, "logging.logEntries.list"), (LOG_CONFIG, FOLDER, "logging.sinks.list"),
        (LOG_CONFIG, "projects/100", "logging.buckets.list"),
    ],
)  # fmt: skip
def test_a_permission_that_is_missing_is_named(
    cloud: Cloud, world: CloudWorld, dataset: Dataset, where: str, permission: str
) -> None:
    world.denied.add((where, permission))
    for attempt in (logged, lambda cloud, dataset: cloud.probe(dataset)):
        with pytest.raises(PermissionDenied) as denied:
            attempt(cloud, dataset)
        assert denied.value.permission == permission
        assert where in str(denied.value)


@pytest.mark.parametrize("dataset", [ADMIN_ACTIVITY, DATA_ACCESS, LOG_CONFIG])
@pytest.mark.usefixtures("world")
def test_what_can_be_read_passes_the_probe(cloud: Cloud, dataset: Dataset) -> None:
    cloud.probe(dataset)


def test_a_project_outside_every_organisation_is_borne_out_by_asset_inventory(cloud: Cloud) -> None:
    world = cloud.become(small_world(project(100, "tallybrook-prod", None)))
    found = cloud.collect(LOG_CONFIG)
    assert {row["container"] for row in found.rows} <= {"projects/100"}
    assert "nothing is above it" in (found.claim.proof or "")
    cloud.probe(LOG_CONFIG)
    world.denied.add(("projects/100", "cloudasset.assets.searchAllResources"))
    for attempt in (lambda: cloud.collect(LOG_CONFIG), lambda: cloud.probe(LOG_CONFIG)):
        with pytest.raises(PermissionDenied) as denied:
            attempt()
        assert denied.value.permission == "cloudasset.assets.searchAllResources"


@pytest.mark.parametrize("dataset", [LOG_CONFIG, ADMIN_ACTIVITY, ADMINISTRATORS], ids=lambda one: one.name)
def test_a_project_whose_parent_is_missing_is_not_read_without_what_it_inherits(cloud: Cloud, dataset: Dataset) -> None:
    world = cloud.become(small_world())
    del world.projects[0].record["parent"]
    interval = (START, END) if dataset is ADMIN_ACTIVITY else (None, None)
    with pytest.raises(IncompletePopulation, match="names a folder or organisation"):
        cloud.collect(dataset, start=interval[0], end=interval[1])


def test_a_project_that_asset_inventory_does_not_know_is_not_taken_to_stand_alone(cloud: Cloud) -> None:
    cloud.become(small_world(project(100, "tallybrook-prod", None)))
    cloud.spoil("cloudasset.searchAllResources", "truncated_page", items=1, times=None)
    with pytest.raises(IncompletePopulation, match="does not know the project"):
        cloud.collect(LOG_CONFIG)
