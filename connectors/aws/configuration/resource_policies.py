"""Whom a resource policy lets in: a judgement of our own for services that give none.

Public is a statement that allows everybody (`*`) and holds nobody back by a condition. Conditions that do are those on
the caller's account, organisation, principal, network or source; of any other it can't be told, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import orjson

from schemas.errors import RetriableError

Json = Mapping[str, Any]

_HOLDS_BACK = frozenset({
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
    "aws:sourcearn", "aws:sourceorgid", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid",
    "aws:username", "kms:calleraccount", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
    "elasticfilesystem:accesspointarn",
})  # fmt: skip
_NO_HINDRANCE = frozenset({"aws:securetransport", "aws:referer", "aws:useragent", "s3:x-amz-acl"})
"""Conditions that anybody can meet."""
_EQUAL = ("stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase")


def read_document(text: str | None, what: str) -> Json:
    """A policy document. Raises `RetriableError` where the text is cut off."""
    if not text:
        return {}
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise RetriableError(f"The policy of {what} did not arrive whole. Run again.")
    return document


def statements(document: Json) -> Iterator[Json]:
    """Its statements; one alone needs no list."""
    found = document.get("Statement")
    yield from found if isinstance(found, list) else [] if found is None else [found]


def is_public(document: Json) -> bool | None:
    """Whether the policy lets in everybody; None where a condition leaves it open."""
    verdicts = [_is_public(one) for one in statements(document) if one.get("Effect") == "Allow"]
    return True if True in verdicts else None if None in verdicts else False


def denies_plain_text(document: Json, bucket_arn: str) -> bool:
    """Whether everybody is denied everything that comes without TLS, for the bucket and all that is in it."""
    for one in statements(document):
        secure = (one.get("Condition") or {}).get("Bool", {}).get("aws:SecureTransport")
        refuses = "false" in [str(value).lower() for value in _listed(secure)]
        resources = set(_listed(one.get("Resource")))
        covered = bool({"*", f"{bucket_arn}/*", f"{bucket_arn}*"} & resources)
        if (
            one.get("Effect") == "Deny" and refuses and len(one.get("Condition") or {}) == 1 and covered
            and _everybody(one.get("Principal")) and {"*", "s3:*"} & set(_listed(one.get("Action")))
        ):  # fmt: skip
            return True
    return False


def _is_public(one: Json) -> bool | None:
    if "NotPrincipal" in one:
        return True
    if not _everybody(one.get("Principal")):
        return False
    condition: Json = one.get("Condition") or {}
    if all(key.lower() in _NO_HINDRANCE for keys in condition.values() for key in keys):
        return True
    return False if any(_holds_back(operator, keys) for operator, keys in condition.items()) else None


def _holds_back(operator: str, keys: Json) -> bool:
    plain = operator.lower().rpartition(":")[2]
    for key, value in keys.items():
        values = [str(entry) for entry in _listed(value)]
        if key.lower() == "aws:sourceip" and plain == "ipaddress":
            return all(not reaches_everybody(entry) for entry in values)
        if key.lower() == "elasticfilesystem:accessedviamounttarget" and plain == "bool":
            return values == ["true"]
        if key.lower() in _HOLDS_BACK and plain in _EQUAL:
            return all(entry.strip("*") for entry in values)
    return False


def _everybody(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any("*" in _listed(named) for kind, named in principal.items() if kind in ("AWS", "*"))
    return principal == "*"


def reaches_everybody(cidr: str) -> bool:
    """Whether a range of addresses holds a good part of the internet: /0, or a few that make one up together."""
    try:
        network = ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen <= (7 if network.version == 4 else 15) and not network.is_private


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
