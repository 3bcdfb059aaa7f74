"""Every user with the flags of 2-step verification and the policy that holds for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.google.calls import GoogleClient
from connectors.google.directory import Groups, each_user, groups, org_units, user_columns
from connectors.google.lists import Entry, Tally
from connectors.google.policies import TWO_STEP, TwoStepPolicies, read_policies
from connectors.google.usage import rebuilt_users
from connectors.google.values import kept
from schemas.errors import IncompletePopulation, NotLicensed, RetriableError
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import USERS

QUERY = "\n".join([
    "directory.users.list customer projection=full", "directory.orgunits.list type=allIncludingParent",
    f"cloudidentity.policies.list {TWO_STEP}", "directory.groups.list, directory.members.list (policies of groups)",
])  # fmt: skip


def users(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.users: of now, or, with an interval, of its last day that Google's usage reports tell of."""
    if request.start is not None:
        return rebuilt_users(session, request, sink)
    client: GoogleClient = session.client
    tally = Tally()
    policies, words = _policies(client, session.tenant, sink, tally)
    membership: dict[str, set[str]] = {}
    if policies is not None and policies.groups:
        membership = in_groups(groups(client, session.tenant, sink, USERS, tally), policies.groups)

    def take(found: Sequence[Entry]) -> None:
        if found:
            sink.rows(USERS, [_row(request.item.id, user, policies, membership) for user in found])

    listed = each_user(client, session.tenant, sink, USERS, take)
    tally.add(listed)
    if not listed.entries:
        raise IncompletePopulation(
            "Google lists no user at all, and who asks is one. Nothing is claimed; run it again later."
        )
    return [
        ItemClaim(
            USERS.name,
            QUERY,
            {"customer": session.tenant},
            observed_at=listed.observed_at,
            proof_of_life=True,
            proof="users are seen",
            independent_count=listed.entries,
            reconciliation=f"{listed.entries} users in {listed.readings} readings, forwards and backwards; {words}",
            pages=tally.pages,
            rows_returned=listed.entries,
        )
    ]


def _policies(client: GoogleClient, customer: str, sink: Sink, tally: Tally) -> tuple[TwoStepPolicies | None, str]:
    """The policies, None where the customer's edition does not show them; and that in words."""
    paths = org_units(client, customer, sink, USERS, tally)
    try:
        found = read_policies(client, customer, sink, USERS, tally, TWO_STEP)
    except NotLicensed:
        return None, "the policies are not part of the customer's edition and not known"
    return TwoStepPolicies.of(found, paths), f"{len(found)} policies of 2-step verification"


def in_groups(found: Groups, wanted: set[str]) -> dict[str, set[str]]:
    """User id to the wanted groups that they are in, directly or by another group. `*`: everybody."""
    missing = wanted - found.by_id.keys()
    if missing:
        raise RetriableError(f"A policy is for {len(missing)} group(s) that the directory does not list. Run again.")
    out: dict[str, set[str]] = {}
    for group_id in wanted:
        for user_id in members_of(found, group_id):
            out.setdefault(user_id, set()).add(group_id)
    return out


EVERYBODY = "*"


def members_of(found: Groups, group_id: str) -> set[str]:
    """Ids of all members of a group, by way of other groups too; `*` where everybody of the customer is one."""
    seen: set[str] = set()
    waiting = [group_id]
    people: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        group = found.by_id.get(current)
        for member in () if group is None else group.members:
            if member.kind == "GROUP" and member.id in found.by_id:
                waiting.append(member.id)
            else:
                people.add(EVERYBODY if member.kind == "CUSTOMER" else member.id)
    return people


def _row(item: str, user: Entry, policies: TwoStepPolicies | None, membership: dict[str, set[str]]) -> dict[str, Any]:
    columns = user_columns(user)
    held = None
    path = columns["org_unit_path"]
    if policies is not None and path is not None:
        mine = membership.get(columns["user_id"], set()) | membership.get(EVERYBODY, set())
        held = policies.of_user(path, mine)
    return {
        "scope_item_id": item, **columns, "read_from": "directory",
        "policy_unit": None if held is None else held.unit,
        "policy_enforced_from": None if held is None else held.enforced_from,
        "policy_known": held is not None and held.known,
        "policy_new_user_grace_days": None if held is None else held.grace_days,
        "policy_sign_in_factors": None if held is None else held.factors,
        "raw": kept(user, USERS.secret_fields),
    }  # fmt: skip
