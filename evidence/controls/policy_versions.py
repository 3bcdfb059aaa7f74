"""Which version of a policy was in force when, by the approvals that people recorded (CC2-POL-01)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evidence.controls.currency import of_the_period
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of, start_of
from evidence.programme_versions import slug
from evidence.record import StoredRecord

CONTROL, LINE = "CC2-POL-01", "approvals"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One text of a policy, with every approval it ever had."""

    version: str
    sha256: str
    """Without the prefix."""
    approvals: tuple[StoredRecord, ...]
    """In order."""
    effective_from: datetime
    effective_to: datetime | None
    """First instant after the last day on which it holds; None: until another one does."""

    @property
    def approved_at(self) -> datetime:
        """When it was first approved."""
        return self.approvals[0].performed_at

    def is_named(self, text: str) -> bool:
        """Whether somebody means this version: by its number or the digest of its text."""
        return plain(text) in (plain(self.version), self.sha256)


def plain(text: object) -> str:
    """A version or digest as it is compared."""
    return str(text or "").strip().casefold().removeprefix("sha256:")


def approvals_of(window: TestWindow, evidence: StoredEvidence, policy: str) -> list[StoredRecord]:
    """The approvals of a policy, given by its name or id, in order."""
    return of_the_period(window, evidence.records(CONTROL, LINE, f"policy:{slug(policy)}"), "policy_approval")


def versions_of(window: TestWindow, approvals: list[StoredRecord]) -> list[PolicyVersion]:
    """The texts that were approved, by the first day on which they hold."""
    zone = window.programme.timezone
    by_text: dict[str, list[StoredRecord]] = {}
    for record in approvals:
        by_text.setdefault(plain(record.values["sha256"]), []).append(record)
    found: list[PolicyVersion] = []
    for sha256, records in by_text.items():
        latest = records[-1].values
        starts = [start_of(record.values["effective_from"], zone) for record in records]
        found.append(
            PolicyVersion(
                str(latest["version"]), sha256, tuple(records), min(at for at in starts if at is not None),
                end_of(latest.get("effective_to"), zone),
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.effective_from, one.approved_at))


def in_force(versions: list[PolicyVersion]) -> Iterator[tuple[PolicyVersion, datetime, datetime | None]]:
    """Each version with the time in which it is the one to follow, approved by then or not; the next one ends it."""
    for number, one in enumerate(versions):
        later = versions[number + 1].effective_from if number + 1 < len(versions) else None
        ends = [at for at in (one.effective_to, later) if at is not None]
        yield one, one.effective_from, min(ends, default=None)


def in_force_at(versions: list[PolicyVersion], at: datetime) -> PolicyVersion | None:
    """The approved version to follow at an instant; None where there is none."""
    for one, start, end in in_force(versions):
        if start <= at and (end is None or at < end):
            return one if one.approved_at <= at else None
    return None
