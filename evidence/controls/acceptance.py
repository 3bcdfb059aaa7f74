"""Who accepted a weakness, when, and until when: what somebody decided about a finding that is not fixed.

An acceptance is a dismissal at the source by a named person, or a record `vulnerability_acceptance` of the evidence
line, whose values name the finding (`finding_id`) and the last day it holds (`expires`). Sources keep no expiry; at
GitHub the comment of the dismissal says it: "until 2026-09-30".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of

RECORD_TYPE = "vulnerability_acceptance"
_ITEM = re.compile(r"(?:finding:|check:)?(?P<id>.+?)(?:(?<=.)@\d{4}-\d\d-\d\dT[\d:.]+Z)?", re.DOTALL)
"""A finding as the source names it, or as a row of the test does: with its kind, and since when a check failed."""
_UNTIL = re.compile(r"\buntil\s+(\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One decision. `by` is None where no person is named: a rule of the source made it, or a machine."""

    by: str | None
    at: datetime | None
    until: datetime | None
    """First instant at which it no longer holds; None: no expiry is told."""
    final: bool = False
    """It says that there is nothing to fix (a false alarm), which does not expire."""
    digest: str | None = None


def expiry_in(comment: str | None, zone: str) -> datetime | None:
    """The expiry that a comment names; None where it names none, or a day that does not exist."""
    found = _UNTIL.search(comment or "")
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[1])
        return end_of(day, zone)
    except (ValueError, OverflowError):
        return None


def recorded(window: TestWindow, evidence: StoredEvidence, evidence_id: str) -> dict[str, list[Acceptance]]:
    """Acceptances recorded for the line, by the item they are about; without a signer nobody accepted anything."""
    found: dict[str, list[Acceptance]] = {}
    for record in evidence.records(window.control_id, evidence_id, window.scope_item_id):
        about = _ITEM.fullmatch(str(record.values.get("finding_id") or ""))
        if record.record_type != RECORD_TYPE or about is None or not record.signed_by:
            continue
        until = expiry_in(f"until {record.values.get('expires')}", window.programme.timezone)
        found.setdefault(about["id"], []).append(
            Acceptance(record.signed_by, record.performed_at, until, digest=record.digest)
        )
    return found
