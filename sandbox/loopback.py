"""Runs an ASGI application on a loopback port in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

_CONNECTIONS: dict[tuple[str, int, int], asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """Remembers the transport of each connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _CONNECTIONS[_key(transport)] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _CONNECTIONS.pop(_key(self.transport), None)
        super().connection_lost(exc)


def _key(transport: asyncio.Transport) -> tuple[str, int, int]:
    peer = transport.get_extra_info("peername") or ("", 0)
    here = transport.get_extra_info("sockname") or ("", 0)
    return (peer[0], peer[1], here[1])


def reset_connection(scope: dict[str, Any]) -> None:
    """Cut the connection of a request so that the client sees a reset instead of an answer."""
    client, server = scope["client"], scope["server"]
    transport = _CONNECTIONS.get((client[0], client[1], server[1]))
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Lingering for no time at all makes the kernel send RST instead of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


class LoopbackServer:
    """A running server; `url` has no slash at the end."""

    def __init__(self, application: Any, *, port: int = 0, name: str) -> None:
        # Named as TCP, so that asyncio switches Nagle's delay off: without it each answer waits 40 ms for nothing.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise OSError(f"the sandbox cannot listen on port {port} of 127.0.0.1: {error}") from error
        self._socket.listen(128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            application,
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        if not self._server.ready.wait(timeout=30):
            raise OSError(f"the sandbox server {name} did not start within 30 s")

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def close(self) -> None:
        """Stop and wait until the port is free."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
