"""Every call to Google goes through here: judged, paced, dated, counted, repeated, and kept as received.

A `GoogleClient` is used by one thread: httplib2 hands one thread another's answer when it is shared.

How a service of Google Cloud is added: name its document in `documents.py`, give its methods a scope in
`connectors/gcp/permissions.py` (`SCOPES` or its default), and ask by the method's id in that document:

    client.ask("iam.projects.serviceAccounts.keys.list", name="projects/-/serviceAccounts/…")
    for page in client.pages("logging.entries.list", body={"resourceNames": ["projects/tallybrook"], "pageSize": 1000}):
        page.keep(sink, ADMIN_ACTIVITY).parsed.get("entries", [])

The sandbox's side: `sandbox/google/cloud/`, a handler for each method id in its `HANDLERS` (see
`sandbox/google/server.py`). Paths, parameters, bodies and answers are checked there against the same document.
"""

from __future__ import annotations

import http.client
import ssl
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import httplib2
import orjson
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest, HttpRequest

from connectors.endpoints import EndpointJudgement
from connectors.google.credentials import ServiceAccount, Token
from connectors.google.documents import api_of, document_at, host, place_of
from connectors.google.verdicts import Later, passes, refusal, token_verdict, verdict
from connectors.pacing import Pacer
from connectors.source_clock import check_clock, source_clock
from schemas.dataset import Dataset
from schemas.errors import EndpointRefused, EvidenceError, IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import Sink

ATTEMPTS = 7
BATCH_PARTS = 100
"""Google allows 1,000 and advises fewer; a failed batch costs less this way."""

_LONGEST_WAIT_SECONDS = 60.0
_EMPTY_PAGES = 100
"""Google may answer an empty page in between; so many in a row are no list any more."""


class Rights(Protocol):
    """Which scope a method is asked with, and what else the reader needs for it."""

    def scope(self, method: str) -> str: ...

    def privilege(self, method: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer, or one refusal that the caller said it expects (then `refused` is its status)."""

    method: str
    parsed: Mapping[str, Any] = field(repr=False)
    status: int
    verb: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    parameters: Mapping[str, Any]
    served_at: datetime
    refused: int | None = None

    def keep(self, sink: Sink, dataset: Dataset) -> Answer:
        """Hand the answer, as received, to the sink."""
        sink.answer(
            dataset=dataset, method=self.verb, url=self.url, status=self.status, headers=self.headers, body=self.body,
            parameters={"method": self.method, **self.parameters},
        )  # fmt: skip
        return self


@dataclass(slots=True)
class Conduct:
    """How a session behaves; `http` makes a connection for an address, without proxies on loopback."""

    now: Callable[[], datetime]
    judge: Callable[[str], EndpointJudgement]
    http: Callable[[EndpointJudgement], httplib2.Http]
    pacer: Pacer
    pause: Callable[[float], None]
    attempts: int = ATTEMPTS
    requests: int = 0
    """HTTP requests sent, repetitions and those for tokens included."""
    counted: int = 0
    """Requests as Google's quotas count them: each part of a batch."""


@dataclass(frozen=True, slots=True)
class _Received:
    status: int
    headers: Mapping[str, str]
    body: bytes
    served_at: datetime


class GoogleClient:
    """Calls by a service account, for `subject` where it has domain-wide delegation."""

    def __init__(
        self, conduct: Conduct, account: ServiceAccount, rights: Rights, *, subject: str | None, address: str | None
    ) -> None:
        self.account = account
        self.rights = rights
        self.subject = subject
        self.policies: tuple[str, ...] = ()
        """Names of the policy documents of the programme."""
        self._conduct = conduct
        self._address = address
        self._tokens: dict[str, Token] = {}
        self._resources: dict[str, Any] = {}
        self._https: dict[str, httplib2.Http] = {}
        # Nobody closes a session; its connections go with it.
        weakref.finalize(self, _close, self._https)

    @property
    def who(self) -> str:
        """The reader, as an operator would name it."""
        return self.account.email if self.subject is None else f"{self.subject} (through {self.account.email})"

    @property
    def now(self) -> Callable[[], datetime]:
        """The collector's clock."""
        return self._conduct.now

    @property
    def pause(self) -> Callable[[float], None]:
        return self._conduct.pause

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, repetitions included."""
        return self._conduct.requests

    @property
    def counted(self) -> int:
        """Requests as quotas count them: each part of a batch."""
        return self._conduct.counted

    def endpoint(self, api: str) -> str:
        """The judged root address of an API. Raises `EndpointRefused`."""
        return self._conduct.judge(self._document(api)["rootUrl"]).url

    # --- calls -------------------------------------------------------------------------------------------------------

    def ask(self, method: str, *, expect: Collection[int] = (), bucket: str | None = None, **parameters: Any) -> Answer:
        """One call by a method id, for example `ask("directory.users.list", customer="C01", maxResults=500)`.

        Limits, 5xx, broken connections and cut-off answers are repeated. Statuses in `expect` come back as an answer;
        every other refusal is raised as one of `schemas.errors`. `bucket` is the quota it counts for, by default that
        of the API.
        """
        request = self._request(method, parameters)
        api = api_of(method)
        received = self._sent(
            method, request.uri, request.method, request.body, dict(request.headers), self.rights.scope(method),
            bucket or api,
            lambda one: _unreadable(method, one),
        )  # fmt: skip
        return self._answer(method, request, parameters, received, expect)

    def pages(
        self,
        method: str,
        *,
        bucket: str | None = None,
        asked: str = "pageToken",
        answered: str = "nextPageToken",
        **parameters: Any,
    ) -> Iterator[Answer]:
        """Every page, to the end. Where the method takes a body, the token goes on in it."""
        token: str | None = None
        seen: set[str] = set()
        empty = 0
        while True:
            answer = self.ask(method, bucket=bucket, **_with_token(parameters, asked, token))
            yield answer
            token = answer.parsed.get(answered) or None
            if token is None:
                return
            empty = (
                0 if any(isinstance(value, list | dict) and value for value in answer.parsed.values()) else empty + 1
            )
            if token in seen or empty > _EMPTY_PAGES:
                raise IncompletePopulation(
                    f"{method} goes round in circles, so its list never ends. Nothing was kept; run again."
                )
            seen.add(token)

    def batch(
        self,
        method: str,
        parameters: Sequence[Mapping[str, Any]],
        *,
        expect: Collection[int] = (),
        bucket: str | None = None,
    ) -> list[Answer]:
        """The answers to many calls of one method, in the order asked, sent together. Each part counts for quotas.

        Parts that hit a limit are sent again; any other refusal of a part is raised, unless expected.
        """
        api = api_of(method)
        answers: dict[int, Answer] = {}
        waiting = list(range(len(parameters)))
        for attempt in range(1, self._conduct.attempts + 1):
            later: list[int] = []
            why = Later("no answer")
            for start in range(0, len(waiting), BATCH_PARTS):
                part = waiting[start : start + BATCH_PARTS]
                received = self._batched(method, [parameters[index] for index in part], bucket or api)
                for index, (request, one) in zip(part, received, strict=True):
                    soon = passes(refusal(one.status, one.body), one.headers) if one.status >= 400 else None
                    if soon is not None:
                        later.append(index)
                        why = soon
                        continue
                    if one.status < 300 and _unreadable(method, one) is not None:
                        later.append(index)
                        continue
                    answers[index] = self._answer(method, request, parameters[index], one, expect)
            if not later:
                return [answers[index] for index in range(len(parameters))]
            waiting = later
            self._wait(method, attempt, why, bucket or api)
        raise RetriableError(f"{len(waiting)} parts of a batch of {method} were not answered. Try again later.")

    # --- how ---------------------------------------------------------------------------------------------------------

    def _batched(
        self, method: str, parameters: Sequence[Mapping[str, Any]], bucket: str
    ) -> list[tuple[HttpRequest, _Received]]:
        requests = [self._request(method, one) for one in parameters]
        found: dict[str, tuple[int, Mapping[str, str], bytes]] = {}

        def took(request_id: str, response: Any, error: Any) -> None:
            if isinstance(error, HttpError):
                response = (error.resp, error.content)
            elif error is not None:
                raise error
            head, content = response
            found[request_id] = (int(head["status"]), _lower(head), content)

        batch: BatchHttpRequest = self._resource(api_of(method)).new_batch_http_request(callback=took)
        for index, request in enumerate(requests):
            request.postproc = _as_received
            batch.add(request, request_id=str(index))
        carrier = _Carrier(self, method, bucket, len(requests))
        try:
            batch.execute(http=cast("Any", carrier))
        except (BatchError, HttpError) as error:
            raise RetriableError(
                f"The answer to a batch of {method} is no batch of answers ({type(error).__name__}). Try again later."
            ) from error
        outer = carrier.received
        if outer is None or set(found) != {str(index) for index in range(len(requests))}:
            raise IncompletePopulation(
                f"A batch of {len(requests)} calls of {method} was answered with {len(found)} parts. Nothing was kept."
            )
        out: list[tuple[HttpRequest, _Received]] = []
        for index, request in enumerate(requests):
            status, headers, content = found[str(index)]
            dated = {**headers, "date": outer.headers["date"]}
            out.append((request, _Received(status, dated, content, outer.served_at)))
        return out

    def _answer(
        self,
        method: str,
        request: HttpRequest,
        parameters: Mapping[str, Any],
        received: _Received,
        expect: Collection[int],
    ) -> Answer:
        refused = None
        if received.status >= 300:
            if received.status not in expect:
                raise self._refused(method, received)
            refused = received.status
        return Answer(
            method=method, parsed=_parsed(received.body), status=received.status, verb=request.method, url=request.uri,
            headers=received.headers, body=received.body, parameters=parameters, served_at=received.served_at,
            refused=refused,
        )  # fmt: skip

    def _refused(self, method: str, received: _Received) -> EvidenceError:
        api = api_of(method)
        return verdict(
            method, refusal(received.status, received.body), service=host(api), scope=self.rights.scope(method),
            privilege=self.rights.privilege(method), who=self.who,
        )  # fmt: skip

    def _sent(
        self,
        method: str,
        uri: str,
        verb: str,
        body: Any,
        headers: Mapping[str, str],
        scope: str,
        bucket: str,
        unfit: Callable[[_Received], Later | None],
        parts: int = 1,
    ) -> _Received:
        """The answer to one request, whatever its status, once neither limits nor failures stand in the way."""
        renewed = False
        for attempt in range(1, self._conduct.attempts + 1):
            token = self._token(scope)
            sending = {**headers, "authorization": f"Bearer {token.value}"}
            try:
                received = self._once(method, uri, verb, body, sending, bucket, parts)
                if received.status == 401 and not renewed:
                    # A token can be revoked, or end early; a new one tells whether the credentials are at fault.
                    renewed = True
                    self._tokens.pop(scope, None)
                    sending["authorization"] = f"Bearer {self._token(scope).value}"
                    received = self._once(method, uri, verb, body, sending, bucket, parts)
                later = passes(refusal(received.status, received.body), received.headers)
                later = later or (unfit(received) if received.status < 300 else None)
                if later is None:
                    return received
            except Later as error:
                later = error
            if attempt == self._conduct.attempts:
                raise RetriableError(
                    f"{method} failed {attempt} times, lastly by: {later.why}. Nothing is claimed; try again later.",
                    retry_after=later.seconds,
                )
            self._wait(method, attempt, later, bucket)
        raise AssertionError("the loop above returns or raises")

    def _wait(self, method: str, attempt: int, later: Later, bucket: str) -> None:
        asked = later.seconds
        if later.limit:
            self._conduct.pacer.throttled(bucket)
        if asked is not None and asked > _LONGEST_WAIT_SECONDS:
            raise RetriableError(
                f"Google asks to wait {asked:.0f} s before {method} ({later.why}). Try again then.", retry_after=asked
            )
        self._conduct.pause(max(asked or 0.0, min(0.5 * 2**attempt, _LONGEST_WAIT_SECONDS)))

    def _once(
        self, method: str, uri: str, verb: str, body: Any, headers: Mapping[str, str], bucket: str, parts: int
    ) -> _Received:
        judged = self._conduct.judge(uri)
        if not judged.simulated:  # a simulation has no neighbours to be considerate of
            self._conduct.pacer.wait(bucket, parts)
        connection = self._https.get(judged.url)
        if connection is None:
            connection = self._https[judged.url] = self._conduct.http(judged)
        sent = self._conduct.now()
        self._conduct.requests += 1
        self._conduct.counted += parts
        try:
            response, content = connection.request(uri, method=verb, body=body, headers=dict(headers))
        except (ssl.SSLError, httplib2.ProxiesUnavailableError) as error:
            raise EndpointRefused(
                f"The TLS connection for {method} failed: the certificate is not Google's, or something stands in "
                "between. Look at proxies and certificate bundles before you collect anything."
            ) from error
        except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
            self._https.pop(judged.url).close()  # what is left on a broken connection belongs to no answer
            raise Later(f"no whole answer ({type(error).__name__})") from error
        found = _lower(response)
        served_at = source_clock(found, "Google")
        check_clock(served_at, sent, self._conduct.now(), "Google")
        return _Received(int(response.status), found, content, served_at)

    def _token(self, scope: str) -> Token:
        held = self._tokens.get(scope)
        if held is None or not held.fresh(self._conduct.now()):
            held = self._tokens[scope] = self._new_token(scope)
        return held

    def _new_token(self, scope: str) -> Token:
        """Never kept and never shown: this one answer holds a credential."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        later = Later("nothing was asked")
        for attempt in range(1, self._conduct.attempts + 1):
            body = self.account.assertion(scope, self.subject, self._conduct.now())
            try:
                received = self._once("the token", self.account.token_uri, "POST", body, form, "token", 1)
                later = passes(refusal(received.status, received.body), received.headers)
                parsed = _parsed(received.body)
                if received.status >= 300 and later is None:
                    raise token_verdict(
                        received.status, received.body, scope=scope, subject=self.subject, account=self.account.email
                    )
                if later is None:
                    value, lasts = parsed.get("access_token"), parsed.get("expires_in")
                    if isinstance(value, str) and isinstance(lasts, int):
                        return Token(value, received.served_at + timedelta(seconds=lasts))
                    later = Later("the token endpoint's answer holds no token")
            except Later as error:
                later = error
            if attempt < self._conduct.attempts:
                self._wait("the token", attempt, later, "token")
        raise RetriableError(f"Google's token endpoint gives no token for {scope}: {later.why}. Try again later.")

    def _document(self, api: str) -> dict[str, Any]:
        return document_at(api, self._address)

    def _resource(self, api: str) -> Any:
        found = self._resources.get(api)
        if found is None:
            content = self._document(api)
            self._conduct.judge(content["rootUrl"])
            make: Any = build_from_document
            # The connection given here is never used: requests are made by the library and sent by this client.
            found = self._resources[api] = make(content, http=httplib2.Http())
        return found

    def _request(self, method: str, parameters: Mapping[str, Any]) -> HttpRequest:
        """The library's own request: it checks names, patterns and what is required."""
        api, path = api_of(method), place_of(method).path
        key = ".".join((api, *path[:-1]))
        resource = self._resources.get(key)
        if resource is None:
            resource = self._resource(api)
            for part in path[:-1]:
                resource = getattr(resource, part)()
            self._resources[key] = resource
        return getattr(resource, path[-1])(**parameters)

    def close(self) -> None:
        """Close the connections."""
        _close(self._https)


class _Carrier:
    """What the library's batch sends through: this client, with its token, pace and repetitions."""

    def __init__(self, client: GoogleClient, method: str, bucket: str, parts: int) -> None:
        self._client, self._method, self._bucket, self._parts = client, method, bucket, parts
        self.received: _Received | None = None

    def request(self, uri: str, method: str, body: Any, headers: Mapping[str, str]) -> tuple[httplib2.Response, bytes]:
        client: Any = self._client
        received: _Received = client._sent(
            f"a batch of {self._method}", uri, method, body, headers, self._client.rights.scope(self._method),
            self._bucket, _no_batch, self._parts,
        )  # fmt: skip
        if received.status >= 300:
            raise client._refused(self._method, received)
        self.received = received
        response = httplib2.Response(dict(received.headers))
        response.status = received.status
        return response, received.body


def _close(connections: dict[str, httplib2.Http]) -> None:
    while connections:
        connections.popitem()[1].close()


def _with_token(parameters: Mapping[str, Any], asked: str, token: str | None) -> dict[str, Any]:
    if token is None:
        return dict(parameters)
    if "body" in parameters:
        return {**parameters, "body": {**parameters["body"], asked: token}}
    return {**parameters, asked: token}


def _as_received(response: Any, content: bytes) -> Any:
    return response, content


def _lower(response: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in response.items()}


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _unreadable(method: str, received: _Received) -> Later | None:
    """An answer that says it is good and holds no JSON object: cut off, or none of Google's."""
    if received.status == 204 or 300 <= received.status < 400:
        raise SchemaDrift(f"{method} answers {received.status}, which holds no data. The connector must be looked at.")
    try:
        whole = isinstance(orjson.loads(received.body), dict)
    except orjson.JSONDecodeError:
        whole = False
    return None if whole else Later("the body is no whole JSON object")


def _no_batch(received: _Received) -> Later | None:
    boundary = received.headers.get("content-type", "").partition("boundary=")[2].strip('"; ')
    whole = bool(boundary) and received.body.rstrip().endswith(b"--" + boundary.encode() + b"--")
    return None if whole else Later("the body is no whole batch of answers")
