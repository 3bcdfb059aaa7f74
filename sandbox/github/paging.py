"""Connections: slicing a list by first, last, after and before, with cursors that work like GitHub's.

Lists ordered by a value have cursors made of that value: an item that gets another value while somebody pages moves,
and can be missed, as at GitHub. Other lists have cursors made of a position.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from sandbox.faults import Fault
from sandbox.github.errors import Refused

SortKey = tuple[Any, ...]


class Listing:
    """A whole list before it is cut into pages.

    `keys`, when given, are the ascending sort keys of the items. `node` turns an item into what `nodes` shows.
    `anchor` is the commit that a history starts from; it is part of GitHub's history cursors.
    """

    __slots__ = ("anchor", "items", "keys", "node")

    def __init__(
        self,
        items: Sequence[Any],
        *,
        keys: Sequence[SortKey] | None = None,
        node: Callable[[Any], Any] | None = None,
        anchor: str | None = None,
    ) -> None:
        self.items = items
        self.keys = keys
        self.node = node
        self.anchor = anchor

    def cursor(self, index: int) -> str:
        """The cursor of the item at an index."""
        if self.anchor is not None:
            return f"{self.anchor} {index}"
        mark: Any = list(self.keys[index]) if self.keys is not None else index + 1
        return b64encode(b"cursor:v2:" + orjson.dumps(mark)).decode()

    def _position(self, cursor: str) -> Any:
        try:
            if self.anchor is not None:
                anchor, _, index = cursor.partition(" ")
                if anchor == self.anchor:
                    return int(index)
            else:
                decoded = b64decode(cursor, validate=True)
                if decoded.startswith(b"cursor:v2:"):
                    mark = orjson.loads(decoded[10:])
                    if self.keys is None and isinstance(mark, int):
                        return mark - 1
                    if self.keys is not None and isinstance(mark, list):
                        return tuple(mark)
        except ValueError:
            pass
        raise Refused(f"`{cursor}` does not appear to be a valid cursor.", kind="INVALID_CURSOR_ARGUMENTS")

    def after(self, cursor: str) -> int:
        """Index of the first item after a cursor."""
        position = self._position(cursor)
        if self.keys is not None:
            return bisect_right(self.keys, position)
        return position + 1

    def before(self, cursor: str) -> int:
        """Index just past the last item before a cursor."""
        position = self._position(cursor)
        if self.keys is not None:
            return bisect_left(self.keys, position)
        return position


class Page:
    """A slice of a listing; the object behind every `…Connection`."""

    __slots__ = ("claims_more", "end_cursor", "listing", "lower", "start", "stop", "upper")

    def __init__(self, listing: Listing, start: int, stop: int, lower: int, upper: int) -> None:
        self.listing = listing
        self.start = start
        self.stop = stop
        self.lower = lower
        self.upper = upper
        self.claims_more: bool | None = None
        self.end_cursor: str | None = None

    @property
    def total(self) -> int:
        return len(self.listing.items)

    @property
    def nodes(self) -> Sequence[Any]:
        items = self.listing.items[self.start : self.stop]
        node = self.listing.node
        return items if node is None else [node(item) for item in items]

    @property
    def edges(self) -> list[Edge]:
        return [Edge(self.listing, index) for index in range(self.start, self.stop)]

    @property
    def has_next(self) -> bool:
        return self.stop < self.total if self.claims_more is None else self.claims_more

    @property
    def has_previous(self) -> bool:
        return self.start > 0

    def shift(self, items: int) -> None:
        """Show the page as if that many items had come in before it: it repeats what the page before has shown."""
        if self.listing.anchor is None:
            moved = min(items, self.start)
            self.start -= moved
            self.stop -= moved

    def start_cursor(self) -> str | None:
        return self.listing.cursor(self.start) if self.start < self.stop else None

    def last_cursor(self) -> str | None:
        if self.end_cursor is not None:
            return self.end_cursor
        return self.listing.cursor(self.stop - 1) if self.start < self.stop else None


class Edge:
    """An item with its cursor."""

    __slots__ = ("index", "listing")

    def __init__(self, listing: Listing, index: int) -> None:
        self.listing = listing
        self.index = index

    @property
    def item(self) -> Any:
        return self.listing.items[self.index]

    @property
    def node(self) -> Any:
        node = self.listing.node
        return self.item if node is None else node(self.item)

    @property
    def cursor(self) -> str:
        return self.listing.cursor(self.index)


def page_of(listing: Listing, args: dict[str, Any]) -> Page:
    """The page that the arguments ask for. Raises Refused for a cursor that is none."""
    lower, upper = 0, len(listing.items)
    after, before = args.get("after"), args.get("before")
    if after:
        lower = min(max(listing.after(after), 0), upper)
    if before:
        upper = max(min(listing.before(before), upper), lower)
    start, stop = lower, upper
    first, last = args.get("first"), args.get("last")
    if first is not None:
        stop = min(stop, start + first)
    if last is not None:
        start = max(start, stop - last)
    return Page(listing, start, stop, lower, upper)


def spoil(page: Page, fault: Fault, after: str | None) -> None:
    """Apply a page fault to a page that is about to be answered."""
    if fault.kind == "truncated_page":
        if page.stop - page.start > 1:
            page.stop = max(page.start + 1, page.stop - fault.items)
        page.claims_more = True
    elif fault.kind == "empty_page":
        page.stop = page.start
        page.claims_more = True
        page.end_cursor = after
    elif fault.kind == "lying_last_page":
        page.stop = max(page.start, page.stop - fault.items)
        page.claims_more = False
