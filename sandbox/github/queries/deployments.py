"""Deployments and their statuses."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sandbox.github.access import Request
from sandbox.github.model import (
    Deployment,
    Repository,
)
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import existing_branch
from sandbox.github.queries.fields import (
    Fields,
    attribute,
    connection,
    constant,
    instant,
    kept,
    node_id,
)
from sandbox.github.times import Epoch, iso


def deployment_state(deployment: Deployment, now: Epoch) -> str:
    """`DeploymentState`, which calls a success active until an `inactive` status follows it."""
    latest = deployment.latest(now)
    if latest is None:
        return "PENDING"
    return "ACTIVE" if latest.state == "SUCCESS" else latest.state


def deployments(every: list[Deployment], args: dict[str, Any], request: Request) -> Listing:
    """Deployments by creation, of the environments that are asked for."""
    now = request.now
    found = every[: bisect_right(every, now, key=lambda one: one.created_at)]
    wanted = args.get("environments")
    if wanted:
        found = [one for one in found if one.environment in wanted]
    sign = 1
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        found = found[::-1]
        sign = -1
    return Listing(found, keys=[(sign * one.created_at, sign * one.id) for one in found])


def repository_deployments(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    """As `deployments`, for a whole repository, kept until the repository changes."""
    direction = (args.get("orderBy") or {}).get("direction")
    key = ("deployments", repository.version(request.now), tuple(args.get("environments") or ()), direction)
    return kept(repository, key, lambda: deployments(repository.deployments, args, request))


DEPLOYMENT: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "environment": attribute("environment"),
    "originalEnvironment": attribute("environment"),
    "latestEnvironment": attribute("environment"),
    "state": lambda source, _args, request: deployment_state(source, request.now),
    "task": constant("deploy"),
    "description": attribute("description"),
    "payload": constant("{}"),
    "ref": lambda source, _args, request: existing_branch(source.repository, source.ref, request.now),
    "commit": lambda source, _args, _request: source.repository.commits.get(source.commit_oid),
    "commitOid": attribute("commit_oid"),
    "creator": attribute("creator"),
    "createdAt": instant("created_at"),
    "updatedAt": lambda source, _args, request: iso(source.updated_at(request.now)),
    "latestStatus": lambda source, _args, request: source.latest(request.now),
    # newest first, as at GitHub
    "statuses": connection(
        "statuses",
        lambda source, _args, request: Listing([one for one in source.statuses if one.at <= request.now][::-1]),
    ),
    "repository": attribute("repository"),
}


DEPLOYMENT_STATUS: Fields = {
    "id": node_id,
    "state": attribute("state"),
    "description": attribute("description"),
    "environment": lambda source, _args, _request: source.deployment.environment,
    "environmentUrl": constant(None),
    "logUrl": constant(None),
    "creator": attribute("creator"),
    "deployment": attribute("deployment"),
    "createdAt": instant("at"),
    "updatedAt": instant("at"),
}
