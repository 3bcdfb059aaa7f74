"""The cheapest calls that touch every right which detection needs, in one region of the item.

Where a dataset can't be read of an account in which nothing is on, the other regions are asked whether anything is,
until one says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from connectors.aws.calls import Caller
from connectors.aws.detection.alarms import nothing_watches
from connectors.aws.detection.alerts import HUB_OFF, nothing_alerts
from connectors.aws.detection.posture import nothing_checks
from connectors.aws.detection.vulnerabilities import nobody_scans
from connectors.aws.session import AwsClient
from schemas.aws_detection import ALARM_HISTORY, ALERTS, DETECTORS, POSTURE, SCAN_COVERAGE, VULNERABILITY_FINDINGS
from schemas.errors import NotLicensed, PermissionDenied
from schemas.extraction import Session
from schemas.scope import ScopeItem

_ALARMS: dict[str, Any] = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 1}


class Place:
    """One account in one region, asked without keeping anything. `regions` are those of the item."""

    def __init__(self, session: Session, item: ScopeItem) -> None:
        client: AwsClient = session.client
        parts = item.id.removeprefix("alerts:").split(":")
        self.caller: Caller = client.account(parts[1])
        self.account = parts[1]
        self.region = parts[2] if len(parts) > 2 else client.region
        self.regions = (self.region,)
        if len(parts) == 2:
            regions = self.caller.ask("ec2:DescribeRegions", AllRegions=False).parsed.get("Regions") or []
            self.regions = tuple(sorted(str(region["RegionName"]) for region in regions))

    def ask(self, operation: str, expect: tuple[str, ...] = (), **parameters: Any) -> Mapping[str, Any]:
        """What AWS answers; empty where it answers with an error that is expected."""
        answer = self.caller.ask(operation, region=self.region, expect=expect, **parameters)
        return answer.parsed if answer.error_code is None else {}

    def demand(self, there: Callable[[Place], bool], words: str) -> None:
        """Raise `NotLicensed` where nothing is there in any region of the item, and `PermissionDenied` where one of
        them refuses and nothing is there in the others."""
        denied: PermissionDenied | None = None
        for region in sorted(self.regions, key=lambda name: name != self.region):
            other = copy(self)
            other.region = region
            try:
                if there(other):
                    return
            except PermissionDenied as error:
                denied = denied or error
        raise denied or NotLicensed(words)


def probing(ask: Callable[[Place], None]) -> Callable[[Session, ScopeItem], None]:
    """A probe of what `ask` asks."""

    def probe(session: Session, item: ScopeItem) -> None:
        ask(Place(session, item))

    return probe


def _detectors(place: Place) -> None:
    for detector in place.ask("guardduty:ListDetectors", MaxResults=1).get("DetectorIds") or []:
        place.ask("guardduty:GetDetector", DetectorId=detector)
        place.ask("guardduty:ListMembers", DetectorId=detector, OnlyAssociated="true", MaxResults=1)
    if place.ask("securityhub:DescribeHub", HUB_OFF):
        place.ask("securityhub:GetEnabledStandards", MaxResults=1)
    place.ask("accessanalyzer:ListAnalyzers", maxResults=1)
    place.ask("sns:ListSubscriptions")
    place.ask("sns:ListTopics")
    for bus in (place.ask("events:ListEventBuses").get("EventBuses") or [])[:1]:
        for rule in place.ask("events:ListRules", EventBusName=bus["Name"], Limit=1).get("Rules") or []:
            place.ask("events:ListTargetsByRule", Rule=rule["Name"], EventBusName=bus["Name"], Limit=1)
    place.ask("cloudwatch:DescribeAlarms", **_ALARMS)


def _alerts(place: Place) -> None:
    for detector in place.ask("guardduty:ListDetectors", MaxResults=1).get("DetectorIds") or []:
        place.ask(
            "guardduty:GetFindingsStatistics", DetectorId=detector, FindingStatisticTypes=["COUNT_BY_SEVERITY"]
        )  # fmt: skip
        found = place.ask("guardduty:ListFindings", DetectorId=detector, MaxResults=1).get("FindingIds") or []
        if found:
            place.ask("guardduty:GetFindings", DetectorId=detector, FindingIds=found)
    if place.ask("securityhub:DescribeHub", HUB_OFF):
        place.ask("securityhub:GetFindings", MaxResults=1)
    _alarms(place)
    place.demand(_can_alert, nothing_alerts(place.account))


def _can_alert(place: Place) -> bool:
    return bool(
        place.ask("guardduty:ListDetectors", MaxResults=1).get("DetectorIds")
        or place.ask("securityhub:DescribeHub", HUB_OFF)
        or _alarms(place)
    )


def _alarms(place: Place) -> bool:
    """Whether there is an alarm, or one that is gone did something."""
    found = place.ask("cloudwatch:DescribeAlarms", **_ALARMS)
    told = place.ask("cloudwatch:DescribeAlarmHistory", ScanBy="TimestampAscending", **_ALARMS)
    return bool(found.get("MetricAlarms") or found.get("CompositeAlarms") or told.get("AlarmHistoryItems"))


def _alarm_history(place: Place) -> None:
    _alarms(place)
    place.demand(_alarms, nothing_watches(place.account, place.regions))


def _registry(place: Place) -> Mapping[str, Any] | None:
    """An image of the registry, where there is one."""
    place.ask("ecr:GetRegistryScanningConfiguration")
    for repository in place.ask("ecr:DescribeRepositories", maxResults=1).get("repositories") or []:
        named = {"repositoryName": repository["repositoryName"]}
        for image in place.ask("ecr:DescribeImages", maxResults=1, **named).get("imageDetails") or []:
            return {**named, "imageId": {"imageDigest": image["imageDigest"]}}
    return None


def _inspector(place: Place) -> bool:
    accounts = place.ask("inspector2:BatchGetAccountStatus", accountIds=[place.account]).get("accounts") or []
    return any(
        state.get("status") == "ENABLED" for account in accounts for state in account.get("resourceState", {}).values()
    )


def _vulnerabilities(place: Place) -> None:
    if _inspector(place):
        place.ask("inspector2:ListFindings", maxResults=1)
    image = _registry(place)
    if image is not None:
        place.ask("ecr:DescribeImageScanFindings", ("ScanNotFoundException",), maxResults=1, **image)
    place.demand(_scans, nobody_scans(place.account))


def _scans(place: Place) -> bool:
    """Whether Inspector is on or ECR scanned an image; images are looked at until one is scanned."""
    if _inspector(place):
        return True
    kind = place.ask("ecr:GetRegistryScanningConfiguration").get("scanningConfiguration") or {}
    if kind.get("scanType") == "ENHANCED":
        return False
    pages: dict[str, Any] = {"asked": "nextToken", "answered": "nextToken", "region": place.region, "maxResults": 100}
    return any(
        (image.get("imageScanStatus") or {}).get("status") == "COMPLETE"
        for page in place.caller.pages("ecr:DescribeRepositories", **pages)
        for repository in page.parsed.get("repositories") or []
        for images in place.caller.pages("ecr:DescribeImages", repositoryName=repository["repositoryName"], **pages)
        for image in images.parsed.get("imageDetails") or []
    )


def _coverage(place: Place) -> None:
    if _inspector(place):
        place.ask("inspector2:ListCoverage", maxResults=1)
        place.ask("inspector2:ListCoverageStatistics")
    _registry(place)


def _posture(place: Place) -> None:
    place.ask("config:DescribeConfigurationRecorderStatus")
    for rule in place.ask("config:DescribeConfigRules").get("ConfigRules") or []:
        place.ask("config:GetComplianceDetailsByConfigRule", ConfigRuleName=rule["ConfigRuleName"], Limit=1)
        break
    place.ask("config:DescribeComplianceByConfigRule")
    if place.ask("securityhub:DescribeHub", HUB_OFF):
        place.ask("securityhub:GetFindings", MaxResults=1)
    for analyzer in place.ask("accessanalyzer:ListAnalyzers", maxResults=1).get("analyzers") or []:
        place.ask("accessanalyzer:ListFindingsV2", analyzerArn=analyzer["arn"], maxResults=1)
    place.demand(_checks, nothing_checks(place.account, place.regions))


def _checks(place: Place) -> bool:
    return bool(
        place.ask("config:DescribeConfigRules").get("ConfigRules")
        or place.ask("securityhub:DescribeHub", HUB_OFF)
        or place.ask("accessanalyzer:ListAnalyzers", maxResults=1).get("analyzers")
    )


PROBES = {
    DETECTORS.name: probing(_detectors),
    ALERTS.name: probing(_alerts),
    ALARM_HISTORY.name: probing(_alarm_history),
    VULNERABILITY_FINDINGS.name: probing(_vulnerabilities),
    SCAN_COVERAGE.name: probing(_coverage),
    POSTURE.name: probing(_posture),
}
"""By dataset name."""
