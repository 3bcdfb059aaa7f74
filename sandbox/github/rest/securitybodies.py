"""REST bodies of alerts, Actions, environments' policies, webhooks and invitations."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request
from sandbox.github.model import Alert, Delivery, Environment, Hook, Invitation, Organisation, Repository, WorkflowRun
from sandbox.github.nodeids import node_id, object_id
from sandbox.github.rest.bodies import REPOSITORY_LINKS, account, account_or_none, minimal_repository
from sandbox.github.times import Epoch, iso

_AREAS = {"dependabot": "dependabot", "code_scanning": "code-scanning", "secret_scanning": "secret-scanning"}


def state_of(which: Alert, now: Epoch) -> str:
    change = which.now(now)
    return "open" if change is None else change.state


def updated_at(which: Alert, now: Epoch) -> Epoch:
    change = which.now(now)
    return which.created_at if change is None else change.at


def simple_repository(which: Repository, request: Request) -> dict[str, Any]:
    """`simple-repository`."""
    now = request.now
    full_name = which.full_name(now)
    url = f"{request.api}/repos/{full_name}"
    body: dict[str, Any] = {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name.at(now),
        "full_name": full_name,
        "owner": account(which.organisation.account, request),
        "private": which.visibility != "public",
        "html_url": f"{WEB}/{full_name}",
        "description": which.description or None,
        "fork": which.fork,
        "url": url,
    }
    left_out = {"clone_url", "git_url", "mirror_url", "ssh_url", "svn_url"}
    return body | {name: url + path for name, path in REPOSITORY_LINKS.items() if name not in left_out}


def alert(which: Alert, request: Request, *, hide: bool = False) -> dict[str, Any]:
    """`dependabot-alert-with-repository`, `code-scanning-organization-alert-items` or
    `organization-secret-scanning-alert`."""
    now = request.now
    change = which.now(now)
    area = _AREAS[which.kind]
    name = which.repository.full_name(now)
    state = state_of(which, now)
    body: dict[str, Any] = {
        "number": which.number,
        "state": state,
        "created_at": iso(which.created_at),
        "updated_at": iso(updated_at(which, now)),
        "url": f"{request.api}/repos/{name}/{area}/alerts/{which.number}",
        "html_url": f"{WEB}/{name}/security/{area}/{which.number}",
        "repository": simple_repository(which.repository, request),
        **which.facts,
    }
    by = account_or_none(change.by, request) if change is not None else None
    at = iso(change.at) if change is not None and state != "open" else None
    said = {} if change is None else change.fields
    if which.kind == "secret_scanning":
        body["locations_url"] = f"{body['url']}/locations"
        body |= {
            "resolution": None, "resolution_comment": None, "push_protection_bypassed": False,
            "push_protection_bypassed_by": None, "push_protection_bypassed_at": None, **which.facts,
        }  # fmt: skip
        bypasser = body.pop("bypasser", None)
        if bypasser is not None:
            body["push_protection_bypassed_by"] = account(bypasser, request)
        body |= {"resolved_at": at, "resolved_by": by if at else None, **(said if at else {})}
        if hide:
            body.pop("secret", None)
        return body
    dismissed = state == "dismissed"
    body |= {
        "fixed_at": at if state == "fixed" else None,
        "dismissed_at": at if dismissed else None,
        "dismissed_by": by if dismissed else None,
        "dismissed_reason": said.get("dismissed_reason") if dismissed else None,
        "dismissed_comment": said.get("dismissed_comment") if dismissed else None,
    }
    if which.kind == "dependabot":
        body["auto_dismissed_at"] = at if state == "auto_dismissed" else None
    else:
        body["instances_url"] = f"{body['url']}/instances"
        body["most_recent_instance"] = {**which.facts["most_recent_instance"], "state": state}
    return body


def analysis(which: Repository, at: Epoch, tool: str, version: str, request: Request) -> dict[str, Any]:
    """`code-scanning-analysis`."""
    identity = int(object_id("analysis", which.slug, str(at))[:7], 16)
    return {
        "ref": f"refs/heads/{which.default_branch.at(at)}",
        "commit_sha": object_id("analysed", which.slug, str(at)),
        "analysis_key": ".github/workflows/codeql.yml:analyze",
        "environment": "{}",
        "category": ".github/workflows/codeql.yml:analyze",
        "error": "",
        "created_at": iso(at),
        "results_count": 0,
        "rules_count": 120,
        "id": identity,
        "url": f"{request.api}/repos/{which.full_name(request.now)}/code-scanning/analyses/{identity}",
        "sarif_id": object_id("sarif", which.slug, str(at))[:36],
        "tool": {"name": tool, "guid": None, "version": version},
        "deletable": True,
        "warning": "",
    }


def workflow_run(which: WorkflowRun, request: Request) -> dict[str, Any]:
    """`workflow-run`."""
    now = request.now
    name = which.repository.full_name(now)
    url = f"{request.api}/repos/{name}/actions/runs/{which.id}"
    done = which.completed_at <= now
    workflow = int(object_id("workflow", which.repository.slug, which.path)[:7], 16)
    return {
        "id": which.id,
        "name": which.workflow,
        "node_id": which.node_id,
        "head_branch": which.branch,
        "head_sha": which.sha,
        "path": which.path,
        "display_title": which.workflow,
        "run_number": which.number,
        "run_attempt": which.attempt,
        "event": which.event,
        "status": "completed" if done else "in_progress",
        "conclusion": which.conclusion if done else None,
        "workflow_id": workflow,
        "url": url,
        "html_url": f"{WEB}/{name}/actions/runs/{which.id}",
        "pull_requests": [],
        "created_at": iso(which.created_at),
        "updated_at": iso(which.completed_at if done else which.created_at),
        "actor": account(which.actor, request),
        "triggering_actor": account(which.actor, request),
        "run_started_at": iso(which.created_at),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{request.api}/repos/{name}/check-suites/{which.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "workflow_url": f"{request.api}/repos/{name}/actions/workflows/{workflow}",
        "head_commit": None,
        "repository": minimal_repository(which.repository, request),
        "head_repository": minimal_repository(which.repository, request),
    }


def branch_policy(which: Environment, index: int, pattern: str) -> dict[str, Any]:
    """`deployment-branch-policy`."""
    return {
        "id": which.id + 100 + index,
        "node_id": node_id("GABP", which.id + 100 + index),
        "name": pattern,
        "type": "branch",
    }


def hook(which: Hook, org: Organisation, request: Request) -> dict[str, Any]:
    """`org-hook`."""
    url = f"{request.api}/orgs/{org.login}/hooks/{which.id}"
    return {
        "id": which.id,
        "url": url,
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "name": "web",
        "events": which.events,
        "active": which.active,
        "config": {"url": which.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
        "updated_at": iso(which.created_at),
        "created_at": iso(which.created_at),
        "type": "Organization",
    }


def delivery(which: Delivery, *, full: bool = False) -> dict[str, Any]:
    """`hook-delivery-item`, and `hook-delivery` with the payload."""
    good = 200 <= which.status_code < 300
    body: dict[str, Any] = {
        "id": which.id,
        "guid": which.guid,
        "delivered_at": iso(which.at),
        "redelivery": which.redelivery,
        "duration": 0.27,
        "status": "OK" if good else "Service unavailable",
        "status_code": which.status_code,
        "event": which.event,
        "action": which.action,
        "installation_id": None,
        "repository_id": which.repository_id,
        "throttled_at": None,
    }
    if full:
        body["request"] = {"headers": {"X-GitHub-Delivery": which.guid}, "payload": which.payload}
        body["response"] = {"headers": {}, "payload": None}
    return body


def invitation(which: Invitation, org: Organisation, request: Request) -> dict[str, Any]:
    """`organization-invitation`."""
    return {
        "id": which.id,
        "login": which.login,
        "email": which.email,
        "role": which.role,
        "created_at": iso(which.created_at),
        "failed_at": None,
        "failed_reason": None,
        "inviter": account(which.inviter, request),
        "team_count": 0,
        "node_id": which.node_id,
        "invitation_teams_url": f"{request.api}/organizations/{org.account.id}/invitations/{which.id}/teams",
        "invitation_source": "member",
    }
