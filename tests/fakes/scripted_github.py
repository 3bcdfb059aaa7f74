"""A transport for the GitHub connector that answers from a function, without any network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.github.calls import Answer, Call, Exchange, Graph
from connectors.github.transport import Limits

SERVED_AT = datetime(2026, 5, 2, 6, tzinfo=UTC)


def answer(
    data: Any, *, link: str | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """A good answer; `link` is the address of the next page."""
    out = dict(headers or {})
    if link is not None:
        out["link"] = f'<{link}>; rel="next"'
    return Answer(status, out, data, "https://api.github.com/x", SERVED_AT)


@dataclass
class ScriptedTransport:
    """Implements `connectors.github.transport.Transport`. `reply` returns an answer or raises, as the real one does."""

    reply: Callable[[Call], Answer]
    limits: Limits = field(default_factory=Limits)
    asked: list[Call] = field(default_factory=list[Call])
    _exchanges: list[Exchange] = field(default_factory=list[Exchange])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, call: Call) -> Answer:
        with self._lock:
            self.asked.append(call)
        made = self.reply(call)
        method = "POST" if isinstance(call, Graph) else "GET"
        exchange = Exchange(call.dataset, method, made.url, made.status, made.headers, orjson.dumps(made.data), {})
        with self._lock:
            self._exchanges.append(exchange)
        return made

    def taken(self) -> list[Exchange]:
        with self._lock:
            out, self._exchanges = self._exchanges, []
        return out
