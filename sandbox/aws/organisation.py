"""AWS Organizations: the accounts in pages of 20, and the tree they hang in.

As in AWS, every account may ask for the organisation's description, and only the management account for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.aws.company import Organisation
from sandbox.aws.identities import Principal
from sandbox.aws.live import LiveAccount
from sandbox.aws.paging import cut
from sandbox.aws.wire import Call, WireAnswer, WireError, json_answer
from sandbox.aws.world import World
from sandbox.faults import Fault

_PAGE = 20


def answer_organizations(call: Call, principal: Principal, world: World, fault: Fault | None) -> WireAnswer:
    """The answer to a call of the service. Raises WireError."""
    organisation = world.company.organisation
    caller = world.account(principal.account)
    if organisation is None or caller is None or not caller.plan.in_organisation:
        message = "Your account is not a member of an organization."
        raise WireError(400, "AWSOrganizationsNotInUseException", message)
    if call.action == "DescribeOrganization":
        return json_answer({"Organization": _organisation(organisation, world)})
    if principal.account != organisation.management_account:
        raise WireError(400, "AccessDeniedException", "You don't have permissions to access this resource.")
    members = [account for account in world.accounts() if account.plan.in_organisation]
    arguments = call.parameters
    if call.action == "ListAccounts":
        return _page(call, "Accounts", [_account(entry, organisation) for entry in members], fault)
    if call.action == "ListRoots":
        arn = f"arn:aws:organizations::{organisation.management_account}:root/{organisation.id}/{organisation.root}"
        return _page(call, "Roots", [{"Id": organisation.root, "Arn": arn, "Name": "Root", "PolicyTypes": []}], fault)
    if call.action == "DescribeAccount":
        found = [entry for entry in members if entry.plan.id == arguments.get("AccountId")]
        if not found:
            raise WireError(400, "AccountNotFoundException", "You specified an account that doesn't exist.")
        return json_answer({"Account": _account(found[0], organisation)})
    parent = arguments.get("ParentId")
    if call.action in ("ListAccountsForParent", "ListOrganizationalUnitsForParent"):
        if parent not in {organisation.root, *(unit.id for unit in organisation.units)}:
            raise WireError(400, "ParentNotFoundException", "You specified a parent that doesn't exist.")
        if call.action == "ListAccountsForParent":
            below = [entry for entry in members if (entry.plan.unit or organisation.root) == parent]
            return _page(call, "Accounts", [_account(entry, organisation) for entry in below], fault)
        prefix = f"arn:aws:organizations::{organisation.management_account}:ou/{organisation.id}"
        units = [
            {"Id": unit.id, "Arn": f"{prefix}/{unit.id}", "Name": unit.name}
            for unit in organisation.units
            if unit.parent == parent
        ]
        return _page(call, "OrganizationalUnits", units, fault)
    raise WireError(
        400, "UnknownOperationException", f"The action {call.operation} is not modelled by this simulated AWS."
    )


def _page(call: Call, name: str, items: Sequence[Mapping[str, Any]], fault: Fault | None) -> WireAnswer:
    limit = call.parameters.get("MaxResults", _PAGE)
    if not isinstance(limit, int) or not 1 <= limit <= _PAGE:
        raise WireError(400, "InvalidInputException", "MaxResults must be a number from 1 to 20.")
    try:
        page = cut(call.operation, len(items), limit, call.parameters.get("NextToken"), fault)
    except WireError as error:
        raise WireError(400, "InvalidInputException", "You provided a NextToken that is not valid.") from error
    answer: dict[str, Any] = {name: list(items[page.start : page.stop])}
    if page.marker is not None:
        answer["NextToken"] = page.marker
    return json_answer(answer)


def _organisation(organisation: Organisation, world: World) -> dict[str, Any]:
    manager = world.account(organisation.management_account)
    prefix = f"arn:aws:organizations::{organisation.management_account}"
    return {
        "Id": organisation.id,
        "Arn": f"{prefix}:organization/{organisation.id}",
        "FeatureSet": "ALL",
        "MasterAccountId": organisation.management_account,
        "MasterAccountArn": f"{prefix}:account/{organisation.id}/{organisation.management_account}",
        "MasterAccountEmail": "" if manager is None else manager.plan.email,
        "AvailablePolicyTypes": [],
    }


def _account(account: LiveAccount, organisation: Organisation) -> dict[str, Any]:
    plan = account.plan
    status = {"ACTIVE": "ACTIVE", "PENDING_CLOSURE": "PENDING_CLOSURE"}.get(account.state, "SUSPENDED")
    return {
        "Id": plan.id,
        "Arn": f"arn:aws:organizations::{organisation.management_account}:account/{organisation.id}/{plan.id}",
        "Email": plan.email,
        "Name": plan.name,
        "Status": status,
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": plan.created.timestamp(),
    }
