"""REST bodies of checks, statuses and deployments."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request
from sandbox.github.model import (
    CheckRun,
    CheckSuite,
    Commit,
    Deployment,
    DeploymentStatus,
    PullRequest,
    StatusContext,
)
from sandbox.github.nodeids import object_id
from sandbox.github.queries.checks import combined_state, latest_statuses
from sandbox.github.rest.bodies import account_or_none, app, minimal_repository
from sandbox.github.times import iso, iso_or_none


def _pull_reference(which: PullRequest, request: Request) -> dict[str, Any]:
    repository = which.repository
    where = {
        "id": repository.id,
        "url": f"{request.api}/repos/{repository.full_name(request.now)}",
        "name": repository.name.at(request.now),
    }
    return {
        "id": which.id,
        "number": which.number,
        "url": f"{where['url']}/pulls/{which.number}",
        "head": {"ref": which.head_ref, "sha": which.head(request.now).oid, "repo": where},
        "base": {"ref": which.base.at(request.now), "sha": which.base_commit(request.now), "repo": where},
    }


def _open_pulls(which: Commit, request: Request) -> list[dict[str, Any]]:
    return [
        _pull_reference(one, request)
        for one in which.proposed_in
        if one.created_at <= request.now and one.state(request.now) == "OPEN"
    ]


def check_run(which: CheckRun, request: Request) -> dict[str, Any]:
    """`check-run`."""
    made_for = which.suite.commit
    name = made_for.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/check-runs/{which.id}"
    done = which.done(request.now)
    return {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name,
        "head_sha": made_for.oid,
        "external_id": "",
        "url": url,
        "html_url": f"{WEB}/{name}/runs/{which.id}",
        "details_url": f"{WEB}/{name}/runs/{which.id}",
        "status": "completed" if done else "in_progress",
        "conclusion": which.conclusion.lower() if done and which.conclusion else None,
        "started_at": iso(which.started_at),
        "completed_at": iso_or_none(which.completed_at) if done else None,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": which.suite.id},
        "app": app(which.suite.app, request),
        "pull_requests": _open_pulls(made_for, request),
    }


def check_suite(which: CheckSuite, request: Request) -> dict[str, Any]:
    """`check-suite`."""
    now = request.now
    made_for = which.commit
    name = made_for.repository.full_name(now)
    url = f"{request.api}/repos/{name}/check-suites/{which.id}"
    ended = which.completed_at(now)
    conclusion = which.conclusion(now)
    return {
        "id": which.id,
        "node_id": which.node_id,
        "head_branch": which.branch,
        "head_sha": made_for.oid,
        "status": "completed" if ended is not None else "in_progress" if which.runs else "queued",
        "conclusion": conclusion.lower() if conclusion else None,
        "url": url,
        "before": made_for.parents[0] if made_for.parents else None,
        "after": made_for.oid,
        "pull_requests": _open_pulls(made_for, request),
        "app": app(which.app, request),
        "repository": minimal_repository(made_for.repository, request),
        "created_at": iso(which.created_at),
        "updated_at": iso(ended or which.created_at),
        "head_commit": {
            "id": made_for.oid,
            "tree_id": object_id("tree", made_for.oid),
            "message": made_for.message,
            "timestamp": iso(made_for.author.at),
            "author": {"name": made_for.author.name, "email": made_for.author.email},
            "committer": {"name": made_for.committer.name, "email": made_for.committer.email},
        },
        "latest_check_runs_count": len(which.visible_runs(now)),
        "check_runs_url": f"{url}/check-runs",
    }


def _bare_status(which: StatusContext, request: Request) -> dict[str, Any]:
    name = which.commit.repository.full_name(request.now)
    return {
        "url": f"{request.api}/repos/{name}/statuses/{which.commit.oid}",
        "avatar_url": f"{WEB}/avatars/{which.creator.login}",
        "id": which.id,
        "node_id": which.node_id,
        "state": which.state.lower(),
        "description": which.description,
        "target_url": which.target_url,
        "context": which.context,
        "created_at": iso(which.created_at),
        "updated_at": iso(which.created_at),
    }


def status(which: StatusContext, request: Request) -> dict[str, Any]:
    """`status`."""
    return {**_bare_status(which, request), "creator": account_or_none(which.creator, request)}


def combined_status(which: Commit, shown: list[StatusContext], request: Request) -> dict[str, Any]:
    """`combined-commit-status`."""
    every = latest_statuses(which, request.now)
    name = which.repository.full_name(request.now)
    return {
        "state": combined_state(every).lower(),
        "statuses": [_bare_status(one, request) for one in shown],
        "sha": which.oid,
        "total_count": len(every),
        "repository": minimal_repository(which.repository, request),
        "commit_url": f"{request.api}/repos/{name}/commits/{which.oid}",
        "url": f"{request.api}/repos/{name}/commits/{which.oid}/status",
    }


def deployment(which: Deployment, request: Request) -> dict[str, Any]:
    """`deployment`."""
    name = which.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/deployments/{which.id}"
    return {
        "url": url,
        "id": which.id,
        "node_id": which.node_id,
        "sha": which.commit_oid,
        "ref": which.ref,
        "task": "deploy",
        "payload": {},
        "original_environment": which.environment,
        "environment": which.environment,
        "description": which.description or None,
        "creator": account_or_none(which.creator, request),
        "created_at": iso(which.created_at),
        "updated_at": iso(which.updated_at(request.now)),
        "statuses_url": f"{url}/statuses",
        "repository_url": f"{request.api}/repos/{name}",
        "transient_environment": False,
        "production_environment": which.environment == "production",
    }


def deployment_status(which: DeploymentStatus, request: Request) -> dict[str, Any]:
    """`deployment-status`."""
    name = which.deployment.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/deployments/{which.deployment.id}"
    return {
        "url": f"{url}/statuses/{which.id}",
        "id": which.id,
        "node_id": which.node_id,
        "state": which.state.lower(),
        "creator": account_or_none(which.creator, request),
        "description": which.description,
        "environment": which.deployment.environment,
        "target_url": "",
        "created_at": iso(which.at),
        "updated_at": iso(which.at),
        "deployment_url": url,
        "repository_url": f"{request.api}/repos/{name}",
        "environment_url": "",
        "log_url": "",
    }
