"""The GitHub side of a simulated company: the format of `github.yaml`.

The file says what exists, and when; `routine` says what the ordinary working day looks like and is expanded with a
seeded generator, always to the same changes; `events` are dated and say what happened besides, violations included.
The simulated GitHub does not refuse what its rules would have refused: the script tells what happened.

Logins are those of `company.yaml`; somebody is a member of the organisation from the first day to the last, unless an
event says otherwise. Repositories are named by their first name throughout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from sandbox.company import SCHEMA_DIALECT, Strict, read_model

Permission = Literal["pull", "triage", "push", "maintain", "admin"]
Verdict = Literal["approved", "changes_requested", "commented"]
Conclusion = Literal["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"]
DeploymentState = Literal["queued", "pending", "in_progress", "success", "failure", "error", "inactive"]


class App(Strict):
    """A GitHub App. Apps that only report checks need no installation here."""

    slug: str
    name: str
    created: AwareDatetime
    description: str = ""


class Installation(Strict):
    """An app installed in the organisation."""

    app: str = Field(description="Slug of an app.")
    installed: AwareDatetime
    removed: AwareDatetime | None = None
    permissions: dict[str, Literal["read", "write", "admin"]]
    repositories: list[str] | None = Field(default=None, description="None: all repositories.")


class TokenGrant(Strict):
    """A fine-grained personal access token that reaches the organisation."""

    name: str
    owner: str
    granted: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    used_every_days: float | None = Field(default=7, gt=0, description="None: never used.")
    organization: dict[str, str] = Field(default_factory=dict)
    repository: dict[str, str] = Field(default_factory=dict)


class Team(Strict):
    """A team and what it may do where."""

    slug: str
    name: str
    created: AwareDatetime
    description: str = ""
    members: list[str] = Field(default_factory=list)
    maintainers: list[str] = Field(default_factory=list)
    repositories: dict[str, Permission] = Field(default_factory=dict)


class Bypass(Strict):
    """Somebody who may pass a ruleset."""

    kind: Literal["organization_admin", "team", "app", "role", "deploy_key"]
    name: str | None = Field(default=None, description="Slug of a team or app; for role: maintain or admin.")
    mode: Literal["always", "pull_request"] = "always"


class Rules(Strict):
    """What a ruleset or classic protection demands."""

    approvals: int | None = Field(default=None, ge=0, le=6, description="None: no pull request is demanded.")
    dismiss_stale: bool = False
    last_push: bool = False
    code_owners: bool = False
    threads: bool = False
    checks: list[str] = Field(default_factory=list)
    strict: bool = False
    linear_history: bool = False
    no_force_push: bool = True
    no_deletion: bool = True
    merge_queue: bool = False


class Ruleset(Strict):
    """A ruleset of a repository, or of the organisation when it names none."""

    name: str
    created: AwareDatetime
    by: str
    repository: str | None = None
    repositories: list[str] = Field(default_factory=list, description="Of the organisation: name patterns or ~ALL.")
    branches: list[str] = Field(default_factory=lambda: ["~DEFAULT_BRANCH"])
    enforcement: Literal["active", "evaluate", "disabled"] = "active"
    rules: Rules
    bypass: list[Bypass] = Field(default_factory=list)


class Protection(Strict):
    """Classic protection of a branch pattern."""

    pattern: str
    created: AwareDatetime
    by: str
    enforce_admins: bool = True
    rules: Rules


class DeployKey(Strict):
    """A deploy key of a repository; the key itself is derived and opens nothing."""

    title: str
    created: AwareDatetime
    by: str
    read_only: bool = True
    removed: AwareDatetime | None = None
    used_every_days: float | None = Field(default=1, gt=0, description="None: never used.")


class Environment(Strict):
    """A deployment environment."""

    name: str
    created: AwareDatetime
    reviewers: list[str] = Field(default_factory=list, description="`team:slug` or a login.")
    wait_minutes: int = 0
    prevent_self_review: bool = False


class Collaborator(Strict):
    """Somebody with access to a repository of their own, member or not."""

    login: str
    permission: Permission
    start: AwareDatetime
    end: AwareDatetime | None = None


class Repository(Strict):
    """A repository by its first name."""

    name: str
    created: AwareDatetime
    description: str = ""
    visibility: Literal["private", "internal", "public"] = "private"
    topics: list[str] = Field(default_factory=list)
    environments: list[Environment] = Field(default_factory=list)
    deploy_keys: list[DeployKey] = Field(default_factory=list)
    collaborators: list[Collaborator] = Field(default_factory=list)
    protections: list[Protection] = Field(default_factory=list)


class RoutineOf(Strict):
    """The routine of one repository."""

    repository: str
    team: list[str] = Field(min_length=2, description="Logins of those who write and review its changes.")
    pull_requests: int = Field(ge=0, description="How many are merged between `start` and `end`.")
    key: str = Field(description="Tracker key of its tickets, as in LEDG-123.")
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    deploys: bool = True
    checks: list[str] = Field(default_factory=lambda: ["build", "test", "lint"])
    method: Literal["squash", "rebase", "merge"] = "squash"


class Routine(Strict):
    """The ordinary working days: clean changes, reviewed, checked, merged, deployed and checked again.

    Expanded by `sandbox.github.routine` with a generator seeded from `seed` and the repository's name alone, so a
    further repository or event changes nothing in the others. Merges fall into working hours (08:00 to 17:00 UTC,
    Monday to Friday), at least an hour apart in a repository. Of the changes about one in seven is by the dependency
    bot; one in ten has a co-author, who never approves it; one in eight gets changes requested first, which a later
    approval by the same person answers; one in twelve has a re-run of a failed check; one in fifteen is force-pushed
    before its approval; one in twelve loses an approval to a new push and is approved again; one in ten closes an
    issue. Every approval is of the head commit, by a member of the team who neither wrote nor pushed any of it.
    """

    seed: int
    start: AwareDatetime
    end: AwareDatetime
    repositories: list[RoutineOf] = Field(default_factory=list)
    checks_app: str = "github-actions"
    deploy_app: str = Field(description="Slug of the app that deploys and reports the post-deployment check.")
    post_deployment_check: str | None = None
    dependency_app: str | None = None


class Review(Strict):
    """A review of a scripted change."""

    by: str
    verdict: Verdict = "approved"
    minutes_before: int = Field(default=30, ge=1, description="Minutes before the merge.")
    of_commit: int | None = Field(default=None, ge=0, description="Index of the commit; none: the head at that time.")
    dismissed_minutes_before: int | None = None
    dismissed_by: str | None = None


class Commit(Strict):
    """A commit of a scripted change."""

    by: str | None = Field(default=None, description="None: the author of the change.")
    minutes_before: int = Field(ge=1, description="Minutes before the merge.")
    co_authors: list[str] = Field(default_factory=list)
    message: str | None = None


class Deploy(Strict):
    """The deployment that follows a change."""

    minutes_after: int = Field(default=12, ge=1)
    by: str | None = Field(default=None, description="None: the deploying app.")
    environment: str = "production"
    states: list[DeploymentState] = Field(default_factory=lambda: ["queued", "in_progress", "success"])
    post_check: Conclusion | None = Field(default="success", description="None: the check does not run.")


class _Event(Strict):
    at: AwareDatetime
    note: str = Field(default="", description="For readers.")


class Change(_Event):
    """A pull request that is merged at `at`. What is left out is as in the routine, except that it is not deployed."""

    kind: Literal["change"]
    repository: str
    author: str
    title: str | None = None
    ticket: bool = True
    labels: list[str] = Field(default_factory=list)
    commits: list[Commit] = Field(default_factory=list, description="None: one commit two hours before.")
    reviews: list[Review] | None = Field(default=None, description="None: one approval; []: none at all.")
    merged_by: str | None = Field(default=None, description="None: the author.")
    method: Literal["squash", "rebase", "merge"] | None = None
    checks: dict[str, Conclusion | None] = Field(
        default_factory=dict, description="Conclusions other than success on the head commit; null: it does not run."
    )
    bypass: bool = Field(default=False, description="Merged by bypassing the rules; a rule suite records it.")
    deploy: Deploy | None = None


class DirectPush(_Event):
    """A commit pushed to the default branch without a pull request."""

    kind: Literal["direct_push"]
    repository: str
    by: str
    message: str = "Fix configuration"
    bypass: bool = False
    days_backdated: float = Field(default=0, ge=0, description="How old the client says the commit is.")


class ForcePush(_Event):
    """The default branch loses its newest commits and gets another one instead."""

    kind: Literal["force_push"]
    repository: str
    by: str
    drop: int = Field(default=1, ge=1)
    message: str = "Rewrite"


class Deployment(_Event):
    """A deployment that belongs to no scripted change."""

    kind: Literal["deployment"]
    repository: str
    commit: Literal["tip", "unmerged", "absent"] = Field(
        description="The tip of the default branch, a commit of a branch that was never merged, or no commit at all."
    )
    deploy: Deploy = Field(default_factory=Deploy)


class RulesetChanged(_Event):
    """A ruleset gets another enforcement, bypass list or rules, or is deleted."""

    kind: Literal["ruleset_changed"]
    ruleset: str = Field(description="Its name; with `repository` where two have the same.")
    repository: str | None = None
    by: str
    enforcement: Literal["active", "evaluate", "disabled"] | None = None
    bypass: list[Bypass] | None = None
    rules: Rules | None = None
    delete: bool = False


class ProtectionChanged(_Event):
    """A classic protection changes or is deleted."""

    kind: Literal["protection_changed"]
    repository: str
    pattern: str
    by: str
    enforce_admins: bool | None = None
    rules: Rules | None = None
    delete: bool = False


class Renamed(_Event):
    kind: Literal["renamed"]
    repository: str
    to: str
    by: str


class Archived(_Event):
    kind: Literal["archived"]
    repository: str
    by: str


class Deleted(_Event):
    kind: Literal["deleted"]
    repository: str
    by: str


class Topics(_Event):
    kind: Literal["topics"]
    repository: str
    topics: list[str]
    by: str


class TwoFactor(_Event):
    """Somebody's second factor is taken away or comes back."""

    kind: Literal["two_factor"]
    login: str
    on: bool


class TwoFactorRequirement(_Event):
    kind: Literal["two_factor_requirement"]
    on: bool
    by: str


class RoleChanged(_Event):
    kind: Literal["role_changed"]
    login: str
    role: Literal["member", "admin"]
    by: str


class Joined(_Event):
    """Somebody becomes a member, at another time than the first working day."""

    kind: Literal["joined"]
    login: str
    by: str


class Left(_Event):
    """Somebody is removed from the organisation, at another time than the end of the last working day."""

    kind: Literal["left"]
    login: str
    by: str


class AccountDeleted(_Event):
    """An account ceases to exist: what it wrote has no author from then on."""

    kind: Literal["account_deleted"]
    login: str


class PermissionsChanged(_Event):
    """An installed app is granted other permissions."""

    kind: Literal["permissions_changed"]
    app: str
    permissions: dict[str, Literal["read", "write", "admin"]]
    by: str


Event = Annotated[
    Change | DirectPush | ForcePush | Deployment | RulesetChanged | ProtectionChanged | Renamed | Archived | Deleted
    | Topics | TwoFactor | TwoFactorRequirement | RoleChanged | Joined | Left | AccountDeleted | PermissionsChanged,
    Field(discriminator="kind"),
]  # fmt: skip


class GitHubScript(Strict):
    """The whole of `github.yaml`."""

    organisation: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$")]
    name: str | None = None
    created: AwareDatetime
    plan: Literal["free", "team", "enterprise"] = "team"
    two_factor_required: bool = True
    base_permission: Literal["none", "pull", "push", "admin"] = "pull"
    reader: str | None = Field(default=None, description="Login whose token the sandbox hands out; else an owner.")
    owners: list[str] = Field(min_length=1)
    apps: list[App] = Field(default_factory=list)
    installations: list[Installation] = Field(default_factory=list)
    tokens: list[TokenGrant] = Field(default_factory=list)
    teams: list[Team] = Field(default_factory=list)
    rulesets: list[Ruleset] = Field(default_factory=list)
    repositories: list[Repository] = Field(min_length=1)
    routine: Routine | None = None
    events: list[Event] = Field(default_factory=list)

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        names = {repository.name for repository in self.repositories}
        if len(names) != len(self.repositories):
            raise ValueError("two repositories have the same name")
        used = {name for team in self.teams for name in team.repositories}
        used |= {ruleset.repository for ruleset in self.rulesets if ruleset.repository}
        used |= {repository for event in self.events if (repository := getattr(event, "repository", None))}
        used |= {one.repository for one in self.routine.repositories} if self.routine else set()
        if used - names:
            raise ValueError(f"repositories that are not listed: {', '.join(sorted(used - names))}")
        slugs = {app.slug for app in self.apps}
        wanted = {installation.app for installation in self.installations}
        if self.routine is not None:
            wanted |= {self.routine.checks_app, self.routine.deploy_app}
            wanted |= {self.routine.dependency_app} if self.routine.dependency_app else set()
        if wanted - slugs:
            raise ValueError(f"apps that are not listed: {', '.join(sorted(wanted - slugs))}")
        return self


_SCRIPT: TypeAdapter[GitHubScript] = TypeAdapter(GitHubScript)


def script_schema() -> dict[str, Any]:
    """JSON schema of `github.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_SCRIPT.json_schema(), "title": "The GitHub of a simulated company"}


def load_script(folder: Path) -> GitHubScript | None:
    """Read `github.yaml`; None for a company without GitHub. Raises ConfigurationError."""
    path = folder / "github.yaml"
    return read_model(path, _SCRIPT) if path.is_file() else None
