"""Pull requests, reviews, timelines, labels and issues."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sandbox.github.access import Request, association, permission_of
from sandbox.github.model import Account, Issue, Label, PullRequest, Repository, Review, TimelineEvent
from sandbox.github.paging import Listing
from sandbox.github.queries.commits import existing_branch, repository_path, rollup
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
from sandbox.github.rules import effective_rules, protection_of
from sandbox.github.times import Epoch, iso, iso_or_none, parse


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


def _timeline(pull: PullRequest, args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    found: list[tuple[Epoch, int, Any]] = [(part.at, 0, part) for part in pull.commits if part.at <= now < part.until]
    found.extend((review.submitted_at, 1, review) for review in pull.reviews if review.submitted_at <= now)
    found.extend((event.at, 2, event) for event in pull.events if event.at <= now)
    found.sort(key=lambda entry: entry[:2])
    since, types = args.get("since"), args.get("itemTypes")
    if since is not None:
        bound = parse(since)
        found = [entry for entry in found if entry[0] >= bound]
    items = [entry[2] for entry in found]
    if types is not None:
        wanted = {_ITEM_TYPES[name] for name in types}
        items = [item for item in items if item.typename in wanted]
    return Listing(items[args.get("skip") or 0 :])


_ITEM_TYPES = {
    "ADDED_TO_MERGE_QUEUE_EVENT": "AddedToMergeQueueEvent",
    "AUTO_MERGE_DISABLED_EVENT": "AutoMergeDisabledEvent",
    "AUTO_MERGE_ENABLED_EVENT": "AutoMergeEnabledEvent",
    "BASE_REF_CHANGED_EVENT": "BaseRefChangedEvent",
    "CLOSED_EVENT": "ClosedEvent",
    "CONVERT_TO_DRAFT_EVENT": "ConvertToDraftEvent",
    "HEAD_REF_DELETED_EVENT": "HeadRefDeletedEvent",
    "HEAD_REF_FORCE_PUSHED_EVENT": "HeadRefForcePushedEvent",
    "LABELED_EVENT": "LabeledEvent",
    "MERGED_EVENT": "MergedEvent",
    "PULL_REQUEST_COMMIT": "PullRequestCommit",
    "PULL_REQUEST_REVIEW": "PullRequestReview",
    "READY_FOR_REVIEW_EVENT": "ReadyForReviewEvent",
    "REMOVED_FROM_MERGE_QUEUE_EVENT": "RemovedFromMergeQueueEvent",
    "REOPENED_EVENT": "ReopenedEvent",
    "REVIEW_DISMISSED_EVENT": "ReviewDismissedEvent",
}


def _labels(source: PullRequest | Issue, args: dict[str, Any], request: Request) -> Listing:
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


def _pull_path(pull: PullRequest, now: Epoch) -> str:
    return f"{repository_path(pull.repository, now)}/pull/{pull.number}"


def _spanning(spans: list[tuple[tuple[Epoch, Epoch], Account]], now: Epoch) -> tuple[Epoch, Account] | None:
    for (start, end), account in spans:
        if start <= now < end:
            return start, account
    return None


def _auto_merge(
    pull: PullRequest, _args: dict[str, Any], request: Request
) -> tuple[PullRequest, Epoch, Account] | None:
    found = _spanning(pull.auto_merge, request.now)
    return None if found is None else (pull, *found)


class QueueEntry:
    """A pull request waiting in the merge queue of its base branch."""

    typename = "MergeQueueEntry"
    __slots__ = ("enqueuer", "pull", "since")

    def __init__(self, pull: PullRequest, since: Epoch, enqueuer: Account) -> None:
        self.pull = pull
        self.since = since
        self.enqueuer = enqueuer

    @property
    def node_id(self) -> str:
        return f"MQE_{self.pull.node_id[3:]}"


def _queue_entry(pull: PullRequest, _args: dict[str, Any], request: Request) -> QueueEntry | None:
    found = _spanning(pull.queued, request.now)
    return None if found is None else QueueEntry(pull, *found)


class MergeQueue:
    """The merge queue of a branch; there is one where a rule says so."""

    typename = "MergeQueue"
    __slots__ = ("branch", "repository")

    def __init__(self, repository: Repository, branch: str) -> None:
        self.repository = repository
        self.branch = branch

    @property
    def node_id(self) -> str:
        return f"MQ_{self.repository.node_id[2:]}"

    def entries(self, now: Epoch) -> list[QueueEntry]:
        """Waiting pull requests, first come first."""
        waiting = [
            QueueEntry(pull, *found)
            for pull in self.repository.pulls
            if pull.base.at(now) == self.branch and (found := _spanning(pull.queued, now)) is not None
        ]
        waiting.sort(key=lambda entry: entry.since)
        return waiting


def merge_queue(repository: Repository, branch: str, now: Epoch) -> MergeQueue | None:
    """The queue of a branch, None where no rule demands one."""
    if any(rule["type"] == "merge_queue" for rule, _ in effective_rules(repository, branch, now)):
        return MergeQueue(repository, branch)
    return None


def _queue_of(pull: PullRequest, now: Epoch) -> MergeQueue | None:
    return merge_queue(pull.repository, pull.base.at(now), now)


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
    "url": lambda pull, _args, request: web(_pull_path(pull, request.now)),
    "resourcePath": lambda pull, _args, request: _pull_path(pull, request.now),
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
    "labels": connection("labels", _labels),
    "commits": connection("commits", lambda pull, _args, request: Listing(pull.commits_at(request.now))),
    "reviews": connection("reviews", _reviews),
    "latestReviews": connection("latestReviews", _latest_reviews),
    "latestOpinionatedReviews": connection(
        "latestOpinionatedReviews",
        lambda pull, args, request: Listing(opinionated(pull, request.now, writers_only=args["writersOnly"])),
    ),
    "reviewDecision": lambda pull, _args, request: review_decision(pull, request.now),
    "timelineItems": connection("timelineItems", _timeline),
    "closingIssuesReferences": connection(
        "closingIssuesReferences",
        lambda pull, _args, request: Listing([one for one in pull.closing_issues if one.created_at <= request.now]),
    ),
    "statusCheckRollup": lambda pull, _args, request: rollup(pull.head(request.now), request.now),
    "autoMergeRequest": _auto_merge,
    "mergeQueueEntry": _queue_entry,
    "isInMergeQueue": lambda pull, _args, request: _spanning(pull.queued, request.now) is not None,
    "isMergeQueueEnabled": lambda pull, _args, request: _queue_of(pull, request.now) is not None,
    "locked": constant(False),
}
PULL_REQUEST_COMMIT: Fields = {
    "id": node_id,
    "commit": attribute("commit"),
    "pullRequest": attribute("pull"),
    "url": lambda part, _args, request: web(f"{_pull_path(part.pull, request.now)}/commits/{part.commit.oid}"),
    "resourcePath": lambda part, _args, request: f"{_pull_path(part.pull, request.now)}/commits/{part.commit.oid}",
}


def _review_path(review: Review, now: Epoch) -> str:
    return f"{_pull_path(review.pull, now)}#pullrequestreview-{review.id}"


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


def _detail(name: str) -> Any:
    return lambda event, _args, _request: event.details[name]


def _person_behind(event: TimelineEvent, _args: dict[str, Any], request: Request) -> Account | None:
    """Fields of type `User`, which bots are not."""
    account = present(event.actor, request.now)
    return account if account is not None and account.kind == "User" else None


def _event_path(event: TimelineEvent, now: Epoch) -> str:
    return f"{_pull_path(event.pull, now)}#event-{event.id}"


BARE_EVENT: Fields = {"id": node_id, "actor": actor("actor"), "createdAt": instant("at")}
EVENT: Fields = {**BARE_EVENT, "pullRequest": attribute("pull")}
_LINK: Fields = {
    "url": lambda event, _args, request: web(_event_path(event, request.now)),
    "resourcePath": lambda event, _args, request: _event_path(event, request.now),
}
LINKED_EVENT: Fields = {**EVENT, **_LINK}


def _pull_commit_of_dismissal(event: TimelineEvent, _args: dict[str, Any], request: Request) -> Any:
    reviewed = event.details["review"].commit
    return next((part for part in event.pull.commits_at(request.now) if part.commit is reviewed), None)


TIMELINE: dict[str, Fields] = {
    "ReviewDismissedEvent": {
        **LINKED_EVENT,
        "databaseId": attribute("id"),
        "dismissalMessage": _detail("message"),
        "previousReviewState": lambda event, _args, _request: event.details["review"].verdict,
        "review": _detail("review"),
        "pullRequestCommit": _pull_commit_of_dismissal,
    },
    "BaseRefChangedEvent": {
        **EVENT,
        "databaseId": attribute("id"),
        "currentRefName": _detail("current"),
        "previousRefName": _detail("previous"),
    },
    "HeadRefForcePushedEvent": {
        **EVENT,
        "beforeCommit": _detail("before"),
        "afterCommit": _detail("after"),
        "ref": lambda event, _args, request: existing_branch(event.pull.repository, event.pull.head_ref, request.now),
    },
    "HeadRefDeletedEvent": {
        **EVENT,
        "headRef": constant(None),
        "headRefName": lambda event, _args, _request: event.pull.head_ref,
    },
    "AddedToMergeQueueEvent": {
        **EVENT,
        "enqueuer": _person_behind,
        "mergeQueue": lambda event, _args, request: _queue_of(event.pull, request.now),
    },
    "RemovedFromMergeQueueEvent": {
        **EVENT,
        "enqueuer": _person_behind,
        "beforeCommit": lambda event, _args, request: event.pull.head(event.at),
        "reason": _detail("reason"),
        "mergeQueue": lambda event, _args, request: _queue_of(event.pull, request.now),
    },
    "AutoMergeEnabledEvent": {**EVENT, "enabler": _person_behind},
    "AutoMergeDisabledEvent": {
        **EVENT,
        "disabler": _person_behind,
        "reason": _detail("reason"),
        "reasonCode": constant(None),
    },
    "ConvertToDraftEvent": LINKED_EVENT,
    "ReadyForReviewEvent": LINKED_EVENT,
    "MergedEvent": {
        **LINKED_EVENT,
        "commit": _detail("commit"),
        "mergeRefName": _detail("ref"),
        "mergeRef": lambda event, _args, request: existing_branch(
            event.pull.repository, event.details["ref"], request.now
        ),
    },
    "ClosedEvent": {**BARE_EVENT, **_LINK},
    "ReopenedEvent": BARE_EVENT,
    "LabeledEvent": {**BARE_EVENT, "label": _detail("label")},
}

TIMELINE_CONNECTION: Fields = {
    "filteredCount": lambda page, _args, _request: page.upper - page.lower,
    "pageCount": lambda page, _args, _request: page.stop - page.start,
    "updatedAt": lambda page, _args, request: iso(
        max((_moment(item) for item in page.listing.items), default=request.now)
    ),
}


def _moment(item: Any) -> Epoch:
    return item.submitted_at if isinstance(item, Review) else item.at


AUTO_MERGE_REQUEST: Fields = {
    "enabledAt": lambda source, _args, _request: iso(source[1]),
    "enabledBy": lambda source, _args, request: present(source[2], request.now),
    "mergeMethod": lambda source, _args, _request: source[0].merge_method,
    "authorEmail": constant(None),
    "commitHeadline": constant(None),
    "commitBody": constant(None),
    "pullRequest": lambda source, _args, _request: source[0],
}
QUEUE_ENTRY: Fields = {
    "id": node_id,
    "enqueuedAt": instant("since"),
    "enqueuer": attribute("enqueuer"),
    "position": lambda entry, _args, request: _position(entry, request.now),
    "state": constant("AWAITING_CHECKS"),
    "jump": constant(False),
    "solo": constant(False),
    "baseCommit": lambda entry, _args, request: entry.pull.repository.commits.get(entry.pull.base_commit(request.now)),
    "headCommit": lambda entry, _args, request: entry.pull.head(request.now),
    "pullRequest": attribute("pull"),
    "mergeQueue": lambda entry, _args, request: _queue_of(entry.pull, request.now),
}


def _position(entry: QueueEntry, now: Epoch) -> int:
    queue = MergeQueue(entry.pull.repository, entry.pull.base.at(now))
    return 1 + [waiting.pull for waiting in queue.entries(now)].index(entry.pull)


MERGE_QUEUE: Fields = {
    "id": node_id,
    "repository": attribute("repository"),
    "entries": connection("entries", lambda queue, _args, request: Listing(queue.entries(request.now))),
    "url": lambda queue, _args, request: web(f"{repository_path(queue.repository, request.now)}/queue/{queue.branch}"),
    "resourcePath": lambda queue, _args, request: (
        f"{repository_path(queue.repository, request.now)}/queue/{queue.branch}"
    ),
}


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
    "labels": connection("labels", _labels),
    "repository": attribute("repository"),
    "url": lambda issue, _args, request: web(_issue_path(issue, request.now)),
    "resourcePath": lambda issue, _args, request: _issue_path(issue, request.now),
}
