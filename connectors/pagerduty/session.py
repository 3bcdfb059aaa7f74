"""Opening the connection to PagerDuty: who asks, at which of its regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from connectors.endpoints import (
    CA_VARIABLES,
    judge_endpoint,
    peer_certificate_sha256,
    refuse_overrides,
    shown_certificate,
)
from connectors.pagerduty.client import PagerDutyClient, Services
from connectors.pagerduty.verdicts import refuse
from connectors.tickets.asking import Asker, Question
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError
from schemas.extraction import Session

VENDOR_HOSTS = ("api.pagerduty.com", "api.eu.pagerduty.com")
VARIABLE = "PAGERDUTY_API_TOKEN"
ABILITIES = "/abilities"


def open_session(
    url: str,
    services: Services,
    dataset: Dataset,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    declared: Iterable[str] = (),
) -> Session:
    """Log in with the API key in `PAGERDUTY_API_TOKEN` and ask what the account may do.

    Raises `ConfigurationError` (no key), `EndpointRefused`, `PermissionDenied`, `ClockSkew`, `RetriableError`.
    """
    url = url.rstrip("/")
    allowed = tuple(declared)
    judged = judge_endpoint(url, vendor_hosts=VENDOR_HOSTS, declared=allowed)
    through = not judged.simulated and refuse_overrides(environ, host=urlsplit(url).hostname, declared=allowed)
    token = environ.get(VARIABLE, "").strip()
    if not token:
        raise ConfigurationError(
            f"No PagerDuty credentials: set {VARIABLE} to an API key that only reads (Integrations, API Access Keys)."
        )
    bundle = next((environ[name] for name in CA_VARIABLES if environ.get(name)), None) if through else None

    from connectors.pagerduty.wire import PagerDutyWire

    asker = Asker("PagerDuty", PagerDutyWire(url, token, cafile=bundle), refuse, now, pause)
    try:
        abilities = asker.ask(Question(ABILITIES, ABILITIES, dataset))[0]["abilities"]
        return Session(
            system="ticketing",
            client=PagerDutyClient(asker, services),
            endpoint=url,
            simulated=judged.simulated,
            declared=judged.declared or through,
            principal=f"PagerDuty API key that ends in {token[-4:]}",
            principal_rights=f"rights not shown to API keys; the account has {len(abilities)} abilities",
            tenant=f"PagerDuty account of the key, {services.words}",
            certificate_sha256=shown_certificate(judged, environ, peer_certificate_sha256),
            close=asker.wire.close,
        )
    except BaseException:
        asker.wire.close()
        raise
