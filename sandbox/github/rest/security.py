"""Endpoints about alerts, Actions, webhooks and invitations."""

from __future__ import annotations

import re
from typing import Any

from sandbox.github.errors import RestError
from sandbox.github.model import Alert, Delivery, Hook, Repository, WorkflowRun
from sandbox.github.rest import securitybodies as bodies
from sandbox.github.rest.bodies import minimal_repository
from sandbox.github.rest.calls import Answer, Call, not_found, unprocessable
from sandbox.github.rest.organisations import cursor_page
from sandbox.github.times import Epoch, parse

DAY = 86_400
DELIVERIES_KEPT = 3 * DAY
MOST_RUNS = 1_000
"""GitHub shows no more than these of a filtered list of runs, whatever it counts."""
NOT_LICENSED = {
    "secret_scanning": (404, "Secret scanning is disabled on this organization."),
    "code_scanning": (403, "Advanced Security must be enabled for this repository to use code scanning."),
    "dependabot": (403, "Dependabot alerts are not enabled for this organization."),
}


def _alerts(call: Call, kind: str, states: tuple[str, ...]) -> Answer:
    if kind in call.org.unlicensed:
        status, message = NOT_LICENSED[kind]
        raise RestError(status, message)
    if call.request.viewer.installation is None:
        call.demand_owner()  # for an app the right to read the alerts is enough
    direction = call.choice("direction", "desc", ("asc", "desc"))
    sort = call.choice("sort", "created", ("created", "updated"))
    now = call.now
    found: list[Alert] = []
    for repository in call.org.repositories:
        if call.request.viewer.sees(repository, now):
            found += [one for one in repository.alerts if one.kind == kind and one.exists(now)]
    wanted = [one for one in call.query.get("state", "").split(",") if one]
    if set(wanted) - set(states):
        raise unprocessable(f"state is one of {', '.join(states)}", "state")
    if wanted:
        found = [one for one in found if bodies.state_of(one, now) in wanted]
    sign = -1 if direction == "desc" else 1

    def key(one: Alert) -> tuple[int, int]:
        moment = bodies.updated_at(one, now) if sort == "updated" else one.created_at
        return sign * moment, sign * one.id

    found.sort(key=key)
    shown, headers = cursor_page(call, found, [key(one) for one in found])
    hide = call.query.get("hide_secret") == "true"
    return Answer([bodies.alert(one, call.request, hide=hide) for one in shown], headers=headers)


def dependabot_alerts(call: Call) -> Answer:
    """GET /orgs/{org}/dependabot/alerts"""
    return _alerts(call, "dependabot", ("auto_dismissed", "dismissed", "fixed", "open"))


def code_scanning_alerts(call: Call) -> Answer:
    """GET /orgs/{org}/code-scanning/alerts"""
    return _alerts(call, "code_scanning", ("open", "closed", "dismissed", "fixed"))


def secret_scanning_alerts(call: Call) -> Answer:
    """GET /orgs/{org}/secret-scanning/alerts"""
    return _alerts(call, "secret_scanning", ("open", "resolved"))


def analyses(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/code-scanning/analyses, newest first"""
    if "code_scanning" in call.repo.organisation.unlicensed:
        status, message = NOT_LICENSED["code_scanning"]
        raise RestError(status, message)
    past = [one for one in call.repo.analyses if one[0] <= call.now][::-1]
    if not past:
        raise RestError(404, "no analysis found")
    return call.page(past, lambda one: bodies.analysis(call.repo, *one, call.request))


# Actions


def _org_actions(call: Call) -> dict[str, Any]:
    call.demand_owner()
    return call.org.actions.at(call.now)


def org_actions(call: Call) -> Answer:
    """GET /orgs/{org}/actions/permissions"""
    held = _org_actions(call)
    body = {name: held[name] for name in ("enabled_repositories", "allowed_actions", "sha_pinning_required")}
    return Answer(body)


def org_workflow(call: Call) -> Answer:
    """GET /orgs/{org}/actions/permissions/workflow"""
    return Answer(_workflow(_org_actions(call)))


def org_actions_repositories(call: Call) -> Answer:
    """GET /orgs/{org}/actions/permissions/repositories"""
    held = _org_actions(call)
    if held["enabled_repositories"] != "selected":
        raise RestError(409, "The organization's policy is not set to selected repositories.")
    chosen = [one for one in call.org.repositories if one.exists(call.now) and one.actions.at(call.now).get("enabled")]
    return call.wrapped("repositories", chosen, lambda one: minimal_repository(one, call.request))


def _workflow(held: dict[str, Any]) -> dict[str, Any]:
    return {name: held[name] for name in ("default_workflow_permissions", "can_approve_pull_request_reviews")}


def _repo_actions(repository: Repository, now: Epoch) -> dict[str, Any]:
    return {**repository.organisation.actions.at(now), **repository.actions.at(now)}


def repo_actions(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/permissions"""
    call.demand_admin()
    held = _repo_actions(call.repo, call.now)
    return Answer({name: held[name] for name in ("enabled", "allowed_actions", "sha_pinning_required")})


def repo_workflow(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/permissions/workflow"""
    call.demand_admin()
    return Answer(_workflow(_repo_actions(call.repo, call.now)))


def workflow_runs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/runs, newest first; at most a thousand of what a filter finds"""
    found = [one for one in call.repo.workflow_runs if one.created_at <= call.now][::-1]
    created = call.query.get("created")
    if created is not None:
        start, end = _window(created)
        found = [one for one in found if start <= one.created_at <= end]
    total = len(found)
    shown, headers = call.cut(found[:MOST_RUNS] if created is not None else found)
    runs: list[WorkflowRun] = list(shown)
    body = {"total_count": total, "workflow_runs": [bodies.workflow_run(one, call.request) for one in runs]}
    return Answer(body, headers=headers)


def _window(text: str) -> tuple[Epoch, Epoch]:
    found = re.fullmatch(r"(.+)\.\.(.+)", text)
    if found is None:
        raise unprocessable("created: write it as start..end", "created")
    try:
        return parse(found[1]), parse(found[2])
    except ValueError:
        raise unprocessable("created: not an ISO 8601 interval", "created") from None


# environments


def environment_policies(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"""
    name, now = call.variables["environment_name"], call.now
    found = next((one for one in call.repo.environments if one.exists(now) and one.name == name), None)
    if found is None:
        raise not_found()
    patterns = list(enumerate(found.branch_patterns))
    return call.wrapped("branch_policies", patterns, lambda pair: bodies.branch_policy(found, *pair))


# webhooks and invitations


def _hook(call: Call) -> Hook:
    call.demand_owner()
    for one in call.org.hooks:
        if str(one.id) == call.variables["hook_id"] and one.created_at <= call.now:
            return one
    raise not_found()


def hooks(call: Call) -> Answer:
    """GET /orgs/{org}/hooks"""
    call.demand_owner()
    found = [one for one in call.org.hooks if one.created_at <= call.now]
    return call.page(found, lambda one: bodies.hook(one, call.org, call.request))


def deliveries(call: Call) -> Answer:
    """GET /orgs/{org}/hooks/{hook_id}/deliveries, newest first, of the last three days"""
    since = call.now - DELIVERIES_KEPT
    found = [one for one in _hook(call).deliveries if since < one.at <= call.now]
    found.sort(key=lambda one: (-one.at, -one.id))
    keys = [(-one.at, -one.id) for one in found]
    if "cursor" in call.query:
        call.query["after"] = call.query.pop("cursor")
    shown, headers = cursor_page(call, found, keys)
    link = headers.get("Link", "")
    headers = {"Link": link.replace("after=", "cursor=")} if link else {}
    return Answer([bodies.delivery(one) for one in shown], headers=headers)


def delivery(call: Call) -> Answer:
    """GET /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}"""
    return Answer(bodies.delivery(_delivery(call), full=True))


def _delivery(call: Call) -> Delivery:
    for one in _hook(call).deliveries:
        if str(one.id) == call.variables["delivery_id"] and call.now - DELIVERIES_KEPT < one.at <= call.now:
            return one
    raise not_found()


def redeliver(call: Call) -> Answer:
    """POST /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}/attempts"""
    hook, again = _hook(call), _delivery(call)
    number = max(one.id for one in hook.deliveries) + 1
    hook.deliveries.append(
        Delivery(number, again.guid, call.now, again.event, again.action, again.payload, 200, redelivery=True)
    )
    return Answer({}, status=202)


def invitations(call: Call) -> Answer:
    """GET /orgs/{org}/invitations"""
    call.demand_owner()
    found = [one for one in call.org.invitations if one.created_at <= call.now < one.ends_at]
    return call.page(found, lambda one: bodies.invitation(one, call.org, call.request))
