"""How a request to Google is sent: with a token of one scope, judged, paced, dated, counted and repeated.

A `Sender` is used by one thread: httplib2 hands one thread another's answer when it is shared.
"""

from __future__ import annotations

import http.client
import ssl
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import httplib2
import orjson

from connectors.endpoints import EndpointJudgement
from connectors.google.credentials import ServiceAccount, Token
from connectors.google.verdicts import Later, passes, refusal, token_verdict
from connectors.pacing import Pacer
from connectors.source_clock import check_clock, source_clock
from schemas.errors import EndpointRefused, RetriableError

ATTEMPTS = 7

_LONGEST_WAIT_SECONDS = 60.0


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
class Received:
    status: int
    headers: Mapping[str, str]
    body: bytes
    served_at: datetime


class Sender:
    """Sends for a service account, for `subject` where it has domain-wide delegation."""

    def __init__(self, conduct: Conduct, account: ServiceAccount, subject: str | None) -> None:
        self.conduct = conduct
        self._account = account
        self._subject = subject
        self._tokens: dict[str, Token] = {}
        self._https: dict[str, httplib2.Http] = {}
        # Nobody closes a session; its connections go with it.
        weakref.finalize(self, _close, self._https)

    def sent(
        self,
        method: str,
        uri: str,
        verb: str,
        body: Any,
        headers: Mapping[str, str],
        scope: str,
        bucket: str,
        unfit: Callable[[Received], Later | None],
        parts: int = 1,
    ) -> Received:
        """The answer to one request, whatever its status, once neither limits nor failures stand in the way."""
        renewed = False
        for attempt in range(1, self.conduct.attempts + 1):
            token = self._token(scope)
            sending = {**headers, "authorization": f"Bearer {token.value}"}
            try:
                received = self.once(method, uri, verb, body, sending, bucket, parts)
                if received.status == 401 and not renewed:
                    # A token can be revoked, or end early; a new one tells whether the credentials are at fault.
                    renewed = True
                    self._tokens.pop(scope, None)
                    sending["authorization"] = f"Bearer {self._token(scope).value}"
                    received = self.once(method, uri, verb, body, sending, bucket, parts)
                later = passes(refusal(received.status, received.body), received.headers)
                later = later or (unfit(received) if received.status < 300 else None)
                if later is None:
                    return received
            except Later as error:
                later = error
            if attempt == self.conduct.attempts:
                raise RetriableError(
                    f"{method} failed {attempt} times, lastly by: {later.why}. Nothing is claimed; try again later.",
                    retry_after=later.seconds,
                )
            self.wait(method, attempt, later, bucket)
        raise AssertionError("the loop above returns or raises")

    def wait(self, method: str, attempt: int, later: Later, bucket: str) -> None:
        asked = later.seconds
        if later.limit:
            self.conduct.pacer.throttled(bucket)
        if asked is not None and asked > _LONGEST_WAIT_SECONDS:
            raise RetriableError(
                f"Google asks to wait {asked:.0f} s before {method} ({later.why}). Try again then.", retry_after=asked
            )
        self.conduct.pause(max(asked or 0.0, min(0.5 * 2**attempt, _LONGEST_WAIT_SECONDS)))

    def once(
        self, method: str, uri: str, verb: str, body: Any, headers: Mapping[str, str], bucket: str, parts: int
    ) -> Received:
        judged = self.conduct.judge(uri)
        if not judged.simulated:  # a simulation has no neighbours to be considerate of
            self.conduct.pacer.wait(bucket, parts)
        connection = self._https.get(judged.url)
        if connection is None:
            connection = self._https[judged.url] = self.conduct.http(judged)
        sent = self.conduct.now()
        self.conduct.requests += 1
        self.conduct.counted += parts
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
        found = lower_names(response)
        served_at = source_clock(found, "Google")
        check_clock(served_at, sent, self.conduct.now(), "Google")
        return Received(int(response.status), found, content, served_at)

    def _token(self, scope: str) -> Token:
        held = self._tokens.get(scope)
        if held is None or not held.fresh(self.conduct.now()):
            held = self._tokens[scope] = self._new_token(scope)
        return held

    def _new_token(self, scope: str) -> Token:
        """Never kept and never shown: this one answer holds a credential."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        later = Later("nothing was asked")
        for attempt in range(1, self.conduct.attempts + 1):
            body = self._account.assertion(scope, self._subject, self.conduct.now())
            try:
                received = self.once("the token", self._account.token_uri, "POST", body, form, "token", 1)
                later = passes(refusal(received.status, received.body), received.headers)
                answered = parsed(received.body)
                if received.status >= 300 and later is None:
                    raise token_verdict(
                        received.status, received.body, scope=scope, subject=self._subject, account=self._account.email
                    )
                if later is None:
                    value, lasts = answered.get("access_token"), answered.get("expires_in")
                    if isinstance(value, str) and isinstance(lasts, int):
                        return Token(value, received.served_at + timedelta(seconds=lasts))
                    later = Later("the token endpoint's answer holds no token")
            except Later as error:
                later = error
            if attempt < self.conduct.attempts:
                self.wait("the token", attempt, later, "token")
        raise RetriableError(f"Google's token endpoint gives no token for {scope}: {later.why}. Try again later.")

    def close(self) -> None:
        """Close the connections."""
        _close(self._https)


def _close(connections: dict[str, httplib2.Http]) -> None:
    while connections:
        connections.popitem()[1].close()


def lower_names(response: Any) -> dict[str, str]:
    """Headers with their names in lower case."""
    return {str(name).lower(): str(value) for name, value in response.items()}


def parsed(body: bytes) -> Mapping[str, Any]:
    """A body as the JSON object it should be; empty where it is none."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
