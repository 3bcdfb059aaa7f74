"""Whom a call at AWS lets in, to snapshots, images and buckets, by its parameters (C1-CLS-01). Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evidence.controls.detail import read_detail

PUBLIC = "public"
_NARROWING = ("aws:principalorg", "aws:sourcevpc", "aws:sourceip", "aws:principalaccount", "aws:sourceaccount",
              "aws:sourcearn", "aws:sourceorg", "aws:principalarn")  # fmt: skip
_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0", "*"})


def _permission(told: Mapping[str, Any], name: str) -> list[str]:
    """Whom an attribute of a snapshot or image adds: accounts, or everybody."""
    part = told.get(name)
    added = part.get("add") if isinstance(part, Mapping) else None
    items = added.get("items") if isinstance(added, Mapping) else None
    found: list[str] = []
    for one in items if isinstance(items, list) else []:
        if isinstance(one, Mapping):
            named = (one.get(name) for name in ("userId", "organizationArn", "organizationalUnitArn"))
            found += [PUBLIC] if one.get("group") == "all" else [str(one) for one in named if one]
    return found


def _of_volume(told: Mapping[str, Any]) -> tuple[str, list[str]]:
    return text_of(told.get("snapshotId")), _permission(told, "createVolumePermission")


def _of_image(told: Mapping[str, Any]) -> tuple[str, list[str]]:
    return text_of(told.get("imageId")), _permission(told, "launchPermission")


def _of_database(told: Mapping[str, Any]) -> tuple[str, list[str]]:
    what = text_of(told.get("dBSnapshotIdentifier")) or text_of(told.get("dBClusterSnapshotIdentifier"))
    values = listed(told.get("valuesToAdd")) if told.get("attributeName") == "restore" else []
    return what, [PUBLIC if one == "all" else one for one in values]


def _of_bucket_policy(told: Mapping[str, Any]) -> tuple[str, list[str]]:
    return text_of(told.get("bucketName")), _let_in(_policy_in(told))


def _policy_in(told: Mapping[str, Any]) -> Any:
    policy = told.get("bucketPolicy")
    return read_detail(policy) if isinstance(policy, str) else policy


def unreadable(call: str, told: Mapping[str, Any]) -> str | None:
    """Why it can't be said whom a call lets in."""
    policy = _policy_in(told)
    if not told or (call == "PutBucketPolicy" and (not isinstance(policy, Mapping) or "Statement" not in policy)):
        return "what the call let in can't be read"
    if any(
        isinstance(one.get("Principal"), Mapping) and "CanonicalUser" in one["Principal"] for one in _allowed(policy)
    ):
        return "whose account a canonical user is nobody can tell"
    return None


def _of_bucket_acl(told: Mapping[str, Any]) -> tuple[str, list[str]]:
    text = str([value for name, value in told.items() if name not in ("bucketName", "host", "Host")])
    open_to_all = "public-read" in text or "/global/AllUsers" in text or "/global/AuthenticatedUsers" in text
    return text_of(told.get("bucketName")), [PUBLIC] if open_to_all or "authenticated-read" in text else []


CALLS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, list[str]]]] = {
    "ModifySnapshotAttribute": _of_volume, "ModifyImageAttribute": _of_image,
    "ModifyDBSnapshotAttribute": _of_database, "ModifyDBClusterSnapshotAttribute": _of_database,
    "PutBucketPolicy": _of_bucket_policy, "PutBucketAcl": _of_bucket_acl,
}  # fmt: skip
"""By call, what reads from its parameters which store it is about and whom it lets in."""


def _let_in(policy: Any) -> list[str]:
    """Whom a resource policy lets in: accounts by their ARN or id, or everybody."""
    found: list[str] = []
    for one in _allowed(policy):
        principal = one.get("Principal")
        named = principal.get("AWS") if isinstance(principal, Mapping) else principal
        found += [PUBLIC if who == "*" else who for who in listed(named)]
        found += [PUBLIC] if "NotPrincipal" in one else []
    return found


def _allowed(policy: Any) -> Iterator[Mapping[str, Any]]:
    """The statements of a resource policy that let somebody in, whoever asks from wherever."""
    statements = policy.get("Statement") if isinstance(policy, Mapping) else None
    for one in [statements] if isinstance(statements, Mapping) else statements if isinstance(statements, list) else []:
        if isinstance(one, Mapping) and one.get("Effect") == "Allow" and not _narrowed(one.get("Condition")):
            yield one


def _narrowed(condition: Any) -> bool:
    """Whether a statement holds only for an organisation, a network or an account."""
    for operator, test in condition.items() if isinstance(condition, Mapping) else ():
        name = str(operator).casefold()
        if "not" in name or name == "null" or name.endswith("ifexists") or name.startswith("forallvalues"):
            continue  # holds for those outside, or where nothing is said
        for key, values in test.items() if isinstance(test, Mapping) else ():
            if str(key).casefold().startswith(_NARROWING) and _EVERYWHERE.isdisjoint(listed(values)):
                return True
    return False


def listed(value: Any) -> list[str]:
    """The texts of a parameter that may stand alone or in a list."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def text_of(value: Any) -> str:
    """A text or number as a text; empty for anything else."""
    return str(value) if isinstance(value, str | int) else ""
