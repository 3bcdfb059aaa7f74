"""The pack of an access review: every account with its roles, groups and the applications it let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.google.administrators import Held, holders
from connectors.google.calls import BATCH_PARTS, GoogleClient
from connectors.google.directory import (
    Groups,
    Member,
    each_user,
    groups,
    manager_of,
    role_assignments,
    roles,
    user_columns,
)
from connectors.google.lists import Entry, Tally, entries_of
from connectors.google.users import EVERYBODY
from connectors.google.values import flag, kept, optional_flag, optional_text, text
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import ACCOUNTS

TOKEN = "a token of a user"  # noqa: S105 - what a record is, for errors
QUERY = "\n".join([
    "directory.users.list customer projection=full", "directory.groups.list", "directory.members.list of each group",
    "directory.roles.list", "directory.roleAssignments.list", "directory.tokens.list of each user",
])  # fmt: skip

Row = dict[str, Any]


def accounts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.accounts."""
    client: GoogleClient = session.client
    customer = session.tenant
    tally = Tally()
    grouped = groups(client, customer, sink, ACCOUNTS, tally)
    known_roles = roles(client, customer, sink, ACCOUNTS, tally)
    assigned = role_assignments(client, customer, sink, ACCOUNTS, tally)
    by_holder: dict[str, list[Held]] = {}
    for held in holders(assigned, known_roles, grouped):
        by_holder.setdefault(held.principal_id, []).append(held)
    memberships = _memberships(grouped)
    seen: set[str] = set()
    tokens = [0]

    def take(found: Sequence[Entry]) -> None:
        for start in range(0, len(found), BATCH_PARTS):
            part = found[start : start + BATCH_PARTS]
            let_in = _tokens(client, part, sink)
            rows: list[Row] = []
            for user in part:
                user_id = text(user, "id", "a user of the directory")
                seen.add(user_id)
                tokens[0] += len(let_in[user_id])
                mine = (*memberships.get(user_id, ()), *memberships.get(EVERYBODY, ()))
                rows.append(_user(request.item.id, user, by_holder.get(user_id, ()), mine, let_in[user_id]))
            sink.rows(ACCOUNTS, rows)

    listed = each_user(client, customer, sink, ACCOUNTS, take)
    tally.add(listed)
    if not listed.entries:
        raise IncompletePopulation("Google lists no user at all, and who asks is one. Nothing is claimed; run again.")
    outsiders = _outsiders(request.item.id, grouped, seen, memberships)
    others = _other_assignees(request.item.id, by_holder, seen, grouped)
    if outsiders or others:
        sink.rows(ACCOUNTS, [*outsiders, *others])
    count = listed.entries + len(outsiders) + len(others)
    return [
        ItemClaim(
            ACCOUNTS.name,
            QUERY,
            {"customer": customer},
            observed_at=tally.observed_at,
            proof_of_life=True,
            proof="users are seen",
            independent_count=count,
            reconciliation=(
                f"{listed.entries} users in {listed.readings} readings, forwards and backwards; {len(outsiders)} "
                f"addresses that are in groups alone; {len(others)} assignees of roles that are no users; "
                f"{len(grouped.by_id)} groups, of which {grouped.counted_alike} have as many members as Google counts "
                f"and {grouped.read_twice} were read twice; {len(assigned)} assignments of roles; {tokens[0]} tokens"
            ),
            pages=tally.pages,
            rows_returned=count,
        )
    ]


def _tokens(client: GoogleClient, users: Sequence[Entry], sink: Sink) -> dict[str, list[Row]]:
    """The applications that each of these users let in, by user id. A token of somebody else is refused."""
    ids = [text(user, "id", "a user of the directory") for user in users]
    out: dict[str, list[Row]] = {}
    answers = client.batch("directory.tokens.list", [{"userKey": user_id} for user_id in ids])
    for user_id, answer in zip(ids, answers, strict=True):
        answer.keep(sink, ACCOUNTS)
        if answer.parsed.get("kind") != "admin#directory#tokenList":
            raise SchemaDrift("directory.tokens.list answers with something that is no list of tokens.")
        found = entries_of(answer, "items")
        if any(text(token, "userKey", TOKEN) != user_id for token in found):
            raise IncompletePopulation(
                "Google answered with the tokens of another user than the one asked for. Nothing is claimed; run again."
            )
        out[user_id] = [_token(token) for token in found]
    return out


def _token(token: Entry) -> Row:
    scopes: Any = token.get("scopes", [])
    return {
        "client_id": text(token, "clientId", TOKEN), "name": optional_text(token, "displayText", TOKEN),
        "scopes": sorted(str(scope) for scope in scopes), "native": optional_flag(token, "nativeApp", TOKEN),
        "anonymous": optional_flag(token, "anonymous", TOKEN),
    }  # fmt: skip


Membership = tuple[str, str, str, str | None]
"""Group id, its address, the role in it, and the address of the group between, where there is one."""


def _memberships(found: Groups) -> dict[str, list[Membership]]:
    """Member id to the groups that it is in, directly or by another group; `*`: everybody."""
    out: dict[str, list[Membership]] = {}
    for group in found.by_id.values():
        reached: set[str] = {group.id}
        waiting: list[tuple[Member, str | None]] = [(member, None) for member in group.members]
        while waiting:
            member, via = waiting.pop(0)
            nested = found.by_id.get(member.id) if member.kind == "GROUP" else None
            if nested is None:
                key = EVERYBODY if member.kind == "CUSTOMER" else member.id
                out.setdefault(key, []).append((group.id, group.email, member.role, via))
                continue
            if nested.id not in reached:
                reached.add(nested.id)
                waiting += [(inner, nested.email) for inner in nested.members]
    return out


def _groups(memberships: Sequence[Membership]) -> list[Row]:
    keys = ("group_id", "email", "role", "via")
    return [dict(zip(keys, one, strict=True)) for one in sorted(memberships, key=lambda one: (one[1], one[3] or ""))]


def _roles(held: Sequence[Held]) -> list[Row]:
    return [
        {
            "assignment_id": one.assignment_id, "role_id": one.role.id, "role_name": one.role.name,
            "super_admin": one.role.super_admin, "scope": one.scope, "org_unit_id": one.org_unit,
            "via_group": one.via_group,
        }
        for one in sorted(held, key=lambda one: (one.assignment_id, one.via_group or ""))
    ]  # fmt: skip


def _user(
    item: str, user: Entry, held: Sequence[Held], memberships: Sequence[Membership], tokens: Sequence[Row]
) -> Row:
    columns = user_columns(user)
    super_admin, delegated = columns["is_super_admin"], columns["is_delegated_admin"]
    return {
        "scope_item_id": item, "account_id": columns["user_id"], "kind": "user", "email": columns["primary_email"],
        "name": columns["name"], "created_at": columns["created_at"], "last_used_at": columns["last_login_at"],
        "suspended": columns["suspended"], "archived": columns["archived"], "org_unit_path": columns["org_unit_path"],
        "privileged": super_admin or delegated or bool(held),
        "enrolled_2sv": flag(user, "isEnrolledIn2Sv", "a user"), "enforced_2sv": columns["enforced_2sv"],
        "roles": _roles(held), "groups": _groups(memberships), "tokens": list(tokens), "manager": manager_of(user),
        "raw": kept(user, ACCOUNTS.secret_fields),
    }  # fmt: skip


def _outsiders(item: str, found: Groups, users: set[str], memberships: Mapping[str, Sequence[Membership]]) -> list[Row]:
    """Members of groups that are no users of the customer: addresses from elsewhere, and customers as a whole aside."""
    members = {
        member.id: member
        for group in found.by_id.values()
        for member in group.members
        if member.kind != "CUSTOMER" and member.id not in users and member.id not in found.by_id
    }
    return [
        _without_user(item, member.id, "external", member.email, (), memberships[member.id])
        for member in members.values()
    ]


def _other_assignees(item: str, held: Mapping[str, Sequence[Held]], users: set[str], found: Groups) -> list[Row]:
    return [
        _without_user(item, principal, "unknown", None, roles_held, ())
        for principal, roles_held in held.items()
        if principal not in users and principal not in found.by_id and principal != EVERYBODY
        and not any(one.via_group for one in roles_held)
    ]  # fmt: skip


def _without_user(
    item: str, account: str, kind: str, email: str | None, held: Sequence[Held], memberships: Sequence[Membership]
) -> Row:
    raw = {"id": account, "email": email, "roleAssignmentIds": [one.assignment_id for one in held]}
    return {
        "scope_item_id": item, "account_id": account, "kind": kind, "email": email, "privileged": bool(held),
        "roles": _roles(held), "groups": _groups(memberships), "tokens": [], "raw": kept(raw, ()),
    }  # fmt: skip
