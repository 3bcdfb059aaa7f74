"""Simulated trackers of a small company, and sessions with them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.jira.client import Project
from connectors.jira.session import open_session as open_jira
from connectors.pagerduty.client import Services
from connectors.pagerduty.session import open_session as open_pagerduty
from connectors.tickets.extractors import EXTRACTORS
from connectors.tickets.probes import PROBES, source_clock
from sandbox.clock import SimulatedClock
from sandbox.company import Company
from sandbox.faults import FaultPlan
from sandbox.trackers.jira import JiraServer
from sandbox.trackers.jira_script import JiraScript
from sandbox.trackers.pagerduty import PagerDutyServer
from sandbox.trackers.pagerduty_script import PagerDutyScript
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from schemas.tickets import INCIDENTS
from tests.fakes.memory_sink import MemorySink

NOW = datetime(2026, 8, 1, tzinfo=UTC)
START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC)
ITEM = ScopeItem("org:acme", "Acme", "own")
COMPANY = Company.model_validate({
    "name": "Acme", "slug": "acme", "domain": "acme.example",
    "people": [
        {"person_id": who, "name": who.title(), "email": f"{who}@acme.example", "start": "2020-01-01"}
        for who in ("ann", "bob", "eve")
    ],
})  # fmt: skip


@dataclass
class Tracker:
    """A running server with what it takes to ask it. `waited` are the seconds that were to be slept."""

    server: JiraServer | PagerDutyServer
    plan: FaultPlan
    environ: dict[str, str]
    waited: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def session(self, place: Project | Services, environ: Mapping[str, str] | None = None) -> Generator[Session]:
        """A session for the length of the block."""
        session = self._opened(place, self.environ if environ is None else environ)
        try:
            yield session
        finally:
            session.close()

    def _opened(self, place: Project | Services, given: Mapping[str, str]) -> Session:
        keys: dict[str, Any] = {"now": lambda: NOW, "pause": self.waited.append}
        if isinstance(place, Project):
            return open_jira(self.server.url, place, INCIDENTS, given, **keys)
        return open_pagerduty(self.server.url, place, INCIDENTS, given, **keys)

    def probe(self, place: Project | Services) -> None:
        """What `evidence doctor` asks."""
        with self.session(place) as session:
            PROBES[INCIDENTS.name](session, ITEM)

    def clock(self, place: Project | Services) -> datetime:
        with self.session(place) as session:
            return source_clock(session)

    def read(
        self, place: Project | Services, start: datetime = START, end: datetime = END
    ) -> tuple[dict[int, dict[str, Any]], ItemClaim]:
        """Rows by number, and the claim."""
        sink = MemorySink()
        request = Request(frozenset({INCIDENTS.name}), ITEM, start, end)
        with self.session(place) as session:
            [claim] = EXTRACTORS[INCIDENTS.name](session, request, sink)
        return {row["number"]: row for row in sink.of(INCIDENTS.name)}, claim


def jira(script: Mapping[str, Any]) -> Tracker:
    plan = FaultPlan()
    server = JiraServer(JiraScript.model_validate(script), COMPANY, SimulatedClock(NOW, running=False), plan)
    return Tracker(server, plan, server.environment)


def pagerduty(script: Mapping[str, Any]) -> Tracker:
    plan = FaultPlan()
    server = PagerDutyServer(PagerDutyScript.model_validate(script), COMPANY, SimulatedClock(NOW, running=False), plan)
    return Tracker(server, plan, server.environment)
