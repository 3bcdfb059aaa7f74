"""What a session carries for reading Jira."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from connectors.tickets.asking import Asker
from schemas.extraction import Session

Deployment = Literal["Cloud", "Server"]
"""As Jira calls itself; Data Center says `Server`."""


@dataclass(frozen=True, slots=True)
class Project:
    """The issues of one project that are wanted: all of them, or those with a label or of a type."""

    key: str
    register: str
    """The key of `registers` that says so."""
    label: str | None = None
    issue_type: str | None = None

    @property
    def words(self) -> str:
        of = [] if self.label is None else [f"labelled {self.label}"]
        of += [] if self.issue_type is None else [f"of type {self.issue_type}"]
        return " ".join([f"project {self.key}", *of])


@dataclass(frozen=True, slots=True)
class JiraClient:
    """`Session.client` of a session with Jira."""

    tracker: ClassVar[Literal["jira"]] = "jira"
    asker: Asker
    project: Project
    deployment: Deployment
    site: str
    """Host of the site as it names itself, by which ids of issues are told from those of another one."""
    base_url: str
    """Where people see it."""
    field_names: Mapping[str, str]
    """Names of custom fields by id."""
    done: frozenset[str]
    """Ids of the statuses in which an issue counts as done."""


def client_of(session: Session) -> JiraClient:
    """The session's client."""
    return cast("JiraClient", session.client)
