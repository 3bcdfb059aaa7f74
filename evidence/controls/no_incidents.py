"""What makes a window without incidents believable (CC7-INC-01): four proofs, all of them.

1. Who answers for incidents attested for the quarter that there were none in the register.
2. Every source of alerts in scope is held for the whole window, and each of its alerts was looked at.
3. A drill of detection in the same quarter passed for every source of alerts.
4. The latest exercise of the incident plan was at most twelve months old at the end of the window.

Then the control did not have to operate, which is what an auditor reports; it is not passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from evidence.completeness.windows import window_bounds, window_id_of
from evidence.controls.alert_sources import SOURCES
from evidence.controls.alert_triage import alerts_triaged
from evidence.controls.held import WHOLE_WINDOW
from evidence.controls.incident_register import attestations, of_the_quarter, quarter_of
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket
from evidence.record import StoredRecord
from schemas.instants import format_instant, parse_instant
from schemas.outcome import Outcome

LINE = "incidents"
SEEN_WITHIN = timedelta(hours=1)
"""From the trigger of a drill to its alert."""
GRACE = timedelta(days=14)
"""After the end of a quarter, within which its attestation and drills are still in time."""
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Proof:
    """One of the proofs, or what is lacking of it."""

    words: str
    holds: bool
    digests: tuple[str, ...] = ()
    may_come: bool = False
    """Whether it can still be given when its quarter is over."""


def nothing_happened(window: TestWindow, evidence: StoredEvidence, incidents: Sequence[Ticket]) -> Outcome:
    """The row of a closed window, all of whose tickets are held, in which no incident was opened. `incidents` are those
    of all time."""
    found = [
        _attested(window, evidence, incidents), *_alerts(window, evidence), *_drills(window, evidence),
        _exercise(window, evidence),
    ]  # fmt: skip
    lacking = [proof for proof in found if not proof.holds]
    explained = f"{window.scope_item}: no incident was opened in {window.window_id}"
    due = window_bounds(quarter_of(window), window.programme.timezone).end + GRACE
    if not lacking:
        shown = "; ".join(proof.words for proof in found)
        outcome, words = "not_operated", f"{explained}; the control did not have to operate. Shown by: {shown}."
    else:
        waits = window.as_of < due and all(proof.may_come for proof in lacking)
        outcome = "pending" if waits else "unknown"
        words = f"{explained}, and that is not shown: {'; '.join(proof.words for proof in lacking)}."
    return window.outcome(
        evidence_id=LINE,
        item_id=f"{WHOLE_WINDOW}{LINE}:{window.scope_item_id}:{window.window_id}",
        event_time=window.start,
        outcome=outcome,
        explanation=words,
        evidence=tuple(dict.fromkeys(digest for proof in found for digest in proof.digests)),
        resolves_at=due if outcome == "pending" else None,
    )


def _attested(window: TestWindow, evidence: StoredEvidence, incidents: Sequence[Ticket]) -> Proof:
    quarter = quarter_of(window)
    records = attestations(window, evidence)
    if not records:
        return Proof(f"nobody has attested to the register of {quarter}", False, may_come=True)
    record = records[-1]
    said, held = record.values.get("incidents"), of_the_quarter(window, evidence, incidents)
    words = f"the attestation of {quarter} of {format_instant(record.performed_at)} counts {said} incidents"
    if held is None:
        return Proof(f"{words}, and not all tickets of the quarter are held", False, (record.digest,))
    if said != len(held):
        return Proof(f"{words}, and the register has {len(held)}", False, (record.digest,))
    if not record.values.get("sources_consulted"):
        return Proof(f"{words} and names no source that was consulted", False, (record.digest,))
    return Proof(words, True, (record.digest,))


def _alerts(window: TestWindow, evidence: StoredEvidence) -> Iterator[Proof]:
    sources = window.in_scope("alert_source")
    if not sources:
        yield Proof("no source of alerts is in scope", False)
    for source in sources:
        system = next((part for part in source.split(":")[:2] if part in SOURCES), None)
        if system is None or not evidence.covered(SOURCES[system][0], source, window.start, window.end):
            yield Proof(f"not all alerts of {source} are held", False)
            continue
        asked = replace(window, control_id="CC7-ALT-01", scope_item_id=source, scope_item=source)
        found = alerts_triaged(asked, evidence)
        digests = tuple(digest for one in found for digest in one.evidence)
        left = sum(one.outcome != "pass" for one in found)
        if left:
            words = f"{left} of {len(found)} alerts of {source} are not known to have been looked at"
            yield Proof(words, False, digests)
        else:
            yield Proof(f"all {len(found)} alerts of {source} were looked at", True, digests)


def _drills(window: TestWindow, evidence: StoredEvidence) -> Iterator[Proof]:
    quarter = quarter_of(window)
    for source in window.in_scope("alert_source"):
        drills = [
            record for record in evidence.records("CC7-TEST-01", "drill", source)
            if record.record_type == "detection_drill" and record.recorded_at <= window.as_of
            and window_id_of(record.performed_at, "quarterly", window.programme.timezone) == quarter
        ]  # fmt: skip
        passed = next((record for record in drills if _passed(record)), None)
        if passed is None:
            used = tuple(record.digest for record in drills)
            yield Proof(f"no drill of {source} passed in {quarter}", False, used, may_come=True)
        else:
            words = f"the drill of {source} of {format_instant(passed.performed_at)} passed"
            yield Proof(words, True, (passed.digest,))


def _passed(record: StoredRecord) -> bool:
    """Whether the alert came in time, had a ticket and was taken on by somebody who was not told."""
    said = record.values
    try:
        triggered, alerted = (parse_instant(str(said[name])) for name in ("triggered_at", "alerted_at"))
    except (KeyError, ValueError):
        return False
    seen = timedelta(0) <= alerted - triggered <= SEEN_WITHIN
    taken = bool(said.get("ticket") and said.get("acknowledged_at") and said.get("acknowledged_by"))
    return seen and taken and bool(said.get("alert_id")) and said.get("told_beforehand") is not True


def _exercise(window: TestWindow, evidence: StoredEvidence) -> Proof:
    held = [
        record for record in evidence.records("CC7-IRX-01", "exercise", window.scope_item_id)
        if record.record_type == "incident_exercise" and record.recorded_at <= window.as_of
        and record.performed_at < window.end
    ]  # fmt: skip
    if not held:
        return Proof("no exercise of the incident plan is recorded", False)
    latest = max(held, key=lambda record: record.performed_at)
    words = f"the incident plan was exercised at {format_instant(latest.performed_at)}"
    if window.end - latest.performed_at > _YEAR:
        return Proof(f"{words}, more than twelve months before the window's end", False, (latest.digest,))
    return Proof(words, True, (latest.digest,))
