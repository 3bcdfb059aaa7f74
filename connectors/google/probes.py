"""Whether a dataset of Google Workspace can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.google.calls import GoogleClient
from schemas.extraction import Session
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]


def source_clock(session: Session) -> datetime:
    """What Google's clock says now."""
    client: GoogleClient = session.client
    return client.ask("directory.users.list", customer=session.tenant, maxResults=1, fields="etag").served_at


PROBES: Mapping[str, Probe] = {}
"""By dataset name."""
