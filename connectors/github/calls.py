"""What can be asked of GitHub, and what comes back: values, so that asking can be planned apart from sending."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from schemas.dataset import Dataset

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rest:
    """One REST GET."""

    template: str
    """As GitHub documents it, `/repos/{owner}/{repo}/activity`: names the right it needs, and goes into provenance."""
    path: str
    """The path asked, or the absolute URL of a `Link` header."""
    dataset: Dataset
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answers: frozenset[int] = frozenset()
    """Error statuses that are an answer here (`404 Branch not protected`); the caller reads the message."""

    @property
    def label(self) -> str:
        return f"GET {self.template}"


@dataclass(frozen=True, slots=True)
class Part:
    """A root field of a GraphQL query with the variables it declares. Parts can share one request.

    `selection` must carry an alias that no other part uses; `declares` and `variables` likewise name each variable
    uniquely, so that putting parts together is concatenation.
    """

    declares: str
    selection: str
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """One GraphQL query. `name` is its operation name."""

    name: str
    parts: tuple[Part, ...]
    dataset: Dataset
    shrinks: bool = False
    """Whether the asker can ask for less: then a query that is too much is reported at once instead of repeated."""

    @property
    def label(self) -> str:
        return f"GraphQL {self.name}"

    def text(self) -> str:
        """The query document. Rate limit included, so that the budget is known after each answer."""
        declares = ", ".join(part.declares for part in self.parts if part.declares)
        head = f"query {self.name}({declares})" if declares else f"query {self.name}"
        body = "\n".join(part.selection.strip() for part in self.parts)
        return f"{head} {{\nrateLimit {{ cost remaining limit resetAt }}\n{body}\n}}"

    def variables(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for part in self.parts:
            merged.update(part.variables)
        return merged


Call = Rest | Graph


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, parsed. For GraphQL, `data` is the object under `data`."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    data: Any
    url: str
    served_at: datetime
    """The source's own clock (`Date`)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer as received, good or bad, for the raw store."""

    dataset: Dataset
    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    parameters: Mapping[str, Any]


Stream = Generator[Call | None, Answer, T]
"""A course of questions: yields calls and is sent their answers. Yields None when it can't go on before some other
stream has; it is then resumed (with no answer) after the next one arrives. Errors are thrown in at the yield."""

Send = Callable[[Call], Answer]


class TooHeavy(Exception):
    """GitHub gave up on a query for its size (502, 504, a time-out, or 200 with words to that effect)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
