"""All repositories of the organisation, and whether the principal sees fewer than before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import orjson

from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.paging import Nested, Tally, complete, field, rest_list, walk
from connectors.github.repository import PREFIX
from connectors.github.streams import Driver
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import REPOSITORIES
from schemas.instants import optional_instant, parse_instant

LISTING = "/orgs/{org}/repos"
PAGE = 100
TOPICS = Nested("Repository", "repositoryTopics", "id topic { name }", 20, what="topics")
SELECTION = (
    "id databaseId nameWithOwner createdAt isArchived isFork visibility pushedAt defaultBranchRef { name } "
    f"{TOPICS.inline()}"
)


def owned_part(organisation_id: str, first: int, after: str | None, selection: str) -> Part:
    """One page of the organisation's repositories, in the order of creation, which never changes."""
    return Part(
        "$ownedBy: ID!, $ownedFirst: Int!, $ownedAfter: String",
        "owned: node(id: $ownedBy) { id ... on Organization { repositories(first: $ownedFirst, after: $ownedAfter, "
        "orderBy: {field: CREATED_AT, direction: ASC}) { totalCount pageInfo { hasNextPage endCursor } "
        f"nodes {{ {selection} }} }} }} }}",
        {"ownedBy": organisation_id, "ownedFirst": first, "ownedAfter": after},
    )


def each_repository(
    client: GithubClient,
    name: str,
    selection: str,
    page: int,
    dataset: Dataset,
    then: Callable[[list[Json]], Stream[None]],
) -> Stream[Tally]:
    """Walk over all repositories the principal sees; `then(nodes)` goes on with those of a page."""

    def ask(first: int, after: str | None) -> Graph:
        return Graph(name, (owned_part(client.organisation_id, first, after, selection),), dataset)

    def find(data: Json) -> Any:
        owner = data["owned"]
        if owner is None or owner["id"] != client.organisation_id:
            raise IncompletePopulation("GitHub answered for another organisation than the one asked. Run it again.")
        return owner["repositories"]

    size = client.sizes.of(name, page)
    return (yield from walk("repositories of the organisation", ask, find, size, lambda _nodes: False, then=then))


QUERY_TEXT = "\n".join([owned_part("", 0, None, SELECTION).selection, f"GET {LISTING}?type=all"])


def repositories(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.repositories with every repository of the organisation.

    Read by GraphQL and by REST, which must show the same ones. Raises `IncompletePopulation` naming each repository
    that the latest inventory showed (`request.known_items`) and that is not seen any more: a token that sees less looks
    just like a smaller organisation.
    """
    client = client_of(session)
    rows: dict[str, Json] = {}
    listed: dict[str, str] = {}
    pages: list[int] = []

    def keep(fresh: list[Json]) -> Stream[None]:
        for node in fresh:
            yield from complete(node, TOPICS, REPOSITORIES, client.sizes)
            rows[node["id"]] = _row(node, client, request)

    def read() -> Stream[None]:
        call = Rest(LISTING, f"/orgs/{client.organisation}/repos", REPOSITORIES, {"type": "all", "sort": "created"})
        for reading in (1, 2):
            tally = yield from each_repository(client, "Repositories", SELECTION, PAGE, REPOSITORIES, keep)
            pages.append(tally.pages)

            def take(fresh: list[Json]) -> bool:
                listed.update((field(one, "node_id", "repository"), one["full_name"]) for one in fresh)
                return False

            tally = yield from rest_list(call, take, key=lambda one: str(field(one, "id", "repository")))
            pages.append(tally.pages)
            if listed.keys() == rows.keys():
                return
            if reading == 2:
                differ = sorted(listed.get(one) or rows[one]["repo_name"] for one in listed.keys() ^ rows.keys())
                raise IncompletePopulation(
                    f"GitHub shows {len(rows)} repositories by GraphQL and {len(listed)} by REST, twice; they differ "
                    f"in {', '.join(differ[:10])}. Nothing is claimed; run it again later."
                )

    driver = Driver(client.transport, sink)
    driver.ask(read())
    require_known(request, rows.keys(), client)
    if rows:
        sink.rows(REPOSITORIES, list(rows.values()))
    return [
        ItemClaim(
            REPOSITORIES.name,
            QUERY_TEXT,
            {"organisation": client.organisation},
            observed_at=driver.began_at,
            proof_of_life=bool(rows),
            proof="the organisation's repositories are seen" if rows else None,
            independent_count=len(listed),
            reconciliation=f"{len(rows)} repositories by GraphQL, the same {len(listed)} by REST",
            pages=sum(pages),
            rows_returned=len(rows),
        )
    ]


def require_known(request: Request, seen: Collection[str], client: GithubClient) -> None:
    """Raise `IncompletePopulation` naming each repository that the latest inventory showed and that is not `seen` (node
    ids): what would be read of it is missing without a sign."""
    known = request.known_items or frozenset()
    missing = sorted(
        item
        for item in known
        if item.startswith(PREFIX)
        and item.removeprefix(PREFIX) not in seen
        and item.removeprefix(PREFIX) != client.organisation_id
        and not item.startswith(f"{PREFIX}unresolved:")
    )
    if missing:
        raise IncompletePopulation(
            f"{len(missing)} repositories that the latest inventory showed are not seen any more: "
            f"{', '.join(missing[:20])}{' …' if len(missing) > 20 else ''}. Give the App or token access to all "
            "repositories again; where one was deleted, record the scope decision that closes it."
        )


def _row(node: Json, client: GithubClient, request: Request) -> Json:
    default = node["defaultBranchRef"]
    return {
        "scope_item_id": request.item.id, "repo_id": node["id"],
        "database_id": field(node, "databaseId", "repository"), "repo_name": node["nameWithOwner"],
        "created_at": parse_instant(node["createdAt"]), "archived": node["isArchived"], "fork": node["isFork"],
        "visibility": str(node["visibility"]).lower(),
        "topics": [one["topic"]["name"] for one in node["repositoryTopics"]["nodes"]],
        "default_branch": None if default is None else default["name"],
        "pushed_at": optional_instant(node["pushedAt"]), "organisation_id": client.organisation_id,
        "raw": orjson.dumps(node).decode(),
    }  # fmt: skip
