"""Tickets that are kept as GitHub issues with a label, each with its whole timeline.

A list filtered by label would lose a ticket whose label was taken off. So every issue of the repository that was opened
in the interval is looked at, and those count that carry the label or ever did.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Stream
from connectors.github.client import GithubClient, Tickets, client_of, interval_of
from connectors.github.paging import Nested, complete, walk
from connectors.github.people import ACTOR, actor
from connectors.github.streams import Driver
from connectors.tickets.rows import fields_of, first_response
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, IncompletePopulation, SourceGone
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import optional_instant, parse_instant

PAGE = 25
_BY = f"createdAt actor {{ {ACTOR} }}"
_WHOM = "assignee { __typename ... on Node { id } ... on User { login } ... on Bot { login } }"
TIMELINE = Nested(
    "Issue",
    "timelineItems",
    f"__typename ... on IssueComment {{ id createdAt body author {{ {ACTOR} }} }} "
    f"... on LabeledEvent {{ id {_BY} label {{ name }} }} ... on UnlabeledEvent {{ id {_BY} label {{ name }} }} "
    f"... on AssignedEvent {{ id {_BY} {_WHOM} }} ... on UnassignedEvent {{ id {_BY} {_WHOM} }} "
    f"... on ClosedEvent {{ id {_BY} }} ... on ReopenedEvent {{ id {_BY} }} "
    f"... on RenamedTitleEvent {{ id {_BY} previousTitle currentTitle }}",
    40,
    arguments="itemTypes: [ASSIGNED_EVENT, CLOSED_EVENT, ISSUE_COMMENT, LABELED_EVENT, RENAMED_TITLE_EVENT, "
    "REOPENED_EVENT, UNASSIGNED_EVENT, UNLABELED_EVENT]",
    what="timeline of an issue",
)
LABELS = Nested("Issue", "labels", "id name", 20, what="labels of an issue")
ASSIGNEES = Nested("Issue", "assignees", "id login", 10, what="assignees of an issue")
_KINDS = {
    "AssignedEvent": "assigned", "UnassignedEvent": "unassigned", "LabeledEvent": "labeled",
    "UnlabeledEvent": "unlabeled", "ClosedEvent": "closed", "ReopenedEvent": "reopened", "IssueComment": "commented",
    "RenamedTitleEvent": "renamed",
}  # fmt: skip
_RESPONSES = frozenset({"commented", "labeled", "assigned"})


def issues_part(owner: str, name: str, first: int, after: str | None) -> Part:
    """One page of the issues of a repository, newest first."""
    return Part(
        "$owner: String!, $name: String!, $issuesFirst: Int!, $issuesAfter: String",
        "tickets: repository(owner: $owner, name: $name) { id nameWithOwner issues(first: $issuesFirst, after: "
        "$issuesAfter, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount pageInfo { hasNextPage endCursor } "
        "nodes { id number url title body state stateReason createdAt updatedAt closedAt "
        f"author {{ {ACTOR} }} {LABELS.inline()} {ASSIGNEES.inline()} {TIMELINE.inline()} }} }} }}",
        {"owner": owner, "name": name, "issuesFirst": first, "issuesAfter": after},
    )


QUERY_TEXT = issues_part("", "", 0, None).selection


def kept_in(client: GithubClient, dataset: Dataset) -> Tickets:
    """Where the session's tickets are. ConfigurationError in a session of GitHub proper."""
    if client.tickets is None:
        raise ConfigurationError(f"Nobody said where the tickets of {dataset.name} are kept.")
    return client.tickets


def issues(dataset: Dataset, session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill a dataset of tickets: those opened in [start, end)."""
    client = client_of(session)
    tickets = kept_in(client, dataset)
    reader = _Reader(client, tickets, request, dataset)
    Driver(client.transport, sink).ask(reader.read())
    if reader.rows:
        sink.rows(dataset, reader.rows)
    labels = ", ".join(tickets.labels)
    return [
        ItemClaim(
            dataset.name,
            # Another place or label is another question: what one answered proves nothing of the other.
            f"{tickets.repository} labelled {labels}: {QUERY_TEXT}",
            {"repository": tickets.repository, "labels": sorted(tickets.labels)},
            proof_of_life=True,
            proof=f"the repository was read; it has {reader.total} issues of all times",
            independent_count=None,
            reconciliation=(
                f"{reader.seen} issues opened in the interval were looked at; {len(reader.rows)} carry or carried "
                f"{labels}"
            ),
            pages=reader.pages,
            rows_returned=reader.seen,
            drop_rules={"never carried the label": reader.seen - len(reader.rows)},
        )
    ]


class _Reader:
    def __init__(self, client: GithubClient, tickets: Tickets, request: Request, dataset: Dataset) -> None:
        self._dataset = dataset
        self._read_at = client.now()
        self._client = client
        self._tickets = tickets
        self._item = request.item.id
        self._start, self._end = interval_of(request)
        self._repository: tuple[str, str] | None = None
        self.rows: list[Json] = []
        self.seen = 0
        self.total = 0
        self.pages = 0

    def read(self) -> Stream[None]:
        owner, _, name = self._tickets.repository.partition("/")

        def ask(first: int, after: str | None) -> Graph:
            return Graph("Tickets", (issues_part(owner, name, first, after),), self._dataset)

        def take(fresh: list[Json]) -> bool:
            return any(parse_instant(node["createdAt"]) < self._start for node in fresh)

        size = self._client.sizes.of("tickets", PAGE)
        tally = yield from walk("issues of the repository", ask, self._find, size, take, then=self._keep)
        self.pages, self.total = tally.pages, tally.total or 0

    def _find(self, data: Json) -> Any:
        found = data["tickets"]
        if found is None:
            raise SourceGone(
                f"GitHub shows no repository {self._tickets.repository}, where registers.{self._tickets.register} says "
                "that tickets are kept. Correct the name, or give the App or token access to it."
            )
        identity = (found["id"], found["nameWithOwner"])
        if self._repository not in (None, identity):
            raise IncompletePopulation("The repository of the tickets changed while it was read. Run it again.")
        self._repository = identity
        return found["issues"]

    def _keep(self, nodes: list[Json]) -> Stream[None]:
        for node in nodes:
            if not self._start <= parse_instant(node["createdAt"]) < self._end:
                continue
            self.seen += 1
            labels = yield from complete(node, LABELS, self._dataset, self._client.sizes)
            events = yield from complete(node, TIMELINE, self._dataset, self._client.sizes)
            yield from complete(node, ASSIGNEES, self._dataset, self._client.sizes)
            carried = {label["name"] for label in labels}
            carried |= {event["label"]["name"] for event in events if event["__typename"] == "LabeledEvent"}
            wanted = {label.lower() for label in self._tickets.labels}
            matched = sorted(label for label in carried if label.lower() in wanted)
            if matched:
                self.rows.append(self._row(node, matched))

    def _row(self, node: Json, matched: list[str]) -> Json:
        assert self._repository is not None
        repo_id, repo_name = self._repository
        timeline = sorted((_event(one) for one in node["timelineItems"]["nodes"]), key=lambda one: one["at"])
        author = actor(node["author"])
        closings = [one for one in timeline if one["kind"] == "closed"]
        return {
            "scope_item_id": self._item, "issue_id": node["id"], "event_time": parse_instant(node["createdAt"]),
            "tracker": "github", "ticket_id": f"{repo_name}#{node['number']}", "place_id": repo_id, "place": repo_name,
            "number": node["number"], "url": node["url"], "title": node["title"], "body": node["body"],
            "state": node["state"].lower(), "status": node["state"].lower(),
            "state_reason": (node["stateReason"] or "").lower() or None, "severity": None,
            "labels": sorted(label["name"] for label in node["labels"]["nodes"]), "matched_labels": matched,
            "author": author, "assignees": sorted(one["login"] for one in node["assignees"]["nodes"]),
            "opened_at": parse_instant(node["createdAt"]), "updated_at": parse_instant(node["updatedAt"]),
            "closed_at": optional_instant(node["closedAt"]),
            "closed_by": closings[-1]["actor"] if node["closedAt"] and closings else None,
            "first_response_at": first_response(timeline, author, _RESPONSES), "fields": fields_of(node["body"] or ""),
            "timeline": timeline, "read_at": self._read_at, "raw": orjson.dumps(node).decode(),
        }  # fmt: skip


def _event(one: Json) -> Json:
    kind = _KINDS[one["__typename"]]
    detail: str | None = None
    if kind in {"labeled", "unlabeled"}:
        detail = one["label"]["name"]
    elif kind in {"assigned", "unassigned"}:
        detail = None if one["assignee"] is None else one["assignee"].get("login")
    elif kind == "renamed":
        detail = f"{one['previousTitle']} -> {one['currentTitle']}"
    who = one["author"] if kind == "commented" else one["actor"]
    return {
        "kind": kind, "at": parse_instant(one["createdAt"]), "actor": actor(who), "detail": detail,
        "text": one.get("body"),
    }  # fmt: skip
