"""Every way to administrative power in an account, from the whole of `GetAccountAuthorizationDetails`.

One row per way: principal, how it holds the policy (`attached`, `inline`, `group_attached`, `group_inline`), policy,
group. What counts as power is said in `connectors.aws.policies`. Root is always an administrator and holds no policy:
it has no row here but in `aws.sign_in`.

Principals are spooled to disk while pages come in, because a user can stand before the policy that it holds; what is
kept in memory is the reading of policies and groups.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import orjson

from connectors.aws.calls import Caller
from connectors.aws.policies import Holder, Reading, read_policy, trusted_principals
from connectors.aws.session import AwsClient
from schemas.aws import PRIVILEGES
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import optional_instant

FILTER = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")

_QUERY = f"iam:GetAccountAuthorizationDetails Filter={','.join(FILTER)}\niam:GetAccountSummary"
_SERVICE_LINKED = "/aws-service-role/"

# List in the answer, and its count in the account summary.
_KINDS = (
    ("UserDetailList", "Users"),
    ("GroupDetailList", "Groups"),
    ("RoleDetailList", "Roles"),
    ("Policies", "Policies"),
)


@dataclass(slots=True)
class _Held:
    """A policy as somebody holds it."""

    name: str
    arn: str | None
    reading: Reading


@dataclass(slots=True)
class _Account:
    """What was read of policies and groups, and which principals went by."""

    id: str
    partition: str = "aws"
    managed: dict[str, Reading] = field(default_factory=dict)
    groups: dict[str, tuple[str, list[str], list[_Held]]] = field(default_factory=dict)
    """By name: ARN, ARNs of attached policies, inline policies."""
    seen: dict[str, set[str]] = field(default_factory=lambda: {kind[0]: set() for kind in _KINDS})
    aws_managed: int = 0
    repeated: int = 0


def privileges(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.privileges` for an item `aws:<account>`.

    Raises what `connectors.aws.calls` raises, and `IncompletePopulation` where the account counts more than it tells,
    or where somebody holds a policy or group whose description is not in the answer.
    """
    client: AwsClient = session.client
    caller = client.account(request.item.id.removeprefix("aws:"))
    account = _Account(caller.account)
    before = _counts(caller, sink)
    observed_at: datetime | None = None
    pages = 0
    with tempfile.TemporaryFile() as spool:
        for page in caller.pages(
            "iam:GetAccountAuthorizationDetails", asked="Marker", answered="Marker", more="IsTruncated",
            Filter=list(FILTER),
        ):  # fmt: skip
            page.keep(sink, PRIVILEGES)
            observed_at = observed_at or page.served_at
            pages += 1
            _take(account, page.parsed, spool)
        after = _counts(caller, sink)
        words = _reconciled(account, before, after)
        spool.seek(0)
        sink.rows(PRIVILEGES, _rows(request.item.id, account, spool))
    read = {name: len(ids) for name, ids in account.seen.items()}
    return [
        ItemClaim(
            PRIVILEGES.name,
            _QUERY,
            {"account": caller.account, "principal": caller.principal, "read": read},
            observed_at=observed_at,
            pages=pages,
            rows_returned=sum(read.values()),
            independent_count=sum(after[count] for _, count in _KINDS) + account.aws_managed,
            reconciliation=words,
            drop_rules={"repeated on a later page": account.repeated} if account.repeated else {},
        )
    ]


def _counts(caller: Caller, sink: Sink) -> Mapping[str, int]:
    answer = caller.ask("iam:GetAccountSummary").keep(sink, PRIVILEGES)
    summary = answer.parsed.get("SummaryMap")
    if not isinstance(summary, Mapping) or not all(isinstance(summary.get(count), int) for _, count in _KINDS):
        raise SchemaDrift("iam:GetAccountSummary answers without the numbers of users, groups, roles and policies.")
    return summary


def _take(account: _Account, page: Mapping[str, Any], spool: IO[bytes]) -> None:
    """One page: policies and groups are read at once, users and roles are put aside."""
    for name, _ in _KINDS:
        for entry in page.get(name, []):
            arn = entry.get("Arn")
            if not arn:
                raise SchemaDrift(f"An entry of {name} has no Arn.")
            if arn in account.seen[name]:
                account.repeated += 1
                continue
            account.seen[name].add(arn)
            account.partition = arn.split(":")[1]
            if name == "Policies":
                _take_policy(account, entry, arn)
                continue
            if arn.split(":")[4] != account.id:
                raise IncompletePopulation(f"The details asked of account {account.id} hold one of another account.")
            if name == "GroupDetailList":
                attached = [policy["PolicyArn"] for policy in entry.get("AttachedManagedPolicies", [])]
                account.groups[entry["GroupName"]] = (arn, attached, _inline(account, entry, "GroupPolicyList"))
            else:
                spool.write(orjson.dumps(entry, default=str) + b"\n")


def _take_policy(account: _Account, entry: Mapping[str, Any], arn: str) -> None:
    account.aws_managed += arn.split(":")[4] == "aws"
    default = [version for version in entry.get("PolicyVersionList", []) if version.get("IsDefaultVersion")]
    if len(default) != 1:
        raise SchemaDrift(f"The policy {arn} comes without its one default version.")
    account.managed[arn] = read_policy(
        default[0].get("Document"), account=account.id, partition=account.partition, name=arn
    )


def _reconciled(account: _Account, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Compare with the account's own counts, taken before and after. Fewer than both is a loss and refused."""
    words: list[str] = []
    for name, count in _KINDS:
        read = len(account.seen[name]) - (account.aws_managed if name == "Policies" else 0)
        if read < min(before[count], after[count]):
            raise IncompletePopulation(
                f"Account {account.id} counts {min(before[count], after[count])} {count.lower()} and tells of {read}. "
                "Nothing was kept; run again."
            )
        told = f"{before[count]}" if before[count] == after[count] else f"{before[count]} before, {after[count]} after"
        words.append(f"{read} {count.lower()} ({told} by GetAccountSummary)")
    return f"{', '.join(words)}; {account.aws_managed} AWS-managed policies in use, which the account does not count"


def _inline(account: _Account, entry: Mapping[str, Any], name: str) -> list[_Held]:
    return [
        _Held(
            policy["PolicyName"], None,
            read_policy(
                policy["PolicyDocument"], account=account.id, partition=account.partition, name=policy["PolicyName"]
            ),
        )
        for policy in entry.get(name, [])
    ]  # fmt: skip


def _rows(item: str, account: _Account, spool: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in spool:
        entry: dict[str, Any] = orjson.loads(line)
        kind = "user" if "UserId" in entry else "role"
        holder = _holder(account, entry, kind)
        ways = list(_ways(account, entry, kind))
        denied_by = sorted({held.name for _, _, held in ways if held.reading.denies})
        for way, group, held in ways:
            power = held.reading.power_of(holder)
            if power is None:
                continue
            trust = entry.get("AssumeRolePolicyDocument")
            yield {
                "scope_item_id": item,
                "assignment_id": "|".join((entry["Arn"], way, held.arn or held.name, group or "")),
                "account_id": account.id,
                "principal_arn": entry["Arn"],
                "principal_kind": kind,
                "principal_name": entry["UserName" if kind == "user" else "RoleName"],
                "principal_id": entry["UserId" if kind == "user" else "RoleId"],
                "principal_created_at": _instant(entry.get("CreateDate")),
                "way": way,
                "group_name": group,
                "policy_name": held.name,
                "policy_arn": held.arn,
                "level": power.level,
                "conditional": power.conditional,
                "permissions_boundary": (entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
                "trusted_principals": [] if trust is None else trusted_principals(trust),
                "service_linked": kind == "role" and entry["Path"].startswith(_SERVICE_LINKED),
                "last_used_at": _instant((entry.get("RoleLastUsed") or {}).get("LastUsedDate")),
                "raw": orjson.dumps({"principal": entry, "policies_with_deny": denied_by}).decode(),
            }


def _holder(account: _Account, entry: Mapping[str, Any], kind: str) -> Holder:
    groups = [_group(account, name) for name in entry.get("GroupList", [])]
    policies = [policy["PolicyArn"] for policy in entry.get("AttachedManagedPolicies", [])]
    policies += [arn for _, attached, _ in groups for arn in attached]
    own = {
        kind: [entry["Arn"]],
        "group": [arn for arn, _, _ in groups],
        "policy": [arn for arn in policies if arn.split(":")[4] != "aws"],  # nobody can change AWS's own
    }
    return Holder(own, entry["UserName"] if kind == "user" else None)


def _ways(account: _Account, entry: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str | None, _Held]]:
    """How a principal holds each of its policies: way, group, policy. The same policy once per way and group."""
    counted: Counter[tuple[str, str | None, str]] = Counter()

    def once(way: str, group: str | None, held: _Held) -> Iterator[tuple[str, str | None, _Held]]:
        key = (way, group, held.arn or held.name)
        counted[key] += 1
        if counted[key] == 1:
            yield way, group, held

    for policy in entry.get("AttachedManagedPolicies", []):
        yield from once("attached", None, _managed(account, policy["PolicyArn"]))
    for held in _inline(account, entry, "UserPolicyList" if kind == "user" else "RolePolicyList"):
        yield from once("inline", None, held)
    for name in entry.get("GroupList", []):
        _, attached, inline = _group(account, name)
        for arn in attached:
            yield from once("group_attached", name, _managed(account, arn))
        for held in inline:
            yield from once("group_inline", name, held)


def _managed(account: _Account, arn: str) -> _Held:
    reading = account.managed.get(arn)
    if reading is None:
        raise IncompletePopulation(
            f"The policy {arn} is attached in account {account.id} and its document is not in the answer, so nobody "
            "can tell what power it gives. Nothing was kept; run again."
        )
    return _Held(arn.rpartition("/")[2], arn, reading)


def _group(account: _Account, name: str) -> tuple[str, list[str], list[_Held]]:
    group = account.groups.get(name)
    if group is None:
        raise IncompletePopulation(
            f"A user of account {account.id} is in a group that is not in the answer, so nobody can tell what power it "
            "gives. Nothing was kept; run again."
        )
    return group


def _instant(text: str | None) -> datetime | None:
    moment = optional_instant(text)
    return None if moment is None else moment.astimezone(UTC)
