"""What happens to a pull request: its timeline, merge queue and automatic merge."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import Request
from sandbox.github.model import Account, IssueEvent, PullRequest, Repository, Review, TimelineEvent
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import existing_branch, repository_path
from sandbox.github.queries.fields import (
    Fields,
    actor,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    present,
    web,
)
from sandbox.github.rules import effective_rules
from sandbox.github.times import Epoch, iso, parse


def timeline(pull: PullRequest, args: dict[str, Any], request: Request) -> Listing:
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


def pull_path(pull: PullRequest, now: Epoch) -> str:
    return f"{repository_path(pull.repository, now)}/pull/{pull.number}"


def spanning(spans: list[tuple[tuple[Epoch, Epoch], Account]], now: Epoch) -> tuple[Epoch, Account] | None:
    for (start, end), account in spans:
        if start <= now < end:
            return start, account
    return None


def auto_merge(pull: PullRequest, _args: dict[str, Any], request: Request) -> tuple[PullRequest, Epoch, Account] | None:
    found = spanning(pull.auto_merge, request.now)
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


def queue_entry(pull: PullRequest, _args: dict[str, Any], request: Request) -> QueueEntry | None:
    found = spanning(pull.queued, request.now)
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
            if pull.base.at(now) == self.branch and (found := spanning(pull.queued, now)) is not None
        ]
        waiting.sort(key=lambda entry: entry.since)
        return waiting


def merge_queue(repository: Repository, branch: str, now: Epoch) -> MergeQueue | None:
    """The queue of a branch, None where no rule demands one."""
    if any(rule["type"] == "merge_queue" for rule, _ in effective_rules(repository, branch, now)):
        return MergeQueue(repository, branch)
    return None


def queue_of(pull: PullRequest, now: Epoch) -> MergeQueue | None:
    return merge_queue(pull.repository, pull.base.at(now), now)


def _detail(name: str) -> Any:
    return lambda event, _args, _request: event.details[name]


def _person_behind(event: TimelineEvent, _args: dict[str, Any], request: Request) -> Account | None:
    """Fields of type `User`, which bots are not."""
    account = present(event.actor, request.now)
    return account if account is not None and account.kind == "User" else None


def _event_path(event: TimelineEvent | IssueEvent, now: Epoch) -> str:
    if isinstance(event, IssueEvent):
        return f"{repository_path(event.repository, now)}/issues/{event.issue.number}#event-{event.id}"
    return f"{pull_path(event.pull, now)}#event-{event.id}"


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
        "mergeQueue": lambda event, _args, request: queue_of(event.pull, request.now),
    },
    "RemovedFromMergeQueueEvent": {
        **EVENT,
        "enqueuer": _person_behind,
        "beforeCommit": lambda event, _args, request: event.pull.head(event.at),
        "reason": _detail("reason"),
        "mergeQueue": lambda event, _args, request: queue_of(event.pull, request.now),
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
    "mergeQueue": lambda entry, _args, request: queue_of(entry.pull, request.now),
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
