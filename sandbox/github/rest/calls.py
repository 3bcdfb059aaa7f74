"""A REST request on its way to an answer: path and query, lists cut into pages, `Link` headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from sandbox.github.access import Request
from sandbox.github.errors import NotModelled, RestError
from sandbox.github.model import Organisation, Repository
from sandbox.github.times import Epoch, parse

LARGEST_PAGE = 100
T = TypeVar("T")


@dataclass(slots=True)
class Answer:
    """What goes back: a JSON value and headers."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Call:
    """One request: what the path names, what the query says, and the path without variables (`operation`)."""

    request: Request
    method: str
    operation: str
    path: str
    """Path below the API root as it is written in next links: by number where a repository or organisation is named."""
    variables: dict[str, str]
    query: dict[str, str]
    repository: Repository | None = None
    organisation: Organisation | None = None
    base: str = ""

    @property
    def now(self) -> Epoch:
        return self.request.now

    @property
    def repo(self) -> Repository:
        """The repository in the path. The route makes sure that there is one and that the viewer sees it."""
        if self.repository is None:
            raise NotModelled(f"{self.operation} without a repository")
        return self.repository

    @property
    def org(self) -> Organisation:
        """The organisation in the path."""
        if self.organisation is None:
            raise NotModelled(f"{self.operation} without an organisation")
        return self.organisation

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """A query parameter with fixed values; GitHub answers 422 to others."""
        value = self.query.get(name, default)
        if value not in allowed:
            raise unprocessable(f"Invalid value for {name}: {value} is not one of {', '.join(allowed)}", name)
        return value

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a whole number; others count as not given, as at GitHub."""
        text = self.query.get(name, "")
        return int(text) if text.isdigit() else default

    def moment(self, name: str) -> Epoch | None:
        """A query parameter that is an instant."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError:
            raise unprocessable(f"{name} is not an ISO 8601 instant", name) from None

    def demand(self, permission: str, level: str) -> None:
        """An installation needs the permission of the endpoint; GitHub tells which in a header."""
        if not self.request.viewer.granted(permission, level, self.now):
            raise RestError(
                403,
                "Resource not accessible by integration",
                headers={"X-Accepted-GitHub-Permissions": f"{permission}={level}"},
            )

    def demand_admin(self, level: str = "read") -> None:
        """What only administrators of the repository may read does not exist for others."""
        if not self.request.viewer.administers(self.repo, level, self.now):
            raise not_found()

    def demand_owner(self) -> None:
        """What only owners of the organisation may read."""
        if not self.request.viewer.owns(self.org, self.now):
            if self.request.viewer.installation is not None:
                raise RestError(403, "Resource not accessible by integration")
            if self.request.viewer.belongs(self.org, self.now):
                raise RestError(403, "Must have admin rights to Repository.")
            raise not_found()

    @property
    def per_page(self) -> int:
        return max(1, min(LARGEST_PAGE, self.number("per_page", 30)))

    def link(self, rels: Sequence[tuple[str, dict[str, str | int]]]) -> dict[str, str]:
        """A `Link` header of (relation, changed query parameters)."""
        parts: list[str] = []
        for rel, changes in rels:
            query: dict[str, str | int] = {**self.query, **changes}
            for dropped in [name for name, value in query.items() if value == ""]:
                del query[dropped]
            parts.append(f'<{self.request.api}{self.path}?{urlencode(query)}>; rel="{rel}"')
        return {"Link": ", ".join(parts)} if parts else {}

    def page(self, items: Sequence[T], render: Callable[[T], Any]) -> Answer:
        """One page by `page` and `per_page`, rendered."""
        shown, headers = self.cut(items)
        return Answer([render(item) for item in shown], headers=headers)

    def wrapped(self, name: str, items: Sequence[T], render: Callable[[T], Any]) -> Answer:
        """One page inside an object with `total_count`."""
        shown, headers = self.cut(items)
        return Answer({"total_count": len(items), name: [render(item) for item in shown]}, headers=headers)

    def cut(self, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
        """The items of the page that is asked for, and the `Link` header. Page faults apply here."""
        size = self.per_page
        page = max(1, self.number("page", 1))
        start = (page - 1) * size
        pages = max(1, -(-len(items) // size))
        more = page < pages
        fault = self.request.fault
        if fault is not None and fault.kind == "shifting_list":
            start = max(0, start - fault.items)
        shown = items[start : start + size]
        if fault is not None and fault.kind == "truncated_page":
            shown, more = shown[: max(1, len(shown) - fault.items)], True
        elif fault is not None and fault.kind == "empty_page":
            shown, more = shown[:0], True
        elif fault is not None and fault.kind == "lying_last_page":
            shown, more = shown[: max(0, len(shown) - fault.items)], False
        rels: list[tuple[str, dict[str, str | int]]] = []
        if page > 1:
            rels.append(("prev", {"page": page - 1}))
        if more:
            rels.append(("next", {"page": page + 1}))
        if more and page < pages:
            rels.append(("last", {"page": pages}))
        if page > 1:
            rels.append(("first", {"page": 1}))
        return shown, self.link(rels)


def not_found(documentation: str = "https://docs.github.com/rest") -> RestError:
    """What GitHub says about things that do not exist and about things that the viewer may not see."""
    return RestError(404, "Not Found", documentation=documentation)


def unprocessable(message: str, field_name: str, resource: str = "Search") -> RestError:
    """422 with the offending parameter."""
    return RestError(
        422,
        "Validation Failed",
        errors=[{"resource": resource, "field": field_name, "code": "invalid", "message": message}],
    )


def escaped(text: str) -> str:
    """A path segment, slashes kept."""
    return quote(text, safe="/~")
