"""What an answer of Google means for the caller: data, wait, or one of the named errors. Pure functions.

Google refuses in two dialects: `errors[].reason` of its older APIs and `status` with `ErrorInfo` details of the newer
ones. Both are read. No text of Google is passed on but its reason: its messages name people and projects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EvidenceError,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
    SourceGone,
)

NO_LOGIN = "valid credentials"
"""`PermissionDenied.permission` where the credentials themselves were refused."""

_LIMITS = frozenset({
    "userratelimitexceeded", "ratelimitexceeded", "quotaexceeded", "rate_limit_exceeded", "resource_exhausted",
    "sharingratelimitexceeded", "concurrentlimitexceeded", "servinglimitexceeded",
})  # fmt: skip
_DAILY = frozenset({"dailylimitexceeded", "dailylimitexceededunreg"})
_DISABLED = frozenset({"accessnotconfigured", "service_disabled", "api_disabled"})
_SCOPES = frozenset({"insufficientpermissions", "access_token_scope_insufficient", "insufficientscope"})
_UNLICENSED = frozenset({
    "notlicensed", "featurenotenabled", "licenserequired", "featureunavailable", "notentitled", "not_entitled",
    "operationnotsupported", "subscriptionrequired", "servicenotavailable", "approvalsnotsupported",
})  # fmt: skip
_UNLICENSED_WORDS = (
    "not available for your edition", "edition does not", "requires a license", "not licensed", "not entitled",
    "upgrade your edition", "no license", "does not have the required license", "premium", "service tier",
)  # fmt: skip


class Later(Exception):
    """The same request may succeed later. `seconds` is what Google asked for, None where it did not say; `limit`: it
    was asked too fast."""

    def __init__(self, why: str, *, seconds: float | None = None, limit: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error body of Google, as far as it was one."""

    status: int
    reasons: frozenset[str]
    """Lower case, of both dialects."""
    words: str
    """The message in lower case, to look for words in, never to be shown."""
    service: str | None = None
    """The service that `ErrorInfo` names."""
    consumer: str | None = None
    """`projects/<number>`, for whose sake the service was asked, where `ErrorInfo` says it."""
    permission: str | None = None
    """The IAM permission that is missing, where `ErrorInfo` says it."""

    @property
    def shown(self) -> str:
        return ", ".join(sorted(self.reasons)) or "no reason"


def refusal(status: int, body: bytes) -> Refusal:
    """Read an error body; an empty refusal where it is none of Google's."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refusal(status, frozenset(), "")
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return Refusal(status, frozenset(), "")
    found = cast("dict[str, Any]", error)
    reasons = {str(found["status"]).lower()} if found.get("status") else set[str]()
    service = consumer = permission = None
    for entry in _dicts(found.get("errors")):
        reasons.add(str(entry.get("reason", "")).lower())
    for entry in _dicts(found.get("details")):
        if str(entry.get("@type", "")).endswith("google.rpc.ErrorInfo"):
            reasons.add(str(entry.get("reason", "")).lower())
            metadata: Any = entry.get("metadata")
            if isinstance(metadata, Mapping):
                told = cast("Mapping[str, Any]", metadata)
                service = str(told.get("service")) if told.get("service") else service
                consumer = str(told.get("consumer")) if told.get("consumer") else consumer
                permission = str(told.get("permission")) if told.get("permission") else permission
    words = str(found.get("message", "")).lower()
    return Refusal(status, frozenset(reasons - {""}), words, service, consumer, permission)


def _dicts(value: Any) -> Iterable[dict[str, Any]]:
    return [entry for entry in cast("list[Any]", value) if isinstance(entry, dict)] if isinstance(value, list) else []


def passes(found: Refusal, headers: Mapping[str, str]) -> Later | None:
    """Whether a refusal passes by itself: limits and failures of Google's own. Header names in lower case."""
    if found.status == 429 or (found.status == 403 and found.reasons & _LIMITS):
        return Later(f"rate limit ({found.shown})", seconds=seconds(headers.get("retry-after")), limit=True)
    if found.status >= 500 and found.status != 501:
        return Later(f"status {found.status}", seconds=seconds(headers.get("retry-after")))
    return None


def seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; None where it is absent or a date."""
    return float(text) if text is not None and text.isdigit() else None


def verdict(method: str, found: Refusal, *, service: str, scope: str, privilege: str, who: str) -> EvidenceError:
    """The error to raise for a refusal that stays.

    `service` is the API's host, `scope` the OAuth scope that was asked with, `privilege` what the reader needs beside
    it, and `who` the reader, as an operator would name it.
    """
    reasons = found.reasons
    if found.status == 401:
        return PermissionDenied(
            f"Google does not accept the credentials of {who} for {method} (401). Renew the key of the service "
            "account, and check GOOGLE_APPLICATION_CREDENTIALS.",
            permission=NO_LOGIN,
        )
    if reasons & _DAILY:
        return RetriableError(f"The day's quota for {service} is used up at {method}. Run again tomorrow, or raise it.")
    if reasons & _DISABLED or "has not been used in project" in found.words or "it is disabled" in found.words:
        name, where = found.service or service, found.consumer
        return PermissionDenied(
            f"The API {name} is not enabled in {where or 'the Google Cloud project of the service account'}, so "
            f"{method} can't be asked. Enable it there and run again in a few minutes.",
            permission=f"enabled API {name}" + (f" in {where}" if where else ""),
        )
    if reasons & _SCOPES or "insufficient authentication scopes" in found.words:
        return PermissionDenied(
            f"The token of {who} lacks the scope {scope} for {method}. Add it to the domain-wide delegation of the "
            "service account in the admin console (Security, API controls).",
            permission=scope,
        )
    if reasons & _UNLICENSED or (found.status in (400, 403) and any(word in found.words for word in _UNLICENSED_WORDS)):
        return NotLicensed(
            f"{method} is not part of the edition that this customer has ({found.shown}). Configure the alternative "
            "source, or record why it does not apply."
        )
    if found.status == 403:
        missing = found.permission or privilege
        return PermissionDenied(
            f"Google denies {method} to {who} ({found.shown}). Missing: {missing}.", permission=missing
        )
    if found.status in (404, 410):
        return SourceGone(
            f"Google finds nothing for {method} ({found.status}): it was deleted, or {who} may not see it. Correct the "
            "programme, or record the scope decision."
        )
    return SchemaDrift(
        f"Google refused {method} as it was asked ({found.status}, {found.shown}). The connector must be looked at: "
        "Google may have changed this method."
    )


def disabled_api(permission: str | None, consumer: str) -> str | None:
    """The API that is switched off in `consumer` (`projects/<number>`), by the permission that a refusal names."""
    found = (permission or "").removeprefix("enabled API ").removesuffix(f" in {consumer}")
    return found if permission == f"enabled API {found} in {consumer}" else None


def token_verdict(status: int, body: bytes, *, scope: str, subject: str | None, account: str) -> EvidenceError:
    """The error to raise where the token endpoint gives no token (RFC 6749, section 5.2).

    `account` is the e-mail address of the service account, `subject` the person it asks for.
    """
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = {}
    answer = cast("dict[str, Any]", document) if isinstance(document, dict) else dict[str, Any]()
    code, words = str(answer.get("error", "")), str(answer.get("error_description", "")).lower()
    if code in ("unauthorized_client", "access_denied", "invalid_scope"):
        if subject is None:
            return PermissionDenied(f"Google gives {account} no token for {scope} ({code}).", permission=scope)
        return PermissionDenied(
            f"The service account {account} may not act for {subject} with the scope {scope} ({code}). Add exactly "
            "this scope to its domain-wide delegation in the admin console (Security, API controls).",
            permission=scope,
        )
    if code == "invalid_grant" and ("iat" in words or "timeframe" in words or "short-lived" in words):
        return ClockSkew("Google refuses a token because the clock of this machine is off. Synchronise it (NTP).")
    if code == "invalid_grant" and subject is not None and ("email" in words or "user" in words or "account" in words):
        return ConfigurationError(
            f"Google knows no active user {subject}, for whom scope.google.delegate lets the service account ask. "
            "Name an administrator of the customer who is neither suspended nor deleted."
        )
    if code in ("invalid_grant", "invalid_client"):
        return PermissionDenied(
            f"Google does not accept the key of {account} ({code}): it was deleted, has expired or belongs to another "
            "account. Make a new key and point GOOGLE_APPLICATION_CREDENTIALS at it.",
            permission=NO_LOGIN,
        )
    return SchemaDrift(
        f"The token endpoint answers {status} {code or 'without a reason'}. The connector must be looked at."
    )
