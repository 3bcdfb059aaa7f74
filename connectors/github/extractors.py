"""Which function fills which dataset."""

from __future__ import annotations

from connectors.github.accounts import accounts
from connectors.github.administrators import administrators
from connectors.github.alerts import alerts, secret_alerts, vulnerability_alerts
from connectors.github.audit_events import audit_events
from connectors.github.changes import changes
from connectors.github.code_owners import code_owners
from connectors.github.credentials import credentials
from connectors.github.environments import environments
from connectors.github.inventory import repositories
from connectors.github.members import members
from connectors.github.organisation_settings import organisation_settings
from connectors.github.repository_security import alert_coverage, repository_security
from connectors.github.rule_changes import rule_changes
from connectors.github.snapshots import branch_rules, branch_tips
from connectors.github.workflow_runs import workflow_runs
from schemas.extraction import Extractor
from schemas.github import (
    ADMINISTRATORS,
    BRANCH_RULES,
    BRANCH_TIPS,
    BYPASSES,
    CHECKS,
    COMMITS,
    CREDENTIALS,
    DEPLOYMENTS,
    MEMBERS,
    PULL_REQUESTS,
    REPOSITORIES,
    RULE_CHANGES,
)
from schemas.github_delivery import CODE_OWNERS, ENVIRONMENTS, WORKFLOW_RUNS
from schemas.github_organisation import ACCOUNTS, AUDIT_EVENTS, ORGANISATION_SETTINGS
from schemas.github_security import (
    ALERT_COVERAGE,
    ALERTS,
    REPOSITORY_SECURITY,
    SECRET_ALERTS,
    VULNERABILITY_ALERTS,
)

EXTRACTORS: dict[str, Extractor] = {
    # One pass serves all five; ask for them together.
    COMMITS.name: changes,
    PULL_REQUESTS.name: changes,
    CHECKS.name: changes,
    DEPLOYMENTS.name: changes,
    BYPASSES.name: changes,
    BRANCH_TIPS.name: branch_tips,
    BRANCH_RULES.name: branch_rules,
    RULE_CHANGES.name: rule_changes,
    REPOSITORIES.name: repositories,
    MEMBERS.name: members,
    ADMINISTRATORS.name: administrators,
    CREDENTIALS.name: credentials,
    CODE_OWNERS.name: code_owners,
    ACCOUNTS.name: accounts,
    AUDIT_EVENTS.name: audit_events,
    ORGANISATION_SETTINGS.name: organisation_settings,
    ENVIRONMENTS.name: environments,
    WORKFLOW_RUNS.name: workflow_runs,
    REPOSITORY_SECURITY.name: repository_security,
    SECRET_ALERTS.name: secret_alerts,
    VULNERABILITY_ALERTS.name: vulnerability_alerts,
    ALERT_COVERAGE.name: alert_coverage,
    ALERTS.name: alerts,
}
"""The extractor of each dataset of this system."""
