"""The inventory of accounts: every member of the organisation(s), and every account of the programme, listed or not.

An account that can't be read, has left the organisation or never was in one still has a row. AWS gives no count of
accounts, so the list is checked against a second walk, down the organisation's tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.aws.calls import Answer, Caller
from connectors.aws.session import AwsClient
from schemas.aws import ACCOUNTS
from schemas.errors import IncompletePopulation, PermissionDenied, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

STAND_ALONE = "STANDALONE"
"""Status of an account that can be read and is in no organisation that tells about it."""

UNKNOWN = "UNKNOWN"
"""Status of an account that the programme names, that nobody lists and that can't be read."""

_NOT_IN_USE = "AWSOrganizationsNotInUseException"
_QUERY = (
    "organizations:DescribeOrganization\norganizations:ListAccounts\norganizations:ListRoots\n"
    "organizations:ListOrganizationalUnitsForParent\norganizations:ListAccountsForParent\n"
    "organizations:DescribeAccount (of accounts that an earlier inventory had)\n"
    "ec2:DescribeRegions AllRegions=false"
)


@dataclass(slots=True)
class _Inventory:
    sink: Sink
    members: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Organisations' own records by account id."""
    managers: set[str] = field(default_factory=set)
    organisations: dict[str, Caller] = field(default_factory=dict)
    """By organisation id, the account through which it was read."""
    observed_at: datetime | None = None
    pages: int = 0
    repeated: int = 0
    words: list[str] = field(default_factory=list)

    def keep(self, answer: Answer) -> Answer:
        answer.keep(self.sink, ACCOUNTS)
        self.observed_at = min(self.observed_at or answer.served_at, answer.served_at)
        return answer


def accounts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.accounts` for the item `org:<slug>`.

    Raises what `connectors.aws.calls` raises; `PermissionDenied` where an organisation is in use and none of the
    programme's accounts may list it; `IncompletePopulation` where list and tree differ, or where an account of the
    last inventory is missing from the list and still there.
    """
    client: AwsClient = session.client
    inventory = _Inventory(sink)
    readable: dict[str, list[str]] = {}
    in_scope = [access.account_id for access in client.accounts]
    for account_id in in_scope:
        try:
            readable[account_id] = _regions(client, account_id, inventory)
        except PermissionDenied as denied:
            if denied.permission is None or not denied.permission.startswith("sts:AssumeRole"):
                raise
            inventory.words.append(f"account {account_id} of the programme can't be read")
    if not readable:
        raise PermissionDenied(
            "None of the accounts under scope.aws.accounts can be read, so nobody can tell which accounts there are. "
            "Correct the roles and whom they trust.",
            permission="sts:AssumeRole",
        )
    _read_organisations(client, list(readable), inventory)
    _confirm_missing(request, in_scope, inventory)
    sink.rows(ACCOUNTS, _rows(request.item.id, in_scope, readable, inventory))
    outside = [account_id for account_id in in_scope if account_id not in inventory.members]
    if outside and inventory.members:
        inventory.words.append(f"of the programme and in no organisation's list: {', '.join(outside)}")
    return [
        ItemClaim(
            ACCOUNTS.name,
            _QUERY,
            {"asked_through": sorted(readable), "organisations": sorted(inventory.organisations)},
            observed_at=inventory.observed_at,
            pages=inventory.pages,
            rows_returned=len(inventory.members) + len(outside),
            independent_count=len(inventory.members) + len(outside) if inventory.members else None,
            reconciliation="; ".join(inventory.words) or "no organisation in use: the programme's accounts stand alone",
            drop_rules={"repeated on a later page": inventory.repeated} if inventory.repeated else {},
        )
    ]


def _regions(client: AwsClient, account_id: str, inventory: _Inventory) -> list[str]:
    """The enabled regions of an account; the first call that takes on its role."""
    answer = inventory.keep(client.account(account_id).ask("ec2:DescribeRegions", AllRegions=False))
    regions = answer.parsed.get("Regions")
    if not isinstance(regions, list) or not regions:
        raise SchemaDrift(f"ec2:DescribeRegions answers without regions for account {account_id}.")
    return sorted(str(region["RegionName"]) for region in regions)


def _read_organisations(client: AwsClient, readable: list[str], inventory: _Inventory) -> None:
    """List each organisation that one of the accounts belongs to, through an account that may."""
    members: dict[str, list[str]] = {}
    managers: dict[str, str] = {}
    for account_id in readable:
        answer = client.account(account_id).ask("organizations:DescribeOrganization", expect=(_NOT_IN_USE,))
        inventory.keep(answer)
        if answer.error_code is not None:
            continue
        organisation = answer.parsed.get("Organization") or {}
        if not organisation.get("Id"):
            raise SchemaDrift("organizations:DescribeOrganization answers without the organisation's id.")
        members.setdefault(organisation["Id"], []).append(account_id)
        managers[organisation["Id"]] = str(organisation.get("MasterAccountId"))
    for organisation_id, through in members.items():
        manager = managers[organisation_id]
        inventory.managers.add(manager)
        # The management account first, then whoever may be a delegated administrator.
        for account_id in sorted(through, key=lambda entry: entry != manager):
            caller = client.account(account_id)
            if _list_accounts(caller, inventory):
                inventory.organisations[organisation_id] = caller
                break
        else:
            raise PermissionDenied(
                f"The organisation {organisation_id} is in use and none of the accounts {', '.join(through)} may list "
                f"it. Add the management account {manager} (or a delegated administrator) to scope.aws.accounts, with "
                "organizations:ListAccounts allowed.",
                permission="organizations:ListAccounts",
            )


def _list_accounts(caller: Caller, inventory: _Inventory) -> bool:
    """Read the list and check it against the tree; False where this account may not list."""
    listed: dict[str, Mapping[str, Any]] = {}
    try:
        for page in caller.pages("organizations:ListAccounts", asked="NextToken", answered="NextToken"):
            inventory.keep(page)
            inventory.pages += 1
            for entry in _listed(page, "Accounts"):
                inventory.repeated += entry["Id"] in listed
                listed[entry["Id"]] = entry
    except PermissionDenied:
        if listed:
            raise  # a right that went away in the middle is no matter of asking through another account
        return False
    in_tree = set(_tree(caller, inventory))
    if in_tree - set(listed):
        raise IncompletePopulation(
            f"{len(in_tree - set(listed))} account(s) hang in the organisation's tree and are not in its list. Nothing "
            "was kept; run again."
        )
    if set(listed) - in_tree:
        raise IncompletePopulation(
            f"{len(set(listed) - in_tree)} account(s) are in the organisation's list and not in its tree. Nothing was "
            "kept; run again."
        )
    inventory.members.update(listed)
    inventory.words.append(f"{len(listed)} accounts listed through {caller.account}, {len(in_tree)} in the tree")
    return True


def _tree(caller: Caller, inventory: _Inventory) -> Iterator[str]:
    """Ids of the accounts in the organisation's tree, from its roots down."""

    def entries(operation: str, name: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        for page in caller.pages(operation, asked="NextToken", answered="NextToken", **parameters):
            inventory.keep(page)
            yield from _listed(page, name)

    waiting = [root["Id"] for root in entries("organizations:ListRoots", "Roots")]
    while waiting:
        parent = waiting.pop()
        for account in entries("organizations:ListAccountsForParent", "Accounts", ParentId=parent):
            yield account["Id"]
        units = entries("organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits", ParentId=parent)
        waiting.extend(unit["Id"] for unit in units)


def _confirm_missing(request: Request, in_scope: list[str], inventory: _Inventory) -> None:
    """An account of the last inventory that is not in the list: gone for good, or hidden from us?"""
    known = {item.removeprefix("aws:") for item in request.known_items or () if item.startswith("aws:")}
    for account_id in sorted(account for account in known if account.isdigit()):
        if account_id in inventory.members or account_id in in_scope:
            continue
        for caller in inventory.organisations.values():
            answer = caller.ask(
                "organizations:DescribeAccount", expect=("AccountNotFoundException",), AccountId=account_id
            )
            inventory.keep(answer)
            if answer.error_code is None:
                raise IncompletePopulation(
                    f"Account {account_id} is in the organisation and missing from its list. Nothing was kept; run "
                    "again."
                )
        inventory.words.append(f"account {account_id} of the last inventory has left")


def _listed(page: Answer, name: str) -> list[Mapping[str, Any]]:
    entries = page.parsed.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and entry.get("Id") for entry in entries):
        raise SchemaDrift(f"{page.operation} answers without {name}, or with one that has no id.")
    return entries


def _rows(
    item: str, in_scope: list[str], readable: Mapping[str, list[str]], inventory: _Inventory
) -> Iterator[dict[str, Any]]:
    for account_id in sorted({*inventory.members, *in_scope}):
        record = inventory.members.get(account_id)
        joined = None if record is None else record.get("JoinedTimestamp")
        status = STAND_ALONE if account_id in readable else UNKNOWN
        if record is not None:
            # `State` replaces `Status`, which AWS takes away in September 2026.
            status = record.get("State") or record.get("Status")
            if not status:
                raise SchemaDrift(f"organizations:ListAccounts does not say in which state account {account_id} is.")
        kept = {key: value for key, value in (record or {}).items() if key not in ACCOUNTS.secret_fields}
        yield {
            "scope_item_id": item,
            "account_id": account_id,
            "arn": None if record is None else record.get("Arn"),
            "name": None if record is None else record.get("Name"),
            "status": status,
            "created_at": None if joined is None else joined.astimezone(UTC),
            "management_account": None if record is None else account_id in inventory.managers,
            "regions_enabled": readable.get(account_id),
            "readable": account_id in readable,
            "raw": orjson.dumps(kept, default=str).decode(),
        }
