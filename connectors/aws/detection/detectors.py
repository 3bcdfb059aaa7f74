"""What watches a region and where it reports to: GuardDuty, Security Hub, Access Analyzer, rules, alarms, topics.

A service that is off has a row that says so. A target counts as confirmed where an SNS subscription was accepted; of
kinds that know no acceptance nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.aws.detection.alerts import HUB_OFF, detector_ids
from connectors.aws.reading import Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_detection import DETECTORS
from schemas.extraction import ItemClaim, Request, Session, Sink

OFF = "not_enabled"

_QUERY = (
    "guardduty:ListDetectors\nguardduty:GetDetector\nguardduty:ListMembers OnlyAssociated=true\n"
    "securityhub:DescribeHub\nsecurityhub:GetEnabledStandards\naccess-analyzer:ListAnalyzers\n"
    "events:ListEventBuses\nevents:ListRules\nevents:ListTargetsByRule\n"
    "cloudwatch:DescribeAlarms AlarmTypes=MetricAlarm,CompositeAlarm\nsns:ListTopics\nsns:ListSubscriptions"
)
_PENDING = ("PendingConfirmation", "Deleted")
_UNKNOWN = "unknown"
_MAIL, _ARN = re.compile(r"[^@\s/]+@[^@\s/]+"), re.compile(r"arn:[a-z-]+:[a-z0-9-]+:\S+")
_ADDRESSES = {"email": _MAIL, "email-json": _MAIL, "sms": re.compile(r"\+?\d{4,15}")}
"""How addresses of a protocol look; those of all others are ARNs."""

Row = dict[str, Any]


def detectors(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.detectors` for an item `aws:<account>:<region>`, or `aws:<account>` and every region."""
    reading = reading_of(session, request, sink, DETECTORS)
    reading.in_each_region(lambda region: _put(reading, region))
    looked_at = len(reading.regions) - len(reading.refused)
    return [reading.claim(_QUERY, proof=f"{looked_at} region(s) looked at")]


def _put(reading: Reading, region: str) -> None:
    reading.put(_Region(reading, region).rows())


class _Region:
    def __init__(self, reading: Reading, region: str) -> None:
        self.reading, self.region = reading, region
        self.subscriptions: dict[str, list[Row]] = {}

    def rows(self) -> Iterator[Row]:
        yield from self._guardduty()
        yield from self._securityhub()
        yield from self._analyzers()
        for entry in self._list("sns:ListSubscriptions", "Subscriptions", "SubscriptionArn", "Endpoint"):
            self.subscriptions.setdefault(str(entry.get("TopicArn")), []).append(_subscription(entry))
        yield from self._topics()
        yield from self._rules()
        yield from self._alarms()

    def _guardduty(self) -> Iterator[Row]:
        found = False
        for detector in list(detector_ids(self.reading, self.region)):
            found = True
            answer = self.reading.ask("guardduty:GetDetector", region=self.region, DetectorId=detector).parsed
            status = str(field_of(answer, "Status", "guardduty:GetDetector"))
            features = [
                {"name": str(one.get("Name")), "enabled": one.get("Status") == "ENABLED"}
                for one in answer.get("Features") or []
            ]
            yield self._row(
                "guardduty", detector, answer, enabled=status == "ENABLED", status=status, features=features,
                created=answer.get("CreatedAt"), updated=answer.get("UpdatedAt"),
            )  # fmt: skip
            for entry in self.reading.entries(
                "guardduty:ListMembers", "Members", key=lambda one: one.get("AccountId"), region=self.region,
                wire="members", DetectorId=detector, OnlyAssociated="true", MaxResults=50,
            ):  # fmt: skip
                member = entry.parsed
                status = str(member.get("RelationshipStatus"))
                yield self._row(
                    "guardduty_member", f"{detector}/{member.get('AccountId')}", member, enabled=status == "Enabled",
                    status=status, name=str(member.get("AccountId")), updated=member.get("UpdatedAt"),
                )  # fmt: skip
        if not found:
            yield self._row("guardduty", "none", {}, enabled=False, status=OFF)

    def _securityhub(self) -> Iterator[Row]:
        answer = self.reading.ask("securityhub:DescribeHub", region=self.region, expect=HUB_OFF)
        if answer.error_code is not None:
            yield self._row("securityhub", "none", {}, enabled=False, status=OFF)
            return
        hub = answer.parsed
        arn = str(field_of(hub, "HubArn", "securityhub:DescribeHub"))
        yield self._row(
            "securityhub", arn, hub, enabled=True, status="ENABLED", arn=arn, created=hub.get("SubscribedAt")
        )
        for one in self._list("securityhub:GetEnabledStandards", "StandardsSubscriptions", "StandardsSubscriptionArn"):
            status = str(one.get("StandardsStatus"))
            yield self._row(
                "securityhub_standard", str(one["StandardsSubscriptionArn"]), one, enabled=status == "READY",
                status=status, arn=one["StandardsSubscriptionArn"], name=one.get("StandardsArn"),
            )  # fmt: skip

    def _analyzers(self) -> Iterator[Row]:
        found = False
        for entry in self.reading.entries(
            "accessanalyzer:ListAnalyzers", "analyzers", key=lambda one: one.get("arn"), region=self.region,
            asked="nextToken", answered="nextToken",
        ):  # fmt: skip
            one, found = entry.parsed, True
            status = str(one.get("status"))
            yield self._row(
                "access_analyzer", str(one["arn"]), one, enabled=status == "ACTIVE", status=status, arn=one["arn"],
                name=one.get("name"), watches=one.get("type"), managed_by=one.get("managedBy"),
                created=one.get("createdAt"), updated=one.get("lastResourceAnalyzedAt"),
            )  # fmt: skip
        if not found:
            yield self._row("access_analyzer", "none", {}, enabled=False, status=OFF)

    def _topics(self) -> Iterator[Row]:
        for one in self._list("sns:ListTopics", "Topics", "TopicArn"):
            arn = str(one["TopicArn"])
            targets = self.subscriptions.get(arn, [])
            yield self._row(
                "sns_topic", arn, one, enabled=True, status="active", arn=arn, name=arn.rpartition(":")[2],
                targets=targets, delivers=any(target["confirmed"] is not False for target in targets),
            )  # fmt: skip

    def _rules(self) -> Iterator[Row]:
        for bus in self._list("events:ListEventBuses", "EventBuses", "Arn"):
            for rule in list(self._list("events:ListRules", "Rules", "Arn", EventBusName=bus["Name"])):
                targets = [
                    self._target(str(one.get("Arn")))
                    for one in self._list(
                        "events:ListTargetsByRule", "Targets", "Id", Rule=rule["Name"], EventBusName=bus["Name"]
                    )
                ]
                status = str(rule.get("State"))
                yield self._row(
                    "event_rule", str(rule["Arn"]), rule, enabled=status.startswith("ENABLED"), status=status,
                    arn=rule["Arn"], name=rule.get("Name"), targets=targets, delivers=_delivers(targets),
                    watches=rule.get("EventPattern") or rule.get("ScheduleExpression"),
                    managed_by=rule.get("ManagedBy"),
                )  # fmt: skip

    def _alarms(self) -> Iterator[Row]:
        seen: set[str] = set()
        for page in self.reading.caller.pages(
            "cloudwatch:DescribeAlarms", asked="NextToken", answered="NextToken", region=self.region,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100,
        ):  # fmt: skip
            page.keep(self.reading.sink, DETECTORS)
            self.reading.pages += 1
            for kind in ("MetricAlarms", "CompositeAlarms"):
                for alarm in page.parsed.get(kind) or []:
                    if alarm["AlarmArn"] in seen:
                        self.reading.dropped["repeated on a later page"] += 1
                        continue
                    seen.add(alarm["AlarmArn"])
                    yield self._alarm(alarm)

    def _alarm(self, alarm: Json) -> Row:
        targets = [self._target(str(arn)) for arn in alarm.get("AlarmActions") or []]
        metric = "/".join(str(alarm[name]) for name in ("Namespace", "MetricName") if alarm.get(name))
        enabled = bool(alarm.get("ActionsEnabled", True))
        return self._row(
            "cloudwatch_alarm", str(alarm["AlarmArn"]), alarm, enabled=enabled, status=str(alarm.get("StateValue")),
            arn=alarm["AlarmArn"], name=alarm.get("AlarmName"), targets=targets,
            delivers=enabled and _delivers(targets),
            watches=alarm.get("AlarmRule") or metric or None,
            updated=alarm.get("AlarmConfigurationUpdatedTimestamp"),
        )  # fmt: skip

    def _target(self, arn: str) -> Row:
        kind = arn.split(":")[2] if arn.startswith("arn:") else "unknown"
        confirmed: bool | None = None
        if kind == "sns" and arn.split(":")[3:5] == [self.region, self.reading.account]:
            # A topic delivers where somebody accepted its mail, or something that accepts nothing listens.
            confirmed = any(one["confirmed"] is not False for one in self.subscriptions.get(arn, []))
        return {"kind": kind, "id": arn, "confirmed": confirmed}

    def _list(self, operation: str, name: str, *key: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        def mark(one: Json) -> object:
            # The ARN of a subscription is no id as long as it waits for confirmation.
            return tuple(str(one.get(part)) for part in (*key, "TopicArn"))

        marker = mark if "SubscriptionArn" in key else _named(key[0])
        for entry in self.reading.entries(operation, name, key=marker, region=self.region, **parameters):
            yield entry.parsed

    def _row(
        self, kind: str, own_id: str, record: Json, *, enabled: bool, status: str, arn: str | None = None,
        name: str | None = None, features: list[Row] | None = None, targets: list[Row] | None = None,
        delivers: bool | None = None, watches: str | None = None, managed_by: str | None = None, created: Any = None,
        updated: Any = None,
    ) -> Row:  # fmt: skip
        return {
            "scope_item_id": self.reading.item, "detector_id": f"{kind}:{self.region}:{own_id}",
            "account_id": self.reading.account, "region": self.region, "kind": kind, "name": name, "arn": arn,
            "enabled": enabled, "status": status, "features": features or [], "targets": targets or [],
            "delivers": delivers, "watches": watches, "managed_by": managed_by, "created_at": moment(created),
            "updated_at": moment(updated), "raw": raw_of(DETECTORS, record),
        }  # fmt: skip


def _named(name: str) -> Callable[[Any], object]:
    return lambda one: one.get(name)


def _delivers(targets: list[Row]) -> bool:
    return any(target["confirmed"] is not False for target in targets)


def _subscription(entry: Json) -> Row:
    """A subscription as a target."""
    protocol, arn = str(entry.get("Protocol")), str(entry.get("SubscriptionArn"))
    return {"kind": protocol, "id": shown(protocol, entry.get("Endpoint")), "confirmed": arn not in _PENDING}


def shown(protocol: str, endpoint: Any) -> str:
    """What is shown of the address of a subscription; `unknown` where it is none of its protocol, as it may be a key.

    Of a web address only the host is kept: the rest of it is often a key.
    """
    if not isinstance(endpoint, str):
        return _UNKNOWN
    if protocol in ("http", "https"):
        try:
            host = urlsplit(endpoint).hostname if endpoint.lower().startswith(f"{protocol}://") else None
        except ValueError:
            return _UNKNOWN
        return f"{protocol}://{host}" if host else _UNKNOWN
    form = _ADDRESSES.get(protocol, _ARN)
    return endpoint if form.fullmatch(endpoint) else _UNKNOWN
