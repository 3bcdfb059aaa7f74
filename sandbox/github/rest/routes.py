"""Every modelled REST endpoint with the query parameters it knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.github.rest import history, organisations, repositories, security
from sandbox.github.rest.calls import Answer, Call

Handler = Callable[[Call], Answer]
PAGES = frozenset({"per_page", "page"})
# Variables that may hold slashes.
_WIDE = {"branch", "basehead", "ref"}


@dataclass(frozen=True, slots=True)
class Route:
    """A path with variables, what answers it, and the query parameters that are modelled."""

    template: str
    handler: Handler
    parameters: frozenset[str] = frozenset()
    method: str = "GET"
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        expression = re.sub(
            r"\{(\w+)\}",
            lambda found: f"(?P<{found[1]}>{'.+?' if found[1] in _WIDE else '[^/]+'})",
            self.template,
        )
        object.__setattr__(self, "pattern", re.compile(expression))

    @property
    def needs(self) -> tuple[str, str]:
        """Permission and level that an installation must have been granted."""
        return NEEDS.get(self.template, ("metadata", "read"))

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"


def _pages(*more: str) -> frozenset[str]:
    return PAGES | frozenset(more)


_REPO = "/repos/{owner}/{repo}"
_ORG = "/orgs/{org}"

NEEDS: dict[str, tuple[str, str]] = {
    f"{_ORG}/members": ("members", "read"),
    f"{_ORG}/outside_collaborators": ("members", "read"),
    f"{_ORG}/memberships/{{username}}": ("members", "read"),
    f"{_ORG}/teams": ("members", "read"),
    f"{_ORG}/teams/{{team_slug}}/members": ("members", "read"),
    f"{_ORG}/installations": ("organization_administration", "read"),
    f"{_ORG}/audit-log": ("organization_administration", "read"),
    f"{_ORG}/rulesets": ("organization_administration", "write"),
    f"{_ORG}/rulesets/{{ruleset_id}}": ("organization_administration", "write"),
    f"{_ORG}/rulesets/{{ruleset_id}}/history": ("organization_administration", "write"),
    f"{_ORG}/rulesets/{{ruleset_id}}/history/{{version_id}}": ("organization_administration", "write"),
    f"{_ORG}/rulesets/rule-suites": ("organization_administration", "write"),
    f"{_ORG}/personal-access-tokens": ("organization_personal_access_tokens", "read"),
    f"{_ORG}/invitations": ("members", "read"),
    f"{_ORG}/hooks": ("organization_hooks", "read"),
    f"{_ORG}/hooks/{{hook_id}}/deliveries": ("organization_hooks", "read"),
    f"{_ORG}/hooks/{{hook_id}}/deliveries/{{delivery_id}}": ("organization_hooks", "read"),
    f"{_ORG}/hooks/{{hook_id}}/deliveries/{{delivery_id}}/attempts": ("organization_hooks", "write"),
    f"{_ORG}/dependabot/alerts": ("vulnerability_alerts", "read"),
    f"{_ORG}/code-scanning/alerts": ("security_events", "read"),
    f"{_ORG}/secret-scanning/alerts": ("secret_scanning_alerts", "read"),
    f"{_ORG}/actions/permissions": ("organization_administration", "read"),
    f"{_ORG}/actions/permissions/workflow": ("organization_administration", "read"),
    f"{_ORG}/actions/permissions/repositories": ("organization_administration", "read"),
    f"{_REPO}/actions/permissions": ("administration", "read"),
    f"{_REPO}/actions/permissions/workflow": ("administration", "read"),
    f"{_REPO}/actions/runs": ("actions", "read"),
    f"{_REPO}/code-scanning/analyses": ("security_events", "read"),
    f"{_REPO}/environments/{{environment_name}}/deployment-branch-policies": ("actions", "read"),
    f"{_REPO}/activity": ("contents", "read"),
    f"{_REPO}/branches": ("contents", "read"),
    f"{_REPO}/branches/{{branch}}": ("contents", "read"),
    f"{_REPO}/branches/{{branch}}/protection": ("administration", "read"),
    f"{_REPO}/rulesets/rule-suites": ("administration", "write"),
    f"{_REPO}/rulesets/rule-suites/{{rule_suite_id}}": ("administration", "write"),
    f"{_REPO}/rulesets/{{ruleset_id}}/history": ("administration", "write"),
    f"{_REPO}/rulesets/{{ruleset_id}}/history/{{version_id}}": ("administration", "write"),
    f"{_REPO}/keys": ("administration", "read"),
    f"{_REPO}/teams": ("administration", "read"),
    f"{_REPO}/environments": ("actions", "read"),
    f"{_REPO}/commits": ("contents", "read"),
    f"{_REPO}/commits/{{ref}}": ("contents", "read"),
    f"{_REPO}/commits/{{commit_sha}}/pulls": ("pull_requests", "read"),
    f"{_REPO}/commits/{{ref}}/check-runs": ("checks", "read"),
    f"{_REPO}/commits/{{ref}}/check-suites": ("checks", "read"),
    f"{_REPO}/commits/{{ref}}/status": ("statuses", "read"),
    f"{_REPO}/commits/{{ref}}/statuses": ("statuses", "read"),
    f"{_REPO}/compare/{{basehead}}": ("contents", "read"),
    f"{_REPO}/pulls": ("pull_requests", "read"),
    f"{_REPO}/pulls/{{pull_number}}": ("pull_requests", "read"),
    f"{_REPO}/pulls/{{pull_number}}/reviews": ("pull_requests", "read"),
    f"{_REPO}/pulls/{{pull_number}}/commits": ("pull_requests", "read"),
    f"{_REPO}/deployments": ("deployments", "read"),
    f"{_REPO}/deployments/{{deployment_id}}": ("deployments", "read"),
    f"{_REPO}/deployments/{{deployment_id}}/statuses": ("deployments", "read"),
    f"{_REPO}/issues": ("issues", "read"),
    f"{_REPO}/issues/{{issue_number}}": ("issues", "read"),
}
"""From GitHub's table of permissions required for GitHub Apps; the rest needs `metadata: read`, which every one has."""

_ALERTS = frozenset({"state", "sort", "direction", "per_page", "after", "before"})
_SUITES = _pages("ref", "time_period", "actor_name", "rule_suite_result")

ROUTES: tuple[Route, ...] = (
    Route("/user", organisations.user),
    Route("/users/{username}", organisations.some_user),
    Route(_ORG, organisations.organisation),
    Route(f"{_ORG}/repos", organisations.repositories, _pages("type", "sort", "direction")),
    Route(f"{_ORG}/members", organisations.members, _pages("filter", "role")),
    Route(f"{_ORG}/outside_collaborators", organisations.outside_collaborators, _pages("filter")),
    Route(f"{_ORG}/memberships/{{username}}", organisations.membership),
    Route(f"{_ORG}/installations", organisations.installations, _pages()),
    Route(f"{_ORG}/personal-access-tokens", organisations.token_grants, _pages("direction", "sort")),
    Route(f"{_ORG}/rulesets/rule-suites", organisations.rule_suites, _SUITES | {"repository_name"}),
    Route(f"{_ORG}/rulesets", organisations.rulesets, _pages()),
    Route(f"{_ORG}/rulesets/{{ruleset_id}}", organisations.ruleset),
    Route(f"{_ORG}/rulesets/{{ruleset_id}}/history", organisations.ruleset_history, _pages()),
    Route(f"{_ORG}/rulesets/{{ruleset_id}}/history/{{version_id}}", organisations.ruleset_version),
    Route(f"{_ORG}/teams", organisations.teams, _pages()),
    Route(f"{_ORG}/teams/{{team_slug}}/members", organisations.team_members, _pages("role")),
    Route(
        f"{_ORG}/audit-log",
        organisations.audit_log,
        frozenset({"phrase", "include", "after", "before", "order", "per_page"}),
    ),
    Route(f"{_ORG}/invitations", security.invitations, _pages()),
    Route(f"{_ORG}/hooks", security.hooks, _pages()),
    Route(f"{_ORG}/hooks/{{hook_id}}/deliveries", security.deliveries, frozenset({"per_page", "cursor"})),
    Route(f"{_ORG}/hooks/{{hook_id}}/deliveries/{{delivery_id}}", security.delivery),
    Route(f"{_ORG}/hooks/{{hook_id}}/deliveries/{{delivery_id}}/attempts", security.redeliver, method="POST"),
    Route(f"{_ORG}/dependabot/alerts", security.dependabot_alerts, _ALERTS),
    Route(f"{_ORG}/code-scanning/alerts", security.code_scanning_alerts, _ALERTS),
    Route(f"{_ORG}/secret-scanning/alerts", security.secret_scanning_alerts, _ALERTS | {"hide_secret"}),
    Route(f"{_ORG}/actions/permissions", security.org_actions),
    Route(f"{_ORG}/actions/permissions/workflow", security.org_workflow),
    Route(f"{_ORG}/actions/permissions/repositories", security.org_actions_repositories, _pages()),
    Route(f"{_REPO}/actions/permissions", security.repo_actions),
    Route(f"{_REPO}/actions/permissions/workflow", security.repo_workflow),
    Route(f"{_REPO}/actions/runs", security.workflow_runs, _pages("created")),
    Route(f"{_REPO}/code-scanning/analyses", security.analyses, _pages()),
    Route(
        f"{_REPO}/environments/{{environment_name}}/deployment-branch-policies",
        security.environment_policies,
        _pages(),
    ),
    Route(_REPO, repositories.repository),
    Route(
        f"{_REPO}/activity",
        repositories.activity,
        frozenset({"direction", "per_page", "before", "after", "ref", "actor", "time_period", "activity_type"}),
    ),
    Route(f"{_REPO}/branches", repositories.branches, _pages("protected")),
    Route(f"{_REPO}/branches/{{branch}}/protection", repositories.protection),
    Route(f"{_REPO}/branches/{{branch}}", repositories.branch),
    Route(f"{_REPO}/rules/branches/{{branch}}", repositories.branch_rules, _pages()),
    Route(f"{_REPO}/rulesets/rule-suites", repositories.rule_suites, _SUITES),
    Route(f"{_REPO}/rulesets/rule-suites/{{rule_suite_id}}", repositories.rule_suite),
    Route(f"{_REPO}/rulesets", repositories.rulesets, _pages("includes_parents")),
    Route(f"{_REPO}/rulesets/{{ruleset_id}}", repositories.ruleset, frozenset({"includes_parents"})),
    Route(f"{_REPO}/rulesets/{{ruleset_id}}/history", repositories.ruleset_history, _pages()),
    Route(f"{_REPO}/rulesets/{{ruleset_id}}/history/{{version_id}}", repositories.ruleset_version),
    Route(f"{_REPO}/keys", repositories.deploy_keys, _pages()),
    Route(f"{_REPO}/collaborators", repositories.collaborators, _pages("affiliation", "permission")),
    Route(f"{_REPO}/collaborators/{{username}}/permission", organisations.effective_permission),
    Route(f"{_REPO}/teams", repositories.teams, _pages()),
    Route(f"{_REPO}/topics", repositories.topics, _pages()),
    Route(f"{_REPO}/environments", repositories.environments, _pages()),
    Route(f"{_REPO}/commits", history.commits, _pages("sha", "since", "until", "author", "committer")),
    Route(f"{_REPO}/commits/{{commit_sha}}/pulls", history.commit_pulls, _pages()),
    Route(
        f"{_REPO}/commits/{{ref}}/check-runs", history.check_runs, _pages("check_name", "status", "filter", "app_id")
    ),
    Route(f"{_REPO}/commits/{{ref}}/check-suites", history.check_suites, _pages("app_id", "check_name")),
    Route(f"{_REPO}/commits/{{ref}}/status", history.combined_status, _pages()),
    Route(f"{_REPO}/commits/{{ref}}/statuses", history.statuses, _pages()),
    Route(f"{_REPO}/commits/{{ref}}", history.commit, _pages()),
    Route(f"{_REPO}/compare/{{basehead}}", history.comparison, _pages()),
    Route(f"{_REPO}/pulls", history.pulls, _pages("state", "head", "base", "sort", "direction")),
    Route(f"{_REPO}/pulls/{{pull_number}}", history.pull),
    Route(f"{_REPO}/pulls/{{pull_number}}/reviews", history.reviews, _pages()),
    Route(f"{_REPO}/pulls/{{pull_number}}/commits", history.pull_commits, _pages()),
    Route(f"{_REPO}/deployments", history.deployments, _pages("sha", "ref", "task", "environment")),
    Route(f"{_REPO}/deployments/{{deployment_id}}", history.deployment),
    Route(f"{_REPO}/deployments/{{deployment_id}}/statuses", history.deployment_statuses, _pages()),
    Route(f"{_REPO}/issues", history.issues, _pages("state", "labels", "sort", "direction", "since", "creator")),
    Route(f"{_REPO}/issues/{{issue_number}}", history.issue),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path and its variables."""
    for route in ROUTES:
        if route.method == method:
            found = route.pattern.fullmatch(path)
            if found is not None:
                return route, found.groupdict()
    return None
