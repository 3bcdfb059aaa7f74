"""The control server of a sandbox: its clock, its faults, and what has been asked of it.

| request | body or answer |
|---|---|
| `GET /` | what is simulated, and these paths |
| `GET`, `PUT /clock` | `{"now": "2026-07-01T09:00:00Z", "running": false}` |
| `GET`, `PUT /plan` | a list of fault rules |
| `GET /schemas`, `GET /schemas/NAME` | JSON schemas: `sandbox-plan`, and those of a company's files |
| `PUT /latency` | `{"ms": 50}`, added to every answer of every source |
| `PUT /limits` | `{"core": 100, "graphql": 50}`, GitHub's hourly limits; `{}` for the usual ones |
| `GET`, `DELETE /requests` | `{"github": {"GET /repos/{owner}/{repo}/activity": 12, …}, …}` since the last `DELETE` |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan, Source
from sandbox.schemas import SCHEMAS

Handler = Callable[[Request], Awaitable[Response]]


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


def _refused(why: str) -> Response:
    return _json({"error": why}, 422)


class Control:
    """Endpoints over one clock and one fault plan. `set_limits` changes GitHub's rate limits."""

    def __init__(
        self,
        clock: SimulatedClock,
        faults: FaultPlan,
        described: dict[str, Any],
        set_limits: Callable[[dict[str, int]], None],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._described = described
        self._set_limits = set_limits

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/clock", self._clock_now, methods=["GET"]),
                Route("/clock", self._move_clock, methods=["PUT"]),
                Route("/plan", self._plan, methods=["GET"]),
                Route("/plan", self._put_plan, methods=["PUT"]),
                Route("/schemas", self._schemas),
                Route("/schemas/{name}", self._schema),
                Route("/latency", self._latency, methods=["PUT"]),
                Route("/limits", self._limits, methods=["PUT"]),
                Route("/requests", self._requests, methods=["GET"]),
                Route("/requests", self._forget, methods=["DELETE"]),
            ]
        )

    async def _index(self, _request: Request) -> Response:
        return _json({**self._described, "paths": ["/clock", "/plan", "/latency", "/limits", "/requests", "/schemas"]})

    def _clock_body(self) -> dict[str, Any]:
        return {"now": self._clock.now().isoformat().replace("+00:00", "Z")}

    async def _clock_now(self, _request: Request) -> Response:
        return _json(self._clock_body())

    async def _move_clock(self, request: Request) -> Response:
        content = await _content(request)
        if not isinstance(content, dict) or not isinstance(content.get("now"), str):
            return _refused('send {"now": "2026-07-01T09:00:00Z"}')
        running = content.get("running", False)
        if not isinstance(running, bool) or set(content) - {"now", "running"}:
            return _refused("running is true or false, and there is nothing but now and running")
        try:
            self._clock.set(datetime.fromisoformat(content["now"]), running=running)
        except ValueError as error:
            return _refused(str(error))
        return _json(self._clock_body())

    async def _plan(self, _request: Request) -> Response:
        return _json(self._faults.describe())

    async def _put_plan(self, request: Request) -> Response:
        content = await _content(request)
        if not isinstance(content, list):
            return _refused("send a list of rules; GET /schemas/sandbox-plan says what they look like")
        try:
            self._faults.replace(content)
        except ValidationError as error:
            return _json({"error": str(error), "details": error.errors(include_url=False, include_context=False)}, 422)
        return _json(self._faults.describe())

    async def _schemas(self, _request: Request) -> Response:
        return _json(list(SCHEMAS))

    async def _schema(self, request: Request) -> Response:
        found = SCHEMAS.get(request.path_params["name"])
        return _json({"error": "there is no such schema"}, 404) if found is None else _json(found())

    async def _latency(self, request: Request) -> Response:
        content = await _content(request)
        if not isinstance(content, dict) or not isinstance(content.get("ms"), int):
            return _refused('send {"ms": 50}')
        try:
            self._faults.set_latency(content["ms"])
        except ValueError as error:
            return _refused(str(error))
        return _json({"ms": content["ms"]})

    async def _limits(self, request: Request) -> Response:
        content = await _content(request)
        if not isinstance(content, dict) or not all(isinstance(value, int) for value in content.values()):
            return _refused('send {"core": 100, "graphql": 50}')
        try:
            self._set_limits(content)
        except ValueError as error:
            return _refused(str(error))
        return _json(content)

    async def _requests(self, _request: Request) -> Response:
        return _json(self._faults.requests())

    async def _forget(self, _request: Request) -> Response:
        self._faults.forget_requests()
        return _json({})


async def _content(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None


class NotSimulated:
    """A source that the sandbox has no simulation of yet: every request is answered 501 with a reason."""

    def __init__(self, name: str, source: Source, faults: FaultPlan) -> None:
        self._body = orjson.dumps(
            {
                "error": {
                    "code": 501,
                    "message": f"The sandbox has no {name} here; leave scope.{source} out of the programme.",
                    "status": "UNIMPLEMENTED",
                }
            }
        )
        self._source: Source = source
        self._faults = faults

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self._faults.take(self._source, f"{scope['method']} {scope['path']}", scope["path"])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]
        await send({"type": "http.response.start", "status": 501, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
