"""Who comes into an account through IAM Identity Center: people, groups, and the permission sets they were given there.

An instance belongs to one account and one region; other accounts of the organisation see that it is there and may not
read it. It is then read with the credentials of the account that holds it, where the programme names that account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.calls import Caller
from connectors.aws.reading import Json, Reading, field_of
from connectors.aws.session import AwsClient
from schemas.errors import ConfigurationError, IncompletePopulation, PermissionDenied

QUERY = (
    "sso:ListInstances, each enabled region\nsso:ListPermissionSetsProvisionedToAccount AccountId=account\n"
    "sso:DescribePermissionSet\nsso:ListAccountAssignments AccountId=account\nidentitystore:ListUsers\n"
    "identitystore:ListGroups\nidentitystore:ListGroupMemberships"
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One permission set that one person or group has in the account."""

    permission_set_arn: str
    permission_set: str
    principal_type: str
    principal_id: str
    record: Json


@dataclass(slots=True)
class Directory:
    """One instance, as far as it concerns one account."""

    instance_arn: str
    store: str
    holds: bool
    """The account holds it, so that everybody in it stands there."""
    users: dict[str, Json] = field(default_factory=dict[str, Json])
    groups: dict[str, Json] = field(default_factory=dict[str, Json])
    members: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Ids of users by id of the group."""
    assignments: list[Assignment] = field(default_factory=list[Assignment])

    def groups_of(self, user: str) -> list[str]:
        return sorted(group for group, users in self.members.items() if user in users)


def directories(reading: Reading, client: AwsClient) -> Iterator[Directory]:
    """Every instance that the account sees and that can be read; one that can't be read is said in the claim."""
    found: dict[str, tuple[str, Json]] = {}

    def look(region: str) -> None:
        for entry in reading.entries(
            "sso-admin:ListInstances", "Instances", key=lambda one: one.get("InstanceArn"), region=region
        ):
            arn = str(field_of(entry.parsed, "InstanceArn", "An instance of Identity Center"))
            found.setdefault(arn, (region, entry.parsed))

    reading.in_each_region(look)
    for arn, (region, instance) in found.items():
        directory = _read(reading, client, region, instance, arn)
        if directory is not None:
            yield directory


def _read(reading: Reading, client: AwsClient, region: str, instance: Json, arn: str) -> Directory | None:
    owner = str(field_of(instance, "OwnerAccountId", "An instance of Identity Center"))
    store = str(field_of(instance, "IdentityStoreId", "An instance of Identity Center"))
    own = reading.caller
    # A delegated administrator may read it as well: where the programme does not name the account that holds it, it is
    # asked for with the account's own credentials.
    with suppress(ConfigurationError):
        reading.caller = own if owner == own.account else client.account(owner)
    reader = reading.caller
    directory = Directory(arn, store, owner == own.account)
    try:
        _fill(_Lists(reading, region), directory, own.account)
    except PermissionDenied as denied:
        if reader is own and owner == own.account:
            raise
        reading.refused[f"Identity Center of account {owner}"] = denied.permission or "a right that AWS does not name"
        return None
    finally:
        reading.caller = own
    return directory


@dataclass(frozen=True, slots=True)
class _Lists:
    reading: Reading
    region: str

    @property
    def caller(self) -> Caller:
        return self.reading.caller

    def of(self, operation: str, name: str, key: str, **parameters: Any) -> list[Json]:
        return [
            entry.parsed
            for entry in self.reading.entries(
                operation, name, key=lambda one: str(one.get(key)), region=self.region, **parameters
            )
        ]


def _fill(lists: _Lists, directory: Directory, account: str) -> None:
    store = {"IdentityStoreId": directory.store}
    directory.users = _by_id(lists.of("identitystore:ListUsers", "Users", "UserId", **store), "UserId")
    directory.groups = _by_id(lists.of("identitystore:ListGroups", "Groups", "GroupId", **store), "GroupId")
    directory.assignments = list(_assignments(lists, directory, account))
    let_in = {(one.principal_type, one.principal_id) for one in directory.assignments}
    for kind, known in (("USER", directory.users), ("GROUP", directory.groups)):
        unknown = {one for type_, one in let_in if type_ == kind} - set(known)
        if unknown:
            raise IncompletePopulation(
                f"{len(unknown)} {kind.lower()}(s) of Identity Center are let into account {account} and not listed. "
                "Nothing was kept; run again."
            )
    for group in sorted(directory.groups):
        if directory.holds or ("GROUP", group) in let_in:
            directory.members[group] = [
                str((one.get("MemberId") or {}).get("UserId"))
                for one in lists.of(
                    "identitystore:ListGroupMemberships", "GroupMemberships", "MembershipId", GroupId=group, **store
                )
            ]
    if not directory.holds:
        people = {one for kind, one in let_in if kind == "USER"}
        people |= {user for users in directory.members.values() for user in users}
        directory.users = {one: directory.users[one] for one in sorted(people & set(directory.users))}
        directory.groups = {one: directory.groups[one] for one in directory.members}


def _assignments(lists: _Lists, directory: Directory, account: str) -> Iterator[Assignment]:
    instance = {"InstanceArn": directory.instance_arn}
    reading = lists.reading
    provisioned = [
        str(entry.parsed)
        for entry in reading.entries(
            "sso-admin:ListPermissionSetsProvisionedToAccount", "PermissionSets", key=str, region=lists.region,
            AccountId=account, **instance,
        )
    ]  # fmt: skip
    for arn in provisioned:
        answer = reading.ask("sso-admin:DescribePermissionSet", region=lists.region, PermissionSetArn=arn, **instance)
        described: Json = field_of(answer.parsed, "PermissionSet", "sso:DescribePermissionSet")
        name = str(field_of(described, "Name", "A permission set"))
        for entry in reading.entries(
            "sso-admin:ListAccountAssignments", "AccountAssignments", region=lists.region, AccountId=account,
            key=lambda one: (one.get("PrincipalType"), one.get("PrincipalId")), PermissionSetArn=arn, **instance,
        ):  # fmt: skip
            one = entry.parsed
            yield Assignment(
                arn, name, str(field_of(one, "PrincipalType", "An assignment")),
                str(field_of(one, "PrincipalId", "An assignment")), {"assignment": one, "permission_set": described},
            )  # fmt: skip


def _by_id(listed: list[Json], name: str) -> dict[str, Json]:
    return {str(field_of(one, name, "An entry of Identity Center")): one for one in listed}


def work_address(user: Mapping[str, Any]) -> str | None:
    """The primary address, or the only one."""
    emails: list[Json] = list(user.get("Emails") or [])
    primary = [one for one in emails if one.get("Primary")] or (emails if len(emails) == 1 else [])
    return str(primary[0].get("Value")) if primary else None
