"""Who holds which role of administrators, directly or as a member of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.google.calls import GoogleClient
from connectors.google.directory import (
    OF,
    Groups,
    Role,
    each_user,
    groups,
    role_assignments,
    roles,
    user_columns,
)
from connectors.google.lists import Entry, Tally
from connectors.google.users import EVERYBODY, members_of
from connectors.google.values import kept, optional_text, text
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import ADMINISTRATORS

QUERY = "\n".join([
    "directory.roleAssignments.list", "directory.roles.list", "directory.users.list customer projection=full",
    "directory.groups.list, directory.members.list of each group",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """One assignment of a role, as it reaches one principal."""

    assignment_id: str
    principal_id: str
    role: Role
    scope: str
    org_unit: str | None
    via_group: str | None
    """The address of the group that it was assigned to."""
    group_itself: bool
    """The group has nobody in it, and stands for itself."""
    raw: Entry


def holders(assigned: Sequence[Entry], known: Mapping[str, Role], found: Groups) -> Iterator[Held]:
    """Every assignment, one for each member where it is to a group. Raises IncompletePopulation for an unknown role."""
    for entry in assigned:
        role = known.get(text(entry, "roleId", OF))
        if role is None:
            raise IncompletePopulation(
                "Google assigns a role that is not among the roles it lists. Nothing is claimed; run it again later."
            )
        assignee = text(entry, "assignedTo", OF)
        group = found.by_id.get(assignee)
        if group is None and entry.get("assigneeType") == "group":
            raise IncompletePopulation(
                "Google assigns a role to a group that is not among the groups it lists. Nothing is claimed; run again."
            )
        shared = (role, text(entry, "scopeType", OF), optional_text(entry, "orgUnitId", OF))
        assignment = text(entry, "roleAssignmentId", OF)
        if group is None:
            yield Held(assignment, assignee, *shared, None, False, entry)
            continue
        members = members_of(found, group.id)
        if EVERYBODY in members:
            raise IncompletePopulation(
                f"A role is assigned to group {group.id}, which holds everybody of the customer. This version can't "
                "show such an assignment person by person."
            )
        for member in sorted(members):
            yield Held(assignment, member, *shared, group.email, False, entry)
        if not members:
            yield Held(assignment, group.id, *shared, group.email, True, entry)


def administrators(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.administrators.

    Google also writes on each user whether it is a super or a delegated administrator. Both ways must show the same.
    """
    client: GoogleClient = session.client
    customer = session.tenant
    tally = Tally()
    known = roles(client, customer, sink, ADMINISTRATORS, tally)
    assigned = role_assignments(client, customer, sink, ADMINISTRATORS, tally)
    grouped = groups(client, customer, sink, ADMINISTRATORS, tally)
    held = list(holders(assigned, known, grouped))
    wanted = {one.principal_id for one in held}
    people: dict[str, dict[str, Any]] = {}
    flagged: dict[str, bool] = {}

    def take(found: Sequence[Entry]) -> None:
        for user in found:
            columns = user_columns(user)
            if columns["user_id"] in wanted:
                people[columns["user_id"]] = columns
            if columns["is_super_admin"] or columns["is_delegated_admin"]:
                flagged[columns["user_id"]] = columns["is_super_admin"]

    listed = each_user(client, customer, sink, ADMINISTRATORS, take)
    tally.add(listed)
    _agree(held, flagged, people)
    if not any(one.role.super_admin for one in held):
        raise IncompletePopulation("Google shows no super administrator, and every customer has one. Run it again.")
    rows = [_row(request.item.id, one, people.get(one.principal_id)) for one in held]
    sink.rows(ADMINISTRATORS, rows)
    unknown = len(wanted - people.keys() - grouped.by_id.keys())
    return [
        ItemClaim(
            ADMINISTRATORS.name,
            QUERY,
            {"customer": customer},
            observed_at=tally.observed_at,
            proof_of_life=True,
            proof="super administrators are seen",
            independent_count=len(rows),
            reconciliation=(
                f"{len(assigned)} assignments of {len(known)} roles, each list in two readings; {len(flagged)} users "
                f"are administrators by their own record, the same as by assignments; {unknown} assignees are no user "
                "and no group of the directory"
            ),
            pages=tally.pages,
            rows_returned=len(rows),
        )
    ]


def _agree(held: Sequence[Held], flagged: Mapping[str, bool], people: Mapping[str, Any]) -> None:
    by_assignment: dict[str, bool] = {}
    for one in held:
        if one.principal_id in people:
            by_assignment[one.principal_id] = one.role.super_admin or by_assignment.get(one.principal_id, False)
    supers = {user for user, is_super in by_assignment.items() if is_super}
    if supers != {user for user, is_super in flagged.items() if is_super} or flagged.keys() - by_assignment.keys():
        raise IncompletePopulation(
            f"By their own records {len(flagged)} users are administrators, {sum(flagged.values())} of them super; by "
            f"the assignments of roles {len(by_assignment)} and {len(supers)}. Nothing is claimed; run it again later."
        )


def _row(item: str, one: Held, person: Mapping[str, Any] | None) -> dict[str, Any]:
    kind = "user" if person is not None else "group" if one.group_itself else "unknown"
    told = person or {}
    return {
        "scope_item_id": item, "assignment_id": one.assignment_id, "principal_id": one.principal_id,
        "principal_kind": kind, "principal_email": one.via_group if one.group_itself else told.get("primary_email"),
        "role_id": one.role.id, "role_name": one.role.name,
        "privilege": "super_admin" if one.role.super_admin else "delegated_admin", "system_role": one.role.system,
        "privileges": sorted(one.role.privileges), "scope": one.scope, "org_unit_id": one.org_unit,
        "via_group": one.via_group, "condition": optional_text(one.raw, "condition", OF),
        "suspended": told.get("suspended"), "created_at": told.get("created_at"),
        "last_used_at": told.get("last_login_at"), "enrolled_2sv": told.get("enrolled_2sv"),
        "enforced_2sv": told.get("enforced_2sv"), "raw": kept(one.raw, ADMINISTRATORS.secret_fields),
    }  # fmt: skip
