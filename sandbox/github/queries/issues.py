"""Labels and issues."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import Request, association
from sandbox.github.model import Issue, IssueEvent, Label, PullRequest
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import repository_path
from sandbox.github.queries.fields import (
    CONNECTION,
    Fields,
    actor,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    web,
)
from sandbox.github.times import Epoch, iso, iso_or_none, parse


def labels_of(source: PullRequest | Issue, args: dict[str, Any], request: Request) -> Listing:
    if isinstance(source, PullRequest):
        labels = [label for at, label in source.labels if at <= request.now]
    else:
        labels = source.labels_at(request.now)
    order = args["orderBy"]
    labels.sort(
        key=lambda label: (label.name if order["field"] == "NAME" else "", label.created_at, label.id),
        reverse=order["direction"] == "DESC",
    )
    return Listing(labels)


def _label_path(label: Label, now: Epoch) -> str:
    return f"{repository_path(label.repository, now)}/labels/{label.name}"


LABEL: Fields = {
    "id": node_id,
    "name": attribute("name"),
    "color": attribute("color"),
    "description": attribute("description"),
    "isDefault": constant(False),
    "createdAt": instant("created_at"),
    "updatedAt": instant("created_at"),
    "url": lambda label, _args, request: web(_label_path(label, request.now)),
    "resourcePath": lambda label, _args, request: _label_path(label, request.now),
}


def _issue_path(issue: Issue, now: Epoch) -> str:
    return f"{repository_path(issue.repository, now)}/issues/{issue.number}"


_ITEM_TYPES = {
    "ASSIGNED_EVENT": "AssignedEvent",
    "CLOSED_EVENT": "ClosedEvent",
    "ISSUE_COMMENT": "IssueComment",
    "LABELED_EVENT": "LabeledEvent",
    "RENAMED_TITLE_EVENT": "RenamedTitleEvent",
    "REOPENED_EVENT": "ReopenedEvent",
    "UNASSIGNED_EVENT": "UnassignedEvent",
    "UNLABELED_EVENT": "UnlabeledEvent",
}


def _timeline(issue: Issue, args: dict[str, Any], request: Request) -> Listing:
    found = [event for event in issue.events if event.at <= request.now]
    if args.get("since") is not None:
        found = [event for event in found if event.at >= parse(args["since"])]
    if args.get("itemTypes") is not None:
        wanted = {_ITEM_TYPES[name] for name in args["itemTypes"]}
        found = [event for event in found if event.typename in wanted]
    return Listing(found[args.get("skip") or 0 :])


def _detail(name: str) -> Any:
    return lambda event, _args, _request: event.details[name]


def _comment_url(event: IssueEvent, _args: dict[str, Any], request: Request) -> str:
    return web(f"{_issue_path(event.issue, request.now)}#issuecomment-{event.id}")


_EVENT: Fields = {"id": node_id, "actor": actor("actor"), "createdAt": instant("at")}
TIMELINE: dict[str, Fields] = {
    "AssignedEvent": {**_EVENT, "assignee": _detail("assignee")},
    "UnassignedEvent": {**_EVENT, "assignee": _detail("assignee")},
    "UnlabeledEvent": {**_EVENT, "label": _detail("label")},
    "RenamedTitleEvent": {**_EVENT, "currentTitle": _detail("current"), "previousTitle": _detail("previous")},
    "IssueComment": {
        "id": node_id,
        "author": actor("actor"),
        "body": _detail("body"),
        "createdAt": instant("at"),
        "updatedAt": instant("at"),
        "lastEditedAt": constant(None),
        "url": _comment_url,
    },
}
TIMELINE_CONNECTION: Fields = {
    **CONNECTION,
    "filteredCount": lambda page, _args, _request: page.upper - page.lower,
    "pageCount": lambda page, _args, _request: page.stop - page.start,
    "updatedAt": lambda page, _args, request: iso(max((one.at for one in page.listing.items), default=request.now)),
}


ISSUE: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "fullDatabaseId": lambda issue, _args, _request: str(issue.id),
    "number": attribute("number"),
    "title": attribute("title"),
    "body": attribute("body"),
    "bodyText": attribute("body"),
    "state": lambda issue, _args, request: "OPEN" if issue.closed_since(request.now) is None else "CLOSED",
    "stateReason": lambda issue, _args, request: None if issue.closed_since(request.now) is None else "COMPLETED",
    "closed": lambda issue, _args, request: issue.closed_since(request.now) is not None,
    "createdAt": instant("created_at"),
    "updatedAt": lambda issue, _args, request: iso(issue.updated_at(request.now)),
    "closedAt": lambda issue, _args, request: iso_or_none(issue.closed_since(request.now)),
    "assignees": connection("assignees", lambda issue, _args, request: Listing(issue.assignees_at(request.now))),
    "timelineItems": connection("timelineItems", _timeline),
    "author": actor("author"),
    "authorAssociation": lambda issue, _args, request: association(issue.author, issue.repository, request.now),
    "labels": connection("labels", labels_of),
    "repository": attribute("repository"),
    "url": lambda issue, _args, request: web(_issue_path(issue, request.now)),
    "resourcePath": lambda issue, _args, request: _issue_path(issue, request.now),
}
