"""One account of the simulated company, as it is at the world's instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from moto.iam.models import AccessKey, Group, ManagedPolicy, Role, User

from sandbox.aws import company as script
from sandbox.aws.iam_backend import CompanyIamBackend


@dataclass
class Recurring:
    """Something that happens every so often from `since` on."""

    since: datetime
    hours: float
    record: Callable[[datetime], None]
    last: datetime | None = None

    def note(self, now: datetime) -> bool:
        """Record the latest occurrence up to `now`; whether it is a new one."""
        step = timedelta(hours=self.hours)
        count = (now - self.since) // step
        if count < 1:
            return False
        latest = self.since + step * count
        if latest == self.last:
            return False
        self.last = latest
        self.record(latest)
        return True


@dataclass
class LiveAccount:
    """One account at the world's instant."""

    plan: script.Account
    iam: CompanyIamBackend
    regions: list[str]
    state: str = "ACTIVE"
    keys: dict[tuple[str, str], AccessKey] = field(default_factory=dict)
    """Access keys by user name (`` for root) and label."""
    recurring: dict[tuple[str, ...], Recurring] = field(default_factory=dict)
    assumable_by_reader: str | None = None
    """Name of a role that the reader may assume without a trust policy: only for an account read from a document."""

    def user(self, name: str) -> User:
        return self.iam.users[name]

    def role(self, name: str) -> Role:
        role = self.iam.role_named(name)
        if role is None:
            raise KeyError(name)
        return role

    def holder(self, principal: str) -> User | Group | Role:
        kind, _, name = principal.partition(":")
        return self.user(name) if kind == "user" else self.iam.groups[name] if kind == "group" else self.role(name)

    def policy(self, name: str) -> ManagedPolicy:
        if name.startswith("arn:"):
            return self.iam.managed_policies[name]
        return next(
            policy for arn, policy in self.iam.managed_policies.items()
            if policy.name == name and f"::{self.plan.id}:" in arn
        )  # fmt: skip


Change = Callable[[LiveAccount, datetime], None]
"""What happens to an account at an instant. Raises KeyError or ValueError where it can't."""
