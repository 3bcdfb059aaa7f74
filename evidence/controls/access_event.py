"""The shape of what was granted and taken away, the same for every system; `access_events` reads it from rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from evidence.controls.identity import Who

Kind = Literal["granted", "taken", "ended", "restored"]
SubjectKind = Literal["person", "machine", "group", "unknown"]

ACCOUNT = "account"
"""The role of an account that can sign in and do no more."""

_JOINED = ("org.add_member", "organization.member_added", "org.add_outside_collaborator")


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One thing given to or taken from one subject."""

    id: str
    """The source's event id, with a number where one event gives several things."""
    at: datetime
    kind: Kind
    action: str
    """As the source names it."""
    subject: Who
    """Who has it now, or has it no longer; without keys where the source does not say."""
    subject_kind: SubjectKind
    role: str
    """What was given, as the source names it: `owner`, a policy's ARN, `roles/editor`; `account` for an account."""
    resource: str
    """Where: a repository, a team, a group, the account; empty for the whole system."""
    actor: Who
    privileged: bool = False
    """Whether what was given is administrative power."""
    part: str | None = None
    """AWS, `ended` in part: `password` or `key:<id>`."""

    @property
    def given(self) -> tuple[tuple[str, ...], str, str]:
        """What tells two events that are about the same thing: subject, role, resource."""
        return self.subject.keys, self.role.casefold(), self.resource.casefold()

    @property
    def opens(self) -> bool:
        """Whether it gives an account, new or back, and not only a right to one that is there."""
        return self.kind == "restored" or (self.kind == "granted" and (self.role == ACCOUNT or self.action in _JOINED))

    @property
    def words(self) -> str:
        """For sentences: `owner for bob`, `team platform for bob`."""
        where = f" on {self.resource[:120]}" if self.resource else ""
        return f"{self.role[:120]}{where} for {self.subject.named[:120]}"
