"""CC7-LOG-01: what administrators do was logged without interruption and is kept for a year.

Each snapshot of a window is judged, for the region as a whole:

- LOGGING_OFF      no trail that covers the region is on and keeps all management events, reads and writes
- RETENTION_SHORT  what such a trail delivers is deleted after less than 365 days
- CHAIN_BROKEN     is told by the continuity of the delivered files, which no rule judges yet

A region that was in order in every snapshot makes one row, one that was not makes a row per stretch of adjoining
snapshots.

Decisions where the rule leaves room:

- Several trails do not add up: one must keep everything, or the order of events can't be told from one place.
- A trail of the organisation counts like one of the account. Its bucket is mostly another account's: where it is closed
  to the reader, the retention is unknown.
- A bucket without a rule keeps for ever.
- What Google Cloud and Google Workspace log is collected and judged by no rule yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws_configuration import LOG_CONFIG
from schemas.outcome import Outcome

LINE = "config"
LOGGING_OFF = "LOGGING_OFF"
CHAIN_BROKEN = "CHAIN_BROKEN"
RETENTION_SHORT = "RETENTION_SHORT"
CODES = (LOGGING_OFF, CHAIN_BROKEN, RETENTION_SHORT)
KEPT_DAYS = 365

Row = Mapping[str, Any]


def logged_and_kept(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of a region of AWS. Of other systems nothing can be said yet, which is unknown and no pass."""
    if not window.scope_item_id.startswith("aws:"):
        why = "how it logs is collected, and no rule judges it yet."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    stretches = Stretches(window, LINE)
    region = window.scope_item_id.rpartition(":")[2]
    for observed_at, rows, digest in evidence.snapshots(LOG_CONFIG, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, {f"{window.scope_item_id}:audit-trail": logged(rows, region)})
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of how the region logs is held.")]
    return list(stretches.outcomes())


def logged(rows: Iterable[Row], region: str) -> Seen:
    """Whether a region is logged by one of its trails, and how long that is kept."""
    label = f"audit trail of {region}"
    trails = [row for row in rows if row["kind"] == "trail"]
    good = [row for row in trails if logs_everything(row)]
    if not good:
        unread = any(row["logging"] is None or row["management_events"] is None for row in trails)
        if unread:
            return Seen(label, "not known whether a trail logs", unknown=True)
        return Seen(label, "no trail logs all management events", (LOGGING_OFF,))
    verdicts = [kept_a_year(row) for row in good]
    names = ", ".join(sorted(str(row["name"]) for row in good))
    if True in verdicts:
        return Seen(label, f"logged by {names}, kept for a year")
    if None in verdicts:
        return Seen(label, f"logged by {names}, and not known for how long its bucket keeps it", unknown=True)
    return Seen(label, f"logged by {names}, kept for less than a year", (RETENTION_SHORT,))


def logs_everything(row: Row) -> bool:
    """Whether a trail is on and keeps all management events."""
    return bool(row["logging"]) and row["management_events"] == "All" and not row["excluded_sources"]


def kept_a_year(row: Row) -> bool | None:
    """Whether what a trail delivers stays for 365 days; None where its bucket could not be read."""
    if row["bucket_readable"] is not True:
        return None
    return row["expiration_days"] is None or row["expiration_days"] >= KEPT_DAYS
