"""What exists at the simulated Google Cloud, who may see it, and which services are on.

A project's records are what Google would answer, by the method that lists them, such as
`{"compute.firewalls.list": [{...}]}`. A record is shown from the instant it says it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.google.errors import GoogleError
from schemas.instants import parse_instant

Record = Mapping[str, Any]

_MADE = ("createTime", "creationTimestamp", "timeCreated", "validAfterTime", "enqueuedTime", "timestamp")
_RESOURCE = {"projects": "project", "folders": "folder", "organizations": "organization"}


@dataclass(frozen=True, slots=True)
class Held:
    """A binding that holds for a time."""

    binding: Record
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Holder:
    """A folder or an organisation, or what a project has in common with them. `name` is `folders/<number>` or so."""

    name: str
    parent: str | None = None
    policy: dict[str, Any] = field(default_factory=dict[str, Any])
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    held: list[Held] = field(default_factory=list[Held])
    """Bindings beside those of `policy`, each for its time."""

    def policy_at(self, now: datetime) -> dict[str, Any]:
        """The IAM policy as it stands at an instant."""
        standing = [one.binding for one in self.held if one.since <= now and (one.until is None or now < one.until)]
        return {**self.policy, "bindings": [*self.policy.get("bindings", []), *standing]}


@dataclass(slots=True)
class Project(Holder):
    """A project. `services` are those that are switched on."""

    project_id: str = ""
    services: set[str] = field(default_factory=set[str])
    record: dict[str, Any] = field(default_factory=dict[str, Any])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Temporal assets of the project itself: window, deleted, asset."""

    @property
    def number(self) -> str:
        return self.name.partition("/")[2]


@dataclass(slots=True)
class CloudWorld:
    """All projects, and what is above them."""

    projects: list[Project]
    above: list[Holder] = field(default_factory=list[Holder])
    roles: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Permissions by role."""
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Audit log entries of all containers, in any order."""
    denied: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Container (`projects/<number>`) and permission that the reader does not have; all others it has."""
    hidden: set[str] = field(default_factory=set[str])
    """Projects (by name) that the reader may not even see."""

    def project(self, text: str) -> Project:
        """A project by number or id, with or without `projects/` before it; Google denies one that is unknown."""
        wanted = text.removeprefix("projects/").partition("/")[0]
        for one in self.projects:
            if wanted in (one.number, one.project_id) and one.name not in self.hidden:
                return one
        raise GoogleError(403, f"Permission denied on resource project {wanted}.", "forbidden")

    def holder(self, text: str) -> Holder:
        """Project, folder or organisation by its name, such as `folders/12`."""
        if text.startswith("projects/"):
            return self.project(text)
        name = "/".join(text.split("/")[:2])
        for one in self.above:
            if one.name == name:
                return one
        raise GoogleError(403, f"The caller does not have permission on {name}.", "forbidden")

    def permit(self, holder: Holder, permission: str) -> None:
        """Raise as Google does where the reader lacks a permission."""
        if (holder.name, permission) in self.denied:
            kind = _RESOURCE[holder.name.partition("/")[0]]
            raise GoogleError(
                403, f"Permission '{permission}' denied on {kind} {holder.name} (or it may not exist).", "forbidden",
                permission=permission,
            )  # fmt: skip

    def on(self, holder: Holder, service: str) -> None:
        """Raise as Google does where the service is switched off in the project."""
        if isinstance(holder, Project) and service not in holder.services:
            raise GoogleError(
                403, f"{service} has not been used in project {holder.number} before or it is disabled.",
                "accessNotConfigured", service=service, consumer=holder.name,
            )  # fmt: skip


def shown(records: Iterable[Record], now: datetime) -> list[Record]:
    """The records that exist by now."""
    return [one for one in records if made_at(one) is None or (made_at(one) or now) <= now]


def made_at(record: Record) -> datetime | None:
    """When a record says it was made; None where it does not say so."""
    text = next((record[name] for name in _MADE if record.get(name)), None)
    try:
        return None if text is None else parse_instant(str(text))
    except ValueError:
        return None
