"""What a session carries for reading PagerDuty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from connectors.tickets.asking import Asker
from schemas.extraction import Session


@dataclass(frozen=True, slots=True)
class Services:
    """The incidents of these services, all of the account where none is named."""

    ids: tuple[str, ...]
    register: str
    """The key of `registers` that says so."""

    @property
    def words(self) -> str:
        return f"services {', '.join(sorted(self.ids))}" if self.ids else "all services"


@dataclass(frozen=True, slots=True)
class PagerDutyClient:
    """`Session.client` of a session with PagerDuty."""

    tracker: ClassVar[Literal["pagerduty"]] = "pagerduty"
    asker: Asker
    services: Services


def client_of(session: Session) -> PagerDutyClient:
    """The session's client."""
    return cast("PagerDutyClient", session.client)
