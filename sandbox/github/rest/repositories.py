"""Endpoints about repositories: branches, rules, keys, people, environments."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import PERMISSIONS
from sandbox.github.errors import RestError
from sandbox.github.model import Branch, Ruleset, during
from sandbox.github.queries.checks import existing_branch
from sandbox.github.queries.repositories import collaborators as people_of
from sandbox.github.rest import bodies, changes, rulebodies
from sandbox.github.rest.calls import Answer, Call, escaped, not_found
from sandbox.github.rest.organisations import chosen_suites, cursor_page
from sandbox.github.rules import effective_rules, protection_of, visible_rulesets

DAY = 86_400
ACTIVITY_PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "quarter": 90 * DAY, "year": 365 * DAY}
ACTIVITY_TYPES = ("push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge")


def repository(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}"""
    return Answer(bodies.full_repository(call.repo, call.request))


def activity(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/activity"""
    now = call.now
    direction = call.choice("direction", "desc", ("asc", "desc"))
    found = [one for one in call.repo.updates if one.at <= now]
    ref = call.query.get("ref")
    if ref:
        name = ref.removeprefix("refs/heads/")
        found = [one for one in found if one.branch == name]
    actor = call.query.get("actor")
    if actor:
        found = [one for one in found if one.actor is not None and one.actor.rest_login.lower() == actor.lower()]
    if "time_period" in call.query:
        since = now - ACTIVITY_PERIODS[call.choice("time_period", "day", tuple(ACTIVITY_PERIODS))]
        found = [one for one in found if one.at > since]
    if "activity_type" in call.query:
        kind = call.choice("activity_type", "push", ACTIVITY_TYPES)
        found = [one for one in found if one.kind == kind]
    # Two movements of one second stay in the order in which they happened.
    order = {id(one): index for index, one in enumerate(call.repo.updates)}
    sign = -1 if direction == "desc" else 1
    found.sort(key=lambda one: (sign * one.at, sign * order[id(one)]))
    keys = [(sign * one.at, sign * order[id(one)]) for one in found]
    shown, headers = cursor_page(call, found, keys)
    return Answer([changes.activity(one, call.request) for one in shown], headers=headers)


def _protected(branch: Branch, call: Call) -> bool:
    repo = call.repo
    return protection_of(repo, branch.name, call.now) is not None or bool(effective_rules(repo, branch.name, call.now))


def _short_branch(branch: Branch, call: Call) -> dict[str, Any]:
    tip = branch.tip(call.now)
    url = f"{call.request.api}/repos/{call.repo.full_name(call.now)}"
    return {
        "name": branch.name,
        "commit": {"sha": tip, "url": f"{url}/commits/{tip}"},
        "protected": _protected(branch, call),
    }


def branches(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches"""
    found = [one for _, one in sorted(call.repo.branches.items()) if one.tip(call.now) is not None]
    if "protected" in call.query:
        wanted = call.choice("protected", "true", ("true", "false")) == "true"
        found = [one for one in found if _protected(one, call) is wanted]
    return call.page(found, lambda one: _short_branch(one, call))


def _branch(call: Call) -> Branch:
    branch = existing_branch(call.repo, call.variables["branch"], call.now)
    if branch is None:
        raise RestError(404, "Branch not found", documentation="https://docs.github.com/rest/branches/branches")
    return branch


def _protection_summary(branch: Branch, call: Call) -> dict[str, Any]:
    found = protection_of(call.repo, branch.name, call.now)
    checks = (found[1].get("required_status_checks") or {}).get("checks", []) if found else []
    return {
        "enabled": found is not None,
        "required_status_checks": {
            "enforcement_level": "everyone" if checks else "off",
            "contexts": [check["context"] for check in checks],
            "checks": [{"context": check["context"], "app_id": check.get("app_id")} for check in checks],
        },
    }


def branch(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches/{branch}"""
    found = _branch(call)
    name = call.repo.full_name(call.now)
    url = f"{call.request.api}/repos/{name}/branches/{escaped(found.name)}"
    tip = call.repo.commits[found.tip(call.now) or ""]
    return Answer(
        {
            "name": found.name,
            "commit": changes.commit(tip, call.request),
            "_links": {"self": url, "html": f"{bodies.WEB}/{name}/tree/{found.name}"},
            "protected": _protected(found, call),
            "protection": _protection_summary(found, call),
            "protection_url": f"{url}/protection",
        }
    )


def protection(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches/{branch}/protection"""
    found = _branch(call)
    call.demand_admin()
    protected = protection_of(call.repo, found.name, call.now)
    if protected is None:
        raise RestError(
            404,
            "Branch not protected",
            documentation="https://docs.github.com/rest/branches/branch-protection#get-branch-protection",
        )
    return Answer(rulebodies.protection(*protected, found.name, call.request))


def branch_rules(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rules/branches/{branch}; also for a branch that does not exist yet"""
    found = effective_rules(call.repo, call.variables["branch"], call.now)
    return call.page(found, lambda pair: rulebodies.branch_rule(*pair, call.request))


def rulesets(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets"""
    parents = call.choice("includes_parents", "true", ("true", "false")) == "true"
    found = visible_rulesets(call.repo, call.now, parents=parents)
    return call.page(found, lambda one: rulebodies.ruleset(one, call.request, full=False))


def _ruleset(call: Call, *, parents: bool) -> Ruleset:
    candidates = [*call.repo.rulesets, *(call.repo.organisation.rulesets if parents else [])]
    for found in candidates:
        if str(found.id) == call.variables["ruleset_id"] and found.created_at <= call.now:
            return found
    raise not_found()


def ruleset(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets/{ruleset_id}"""
    parents = call.choice("includes_parents", "true", ("true", "false")) == "true"
    found = _ruleset(call, parents=parents)
    if not found.exists(call.now):
        raise not_found()
    return Answer(rulebodies.ruleset(found, call.request, full=True))


def ruleset_history(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets/{ruleset_id}/history"""
    call.demand_admin()
    versions = [one for one in _ruleset(call, parents=False).versions if one.at <= call.now][::-1]
    return call.page(versions, lambda one: rulebodies.ruleset_version(one, call.request))


def ruleset_version(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets/{ruleset_id}/history/{version_id}"""
    call.demand_admin()
    for version in _ruleset(call, parents=False).versions:
        if str(version.id) == call.variables["version_id"] and version.at <= call.now:
            return Answer(rulebodies.ruleset_version(version, call.request, full=True))
    raise not_found()


def rule_suites(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets/rule-suites"""
    call.demand_admin("write")
    found = chosen_suites(call, call.repo.rule_suites)
    return call.page(found, lambda one: rulebodies.rule_suite(one, call.request))


def rule_suite(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}"""
    call.demand_admin()
    for found in call.repo.rule_suites:
        if str(found.id) == call.variables["rule_suite_id"] and found.at <= call.now:
            return Answer(rulebodies.rule_suite(found, call.request, full=True))
    raise not_found()


def deploy_keys(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/keys"""
    call.demand_admin()
    found = [one for one in call.repo.deploy_keys if one.exists(call.now)]
    return call.page(found, lambda one: rulebodies.deploy_key(one, call.request))


def collaborators(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/collaborators"""
    highest = call.request.viewer.permission(call.repo, call.now)
    if highest is None or PERMISSIONS.index(highest) < PERMISSIONS.index("push"):
        raise RestError(403, "Must have push access to view repository collaborators.")
    affiliation = call.choice("affiliation", "all", ("outside", "direct", "all"))
    found = people_of(call.repo, call.now, affiliation)
    if "permission" in call.query:
        least = PERMISSIONS.index(call.choice("permission", "pull", PERMISSIONS))
        found = [pair for pair in found if PERMISSIONS.index(pair[1]) >= least]
    roles = {"pull": "read", "push": "write"}
    return call.page(
        found,
        lambda pair: {
            **bodies.account(pair[0], call.request),
            "permissions": bodies.permissions(pair[1]),
            "role_name": roles.get(pair[1], pair[1]),
        },
    )


def teams(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/teams"""
    call.demand_admin()
    found = [
        (team, grant)
        for team in call.repo.organisation.teams
        if team.exists(call.now)
        for span, granted, grant in team.grants
        if granted is call.repo and during([span], call.now)
    ]
    return call.page(found, lambda pair: bodies.team(pair[0], call.request, permission=pair[1]))


def topics(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/topics"""
    shown, headers = call.cut(call.repo.topics.at(call.now))
    return Answer({"names": list(shown)}, headers=headers)


def environments(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/environments"""
    found = [one for one in call.repo.environments if one.exists(call.now)]
    return call.wrapped("environments", found, lambda one: rulebodies.environment(one, call.request))
