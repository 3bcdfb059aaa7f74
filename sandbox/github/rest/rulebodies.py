"""REST bodies of rulesets, rule suites, branch protection and the audit log."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request
from sandbox.github.model import (
    AuditEntry,
    DeployKey,
    Environment,
    Organisation,
    Protection,
    Repository,
    Ruleset,
    RulesetVersion,
    RuleSuite,
    Team,
)
from sandbox.github.nodeids import node_id
from sandbox.github.queries.rules import may_see_bypass
from sandbox.github.rest.bodies import account, team
from sandbox.github.rules import owner_name
from sandbox.github.times import iso, iso_or_none


def ruleset(which: Ruleset, request: Request, *, full: bool) -> dict[str, Any]:
    """`repository-ruleset`; lists leave out rules, conditions and bypass actors."""
    version = which.at(request.now)
    if version is None or version.state is None:
        raise LookupError(f"ruleset {which.id} does not exist at that instant")
    state = version.state
    owner = which.owner
    name = owner_name(owner, request.now)
    of_repository = isinstance(owner, Repository)
    kind = "repos" if of_repository else "orgs"
    html = (
        f"{WEB}/{name}/rules/{which.id}" if of_repository else f"{WEB}/organizations/{name}/settings/rules/{which.id}"
    )
    body: dict[str, Any] = {
        "id": which.id,
        "name": state["name"],
        "target": state["target"],
        "source_type": "Repository" if of_repository else "Organization",
        "source": name,
        "enforcement": state["enforcement"],
        "node_id": which.node_id,
        "_links": {
            "self": {"href": f"{request.api}/{kind}/{name}/rulesets/{which.id}"},
            "html": {"href": html},
        },
        "created_at": iso(which.created_at),
        "updated_at": iso(version.at),
    }
    if full:
        body["conditions"] = state.get("conditions")
        body["rules"] = state["rules"]
        if may_see_bypass(which, request):
            body["bypass_actors"] = state.get("bypass_actors") or []
            body["current_user_can_bypass"] = "never"
    return body


def ruleset_version(which: RulesetVersion, request: Request, *, full: bool = False) -> dict[str, Any]:
    """`ruleset-version`, with the state in the answer about a single version."""
    del request
    body: dict[str, Any] = {
        "version_id": which.id,
        "actor": {"id": which.actor.id, "type": which.actor.kind},
        "updated_at": iso(which.at),
    }
    if full:
        body["state"] = {"id": which.ruleset.id, **(which.state or {})}
    return body


def branch_rule(rule: dict[str, Any], source: Ruleset, request: Request) -> dict[str, Any]:
    """`repository-rule-detailed`."""
    return {
        **rule,
        "ruleset_source_type": "Repository" if isinstance(source.owner, Repository) else "Organization",
        "ruleset_source": owner_name(source.owner, request.now),
        "ruleset_id": source.id,
    }


def rule_suite(which: RuleSuite, request: Request, *, full: bool = False) -> dict[str, Any]:
    """`rule-suite`, without the evaluations in lists."""
    body: dict[str, Any] = {
        "id": which.id,
        "actor_id": which.actor.id,
        "actor_name": which.actor.rest_login,
        "before_sha": which.before,
        "after_sha": which.after,
        "ref": f"refs/heads/{which.branch}",
        "repository_id": which.repository.id,
        "repository_name": which.repository.name.at(request.now),
        "pushed_at": iso(which.at),
        "result": which.result,
        "evaluation_result": which.result,
    }
    if full:
        body["rule_evaluations"] = which.evaluations
    return body


def protection(which: Protection, settings: dict[str, Any], branch: str, request: Request) -> dict[str, Any]:
    """`branch-protection`."""
    name = which.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/branches/{branch}/protection"

    def flag(key: str) -> dict[str, bool]:
        return {"enabled": bool(settings.get(key, False))}

    body: dict[str, Any] = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", **flag("enforce_admins")},
        "required_signatures": {"url": f"{url}/required_signatures", **flag("required_signatures")},
    }
    for key in (
        "required_linear_history",
        "allow_force_pushes",
        "allow_deletions",
        "block_creations",
        "required_conversation_resolution",
        "lock_branch",
        "allow_fork_syncing",
    ):
        body[key] = flag(key)
    checks = settings.get("required_status_checks")
    if checks:
        body["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "contexts_url": f"{url}/required_status_checks/contexts",
            "strict": checks["strict"],
            "contexts": [check["context"] for check in checks["checks"]],
            "checks": [{"context": check["context"], "app_id": check.get("app_id")} for check in checks["checks"]],
        }
    reviews = settings.get("required_pull_request_reviews")
    if reviews:
        body["required_pull_request_reviews"] = {"url": f"{url}/required_pull_request_reviews", **reviews}
    return body


def deploy_key(which: DeployKey, request: Request) -> dict[str, Any]:
    """`deploy-key`."""
    name = which.repository.full_name(request.now)
    return {
        "id": which.id,
        "key": which.key,
        "url": f"{request.api}/repos/{name}/keys/{which.id}",
        "title": which.title,
        "verified": True,
        "created_at": iso(which.created_at),
        "read_only": which.read_only,
        "added_by": which.added_by.login,
        "last_used": iso_or_none(which.usage.last(request.now)),
        "enabled": True,
    }


def environment(which: Environment, request: Request) -> dict[str, Any]:
    """`environment`."""
    name = which.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/environments/{which.name}"
    rules: list[dict[str, Any]] = []

    def identity(index: int) -> dict[str, Any]:
        return {"id": which.id + index, "node_id": node_id("GA", which.id + index)}

    if which.wait_minutes:
        rules.append({**identity(1), "type": "wait_timer", "wait_timer": which.wait_minutes})
    if which.reviewers:
        rules.append(
            {
                **identity(2),
                "type": "required_reviewers",
                "prevent_self_review": which.prevent_self_review,
                "reviewers": [
                    {"type": "Team", "reviewer": team(one, request)}
                    if isinstance(one, Team)
                    else {"type": "User", "reviewer": account(one, request)}
                    for one in which.reviewers
                ],
            }
        )
    if which.protected_branches or which.branch_patterns:
        rules.append({**identity(3), "type": "branch_policy"})
    policy = None
    if which.branch_patterns:
        policy = {"protected_branches": False, "custom_branch_policies": True}
    elif which.protected_branches:
        policy = {"protected_branches": True, "custom_branch_policies": False}
    return {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name,
        "url": url,
        "html_url": f"{WEB}/{name}/deployments/activity_log?environments_filter={which.name}",
        "created_at": iso(which.created_at),
        "updated_at": iso(which.created_at),
        "protection_rules": rules,
        "can_admins_bypass": which.admins_bypass,
        "deployment_branch_policy": policy,
    }


def audit_entry(which: AuditEntry, org: Organisation) -> dict[str, Any]:
    """`audit-log-event`; instants are milliseconds here."""
    body: dict[str, Any] = {
        "@timestamp": which.at * 1000,
        "_document_id": which.id,
        "action": which.action,
        "created_at": which.at * 1000,
        "org": org.login,
        "org_id": org.account.id,
        **which.fields,
    }
    if which.actor is not None:
        body |= {"actor": which.actor.rest_login, "actor_id": which.actor.id}
    return body
