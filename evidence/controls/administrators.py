"""CC6-PRIV-01: few, known administrators.

Each snapshot of a window is judged, assignment by assignment:

- ADMIN_NOT_APPROVED  no row of the register `administrators` allows this power to this holder at that instant, or the
                      holder approved it
- GRANT_UNEXPLAINED   it was added since the snapshot before, the register has no row for it at any time, and no grant
                      that CC6-PROV-01 passes gave its holder administrative power in between
- TOO_MANY            more administrators than the policy allows (`max_administrators`), one row for the organisation or
                      account

An assignment that was right in every snapshot makes one row, one that was not makes a row per stretch of adjoining
snapshots (`<assignment>@<first failing instant>`).

Decisions where the rule leaves room:

- A grant that was asked for and approved explains where an addition comes from; it does not put anybody on the list.
- Counted are people, teams, users and roles with administrative power, each once, whatever their number of ways to it
  and of accounts; not counted are apps that may write, and service-linked roles, which only AWS itself can use. A team
  counts once however many people are in it: its members are not part of this evidence.
- Service-linked roles need no row in the register.
- A row counts for the time in which it was on record (see `registers`): an approval written down in autumn approves
  nothing of the summer.
- Where the programme has no such register it is `unknown` whether an administrator is approved.
- A project's administrators are those of its own policy and of the policies it inherits, each project by itself.
- A binding that was left behind for a deleted account gives nobody power: it is shown, and neither counted nor judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.access_event import AccessEvent
from evidence.controls.access_grants import Grants
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, People, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.registers import stood_at
from evidence.controls.stretches import Seen, Stretches
from schemas.aws import PRIVILEGES
from schemas.dataset import Dataset
from schemas.gcp import ADMINISTRATORS as GCP_ADMINISTRATORS
from schemas.github import ADMINISTRATORS
from schemas.google import ADMINISTRATORS as GOOGLE_ADMINISTRATORS
from schemas.outcome import Outcome

LINE = "admins"
ADMIN_NOT_APPROVED = "ADMIN_NOT_APPROVED"
TOO_MANY = "TOO_MANY"
GRANT_UNEXPLAINED = "GRANT_UNEXPLAINED"
CODES = (ADMIN_NOT_APPROVED, TOO_MANY, GRANT_UNEXPLAINED)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One way to administrative power, the same for every system."""

    id: str
    holder: Who
    names: tuple[str, ...]
    """How a register may name the holder, in lower case."""
    privilege: str
    resources: tuple[str, ...]
    """How a register may name what it is limited to, in lower case."""
    label: str
    counts: bool
    """Whether it makes its holder an administrator."""
    idle: str | None = None
    """Why nobody can use this power, where nobody can: then no approval is needed."""


def administrators_approved(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the privileged assignments of an identity domain, and one for their number."""
    system = window.scope_item_id.partition(":")[0]
    if system not in _READ:
        raise ValueError(f"{window.scope_item_id}: administrators are not collected from there")
    dataset, read = _READ[system]
    approved = _Approved(window, system)
    most = window.programme.evidence_rules.max_administrators
    stretches = Stretches(window, LINE)
    before = evidence.snapshot_before(dataset, window.scope_item_id, window.start - timedelta(microseconds=1))
    previous = None if before is None else {read(row).id for row in before[1]}
    explained = _Explained(window, evidence)
    seen_at = window.start if before is None else before[0]
    added: dict[str, tuple[datetime, datetime]] = {}
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        assignments = [read(row) for row in rows]
        if previous is not None:
            fresh = {assignment.id for assignment in assignments} - previous
            added |= dict.fromkeys(fresh, (seen_at, observed_at))
        seen_at = observed_at
        previous = {assignment.id for assignment in assignments}
        seen = {
            item.id: approved.seen(
                item, observed_at, item.id in added and not explained.by_grant(item, *added[item.id])
            )
            for item in assignments
        }
        seen[f"{window.scope_item_id}:administrators"] = approved.number(assignments, observed_at, most)
        stretches.add(observed_at, digest, seen)
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of administrators is held.")]
    return list(stretches.outcomes())


class _Explained:
    """Grants of administrative power that were asked for and approved; looked for when something was added."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._grants: list[AccessEvent] | None = None

    def by_grant(self, item: Assignment, after: datetime, until: datetime) -> bool:
        """Whether such a grant gave the holder of an assignment power in (after, until]."""
        if self._grants is None:
            # What a first snapshot of the window adds may have been granted since the last one before it.
            whole = replace(self._window, start=min(after, self._window.start))
            judged = Grants(whole, self._evidence).judged()
            self._grants = [event for event, row in judged if row.outcome == "pass" and event.privileged]
        return any(
            after < event.at <= until
            and not self._identities.at(event.at).person(event.subject).isdisjoint(
                self._identities.at(event.at).person(item.holder)
            )
            for event in self._grants
        )  # fmt: skip


class _Approved:
    """The register of administrators of one system."""

    def __init__(self, window: TestWindow, system: str) -> None:
        self._scope_item = window.scope_item
        self._zone = window.programme.timezone
        self._identities = IdentityMap.of(window.registers, self._zone)
        register = window.registers.get("administrators")
        self._rows = None if register is None else [row for row in register if row["system"] == system]

    def seen(self, item: Assignment, at: datetime, added: bool) -> Seen:
        """Judge one assignment in one snapshot."""
        if item.idle is not None:
            return Seen(item.label, item.idle)
        if self._rows is None:
            return Seen(item.label, "not known whether approved: the programme has no register of them", unknown=True)
        people = self._identities.at(at)
        matching = [row for row in self._rows if self._names(row, item, people)]
        valid = [row for row in matching if stood_at(row, at, self._zone)]
        for row in valid:
            if row["approved_by"] and not self._self_approved(row, item, people):
                return Seen(item.label, f"approved by {row['approved_by']} ({row['reason']})")
        if valid:
            return Seen(item.label, "approved by nobody but its holder", (ADMIN_NOT_APPROVED,))
        if matching:
            return Seen(item.label, "in the register, but not for this time", (ADMIN_NOT_APPROVED,))
        if added:
            words = "added without an entry in the register of administrators, so nothing explains the grant"
            return Seen(item.label, words, (ADMIN_NOT_APPROVED, GRANT_UNEXPLAINED))
        return Seen(item.label, "not in the register of administrators", (ADMIN_NOT_APPROVED,))

    def number(self, assignments: Iterable[Assignment], at: datetime, most: int) -> Seen:
        """Judge how many there are: holders, each once whatever the number of their accounts."""
        people = self._identities.at(at)
        holders: list[tuple[Person, str]] = []
        for item in assignments:
            person = people.person(item.holder)
            if item.counts and all(person.isdisjoint(other) for other, _name in holders):
                holders.append((person, item.holder.named))
        label = f"Administrators of {self._scope_item}"
        if len(holders) > most:
            names = ", ".join(sorted(name for _person, name in holders))
            return Seen(label, f"{len(holders)}, more than the {most} allowed ({names})", (TOO_MANY,))
        return Seen(label, f"no more than the {most} allowed")

    def _names(self, row: Row, item: Assignment, people: People) -> bool:
        """Whether a register row is about this assignment, valid or not."""
        principal = str(row["principal"])
        holder = people.person(item.holder)
        named = people.person(Who(item.holder.system, principal, principal, principal if "@" in principal else None))
        same = principal.casefold() in item.names or not holder.isdisjoint(named | people.of_key(f"person:{principal}"))
        privilege = row["privilege"] in ("*", item.privilege)
        resource = not row.get("resource") or str(row["resource"]).casefold() in item.resources
        return same and privilege and resource

    def _self_approved(self, row: Row, item: Assignment, people: People) -> bool:
        approver = str(row["approved_by"])
        person = people.person(Who(item.holder.system, approver, approver, approver))
        return not people.person(item.holder).isdisjoint(person | people.of_key(f"person:{approver}"))


def _github(row: Row) -> Assignment:
    name = row["principal_name"]
    resource = row["resource_name"]
    via = f" through {row['granted_via']}" if row["granted_via"] else ""
    return Assignment(
        id=f"github:assignment:{row['assignment_id']}",
        holder=Who("github", row["principal_id"], name),
        names=_spellings(row["principal_id"], name),
        privilege=row["privilege"],
        resources=_spellings(row["resource_id"], resource),
        label=f"{row['principal_kind']} {name}, {row['privilege'].replace('_', ' ')} of {resource}{via}",
        counts=row["privilege"] != "app_write",
    )


def _aws(row: Row) -> Assignment:
    name = row["principal_name"]
    through = f" through group {row['group_name']}" if row["group_name"] else ""
    return Assignment(
        id=row["assignment_id"],
        holder=Who("aws", row["principal_arn"]),
        names=_spellings(row["principal_arn"], row["principal_id"], name),
        privilege=row["level"],
        resources=_spellings(row["account_id"], f"aws:{row['account_id']}"),
        label=f"{row['principal_kind']} {name}, {row['level'].replace('_', ' ')} by {row['policy_name']}{through}",
        counts=not row["service_linked"],
        idle="service-linked, which AWS alone can use" if row["service_linked"] else None,
    )


def _google(row: Row) -> Assignment:
    email = row["principal_email"]
    name = email or row["principal_id"]
    via = f" through group {row['via_group']}" if row["via_group"] else ""
    within = f" in unit {row['org_unit_id']}" if row["org_unit_id"] else ""
    return Assignment(
        # A group's assignment reaches each of its members.
        id=f"google:assignment:{row['assignment_id']}:{row['principal_id']}",
        holder=Who("google", row["principal_id"], email, email),
        names=_spellings(row["principal_id"], email, row["via_group"]),
        privilege=row["privilege"],
        resources=_spellings(row["role_id"], row["role_name"], row["org_unit_id"]),
        label=f"{row['principal_kind']} {name}, {row['role_name']}{within}{via}",
        counts=not row["suspended"],
    )


def _gcp(row: Row) -> Assignment:
    person = row["principal_kind"] == "user"
    name, resource = row["principal_id"], row["resource"].partition(".com/")[2]
    condition = f" if {row['condition_title'] or row['condition_expression']}" if row["conditional"] else ""
    idle = "Google's own account for a service, which Google alone can use" if row["service_agent"] else None
    return Assignment(
        id=f"gcp:assignment:{row['assignment_id']}",
        holder=Who("gcp", row["principal"], name, name if person else None),
        names=_spellings(row["principal"], name),
        privilege=row["privilege"],
        resources=_spellings(row["resource"], resource),
        label=f"{row['principal_kind'].replace('_', ' ')} {name}, {row['role']} on {resource}{condition}",
        counts=idle is None and not row["principal_deleted"],
        idle="left behind for an account that is deleted" if row["principal_deleted"] else idle,
    )


def _spellings(*names: str | None) -> tuple[str, ...]:
    """Names in lower case, and the last part of those with a path (`acme/api`, `role/team/admin`)."""
    found = [name.casefold() for name in names if name]
    return tuple(dict.fromkeys([*found, *(name.rpartition("/")[2] for name in found)]))


_READ: Mapping[str, tuple[Dataset, Any]] = {
    "github": (ADMINISTRATORS, _github),
    "aws": (PRIVILEGES, _aws),
    "google": (GOOGLE_ADMINISTRATORS, _google),
    "gcp": (GCP_ADMINISTRATORS, _gcp),
}
