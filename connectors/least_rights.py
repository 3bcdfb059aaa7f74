"""The least rights that exactly the datasets in use need, as documents to hand to each system's administrator."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.programme import Programme
from schemas.programme_tickets import Tickets as Kept
from schemas.tickets import REGISTER_OF as TICKETS

POLICY_LIMIT = 6144
"""Characters of a managed IAM policy, white space not counted (AWS's quota)."""


def documents(datasets: Collection[str], programme: Programme) -> dict[str, Any]:
    """By file name, for the systems that the datasets belong to."""
    made: dict[str, Any] = {}
    of = {system: sorted(name for name in datasets if _asks(name, programme) == system) for system in _SYSTEMS}
    for system, found in of.items():
        if found:
            made |= _SYSTEMS[system](found, programme)
    return made


def _asks(dataset: str, programme: Programme) -> str:
    """The system that is asked for a dataset; for tickets the tracker that the programme names."""
    if dataset not in TICKETS:
        return dataset.partition(".")[0]
    kept: Kept | None = getattr(programme.registers, TICKETS[dataset])
    if kept is not None and getattr(kept, "file", None) is not None:
        return "own"
    if kept is not None and kept.jira is not None:
        return "jira"
    return "pagerduty" if kept is not None and kept.pagerduty is not None else "github"


def _aws(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    from connectors.aws.permissions import ACTIONS, FROM_TRAIL, collector_policy, trail_policy

    actions = sorted({action for name in datasets for action in ACTIONS[name]})
    policies = split_policy(actions)
    names = ["aws-reader-policy.json"] if len(policies) == 1 else [
        f"aws-reader-policy-{number}.json" for number in range(1, len(policies) + 1)
    ]  # fmt: skip
    made: dict[str, Any] = dict(zip(names, policies, strict=True))
    trail = None if programme.scope.aws is None else programme.scope.aws.cloudtrail
    if trail is not None and FROM_TRAIL & set(datasets):
        made["aws-trail-policy.json"] = trail_policy(trail)
    accounts = [] if programme.scope.aws is None else programme.scope.aws.accounts
    roles = sorted({account.role for account in accounts if account.role is not None})
    if roles:
        made["aws-collector-policy.json"] = collector_policy(roles)
    return made


def split_policy(actions: Sequence[str], limit: int = POLICY_LIMIT) -> list[dict[str, Any]]:
    """Policies that together allow the actions on every resource, each within AWS's limit. A role takes ten."""
    from connectors.aws.permissions import allowing

    policies: list[dict[str, Any]] = []
    held: list[str] = []
    for action in actions:
        if held and _size(allowing(f"ReadEvidence{len(policies) + 1}", [*held, action])) > limit:
            policies.append(allowing(f"ReadEvidence{len(policies) + 1}", held))
            held = []
        held.append(action)
    return [*policies, allowing(f"ReadEvidence{len(policies) + 1}", held)] if held else policies


def _size(policy: Mapping[str, Any]) -> int:
    return len(json.dumps(policy, separators=(",", ":")))


def _github(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    from connectors.github.permissions import least_app_permissions

    return {
        "github-app-manifest.json": {
            "name": "evidence-reader",
            "url": "https://example.com",
            "public": False,
            "hook_attributes": {"url": "https://example.com", "active": False},
            "default_permissions": least_app_permissions(datasets),
            "default_events": [],
        }
    }


def _google(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    from connectors.google.permissions import least_privileges, least_scopes

    delegate = None if programme.scope.google is None else programme.scope.google.delegate
    return {
        "google-delegation.json": {
            "delegate": delegate,
            "scopes": least_scopes(datasets),
            "administrator_privileges": least_privileges(datasets),
        }
    }


def _gcp(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    from connectors.gcp.permissions import least_permissions

    return {
        "gcp-reader-role.json": {
            "title": "Evidence reader",
            "stage": "GA",
            "includedPermissions": least_permissions(datasets),
        }
    }


def _jira(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    places = [getattr(programme.registers, TICKETS[name]).jira for name in datasets]
    projects = sorted({f"{place.url} {place.project}" for place in places})
    return {
        "jira-permissions.json": {
            "api_token_scopes": ["read:jira-user", "read:jira-work"],
            "project_permissions": {key: ["BROWSE_PROJECTS"] for key in projects},
        }
    }


def _pagerduty(datasets: Sequence[str], programme: Programme) -> Mapping[str, Any]:
    return {
        "pagerduty-api-key.json": {
            "api_access_key": "read-only",
            "scoped_oauth": ["abilities.read", "incidents.read", "services.read", "users.read"],
        }
    }


_SYSTEMS = {
    "aws": _aws, "github": _github, "google": _google, "gcp": _gcp, "jira": _jira, "pagerduty": _pagerduty,
}  # fmt: skip
