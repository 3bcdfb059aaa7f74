"""Records that one window each needs: which of them are its own, and until when it may be made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from evidence.completeness.instants import instant, ticks
from evidence.completeness.local_time import local_wall, midnight
from evidence.controls.model import TestWindow
from evidence.record import StoredRecord


def deadline_of(window: TestWindow, evidence_id: str, due_days: int, grace_days: int) -> datetime:
    """The last instant that is in time, due and grace days after the window, or the company's own."""
    override, allowed = window.programme.controls.get(window.control_id), {"due": due_days, "grace": grace_days}
    if override is not None:
        line = override.evidence.get(evidence_id)
        for own in (override, *(() if line is None else (line,))):
            allowed["due"] = allowed["due"] if own.due_days is None else own.due_days
            allowed["grace"] = allowed["grace"] if own.grace_days is None else own.grace_days
    day = local_wall(ticks(window.end), window.programme.timezone).date()
    return instant(midnight(day + timedelta(days=allowed["due"] + allowed["grace"]), window.programme.timezone))


def of_the_window(window: TestWindow, records: Sequence[StoredRecord]) -> list[StoredRecord]:
    """The records that name the window, of a time at which it had begun."""
    names = window.window_id.split("+")
    return [one for one in records if one.for_window in names and one.performed_at >= window.start]
