"""Commits and branches, with every movement of a branch."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from sandbox.github.nodeids import node_id
from sandbox.github.times import Epoch

if TYPE_CHECKING:
    from sandbox.github.model.actors import Account
    from sandbox.github.model.checks import CheckSuite, Deployment, StatusContext
    from sandbox.github.model.pulls import PullRequest
    from sandbox.github.model.repositories import Repository

NO_COMMIT = "0" * 40
"""What GitHub writes for a branch that does not exist before or after a movement."""


@dataclass(slots=True, frozen=True, eq=False)
class Signature:
    """Author or committer as git records it; the date is whatever the client said."""

    typename: ClassVar[str] = "GitActor"
    name: str
    email: str
    at: Epoch
    offset: int
    account: Account | None


@dataclass(slots=True, eq=False)
class Commit:
    typename: ClassVar[str] = "Commit"
    repository: Repository
    oid: str
    parents: tuple[str, ...]
    message: str
    author: Signature
    committer: Signature
    received_at: Epoch
    co_authors: tuple[Signature, ...] = ()
    signed: bool = False
    web: bool = False
    suites: list[CheckSuite] = field(default_factory=list["CheckSuite"])
    statuses: list[StatusContext] = field(default_factory=list["StatusContext"])
    deployments: list[Deployment] = field(default_factory=list["Deployment"])
    introduced_by: PullRequest | None = None
    proposed_in: list[PullRequest] = field(default_factory=list["PullRequest"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("C", self.repository.id, self.oid)

    @property
    def headline(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def rest_of_message(self) -> str:
        return self.message.partition("\n")[2].lstrip("\n")

    def exists(self, now: Epoch) -> bool:
        return now >= self.received_at


@dataclass(slots=True, eq=False)
class Update:
    """One movement of a branch, which is also one row of the activity ledger."""

    typename: ClassVar[str] = "Activity"
    id: int
    repository: Repository
    branch: str
    at: Epoch
    kind: Literal["push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge"]
    before: str
    after: str
    actor: Account | None
    pull: PullRequest | None = None
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("PSH", self.repository.id, self.id)


@dataclass(slots=True, eq=False)
class Branch:
    typename: ClassVar[str] = "Ref"
    repository: Repository
    name: str
    updates: list[Update] = field(default_factory=list["Update"])
    times: list[Epoch] = field(default_factory=list[Epoch])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("REF", self.repository.id, f"refs/heads/{self.name}")

    def exists(self, now: Epoch) -> bool:
        return self.tip(now) is not None

    def tip(self, now: Epoch) -> str | None:
        index = bisect_right(self.times, now)
        if not index:
            return None
        after = self.updates[index - 1].after
        return None if after == NO_COMMIT else after

    def record(self, update: Update) -> None:
        """Add a movement; movements of a branch are recorded in the order in which they happen."""
        if self.times and update.at < self.times[-1]:
            raise ValueError(
                f"{self.repository.slug}: branch {self.name} moves at {update.at}, before its last move at "
                f"{self.times[-1]}"
            )
        self.updates.append(update)
        self.times.append(update.at)
