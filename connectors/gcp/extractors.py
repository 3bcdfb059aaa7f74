"""Which function fills which dataset of Google Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.gcp.access import administrators, principals, service_account_keys
from connectors.gcp.audit_logs import admin_activity, data_access
from connectors.gcp.backups import backups
from connectors.gcp.deployments import deployments
from connectors.gcp.encryption import encryption
from connectors.gcp.exposure import exposure
from connectors.gcp.findings import alerts, findings
from connectors.gcp.log_config import log_config
from connectors.gcp.projects import projects
from schemas import gcp
from schemas.extraction import Extractor

EXTRACTORS: Mapping[str, Extractor] = {
    gcp.PROJECTS.name: projects,
    gcp.EXPOSURE.name: exposure,
    gcp.ENCRYPTION.name: encryption,
    gcp.ADMINISTRATORS.name: administrators,
    gcp.PRINCIPALS.name: principals,
    gcp.SERVICE_ACCOUNT_KEYS.name: service_account_keys,
    gcp.ADMIN_ACTIVITY.name: admin_activity,
    gcp.DATA_ACCESS.name: data_access,
    gcp.LOG_CONFIG.name: log_config,
    gcp.FINDINGS.name: findings,
    gcp.ALERTS.name: alerts,
    gcp.DEPLOYMENTS.name: deployments,
    gcp.BACKUPS.name: backups,
}
"""By dataset name."""
