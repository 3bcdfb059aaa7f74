"""Alerts as rows: one for each date that GitHub keeps, and one a month while an alert is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.github.alert_lists import alert_id, owner_of
from connectors.github.calls import Json
from connectors.github.paging import field
from connectors.github.people import rest_actor
from schemas.github_security import LITERALS, SNIPPETS
from schemas.instants import optional_instant, parse_instant

Interval = tuple[datetime, datetime]

_CLOSED = ("fixed_at", "dismissed_at", "auto_dismissed_at", "resolved_at")


def opened_at(alert: Json) -> datetime:
    return parse_instant(field(alert, "created_at", "alert"))


def closed_at(alert: Json) -> datetime | None:
    """When it was closed, by the date that belongs to its state; None while it is open."""
    if alert["state"] == "open":
        return None
    moments = [moment for name in _CLOSED if (moment := optional_instant(alert.get(name))) is not None]
    # An alert that was dismissed and fixed later keeps both dates; the last one closed it.
    return max(moments, default=None)


def history(alert: Json, interval: Interval) -> Iterator[tuple[str, datetime]]:
    """What happened to an alert in the interval, as (event, time)."""
    start, end = interval
    opened, closed = opened_at(alert), closed_at(alert)
    bypassed = optional_instant(alert.get("push_protection_bypassed_at"))
    for event, at in (("created", opened), ("closed", closed), ("push_protection_bypassed", bypassed)):
        if at is not None and start <= at < end:
            yield event, at
    for noon in first_noons(start, end):
        if opened < noon and (closed is None or closed > noon):
            yield "carried_over", noon


def first_noons(start: datetime, end: datetime) -> Iterator[datetime]:
    """Noon UTC of the first day of each month in [start, end): within that month in every time zone."""
    noon = start.astimezone(UTC).replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    while noon < end:
        if noon >= start:
            yield noon
        noon = (noon + timedelta(days=31)).replace(day=1)


def stripped(value: Any, names: frozenset[str]) -> Any:
    """A record without the fields of these names, at any depth."""
    if isinstance(value, dict):
        return {key: stripped(inner, names) for key, inner in value.items() if key not in names}
    if isinstance(value, list):
        return [stripped(inner, names) for inner in value]
    return value


_NOT_KEPT = frozenset((*LITERALS, *SNIPPETS))


def raw_of(alert: Json) -> str:
    """The record without literal secrets and quoted source, and without the addresses that are made of its name."""
    kept = {key: value for key, value in alert.items() if key != "repository"}
    repository = {key: alert["repository"].get(key) for key in ("id", "node_id", "full_name")}
    return orjson.dumps(stripped({**kept, "repository": repository}, _NOT_KEPT)).decode()


def _base(kind: str, alert: Json, item: str) -> Json:
    return {
        "scope_item_id": item, "alert_id": alert_id(kind, alert), "repo_id": owner_of(alert),
        "repo_name": field(alert["repository"], "full_name", "alert"), "number": field(alert, "number", "alert"),
        "created_at": opened_at(alert), "updated_at": optional_instant(alert.get("updated_at")),
        "closed_at": closed_at(alert), "raw": raw_of(alert),
    }  # fmt: skip


def _person(user: Json | None) -> Json | None:
    return None if user is None else rest_actor(user)


def secret_rows(alert: Json, item: str, interval: Interval) -> Iterator[Json]:
    """Rows of github.secret_alerts."""
    row = _base("secret_scanning", alert, item) | {
        "state": field(alert, "state", "alert"), "secret_type": field(alert, "secret_type", "alert"),
        "secret_type_name": alert.get("secret_type_display_name"), "validity": alert.get("validity"),
        "publicly_leaked": alert.get("publicly_leaked"), "resolution": alert.get("resolution"),
        "resolved_by": _person(alert.get("resolved_by")), "resolution_comment": alert.get("resolution_comment"),
        "push_protection_bypassed": alert.get("push_protection_bypassed"),
        "push_protection_bypassed_by": _person(alert.get("push_protection_bypassed_by")),
        "push_protection_bypassed_at": optional_instant(alert.get("push_protection_bypassed_at")),
        "bypass_reviewer": _person(alert.get("push_protection_bypass_request_reviewer")),
        "bypass_reviewed": alert.get("push_protection_bypass_request_reviewer_comment"),
    }  # fmt: skip
    for event, at in history(alert, interval):
        yield {**row, "event": event, "event_time": at}


def vulnerability_rows(kind: str, alert: Json, item: str, interval: Interval) -> Iterator[Json]:
    """Rows of github.vulnerability_alerts."""
    described = _dependabot(alert) if kind == "dependabot" else _code_scanning(alert)
    state = alert["state"]
    row = _base(kind, alert, item) | described | {
        "kind": kind, "state": state, "closed_how": None if state == "open" else state,
        "fixed_at": optional_instant(alert.get("fixed_at")),
        "dismissed_at": optional_instant(alert.get("dismissed_at")),
        "dismissed_by": _person(alert.get("dismissed_by")), "dismissed_reason": alert.get("dismissed_reason"),
        "dismissed_comment": alert.get("dismissed_comment"), "assignees": _logins(alert),
    }  # fmt: skip
    for event, at in history(alert, interval):
        yield {**row, "event": event, "event_time": at}


def _logins(alert: Json) -> list[str]:
    people = alert.get("assignees") or ([alert["assigned_to"]] if alert.get("assigned_to") else [])
    return [person["login"] for person in people]


def _dependabot(alert: Json) -> Json:
    advisory, weakness = field(alert, "security_advisory", "alert"), field(alert, "security_vulnerability", "alert")
    dependency = field(alert, "dependency", "alert")
    package = field(weakness, "package", "alert")
    patched = weakness.get("first_patched_version") or {}
    return {
        "severity": field(weakness, "severity", "alert"), "rule_id": field(advisory, "ghsa_id", "alert"),
        "identifiers": [one["value"] for one in advisory["identifiers"]]
        + [one["cwe_id"] for one in advisory.get("cwes") or []],
        "component": package["name"], "ecosystem": package["ecosystem"], "component_scope": dependency.get("scope"),
        "location": dependency.get("manifest_path"), "vulnerable_range": weakness.get("vulnerable_version_range"),
        "first_patched": patched.get("identifier"), "cvss_score": (advisory.get("cvss") or {}).get("score"),
        "tool": "Dependabot", "tool_version": None, "ref": None,
    }  # fmt: skip


def _code_scanning(alert: Json) -> Json:
    rule, tool = field(alert, "rule", "alert"), field(alert, "tool", "alert")
    instance = field(alert, "most_recent_instance", "alert")
    return {
        "severity": rule.get("security_severity_level"), "rule_id": str(rule.get("id") or rule.get("name")),
        "identifiers": list(rule.get("tags") or []), "component": None, "ecosystem": None, "component_scope": None,
        "location": (instance.get("location") or {}).get("path"), "vulnerable_range": None, "first_patched": None,
        "cvss_score": None, "tool": tool.get("name"), "tool_version": tool.get("version"), "ref": instance.get("ref"),
    }  # fmt: skip


def alert_row(kind: str, alert: Json, item: str) -> Json:
    """A row of github.alerts."""
    row = _base(kind, alert, item)
    severity, title, reason, by = _summary(kind, alert)
    return row | {
        "event_time": row["created_at"], "kind": kind, "severity": severity, "title": title,
        "status": field(alert, "state", "alert"), "closed_by": _person(by), "closed_reason": reason,
        "assignees": _logins(alert), "url": alert.get("html_url"),
    }  # fmt: skip


def _summary(kind: str, alert: Json) -> tuple[str | None, str, str | None, Json | None]:
    if kind == "secret_scanning":
        title = alert.get("secret_type_display_name") or alert["secret_type"]
        return None, str(title), alert.get("resolution"), alert.get("resolved_by")
    reason, by = alert.get("dismissed_reason"), alert.get("dismissed_by")
    if kind == "dependabot":
        weakness = field(alert, "security_vulnerability", "alert")
        title = f"{weakness['package']['name']}: {alert['security_advisory']['summary']}"
        return weakness["severity"], title, reason, by
    rule = field(alert, "rule", "alert")
    return rule.get("security_severity_level"), str(rule.get("description") or rule.get("id")), reason, by
