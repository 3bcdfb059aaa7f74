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

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, cast

import httplib2
import orjson
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest, HttpRequest

from connectors.google.credentials import ServiceAccount
from connectors.google.documents import api_of, document_at, host, place_of
from connectors.google.sending import Conduct, Received, Sender, lower_names, parsed
from connectors.google.verdicts import Later, passes, refusal, verdict
from schemas.dataset import Dataset
from schemas.errors import EvidenceError, IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import Sink

BATCH_PARTS = 100
"""Google allows 1,000 and advises fewer; a failed batch costs less this way."""

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
        self.sender = Sender(conduct, account, subject)
        self._conduct = conduct
        self._address = address
        self._resources: dict[str, Any] = {}

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
        received = self.sender.sent(
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
            self.sender.wait(method, attempt, why, bucket or api)
        raise RetriableError(f"{len(waiting)} parts of a batch of {method} were not answered. Try again later.")

    # --- how ---------------------------------------------------------------------------------------------------------

    def _batched(
        self, method: str, parameters: Sequence[Mapping[str, Any]], bucket: str
    ) -> list[tuple[HttpRequest, Received]]:
        requests = [self._request(method, one) for one in parameters]
        found: dict[str, tuple[int, Mapping[str, str], bytes]] = {}

        def took(request_id: str, response: Any, error: Any) -> None:
            if isinstance(error, HttpError):
                response = (error.resp, error.content)
            elif error is not None:
                raise error
            head, content = response
            found[request_id] = (int(head["status"]), lower_names(head), content)

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
        out: list[tuple[HttpRequest, Received]] = []
        for index, request in enumerate(requests):
            status, headers, content = found[str(index)]
            dated = {**headers, "date": outer.headers["date"]}
            out.append((request, Received(status, dated, content, outer.served_at)))
        return out

    def _answer(
        self,
        method: str,
        request: HttpRequest,
        parameters: Mapping[str, Any],
        received: Received,
        expect: Collection[int],
    ) -> Answer:
        refused = None
        if received.status >= 300:
            if received.status not in expect:
                raise self._refused(method, received)
            refused = received.status
        return Answer(
            method=method, parsed=parsed(received.body), status=received.status, verb=request.method, url=request.uri,
            headers=received.headers, body=received.body, parameters=parameters, served_at=received.served_at,
            refused=refused,
        )  # fmt: skip

    def _refused(self, method: str, received: Received) -> EvidenceError:
        api = api_of(method)
        return verdict(
            method, refusal(received.status, received.body), service=host(api), scope=self.rights.scope(method),
            privilege=self.rights.privilege(method), who=self.who,
        )  # fmt: skip

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
        self.sender.close()


class _Carrier:
    """What the library's batch sends through: this client, with its token, pace and repetitions."""

    def __init__(self, client: GoogleClient, method: str, bucket: str, parts: int) -> None:
        self._client, self._method, self._bucket, self._parts = client, method, bucket, parts
        self.received: Received | None = None

    def request(self, uri: str, method: str, body: Any, headers: Mapping[str, str]) -> tuple[httplib2.Response, bytes]:
        client: Any = self._client
        received: Received = client.sender.sent(
            f"a batch of {self._method}", uri, method, body, headers, self._client.rights.scope(self._method),
            self._bucket, _no_batch, self._parts,
        )  # fmt: skip
        if received.status >= 300:
            raise client._refused(self._method, received)
        self.received = received
        response = httplib2.Response(dict(received.headers))
        response.status = received.status
        return response, received.body


def _with_token(parameters: Mapping[str, Any], asked: str, token: str | None) -> dict[str, Any]:
    if token is None:
        return dict(parameters)
    if "body" in parameters:
        return {**parameters, "body": {**parameters["body"], asked: token}}
    return {**parameters, asked: token}


def _as_received(response: Any, content: bytes) -> Any:
    return response, content


def _unreadable(method: str, received: Received) -> Later | None:
    """An answer that says it is good and holds no JSON object: cut off, or none of Google's."""
    if received.status == 204 or 300 <= received.status < 400:
        raise SchemaDrift(f"{method} answers {received.status}, which holds no data. The connector must be looked at.")
    try:
        whole = isinstance(orjson.loads(received.body), dict)
    except orjson.JSONDecodeError:
        whole = False
    return None if whole else Later("the body is no whole JSON object")


def _no_batch(received: Received) -> Later | None:
    boundary = received.headers.get("content-type", "").partition("boundary=")[2].strip('"; ')
    whole = bool(boundary) and received.body.rstrip().endswith(b"--" + boundary.encode() + b"--")
    return None if whole else Later("the body is no whole batch of answers")
