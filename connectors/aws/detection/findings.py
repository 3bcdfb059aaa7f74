"""Findings of GuardDuty and Security Hub, and alarms that went off, as rows of `aws.alerts`. Pure functions.

They take a record as AWS sends it: GuardDuty's fields begin with a small letter on the wire and in exports, Security
Hub's (Amazon Security Finding Format) with a capital one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from connectors.aws.reading import Json, field_of, moment, raw_of
from schemas.aws_detection import ALERTS
from schemas.errors import SchemaDrift

_POSTURE = "Software and Configuration Checks"
_LABELS = {
    "CRITICAL": "critical", "HIGH": "high", "MEDIUM": "medium", "LOW": "low", "INFORMATIONAL": "informational",
}  # fmt: skip

# Where GuardDuty names the resource that a finding is about: the part of `resource`, and the field of it.
_RESOURCES = (
    ("instanceDetails", "instanceId"), ("accessKeyDetails", "userName"), ("accessKeyDetails", "principalId"),
    ("s3BucketDetails", "arn"), ("eksClusterDetails", "arn"), ("ecsClusterDetails", "arn"),
    ("lambdaDetails", "functionArn"), ("rdsDbInstanceDetails", "dbInstanceArn"), ("containerDetails", "id"),
    ("ebsVolumeDetails", "scannedVolumeDetails"),
)  # fmt: skip


def guardduty_severity(score: float) -> str:
    """The level of a score: critical from 9, high from 7, medium from 4, low below (GuardDuty user guide)."""
    return "critical" if score >= 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"


def guardduty_row(item: str, finding: Json) -> dict[str, Any]:
    """The row of one finding of GuardDuty, field names as on the wire."""
    what = "A finding of GuardDuty"
    service: Json = finding.get("service") or {}
    score = float(field_of(finding, "severity", what))
    archived = bool(service.get("archived", False))
    title = str(finding.get("title") or field_of(finding, "type", what))
    return {
        "scope_item_id": item,
        "alert_id": field_of(finding, "arn", what),
        "event_time": moment(field_of(finding, "createdAt", what)),
        "account_id": field_of(finding, "accountId", what),
        "region": field_of(finding, "region", what),
        "source": "guardduty",
        "product": "GuardDuty",
        "alert_type": field_of(finding, "type", what),
        "title": title,
        "severity": guardduty_severity(score),
        "severity_score": score,
        "created_at": moment(finding["createdAt"]),
        "updated_at": moment(finding.get("updatedAt")),
        "first_seen_at": moment(service.get("eventFirstSeen")),
        "last_seen_at": moment(service.get("eventLastSeen")),
        "status": "archived" if archived else "open",
        "archived": archived,
        "assignee": None,
        "sample": title.startswith("[SAMPLE]") or _is_sample(service.get("additionalInfo")),
        "count": service.get("count"),
        "resource_type": (finding.get("resource") or {}).get("resourceType"),
        "resources": sorted(set(_resources(finding.get("resource") or {}))),
        "description": finding.get("description"),
        "raw": raw_of(ALERTS, finding),
    }


def _is_sample(info: Any) -> bool:
    """`{"sample": true}`, which the API hands over as JSON in a text."""
    if not isinstance(info, Mapping):
        return False
    if isinstance(info.get("value"), str):
        try:
            info = orjson.loads(info["value"])
        except orjson.JSONDecodeError:
            return False
    return isinstance(info, Mapping) and info.get("sample") is True


def _resources(resource: Json) -> Iterator[str]:
    for part, name in _RESOURCES:
        held = resource.get(part)
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, Mapping) and isinstance(one.get(name), str):
                yield one[name]


def is_alert(finding: Json) -> bool:
    """Whether a finding of Security Hub tells of something that happened: results of configuration checks and
    vulnerabilities do not, and stand in other datasets."""
    types: list[str] = list(finding.get("Types") or [])
    return not types or any(not one.startswith(_POSTURE) for one in types)


def is_of_guardduty(finding: Json) -> bool:
    """Whether Security Hub only repeats what GuardDuty found."""
    return str(finding.get("ProductArn", "")).endswith(":product/aws/guardduty")


def securityhub_row(item: str, finding: Json) -> dict[str, Any]:
    """The row of one finding of Security Hub."""
    what = "A finding of Security Hub"
    severity: Json = finding.get("Severity") or {}
    label = str(severity.get("Label") or "")
    if label and label not in _LABELS:
        raise SchemaDrift(f"Security Hub sends the severity {label!r}, which this version does not know.")
    score = severity.get("Normalized")
    own_id = str(field_of(finding, "Id", what))
    archived = finding.get("RecordState") == "ARCHIVED"
    resources: list[Json] = list(finding.get("Resources") or [])
    return {
        "scope_item_id": item,
        "alert_id": own_id if own_id.startswith("arn:") else f"{field_of(finding, 'ProductArn', what)}/{own_id}",
        "event_time": moment(field_of(finding, "CreatedAt", what)),
        "account_id": field_of(finding, "AwsAccountId", what),
        "region": str(finding.get("Region") or str(finding.get("ProductArn", ":::unknown")).split(":")[3]),
        "source": "securityhub",
        "product": finding.get("ProductName"),
        "alert_type": ", ".join(finding.get("Types") or []) or str(field_of(finding, "GeneratorId", what)),
        "title": field_of(finding, "Title", what),
        "severity": _LABELS.get(label, "undefined"),
        "severity_score": None if score is None else float(score),
        "created_at": moment(finding["CreatedAt"]),
        "updated_at": moment(finding.get("UpdatedAt")),
        "first_seen_at": moment(finding.get("FirstObservedAt")),
        "last_seen_at": moment(finding.get("LastObservedAt")),
        "status": str((finding.get("Workflow") or {}).get("Status") or "NEW").lower(),
        "archived": archived,
        "assignee": (finding.get("Note") or {}).get("UpdatedBy"),
        "sample": bool(finding.get("Sample", False)) or str(finding.get("Title", "")).startswith("[SAMPLE]"),
        "count": None,
        "resource_type": resources[0].get("Type") if resources else None,
        "resources": sorted({str(one["Id"]) for one in resources if one.get("Id")}),
        "description": finding.get("Description"),
        "raw": raw_of(ALERTS, finding),
    }


def alarm_states(entry: Json) -> tuple[str | None, str | None, str | None]:
    """Old state, new state and reason of an entry of alarm history; None where it tells of something else."""
    try:
        data = orjson.loads(str(entry.get("HistoryData") or "{}"))
    except orjson.JSONDecodeError:
        return None, None, None
    old, new = (data.get(name) if isinstance(data, Mapping) else None for name in ("oldState", "newState"))
    new_state: Json = new if isinstance(new, Mapping) else {}
    old_state: Json = old if isinstance(old, Mapping) else {}
    return old_state.get("stateValue"), new_state.get("stateValue"), new_state.get("stateReason")


def alarm_row(item: str, arn: str, entry: Json, at: datetime, reason: str | None) -> dict[str, Any]:
    """The row of an alarm that went off; `arn` is the alarm's."""
    _, _, _, region, account, *_ = arn.split(":")
    return {
        "scope_item_id": item, "alert_id": f"{arn}@{at.isoformat()}", "event_time": at, "account_id": account,
        "region": region, "source": "cloudwatch_alarm", "product": "CloudWatch",
        "alert_type": str(entry.get("AlarmType") or "MetricAlarm"),
        "title": str(entry.get("AlarmName")), "severity": "undefined", "severity_score": None, "created_at": at,
        "updated_at": None, "first_seen_at": at, "last_seen_at": None, "status": "alarm", "archived": False,
        "assignee": None, "sample": False, "count": None, "resource_type": "AwsCloudWatchAlarm", "resources": [arn],
        "description": reason or entry.get("HistorySummary"), "raw": raw_of(ALERTS, entry),
    }  # fmt: skip
