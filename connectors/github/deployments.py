"""Deployments with all their statuses and the checks on the deployed commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Stream
from connectors.github.paging import Nested, Sizes, Tally, complete, walk
from connectors.github.people import ACTOR, actor
from connectors.github.repository import Repository
from schemas.errors import IncompletePopulation
from schemas.github import DEPLOYMENTS
from schemas.instants import optional_instant, parse_instant

PAGE = 100

STATUSES = Nested(
    "Deployment",
    "statuses",
    f"id state createdAt creator {{ {ACTOR} }}",
    10,
    what="deployment statuses",
)
CONTEXTS = Nested(
    "StatusCheckRollup",
    "contexts",
    "__typename ... on CheckRun { id name status conclusion completedAt } ... on StatusContext "
    "{ id context state createdAt }",
    30,
    what="checks of a deployed commit",
)


def deployments_part(repository_id: str, first: int, after: str | None) -> Part:
    """One page of a repository's deployments, newest first; environments are counted beside them."""
    return Part(
        "$deployedIn: ID!, $deployedFirst: Int!, $deployedAfter: String",
        "deployed: node(id: $deployedIn) { id ... on Repository { environments(first: 1) { totalCount } deployments("
        "first: $deployedFirst, after: $deployedAfter, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount "
        "pageInfo { hasNextPage endCursor } nodes { id environment task commitOid createdAt state "
        f"ref {{ name prefix }} creator {{ {ACTOR} }} {STATUSES.inline()} "
        f"commit {{ id oid statusCheckRollup {{ id {CONTEXTS.inline()} }} }} }} }} }} }}",
        {"deployedIn": repository_id, "deployedFirst": first, "deployedAfter": after},
    )


@dataclass(slots=True)
class Deployments:
    """What the walk over the deployments came to."""

    tally: Tally | None = None
    rows: int = 0
    ever: int = 0
    """How many GitHub counts of all times."""
    environments: int = 0


def deployed_between(
    repository: Repository,
    start: datetime,
    end: datetime,
    production: Callable[[str], bool],
    sizes: Sizes,
    take: Callable[[list[Json]], None],
    result: Deployments,
) -> Stream[None]:
    """Rows of the deployments created in [start, end). They are listed by creation, which never changes."""

    def ask(first: int, after: str | None) -> Graph:
        return Graph("Deployments", (deployments_part(repository.id, first, after),), DEPLOYMENTS)

    def find(data: Json) -> Any:
        node = data["deployed"]
        if node is None or node["id"] != repository.id:
            raise IncompletePopulation("GitHub answered for another repository than the one asked. Run it again.")
        result.environments = node["environments"]["totalCount"]
        result.ever = node["deployments"]["totalCount"]
        return node["deployments"]

    def past(fresh: list[Json]) -> bool:
        return any(parse_instant(node["createdAt"]) < start for node in fresh)

    def keep(fresh: list[Json]) -> Stream[None]:
        rows: list[Json] = []
        for node in fresh:
            if start <= parse_instant(node["createdAt"]) < end:
                row = yield from _row(node, repository, production, sizes)
                rows.append(row)
        result.rows += len(rows)
        take(rows)

    size = sizes.of("deployments", PAGE)
    result.tally = yield from walk("deployments", ask, find, size, past, then=keep)


def _row(node: Json, repository: Repository, production: Callable[[str], bool], sizes: Sizes) -> Stream[Json]:
    statuses = yield from complete(node, STATUSES, DEPLOYMENTS, sizes)
    statuses = sorted(statuses, key=lambda status: parse_instant(status["createdAt"]))
    commit = node["commit"]
    rollup = None if commit is None else commit["statusCheckRollup"]
    contexts = [] if rollup is None else (yield from complete(rollup, CONTEXTS, DEPLOYMENTS, sizes))
    environment = node["environment"] or ""
    ref = node["ref"]
    latest = statuses[-1]["state"] if statuses else node["state"]
    return {
        "scope_item_id": repository.scope_item_id, "deployment_id": node["id"],
        "event_time": parse_instant(node["createdAt"]), "repo_id": repository.id, "repo_name": repository.name,
        "environment": environment, "production": production(environment), "sha": node["commitOid"],
        "ref": None if ref is None else f"{ref['prefix']}{ref['name']}", "task": node["task"],
        "creator": actor(node["creator"]),
        "statuses": [
            {"state": status["state"].lower(), "at": parse_instant(status["createdAt"]),
             "creator": actor(status["creator"])}
            for status in statuses
        ],
        "latest_state": None if latest is None else latest.lower(),
        "checks": [_check(context) for context in contexts],
        "raw": orjson.dumps(node).decode(),
    }  # fmt: skip


def _check(context: Json) -> Json:
    if context["__typename"] == "CheckRun":
        conclusion = context["conclusion"]
        return {
            "name": context["name"], "conclusion": conclusion and conclusion.lower(),
            "completed_at": optional_instant(context["completedAt"]),
        }  # fmt: skip
    state = context["state"].lower()
    done = state in {"success", "failure", "error"}
    return {
        "name": context["context"], "conclusion": state if done else None,
        "completed_at": optional_instant(context["createdAt"]) if done else None,
    }  # fmt: skip
