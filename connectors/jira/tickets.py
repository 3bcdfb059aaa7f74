"""Tickets that are kept as issues of a Jira project, each with its whole change log and all its comments.

A search by label would lose an issue whose label was taken off, and Jira can't be asked what a label was. So every
issue of the project that was created in the interval is read, and those count that carry the label or ever did, are of
the type or ever were. Jira's search counts days in the time zone of the account, so a day more is asked for on both
sides and cut off here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.jira.client import JiraClient, client_of
from connectors.jira.rows import carried, history_of, row_of
from connectors.tickets.asking import Json, Question
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, IncompletePopulation, SourceGone
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import parse_instant

PAGE = 50
_NESTED = 100
_DAY = timedelta(days=1)
CLOUD_SEARCH, SEARCH, COUNT = "search/jql", "search", "search/approximate-count"
PROJECT, CHANGES, COMMENTS = "project/{key}", "issue/{id}/changelog", "issue/{id}/comment"
CLOCK = "serverInfo"


def tickets(dataset: Dataset, session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill a dataset of tickets with the issues of the session's project that were created in [start, end)."""
    if request.start is None or request.end is None:
        raise ConfigurationError(f"{dataset.name} is collected for an interval; give its start and end.")
    reader = _Reader(client_of(session), dataset, request, sink, request.start, request.end)
    reader.read()
    project = reader.client.project
    shown = f"{reader.seen} issues created in the interval were read; {reader.kept} are {project.words}"
    return [
        ItemClaim(
            dataset.name,
            f"{reader.client.site} {project.words}: {reader.client.deployment} {reader.jql} fields=*all "
            "expand=changelog, change log and comments of each issue to their ends",
            {"project": project.key, "label": project.label, "issue_type": project.issue_type},
            proof_of_life=True,
            proof=f"the project {project.key} was read by {session.principal}; its search was answered to the end",
            independent_count=reader.counted,
            reconciliation=f"{shown}; {reader.said}",
            pages=reader.pages,
            rows_returned=reader.seen,
            drop_rules={"of another label or type": reader.seen - reader.kept},
        )
    ]


def project_is_shown(dataset: Dataset, session: Session) -> None:
    """The probe: the project, and one page of its issues."""
    client = client_of(session)
    project_of(client, dataset, None)
    path = CLOUD_SEARCH if client.deployment == "Cloud" else SEARCH
    asked = {"jql": f'project = "{client.project.key}" ORDER BY created ASC', "fields": "summary", "maxResults": 1}
    client.asker.ask(Question(path, path, dataset, asked))


def source_clock(session: Session) -> datetime:
    """Jira's own time."""
    from schemas.tickets import INCIDENTS

    return client_of(session).asker.clock(Question(CLOCK, CLOCK, INCIDENTS))


def project_of(client: JiraClient, dataset: Dataset, sink: Sink | None) -> Json:
    """The project as Jira shows it. SourceGone where it shows none."""
    key = client.project.key
    try:
        found, _ = client.asker.ask(Question(PROJECT, f"project/{key}", dataset), sink)
    except SourceGone as error:
        raise SourceGone(
            f"Jira shows no project {key}, where registers.{client.project.register} says that tickets are kept. "
            "Correct the key, or give the account Browse Projects there."
        ) from error
    if str(found["key"]).upper() != key.upper():
        raise SourceGone(f"The project {key} is called {found['key']} now. Write its key into the programme.")
    return found


class _Reader:
    def __init__(
        self, client: JiraClient, dataset: Dataset, request: Request, sink: Sink, start: datetime, end: datetime
    ) -> None:
        self.client, self._dataset, self._sink = client, dataset, sink
        self._item = request.item.id
        self._start, self._end = start, end
        first, last = (start - _DAY).date(), (end + 2 * _DAY).date()
        self.jql = (
            f'project = "{client.project.key}" AND created >= "{first}" AND created < "{last}" '
            "ORDER BY created ASC, key ASC"
        )
        self.seen = self.kept = self.pages = 0
        self.counted: int | None = None
        self.said = ""

    def read(self) -> None:
        self._project = project_of(self.client, self._dataset, self._sink)
        search = self._cloud if self.client.deployment == "Cloud" else self._server
        ids: set[str] = set()
        for issues in search():
            rows: list[Json] = []
            for issue in issues:
                if issue["id"] in ids:
                    raise IncompletePopulation(
                        f"Jira's search showed {issue['key']} twice: the list moved while it was read, and another "
                        "issue may have been passed over. Run it again."
                    )
                ids.add(issue["id"])
                rows += self._rows(issue)
            if rows:
                self._sink.rows(self._dataset, rows)
        # The count of Jira Cloud is made apart from its search, and may lag behind what was just created.
        more = self.client.deployment == "Cloud" and self.counted is not None and len(ids) > self.counted
        if self.counted is not None and len(ids) != self.counted and not more:
            raise IncompletePopulation(
                f"Jira counts {self.counted} issues and its search showed {len(ids)}. Run it again; if it stays so, "
                "look at the permissions of the account."
            )

    def _rows(self, issue: Json) -> Iterator[Json]:
        read_at = self.client.asker.now()
        created = parse_instant(issue["fields"]["created"])
        if str(issue["fields"]["project"]["id"]) != str(self._project["id"]):
            raise IncompletePopulation(f"Jira's search for {self.client.project.key} showed {issue['key']}.")
        if not self._start <= created < self._end:
            return
        self.seen += 1
        changes = self._nested(issue, CHANGES, issue["changelog"], "histories", "values")
        comments = self._nested(issue, COMMENTS, issue["fields"]["comment"], "comments", "comments")
        history = history_of(self.client, changes, comments)
        if carried(self.client.project, issue, history):
            self.kept += 1
            raw = orjson.dumps({**issue, "changelog": changes, "comments": comments}).decode()
            yield {
                **row_of(self.client, issue, self._project, history), "scope_item_id": self._item, "read_at": read_at,
                "raw": raw,
            }  # fmt: skip

    # --- pages -------------------------------------------------------------------------------------------------------

    def _cloud(self) -> Iterator[list[Json]]:
        """Pages by token; the count is asked for by itself, after the search as well, because it is approximate."""
        token: str | None = None
        used: set[str] = set()
        while True:
            asked: Json = {"jql": self.jql, "fields": "*all", "expand": "changelog", "maxResults": PAGE}
            if token is not None:
                asked["nextPageToken"] = token
            found, _ = self.client.asker.ask(Question(CLOUD_SEARCH, CLOUD_SEARCH, self._dataset, asked), self._sink)
            self.pages += 1
            yield found["issues"]
            token = found.get("nextPageToken")
            if token is None:
                if found.get("isLast") is False:
                    raise IncompletePopulation("Jira says that there is more and not where. Run it again.")
                break
            if token in used or found.get("isLast") is True:
                raise IncompletePopulation("Jira's search contradicts itself about its last page. Run it again.")
            used.add(token)
        count, _ = self.client.asker.ask(
            Question(COUNT, COUNT, self._dataset, body={"jql": self.jql.partition(" ORDER BY")[0]}), self._sink
        )
        self.counted = int(count["count"])
        self.said = f"Jira's count of the days around it is {self.counted}, and no fewer were shown"

    def _server(self) -> Iterator[list[Json]]:
        """Pages by number of issues passed over; the total must stay what it was, and be so when asked by itself."""
        passed, counted = 0, None
        while counted is None or passed < counted:
            asked = {
                "jql": self.jql, "fields": "*all", "expand": "changelog", "maxResults": PAGE, "startAt": passed,
            }  # fmt: skip
            found, _ = self.client.asker.ask(Question(SEARCH, SEARCH, self._dataset, asked), self._sink)
            self.pages += 1
            total = _figure(found, "total")
            if counted not in (None, total) or _figure(found, "startAt") != passed:
                raise IncompletePopulation("Jira's list of issues changed while it was read. Run it again.")
            counted = total
            issues = found["issues"]
            if not issues and passed < total:
                raise IncompletePopulation(f"Jira shows {passed} of {total} issues and then none. Run it again.")
            passed += len(issues)
            yield issues
        asked = {"jql": self.jql.partition(" ORDER BY")[0], "fields": "summary", "maxResults": 1}
        found, _ = self.client.asker.ask(Question(SEARCH, SEARCH, self._dataset, asked), self._sink)
        self.counted = _figure(found, "total")
        self.said = f"Jira's total of the days around it, asked for by itself, is {self.counted}, as many as were shown"

    def _nested(self, issue: Json, template: str, embedded: Json, inside: str, alone: str) -> list[Json]:
        """All of a list that comes with the issue, in pages of its own where the issue has only its beginning."""
        total = _figure(embedded, "total")
        found: list[Json] = list(embedded[inside])
        if len(found) == total:
            return _each_once(issue, template, found, total)
        path = template.replace("{id}", str(issue["id"]))
        found = []
        while len(found) < total:
            asked = {"startAt": len(found), "maxResults": _NESTED}
            page, _ = self.client.asker.ask(Question(template, path, self._dataset, asked), self._sink)
            self.pages += 1
            if _figure(page, "total") != total or _figure(page, "startAt") != len(found) or not page[alone]:
                raise IncompletePopulation(f"{template} of {issue['key']} changed while it was read. Run it again.")
            found += page[alone]
        return _each_once(issue, template, found, total)


def _each_once(issue: Json, template: str, found: list[Json], total: int) -> list[Json]:
    if len({one["id"] for one in found}) != len(found) or len(found) != total:
        raise IncompletePopulation(f"{template} of {issue['key']} does not come to its total. Run it again.")
    return found


def _figure(found: Json, name: str) -> int:
    value: Any = found[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is no number")
    return value
