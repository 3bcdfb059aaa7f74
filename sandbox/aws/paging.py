"""Pages as AWS cuts them: a limit, an opaque marker, and the faults that concern pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from botocore.loaders import Loader

from sandbox.aws.wire import XMLNS, WireError
from sandbox.faults import Fault

PAGE_FAULTS = frozenset({"truncated_page", "empty_page", "lying_last_page", "shifting_list"})


@dataclass(frozen=True, slots=True)
class Page:
    """Items `start` to `stop`, and where the next page begins; `marker` is missing on purpose in one of the faults."""

    start: int
    stop: int
    more: bool
    marker: str | None


def cut(operation: str, total: int, limit: int, marker: str | None, fault: Fault | None) -> Page:
    """The page that `marker` points at. Raises the validation error of AWS for a marker that it never gave."""
    start = 0 if marker is None else _position(operation, marker)
    kind = fault.kind if fault is not None else None
    items = fault.items if fault is not None else 0
    if kind == "shifting_list":
        start = max(0, start - items)  # something went in before this page, so its first items were on the last one
    stop = min(total, start + limit)
    more = stop < total
    following = _marker(operation, stop)
    without_marker = fault is not None and fault.field == "Marker"
    if kind == "empty_page":
        return Page(start, start, True, None if without_marker else _marker(operation, start, "-"))
    if kind == "truncated_page" and without_marker:
        return Page(start, stop, True, None)
    if kind == "truncated_page":
        return Page(start, max(start, stop - items), more, following if more else None)
    if kind == "lying_last_page":
        return Page(start, stop if more else max(start, stop - items), False, None)
    return Page(start, stop, more, following if more else None)


def _marker(operation: str, position: int, sign: str = "+") -> str:
    """The sign only makes the marker of an empty page differ from the one that led to it."""
    return base64.urlsafe_b64encode(f"{operation}/{sign}{position}".encode()).decode()


def _position(operation: str, marker: str) -> int:
    try:
        name, _, position = base64.urlsafe_b64decode(marker.encode()).decode().rpartition("/")
        if name == operation:
            return abs(int(position))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise WireError(400, "ValidationError", "Invalid Marker.")


@lru_cache(maxsize=1)
def iam_paged_lists() -> Mapping[str, tuple[str, ...]]:
    """IAM operations that page, with the names of their lists, as the vendor's own paginators declare them."""
    model: dict[str, Any] = Loader().load_service_model("iam", "paginators-1")
    return {
        name: tuple([entry["result_key"]] if isinstance(entry["result_key"], str) else entry["result_key"])
        for name, entry in model["pagination"].items()
        if entry.get("more_results") == "IsTruncated"
    }


class XmlListing:
    """The whole answer of a paged IAM operation, from which pages are cut."""

    def __init__(self, action: str, body: bytes) -> None:
        self._action = action
        self._space = f"{{{XMLNS['iam']}}}"
        self._root = ET.fromstring(body)  # noqa: S314 - written by moto in this process
        result = self._result(self._root)
        self._lists = [self._space + name for name in iam_paged_lists()[action]]
        self._items = [(child.tag, item) for child in result if child.tag in self._lists for item in child]

    def __len__(self) -> int:
        return len(self._items)

    def page(self, page: Page) -> bytes:
        """The same answer with only the items of one page."""
        chosen = self._items[page.start : page.stop]
        root = copy(self._root)
        result = copy(self._result(root))
        root[:] = [result if child.tag == result.tag else child for child in root]
        kept: list[ET.Element] = []
        for child in result:
            if child.tag in self._lists:
                kept.append(_element(child.tag, [item for tag, item in chosen if tag == child.tag]))
            elif child.tag not in (self._space + "IsTruncated", self._space + "Marker"):
                kept.append(child)
        kept.append(_element(self._space + "IsTruncated", [], "true" if page.more else "false"))
        if page.marker is not None:
            kept.append(_element(self._space + "Marker", [], page.marker))
        result[:] = kept
        return ET.tostring(root, encoding="utf-8", default_namespace=XMLNS["iam"])

    def _result(self, root: ET.Element) -> ET.Element:
        found = root.find(f"{self._space}{self._action}Result")
        assert found is not None, f"{self._action} answered no result"
        return found


def _element(tag: str, children: Sequence[ET.Element], text: str | None = None) -> ET.Element:
    made = ET.Element(tag)
    made.text = text
    made.extend(children)
    return made
