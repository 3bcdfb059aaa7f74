"""Deployments of a repository, and the check that runs after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.github.build import RepositoryBuilder
from sandbox.github.model import Account, App
from sandbox.github.nodeids import object_id
from sandbox.github.planned import PlannedDeployment
from sandbox.github.times import Epoch

MINUTE = 60


@dataclass(slots=True)
class PlannedRelease:
    """A deployment apart from changes, of the tip, of a commit that was never merged, or of none that exists."""

    key: str
    commit: str
    deployment: PlannedDeployment


@dataclass(slots=True)
class Cast:
    """Who plays in a repository."""

    person: Callable[[str], Account]
    checks_app: App
    deploy_app: App | None
    post_deployment_check: str | None


class Releases:
    """Collects what is going to be deployed, then deploys it in the order of time."""

    def __init__(self, builder: RepositoryBuilder, cast: Cast, branch: str) -> None:
        self._builder = builder
        self._cast = cast
        self._branch = branch
        self._planned: list[tuple[PlannedDeployment, str, str]] = []

    def follow(self, deployment: PlannedDeployment, oid: str, key: str) -> None:
        """A deployment that follows a change."""
        self._planned.append((deployment, oid, key))

    def add(self, release: PlannedRelease) -> None:
        """A deployment apart from changes."""
        self._planned.append((release.deployment, self._commit(release), release.key))

    def _oid(self, *parts: str) -> str:
        return object_id(self._builder.repository.slug, *parts)

    def _tip(self, at: Epoch) -> str:
        tip = self._builder.branch(self._branch).tip(at)
        if tip is None:
            raise LookupError(f"{self._builder.repository.slug}: nothing could be deployed at {at}")
        return tip

    def _commit(self, release: PlannedRelease) -> str:
        at = release.deployment.at
        if release.commit == "tip":
            return self._tip(at)
        if release.commit == "absent":
            return self._oid("absent", release.key)
        by = self._cast.person(release.deployment.by) if release.deployment.by else None
        author = by or self._builder.repository.updates[0].actor
        if author is None:
            raise LookupError(f"{self._builder.repository.slug}: nobody could have written the commit of {release.key}")
        signature = self._builder.signature(author, at - 30 * MINUTE)
        oid = self._oid("unmerged", release.key)
        parent = self._tip(at - 30 * MINUTE)
        self._builder.commit(oid, (parent,), "Hot fix", signature, signature, at - 30 * MINUTE)
        self._builder.move(f"hotfix-{release.key}", "branch_creation", oid, at - 30 * MINUTE, author)
        return oid

    def run(self) -> None:
        """Deployments by time. At GitHub a new success makes earlier ones of the environment inactive, but not in
        production environments."""
        active: dict[str, Any] = {}
        for planned, oid, key in sorted(self._planned, key=lambda one: (one[0].at, one[2], one[0].environment)):
            creator = self._cast.person(planned.by) if planned.by else self._deployer()
            states = [(planned.at + 10 + index * 90, state) for index, state in enumerate(planned.states)]
            ref = self._branch if not key.startswith("release-") else f"hotfix-{key}"
            made = self._builder.deploy(
                oid, planned.environment, planned.at, creator, states, ref=ref, key=f"{key}/{planned.environment}"
            )
            if "SUCCESS" in planned.states and planned.environment != "production":
                succeeded = next(at for at, state in states if state == "SUCCESS")
                before = active.get(planned.environment)
                if before is not None:
                    self._builder.deployment_status(before, "INACTIVE", succeeded, creator)
                active[planned.environment] = made
            commit = self._builder.repository.commits.get(oid)
            check = self._cast.post_deployment_check
            if planned.post_check is not None and check is not None and commit is not None:
                app = self._cast.deploy_app or self._cast.checks_app
                begun = states[-1][0] + 15
                self._builder.checks(
                    commit, app, self._branch, begun, [(check, begun + 5, begun + 2 * MINUTE, planned.post_check)]
                )

    def _deployer(self) -> Account:
        app = self._cast.deploy_app or self._cast.checks_app
        if app.bot is None:
            raise LookupError(f"app {app.slug} has no bot that could deploy")
        return app.bot
