"""What detection told: findings of GuardDuty and Security Hub, alarms that went off. One row each, over all regions.

GuardDuty keeps a finding for 90 days after its last update, Security Hub closed ones and CloudWatch its history for as
little as 14: the claim begins where all that are in use still know everything, and says from when on each of them does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.aws.detection.alarms import HISTORY_KEPT, alarm_arn, history
from connectors.aws.detection.findings import (
    alarm_row,
    alarm_states,
    guardduty_row,
    is_alert,
    is_of_guardduty,
    securityhub_row,
)
from connectors.aws.reading import Json, Reading, batches, demand_all, moment, reading_of
from schemas.aws_detection import ALERTS
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

GUARDDUTY_KEPT = timedelta(days=90)
SECURITYHUB_KEPT = timedelta(days=14)
HUB_OFF = ("InvalidAccessException", "ResourceNotFoundException")

_QUERY = (
    "ec2:DescribeRegions\nguardduty:ListDetectors\n"
    "guardduty:GetFindingsStatistics COUNT_BY_SEVERITY\nguardduty:ListFindings updatedAt>=start\n"
    "guardduty:GetFindings\nsecurityhub:DescribeHub\n"
    "securityhub:GetFindings AwsAccountId=account Region=region CreatedAt=[start,end]\n"
    "cloudwatch:DescribeAlarms\ncloudwatch:DescribeAlarmHistory AlarmTypes=MetricAlarm,CompositeAlarm"
)
_BATCH = 50


def alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.alerts` for an item `alerts:aws:<account>`.

    Raises `NotLicensed` where neither GuardDuty nor Security Hub is on in any region and no alarm exists, and
    `IncompletePopulation` where GuardDuty counts more findings than it lists.
    """
    reading = reading_of(session, request, sink, ALERTS)
    pass_ = _Alerts(reading)
    reading.in_each_region(pass_.region)
    if not (pass_.detectors or pass_.hubs or pass_.alarms):
        raise reading.nothing_on(nothing_alerts(reading.account))
    if pass_.detectors:
        reading.remembers("GuardDuty", GUARDDUTY_KEPT)
    if pass_.hubs:
        reading.remembers("Security Hub", SECURITYHUB_KEPT)
    reading.remembers("CloudWatch", HISTORY_KEPT)
    on = (
        f"GuardDuty is on in {len(pass_.detectors)} of {len(reading.regions)} regions, Security Hub in "
        f"{len(pass_.hubs)}, {pass_.alarms} alarm(s) of CloudWatch"
    )
    reading.words.insert(0, on)
    if pass_.detectors:
        reading.words.append(f"{pass_.listed} findings of GuardDuty listed, {pass_.counted} counted by itself")
    return [reading.claim(_QUERY, proof=on)]


def nothing_alerts(account: str) -> str:
    """What to say where nothing is on that could raise an alert."""
    return (
        f"Neither GuardDuty nor Security Hub is on in any region of account {account}, and there is no "
        "alarm of CloudWatch, so nothing can raise an alert. Enable them, or name another source of alerts."
    )


class _Alerts:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.detectors: list[str] = []
        self.hubs: list[str] = []
        self.alarms = self.listed = self.counted = 0

    def region(self, region: str) -> None:
        has_detector = False
        for detector in list(detector_ids(self.reading, region)):
            self.reading.put(self._guardduty(region, detector))
            has_detector = True
        if has_detector:
            self.detectors.append(region)
        hub = self.reading.ask("securityhub:DescribeHub", region=region, expect=HUB_OFF)
        if hub.error_code is None:
            self.hubs.append(region)
            self.reading.put(self._securityhub(region, has_detector))
        self.alarms += self._count_alarms(region)
        self.reading.put(self._alarms(region))

    def _guardduty(self, region: str, detector: str) -> Iterator[dict[str, Any]]:
        start, _ = self.reading.interval
        # A finding is never updated before it is created, so nothing that was created in the interval is skipped.
        criteria = {"Criterion": {"updatedAt": {"GreaterThanOrEqual": int(start.timestamp() * 1000)}}}
        before = self._counted(region, detector, criteria)
        ids = [
            str(entry.parsed)
            for entry in self.reading.entries(
                "guardduty:ListFindings", "FindingIds", key=str, region=region, wire="findingIds",
                DetectorId=detector, FindingCriteria=criteria, MaxResults=_BATCH,
            )
        ]  # fmt: skip
        after = self._counted(region, detector, criteria)
        if len(ids) < min(before, after):
            raise IncompletePopulation(
                f"GuardDuty counts {min(before, after)} findings in {region} of account {self.reading.account} and "
                f"lists {len(ids)}. Nothing was kept; run again."
            )
        self.listed += len(ids)
        self.counted += after
        for some in batches(ids, _BATCH):
            answer = self.reading.ask("guardduty:GetFindings", region=region, DetectorId=detector, FindingIds=some)
            findings: Any = orjson.loads(answer.body).get("findings")
            if not isinstance(findings, list):
                raise SchemaDrift("guardduty:GetFindings answers without findings.")
            demand_all(some, [str(finding.get("id")) for finding in findings], "findings of GuardDuty")
            for finding in findings:
                if finding.get("accountId") != self.reading.account:
                    self.reading.dropped["of a member account"] += 1
                elif self.reading.within(moment(finding.get("createdAt"))):
                    yield guardduty_row(self.reading.item, finding)
                else:
                    self.reading.dropped["created outside the interval"] += 1

    def _counted(self, region: str, detector: str, criteria: Json) -> int:
        answer = self.reading.ask(
            "guardduty:GetFindingsStatistics", region=region, DetectorId=detector,
            FindingStatisticTypes=["COUNT_BY_SEVERITY"], FindingCriteria=criteria,
        )  # fmt: skip
        counts = (answer.parsed.get("FindingStatistics") or {}).get("CountBySeverity")
        if counts is None:
            raise SchemaDrift("guardduty:GetFindingsStatistics answers without counts.")
        return sum(int(count) for count in counts.values())

    def _securityhub(self, region: str, has_detector: bool) -> Iterator[dict[str, Any]]:
        reading = self.reading
        start, end = reading.interval
        filters = {
            "AwsAccountId": [{"Value": reading.account, "Comparison": "EQUALS"}],
            "Region": [{"Value": region, "Comparison": "EQUALS"}],  # an aggregating region shows those of others too
            "CreatedAt": [{"Start": _zulu(start), "End": _zulu(end)}],
        }
        for entry in reading.entries(
            "securityhub:GetFindings", "Findings", region=region, Filters=filters, MaxResults=100,
            key=lambda finding: (finding.get("ProductArn"), finding.get("Id")),
        ):  # fmt: skip
            finding = entry.raw
            if finding.get("AwsAccountId") != reading.account or not reading.within(moment(finding.get("CreatedAt"))):
                reading.dropped["outside of what was asked"] += 1
            elif not is_alert(finding):
                reading.dropped["a configuration check or a vulnerability"] += 1
            elif has_detector and is_of_guardduty(finding):
                reading.dropped["Security Hub's copy of a finding of GuardDuty"] += 1
            else:
                yield securityhub_row(reading.item, finding)

    def _count_alarms(self, region: str) -> int:
        answer = self.reading.ask(
            "cloudwatch:DescribeAlarms", region=region, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=1
        )
        return sum(len(answer.parsed.get(name) or []) for name in ("MetricAlarms", "CompositeAlarms"))

    def _alarms(self, region: str) -> Iterator[dict[str, Any]]:
        for entry, at in history(self.reading, region, "StateUpdate"):
            self.alarms = max(self.alarms, 1)
            _, new, reason = alarm_states(entry.parsed)
            if new is None:
                raise SchemaDrift("CloudWatch tells of a change of an alarm's state and not of which.")
            if new != "ALARM":
                self.reading.dropped["an alarm that did not go off"] += 1
                continue
            name = str(entry.parsed.get("AlarmName"))
            yield alarm_row(self.reading.item, alarm_arn(self.reading, region, name), entry.raw, at, reason)


def detector_ids(reading: Reading, region: str) -> Iterator[str]:
    """The detectors of a region that are on; a suspended one finds nothing new and still tells what it found."""
    for entry in reading.entries(
        "guardduty:ListDetectors", "DetectorIds", key=str, region=region, wire="detectorIds", MaxResults=_BATCH
    ):
        yield str(entry.parsed)


def _zulu(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
