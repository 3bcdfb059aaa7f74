"""The simulated PagerDuty on loopback: the part of its REST API of version 2 by which incidents are read.

Lists go a hundred at a time and no further than ten thousand, searches over at most six months, as at PagerDuty. A
parameter that is not modelled is 400 and names it.

Faults (`source: pagerduty`) go by the operation, such as `GET /incidents`. Limits are 429.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import SimulatedClock
from sandbox.company import Company
from sandbox.faults import FaultPlan
from sandbox.loopback import LoopbackServer
from sandbox.trackers.pagerduty_script import FILE, PagerDutyEntry, PagerDutyIncident, PagerDutyScript
from sandbox.trackers.people import known, people_of
from sandbox.trackers.serving import Call, Refused, Route, TrackerApplication, page_of

Json = dict[str, Any]
REACH = 10_000
_LIMIT = 100
_SIX_MONTHS = timedelta(days=184)
_MONTH = timedelta(days=30)
_LIST = frozenset({"limit", "offset", "total"})
_STATE = {"acknowledge": "acknowledged", "unacknowledge": "triggered", "resolve": "resolved"}


class PagerDutyServer:
    """A running simulated PagerDuty; `url` has no slash at the end."""

    def __init__(self, script: PagerDutyScript, company: Company, clock: SimulatedClock, faults: FaultPlan) -> None:
        self.script = script
        self._people = people_of(company)
        self._users = {id: known(self._people, id, FILE) for id in script.users}
        self._services = {one.id: {"id": one.id, "type": "service", "summary": one.name, "name": one.name}
                          for one in script.services}  # fmt: skip
        self.token = f"y_{secrets.token_hex(9)}"
        routes = [
            Route("GET", "/abilities", lambda _: {"abilities": ["teams", "urgencies", "preview_intelligent_alert"]}),
            Route("GET", "/users", self._all_users, _LIST),
            Route("GET", "/services/{id}", self._service),
            Route("GET", "/incidents", self._incidents, _LIST | {
                "since", "until", "time_zone", "statuses[]", "service_ids[]", "sort_by"}),
            Route("GET", "/incidents/{id}/log_entries", self._entries, _LIST | {
                "time_zone", "is_overview", "include[]"}),
        ]  # fmt: skip
        application = TrackerApplication("pagerduty", routes, clock, faults, self._knows, _error)
        self._server = LoopbackServer(application, name="sandbox-pagerduty")
        self.url = self._server.url

    @property
    def environment(self) -> dict[str, str]:
        """Credentials of the reader."""
        return {"PAGERDUTY_API_TOKEN": self.token}

    def close(self) -> None:
        self._server.close()

    def _knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"Token token={self.token}"

    # --- lists -------------------------------------------------------------------------------------------------------

    def _all_users(self, call: Call) -> Mapping[str, Any]:
        shown = [
            {"id": _user_id(id), "type": "user", "summary": one.name, "name": one.name, "email": one.email}
            for id, one in self._users.items()
        ]
        return _listed(call, "users", shown)

    def _service(self, call: Call) -> Mapping[str, Any]:
        found = self._services.get(call.path["id"])
        if found is None:
            raise Refused(404, "Not Found")
        return {"service": found}

    def _incidents(self, call: Call) -> Mapping[str, Any]:
        until = _bound(call, "until", call.now)
        since = _bound(call, "since", until - _MONTH)
        if until - since > _SIX_MONTHS:
            raise Refused(400, "The range of since and until is too long")
        if call.get("sort_by") not in (None, "created_at:asc") or call.get("time_zone", "UTC") != "UTC":
            raise Refused(400, "The sandbox sorts by created_at:asc and knows the time zone UTC")
        services, states = call.query.get("service_ids[]"), call.query.get("statuses[]")
        found = [
            self._incident(one, call.now)
            for one in sorted(self.script.incidents, key=lambda one: one.created)
            if one.created <= call.now and since <= one.created < until and (not services or one.service in services)
        ]
        return _listed(call, "incidents", [one for one in found if not states or one["status"] in states])

    def _entries(self, call: Call) -> Mapping[str, Any]:
        if call.get("is_overview") != "false" or call.query.get("include[]") != ["channels"]:
            raise Refused(400, "The sandbox shows whole logs with their channels")
        for one in self.script.incidents:
            if _incident_id(one) == call.path["id"] and one.created <= call.now:
                return _listed(call, "log_entries", self._log(one, call.now)[::-1])
        raise Refused(404, "Not Found")

    # --- one incident ------------------------------------------------------------------------------------------------

    def _incident(self, one: PagerDutyIncident, now: datetime) -> Json:
        log = [entry for entry in sorted(one.log, key=lambda entry: entry.at) if entry.at <= now]
        status = next((_STATE[entry.kind] for entry in reversed(log) if entry.kind in _STATE), "triggered")
        assigned = next((entry.to for entry in reversed(log) if entry.kind in ("assign", "escalate")), [])
        priority = next((entry.text for entry in reversed(log) if entry.kind == "priority_change"), one.priority)
        changed = [entry.at for entry in log if entry.kind in _STATE]
        return {
            "id": _incident_id(one), "type": "incident", "incident_number": one.number, "title": one.title,
            "description": one.title, "status": status, "urgency": one.urgency,
            "priority": priority and {"id": f"PRI{priority}", "type": "priority", "summary": priority},
            "created_at": _written(one.created), "updated_at": _written(log[-1].at if log else one.created),
            "last_status_change_at": _written(changed[-1] if changed else one.created),
            "resolved_at": _written(changed[-1]) if status == "resolved" else None, "resolve_reason": None,
            "service": {**self._services[one.service], "type": "service_reference"},
            "assignments": [
                {"at": None, "assignee": self._user(id)} for id in assigned if status != "resolved"
            ],
            "html_url": f"https://sandbox.pagerduty.example/incidents/{_incident_id(one)}",
        }  # fmt: skip

    def _log(self, one: PagerDutyIncident, now: datetime) -> list[Json]:
        """The log, oldest first."""
        first = self._entry(one, 0, "trigger", one.created, one.by, {"type": "api", "summary": one.title})
        entries = sorted(one.log, key=lambda entry: entry.at)
        return [first, *(self._logged(one, n, entry) for n, entry in enumerate(entries, 1) if entry.at <= now)]

    def _logged(self, one: PagerDutyIncident, number: int, entry: PagerDutyEntry) -> Json:
        channel: Json = {"type": "website", "summary": entry.text}
        if entry.kind == "annotate":
            channel = {"type": "note", "summary": entry.text[:100], "content": entry.text}
        if entry.kind == "priority_change":
            channel = {"type": "website", "old_priority": one.priority and {"summary": one.priority},
                       "new_priority": {"summary": entry.text}}  # fmt: skip
        made = self._entry(one, number, entry.kind, entry.at, entry.by, channel)
        return made | ({"assignees": [self._user(id) for id in entry.to]} if entry.to else {})

    def _entry(
        self, one: PagerDutyIncident, number: int, kind: str, at: datetime, by: str | None, channel: Json
    ) -> Json:
        agent = {**self._services[one.service], "type": "service_reference"} if by is None else self._user(by)
        return {
            "id": f"R{_incident_id(one)}{number:03}", "type": f"{kind}_log_entry", "summary": f"{kind} by someone",
            "created_at": _written(at), "agent": agent, "channel": channel,
            "incident": {"id": _incident_id(one), "type": "incident_reference"},
        }  # fmt: skip

    def _user(self, person_id: str) -> Json:
        person = known(self._people, person_id, FILE)
        return {"id": _user_id(person_id), "type": "user_reference", "summary": person.name}


def _listed(call: Call, key: str, items: list[Json]) -> Mapping[str, Any]:
    limit, offset = call.number("limit", 25), call.number("offset", 0)
    if not 1 <= limit <= _LIMIT or offset + limit > REACH:
        raise Refused(400, f"limit lies between 1 and {_LIMIT}, and no list goes beyond {REACH}")
    page = page_of(items, offset, limit, call.fault)
    total = page.total if call.get("total") == "true" else None
    return {key: page.items, "limit": limit, "offset": offset, "more": page.more, "total": total}


def _error(status: int, message: str) -> Mapping[str, Any]:
    return {"error": {"message": message, "code": 2000 + status, "errors": []}}


def _bound(call: Call, name: str, usual: datetime) -> datetime:
    text = call.get(name)
    try:
        return usual if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"{name} is no instant: {text}") from None


def _incident_id(one: PagerDutyIncident) -> str:
    return f"Q{one.number:013}"


def _user_id(person_id: str) -> str:
    return f"P{person_id.upper()}"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
