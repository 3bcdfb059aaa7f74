"""Repositories and the rules, keys and protections they have."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.github.model.security import FEATURES_ON
from sandbox.github.nodeids import node_id
from sandbox.github.times import ALWAYS, NEVER, Changing, Epoch, Span

if TYPE_CHECKING:
    from sandbox.github.model.actors import Account, Organisation, Usage
    from sandbox.github.model.checks import Deployment, Environment
    from sandbox.github.model.git import Branch, Commit, Update
    from sandbox.github.model.pulls import Issue, Label, PullRequest
    from sandbox.github.model.security import Alert, WorkflowRun

Permission = Literal["pull", "triage", "push", "maintain", "admin"]


@dataclass(slots=True, eq=False)
class Ruleset:
    """A ruleset with its versions. A version is the REST body without ids, or None once it is deleted."""

    typename: ClassVar[str] = "RepositoryRuleset"
    id: int
    owner: Organisation | Repository
    versions: list[RulesetVersion] = field(default_factory=list["RulesetVersion"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("RRS", self.id)

    def at(self, now: Epoch) -> RulesetVersion | None:
        current = None
        for version in self.versions:
            if version.at <= now:
                current = version
        return current

    def exists(self, now: Epoch) -> bool:
        version = self.at(now)
        return version is not None and version.state is not None

    @property
    def created_at(self) -> Epoch:
        return self.versions[0].at


@dataclass(slots=True, eq=False)
class RulesetVersion:
    id: int
    ruleset: Ruleset
    at: Epoch
    actor: Account
    state: dict[str, Any] | None


@dataclass(slots=True, eq=False)
class RuleSuite:
    """The evaluation of the rules for one push to a branch."""

    id: int
    repository: Repository
    actor: Account
    before: str
    after: str
    branch: str
    at: Epoch
    result: Literal["pass", "fail", "bypass"]
    evaluations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True, eq=False)
class DeployKey:
    typename: ClassVar[str] = "DeployKey"
    id: int
    repository: Repository
    title: str
    key: str
    read_only: bool
    created_at: Epoch
    added_by: Account
    usage: Usage
    deleted_at: Epoch = NEVER
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("DK", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return self.created_at <= now < self.deleted_at


@dataclass(slots=True, eq=False)
class Protection:
    """Classic branch protection of one pattern, in the words of the REST API."""

    typename: ClassVar[str] = "BranchProtectionRule"
    id: int
    repository: Repository
    pattern: str
    creator: Account
    settings: Changing[dict[str, Any] | None]
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("BPR", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return self.settings.at(now) is not None


@dataclass(slots=True, eq=False)
class Repository:
    typename: ClassVar[str] = "Repository"
    id: int
    organisation: Organisation
    name: Changing[str]
    description: str
    visibility: Literal["public", "private", "internal"]
    created_at: Epoch
    archived: Changing[bool]
    topics: Changing[tuple[str, ...]]
    default_branch: Changing[str]
    deleted_at: Epoch = NEVER
    fork: bool = False
    commits: dict[str, Commit] = field(default_factory=dict[str, "Commit"])
    branches: dict[str, Branch] = field(default_factory=dict[str, "Branch"])
    updates: list[Update] = field(default_factory=list["Update"])
    pulls: list[PullRequest] = field(default_factory=list["PullRequest"])
    pull_by_number: dict[int, PullRequest] = field(default_factory=dict[int, "PullRequest"])
    issues: dict[int, Issue] = field(default_factory=dict[int, "Issue"])
    labels: dict[str, Label] = field(default_factory=dict[str, "Label"])
    deployments: list[Deployment] = field(default_factory=list["Deployment"])
    environments: list[Environment] = field(default_factory=list["Environment"])
    rulesets: list[Ruleset] = field(default_factory=list["Ruleset"])
    protections: list[Protection] = field(default_factory=list["Protection"])
    rule_suites: list[RuleSuite] = field(default_factory=list["RuleSuite"])
    deploy_keys: list[DeployKey] = field(default_factory=list["DeployKey"])
    collaborators: list[tuple[Span, Account, Permission]] = field(
        default_factory=list[tuple[Span, "Account", Permission]]
    )
    security: Changing[dict[str, str]] = field(default_factory=lambda: Changing(FEATURES_ON))
    """Security features by name, enabled or disabled; a name that is missing is not told."""
    actions: Changing[dict[str, Any]] = field(default_factory=lambda: Changing[dict[str, Any]]({}))
    """Actions settings that differ from the organisation's."""
    files: dict[str, Changing[str | None]] = field(default_factory=dict[str, "Changing[str | None]"])
    """Text files of the default branch by path; the sandbox keeps no others than CODEOWNERS."""
    alerts: list[Alert] = field(default_factory=list["Alert"])
    workflow_runs: list[WorkflowRun] = field(default_factory=list["WorkflowRun"])
    analyses: list[tuple[Epoch, str, str]] = field(default_factory=list[tuple[Epoch, str, str]])
    """Analyses of code scanning: instant, tool and its version."""
    times: list[Epoch] = field(default_factory=list[Epoch])
    cache: dict[Any, Any] = field(default_factory=dict[Any, Any])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("R", self.id)

    @property
    def slug(self) -> str:
        """Owner and first name; for messages, not for answers."""
        return f"{self.organisation.login}/{self.name.at(ALWAYS)}"

    def exists(self, now: Epoch) -> bool:
        return self.created_at <= now < self.deleted_at

    def full_name(self, now: Epoch) -> str:
        return f"{self.organisation.login}/{self.name.at(now)}"

    def version(self, now: Epoch) -> int:
        """Grows each time something in the repository changes: what is cached is cached per version."""
        return bisect_right(self.times, now)

    def pushed_at(self, now: Epoch) -> Epoch:
        index = bisect_right(self.updates, now, key=lambda update: update.at)
        return self.updates[index - 1].at if index else self.created_at

    def settle(self) -> None:
        """Sort what has to be sorted, once everything has been added."""
        self.updates.sort(key=lambda update: update.at)
        self.pulls.sort(key=lambda pull: (pull.created_at, pull.number))
        self.deployments.sort(key=lambda deployment: (deployment.created_at, deployment.id))
        self.rule_suites.sort(key=lambda suite: suite.at)
        self.alerts.sort(key=lambda alert: (alert.created_at, alert.id))
        self.workflow_runs.sort(key=lambda run: (run.created_at, run.id))
        self.analyses.sort()
        moments: set[Epoch] = {update.at for update in self.updates}
        for pull in self.pulls:
            _settle_pull(pull)
            moments.update(pull.times)
        for deployment in self.deployments:
            deployment.statuses.sort(key=lambda status: status.at)
            moments.add(deployment.created_at)
            moments.update(status.at for status in deployment.statuses)
        moments.update(commit.received_at for commit in self.commits.values())
        self.times = sorted(moments)


def _settle_pull(pull: PullRequest) -> None:
    pull.reviews.sort(key=lambda review: review.submitted_at)
    pull.events.sort(key=lambda event: event.at)
    times = [pull.created_at, *(part.at for part in pull.commits)]
    for review in pull.reviews:
        times.append(review.submitted_at)
        if review.dismissed_at != NEVER:
            insort(times, review.dismissed_at)
    times.extend(event.at for event in pull.events)
    times.extend(at for at, _ in pull.labels)
    if pull.merged_at != NEVER:
        times.append(pull.merged_at)
    pull.times = sorted(set(times))
