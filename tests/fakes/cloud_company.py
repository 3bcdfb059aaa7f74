"""A small Google Cloud, served on loopback, and extractors run against it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.gcp.extractors import EXTRACTORS
from connectors.gcp.permissions import cloud_access
from connectors.gcp.probes import PROBES
from connectors.google.session import open_session
from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from sandbox.google.cloud.resources import cloud_world_handlers
from sandbox.google.cloud.world import CloudWorld, Holder, Project
from sandbox.google.identity import Identity
from sandbox.google.server import GoogleServer
from schemas.dataset import Dataset
from schemas.extraction import ItemClaim, Request, Session
from schemas.programme_scope import GcpScope
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
EVERYTHING = (
    "bigquery", "cloudasset", "cloudbuild", "clouddeploy", "cloudkms", "compute", "iam", "logging", "policyanalyzer",
    "run", "securitycenter", "sqladmin", "storage",
)  # fmt: skip
ORG = "organizations/900"
FOLDER = "folders/800"


def project(number: int, name: str, parent: str | None = FOLDER, **more: Any) -> Project:
    """An active project with every service switched on."""
    record = {
        "name": f"projects/{number}", "projectId": name, "displayName": name.title(), "state": "ACTIVE",
        "createTime": "2024-02-01T09:00:00.123456Z", "updateTime": "2024-02-01T09:00:00Z",
    }  # fmt: skip
    if parent is not None:
        record["parent"] = parent
    return Project(
        f"projects/{number}", parent, project_id=name, record=record | more,
        services={f"{one}.googleapis.com" for one in EVERYTHING},
    )  # fmt: skip


def small_world(*projects: Project) -> CloudWorld:
    """Projects in one folder of one organisation."""
    return CloudWorld(list(projects) or [project(100, "tallybrook-prod")], above=[Holder(ORG), Holder(FOLDER, ORG)])


@dataclass
class Collected:
    """What an extractor gave."""

    claim: ItemClaim
    rows: list[dict[str, Any]]
    sink: MemorySink
    requests: dict[str, int] = field(default_factory=dict[str, int])


class Cloud:
    """A served world. `become` replaces it; the server stays."""

    def __init__(self, directory: Path) -> None:
        self.clock, self.plan = SimulatedClock(NOW, running=False), FaultPlan()
        self._sessions: dict[tuple[str, ...], Session] = {}
        self._world = small_world()
        identity = Identity("reader@acme.iam.gserviceaccount.com", "acme", lambda *_: False)
        # The handlers look the world up at each call, so that one server serves all tests.
        self.server = GoogleServer([cloud_world_handlers(self._world)], identity, self.clock, self.plan)
        self._key = directory / "key.json"
        self._key.write_bytes(orjson.dumps(self.server.key_file()))

    @property
    def world(self) -> CloudWorld:
        return self._world

    def become(self, world: CloudWorld) -> CloudWorld:
        """Serve another world, without faults and at the usual instant."""
        for name in ("projects", "above", "roles", "entries", "denied", "hidden"):
            setattr(self._world, name, getattr(world, name))
        self.plan.replace([])
        self.plan.forget_requests()
        self.clock.set(NOW)
        return self._world

    def spoil(self, match: str, kind: str, **more: Any) -> None:
        """Let one method fail."""
        self.plan.replace([{"source": "google", "match": match, "kind": kind, **more}])

    def session(self, named: Collection[str] = ("tallybrook-prod",)) -> Session:
        """An open session for a programme with these projects; the same one each time, since opening takes a while."""
        held = self._sessions.get(tuple(named))
        if held is not None:
            return held
        access = cloud_access(GcpScope(projects=tuple(named), api_url=self.server.url))
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(self._key)}
        opened = open_session(access, environ, now=self.clock.now, pause=lambda _: None)
        self._sessions[tuple(named)] = opened
        return opened

    def collect(
        self,
        dataset: Dataset,
        number: int | str = 100,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        known: frozenset[str] | None = None,
        session: Session | None = None,
    ) -> Collected:
        """Run the extractor of a dataset for one project, or the organisation's item for the inventory."""
        item_id = "org:tallybrook" if dataset.name == "gcp.projects" else f"gcp:{number}"
        sink = MemorySink()
        opened = session or self.session()
        before = opened.client.requests
        request = Request(
            frozenset({dataset.name}), ScopeItem(item_id, item_id, "gcp"), start=start, end=end, known_items=known
        )
        (claim,) = EXTRACTORS[dataset.name](opened, request, sink)
        return Collected(claim, sink.of(dataset), sink, {"requests": opened.client.requests - before})

    def probe(self, dataset: Dataset, number: int | str = 100) -> None:
        item_id = "org:tallybrook" if dataset.name == "gcp.projects" else f"gcp:{number}"
        PROBES[dataset.name](self.session(), ScopeItem(item_id, item_id, "gcp"))

    def close(self) -> None:
        self.server.close()
