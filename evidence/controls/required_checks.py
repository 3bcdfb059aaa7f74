"""Checks as they had run when a change was merged (CC8-CHG-01 E5)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from evidence.controls.branch_rule import RequiredCheck
from evidence.controls.model import StoredEvidence
from schemas.github import CHECKS


@dataclass(frozen=True, slots=True)
class Run:
    """One check run or commit status."""

    name: str
    app_id: str | None
    conclusion: str
    completed_at: datetime | None
    digest: str


class CheckRuns:
    """Check runs by commit; only those asked for are kept."""

    def __init__(self) -> None:
        self._by_sha: dict[str, list[Run]] = {}

    def load(
        self,
        evidence: StoredEvidence,
        scope_item_id: str,
        start: datetime,
        end: datetime,
        *,
        names: Container[str] | None = None,
        shas: Container[str] | None = None,
    ) -> None:
        """Read `github.checks` of an interval; None keeps every name, every commit."""
        for row, digest in evidence.rows(CHECKS, scope_item_id, start, end):
            if (names is None or row["name"] in names) and (shas is None or row["sha"] in shas):
                run = Run(
                    row["name"], row["app_id"], (row["conclusion"] or row["status"] or "").casefold(),
                    row["completed_at"], digest,
                )  # fmt: skip
                self._by_sha.setdefault(row["sha"], []).append(run)

    def of(self, shas: Iterable[str | None]) -> list[Run]:
        """Every run on any of the commits."""
        return [run for sha in shas if sha is not None for run in self._by_sha.get(sha, ())]


@dataclass(frozen=True, slots=True)
class CheckState:
    """Whether one required check was green before the merge."""

    check: RequiredCheck
    green: bool
    doubtful: bool
    """A green run is there, but not which app reported it, and the rule wants a certain one."""
    words: str
    digest: str | None


def state_of(check: RequiredCheck, runs: Iterable[Run], before: datetime, accepted: frozenset[str]) -> CheckState:
    """Judge a required check by the runs on the head and queue commits that completed before the merge."""
    latest: Run | None = None
    doubtful = False
    for run in runs:
        if run.name != check.name:
            continue
        if run.conclusion in accepted and run.completed_at is not None and run.completed_at < before:
            if check.app_id is None or run.app_id == check.app_id:
                return CheckState(check, True, False, f"{check.name} was {run.conclusion}", run.digest)
            doubtful = doubtful or run.app_id is None
        if latest is None or _later(run, latest):
            latest = run
    return CheckState(check, False, doubtful, _missing(check, latest, before, accepted), latest and latest.digest)


def _later(run: Run, other: Run) -> bool:
    if run.completed_at is None or other.completed_at is None:
        return run.completed_at is None
    return run.completed_at > other.completed_at


def _missing(check: RequiredCheck, latest: Run | None, before: datetime, accepted: frozenset[str]) -> str:
    if latest is None:
        return f"the required check {check.name} never ran on the merged content"
    if latest.completed_at is None:
        return f"the required check {check.name} had not ended when the change was merged"
    if latest.completed_at >= before:
        return f"the required check {check.name} ended only after the merge ({latest.conclusion})"
    if latest.conclusion in accepted:
        return f"the required check {check.name} was reported by another app than the rule asks for"
    return f"the required check {check.name} was not green ({latest.conclusion})"
