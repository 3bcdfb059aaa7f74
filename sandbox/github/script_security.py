"""What a script says about security features, alerts, tickets, code owners, webhooks and invitations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from sandbox.company import Strict

Switch = Literal["enabled", "disabled"]


class AlertEnd(Strict):
    """How an alert was closed."""

    at: AwareDatetime
    state: Literal["fixed", "dismissed", "auto_dismissed", "resolved"]
    by: str | None = None
    reason: str | None = Field(default=None, description="As GitHub's API writes it, for example tolerable_risk.")
    comment: str | None = None


class Alert(Strict):
    """A finding of one of GitHub's scanners."""

    kind: Literal["dependabot", "code_scanning", "secret_scanning"]
    repository: str
    found: AwareDatetime
    severity: Literal["low", "medium", "high", "critical"] = "high"
    what: str = Field(description="Package, rule or type of secret.")
    advisory: str = Field(default="GHSA-0000-0000-0000", description="Dependabot: the GHSA id.")
    cve: str | None = None
    ecosystem: str = "pip"
    where: str = "requirements.txt"
    summary: str = "A simulated weakness."
    ends: list[AlertEnd] = Field(default_factory=list[AlertEnd])
    bypassed_by: str | None = Field(default=None, description="Secrets: who passed over push protection.")


class SecurityChange(Strict):
    """Security features of a repository that change at an instant."""

    repository: str
    at: AwareDatetime
    by: str
    features: dict[str, Switch]


class Comment(Strict):
    at: AwareDatetime
    by: str
    text: str


class LabelChange(Strict):
    at: AwareDatetime
    by: str
    add: str | None = None
    remove: str | None = None


class Ticket(Strict):
    """An issue that is kept as a ticket, with everything that happened to it."""

    repository: str
    number: int
    title: str
    opened: AwareDatetime
    by: str
    labels: list[str]
    body: str = ""
    assignee: str | None = None
    comments: list[Comment] = Field(default_factory=list[Comment])
    relabelled: list[LabelChange] = Field(default_factory=list[LabelChange])
    closed: AwareDatetime | None = None
    closed_by: str | None = None


class CodeOwners(Strict):
    """A CODEOWNERS file on the default branch."""

    repository: str
    path: str = ".github/CODEOWNERS"
    since: AwareDatetime
    text: str


class Invitation(Strict):
    invited: AwareDatetime
    by: str
    login: str | None = None
    email: str | None = None
    ends: AwareDatetime | None = None


class Webhook(Strict):
    """A webhook of the organisation; every entry of the audit log that has one of its events is delivered."""

    url: str
    created: AwareDatetime
    events: list[str]
    failing: list[tuple[AwareDatetime, AwareDatetime]] = Field(
        default_factory=list[tuple[AwareDatetime, AwareDatetime]], description="When the receiver did not answer."
    )


class Security(Strict):
    """The `security` of `github.yaml`."""

    actions: dict[str, Any] = Field(default_factory=dict[str, Any], description="Settings that differ from the usual.")
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    unlicensed: list[Literal["dependabot", "code_scanning", "secret_scanning"]] = Field(
        default_factory=list[Literal["dependabot", "code_scanning", "secret_scanning"]]
    )
    changes: list[SecurityChange] = Field(default_factory=list[SecurityChange])
    alerts: list[Alert] = Field(default_factory=list[Alert])
    tickets: list[Ticket] = Field(default_factory=list[Ticket])
    code_owners: list[CodeOwners] = Field(default_factory=list[CodeOwners])
    invitations: list[Invitation] = Field(default_factory=list[Invitation])
    webhooks: list[Webhook] = Field(default_factory=list[Webhook])
    analysed_every_days: int | None = Field(
        default=7, ge=1, description="How often code scanning analyses; none: never."
    )
