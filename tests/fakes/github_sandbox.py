"""The simulated GitHub asked in this process, without a socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from sandbox.clock import SimulatedClock
from sandbox.company import DEMO
from sandbox.faults import FaultPlan
from sandbox.github.credentials import Credentials
from sandbox.github.model import Member, Organisation
from sandbox.github.server import Arrival, GitHubApplication
from sandbox.github.stage import build_github
from sandbox.github.times import Changing
from sandbox.github.world import World
from sandbox.histories import add_history

HOST = "127.0.0.1:1"
CHANGES = Path(__file__).parents[2].parent / "shared" / "data" / "changes"
"""Histories of real services, which are not part of the project."""


@dataclass
class Heard:
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def next(self) -> str | None:
        """Path and query of the next page."""
        found = re.search(r'<http://[^/]+([^>]+)>; rel="next"', self.headers.get("Link", ""))
        return found[1] if found else None


@dataclass
class Asked:
    """A simulated GitHub, its clock and its faults. `who` names a token: owner, member, outsider."""

    world: World
    organisation: Organisation
    clock: SimulatedClock
    plan: FaultPlan
    application: GitHubApplication

    def get(self, path: str, *, who: str | None = "owner", **headers: str) -> Heard:
        """GET a path with its query."""
        return self._ask("GET", path, b"", who, headers)

    def post(self, path: str, body: Any, *, who: str | None = "owner") -> Heard:
        return self._ask("POST", path, orjson.dumps(body), who, {})

    def graphql(self, query: str, *, who: str | None = "owner", **variables: Any) -> Any:
        """The body of a GraphQL answer."""
        return self.post("/graphql", {"query": query, "variables": variables}, who=who).json

    def pages(self, path: str) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        following: str | None = path
        while following is not None:
            heard = self.get(following)
            assert heard.status == 200, heard.content
            items += heard.json
            following = heard.next
        return items

    def _ask(self, method: str, path: str, body: bytes, who: str | None, extra: dict[str, str]) -> Heard:
        headers = {name.replace("_", "-").lower(): value for name, value in extra.items()}
        if who is not None:
            headers["authorization"] = f"Bearer {who}"
        where, _, query = path.partition("?")
        reply = self.application.reply(Arrival(method, where, query, headers, body, HOST))
        return Heard(reply.status, reply.headers, reply.body)


def demo(now: str = "2026-10-02T09:00:00Z") -> Asked:
    """The demo company at an instant. Tokens: owner, member (of the web team), outsider."""
    world = World()
    organisation = build_github(world, DEMO)
    assert organisation is not None
    return _asked(world, organisation, now, member="jpetrauskas")


def history(*names: str, now: str = "2026-11-01T00:00:00Z") -> Asked:
    """Real change histories as repositories of the organisation `acme`."""
    return histories(*(CHANGES / f"{name}.csv" for name in names), now=now)


def histories(*paths: Path, now: str = "2026-11-01T00:00:00Z") -> Asked:
    """History files as repositories of the organisation `acme`, named after the files."""
    world = World()
    organisation = world.organisation("acme", created_at=0)
    organisation.members.append(Member(world.account("acme-owner"), Changing("admin"), 0))
    for path in paths:
        add_history(world, organisation, path.stem, path)
    return _asked(world, organisation, now, member=None)


def _asked(world: World, organisation: Organisation, now: str, *, member: str | None) -> Asked:
    credentials = Credentials(world)
    owner = next(one.account for one in organisation.members if one.role.at(one.start) == "admin")
    credentials.add_token("owner", owner)
    credentials.add_token("outsider", world.account("stranger"))
    if member is not None:
        credentials.add_token("member", world.accounts[member])
    world.settle()
    clock = SimulatedClock(datetime.fromisoformat(now).astimezone(UTC), running=False)
    plan = FaultPlan()
    return Asked(world, organisation, clock, plan, GitHubApplication(world, credentials, clock, plan))
