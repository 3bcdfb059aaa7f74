"""Which extractor fills which dataset of AWS."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.aws.accounts import accounts
from connectors.aws.configuration.extractor import configuration
from connectors.aws.detection.alarms import alarm_history
from connectors.aws.detection.alerts import alerts
from connectors.aws.detection.coverage import scan_coverage
from connectors.aws.detection.detectors import detectors
from connectors.aws.detection.posture import posture
from connectors.aws.detection.vulnerabilities import vulnerability_findings
from connectors.aws.identity.principals import principals
from connectors.aws.operations.backups import backup_jobs, recovery_points
from connectors.aws.operations.config_history import config_history
from connectors.aws.operations.deployments import deployments
from connectors.aws.operations.patches import patch_state
from connectors.aws.privileges import privileges
from connectors.aws.sign_in import sign_in_and_keys
from connectors.aws.trail.continuity import trail_continuity
from connectors.aws.trail.events import management_events
from schemas.aws import ACCESS_KEYS, ACCOUNTS, PRIVILEGES, SIGN_IN
from schemas.aws_configuration import ENCRYPTION, EXPOSURE, LIFECYCLE, LOG_CONFIG, TRANSIT
from schemas.aws_detection import (
    ALARM_HISTORY,
    ALERTS,
    DETECTORS,
    POSTURE,
    SCAN_COVERAGE,
    VULNERABILITY_FINDINGS,
)
from schemas.aws_identity import PRINCIPALS
from schemas.aws_operations import BACKUP_JOBS, CONFIG_HISTORY, DEPLOYMENTS, PATCH_STATE, RECOVERY_POINTS
from schemas.aws_trail import MANAGEMENT_EVENTS, TRAIL_CONTINUITY
from schemas.extraction import Extractor

EXTRACTORS: Mapping[str, Extractor] = {
    ACCOUNTS.name: accounts,
    SIGN_IN.name: sign_in_and_keys,
    ACCESS_KEYS.name: sign_in_and_keys,
    PRIVILEGES.name: privileges,
    EXPOSURE.name: configuration,
    ENCRYPTION.name: configuration,
    TRANSIT.name: configuration,
    LIFECYCLE.name: configuration,
    LOG_CONFIG.name: configuration,
    MANAGEMENT_EVENTS.name: management_events,
    TRAIL_CONTINUITY.name: trail_continuity,
    PRINCIPALS.name: principals,
    CONFIG_HISTORY.name: config_history,
    BACKUP_JOBS.name: backup_jobs,
    RECOVERY_POINTS.name: recovery_points,
    PATCH_STATE.name: patch_state,
    DEPLOYMENTS.name: deployments,
    DETECTORS.name: detectors,
    ALERTS.name: alerts,
    ALARM_HISTORY.name: alarm_history,
    VULNERABILITY_FINDINGS.name: vulnerability_findings,
    SCAN_COVERAGE.name: scan_coverage,
    POSTURE.name: posture,
}
"""By dataset name. An extractor that stands here twice fills both datasets in one pass when asked for both."""
