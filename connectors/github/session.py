"""Opening the connection to GitHub: who asks, with what rights, at which endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth

from connectors.endpoints import EndpointJudgement, judge_endpoint, peer_certificate_sha256, refuse_overrides
from connectors.github.calls import Answer, Graph, Json, Part, Rest
from connectors.github.client import PLANS, GithubClient, Plan, Tickets
from connectors.github.shared import Shared
from connectors.github.transport import GithubTransport, Limits
from connectors.github.wire import InstallationToken, Wire, logging_in
from schemas.errors import ConfigurationError, PermissionDenied, SourceGone
from schemas.extraction import Session
from schemas.github import REPOSITORIES

VENDOR_HOSTS = ("api.github.com",)
VENDOR_SUFFIXES = ("ghe.com",)
"""Enterprise Cloud with data residency answers at `api.<name>.ghe.com`."""

DEFAULT_API_URL = "https://api.github.com"
APP_VARIABLES = ("GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID", "GITHUB_APP_PRIVATE_KEY_FILE")


def open_session(
    scope: Mapping[str, Any],
    environ: Mapping[str, str],
    now: Callable[[], datetime],
    declared_endpoints: Iterable[str] = (),
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    limits: Limits | None = None,
    production_environments: Iterable[str] = ("production",),
    shared: Shared | None = None,
    tickets: Tickets | None = None,
    archive: Path | None = None,
) -> Session:
    """Log in and find the organisation.

    `scope` is `scope.github` of the programme as plain values: `organisation`, `api_url`, `production_branches`,
    `plan`. Credentials come from `environ`: `GITHUB_TOKEN`, or `GITHUB_APP_ID`, `GITHUB_APP_INSTALLATION_ID` and
    `GITHUB_APP_PRIVATE_KEY_FILE`. `now` is the local clock. `declared_endpoints` are the URLs under
    `endpoints.declared`. `shared` is what all sessions of a run share. With `tickets` the session is one
    of the system `ticketing`. `archive` is the folder where deliveries of webhooks are received.

    Raises `ConfigurationError` (missing or contradictory credentials), `EndpointRefused`, `PermissionDenied`,
    `ClockSkew`, `SourceGone` (no such organisation, or out of the principal's sight), `RetriableError`.
    """
    api_url = str(scope.get("api_url") or DEFAULT_API_URL).rstrip("/")
    declared = tuple(declared_endpoints)
    judged = judge_endpoint(api_url, vendor_hosts=VENDOR_HOSTS, vendor_suffixes=VENDOR_SUFFIXES, declared=declared)
    through = False
    if not judged.simulated:
        through = refuse_overrides(environ, host=urlsplit(api_url).hostname, declared=declared)
    auth = _auth(environ, api_url, now)
    transport = GithubTransport(
        lambda: Wire(auth, api_url), now=now, sleep=sleep, monotonic=monotonic, limits=limits or Limits()
    )
    try:
        principal, rights = _principal(auth, transport)
        found = _organisation(str(scope["organisation"]), transport)
        client = GithubClient(
            organisation=found["login"],
            organisation_id=found["id"],
            production_branches=tuple(scope.get("production_branches") or ("main",)),
            production_environments=frozenset(production_environments),
            plan=_plan(scope.get("plan", "team")),
            now=now,
            transport=transport,
            shared=shared or Shared(),
            tickets=tickets,
            archive=archive,
        )
        return Session(
            system="github" if tickets is None else "ticketing",
            client=client,
            endpoint=api_url,
            simulated=judged.simulated,
            declared=judged.declared or through,
            principal=principal,
            principal_rights=rights,
            tenant=f"{found['login']} ({found['id']})",
            certificate_sha256=_certificate(judged),
            close=transport.close,
        )
    except BaseException:
        transport.close()
        raise
    finally:
        transport.taken()  # answers before there is a scope item belong to none


def _organisation(login: str, transport: GithubTransport) -> Json:
    part = Part("$login: String!", "organization(login: $login) { id login databaseId }", {"login": login})
    try:
        found = transport.send(Graph("Organisation", (part,), REPOSITORIES)).data.get("organization")
    except SourceGone:
        found = None
    if found is None:
        raise SourceGone(
            f"GitHub shows no organisation {login!r} to this principal. Correct scope.github.organisation, or give the "
            "App or token access to it."
        )
    return found


def _plan(text: Any) -> Plan:
    for plan in PLANS:
        if plan == text:
            return plan
    raise ConfigurationError(f"scope.github.plan is {text!r}; write one of {', '.join(PLANS)}.")


def _certificate(judged: EndpointJudgement) -> str | None:
    parts = urlsplit(judged.url)
    if judged.simulated or parts.scheme != "https" or parts.hostname is None:
        return None
    return peer_certificate_sha256(parts.hostname, parts.port or 443)


def _auth(environ: Mapping[str, str], api_url: str, now: Callable[[], datetime]) -> Auth.Auth:
    token = environ.get("GITHUB_TOKEN", "").strip()
    app = {name: environ.get(name, "").strip() for name in APP_VARIABLES}
    if token and any(app.values()):
        raise ConfigurationError(
            "Both GITHUB_TOKEN and GITHUB_APP_… are set, so it is not clear who asks. Unset one of them."
        )
    if token:
        return Auth.Token(token)
    missing = [name for name, value in app.items() if not value]
    if len(missing) == len(app):
        raise ConfigurationError(
            "No GitHub credentials: set GITHUB_TOKEN, or GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and "
            "GITHUB_APP_PRIVATE_KEY_FILE (an App is better: its rights are listed and its tokens live for an hour)."
        )
    if missing:
        raise ConfigurationError(f"To log in as a GitHub App set {', '.join(missing)} too.")
    if not app["GITHUB_APP_INSTALLATION_ID"].isdigit():
        raise ConfigurationError("GITHUB_APP_INSTALLATION_ID is no number; it ends the installation page's address.")
    key = _app_key(Path(app["GITHUB_APP_PRIVATE_KEY_FILE"]))
    return InstallationToken(
        Auth.AppAuth(app["GITHUB_APP_ID"], lambda: key), int(app["GITHUB_APP_INSTALLATION_ID"]), api_url, now
    )


def _app_key(path: Path) -> Any:
    """The App's private key, read once: checking it takes longer than signing with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"GITHUB_APP_PRIVATE_KEY_FILE can't be read ({type(error).__name__}). Point it at the PEM file of "
            "the private key that GitHub gave out for the App."
        ) from error
    try:
        return load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "GITHUB_APP_PRIVATE_KEY_FILE holds no PEM private key without a password. Point it at the App's key."
        ) from error


def _principal(auth: Auth.Auth, transport: GithubTransport) -> tuple[str, str]:
    """Who asks and what they may, in words for the provenance block."""
    if isinstance(auth, InstallationToken):
        with logging_in():
            slug = auth.app_name()
            _ = auth.token
        granted = ", ".join(f"{name}: {access}" for name, access in sorted(auth.permissions.items()))
        return f"GitHub App {slug}", f"installation permissions {granted or 'none'}"
    try:
        answer = transport.send(Rest("/user", "/user", REPOSITORIES))
    except PermissionDenied:
        # An installation token handed over as GITHUB_TOKEN (in GitHub Actions) has no user. A bad one failed with 401.
        if not auth.token.startswith("ghs_"):
            raise
        return "GitHub App installation token", "rights not shown to installation tokens"
    return f"user {answer.data['login']} ({answer.data['node_id']})", _scopes(answer)


def _scopes(answer: Answer) -> str:
    scopes = answer.headers.get("x-oauth-scopes")
    if scopes is None:
        return "fine-grained token; GitHub does not list its rights"
    return f"token scopes {scopes or 'none'}"
