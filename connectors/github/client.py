"""What a session carries for the extractors of this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal, cast

from connectors.github.paging import Sizes
from connectors.github.shared import Shared
from connectors.github.transport import Transport
from schemas.errors import ConfigurationError
from schemas.extraction import Request, Session

Plan = Literal["free", "team", "enterprise_cloud", "enterprise_server"]
PLANS: tuple[Plan, ...] = ("free", "team", "enterprise_cloud", "enterprise_server")


@dataclass(frozen=True, slots=True)
class Tickets:
    """Issues of one repository with one label."""

    repository: str
    """`owner/name`"""
    labels: tuple[str, ...]
    register: str = "incidents"
    """The key of `registers` that says so."""


@dataclass(frozen=True, slots=True)
class GithubClient:
    """`Session.client` of a GitHub session."""

    tracker: ClassVar[str] = "github"
    organisation: str
    """Login, as the programme writes it."""
    organisation_id: str
    """Node id."""
    production_branches: tuple[str, ...]
    production_environments: frozenset[str]
    plan: Plan
    now: Callable[[], datetime]
    """The local clock: aware, UTC; simulated only against a simulated endpoint."""
    transport: Transport
    sizes: Sizes = field(default_factory=Sizes)
    tickets: Tickets | None = None
    """Where the company's tickets are; None in a session of GitHub proper."""
    archive: Path | None = None
    """The folder where a webhook receiver of this programme writes."""
    shared: Shared = field(default_factory=Shared)
    """That of all sessions of a run."""

    def is_production(self, environment: str) -> bool:
        """Whether deployments to an environment of this name are production's. Upper and lower case are the same to
        GitHub."""
        return environment.casefold() in {name.casefold() for name in self.production_environments}


def client_of(session: Session) -> GithubClient:
    """The session's client."""
    return cast("GithubClient", session.client)


def interval_of(request: Request) -> tuple[datetime, datetime]:
    """The interval asked for. `ConfigurationError` without one."""
    if request.start is None or request.end is None:
        names = ", ".join(sorted(request.datasets))
        raise ConfigurationError(f"{names} is collected for an interval; give its start and end.")
    return request.start, request.end
