"""Findings of scanners as histories: one for each finding that was open in a window, out of the rows of its dates.

Sources keep a finding's dates and no list of its changes, so a row tells of the finding as it was when it was
collected. Of all stored versions the first tells the severity at first sight, and the last how it stands. A finding
that was reopened is open by the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.controls.acceptance import Acceptance, expiry_in
from evidence.controls.approval import is_machine, who
from evidence.controls.held import BEGINNING
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.aws_detection import VULNERABILITY_FINDINGS
from schemas.dataset import Dataset
from schemas.gcp import FINDINGS
from schemas.github_security import VULNERABILITY_ALERTS

Row = Mapping[str, Any]

INSTANT = timedelta(microseconds=1)
RANKS = {"critical": 3, "high": 2, "medium": 1, "low": 0, "informational": 0}
"""Severities that a limit can be told of; any other word is none."""

FALSE_ALARM = frozenset({"inaccurate", "not_used", "false positive", "used in tests"})
"""Reasons of dismissals at GitHub that say that there is nothing to fix; the others accept the weakness."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding as the last stored version has it."""

    id: str
    label: str
    first_seen: datetime
    severities: tuple[str | None, ...]
    """At first sight and as it stands now; None where the source gives none."""
    closed_at: datetime | None
    """When it was no longer there: fixed, or gone with its resource."""
    left_at: datetime | None
    """When the source stopped to show it as open, closed or dismissed."""
    decisions: tuple[Acceptance, ...]
    """What somebody decided about it, as long as it stood."""
    development: bool
    """A dependency that only development needs."""
    vanishes: bool
    """The source tells of no closing: what is gone is no longer listed."""
    shown_open_at: datetime
    """The last instant for which a row says that it was open."""
    digests: tuple[str, ...]


@dataclass(slots=True)
class _History:
    first: Row
    last: Row
    first_seen: datetime
    shown_open_at: datetime
    told: list[tuple[datetime, Acceptance | None]] = field(default_factory=list[tuple[datetime, Acceptance | None]])
    """What each version says was decided, with the instant the store learnt it."""
    digests: dict[str, None] = field(default_factory=dict[str, None])


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the rows of one dataset tell what a finding is."""

    dataset: Dataset
    id: str
    event: str
    seen: str
    label: Callable[[Row], str]
    closed_at: Callable[[Row], datetime | None]
    decision: Callable[[Row, TestWindow], Acceptance | None]
    wanted: Callable[[Row], bool] = lambda _row: True


def _github_label(row: Row) -> str:
    what = row["component"] or row["location"] or row["tool"] or "code"
    return f"{row['kind'].replace('_', ' ')} alert {row['number']} of {row['repo_name']} ({row['rule_id']} in {what})"


def _github_decision(row: Row, window: TestWindow) -> Acceptance | None:
    if row["state"] == "open":
        return None
    if row["state"] == "auto_dismissed":
        return Acceptance(None, row["closed_at"], None)
    if row["dismissed_at"] is None:
        return None
    person, by = row["dismissed_by"], who(row["dismissed_by"])
    machines = frozenset(login.casefold() for login in window.programme.evidence_rules.machine_accounts)
    nobody = not by.keys or is_machine((person or {}).get("kind"), by, machines)
    until = expiry_in(row["dismissed_comment"], window.programme.timezone)
    final = str(row["dismissed_reason"] or "").casefold() in FALSE_ALARM
    return Acceptance(None if nobody else by.named, row["dismissed_at"], until, final)


def _aws_label(row: Row) -> str:
    what = f" in {row['component']}" if row["component"] else ""
    return f"{row['rule_id']}{what} on {row['resource_id']} ({row['source']}, {row['region']})"


def _gcp_label(row: Row) -> str:
    named = ", ".join(row["identifiers"]) or row["category"]
    return f"{named} on {row['component_name'] or row['component']}"


def _gcp_decision(row: Row, _window: TestWindow) -> Acceptance | None:
    if not row["muted"]:
        return None
    # A mute rule stands here by the name of its configuration, a person and a machine by the address.
    by = str(row["muted_by"] or "")
    person = "@" in by and not by.endswith("gserviceaccount.com")
    return Acceptance(by if person else None, row["muted_at"], None)


_READERS: Mapping[str, _Reader] = {
    "github": _Reader(
        VULNERABILITY_ALERTS, "alert_id", "event", "created_at", _github_label,
        lambda row: row["closed_at"] if row["state"] == "fixed" else None, _github_decision,
    ),
    "aws": _Reader(
        VULNERABILITY_FINDINGS, "finding_id", "event", "first_seen_at", _aws_label,
        lambda row: row["fixed_at"] if row["state"] == "closed" else None,
        lambda row, _window: Acceptance(None, None, None) if row["dismissed"] else None,
    ),
    "gcp": _Reader(
        FINDINGS, "finding_id", "change", "first_seen_at", _gcp_label,
        lambda row: row["closed_at"] if row["state"] == "INACTIVE" else None, _gcp_decision,
        lambda row: row["finding_class"] != "OBSERVATION",
    ),
}  # fmt: skip
_OPEN_EVENTS = ("created", "opened", "carried_over")


def dataset_of(window: TestWindow) -> Dataset:
    """The stream of findings of the window's item."""
    return _READERS[window.scope_item_id.partition(":")[0]].dataset


def findings_of(window: TestWindow, evidence: StoredEvidence) -> Iterator[Finding]:
    """Every finding known by `as_of` that was open at any instant of the window, by id."""
    reader = _READERS[window.scope_item_id.partition(":")[0]]
    held: dict[str, _History] = {}
    until = window.as_of + INSTANT
    for row, digest, learnt in evidence.versions(reader.dataset, window.scope_item_id, window.start, until):
        if reader.wanted(row):
            _add(held, reader, row, digest).told.append((learnt, reader.decision(row, window)))
    _look_back(held, reader, window, evidence)
    for finding_id, history in sorted(held.items()):
        last = history.last
        closed_at = reader.closed_at(last)
        left_at = last["closed_at"] if reader.dataset is VULNERABILITY_ALERTS else closed_at
        if history.first_seen >= window.end or (left_at is not None and left_at < window.start):
            continue
        yield Finding(
            finding_id, reader.label(last), history.first_seen,
            (severity_of(history.first["severity"]), severity_of(last["severity"])), closed_at, left_at,
            _decisions(history),
            last.get("component_scope") == "development", last.get("source") == "ecr", history.shown_open_at,
            tuple(history.digests),
        )  # fmt: skip


def severity_of(word: str | None) -> str | None:
    """A severity that limits are about; None where the source gives none."""
    severity = (word or "").casefold()
    return severity if severity in RANKS else None


def _add(held: dict[str, _History], reader: _Reader, row: Row, digest: str) -> _History:
    finding_id, seen = str(row[reader.id]), row[reader.seen]
    history = held.get(finding_id)
    if history is None:
        history = held[finding_id] = _History(row, row, seen, seen)
        history.digests[digest] = None
    history.last = row
    history.digests[digest] = None
    history.first_seen = min(history.first_seen, seen)
    if row[reader.event] in _OPEN_EVENTS:
        history.shown_open_at = max(history.shown_open_at, row["event_time"])
    return history


def _decisions(history: _History) -> tuple[Acceptance, ...]:
    """What was decided; a version that says nothing of it ends what was decided before, at the latest then."""
    standing: dict[tuple[str | None, datetime | None], Acceptance] = {}
    for learnt, decision in sorted(history.told, key=lambda one: one[0]):
        if decision is not None:
            standing[decision.by, decision.at] = decision
            continue
        standing = {
            key: replace(one, until=learnt if one.until is None else min(one.until, learnt), final=False)
            for key, one in standing.items()
            if one.by is not None
        }
    return tuple(standing.values())


def _look_back(held: dict[str, _History], reader: _Reader, window: TestWindow, evidence: StoredEvidence) -> None:
    """What older findings were at first sight. Each scan of ECR begins the dates of a finding anew: it is as old as the
    first row that was ever held of it."""
    older = [one for one in held.values() if one.first_seen < window.start or one.last.get("source") == "ecr"]
    if not older:
        return
    anew = any(one.last.get("source") == "ecr" for one in older)
    start = BEGINNING if anew else min(one.first_seen for one in older)
    met: set[str] = set()
    for row, digest, learnt in evidence.versions(reader.dataset, window.scope_item_id, start, window.start):
        finding_id = str(row[reader.id])
        history = held.get(finding_id)
        if history is None:
            continue
        history.first_seen = min(history.first_seen, row[reader.seen])
        history.told.append((learnt, reader.decision(row, window)))
        if finding_id not in met:
            met.add(finding_id)
            history.first = row
            history.digests = {digest: None, **history.digests}


def first_noon(instant: datetime) -> datetime:
    """The first instant, at or after the given one, for which sources with dates alone list what is open."""
    instant = instant.astimezone(UTC)
    noon = instant.replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    return noon if noon >= instant else (noon + timedelta(days=31)).replace(day=1)


def opening_held(window: TestWindow, evidence: StoredEvidence, dataset: Dataset) -> bool:
    """Whether what was open already when the window began must have shown itself: at the next first noon."""
    noon = first_noon(window.start)
    return noon < window.end or evidence.covered(dataset, window.scope_item_id, window.start, noon + INSTANT)
