"""Small pieces that resolvers are made of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.github.access import WEB, Request
from sandbox.github.execution import Resolver
from sandbox.github.model import Account, Repository
from sandbox.github.paging import Listing, page_of, spoil
from sandbox.github.times import Epoch, iso

Fields = Mapping[str, Resolver]
ListOf = Callable[[Any, dict[str, Any], Request], Listing]

_VIEWS = 64


def node_id(source: Any, _args: dict[str, Any], _request: Request) -> str:
    """The `id` of anything that is a node."""
    return source.node_id


def attribute(name: str) -> Resolver:
    """A field that is an attribute of the same value."""

    def resolve(source: Any, _args: dict[str, Any], _request: Request) -> Any:
        return getattr(source, name)

    return resolve


def constant(value: Any) -> Resolver:
    """A field that is the same for all: something that the sandbox's companies do not use."""

    def resolve(_source: Any, _args: dict[str, Any], _request: Request) -> Any:
        return value

    return resolve


def instant(name: str) -> Resolver:
    """A `DateTime` field from an instant attribute."""

    def resolve(source: Any, _args: dict[str, Any], _request: Request) -> str:
        return iso(getattr(source, name))

    return resolve


def connection(name: str, listing: ListOf) -> Resolver:
    """A connection field: the listing, cut to the page that is asked for, with page faults applied."""

    def resolve(source: Any, args: dict[str, Any], request: Request) -> Any:
        fault = request.fault
        if fault is None or fault.kind not in _PAGE_FAULTS or fault.field not in (None, name):
            return page_of(listing(source, args, request), args)
        if fault.field is None:
            request.fault = None  # without a name, the outermost connection is meant
        page = page_of(listing(source, args, request), args)
        if fault.kind == "shifting_list":
            if page.listing.keys is None:
                page.shift(fault.items)
            else:
                # What would come next is updated just now: in a list by update it is at another end from here on.
                for node in list(page.nodes)[: fault.items]:
                    request.touched[node.node_id] = request.now
                page = page_of(listing(source, args, request), args)
        else:
            spoil(page, fault, args.get("after"))
        return page

    return resolve


_PAGE_FAULTS = frozenset({"truncated_page", "empty_page", "lying_last_page", "shifting_list"})


def present(account: Account | None, now: Epoch) -> Account | None:
    """An account that has not been deleted; what a deleted one wrote is shown without an author."""
    return account if account is not None and now < account.deleted_at else None


def actor(name: str) -> Resolver:
    """An `Actor` field from an account attribute."""

    def resolve(source: Any, _args: dict[str, Any], request: Request) -> Account | None:
        return present(getattr(source, name), request.now)

    return resolve


def kept(repository: Repository, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """A view of a repository that is made once per version. `key` starts with a name and the version."""
    views: OrderedDict[tuple[Any, ...], Any] = repository.cache.setdefault("views", OrderedDict())
    found = views.get(key)
    if found is None:
        found = views[key] = make()
        while len(views) > _VIEWS:
            views.popitem(last=False)
    else:
        views.move_to_end(key)
    return found


def web(path: str) -> str:
    """Absolute address of a web page."""
    return WEB + path


CONNECTION: Fields = {
    "edges": attribute("edges"),
    "nodes": attribute("nodes"),
    "pageInfo": lambda page, _args, _request: page,
    "totalCount": attribute("total"),
}
EDGE: Fields = {"cursor": attribute("cursor"), "node": attribute("node")}
PAGE_INFO: Fields = {
    "endCursor": lambda page, _args, _request: page.last_cursor(),
    "startCursor": lambda page, _args, _request: page.start_cursor(),
    "hasNextPage": attribute("has_next"),
    "hasPreviousPage": attribute("has_previous"),
}
