"""Alerts, workflow runs, webhooks and invitations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.github.nodeids import node_id
from sandbox.github.times import NEVER, Epoch

if TYPE_CHECKING:
    from sandbox.github.model.actors import Account
    from sandbox.github.model.repositories import Repository

AlertKind = Literal["dependabot", "code_scanning", "secret_scanning"]


@dataclass(slots=True, eq=False)
class AlertChange:
    """The state of an alert from an instant on; `fields` are those of the REST answer that come with it."""

    at: Epoch
    state: str
    by: Account | None = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True, eq=False)
class Alert:
    """A finding of one of GitHub's scanners. `facts` is what never changes, in the words of the REST API."""

    typename: ClassVar[str] = "RepositoryVulnerabilityAlert"
    kind: AlertKind
    id: int
    repository: Repository
    number: int
    created_at: Epoch
    facts: dict[str, Any]
    changes: list[AlertChange] = field(default_factory=list["AlertChange"])
    withdrawn_at: Epoch = NEVER
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("RVA", self.repository.id, self.id)

    def exists(self, now: Epoch) -> bool:
        return self.created_at <= now < self.withdrawn_at

    def now(self, now: Epoch) -> AlertChange | None:
        """The latest change up to now; None for one that is as it was found."""
        past = [change for change in self.changes if change.at <= now]
        return past[-1] if past else None


@dataclass(slots=True, eq=False)
class WorkflowRun:
    id: int
    repository: Repository
    workflow: str
    path: str
    number: int
    event: str
    branch: str
    sha: str
    actor: Account
    created_at: Epoch
    completed_at: Epoch
    conclusion: str
    attempt: int = 1

    @property
    def node_id(self) -> str:
        return node_id("WFR", self.repository.id, self.id)


@dataclass(slots=True, eq=False)
class Delivery:
    """One attempt to deliver an event to a hook."""

    id: int
    guid: str
    at: Epoch
    event: str
    action: str | None
    payload: dict[str, Any]
    status_code: int = 200
    redelivery: bool = False
    repository_id: int | None = None


@dataclass(slots=True, eq=False)
class Hook:
    """A webhook of an organisation."""

    id: int
    url: str
    events: list[str]
    created_at: Epoch
    deliveries: list[Delivery] = field(default_factory=list["Delivery"])
    active: bool = True


@dataclass(slots=True, eq=False)
class Invitation:
    id: int
    login: str | None
    email: str | None
    role: str
    inviter: Account
    created_at: Epoch
    ends_at: Epoch = NEVER

    @property
    def node_id(self) -> str:
        return node_id("OI", self.id)


FEATURES_ON: dict[str, str] = {
    "advanced_security": "enabled",
    "code_security": "enabled",
    "secret_scanning": "enabled",
    "secret_scanning_push_protection": "enabled",
    "secret_scanning_non_provider_patterns": "disabled",
    "secret_scanning_validity_checks": "disabled",
    "dependabot_security_updates": "enabled",
    "vulnerability_alerts": "enabled",
}
"""Security features of a repository as a careful organisation has them."""
ACTIONS: dict[str, Any] = {
    "enabled": True, "enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": False,
    "default_workflow_permissions": "read", "can_approve_pull_request_reviews": False,
}  # fmt: skip
"""Actions settings of an organisation that leave its repositories no choice."""
SETTINGS: dict[str, Any] = {
    "members_can_create_repositories": False, "members_can_fork_private_repositories": False,
    "web_commit_signoff_required": False, "members_can_create_public_repositories": False,
    "members_can_create_private_repositories": False, "members_can_invite_outside_collaborators": False,
    "members_can_delete_repositories": False, "members_can_change_repo_visibility": False,
    "members_can_create_teams": True, "deploy_keys_enabled_for_repositories": True,
    "secret_scanning_enabled_for_new_repositories": True,
    "secret_scanning_push_protection_enabled_for_new_repositories": True,
    "dependabot_alerts_enabled_for_new_repositories": True,
}  # fmt: skip
"""Settings of an organisation as `organization-full` names them."""
