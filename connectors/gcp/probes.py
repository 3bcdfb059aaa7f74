"""Whether a dataset of Google Cloud can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population. Google tells the reader which of its own permissions are missing; what then still stands in the way
(a service that is off, a refusal by other means) is found by asking for one record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.gcp.access import policy_of
from connectors.gcp.reading import Reading, reading
from connectors.google.calls import GoogleClient
from schemas.dataset import Dataset
from schemas.errors import PermissionDenied
from schemas.extraction import Request, Session
from schemas.gcp import (
    ADMIN_ACTIVITY,
    ADMINISTRATORS,
    DATA_ACCESS,
    LOG_CONFIG,
    PRINCIPALS,
    PROJECTS,
    SERVICE_ACCOUNT_KEYS,
)
from schemas.instants import format_instant
from schemas.scope import ScopeItem

_EVER = datetime(2000, 1, 1, tzinfo=UTC)

Probe = Callable[[Session, ScopeItem], None]


class _Nowhere:
    """A sink that keeps nothing."""

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None: ...

    def batches(self, dataset: Dataset, batches: Iterable[Any]) -> None: ...

    def answer(self, **answer: Any) -> None: ...


def source_clock(session: Session) -> datetime:
    """What Google's clock says now."""
    client: GoogleClient = session.client
    return client.ask("cloudresourcemanager.projects.search", pageSize=1).served_at


def _projects(session: Session, item: ScopeItem) -> None:
    client: GoogleClient = session.client
    first = client.ask("cloudresourcemanager.projects.search", pageSize=1).parsed.get("projects", [])
    if not first:
        raise PermissionDenied(
            f"{client.who} sees no project at all. Grant it a role in the projects or, better, on the organisation.",
            permission="resourcemanager.projects.get",
        )
    parent = str(first[0].get("parent") or "")
    while parent.startswith("folders/"):
        parent = str(client.ask("cloudresourcemanager.folders.get", name=parent).parsed.get("parent") or "")
    if parent:
        client.ask("cloudasset.searchAllResources", scope=parent, pageSize=1,
                   assetTypes=["cloudresourcemanager.googleapis.com/Project"])  # fmt: skip


def _probe(dataset: Dataset, asked: Callable[[Reading], object], *, above: bool = True) -> Probe:
    def probe(session: Session, item: ScopeItem) -> None:
        found = reading(session, Request(frozenset({dataset.name}), item), _Nowhere(), dataset, above=above)
        found.demand()
        with found.named():
            asked(found)

    return probe


def _policies(found: Reading) -> None:
    for container in found.containers:
        policy_of(found, container)


def _accounts(found: Reading) -> None:
    found.client.ask("iam.projects.serviceAccounts.list", name=found.own.name, pageSize=1)


def _entries(found: Reading) -> None:
    names = [f"projects/{found.project_id}", *(one.name for one in found.above)]
    wanted = " OR ".join(f'"{name}/logs/cloudaudit.googleapis.com%2Factivity"' for name in names)
    # A little at the end of what there is: an entry of long ago takes Google minutes to find.
    body = {
        "resourceNames": names, "pageSize": 1, "orderBy": "timestamp desc",
        "filter": f'logName=({wanted}) AND timestamp>="{format_instant((found.at or _EVER) - timedelta(days=1))}"',
    }  # fmt: skip
    found.client.ask("logging.entries.list", body=body)


def _log_config(found: Reading) -> None:
    _policies(found)
    for container in found.containers:
        kind = container.name.partition("/")[0]
        found.client.ask(f"logging.{kind}.sinks.list", parent=container.name, pageSize=1)
        found.client.ask(f"logging.{kind}.locations.buckets.list", parent=f"{container.name}/locations/-", pageSize=1)


PROBES: Mapping[str, Probe] = {
    PROJECTS.name: _projects,
    ADMINISTRATORS.name: _probe(ADMINISTRATORS, _policies),
    PRINCIPALS.name: _probe(PRINCIPALS, lambda found: (_policies(found), _accounts(found))),
    ADMIN_ACTIVITY.name: _probe(ADMIN_ACTIVITY, _entries),
    DATA_ACCESS.name: _probe(DATA_ACCESS, lambda found: (_entries(found), _log_config(found))),
    LOG_CONFIG.name: _probe(LOG_CONFIG, _log_config),
    SERVICE_ACCOUNT_KEYS.name: _probe(SERVICE_ACCOUNT_KEYS, _accounts, above=False),
}
"""By dataset name."""
