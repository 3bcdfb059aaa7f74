"""Which function fills which dataset of Google Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.gcp.access import administrators, principals, service_account_keys
from connectors.gcp.projects import projects
from schemas.extraction import Extractor
from schemas.gcp import ADMINISTRATORS, PRINCIPALS, PROJECTS, SERVICE_ACCOUNT_KEYS

EXTRACTORS: Mapping[str, Extractor] = {
    PROJECTS.name: projects,
    ADMINISTRATORS.name: administrators,
    PRINCIPALS.name: principals,
    SERVICE_ACCOUNT_KEYS.name: service_account_keys,
}
"""By dataset name."""
