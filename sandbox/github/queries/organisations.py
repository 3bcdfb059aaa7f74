"""Organisations, their people and teams; repositories and what belongs to them."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import Request
from sandbox.github.model import (
    Account,
    Member,
    Organisation,
    Repository,
    Team,
    during,
)
from sandbox.github.paging import Edge, Listing
from sandbox.github.queries.fields import (
    EDGE,
    Fields,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    web,
)
from sandbox.github.queries.repositories import GRAPHQL_PERMISSION, updated_at
from sandbox.github.queries.rules import ruleset_by_number, rulesets
from sandbox.github.times import iso


def _members(organisation: Organisation, _args: dict[str, Any], request: Request) -> Listing:
    found = [
        member
        for member in organisation.current_members(request.now)
        if request.viewer.belongs(organisation, request.now)
    ]
    return Listing(found, node=lambda member: member.account)


def _two_factor(edge: Edge, _args: dict[str, Any], request: Request) -> bool | None:
    """Null for those who may not know."""
    member: Member = edge.item
    for organisation in request.world.organisations.values():
        if member in organisation.members:
            if request.viewer.owns(organisation, request.now):
                return not organisation.two_factor_off(member.account, request.now)
            return None
    return None


MEMBER_EDGE: Fields = {
    **EDGE,
    "role": lambda edge, _args, request: edge.item.role.at(request.now).upper(),
    "hasTwoFactorEnabled": _two_factor,
}


def visible_repositories(organisation: Organisation, request: Request) -> list[Repository]:
    """What the viewer sees of an organisation's repositories."""
    return [one for one in organisation.repositories if request.viewer.sees(one, request.now)]


def _repositories(organisation: Organisation, args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    found = visible_repositories(organisation, request)
    if args.get("isArchived") is not None:
        found = [one for one in found if one.archived.at(now) is args["isArchived"]]
    if args.get("isFork") is not None:
        found = [one for one in found if one.fork is args["isFork"]]
    if args.get("visibility") is not None:
        found = [one for one in found if one.visibility.upper() == args["visibility"]]
    if args.get("privacy") is not None:
        found = [one for one in found if (one.visibility == "public") is (args["privacy"] == "PUBLIC")]
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    sort_key: Any = {
        "CREATED_AT": lambda one: one.created_at,
        "NAME": lambda one: one.name.at(now).lower(),
        "PUSHED_AT": lambda one: one.pushed_at(now),
        "UPDATED_AT": lambda one: updated_at(one, now),
    }[order["field"]]
    found = sorted(found, key=lambda one: (sort_key(one), one.id), reverse=order["direction"] == "DESC")
    return Listing(found)


def _find_repository(organisation: Organisation, args: dict[str, Any], request: Request) -> Repository | None:
    found = request.world.find_repository(organisation.login, args["name"], request.now, renames=args["followRenames"])
    return found[0] if found and request.viewer.sees(found[0], request.now) else None


def _visible_teams(organisation: Organisation, request: Request) -> list[Team]:
    if not request.viewer.belongs(organisation, request.now):
        return []
    return [team for team in organisation.teams if team.exists(request.now)]


def _two_factor_requirement(organisation: Organisation, _args: dict[str, Any], request: Request) -> bool | None:
    if not request.viewer.owns(organisation, request.now):
        return None
    return organisation.two_factor_required.at(request.now)


def _identity_provider(source: Organisation, _args: dict[str, Any], request: Request) -> Organisation | None:
    if not request.viewer.owns(source, request.now):
        return None
    return source if "saml_issuer" in source.settings.at(request.now) else None


ORGANISATION: Fields = {
    "id": node_id,
    "databaseId": lambda source, _args, _request: _account(source).id,
    "login": attribute("login"),
    "name": lambda source, _args, _request: _account(source).name,
    "description": constant(None),
    "createdAt": lambda source, _args, _request: iso(_account(source).created_at),
    "updatedAt": lambda source, _args, _request: iso(_account(source).created_at),
    "url": lambda source, _args, _request: web(f"/{source.login}"),
    "resourcePath": lambda source, _args, _request: f"/{source.login}",
    "avatarUrl": lambda source, _args, _request: web(f"/avatars/{source.login}"),
    "requiresTwoFactorAuthentication": _two_factor_requirement,
    "isVerified": constant(False),
    "ipAllowListEnabledSetting": constant("DISABLED"),
    "samlIdentityProvider": _identity_provider,
    "membersWithRole": connection("membersWithRole", _members),
    "repositories": connection("repositories", _repositories),
    "repository": _find_repository,
    "teams": connection("teams", lambda source, _args, request: Listing(_visible_teams(source, request))),
    "team": lambda source, args, request: next(
        (team for team in _visible_teams(source, request) if team.slug == args["slug"]), None
    ),
    "rulesets": connection("rulesets", rulesets),
    "ruleset": ruleset_by_number,
}


def _account(source: Organisation | Account) -> Account:
    """An organisation appears as itself and, where it acts, as its account."""
    return source.account if isinstance(source, Organisation) else source


def _team_members(team: Team, args: dict[str, Any], request: Request) -> Listing:
    found = [
        (account, role)
        for span, account, role in team.members
        if during([span], request.now) and (args.get("role") in (None, role.upper()))
    ]
    return Listing(found, node=lambda pair: pair[0])


def _team_repositories(team: Team, _args: dict[str, Any], request: Request) -> Listing:
    found = [
        (repository, grant)
        for span, repository, grant in team.grants
        if during([span], request.now) and request.viewer.sees(repository, request.now)
    ]
    return Listing(found, node=lambda pair: pair[0])


def _team_path(team: Team) -> str:
    return f"/orgs/{team.organisation.login}/teams/{team.slug}"


TEAM: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "slug": attribute("slug"),
    "name": attribute("name"),
    "combinedSlug": lambda team, _args, _request: f"{team.organisation.login}/{team.slug}",
    "description": attribute("description"),
    "createdAt": instant("created_at"),
    "updatedAt": instant("created_at"),
    "privacy": constant("VISIBLE"),
    "url": lambda team, _args, _request: web(_team_path(team)),
    "resourcePath": lambda team, _args, _request: _team_path(team),
    "organization": attribute("organisation"),
    "parentTeam": constant(None),
    "members": connection("members", _team_members),
    "repositories": connection("repositories", _team_repositories),
}


TEAM_MEMBER_EDGE: Fields = {**EDGE, "role": lambda edge, _args, _request: edge.item[1].upper()}


TEAM_REPOSITORY_EDGE: Fields = {
    **EDGE,
    "permission": lambda edge, _args, _request: GRAPHQL_PERMISSION[edge.item[1]],
}
