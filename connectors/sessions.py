"""Opening the sources of a programme: which connector, which credentials, which endpoint."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from connectors.drift import noticing_drift
from connectors.endpoints import judge_endpoint
from connectors.provenance import RunFacts
from evidence.controls.catalogue import CATALOGUE
from schemas.errors import ConfigurationError, EndpointRefused
from schemas.extraction import Session
from schemas.programme import Programme
from schemas.programme_tickets import Tickets as Kept
from schemas.tickets import REGISTER_OF as TICKETS

if TYPE_CHECKING:
    from connectors.github.client import Tickets
    from connectors.google.session import Access
    from connectors.workspace import Workspace


class SessionPool:
    """Open sessions of one workspace, lent to one run at a time and to one thread each.

    Logging in costs several requests and, for an app, a signature; a flow that runs many steps would do it for each of
    them. A session is given back only by a run in which nothing failed, so that a client in doubt is never used again.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._idle: dict[str, list[Session]] = {}

    @contextlib.contextmanager
    def lending(self, source: str) -> Generator[Lending]:
        """Sessions with a source (`source_of`) for the length of the block; they come back when `keep` was called."""
        lending = Lending(self, source, session_factory(self._workspace, source))
        yield lending
        if lending.kept:
            with self._lock:
                self._idle.setdefault(source, []).extend(lending.lent)

    def idle(self, source: str) -> Session | None:
        """A session that nobody uses, taken out of the pool."""
        with self._lock:
            held = self._idle.get(source)
            return held.pop() if held else None


class Lending:
    """What one run has been lent; call `open` once in each worker thread."""

    def __init__(self, pool: SessionPool, source: str, opener: Callable[[], Session]) -> None:
        self._pool, self._source, self._opener = pool, source, opener
        self.lent: list[Session] = []
        self.kept = False

    def open(self) -> Session:
        """An idle session, or a new one."""
        session = self._pool.idle(self._source) or self._opener()
        self.lent.append(session)
        return session

    def keep(self) -> None:
        """Say that the run went well and its sessions may serve the next."""
        self.kept = True


def source_of(dataset: str) -> str:
    """With whom a session is needed to collect a dataset: its system; of tickets the place where they are kept, which
    is that of the dataset."""
    return dataset if dataset in TICKETS else dataset.partition(".")[0]


def session_factory(workspace: Workspace, source: str) -> Callable[[], Session]:
    """Makes one open session with a source (`source_of`) each time it is called; clients are never shared between
    threads.

    Raises ConfigurationError where the programme has no such source.
    """
    programme = workspace.loaded.programme
    opener = _OPENERS.get(source)
    if opener is None:
        raise ConfigurationError(f"there is no connector for {source}")
    opened = opener(workspace, programme)

    def permitted() -> Session:
        # Before anything is sent: credentials of the real thing have no business with a simulation either.
        if not workspace.store.simulated:
            for url in _endpoints(programme, workspace.environ, source):
                if judge_endpoint(url, declared=[url]).simulated:
                    raise EndpointRefused(
                        f"{url} leads back to this machine, which is a simulation, and {workspace.store.location} is a "
                        "real evidence store. Remove the endpoint, or collect into a simulated store (evidence demo)."
                    )
        return noticing_drift(opened, source)()

    return permitted


def _github(workspace: Workspace, programme: Programme, tickets: Tickets | None = None) -> Callable[[], Session]:
    scope = programme.scope.github
    if scope is None:
        raise ConfigurationError("scope.github is not in the programme; add it or leave GitHub out of the command")

    from connectors.github.shared import Shared

    shared = Shared()

    def opened() -> Session:
        from connectors.github.session import open_session

        return open_session(
            scope.model_dump(),
            workspace.environ,
            workspace.now,
            declared_endpoints(programme),
            sleep=workspace.pause,
            production_environments=programme.evidence_rules.production_environments,
            shared=shared,
            tickets=tickets,
            archive=_received(workspace),
        )

    return opened


def _received(workspace: Workspace) -> Path | None:
    """Where `evidence receive` writes; a store elsewhere than on this machine has no such folder."""
    from connectors.github.deliveries import FOLDER

    location = workspace.store.location
    return None if "://" in location else Path(location) / FOLDER


def _ticketing(register: str) -> Callable[[Workspace, Programme], Callable[[], Session]]:
    def opener(workspace: Workspace, programme: Programme) -> Callable[[], Session]:
        kept: Kept | None = getattr(programme.registers, register)
        if kept is None:
            raise ConfigurationError(
                f"registers.{register} is not in the programme, so nobody knows where these tickets are kept"
            )
        if getattr(kept, "file", None) is not None:
            return _records("ticketing")(workspace, programme)
        if kept.github_issues is not None:
            from connectors.github.client import Tickets

            found = kept.github_issues
            return _github(workspace, programme, Tickets(found.repository, (found.label,), register))
        return lambda: _tracker(workspace, programme, kept, register)

    return opener


def _tracker(workspace: Workspace, programme: Programme, kept: Kept, register: str) -> Session:
    from connectors.registry import DATASETS
    from connectors.tickets.opening import open_jira, open_pagerduty

    dataset = next(DATASETS[name] for name, of in TICKETS.items() if of == register)
    declared = declared_endpoints(programme)
    if kept.jira is not None:
        return open_jira(
            kept.jira, register, dataset, workspace.environ, now=workspace.now, pause=workspace.pause, declared=declared
        )
    assert kept.pagerduty is not None, "exactly one place is named"
    return open_pagerduty(
        kept.pagerduty, register, dataset, workspace.environ, now=workspace.now, pause=workspace.pause,
        declared=declared,
    )  # fmt: skip


def _aws(workspace: Workspace, programme: Programme) -> Callable[[], Session]:
    scope = programme.scope.aws
    if scope is None:
        raise ConfigurationError("scope.aws is not in the programme; add it or leave AWS out of the command")

    def opened() -> Session:
        from connectors.aws.session import AccountAccess, open_session

        return open_session(
            [AccountAccess(account.id, account.role) for account in scope.accounts],
            now=workspace.now,
            declared=declared_endpoints(programme),
            regions=scope.regions,
            trail=scope.cloudtrail,
            environ=workspace.environ,
            pause=workspace.pause,
        )

    return opened


def _google(workspace: Workspace, programme: Programme) -> Callable[[], Session]:
    scope = programme.scope.google
    if scope is None:
        raise ConfigurationError("scope.google is not in the programme; add it or leave Google out of the command")

    def opened() -> Session:
        from connectors.google.permissions import workspace_access

        return _google_session(workspace, programme, workspace_access(scope, policies=programme.scope.policies))

    return opened


def _gcp(workspace: Workspace, programme: Programme) -> Callable[[], Session]:
    scope = programme.scope.gcp
    if scope is None:
        raise ConfigurationError("scope.gcp is not in the programme; add it or leave Google Cloud out of the command")

    def opened() -> Session:
        from connectors.gcp.permissions import cloud_access

        return _google_session(workspace, programme, cloud_access(scope))

    return opened


def _google_session(workspace: Workspace, programme: Programme, access: Access) -> Session:
    from connectors.google.session import open_session

    return open_session(
        access, workspace.environ, now=workspace.now, declared=declared_endpoints(programme), pause=workspace.pause
    )


def _records(system: Literal["hr", "own", "ticketing"]) -> Callable[[Workspace, Programme], Callable[[], Session]]:
    def opener(workspace: Workspace, programme: Programme) -> Callable[[], Session]:
        def opened() -> Session:
            from connectors.registers.session import open_session

            return open_session(
                system,
                programme=workspace.path,
                registers=programme.registers.model_dump(exclude_none=True),
                organisation=programme.organisation,
                zone=programme.timezone,
                now=workspace.now,
                environ=workspace.environ,
                simulated=workspace.store.simulated,
                pause=workspace.pause,
            )

        return opened

    return opener


_OPENERS: Mapping[str, Callable[[Workspace, Programme], Callable[[], Session]]] = {
    "github": _github,
    "aws": _aws,
    "google": _google,
    "gcp": _gcp,
    **{dataset: _ticketing(register) for dataset, register in TICKETS.items()},
    "hr": _records("hr"),
    "own": _records("own"),
}


def declared_endpoints(programme: Programme) -> tuple[str, ...]:
    """URLs that the programme declares, each with a reason, as not the vendor's own."""
    return tuple(endpoint.url for endpoint in programme.endpoints.declared)


def uses_simulated_endpoint(programme: Programme, environ: Mapping[str, str]) -> bool:
    """Whether any endpoint in use is on loopback, so that a store born now is born simulated."""
    # Whether an address is allowed is judged where it is used; here only whether it leads back to this machine.
    return any(
        judge_endpoint(url, declared=[url]).simulated
        for source in ("aws", "github", "google", "gcp", *TICKETS)
        for url in _endpoints(programme, environ, source)
    )


def _endpoints(programme: Programme, environ: Mapping[str, str], system: str) -> list[str]:
    """The addresses by which a source of the programme is reached, as far as programme and environment name them."""
    scope = programme.scope
    if system in TICKETS:
        kept: Kept | None = getattr(programme.registers, TICKETS[system])
        if kept is None or getattr(kept, "file", None) is not None:
            return []
        if kept.jira is not None:
            return [kept.jira.url]
        if kept.pagerduty is not None:
            return [kept.pagerduty.api_url]
    if system == "github" or system in TICKETS:
        return [] if scope.github is None else [scope.github.api_url]
    if system == "google":
        return [scope.google.api_url] if scope.google is not None and scope.google.api_url else []
    if system == "gcp":
        return [scope.gcp.api_url] if scope.gcp is not None and scope.gcp.api_url else []
    if system != "aws" or scope.aws is None:
        return []
    return [value for name, value in environ.items() if name.startswith("AWS_ENDPOINT_URL") and value]


def run_facts(workspace: Workspace) -> RunFacts:
    """What the provenance block says of the programme and the build."""
    return RunFacts(
        zone=workspace.history().timezone,
        programme_digest=workspace.loaded.digest,
        code_commit=workspace.code_commit,
        lag_hours=_LAGS,
    )


_ARRIVES_WITHIN_HOURS = {"google.reports_activities": 48.0}
"""Sources whose events may come later than their lines allow for: what is younger is read again."""


def _lags() -> dict[str, float]:
    """Settle lag by dataset: the longest that any evidence line over it, or its source, allows for."""
    lags: dict[str, float] = {}
    for control in CATALOGUE:
        for line in control.evidence:
            for _, dataset in line.collected():
                settled = max(line.settles_after_hours(dataset), _ARRIVES_WITHIN_HOURS.get(dataset.source, 0.0))
                lags[dataset.name] = max(lags.get(dataset.name, 0.0), settled)
    return lags


_LAGS = _lags()
