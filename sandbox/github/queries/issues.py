"""Labels and issues."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import Request, association
from sandbox.github.model import Issue, Label, PullRequest
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import repository_path
from sandbox.github.queries.fields import (
    Fields,
    actor,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    web,
)
from sandbox.github.times import Epoch, iso


def labels_of(source: PullRequest | Issue, args: dict[str, Any], request: Request) -> Listing:
    if isinstance(source, PullRequest):
        labels = [label for at, label in source.labels if at <= request.now]
    else:
        labels = list(source.labels)
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


ISSUE: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "fullDatabaseId": lambda issue, _args, _request: str(issue.id),
    "number": attribute("number"),
    "title": attribute("title"),
    "body": attribute("body"),
    "bodyText": attribute("body"),
    "state": lambda issue, _args, request: "CLOSED" if issue.closed_at <= request.now else "OPEN",
    "stateReason": lambda issue, _args, request: "COMPLETED" if issue.closed_at <= request.now else None,
    "closed": lambda issue, _args, request: issue.closed_at <= request.now,
    "createdAt": instant("created_at"),
    "updatedAt": lambda issue, _args, request: iso(
        issue.closed_at if issue.closed_at <= request.now else issue.created_at
    ),
    "closedAt": lambda issue, _args, request: iso(issue.closed_at) if issue.closed_at <= request.now else None,
    "author": actor("author"),
    "authorAssociation": lambda issue, _args, request: association(issue.author, issue.repository, request.now),
    "labels": connection("labels", labels_of),
    "repository": attribute("repository"),
    "url": lambda issue, _args, request: web(_issue_path(issue, request.now)),
    "resourcePath": lambda issue, _args, request: _issue_path(issue, request.now),
}
