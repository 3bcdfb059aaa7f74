"""Merged pull requests with everything a change is judged by, and the walk that counts them.

Reviews, commits, timeline, labels and issues are each read to their end; a dismissed review keeps the instant of its
dismissal. The list of merged pull requests is never the population; it is the count that the population is held to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.github import checks
from connectors.github.calls import Graph, Json, Part, Stream
from connectors.github.graph import AUTHORS, PARENTS
from connectors.github.paging import Nested, Sizes, Tally, complete, one_page, walk
from connectors.github.people import ACTOR, actor, author
from connectors.github.repository import Repository
from schemas.errors import IncompletePopulation
from schemas.github import PULL_REQUESTS
from schemas.instants import optional_instant, parse_instant

DETAILS_PAGE = 50
MERGED_PAGE = 100

REVIEWS = Nested(
    "PullRequest",
    "reviews",
    f"id state submittedAt authorAssociation author {{ {ACTOR} }} commit {{ oid }}",
    50,
)
COMMITS = Nested(
    "PullRequest",
    "commits",
    f"id commit {{ id oid authoredDate committedDate messageHeadline {PARENTS.inline()} {AUTHORS.inline()} }}",
    5,  # each with its authors and parents is most of what the query costs; the few that have more are read on
    what="commits of a pull request",
)
LABELS = Nested("PullRequest", "labels", "id name", 20)
ISSUES = Nested(
    "PullRequest", "closingIssuesReferences", "id number repository { nameWithOwner }", 10, what="closing issues"
)

_EVENTS = {
    "ReviewDismissedEvent": (
        "REVIEW_DISMISSED_EVENT", "review_dismissed", "createdAt previousReviewState review { id }",
    ),
    "BaseRefChangedEvent": (
        "BASE_REF_CHANGED_EVENT", "base_ref_changed", "createdAt previousRefName currentRefName",
    ),
    "HeadRefForcePushedEvent": (
        "HEAD_REF_FORCE_PUSHED_EVENT", "head_ref_force_pushed",
        "createdAt beforeCommit { oid } afterCommit { oid }",
    ),
    "AddedToMergeQueueEvent": ("ADDED_TO_MERGE_QUEUE_EVENT", "added_to_merge_queue", "createdAt"),
    "RemovedFromMergeQueueEvent": ("REMOVED_FROM_MERGE_QUEUE_EVENT", "removed_from_merge_queue", "createdAt reason"),
    "AutoMergeEnabledEvent": ("AUTO_MERGE_ENABLED_EVENT", "auto_merge_enabled", "createdAt"),
    "AutoMergeDisabledEvent": ("AUTO_MERGE_DISABLED_EVENT", "auto_merge_disabled", "createdAt reason"),
    "ConvertToDraftEvent": ("CONVERT_TO_DRAFT_EVENT", "convert_to_draft", "createdAt"),
    "ReadyForReviewEvent": ("READY_FOR_REVIEW_EVENT", "ready_for_review", "createdAt"),
}  # fmt: skip
TIMELINE = Nested(
    "PullRequest",
    "timelineItems",
    "__typename ... on Node { id } "
    + " ".join(f"... on {name} {{ actor {{ {ACTOR} }} {fields} }}" for name, (_, _, fields) in _EVENTS.items()),
    50,
    arguments=f"itemTypes: [{', '.join(kind for kind, _, _ in _EVENTS.values())}]",
    what="timeline items",
)

_PLAIN = (
    "id number title body createdAt updatedAt mergedAt baseRefName baseRefOid headRefName headRefOid "
    f"author {{ {ACTOR} }} mergedBy {{ {ACTOR} }} autoMergeRequest {{ enabledAt }}"
)
_MERGE = "mergeCommit { oid authoredDate messageHeadline parents(first: 2) { totalCount } }"
_QUEUED_MERGE = f"queued: mergeCommit {{ {checks.SELECTION} }}"


def details_part(ids: list[str], *, queued: bool) -> Part:
    """Everything about up to a hundred pull requests; `queued` adds the checks of the merge queue's own commit."""
    nested = " ".join(one.inline() for one in (REVIEWS, COMMITS, LABELS, ISSUES, TIMELINE))
    head = f"head: commits(last: 1) {{ nodes {{ commit {{ {checks.SELECTION} }} }} }}"
    return Part(
        "$pulls: [ID!]!",
        f"details: nodes(ids: $pulls) {{ id ... on PullRequest {{ {_PLAIN} {_MERGE} {nested} {head}"
        f"{' ' + _QUEUED_MERGE if queued else ''} }} }}",
        {"pulls": ids},
    )


@dataclass(frozen=True, slots=True)
class Detailed:
    """A pull request's row, the rows of its checks (without the columns that tell whose), and its commits' ids."""

    row: Json
    checks: list[Json]
    shas: frozenset[str]


def details(
    ids: list[str],
    repository: Repository,
    sizes: Sizes,
    take: Callable[[list[Detailed]], None],
    *,
    queued: bool,
    several: Callable[[str], bool],
) -> Stream[None]:
    """Read pull requests by id; `take` gets them page by page. `several(id)` says whether the pull request brought more
    than one commit onto the branch, which tells a rebase merge from a squash."""
    size = sizes.of("details", DETAILS_PAGE)
    rest = list(ids)
    while rest:
        answer = yield from one_page(
            "pull requests with their reviews and checks",
            lambda first, left=tuple(rest): Graph(
                "PullRequests", (details_part(list(left[:first]), queued=queued),), PULL_REQUESTS
            ),
            size,
        )
        nodes = answer.data["details"]
        if not isinstance(nodes, list) or not nodes or len(nodes) > len(rest):
            raise IncompletePopulation("GitHub gave another number of pull requests than asked. Run it again later.")
        page: list[Detailed] = []
        for wanted, node in zip(rest, nodes, strict=False):
            if node is None or node["id"] != wanted:
                raise IncompletePopulation(
                    f"GitHub answered with another pull request than the one asked in {repository.name}. Nothing is "
                    "claimed; run it again later."
                )
            page.append((yield from _whole(node, repository, sizes, queued=queued, several=several(wanted))))
        take(page)
        rest = rest[len(nodes) :]


def _whole(node: Json, repository: Repository, sizes: Sizes, *, queued: bool, several: bool) -> Stream[Detailed]:
    for nested in (REVIEWS, COMMITS, LABELS, ISSUES, TIMELINE):
        yield from complete(node, nested, PULL_REQUESTS, sizes)
    for part in node["commits"]["nodes"]:
        for nested in (PARENTS, AUTHORS):
            yield from complete(part["commit"], nested, PULL_REQUESTS, sizes)
    merged_at = optional_instant(node["mergedAt"])
    found: dict[str, Json] = {}
    heads = node.pop("head")["nodes"]
    head = heads[0]["commit"] if heads else None
    if head is None or head["oid"] != node["headRefOid"]:
        head = yield from _commit(node["headRefOid"], repository, sizes)
    if head is not None:
        found.update({row["check_id"]: row for row in (yield from checks.read(head, merged_at, repository, sizes))})
    if queued:
        queue = node.pop("queued")
        if queue is not None and queue["oid"] != node["headRefOid"]:
            found.update(
                {row["check_id"]: row for row in (yield from checks.read(queue, merged_at, repository, sizes))}
            )
    shas = frozenset(part["commit"]["oid"] for part in node["commits"]["nodes"])
    return Detailed(_row(node, repository, queued=queued, several=several), list(found.values()), shas)


def _commit(oid: str, repository: Repository, sizes: Sizes) -> Stream[Json | None]:
    """The head commit by its id, where it is not the last of the listed commits; None when GitHub has it no more."""

    def ask(_first: int) -> Graph:
        part = Part(
            "$in: ID!, $oid: GitObjectID!",
            "single: node(id: $in) { id ... on Repository { object(oid: $oid) { id oid ... on Commit { "
            f"{checks.SELECTION} }} }} }} }}",
            {"in": repository.id, "oid": oid},
        )
        return Graph("Commit", (part,), PULL_REQUESTS)

    answer = yield from one_page("a commit's checks", ask, sizes.of("commit", 1))
    return answer.data["single"]["object"]


def _row(node: Json, repository: Repository, *, queued: bool, several: bool) -> Json:
    timeline = [_event(item) for item in node["timelineItems"]["nodes"]]
    dismissed = {
        item["review"]["id"]: item
        for item in node["timelineItems"]["nodes"]
        if item["__typename"] == "ReviewDismissedEvent" and item["review"] is not None
    }
    merge = node["mergeCommit"]
    merge_sha = None if merge is None else merge["oid"]
    return {
        "scope_item_id": repository.scope_item_id,
        "item_id": f"github:pr:{repository.id}:{node['number']}",
        "event_time": optional_instant(node["mergedAt"]),
        "repo_id": repository.id, "repo_name": repository.name, "pr_id": node["id"], "number": node["number"],
        "title": node["title"], "body": node["body"], "author": actor(node["author"]),
        "merged_by": actor(node["mergedBy"]), "created_at": parse_instant(node["createdAt"]),
        "updated_at": parse_instant(node["updatedAt"]), "base_ref": node["baseRefName"],
        "head_ref": node["headRefName"], "head_sha": node["headRefOid"], "base_sha": node["baseRefOid"],
        "merge_sha": merge_sha, "merge_method": _method(node, queued=queued, several=several),
        "labels": [label["name"] for label in node["labels"]["nodes"]],
        "closing_issues": [
            f"{issue['repository']['nameWithOwner']}#{issue['number']}"
            for issue in node["closingIssuesReferences"]["nodes"]
        ],
        "reviews": [_review(review, dismissed.get(review["id"])) for review in node["reviews"]["nodes"]],
        "commits": [_pull_commit(part["commit"]) for part in node["commits"]["nodes"]],
        "timeline": timeline, "last_pusher": _last_pusher(node), "auto_merge": _auto_merge(node),
        "queue_sha": merge_sha if queued else None, "changed_files": node.get("changedFiles"),
        "raw": orjson.dumps(node).decode(),
    }  # fmt: skip


def _method(node: Json, *, queued: bool, several: bool) -> str:
    """How it was merged. GitHub does not say; the merge commit shows it."""
    merge = node["mergeCommit"]
    if merge is None:
        return "unknown"
    if queued:
        return "queue"
    if merge["parents"]["totalCount"] > 1:
        return "merge"
    if several:
        return "rebase"
    commits = node["commits"]["nodes"]
    # A rebase keeps the author's date and headline of the commit; a squash makes a new commit, dated at the merge.
    if len(commits) == 1:
        only = commits[0]["commit"]
        if (only["authoredDate"], only["messageHeadline"]) == (merge["authoredDate"], merge["messageHeadline"]):
            return "rebase"
    return "squash"


def _review(review: Json, dismissal: Json | None) -> Json:
    return {
        "review_id": review["id"], "author": actor(review["author"]), "association": review["authorAssociation"],
        "state": review["state"], "submitted_at": optional_instant(review["submittedAt"]),
        "commit_sha": None if review["commit"] is None else review["commit"]["oid"],
        "dismissed_at": None if dismissal is None else parse_instant(dismissal["createdAt"]),
    }  # fmt: skip


def _pull_commit(commit: Json) -> Json:
    return {
        "sha": commit["oid"], "parents": [parent["oid"] for parent in commit["parents"]["nodes"]],
        "authors": [author(one) for one in commit["authors"]["nodes"]],
        "committed_at": optional_instant(commit["committedDate"]), "message_headline": commit["messageHeadline"],
    }  # fmt: skip


def _event(item: Json) -> Json:
    _, kind, _ = _EVENTS[item["__typename"]]
    return {
        "kind": kind, "at": parse_instant(item["createdAt"]), "actor": actor(item["actor"]), "detail": _detail(item),
    }  # fmt: skip


def _detail(item: Json) -> str | None:
    """What the event changed, as JSON."""
    known: dict[str, Any] = {}
    if item["__typename"] == "ReviewDismissedEvent":
        known = {"review_id": item["review"] and item["review"]["id"], "previous_state": item["previousReviewState"]}
    elif item["__typename"] == "BaseRefChangedEvent":
        known = {"from": item["previousRefName"], "to": item["currentRefName"]}
    elif item["__typename"] == "HeadRefForcePushedEvent":
        before, after = item["beforeCommit"], item["afterCommit"]
        known = {"from": before and before["oid"], "to": after and after["oid"]}
    elif "reason" in item:
        known = {"reason": item["reason"]}
    return orjson.dumps(known).decode() if known else None


def _last_pusher(node: Json) -> Json | None:
    """Who pushed the head, where GitHub tells: it records the actor of a force push only."""
    for item in reversed(node["timelineItems"]["nodes"]):
        if item["__typename"] == "HeadRefForcePushedEvent":
            after = item["afterCommit"]
            return actor(item["actor"]) if after is not None and after["oid"] == node["headRefOid"] else None
    return None


def _auto_merge(node: Json) -> bool:
    switched = [
        item["__typename"] == "AutoMergeEnabledEvent"
        for item in node["timelineItems"]["nodes"]
        if item["__typename"] in {"AutoMergeEnabledEvent", "AutoMergeDisabledEvent"}
    ]
    return bool(node["autoMergeRequest"]) or bool(switched and switched[-1])


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged pull request as the list tells it."""

    id: str
    number: int
    merged_at: datetime
    updated_at: datetime
    merge_sha: str | None


def merged_part(repository_id: str, base: str, first: int, after: str | None) -> Part:
    """One page of the pull requests merged into a branch, last updated first."""
    return Part(
        "$mergedIn: ID!, $base: String!, $mergedFirst: Int!, $mergedAfter: String",
        "merged: node(id: $mergedIn) { id ... on Repository { pullRequests(states: [MERGED], baseRefName: $base, "
        "first: $mergedFirst, after: $mergedAfter, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount "
        "pageInfo { hasNextPage endCursor } nodes { id number mergedAt updatedAt mergeCommit { oid } } } } }",
        {"mergedIn": repository_id, "base": base, "mergedFirst": first, "mergedAfter": after},
    )


def merged_since(
    repository: Repository, base: str, start: datetime, found: dict[str, Merged], sizes: Sizes
) -> Stream[Tally]:
    """Put the pull requests merged into `base` since `start` into `found`.

    Sound, because an update is never older than the merge: past the first one not updated since `start` none can have
    been merged since.
    """

    def ask(first: int, after: str | None) -> Graph:
        return Graph("Merged", (merged_part(repository.id, base, first, after),), PULL_REQUESTS)

    def find(data: Json) -> Any:
        node = data["merged"]
        if node is None or node["id"] != repository.id:
            raise IncompletePopulation("GitHub answered for another repository than the one asked. Run it again.")
        return node["pullRequests"]

    def take(fresh: list[Json]) -> bool:
        past = False
        for node in fresh:
            merge = node["mergeCommit"]
            one = Merged(
                node["id"], node["number"], parse_instant(node["mergedAt"]), parse_instant(node["updatedAt"]),
                None if merge is None else merge["oid"],
            )  # fmt: skip
            if one.merged_at >= start:
                found[one.id] = one
            past = past or one.updated_at < start
        return past

    return (yield from walk("merged pull requests", ask, find, sizes.of("merged", MERGED_PAGE), take))
