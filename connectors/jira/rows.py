"""An issue of Jira as a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.jira.client import JiraClient, Project
from connectors.tickets.asking import Json
from connectors.tickets.rows import event, fields, fields_of, first_response, joined
from schemas.instants import optional_instant, parse_instant
from schemas.tickets import field_name

_KINDS = {"atlassian": "person", "customer": "person", "app": "bot"}


def person(user: Json | None) -> Json:
    """Somebody as Jira names them; null is a deleted user."""
    if user is None:
        return {"id": None, "login": None, "kind": "ghost", "email": None, "name": None}
    return {
        "id": user.get("accountId") or user.get("key"), "login": user.get("name"),
        "kind": _KINDS.get(str(user.get("accountType", "atlassian")), "unknown"), "email": user.get("emailAddress"),
        "name": user.get("displayName"),
    }  # fmt: skip


def history_of(client: JiraClient, changes: Sequence[Json], comments: Sequence[Json]) -> list[Json]:
    """Everything that happened to an issue, in the order of time."""
    happened = [one for change in changes for one in _changed(client, change)]
    for comment in comments:
        at = parse_instant(comment["created"])
        happened.append(event("commented", at, person(comment.get("author")), text=_text(comment["body"])))
    return sorted(happened, key=lambda one: one["at"])


def _changed(client: JiraClient, change: Json) -> Iterator[Json]:
    at, who = parse_instant(change["created"]), person(change.get("author"))
    for item in change["items"]:
        before, after = item.get("fromString"), item.get("toString")
        name = field_name(item["field"])
        if name == "labels":
            had, has = set((before or "").split()), set((after or "").split())
            for label in sorted(has - had):
                yield event("labeled", at, who, detail=label)
            for label in sorted(had - has):
                yield event("unlabeled", at, who, detail=label)
        elif name == "assignee":
            yield event("assigned" if after else "unassigned", at, who, detail=after or before)
        elif name == "summary":
            yield event("renamed", at, who, detail=f"{before} -> {after}")
        elif name == "status" and (str(item.get("from")) in client.done) != (str(item.get("to")) in client.done):
            kind = "closed" if str(item.get("to")) in client.done else "reopened"
            yield event(kind, at, who, field=name, before=before, after=after)
        else:
            yield event("changed", at, who, field=name, before=before, after=after)


def carried(project: Project, issue: Json, history: Sequence[Json]) -> bool:
    """Whether an issue is of those asked for, or ever was."""
    said = issue["fields"]
    labels = {label.casefold() for label in said["labels"]}
    labels |= {str(one["detail"]).casefold() for one in history if one["kind"] in ("labeled", "unlabeled")}
    kinds = {str(said["issuetype"]["name"]).casefold()}
    for one in history:
        if one["kind"] == "changed" and one["field"] in ("issuetype", "issue_type"):
            kinds |= {str(one["before"]).casefold(), str(one["after"]).casefold()}
    wanted = [(project.label, labels), (project.issue_type, kinds)]
    return all(value is None or value.casefold() in found for value, found in wanted)


def row_of(client: JiraClient, issue: Json, project: Json, history: list[Json]) -> Json:
    """The typed columns, but for the item asked for, the instant and the record itself."""
    said = issue["fields"]
    author = person(said.get("reporter") or said.get("creator"))
    is_done = said["status"]["statusCategory"]["key"] == "done"
    endings = [one for one in history if one["kind"] == "closed"]
    resolved = optional_instant(said.get("resolutiondate"))
    body = None if said["description"] is None else _text(said["description"])
    resolution, priority, assignee = (said.get(name) for name in ("resolution", "priority", "assignee"))
    kept = client.project.label
    words = [*said["labels"], *(str(one["detail"]) for one in history if one["kind"] in ("labeled", "unlabeled"))]
    matched = {one for one in words if kept is not None and one.casefold() == kept.casefold()}
    return {
        "issue_id": f"{client.site}/{issue['id']}", "event_time": parse_instant(said["created"]), "tracker": "jira",
        "ticket_id": issue["key"], "place_id": str(project["id"]), "place": project["key"],
        "number": int(issue["key"].rpartition("-")[2]), "url": f"{client.base_url}/browse/{issue['key']}",
        "title": said["summary"], "body": body,
        "state": "closed" if is_done else "open", "status": said["status"]["name"],
        "state_reason": None if resolution is None else resolution["name"],
        "severity": None if priority is None else priority["name"], "labels": sorted(said["labels"]),
        "matched_labels": sorted(matched),
        "author": author, "assignees": [] if assignee is None else [_named(person(assignee))],
        "opened_at": parse_instant(said["created"]), "updated_at": parse_instant(said["updated"]),
        "closed_at": (resolved or (endings[-1]["at"] if endings else None)) if is_done else None,
        "closed_by": endings[-1]["actor"] if is_done and endings else None,
        "first_response_at": first_response(history, author),
        "fields": joined(fields(dict(_custom(client, said))), fields_of(body or "")), "timeline": history,
    }  # fmt: skip


def _custom(client: JiraClient, said: Json) -> Iterator[tuple[str, str]]:
    for name in sorted(name for name in said if name.startswith("customfield_")):
        value = _spoken(said[name])
        if value and name in client.field_names:
            yield field_name(client.field_names[name]), value


def _spoken(value: Any) -> str:
    """The value of a custom field as text: of options, users and lists what people see."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(filter(None, (_spoken(one) for one in value)))
    if isinstance(value, dict):
        keys = ("value", "emailAddress", "name", "displayName", "key")
        return next((str(value[key]) for key in keys if value.get(key)), "")
    return str(value)


def _named(who: Json) -> str:
    return next((str(who[key]) for key in ("login", "email", "id", "name") if who[key]), "")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text of version 2 of the API is no document")
    return value
