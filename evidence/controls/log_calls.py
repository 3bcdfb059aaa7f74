"""Calls that touch audit logs, and what their parameters say, for CC7-LOG-01. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

KEPT_DAYS = 365
TRAIL_CALLS = ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors")
RESUMING = ("StartLogging", "CreateTrail", "PutEventSelectors")
BUCKET_CALLS = (
    "DeleteBucket", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl", "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle", "PutBucketVersioning", "PutObjectLockConfiguration",
    "PutBucketObjectLockConfiguration", "DeletePublicAccessBlock", "PutBucketPublicAccessBlock",
)  # fmt: skip
GOOGLE_CALLS: Mapping[str, frozenset[str]] = {
    "logging.googleapis.com": frozenset({
        "updatesink", "deletesink", "updatebucket", "deletebucket", "createexclusion", "updateexclusion",
        "updatesettings", "setiampolicy",
    }),
    "storage.googleapis.com": frozenset({"setiampermissions", "setiampolicy", "update", "patch", "delete"}),
}  # fmt: skip
"""By service, the last part of the method in lower case."""

Parameters = Mapping[str, Any]


def logs_everything(row: Mapping[str, Any]) -> bool:
    """Whether a trail of `aws.log_config` is on and keeps all management events."""
    return bool(row["logging"]) and row["management_events"] == "All" and not row["excluded_sources"]


def trail_of(parameters: Parameters) -> str | None:
    """The name of the trail that a call is about, which it gives by name or by ARN."""
    named = parameters.get("name") or parameters.get("trailName")
    return str(named).rpartition("/")[2] if named else None


def bucket_of(parameters: Parameters) -> str | None:
    """The bucket that a call is about."""
    named = parameters.get("bucketName")
    return str(named) if named else None


def keeps_all(parameters: Parameters) -> bool | None:
    """Whether one selector of a call keeps all management events; None where it sets none that can be read."""
    simple, advanced = _list(parameters, "eventSelectors"), _list(parameters, "advancedEventSelectors")
    if not simple and not advanced:
        return None
    for one in simple:
        kind = one.get("readWriteType") or "All"
        # Not saying so means that management events are kept (API reference of EventSelector).
        kept = one.get("includeManagementEvents", True) is not False
        if kept and kind == "All" and not one.get("excludeManagementEventSources"):
            return True
    for one in advanced:
        fields = {str(field.get("field")): field.get("equals") for field in _list(one, "fieldSelectors")}
        if list(fields) == ["eventCategory"] and fields["eventCategory"] == ["Management"]:
            return True
    return False


def deletes_before(parameters: Parameters) -> int | None:
    """The fewest days after which an enabled rule of a lifecycle deletes; None where none does."""
    configuration = parameters.get("LifecycleConfiguration")
    if not isinstance(configuration, Mapping):
        return None
    days: list[int] = []
    for rule in _list(configuration, "Rule"):
        expiration = rule.get("Expiration")
        if rule.get("Status") == "Enabled" and isinstance(expiration, Mapping):
            told = str(expiration.get("Days") or "")
            days += [int(told)] if told.isdigit() else [0] if expiration.get("Date") else []
    return min(days, default=None)


def _list(found: Parameters, name: str) -> list[Parameters]:
    """The objects under a name; AWS writes one alone without a list around it."""
    value = found.get(name)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]


def google_retention(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The buckets in which Google Cloud keeps what administrators did."""
    for row in rows:
        if row["kind"] == "log_bucket" and str(row["name"]).endswith("/buckets/_Required"):
            yield row
