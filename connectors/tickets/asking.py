"""One question to a tracker over HTTP: asked until there is a good answer, or until it is clear that there is none.

Every answer is kept as it was received, its `Date` is held against the clock of this machine, and what passes (limits,
failures of the server, broken connections) is repeated, after as long as the tracker asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import orjson

from connectors.source_clock import check_clock, source_clock
from schemas.dataset import Dataset
from schemas.errors import RetriableError
from schemas.extraction import Sink

Json = dict[str, Any]

ATTEMPTS = 4
"""Requests made for one question before it is given up."""
LONGEST_WAIT_SECONDS = 120.0
"""A longer wait is handed to the scheduler (`RetriableError.retry_after`) instead of being slept through."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `template` is the path as the vendor documents it, with its parameters in braces."""

    template: str
    path: str
    dataset: Dataset
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Mapping[str, Any] | None = None
    """Asked by POST where there is one."""

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def label(self) -> str:
        return f"{self.method} {self.template}"


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as it came; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Broken(Exception):
    """No whole answer came."""


class Later(Exception):
    """The same request may succeed later; `seconds` is what was asked for, None where nothing was said."""

    def __init__(self, why: str, *, seconds: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds


class Wire(Protocol):
    """One HTTP exchange by the vendor's library. Raises `Broken`."""

    def send(self, question: Question) -> Received: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Asker:
    """Asks one tracker. `refuse` raises `Later` or an error of the product for an answer that is none."""

    vendor: str
    wire: Wire
    refuse: Callable[[Question, Received], None]
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    requests: int = 0

    def ask(self, question: Question, sink: Sink | None = None) -> tuple[Any, Received]:
        """The JSON document of a good answer, and the answer; each goes to the sink as it was received."""
        wait = 1.0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(question, sink)
            except Later as later:
                why, asked = later.why, later.seconds
            except Broken as broken:
                why, asked = str(broken), None
            if attempt == ATTEMPTS or (asked or 0) > LONGEST_WAIT_SECONDS:
                raise RetriableError(
                    f"{self.vendor}: {question.label} failed {attempt} times, lastly by: {why}. Nothing is claimed; "
                    "try again later.",
                    retry_after=asked,
                )
            self.pause(max(wait, asked or 0.0))
            wait *= 2
        raise AssertionError("the loop above returns or raises")

    def clock(self, question: Question) -> datetime:
        """The tracker's own time, by the `Date` of an answer."""
        return source_clock(self.ask(question)[1].headers, self.vendor)

    def _once(self, question: Question, sink: Sink | None) -> tuple[Any, Received]:
        sent = self.now()
        self.requests += 1
        received = self.wire.send(question)
        if sink is not None:
            sink.answer(
                dataset=question.dataset, method=question.method, url=received.url, status=received.status,
                headers=received.headers, body=received.body,
                parameters={**question.parameters, **(question.body or {})},
            )  # fmt: skip
        check_clock(source_clock(received.headers, self.vendor), sent, self.now(), self.vendor)
        self.refuse(question, received)
        try:
            return orjson.loads(received.body), received
        except orjson.JSONDecodeError as error:
            raise Broken("an answer that is no whole JSON document") from error


def waited(received: Received) -> float | None:
    """The seconds of a `Retry-After` header; None without one, or where it is no number."""
    text = received.headers.get("retry-after", "")
    return float(text) if text.isdigit() else None
