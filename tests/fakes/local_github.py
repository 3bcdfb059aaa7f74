"""A simulated GitHub on loopback, filled by the test itself, and a session to it.

The server speaks GitHub's real protocol; what a test adds is the company behind it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.github.client import GithubClient, client_of
from connectors.github.session import open_session
from connectors.github.transport import GithubTransport, Limits
from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from sandbox.github.build import RepositoryBuilder
from sandbox.github.credentials import Credentials
from sandbox.github.model import NO_COMMIT, Account, Commit, Installation, Member, Organisation, PullRequest, Repository
from sandbox.github.nodeids import object_id
from sandbox.github.server import GitHubServer
from sandbox.github.times import Changing, epoch
from sandbox.github.world import World
from schemas.extraction import Request, Session
from schemas.scope import ScopeItem

TOKEN = "ghp_" + "a" * 36
START = datetime(2026, 4, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 2, 6, tzinfo=UTC)
FAR = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class LocalGithub:
    """The running server and how to reach it."""

    world: World
    organisation: Organisation
    owner: Account
    clock: SimulatedClock
    plan: FaultPlan
    credentials: Credentials
    server: GitHubServer
    slept: list[float] = field(default_factory=list[float])
    _open: list[GithubTransport] = field(default_factory=list[GithubTransport])

    @property
    def scope(self) -> dict[str, Any]:
        return {"organisation": self.organisation.login, "api_url": self.server.url, "production_branches": ["main"]}

    def session(self, *, limits: Limits | None = None, environ: dict[str, str] | None = None, **scope: Any) -> Session:
        """An open session; waiting is written down instead of done."""
        environment = {"GITHUB_TOKEN": TOKEN} if environ is None else environ
        session = open_session(
            {**self.scope, **scope}, environment, self.clock.now, sleep=self.slept.append, limits=limits
        )
        transport = client_of(session).transport
        assert isinstance(transport, GithubTransport)
        self._open.append(transport)
        return session

    def app_environ(self, folder: Path, permissions: dict[str, str]) -> dict[str, str]:
        """The environment of a GitHub App that is installed with these permissions; its key lies in `folder`."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = folder / "app.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        app = self.world.app(f"reader-{len(self.organisation.installations)}", created_at=0)
        app.owner = self.organisation.account
        number = self.world.numbers.allot("installation", app.slug)
        self.organisation.installations.append(Installation(number, app, self.organisation, 0, Changing(permissions)))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.credentials.add_app_key(app, public.decode())
        return {
            "GITHUB_APP_ID": str(app.id),
            "GITHUB_APP_INSTALLATION_ID": str(number),
            "GITHUB_APP_PRIVATE_KEY_FILE": str(path),
        }

    def request(
        self,
        repository: Repository,
        datasets: str,
        start: datetime | None = START,
        end: datetime | None = END,
        known: frozenset[str] | None = None,
    ) -> Request:
        """A request for datasets (`commits pull_requests`) of one repository."""
        names = frozenset(f"github.{name}" for name in datasets.split())
        item = ScopeItem(f"github:{repository.node_id}", repository.full_name(epoch(self.clock.now())), "github")
        return Request(names, item, start, end, known)

    def organisation_request(
        self,
        dataset: str,
        start: datetime | None = None,
        end: datetime | None = None,
        known: frozenset[str] | None = None,
    ) -> Request:
        """A request for a dataset of the organisation: a snapshot, or an interval of a stream."""
        item = ScopeItem(f"github:{self.organisation.node_id}", self.organisation.login, "github")
        return Request(frozenset({f"github.{dataset}"}), item, start, end, known)

    def close(self) -> None:
        for transport in self._open:
            transport.close()
        self.server.close()


@contextlib.contextmanager
def local_github(build: Callable[[World, Organisation], Any], now: datetime = NOW) -> Iterator[LocalGithub]:
    """Serve what `build` puts into the organisation `acme` at the instant `now`."""
    world = World()
    organisation = world.organisation("acme", plan="team", created_at=0, name="Acme")
    owner = world.account("acme-owner", name="Owner")
    organisation.members.append(Member(owner, Changing("admin"), 0))
    build(world, organisation)
    world.settle()
    clock, plan, credentials = SimulatedClock(now, running=False), FaultPlan(), Credentials(world)
    credentials.add_token(TOKEN, owner)
    server = GitHubServer(world, credentials, clock, plan)
    made = LocalGithub(world, organisation, owner, clock, plan, credentials, server)
    try:
        yield made
    finally:
        made.close()


class Story:
    """Writes the history of one repository in the order of time, by short sentences."""

    def __init__(
        self, world: World, organisation: Organisation, name: str = "api", *, born: datetime = FAR, branch: str = "main"
    ) -> None:
        self.world = world
        self.organisation = organisation
        self.repository = world.repository(organisation, name, created_at=epoch(born))
        self.builder = RepositoryBuilder(world, self.repository)
        self.branch = branch
        self.entered: list[tuple[str, datetime, int | None]] = []
        """What entered the branch: commit, when, number of the owning pull request."""
        self._count = 0
        self.people: dict[str, Account] = {}
        self.root = self._commit((), born)
        self._move("branch_creation", self.root.oid, born, self.member("alice"))
        self.entered.append((self.root.oid, born, None))

    def member(self, login: str) -> Account:
        account = self.world.account(login, name=login.title())
        if account.login not in self.people:
            self.people[account.login] = account
            if self.organisation.membership(account, 1) is None:
                self.organisation.members.append(Member(account, Changing("member"), 0))
        return account

    @property
    def tip(self) -> str:
        return self.builder.tip(self.branch)

    def commit(
        self, parents: tuple[str, ...] | None, at: datetime, author: str = "alice", *, dated: datetime | None = None
    ) -> Commit:
        """A commit that the server has; on no branch yet."""
        return self._commit((self.tip,) if parents is None else parents, at, author, dated=dated)

    def push(
        self, at: datetime, author: str = "alice", *, commits: int = 1, dated: datetime | None = None
    ) -> list[str]:
        """A direct push of commits."""
        made: list[str] = []
        parent = self.tip
        for _ in range(commits):
            made.append(self._commit((parent,), at, author, dated=dated).oid)
            parent = made[-1]
        self._move("push", made[-1], at, self.member(author))
        self.entered += [(oid, at, None) for oid in made]
        return made

    def pull(
        self,
        at: datetime,
        *,
        author: str = "alice",
        reviewer: str | None = "bob",
        base: str | None = None,
        commits: int = 1,
        opened: datetime | None = None,
    ) -> PullRequest:
        """An open pull request, approved if there is a reviewer."""
        opened = opened or at - timedelta(hours=3)
        self._count += 1
        number = self._count
        parent = self.tip
        heads: list[Commit] = []
        for _ in range(commits):
            heads.append(self._commit((parent,), opened, author))
            parent = heads[-1].oid
        pull = self.builder.open_pull(
            number, f"Change {number}", self.member(author), epoch(opened), heads, head_ref=f"change-{number}",
            base=base or self.branch, body=f"Fixes #{number}",
        )  # fmt: skip
        if reviewer is not None:
            self.builder.review(pull, self.member(reviewer), "APPROVED", epoch(at - timedelta(minutes=10)))
        return pull

    def merge(self, at: datetime, *, method: str = "SQUASH", kind: str = "pr_merge", **options: Any) -> PullRequest:
        """A pull request merged into the branch."""
        pull = self.pull(at, **options)
        self.merge_pull(pull, at, method=method, kind=kind)
        return pull

    def merge_pull(self, pull: PullRequest, at: datetime, *, method: str = "SQUASH", kind: str = "pr_merge") -> None:
        """Merge an open pull request."""
        by = self.member("bob")
        heads = [part.commit for part in pull.commits_at(epoch(at))]
        if method == "MERGE":
            landed = [self._commit((self.tip, heads[-1].oid), at)]
        elif method == "REBASE":
            landed = []
            parent = self.tip
            for _ in heads:
                landed.append(self._commit((parent,), at))
                parent = landed[-1].oid
        else:
            landed = [self._commit((self.tip,), at)]
        self.builder.merge(pull, epoch(at), by, landed, method=method, kind=kind)  # type: ignore[arg-type]
        if pull.base.at(epoch(at)) == self.branch:
            self.entered += [(commit.oid, at, pull.number) for commit in landed]

    def force_push(self, at: datetime, onto: str, *, commits: int = 1) -> list[str]:
        """History rewritten: new commits on top of an older one."""
        made: list[str] = []
        parent = onto
        for _ in range(commits):
            made.append(self._commit((parent,), at).oid)
            parent = made[-1]
        self._move("force_push", made[-1] if made else onto, at, self.member("alice"))
        return made

    def delete_branch(self, at: datetime) -> None:
        self._move("branch_deletion", NO_COMMIT, at, self.member("alice"))

    def within(self, start: datetime, end: datetime) -> list[tuple[str, datetime, int | None]]:
        """What entered the branch in [start, end), by instant and commit."""
        found = [entry for entry in self.entered if start <= entry[1] < end]
        return sorted(found, key=lambda entry: (entry[1], entry[0]))

    def _move(self, kind: Any, after: str, at: datetime, actor: Account) -> None:
        self.builder.move(self.branch, kind, after, epoch(at), actor)

    def _commit(
        self, parents: tuple[str, ...], at: datetime, author: str = "alice", *, dated: datetime | None = None
    ) -> Commit:
        number = len(self.repository.commits)
        oid = object_id(self.repository.slug, str(number))
        signature = self.builder.signature(self.member(author), epoch(dated or at))
        return self.builder.commit(oid, parents, f"Commit {number}", signature, signature, epoch(at))


def busy(
    world: World,
    organisation: Organisation,
    *,
    pulls: int,
    name: str = "api",
    start: datetime = START,
    step: timedelta = timedelta(minutes=40),
    checks: int = 4,
) -> Story:
    """A repository with one merged, reviewed, checked and deployed pull request every `step`."""
    story = Story(world, organisation, name)
    story.push(start - timedelta(days=1))
    ci = world.app("github-actions")
    deployer = world.account("deployer")
    for index in range(pulls):
        at = start + step * (index + 1) - timedelta(minutes=1)
        pull = story.merge(at, opened=at - timedelta(minutes=30), commits=2)
        head = pull.commits[-1].commit
        began, ended = epoch(at - timedelta(minutes=25)), epoch(at - timedelta(minutes=20))
        story.builder.checks(
            head, ci, pull.head_ref, began, [(f"check-{one}", began, ended, "SUCCESS") for one in range(checks)]
        )
        story.builder.status(head, "coverage", "SUCCESS", ended, deployer)
        story.builder.checks(
            story.repository.commits[story.tip],
            ci,
            "main",
            epoch(at),
            [("smoke-test", epoch(at), epoch(at) + 20, "SUCCESS")],
        )
        story.builder.deploy(
            story.tip,
            "production",
            epoch(at) + 10,
            deployer,
            [(epoch(at) + 15, "IN_PROGRESS"), (epoch(at) + 20, "SUCCESS")],
            key=f"deploy-{index}",
        )
    return story


__all__ = ["GithubClient", "Installation", "LocalGithub", "Story", "busy", "local_github"]
