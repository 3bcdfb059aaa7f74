"""What can happen in a script besides its routine: the `events` of `github.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from sandbox.company import Strict

Verdict = Literal["approved", "changes_requested", "commented"]


Conclusion = Literal["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"]


DeploymentState = Literal["queued", "pending", "in_progress", "success", "failure", "error", "inactive"]


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
    queue_minutes: int | None = Field(
        default=None, ge=5, description="Minutes in the merge queue, which then merges it; none: merged by hand."
    )
    first_base: str | None = Field(
        default=None, description="Branch it was opened against; turned to the default branch right after."
    )
    deploy: Deploy | None = None


class Proposal(_Event):
    """A pull request opened at `at` and never merged."""

    kind: Literal["proposal"]
    repository: str
    author: str
    title: str = "An idea"
    closed: AwareDatetime | None = None
    reopened: AwareDatetime | None = None


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
    Change | Proposal | DirectPush | ForcePush | Deployment | RulesetChanged | ProtectionChanged | Renamed | Archived
    | Deleted | Topics | TwoFactor | TwoFactorRequirement | RoleChanged | Joined | Left | AccountDeleted
    | PermissionsChanged,
    Field(discriminator="kind"),
]  # fmt: skip
