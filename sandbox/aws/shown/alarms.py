"""CloudWatch alarms and their history: `cloudwatch.alarm` is a MetricAlarm, `cloudwatch.composite_alarm` a
CompositeAlarm, `cloudwatch.alarm_history` an AlarmHistoryItem. History is kept for 14 days.

As at AWS, only metric alarms are answered about unless AlarmTypes says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.records import Shown, View, shim
from sandbox.aws.wire import WireError

_KEPT = timedelta(days=14)


@shim("cloudwatch:DescribeAlarms", "AlarmTypes", "MaxRecords", "NextToken")
def _describe_alarms(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    limit, start = int(asked.get("MaxRecords", 50)), int(asked.get("NextToken", "0"))
    kinds = asked.get("AlarmTypes", ["MetricAlarm"])
    metric = list(view.of("cloudwatch.alarm")) if "MetricAlarm" in kinds else []
    composite = list(view.of("cloudwatch.composite_alarm")) if "CompositeAlarm" in kinds else []
    marked = [*(("MetricAlarms", shown) for shown in metric), *(("CompositeAlarms", shown) for shown in composite)]
    page = marked[start : start + limit]
    answer: dict[str, Any] = {
        name: [shown for kind, shown in page if kind == name] for name in ("MetricAlarms", "CompositeAlarms")
    }
    return answer if start + limit >= len(marked) else answer | {"NextToken": str(start + limit)}


@shim(
    "cloudwatch:DescribeAlarmHistory", "AlarmTypes", "StartDate", "EndDate", "ScanBy", "HistoryItemType",
    lists="AlarmHistoryItems", limit=100,
)  # fmt: skip
def _history(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    if asked.get("ScanBy", "TimestampDescending") != "TimestampAscending":
        raise WireError(400, "ValidationError", "ScanBy other than TimestampAscending is not modelled.")
    kinds = asked.get("AlarmTypes", ["MetricAlarm"])
    start, end = (_aware(asked[name]) if name in asked else None for name in ("StartDate", "EndDate"))
    found = [
        shown
        for shown in view.of("cloudwatch.alarm_history")
        if shown.get("AlarmType", "MetricAlarm") in kinds
        and asked.get("HistoryItemType", shown["HistoryItemType"]) == shown["HistoryItemType"]
        and _within(datetime.fromisoformat(shown["Timestamp"]), view.now, start, end)
    ]
    return sorted(found, key=lambda shown: datetime.fromisoformat(shown["Timestamp"]))


def _within(at: datetime, now: datetime, start: datetime | None, end: datetime | None) -> bool:
    return at <= now and now - at < _KEPT and (start is None or start <= at) and (end is None or at <= end)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
