"""An incident of PagerDuty as a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.tickets.asking import Json
from connectors.tickets.rows import event, fields_of, first_response, joined
from schemas.instants import optional_instant, parse_instant

_KINDS = {
    "trigger": "opened", "acknowledge": "acknowledged", "unacknowledge": "unacknowledged", "assign": "assigned",
    "escalate": "escalated", "resolve": "closed", "reopen": "reopened", "annotate": "commented", "notify": "notified",
    "snooze": "snoozed", "merge": "merged",
}  # fmt: skip
_CHANGES = {"priority_change": "priority", "urgency_change": "urgency"}
_STATES = {"triggered": "open", "acknowledged": "open", "resolved": "closed"}


def person(agent: Json | None, users: Mapping[str, Json]) -> Json:
    """Somebody or something that acted. An agent that is no user (a service, an integration) is a bot."""
    if agent is None:
        return {"id": None, "login": None, "kind": "unknown", "email": None, "name": None}
    is_user = str(agent["type"]).startswith("user")
    known = users.get(agent["id"], {}) if is_user else {}
    return {
        "id": agent["id"], "login": None, "kind": "person" if is_user else "bot", "email": known.get("email"),
        "name": known.get("name") or agent.get("summary"),
    }  # fmt: skip


def history_of(entries: Sequence[Json], users: Mapping[str, Json]) -> list[Json]:
    """Everything that happened to an incident, in the order of time."""
    return sorted((_entry(one, users) for one in entries), key=lambda one: one["at"])


def _entry(entry: Json, users: Mapping[str, Json]) -> Json:
    word = str(entry["type"]).removesuffix("_reference").removesuffix("_log_entry")
    at, who = parse_instant(entry["created_at"]), person(entry.get("agent"), users)
    channel: Any = entry.get("channel") or {}
    if word in _CHANGES:
        field = _CHANGES[word]
        before, after = (_spoken(channel.get(f"{one}_{field}")) for one in ("old", "new"))
        return event("changed", at, who, field=field, before=before, after=after or _spoken(entry.get(field)))
    if word == "annotate":
        return event("commented", at, who, text=str(channel.get("content") or channel.get("summary") or ""))
    if word in ("assign", "escalate"):
        whom = ", ".join(_address(person(one, users)) for one in entry.get("assignees") or ())
        return event(_KINDS[word], at, who, detail=whom or None)
    return event(_KINDS.get(word, word), at, who, detail=entry.get("summary"))


def row_of(incident: Json, history: list[Json], users: Mapping[str, Json]) -> Json:
    """The typed columns, but for the item asked for, the instant and the record itself."""
    state = _STATES[incident["status"]]
    opening = next((one for one in history if one["kind"] == "opened"), None)
    author = person(None, users) if opening is None else opening["actor"]
    endings = [one for one in history if one["kind"] == "closed"]
    notes = [fields_of(one["text"] or "") for one in history if one["kind"] == "commented"]
    body = incident.get("description") if incident.get("description") != incident["title"] else None
    opened = parse_instant(incident["created_at"])
    return {
        "issue_id": incident["id"], "event_time": opened, "tracker": "pagerduty",
        "ticket_id": f"#{incident['incident_number']}", "place_id": incident["service"]["id"],
        "place": incident["service"]["summary"], "number": incident["incident_number"], "url": incident.get("html_url"),
        "title": incident["title"], "body": body, "state": state, "status": incident["status"],
        "state_reason": _spoken(incident.get("resolve_reason")),
        "severity": _spoken(incident.get("priority")) or incident["urgency"], "labels": [], "matched_labels": [],
        "author": author,
        "assignees": sorted(_address(person(one["assignee"], users)) for one in incident["assignments"]),
        "opened_at": opened,
        "updated_at": parse_instant(incident.get("updated_at") or incident["last_status_change_at"]),
        "closed_at": (optional_instant(incident.get("resolved_at")) or (endings[-1]["at"] if endings else None))
        if state == "closed" else None,
        "closed_by": endings[-1]["actor"] if state == "closed" and endings else None,
        "first_response_at": first_response(history, author),
        "fields": joined(fields_of(body or ""), *notes), "timeline": history,
    }  # fmt: skip


def _spoken(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((str(value[key]) for key in ("summary", "name", "type") if value.get(key)), None)
    return None if value is None else str(value)


def _address(who: Json) -> str:
    return str(who["email"] or who["name"] or who["id"])
