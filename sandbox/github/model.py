"""Everything that ever exists in a simulated GitHub, each thing with the instants at which it comes, changes and goes.

Nothing here moves: an answer is a view of this at one instant of the clock.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sandbox.github.nodeids import node_id
from sandbox.github.times import ALWAYS, NEVER, Changing, Epoch

AccountKind = Literal["User", "Bot", "Organization"]
Span = tuple[Epoch, Epoch]
"""Half-open: from the first instant until just before the second."""


def during(spans: list[Span], now: Epoch) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= now < end for start, end in spans)


@dataclass(slots=True, eq=False)
class Account:
    """A person, a bot or an organisation as an actor."""

    kind: AccountKind
    id: int
    login: str
    name: str | None
    email: str
    created_at: Epoch
    deleted_at: Epoch = NEVER
    app: App | None = None
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id({"User": "U", "Bot": "BOT", "Organization": "O"}[self.kind], self.id)

    @property
    def typename(self) -> str:
        return self.kind

    @property
    def rest_login(self) -> str:
        """REST writes `[bot]` after a bot's name, GraphQL does not."""
        return f"{self.login}[bot]" if self.kind == "Bot" else self.login

    def exists(self, now: Epoch) -> bool:
        return now < self.deleted_at


@dataclass(slots=True, eq=False)
class App:
    """A GitHub App and, through `installations` of the organisation, where it is installed."""

    typename: ClassVar[str] = "App"
    id: int
    slug: str
    name: str
    description: str
    created_at: Epoch
    owner: Account | None = None
    bot: Account | None = None
    permissions: dict[str, str] = field(default_factory=dict[str, str])
    events: list[str] = field(default_factory=list[str])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("A", self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


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
    labels: list[Label] = field(default_factory=list["Label"])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("I", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


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


NO_COMMIT = "0" * 40


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


@dataclass(frozen=True, slots=True)
class Usage:
    """A credential in use: first at `start`, then every so many seconds; None: never."""

    start: Epoch
    every: int | None

    def last(self, now: Epoch) -> Epoch | None:
        """The last use up to now."""
        if self.every is None or now < self.start:
            return None
        return self.start + (now - self.start) // self.every * self.every


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
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("EN", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(slots=True, eq=False)
class Team:
    typename: ClassVar[str] = "Team"
    id: int
    organisation: Organisation
    slug: str
    name: str
    description: str
    created_at: Epoch
    members: list[tuple[Span, Account, str]] = field(default_factory=list[tuple[Span, "Account", str]])
    grants: list[tuple[Span, Repository, str]] = field(default_factory=list[tuple[Span, "Repository", str]])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("T", self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(slots=True, eq=False)
class Installation:
    id: int
    app: App
    organisation: Organisation
    created_at: Epoch
    permissions: Changing[dict[str, str]]
    repositories: list[str] | None = None
    deleted_at: Epoch = NEVER

    def exists(self, now: Epoch) -> bool:
        return self.created_at <= now < self.deleted_at


@dataclass(slots=True, eq=False)
class TokenGrant:
    """A fine-grained personal access token that reaches the organisation."""

    id: int
    owner: Account
    name: str
    granted_at: Epoch
    permissions: dict[str, dict[str, str]]
    repository_selection: Literal["none", "all", "subset"] = "all"
    expires_at: Epoch | None = None
    usage: Usage = field(default_factory=lambda: Usage(NEVER, None))
    revoked_at: Epoch = NEVER

    def exists(self, now: Epoch) -> bool:
        return self.granted_at <= now < self.revoked_at


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
class Member:
    account: Account
    role: Changing[Literal["member", "admin"]]
    start: Epoch
    end: Epoch = NEVER


@dataclass(slots=True, eq=False)
class AuditEntry:
    id: str
    at: Epoch
    action: str
    actor: Account | None
    fields: dict[str, Any]
    git: bool = False


@dataclass(slots=True, eq=False)
class Organisation:
    typename: ClassVar[str] = "Organization"
    account: Account
    plan: Literal["free", "team", "enterprise"]
    two_factor_required: Changing[bool]
    base_permission: Literal["none", "pull", "push", "admin"] = "pull"
    members: list[Member] = field(default_factory=list["Member"])
    without_two_factor: dict[int, list[Span]] = field(default_factory=dict[int, list[Span]])
    teams: list[Team] = field(default_factory=list["Team"])
    repositories: list[Repository] = field(default_factory=list["Repository"])
    installations: list[Installation] = field(default_factory=list["Installation"])
    tokens: list[TokenGrant] = field(default_factory=list["TokenGrant"])
    rulesets: list[Ruleset] = field(default_factory=list["Ruleset"])
    audit: list[AuditEntry] = field(default_factory=list["AuditEntry"])
    reader: Account | None = None
    """Whose token the sandbox hands out, where the script says so."""

    @property
    def node_id(self) -> str:
        return self.account.node_id

    @property
    def login(self) -> str:
        return self.account.login

    def exists(self, now: Epoch) -> bool:
        return now >= self.account.created_at

    def membership(self, account: Account, now: Epoch) -> Member | None:
        for member in self.members:
            if member.account is account and member.start <= now < member.end:
                return member
        return None

    def current_members(self, now: Epoch) -> list[Member]:
        return [member for member in self.members if member.start <= now < member.end]

    def is_owner(self, account: Account, now: Epoch) -> bool:
        member = self.membership(account, now)
        return member is not None and member.role.at(now) == "admin"

    def two_factor_off(self, account: Account, now: Epoch) -> bool:
        return during(self.without_two_factor.get(account.id, []), now)


Permission = Literal["pull", "triage", "push", "maintain", "admin"]


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
