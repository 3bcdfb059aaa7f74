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
from sandbox.github.script_events import Bypass, Event, Rules
from sandbox.github.script_security import Security

Permission = Literal["pull", "triage", "push", "maintain", "admin"]


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
    branches: list[str] = Field(default_factory=list, description="Patterns; none: every protected branch.")
    admins_bypass: bool = True


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
    merge_queue: bool = Field(default=False, description="Changes are merged by the merge queue.")


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


class GitHubScript(Strict):
    """The whole of `github.yaml`."""

    organisation: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$")]
    name: str | None = None
    created: AwareDatetime
    plan: Literal["free", "team", "enterprise"] = "team"
    two_factor_required: bool = True
    base_permission: Literal["none", "pull", "push", "admin"] = "pull"
    reader: str | None = Field(default=None, description="Login whose token the sandbox hands out; else an owner.")
    credentials: Literal["token", "app"] = Field(
        default="token", description="What the sandbox puts into the environment: the reader's token, or an app."
    )
    owners: list[str] = Field(min_length=1)
    apps: list[App] = Field(default_factory=list)
    installations: list[Installation] = Field(default_factory=list)
    tokens: list[TokenGrant] = Field(default_factory=list)
    teams: list[Team] = Field(default_factory=list)
    rulesets: list[Ruleset] = Field(default_factory=list)
    repositories: list[Repository] = Field(min_length=1)
    routine: Routine | None = None
    security: Security = Field(default_factory=Security)
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
        security = self.security
        for group in (security.changes, security.alerts, security.tickets, security.code_owners):
            used |= {one.repository for one in group}
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
