"""The issues of a simulated Jira as they are at an instant, in the words of its REST API of version 2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.company import Company, Person
from sandbox.trackers.jira_script import FILE, JiraChange, JiraIssue, JiraScript
from sandbox.trackers.people import known, people_of

Json = dict[str, Any]

STATUSES = {"To Do": ("10000", "new"), "In Progress": ("3", "indeterminate"), "Done": ("10001", "done")}
_EMBEDDED = 8
"""Entries of change log and comments that come with an issue of Jira Cloud; the rest has to be asked for."""


class JiraWorld:
    """One site."""

    def __init__(self, script: JiraScript, company: Company) -> None:
        self.script = script
        self._people = people_of(company)
        self.projects = {
            one.key: {"id": str(10_000 + number), "key": one.key, "name": one.name,
                      "self": self._self(f"project/{10_000 + number}")}
            for number, one in enumerate(script.projects) if not one.hidden
        }  # fmt: skip
        self.field_ids = {name: f"customfield_{10_100 + n}" for n, name in enumerate(script.custom_fields)}
        self._ids = {(one.project, one.number): str(20_000 + n) for n, one in enumerate(script.issues)}
        self.by_id = {self._ids[one.project, one.number]: one for one in script.issues if not one.hidden}

    def issues(self, project: str, now: datetime) -> list[JiraIssue]:
        """The issues of a project that the reader sees, in the order of their creation."""
        found = [one for one in self.by_id.values() if one.project == project and one.created <= now]
        return sorted(found, key=lambda one: (one.created, one.number))

    def user(self, person_id: str | None) -> Json | None:
        """An account as Jira shows it."""
        if person_id is None:
            return None
        person: Person = known(self._people, person_id, FILE)
        shown: Json = {
            "self": self._self(f"user?{person_id}"), "displayName": person.name, "emailAddress": person.email,
            "active": True, "timeZone": self.script.time_zone,
        }  # fmt: skip
        if self.script.deployment == "Cloud":
            return shown | {"accountId": f"5f{person_id}", "accountType": "app" if person.machine else "atlassian"}
        return shown | {"name": person.email.partition("@")[0], "key": f"JIRAUSER{person_id}"}

    # --- an issue ----------------------------------------------------------------------------------------------------

    def shown(self, issue: JiraIssue, now: datetime, *, changelog: bool) -> Json:
        """An issue as a search shows it, with the beginning of its change log."""
        values = self._values(issue, now)
        comments = self.comments(issue, now)
        updated = max([issue.created, *(one.at for one in (*issue.changes, *issue.comments) if one.at <= now)])
        endings = [one.at for one in issue.changes if one.field == "status" and one.to == "Done" and one.at <= now]
        done = values["status"] == "Done"
        identity, priority = self._ids[issue.project, issue.number], values["priority"] or None
        fields: Json = {
            "project": self.projects[issue.project], "issuetype": {"id": "1", "name": values["issuetype"]},
            "status": self.status(values["status"]), "summary": values["summary"], "description": issue.description,
            "labels": values["labels"].split(), "priority": priority and {"id": "2", "name": priority},
            "assignee": self.user(values["assignee"] or None), "reporter": self.user(issue.reporter),
            "creator": self.user(issue.reporter), "created": _written(issue.created), "updated": _written(updated),
            "resolution": {"id": "1", "name": "Done"} if done else None,
            "resolutiondate": _written(endings[-1]) if done and endings else None,
            "comment": self._beginning("comments", comments),
        }  # fmt: skip
        fields |= {self.field_ids[name]: values[name] or None for name in self.field_ids}
        found: Json = {
            "id": identity, "key": f"{issue.project}-{issue.number}", "self": self._self(f"issue/{identity}"),
            "fields": fields,
        }  # fmt: skip
        if changelog:
            found["changelog"] = self._beginning("histories", self.histories(issue, now)[::-1])
        return found

    def status(self, name: str) -> Json:
        """A status as Jira shows it."""
        identity, category = STATUSES[name]
        return {"id": identity, "name": name, "statusCategory": {"id": 2, "key": category, "name": category}}

    def histories(self, issue: JiraIssue, now: datetime) -> list[Json]:
        """The change log, oldest first."""
        values = self._at_first(issue)
        found: list[Json] = []
        for place, change in enumerate(sorted(issue.changes, key=lambda one: one.at)):
            if change.at > now:
                break
            item = self._item(change, values.get(change.field, ""))
            values[change.field] = change.to
            found.append({
                "id": f"{self._ids[issue.project, issue.number]}{place:03}", "author": self.user(change.by),
                "created": _written(change.at), "items": [item],
            })  # fmt: skip
        return found

    def comments(self, issue: JiraIssue, now: datetime) -> list[Json]:
        """The comments, oldest first."""
        return [
            {"id": f"{self._ids[issue.project, issue.number]}{place:03}", "author": self.user(one.by), "body": one.text,
             "created": _written(one.at), "updated": _written(one.at)}
            for place, one in enumerate(sorted(issue.comments, key=lambda one: one.at)) if one.at <= now
        ]  # fmt: skip

    def _at_first(self, issue: JiraIssue) -> dict[str, str]:
        return {
            "issuetype": issue.type, "status": issue.status, "summary": issue.summary, "priority": issue.priority or "",
            "labels": " ".join(issue.labels), "assignee": issue.assignee or "",
            **{name: issue.fields.get(name, "") for name in self.field_ids},
        }  # fmt: skip

    def _values(self, issue: JiraIssue, now: datetime) -> dict[str, str]:
        values = self._at_first(issue)
        for change in sorted(issue.changes, key=lambda one: one.at):
            if change.at <= now:
                values[change.field] = change.to
        return values

    def _item(self, change: JiraChange, before: str) -> Json:
        kind = "custom" if change.field in self.field_ids else "jira"
        names: dict[str, Any] = {"from": before or None, "to": change.to or None}
        shown: Json = {"field": change.field, "fieldtype": kind, **names}
        if change.field == "status":
            shown |= {side: STATUSES[str(name)][0] for side, name in names.items()}
        if change.field == "assignee":
            people = {side: self.user(name) for side, name in names.items()}
            shown |= {side: user and (user.get("accountId") or user["key"]) for side, user in people.items()}
            names = {side: user and str(user["displayName"]) for side, user in people.items()}
        return shown | {"fromString": names["from"], "toString": names["to"]}

    def _beginning(self, key: str, items: list[Json]) -> Json:
        kept = items[:_EMBEDDED] if self.script.deployment == "Cloud" else items
        return {key: kept, "startAt": 0, "maxResults": len(kept), "total": len(items)}

    def _self(self, path: str) -> str:
        return f"https://{self.script.site}/rest/api/2/{path}"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}+0000"
