"""Jira over the wire, by the `jira` library: its session, its ways to log in, its addresses, none of its patience."""

from __future__ import annotations

from typing import Any

import requests
from jira import JIRA
from jira.exceptions import JIRAError

from connectors.tickets.asking import Broken, Question, Received
from schemas.errors import EndpointRefused

TIMEOUT_SECONDS = 60.0


class JiraWire:
    """Implements `Wire`. `login` is that of the library: `basic_auth` or `token_auth`."""

    def __init__(self, url: str, **login: Any) -> None:
        # No request is made here: what the site is, is asked where the answer is kept and its clock is looked at.
        self._jira = JIRA(
            server=url, get_server_info=False, max_retries=0, timeout=TIMEOUT_SECONDS,
            options={"rest_api_version": "2", "check_update": False}, **login,
        )  # fmt: skip
        self._session: Any = self._jira._session  # pyright: ignore[reportPrivateUsage] - it has no public name
        self._session.max_retries = 0

    def send(self, question: Question) -> Received:
        url = self._jira._get_url(question.path)  # pyright: ignore[reportPrivateUsage] - it has no public name
        try:
            answer = self._session.request(
                question.method, url, params=dict(question.parameters), json=question.body, allow_redirects=False
            )
        except JIRAError as error:
            answer = error.response
            if answer is None:
                raise Broken(f"no answer ({error.status_code})") from error
        except requests.exceptions.SSLError as error:
            raise EndpointRefused(
                "The TLS connection to Jira failed: the certificate is not that of the site, or something stands in "
                "between. Look at proxies and certificate bundles before you collect anything."
            ) from error
        except (requests.RequestException, OSError, ValueError) as error:
            raise Broken(f"no whole answer ({type(error).__name__})") from error
        headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
        return Received(int(answer.status_code), headers, answer.content, str(answer.url))

    def close(self) -> None:
        self._session.close()
