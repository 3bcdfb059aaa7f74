"""What the simulated trackers have in common: routes with closed parameters, credentials, pages, faults.

A request that is not modelled is an error that says so, and so is a parameter: nobody may take silence for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.clock import SimulatedClock
from sandbox.faults import Fault, FaultPlan, Source
from sandbox.github.wire import Arrival, Receive, Reply, Send, arrive, leave

PAGE_FAULTS = frozenset({"truncated_page", "empty_page", "lying_last_page", "shifting_list"})
_LIMITED = frozenset({"rate_limited", "secondary_limit"})


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Call:
    """One checked request."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Mapping[str, Any]
    now: datetime
    """The simulated instant: nothing that happens later is shown."""
    fault: Fault | None = None
    """A fault that spoils a page."""

    def get(self, name: str, default: str | None = None) -> str | None:
        """A parameter of the query that is given once."""
        found = self.query.get(name)
        return default if found is None else found[0]

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number."""
        text = self.get(name)
        if text is not None and not text.isdigit():
            raise Refused(400, f"{name} is no number: {text}")
        return default if text is None else int(text)


Handler = Callable[[Call], Mapping[str, Any] | list[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One request that is answered. `template` has its parameters in braces."""

    method: str
    template: str
    handler: Handler
    parameters: frozenset[str] = frozenset()
    """Of the query, or of the body of a POST; `[]` ends the name of one that may be repeated."""

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"


@dataclass(frozen=True, slots=True)
class Page:
    """What a list shows of itself: items from `start` on, and whether more follow."""

    items: list[Any]
    start: int
    more: bool
    total: int


def page_of(items: Sequence[Any], start: int, length: int, fault: Fault | None) -> Page:
    """The page asked for, or what a fault makes of it."""
    end = start + length
    found, more = list(items[start:end]), end < len(items)
    kind = None if fault is None else fault.kind
    lost = 0 if fault is None else fault.items
    if kind == "truncated_page":
        found = found[: max(0, len(found) - lost)]
    elif kind == "empty_page":
        found, more = [], True
    elif kind == "lying_last_page":
        found, more = (found if more else found[: max(0, len(found) - lost)]), False
    elif kind == "shifting_list":
        found = list(items[max(0, start - lost) : max(0, end - lost)])
    return Page(found, start, more, len(items))


@dataclass
class TrackerApplication:
    """The ASGI application of one tracker."""

    source: Source
    routes: Sequence[Route]
    clock: SimulatedClock
    faults: FaultPlan
    authorised: Callable[[Mapping[str, str]], bool]
    error_body: Callable[[int, str], Mapping[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        arrival = await arrive(scope, receive)
        if arrival is not None:
            await leave(self.reply(arrival), scope, send)

    def reply(self, arrival: Arrival) -> Reply:
        """The answer to a request, with what the plan of faults makes of it."""
        now = self.clock.now()
        route, found = self._find(arrival)
        operation = f"{arrival.method} {arrival.path}" if route is None else route.operation
        target = arrival.path + ("?" + arrival.query if arrival.query else "")
        seconds, delay = 0.0, 0
        for condition in self.faults.conditions(self.source, operation, target):
            seconds += condition.seconds if condition.kind == "wrong_date" else 0
            delay += condition.ms if condition.kind == "latency" else 0
        fault = self.faults.take(self.source, operation, target)
        date = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
        headers = {"Content-Type": "application/json;charset=UTF-8", **self.headers, "Date": date}
        try:
            content = self._answer(route, found, arrival, now, fault)
            status = 200
        except Refused as refused:
            content, status = self.error_body(refused.status, refused.message), refused.status
            if refused.retry_after is not None:
                headers["Retry-After"] = str(refused.retry_after)
        return Reply(status, orjson.dumps(content), headers, fault, delay)

    def _find(self, arrival: Arrival) -> tuple[Route | None, dict[str, str]]:
        for route in self.routes:
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.template))
            match = re.fullmatch(pattern, arrival.path)
            if match is not None and route.method == arrival.method:
                return route, match.groupdict()
        return None, {}

    def _answer(
        self, route: Route | None, found: Mapping[str, str], arrival: Arrival, now: datetime, fault: Fault | None
    ) -> Mapping[str, Any] | list[Any]:
        _refuse(fault)
        if not self.authorised(arrival.headers):
            raise Refused(401, "The credentials are not known here")
        if route is None:
            raise Refused(501, f"The sandbox does not model {arrival.method} {arrival.path}; see docs/sandbox.md")
        query = parse_qs(arrival.query, keep_blank_values=True)
        body = _body(arrival)
        _closed(route, query, body)
        spoilt = fault if fault is not None and fault.kind in PAGE_FAULTS else None
        return route.handler(Call(found, query, body, now, spoilt))


def _body(arrival: Arrival) -> Mapping[str, Any]:
    if arrival.method != "POST":
        return {}
    try:
        found: Any = orjson.loads(arrival.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "The body is no JSON object")
    return found


def _closed(route: Route, query: Mapping[str, list[str]], body: Collection[str]) -> None:
    unknown = sorted({*query, *body} - route.parameters)
    if unknown:
        raise Refused(400, f"{route.operation} has no parameter {', '.join(unknown)}")
    for name, values in query.items():
        if len(values) > 1 and not name.endswith("[]"):
            raise Refused(400, f"{name} is given more than once")


def _refuse(fault: Fault | None) -> None:
    """Raise the refusal of a fault that replaces the answer; return for all other kinds."""
    if fault is None:
        return
    usual = {
        "unauthorized": "The credentials are not known here", "forbidden": "Not permitted", "not_found": "Not found",
        "rate_limited": "Rate limit exceeded", "secondary_limit": "Rate limit exceeded",
        "server_error": "Something is broken", "error": "Refused",
    }  # fmt: skip
    if fault.kind in usual:
        status = fault.status or 429 if fault.kind in _LIMITED else fault.http_status
        raise Refused(status, fault.message or usual[fault.kind], retry_after=fault.retry_after)
