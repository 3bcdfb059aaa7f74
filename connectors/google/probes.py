"""Whether a dataset of Google Workspace can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.google.approvals import search
from connectors.google.calls import GoogleClient
from connectors.google.permissions import METHODS
from connectors.google.usage import last_day_within
from schemas.errors import NotLicensed
from schemas.extraction import Session
from schemas.google import USERS
from schemas.instants import format_instant
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]


def source_clock(session: Session) -> datetime:
    """What Google's clock says now."""
    client: GoogleClient = session.client
    return client.ask("directory.users.list", customer=session.tenant, maxResults=1, fields="etag").served_at


def _cheapest(client: GoogleClient, customer: str, method: str) -> Mapping[str, Any] | None:
    """How a method is asked for as little as possible; None where there is nothing to ask about."""
    if method == "directory.members.list":
        listed = client.ask("directory.groups.list", customer=customer, maxResults=1, fields="groups(id)").parsed
        groups: list[Mapping[str, Any]] = listed.get("groups", [])
        return {"groupKey": groups[0]["id"], "maxResults": 1} if groups else None
    if method in ("drive.revisions.list", "drive.approvals.list"):
        found = client.ask("drive.files.list", **_files(client), fields="files(id)").parsed.get("files", [])
        return {"fileId": found[0]["id"], "pageSize": 1, "fields": "kind"} if found else None
    whole = {"customerId": customer, "maxResults": 1, "userKey": "all"}
    company = {"customer": f"customers/{customer}", "pageSize": 1}
    return {
        "alertcenter.alerts.list": {"pageSize": 1},
        "calendar.events.list": {"calendarId": "primary", "singleEvents": True, "maxResults": 1, **_today(client)},
        "cloudidentity.devices.deviceUsers.list": {"parent": "devices/-", **company},
        "cloudidentity.devices.list": company,
        "cloudidentity.policies.list": {"pageSize": 1},
        "directory.chromeosdevices.list": {"customerId": customer, "maxResults": 1},
        "directory.domainAliases.list": {"customer": customer},
        "directory.domains.list": {"customer": customer},
        "directory.groups.list": {"customer": customer, "maxResults": 1},
        "directory.orgunits.list": {"customerId": customer, "type": "allIncludingParent"},
        "directory.roleAssignments.list": {"customer": customer, "maxResults": 1},
        "directory.roles.list": {"customer": customer, "maxResults": 1},
        "directory.tokens.list": {"userKey": client.subject},
        "directory.users.list": {"customer": customer, "maxResults": 1},
        "drive.files.list": _files(client),
        "reports.activities.list": {"applicationName": "admin", **whole},
        "reports.userUsageReport.get": {"date": _reported_day(client), "parameters": "accounts:is_suspended", **whole},
    }[method]


def _files(client: GoogleClient) -> Mapping[str, Any]:
    named = client.policies[0] if client.policies else "-"
    return {**search(named).parameters, "pageSize": 1}


def _today(client: GoogleClient) -> Mapping[str, Any]:
    now = client.now()
    return {"timeMin": format_instant(now - timedelta(days=1)), "timeMax": format_instant(now)}


def _reported_day(client: GoogleClient) -> str:
    """A day whose report is certainly there."""
    return last_day_within(client.now() - timedelta(days=7)).isoformat()


def _probe(dataset: str) -> Probe:
    """Ask each method of a dataset once."""

    def probe(session: Session, item: ScopeItem) -> None:
        client: GoogleClient = session.client
        for method in METHODS[dataset]:
            parameters = _cheapest(client, session.tenant, method)
            if parameters is None:
                continue
            try:
                client.ask(method, **parameters)
            except NotLicensed:
                # Without the policies the users are still told, and the row says that they are not known.
                if not (dataset == USERS.name and method == "cloudidentity.policies.list"):
                    raise

    return probe


PROBES: Mapping[str, Probe] = {dataset: _probe(dataset) for dataset in METHODS}
"""By dataset name."""
