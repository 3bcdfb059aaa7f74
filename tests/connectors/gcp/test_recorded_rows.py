"""Recorded answers of real projects become rows: as many as were recorded, each fit for its dataset's schema."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.gcp import network_rows, store_rows
from connectors.gcp.audit_rows import audit_row
from schemas.dataset import Dataset
from schemas.errors import SchemaDrift
from schemas.gcp import ADMIN_ACTIVITY, BACKUPS, DATA_ACCESS, ENCRYPTION, EXPOSURE

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EVENTS = DATA / "gcp-audit-events"
RECORDED = DATA / "gcp-recorded.jsonl.gz"
VERDICTS = DATA / "detection-verdicts" / "rules-gcp_audit_rules.jsonl"
ITEM = "gcp:111111111111"

pytestmark = pytest.mark.skipif(not RECORDED.is_file(), reason=f"the recorded answers are not there: {RECORDED.name}")


def fit(rows: Iterable[Mapping[str, Any]], dataset: Dataset) -> pa.Table:
    """The rows as the dataset's table; refuses what the schema does not take and values that are not allowed."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=dataset.arrow())
    for field in table.schema:
        assert field.nullable or table.column(field.name).null_count == 0, field.name
    for column, values in dataset.allowed:
        assert set(table.column(column).to_pylist()) <= {*values, None}
    return table


@pytest.fixture(scope="module")
def bodies() -> list[tuple[str, dict[str, Any]]]:
    """Path and body of every recorded answer of status 200 that reads something."""
    with gzip.open(RECORDED, "rt") as lines:
        answers = [json.loads(line) for line in lines]
    assert len(answers) == 1_355
    return [
        (one["path_slug"], one["body"])
        for one in answers
        if one["method"] == "GET" and one["status"] == "200" and isinstance(one["body"], dict)
    ]


def listed(bodies: list[tuple[str, dict[str, Any]]], kind: str) -> list[dict[str, Any]]:
    """The records in all recorded lists of a kind, aggregated ones too."""
    found: list[dict[str, Any]] = []
    for _path, body in bodies:
        if body.get("kind") != kind:
            continue
        items = body.get("items", [])
        if isinstance(items, dict):
            items = [one for scope in items.values() for key, part in scope.items() if key != "warning" for one in part]
        found += items
    return found


def test_audit_log_events_come_out_whole() -> None:
    entries = [json.loads(path.read_bytes()) for path in sorted(EVENTS.glob("*.json"))]
    findings = [entry for entry in entries if "logName" not in entry]
    # One of the 47 is no log entry but a notification of Security Command Center.
    assert len(entries) == 47
    assert [set(entry) & {"finding", "notificationConfigName"} for entry in findings] != [set()]
    assert len(findings) == 1
    rows: dict[str, list[dict[str, Any]]] = {ADMIN_ACTIVITY.name: [], DATA_ACCESS.name: []}
    for entry in entries:
        if entry in findings:
            continue
        dataset = DATA_ACCESS if "data_access" in entry["logName"] else ADMIN_ACTIVITY
        rows[dataset.name].append(audit_row(ITEM, entry, dataset))
    tables = [fit(rows[dataset.name], dataset) for dataset in (ADMIN_ACTIVITY, DATA_ACCESS)]
    assert sum(table.num_rows for table in tables) == 46
    recorded = {entry["protoPayload"]["methodName"] for entry in entries if entry not in findings}
    assert {row["method"] for found in rows.values() for row in found} == recorded


def test_events_of_detection_rules_come_out_or_say_what_they_lack() -> None:
    """Many of these are cut down to what one rule looks at; such an entry is refused by name and never half read."""
    outcome: Counter[str] = Counter()
    for line in VERDICTS.read_text().splitlines():
        event = json.loads(line)["event"]
        for name in ("timestamp", "receiveTimestamp"):  # the recorder took the zone away, which was UTC
            text = event.get(name)
            if isinstance(text, str) and not text.endswith("Z") and "+" not in text:
                event[name] = text.replace(" ", "T") + "Z"
        try:
            row = audit_row(ITEM, event, ADMIN_ACTIVITY)
        except SchemaDrift as error:
            outcome[str(error).partition(" comes without ")[2].partition(".")[0]] += 1
        else:
            outcome["row"] += 1
            assert row["method"] == event["protoPayload"]["methodName"]
            assert row["principal"] == (event["protoPayload"].get("authenticationInfo") or {}).get("principalEmail")
    assert outcome == {"row": 65, "logName": 68, "insertId": 7, "serviceName": 2, "methodName": 1}


_READ: list[tuple[str, Dataset, Callable[[str, dict[str, Any]], dict[str, Any]]]] = [
    ("compute#firewallList", EXPOSURE, network_rows.firewall_row),
    ("compute#networkList", EXPOSURE, network_rows.network_row),
    ("compute#instanceAggregatedList", EXPOSURE, network_rows.instance_row),
    ("compute#addressAggregatedList", EXPOSURE, network_rows.address_row),
    ("compute#forwardingRuleAggregatedList", EXPOSURE, network_rows.forwarding_rule_row),
    ("compute#forwardingRuleList", EXPOSURE, network_rows.forwarding_rule_row),
    ("sql#instancesList", EXPOSURE, network_rows.sql_row),
    ("sql#instancesList", ENCRYPTION, store_rows.sql_row),
    ("storage#buckets", EXPOSURE, lambda item, one: network_rows.bucket_row(item, one, {})),
    ("storage#buckets", ENCRYPTION, store_rows.bucket_row),
    ("compute#diskAggregatedList", ENCRYPTION, store_rows.disk_row),
    ("compute#snapshotList", ENCRYPTION, lambda item, one: store_rows.disk_row(item, one, "snapshot")),
    ("sql#backupRunsList", BACKUPS, lambda item, one: store_rows.backup_row(
        item, {"name": one["instance"], "project": "recorded"}, one)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "dataset", "row"), _READ, ids=[f"{kind}-{table.name}" for kind, table, _ in _READ])
def test_lists_come_out_whole(
    bodies: list[tuple[str, dict[str, Any]]],
    kind: str,
    dataset: Dataset,
    row: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> None:
    records = listed(bodies, kind)
    assert records, kind
    table = fit((row(ITEM, record) for record in records), dataset)
    assert table.num_rows == len(records)
    secret = set(dataset.secret_fields)
    for text in table.column("raw").to_pylist():
        assert not secret & set(json.loads(text))


def test_open_firewall_rules_are_the_ones_a_second_reading_finds(bodies: list[tuple[str, dict[str, Any]]]) -> None:
    for rule in listed(bodies, "compute#firewallList"):
        opened = (
            rule["direction"] == "INGRESS" and "allowed" in rule and not rule.get("disabled")
            and "0.0.0.0/0" in rule.get("sourceRanges", [])
        )  # fmt: skip
        assert network_rows.firewall_row(ITEM, rule)["public"] is opened, rule["name"]
