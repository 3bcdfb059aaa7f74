"""A cell in plain words: what it says, why, what to do and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from evidence.completeness.json_form import instant_text
from evidence.completeness.matrix import MatrixCell
from evidence.completeness.model import Hole, State
from evidence.completeness.severity import COVERED
from evidence.ledger_index import IndexedClaim
from schemas.records import KIND_OF_LINE

_SAYS: Mapping[State, str] = {
    "not_in_effect": "Nothing is expected: window, control and item do not meet.",
    "not_applicable": "An approved note says that it does not apply.",
    "not_due": "The window is still open and nothing is lost.",
    "due": "The window has closed and the proof is not complete yet; it is still in time.",
    "failed": "The window has closed, it is still in time, and the latest attempt ended in an error.",
    "human_decision_pending": "The review pack is ready and waits for a decision.",
    "human_decision_overdue": "The decision is overdue and can still be made late.",
    "collected": "The proof is complete and came in time.",
    "collected_late": "The proof is complete but came after its deadline; that says nothing about the control.",
    "performed_late": "The control was performed late, which is a deviation of timeliness.",
    "empty_population_confirmed": "Nothing happened in the window, and that is proven.",
    "exception_noted": "The proof is complete, and the test found exceptions that nobody dismissed.",
    "empty_unconfirmed": "No rows were found, and nothing proves that there were none to find.",
    "partial": "Part of the window is proven and part is not.",
    "missing_recoverable": "Nothing of the window is proven; the source still has it.",
    "missing_unrecoverable": "Nothing of the window is proven, and some or all of it is lost for good.",
    "invalid": "What there is fails verification and proves nothing.",
    "not_performed": "Nobody performed the control in time, and the time to do so late is over.",
}

_FLAG_SAYS = {
    "late": "It was late.",
    "integrity_warning": "One stored file no longer matches its digest; the others suffice.",
    "restated": "Its population changed after it was sealed.",
    "outcome_pending": "Some of its events have a deadline that has not passed.",
    "not_tested": "The evidence was not tested yet, so nothing is known of exceptions.",
    "test_outdated": "It was tested before its evidence was complete; test it again.",
    "outcome_unknown": "For some of its items the test could not tell: that is no pass.",
    "na_retroactive": "The note that it does not apply was recorded after the fact.",
    "backdated": "The signature was recorded much later than it claims and counts from then.",
    "recorded_late": "The record arrived late, with a trace from the day it names.",
    "sparse": "It was looked at more seldom than intended.",
    "reconstructed": "It was rebuilt from the source's own history.",
    "bridged_by_stream": "The time between snapshots is covered by a stream of changes.",
    "first_performance_in_period": "It was performed for the first time inside the period.",
    "performed_before_period": "It was performed before the period began.",
    "performed_after_period_end": "It was performed after the period had ended.",
    "stub_without_quorum": "The item was too young for a snapshot of its own.",
    "signed_off_with_undecided_rows": "It was signed with rows undecided.",
    "population_missing": "It was signed without a population.",
    "population_incomplete": "The population reviewed was incomplete.",
    "population_after_signature": "The population was taken after the signature.",
    "population_stale": "The population reviewed was too old at signature.",
    "performed_after_recorded": "The signature is dated after it was received.",
    "signer_not_in_reviewer_list": "Whoever signed was not on the list of reviewers.",
    "signature_unauthenticated": "That the person named really signed rests on the word of who recorded it.",
    "integrity_mismatch": "A stored file no longer matches its digest.",
}


def explain(cell: MatrixCell, as_of: datetime) -> str:
    """State, reasons, what to do, until when: a short paragraph for an engineer or an auditor."""
    judged = cell.cell
    sentences = [f"{cell.control_id} {cell.evidence_id}, {cell.scope_item}, {cell.window_id}: {_SAYS[judged.state]}"]
    sentences += _missing(cell, as_of)
    if judged.exceptions_open:
        sentences.append(f"{_count(judged.exceptions_open, 'exception')} open.")
    sentences += [_FLAG_SAYS[flag] for flag in cell.flags if flag in _FLAG_SAYS]
    if judged.state not in COVERED:
        failure = last_failure(cell)
        if failure is not None:
            sentences.append(failure)
        for group in cell.row.groups:
            if not group.switched_on:
                sentences.append(f"By the programme no source of it is switched on ({', '.join(group.sources)}).")
        if not cell.row.item.resolved and cell.row.item.note:
            sentences.append(f"The item is not resolved: {cell.row.item.note}.")
    elif cell.row.item.note:
        sentences.append(f"The item is {cell.row.item.note}.")
    action = what_to_do(cell, as_of)
    if action is not None:
        sentences.append(action)
    return " ".join(sentences)


def _missing(cell: MatrixCell, as_of: datetime) -> list[str]:
    judged = cell.cell
    out: list[str] = []
    if judged.holes and judged.kind != "document":
        shown = "; ".join(f"{instant_text(hole.start)} to {instant_text(hole.end)}" for hole in judged.holes[:3])
        more = f" and {len(judged.holes) - 3} more" if len(judged.holes) > 3 else ""
        verb = "Not current" if judged.kind == "human_record" else "Not covered"
        out.append(f"{verb}: {shown}{more} ({_length(judged.holes)}).")
        lost = [hole for hole in judged.holes if hole.total_loss is not None and hole.total_loss <= as_of]
        shrinking = [
            hole for hole in judged.holes
            if hole not in lost and hole.first_loss is not None and hole.first_loss <= as_of
        ]  # fmt: skip
        if judged.kind in ("event_stream", "snapshot"):
            if lost:
                out.append(f"{_length(lost)} of it can no longer be had from the source.")
            if shrinking:
                out.append(f"{_length(shrinking)} is being lost now, hour by hour.")
    if judged.snapshots_missing:
        out.append(f"{_count(judged.snapshots_missing, 'snapshot')} missing in the window.")
    return out


def last_failure(cell: MatrixCell) -> str | None:
    """The error of the latest attempt for the window that failed after anything succeeded, in its own words."""
    clipped = cell.cell.clipped
    if clipped is None:
        return None
    latest: tuple[datetime, IndexedClaim] | None = None
    for stored in cell.row.claims():
        claim = stored.claim
        start = claim.start or claim.observed_at or claim.started_at
        end = claim.end or claim.started_at
        if start < clipped.end and end >= clipped.start and (latest is None or claim.started_at >= latest[0]):
            latest = claim.started_at, claim
    if latest is None or latest[1].status == "ok":
        return None
    at, claim = latest
    if claim.status == "truncated":
        why = f" It says: {claim.reconciliation.rstrip('.')}." if claim.reconciliation else ""
        return f"The latest attempt ({instant_text(at)}) saw less than there is, so it proves only what it names.{why}"
    error = claim.error or {}
    message = str(error.get("message", "no reason was recorded"))
    permission = error.get("permission")
    missing = f" (missing permission: {permission})" if permission else ""
    return f"The latest attempt ({instant_text(at)}) failed: {message.rstrip('.')}{missing}."


def what_to_do(cell: MatrixCell, as_of: datetime) -> str | None:
    """The command that mends the cell, and until when; None where there is nothing to do or nothing helps."""
    judged = cell.cell
    if judged.state in ("not_in_effect", "not_applicable", "not_due") and judged.gap == "none":
        return None
    where = f"--control {cell.control_id} --window {_window(cell)} --scope {cell.scope_item_id}"
    if judged.state in COVERED:
        if {"not_tested", "test_outdated"} & set(cell.flags):
            return f"Run `evidence test --control {cell.control_id} --window {_window(cell)}`."
        return None
    until = judged.next_loss or (judged.until if judged.until is not None and judged.until > as_of else None)
    deadline = "" if until is None else " now" if until <= as_of else f" before {instant_text(until)}"
    if judged.kind in ("human_record", "document"):
        if judged.state == "not_performed":
            return "It can't be mended; explain it to the auditor."
        by = f" by {instant_text(judged.deadline_at)}" if judged.deadline_at > as_of else deadline
        kind = KIND_OF_LINE.get((cell.control_id, cell.evidence_id))
        if kind is not None:
            return f"Have it done and signed{by}, and record it: `evidence record template {kind}` shows how."
        return f"Have it decided and signed{by}: `evidence review open --quarter {_window(cell)}`."
    recoverable = any(
        hole.total_loss is None or hole.total_loss > as_of for part in cell.parts for hole in part.cell.holes
    )
    if judged.state == "empty_unconfirmed":
        return f"Collect again, so that the run carries proof of life: `evidence collect {where}`."
    if recoverable or judged.gap == "recoverable" or judged.state in ("invalid", "failed", "due"):
        return f"Run `evidence collect {where}`{deadline}."
    return "It can't be mended from the source; record why, and what else shows it, for the auditor."


def _window(cell: MatrixCell) -> str:
    return cell.window_id.split("+")[-1]


def _length(holes: Sequence[Hole]) -> str:
    total = sum((hole.end - hole.start for hole in holes), timedelta())
    if total >= timedelta(days=2):
        return f"{total / timedelta(days=1):.1f} days"
    if total >= timedelta(hours=1):
        return f"{total / timedelta(hours=1):.1f} hours"
    return f"{total.total_seconds():g} seconds"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
