"""Requests as they arrive and answers as they leave, with what faults do to them on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Fault
from sandbox.loopback import reset_connection

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Reply:
    """An answer ready to be sent, and what is to go wrong while sending it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    fault: Fault | None = None
    delay_ms: int = 0


@dataclass(slots=True)
class Arrival:
    """A request as it came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    host: str

    @property
    def prefix(self) -> str:
        """`/api/v3` for the paths of an Enterprise Server."""
        return "/api/v3" if self.path == "/api/v3" or self.path.startswith("/api/v3/") else ""

    @property
    def rest_path(self) -> str:
        return self.path.removeprefix(self.prefix).rstrip("/") or "/"

    @property
    def is_graphql(self) -> bool:
        return self.path in {"/graphql", "/api/graphql"}


async def arrive(scope: dict[str, Any], receive: Receive) -> Arrival | None:
    """Read a whole request; None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Arrival(scope["method"], scope["path"], query, headers, bytes(body), headers.get("host") or "127.0.0.1")


async def leave(reply: Reply, scope: dict[str, Any], send: Send) -> None:
    """Send an answer, or what a fault leaves of it."""
    if reply.delay_ms:
        await asyncio.sleep(reply.delay_ms / 1000)
    fault = reply.fault
    if fault is not None and fault.kind == "connection_reset":
        reset_connection(scope)
        return
    headers = {**reply.headers}
    if reply.status != 304:
        headers["Content-Length"] = str(len(reply.body))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if fault is not None and fault.kind == "truncated_body":
        kept = len(reply.body) // 2 if fault.bytes is None else min(fault.bytes, max(0, len(reply.body) - 1))
        await send({"type": "http.response.body", "body": reply.body[:kept], "more_body": True})
        return  # the server closes the connection of an answer that is not complete
    if fault is not None and fault.kind == "slow_body":
        half = len(reply.body) // 2
        await send({"type": "http.response.body", "body": reply.body[:half], "more_body": True})
        await asyncio.sleep(fault.ms / 1000)
        await send({"type": "http.response.body", "body": reply.body[half:]})
        return
    await send({"type": "http.response.body", "body": reply.body})
