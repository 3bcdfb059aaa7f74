"""Findings of Security Command Center as rows. Pure functions.

Google keeps one record for a finding and moves its `eventTime` with every change and every scan that sees it again.
`createTime` stays. A finding therefore gives a row for when it was opened and, once closed or muted, one for that; and
because findings that were open already belong to a month's population too, a row `carried_over` at noon UTC of the
first day of each month in the interval on which it was open by these dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.gcp.values import Record, instant, needed, needed_instant, part, raw
from schemas.gcp import ALERTS, FINDINGS

THREAT = "THREAT"


def finding_class(finding: Record) -> str:
    return str(finding.get("findingClass") or "FINDING_CLASS_UNSPECIFIED")


def alert_row(item: str, result: Record) -> dict[str, Any]:
    """One row of `gcp.alerts`: a threat, at the time it was found."""
    finding, resource = part(result, "finding"), part(result, "resource")
    return {
        "scope_item_id": item, "alert_id": str(needed(finding, "name", "finding")),
        "event_time": needed_instant(finding, "createTime", "finding"),
        "category": str(needed(finding, "category", "finding")), "source": finding.get("parentDisplayName"),
        "severity": str(finding.get("severity") or "SEVERITY_UNSPECIFIED"),
        "resource": str(needed(finding, "resourceName", "finding")), "resource_name": resource.get("displayName"),
        "updated_at": needed_instant(finding, "eventTime", "finding"),
        "status": str(needed(finding, "state", "finding")),
        "muted": finding.get("mute") == "MUTED", "muted_by": finding.get("muteInitiator") or None,
        "assignee": None,  # Security Command Center has none
        "description": finding.get("description"), "raw": raw(result, ALERTS),
    }  # fmt: skip


def finding_rows(item: str, result: Record, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """Rows of `gcp.findings` for what happened to one finding within [start, end)."""
    finding, resource = part(result, "finding"), part(result, "resource")
    opened = needed_instant(finding, "createTime", "finding")
    moved = needed_instant(finding, "eventTime", "finding")
    state = str(needed(finding, "state", "finding"))
    closed = moved if state == "INACTIVE" else None
    muted = instant(finding, "muteUpdateTime") if finding.get("mute") == "MUTED" else None
    score = part(part(part(finding, "vulnerability"), "cve"), "cvssv3").get("baseScore")
    cve = part(part(finding, "vulnerability"), "cve")
    row = {
        "scope_item_id": item, "finding_id": str(needed(finding, "name", "finding")),
        "finding_class": finding_class(finding), "category": str(needed(finding, "category", "finding")),
        "source": finding.get("parentDisplayName"), "component": str(needed(finding, "resourceName", "finding")),
        "component_name": resource.get("displayName"), "component_type": resource.get("type"),
        "severity": str(finding.get("severity") or "SEVERITY_UNSPECIFIED"),
        "severity_score": None if score is None else round(float(score) * 10),
        "identifiers": [str(cve["id"])] if cve.get("id") else [], "first_seen_at": opened, "state": state,
        "last_changed_at": moved, "closed_at": closed, "muted": finding.get("mute") == "MUTED", "muted_at": muted,
        "muted_by": finding.get("muteInitiator") or None, "fixable": cve.get("upstreamFixAvailable"),
        "description": finding.get("description"), "raw": raw(result, FINDINGS),
    }  # fmt: skip
    for change, at in (("opened", opened), ("closed", closed), ("muted", muted)):
        if at is not None and start <= at < end:
            yield {**row, "change": change, "event_time": at}
    for noon in _first_noons(start, end):
        if opened < noon and (closed is None or closed > noon):
            yield {**row, "change": "carried_over", "event_time": noon}


def _first_noons(start: datetime, end: datetime) -> Iterator[datetime]:
    noon = start.astimezone(UTC).replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    while noon < end:
        if noon >= start:
            yield noon
        noon = (noon + timedelta(days=31)).replace(day=1)
