"""moto's IAM, filled from a script: dates are the script's, ids are the same in every run, what moto lacks is added.

Added: the root user (credential report, account summary), permissions boundaries of users, key use and password dates
in the credential report, and AWS-managed policies in the account's details only where they are attached, as AWS does.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import (
    AccessKey,
    AccessKeyLastUsed,
    AccountSummary,
    AWSManagedPolicy,
    Group,
    IAMBackend,
    InstanceProfile,
    ManagedPolicy,
    MFADevice,
    PolicyVersion,
    Role,
    User,
    VirtualMfaDevice,
)

REPORT_COLUMNS = (
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "password_next_rotation", "mfa_active", "access_key_1_active", "access_key_1_last_rotated",
    "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
    "access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date",
    "access_key_2_last_used_region", "access_key_2_last_used_service", "cert_1_active", "cert_1_last_rotated",
    "cert_2_active", "cert_2_last_rotated",
)  # fmt: skip


@lru_cache(maxsize=1)
def _aws_policies() -> tuple[AWSManagedPolicy, ...]:
    """Every AWS-managed policy that moto knows, read once; accounts hold copies, which share their documents."""
    known: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return tuple(AWSManagedPolicy.from_data(name, "aws", "aws", data) for name, data in known.items())


def naive(instant: datetime) -> datetime:
    """moto keeps UTC without saying so."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def stable_id(prefix: str, *parts: str) -> str:
    """An id in IAM's form (21 characters) that is the same in every run."""
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return prefix + "".join(letters[byte % 32] for byte in digest[: 21 - len(prefix)])


@dataclass
class RootUser:
    """What the credential report and the account summary say about root."""

    created: datetime
    password: bool = True
    mfa: bool = True
    last_used: datetime | None = None
    keys: list[AccessKey] = field(default_factory=list)


class _Summary(AccountSummary):
    def __init__(self, backend: CompanyIamBackend) -> None:
        super().__init__(backend)
        self._backend = backend

    @property
    def summary_map(self) -> dict[str, Any]:
        root = self._backend.root
        return super().summary_map | {
            "AccountMFAEnabled": int(root.mfa),
            "AccountPasswordPresent": int(root.password),
            "AccountAccessKeysPresent": int(bool(root.keys)),
            "MFADevices": len(self._backend.virtual_mfa_devices) + int(root.mfa),
            "MFADevicesInUse": sum(len(user.mfa_devices) for user in self._backend.users.values()) + int(root.mfa),
        }


class _PolicyShelf(dict[str, ManagedPolicy]):
    """Managed policies by ARN, AWS's own 1,500 among them as soon as anybody looks for one or for all.

    An organisation can have many accounts of which only the list is ever read; they need none.
    """

    def __init__(self, account_id: str) -> None:
        super().__init__()
        self._account_id = account_id
        self._stocked = False

    def _stock(self) -> None:
        if self._stocked:
            return
        self._stocked = True
        for prototype in _aws_policies():
            policy = copy(prototype)
            policy.account_id = self._account_id
            self.setdefault(policy.arn, policy)

    def __getitem__(self, arn: str) -> ManagedPolicy:
        self._stock()
        return super().__getitem__(arn)

    def __contains__(self, arn: object) -> bool:
        self._stock()
        return super().__contains__(arn)

    def __iter__(self) -> Iterator[str]:
        self._stock()
        return super().__iter__()

    def get(self, arn: str, default: Any = None) -> Any:
        self._stock()
        return super().get(arn, default)

    def values(self) -> Any:
        self._stock()
        return super().values()

    def items(self) -> Any:
        self._stock()
        return super().items()


class CompanyIamBackend(IAMBackend):
    """IAM of one account."""

    def __init__(self, account_id: str, created: datetime) -> None:
        super().__init__("aws", account_id)
        self.root = RootUser(created=naive(created))
        self.account_summary = _Summary(self)
        self.password_changed: dict[str, datetime] = {}
        """When each user's password was last set."""
        self.aws_policies_in_use: set[str] = set()
        """ARNs of AWS-managed policies that are in use in ways not modelled here (a document says so)."""

    def _init_managed_policies(self) -> dict[str, ManagedPolicy]:
        return _PolicyShelf(self.account_id)

    def get_account_authorization_details(self, policy_filter: list[str]) -> dict[str, Any]:
        """As AWS: in a fixed order, and of AWS-managed policies only those in use."""
        wanted = set(policy_filter) or {"User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"}
        policies = sorted(self.managed_policies.values(), key=lambda policy: policy.arn)
        managed = [
            policy
            for policy in policies
            if isinstance(policy, AWSManagedPolicy)
            and (policy.attachment_count or policy.arn in self.aws_policies_in_use)
        ]
        local = [policy for policy in policies if not isinstance(policy, AWSManagedPolicy)]
        for policy in (*local, *managed):
            policy.policy_id = policy.id  # type: ignore[attr-defined] - moto answers no PolicyId here without it
        return {
            "users": _by_name(self.users.values()) if "User" in wanted else [],
            "groups": _by_name(self.groups.values()) if "Group" in wanted else [],
            "roles": _by_name(self.roles.values()) if "Role" in wanted else [],
            "managed_policies": (local if "LocalManagedPolicy" in wanted else [])
            + (managed if "AWSManagedPolicy" in wanted else []),
        }

    def get_credential_report(self) -> str:
        """The report as of now, root first; the routing layer decides how old an answered report is."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(REPORT_COLUMNS)
        root = self.root
        used = _stamp(root.last_used, "no_information")
        head = ["<root_account>", f"arn:aws:iam::{self.account_id}:root", _stamp(root.created)]
        password = ["not_supported", used, "not_supported", "not_supported"]
        writer.writerow([*head, *password, _flag(root.mfa), *_credential_cells(root.keys)])
        for user in _by_name(self.users.values()):
            password = [_flag(False), "N/A", "N/A", "N/A"]
            if user.password:
                changed = self.password_changed.get(user.name)
                password = [_flag(True), _stamp(user.password_last_used, "no_information"), _stamp(changed), "N/A"]
            head = [user.name, user.arn, _stamp(user.create_date)]
            writer.writerow([*head, *password, _flag(bool(user.mfa_devices)), *_credential_cells(user.access_keys)])
        return out.getvalue()

    def add_user(self, name: str, path: str, created: datetime) -> User:
        user = cast("User", User(self.account_id, self.region_name, name, path))
        user.id = stable_id("AIDA", self.account_id, name, created.isoformat())
        user.create_date = naive(created)
        self.users[name] = user
        return user

    def add_group(self, name: str, path: str, created: datetime) -> Group:
        group = cast("Group", Group(self.account_id, self.region_name, name, path))
        group.id = stable_id("AGPA", self.account_id, name, created.isoformat())
        group.create_date = naive(created)
        self.groups[name] = group
        return group

    def add_role(self, name: str, path: str, created: datetime, trust: Mapping[str, Any], boundary: str | None) -> Role:
        identity = stable_id("AROA", self.account_id, name, created.isoformat())
        document = json.dumps(trust)
        made = Role(self.account_id, self.partition, identity, name, document, path, boundary, "", [], "3600")
        role = cast("Role", made)
        role.create_date = naive(created)
        self.roles[identity] = role
        return role

    def role_named(self, name: str) -> Role | None:
        """moto keeps roles by id."""
        return next((role for role in self.roles.values() if role.name == name), None)

    def add_policy(
        self, name: str, path: str, created: datetime, document: Mapping[str, Any], version: str = "v1"
    ) -> ManagedPolicy:
        moment = naive(created)
        text = json.dumps(document)
        made = ManagedPolicy(name, self.account_id, self.region_name, version, None, text, path, moment, moment)
        policy = cast("ManagedPolicy", made)
        policy.id = stable_id("ANPA", self.account_id, name, created.isoformat())
        self.managed_policies[policy.arn] = policy
        return policy

    def add_version(
        self, policy: ManagedPolicy, document: Mapping[str, Any], version: str, created: datetime, *, default: bool
    ) -> None:
        policy.versions.append(PolicyVersion(policy.arn, json.dumps(document), False, version, naive(created)))
        if default:
            policy.update_default_version(version)
            policy.update_date = naive(created)

    def add_instance_profile(self, name: str, path: str, identity: str, created: datetime, role: Role) -> None:
        made = InstanceProfile(self.account_id, self.region_name, identity, name, path, [role])
        profile = cast("InstanceProfile", made)
        profile.create_date = naive(created)
        self.instance_profiles[name] = profile

    def new_key(self, owner: str | None, label: str, created: datetime) -> AccessKey:
        """A key not yet given to anybody; its id is derived, its secret is random and told to nobody."""
        key = cast("AccessKey", AccessKey(owner, "AKIA", self.account_id))
        key.access_key_id = stable_id("AKIA", self.account_id, owner or "", label, created.isoformat())[:20]
        key.create_date = naive(created)
        return key

    def add_mfa(self, user: User, moment: datetime) -> None:
        device = VirtualMfaDevice(self.account_id, self.region_name, f"/{user.name}")
        device.enable_date, device.user = naive(moment), user
        device.user_attribute = {
            "Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": user.arn,
            "CreateDate": user.create_date,
        }  # fmt: skip
        self.virtual_mfa_devices[device.serial_number] = device
        entry = MFADevice(device.serial_number, "", "")
        entry.enable_date = naive(moment)
        user.mfa_devices[device.serial_number] = entry

    def remove_mfa(self, user: User) -> None:
        for serial in list(user.mfa_devices):
            del user.mfa_devices[serial]
            self.virtual_mfa_devices.pop(serial, None)


def set_boundary(holder: User, arn: str) -> None:
    """A user's permissions boundary; moto has an attribute for roles only and answers whatever stands here."""
    holder.permissions_boundary = {  # type: ignore[attr-defined]
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": arn,
    }


def mark_used(key: AccessKey, moment: datetime, service: str, region: str) -> None:
    key.last_used = AccessKeyLastUsed(naive(moment), service, region)


def _by_name(entries: Iterable[Any]) -> list[Any]:
    return sorted(entries, key=lambda entry: entry.name)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _stamp(moment: datetime | None, absent: str = "N/A") -> str:
    return absent if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _credential_cells(keys: list[AccessKey]) -> list[str]:
    return [*_key_cells(keys, 0), *_key_cells(keys, 1), "false", "N/A", "false", "N/A"]  # no signing certificates


def _key_cells(keys: list[AccessKey], place: int) -> list[str]:
    if place >= len(keys):
        return ["false", "N/A", "N/A", "N/A", "N/A"]
    key = keys[place]
    used = key.last_used
    cells = [_flag(key.status == "Active"), _stamp(key.create_date)]
    if used is None:
        return [*cells, "N/A", "N/A", "N/A"]
    return [*cells, _stamp(used.timestamp), used.region, used.service]
