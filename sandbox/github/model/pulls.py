"""Pull requests, reviews, timelines, labels and issues."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.github.nodeids import node_id
from sandbox.github.times import NEVER, Changing, Epoch, Span

if TYPE_CHECKING:
    from sandbox.github.model.actors import Account
    from sandbox.github.model.git import Commit
    from sandbox.github.model.repositories import Repository


@dataclass(slots=True, eq=False)
class Review:
    typename: ClassVar[str] = "PullRequestReview"
    id: int
    pull: PullRequest
    author: Account
    verdict: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]
    submitted_at: Epoch
    commit: Commit
    body: str = ""
    dismissed_at: Epoch = NEVER
    dismissed_by: Account | None = None
    dismissal: str = ""
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("PRR", self.pull.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.submitted_at

    def state(self, now: Epoch) -> str:
        return "DISMISSED" if now >= self.dismissed_at else self.verdict


@dataclass(slots=True, eq=False)
class Label:
    typename: ClassVar[str] = "Label"
    id: int
    repository: Repository
    name: str
    color: str
    description: str
    created_at: Epoch
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("LA", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(slots=True, eq=False)
class Issue:
    typename: ClassVar[str] = "Issue"
    id: int
    repository: Repository
    number: int
    title: str
    body: str
    author: Account
    created_at: Epoch
    closed_at: Epoch = NEVER
    """For an issue that a merge closed; what people do to it is in `events`."""
    labels: list[Label] = field(default_factory=list["Label"])
    events: list[IssueEvent] = field(default_factory=list["IssueEvent"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("I", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at

    def _past(self, now: Epoch, *kinds: str) -> list[IssueEvent]:
        return [event for event in self.events if event.at <= now and event.typename in kinds]

    def closed_since(self, now: Epoch) -> Epoch | None:
        """When it was closed; None while it is open."""
        past = self._past(now, "ClosedEvent", "ReopenedEvent")
        if past:
            return past[-1].at if past[-1].typename == "ClosedEvent" else None
        return self.closed_at if self.closed_at <= now else None

    def labels_at(self, now: Epoch) -> list[Label]:
        held = list(self.labels)
        for event in self._past(now, "LabeledEvent", "UnlabeledEvent"):
            label = event.details["label"]
            if event.typename == "LabeledEvent":
                held.append(label)
            elif label in held:
                held.remove(label)
        return held

    def assignees_at(self, now: Epoch) -> list[Account]:
        held: list[Account] = []
        for event in self._past(now, "AssignedEvent", "UnassignedEvent"):
            who = event.details["assignee"]
            if event.typename == "AssignedEvent":
                held.append(who)
            elif who in held:
                held.remove(who)
        return held

    def updated_at(self, now: Epoch) -> Epoch:
        moments = [self.created_at, *(event.at for event in self.events if event.at <= now)]
        return max(*moments, self.closed_at) if self.closed_at <= now else max(moments)


@dataclass(slots=True, eq=False)
class IssueEvent:
    """One entry of an issue's timeline, comments included."""

    typename: str
    id: int
    issue: Issue
    at: Epoch
    actor: Account | None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    node_id: str = ""

    def __post_init__(self) -> None:
        short = "".join(c for c in self.typename if c.isupper())
        self.node_id = node_id(f"I{short}", self.issue.repository.id, self.id)

    @property
    def repository(self) -> Repository:
        return self.issue.repository

    def exists(self, now: Epoch) -> bool:
        return now >= self.at


@dataclass(slots=True, eq=False)
class PullCommit:
    """A commit as part of a pull request, until a force push drops it."""

    typename: ClassVar[str] = "PullRequestCommit"
    pull: PullRequest
    commit: Commit
    at: Epoch
    until: Epoch = NEVER
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("PURC", self.pull.id, self.commit.oid)

    def exists(self, now: Epoch) -> bool:
        return self.at <= now < self.until


@dataclass(slots=True, eq=False)
class TimelineEvent:
    """One entry of a pull request's timeline; `details` holds what the type has beyond actor and time."""

    typename: str
    id: int
    pull: PullRequest
    at: Epoch
    actor: Account | None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("".join(c for c in self.typename if c.isupper()), self.pull.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.at


@dataclass(slots=True, eq=False)
class PullRequest:
    typename: ClassVar[str] = "PullRequest"
    id: int
    repository: Repository
    number: int
    title: str
    body: str
    author: Account
    created_at: Epoch
    base: Changing[str]
    head_ref: str
    draft: Changing[bool]
    commits: list[PullCommit] = field(default_factory=list["PullCommit"])
    reviews: list[Review] = field(default_factory=list["Review"])
    events: list[TimelineEvent] = field(default_factory=list["TimelineEvent"])
    labels: list[tuple[Epoch, Label]] = field(default_factory=list[tuple[Epoch, "Label"]])
    closing_issues: list[Issue] = field(default_factory=list["Issue"])
    open_state: Changing[bool] = field(default_factory=lambda: Changing(True))
    merged_at: Epoch = NEVER
    merged_by: Account | None = None
    merge_commit: Commit | None = None
    merge_method: Literal["MERGE", "SQUASH", "REBASE"] = "SQUASH"
    auto_merge: list[tuple[Span, Account]] = field(default_factory=list[tuple[Span, "Account"]])
    queued: list[tuple[Span, Account]] = field(default_factory=list[tuple[Span, "Account"]])
    cross_repository: bool = False
    times: list[Epoch] = field(default_factory=list[Epoch])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("PR", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at

    def merged(self, now: Epoch) -> bool:
        return now >= self.merged_at

    def state(self, now: Epoch) -> str:
        if now >= self.merged_at:
            return "MERGED"
        return "OPEN" if self.open_state.at(now) else "CLOSED"

    def closed_at(self, now: Epoch) -> Epoch | None:
        if now >= self.merged_at:
            return self.merged_at
        return None if self.open_state.at(now) else self.open_state.since(now)

    def updated_at(self, now: Epoch) -> Epoch:
        """The last thing that happened to it up to now. `times` is sorted by `Repository.settle`."""
        index = bisect_right(self.times, now)
        return self.times[index - 1] if index else self.created_at

    def commits_at(self, now: Epoch) -> list[PullCommit]:
        return [part for part in self.commits if part.at <= now < part.until]

    def head(self, now: Epoch) -> Commit:
        """The head commit now; a pull request is opened with at least one commit."""
        newest = None
        for part in self.commits:
            if part.at <= now < part.until:
                newest = part.commit
        if newest is None:
            raise LookupError(
                f"pull request {self.number} of {self.repository.name.at(now)} has no commit at that instant"
            )
        return newest

    def base_commit(self, now: Epoch) -> str:
        """The tip of the base branch that the pull request was last compared with: just before its merge, or now."""
        until = min(now, self.merged_at - 1)
        if not self.open_state.at(until):
            until = self.open_state.since(until)
        branch = self.repository.branches.get(self.base.at(now))
        tip = branch.tip(until) if branch else None
        return tip or self.commits[0].commit.oid
