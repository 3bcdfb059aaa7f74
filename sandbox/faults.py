"""Faults on demand: the rules that a sandbox server asks before it answers a request.

A plan is a list of rules, replaced as a whole by `PUT {faults}/plan`. A server asks `take` once per request; the
first rule that matches and has uses left is spent and decides what happens. Rules that describe a lasting
condition (`CONDITIONS`: a wrong clock, a token that sees less, latency) are read by `conditions` and add up with
whatever `take` returns.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Source = Literal["aws", "github", "google", "jira", "pagerduty"]

Kind = Literal[
    "unauthorized",
    "forbidden",
    "not_found",
    "rate_limited",
    "secondary_limit",
    "server_error",
    "error",
    "graphql_error",
    "truncated_page",
    "empty_page",
    "lying_last_page",
    "shifting_list",
    "slow_body",
    "connection_reset",
    "truncated_body",
    "latency",
    "fewer_repositories",
    "wrong_date",
]

# These describe how the source is, not what happens to one request, and combine with other rules.
CONDITIONS: frozenset[str] = frozenset({"latency", "fewer_repositories", "wrong_date"})

_DEFAULT_STATUS: dict[str, int] = {
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "rate_limited": 403,
    "secondary_limit": 403,
    "server_error": 502,
    "error": 400,
}


class Match(BaseModel):
    """Which requests a rule is about. `*` stands for anything; a missing part matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = Field(
        default="*",
        description="GitHub REST: `GET /repos/{owner}/{repo}/activity`; GitHub GraphQL: the operation's name, or "
        "`graphql` for an anonymous one; AWS: `service:Operation`, for example `iam:ListUsers`; Jira and "
        "PagerDuty: method and path.",
    )
    path: str = Field(default="*", description="Path as requested, query string included.")


class Fault(BaseModel):
    """One rule of a plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source
    kind: Kind
    match: Match | str = Field(
        default="*",
        description="A pattern for the operation or the path, or an object that names them separately.",
    )
    times: int | None = Field(default=1, ge=1, description="How many requests it hits; null: every one.")
    after: int = Field(default=0, ge=0, description="Let this many matching requests pass unharmed first.")
    status: int | None = Field(
        default=None, ge=400, le=599, description="HTTP status, where the kind has a choice (403/429, 500-504)."
    )
    code: str | None = Field(
        default=None,
        description="kind error: the vendor's error code (AWS `ThrottlingException`). kind graphql_error: "
        "`RATE_LIMITED`, `FORBIDDEN` (partial data) or `TIMEOUT`.",
    )
    message: str | None = Field(default=None, description="Replaces the vendor's usual wording.")
    retry_after: int | None = Field(default=None, ge=0, description="Seconds for a Retry-After header; null: none.")
    field: str | None = Field(
        default=None,
        description="GraphQL: the field to null (graphql_error FORBIDDEN) or the connection to spoil (page kinds).",
    )
    items: int = Field(default=1, ge=1, description="Page kinds: how many items are dropped, moved or inserted.")
    ms: int = Field(default=0, ge=0, le=60_000, description="latency, slow_body: milliseconds.")
    bytes: int | None = Field(default=None, ge=0, description="truncated_body: bytes sent; null: half of the body.")
    seconds: float = Field(default=0, description="wrong_date: how far `Date` is off, negative for behind.")
    repositories: list[str] = Field(
        default_factory=list, description="fewer_repositories: `owner/name` patterns that the token can't see."
    )

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        if self.kind == "fewer_repositories" and not self.repositories:
            raise ValueError("fewer_repositories needs `repositories`, the patterns of those that are hidden")
        if self.kind == "wrong_date" and not self.seconds:
            raise ValueError("wrong_date needs `seconds`")
        if self.kind in {"latency", "slow_body"} and not self.ms:
            raise ValueError(f"{self.kind} needs `ms`")
        if self.kind == "graphql_error" and self.code not in {"RATE_LIMITED", "FORBIDDEN", "TIMEOUT"}:
            raise ValueError("graphql_error needs `code`: RATE_LIMITED, FORBIDDEN or TIMEOUT")
        if self.kind == "graphql_error" and self.source != "github":
            raise ValueError("graphql_error exists for github only")
        return self

    @property
    def http_status(self) -> int:
        """The status to answer with: the rule's own, else the usual one of its kind, else 500."""
        return self.status or _DEFAULT_STATUS.get(self.kind, 500)

    def matches(self, source: str, operation: str, path: str) -> bool:
        """Whether the rule is about this request."""
        if self.source != source:
            return False
        if isinstance(self.match, str):
            return _like(self.match, operation) or _like(self.match, path)
        return _like(self.match.operation, operation) and _like(self.match.path, path)


_PLAN: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", text)), re.DOTALL)


def _like(pattern: str, text: str) -> bool:
    """Whole match with `*`; a path pattern without a query also matches the path with any query."""
    compiled = _pattern(pattern)
    if compiled.fullmatch(text):
        return True
    head, mark, _ = text.partition("?")
    return bool(mark) and compiled.fullmatch(head) is not None


def plan_schema() -> dict[str, Any]:
    """JSON schema of the body of `PUT {faults}/plan`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Fault plan", **_PLAN.json_schema()}


class FaultPlan:
    """The current rules and how often each was spent; safe to share between server threads."""

    def __init__(self, rules: list[Fault] | None = None) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._seen: Counter[int] = Counter()
        self._spent: Counter[int] = Counter()
        self._latency_ms = 0
        self._requests: Counter[tuple[str, str]] = Counter()
        self._generation = 0
        self.replace(rules or [])

    def replace(self, rules: list[Fault] | list[dict[str, Any]]) -> None:
        """Put a new plan in force; counters of uses start at zero. Raises pydantic.ValidationError."""
        checked = _PLAN.validate_python(rules)
        with self._lock:
            self._rules = checked
            self._seen.clear()
            self._spent.clear()
            self._generation += 1

    @property
    def generation(self) -> int:
        """Grows with every `replace`; what a fault left behind at a server lasts for one generation."""
        return self._generation

    def take(self, source: Source, operation: str, path: str) -> Fault | None:
        """Count one request and return the rule that spoils it, if any. Call once per request."""
        with self._lock:
            self._requests[source, operation] += 1
            for index, rule in enumerate(self._rules):
                if rule.kind in CONDITIONS or not rule.matches(source, operation, path):
                    continue
                self._seen[index] += 1
                if self._seen[index] <= rule.after:
                    continue
                if rule.times is not None and self._spent[index] >= rule.times:
                    continue
                self._spent[index] += 1
                return rule
            return None

    def conditions(self, source: Source, operation: str, path: str) -> list[Fault]:
        """The lasting conditions that apply to a request, each spending one use."""
        found: list[Fault] = []
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.kind not in CONDITIONS or not rule.matches(source, operation, path):
                    continue
                self._seen[index] += 1
                if self._seen[index] <= rule.after:
                    continue
                if rule.times is not None and self._spent[index] >= rule.times:
                    continue
                self._spent[index] += 1
                found.append(rule)
            if self._latency_ms:
                found.append(Fault(source=source, kind="latency", times=None, ms=self._latency_ms))
        return found

    def set_latency(self, ms: int) -> None:
        """Added to every answer of every source, in milliseconds; 0 takes it away."""
        if not 0 <= ms <= 60_000:
            raise ValueError("latency must be between 0 and 60000 ms")
        with self._lock:
            self._latency_ms = ms

    def describe(self) -> list[dict[str, Any]]:
        """The rules as put, each with `spent`, the number of requests it has hit."""
        with self._lock:
            return [
                {
                    **rule.model_dump(mode="json", exclude_defaults=True),
                    "times": rule.times,
                    "spent": self._spent[index],
                }
                for index, rule in enumerate(self._rules)
            ]

    def requests(self) -> dict[str, dict[str, int]]:
        """Requests since the last `forget_requests`, per source and operation."""
        with self._lock:
            counted: dict[str, dict[str, int]] = {"aws": {}, "github": {}, "google": {}}
            for (source, operation), count in sorted(self._requests.items()):
                counted.setdefault(source, {})[operation] = count
            return counted

    def forget_requests(self) -> None:
        """Start counting requests from zero."""
        with self._lock:
            self._requests.clear()
