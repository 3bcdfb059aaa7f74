"""The least rights that reading each dataset needs, for a GitHub App or a fine-grained token.

From GitHub's table of permissions required for fine-grained tokens and Apps. `evidence doctor` prints them, and errors
name the one that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from schemas.tickets import REGISTER_OF as TICKETS


@dataclass(frozen=True, slots=True)
class Right:
    """One permission as it stands in the settings of a GitHub App."""

    level: Literal["repository", "organization"]
    name: str
    """The key in an App manifest, for example `pull_requests`."""
    access: Literal["read", "write"] = "read"

    def __str__(self) -> str:
        return f"{self.level} permission {self.name}: {self.access}"


METADATA = Right("repository", "metadata")
CONTENTS = Right("repository", "contents")
PULL_REQUESTS = Right("repository", "pull_requests")
ISSUES = Right("repository", "issues")
CHECKS = Right("repository", "checks")
STATUSES = Right("repository", "statuses")
DEPLOYMENTS = Right("repository", "deployments")
ACTIONS = Right("repository", "actions")
"""GitHub counts environments as part of Actions."""
ADMINISTRATION = Right("repository", "administration")
ADMINISTRATION_WRITE = Right("repository", "administration", "write")
"""GitHub shows rule suites, a ruleset's history and its bypass list only to those who may change the rules."""
VULNERABILITY_ALERTS = Right("repository", "vulnerability_alerts")
"""In GitHub's settings pages: Dependabot alerts."""
SECURITY_EVENTS = Right("repository", "security_events")
"""In GitHub's settings pages: code scanning alerts."""
SECRET_ALERTS = Right("repository", "secret_scanning_alerts")
MEMBERS = Right("organization", "members")
ORGANISATION_ADMINISTRATION = Right("organization", "organization_administration")
ORGANISATION_ADMINISTRATION_WRITE = Right("organization", "organization_administration", "write")
"""GitHub files even reading the organisation's own rulesets under writing. Asked for only where one has changed,
and so no part of what the collector needs as a rule."""
HOOKS = Right("organization", "organization_hooks")
"""In GitHub's settings pages: Webhooks. Needed only where the plan has no audit log."""
PERSONAL_ACCESS_TOKENS = Right("organization", "organization_personal_access_tokens")

RIGHTS: dict[str, tuple[Right, ...]] = {
    "github.commits": (METADATA, CONTENTS, PULL_REQUESTS),
    "github.pull_requests": (METADATA, CONTENTS, PULL_REQUESTS, ISSUES),
    "github.checks": (METADATA, CONTENTS, PULL_REQUESTS, CHECKS, STATUSES),
    "github.bypasses": (METADATA, CONTENTS, ADMINISTRATION_WRITE),
    "github.branch_tips": (METADATA, CONTENTS),
    "github.branch_rules": (METADATA, CONTENTS, ADMINISTRATION_WRITE),
    "github.rule_changes": (METADATA, CONTENTS, ADMINISTRATION_WRITE, MEMBERS, ORGANISATION_ADMINISTRATION),
    "github.deployments": (METADATA, CONTENTS, DEPLOYMENTS, ACTIONS, CHECKS, STATUSES),
    "github.repositories": (METADATA, CONTENTS),
    "github.members": (MEMBERS, ORGANISATION_ADMINISTRATION),
    "github.administrators": (METADATA, ADMINISTRATION, MEMBERS, ORGANISATION_ADMINISTRATION),
    "github.credentials": (METADATA, ADMINISTRATION, PERSONAL_ACCESS_TOKENS),
    "github.repository_security": (METADATA, ADMINISTRATION, ORGANISATION_ADMINISTRATION),
    "github.secret_alerts": (METADATA, ADMINISTRATION, SECRET_ALERTS),
    "github.vulnerability_alerts": (METADATA, VULNERABILITY_ALERTS, SECURITY_EVENTS),
    "github.alert_coverage": (METADATA, ADMINISTRATION, VULNERABILITY_ALERTS, SECURITY_EVENTS, SECRET_ALERTS),
    "github.alerts": (METADATA, VULNERABILITY_ALERTS, SECURITY_EVENTS, SECRET_ALERTS),
    "github.environments": (METADATA, ACTIONS),
    "github.code_owners": (METADATA, CONTENTS),
    "github.audit_events": (METADATA, ORGANISATION_ADMINISTRATION),
    **dict.fromkeys(TICKETS, (METADATA, ISSUES)),
    "github.organisation_settings": (METADATA, ORGANISATION_ADMINISTRATION),
    "github.accounts": (METADATA, ADMINISTRATION, MEMBERS, ORGANISATION_ADMINISTRATION),
    "github.workflow_runs": (METADATA, CONTENTS, ACTIONS),
}

# What a refusal on an endpoint means, where one right of the dataset's several is the cause.
_BY_TEMPLATE: dict[str, Right] = {
    "/repos/{owner}/{repo}/activity": CONTENTS,
    "/repos/{owner}/{repo}/compare/{basehead}": CONTENTS,
    "/repos/{owner}/{repo}/commits/{ref}/statuses": STATUSES,
    "/repos/{owner}/{repo}/rulesets/rule-suites": ADMINISTRATION_WRITE,
    "/repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}": ADMINISTRATION_WRITE,
    "/repos/{owner}/{repo}/rulesets/{ruleset_id}/history": ADMINISTRATION_WRITE,
    "/repos/{owner}/{repo}/rulesets/{ruleset_id}/history/{version_id}": ADMINISTRATION_WRITE,
    "/orgs/{org}/rulesets/{ruleset_id}/history": ORGANISATION_ADMINISTRATION_WRITE,
    "/orgs/{org}/rulesets/{ruleset_id}/history/{version_id}": ORGANISATION_ADMINISTRATION_WRITE,
    "/repos/{owner}/{repo}/rulesets": METADATA,
    "/repos/{owner}/{repo}/rulesets/{ruleset_id}": METADATA,
    "/repos/{owner}/{repo}/rules/branches/{branch}": METADATA,
    "/repos/{owner}/{repo}/branches/{branch}/protection": ADMINISTRATION,
    "/repos/{owner}/{repo}/keys": ADMINISTRATION,
    "/orgs/{org}/repos": METADATA,
    "/orgs/{org}/members": MEMBERS,
    "/orgs/{org}/outside_collaborators": MEMBERS,
    "/orgs/{org}/invitations": MEMBERS,
    "/orgs/{org}/installations": ORGANISATION_ADMINISTRATION,
    "/orgs/{org}/hooks": HOOKS,
    "/orgs/{org}/hooks/{hook_id}/deliveries": HOOKS,
    "/orgs/{org}/audit-log": ORGANISATION_ADMINISTRATION,
    "/orgs/{org}/personal-access-tokens": PERSONAL_ACCESS_TOKENS,
    "/orgs/{org}/dependabot/alerts": VULNERABILITY_ALERTS,
    "/orgs/{org}/code-scanning/alerts": SECURITY_EVENTS,
    "/orgs/{org}/secret-scanning/alerts": SECRET_ALERTS,
    "/orgs/{org}/actions/permissions": ORGANISATION_ADMINISTRATION,
    "/orgs/{org}/actions/permissions/workflow": ORGANISATION_ADMINISTRATION,
    "/orgs/{org}/actions/permissions/repositories": ORGANISATION_ADMINISTRATION,
    "/repos/{owner}/{repo}/actions/permissions": ADMINISTRATION,
    "/repos/{owner}/{repo}/actions/permissions/workflow": ADMINISTRATION,
    "/repos/{owner}/{repo}/actions/runs": ACTIONS,
    "/repos/{owner}/{repo}/code-scanning/analyses": SECURITY_EVENTS,
    "/repos/{owner}/{repo}/environments": ACTIONS,
    "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": ACTIONS,
}


def right_for(dataset: str, template: str | None = None) -> str:
    """The missing right in words: that of the endpoint where known, else all of the dataset's."""
    if template is not None and template in _BY_TEMPLATE:
        return str(_BY_TEMPLATE[template])
    return ", ".join(str(right) for right in RIGHTS.get(dataset, (METADATA,)))


def least_app_permissions(datasets: Iterable[str]) -> dict[str, str]:
    """`{permission: read|write}` for a GitHub App manifest that can read all of these datasets and no more."""
    needed: dict[str, str] = {}
    for dataset in datasets:
        for right in RIGHTS[dataset]:
            if needed.get(right.name) != "write":
                needed[right.name] = right.access
    return dict(sorted(needed.items()))
