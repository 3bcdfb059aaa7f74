"""CC7-DET-01: detection on, and somebody hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.threat_detection import CODES, detection_delivers
from schemas.aws_detection import DETECTORS
from schemas.outcome import Outcome
from tests.evidence.controls.access import FIRST, SECOND, THIRD, shown
from tests.evidence.controls.changes import window

REGION = "aws:111122223333:eu-west-1"
TOPIC = {"kind": "sns", "id": "arn:aws:sns:eu-west-1:111122223333:t", "confirmed": True}
PENDING = {**TOPIC, "confirmed": False}
Row = dict[str, Any]


def row(kind: str, name: str = "one", **changed: Any) -> Row:
    made: Row = {
        "detector_id": f"{kind}:eu-west-1:{name}", "kind": kind, "name": name, "arn": f"arn:{kind}:{name}",
        "enabled": True, "status": "ENABLED", "targets": [], "delivers": None, "watches": None,
        "account_id": "111122223333", "region": "eu-west-1", "features": [],
    }  # fmt: skip
    return made | changed


def rule(name: str = "findings", **changed: Any) -> Row:
    pattern = '{"source":["aws.guardduty"]}'
    return row("event_rule", name, targets=[TOPIC], delivers=True, watches=pattern) | changed


def alarm(name: str = "root", **changed: Any) -> Row:
    return row("cloudwatch_alarm", name, targets=[TOPIC], delivers=True, watches="Own/Root") | changed


def judged(snapshots: Mapping[datetime, Sequence[Row]], scope: str = REGION) -> dict[str, Outcome]:
    tested = window("CC7-DET-01", scope=scope, name="acme-prod eu-west-1")
    outcomes = detection_delivers(tested, shown(DETECTORS, scope, snapshots))
    return {one.item_id.partition("@")[0]: one for one in outcomes}


IN_ORDER = [row("guardduty"), rule(), alarm()]


def test_a_region_in_order() -> None:
    found = judged({FIRST: IN_ORDER, SECOND: IN_ORDER})
    assert {item: one.outcome for item, one in found.items()} == {
        "guardduty:eu-west-1:one": "pass", "event_rule:eu-west-1:findings": "pass",
        "cloudwatch_alarm:eu-west-1:root": "pass", f"{REGION}:findings": "pass",
    }  # fmt: skip


OFF = row("guardduty", "none", enabled=False, status="not_enabled")


@pytest.mark.parametrize(
    ("rows", "item", "code"),
    [
        ([OFF, rule()], "guardduty:eu-west-1:none", "DETECTOR_OFF"),
        ([row("guardduty", enabled=False, status="DISABLED"), rule()], "guardduty:eu-west-1:one", "DETECTOR_OFF"),
        ([*IN_ORDER, row("access_analyzer", enabled=False, status="FAILED")], "access_analyzer:eu-west-1:one",
         "DETECTOR_OFF"),
        ([*IN_ORDER, rule("off", enabled=False)], "event_rule:eu-west-1:off", "DETECTOR_OFF"),
        ([row("guardduty")], f"{REGION}:findings", "NO_TARGET"),
        ([row("guardduty"), rule(watches='{"source":["aws.ec2"]}')], f"{REGION}:findings", "NO_TARGET"),
        ([row("guardduty"), rule(targets=[], delivers=False)], "event_rule:eu-west-1:findings", "NO_TARGET"),
        ([row("guardduty"), rule(targets=[PENDING], delivers=False)], "event_rule:eu-west-1:findings",
         "TARGET_UNCONFIRMED"),
        ([*IN_ORDER, alarm("a", targets=[], delivers=False)], "cloudwatch_alarm:eu-west-1:a", "NO_TARGET"),
        ([*IN_ORDER, alarm("a", enabled=False, delivers=False)], "cloudwatch_alarm:eu-west-1:a", "NO_TARGET"),
        ([*IN_ORDER, alarm("a", targets=[PENDING], delivers=False)], "cloudwatch_alarm:eu-west-1:a",
         "TARGET_UNCONFIRMED"),
    ],
)  # fmt: skip
def test_what_is_off_or_reaches_nobody(rows: list[Row], item: str, code: str) -> None:
    failed = {name: one.codes for name, one in judged({FIRST: rows}).items() if one.outcome != "pass"}
    assert failed == {item: (code,)}


def test_what_need_not_be_on_is_no_exception() -> None:
    off = [row(kind, "none", enabled=False, status="not_enabled") for kind in ("securityhub", "access_analyzer")]
    assert {one.outcome for one in judged({FIRST: [*IN_ORDER, *off]}).values()} == {"pass"}


def test_an_alarm_inside_a_composite_one_reports_through_it() -> None:
    both = alarm("both", watches='ALARM("inner") AND ALARM("other")')
    found = judged({FIRST: [*IN_ORDER, both, alarm("inner", targets=[], delivers=False)]})
    assert found["cloudwatch_alarm:eu-west-1:inner"].outcome == "pass"


def test_a_detector_that_was_off_for_a_while_makes_a_row_of_that_time() -> None:
    off = [row("guardduty", enabled=False, status="DISABLED"), rule(), alarm()]
    tested = window("CC7-DET-01", scope=REGION, name="x")
    outcomes = detection_delivers(tested, shown(DETECTORS, REGION, {FIRST: IN_ORDER, SECOND: off, THIRD: IN_ORDER}))
    [failed] = [one for one in outcomes if one.outcome == "exception"]
    assert failed.item_id == f"guardduty:eu-west-1:one@{SECOND:%Y-%m-%dT%H:%M:%SZ}"
    assert failed.codes == ("DETECTOR_OFF",)
    assert set(failed.codes) <= set(CODES)


def test_without_a_snapshot_nothing_is_known() -> None:
    assert {one.outcome for one in judged({}).values()} == {"unknown"}


def test_google_is_not_judged_yet_and_says_so() -> None:
    assert {one.outcome for one in judged({}, "google:C1").values()} == {"unknown"}
