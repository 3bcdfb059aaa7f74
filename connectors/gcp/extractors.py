"""Which function fills which dataset of Google Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.gcp.access import administrators, principals, service_account_keys
from connectors.gcp.audit_logs import admin_activity, data_access
from connectors.gcp.log_config import log_config
from connectors.gcp.projects import projects
from schemas.extraction import Extractor
from schemas.gcp import (
    ADMIN_ACTIVITY,
    ADMINISTRATORS,
    DATA_ACCESS,
    LOG_CONFIG,
    PRINCIPALS,
    PROJECTS,
    SERVICE_ACCOUNT_KEYS,
)

EXTRACTORS: Mapping[str, Extractor] = {
    PROJECTS.name: projects,
    ADMINISTRATORS.name: administrators,
    PRINCIPALS.name: principals,
    SERVICE_ACCOUNT_KEYS.name: service_account_keys,
    ADMIN_ACTIVITY.name: admin_activity,
    DATA_ACCESS.name: data_access,
    LOG_CONFIG.name: log_config,
}
"""By dataset name."""
