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
from connectors.gcp.deployments import some_service
from connectors.gcp.exposure import COMPUTE, PUBLIC_QUERY, SQL, STORAGE
from connectors.gcp.findings import METHOD as FINDINGS_LIST
from connectors.gcp.findings import SERVICE as SCC
from connectors.gcp.findings import not_activated
from connectors.gcp.reading import Reading, off, reading
from connectors.google.calls import GoogleClient
from schemas import gcp
from schemas.dataset import Dataset
from schemas.errors import PermissionDenied, SourceGone
from schemas.extraction import Request, Session
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


def _services(*names: str) -> Callable[[Reading], None]:
    """The services that a dataset can't do without are on."""

    def asked(found: Reading) -> None:
        for name, is_on in found.enabled(*names).items():
            if not is_on:
                raise off(name, found.project_id)

    return asked


def _resources(found: Reading) -> None:
    on = found.enabled(COMPUTE, STORAGE, SQL)
    if on[COMPUTE]:
        found.client.ask("compute.networks.list", project=found.project_id, maxResults=1)
    if on[STORAGE]:
        found.client.ask("storage.buckets.list", project=found.project_id, maxResults=1)
    if on[SQL]:
        found.client.ask("sql.instances.list", project=found.project_id, maxResults=1)


def _public(found: Reading) -> None:
    _policies(found)
    _resources(found)
    found.client.ask("cloudasset.searchAllIamPolicies", scope=found.own.name, query=PUBLIC_QUERY, pageSize=1)


def _findings(found: Reading) -> None:
    _services(SCC)(found)
    try:
        found.client.ask(FINDINGS_LIST, parent=f"{found.own.name}/sources/-", pageSize=1)
    except SourceGone as error:
        raise not_activated(found) from error


PROBES: Mapping[str, Probe] = {
    gcp.PROJECTS.name: _projects,
    gcp.EXPOSURE.name: _probe(gcp.EXPOSURE, _public),
    gcp.ENCRYPTION.name: _probe(gcp.ENCRYPTION, _resources, above=False),
    gcp.ADMINISTRATORS.name: _probe(gcp.ADMINISTRATORS, _policies),
    gcp.PRINCIPALS.name: _probe(gcp.PRINCIPALS, lambda found: (_policies(found), _accounts(found))),
    gcp.SERVICE_ACCOUNT_KEYS.name: _probe(gcp.SERVICE_ACCOUNT_KEYS, _accounts, above=False),
    gcp.ADMIN_ACTIVITY.name: _probe(gcp.ADMIN_ACTIVITY, _entries),
    gcp.DATA_ACCESS.name: _probe(gcp.DATA_ACCESS, lambda found: (_entries(found), _log_config(found))),
    gcp.LOG_CONFIG.name: _probe(gcp.LOG_CONFIG, _log_config),
    gcp.FINDINGS.name: _probe(gcp.FINDINGS, _findings, above=False),
    gcp.ALERTS.name: _probe(gcp.ALERTS, _findings, above=False),
    gcp.DEPLOYMENTS.name: _probe(gcp.DEPLOYMENTS, some_service, above=False),
    gcp.BACKUPS.name: _probe(gcp.BACKUPS, _services(SQL), above=False),
}
"""By dataset name."""
