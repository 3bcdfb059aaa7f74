"""CloudTrail: the event history of 90 days, and the public keys that digests are signed with. Both follow from `trail`
in `aws.yaml` and from what else the file says; see `sandbox.aws.trail`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.records import View, shim
from sandbox.aws.wire import WireError


@shim("cloudtrail:LookupEvents", "StartTime", "EndTime", lists="Events", limit=50)
def _lookup(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    start = _utc(asked.get("StartTime", view.now - timedelta(days=90)))
    end = _utc(asked.get("EndTime", view.now))
    if end < start:
        raise WireError(400, "InvalidTimeRangeException", "The start time must not be later than the end time.")
    found = view.world.recorded.history(view.account, view.region, start, end, view.now)
    return [_event(record) for record in found]


def _utc(moment: datetime) -> datetime:
    """Of a number of seconds the parser makes a time without a zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _event(record: Mapping[str, Any]) -> dict[str, Any]:
    identity = record.get("userIdentity") or {}
    shown = {
        "EventId": record["eventID"], "EventName": record["eventName"], "EventSource": record["eventSource"],
        "ReadOnly": json.dumps(record.get("readOnly", False)), "AccessKeyId": identity.get("accessKeyId"),
        "EventTime": datetime.fromisoformat(str(record["eventTime"])), "Username": identity.get("userName"),
        "Resources": [], "CloudTrailEvent": json.dumps(record),
    }  # fmt: skip
    return {name: value for name, value in shown.items() if value is not None}


@shim("cloudtrail:ListPublicKeys", "StartTime", "EndTime", lists="PublicKeyList")
def _keys(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    delivery = view.world.delivery
    if delivery is None:
        return []
    return [
        {
            "Value": delivery.public_key, "Fingerprint": delivery.fingerprint,
            "ValidityStartTime": delivery.trail.started - timedelta(days=30),
            "ValidityEndTime": view.now + timedelta(days=30),
        }
    ]  # fmt: skip
