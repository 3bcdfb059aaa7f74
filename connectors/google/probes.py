"""Whether a dataset of Google Workspace can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.google.calls import GoogleClient
from connectors.google.permissions import METHODS
from schemas.errors import NotLicensed
from schemas.extraction import Session
from schemas.google import USERS
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
    return {
        "cloudidentity.policies.list": {"pageSize": 1},
        "directory.domainAliases.list": {"customer": customer},
        "directory.domains.list": {"customer": customer},
        "directory.groups.list": {"customer": customer, "maxResults": 1},
        "directory.orgunits.list": {"customerId": customer, "type": "allIncludingParent"},
        "directory.roleAssignments.list": {"customer": customer, "maxResults": 1},
        "directory.roles.list": {"customer": customer, "maxResults": 1},
        "directory.tokens.list": {"userKey": client.subject},
        "directory.users.list": {"customer": customer, "maxResults": 1},
    }[method]


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
