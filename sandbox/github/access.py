"""Who asks, and what GitHub lets them see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Fault
from sandbox.github.model import Account, Installation, Organisation, Repository, during
from sandbox.github.times import Epoch
from sandbox.github.world import World

PERMISSIONS = ("pull", "triage", "push", "maintain", "admin")


@dataclass(slots=True)
class Viewer:
    """The identity behind a token: a person, an app's installation, or the app itself (`app_id`)."""

    account: Account | None = None
    installation: Installation | None = None
    app_id: int | None = None
    hidden: tuple[Fault, ...] = ()

    @property
    def key(self) -> str:
        """What rate limits are counted against."""
        if self.installation is not None:
            return f"installation/{self.installation.id}"
        if self.account is not None:
            return f"user/{self.account.id}"
        return f"app/{self.app_id}" if self.app_id is not None else "anonymous"

    def owns(self, organisation: Organisation, now: Epoch) -> bool:
        """Whether the viewer may read what only owners may: an owner, or an installation with that permission."""
        if self.installation is not None:
            granted = self.granted("organization_administration", "read", now)
            return self.installation.organisation is organisation and granted
        return self.account is not None and organisation.is_owner(self.account, now)

    def belongs(self, organisation: Organisation, now: Epoch) -> bool:
        """Whether the viewer is a member, or an installation that may read members."""
        if self.installation is not None:
            return self.installation.organisation is organisation and self.granted("members", "read", now)
        return self.account is not None and organisation.membership(self.account, now) is not None

    def permission(self, repository: Repository, now: Epoch) -> str | None:
        """The viewer's highest permission, or None."""
        if self.installation is not None:
            if self.installation.organisation is not repository.organisation:
                return None
            chosen = self.installation.repositories
            if chosen is not None and repository.slug not in chosen and repository.full_name(now) not in chosen:
                return None
            return "admin" if self.granted("administration", "write", now) else "pull"
        return permission_of(self.account, repository, now) if self.account else None

    def granted(self, permission: str, level: str, now: Epoch) -> bool:
        """Whether an installation has been given a permission; people have what their roles give them."""
        if self.installation is None:
            return True
        held = self.installation.permissions.at(now).get(permission)
        return held in {"write", "admin"} if level == "write" else held is not None

    def administers(self, repository: Repository, level: str, now: Epoch) -> bool:
        """Whether the viewer may read (or, with `write`, change) what only administrators of a repository may."""
        if self.installation is not None:
            return self.permission(repository, now) is not None and self.granted("administration", level, now)
        return self.permission(repository, now) == "admin"

    def sees(self, repository: Repository, now: Epoch) -> bool:
        """Whether the repository exists for the viewer at all."""
        if not repository.exists(now):
            return False
        name = repository.full_name(now)
        if any(matches_any(fault.repositories, name) for fault in self.hidden):
            return False
        return repository.visibility == "public" or self.permission(repository, now) is not None


def matches_any(patterns: list[str], name: str) -> bool:
    """Whether a name fits one of the patterns, where `*` stands for anything."""
    for pattern in patterns:
        head, star, tail = pattern.partition("*")
        if not star and pattern.lower() == name.lower():
            return True
        if star and name.lower().startswith(head.lower()) and name.lower().endswith(tail.lower()):
            return True
    return False


def permission_of(account: Account, repository: Repository, now: Epoch) -> str | None:
    """The highest permission an account has by ownership, teams, direct grants and the members' base permission."""
    organisation = repository.organisation
    member = organisation.membership(account, now)
    found = [organisation.base_permission] if member is not None else []
    if member is not None and member.role.at(now) == "admin":
        return "admin"
    for team in organisation.teams:
        if any(person is account and during([span], now) for span, person, _ in team.members):
            found.extend(grant for span, granted, grant in team.grants if granted is repository and during([span], now))
    found.extend(grant for span, person, grant in repository.collaborators if person is account and during([span], now))
    best = max((PERMISSIONS.index(one) for one in found if one in PERMISSIONS), default=None)
    return None if best is None else PERMISSIONS[best]


def association(account: Account | None, repository: Repository, now: Epoch) -> str:
    """`authorAssociation` as GitHub gives it: as of now, not as of when something was written."""
    if account is None:
        return "NONE"
    if repository.organisation.membership(account, now) is not None:
        return "MEMBER"
    if any(person is account and during([span], now) for span, person, _ in repository.collaborators):
        return "COLLABORATOR"
    for team in repository.organisation.teams:
        for span, person, _ in team.members:
            if person is account and during([span], now):
                return "COLLABORATOR"
    if account.id in contributors(repository, now):
        return "CONTRIBUTOR"
    return "NONE"


def contributors(repository: Repository, now: Epoch) -> frozenset[int]:
    """Ids of the authors of everything merged so far."""
    key = ("contributors", repository.version(now))
    found = repository.cache.get(key)
    if found is None:
        found = frozenset(pull.author.id for pull in repository.pulls if pull.merged_at <= now)
        repository.cache[key] = found
    return found


@dataclass(slots=True)
class Request:
    """What a resolver needs to know about the request it works for."""

    world: World
    now: Epoch
    viewer: Viewer
    api: str
    """Where the REST API lives, without a slash at the end."""
    fault: Fault | None = None
    touched: dict[str, Epoch] = field(default_factory=dict[str, Epoch])
    """Node ids that a `shifting_list` fault has updated since."""

    rendered: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """REST bodies of repositories, by id: a list of pull requests shows each of them many times."""
    spending: dict[str, Any] = field(default_factory=dict[str, Any])
    """What `rateLimit` answers: cost, limit, nodeCount, remaining, resetAt, used."""


WEB = "https://github.example"
"""Web pages do not exist in the sandbox; their addresses say so and do not depend on the port."""
