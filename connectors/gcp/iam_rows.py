"""IAM policies, roles, service accounts and keys as rows. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.gcp.values import Record, instant, last, needed, needed_instant, part, parts, raw, texts
from schemas.gcp import SERVICE_ACCOUNT_KEYS

_KINDS = {
    "user": "user", "group": "group", "serviceAccount": "service_account", "domain": "domain",
    "projectOwner": "project_role", "projectEditor": "project_role", "projectViewer": "project_role",
    "allUsers": "public", "allAuthenticatedUsers": "public",
}  # fmt: skip
PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
_AGENT = re.compile(
    r"^(service-\d+@|\d+@cloudservices\.gserviceaccount\.com$|\d+@cloudbuild\.gserviceaccount\.com$|.*@gcp-sa-)"
)
_GRANTS_ITSELF = frozenset({
    "resourcemanager.projects.setIamPolicy", "resourcemanager.folders.setIamPolicy",
    "resourcemanager.organizations.setIamPolicy", "iam.roles.update",
})  # fmt: skip
"""With one of these a principal can give itself every other right."""

_ACTS_AS = frozenset({
    "iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt",
    "iam.serviceAccounts.signBlob", "iam.serviceAccounts.implicitDelegation", "iam.serviceAccountKeys.create",
})  # fmt: skip
"""With one of these a principal can take on every service account below, and whatever those may do."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a binding. `id` is the address, without `deleted:` and the number of the deleted account."""

    text: str
    kind: str
    id: str
    deleted: bool
    unique_id: str | None

    @property
    def service_agent(self) -> bool:
        """One of Google's own accounts, made for a service."""
        return self.kind == "service_account" and _AGENT.match(self.id) is not None


def member(text: str) -> Member:
    """Read `user:a@b`, `deleted:serviceAccount:x@y?uid=1`, `principal://iam.googleapis.com/...`, `allUsers`."""
    deleted = text.startswith("deleted:")
    body = text.removeprefix("deleted:")
    body, _, uid = body.partition("?uid=")
    if body.startswith(("principal://", "principalSet://")):
        kind = (
            "workforce" if "/workforcePools/" in body else "workload" if "/workloadIdentityPools/" in body else "other"
        )
        return Member(text, kind, body, deleted, uid or None)
    prefix, _, address = body.partition(":")
    return Member(text, _KINDS.get(prefix, "other"), address or body, deleted, uid or None)


def privilege(role: str, definition: Record) -> str | None:
    """Which administrative power a role gives, by the permissions in it; None for a role that gives none."""
    if definition.get("deleted"):
        return None  # bindings to a deleted role give nothing
    if role in ("roles/owner", "roles/editor"):
        return role.removeprefix("roles/")
    permissions = frozenset(texts(definition, "includedPermissions"))
    if permissions & _GRANTS_ITSELF:
        return "iam_administrator"
    return "service_account_administrator" if permissions & _ACTS_AS else None


@dataclass(frozen=True, slots=True)
class Bound:
    """One member of one binding of the policy of one resource."""

    resource: str
    resource_kind: str
    inherited: bool
    role: str
    member: Member
    condition: Record
    binding: Record

    @property
    def id(self) -> str:
        expression = self.condition.get("expression")
        tail = f"|if {expression}" if expression else ""
        return f"{self.resource}|{self.role}|{self.member.text}{tail}"


def bindings(resource: str, kind: str, inherited: bool, policy: Record) -> Iterator[Bound]:
    """Every member of every binding, each once."""
    seen: set[str] = set()
    for binding in parts(policy, "bindings"):
        role = str(needed(binding, "role", "IAM binding"))
        for text in texts(binding, "members"):
            bound = Bound(resource, kind, inherited, role, member(text), part(binding, "condition"), binding)
            if bound.id not in seen:
                seen.add(bound.id)
                yield bound


def administrator_rows(item: str, bound: Iterable[Bound], roles: Mapping[str, Record]) -> Iterator[dict[str, Any]]:
    """Rows of `gcp.administrators`: the bindings whose role gives administrative power."""
    for one in bound:
        power = privilege(one.role, roles[one.role])
        if power is None:
            continue
        yield {
            "scope_item_id": item, "assignment_id": one.id, "principal": one.member.text,
            "principal_kind": one.member.kind, "principal_id": one.member.id, "principal_deleted": one.member.deleted,
            "privilege": power, "role": one.role, "resource": one.resource, "resource_kind": one.resource_kind,
            "inherited": one.inherited, "conditional": bool(one.condition),
            "condition_title": one.condition.get("title"), "condition_expression": one.condition.get("expression"),
            "service_agent": one.member.service_agent,
            "raw": raw({"resource": one.resource, "binding": {**one.binding, "members": [one.member.text]}}, _PLAIN),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LastUse:
    """What policy analyzer knows of one account or key."""

    at: Any
    observed_from: Any
    observed_to: Any


def last_use(activity: Record) -> tuple[str, LastUse]:
    """The full resource name that an activity is about, and its last use."""
    period, told = part(activity, "observationPeriod"), part(activity, "activity")
    name = str(needed(activity, "fullResourceName", "policy activity"))
    return name, LastUse(
        instant(told, "lastAuthenticatedTime"), instant(period, "startTime"), instant(period, "endTime")
    )


def principal_rows(
    item: str, bound: Iterable[Bound], accounts: Mapping[str, Record], roles: Mapping[str, Record],
    uses: Mapping[str, LastUse] | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Rows of `gcp.principals`: whoever holds a role, and every service account whether it holds one or not.

    `accounts` by e-mail; `uses` by the account's unique id or e-mail, None where nobody could tell.
    """
    held: dict[str, list[Bound]] = {f"serviceAccount:{email}": [] for email in accounts}
    for one in bound:
        held.setdefault(one.member.text, []).append(one)
    for text, bindings_held in held.items():
        who = member(text)
        account = {} if who.deleted else accounts.get(who.id, {})
        use = None if uses is None else uses.get(who.id) or uses.get(str(account.get("uniqueId")))
        given = [
            {"role": one.role, "resource": one.resource, "inherited": one.inherited,
             "privilege": privilege(one.role, roles.get(one.role, {})), "condition": one.condition.get("expression")}
            for one in bindings_held
        ]  # fmt: skip
        yield {
            "scope_item_id": item, "principal": text, "principal_kind": who.kind, "principal_id": who.id,
            "unique_id": account.get("uniqueId") or who.unique_id, "display_name": account.get("displayName"),
            "description": account.get("description"), "home_project": account.get("projectId"),
            "disabled": bool(account.get("disabled", False)) if account else None, "deleted": who.deleted,
            "service_agent": who.service_agent, "privileged": any(one["privilege"] for one in given), "roles": given,
            "last_used_at": None if use is None else use.at, "last_use_known": bool(account) and use is not None,
            "last_use_observed_from": None if use is None else use.observed_from,
            "last_use_observed_to": None if use is None else use.observed_to,
            "raw": raw({"account": dict(account), "bindings": given}, _PLAIN),
        }  # fmt: skip


def key_row(item: str, account: Record, key: Record, uses: Mapping[str, LastUse] | None) -> dict[str, Any]:
    """One row of `gcp.service_account_keys`."""
    name = str(needed(key, "name", "service account key"))
    use = None if uses is None else uses.get(str(last(name)))
    expires = instant(key, "validBeforeTime")
    return {
        "scope_item_id": item, "credential_id": name, "key_id": str(last(name)),
        "service_account": str(needed(account, "email", "service account")),
        "service_account_id": str(needed(account, "uniqueId", "service account")),
        "service_account_disabled": bool(account.get("disabled", False)),
        "description": account.get("description") or account.get("displayName"),
        "key_type": str(needed(key, "keyType", "service account key")), "origin": key.get("keyOrigin"),
        "algorithm": key.get("keyAlgorithm"),
        "created_at": needed_instant(key, "validAfterTime", "service account key"),
        "expires_at": None if expires is None or expires.year >= 9999 else expires,
        "disabled": bool(key.get("disabled", False)), "disable_reason": key.get("disableReason"),
        "last_used_at": None if use is None else use.at, "last_use_known": use is not None,
        "last_use_observed_from": None if use is None else use.observed_from,
        "last_use_observed_to": None if use is None else use.observed_to, "raw": raw(key, SERVICE_ACCOUNT_KEYS),
    }  # fmt: skip


_PLAIN = SERVICE_ACCOUNT_KEYS  # the strictest; a binding holds nothing that is secret
