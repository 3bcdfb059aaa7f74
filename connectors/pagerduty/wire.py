"""PagerDuty over the wire, by the `pagerduty` library: its way to log in and its addresses, none of its patience."""

from __future__ import annotations

import ssl
from typing import Any

import certifi
import httpx2
from pagerduty import Error, RestApiV2Client

from connectors.tickets.asking import Broken, Question, Received
from schemas.errors import EndpointRefused

TIMEOUT_SECONDS = 60.0


class _Heard(Exception):
    """An answer on its way out of the library, before the library waits and asks again by itself."""

    def __init__(self, response: Any) -> None:
        super().__init__("answered")
        self.response = response


class _Client(RestApiV2Client):
    max_network_attempts = 0
    timeout = TIMEOUT_SECONDS

    @property
    def url(self) -> str:
        """Where the API is. The library takes https alone; a simulation on this machine has none, and whether an
        address is allowed is judged before."""
        return self._url

    @url.setter
    def url(self, new_base_url: str) -> None:
        self._url: Any = new_base_url.rstrip("/")

    def postprocess(self, response: Any, suffix: str | None = None) -> None:
        # The library repeats a limited request for ever and without looking at the time that was asked for.
        raise _Heard(response)


class PagerDutyWire:
    """Implements `Wire`. `cafile` names other authorities than the public ones, for a declared gateway."""

    def __init__(self, url: str, token: str, *, cafile: str | None = None) -> None:
        context = ssl.create_default_context(cafile=cafile or certifi.where())
        self._client: Any = _Client(token, base_url=url, verify=context)

    def send(self, question: Question) -> Received:
        try:
            self._client.get(question.path, params=dict(question.parameters))
        except _Heard as heard:
            answer = heard.response
        except Error as error:
            cause: Any = error.__cause__
            if isinstance(cause, httpx2.ConnectError) and "CERTIFICATE" in str(cause).upper():
                raise EndpointRefused(
                    "The TLS connection to PagerDuty failed: the certificate is not PagerDuty's, or something stands "
                    "in between. Look at proxies and certificate bundles before you collect anything."
                ) from error
            raise Broken(f"no whole answer ({type(cause or error).__name__})") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Broken(f"no whole answer ({type(error).__name__})") from error
        else:
            raise Broken("no answer")
        headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
        return Received(int(answer.status_code), headers, answer.content, str(answer.url))

    def close(self) -> None:
        self._client.close()
