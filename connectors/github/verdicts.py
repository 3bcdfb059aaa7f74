"""What an answer of GitHub means for the caller: data, wait, ask for less, or one of the named errors.

Pure functions over status, headers and body. An answer is data only when it is whole; everything else raises.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from connectors.github.calls import Call, Graph, Json, Rest, TooHeavy
from connectors.github.permissions import right_for
from connectors.github.wire import Received
from schemas.errors import (
    CollectionError,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
    SourceGone,
)

SECONDARY_WAIT_SECONDS = 60.0
"""GitHub asks for at least a minute after a secondary limit without `Retry-After`."""

NO_LOGIN = "valid credentials"
"""`PermissionDenied.permission` where the credentials themselves were refused."""

_PRIMARY_WORDS = ("api rate limit exceeded", "api rate limit already exceeded")
_SECONDARY_WORDS = ("secondary rate limit", "abuse detection", "please wait a few minutes", "retry your request again")
_PLAN_WORDS = ("upgrade to github", "upgrade your plan", "not available for your plan", "enterprise cloud")
_OFF_WORDS = ("is disabled on this", "must be enabled", "are not enabled", "is not enabled", "are disabled for this")
"""How GitHub says that a feature is switched off, with 403 or 404."""
_HEAVY_WORDS = (
    "something went wrong while executing your query",
    "timedout",
    "timed out",
    "timeout",
    "couldn't respond",
)
_HEAVY_TYPES = frozenset({"MAX_NODE_LIMIT_EXCEEDED", "RESOURCE_LIMITS_EXCEEDED", "QUERY_TOO_COMPLEX"})
_DENIED_TYPES = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML_FAILURE", "UNAUTHORIZED"})


class Later(Exception):
    """The same request may succeed later. `seconds` is what GitHub asked for, None where it did not say."""

    def __init__(self, why: str, *, seconds: float | None = None, limited: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds
        self.limited = limited


def read(call: Call, received: Received, at_source: datetime) -> Any:
    """The data of a good answer. Raises `Later`, `TooHeavy` or an error of `schemas.errors`."""
    if received.status != 200 and not (isinstance(call, Rest) and received.status in call.answers):
        raise _refusal(call, received, at_source)
    try:
        document = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        raise Later("the body is no complete JSON document") from error
    if isinstance(call, Rest):
        return document
    return _graph_data(call, document, received, at_source)


def message_of(received: Received) -> str:
    """GitHub's own words about a refusal, one line, cut short; empty where there are none."""
    try:
        document = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        return ""
    text = document.get("message") if isinstance(document, dict) else None
    return " ".join(str(text).split())[:300] if text else ""


def _refusal(call: Call, received: Received, at_source: datetime) -> Exception:
    status, message = received.status, message_of(received)
    words = message.lower()
    if status == 401:
        return PermissionDenied(
            "GitHub refused the credentials (401): they are wrong, expired or revoked. Renew GITHUB_TOKEN, or check "
            "GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and GITHUB_APP_PRIVATE_KEY_FILE.",
            permission=NO_LOGIN,
        )
    if status == 429 or (status == 403 and _is_limit(received, words)):
        return limit(received, at_source)
    if status in {403, 404} and any(word in words for word in _OFF_WORDS):
        return NotLicensed(
            f"{call.label}: the feature is not switched on ({status}: {message}). Switch it on, configure the "
            "alternative source, or record why it does not apply."
        )
    if status == 403:
        return _denied(call, received, message)
    if status == 404:
        # Asked only for things that were seen a moment ago: GitHub hides with 404 what a token may not read.
        needed = right_for(call.dataset.name, call.template if isinstance(call, Rest) else None)
        return PermissionDenied(
            f"GitHub says 404 to {call.label}: the token may not see it, or it was deleted or renamed just now. "
            "Needed: "
            f"{needed}. Grant it to the GitHub App or token, and run again.",
            permission=needed,
        )
    if status == 410:
        return SourceGone(f"GitHub says 410 to {call.label}: it has been removed for good.")
    if status == 451:
        return SourceGone(f"GitHub says 451 to {call.label}: blocked for legal reasons. Ask GitHub support.")
    if status in {502, 503, 504} and isinstance(call, Graph) and call.shrinks:
        return TooHeavy(f"status {status}")
    if status >= 500:
        return Later(f"status {status}")
    return SchemaDrift(
        f"GitHub refused {call.label} as it was asked ({status}{': ' + message if message else ''}). The connector "
        "must be looked at: GitHub may have changed this endpoint."
    )


def _is_limit(received: Received, words: str) -> bool:
    if any(word in words for word in _PRIMARY_WORDS + _SECONDARY_WORDS):
        return True
    return "retry-after" in received.headers or received.headers.get("x-ratelimit-remaining") == "0"


def limit(received: Received, at_source: datetime) -> Later:
    """How long a rate limit asks to wait: `Retry-After`, else until the budget is renewed, else a minute."""
    headers = received.headers
    asked = headers.get("retry-after", "")
    if asked.isdigit():
        return Later("rate limit", seconds=float(asked), limited=True)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return Later("rate limit", seconds=max(0.0, int(reset) - at_source.timestamp()) + 1, limited=True)
    return Later("secondary rate limit", seconds=SECONDARY_WAIT_SECONDS, limited=True)


def _denied(call: Call, received: Received, message: str) -> CollectionError:
    words = message.lower()
    if any(word in words for word in _PLAN_WORDS):
        return NotLicensed(
            f"{call.label} is not part of the organisation's GitHub plan ({message}). Configure the alternative "
            "source, or record why it does not apply."
        )
    needed = right_for(call.dataset.name, call.template if isinstance(call, Rest) else None)
    accepted = received.headers.get("x-accepted-github-permissions")
    how = "Grant it to the GitHub App or token and accept the change in the organisation."
    if "x-github-sso" in received.headers:
        needed = "single sign-on authorisation of the token"
        how = "Authorise the token for the organisation's single sign-on in its settings page."
    return PermissionDenied(
        f"GitHub denies {call.label} (403{': ' + message if message else ''}). Missing: {needed}"
        f"{' (GitHub asks for ' + accepted + ')' if accepted else ''}. {how}",
        permission=needed,
    )


def _graph_data(call: Graph, document: Any, received: Received, at_source: datetime) -> Json:
    if not isinstance(document, dict):
        raise SchemaDrift(f"GitHub's answer to {call.label} is no JSON object. The connector must be looked at.")
    errors = document.get("errors")
    if errors:
        # Data beside errors is partial, and partial data is never used.
        raise graph_refusal(call, errors, received, at_source)
    data = document.get("data")
    if not isinstance(data, dict):
        raise Later("the answer has neither data nor errors")
    return data


def graph_refusal(call: Graph, errors: Any, received: Received, at_source: datetime) -> Exception:
    """The error for an `errors` list: the gravest entry decides."""
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    kinds = {str(entry.get("type", "")).upper() for entry in entries}
    messages = [" ".join(str(entry.get("message", "")).split())[:300] for entry in entries]
    first = messages[0] if messages else "no message"
    lower = " ".join(messages).lower()
    where = _where(entries)
    if "RATE_LIMITED" in kinds or "RATE_LIMIT" in kinds or any(word in lower for word in _PRIMARY_WORDS):
        return limit(received, at_source)
    if any(word in lower for word in _SECONDARY_WORDS):
        return limit(received, at_source)
    if kinds & _HEAVY_TYPES or any(word in lower for word in _HEAVY_WORDS):
        return TooHeavy("GitHub gave up on the query") if call.shrinks else Later("GitHub gave up on the query")
    if kinds & _DENIED_TYPES or "resource not accessible" in lower:
        needed = right_for(call.dataset.name)
        return PermissionDenied(
            f"GitHub denies part of {call.label}{where} ({first}). Needed: {needed}. Grant it to the GitHub App or "
            "token "
            "and accept the change in the organisation.",
            permission=needed,
        )
    if "NOT_FOUND" in kinds:
        return SourceGone(
            f"GitHub no longer finds what {call.label} asks for{where} ({first}): deleted, or the token may no longer "
            "see it. Check the token's repositories; if it is deleted, record the scope decision."
        )
    if kinds & {"SERVICE_UNAVAILABLE", "INTERNAL", "INTERNAL_ERROR", "LOADING"}:
        return Later(f"GitHub reports {first}")
    return SchemaDrift(f"GitHub refused {call.label}{where}: {first}. The connector must be looked at.")


def _where(entries: list[Json]) -> str:
    path = entries[0].get("path") if entries else None
    return f" at {'.'.join(str(key) for key in path)}" if isinstance(path, list) and path else ""


def give_up(call: Call, why: str, *, seconds: float | None = None) -> RetriableError:
    """The error after the last attempt."""
    ask = f" GitHub asks to wait {seconds:.0f} s." if seconds is not None else ""
    return RetriableError(
        f"{call.label} failed: {why}.{ask} Nothing is claimed; run it again later.", retry_after=seconds
    )
