"""Everybody and everything with an account in the organisation: members, outside collaborators, Apps, invitations."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.github.administrators import COLLABORATORS, GRANTED, GRANTS, INSTALLATIONS
from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.inventory import each_repository, owned_part, require_known
from connectors.github.members import MEMBERS_LISTING, OUTSIDE, OWNER, each_member, members_part, owners_only
from connectors.github.paging import Nested, complete, field, rest_list, rest_twice, walk
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_organisation import ACCOUNTS
from schemas.instants import optional_instant, parse_instant

INVITATIONS = "/orgs/{org}/invitations"
MEMBERSHIP = "role hasTwoFactorEnabled node { id login name createdAt }"
TEAM_MEMBERS = Nested(
    "Team",
    "members",
    "role node { id login }",
    100,
    what="members of a team",
    key=lambda edge: edge["node"]["id"],
    edges=True,
)
_PERMISSIONS = {"READ": "read", "TRIAGE": "triage", "WRITE": "write", "MAINTAIN": "maintain", "ADMIN": "admin"}
_INVITED = {"direct_member": "member", "admin": "owner", "reinstate": "member"}


def teams_part(organisation_id: str, first: int, after: str | None) -> Part:
    """One page of the organisation's teams with their members and what they may do in which repository."""
    return Part(
        "$groupsOf: ID!, $groupsFirst: Int!, $groupsAfter: String",
        "groups: node(id: $groupsOf) { id ... on Organization { teams(first: $groupsFirst, after: $groupsAfter) { "
        f"totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id slug {TEAM_MEMBERS.inline()} {GRANTS.inline()} "
        "} } } }",
        {"groupsOf": organisation_id, "groupsFirst": first, "groupsAfter": after},
    )


QUERY_TEXT = "\n".join([
    members_part("", 0, None, MEMBERSHIP).selection, owned_part("", 0, None, GRANTED).selection,
    teams_part("", 0, None).selection, f"GET {MEMBERS_LISTING}?filter=2fa_disabled", f"GET {OUTSIDE}?filter=all",
    f"GET {OUTSIDE}?filter=2fa_disabled", f"GET {INSTALLATIONS}", f"GET {INVITATIONS}",
])  # fmt: skip


def accounts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.accounts: a row for each account with every role it holds and the way it came by it.

    Raises `PermissionDenied` for principals that may not know the second factor, and `IncompletePopulation` where
    somebody has access to a repository who is on none of GitHub's lists, or the other way round, or where a repository
    of the latest inventory is not seen: people would have fewer roles than they have.
    """
    reader = _Reader(client_of(session), request)
    driver = Driver(reader.client.transport, sink)
    driver.ask(reader.read())
    reader.check()
    rows = list(reader.rows.values())
    if rows:
        sink.rows(ACCOUNTS, rows)
    return [
        ItemClaim(
            ACCOUNTS.name,
            QUERY_TEXT,
            {"organisation": reader.client.organisation},
            observed_at=driver.began_at,
            proof_of_life=bool(rows),
            proof="the members are seen" if rows else None,
            independent_count=len(rows),
            reconciliation="; ".join(reader.notes),
            pages=driver.requests,
            rows_returned=len(rows),
        )
    ]


class _Reader:
    def __init__(self, client: GithubClient, request: Request) -> None:
        self.client = client
        self.rows: dict[str, Json] = {}
        self.notes: list[str] = []
        self._request = request
        self._item = request.item.id
        self._seen: set[str] = set()
        self._granted: dict[str, str] = {}
        """Direct collaborators of repositories: login by user id."""
        self._grouped: dict[str, str] = {}
        """Members of teams: login by user id."""

    def read(self) -> Stream[None]:
        yield from self._members()
        yield from self._outside()
        known = set(self.rows)
        tally = yield from each_repository(self.client, "AccountsOf", GRANTED, 25, ACCOUNTS, self._collaborators)
        require_known(self._request, self._seen, self.client)
        self.notes.append(f"direct collaborators of {tally.seen} repositories, each list to the total GitHub counts")
        yield from self._teams()
        self.notes.append(f"{len(known)} people")
        yield from self._apps()
        yield from self._invitations()

    def check(self) -> None:
        """Whether the lists fit each other."""
        strangers = sorted(
            login for user_id, login in {**self._granted, **self._grouped}.items() if user_id not in self.rows
        )
        alone = sorted(
            row["login"]
            for user_id, row in self.rows.items()
            if row["membership"] == "outside_collaborator" and user_id not in self._granted
        )
        if strangers or alone:
            raise IncompletePopulation(
                "GitHub's lists do not fit each other: "
                f"{', '.join(strangers[:10]) or 'nobody'} has access and is on no list, "
                f"{', '.join(alone[:10]) or 'nobody'} is listed as an outside collaborator and has access to no "
                "repository that is seen. The App or token may see fewer repositories than there are, or something "
                "changed just now: give it access to all, or run it again."
            )

    # --- people

    def _members(self) -> Stream[None]:
        found: dict[str, Json] = {}
        yield from each_member(self.client, ACCOUNTS, found, [], MEMBERSHIP)
        without = yield from self._without(MEMBERS_LISTING, "members")
        for user_id, edge in found.items():
            person, enabled = edge["node"], edge["hasTwoFactorEnabled"]
            if enabled is None:
                raise PermissionDenied(
                    "GitHub does not show this principal whether members have a second factor. Use an owner's token "
                    "or an App with organization permission organization_administration: read.",
                    permission=OWNER,
                )
            if enabled == (user_id in without):
                raise IncompletePopulation(
                    f"GitHub says both that {person['login']} has a second factor and that not. Nothing is claimed; "
                    "run it again later."
                )
            role = "owner" if edge["role"] == "ADMIN" else "member"
            self._row(
                user_id, "person", person["login"], "member", role, "enabled" if enabled else "disabled", edge,
                name=person["name"], created_at=parse_instant(person["createdAt"]), privileged=role == "owner",
            )  # fmt: skip
        strangers = without - found.keys()
        if strangers:
            raise IncompletePopulation("GitHub lists people without a second factor who are no members. Run it again.")
        self.notes.append(f"{len(found)} members as GitHub counts them")

    def _outside(self) -> Stream[None]:
        without = yield from self._without(OUTSIDE, "outside_collaborators")
        path = f"/orgs/{self.client.organisation}/outside_collaborators"
        everybody, _ = yield from rest_twice(
            Rest(OUTSIDE, path, ACCOUNTS, {"filter": "all"}), key=lambda one: str(field(one, "id", "collaborator"))
        )
        for person in everybody:
            user_id = field(person, "node_id", "collaborator")
            self._row(
                user_id, "bot" if person.get("type") == "Bot" else "person", person["login"], "outside_collaborator",
                "outside_collaborator", "disabled" if user_id in without else "enabled", person,
            )  # fmt: skip
        if without - self.rows.keys():
            raise IncompletePopulation(
                "GitHub lists outside collaborators without a second factor who are on no other list. Run it again."
            )
        self.notes.append(f"{len(everybody)} outside collaborators in two equal readings")

    def _without(self, template: str, name: str) -> Stream[set[str]]:
        call = Rest(
            template, f"/orgs/{self.client.organisation}/{name}", ACCOUNTS, {"filter": "2fa_disabled"},
            frozenset({422}),
        )  # fmt: skip
        people, _ = yield from owners_only(call)
        return {person["node_id"] for person in people}

    # --- what they may do

    def _collaborators(self, nodes: list[Json]) -> Stream[None]:
        self._seen.update(repository["id"] for repository in nodes)
        for repository in nodes:
            for edge in (yield from complete(repository, COLLABORATORS, ACCOUNTS, self.client.sizes)):
                person = edge["node"]
                self._granted[person["id"]] = person["login"]
                self._grant(person["id"], "repository", repository["id"], repository["nameWithOwner"],
                            _permission(edge), "direct")  # fmt: skip

    def _teams(self) -> Stream[None]:
        def ask(first: int, after: str | None) -> Graph:
            return Graph("AccountTeams", (teams_part(self.client.organisation_id, first, after),), ACCOUNTS)

        def find(data: Json) -> Any:
            owner = data["groups"]
            if owner is None or owner["id"] != self.client.organisation_id:
                raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
            return owner["teams"]

        def then(teams: list[Json]) -> Stream[None]:
            for team in teams:
                people = yield from complete(team, TEAM_MEMBERS, ACCOUNTS, self.client.sizes)
                grants = yield from complete(team, GRANTS, ACCOUNTS, self.client.sizes)
                for edge in people:
                    user_id = edge["node"]["id"]
                    self._grouped[user_id] = edge["node"]["login"]
                    role = "maintainer" if edge["role"] == "MAINTAINER" else "member"
                    self._grant(user_id, "team", team["id"], team["slug"], role, "direct")
                    for grant in grants:
                        repository = grant["node"]
                        self._grant(user_id, "repository", repository["id"], repository["nameWithOwner"],
                                    _permission(grant), f"team:{team['slug']}")  # fmt: skip

        tally = yield from walk(
            "teams", ask, find, self.client.sizes.of("account teams", 10), lambda _: False, then=then
        )
        self.notes.append(f"{tally.seen} teams as GitHub counts them")

    def _grant(self, user_id: str, scope: str, resource_id: str, name: str, role: str, via: str) -> None:
        row = self.rows.get(user_id)
        if row is not None:
            row["roles"].append(
                {"scope": scope, "resource_id": resource_id, "resource_name": name, "role": role, "via": via}
            )
            row["privileged"] = row["privileged"] or (scope == "repository" and role == "admin")

    # --- Apps and invitations

    def _apps(self) -> Stream[None]:
        found: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            found.extend(fresh)
            return False

        call = Rest(INSTALLATIONS, f"/orgs/{self.client.organisation}/installations", ACCOUNTS)
        yield from rest_list(
            call, take, key=lambda one: str(field(one, "id", "installation")), items_under="installations"
        )
        for one in found:
            held = field(one, "permissions", "installation")
            account_id = f"app_installation:{one['id']}"
            self._row(
                account_id, "app", one["app_slug"], "app", None, "not_applicable", one,
                created_at=optional_instant(one["created_at"]), suspended=one.get("suspended_at") is not None,
                privileged=any(access in {"write", "admin"} for access in held.values()),
            )  # fmt: skip
            self.rows[account_id]["roles"] = [
                self._organisation_role(f"{name}: {access}") for name, access in sorted(held.items())
            ]
        self.notes.append(f"{len(found)} installed Apps as GitHub counts them")

    def _invitations(self) -> Stream[None]:
        call = Rest(INVITATIONS, f"/orgs/{self.client.organisation}/invitations", ACCOUNTS)
        found, _ = yield from rest_twice(call, key=lambda one: str(field(one, "id", "invitation")))
        for one in found:
            role = _INVITED.get(field(one, "role", "invitation"), str(one["role"]))
            self._row(
                f"invitation:{field(one, 'node_id', 'invitation')}", "invitation",
                str(one.get("login") or one.get("email") or f"invitation {one['id']}"), "invited", role,
                "not_applicable", one, email=one.get("email"), created_at=optional_instant(one["created_at"]),
                owner=(one.get("inviter") or {}).get("login"), privileged=role == "owner",
            )  # fmt: skip
        self.notes.append(f"{len(found)} open invitations in two equal readings")

    def _organisation_role(self, role: str) -> Json:
        client = self.client
        return {
            "scope": "organisation", "resource_id": client.organisation_id, "resource_name": client.organisation,
            "role": role, "via": None,
        }  # fmt: skip

    def _row(
        self,
        account_id: str,
        kind: str,
        login: str,
        membership: str,
        role: str | None,
        two_factor: str,
        raw: Json,
        **more: Any,
    ) -> None:
        self.rows[account_id] = {
            "scope_item_id": self._item, "account_id": account_id, "kind": kind, "login": login, "name": None,
            "email": None, "membership": membership, "organisation_role": role,
            "roles": [] if role is None else [self._organisation_role(role)], "privileged": False,
            "two_factor": two_factor, "single_sign_on_identity": None, "suspended": None, "owner": None,
            "created_at": None, "last_used_at": None, "raw": orjson.dumps(raw).decode(), **more,
        }  # fmt: skip


def _permission(edge: Json) -> str:
    """A custom role shows as the permission it is built on."""
    return _PERMISSIONS.get(edge["permission"], str(edge["permission"]).lower())
