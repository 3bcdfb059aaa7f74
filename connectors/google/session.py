"""Open a session with Google: a service account, endpoints judged before anything is sent.

    session = open_session(workspace_access("C01abcd", "auditor@example.com"), environ, now=clock)
    session.client.ask("directory.users.list", customer="C01abcd")

Workspace asks for a person (`delegate`), by domain-wide delegation; Google Cloud asks as the service account itself.
Both use this module, with rights of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import certifi
import httplib2

from connectors.endpoints import (
    CA_VARIABLES,
    EndpointJudge,
    EndpointJudgement,
    peer_certificate_sha256,
    resolve_addresses,
    shown_certificate,
)
from connectors.google.calls import GoogleClient, Rights
from connectors.google.credentials import service_account
from connectors.google.pacing import CALLS_PER_SECOND, USUAL_PER_SECOND
from connectors.google.sending import ATTEMPTS, Conduct
from connectors.pacing import Pacer
from schemas.extraction import Session

VENDOR_SUFFIXES = ("googleapis.com",)
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Access:
    """What a session may be used for. `api_url` replaces Google's own hosts (a gateway, a simulation)."""

    system: Literal["google", "gcp"]
    tenant: str
    """The customer, or the projects."""
    rights: Rights
    rights_in_words: str
    first_api: str
    """The API whose address stands for the session in the provenance."""
    delegate: str | None = None
    api_url: str | None = None
    policies: tuple[str, ...] = ()
    """Names of the policy documents to look for."""


def open_session(
    access: Access,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    declared: Iterable[str] = (),
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    attempts: int = ATTEMPTS,
    resolve: Callable[[str, int], Collection[str]] = resolve_addresses,
    certificate: Callable[..., str] = peer_certificate_sha256,
    client: type[GoogleClient] = GoogleClient,
) -> Session:
    """Open a session. `declared` are the URLs under `endpoints.declared` of the programme; one for each thread.

    Raises `ConfigurationError` (no usable credentials) and `EndpointRefused`. The first call of each scope raises
    `PermissionDenied` where the service account was not given it.
    """
    account = service_account(environ)
    judge = EndpointJudge(
        "Google", VENDOR_SUFFIXES, declared=tuple(declared), environ=environ, resolve=resolve,
        look_at="Look at scope.google.api_url and at token_uri in the key file.",
    )  # fmt: skip
    judge(account.token_uri)  # a key file can name any address; the assertion goes only to one that was judged
    pacer = Pacer(CALLS_PER_SECOND, USUAL_PER_SECOND, pause=pause, monotonic=monotonic)
    conduct = Conduct(
        now=now, judge=judge, http=_connections(environ), pacer=pacer, pause=pause,
        attempts=attempts,
    )  # fmt: skip
    opened = client(conduct, account, access.rights, subject=access.delegate, address=access.api_url)
    opened.policies = access.policies
    endpoint = opened.endpoint(access.first_api)
    judged = judge(endpoint)
    return Session(
        system=access.system,
        client=opened,
        endpoint=judged.url,
        simulated=judged.simulated,
        declared=judge.declared_in_use,
        principal=opened.who,
        principal_rights=access.rights_in_words,
        tenant=access.tenant,
        certificate_sha256=shown_certificate(judged, environ, certificate),
        close=opened.close,
    )


def _connections(environ: Mapping[str, str]) -> Callable[[EndpointJudgement], httplib2.Http]:
    def made(judged: EndpointJudgement) -> httplib2.Http:
        # The bundle is always named: httplib2 would look into a variable of its own that nobody judges.
        bundle = next((environ[name] for name in CA_VARIABLES if environ.get(name) and name != "SSL_CERT_DIR"), None)
        proxies = None if judged.simulated else httplib2.proxy_info_from_environment
        http = httplib2.Http(
            timeout=TIMEOUT_SECONDS,
            proxy_info=proxies,
            ca_certs=bundle if judged.declared and bundle else certifi.where(),
        )
        http.follow_redirects = False  # a redirect would carry the token to somewhere else
        return http

    return made
