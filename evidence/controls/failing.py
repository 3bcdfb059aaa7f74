"""Failing checks followed through snapshots: since when each fails, and until when, for CC7-CFG-01."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.acceptance import Acceptance
from evidence.controls.findings import severity_of
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.remediation import limit_of
from schemas.aws_detection import POSTURE

INSTANT = timedelta(microseconds=1)
SERVICES = ("recorder", "hub")
"""Values of `check_id` whose rows tell whether a service is on."""
NOT_RUN = ("error", "not_evaluated")

Row = Mapping[str, Any]


class Shown:
    """One snapshot: what fails in it, what runs, and of what it says nothing."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.single = {(row["tool"], row["check_id"]) for row in rows if row["resource_id"] is not None}
        """Checks with results for single resources."""
        self.running = {row["tool"] for row in rows if row["check_id"] not in SERVICES}
        self._status = {row["result_id"]: row["status"] for row in rows}
        self._checks = {
            (row["tool"], row["check_id"]): row["status"] for row in rows if row["resource_id"] is None
        }  # fmt: skip
        self.failing = {row["result_id"]: row for row in rows if row["status"] == "fail" and not self.summed_up(row)}

    def summed_up(self, row: Row) -> bool:
        """Whether a row is of a check as a whole and its results for single resources are there."""
        return row["resource_id"] is None and (row["tool"], row["check_id"]) in self.single

    def tells_of(self, row: Row) -> bool:
        """Whether the check of a failing row was run again, so that its absence means something."""
        status = self._status.get(row["result_id"])
        if status is not None:
            return status not in NOT_RUN
        if row["tool"] not in self.running:
            return False
        if row["tool"] != "config":
            return True
        return self._checks.get((row["tool"], row["check_id"]), "error") not in NOT_RUN


@dataclass(slots=True)
class Failure:
    """One time for which a check failed without interruption, as far as snapshots show."""

    id: str
    row: Row
    """As last seen failing."""
    since: datetime
    limit_days: int | None
    last_failing: datetime
    digests: tuple[str, ...]
    accepted_until: datetime | None = None
    mended_by: datetime | None = None
    """The first snapshot that tells of it and does not show it failing."""

    @property
    def deadline(self) -> datetime:
        """Until when it may fail; what came later needs no further look."""
        limit = self.since + timedelta(days=self.limit_days or 0)
        return limit if self.accepted_until is None else max(limit, self.accepted_until)


class Failing:
    """Collects the snapshots of a window in order; memory grows with what ever failed."""

    def __init__(
        self, window: TestWindow, evidence: StoredEvidence, accepted: Mapping[str, Sequence[Acceptance]]
    ) -> None:
        self._window = window
        self._evidence = evidence
        self._accepted = accepted
        self._open: dict[str, Failure] = {}
        self._previous: datetime | None = None
        self.failures: list[Failure] = []

    def add(self, at: datetime, digest: str, shown: Shown) -> None:
        """A snapshot of the window."""
        self._go_on(at, digest, shown)
        fresh: list[Failure] = []
        for result, row in shown.failing.items():
            if result not in self._open:
                since = _since(row, at, self._previous)
                failure = Failure(result, row, since, self._limit(row), at, (digest,), self._until(result))
                self._open[result] = failure
                fresh.append(failure)
        self.failures += fresh
        if self._previous is None and fresh:
            self._look_back(at, {failure.id: failure for failure in fresh})
        self._previous = at

    def follow(self) -> None:
        """Go through snapshots after the window, until each open failure is mended or its limit is over."""
        if not self._waiting():
            return
        item, until = self._window.scope_item_id, self._window.as_of + INSTANT
        for at, rows, digest in self._evidence.snapshots(POSTURE, item, self._window.end, until):
            self._go_on(at, digest, Shown(rows))
            if not self._waiting():
                return

    def _waiting(self) -> bool:
        return any(one.limit_days is not None and one.last_failing <= one.deadline for one in self._open.values())

    def _until(self, result: str) -> datetime | None:
        return max((one.until for one in self._accepted.get(result, ()) if one.until is not None), default=None)

    def _go_on(self, at: datetime, digest: str, shown: Shown) -> None:
        for result, failure in list(self._open.items()):
            row = shown.failing.get(result)
            if row is None:
                if not shown.tells_of(failure.row):
                    continue
                failure.mended_by = at
                failure.digests = (*failure.digests[:1], digest)
                del self._open[result]
                continue
            failure.row, failure.last_failing = row, at
            failure.limit_days = _stricter(failure.limit_days, self._limit(row))
            failure.digests = (*failure.digests[:1], digest)

    def _limit(self, row: Row) -> int | None:
        rules = self._window.programme.evidence_rules
        severity = severity_of(row["severity"])
        return rules.baseline_days if severity is None else limit_of(severity, rules)

    def _look_back(self, first: datetime, wanted: dict[str, Failure]) -> None:
        """Since when what fails in the first snapshot does, by earlier ones, as far back as its limit."""
        earliest = {result: (first, failure.row) for result, failure in wanted.items()}
        before: datetime | None = first
        while wanted and before is not None:
            found = self._evidence.snapshot_before(POSTURE, self._window.scope_item_id, before - INSTANT)
            before = None if found is None else found[0]
            shown = Shown([] if found is None else found[1])
            for result, failure in list(wanted.items()):
                at, row = earliest[result]
                older = shown.failing.get(result)
                if before is not None and older is None and not shown.tells_of(row):
                    continue
                if older is None or before is None:
                    failure.since = _since(row, at, before)
                    del wanted[result]
                    continue
                earliest[result] = (before, older)
                if failure.limit_days is None or first - before > timedelta(days=failure.limit_days):
                    failure.since = before
                    del wanted[result]


def _since(row: Row, at: datetime, otherwise_at: datetime | None) -> datetime:
    """When a check began to fail: by the source, unless a snapshot shows that it did not fail then."""
    own = row["since"]
    if own is None or own > at or (otherwise_at is not None and own <= otherwise_at):
        return at
    return own


def _stricter(one: int | None, other: int | None) -> int | None:
    return min((days for days in (one, other) if days is not None), default=None)
