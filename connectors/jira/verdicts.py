"""What an answer of Jira means where it is no data."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.tickets.asking import Later, Question, Received, waited
from schemas.errors import CollectionError, NotLicensed, PermissionDenied, SourceGone

BROWSE = "Browse Projects"
"""The permission of a project that reading its issues needs."""
NO_LOGIN = "valid credentials"

_NOT_LICENSED = ("license", "licence", "subscription", "upgrade", "payment", "trial has expired")
_NO_PROJECT = ("does not exist for the field 'project'", "no project could be found")


def refuse(question: Question, received: Received) -> None:
    """Raise `Later` or an error of the product for an answer that is no data; return for one that is."""
    status, headers = received.status, received.headers
    reason = headers.get("x-seraph-loginreason", "")
    if status == 401 or "AUTHENTICATED_FAILED" in reason or "AUTHENTICATION_DENIED" in reason:
        # Jira answers a bad login with what anybody may see, which looks like an empty project.
        raise PermissionDenied(
            f"Jira does not accept the credentials for {question.label}: the token expired, was revoked, or is another "
            "site's. Make a new one and set it in the environment.",
            permission=NO_LOGIN,
        )
    if status < 300:
        return
    said = _said(received.body)
    if status == 429:
        raise Later("Jira limits the rate of requests", seconds=waited(received))
    if status >= 500:
        raise Later(f"Jira answered {status}", seconds=waited(received))
    if status == 402 or (status == 403 and any(word in said.lower() for word in _NOT_LICENSED)):
        raise NotLicensed(
            f"Jira's licence or plan does not allow {question.label}: {said[:200] or 'payment required'}. Renew it, or "
            "name another place of these tickets in the programme."
        )
    if status == 403:
        raise PermissionDenied(
            f"Jira does not let this account ask {question.label} ({said[:200] or 'forbidden'}). Give it the "
            f"permission {BROWSE} in the project.",
            permission=BROWSE,
        )
    if status == 404 or (status == 400 and any(words in said.lower() for words in _NO_PROJECT)):
        raise SourceGone(
            f"Jira shows this account nothing at {question.label} ({said[:200] or 'not found'}). Correct the project "
            f"in the programme, or give the account {BROWSE}."
        )
    if status < 400:
        raise CollectionError(
            f"Jira sent {question.label} on to another address ({status}). Write the address of the site itself into "
            "the programme."
        )
    raise CollectionError(f"Jira refused {question.label} ({status}): {said[:200]}. The connector must be looked at.")


def _said(body: bytes) -> str:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    errors: Any = found.get("errors")
    parts = [*(found.get("errorMessages") or ()), *(errors.values() if isinstance(errors, dict) else ())]
    return "; ".join(str(part) for part in parts) or str(found.get("message") or found.get("errorMessage") or "")
