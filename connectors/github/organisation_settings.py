"""Settings of the organisation, one row each, read from every place where GitHub shows them."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.paging import field
from connectors.github.repository_security import ORG_ACTIONS, ORG_WORKFLOW
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_organisation import ORGANISATION_SETTINGS

ORGANISATION = "/orgs/{org}"
RIGHT = "organization permission organization_administration: read"

REST: dict[str, str] = {
    "members.two_factor_required": "two_factor_requirement_enabled",
    "members.default_repository_permission": "default_repository_permission",
    "members.can_create_repositories": "members_can_create_repositories",
    "members.can_create_public_repositories": "members_can_create_public_repositories",
    "members.can_create_private_repositories": "members_can_create_private_repositories",
    "members.can_create_internal_repositories": "members_can_create_internal_repositories",
    "members.can_create_pages": "members_can_create_pages",
    "members.can_fork_private_repositories": "members_can_fork_private_repositories",
    "members.can_delete_repositories": "members_can_delete_repositories",
    "members.can_change_repository_visibility": "members_can_change_repo_visibility",
    "members.can_invite_outside_collaborators": "members_can_invite_outside_collaborators",
    "members.can_delete_issues": "members_can_delete_issues",
    "members.can_create_teams": "members_can_create_teams",
    "repositories.web_commit_signoff_required": "web_commit_signoff_required",
    "repositories.deploy_keys_allowed": "deploy_keys_enabled_for_repositories",
    "new_repositories.advanced_security": "advanced_security_enabled_for_new_repositories",
    "new_repositories.dependency_graph": "dependency_graph_enabled_for_new_repositories",
    "new_repositories.dependabot_alerts": "dependabot_alerts_enabled_for_new_repositories",
    "new_repositories.dependabot_security_updates": "dependabot_security_updates_enabled_for_new_repositories",
    "new_repositories.secret_scanning": "secret_scanning_enabled_for_new_repositories",
    "new_repositories.push_protection": "secret_scanning_push_protection_enabled_for_new_repositories",
}
"""Field of GitHub's record of the organisation, by the name of the setting here."""

_OWNERS_ONLY = ("two_factor_requirement_enabled", "default_repository_permission")
ACTIONS: dict[str, tuple[str, str]] = {
    "actions.enabled_repositories": (ORG_ACTIONS, "enabled_repositories"),
    "actions.allowed_actions": (ORG_ACTIONS, "allowed_actions"),
    "actions.sha_pinning_required": (ORG_ACTIONS, "sha_pinning_required"),
    "actions.default_workflow_permissions": (ORG_WORKFLOW, "default_workflow_permissions"),
    "actions.can_approve_pull_requests": (ORG_WORKFLOW, "can_approve_pull_request_reviews"),
}


def part(organisation_id: str) -> Part:
    """What GraphQL alone tells, and the second factor again."""
    return Part(
        "$settingsOf: ID!",
        "settings: node(id: $settingsOf) { id ... on Organization { requiresTwoFactorAuthentication isVerified "
        "ipAllowListEnabledSetting samlIdentityProvider { id issuer ssoUrl } } }",
        {"settingsOf": organisation_id},
    )


QUERY_TEXT = "\n".join(
    [part("").selection, f"GET {ORGANISATION}", f"GET {ORG_ACTIONS}", f"GET {ORG_WORKFLOW}"],
)


def organisation_settings(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.organisation_settings.

    A setting that GitHub leaves out of its answer is `unreadable`, never off. Raises `PermissionDenied` where those are
    left out that GitHub shows to every owner.
    """
    client = client_of(session)
    reader = _Reader(client, request)
    driver = Driver(client.transport, sink)
    driver.ask(reader.read())
    sink.rows(ORGANISATION_SETTINGS, reader.rows)
    unknown = sorted(row["setting"] for row in reader.rows if row["state"] != "known")
    return [
        ItemClaim(
            ORGANISATION_SETTINGS.name,
            QUERY_TEXT,
            {"organisation": client.organisation},
            observed_at=driver.began_at,
            proof_of_life=True,
            proof="the organisation itself was read",
            independent_count=len(reader.rows),
            reconciliation=(
                f"{len(reader.rows)} settings, not known: {', '.join(unknown) or 'none'}; the second factor the same "
                "by REST and GraphQL"
            ),
            pages=driver.requests,
            rows_returned=len(reader.rows),
        )
    ]


class _Reader:
    def __init__(self, client: GithubClient, request: Request) -> None:
        self._client = client
        self._item = request.item.id
        self.rows: list[Json] = []

    def read(self) -> Stream[None]:
        client = self._client
        path = f"/orgs/{client.organisation}"
        record: Json = (yield Rest(ORGANISATION, path, ORGANISATION_SETTINGS)).data
        if field(record, "node_id", "organisation") != client.organisation_id:
            raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
        if any(record.get(name) is None for name in _OWNERS_ONLY):
            raise PermissionDenied(
                "GitHub does not show the settings of the organisation to this principal. Use an owner's token or an "
                f"App with {RIGHT}.",
                permission=RIGHT,
            )
        for setting, name in REST.items():
            self._add(setting, record, name, f"GET {ORGANISATION} {name}")
        yield from self._actions(path)
        answer = yield Graph("Settings", (part(client.organisation_id),), ORGANISATION_SETTINGS)
        node: Json | None = answer.data["settings"]
        if node is None or node["id"] != client.organisation_id:
            raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
        if node["requiresTwoFactorAuthentication"] != record["two_factor_requirement_enabled"]:
            raise IncompletePopulation(
                "GitHub says by REST and by GraphQL different things about whether the organisation requires a second "
                "factor. Nothing is claimed; run it again later."
            )
        self._add("organisation.verified", node, "isVerified", "GraphQL isVerified")
        self._add("network.ip_allow_list", node, "ipAllowListEnabledSetting", "GraphQL ipAllowListEnabledSetting")
        # Null says both "none" and "not for you"; that the second factor is shown tells that an owner's eyes look.
        provider = node["samlIdentityProvider"]
        self._row("sign_in.saml_issuer", "known", None if provider is None else provider["issuer"], None, provider,
                  "GraphQL samlIdentityProvider")  # fmt: skip

    def _actions(self, path: str) -> Stream[None]:
        answers: dict[str, Json] = {}
        for template in (ORG_ACTIONS, ORG_WORKFLOW):
            try:
                call = Rest(template, f"{path}{template.removeprefix(ORGANISATION)}", ORGANISATION_SETTINGS)
                answers[template] = (yield call).data
            except NotLicensed as off:
                for setting, (place, _) in ACTIONS.items():
                    if place == template:
                        self._row(setting, "not_licensed", None, str(off), None, f"GET {template}")
        for setting, (template, name) in ACTIONS.items():
            if template in answers:
                self._add(setting, answers[template], name, f"GET {template} {name}")

    def _add(self, setting: str, record: Json, name: str, found_in: str) -> None:
        if record.get(name) is None:
            why = "GitHub leaves it out of its answer: the plan does not have it, or the principal may not see it."
            self._row(setting, "unreadable", None, why, None, found_in)
            return
        self._row(setting, "known", record[name], None, {name: record[name]}, found_in)

    def _row(self, setting: str, state: str, value: Any, reason: str | None, raw: Any, found_in: str) -> None:
        self.rows.append({
            "scope_item_id": self._item, "organisation_id": self._client.organisation_id,
            "organisation": self._client.organisation, "setting": setting,
            "value": orjson.dumps(value).decode() if state == "known" else None, "state": state, "reason": reason,
            "found_in": found_in, "raw": orjson.dumps(raw).decode(),
        })  # fmt: skip
