"""Answers of the Reports API for a customer: activities as they happened, and what the users were on a past day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.errors import GoogleError
from sandbox.google.workspace.directory import administrator, of_customer, only
from sandbox.google.workspace.world import Customer, Record, stamp

PACIFIC = timezone(timedelta(hours=-8))
"""Google counts the days of usage reports at UTC-8, all year round."""

KEPT_ACTIVITIES = timedelta(days=180)
KEPT_REPORTS = timedelta(days=450)
REPORTED_AFTER = timedelta(days=2)
"""How long after its end the report of a day is there."""


def reports_handlers(customer: Customer) -> Mapping[str, Handler]:
    """By method id."""

    def activities(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        return _activities(customer, call)

    def usage(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        return _usage(customer, call)

    return {"reports.activities.list": activities, "reports.userUsageReport.get": usage}


def _instant(call: Call, name: str) -> datetime | None:
    given = call.get(name)
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise GoogleError(400, f"Invalid value for {name}", "invalid") from None
    if found.tzinfo is None:
        raise GoogleError(400, f"Invalid value for {name}", "invalid")
    return found


def _activities(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(
        call, "userKey", "applicationName", "customerId", "startTime", "endTime", "eventName", "maxResults",
        "pageToken",
    )  # fmt: skip
    of_customer(customer, str(call.get("customerId", "my_customer")))
    if call.text("userKey") != "all":
        raise GoogleError(400, "The sandbox models userKey=all only", "invalid")
    start, end = _instant(call, "startTime"), _instant(call, "endTime")
    oldest = call.now - KEPT_ACTIVITIES
    if start is not None and (start >= call.now or (end is not None and start >= end)):
        raise GoogleError(400, "Start time must lie before end time and before now", "invalid")
    wanted = call.get("eventName")
    items = [
        record
        for at, record in customer.activities(call.text("applicationName"), call.now)
        if at >= max(oldest, start or oldest)
        and (end is None or at <= end)
        and (wanted is None or any(event["name"] == wanted for event in record["events"]))
    ]
    return {"kind": "admin#reports#activities", **paged(call, items, "items", usual=1000, most=1000)}


def report_end(day: date) -> datetime:
    """When a day of usage reports is over."""
    return datetime(day.year, day.month, day.day, tzinfo=PACIFIC).astimezone(UTC) + timedelta(days=1)


def _usage(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "userKey", "date", "customerId", "parameters", "maxResults", "pageToken")
    of_customer(customer, str(call.get("customerId", "my_customer")))
    try:
        day = date.fromisoformat(call.text("date"))
    except ValueError:
        raise GoogleError(400, "Invalid value for date", "invalid") from None
    end = report_end(day)
    if end + REPORTED_AFTER > call.now:
        last = (call.now - REPORTED_AFTER).astimezone(PACIFIC).date() - timedelta(days=1)
        raise GoogleError(
            400, f"Data for dates later than {last} is not yet available. Please check back later", "invalid"
        )
    if end < call.now - KEPT_REPORTS:
        raise GoogleError(400, "Data for this date is no longer available", "invalid")
    asked = str(call.get("parameters", "")).split(",")
    users = [_report(customer, user, day, asked) for user in customer.users(end - timedelta(seconds=1))]
    return {"kind": "admin#reports#usageReports", **paged(call, users, "usageReports", usual=1000, most=1000)}


def _report(customer: Customer, user: Record, day: date, asked: list[str]) -> Record:
    flags = {
        "is_2sv_enrolled": user["isEnrolledIn2Sv"], "is_2sv_enforced": user["isEnforcedIn2Sv"],
        "is_super_admin": user["isAdmin"], "is_delegated_admin": user["isDelegatedAdmin"],
        "is_suspended": user["suspended"], "is_archived": user["archived"],
    }  # fmt: skip
    times = {"creation_time": user["creationTime"], "last_login_time": user.get("lastLoginTime", stamp(_EPOCH))}
    parameters = [
        *({"name": f"accounts:{name}", "boolValue": value} for name, value in flags.items()),
        *({"name": f"accounts:{name}", "datetimeValue": value} for name, value in times.items()),
    ]
    return {
        "kind": "admin#reports#usageReport", "date": day.isoformat(),
        "entity": {
            "type": "USER", "customerId": customer.id, "profileId": user["id"], "userEmail": user["primaryEmail"],
        },
        "parameters": [one for one in parameters if one["name"] in asked or asked == [""]],
    }  # fmt: skip


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
