"""Findings as rows, against verdicts that others gave on the same findings, and on odd ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.detection.findings import (
    alarm_states,
    guardduty_row,
    guardduty_severity,
    is_alert,
    is_of_guardduty,
    securityhub_row,
)
from schemas.aws_detection import ALERTS
from schemas.errors import SchemaDrift
from tests.fakes.memory_sink import MemorySink

VERDICTS = Path(__file__).parents[5] / "shared" / "data" / "detection-verdicts"
GUARDDUTY = VERDICTS / "rules-aws_guardduty_rules.jsonl"
SECURITY_FINDINGS = VERDICTS / "rules-aws_securityfinding_rules.jsonl"
ITEM = "alerts:aws:123456789012"
LEVELS = {
    "AWS.GuardDuty.CriticalSeverityFinding": "critical", "AWS.GuardDuty.HighSeverityFinding": "high",
    "AWS.GuardDuty.MediumSeverityFinding": "medium", "AWS.GuardDuty.LowSeverityFinding": "low",
}  # fmt: skip


def verdicts(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        pytest.skip(f"the verdicts are not there: {path.name}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_sent(event: Any) -> Any:
    """The event with its times as AWS sends them: whoever exported it dropped the zone of some."""
    if isinstance(event, dict):
        return {
            name: value.replace(" ", "T")[:23] + "Z"
            if isinstance(value, str) and value[4:5] == "-" and value[10:11] == " "
            else as_sent(value)
            for name, value in event.items()
        }
    return [as_sent(one) for one in event] if isinstance(event, list) else event


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as the dataset's schema takes it."""
    sink = MemorySink()
    sink.rows(ALERTS, [row])
    return sink.of(ALERTS)[0]


def test_severity_and_samples_are_what_others_say_they_are() -> None:
    """Each rule is: a finding of this level that is no sample."""
    seen = verdicts(GUARDDUTY)
    for one in seen:
        row = stored(guardduty_row(ITEM, as_sent(one["event"])))
        assert (row["severity"] == LEVELS[one["rule"]] and not row["sample"]) is one["expected_alert"], one["test"]
    assert len(seen) == 8


def test_what_a_product_reports_is_an_alert_whatever_a_rule_makes_of_it() -> None:
    """Their rules look at which call touched a decoy; ours asks whether somebody looked, so every finding counts."""
    seen = verdicts(SECURITY_FINDINGS)
    for one in seen:
        event = as_sent(one["event"])
        assert is_alert(event), one["test"]
        assert not is_of_guardduty(event)
        row = stored(securityhub_row(ITEM, event))
        assert (row["severity"], row["product"], row["archived"], row["sample"]) == (
            "high", "DecoyDetector", False, False,
        )  # fmt: skip
        assert row["alert_id"] == f"{event['ProductArn']}/{event['Id']}"
    assert len(seen) == 10


@pytest.mark.parametrize(
    ("score", "level"),
    [(10, "critical"), (9, "critical"), (8.9, "high"), (7, "high"), (6.9, "medium"), (4, "medium"), (3.9, "low"),
     (0.1, "low")],
)  # fmt: skip
def test_levels_of_guardduty(score: float, level: str) -> None:
    assert guardduty_severity(score) == level


def finding(**more: Any) -> dict[str, Any]:
    return {
        "id": "f", "arn": "arn:aws:guardduty:x:1:detector/d/finding/f", "accountId": "123456789012", "region": "x",
        "type": "T", "severity": 5, "createdAt": "2026-01-01T00:00:00.000Z", **more,
    }  # fmt: skip


def test_a_sample_is_told_by_its_title_and_by_what_it_says_of_itself() -> None:
    info = {"additionalInfo": {"value": '{"sample":true}', "type": "default"}}
    assert guardduty_row(ITEM, finding(title="[SAMPLE] Tor exit node"))["sample"]
    assert guardduty_row(ITEM, finding(service=info))["sample"]
    assert not guardduty_row(ITEM, finding(service={"additionalInfo": {"value": "{no json", "type": "x"}}))["sample"]
    assert not guardduty_row(ITEM, finding(service={"additionalInfo": {"value": '{"sample":"yes"}'}}))["sample"]


def test_resources_are_named_from_lists_and_single_parts() -> None:
    resource = {
        "resourceType": "S3Bucket", "s3BucketDetails": [{"arn": "arn:aws:s3:::b"}, {"arn": "arn:aws:s3:::a"}],
        "accessKeyDetails": {"userName": "maria", "principalId": "AIDA1"}, "eksClusterDetails": None,
    }  # fmt: skip
    row = stored(guardduty_row(ITEM, finding(resource=resource)))
    assert row["resources"] == ["AIDA1", "arn:aws:s3:::a", "arn:aws:s3:::b", "maria"]


@pytest.mark.parametrize("name", ["arn", "accountId", "region", "severity", "createdAt"])
def test_a_finding_without_what_tells_it_apart_is_drift(name: str) -> None:
    broken = finding()
    del broken[name]
    with pytest.raises(SchemaDrift, match=name):
        guardduty_row(ITEM, broken)


def test_a_time_without_its_zone_is_drift() -> None:
    with pytest.raises(SchemaDrift, match="zone"):
        guardduty_row(ITEM, finding(createdAt="2026-01-01 00:00:00.000"))


def hub(**more: Any) -> dict[str, Any]:
    return {
        "Id": "arn:aws:securityhub:x:1:finding/1", "ProductArn": "arn:aws:securityhub:x::product/aws/macie",
        "GeneratorId": "g", "AwsAccountId": "123456789012", "CreatedAt": "2026-01-01T00:00:00Z", "Title": "t",
        "Severity": {"Label": "LOW"}, **more,
    }  # fmt: skip


def test_a_severity_that_is_not_known_is_drift_and_a_missing_one_is_said() -> None:
    with pytest.raises(SchemaDrift, match="SEVERE"):
        securityhub_row(ITEM, hub(Severity={"Label": "SEVERE"}))
    assert securityhub_row(ITEM, hub(Severity={}))["severity"] == "undefined"


def test_checks_and_vulnerabilities_are_no_alerts() -> None:
    check = "Software and Configuration Checks/Industry and Regulatory Standards"
    assert not is_alert({"Types": [check]})
    assert not is_alert({"Types": ["Software and Configuration Checks/Vulnerabilities/CVE"]})
    assert is_alert({"Types": [check, "TTPs/Initial Access"]})
    assert is_alert({"Types": []})


def test_an_entry_that_is_no_change_of_state_has_no_states() -> None:
    assert alarm_states({"HistoryData": "not json"}) == (None, None, None)
    assert alarm_states({"HistoryData": '["a list"]'}) == (None, None, None)
    assert alarm_states({}) == (None, None, None)
