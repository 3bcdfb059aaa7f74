"""The simulated Google on loopback: one port for all its APIs, served from the discovery documents of its client.

Paths, parameters, bodies and answers are checked against those documents, closed: an unknown field is an error. What a
method answers is up to its handler:

    HANDLERS: Mapping[str, Handler] = {"logging.entries.list": entries_list}

with `entries_list(call: Call) -> Mapping`, and `sandbox.google.calls.paged` for its pages. A method without a handler
answers 501. To add services of Google Cloud, give `start` their handlers (`cloud=`) and have their documents named in
`connectors/google/documents.py`.

Faults (`source: google`, operation = the method's id, such as `directory.users.list`, or `token`):

| kind | answer |
|---|---|
| `forbidden` | 403; `code` for another reason, such as accessNotConfigured, insufficientPermissions, notLicensed |
| `unauthorized` | 401; at `token` invalid_grant, or `code` |
| `rate_limited`, `secondary_limit` | 403 rateLimitExceeded; 429 with `status: 429` |
| `not_found`, `server_error`, `error` | as they say; `code` is the reason |
| `truncated_page` | loses `items` without a sign |
| `empty_page` | no items, and a token that goes on at the same place |
| `lying_last_page` | says that it is the last one; a page that really is loses `items` |
| `shifting_list` | begins `items` too early, as if something had been put in before |
| `truncated_body`, `slow_body`, `connection_reset`, `latency`, `wrong_date` | as they say |

A part of a batch is asked and spoilt by itself; the batch as a whole is the operation `batch`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from typing import Any

import orjson

from connectors.google.documents import api_of, document
from sandbox.clock import SimulatedClock
from sandbox.faults import Fault, FaultPlan
from sandbox.github.wire import Arrival, Receive, Reply, Send, arrive, leave
from sandbox.google.calls import PAGE_FAULTS, Call, Handler
from sandbox.google.errors import GoogleError, NotModelled
from sandbox.google.identity import Identity, TokenError
from sandbox.google.routes import Method, Routes, checked
from sandbox.google.shapes import masked, misfits
from sandbox.loopback import LoopbackServer

_JSON = {"Content-Type": "application/json; charset=UTF-8", "Vary": "Origin, X-Origin, Referer"}


class GoogleApplication:
    """The ASGI application."""

    def __init__(
        self, handlers: Mapping[str, Handler], identity: Identity, clock: SimulatedClock, faults: FaultPlan
    ) -> None:
        self._handlers = dict(handlers)
        self._identity = identity
        self._clock = clock
        self._faults = faults
        self._apis = sorted({api_of(method) for method in handlers})

    @cached_property
    def _routes(self) -> Routes:
        # Only when somebody asks: the documents are large, and not every company that has Google is asked for it.
        return Routes(self._apis, self._handlers)

    @cached_property
    def _batches(self) -> set[str]:
        return {"/" + str(document(api)["batchPath"]) for api in self._apis}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        arrival = await arrive(scope, receive)
        if arrival is None:
            return
        # As it was sent: a slash inside a parameter is another thing than one between two.
        arrival.path = scope["raw_path"].decode("latin-1")
        await leave(self._reply(arrival), scope, send)

    def _reply(self, arrival: Arrival) -> Reply:
        if arrival.path == "/token":
            return self._token(arrival)
        if arrival.path in self._batches or arrival.path == "/batch":
            return self._batch(arrival)
        return self._one(arrival.method, arrival.path, arrival.query, arrival.headers, arrival.body)

    def _one(self, verb: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        now = self._clock.now()
        operation = f"{verb} {path}"
        target = path + ("?" + query if query else "")
        try:
            method, found = self._routes.find(verb, path)
        except GoogleError as error:
            fault, reply = self._met(operation, target)
            return self._finished(reply, error.status, error.body(), fault)
        fault, reply = self._met(method.id, target)
        try:
            _refuse(fault, method.host)
            content = self._answer(method, found, query, headers, body, now, fault)
        except GoogleError as error:
            if error.retry_after is not None:
                reply.headers["Retry-After"] = str(error.retry_after)
            return self._finished(reply, error.status, error.body(), fault)
        return self._finished(reply, 200, orjson.dumps(content), fault)

    def _answer(
        self,
        method: Method,
        found: Mapping[str, str],
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
        fault: Fault | None,
    ) -> Any:
        granted = self._identity.granted(headers.get("authorization"), now)
        allowed = frozenset(method.content.get("scopes", ()))
        if not allowed & granted.scopes:
            raise GoogleError(
                403, "Request had insufficient authentication scopes.", "insufficientPermissions", service=method.host
            )
        parameters, content = checked(method, found, query, body)
        handler = self._handlers.get(method.id)
        if handler is None:
            raise NotModelled(f"the method {method.id}")
        spoilt = fault if fault is not None and fault.kind in PAGE_FAULTS else None
        call = Call(method.id, parameters, content, now, granted.subject, spoilt, method.host, granted.scopes)
        answer = dict(handler(call))
        wanted = method.content.get("response")
        wrong = next(misfits(document(method.api), wanted, answer), None) if wanted is not None else None
        if wrong is not None:
            raise GoogleError(501, f"The sandbox's own answer does not fit the document of {method.id}: {wrong}")
        if "fields" not in parameters:
            return answer
        try:
            return masked(answer, parameters["fields"])
        except ValueError as error:
            raise GoogleError(400, str(error), "invalidParameter") from error

    def _token(self, arrival: Arrival) -> Reply:
        now = self._clock.now()
        fault, reply = self._met("token", arrival.path)
        try:
            if fault is not None and fault.kind in ("unauthorized", "forbidden", "error"):
                code = fault.code or ("unauthorized_client" if fault.kind == "forbidden" else "invalid_grant")
                raise TokenError(fault.status or 400, code, fault.message or "Refused by the plan of faults")  # noqa: TRY301
            _refuse(fault, "oauth2.googleapis.com")
            uri = f"http://{arrival.host}/token"
            return self._finished(reply, 200, orjson.dumps(self._identity.token(arrival.body, uri, now)), fault)
        except TokenError as error:
            return self._finished(reply, error.status, error.body, fault)
        except GoogleError as error:
            return self._finished(reply, error.status, error.body(), fault)

    def _batch(self, arrival: Arrival) -> Reply:
        fault, reply = self._met("batch", arrival.path)
        try:
            _refuse(fault, "")
            boundary = re.search(r'boundary="?([^";]+)', arrival.headers.get("content-type", ""))
            if arrival.method != "POST" or boundary is None:
                raise GoogleError(400, "Failed to parse batch request", "badRequest")  # noqa: TRY301
            parts = arrival.body.decode().split(f"--{boundary[1]}")[1:-1]
            if len(parts) > 1000:
                raise GoogleError(400, "The batch request exceeds 1000 parts", "badRequest")  # noqa: TRY301
            answered = [self._part(part, arrival.headers) for part in parts]
        except GoogleError as error:
            return self._finished(reply, error.status, error.body(), fault)
        body = b"".join(b"--batch_sandbox\r\n" + part + b"\r\n" for part in answered) + b"--batch_sandbox--"
        reply.headers["Content-Type"] = "multipart/mixed; boundary=batch_sandbox"
        return self._finished(reply, 200, body, fault)

    def _part(self, part: str, outer: Mapping[str, str]) -> bytes:
        # The client folds a long header, so the id may stand on the line after its name.
        named = re.search(r"Content-ID:\s*<([^>]*)>", part, re.IGNORECASE)
        name = "" if named is None else named[1]
        _, _, inner = part.replace("\r\n", "\n").strip("\n").partition("\n\n")
        head, _, body = inner.partition("\n\n")
        line, *rest = head.split("\n")
        verb, target, _ = line.split(" ")
        headers = {**outer, **{key.lower(): value for key, _, value in (entry.partition(": ") for entry in rest)}}
        path, _, query = target.partition("?")
        path = re.sub(r"^https?://[^/]+", "", path)
        reply = self._one(verb, path, query, headers, body.strip().encode())
        lines = [
            "Content-Type: application/http", f"Content-ID: <response-{name}>", "", f"HTTP/1.1 {reply.status} Answer",
            f"Content-Length: {len(reply.body)}", "Content-Type: application/json; charset=UTF-8",
        ]  # fmt: skip
        if "Retry-After" in reply.headers:
            lines.append(f"Retry-After: {reply.headers['Retry-After']}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body

    def _met(self, operation: str, path: str) -> tuple[Fault | None, Reply]:
        """The fault that a request meets, and an answer with its conditions."""
        seconds, delay = 0.0, 0
        for condition in self._faults.conditions("google", operation, path):
            seconds += condition.seconds if condition.kind == "wrong_date" else 0
            delay += condition.ms if condition.kind == "latency" else 0
        date = format_datetime(self._clock.now() + timedelta(seconds=seconds), usegmt=True)
        reply = Reply(200, b"", {**_JSON, "Date": date}, delay_ms=delay)
        return self._faults.take("google", operation, path), reply

    @staticmethod
    def _finished(reply: Reply, status: int, body: bytes, fault: Fault | None) -> Reply:
        reply.status, reply.body, reply.fault = status, body, fault
        return reply


def _refuse(fault: Fault | None, service: str) -> None:
    """Raise the error of a fault that replaces the answer; return for all other kinds."""
    if fault is None:
        return
    status, after = fault.http_status, fault.retry_after
    if fault.kind == "unauthorized":
        raise GoogleError(401, fault.message or "Invalid Credentials", fault.code or "authError", retry_after=after)
    if fault.kind == "forbidden":
        text = fault.message or "Not Authorized to access this resource/api"
        raise GoogleError(status, text, fault.code or "forbidden", service=service, retry_after=after)
    if fault.kind in ("rate_limited", "secondary_limit"):
        text = fault.message or "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'"
        raise GoogleError(status, text, fault.code or "rateLimitExceeded", retry_after=after)
    if fault.kind == "not_found":
        raise GoogleError(404, fault.message or "Resource Not Found", fault.code or "notFound", retry_after=after)
    if fault.kind == "server_error":
        raise GoogleError(status, fault.message or "Backend Error", fault.code or "backendError", retry_after=after)
    if fault.kind == "error":
        raise GoogleError(status, fault.message or "Bad Request", fault.code or "badRequest", retry_after=after)


class GoogleServer:
    """A running simulated Google; `url` has no slash at the end."""

    def __init__(
        self,
        handlers: Iterable[Mapping[str, Handler]],
        identity: Identity,
        clock: SimulatedClock,
        faults: FaultPlan,
        *,
        port: int = 0,
    ) -> None:
        joined: dict[str, Handler] = {}
        for mapping in handlers:
            twice = joined.keys() & mapping.keys()
            if twice:
                raise ValueError(f"two handlers for {', '.join(sorted(twice))}")
            joined.update(mapping)
        self.identity = identity
        application = GoogleApplication(joined, identity, clock, faults)
        self._server = LoopbackServer(application, port=port, name="sandbox-google")
        self.url = self._server.url

    def key_file(self) -> dict[str, Any]:
        """The service account's key, leading to this server's token endpoint."""
        return self.identity.key_file(f"{self.url}/token")

    def close(self) -> None:
        self._server.close()
