"""Check runs, commit statuses, deployments and environments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from sandbox.github.nodeids import node_id
from sandbox.github.times import Epoch

if TYPE_CHECKING:
    from sandbox.github.model.actors import Account, App, Team
    from sandbox.github.model.git import Commit
    from sandbox.github.model.repositories import Repository


@dataclass(slots=True, eq=False)
class CheckSuite:
    typename: ClassVar[str] = "CheckSuite"
    id: int
    commit: Commit
    app: App
    branch: str | None
    created_at: Epoch
    runs: list[CheckRun] = field(default_factory=list["CheckRun"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("CS", self.commit.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at

    def visible_runs(self, now: Epoch) -> list[CheckRun]:
        return [run for run in self.runs if run.started_at <= now]

    def completed_at(self, now: Epoch) -> Epoch | None:
        """When the last of its runs ended; None while one is running."""
        runs = self.visible_runs(now)
        ended = [run.completed_at for run in runs if run.completed_at is not None and run.completed_at <= now]
        return max(ended) if runs and len(ended) == len(runs) else None

    def conclusion(self, now: Epoch) -> str | None:
        if self.completed_at(now) is None:
            return None
        ends = {run.conclusion for run in self.visible_runs(now)}
        for worst in ("FAILURE", "TIMED_OUT", "STARTUP_FAILURE", "CANCELLED", "ACTION_REQUIRED", "STALE"):
            if worst in ends:
                return worst
        return "SUCCESS" if "SUCCESS" in ends else "NEUTRAL" if "NEUTRAL" in ends else "SKIPPED"


@dataclass(slots=True, eq=False)
class CheckRun:
    typename: ClassVar[str] = "CheckRun"
    id: int
    suite: CheckSuite
    name: str
    started_at: Epoch
    completed_at: Epoch | None
    conclusion: str | None
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("CR", self.suite.commit.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.started_at

    def done(self, now: Epoch) -> bool:
        return self.completed_at is not None and self.completed_at <= now


@dataclass(slots=True, eq=False)
class StatusContext:
    typename: ClassVar[str] = "StatusContext"
    id: int
    commit: Commit
    context: str
    state: str
    created_at: Epoch
    creator: Account
    description: str | None = None
    target_url: str | None = None
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("SC", self.commit.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(slots=True, eq=False)
class DeploymentStatus:
    typename: ClassVar[str] = "DeploymentStatus"
    id: int
    deployment: Deployment
    state: str
    at: Epoch
    creator: Account
    description: str = ""
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("DES", self.deployment.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.at


@dataclass(slots=True, eq=False)
class Deployment:
    typename: ClassVar[str] = "Deployment"
    id: int
    repository: Repository
    commit_oid: str
    ref: str
    environment: str
    creator: Account
    created_at: Epoch
    description: str = ""
    statuses: list[DeploymentStatus] = field(default_factory=list["DeploymentStatus"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("DE", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at

    def latest(self, now: Epoch) -> DeploymentStatus | None:
        seen = [status for status in self.statuses if status.at <= now]
        return seen[-1] if seen else None

    def updated_at(self, now: Epoch) -> Epoch:
        latest = self.latest(now)
        return latest.at if latest else self.created_at


@dataclass(slots=True, eq=False)
class Environment:
    typename: ClassVar[str] = "Environment"
    id: int
    repository: Repository
    name: str
    created_at: Epoch
    reviewers: list[Team | Account] = field(default_factory=list["Team | Account"])
    prevent_self_review: bool = False
    wait_minutes: int = 0
    protected_branches: bool = True
    branch_patterns: list[str] = field(default_factory=list[str])
    """Where they are given, only branches of these names may deploy."""
    admins_bypass: bool = True
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("EN", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at
