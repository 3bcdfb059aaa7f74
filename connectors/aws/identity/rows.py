"""Principals as rows of `aws.principals`. Functions of what was read; they ask nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.aws.credential_report import Line
from connectors.aws.identity.identity_center import Assignment, Directory, work_address
from connectors.aws.identity.last_use import LastUse
from connectors.aws.policies import Level, trusted_principals
from connectors.aws.reading import Json, Reading, moment, raw_of
from schemas.aws_identity import PRINCIPALS

SERVICE_LINKED = "/aws-service-role/"

Row = dict[str, Any]

_NOTHING: Row = {
    "arn": None, "path": None, "created_at": None, "email": None, "owner": None, "enabled": None,
    "service_linked": False, "external": None, "trusted_principals": [], "rights": [], "groups": [], "members": [],
    "privileged": False, "privilege": None, "permissions_boundary": None, "password_enabled": None, "mfa_active": None,
    "active_keys": None, "last_used_at": None, "last_used_source": None, "last_used_service": None,
    "permission_set_arn": None, "assigned_to": None, "report_generated_at": None,
}  # fmt: skip


def _row(reading: Reading, kind: str, own_id: str, name: str, record: Any, **more: Any) -> Row:
    return {
        **_NOTHING, "scope_item_id": reading.item, "principal_id": own_id, "account_id": reading.account,
        "principal_kind": kind, "principal_name": name, "raw": raw_of(PRINCIPALS, record), **more,
    }  # fmt: skip


def root_row(reading: Reading, line: Line, generated: datetime, summary: Mapping[str, int]) -> Row:
    """Root, who may do everything. AWS tells of its password only since that can be taken away."""
    keys = sum(bool(line.flag(f"access_key_{place}_active")) for place in line.key_places())
    password = summary.get("AccountPasswordPresent")
    has_password = None if password is None else bool(password)
    enabled = True if keys or has_password else has_password
    at, service = report_use(line)
    return _row(
        reading, "root", line.arn, "root", dict(line.cells), arn=line.arn, enabled=enabled, privileged=True,
        created_at=line.instant("user_creation_time"), privilege="administrator", password_enabled=has_password,
        mfa_active=line.flag("mfa_active"), active_keys=keys, last_used_at=at, last_used_service=service,
        last_used_source="credential_report", report_generated_at=generated,
    )  # fmt: skip


def user_row(
    reading: Reading, entry: Json, line: Line | None, generated: datetime, power: Level | None, used: LastUse
) -> Row:
    """An IAM user. One that the report does not know yet has neither password nor key by it: nothing is said."""
    told: Row = {}
    if line is not None:
        keys = sum(bool(line.flag(f"access_key_{place}_active")) for place in line.key_places())
        password = line.flag("password_enabled")
        told = {
            "enabled": bool(password) or keys > 0, "password_enabled": password, "mfa_active": line.flag("mfa_active"),
            "active_keys": keys, "report_generated_at": generated,
        }  # fmt: skip
    groups = [str(name) for name in entry.get("GroupList") or []]
    return _row(
        reading, "iam_user", str(entry["UserId"]), str(entry["UserName"]), {"user": entry} | _cells(line),
        **_common(entry), **told, groups=sorted(groups), **_power(power), **_last_use(line, used),
        rights=_rights(entry, "UserPolicyList") + [f"group {name}" for name in sorted(groups)],
    )  # fmt: skip


def role_row(reading: Reading, entry: Json, power: Level | None) -> Row:
    """A role. AWS notes its last use for 400 days; without one it was not used in that time."""
    trusted = trusted_principals(entry.get("AssumeRolePolicyDocument"))
    used: Json = entry.get("RoleLastUsed") or {}
    return _row(
        reading, "iam_role", str(entry["RoleId"]), str(entry["RoleName"]), {"role": entry}, **_common(entry),
        service_linked=str(entry.get("Path", "")).startswith(SERVICE_LINKED), trusted_principals=trusted,
        external=any(is_outside(one, reading.account) for one in trusted),
        rights=_rights(entry, "RolePolicyList"), **_power(power),
        last_used_at=moment(used.get("LastUsedDate")), last_used_source="role_last_used",
    )  # fmt: skip


def group_row(reading: Reading, entry: Json, members: list[str], power: Level | None, used: LastUse) -> Row:
    """A group of IAM users, used when one of them last used what it gives."""
    return _row(
        reading, "iam_group", str(entry["GroupId"]), str(entry["GroupName"]), {"group": entry}, **_common(entry),
        members=sorted(members), rights=_rights(entry, "GroupPolicyList"), **_power(power), last_used_at=used.at,
        last_used_source="service_last_accessed", last_used_service=used.service,
    )  # fmt: skip


def is_outside(trusted: str, account: str) -> bool:
    """Whether a trusted principal is of another account, of an identity provider outside AWS, or everybody."""
    kind, _, name = trusted.partition(":")
    if kind == "service":
        return False
    if kind == "aws" and name != "*":
        return (name.split(":")[4] if name.startswith("arn:") else name) != account
    # Identity Center comes in through a provider of SAML that AWS itself keeps in the account.
    return not (kind == "federated" and ":saml-provider/AWSSSO_" in name)


def center_rows(
    reading: Reading, directory: Directory, roles: Mapping[str, Json], powers: Mapping[str, Level | None]
) -> Iterator[Row]:
    """People and groups of Identity Center, and what they were given in the account."""
    given: dict[str, list[tuple[str, Level | None]]] = {}
    rows: list[Row] = []
    for one in directory.assignments:
        role = _role_of(one.permission_set, roles)
        power = powers.get(role) if role is not None else None
        if role is None:
            # Nobody can tell what it gives, so it is named as the most that it can be.
            power = "administrator"
            reading.words.append(f"the permission set {one.permission_set} has no role in the account")
        given.setdefault(one.principal_id, []).append((one.permission_set, power))
        rows.append(_assignment_row(reading, directory, one, None if role is None else roles[role], power))
    for user, record in directory.users.items():
        groups = directory.groups_of(user)
        held = [*given.get(user, []), *(one for group in groups for one in given.get(group, []))]
        status = record.get("UserStatus")
        yield _row(
            reading, "identity_center_user", f"{directory.store}/{user}", str(record.get("UserName")), record,
            arn=record.get("UserArn"), created_at=moment(record.get("CreatedAt")), email=work_address(record),
            enabled=None if status is None else status == "ENABLED", groups=groups, **_given(held),
        )  # fmt: skip
    for group, record in directory.groups.items():
        yield _row(
            reading, "identity_center_group", f"{directory.store}/{group}", str(record.get("DisplayName") or group),
            record, arn=record.get("GroupArn"), created_at=moment(record.get("CreatedAt")),
            members=sorted(directory.members.get(group, [])), **_given(given.get(group, [])),
        )  # fmt: skip
    yield from rows


def _assignment_row(
    reading: Reading, directory: Directory, one: Assignment, role: Json | None, power: Level | None
) -> Row:
    known = directory.users if one.principal_type == "USER" else directory.groups
    record = known.get(one.principal_id, {})
    name = record.get("UserName") or record.get("DisplayName") or one.principal_id
    used: Json = (role or {}).get("RoleLastUsed") or {}
    # Everybody with the permission set uses this role: the latest use by any of them.
    last: Row = {} if role is None else {
        "last_used_at": moment(used.get("LastUsedDate")), "last_used_source": "role_of_permission_set",
    }  # fmt: skip
    return _row(
        reading, "identity_center_assignment", f"{one.permission_set_arn}|{one.principal_type}|{one.principal_id}",
        f"{name}: {one.permission_set}", one.record, arn=None if role is None else role["Arn"],
        email=work_address(record), rights=[f"permission_set {one.permission_set}"], **_power(power), **last,
        permission_set_arn=one.permission_set_arn, assigned_to=one.principal_id,
    )  # fmt: skip


def _role_of(permission_set: str, roles: Mapping[str, Json]) -> str | None:
    """The role that Identity Center made: `AWSReservedSSO_<permission set>_<16 characters>`."""
    prefix = f"AWSReservedSSO_{permission_set}_"
    found = [name for name in roles if name.startswith(prefix) and len(name) == len(prefix) + 16]
    return found[0] if len(found) == 1 else None


def _given(held: list[tuple[str, Level | None]]) -> Row:
    levels = {power for _, power in held}
    highest: Level | None = "administrator" if "administrator" in levels else None
    if highest is None and "iam_administrator" in levels:
        highest = "iam_administrator"
    return {"rights": sorted({f"permission_set {name}" for name, _ in held}), **_power(highest)}


def _common(entry: Json) -> Row:
    boundary: Json = entry.get("PermissionsBoundary") or {}
    owners = [one.get("Value") for one in entry.get("Tags") or [] if str(one.get("Key")).casefold() == "owner"]
    return {
        "arn": entry["Arn"], "path": entry.get("Path"), "created_at": moment(entry.get("CreateDate")),
        "owner": owners[0] if owners else None, "permissions_boundary": boundary.get("PermissionsBoundaryArn"),
    }  # fmt: skip


def _rights(entry: Json, inline: str) -> list[str]:
    attached = [f"attached {one['PolicyArn']}" for one in entry.get("AttachedManagedPolicies") or []]
    return sorted(attached) + sorted(f"inline {one['PolicyName']}" for one in entry.get(inline) or [])


def _power(power: Level | None) -> Row:
    return {"privileged": power is not None, "privilege": power}


def report_use(line: Line | None) -> tuple[datetime | None, str | None]:
    """The last use of a password or key that the report tells of, and the service of a key."""
    if line is None:
        return None, None
    uses: list[tuple[datetime, str | None]] = []
    for column, service in (
        ("password_last_used", None),
        ("access_key_1_last_used_date", "access_key_1_last_used_service"),
        ("access_key_2_last_used_date", "access_key_2_last_used_service"),
    ):
        at = line.instant(column)
        if at is not None:
            uses.append((at, None if service is None else line.text(service)))
    return max(uses, key=lambda use: use[0], default=(None, None))


def _last_use(line: Line | None, used: LastUse) -> Row:
    """What the report knows, or else the jobs of AWS, which are begun for those of whom it tells no use."""
    at, service = report_use(line)
    source = "credential_report"
    if at is None:
        at, service, source = used.at, used.service, "service_last_accessed"
    return {"last_used_at": at, "last_used_service": service, "last_used_source": source}


def _cells(line: Line | None) -> Row:
    return {} if line is None else {"report": dict(line.cells)}
