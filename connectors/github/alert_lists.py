"""The organisation's alerts of each scanner, and what GitHub itself counts and says about a repository's scanners."""

from __future__ import annotations

from dataclasses import replace

from connectors.github.batches import Batch, Told, ask_about
from connectors.github.calls import Json, Rest
from connectors.github.client import GithubClient
from connectors.github.paging import field
from connectors.github.shared_lists import Listed, SharedList, listed
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import Request, Sink
from schemas.github_security import REPOSITORY_SECURITY, SECRET_ALERTS, VULNERABILITY_ALERTS

DEPENDABOT = "/orgs/{org}/dependabot/alerts"
CODE_SCANNING = "/orgs/{org}/code-scanning/alerts"
SECRET_SCANNING = "/orgs/{org}/secret-scanning/alerts"  # noqa: S105 - a path
REPOSITORIES = "/orgs/{org}/repos"
TEMPLATES = {"dependabot": DEPENDABOT, "code_scanning": CODE_SCANNING, "secret_scanning": SECRET_SCANNING}
KINDS = tuple(TEMPLATES)

_SWITCHED = "nameWithOwner isArchived visibility hasVulnerabilityAlertsEnabled"
_COUNTED = "vulnerabilityAlerts(first: 1) { totalCount }"


def scanners(dataset: Dataset) -> Batch:
    """The question whether Dependabot is on in a repository, and, for alerts, how many GitHub counts there."""
    selection = _SWITCHED if dataset is REPOSITORY_SECURITY else f"{_SWITCHED} {_COUNTED}"
    return Batch(f"Scanners{dataset.name.partition('.')[2].title().replace('_', '')}", dataset, selection)


def owner_of(alert: Json) -> str:
    """The node id of the repository an alert belongs to."""
    return str(field(field(alert, "repository", "alert"), "node_id", "alert"))


def alert_id(kind: str, alert: Json) -> str:
    """`<kind>:<repository node id>:<number>`"""
    return f"{kind}:{owner_of(alert)}:{field(alert, 'number', 'alert')}"


def alert_list(client: GithubClient, kind: str) -> SharedList:
    """All alerts of a scanner, oldest first, so that new ones come at the end and shift nothing, and newest first.

    Literal secrets are not even asked for (`hide_secret`). GitHub does not count them, only Dependabot's by repository;
    so they are read until two readings agree.
    """
    dataset = SECRET_ALERTS if kind == "secret_scanning" else VULNERABILITY_ALERTS
    parameters = {"sort": "created", "direction": "asc"} | ({"hide_secret": "true"} if dataset is SECRET_ALERTS else {})
    template = TEMPLATES[kind]
    call = Rest(template, template.replace("{org}", client.organisation), dataset, parameters)
    back = replace(call, parameters={**parameters, "direction": "desc"})
    return SharedList(template, call, owner_of, lambda alert: alert_id(kind, alert), cursor=True, back=back)


def settings_list(client: GithubClient) -> SharedList:
    """The organisation's repositories with their security settings."""
    path = REPOSITORIES.replace("{org}", client.organisation)
    call = Rest(REPOSITORIES, path, REPOSITORY_SECURITY, {"type": "all", "sort": "created", "direction": "asc"})
    return SharedList(
        "security settings", call, lambda one: str(field(one, "node_id", "repository")),
        lambda one: str(field(one, "id", "repository")),
    )  # fmt: skip


def security_settings(client: GithubClient, request: Request, sink: Sink, repository: str, dataset: Dataset) -> Json:
    """The record of a repository in the organisation's list, whose block of security settings must be readable.

    Raises `PermissionDenied` where the block is left out, which GitHub does for those who don't administer: that is
    unknown, not off.
    """
    records: list[Json] = []
    for _ in (1, 2):
        if not records:
            found = listed(client, sink, settings_list(client), dataset, request.item.id, repository)
            records = found.by_owner.get(repository, [])
    if not records:
        raise IncompletePopulation(
            f"GitHub's list of repositories lacks {request.item.name}, which it shows by its id, twice. Run it again."
        )
    if records[0].get("security_and_analysis") is None:
        raise PermissionDenied(
            f"GitHub does not show the security settings of {request.item.name} to this principal. Grant repository "
            "permission administration: read.",
            permission="repository permission administration: read",
        )
    return records[0]


def feature(record: Json, name: str) -> str | None:
    """enabled, disabled, or None where GitHub does not tell."""
    return ((record["security_and_analysis"] or {}).get(name) or {}).get("status")


def dependabot_of(client: GithubClient, request: Request, sink: Sink, told: Told, dataset: Dataset) -> list[Json]:
    """Dependabot's alerts of a repository, as many as GitHub counts; what is off was told apart before."""
    for reading in (1, 2):
        node = told.node
        connection = node["vulnerabilityAlerts"]
        if connection is None:
            raise PermissionDenied(
                f"GitHub does not show how many Dependabot alerts {request.item.name} has.",
                permission="repository permission vulnerability_alerts: read",
            )
        found = alerts_of(client, request, sink, "dependabot", node["id"], dataset)
        if len(found) == connection["totalCount"]:
            return found
        if reading == 1:
            told = ask_about(client, request, sink, scanners(dataset))
    raise IncompletePopulation(
        f"GitHub lists {len(found)} Dependabot alerts of {request.item.name} and counts {connection['totalCount']}, "
        "twice. Nothing is claimed; run it again later."
    )


def alerts_of(
    client: GithubClient, request: Request, sink: Sink, kind: str, repository: str | None, dataset: Dataset
) -> list[Json]:
    """All alerts of a scanner, of one repository or of all (None). Asked again for the same item and dataset, GitHub is
    asked again."""
    found: Listed = listed(client, sink, alert_list(client, kind), dataset, request.item.id, repository)
    return found.records if repository is None else found.by_owner.get(repository, [])
