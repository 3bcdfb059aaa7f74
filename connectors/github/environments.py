"""Deployment environments and what a deployment to them has to pass."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from connectors.github.batches import Batch, ask_about
from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.paging import field, rest_list
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_delivery import ENVIRONMENTS
from schemas.instants import optional_instant

LISTING = "/repos/{owner}/{repo}/environments"
POLICIES = "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"
COUNTED = Batch("Environments", ENVIRONMENTS, "nameWithOwner environments(first: 1) { totalCount }")
QUERY_TEXT = "\n".join([
    COUNTED.part(()).selection, f"GET {LISTING} (where there are any)", f"GET {POLICIES} (where branches are selected)",
])  # fmt: skip


def environments(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.environments of one repository. Who may pass by and which branches may deploy is told by REST alone,
    which is asked only where GitHub counts environments.

    Raises `IncompletePopulation` where REST gives more or fewer than GraphQL counts, environments of another
    repository, or branch policies of another environment.
    """
    client = client_of(session)
    told = ask_about(client, request, sink, COUNTED)
    if told.node["environments"] is None:
        raise PermissionDenied(
            f"GitHub does not show the environments of {request.item.name}.",
            permission="repository permission actions: read",
        )
    counted = told.node["environments"]["totalCount"]
    reader = _Reader(client, request, told.node)
    if counted:
        Driver(client.transport, sink).ask(reader.read())
    if len(reader.rows) != counted:
        raise IncompletePopulation(
            f"GitHub lists {len(reader.rows)} environments of {request.item.name} and counts {counted}. Nothing is "
            "claimed; run it again later."
        )
    if reader.rows:
        sink.rows(ENVIRONMENTS, reader.rows)
    return [
        ItemClaim(
            ENVIRONMENTS.name,
            QUERY_TEXT,
            {"repository": request.item.name},
            observed_at=told.seen_at,
            proof_of_life=True,
            proof="the repository itself was read in the same answer",
            independent_count=counted,
            reconciliation=f"{counted} environments by GraphQL, the same by REST",
            rows_returned=len(reader.rows),
        )
    ]


class _Reader:
    def __init__(self, client: GithubClient, request: Request, node: Json) -> None:
        self._client = client
        self._item = request.item.id
        self._node = node
        self._policies: set[str] = set()
        self.rows: list[Json] = []

    def read(self) -> Stream[None]:
        found: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            found.extend(fresh)
            return False

        path = f"/repos/{self._node['nameWithOwner']}/environments"
        yield from rest_list(
            Rest(LISTING, path, ENVIRONMENTS), take, key=lambda one: str(field(one, "id", "environment")),
            items_under="environments",
        )  # fmt: skip
        for one in found:
            self._own(one)
            policy = one.get("deployment_branch_policy")
            patterns: list[Json] = []
            if policy is not None and policy["custom_branch_policies"]:
                patterns = yield from self._patterns(path, one["name"])
            self.rows.append(self._row(one, policy, patterns))

    def _own(self, one: Json) -> None:
        # A count that fits proves nothing: another repository may have as many environments, and of the same names.
        name = self._node["nameWithOwner"]
        address = str(field(one, "url", "environment")).lower()
        if f"/repos/{name}/environments/".lower() not in address:
            raise IncompletePopulation(
                f"GitHub was asked for the environments of {name} and answered for another repository. Nothing is "
                "claimed; run it again later."
            )

    def _patterns(self, path: str, name: str) -> Stream[list[Json]]:
        found: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            found.extend(fresh)
            return False

        call = Rest(POLICIES, f"{path}/{quote(name, safe='')}/deployment-branch-policies", ENVIRONMENTS)
        yield from rest_list(call, take, key=lambda one: str(field(one, "id", "policy")), items_under="branch_policies")
        ids = {str(one["id"]) for one in found}
        if ids & self._policies:
            raise IncompletePopulation(
                f"GitHub gives {name} in {self._node['nameWithOwner']} branch policies of another environment. Nothing "
                "is claimed; run it again later."
            )
        self._policies |= ids
        return found

    def _row(self, one: Json, policy: Json | None, patterns: list[Json]) -> Json:
        rules = {rule["type"]: rule for rule in one.get("protection_rules") or []}
        review: Json = rules.get("required_reviewers") or {}
        known = {"wait_timer", "required_reviewers", "branch_policy"}
        branches = "any" if policy is None else "protected" if policy["protected_branches"] else "selected"
        return {
            "scope_item_id": self._item, "repo_id": self._node["id"], "repo_name": self._node["nameWithOwner"],
            "environment_id": field(one, "node_id", "environment"), "environment": field(one, "name", "environment"),
            "production": self._client.is_production(one["name"]),
            "created_at": optional_instant(one.get("created_at")),
            "updated_at": optional_instant(one.get("updated_at")), "reviewers_required": bool(review.get("reviewers")),
            "reviewers": [_reviewer(entry) for entry in review.get("reviewers") or []],
            "self_review_prevented": review.get("prevent_self_review"),
            "wait_minutes": (rules.get("wait_timer") or {}).get("wait_timer"),
            "custom_rules": sorted(set(rules) - known), "admins_can_bypass": one.get("can_admins_bypass"),
            "branches": branches, "branch_patterns": sorted(pattern["name"] for pattern in patterns),
            "raw": orjson.dumps({"environment": one, "branch_policies": patterns}).decode(),
        }  # fmt: skip


def _reviewer(entry: Json) -> Json:
    who: Any = entry["reviewer"]
    kind = "team" if entry["type"] == "Team" else "person"
    return {"kind": kind, "id": who["node_id"], "name": who["slug"] if kind == "team" else who["login"]}
