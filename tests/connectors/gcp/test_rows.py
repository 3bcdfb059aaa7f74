"""What is open to everybody, what happened to a finding, and what was deployed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from connectors.gcp import delivery_rows, finding_rows, network_rows, store_rows
from schemas.gcp import ALERTS, BACKUPS, DEPLOYMENTS, ENCRYPTION, FINDINGS

LINK = "https://www.googleapis.com/compute/v1/projects/p/global/firewalls/x"
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def _rule(**more: Any) -> dict[str, Any]:
    return {"name": "x", "selfLink": LINK, "direction": "INGRESS", "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}],
            **more}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "public"),
    [
        (_rule(sourceRanges=["0.0.0.0/0"]), True),
        (_rule(sourceRanges=["10.0.0.0/8", "::/0"]), True),
        (_rule(), True),  # no source at all stands for every address
        (_rule(sourceTags=["web"]), False),
        (_rule(sourceRanges=["10.0.0.0/8"]), False),
        (_rule(sourceRanges=["0.0.0.0/0"], disabled=True), False),
        (_rule(sourceRanges=["0.0.0.0/0"], direction="EGRESS"), False),
        ({**_rule(sourceRanges=["0.0.0.0/0"]), "allowed": [], "denied": [{"IPProtocol": "all"}]}, False),
    ],
)
def test_firewall_rules(rule: dict[str, Any], public: bool) -> None:
    row = network_rows.firewall_row("gcp:1", rule)
    assert row["public"] is public
    assert row["ports"] == (["all"] if rule.get("denied") else ["tcp:22"])


@pytest.mark.parametrize(
    ("prevention", "members", "public"),
    [("enforced", ["allUsers"], False), ("inherited", ["allUsers"], True), ("inherited", ["user:a@b"], False)],
)
def test_buckets(prevention: str, members: list[str], public: bool) -> None:
    configuration = {"publicAccessPrevention": prevention, "uniformBucketLevelAccess": {"enabled": True}}
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": members}]}
    row = network_rows.bucket_row("gcp:1", {"name": "b", "iamConfiguration": configuration}, policy)
    assert row["public"] is public


def test_a_database_that_every_address_may_ask() -> None:
    for value, public in (("0.0.0.0/0", True), ("203.0.113.7", False)):
        configuration = {"ipv4Enabled": True, "authorizedNetworks": [{"value": value}]}
        instance = {"name": "db", "project": "p", "settings": {"ipConfiguration": configuration}}
        assert network_rows.sql_row("gcp:1", instance)["public"] is public


def _finding(**more: Any) -> dict[str, Any]:
    return {"finding": {"name": "organizations/1/sources/2/findings/3", "category": "OPEN_SSH", "state": "INACTIVE",
                        "createTime": "2026-05-03T00:00:00Z", "eventTime": "2026-06-09T10:00:00.123456789Z",
                        "resourceName": "//compute.googleapis.com/projects/p/x", "findingClass": "MISCONFIGURATION",
                        "severity": "HIGH", "sourceProperties": {"key": "hidden"}, **more}}  # fmt: skip


def test_a_finding_closed_in_a_later_month_gives_its_row_then() -> None:
    rows = [row for row in finding_rows.finding_rows("gcp:1", _finding(), START, END) if row["change"] == "closed"]
    assert [row["event_time"].day for row in rows] == [9]
    assert pa.Table.from_pylist(rows, schema=FINDINGS.arrow()).num_rows == 1
    assert "hidden" not in rows[0]["raw"]


def test_a_finding_that_a_scan_saw_again_has_changed_nothing() -> None:
    seen = list(finding_rows.finding_rows("gcp:1", _finding(state="ACTIVE"), START, END))
    assert {row["change"] for row in seen} == {"carried_over"}


def test_a_finding_is_listed_at_the_first_noon_of_every_month_in_which_it_is_open() -> None:
    spring, autumn = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)

    def noons(**more: Any) -> list[datetime]:
        rows = finding_rows.finding_rows("gcp:1", _finding(**more), spring, autumn)
        return [row["event_time"] for row in rows if row["change"] == "carried_over"]

    assert noons() == [datetime(2026, 6, 1, 12, tzinfo=UTC)]
    assert noons(state="ACTIVE") == [datetime(2026, month, 1, 12, tzinfo=UTC) for month in (6, 7, 8)]
    assert noons(createTime="2026-06-01T12:00:00Z") == []


def test_an_alert_stands_at_the_time_it_was_found() -> None:
    row = finding_rows.alert_row("alerts:gcp:1", _finding(findingClass="THREAT"))
    assert row["event_time"] == datetime(2026, 5, 3, tzinfo=UTC)
    assert pa.Table.from_pylist([row], schema=ALERTS.arrow()).num_rows == 1


def test_builds_rollouts_and_revisions() -> None:
    build = {
        "name": "projects/1/locations/europe-west1/builds/b", "id": "b", "status": "SUCCESS",
        "createTime": "2026-06-01T00:00:00Z", "substitutions": {"COMMIT_SHA": "c0ffee", "_DB": "hunter2"},
        "results": {"images": [{"name": "api", "digest": "sha256:1"}]}, "steps": [{"env": ["A=hunter2"]}],
    }  # fmt: skip
    rollout = {
        "name": "projects/1/locations/europe-west1/deliveryPipelines/api/releases/r/rollouts/o", "targetId": "prod",
        "state": "IN_PROGRESS", "createTime": "2026-06-01T00:00:00Z",
    }  # fmt: skip
    revision = {
        "name": "projects/1/locations/europe-west1/services/api/revisions/api-1", "createTime": "2026-06-01T00:00:00Z",
        "containers": [{"image": "api@sha256:1", "env": [{"name": "A", "value": "hunter2"}]}],
        "conditions": [{"type": "Ready", "state": "CONDITION_FAILED"}],
    }  # fmt: skip
    rows = [
        delivery_rows.build_row("gcp:1", build),
        delivery_rows.rollout_row("gcp:1", {"name": "x/releases/r", "annotations": {"commit": "c0ffee"}}, rollout),
        delivery_rows.revision_row("gcp:1", revision),
    ]
    assert pa.Table.from_pylist(rows, schema=DEPLOYMENTS.arrow()).num_rows == 3
    assert [row["succeeded"] for row in rows] == [True, None, False]
    assert [row["sha"] for row in rows] == ["c0ffee", "c0ffee", None]
    assert not [row for row in rows if "hunter2" in row["raw"]]


def test_a_key_that_never_rotates_has_no_days() -> None:
    name = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
    never = store_rows.key_row("gcp:1", {"name": name, "purpose": "ENCRYPT_DECRYPT"})
    yearly = store_rows.key_row("gcp:1", {"name": name, "rotationPeriod": "7776000s"})
    assert (never["rotation_days"], yearly["rotation_days"]) == (None, 90)
    assert pa.Table.from_pylist([never, yearly], schema=ENCRYPTION.arrow()).num_rows == 2


def test_a_backup_that_failed_or_still_runs_is_no_success() -> None:
    instance, at = {"name": "db", "project": "p"}, "2026-06-01T00:00:00Z"
    rows = [
        store_rows.backup_row("gcp:1", instance, {"id": status, "status": status, "windowStartTime": at})
        for status in ("SUCCESSFUL", "FAILED", "SKIPPED", "RUNNING")
    ]  # fmt: skip
    assert [row["succeeded"] for row in rows] == [True, False, False, None]
    assert pa.Table.from_pylist(rows, schema=BACKUPS.arrow()).num_rows == 4
