"""Recorded answers of a real project, served by the simulation page by page, come out whole."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.google.cloud.world import Project
from schemas.gcp import (
    ADMIN_ACTIVITY,
    ADMINISTRATORS,
    BACKUPS,
    DATA_ACCESS,
    ENCRYPTION,
    EXPOSURE,
    LOG_CONFIG,
    PRINCIPALS,
    SERVICE_ACCOUNT_KEYS,
)
from schemas.instants import format_instant, parse_instant
from tests.fakes.cloud_company import Cloud, project, small_world

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EVENTS = DATA / "gcp-audit-events"
RECORDED = DATA / "gcp-recorded.jsonl.gz"

pytestmark = pytest.mark.skipif(not RECORDED.is_file(), reason=f"the recorded answers are not there: {RECORDED.name}")

LISTS = {
    "compute#firewallList": ("compute.firewalls.list", "selfLink"),
    "compute#networkList": ("compute.networks.list", "selfLink"),
    "compute#instanceAggregatedList": ("compute.instances.aggregatedList", "selfLink"),
    "compute#addressAggregatedList": ("compute.addresses.aggregatedList", "selfLink"),
    "compute#forwardingRuleAggregatedList": ("compute.forwardingRules.aggregatedList", "selfLink"),
    "compute#diskAggregatedList": ("compute.disks.aggregatedList", "selfLink"),
    "compute#snapshotList": ("compute.snapshots.list", "selfLink"),
    "storage#buckets": ("storage.buckets.list", "name"),
    "sql#instancesList": ("sql.instances.list", "name"),
    "sql#backupRunsList": ("sql.backupRuns.list", "id"),
    "bigquery#datasetList": ("bigquery.datasets.list", "id"),
    "bigquery#dataset": ("bigquery.datasets.get", "id"),
}
"""Kind of a recorded answer to the method that gives it, and what names a record."""

NAMED = {
    "accounts": ("iam.projects.serviceAccounts.list", "email"), "sinks": ("logging.projects.sinks.list", "name"),
    "keyRings": ("cloudkms.projects.locations.keyRings.list", "name"),
    "cryptoKeys": ("cloudkms.projects.locations.keyRings.cryptoKeys.list", "name"),
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded() -> Project:
    """One project that holds all that was recorded, each record once."""
    made = project(100, "cloud-custodian")
    with gzip.open(RECORDED, "rt") as lines:
        for line in lines:
            answer = json.loads(line)
            body = answer["body"]
            if answer["method"] in ("GET", "POST") and answer["status"] == "200" and isinstance(body, dict):
                _take(made, answer["path_slug"], body)
    locations = sorted({one["name"].split("/")[3] for one in made.records[NAMED["keyRings"][0]]})
    made.records["cloudkms.projects.locations.list"] = [{"locationId": one} for one in locations]
    details = {_name(one, "id") for one in made.records["bigquery.datasets.get"]}
    listed = made.records["bigquery.datasets.list"]
    made.records["bigquery.datasets.get"] += [one for one in listed if _name(one, "id") not in details]
    return made


def _take(made: Project, path: str, body: dict[str, Any]) -> None:
    kind = str(body.get("kind"))
    if kind in LISTS:
        method, identity = LISTS[kind]
        items = [body] if kind == "bigquery#dataset" else body.get("items", body.get("datasets", []))
        if isinstance(items, dict):
            items = [one for part in items.values() for name, some in part.items() if name != "warning" for one in some]
        _add(made, method, items, identity)
    for name, (method, identity) in NAMED.items():
        if name in body and "projects/cloud-custodian" in json.dumps(body[name]):
            _add(made, method, body[name], identity)
    if re.fullmatch(r"v1-projects-[^-]+-[^-]+-getIamPolicy", path) and "bindings" in body and not made.policy:
        made.policy = {name: body[name] for name in ("bindings", "auditConfigs") if name in body}


def _add(made: Project, method: str, records: Iterable[dict[str, Any]], identity: str) -> None:
    held = made.records.setdefault(method, [])
    known = {_name(one, identity) for one in held}
    for one in records:
        if _name(one, identity) not in known:
            known.add(_name(one, identity))
            # The recorder noted its own findings beside Google's fields.
            held.append({key: value for key, value in one.items() if not key.startswith("c7n")})


def _name(record: dict[str, Any], identity: str) -> str:
    # The same dataset was recorded in several projects, which are one here.
    return record["datasetReference"]["datasetId"] if "datasetReference" in record else record[identity]


@pytest.fixture
def held(cloud: Cloud, recorded: Project) -> Project:
    world = cloud.become(small_world(recorded))
    cloud.clock.set(datetime(2026, 11, 1, tzinfo=UTC))  # the last answer is of the summer
    world.roles = {binding["role"]: ["x.y.get"] for binding in recorded.policy.get("bindings", [])}
    return recorded


def names(made: Project, *methods: str) -> set[str]:
    return {one["name"] for method in methods for one in made.records[method]}


def test_exposure_of_everything_that_was_recorded(cloud: Cloud, held: Project) -> None:
    rows = cloud.collect(EXPOSURE).rows
    methods = [LISTS[f"compute#{kind}"][0] for kind in (
        "firewallList", "networkList", "instanceAggregatedList", "addressAggregatedList",
        "forwardingRuleAggregatedList",
    )]  # fmt: skip
    methods += ["storage.buckets.list", "sql.instances.list"]
    assert len([row for row in rows if row["resource_kind"] != "iam_binding"]) == sum(
        len(held.records[method]) for method in methods
    )
    assert {row["resource_name"] for row in rows if row["resource_kind"] != "iam_binding"} == names(held, *methods)


def test_encryption_of_everything_that_was_recorded(cloud: Cloud, held: Project) -> None:
    rows = cloud.collect(ENCRYPTION).rows
    expected = {
        "disk": "compute.disks.aggregatedList", "snapshot": "compute.snapshots.list", "bucket": "storage.buckets.list",
        "sql_instance": "sql.instances.list", "bigquery_dataset": "bigquery.datasets.list",
        "kms_key": "cloudkms.projects.locations.keyRings.cryptoKeys.list",
    }  # fmt: skip
    for kind, method in expected.items():
        assert len([row for row in rows if row["resource_kind"] == kind]) == len(held.records[method]) > 0, kind


def test_accounts_policies_and_sinks_that_were_recorded(cloud: Cloud, held: Project) -> None:
    accounts = {one["email"] for one in held.records["iam.projects.serviceAccounts.list"]}
    pack = cloud.collect(PRINCIPALS)
    members = {member for binding in held.policy["bindings"] for member in binding["members"]}
    assert {row["principal"] for row in pack.rows} == members | {f"serviceAccount:{email}" for email in accounts}
    assert not cloud.collect(SERVICE_ACCOUNT_KEYS).rows
    administrators = cloud.collect(ADMINISTRATORS).rows
    powerful = {
        member for binding in held.policy["bindings"] if binding["role"] in ("roles/owner", "roles/editor")
        for member in binding["members"]
    }  # fmt: skip
    assert {row["principal"] for row in administrators} == powerful
    sinks = [row["name"] for row in cloud.collect(LOG_CONFIG).rows if row["kind"] == "sink"]
    assert set(sinks) == {one["name"] for one in held.records["logging.projects.sinks.list"]}


def test_backup_runs_that_were_recorded(cloud: Cloud, held: Project) -> None:
    runs = held.records["sql.backupRuns.list"]
    start = datetime(2019, 1, 1, tzinfo=UTC)
    found = cloud.collect(BACKUPS, start=start, end=datetime(2026, 10, 30, tzinfo=UTC))
    assert len(found.rows) == len(runs) > 0
    # As far back as the instance that remembers least.
    newest_first = sorted(found.rows, key=lambda row: row["event_time"], reverse=True)
    oldest = {row["store_id"]: row["event_time"] for row in newest_first}
    assert found.claim.complete_from == max(oldest.values())


def test_recorded_audit_events_come_out_whole(cloud: Cloud, held: Project) -> None:
    """Each in the container and at the time it was recorded, as far as they are log entries."""
    world = cloud.world
    entries = [json.loads(path.read_bytes()) for path in sorted(EVENTS.glob("*.json"))]
    entries = [one for one in entries if "logName" in one]
    assert len(entries) == 46
    shift = cloud.clock.now() - timedelta(days=20)
    for number, one in enumerate(entries):
        # Recorded over years and in many projects: moved into what Google still remembers, of this project.
        one["logName"] = "projects/cloud-custodian/logs/" + one["logName"].partition("/logs/")[2]
        one["timestamp"] = format_instant(shift + timedelta(minutes=number))
        one["receiveTimestamp"] = format_instant(parse_instant(one["timestamp"]) + timedelta(seconds=1))
    world.entries = entries
    held.policy = {**held.policy, "auditConfigs": [{"service": "allServices"}]}
    start, end = shift - timedelta(days=1), shift + timedelta(days=1)
    rows = [row for one in (ADMIN_ACTIVITY, DATA_ACCESS) for row in cloud.collect(one, start=start, end=end).rows]
    assert sorted(row["insert_id"] for row in rows) == sorted(one["insertId"] for one in entries)
    assert sorted(row["method"] for row in rows) == sorted(one["protoPayload"]["methodName"] for one in entries)
