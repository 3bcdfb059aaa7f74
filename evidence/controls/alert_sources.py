"""Alerts of every source in one shape, each once, with what all its stored versions say (CC7-ALT-01)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.model import StoredEvidence, TestWindow
from schemas import aws_detection, gcp, github_security, google
from schemas.dataset import Dataset

SEVERITIES = ("informational", "low", "medium", "high", "critical")
"""From the mildest to the worst."""
_SHORTEST_NAME = 16

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """What one stored version of an alert says."""

    title: str
    severity: str | None
    """One of SEVERITIES; None where the source gives none."""
    open: bool
    changed_at: datetime | None
    suppressed_as: tuple[str, ...] = ()
    """Where the source put it aside by itself: what the rule that did so may be approved as."""
    sample: bool = False
    names: tuple[str, ...] = ()
    """What else people call it."""


@dataclass(slots=True)
class Alert:
    """One alert."""

    id: str
    at: datetime
    """Created at the source."""
    latest: Version
    severity: str | None
    """The worst it was ever stored with: nobody escapes by rating it down."""
    digests: dict[str, None]
    reopened_at: datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """How tickets may name it, in lower case."""
        last = self.id.rpartition("/")[2]
        short = (last,) if len(last) >= _SHORTEST_NAME else ()
        return tuple(dict.fromkeys(one.casefold() for one in (self.id, *short, *self.latest.names)))


def _aws(row: Row) -> Version:
    closed = row["archived"] or row["status"] in ("archived", "resolved", "suppressed")
    put_aside = (row["alert_type"],) if row["archived"] or row["status"] == "suppressed" else ()
    return Version(row["title"], _known(row["severity"]), not closed, row["updated_at"], put_aside, row["sample"])


def _google(row: Row) -> Version:
    closed = row["deleted"] or (row["status"] or "").upper() == "CLOSED"
    title = f"{row['alert_type']} {row['rule_name'] or ''}".strip()
    return Version(title, _known(row["severity"]), not closed, row["updated_at"])


def _gcp(row: Row) -> Version:
    put_aside = tuple(one for one in (row["muted_by"], row["category"]) if one) if row["muted"] else ()
    return Version(
        row["category"], _known(row["severity"]), row["status"].upper() == "ACTIVE" and not row["muted"],
        row["updated_at"], put_aside,
    )  # fmt: skip


def _github(row: Row) -> Version:
    put_aside = ("auto_dismissed",) if row["status"] == "auto_dismissed" else ()
    names = (row["url"],) if row["url"] else ()
    title = f"{row['kind'].replace('_', ' ')} in {row['repo_name']}: {row['title']}"
    return Version(title, _known(row["severity"]), row["status"] == "open", row["updated_at"], put_aside, names=names)


def _known(severity: str | None) -> str | None:
    named = (severity or "").casefold()
    return named if named in SEVERITIES else {"moderate": "medium", "warning": "medium", "error": "high"}.get(named)


SOURCES: Mapping[str, tuple[Dataset, Callable[[Row], Version]]] = {
    "aws": (aws_detection.ALERTS, _aws),
    "google": (google.ALERTS, _google),
    "gcp": (gcp.ALERTS, _gcp),
    "github": (github_security.ALERTS, _github),
}
"""By system: the dataset, and how a row of it is read."""


def alerts_of(window: TestWindow, evidence: StoredEvidence, system: str) -> list[Alert]:
    """The alerts created in the window, in order."""
    dataset, read = SOURCES[system]
    found: dict[str, Alert] = {}
    for row, digest, learnt in _in_order(evidence, dataset, window):
        version = read(row)
        alert = found.get(row["alert_id"])
        if alert is None:
            found[row["alert_id"]] = Alert(
                row["alert_id"], row["event_time"], version, version.severity, {digest: None}
            )
            continue
        alert.digests[digest] = None
        alert.severity = max((alert.severity, version.severity), key=_rank)
        if version.open and not alert.latest.open:
            alert.reopened_at = version.changed_at or learnt
        alert.latest = version
    return sorted(found.values(), key=lambda alert: (alert.at, alert.id))


def _in_order(evidence: StoredEvidence, dataset: Dataset, window: TestWindow) -> Iterator[tuple[Row, str, datetime]]:
    told = evidence.versions(dataset, window.scope_item_id, window.start, window.end)
    yield from sorted((one for one in told if one[2] <= window.as_of), key=lambda one: one[2])


def _rank(severity: str | None) -> int:
    return -1 if severity is None else SEVERITIES.index(severity)
