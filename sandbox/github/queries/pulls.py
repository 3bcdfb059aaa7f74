"""Pull requests, reviews, timelines, labels and issues."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sandbox.github.access import Request, association, permission_of
from sandbox.github.model import Account, PullRequest, Repository, Review
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import existing_branch, rollup
from sandbox.github.queries.fields import (
    Fields,
    actor,
    attribute,
    connection,
    constant,
    instant,
    kept,
    node_id,
    present,
    web,
)
from sandbox.github.queries.issues import labels_of
from sandbox.github.queries.timelines import auto_merge, pull_path, queue_entry, queue_of, spanning, timeline
from sandbox.github.rules import effective_rules, protection_of
from sandbox.github.times import Epoch, iso, iso_or_none


def updated_at(pull: PullRequest, request: Request) -> Epoch:
    """`updatedAt`, with what a fault of the running plan has touched."""
    moment = pull.updated_at(request.now)
    return max(moment, request.touched.get(pull.node_id, moment)) if request.touched else moment


def pull_listing(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    """Pull requests of a repository, filtered and ordered, kept until the repository changes."""
    now = request.now
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    states, labels = args.get("states"), args.get("labels")
    base, head = args.get("baseRefName"), args.get("headRefName")

    def make() -> Listing:
        found = repository.pulls[: bisect_right(repository.pulls, now, key=lambda pull: pull.created_at)]
        if states is not None:
            found = [pull for pull in found if pull.state(now) in states]
        if base is not None:
            found = [pull for pull in found if pull.base.at(now) == base]
        if head is not None:
            found = [pull for pull in found if pull.head_ref == head]
        if labels is not None:
            found = [pull for pull in found if any(at <= now and one.name in labels for at, one in pull.labels)]
        sign = -1 if order["direction"] == "DESC" else 1
        by_update = order["field"] == "UPDATED_AT"
        keyed = [
            ((sign * (updated_at(pull, request) if by_update else pull.created_at), sign * pull.number), pull)
            for pull in found
        ]
        keyed.sort(key=lambda pair: pair[0])
        return Listing([pull for _, pull in keyed], keys=[key for key, _ in keyed])

    if request.touched:
        return make()
    chosen = (
        tuple(states) if states is not None else None,
        tuple(labels) if labels is not None else None,
        base,
        head,
        order["field"],
        order["direction"],
    )
    return kept(repository, ("pulls", repository.version(now), chosen), make)


def _reviews(pull: PullRequest, args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    found = [review for review in pull.reviews if review.submitted_at <= now]
    states, author = args.get("states"), args.get("author")
    if states is not None:
        found = [review for review in found if review.state(now) in states]
    if author is not None:
        found = [review for review in found if review.author.login.lower() == author.lower()]
    return Listing(found)


def _latest_reviews(pull: PullRequest, _args: dict[str, Any], request: Request) -> Listing:
    newest: dict[int, Review] = {}
    for review in pull.reviews:
        if review.submitted_at <= request.now:
            newest[review.author.id] = review
    return Listing(list(newest.values()))


def opinionated(pull: PullRequest, now: Epoch, *, writers_only: bool) -> list[Review]:
    """The last approval, request for changes or dismissed review of each reviewer."""
    newest: dict[int, Review] = {}
    for review in pull.reviews:
        if review.submitted_at > now or review.verdict == "COMMENTED":
            continue
        if not writers_only or can_push(review.author, pull.repository, now):
            newest[review.author.id] = review
    return list(newest.values())


def can_push(account: Account, repository: Repository, now: Epoch) -> bool:
    """Whether an account may write to a repository now."""
    return permission_of(account, repository, now) in {"push", "maintain", "admin"}


def review_decision(pull: PullRequest, now: Epoch) -> str | None:
    """As the rules of the base branch see it; None where no approval is required and nobody asked for changes."""
    branch = pull.base.at(now)
    needed = 0
    for rule, _ in effective_rules(pull.repository, branch, now):
        if rule["type"] == "pull_request":
            needed = max(needed, rule["parameters"]["required_approving_review_count"])
    protected = protection_of(pull.repository, branch, now)
    if protected is not None and protected[1].get("required_pull_request_reviews"):
        needed = max(needed, protected[1]["required_pull_request_reviews"]["required_approving_review_count"])
    states = [review.state(now) for review in opinionated(pull, now, writers_only=True)]
    if "CHANGES_REQUESTED" in states:
        return "CHANGES_REQUESTED"
    if states.count("APPROVED") >= max(needed, 1):
        return "APPROVED"
    return "REVIEW_REQUIRED" if needed else None


PULL_REQUEST: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "fullDatabaseId": lambda pull, _args, _request: str(pull.id),
    "number": attribute("number"),
    "title": attribute("title"),
    "body": attribute("body"),
    "bodyText": attribute("body"),
    "state": lambda pull, _args, request: pull.state(request.now),
    "isDraft": lambda pull, _args, request: pull.draft.at(request.now),
    "merged": lambda pull, _args, request: pull.merged_at <= request.now,
    "closed": lambda pull, _args, request: pull.state(request.now) != "OPEN",
    "isCrossRepository": attribute("cross_repository"),
    "url": lambda pull, _args, request: web(pull_path(pull, request.now)),
    "resourcePath": lambda pull, _args, request: pull_path(pull, request.now),
    "createdAt": instant("created_at"),
    "publishedAt": instant("created_at"),
    "updatedAt": lambda pull, _args, request: iso(updated_at(pull, request)),
    "closedAt": lambda pull, _args, request: iso_or_none(pull.closed_at(request.now)),
    "mergedAt": lambda pull, _args, request: iso(pull.merged_at) if pull.merged_at <= request.now else None,
    "author": actor("author"),
    "authorAssociation": lambda pull, _args, request: association(pull.author, pull.repository, request.now),
    "mergedBy": lambda pull, _args, request: (
        present(pull.merged_by, request.now) if pull.merged_at <= request.now else None
    ),
    "mergeCommit": lambda pull, _args, request: pull.merge_commit if pull.merged_at <= request.now else None,
    "baseRef": lambda pull, _args, request: existing_branch(pull.repository, pull.base.at(request.now), request.now),
    "baseRefName": lambda pull, _args, request: pull.base.at(request.now),
    "baseRefOid": lambda pull, _args, request: pull.base_commit(request.now),
    "headRef": lambda pull, _args, request: existing_branch(pull.repository, pull.head_ref, request.now),
    "headRefName": attribute("head_ref"),
    "headRefOid": lambda pull, _args, request: pull.head(request.now).oid,
    "headRepository": attribute("repository"),
    "headRepositoryOwner": lambda pull, _args, _request: pull.repository.organisation,
    "baseRepository": attribute("repository"),
    "repository": attribute("repository"),
    "labels": connection("labels", labels_of),
    "commits": connection("commits", lambda pull, _args, request: Listing(pull.commits_at(request.now))),
    "reviews": connection("reviews", _reviews),
    "latestReviews": connection("latestReviews", _latest_reviews),
    "latestOpinionatedReviews": connection(
        "latestOpinionatedReviews",
        lambda pull, args, request: Listing(opinionated(pull, request.now, writers_only=args["writersOnly"])),
    ),
    "reviewDecision": lambda pull, _args, request: review_decision(pull, request.now),
    "timelineItems": connection("timelineItems", timeline),
    "closingIssuesReferences": connection(
        "closingIssuesReferences",
        lambda pull, _args, request: Listing([one for one in pull.closing_issues if one.created_at <= request.now]),
    ),
    "statusCheckRollup": lambda pull, _args, request: rollup(pull.head(request.now), request.now),
    "autoMergeRequest": auto_merge,
    "mergeQueueEntry": queue_entry,
    "isInMergeQueue": lambda pull, _args, request: spanning(pull.queued, request.now) is not None,
    "isMergeQueueEnabled": lambda pull, _args, request: queue_of(pull, request.now) is not None,
    "locked": constant(False),
}


PULL_REQUEST_COMMIT: Fields = {
    "id": node_id,
    "commit": attribute("commit"),
    "pullRequest": attribute("pull"),
    "url": lambda part, _args, request: web(f"{pull_path(part.pull, request.now)}/commits/{part.commit.oid}"),
    "resourcePath": lambda part, _args, request: f"{pull_path(part.pull, request.now)}/commits/{part.commit.oid}",
}


def _review_path(review: Review, now: Epoch) -> str:
    return f"{pull_path(review.pull, now)}#pullrequestreview-{review.id}"


def _review_updated(review: Review, _args: dict[str, Any], request: Request) -> str:
    return iso(review.dismissed_at if review.dismissed_at <= request.now else review.submitted_at)


PULL_REQUEST_REVIEW: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "fullDatabaseId": lambda review, _args, _request: str(review.id),
    "state": lambda review, _args, request: review.state(request.now),
    "body": attribute("body"),
    "bodyText": attribute("body"),
    "author": actor("author"),
    "authorAssociation": lambda review, _args, request: association(review.author, review.pull.repository, request.now),
    "authorCanPushToRepository": lambda review, _args, request: can_push(
        review.author, review.pull.repository, request.now
    ),
    "createdAt": instant("submitted_at"),
    "submittedAt": instant("submitted_at"),
    "publishedAt": instant("submitted_at"),
    "updatedAt": _review_updated,
    "commit": attribute("commit"),
    "pullRequest": attribute("pull"),
    "repository": lambda review, _args, _request: review.pull.repository,
    "url": lambda review, _args, request: web(_review_path(review, request.now)),
    "resourcePath": lambda review, _args, request: _review_path(review, request.now),
}
