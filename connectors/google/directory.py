"""The directory of a customer: users, groups and their members, roles and who holds them, organisational units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.google.calls import Answer, GoogleClient
from connectors.google.lists import Entry, Listing, Tally, entries_of, read_whole
from connectors.google.values import flag, optional_flag, optional_text, text, when
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import Sink

USERS_PAGE = 500
USER = "a user of the directory"
OF = "a record of the directory"


def _id(entry: Entry) -> str:
    return text(entry, "id", OF)


def users_listing(customer: str) -> Listing:
    """All users, suspended and archived ones too. Read forwards and backwards, so that a fault of one place of the list
    hits two different users."""
    return Listing(
        "directory.users.list", "users", "id", _id, {"customer": customer, "orderBy": "email"},
        first={"maxResults": 450, "sortOrder": "DESCENDING"},
        second={"maxResults": USERS_PAGE, "sortOrder": "ASCENDING", "projection": "full"},
    )  # fmt: skip


def each_user(
    client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, take: Callable[[Sequence[Entry]], None]
) -> Tally:
    """Every user, page by page. An answer about another customer is refused."""

    def checked(users: Sequence[Entry]) -> None:
        for user in users:
            if text(user, "customerId", USER) != customer:
                raise IncompletePopulation(
                    "Google answered with users of another customer than the one asked for. Nothing is claimed; "
                    "correct scope.google.customer, or run again."
                )
        take(users)

    return read_whole(client, users_listing(customer), sink, dataset, checked)


def user_columns(user: Entry) -> dict[str, Any]:
    """The columns of google.users that the directory tells."""
    name: Any = user.get("name")
    return {
        "user_id": _id(user), "primary_email": text(user, "primaryEmail", USER),
        "name": optional_text(name, "fullName", USER) if isinstance(name, Mapping) else None,
        "created_at": when(user, "creationTime", USER), "last_login_at": when(user, "lastLoginTime", USER),
        "suspended": flag(user, "suspended", USER),
        "suspension_reason": optional_text(user, "suspensionReason", USER),
        "archived": flag(user, "archived", USER), "is_super_admin": flag(user, "isAdmin", USER),
        "is_delegated_admin": flag(user, "isDelegatedAdmin", USER),
        "enrolled_2sv": flag(user, "isEnrolledIn2Sv", USER), "enforced_2sv": flag(user, "isEnforcedIn2Sv", USER),
        "org_unit_path": optional_text(user, "orgUnitPath", USER),
    }  # fmt: skip


def manager_of(user: Entry) -> str | None:
    """The manager's address, where the directory has it."""
    relations: Any = user.get("relations")
    for relation in relations if isinstance(relations, list) else ():
        if isinstance(relation, Mapping) and relation.get("type") == "manager":
            return optional_text(relation, "value", USER)
    return None


# --- organisational units -----------------------------------------------------------------------------------------


def org_units(client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, tally: Tally) -> dict[str, str]:
    """Path by id (without `id:`), the root included. The list has no pages; a unit whose parent is missing shows that
    it was cut."""
    answer = client.ask("directory.orgunits.list", customerId=customer, type="allIncludingParent").keep(sink, dataset)
    tally.pages += 1
    found: dict[str, str] = {}
    parents: set[str] = set()
    for unit in entries_of(answer, "organizationUnits"):
        found[text(unit, "orgUnitId", OF).removeprefix("id:")] = text(unit, "orgUnitPath", OF)
        parent = optional_text(unit, "parentOrgUnitId", OF)
        if parent is not None:
            parents.add(parent.removeprefix("id:"))
    if "/" not in found.values() or parents - found.keys():
        raise IncompletePopulation(
            "Google's list of organisational units lacks the root or the parent of one it lists. Nothing is claimed; "
            "run again."
        )
    return found


# --- roles ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Role:
    """A role of administrators."""

    id: str
    name: str
    system: bool
    super_admin: bool
    privileges: tuple[str, ...]
    """`<service id>:<name>`."""
    raw: Entry


def roles(client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, tally: Tally) -> dict[str, Role]:
    """All roles by id."""
    found: dict[str, Role] = {}

    def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            role = _role(entry)
            found[role.id] = role

    listing = Listing(
        "directory.roles.list", "items", "roleId", lambda entry: text(entry, "roleId", OF), {"customer": customer},
        first={"maxResults": 70}, second={"maxResults": 100},
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, dataset, take))
    if not any(role.super_admin for role in found.values()):
        raise IncompletePopulation(
            "Google lists no role of super administrators, and every customer has one. Nothing is claimed; run again."
        )
    return found


def _role(entry: Entry) -> Role:
    privileges: Any = entry.get("rolePrivileges", [])
    if not isinstance(privileges, list):
        raise SchemaDrift("A role of Google has rolePrivileges that are no list.")
    named = tuple(f"{text(one, 'serviceId', OF)}:{text(one, 'privilegeName', OF)}" for one in privileges)
    # Google writes these two only where they hold.
    return Role(
        text(entry, "roleId", OF), text(entry, "roleName", OF), bool(optional_flag(entry, "isSystemRole", OF)),
        bool(optional_flag(entry, "isSuperAdminRole", OF)), named, entry,
    )  # fmt: skip


def role_assignments(client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, tally: Tally) -> list[Entry]:
    """Everything that was assigned to anybody, by anything."""
    found: list[Entry] = []
    listing = Listing(
        "directory.roleAssignments.list", "items", "roleAssignmentId",
        lambda entry: text(entry, "roleAssignmentId", OF), {"customer": customer},
        first={"maxResults": 150}, second={"maxResults": 200},
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, dataset, found.extend))
    return found


# --- groups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """A direct member of a group."""

    id: str
    email: str | None
    role: str
    kind: str
    """USER, GROUP, CUSTOMER (everybody), EXTERNAL and whatever Google may add."""


@dataclass(slots=True)
class Group:
    """A group with its direct members."""

    id: str
    email: str
    members: list[Member] = field(default_factory=list[Member])

    def take(self, answer: Answer) -> None:
        """Add the members of one page."""
        self.members += [
            Member(_id(one), optional_text(one, "email", OF), text(one, "role", OF), text(one, "type", OF))
            for one in entries_of(answer, "members")
        ]


@dataclass(slots=True)
class Groups:
    """All groups by id, and how far Google's own count of members agrees."""

    by_id: dict[str, Group] = field(default_factory=dict[str, Group])
    counted_alike: int = 0
    read_twice: int = 0


MEMBERS_PAGE = 200


def groups(client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, tally: Tally) -> Groups:
    """All groups and their direct members.

    Google counts the direct members of each group itself. Where its count differs from what was listed, the members are
    read again by pages of another size, and both readings must be the same.
    """
    found = Groups()
    counts: dict[str, int] = {}

    def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            group = Group(_id(entry), text(entry, "email", OF))
            found.by_id[group.id] = group
            counts[group.id] = _count(entry)

    listing = Listing(
        "directory.groups.list", "groups", "id", _id, {"customer": customer, "orderBy": "email"},
        first={"maxResults": 150, "sortOrder": "DESCENDING"}, second={"maxResults": 200, "sortOrder": "ASCENDING"},
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, dataset, take))
    waiting = list(found.by_id.values())
    for start in range(0, len(waiting), 100):
        part = waiting[start : start + 100]
        asked = [{"groupKey": group.id, "maxResults": MEMBERS_PAGE} for group in part]
        for group, answer in zip(part, client.batch("directory.members.list", asked), strict=True):
            answer.keep(sink, dataset)
            tally.pages += 1
            group.take(answer)
            token = answer.parsed.get("nextPageToken")
            if token:
                _further_members(client, group, str(token), sink, dataset, tally)
    for group in waiting:
        users = sum(member.kind != "GROUP" for member in group.members)
        if counts[group.id] in (users, len(group.members)) and _distinct(group):
            found.counted_alike += 1
        else:
            _read_again(client, group, sink, dataset, tally)
            found.read_twice += 1
    return found


def _further_members(
    client: GoogleClient, group: Group, token: str, sink: Sink, dataset: Dataset, tally: Tally
) -> None:
    pages = client.pages("directory.members.list", groupKey=group.id, maxResults=MEMBERS_PAGE, pageToken=token)
    for page in pages:
        page.keep(sink, dataset)
        tally.pages += 1
        group.take(page)


def _read_again(client: GoogleClient, group: Group, sink: Sink, dataset: Dataset, tally: Tally) -> None:
    again = Group(group.id, group.email)
    for page in client.pages("directory.members.list", groupKey=group.id, maxResults=MEMBERS_PAGE - 70):
        page.keep(sink, dataset)
        tally.pages += 1
        again.take(page)
    tally.readings += 1
    if not _distinct(again) or set(again.members) != set(group.members):
        raise IncompletePopulation(
            f"Two readings of the members of group {group.id} contradict each other. Nothing is claimed; run again."
        )
    group.members = again.members


def _distinct(group: Group) -> bool:
    return len({member.id for member in group.members}) == len(group.members)


def _count(entry: Entry) -> int:
    found = entry.get("directMembersCount")
    if not isinstance(found, str) or not found.isdigit():
        raise SchemaDrift("A group of Google comes without the count of its direct members.")
    return int(found)
