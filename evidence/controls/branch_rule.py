"""The rules of a production branch as a snapshot shows them, and which of them were in force at an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.model import StoredEvidence
from schemas.github import BRANCH_RULES

MAX_GAP = timedelta(days=35)
"""How long a snapshot of branch rules says what is in force (`max_gap` of CC8-CHG-02, evidence line `rules`)."""


@dataclass(frozen=True, slots=True)
class RequiredCheck:
    """A check by its name, and by the app that must report it where the rule pins one."""

    name: str
    app_id: str | None


@dataclass(frozen=True, slots=True)
class BypassActor:
    """Somebody whom a rule lets pass: a team, an app, a role, a deploy key, all administrators."""

    kind: str
    id: str
    mode: str

    @property
    def named(self) -> str:
        return f"{self.kind} {self.id}".strip()


@dataclass(frozen=True, slots=True)
class BranchRule:
    """Effective rules of one branch in one snapshot."""

    branch: str
    classic: bool
    active_rulesets: tuple[str, ...]
    evaluated_rulesets: tuple[str, ...]
    """Rulesets that only report (`evaluate`) or are off: they enforce nothing."""
    pull_request: bool
    approvals: int
    dismiss_stale: bool
    last_push_approval: bool
    code_owners: bool
    checks: tuple[RequiredCheck, ...]
    force_push_blocked: bool
    deletion_blocked: bool
    enforce_admins: bool | None
    bypass: tuple[BypassActor, ...]
    bypass_known: bool

    @property
    def protected(self) -> bool:
        """Whether anything is enforced at all; if not, there is nothing to bypass."""
        return self.classic or bool(self.active_rulesets)


def branch_rule(row: Mapping[str, Any]) -> BranchRule:
    """A row of `github.branch_rules`."""
    rulesets = row["rulesets"] or ()
    return BranchRule(
        branch=row["branch"],
        classic=row["classic_protection"],
        active_rulesets=tuple(_name(ruleset) for ruleset in rulesets if _enforcement(ruleset) == "active"),
        evaluated_rulesets=tuple(_name(ruleset) for ruleset in rulesets if _enforcement(ruleset) != "active"),
        pull_request=row["pull_request_required"],
        approvals=row["required_approvals"],
        dismiss_stale=row["dismiss_stale_reviews"],
        last_push_approval=row["require_last_push_approval"],
        code_owners=row["require_code_owner_review"],
        checks=_checks(row["required_checks"] or ()),
        force_push_blocked=row["force_push_blocked"],
        deletion_blocked=row["deletion_blocked"],
        enforce_admins=row.get("enforce_admins"),
        bypass=tuple(
            BypassActor(actor["actor_type"] or "", actor["actor_id"] or "", actor["mode"] or "")
            for actor in row["bypass_actors"] or ()
        ),
        bypass_known=row["bypass_known"],
    )


def _checks(required: Iterable[Mapping[str, Any]]) -> tuple[RequiredCheck, ...]:
    checks = (RequiredCheck(check["context"], _app(check["integration_id"])) for check in required)
    return tuple(sorted(checks, key=lambda check: (check.name, check.app_id or "")))


def _name(ruleset: Mapping[str, Any]) -> str:
    return ruleset["name"] or ruleset["id"] or "unnamed"


def _enforcement(ruleset: Mapping[str, Any]) -> str:
    return (ruleset["enforcement"] or "").casefold()


def _app(value: str | None) -> str | None:
    """A pinned app; GitHub writes -1 for any source."""
    return value if value and value != "-1" else None


@dataclass(frozen=True, slots=True)
class RulesAt:
    """The rules of all production branches of a repository at the instant of a snapshot."""

    observed_at: datetime
    branches: Mapping[str, BranchRule]
    digest: str


def rules_at(observed_at: datetime, rows: list[Mapping[str, Any]], digest: str) -> RulesAt:
    """One snapshot of `github.branch_rules`."""
    return RulesAt(observed_at, {row["branch"]: branch_rule(row) for row in rows}, digest)


class RulesInForce:
    """Which rules were in force when: the latest snapshot at or before an instant, not older than `MAX_GAP`."""

    def __init__(self, evidence: StoredEvidence, scope_item_id: str, start: datetime, end: datetime) -> None:
        self._evidence = evidence
        self._scope_item_id = scope_item_id
        self._start, self._end = start, end
        first = evidence.snapshot_before(BRANCH_RULES, scope_item_id, start)
        self._snapshots = [] if first is None else [rules_at(*first)]
        self._snapshots += [
            rules_at(*shown)
            for shown in evidence.snapshots(BRANCH_RULES, scope_item_id, start, end)
            if first is None or shown[0] > first[0]
        ]
        self._instants = [snapshot.observed_at for snapshot in self._snapshots]

    def at(self, instant: datetime) -> RulesAt | None:
        """The snapshot that tells what was in force, None where none does: unknown, not "no rules"."""
        if self._start <= instant < self._end:
            place = bisect_right(self._instants, instant)
            found = self._snapshots[place - 1] if place else None
        else:
            shown = self._evidence.snapshot_before(BRANCH_RULES, self._scope_item_id, instant)
            found = None if shown is None else rules_at(*shown)
        return found if found is not None and instant - found.observed_at < MAX_GAP else None

    @property
    def check_names(self) -> frozenset[str]:
        """Names of every check that any of the snapshots requires."""
        return frozenset(
            check.name for snapshot in self._snapshots for rule in snapshot.branches.values() for check in rule.checks
        )

    @property
    def branches(self) -> frozenset[str]:
        """Every production branch that any of the snapshots shows."""
        return frozenset(branch for snapshot in self._snapshots for branch in snapshot.branches)
