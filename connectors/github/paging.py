"""Lists to their very end, or an error: REST by Link headers, GraphQL connections by cursors.

A page that claims more and has nothing, a cursor that comes twice and a total that is not reached are contradictions
of the source with itself. Each is asked about once more, because lists move while they are read, and is an error then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.github.calls import Answer, Graph, Json, Part, Rest, Stream, TooHeavy
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, PermissionDenied, RetriableError, SchemaDrift

FLOOR = 5
_REGROW_AFTER = 3
_FAILURES_AT_FLOOR = 3
_PER_PAGE = 100

Take = Callable[[list[Json]], bool]
"""Gets the items of a page that were not seen before; returns True when it needs no more."""


class PageSize:
    """How many items to ask for at once: halved when GitHub can't bear it, doubled again after three good pages.

    GitHub's limit is ten seconds a request, and what fits in depends on its mood; without regrowth one bad minute would
    multiply the requests of the whole run.
    """

    def __init__(self, start: int) -> None:
        self.size = start
        self._ceiling = start
        self._good = 0
        self._failures = 0

    def worked(self) -> None:
        self._failures = 0
        self._good += 1
        if self._good >= _REGROW_AFTER and self.size < self._ceiling:
            self.size = min(self._ceiling, self.size * 2)
            self._good = 0

    def failed(self, what: str, why: str) -> None:
        """Halve; raise `RetriableError` when even the smallest page failed three times in a row."""
        self._good = 0
        if self.size <= FLOOR:
            self._failures += 1
            if self._failures >= _FAILURES_AT_FLOOR:
                raise RetriableError(
                    f"GitHub can't answer {what} even {self.size} at a time ({why}). Nothing is claimed; run it again "
                    "later."
                )
        self.size = max(FLOOR, self.size // 2)


@dataclass(slots=True)
class Tally:
    """What reading a list came to."""

    pages: int = 0
    seen: int = 0
    total: int | None = None
    exhausted: bool = False
    """The last page was reached, rather than reading stopped because no more was needed."""
    reread: bool = False


def field(record: Any, name: str, what: str) -> Any:
    """A field that must be there. `SchemaDrift` when it is not, naming it."""
    if not isinstance(record, dict) or name not in record:
        raise SchemaDrift(f"GitHub's {what} has no field {name!r}. The connector must be looked at.")
    return record[name]


def items_of(connection: Any, what: str) -> list[Json]:
    """The nodes (or edges) of a connection. A null among them is something the token may not see, never nothing."""
    if connection is None:
        raise PermissionDenied(f"GitHub shows no {what} to this token. Grant the right to read them.")
    nodes = connection.get("nodes", connection.get("edges"))
    if not isinstance(nodes, list):
        raise SchemaDrift(f"GitHub's {what} have no list of nodes. The connector must be looked at.")
    if any(node is None for node in nodes):
        raise PermissionDenied(
            f"GitHub hides some of the {what} from this token (null in the list). Grant the token access to all of "
            "them."
        )
    return nodes


def one_page(what: str, ask: Callable[[int], Graph], size: PageSize) -> Stream[Answer]:
    """One page, as large as GitHub can bear: asked for less each time it is too much."""
    while True:
        try:
            answer = yield replace(ask(size.size), shrinks=True)
        except TooHeavy as heavy:
            size.failed(what, heavy.why)
        else:
            size.worked()
            return answer


Key = Callable[[Json], str]


def walk(
    what: str,
    ask: Callable[[int, str | None], Graph],
    find: Callable[[Json], Any],
    size: PageSize,
    take: Take,
    *,
    key: Key | None = lambda node: node["id"],
    then: Callable[[list[Json]], Stream[None]] | None = None,
) -> Stream[Tally]:
    """Read a connection from its start until `take` has enough or it ends; then its own total must be reached.

    `ask(n, cursor)` makes the query for one page and `find` takes the connection out of the data. Without a `key` items
    are told apart by where they stand. `then` may ask further questions about the new items of a page before the next
    page is read.
    """
    seen: set[str] = set()
    tally = Tally()
    for reading in (1, 2):
        counted: set[str] = set()
        cursor: str | None = None
        cursors: set[str] = set()
        stumbled = False
        while True:
            answer = yield from one_page(what, lambda first, after=cursor: ask(first, after), size)
            tally.pages += 1
            connection = find(answer.data)
            nodes = items_of(connection, what)
            more, end = _page_info(connection, what)
            if more and (not nodes or end is None or end == cursor or end in cursors):
                if stumbled:
                    raise IncompletePopulation(
                        f"GitHub's list of {what} says that there is more and gives nothing more, twice. Nothing is "
                        "claimed; run it again later."
                    )
                stumbled = True
                continue
            stumbled = False
            keys = [key(node) if key else f"{len(counted) + i}" for i, node in enumerate(nodes)]
            fresh = [node for node, one in zip(nodes, keys, strict=True) if one not in seen]
            seen.update(keys)
            counted.update(keys)
            tally.total = connection.get("totalCount")
            enough = take(fresh)
            if then is not None:
                yield from then(fresh)
            if enough:
                tally.seen = len(seen)
                return tally
            if not more:
                break
            assert end is not None
            cursors.add(end)
            cursor = end
        tally.exhausted = True
        tally.seen = len(seen)
        if tally.total is None or len(counted) == tally.total:
            return tally
        tally.reread = True
        if reading == 2:
            raise IncompletePopulation(
                f"GitHub's list of {what} ended after {len(counted)} of {tally.total} that it counts itself, twice. "
                "Nothing is claimed; run it again later."
            )
    raise AssertionError("unreachable: the second reading returns or raises")


def _page_info(connection: Json, what: str) -> tuple[bool, str | None]:
    info = field(connection, "pageInfo", what)
    return bool(field(info, "hasNextPage", what)), info.get("endCursor")


@dataclass(frozen=True, slots=True)
class Nested:
    """A connection inside a node, defined once for its first page (inline) and for all further ones (by node id)."""

    on: str
    """Type of the node that has it."""
    name: str
    nodes: str
    """Selection of the items."""
    first: int
    arguments: str = ""
    what: str = ""
    key: Key | None = lambda node: node["id"]
    """What tells items apart; None where GitHub gives them no id (authors), and they are told apart by position."""
    edges: bool = False

    def inline(self) -> str:
        """For the query that asks for the node itself."""
        return self._field(str(self.first), "")

    def part(self, node_id: str, first: int, after: str | None) -> Part:
        """For a page of its own."""
        return Part(
            "$id: ID!, $first: Int!, $after: String",
            f"rest: node(id: $id) {{ id ... on {self.on} {{ {self._field('$first', ', after: $after')} }} }}",
            {"id": node_id, "first": first, "after": after},
        )

    def _field(self, first: str, after: str) -> str:
        arguments = f", {self.arguments}" if self.arguments else ""
        items = "edges" if self.edges else "nodes"
        return (
            f"{self.name}(first: {first}{after}{arguments}) "
            f"{{ totalCount pageInfo {{ hasNextPage endCursor }} {items} {{ {self.nodes} }} }}"
        )


def complete(owner: Json, nested: Nested, dataset: Dataset, sizes: Sizes) -> Stream[list[Json]]:
    """All items of a nested connection whose first page came with its owner; further pages are asked by node id.

    The connection's own total must be reached; otherwise it is read again from its start, once. The complete list is
    put in the place of the first page too, so that the owner's record is whole.
    """
    what = nested.what or nested.name
    connection = owner[nested.name]
    items = items_of(connection, what)
    more, _ = _page_info(connection, what)
    total = field(connection, "totalCount", what)
    distinct = len(items) if nested.key is None else len({nested.key(item) for item in items})
    if not more and distinct == total:
        return items
    owner_id = owner["id"]
    found: list[Json] = []

    def ask(first: int, after: str | None) -> Graph:
        return Graph(
            f"Rest{nested.on}{nested.name[0].upper()}{nested.name[1:]}", (nested.part(owner_id, first, after),), dataset
        )

    def find(data: Json) -> Any:
        node = data["rest"]
        if node is None or node["id"] != owner_id:
            raise IncompletePopulation(f"GitHub answered for another {nested.on} than the one asked. Run it again.")
        return node[nested.name]

    def take(fresh: list[Json]) -> bool:
        found.extend(fresh)
        return False

    yield from walk(what, ask, find, sizes.of(f"rest {nested.on}.{nested.name}", 100), take, key=nested.key)
    connection["edges" if nested.edges else "nodes"] = found
    connection["totalCount"] = len(found)
    connection["pageInfo"] = {"hasNextPage": False, "endCursor": None}
    return found


class Sizes:
    """Page sizes learnt so far, by query; kept for a whole session, so that a hard lesson is learnt once."""

    def __init__(self) -> None:
        self._known: dict[str, PageSize] = {}

    def of(self, name: str, start: int) -> PageSize:
        return self._known.setdefault(name, PageSize(start))


_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


def next_link(answer: Answer) -> str | None:
    """The address of the next page, or None on the last one."""
    found = _NEXT.search(answer.headers.get("link", ""))
    return found.group(1) if found else None


def rest_list(
    call: Rest,
    take: Take,
    *,
    key: Key,
    items_under: str | None = None,
    cursor: bool = False,
) -> Stream[Tally]:
    """Read a REST list, 100 at a time, until `take` has enough or it ends.

    `items_under` names the list where GitHub wraps it with a `total_count`, which must then be reached. A last page
    that is full is followed by one more request, because it may be no last page at all; lists that page by `cursor`
    can't be asked so. An item that comes on two pages shows that the list moved: it is read again.
    """
    what = call.label
    tally = Tally()
    seen: set[str] = set()
    for reading in (1, 2):
        counted: set[str] = set()
        asked: set[str] = set()
        stumbled = moved = False
        page = 1
        following = replace(call, parameters={**call.parameters, "per_page": _PER_PAGE})
        while True:
            answer = yield following
            tally.pages += 1
            items, total = _rest_items(answer.data, what, items_under)
            if total is not None:
                tally.total = total
            link = next_link(answer)
            if link is not None and (not items or link in asked):
                if stumbled:
                    raise IncompletePopulation(
                        f"{what} says that there is a next page and gives nothing more, twice. Nothing is claimed; "
                        "run it again later."
                    )
                stumbled = True
                continue
            stumbled = False
            keys = [key(item) for item in items]
            moved = moved or any(one in counted for one in keys) or len(set(keys)) < len(keys)
            counted.update(keys)
            fresh = [item for item, one in zip(items, keys, strict=True) if one not in seen]
            seen.update(keys)
            if take(fresh):
                tally.seen = len(seen)
                return tally
            page += 1
            if link is not None:
                asked.add(link)
                following = replace(call, path=link, parameters={})
            elif len(items) >= _PER_PAGE and not cursor:
                number = _page_number(following) + 1
                following = replace(call, parameters={**call.parameters, "per_page": _PER_PAGE, "page": number})
            else:
                break
        tally.exhausted = True
        tally.seen = len(seen)
        if not moved and (tally.total is None or tally.total == len(counted)):
            return tally
        tally.reread = True
        if reading == 2 and tally.total is not None and tally.total != len(counted):
            raise IncompletePopulation(
                f"{what} gave {len(counted)} items and counts {tally.total} itself, twice. Nothing is claimed; run it "
                "again later."
            )
        if reading == 2:
            raise IncompletePopulation(f"{what} moves while it is being read, twice. Run it again at a quieter time.")
    raise AssertionError("unreachable: the second reading returns or raises")


def _page_number(call: Rest) -> int:
    if "page" in call.parameters:
        return int(call.parameters["page"])
    return int(parse_qs(urlsplit(call.path).query).get("page", ["1"])[0])


def _rest_items(data: Any, what: str, items_under: str | None) -> tuple[list[Json], int | None]:
    total = None
    if items_under is not None:
        total = int(field(data, "total_count", what))
        data = field(data, items_under, what)
    if not isinstance(data, list) or any(not isinstance(item, dict) for item in data):
        raise SchemaDrift(f"{what} did not answer with a list of objects. The connector must be looked at.")
    return data, total


def rest_twice(
    call: Rest, *, key: Key, cursor: bool = False, back: Rest | None = None
) -> Stream[tuple[list[Json], Tally]]:
    """A list for which GitHub has no count anywhere: read until two readings hold the same items, at most three times.

    The reading that is believed must hold everything that any other one held. `back` asks for the same in the opposite
    order: a list that is cut short every time is then cut at its other end.
    """
    readings: list[dict[str, Json]] = []
    pages = 0
    for asked in (call, back or call, call):
        found: dict[str, Json] = {}

        def take(fresh: list[Json], found: dict[str, Json] = found) -> bool:
            found.update((key(item), item) for item in fresh)
            return False

        tally = yield from rest_list(asked, take, key=key, cursor=cursor)
        pages += tally.pages
        agreed = any(found.keys() == earlier.keys() for earlier in readings)
        readings.append(found)
        if agreed and all(found.keys() >= earlier.keys() for earlier in readings):
            tally.pages = pages
            return list(found.values()), tally
    raise IncompletePopulation(
        f"{call.label} gave {', '.join(str(len(one)) for one in readings)} items in three readings that do not agree. "
        "Nothing is claimed; run it again later."
    )
