"""What the inventories of the sources showed, folded over time, by ids that never change.

Repositories by node id, AWS accounts by id, Google Cloud projects by number, Google domains by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from evidence.completeness.instants import ticks
from schemas.instants import parse_instant

REPOSITORIES = "github.repositories"
ACCOUNTS = "aws.accounts"
PROJECTS = "gcp.projects"
DOMAINS = "google.domains"

INVENTORIES = (REPOSITORIES, ACCOUNTS, PROJECTS, DOMAINS)
"""Datasets that tell which items there are."""


@dataclass(frozen=True, slots=True)
class InventorySnapshot:
    """One snapshot of an inventory as stored.

    Of each row these columns are read: repo_id, repo_name, created_at, topics, organisation_id; account_id, name,
    created_at, regions_enabled; project_number, project_id, name, created_at; domain_name, customer_id, created_at.
    `created_at` may be an aware datetime, an RFC 3339 text or None. `complete` is False for a truncated
    one: it can show something new, but nothing has vanished because it is not in it.
    """

    dataset: str
    observed_at: datetime
    recorded_at: datetime
    rows: Sequence[Mapping[str, Any]]
    complete: bool = True


class Sighting(NamedTuple):
    """When something was first seen, at the source and by the store."""

    observed: int
    recorded: int


@dataclass(slots=True)
class Repository:
    """One repository, whatever it was called."""

    id: str
    name: str
    """The latest name, `owner/name`."""
    created: int | None
    organisation_id: str | None
    first: Sighting
    names: set[str] = field(default_factory=set[str])
    """Every name it was seen under, in lower case."""
    topics: dict[str, Sighting] = field(default_factory=dict[str, Sighting])
    """Every topic it was seen with, and when first."""
    last_observed: int = 0
    vanished: bool = False
    deleted: int | None = None


@dataclass(slots=True)
class Account:
    """One AWS account."""

    id: str
    name: str | None = None
    created: int | None = None
    """When it joined the organisation; None for a stand-alone account."""
    first: Sighting | None = None
    regions: set[str] = field(default_factory=set[str])
    """Every region that was ever seen enabled."""


@dataclass(slots=True)
class Project:
    """One Google Cloud project. Its id can be given anew once it is deleted; its number never is."""

    number: str
    project_id: str
    name: str | None
    created: int | None
    first: Sighting
    last_observed: int = 0
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of a Google customer."""

    name: str
    customer: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything any inventory ever showed."""

    repositories: Mapping[str, Repository] = field(default_factory=dict[str, Repository])
    accounts: Mapping[str, Account] = field(default_factory=dict[str, Account])
    organisations: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Organisation node id to the logins (lower case) that its repositories' names began with."""
    projects: Mapping[str, Project] = field(default_factory=dict[str, Project])
    domains: Mapping[str, Domain] = field(default_factory=dict[str, Domain])

    def organisation_ids(self, login: str) -> tuple[str, ...]:
        """Node ids of the organisations known under a login."""
        return tuple(sorted(id_ for id_, logins in self.organisations.items() if login.lower() in logins))


def inventory_of(snapshots: Iterable[InventorySnapshot], as_of: datetime) -> Inventory:
    """Fold the snapshots that the store knew at `as_of`, in any order."""
    limit = ticks(as_of)
    known = [(ticks(s.observed_at), ticks(s.recorded_at), s) for s in snapshots if ticks(s.recorded_at) <= limit]
    known.sort(key=lambda entry: entry[:2])
    repositories: dict[str, Repository] = {}
    accounts: dict[str, Account] = {}
    organisations: dict[str, set[str]] = {}
    projects: dict[str, Project] = {}
    domains: dict[str, Domain] = {}
    latest_complete = latest_projects = -1
    for observed, recorded, snapshot in known:
        seen = Sighting(observed, recorded)
        if snapshot.dataset == REPOSITORIES:
            if snapshot.complete:
                latest_complete = observed
            for row in snapshot.rows:
                _see_repository(repositories, organisations, row, seen)
        elif snapshot.dataset == ACCOUNTS:
            for row in snapshot.rows:
                _see_account(accounts, row, seen)
        elif snapshot.dataset == PROJECTS:
            if snapshot.complete:
                latest_projects = observed
            for row in snapshot.rows:
                _see_project(projects, row, seen)
        elif snapshot.dataset == DOMAINS:
            for row in snapshot.rows:
                domains[row["domain_name"]] = Domain(row["domain_name"], row["customer_id"])
    for project in projects.values():
        project.vanished = project.last_observed < latest_projects
    for repository in repositories.values():
        repository.vanished = repository.last_observed < latest_complete
    logins_by_id = {id_: frozenset(logins) for id_, logins in organisations.items()}
    return Inventory(repositories, accounts, logins_by_id, projects, domains)


def _see_repository(
    repositories: dict[str, Repository], organisations: dict[str, set[str]], row: Mapping[str, Any], seen: Sighting
) -> None:
    repo_id, name = row["repo_id"], row["repo_name"]
    found = repositories.get(repo_id)
    if found is None:
        found = Repository(repo_id, name, _created(row), row.get("organisation_id"), seen)
        repositories[repo_id] = found
    if found.last_observed != seen.observed or found.name != name:
        found.name = name
        found.names.add(name.lower())
        found.last_observed = seen.observed
    for topic in row.get("topics") or ():
        held = found.topics.get(topic)
        if held is None or seen.recorded < held.recorded:
            found.topics[topic] = seen if held is None else Sighting(held.observed, seen.recorded)
    organisation_id = row.get("organisation_id")
    if organisation_id:
        found.organisation_id = organisation_id
        owner, slash, _ = name.partition("/")
        logins = organisations.setdefault(organisation_id, set())
        if slash:
            logins.add(owner.lower())


def _see_account(accounts: dict[str, Account], row: Mapping[str, Any], seen: Sighting) -> None:
    account_id = row["account_id"]
    found = accounts.get(account_id)
    if found is None:
        found = accounts[account_id] = Account(account_id, first=seen)
    found.name = row.get("name") or found.name
    found.created = _created(row) if found.created is None else found.created
    found.regions.update(row.get("regions_enabled") or ())


def _see_project(projects: dict[str, Project], row: Mapping[str, Any], seen: Sighting) -> None:
    number = row["project_number"]
    found = projects.get(number)
    if found is None:
        found = projects[number] = Project(number, row["project_id"], row.get("name"), _created(row), seen)
    found.name = row.get("name") or found.name
    found.last_observed = seen.observed


def _created(row: Mapping[str, Any]) -> int | None:
    created = row.get("created_at")
    if created is None:
        return None
    return ticks(parse_instant(created) if isinstance(created, str) else created)
