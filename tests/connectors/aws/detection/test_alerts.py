"""Alerts of an account: each once, from the source that knows it, and no further back than sources remember."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.aws.calls import Caller
from schemas.aws_detection import ALARM_HISTORY, ALERTS
from schemas.errors import IncompletePopulation, NotLicensed
from schemas.extraction import ItemClaim
from tests.fakes.aws_company import PROD, START, SimulatedAws, account, company
from tests.fakes.aws_records import (
    OTHER,
    REGIONS,
    alarm,
    alarm_entry,
    detector,
    finding,
    hub,
    hub_finding,
    record,
)

ITEM = f"alerts:aws:{PROD}"
DAY = timedelta(days=1)


def at(days_back: float) -> str:
    return (START - DAY * days_back).isoformat().replace("+00:00", "Z")


def collected(
    simulated_aws: SimulatedAws,
    records: Sequence[dict[str, Any]],
    *,
    days: float = 10,
    dataset: str = ALERTS.name,
    item: str = ITEM,
    faults: Sequence[dict[str, Any]] = (),
) -> tuple[ItemClaim, list[dict[str, Any]]]:
    aws = simulated_aws.start(company(account(regions=REGIONS), records=records))
    session = aws.session()
    aws.plan.replace([{"source": "aws", **fault} for fault in faults])
    interval: tuple[datetime, datetime] = (START - DAY * days, START)
    [claim], sink = aws.collect(dataset, item=item, session=session, interval=interval)
    return claim, sink.of(dataset)


def test_findings_of_the_interval_are_alerts_archived_ones_and_samples_too(simulated_aws: SimulatedAws) -> None:
    claim, rows = collected(simulated_aws, [
        detector(), finding(1, at(2)), finding(2, at(3), archived=True, severity=2, updated=at(1)),
        finding(3, at(4), Title="[SAMPLE] Finding"), finding(4, at(30), updated=at(1)), finding(5, at(10)),
        finding(6, at(10.001)),
    ])  # fmt: skip
    found = {row["title"]: row for row in rows}
    assert set(found) == {"Finding 1", "Finding 2", "[SAMPLE] Finding", "Finding 5"}
    assert (found["Finding 2"]["archived"], found["Finding 2"]["status"], found["Finding 2"]["severity"]) == (
        True, "archived", "low",
    )  # fmt: skip
    assert found["[SAMPLE] Finding"]["sample"]
    assert found["Finding 1"]["resources"] == ["AIDA1", "maria"]
    assert {row["scope_item_id"] for row in rows} == {ITEM}
    assert claim.drop_rules == {"created outside the interval": 1}  # one was updated since, and the other not
    assert "5 findings of GuardDuty listed, 5 counted by itself" in (claim.reconciliation or "")
    assert claim.complete_from is None


def test_findings_of_member_accounts_belong_to_them(simulated_aws: SimulatedAws) -> None:
    """An administrator of GuardDuty sees all members; each is asked for itself."""
    claim, rows = collected(simulated_aws, [detector(), finding(1, at(1), AccountId="999900001111"), finding(2, at(1))])
    assert [row["title"] for row in rows] == ["Finding 2"]
    assert claim.drop_rules == {"of a member account": 1}


def test_more_findings_than_a_page_and_a_batch(simulated_aws: SimulatedAws) -> None:
    records = [detector(), *(finding(number, at(5 - number / 50)) for number in range(54))]
    claim, rows = collected(simulated_aws, records)
    assert len(rows) == 54
    assert "54 findings of GuardDuty listed, 54 counted by itself" in (claim.reconciliation or "")


def test_fewer_findings_than_guardduty_counts_are_no_population(simulated_aws: SimulatedAws) -> None:
    records = [detector(), *(finding(number, at(5 - number / 50)) for number in range(52))]
    fault = {"match": "guardduty:ListFindings", "kind": "lying_last_page"}
    with pytest.raises(IncompletePopulation, match="counts 52 findings"):
        collected(simulated_aws, records, faults=[fault])


def test_security_hub_repeats_guardduty_only_where_guardduty_is_off(simulated_aws: SimulatedAws) -> None:
    repeated = {"ProductArn": f"arn:aws:securityhub:{OTHER}::product/aws/guardduty", "ProductName": "GuardDuty"}
    copies = [hub(), hub_finding(1, at(1), **repeated), hub(OTHER), hub_finding(2, at(1), region=OTHER, **repeated)]
    claim, rows = collected(simulated_aws, [detector(), finding(1, at(1)), *copies])
    assert {(row["source"], row["title"]) for row in rows} == {
        ("guardduty", "Finding 1"), ("securityhub", "Hub finding 2"),
    }  # fmt: skip
    assert claim.drop_rules == {"Security Hub's copy of a finding of GuardDuty": 1}


def test_checks_and_vulnerabilities_in_security_hub_are_counted_and_left_out(simulated_aws: SimulatedAws) -> None:
    kind = "Software and Configuration Checks/AWS Security Best Practices"
    claim, rows = collected(simulated_aws, [
        hub(), hub_finding(1, at(1)), hub_finding(2, at(1), kind=kind),
        hub_finding(3, at(1), Note={"Text": "x", "UpdatedBy": "noor", "UpdatedAt": at(0.5)}, label="CRITICAL"),
        *(hub_finding(number, at(2)) for number in range(10, 112)),
    ])  # fmt: skip
    assert len(rows) == 104
    assert claim.drop_rules == {"a configuration check or a vulnerability": 1}
    assert [(row["assignee"], row["severity"]) for row in rows if row["title"] == "Hub finding 3"] == [
        ("noor", "critical")
    ]


def test_alarms_that_went_off_are_alerts(simulated_aws: SimulatedAws) -> None:
    claim, rows = collected(simulated_aws, [
        alarm(), alarm_entry(at(3)), alarm_entry(at(2), "OK", old="ALARM"), alarm_entry(at(1), kind="CompositeAlarm"),
        alarm_entry(at(0)),
    ])  # fmt: skip
    assert [(row["alert_type"], row["description"]) for row in rows] == [
        ("MetricAlarm", "Threshold crossed"), ("CompositeAlarm", "Threshold crossed"),
    ]  # fmt: skip
    assert claim.drop_rules["an alarm that did not go off"] == 1
    assert claim.drop_rules["at the end of the interval, which is not part of it"] == 1


def test_the_claim_begins_where_all_sources_still_know(simulated_aws: SimulatedAws) -> None:
    claim, rows = collected(simulated_aws, [detector(), finding(1, at(20))], days=30)
    assert [row["title"] for row in rows] == ["Finding 1"]
    assert claim.complete_from == START - 14 * DAY
    assert "GuardDuty 2026-01-01" in (claim.reconciliation or "")


def test_where_nothing_can_alert_no_alerts_is_no_fact(simulated_aws: SimulatedAws) -> None:
    with pytest.raises(NotLicensed, match="nothing can raise an alert"):
        collected(simulated_aws, [])


def test_no_alerts_with_something_that_watches_is_a_fact(simulated_aws: SimulatedAws) -> None:
    for records in ([detector()], [hub(OTHER)], [alarm()]):
        claim, rows = collected(simulated_aws, records)
        assert rows == []
        assert claim.proof_of_life


def test_a_finding_that_is_not_described_is_missed(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GetFindings leaves out what it does not find, without a word."""
    ask = Caller.ask

    def without_one(self: Caller, operation: str, **parameters: Any) -> Any:
        if operation == "guardduty:GetFindings":
            parameters["FindingIds"] = parameters["FindingIds"][:-1]
        return ask(self, operation, **parameters)

    monkeypatch.setattr(Caller, "ask", without_one)
    with pytest.raises(IncompletePopulation, match="1 of 2 findings"):
        collected(simulated_aws, [detector(), finding(1, at(1)), finding(2, at(1))])


def test_history_of_alarms_with_changes_and_actions(simulated_aws: SimulatedAws) -> None:
    action = record("cloudwatch.alarm_history", {
        "AlarmName": "root sign-in", "AlarmType": "MetricAlarm", "Timestamp": at(1), "HistoryItemType": "Action",
        "HistorySummary": "Failed to execute action arn:aws:sns:eu-west-1:1:x",
        "HistoryData": '{"actionState":"Failed","notificationResource":"arn:aws:sns:eu-west-1:1:x"}',
    }, at=at(1))  # fmt: skip
    claim, rows = collected(
        simulated_aws, [alarm(), alarm_entry(at(3)), action], days=30, dataset=ALARM_HISTORY.name, item=f"aws:{PROD}"
    )
    assert [(row["entry_type"], row["new_state"], row["action"], row["action_succeeded"]) for row in rows] == [
        ("StateUpdate", "ALARM", None, None), ("Action", None, "arn:aws:sns:eu-west-1:1:x", False),
    ]  # fmt: skip
    assert claim.complete_from == START - 14 * DAY
    assert claim.proof == "1 alarm(s) are there"


def test_history_where_no_alarm_exists(simulated_aws: SimulatedAws) -> None:
    with pytest.raises(NotLicensed, match="no alarm"):
        collected(simulated_aws, [], dataset=ALARM_HISTORY.name, item=f"aws:{PROD}")
    claim, rows = collected(
        simulated_aws, [alarm_entry(at(1))], dataset=ALARM_HISTORY.name, item=f"aws:{PROD}"
    )  # the alarm is gone, and what it did is still known
    assert (len(rows), claim.proof_of_life) == (1, True)
