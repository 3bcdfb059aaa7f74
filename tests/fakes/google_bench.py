"""A simulated Google Workspace on loopback, with sessions on it and a sink to read into."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.google.extractors import EXTRACTORS
from connectors.google.permissions import workspace_access
from connectors.google.session import open_session
from sandbox.clock import SimulatedClock
from sandbox.company import DEMO
from sandbox.faults import FaultPlan
from sandbox.google.identity import Identity
from sandbox.google.server import GoogleServer
from sandbox.google.workspace.company import Workspace, load_workspace
from schemas.dataset import Dataset
from schemas.extraction import ItemClaim, Request, Session
from schemas.programme_scope import GoogleScope
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink

NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
READER = "evidence@tallybrook.example"


@dataclass
class GoogleBench:
    """The server with its faults and clock; `collected` runs an extractor as the collecting step does."""

    workspace: Workspace
    server: GoogleServer
    plan: FaultPlan
    clock: SimulatedClock
    key: Path
    delegate: str = READER

    def spoil(self, *rules: dict[str, Any]) -> None:
        """Put faults in force."""
        self.plan.replace([{"source": "google", **rule} for rule in rules])

    def fresh(self, now: datetime = NOW) -> None:
        """No faults, nothing counted, every scope delegated."""
        self.plan.replace([])
        self.plan.forget_requests()
        self.server.identity.withheld.clear()
        self.clock.set(now)

    def session(self, **more: Any) -> Session:
        """A new session; `policies` are the names in scope.policies."""
        policies = more.pop("policies", ())
        scope = GoogleScope(
            customer=self.workspace.customer.id, domain=self.workspace.customer.domain, delegate=self.delegate,
            api_url=self.server.url,
        )  # fmt: skip
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(self.key)}
        access = workspace_access(scope, policies=policies)
        return open_session(access, environ, now=self.clock.now, pause=lambda _: None, **more)

    def collected(
        self,
        dataset: Dataset,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        session: Session | None = None,
        item: str | None = None,
    ) -> tuple[ItemClaim, list[dict[str, Any]], MemorySink]:
        """The claim, the rows and the sink of one extraction."""
        sink = MemorySink()
        name = item or f"google:{self.workspace.customer.id}"
        request = Request(frozenset({dataset.name}), ScopeItem(name, name, "google"), start, end)
        claims = EXTRACTORS[dataset.name](session or self.session(), request, sink)
        (claim,) = [one for one in claims if one.dataset == dataset.name]
        return claim, sink.of(dataset), sink


@contextmanager
def google_bench(
    folder: Path, workspace: Workspace | None = None, now: datetime = NOW, delegate: str = READER
) -> Generator[GoogleBench]:
    """A running bench; the demo company's Workspace where none is given."""
    served = workspace or load_workspace(DEMO)
    clock, plan = SimulatedClock(now, running=False), FaultPlan()
    identity = Identity("reader@acme.iam.gserviceaccount.com", "acme", served.may_ask_for)
    server = GoogleServer([served.handlers], identity, clock, plan)
    key = folder / "google-key.json"
    key.write_bytes(orjson.dumps(server.key_file()))
    try:
        yield GoogleBench(served, server, plan, clock, key, delegate)
    finally:
        server.close()
