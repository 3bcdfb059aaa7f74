"""The retention table: how long each source remembers, and so how long a missed collection can still be repaired.

`plan_days` is what a scheduler should trust, the shortest believable value: 0 where a source shows only the state of
now, None where nothing expires. Figures come from the vendors' documentation where there is one; the notes say where
practice or a third party is the only witness.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evidence.controls.model import Source

AWS_CLOUDTRAIL_EVENT_HISTORY = Source(
    "aws.cloudtrail_event_history",
    "90 days",
    90,
    "Management events only, per region, about two calls a second: a safety net, not the source.",
)
AWS_CLOUDTRAIL_S3 = Source(
    "aws.cloudtrail_s3",
    "own lifecycle rule",
    400,
    "Keep 400 days or more under Object Lock; digest files prove that no log file is missing.",
)
AWS_CONFIG_HISTORY = Source(
    "aws.config_history",
    "30 to 2557 days, set per region",
    365,
    "Only while the recorder was on; makes snapshots of resources reconstructible.",
)
AWS_IAM_STATE = Source(
    "aws.iam_state",
    "none",
    0,
    "IAM, Identity Center and Organizations show only now; the credential report may be four hours old.",
)
AWS_IAM_LAST_ACCESSED = Source("aws.iam_last_accessed", "400 days", 400)
AWS_GUARDDUTY_FINDINGS = Source("aws.guardduty_findings", "90 days", 90, "Export to S3 to keep them longer.")
AWS_SECURITYHUB_FINDINGS = Source(
    "aws.securityhub_findings", "active findings 90 days after their last update, closed ones as little as 14 days", 14
)
AWS_INSPECTOR_FINDINGS = Source(
    "aws.inspector_findings",
    "closed 30 days; 3 days once the resource is gone; 24 hours after switching it off",
    3,
)
AWS_BACKUP_JOBS = Source("aws.backup_jobs", "30 days", 30)
AWS_CLOUDWATCH_ALARM_HISTORY = Source(
    "aws.cloudwatch_alarm_history", "14 days in older texts, 30 in newer ones", 14, "Plan on the shorter."
)
AWS_RDS_EVENTS = Source("aws.rds_events", "14 days", 14, "Known from practice.")
AWS_DEPLOYMENT_HISTORY = Source(
    "aws.deployment_history", "CodePipeline 12 months, CodeDeploy not documented", 365, "Runs of deleted pipelines go."
)

GITHUB_PULL_REQUESTS = Source(
    "github.pull_requests",
    "until the repository or the pull request's data are deleted",
    None,
    "Changes afterwards: a dismissed approval loses its state, deleted users become ghosts. Collect within days.",
)
GITHUB_CHECKS_AND_STATUSES = Source(
    "github.checks_and_statuses",
    "400 days, then archived and deleted",
    90,
    "Reported by a third party: from 1 October 2026 they follow the retention of Actions, 90 days at most on public "
    "repositories. Verify before relying on 400.",
)
GITHUB_ORG_AUDIT_LOG = Source(
    "github.org_audit_log",
    "180 days; git events 7 days",
    180,
    "Readable by API on Enterprise Cloud only; elsewhere daily snapshots have to do, and the report says so.",
)
GITHUB_RULE_SUITES = Source(
    "github.rule_suites",
    "one month at most can be asked for",
    28,
    "The only place that shows who bypassed which rule.",
)
GITHUB_RULESET_HISTORY = Source("github.ruleset_history", "about 180 days, Enterprise Cloud", 90)
GITHUB_SETTINGS_STATE = Source(
    "github.settings_state", "none", 0, "Organisation settings, members, teams, collaborators, keys, branch rules."
)
GITHUB_ALERTS = Source(
    "github.alerts",
    "until the repository is deleted",
    None,
    "Created, fixed and dismissed times stay, so ages can be rebuilt; dismissals can be reopened.",
)
GITHUB_DEPLOYMENTS = Source("github.deployments", "until deleted", None)

GOOGLE_REPORTS_ACTIVITIES = Source(
    "google.reports_activities",
    "180 days",
    178,
    "Shorter than a six-month period: collecting at its end has already lost the first days. Minutes to hours late.",
)
GOOGLE_REPORTS_USAGE = Source(
    "google.reports_usage",
    "450 days by date",
    440,
    "Flags per user and day (two-step verification, super administrator, suspended); figures appear days later.",
)
GOOGLE_DIRECTORY_STATE = Source("google.directory_state", "none; deleted users stay visible about 20 days", 0)
GOOGLE_POLICY_STATE = Source("google.policy_state", "none", 0)
GOOGLE_ALERT_CENTER = Source("google.alert_center", "not documented; deleted alerts vanish after 30 days", 30)
GOOGLE_DRIVE_DOCUMENTS = Source(
    "google.drive_documents",
    "until the document is deleted",
    None,
    "Approvals and revisions; Drive thins out revisions of its own formats.",
)
GOOGLE_CALENDAR = Source("google.calendar", "until deleted", None, "Events can be changed afterwards.")

GCP_AUDIT_ADMIN_ACTIVITY = Source("gcp.audit_admin_activity", "400 days", 400, "Can't be switched off.")
GCP_AUDIT_DATA_ACCESS = Source(
    "gcp.audit_data_access", "30 days by default (1 to 3650)", 30, "Switched off by default."
)
GCP_ASSET_HISTORY = Source(
    "gcp.asset_history",
    "35 days",
    35,
    "Makes snapshots of assets and IAM policies reconstructible; the history of IAM can have gaps.",
)
GCP_SCC_FINDINGS = Source("gcp.scc_findings", "at least 13 months", 390)
GCP_DEPLOYMENTS = Source(
    "gcp.deployments", "builds and releases for years, revisions until deleted", 365, "Known from practice."
)
GCP_BACKUP_RUNS = Source(
    "gcp.backup_runs", "while the backup is kept, seven days by default", 7, "Known from practice; set per database."
)

HR_REGISTER = Source(
    "hr.register", "own", None, "Export of the HR system or the people register; export time and query are evidence."
)
TICKETING = Source("ticketing", "until deleted", None, "Keep each ticket's history of changes, not its final state.")
OWN_RECORDS = Source("own.records", "the evidence store", None)

_ALL = (
    AWS_CLOUDTRAIL_EVENT_HISTORY, AWS_CLOUDTRAIL_S3, AWS_CONFIG_HISTORY, AWS_IAM_STATE, AWS_IAM_LAST_ACCESSED,
    AWS_GUARDDUTY_FINDINGS, AWS_SECURITYHUB_FINDINGS, AWS_INSPECTOR_FINDINGS, AWS_BACKUP_JOBS,
    AWS_CLOUDWATCH_ALARM_HISTORY, AWS_RDS_EVENTS, AWS_DEPLOYMENT_HISTORY, GITHUB_PULL_REQUESTS,
    GITHUB_CHECKS_AND_STATUSES, GITHUB_ORG_AUDIT_LOG, GITHUB_RULE_SUITES, GITHUB_RULESET_HISTORY, GITHUB_SETTINGS_STATE,
    GITHUB_ALERTS, GITHUB_DEPLOYMENTS, GOOGLE_REPORTS_ACTIVITIES, GOOGLE_REPORTS_USAGE, GOOGLE_DIRECTORY_STATE,
    GOOGLE_POLICY_STATE, GOOGLE_ALERT_CENTER, GOOGLE_DRIVE_DOCUMENTS, GOOGLE_CALENDAR, GCP_AUDIT_ADMIN_ACTIVITY,
    GCP_AUDIT_DATA_ACCESS, GCP_ASSET_HISTORY, GCP_SCC_FINDINGS, GCP_DEPLOYMENTS, GCP_BACKUP_RUNS, HR_REGISTER,
    TICKETING, OWN_RECORDS,
)  # fmt: skip

SOURCES: Mapping[str, Source] = MappingProxyType({source.id: source for source in _ALL})
"""Every source by its id."""
