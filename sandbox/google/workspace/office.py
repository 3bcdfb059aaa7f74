"""Answers of the alert centre, Drive and Calendar for a customer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.errors import GoogleError, NotModelled
from sandbox.google.workspace.directory import administrator, only
from sandbox.google.workspace.world import Customer


def office_handlers(customer: Customer) -> Mapping[str, Handler]:
    """By method id."""

    def alerts(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        only(call, "filter", "orderBy", "pageSize", "pageToken")
        found = customer.at("alerts", call.now)
        for field, operator, instant in _conditions(call.get("filter")):
            moment = datetime.fromisoformat(instant)
            found = [one for one in found if _holds(datetime.fromisoformat(one[field]), operator, moment)]
        order = call.get("orderBy", "createTime desc")
        if order not in ("createTime desc", "createTime asc", "createTime"):
            raise NotModelled(f"orderBy={order}")
        found.sort(key=lambda one: (one["createTime"], one["alertId"]), reverse=order.endswith("desc"))
        return paged(call, found, "alerts", size="pageSize", most=1000)

    def files(call: Call) -> Mapping[str, Any]:
        only(
            call, "q", "corpora", "includeItemsFromAllDrives", "supportsAllDrives", "pageSize", "pageToken", "orderBy"
        )  # fmt: skip
        match = re.fullmatch(r"name = '((?:[^'\\]|\\.)*)' and trashed = false", str(call.get("q", "")))
        if match is None:
            raise NotModelled(f"the search {call.get('q')}")
        name = re.sub(r"\\(.)", r"\1", match[1])
        found = [one for one in customer.at("files", call.now) if one["name"] == name]
        return {"incompleteSearch": False, **paged(call, found, "files", size="pageSize", most=1000)}

    def approvals(call: Call) -> Mapping[str, Any]:
        only(call, "fileId", "pageSize", "pageToken")
        if "fields" not in call.parameters:
            raise GoogleError(400, "The 'fields' parameter is required for this method.", "required")
        _document(customer, call)
        found = customer.at("approvals", call.now, call.text("fileId"))
        return paged(call, found, "items", size="pageSize", most=100)

    def revisions(call: Call) -> Mapping[str, Any]:
        only(call, "fileId", "pageSize", "pageToken")
        _document(customer, call)
        found = customer.at("revisions", call.now, call.text("fileId"))
        return paged(call, found, "revisions", size="pageSize", usual=200, most=1000)

    def events(call: Call) -> Mapping[str, Any]:
        only(
            call, "calendarId", "timeMin", "timeMax", "singleEvents", "showDeleted", "orderBy", "maxResults",
            "pageToken",
        )  # fmt: skip
        if call.text("calendarId") != "primary" or not call.get("singleEvents"):
            raise NotModelled("other calendars than the reader's own, and series that are not resolved")
        low, high = (datetime.fromisoformat(str(call.parameters[name])) for name in ("timeMin", "timeMax"))
        found = [
            one
            for one in customer.at("events", call.now)
            if datetime.fromisoformat(one["end"]["dateTime"]) > low
            and datetime.fromisoformat(one["start"]["dateTime"]) < high
        ]
        found.sort(key=lambda one: one["start"]["dateTime"])
        return {"kind": "calendar#events", **paged(call, found, "items", usual=250, most=2500)}

    return {
        "alertcenter.alerts.list": alerts,
        "drive.files.list": files,
        "drive.approvals.list": approvals,
        "drive.revisions.list": revisions,
        "calendar.events.list": events,
    }


def _document(customer: Customer, call: Call) -> None:
    if not any(one["id"] == call.text("fileId") for one in customer.at("files", call.now)):
        raise GoogleError(404, f"File not found: {call.text('fileId')}.", "notFound")


def _conditions(text: str | None) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for part in (text or "").split(" AND ") if text else ():
        match = re.fullmatch(r'(createTime) (>=|<) "([^"]+)"', part)
        if match is None:
            raise NotModelled(f"the filter {part}")
        found.append((match[1], match[2], match[3]))
    return found


def _holds(at: datetime, operator: str, moment: datetime) -> bool:
    return at >= moment if operator == ">=" else at < moment
