"""What the accounts' history looks like as records of CloudTrail: what `aws.yaml` says was done, and by whom.

The file does not say who did it: the account's first administrator did, and people sign in for themselves.
"""

from __future__ import annotations

import bisect
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sandbox.aws import company as script
from sandbox.aws.iam_backend import stable_id

Record = dict[str, Any]
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_SPACE = uuid.UUID("6c1f6e5a-9a4e-4a57-8d0e-2b6a3a0f6a11")
_GLOBAL_REGION = "us-east-1"
SHOWN_AFTER = timedelta(minutes=5)
"""So long after an event the event history shows it."""
HISTORY = timedelta(days=90)


class Recorded:
    """The records of a company, whether or not a trail delivers them."""

    def __init__(self, company: script.AwsCompany) -> None:
        self._company = company

    def between(self, account: str, region: str, start: datetime, end: datetime) -> list[Record]:
        """The records of [start, end), in the order of their times."""
        times, records = self._records.get((account, region), ([], []))
        found = records[bisect.bisect_left(times, start) : bisect.bisect_left(times, end)]
        if region == _GLOBAL_REGION:
            found += [one for one in signed_in(self._company, start, end) if one["recipientAccountId"] == account]
        return sorted(found, key=at_of)

    def history(self, account: str, region: str, start: datetime, end: datetime, now: datetime) -> list[Record]:
        """What the event history shows of [start, end], the latest first."""
        low, high = max(start, now - HISTORY), min(end, now - SHOWN_AFTER)
        found = self.between(account, region, low, high + timedelta(seconds=1)) if low <= high else []
        return [one for one in reversed(found) if at_of(one) <= high]

    @cached_property
    def _records(self) -> dict[tuple[str, str], tuple[list[datetime], list[Record]]]:
        by_place: dict[tuple[str, str], list[Record]] = {}
        for record in sorted(records_of(self._company), key=at_of):
            by_place.setdefault((str(record["recipientAccountId"]), str(record["awsRegion"])), []).append(record)
        return {place: ([at_of(one) for one in records], records) for place, records in by_place.items()}


def at_of(record: Record) -> datetime:
    """When it happened."""
    return datetime.fromisoformat(str(record["eventTime"]))


def records_of(company: script.AwsCompany) -> Iterator[Record]:
    """Every record that follows from the events of the file, and those that stand beside it."""
    accounts = {account.id: account for account in company.accounts}
    for event in company.events:
        account = accounts[event.account]
        for number, (name, parameters) in enumerate(_calls(event)):
            yield _record(account, event.at, name, _doer(account, event), parameters, number)
    for account in company.accounts:
        for user in account.users:
            actor = _user(account, _first_administrator(account))
            yield _record(account, user.created, "CreateUser", actor, {"userName": user.name})
    yield from company.trail_events


def signed_in(company: script.AwsCompany, start: datetime, end: datetime) -> Iterator[Record]:
    """The sign-ins of people who come back every so often, in [start, end)."""
    for account in company.accounts:
        gone = {
            event.user: event.at
            for event in company.events
            if isinstance(event, script.UserDeleted) and event.account == account.id
        }
        for user in account.users:
            if user.signs_in_every_hours is None:
                continue
            step = timedelta(hours=user.signs_in_every_hours)
            at = user.created + step * max(1, -((user.created - start) // step))
            while at < min(end, gone.get(user.name, end)):
                if at >= start:
                    yield _sign_in(account, user, at, _has_factor(company, account, user, at))
                at += step


def _has_factor(company: script.AwsCompany, account: script.Account, user: script.User, at: datetime) -> bool:
    state = user.mfa
    for event in company.events:
        if event.account == account.id and event.at <= at and getattr(event, "user", None) == user.name:
            state = True if isinstance(event, script.MfaAdded) else state
            state = False if isinstance(event, script.MfaRemoved) else state
    return state


def _calls(event: script.Event) -> list[tuple[str, Mapping[str, Any] | None]]:
    """The calls that an event of the file consists of; none for what CloudTrail does not record as one."""
    for kind, calls in _CALLS.items():
        if isinstance(event, kind):
            return calls(event)
    return []


_CALLS: dict[type[Any], Callable[[Any], list[tuple[str, Mapping[str, Any] | None]]]] = {
    script.UserDeleted: lambda e: [("DeleteLoginProfile", {"userName": e.user}), ("DeleteUser", {"userName": e.user})],
    script.PasswordSet: lambda e: [("CreateLoginProfile", {"userName": e.user})],
    script.PasswordRemoved: lambda e: [("DeleteLoginProfile", {"userName": e.user})],
    script.SignedIn: lambda e: [("ConsoleLogin", None)],
    script.MfaAdded: lambda e: [("EnableMFADevice", {"userName": e.user})],
    script.MfaRemoved: lambda e: [("DeactivateMFADevice", {"userName": e.user})],
    script.JoinedGroup: lambda e: [("AddUserToGroup", {"userName": e.user, "groupName": e.group})],
    script.LeftGroup: lambda e: [("RemoveUserFromGroup", {"userName": e.user, "groupName": e.group})],
    script.KeyCreated: lambda e: [("CreateAccessKey", {"userName": e.user})],
    script.KeyRotated: lambda e: [
        ("CreateAccessKey", {"userName": e.user}), ("DeleteAccessKey", {"userName": e.user}),
    ],
    script.KeyDeactivated: lambda e: [("UpdateAccessKey", {"userName": e.user, "status": "Inactive"})],
    script.KeyDeleted: lambda e: [("DeleteAccessKey", {"userName": e.user})],
    script.PolicyAttached: lambda e: [_on_principal("Attach{}Policy", e, {"policyArn": e.policy})],
    script.PolicyDetached: lambda e: [_on_principal("Detach{}Policy", e, {"policyArn": e.policy})],
    script.InlinePut: lambda e: [_on_principal("Put{}Policy", e, {"policyName": e.policy})],
    script.InlineRemoved: lambda e: [_on_principal("Delete{}Policy", e, {"policyName": e.policy})],
    script.PolicyChanged: lambda e: [("CreatePolicyVersion", {"policyArn": e.policy, "setAsDefault": True})],
    script.RoleDeleted: lambda e: [("DeleteRole", {"roleName": e.role})],
    script.RootSignedIn: lambda e: [("ConsoleLogin", None)],
    script.RootMfaAdded: lambda e: [("EnableMFADevice", {"userName": "AWS ROOT USER"})],
    script.RootMfaRemoved: lambda e: [("DeactivateMFADevice", {"userName": "AWS ROOT USER"})],
    script.RootKeyCreated: lambda e: [("CreateAccessKey", None)],
    script.RootKeyDeleted: lambda e: [("DeleteAccessKey", None)],
}  # fmt: skip

_OF_ROOT = (
    script.RootSignedIn, script.RootMfaAdded, script.RootMfaRemoved, script.RootKeyCreated, script.RootKeyDeleted,
)  # fmt: skip


def _on_principal(name: str, event: Any, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind, _, who = event.principal.partition(":")
    return name.format(kind.title()), {f"{kind}Name": who, **parameters}


def _doer(account: script.Account, event: script.Event) -> Record:
    if isinstance(event, _OF_ROOT):
        return {
            "type": "Root", "principalId": account.id, "arn": f"arn:aws:iam::{account.id}:root",
            "accountId": account.id,
        }  # fmt: skip
    if isinstance(event, script.SignedIn):
        return _user(account, event.user)
    return _user(account, _first_administrator(account))


def _first_administrator(account: script.Account) -> str:
    groups = {group.name for group in account.groups if _ADMINISTRATOR in group.attached}
    found = [user for user in account.users if _ADMINISTRATOR in user.attached or groups & set(user.groups)]
    return min(found, key=lambda user: user.created).name if found else "administrator"


def _user(account: script.Account, name: str) -> Record:
    return {
        "type": "IAMUser", "principalId": stable_id("AIDA", account.id, name), "accountId": account.id,
        "arn": f"arn:aws:iam::{account.id}:user/{name}", "userName": name,
    }  # fmt: skip


def _sign_in(account: script.Account, user: script.User, at: datetime, factor: bool) -> Record:
    record = _record(account, at, "ConsoleLogin", _user(account, user.name), None)
    record["additionalEventData"] = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No",
                                     "MFAUsed": "Yes" if factor else "No"}  # fmt: skip
    return record


def _record(
    account: script.Account,
    at: datetime,
    name: str,
    identity: Record,
    parameters: Mapping[str, Any] | None,
    number: int = 0,
) -> Record:
    sign_in = name == "ConsoleLogin"
    marks = f"{account.id}/{at.isoformat()}/{name}/{identity['arn']}/{parameters}/{number}"
    record: Record = {
        "eventVersion": "1.09",
        "userIdentity": identity,
        "eventTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "signin.amazonaws.com" if sign_in else "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": _GLOBAL_REGION,
        "sourceIPAddress": "198.51.100.23",
        "userAgent": "Mozilla/5.0" if sign_in else "aws-cli/2.17.0",
        "requestParameters": None if parameters is None else dict(parameters),
        "responseElements": {"ConsoleLogin": "Success"} if sign_in else None,
        "eventID": str(uuid.uuid5(_SPACE, marks)),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn" if sign_in else "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account.id,
        "eventCategory": "Management",
    }
    if not sign_in:
        record["requestID"] = str(uuid.uuid5(_SPACE, marks + "/request"))
    return record
