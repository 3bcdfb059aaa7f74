"""What is watched: vulnerabilities, drift, audit logs, threat detection."""

from __future__ import annotations

from evidence.controls import audit_trail, baseline
from evidence.controls.audit_trail import logged_and_kept
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_S3,
    AWS_CONFIG_HISTORY,
    AWS_IAM_STATE,
    AWS_INSPECTOR_FINDINGS,
    AWS_SECURITYHUB_FINDINGS,
    GCP_ASSET_HISTORY,
    GCP_AUDIT_ADMIN_ACTIVITY,
    GCP_SCC_FINDINGS,
    GITHUB_ALERTS,
    GITHUB_SETTINGS_STATE,
    GOOGLE_POLICY_STATE,
)
from evidence.controls.threat_detection import CODES as DETECTION_CODES
from evidence.controls.threat_detection import detection_delivers
from evidence.controls.vulnerabilities import CODES as VULNERABILITY_CODES
from evidence.controls.vulnerabilities import found_and_fixed
from schemas import (
    aws_configuration,
    aws_detection,
    aws_operations,
    aws_trail,
    gcp,
    github_organisation,
    github_security,
    google,
    tickets,
)

VULNERABILITIES = Control(
    id="CC7-VUL-01",
    title="Vulnerabilities found and fixed in time",
    family="system_operations",
    criteria=("CC7.1", "CC3.2"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="monthly",
    scope_kind="repo_or_account",
    must_show="Scanning covered every in-scope component continuously and each finding was fixed or accepted within "
    "the limit for its severity.",
    evidence=(
        EvidenceLine(
            id="findings",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_ALERTS, AWS_INSPECTOR_FINDINGS, GCP_SCC_FINDINGS),
            datasets={
                "github": github_security.VULNERABILITY_ALERTS,
                "aws": aws_detection.VULNERABILITY_FINDINGS,
                "gcp": gcp.FINDINGS,
            },
            is_population=True,
            description="Findings: component, severity, first seen, fixed, dismissed by whom and why.",
        ),
        EvidenceLine(
            id="coverage",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            sources=(AWS_IAM_STATE, GITHUB_SETTINGS_STATE),
            datasets={"github": github_security.ALERT_COVERAGE, "aws": aws_detection.SCAN_COVERAGE},
            supporting={"aws": (aws_operations.PATCH_STATE,)},
            is_population=True,
            description="What is scanned: accounts, resources, images and repositories with scanning on.",
        ),
    ),
    exception_codes=VULNERABILITY_CODES,
    population="Findings open at any instant of the window, including those closed in it; components per inventory.",
    test=found_and_fixed,
    limits=(
        "AWS names nobody who put a finding aside, Google Cloud no expiry: unknown without a recorded acceptance.",
        "An acceptance that ran out is told in the window in which it was given, as GitHub closes what is dismissed.",
        "No inventory lists functions of AWS Lambda, and what scans Google Cloud is not collected.",
    ),
    false_positives=(
        "vendor re-scores severity",
        "finding closed because resource ended (counts as closed, check replacement)",
        "dev-only dependency if policy excludes it",
        "no fix available (acceptance needed)",
    ),
    zero="No findings is shown by coverage snapshots plus scanner version and signature date; keep one "
    "known-vulnerable canary.",
    recover_until="Inspector 3-30 days after closing; GitHub while repository exists; SCC 390 days.",
)

BASELINE = Control(
    id="CC7-CFG-01",
    title="Configuration baseline and drift",
    family="system_operations",
    criteria=("CC7.1", "CC5.2", "CC6.1"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="cloud_account_region",
    must_show="Cloud and repository settings are measured against a written baseline; failures are handled like "
    "vulnerabilities.",
    evidence=(
        EvidenceLine(
            id="posture",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(AWS_CONFIG_HISTORY, AWS_SECURITYHUB_FINDINGS, GITHUB_SETTINGS_STATE, GOOGLE_POLICY_STATE),
            datasets={
                "aws": aws_detection.POSTURE,
                "github": github_organisation.ORGANISATION_SETTINGS,
                "google": google.POLICIES,
            },
            supporting={"aws": (aws_operations.CONFIG_HISTORY,)},
            is_population=True,
            description="Checks of the baseline: check, tool and version, resource, region, passed, failed or in "
            "error; settings of organisation and domain.",
        ),
    ),
    exception_codes=baseline.CODES,
    population="Baseline checks x resources x regions.",
    test=baseline.measured_and_mended,
    limits=(
        "Settings of GitHub and Google are collected, and no baseline says how they should be.",
        "A region in which no service checks anything is refused when collected, and so unknown.",
        "AWS names no person and no expiry for a suppressed result: unknown without a recorded acceptance.",
    ),
    false_positives=("checks that do not apply (suppression with reason and expiry)",),
    recover_until="AWS Config history for resources; check results no.",
)

AUDIT_LOGS = Control(
    id="CC7-LOG-01",
    title="Audit logs on, whole, tamper-evident and kept",
    family="system_operations",
    criteria=("CC7.2", "CC7.3", "CC6.1"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="cloud_account_region",
    must_show="Administrative activity of every account, organisation and domain was logged without interruption, "
    "stored where admins of the source cannot alter it, for at least 12 months.",
    evidence=(
        EvidenceLine(
            id="config",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(AWS_IAM_STATE, GCP_ASSET_HISTORY),
            datasets={"aws": aws_configuration.LOG_CONFIG, "gcp": gcp.LOG_CONFIG},
            is_population=True,
            description="Trails with status, selectors and validation, lock and lifecycle of their buckets, log "
            "groups and flow logs; sinks, audit configuration and retention at Google Cloud.",
        ),
        EvidenceLine(
            id="toggles",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(AWS_CLOUDTRAIL_S3, GCP_AUDIT_ADMIN_ACTIVITY),
            datasets={"aws": aws_trail.MANAGEMENT_EVENTS, "gcp": gcp.ADMIN_ACTIVITY},
            supporting={"own": (tickets.CHANGES, tickets.INCIDENTS)},
            is_population=True,
            description="Logging stopped, trails and sinks changed or deleted, selectors, policies of log buckets.",
        ),
        EvidenceLine(
            id="continuity",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            reconstructible_from=AWS_CLOUDTRAIL_S3,
            sources=(AWS_CLOUDTRAIL_S3,),
            datasets={"aws": aws_trail.TRAIL_CONTINUITY},
            is_population=True,
            description="The digest chain, hour by hour: digest there, signature right, files whole.",
        ),
    ),
    exception_codes=audit_trail.CODES,
    population="Accounts x regions; hours in the window.",
    test=logged_and_kept,
    false_positives=(
        "trail replaced by organisation trail (overlap must be seen)",
        "regions enabled mid-window",
    ),
    test_version=2,
    limits=(
        "Calls about a bucket of another account are in that account's trail.",
        "What Google Workspace logs is judged by no rule.",
    ),
    recover_until="Chain can be verified while files exist; config no.",
)

DETECTION = Control(
    id="CC7-DET-01",
    title="Threat detection switched on everywhere",
    family="system_operations",
    criteria=("CC7.2", "CC6.8"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="cloud_account_region",
    must_show="Detection services and alert rules run in every account, region and domain and deliver to a place "
    "someone watches.",
    evidence=(
        EvidenceLine(
            id="detectors",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(AWS_IAM_STATE, GOOGLE_POLICY_STATE),
            datasets={"aws": aws_detection.DETECTORS, "google": google.DETECTORS},
            is_population=True,
            description="Detectors, hubs and analysers per region, rules with their targets, alarms with their "
            "actions; alert rules with their recipients at Google.",
        ),
    ),
    exception_codes=DETECTION_CODES,
    population="Account x region; domains.",
    test=detection_delivers,
    false_positives=(
        "regions disabled by SCP (prove by policy)",
        "new account inside 24 hours",
    ),
    recover_until="Not recoverable.",
    limits=("Alert rules of Google Workspace are collected and not judged yet.",),
)

CONTROLS = (VULNERABILITIES, BASELINE, AUDIT_LOGS, DETECTION)
