"""Members of the organisation and outside collaborators, each with the state of their second factor."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.paging import field, rest_twice, walk
from connectors.github.streams import Driver
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import MEMBERS

MEMBERS_LISTING = "/orgs/{org}/members"
OUTSIDE = "/orgs/{org}/outside_collaborators"
OWNER = "a principal that is an owner of the organisation, or an App with organization_administration: read"

MEMBERSHIP = "role hasTwoFactorEnabled node { id login }"


def members_part(organisation_id: str, first: int, after: str | None, edge: str = MEMBERSHIP) -> Part:
    """One page of the organisation's members, with the setting that demands a second factor."""
    return Part(
        "$membersOf: ID!, $membersFirst: Int!, $membersAfter: String",
        "people: node(id: $membersOf) { id ... on Organization { requiresTwoFactorAuthentication "
        "membersWithRole(first: $membersFirst, after: $membersAfter) { totalCount "
        f"pageInfo {{ hasNextPage endCursor }} edges {{ {edge} }} }} }} }}",
        {"membersOf": organisation_id, "membersFirst": first, "membersAfter": after},
    )


def each_member(
    client: GithubClient, dataset: Dataset, found: dict[str, Json], setting: list[Any], edge: str = MEMBERSHIP
) -> Stream[int]:
    """Put the membership edges of all members into `found` by user id; returns the pages read."""

    def ask(first: int, after: str | None) -> Graph:
        return Graph("Members", (members_part(client.organisation_id, first, after, edge),), dataset)

    def find(data: Json) -> Any:
        owner = data["people"]
        if owner is None or owner["id"] != client.organisation_id:
            raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
        setting[:] = [owner["requiresTwoFactorAuthentication"]]
        return owner["membersWithRole"]

    def take(fresh: list[Json]) -> bool:
        found.update((edge["node"]["id"], edge) for edge in fresh)
        return False

    def key(edge: Json) -> str:
        if edge["node"] is None:
            raise PermissionDenied(
                "GitHub hides some members of the organisation from this principal.", permission=OWNER
            )
        return edge["node"]["id"]

    tally = yield from walk("members", ask, find, client.sizes.of("members", 100), take, key=key)
    return tally.pages


MEMBERS_TEXT = "\n".join([
    members_part("", 0, None).selection, f"GET {MEMBERS_LISTING}?filter=2fa_disabled", f"GET {OUTSIDE}?filter=all",
    f"GET {OUTSIDE}?filter=2fa_disabled",
])  # fmt: skip


def members(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.members: who belongs to the organisation and whether with a second factor.

    Only owners may know the second factor. For anybody else it would be unknown, which no snapshot may hide, so
    `PermissionDenied` is raised.
    """
    client = client_of(session)
    found: dict[str, Json] = {}
    setting: list[Any] = []
    without: dict[str, set[str]] = {}
    outside: dict[str, Json] = {}
    pages = [0]
    driver = Driver(client.transport, sink)

    def read() -> Stream[None]:
        pages[0] += yield from each_member(client, MEMBERS, found, setting)
        path = f"/orgs/{client.organisation}"
        for template, name in ((MEMBERS_LISTING, "members"), (OUTSIDE, "outside_collaborators")):
            call = Rest(template, f"{path}/{name}", MEMBERS, {"filter": "2fa_disabled"}, frozenset({422}))
            people, count = yield from owners_only(call)
            without[name] = {person["node_id"] for person in people}
            pages[0] += count
        everybody, tally = yield from rest_twice(
            Rest(OUTSIDE, f"{path}/outside_collaborators", MEMBERS, {"filter": "all"}),
            key=lambda person: str(field(person, "id", "collaborator")),
        )
        outside.update((person["node_id"], person) for person in everybody)
        pages[0] += tally.pages

    driver.ask(read())
    rows = [_member_row(request, edge, without["members"], setting[0]) for edge in found.values()]
    rows += [_outside_row(request, person, without["outside_collaborators"], setting[0]) for person in outside.values()]
    strangers = without["members"] - found.keys()
    if strangers or without["outside_collaborators"] - outside.keys():
        raise IncompletePopulation(
            "GitHub lists people without a second factor who are not among the members and collaborators it lists. "
            "Nothing is claimed; run it again later."
        )
    if rows:
        sink.rows(MEMBERS, rows)
    return [
        ItemClaim(
            MEMBERS.name,
            MEMBERS_TEXT,
            {"organisation": client.organisation},
            observed_at=driver.began_at,
            proof_of_life=bool(rows),
            proof="the members are seen" if rows else None,
            independent_count=len(rows),
            reconciliation=(
                f"{len(found)} members as GitHub counts them, {len(outside)} outside collaborators in two equal "
                "readings; without a second factor by the owners' filter: "
                f"{sum(len(one) for one in without.values())}, the same as by each member's own record"
            ),
            pages=pages[0],
            rows_returned=len(rows),
        )
    ]


def owners_only(call: Rest) -> Stream[tuple[list[Json], int]]:
    """A list behind a filter that only owners may use; GitHub answers anybody else with 422."""
    reading = rest_twice(call, key=lambda person: str(field(person, "id", "member")))
    asked = next(reading)
    while True:
        answer = yield asked
        if answer.status == 422:
            reading.close()
            raise PermissionDenied(
                "GitHub tells only owners of the organisation who has no second factor (422). Use an owner's token "
                "or an App with organization permission organization_administration: read; otherwise CC6-MFA-01 "
                "can't be shown "
                "for GitHub.",
                permission=OWNER,
            )
        try:
            asked = reading.send(answer)
        except StopIteration as stop:
            people, tally = stop.value
            return people, tally.pages


def _member_row(request: Request, edge: Json, without: set[str], setting: bool | None) -> Json:
    person = edge["node"]
    enabled = edge["hasTwoFactorEnabled"]
    if enabled is None:
        raise PermissionDenied(
            "GitHub does not show this principal whether members have a second factor. Use an owner's token or an App "
            "with organization permission organization_administration: read.",
            permission=OWNER,
        )
    if enabled == (person["id"] in without):
        raise IncompletePopulation(
            f"GitHub says both that {person['login']} has a second factor and that not. Nothing is claimed; run it "
            "again later."
        )
    return {
        "scope_item_id": request.item.id, "user_id": person["id"], "login": person["login"], "membership": "member",
        "role": "owner" if edge["role"] == "ADMIN" else "member",
        "two_factor": "enabled" if enabled else "disabled", "organisation_requires_two_factor": setting,
        "kind": "person", "raw": orjson.dumps(edge).decode(),
    }  # fmt: skip


def _outside_row(request: Request, person: Json, without: set[str], setting: bool | None) -> Json:
    return {
        "scope_item_id": request.item.id, "user_id": person["node_id"], "login": person["login"],
        "membership": "outside_collaborator", "role": "outside_collaborator",
        "two_factor": "disabled" if person["node_id"] in without else "enabled",
        "organisation_requires_two_factor": setting, "kind": "bot" if person.get("type") == "Bot" else "person",
        "raw": orjson.dumps(person).decode(),
    }  # fmt: skip
