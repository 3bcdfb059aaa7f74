"""Who holds administrative power: owners, administrators of repositories by name or by team, Apps that may write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.inventory import each_repository, owned_part, require_known
from connectors.github.members import MEMBERS_LISTING, each_member, members_part
from connectors.github.paging import Nested, complete, field, rest_list, walk
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import ADMINISTRATORS
from schemas.instants import optional_instant

INSTALLATIONS = "/orgs/{org}/installations"

COLLABORATORS = Nested(
    "Repository",
    "collaborators",
    "permission node { id login }",
    50,
    arguments="affiliation: DIRECT",
    what="direct collaborators of a repository",
    key=lambda edge: edge["node"]["id"],
    edges=True,
)
GRANTS = Nested(
    "Team",
    "repositories",
    "permission node { id nameWithOwner }",
    100,
    what="repositories of a team",
    key=lambda edge: edge["node"]["id"],
    edges=True,
)
GRANTED = f"id nameWithOwner {COLLABORATORS.inline()}"


def teams_part(organisation_id: str, first: int, after: str | None) -> Part:
    """One page of the organisation's teams with what they may do in which repository."""
    return Part(
        "$teamsOf: ID!, $teamsFirst: Int!, $teamsAfter: String",
        "grouped: node(id: $teamsOf) { id ... on Organization { teams(first: $teamsFirst, after: $teamsAfter) { "
        f"totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id slug {GRANTS.inline()} }} }} }} }}",
        {"teamsOf": organisation_id, "teamsFirst": first, "teamsAfter": after},
    )


ADMINISTRATORS_TEXT = "\n".join([
    members_part("", 0, None).selection, f"GET {MEMBERS_LISTING}?role=admin",
    owned_part("", 0, None, GRANTED).selection, teams_part("", 0, None).selection, f"GET {INSTALLATIONS}",
])  # fmt: skip


def administrators(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.administrators, for the organisation as a whole."""
    reader = _Administrators(client_of(session), request)
    driver = Driver(reader.client.transport, sink)
    driver.ask(reader.read())
    if reader.rows:
        sink.rows(ADMINISTRATORS, reader.rows)
    return [
        ItemClaim(
            ADMINISTRATORS.name,
            ADMINISTRATORS_TEXT,
            {"organisation": reader.client.organisation},
            observed_at=driver.began_at,
            proof_of_life=bool(reader.rows),
            proof="the owners are seen" if reader.rows else None,
            independent_count=len(reader.rows),
            reconciliation="; ".join(reader.notes),
            pages=reader.pages,
            rows_returned=reader.returned,
            drop_rules={"no administrative right": reader.returned - len(reader.rows)},
        )
    ]


class _Administrators:
    def __init__(self, client: GithubClient, request: Request) -> None:
        self.client = client
        self.rows: list[Json] = []
        self.notes: list[str] = []
        self.pages = 0
        self.returned = 0
        self._request = request
        self._item = request.item.id
        self._seen: set[str] = set()

    def read(self) -> Stream[None]:
        yield from self._owners()
        tally = yield from each_repository(
            self.client, "Collaborators", GRANTED, 25, ADMINISTRATORS, self._collaborators
        )
        require_known(self._request, self._seen, self.client)
        self.pages += tally.pages
        self.notes.append(f"direct collaborators of {tally.seen} repositories, each list to the total GitHub counts")
        yield from self._teams()
        yield from self._apps()

    def _owners(self) -> Stream[None]:
        for reading in (1, 2):
            found: dict[str, Json] = {}
            self.pages += yield from each_member(self.client, ADMINISTRATORS, found, [])
            owners = {user_id: edge for user_id, edge in found.items() if edge["role"] == "ADMIN"}
            listed = yield from self._listed_owners()
            if listed == owners.keys():
                break
            if reading == 2:
                raise IncompletePopulation(
                    f"GitHub shows {len(owners)} owners of the organisation by GraphQL and {len(listed)} by REST, "
                    "twice. Nothing is claimed; run it again later."
                )
        self.returned += len(found)
        if not owners:
            raise PermissionDenied(
                "GitHub shows no owner of the organisation, and there is always one: the principal may not see "
                "members. "
                "Grant organization permission members: read.",
                permission="organization permission members: read",
            )
        self.notes.append(f"{len(owners)} owners of {len(found)} members, the same by REST")
        for user_id, edge in owners.items():
            self._add(
                f"organisation_owner:{user_id}", "person", user_id, edge["node"]["login"], "organisation_owner",
                self.client.organisation_id, self.client.organisation, raw=edge,
            )  # fmt: skip

    def _listed_owners(self) -> Stream[set[str]]:
        listed: set[str] = set()

        def take(fresh: list[Json]) -> bool:
            listed.update(person["node_id"] for person in fresh)
            return False

        call = Rest(
            MEMBERS_LISTING, f"/orgs/{self.client.organisation}/members", ADMINISTRATORS, {"role": "admin"}
        )  # fmt: skip
        tally = yield from rest_list(call, take, key=lambda person: str(field(person, "id", "member")))
        self.pages += tally.pages
        return listed

    def _collaborators(self, nodes: list[Json]) -> Stream[None]:
        self._seen.update(repository["id"] for repository in nodes)
        for repository in nodes:
            for edge in (yield from complete(repository, COLLABORATORS, ADMINISTRATORS, self.client.sizes)):
                self.returned += 1
                if edge["permission"] == "ADMIN":
                    person = edge["node"]
                    self._add(
                        f"repository_admin:{repository['id']}:{person['id']}", "person", person["id"], person["login"],
                        "repository_admin", repository["id"], repository["nameWithOwner"], raw=edge,
                    )  # fmt: skip

    def _teams(self) -> Stream[None]:
        def ask(first: int, after: str | None) -> Graph:
            return Graph("Teams", (teams_part(self.client.organisation_id, first, after),), ADMINISTRATORS)

        def find(data: Json) -> Any:
            owner = data["grouped"]
            if owner is None or owner["id"] != self.client.organisation_id:
                raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
            return owner["teams"]

        def then(teams: list[Json]) -> Stream[None]:
            for team in teams:
                for edge in (yield from complete(team, GRANTS, ADMINISTRATORS, self.client.sizes)):
                    self.returned += 1
                    if edge["permission"] == "ADMIN":
                        repository = edge["node"]
                        self._add(
                            f"repository_admin:{repository['id']}:{team['id']}", "team", team["id"], team["slug"],
                            "repository_admin", repository["id"], repository["nameWithOwner"], raw=edge,
                        )  # fmt: skip

        size = self.client.sizes.of("teams", 25)
        tally = yield from walk("teams", ask, find, size, lambda _teams: False, then=then)
        self.pages += tally.pages
        self.notes.append(f"{tally.seen} teams as GitHub counts them")

    def _apps(self) -> Stream[None]:
        found: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            found.extend(fresh)
            return False

        call = Rest(INSTALLATIONS, f"/orgs/{self.client.organisation}/installations", ADMINISTRATORS)
        tally = yield from rest_list(
            call, take, key=lambda one: str(field(one, "id", "installation")), items_under="installations"
        )
        self.pages += tally.pages
        self.returned += len(found)
        self.notes.append(f"{len(found)} installed Apps as GitHub counts them")
        for one in found:
            writes = sorted(name for name, access in one["permissions"].items() if access in {"write", "admin"})
            if writes and one.get("suspended_at") is None:
                self._add(
                    f"app_write:{one['id']}", "app", str(one["app_id"]), one["app_slug"], "app_write",
                    self.client.organisation_id, self.client.organisation, raw=one,
                    via=f"installation on {one['repository_selection']} repositories", detail=", ".join(writes),
                    since=optional_instant(one["created_at"]),
                )  # fmt: skip

    def _add(
        self,
        assignment_id: str,
        kind: str,
        principal_id: str,
        principal_name: str,
        privilege: str,
        resource_id: str,
        resource_name: str,
        *,
        raw: Json,
        via: str | None = None,
        detail: str | None = None,
        since: datetime | None = None,
    ) -> None:
        self.rows.append({
            "scope_item_id": self._item, "assignment_id": assignment_id, "principal_kind": kind,
            "principal_id": principal_id, "principal_name": principal_name, "privilege": privilege,
            "resource_id": resource_id, "resource_name": resource_name, "granted_via": via, "detail": detail,
            "since": since, "raw": orjson.dumps(raw).decode(),
        })  # fmt: skip
