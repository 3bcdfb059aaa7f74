"""CC7-LOG-01: what administrators do was logged without interruption and is kept for a year.

Each snapshot of a window is judged, for the region or the project as a whole:

- LOGGING_OFF      no trail that covers the region is on and keeps all management events, reads and writes
- RETENTION_SHORT  what such a trail delivers is deleted after less than 365 days; or the bucket in which Google Cloud
                   keeps what administrators do

A region that was in order in every snapshot makes one row, one that was not makes a row per stretch of adjoining
snapshots. What happened between snapshots is told by the calls that touched the logging (`logging_toggles`), whether
the record is whole by the chain of its digests, hour by hour (`digest_chain`).

Decisions where the rule leaves room:

- Several trails do not add up: one must keep everything, or the order of events can't be told from one place.
- A trail of the organisation counts like one of the account. Its bucket is mostly another account's: where it is closed
  to the reader, the retention is unknown.
- A bucket without a rule keeps for ever.
- Google Cloud logs what administrators do whatever anybody sets, and signs nothing: its record has no chain to look at.
- What Google Workspace logs is judged by no rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.controls.digest_chain import CHAIN_BROKEN, chain_whole
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.log_calls import KEPT_DAYS, google_retention, logs_everything
from evidence.controls.logging_toggles import LOGGING_OFF, RETENTION_SHORT, aws_toggles, google_toggles
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas import gcp
from schemas.aws_configuration import LOG_CONFIG
from schemas.outcome import Outcome

LINE = "config"
CODES = (LOGGING_OFF, CHAIN_BROKEN, RETENTION_SHORT)

Row = Mapping[str, Any]


def logged_and_kept(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The rows of a region of AWS or a project of Google Cloud. Of other systems nothing can be said, which is unknown
    and no pass."""
    if window.scope_item_id.startswith("aws:"):
        return [
            *_configured(window, evidence), *aws_toggles(window, evidence), *chain_whole(window, evidence),
        ]  # fmt: skip
    if window.scope_item_id.startswith("gcp:"):
        return [*_configured(window, evidence), *google_toggles(window, evidence)]
    why = "how it logs is judged by no rule."
    return [window_unknown(window, LINE, why)] if has_closed(window) else []


def _configured(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    stretches = Stretches(window, LINE)
    item = window.scope_item_id
    aws = item.startswith("aws:")
    place = item.rpartition(":")[2] if aws else window.scope_item
    dataset, judge = (LOG_CONFIG, logged) if aws else (gcp.LOG_CONFIG, kept_by_google)
    for observed_at, rows, digest in evidence.snapshots(dataset, item, window.start, window.end):
        stretches.add(observed_at, digest, {f"{item}:audit-trail": judge(rows, place)})
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of how it logs is held.")]
    return list(stretches.outcomes())


def logged(rows: Sequence[Row], region: str) -> Seen:
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


def kept_a_year(row: Row) -> bool | None:
    """Whether what a trail delivers stays for 365 days; None where its bucket could not be read."""
    if row["bucket_readable"] is not True:
        return None
    return row["expiration_days"] is None or row["expiration_days"] >= KEPT_DAYS


def kept_by_google(rows: Sequence[Row], project: str) -> Seen:
    """How long Google Cloud keeps what the administrators of a project do."""
    label = f"audit log of {project}"
    own = [row for row in google_retention(rows) if not row["inherited"]]
    if not own or any(row["retention_days"] is None for row in own):
        return Seen(label, "not known how long it is kept", unknown=True)
    if min(row["retention_days"] for row in own) < KEPT_DAYS:
        return Seen(label, "kept for less than a year", (RETENTION_SHORT,))
    return Seen(label, "always on, kept for a year")
