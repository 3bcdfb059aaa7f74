"""A checked request at the simulated Google, what handlers make of it, and paging with what faults do to it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.faults import Fault
from sandbox.google.errors import GoogleError

PAGE_FAULTS = frozenset({"truncated_page", "empty_page", "lying_last_page", "shifting_list"})


@dataclass(slots=True)
class Call:
    """One call of one method. `parameters` are those of path and query, each as its type."""

    method: str
    parameters: Mapping[str, Any]
    body: Mapping[str, Any]
    now: datetime
    """The simulated instant: nothing that happens later is shown."""
    subject: str | None
    """The person asked for, in lower case; None: the service account itself."""
    fault: Fault | None = None
    """A fault that spoils a page."""
    host: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset[str])

    def text(self, name: str) -> str:
        """A required text parameter."""
        return str(self.parameters[name])

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or what holds without it. Paging parameters may stand in the body."""
        return self.parameters.get(name, self.body.get(name, default))


Handler = Callable[[Call], Mapping[str, Any]]
"""Answers a method; raises `GoogleError`. What it gives is checked against the method's response schema."""


def paged(
    call: Call,
    items: Sequence[Any],
    key: str,
    *,
    size: str = "maxResults",
    usual: int = 100,
    most: int = 500,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The page that was asked for. An empty page lacks its list, as Google's do."""
    length = int(call.get(size) or usual)
    if length > most or length < 1:
        raise GoogleError(400, f"Invalid value for {size}: must lie between 1 and {most}", "invalid")
    start = _offset(call.get("pageToken"))
    fault = call.fault
    end = start + length
    page = list(items[start:end])
    follows: int | None = end if end < len(items) else None
    if fault is not None and fault.kind == "truncated_page":
        page = page[: max(0, len(page) - fault.items)]
    elif fault is not None and fault.kind == "empty_page":
        page, follows = [], start
    elif fault is not None and fault.kind == "lying_last_page":
        if follows is None:
            page = page[: max(0, len(page) - fault.items)]
        follows = None
    elif fault is not None and fault.kind == "shifting_list":
        page = list(items[max(0, start - fault.items) : max(0, end - fault.items)])
        follows = end - fault.items if end - fault.items < len(items) else None
    answer: dict[str, Any] = dict(more or {})
    if page:
        answer[key] = page
    if follows is not None:
        salt = "again" if fault is not None and fault.kind == "empty_page" else ""
        answer["nextPageToken"] = base64.urlsafe_b64encode(f"{follows}{salt and ':' + salt}".encode()).decode()
    return answer


def _offset(token: Any) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(token)).decode().partition(":")[0])
    except ValueError:
        raise GoogleError(400, "Invalid Input: pageToken", "invalid") from None
