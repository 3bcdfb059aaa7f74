"""PyGithub, made strict: authentication and connections are its own, its quiet conveniences are switched off.

Switched off, because each can make a wrong answer look right or hammer the source: gaps between requests (a GraphQL
query counts as a write), repeated requests (eleven identical ones, POST included), following a redirect without the
query (a filtered list comes back unfiltered), waiting without end on 202, decoding by guess. Pacing and repetition are
in `transport`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import github
import requests
from github import Auth
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester, RequestsResponse

from schemas.errors import ConfigurationError, EndpointRefused, PermissionDenied, RetriableError

API_VERSION = "2022-11-28"
USER_AGENT = "soc2-evidence-pipeline"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT_SECONDS = 30
"""GitHub gives up after ten seconds itself."""


class Broken(Exception):
    """No usable answer arrived: connection reset, time-out, a body that ends early or is no UTF-8."""

    def __init__(self, why: str, *, timed_out: bool = False) -> None:
        super().__init__(why)
        self.timed_out = timed_out


class Redirected(Exception):
    """GitHub answered with a redirect: the repository or organisation has another name now."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirect {status}")
        self.status = status


class _StrictResponse(RequestsResponse):
    def read(self) -> str:
        # The text must be the bytes received, so that they can be kept as they came.
        return self.response.content.decode("utf-8")


def _strict(response: RequestsResponse) -> _StrictResponse:
    status = response.status
    if status in {202, 301, 302, 303, 307, 308}:
        raise Redirected(status) if status != 202 else Broken("the answer is not ready (202)")
    return _StrictResponse(response.response)


class _PlainConnection(HTTPRequestsConnectionClass):
    def __init__(self, host: str, *more: Any, **named: Any) -> None:
        super().__init__(host, *more, **named)
        if host in LOOPBACK:
            # No proxy leads to this machine itself, and looking through the environment for one takes a millisecond.
            self.session.trust_env = False

    def getresponse(self) -> RequestsResponse:
        return _strict(super().getresponse())


class _SecureConnection(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _strict(super().getresponse())


class _StrictRequester(Requester):
    # What `Requester.injectConnectionClasses` sets, but for this class alone, and keeping connections open, which that
    # method ends. A test fails when these names no longer reach PyGithub.
    _Requester__httpConnectionClass = _PlainConnection
    _Requester__httpsConnectionClass = _SecureConnection


class InstallationToken(Auth.Auth):
    """The token of a GitHub App's installation, fetched when first needed and again before it runs out.

    Shared by all clients of a session, so that four threads don't fetch four tokens.
    """

    def __init__(self, app: Auth.AppAuth, installation_id: int, api_url: str, now: Callable[[], datetime]) -> None:
        self._integration = github.GithubIntegration(
            auth=app, base_url=api_url, retry=None, timeout=TIMEOUT_SECONDS, user_agent=USER_AGENT,
            seconds_between_requests=None, seconds_between_writes=None,
        )  # fmt: skip
        self._installation_id = installation_id
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._until: datetime | None = None
        self.permissions: dict[str, str] = {}

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        with self._lock:
            if self._until is None or self._until - timedelta(minutes=5) <= self._now():
                granted = self._integration.get_access_token(self._installation_id)
                self._token = granted.token
                self._until = granted.expires_at
                self.permissions = dict(granted.permissions)
            return self._token

    @property
    def _masked_token(self) -> str:
        return "token (removed)"

    def app_name(self) -> str:
        """The App's slug, asked with the App's own key."""
        return self._integration.get_app().slug

    def close(self) -> None:
        self._integration.close()


@dataclass(frozen=True, slots=True)
class Received:
    """Status, headers (names in lower case) and body as they came."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One PyGithub client with one connection. Not thread-safe: PyGithub hands one thread another's answer when shared
    (PyGithub pull request 2052), so a client is used by one thread at a time."""

    def __init__(self, auth: Auth.Auth, api_url: str) -> None:
        self._requester = _StrictRequester(
            auth,
            api_url,
            TIMEOUT_SECONDS,
            USER_AGENT,
            100,
            True,
            None,
            None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            api_version=API_VERSION,
        )

    @property
    def graphql_url(self) -> str:
        return self._requester.graphql_url

    def get(self, url: str, parameters: Mapping[str, Any]) -> Received:
        """GET a path, or the absolute URL of a Link header (only its path and query are used: never another host)."""
        return self._request("GET", url, dict(parameters), None)

    def post(self, url: str, body: Mapping[str, Any]) -> Received:
        return self._request("POST", url, {}, dict(body))

    def close(self) -> None:
        self._requester.close()

    def _request(self, verb: str, url: str, parameters: dict[str, Any], body: dict[str, Any] | None) -> Received:
        try:
            status, headers, text = self._requester.requestJson(
                verb, url, parameters, {"Accept": "application/vnd.github+json"}, body
            )
        except requests.exceptions.SSLError as error:
            raise EndpointRefused(
                "GitHub's certificate does not verify: somebody else may be answering. Look at the network between "
                "here and GitHub before you collect anything."
            ) from error
        except requests.exceptions.Timeout as error:
            raise Broken("no answer in time", timed_out=True) from error
        except requests.exceptions.RequestException as error:
            raise Broken(f"the connection broke ({type(error).__name__})") from error
        except UnicodeDecodeError as error:
            raise Broken("the body is no UTF-8") from error
        except github.GithubException as error:
            raise refused_login(error) from error
        absolute = Requester.add_parameters_to_url(url, parameters)
        if absolute.startswith("/"):
            absolute = self._requester.base_url.rstrip("/") + absolute
        return Received(absolute, status, {str(k).lower(): str(v) for k, v in headers.items()}, text.encode())


@contextlib.contextmanager
def logging_in() -> Generator[None]:
    """What can go wrong while a GitHub App logs in, as errors of our own."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise EndpointRefused(
            "GitHub's certificate does not verify: somebody else may be answering. Look at the network between here "
            "and GitHub before you collect anything."
        ) from error
    except (requests.exceptions.RequestException, UnicodeDecodeError) as error:
        raise RetriableError(
            f"The connection to GitHub broke while logging in ({type(error).__name__}). Try again later."
        ) from error
    except github.GithubException as error:
        raise refused_login(error) from error


def refused_login(error: github.GithubException) -> Exception:
    """What to raise when PyGithub could not fetch an installation token. The answer's text may quote the key's id only,
    but it is left out all the same."""
    if error.status in {401, 403}:
        return PermissionDenied(
            f"GitHub refused the App's key ({error.status}). Check GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY_FILE: the "
            "key must be one of this App and not revoked.",
            permission="a valid private key of the GitHub App",
        )
    if error.status == 404:
        return ConfigurationError(
            "GitHub knows no such installation of this App (404). Check GITHUB_APP_INSTALLATION_ID: it stands at the "
            "end of the address of the installation's settings page."
        )
    return RetriableError(f"GitHub gave no installation token (status {error.status}). Try again later.")
