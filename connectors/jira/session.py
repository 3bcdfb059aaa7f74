"""Opening the connection to a Jira site: who asks, what the site is, what its fields and statuses are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlsplit

from connectors.endpoints import judge_endpoint, peer_certificate_sha256, refuse_overrides, shown_certificate
from connectors.jira.client import Deployment, JiraClient, Project
from connectors.jira.verdicts import NO_LOGIN, refuse
from connectors.tickets.asking import Asker, Json, Question
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, PermissionDenied, SchemaDrift
from schemas.extraction import Session

VENDOR_SUFFIXES = ("atlassian.net", "jira.com")
VENDOR_HOSTS = ("api.atlassian.com",)

CLOUD_VARIABLES = ("JIRA_EMAIL", "JIRA_API_TOKEN")
SERVER_VARIABLE = "JIRA_PERSONAL_ACCESS_TOKEN"


def open_session(
    url: str,
    project: Project,
    dataset: Dataset,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    declared: Iterable[str] = (),
) -> Session:
    """Log in and ask what the site is.

    Credentials come from `environ`: `JIRA_EMAIL` and `JIRA_API_TOKEN` (Cloud), or `JIRA_PERSONAL_ACCESS_TOKEN` (Data
    Center). Raises `ConfigurationError` (missing or contradictory credentials), `EndpointRefused`, `PermissionDenied`,
    `ClockSkew`, `RetriableError`.
    """
    url = url.rstrip("/")
    allowed = tuple(declared)
    judged = judge_endpoint(url, vendor_hosts=VENDOR_HOSTS, vendor_suffixes=VENDOR_SUFFIXES, declared=allowed)
    through = not judged.simulated and refuse_overrides(environ, host=urlsplit(url).hostname, declared=allowed)
    login = _login(environ)

    from connectors.jira.wire import JiraWire

    asker = Asker("Jira", JiraWire(url, **login), refuse, now, pause)
    try:
        site = _asked(asker, dataset, "serverInfo")
        who = _asked(asker, dataset, "myself")
        deployment, principal = _deployment(site), _principal(who)
        named: list[Json] = _asked(asker, dataset, "field")
        statuses: list[Json] = _asked(asker, dataset, "status")
        base_url = str(site["baseUrl"]).rstrip("/")
        client = JiraClient(
            asker=asker, project=project, deployment=deployment, site=urlsplit(base_url).netloc, base_url=base_url,
            field_names={one["id"]: one["name"] for one in named if one.get("custom")},
            done=frozenset(str(one["id"]) for one in statuses if one["statusCategory"]["key"] == "done"),
        )  # fmt: skip
        return Session(
            system="ticketing",
            client=client,
            endpoint=url,
            simulated=judged.simulated,
            declared=judged.declared or through,
            principal=f"Jira account {principal}",
            principal_rights="sees what the permissions of the account show; Jira does not list them with a token",
            tenant=f"{site.get('serverTitle') or client.site} ({client.site}, {deployment} {site.get('version', '')})",
            certificate_sha256=shown_certificate(judged, environ, peer_certificate_sha256),
            close=asker.wire.close,
        )
    except BaseException:
        asker.wire.close()
        raise


def _deployment(site: Json) -> Deployment:
    for known in get_args(Deployment):
        if site.get("deploymentType", "Server") == known:  # before version 7.2 a site did not say
            return known
    raise SchemaDrift(f"Jira is of the kind {site['deploymentType']!r}, which this version does not know.")


def _principal(who: Json) -> str:
    principal = who.get("accountId") or who.get("name")
    if principal is None or who.get("active") is False:
        raise PermissionDenied(
            "Jira takes this login for nobody: it answers as to an anonymous visitor. Make a new token.",
            permission=NO_LOGIN,
        )
    return str(principal)


def _asked(asker: Asker, dataset: Dataset, path: str) -> Any:
    return asker.ask(Question(path, path, dataset))[0]


def _login(environ: Mapping[str, str]) -> dict[str, Any]:
    email, token = (environ.get(name, "").strip() for name in CLOUD_VARIABLES)
    personal = environ.get(SERVER_VARIABLE, "").strip()
    if personal and (email or token):
        raise ConfigurationError(
            f"Both {SERVER_VARIABLE} and JIRA_EMAIL or JIRA_API_TOKEN are set, so it is not clear who asks. Unset one."
        )
    if personal:
        return {"token_auth": personal}
    missing = [name for name, value in zip(CLOUD_VARIABLES, (email, token), strict=True) if not value]
    if len(missing) == 2:
        raise ConfigurationError(
            f"No Jira credentials: set JIRA_EMAIL and JIRA_API_TOKEN (Jira Cloud), or {SERVER_VARIABLE} (Data Center)."
        )
    if missing:
        raise ConfigurationError(f"To log in to Jira Cloud set {missing[0]} too.")
    return {"basic_auth": (email, token)}
