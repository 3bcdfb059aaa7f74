"""The history of CloudWatch alarms: what state they went into, who changed them, what they did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.aws.detection.findings import alarm_states
from connectors.aws.reading import Entry, Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_detection import ALARM_HISTORY
from schemas.extraction import ItemClaim, Request, Session, Sink

HISTORY_KEPT = timedelta(days=14)

_QUERY = (
    "ec2:DescribeRegions\ncloudwatch:DescribeAlarms AlarmTypes=MetricAlarm,CompositeAlarm\n"
    "cloudwatch:DescribeAlarmHistory AlarmTypes=MetricAlarm,CompositeAlarm StartDate EndDate"
)
_BOTH = ["MetricAlarm", "CompositeAlarm"]
"""Without saying so, only metric alarms are answered about."""


def alarm_history(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.alarm_history` for an item `aws:<account>` or `aws:<account>:<region>`.

    Raises `NotLicensed` where no alarm is there and none did anything, in every region.
    """
    reading = reading_of(session, request, sink, ALARM_HISTORY)
    alarms = 0

    def region(name: str) -> None:
        nonlocal alarms
        answer = reading.ask("cloudwatch:DescribeAlarms", region=name, AlarmTypes=_BOTH, MaxRecords=100)
        alarms += sum(len(answer.parsed.get(kind) or []) for kind in ("MetricAlarms", "CompositeAlarms"))
        reading.put(_rows(reading, name))

    reading.in_each_region(region)
    reading.remembers("CloudWatch", HISTORY_KEPT)
    if not alarms and not reading.read:
        raise reading.nothing_on(nothing_watches(reading.account, reading.regions))
    shown = f"{alarms} alarm(s) are there" if alarms else f"{reading.read} entries of alarms that are gone"
    reading.words.append(shown)
    return [reading.claim(_QUERY, proof=shown)]


def nothing_watches(account: str, regions: Sequence[str]) -> str:
    """What to say where there is no alarm."""
    return (
        f"There is no alarm of CloudWatch in {', '.join(regions)} of account {account}, and none did anything in the "
        "time asked for, so nothing watches there. Make alarms, or name another source."
    )


def history(reading: Reading, region: str, kind: str | None = None) -> Iterator[tuple[Entry, datetime]]:
    """Entries of history in the interval, with their times."""
    parameters: dict[str, Any] = {} if kind is None else {"HistoryItemType": kind}
    for entry in reading.entries(
        "cloudwatch:DescribeAlarmHistory", "AlarmHistoryItems", key=None, region=region, AlarmTypes=_BOTH,
        StartDate=reading.start, EndDate=reading.end, ScanBy="TimestampAscending", MaxRecords=100, **parameters,
    ):  # fmt: skip
        at = moment(field_of(entry.parsed, "Timestamp", "An entry of alarm history"))
        assert at is not None, "field_of demands it"
        if reading.within(at):
            yield entry, at
        else:
            reading.dropped["at the end of the interval, which is not part of it"] += 1


def alarm_arn(reading: Reading, region: str, name: str) -> str:
    """The ARN of an alarm, which its history does not tell."""
    return f"arn:{reading.partition}:cloudwatch:{region}:{reading.account}:alarm:{name}"


def _rows(reading: Reading, region: str) -> Iterator[dict[str, Any]]:
    for entry, at in history(reading, region):
        parsed = entry.parsed
        name = str(field_of(parsed, "AlarmName", "An entry of alarm history"))
        kind = str(field_of(parsed, "HistoryItemType", "An entry of alarm history"))
        old, new, reason = alarm_states(parsed)
        digest = hashlib.sha256(orjson.dumps([at.isoformat(), parsed], default=str, option=orjson.OPT_SORT_KEYS))
        action, succeeded = _action(parsed)
        yield {
            "scope_item_id": reading.item,
            "entry_id": f"{alarm_arn(reading, region, name)}@{at.isoformat()}#{digest.hexdigest()[:16]}",
            "event_time": at, "account_id": reading.account, "region": region, "alarm_name": name,
            "alarm_type": parsed.get("AlarmType"), "entry_type": kind, "old_state": old, "new_state": new,
            "reason": reason, "summary": parsed.get("HistorySummary"), "action": action,
            "action_succeeded": succeeded, "raw": raw_of(ALARM_HISTORY, entry.raw),
        }  # fmt: skip


def _action(entry: Json) -> tuple[str | None, bool | None]:
    if entry.get("HistoryItemType") != "Action":
        return None, None
    try:
        data = orjson.loads(str(entry.get("HistoryData") or "{}"))
    except orjson.JSONDecodeError:
        return None, None
    state = data.get("actionState")
    resource = data.get("notificationResource") or data.get("actionResource") or data.get("actionExecutionResource")
    return resource, None if state is None else state == "Succeeded"
