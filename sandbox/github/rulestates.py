"""Scripted rules in the words of GitHub's REST API."""

from __future__ import annotations

from typing import Any

from sandbox.github.model import App, Team
from sandbox.github.script import Ruleset
from sandbox.github.script_events import Bypass, Rules

ROLES = {"maintain": 4, "admin": 5}


def rules_body(rules: Rules, checks_app: App) -> list[dict[str, Any]]:
    """The `rules` of a ruleset."""
    found: list[dict[str, Any]] = []
    if rules.no_deletion:
        found.append({"type": "deletion"})
    if rules.no_force_push:
        found.append({"type": "non_fast_forward"})
    if rules.linear_history:
        found.append({"type": "required_linear_history"})
    if rules.approvals is not None:
        found.append(
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": rules.approvals,
                    "dismiss_stale_reviews_on_push": rules.dismiss_stale,
                    "require_code_owner_review": rules.code_owners,
                    "require_last_push_approval": rules.last_push,
                    "required_review_thread_resolution": rules.threads,
                    "allowed_merge_methods": ["merge", "squash", "rebase"],
                },
            }
        )
    if rules.checks:
        found.append(
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": rules.strict,
                    "do_not_enforce_on_create": False,
                    "required_status_checks": [
                        {"context": name, "integration_id": checks_app.id} for name in rules.checks
                    ],
                },
            }
        )
    if rules.merge_queue:
        found.append(
            {
                "type": "merge_queue",
                "parameters": {
                    "check_response_timeout_minutes": 60,
                    "grouping_strategy": "ALLGREEN",
                    "max_entries_to_build": 5,
                    "max_entries_to_merge": 5,
                    "merge_method": "SQUASH",
                    "min_entries_to_merge": 1,
                    "min_entries_to_merge_wait_minutes": 5,
                },
            }
        )
    return found


def bypass_body(bypass: list[Bypass], teams: dict[str, Team], apps: dict[str, App]) -> list[dict[str, Any]]:
    """The `bypass_actors` of a ruleset. Raises ValueError for a team, app or role that is not known."""
    found: list[dict[str, Any]] = []
    for one in bypass:
        name = one.name or ""
        number: int | None
        if one.kind == "organization_admin":
            kind, number = "OrganizationAdmin", 1
        elif one.kind == "deploy_key":
            kind, number = "DeployKey", None
        elif one.kind == "role" and name in ROLES:
            kind, number = "RepositoryRole", ROLES[name]
        elif one.kind == "team" and name in teams:
            kind, number = "Team", teams[name].id
        elif one.kind == "app" and name in apps:
            kind, number = "Integration", apps[name].id
        else:
            raise ValueError(f"a bypass names the {one.kind} {name!r}, which does not exist")
        found.append({"actor_id": number, "actor_type": kind, "bypass_mode": one.mode})
    return found


def ruleset_body(ruleset: Ruleset, checks_app: App, teams: dict[str, Team], apps: dict[str, App]) -> dict[str, Any]:
    """The first state of a ruleset."""
    conditions: dict[str, Any] = {
        "ref_name": {
            "include": [
                name if name.startswith("~") else f"refs/heads/{name.removeprefix('refs/heads/')}"
                for name in ruleset.branches
            ],
            "exclude": [],
        }
    }
    if ruleset.repository is None:
        conditions["repository_name"] = {"include": ruleset.repositories or ["~ALL"], "exclude": [], "protected": False}
    return {
        "name": ruleset.name,
        "target": "branch",
        "enforcement": ruleset.enforcement,
        "conditions": conditions,
        "rules": rules_body(ruleset.rules, checks_app),
        "bypass_actors": bypass_body(ruleset.bypass, teams, apps),
    }


def protection_body(rules: Rules, checks_app: App, *, enforce_admins: bool) -> dict[str, Any]:
    """The settings of a classic protection."""
    return {
        "enforce_admins": enforce_admins,
        "required_signatures": False,
        "required_linear_history": rules.linear_history,
        "allow_force_pushes": not rules.no_force_push,
        "allow_deletions": not rules.no_deletion,
        "block_creations": False,
        "required_conversation_resolution": rules.threads,
        "lock_branch": False,
        "allow_fork_syncing": False,
        "required_status_checks": {
            "strict": rules.strict,
            "checks": [{"context": name, "app_id": checks_app.id} for name in rules.checks],
        }
        if rules.checks
        else None,
        "required_pull_request_reviews": {
            "dismiss_stale_reviews": rules.dismiss_stale,
            "require_code_owner_reviews": rules.code_owners,
            "required_approving_review_count": rules.approvals,
            "require_last_push_approval": rules.last_push,
        }
        if rules.approvals is not None
        else None,
    }
