"""What is logged, where it goes and how long it stays: trails with their buckets, log groups, filters of metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.aws.configuration import buckets
from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.reading import Json, field_of, moment
from schemas.aws_configuration import LIFECYCLE, LOG_CONFIG

_STATUS, _SELECTORS, _INSIGHTS = (
    "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors",
)  # fmt: skip
_BUCKET_GONE = "NoSuchBucket"


def trails(region: Region) -> None:
    """Every trail that covers the region, also one whose home is another. Status and selectors are asked at its home,
    as is the bucket, which may be of another account and closed to the reader: the row says so."""

    held: dict[str, Detail] = {}

    def ask(detail: Detail, trail: Json) -> None:
        # Asked anywhere but at its home, AWS does not know a trail, and it would be taken for one that is gone.
        arn, home = (str(field_of(trail, name, "A trail")) for name in ("TrailARN", "HomeRegion"))
        where: dict[str, Any] = {"region": home, "gone": ("TrailNotFoundException",)}
        held[arn] = Detail(detail.caller, home)
        detail.ask(_STATUS, Name=arn, **where)
        if not detail.gone:
            detail.ask(_SELECTORS, TrailName=arn, **where)
        if trail.get("HasInsightSelectors") and not detail.gone:
            detail.ask(_INSIGHTS, TrailName=arn, absent=("InsightNotEnabledException",), **where)
        if trail.get("S3BucketName") and not detail.gone:
            _ask_bucket(detail, held[arn], str(trail["S3BucketName"]))

    # The list has no pages: an account has a handful of trails in a region.
    found = region.ask("cloudtrail:DescribeTrails", includeShadowTrails=True)
    listed: list[Json] = field_of(found, "trailList", "cloudtrail:DescribeTrails")
    for trail, detail in region.each(listed, ask, "TrailARN"):
        arn = str(trail["TrailARN"])
        said = {name.partition(":")[2]: value for name, value in detail.found.items()}
        bucket = _bucket_columns(trail, held[arn])
        if trail.get("S3BucketName") in region.own_buckets:
            detail.refused |= held[arn].refused
        bucket["unreadable"] = sorted({*detail.unreadable(LOG_CONFIG), *bucket["unreadable"]})
        region.put(
            LOG_CONFIG, "trail", arn, {**trail, **said}, detail=detail,
            **trail_columns(trail, detail.of(_STATUS), detail.of(_SELECTORS), detail.of(_INSIGHTS)),
            **bucket,
        )  # fmt: skip


def _ask_bucket(detail: Detail, held: Detail, name: str) -> None:
    """Of another account, as a rule: what may not be read there is no gap in what is read here, and the row says so.
    Of the account's own bucket it is a gap."""
    buckets.ask_retention(held, name, replication=False)
    if not held.gone:
        absent = ("NoSuchBucketPolicy",)
        held.ask("s3:GetBucketPolicyStatus", absent=absent, gone=buckets.GONE, Bucket=name)
    detail.answers += held.answers


def trail_columns(
    trail: Json, status: Json | None, selectors: Json | None, insights: Json | None = None
) -> dict[str, Any]:
    """Columns of `aws.log_config` that the trail itself answers for."""
    told: Json = status or {}
    return {
        "name": trail.get("Name"), "home_region": trail.get("HomeRegion"),
        "logging": None if status is None else bool(status.get("IsLogging")),
        "destination": "/".join(texts([trail], "S3BucketName") + texts([trail], "S3KeyPrefix")) or None,
        "multi_region": trail.get("IsMultiRegionTrail"), "organisation_trail": trail.get("IsOrganizationTrail"),
        "global_events": trail.get("IncludeGlobalServiceEvents"),
        "validation": bool(trail.get("LogFileValidationEnabled")),
        "key_id": trail.get("KmsKeyId"), "log_group": trail.get("CloudWatchLogsLogGroupArn"),
        "started_at": moment(told.get("StartLoggingTime")), "stopped_at": moment(told.get("StopLoggingTime")),
        "last_delivery_at": moment(told.get("LatestDeliveryTime")),
        "last_digest_at": moment(told.get("LatestDigestDeliveryTime")),
        "last_log_group_at": moment(told.get("LatestCloudWatchLogsDeliveryTime")),
        "delivery_error": told.get("LatestDeliveryError") or None, "bucket": trail.get("S3BucketName"),
        "insights": texts((insights or {}).get("InsightSelectors"), "InsightType"),
        **_selected(selectors),
    }  # fmt: skip


def _selected(selectors: Json | None) -> dict[str, Any]:
    """Which events a trail keeps. Selectors add up; one that excludes a source, or picks by more than the category and
    read or write, keeps less than all."""
    if selectors is None:
        return {"management_events": None}
    keeps: set[str] = set()
    data: set[str] = set()
    excluded: set[str] = set()
    for one in selectors.get("EventSelectors") or []:
        # Not saying so means that management events are kept (API reference of EventSelector).
        if one.get("IncludeManagementEvents", True):
            keeps.add(str(one.get("ReadWriteType") or "All"))
            excluded.update(str(source) for source in one.get("ExcludeManagementEventSources") or [])
        data.update(texts(one.get("DataResources"), "Type"))
    for one in selectors.get("AdvancedEventSelectors") or []:
        fields = {str(entry["Field"]): entry for entry in one.get("FieldSelectors") or []}
        category = (fields.get("eventCategory") or {}).get("Equals") or []
        if "Management" in category:
            excluded.update(str(source) for source in (fields.get("eventSource") or {}).get("NotEquals") or [])
            wanted = (fields.get("readOnly") or {}).get("Equals") or []
            if set(fields) <= {"eventCategory", "readOnly", "eventSource"} and not (
                set(fields.get("eventSource") or {}) - {"Field", "NotEquals"}
            ):
                keeps.add("ReadOnly" if wanted == ["true"] else "WriteOnly" if wanted == ["false"] else "All")
        data.update(str(kind) for kind in (fields.get("resources.type") or {}).get("Equals") or [])
    whole = "All" in keeps or {"ReadOnly", "WriteOnly"} <= keeps
    return {
        "management_events": "All" if whole else next(iter(keeps)) if keeps else "None",
        "selectors": orjson.dumps(selectors).decode(), "data_events": sorted(data),
        "excluded_sources": sorted(excluded),
    }  # fmt: skip


def _bucket_columns(trail: Json, detail: Detail) -> dict[str, Any]:
    name = trail.get("S3BucketName")
    unreadable = detail.unreadable(LOG_CONFIG) + ([f"s3 {_BUCKET_GONE}"] if detail.gone else [])
    versioning, status = detail.of("s3:GetBucketVersioning"), detail.of("s3:GetBucketPolicyStatus")
    if detail.gone:
        versioning = status = None
    mode, days = buckets.lock(detail.found)
    return {
        "bucket_readable": None if not name else not unreadable, "unreadable": unreadable,
        "bucket_versioning": None if versioning is None else versioning.get("Status") or "Never",
        "bucket_mfa_delete": None if versioning is None else versioning.get("MFADelete") == "Enabled",
        "lock_mode": mode, "lock_days": days,
        "expiration_days": expires(detail.found, f"{trail.get('S3KeyPrefix') or ''}/AWSLogs/".lstrip("/")),
        "bucket_public": None if status is None else bool((status.get("PolicyStatus") or {}).get("IsPublic", False)),
    }  # fmt: skip


def expires(found: buckets.Found, prefix: str) -> int | None:
    """After how many days the first rule that reaches objects under the prefix deletes them; None where none does.
    Rules for tagged objects reach none: deliveries have no tags."""
    days: list[int] = []
    for _, rule, columns in buckets.rules(found):
        chosen = buckets.rule_filter(rule)
        chosen = {**chosen, **(chosen.get("And") or {})}
        begins = str(chosen.get("Prefix") or "")
        reaches = begins.startswith(prefix) or prefix.startswith(begins)
        if columns["enabled"] and reaches and not chosen.get("Tag") and not chosen.get("Tags"):
            days += [columns["expiration_days"]] if columns["expiration_days"] else []
    return min(days, default=None)


def log_groups(region: Region) -> None:
    """Log groups; without days they are kept for ever."""
    paged: dict[str, Any] = {"marker": "nextToken", "limit": 50}
    for one in region.items("logs:DescribeLogGroups", "logGroups", "logGroupName", **paged):
        arn = str(one.get("logGroupArn") or str(one.get("arn") or one["logGroupName"]).removesuffix(":*"))
        days = one.get("retentionInDays")
        head: dict[str, Any] = {
            "name": one["logGroupName"], "created_at": _milliseconds(one.get("creationTime")), "retention_days": days,
        }  # fmt: skip
        kind: dict[str, Any] = {"class": one.get("logGroupClass")}
        region.put(
            LOG_CONFIG, "log_group", arn, one, **head, **kind, stored_bytes=one.get("storedBytes"),
            key_id=one.get("kmsKeyId"),
        )  # fmt: skip
        region.put(
            LIFECYCLE, "log_group", arn, one, **head, enabled=days is not None, expiration_days=days,
            deletion_protection=one.get("deletionProtectionEnabled"),
        )  # fmt: skip
    if not region.wants(LOG_CONFIG):
        return
    for entry in region.reading.entries(
        "logs:DescribeMetricFilters", "metricFilters", region=region.name, asked="nextToken", answered="nextToken",
        key=lambda one: (one.get("logGroupName"), one.get("filterName")), limit=50,
    ):  # fmt: skip
        one = entry.parsed
        group = str(one.get("logGroupName"))
        region.put(
            LOG_CONFIG, "metric_filter", region.arn("logs", f"log-group:{group}"), one, part=str(one.get("filterName")),
            name=one.get("filterName"), parent_id=group, log_group=group, pattern=one.get("filterPattern"),
            created_at=_milliseconds(one.get("creationTime")),
            metrics=[
                f"{metric.get('metricNamespace')}/{metric.get('metricName')}"
                for metric in one.get("metricTransformations") or []
            ],
        )  # fmt: skip
        if region.first_only:
            return


def _milliseconds(value: Any) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(int(value) / 1000, UTC)
