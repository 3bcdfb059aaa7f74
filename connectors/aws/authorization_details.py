"""The whole of `GetAccountAuthorizationDetails`: every user, group, role and policy in use, and what power each gives.

Principals are spooled to disk while pages come in, because a user can stand before the policy that it holds; what is
kept in memory is the reading of policies and groups.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

import orjson

from connectors.aws.calls import Caller
from connectors.aws.policies import Holder, Level, Reading, read_policy
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import Sink

FILTER = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
QUERY = f"iam:GetAccountAuthorizationDetails Filter={','.join(FILTER)}\niam:GetAccountSummary"

# List in the answer, and its count in the account summary.
_KINDS = (
    ("UserDetailList", "Users"),
    ("GroupDetailList", "Groups"),
    ("RoleDetailList", "Roles"),
    ("Policies", "Policies"),
)


@dataclass(slots=True)
class Held:
    """A policy as somebody holds it."""

    name: str
    arn: str | None
    reading: Reading


@dataclass(slots=True)
class Details:
    """What was read of policies and groups, and which principals went by. `entries` are users and roles."""

    id: str
    spool: IO[bytes] = field(repr=False)
    partition: str = "aws"
    managed: dict[str, Reading] = field(default_factory=dict)
    groups: dict[str, tuple[str, list[str], list[Held]]] = field(default_factory=dict)
    """By name: ARN, ARNs of attached policies, inline policies."""
    group_entries: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    seen: dict[str, set[str]] = field(default_factory=lambda: {kind[0]: set() for kind in _KINDS})
    aws_managed: int = 0
    repeated: int = 0
    pages: int = 0
    observed_at: datetime | None = None
    words: str = ""
    counted: int = 0
    """By the account itself, with AWS's policies in use, which it does not count."""
    summary: Mapping[str, int] = field(default_factory=dict[str, int])

    def read(self) -> dict[str, int]:
        """How many of each list."""
        return {name: len(ids) for name, ids in self.seen.items()}

    def entries(self) -> Iterator[dict[str, Any]]:
        """Users and roles, as AWS describes them."""
        self.spool.seek(0)
        for line in self.spool:
            yield orjson.loads(line)


@contextmanager
def account_details(caller: Caller, sink: Sink, dataset: Dataset) -> Generator[Details]:
    """Read them all, and compare with the account's own counts.

    Raises what `connectors.aws.calls` raises, and `IncompletePopulation` where the account counts more than it tells.
    """
    before = _counts(caller, sink, dataset)
    with tempfile.TemporaryFile() as spool:
        details = Details(caller.account, spool)
        for page in caller.pages(
            "iam:GetAccountAuthorizationDetails", asked="Marker", answered="Marker", more="IsTruncated",
            Filter=list(FILTER),
        ):  # fmt: skip
            page.keep(sink, dataset)
            details.observed_at = details.observed_at or page.served_at
            details.pages += 1
            _take(details, page.parsed)
        details.summary = _counts(caller, sink, dataset)
        details.words = _reconciled(details, before, details.summary)
        details.counted = sum(details.summary[count] for _, count in _KINDS) + details.aws_managed
        yield details


def power_of(details: Details, entry: Mapping[str, Any]) -> Level | None:
    """The highest power that a user or role has by all it holds."""
    kind = "user" if "UserId" in entry else "role"
    holder = holder_of(details, entry, kind)
    return _highest([held.reading.power_of(holder) for _, _, held in ways_of(details, entry, kind)])


def power_of_group(details: Details, name: str) -> Level | None:
    """The highest power that a group gives to whoever is in it."""
    arn, attached, inline = _group(details, name)
    own = {"group": [arn], "policy": [one for one in attached if one.split(":")[4] != "aws"]}
    held = [*(_managed(details, one) for one in attached), *inline]
    return _highest([one.reading.power_of(Holder(own, None)) for one in held])


def _highest(powers: list[Any]) -> Level | None:
    levels = {power.level for power in powers if power is not None}
    return "administrator" if "administrator" in levels else "iam_administrator" if levels else None


def _counts(caller: Caller, sink: Sink, dataset: Dataset) -> Mapping[str, int]:
    answer = caller.ask("iam:GetAccountSummary").keep(sink, dataset)
    summary = answer.parsed.get("SummaryMap")
    if not isinstance(summary, Mapping) or not all(isinstance(summary.get(count), int) for _, count in _KINDS):
        raise SchemaDrift("iam:GetAccountSummary answers without the numbers of users, groups, roles and policies.")
    return summary


def _take(account: Details, page: Mapping[str, Any]) -> None:
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
                account.group_entries.append(entry)
                account.groups[entry["GroupName"]] = (arn, attached, _inline(account, entry, "GroupPolicyList"))
            else:
                account.spool.write(orjson.dumps(entry, default=str) + b"\n")


def _take_policy(account: Details, entry: Mapping[str, Any], arn: str) -> None:
    account.aws_managed += arn.split(":")[4] == "aws"
    default = [version for version in entry.get("PolicyVersionList", []) if version.get("IsDefaultVersion")]
    if len(default) != 1:
        raise SchemaDrift(f"The policy {arn} comes without its one default version.")
    account.managed[arn] = read_policy(
        default[0].get("Document"), account=account.id, partition=account.partition, name=arn
    )


def _reconciled(account: Details, before: Mapping[str, int], after: Mapping[str, int]) -> str:
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


def _inline(account: Details, entry: Mapping[str, Any], name: str) -> list[Held]:
    return [
        Held(
            policy["PolicyName"], None,
            read_policy(
                policy["PolicyDocument"], account=account.id, partition=account.partition, name=policy["PolicyName"]
            ),
        )
        for policy in entry.get(name, [])
    ]  # fmt: skip


def holder_of(account: Details, entry: Mapping[str, Any], kind: str) -> Holder:
    """Who holds the policies of a user or role."""
    groups = [_group(account, name) for name in entry.get("GroupList", [])]
    policies = [policy["PolicyArn"] for policy in entry.get("AttachedManagedPolicies", [])]
    policies += [arn for _, attached, _ in groups for arn in attached]
    own = {
        kind: [entry["Arn"]],
        "group": [arn for arn, _, _ in groups],
        "policy": [arn for arn in policies if arn.split(":")[4] != "aws"],  # nobody can change AWS's own
    }
    return Holder(own, entry["UserName"] if kind == "user" else None)


def ways_of(account: Details, entry: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str | None, Held]]:
    """How a principal holds each of its policies: way, group, policy. The same policy once per way and group."""
    counted: Counter[tuple[str, str | None, str]] = Counter()

    def once(way: str, group: str | None, held: Held) -> Iterator[tuple[str, str | None, Held]]:
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


def _managed(account: Details, arn: str) -> Held:
    reading = account.managed.get(arn)
    if reading is None:
        raise IncompletePopulation(
            f"The policy {arn} is attached in account {account.id} and its document is not in the answer, so nobody "
            "can tell what power it gives. Nothing was kept; run again."
        )
    return Held(arn.rpartition("/")[2], arn, reading)


def _group(account: Details, name: str) -> tuple[str, list[str], list[Held]]:
    group = account.groups.get(name)
    if group is None:
        raise IncompletePopulation(
            f"A user of account {account.id} is in a group that is not in the answer, so nobody can tell what power it "
            "gives. Nothing was kept; run again."
        )
    return group
