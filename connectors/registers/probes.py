"""Whether the company's own records can be read: registers as a whole, of the hosts the first is connected to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from connectors.registers.endpoints import endpoint_of
from connectors.registers.files import read_register
from connectors.registers.network import connect, refuse_first
from connectors.registers.session import RecordsClient, client_of
from schemas.dataset import Dataset
from schemas.extraction import Session
from schemas.own import (
    DEVICES,
    DISPOSALS,
    PEOPLE,
    PUBLISHED_PAGES,
    RISKS,
    TLS_ENDPOINTS,
    TRAINING_COMPLETIONS,
    UPTIME,
    VENDORS,
)
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]


def _file(name: str, dataset: Dataset) -> Probe:
    def probe(session: Session, item: ScopeItem) -> None:
        read_register(client_of(session), name, dataset, None)

    return probe


def _pages(session: Session, item: ScopeItem) -> None:
    client = client_of(session)
    for row in read_register(client, "published_pages", PUBLISHED_PAGES, None).rows[:1]:
        parts = urlsplit(row["url"])
        _reach(client, "published_pages", parts.hostname or "", parts.port or 443)


def _hosts(session: Session, item: ScopeItem) -> None:
    client = client_of(session)
    rows = read_register(client, "public_endpoints", TLS_ENDPOINTS, None).rows
    found = [endpoint for row in rows if (endpoint := endpoint_of(row["resource_id"])) is not None]
    for endpoint in [one for one in found if not one.host.startswith("*.")][:1]:
        _reach(client, "public_endpoints", endpoint.host, endpoint.port)


def _reach(client: RecordsClient, register: str, host: str, port: int) -> None:
    refuse_first(client, register, host, port)
    connect(client, host, port).socket.close()


PROBES: Mapping[str, Probe] = {
    PEOPLE.name: _file("people", PEOPLE),
    RISKS.name: _file("risks", RISKS),
    VENDORS.name: _file("vendors", VENDORS),
    DEVICES.name: _file("devices", DEVICES),
    TRAINING_COMPLETIONS.name: _file("training", TRAINING_COMPLETIONS),
    DISPOSALS.name: _file("disposals", DISPOSALS),
    UPTIME.name: _file("uptime", UPTIME),
    PUBLISHED_PAGES.name: _pages,
    TLS_ENDPOINTS.name: _hosts,
}
"""By dataset name."""
