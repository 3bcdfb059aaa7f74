"""Security features of a repository, its Actions permissions, and which scanners cover it.

What Actions may do is a setting of each repository, which costs two requests for each. Where the organisation's own
setting is the strict one, GitHub leaves its repositories no choice, and the organisation's answer is theirs too: from
"Managing GitHub Actions settings for a repository" and the description of the endpoints that set them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.github.alert_lists import (
    CODE_SCANNING,
    REPOSITORIES,
    SECRET_SCANNING,
    alerts_of,
    feature,
    scanners,
    security_settings,
)
from connectors.github.batches import HELD, Kept, Told, ask_about
from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.paging import field, next_link, rest_list
from connectors.github.repository import node_id
from connectors.github.streams import Driver
from schemas.errors import CollectionError, IncompletePopulation, NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_security import ALERT_COVERAGE, REPOSITORY_SECURITY
from schemas.instants import parse_instant

ORG_ACTIONS = "/orgs/{org}/actions/permissions"
ORG_WORKFLOW = "/orgs/{org}/actions/permissions/workflow"
ORG_SELECTED = "/orgs/{org}/actions/permissions/repositories"
ACTIONS = "/repos/{owner}/{repo}/actions/permissions"
WORKFLOW = "/repos/{owner}/{repo}/actions/permissions/workflow"
ANALYSES = "/repos/{owner}/{repo}/code-scanning/analyses"

SECURITY_TEXT = "\n".join([
    scanners(REPOSITORY_SECURITY).part(()).selection, f"GET {REPOSITORIES}", f"GET {ORG_ACTIONS}",
    f"GET {ORG_WORKFLOW}", f"GET {ORG_SELECTED} (where Actions is for selected repositories)",
    f"GET {ACTIONS} (unless the organisation's setting leaves no choice)",
    f"GET {WORKFLOW} (unless the organisation's setting leaves no choice)",
])  # fmt: skip
COVERAGE_TEXT = "\n".join([
    scanners(ALERT_COVERAGE).part(()).selection, f"GET {REPOSITORIES}", f"GET {CODE_SCANNING}",
    f"GET {SECRET_SCANNING}?hide_secret=true", f"GET {ANALYSES}?per_page=1",
])  # fmt: skip


def repository_security(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.repository_security: one row for the repository."""
    client = client_of(session)
    wanted = node_id(request)
    told = ask_about(client, request, sink, scanners(REPOSITORY_SECURITY))
    record = security_settings(client, request, sink, wanted, REPOSITORY_SECURITY)
    actions = _actions(client, sink, wanted, told.node["nameWithOwner"])
    node = told.node
    row = {
        "scope_item_id": request.item.id, "repo_id": wanted, "repo_name": node["nameWithOwner"],
        "visibility": str(node["visibility"]).lower(), "archived": node["isArchived"],
        "advanced_security": feature(record, "advanced_security"), "code_security": feature(record, "code_security"),
        "secret_scanning": feature(record, "secret_scanning"),
        "push_protection": feature(record, "secret_scanning_push_protection"),
        "non_provider_patterns": feature(record, "secret_scanning_non_provider_patterns"),
        "validity_checks": feature(record, "secret_scanning_validity_checks"),
        "dependabot_security_updates": feature(record, "dependabot_security_updates"),
        "vulnerability_alerts": _switch(on=node["hasVulnerabilityAlertsEnabled"]), **actions.row,
        "raw": orjson.dumps({
            "repository": node, "security_and_analysis": record["security_and_analysis"], "actions": actions.raw,
        }).decode(),
    }  # fmt: skip
    sink.rows(REPOSITORY_SECURITY, [row])
    return [_claim(REPOSITORY_SECURITY.name, SECURITY_TEXT, request, told, 1, f"Actions: {actions.note}")]


def _claim(dataset: str, text: str, request: Request, told: Told, rows: int, note: str) -> ItemClaim:
    return ItemClaim(
        dataset,
        text,
        {"repository": request.item.name},
        observed_at=told.seen_at,
        proof_of_life=True,
        proof="the repository itself was read in the same pass",
        independent_count=rows,
        reconciliation=note,
        rows_returned=rows,
    )


def _switch(*, on: bool) -> str:
    return "enabled" if on else "disabled"


# --- Actions


@dataclass(frozen=True, slots=True)
class _Organisation:
    """The organisation's settings of Actions, and the repositories chosen where it is for selected ones."""

    at: datetime
    permissions: Json
    workflow: Json
    selected: frozenset[str] | None
    answers: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Actions:
    row: Json
    raw: Json
    note: str


def _actions(client: GithubClient, sink: Sink, repository: str, name: str) -> _Actions:
    org = _organisation(client, sink)
    for answer in org.answers:
        sink.answer(**answer)
    enabled = org.permissions["enabled_repositories"]
    if enabled == "none" or (org.selected is not None and repository not in org.selected):
        row = _actions_row({"enabled": False}, {}, "organisation")
        return _Actions(row, {"organisation": org.permissions}, "not for this repository, by the organisation")
    # allowed_actions all and write tokens are what a repository may narrow; anything stricter it can't loosen.
    free_choice = org.permissions.get("allowed_actions", "all") == "all"
    free_rights = (
        org.workflow["default_workflow_permissions"] != "read" or org.workflow["can_approve_pull_request_reviews"]
    )
    permissions: Json = {"enabled": True, **org.permissions}
    workflow = org.workflow
    read: list[str] = []
    for wanted, template in ((free_choice, ACTIONS), (free_rights, WORKFLOW)):
        if wanted:
            found = _ask(client, sink, template, f"/repos/{name}{template.removeprefix('/repos/{owner}/{repo}')}")
            read.append(template)
            if template == ACTIONS:
                permissions = found
            else:
                workflow = found
    note = "read from the repository" if read else "the organisation's setting leaves its repositories no choice"
    if read == [WORKFLOW]:
        note = "token rights read from the repository, allowed actions from the organisation"
    elif read == [ACTIONS]:
        note = "allowed actions read from the repository, token rights from the organisation"
    row = _actions_row(permissions, workflow, "repository" if read else "organisation")
    return _Actions(row, {"permissions": permissions, "workflow": workflow}, note)


def _actions_row(permissions: Json, workflow: Json, found_in: str) -> Json:
    enabled = bool(field(permissions, "enabled", "Actions permissions"))
    return {
        "actions_enabled": enabled, "allowed_actions": permissions.get("allowed_actions") if enabled else None,
        "sha_pinning_required": permissions.get("sha_pinning_required") if enabled else None,
        "default_workflow_permissions": workflow.get("default_workflow_permissions") if enabled else None,
        "workflows_can_approve": workflow.get("can_approve_pull_request_reviews") if enabled else None,
        "actions_found_in": found_in,
    }  # fmt: skip


def _organisation(client: GithubClient, sink: Sink) -> _Organisation:
    with client.shared.lock:
        held: _Organisation | None = client.shared.readings.get("actions")
        if held is None or client.now() - held.at > HELD:
            held = client.shared.readings["actions"] = _read_organisation(client, sink)
        return held


def _read_organisation(client: GithubClient, sink: Sink) -> _Organisation:
    kept = Kept()
    path = f"/orgs/{client.organisation}/actions/permissions"
    try:
        permissions = _ask(client, kept, ORG_ACTIONS, path)
        workflow = _ask(client, kept, ORG_WORKFLOW, f"{path}/workflow")
        selected = None
        if field(permissions, "enabled_repositories", "Actions permissions") == "selected":
            selected = _selected(client, kept, f"{path}/repositories")
    except CollectionError:
        for answer in kept.answers:
            sink.answer(**answer)
        raise
    return _Organisation(client.now(), permissions, workflow, selected, kept.answers)


def _selected(client: GithubClient, kept: Kept, path: str) -> frozenset[str]:
    found: set[str] = set()

    def take(fresh: list[Json]) -> bool:
        found.update(one["node_id"] for one in fresh)
        return False

    def read() -> Stream[None]:
        call = Rest(ORG_SELECTED, path, REPOSITORY_SECURITY)
        yield from rest_list(call, take, key=lambda one: str(one["id"]), items_under="repositories")

    Driver(client.transport, kept).ask(read())
    return frozenset(found)


def _ask(client: GithubClient, sink: Sink, template: str, path: str) -> Json:
    found: list[Json] = []

    def read() -> Stream[None]:
        found.append((yield Rest(template, path, REPOSITORY_SECURITY)).data)

    Driver(client.transport, sink).ask(read())
    return found[0]


# --- coverage


def alert_coverage(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.alert_coverage: for each scanner whether it covers the repository, one row each."""
    client = client_of(session)
    wanted = node_id(request)
    told = ask_about(client, request, sink, scanners(ALERT_COVERAGE))
    record = security_settings(client, request, sink, wanted, ALERT_COVERAGE)
    node = told.node
    on = bool(node["hasVulnerabilityAlertsEnabled"])
    counted = node["vulnerabilityAlerts"]
    rows = [_coverage(node, request, "dependabot", _switch(on=on), None, counted["totalCount"] if on else None)]
    rows[0]["open_alerts"] = None if not on else _open(client, request, sink, "dependabot", wanted)[0]
    state = feature(record, "secret_scanning") or "not_licensed"
    number, off = None, None
    if state == "enabled":
        number, off = _open(client, request, sink, "secret_scanning", wanted)
    rows.append(_coverage(node, request, "secret_scanning", state if off is None else "not_licensed", off, number))
    rows.append(_code_scanning(client, request, sink, node, record))
    for row in rows:
        row["raw"] = orjson.dumps({
            "repository": node, "security_and_analysis": record["security_and_analysis"], "analysis": row.pop("_seen"),
        }).decode()  # fmt: skip
    sink.rows(ALERT_COVERAGE, rows)
    note = ", ".join(f"{row['feature']} {row['state']}" for row in rows)
    return [_claim(ALERT_COVERAGE.name, COVERAGE_TEXT, request, told, len(rows), note)]


def _open(
    client: GithubClient, request: Request, sink: Sink, kind: str, repository: str
) -> tuple[int | None, str | None]:
    try:
        found = alerts_of(client, request, sink, kind, repository, ALERT_COVERAGE)
    except NotLicensed as off:
        return None, str(off)
    return sum(1 for alert in found if alert["state"] == "open"), None


def _coverage(node: Json, request: Request, name: str, state: str, detail: str | None, number: int | None) -> Json:
    return {
        "scope_item_id": request.item.id, "repo_id": node["id"], "repo_name": node["nameWithOwner"],
        "archived": node["isArchived"], "feature": name, "state": state, "detail": detail, "open_alerts": number,
        "tool": None, "last_analysis_at": None, "_seen": None,
    }  # fmt: skip


def _code_scanning(client: GithubClient, request: Request, sink: Sink, node: Json, record: Json) -> Json:
    """Code scanning covers a repository that has been analysed; a licence alone scans nothing."""
    number, off = _open(client, request, sink, "code_scanning", node["id"])
    if off is not None:
        return _coverage(node, request, "code_scanning", "not_licensed", off, None)
    if node["isArchived"]:
        return _coverage(
            node, request, "code_scanning", "disabled", "archived, so nothing is analysed any more", number
        )
    licence = feature(record, "code_security") or feature(record, "advanced_security")
    if licence == "disabled" and node["visibility"] != "PUBLIC":
        return _coverage(node, request, "code_scanning", "disabled", "code security is switched off", number)
    found: list[Any] = []

    def read() -> Stream[None]:
        call = Rest(
            ANALYSES, f"/repos/{node['nameWithOwner']}/code-scanning/analyses", ALERT_COVERAGE, {"per_page": 1},
            frozenset({404}),
        )  # fmt: skip
        answer = yield call
        if answer.status == 200 and not answer.data:
            answer = yield call  # where there is none GitHub says 404; an empty list is a contradiction at first
        if answer.status == 200 and not answer.data and next_link(answer) is not None:
            raise IncompletePopulation(
                f"GitHub says that {request.item.name} has more analyses and gives none, twice. Run it again later."
            )
        if answer.status == 404 and "no analysis found" not in str(answer.data.get("message", "")).lower():
            raise IncompletePopulation(
                f"GitHub says 404 to the analyses of {request.item.name} without saying that there is none: renamed "
                "just now, or the token may not see them (security_events: read). Run it again."
            )
        found.extend(answer.data if answer.status == 200 else [])

    try:
        Driver(client.transport, sink).ask(read())
    except NotLicensed as refused:
        return _coverage(node, request, "code_scanning", "not_licensed", str(refused), None)
    if not found:
        detail = f"no analysis yet; code security {licence or 'not told'}"
        return _coverage(node, request, "code_scanning", "disabled", detail, number)
    latest = found[0]
    row = _coverage(node, request, "code_scanning", "enabled", latest.get("error") or None, number)
    row["tool"] = " ".join(filter(None, (latest["tool"].get("name"), latest["tool"].get("version"))))
    return row | {"last_analysis_at": parse_instant(latest["created_at"]), "_seen": latest}
