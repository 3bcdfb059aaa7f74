"""What an answer of PagerDuty means where it is no data."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.tickets.asking import Later, Question, Received, waited
from schemas.errors import CollectionError, NotLicensed, PermissionDenied, SourceGone

READ = "incidents.read"
"""The scope of a token that reading incidents needs; an API key that only reads has it."""
NO_LOGIN = "valid credentials"


def refuse(question: Question, received: Received) -> None:
    """Raise `Later` or an error of the product for an answer that is no data; return for one that is."""
    status = received.status
    if status == 200:
        return
    said = _said(received.body)
    if status == 401:
        raise PermissionDenied(
            f"PagerDuty does not accept the token for {question.label}: it expired, was revoked, or is for another "
            "region. Make a new one and set PAGERDUTY_API_TOKEN.",
            permission=NO_LOGIN,
        )
    if status == 402:
        raise NotLicensed(
            f"The plan at PagerDuty does not have what {question.label} shows: {said[:200]}. Change it, or name "
            "another place of these tickets in the programme."
        )
    if status == 403:
        raise PermissionDenied(
            f"PagerDuty does not let this token ask {question.label} ({said[:200] or 'forbidden'}). Use an API key "
            "that may read, or a token with the scopes of docs/credentials.md.",
            permission=_scope(question),
        )
    if status == 404:
        raise SourceGone(f"PagerDuty shows nothing at {question.label} ({said[:200] or 'not found'}).")
    if status == 429:
        asked = waited(received)
        reset = received.headers.get("ratelimit-reset", "")
        raise Later("PagerDuty limits the rate of requests", seconds=asked if asked is not None else _number(reset))
    if status >= 500:
        raise Later(f"PagerDuty answered {status}", seconds=waited(received))
    if status < 400:
        raise CollectionError(f"PagerDuty sent {question.label} on to another address ({status}), which it never does.")
    raise CollectionError(
        f"PagerDuty refused {question.label} ({status}): {said[:200]}. The connector must be looked at."
    )


def _scope(question: Question) -> str:
    first = question.template.strip("/").partition("/")[0]
    return f"{first}.read" if first in ("users", "services") else READ


def _number(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _said(body: bytes) -> str:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error: Any = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return ""
    return "; ".join([str(error.get("message") or ""), *(str(one) for one in error.get("errors") or ())])
