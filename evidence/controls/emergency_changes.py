"""CC8-CHG-03: emergency changes are rare, recorded and reviewed afterwards.

The population are the items of CC8-CHG-01 with one of its codes E1 to E7, judged by that very test and whatever anybody
calls them. Each is judged by its entry in the register (`emergency_register`):

- UNREGISTERED   the register has no entry for it, or one without a reason or an incident
- NO_AUTHORISER  nobody other than its authors authorised it in time
- REVIEW_LATE    nobody other than its authors reviewed it in time
- TOO_MANY       such items are a larger share of the month's changes than the programme allows
                 (`emergency_share_percent`): one row for the month

Decisions where the rule leaves room:

- An entry may be made, and is awaited, until the review is due: `pending` until then.
- The share counts items of CC8-CHG-01. It is known when the month is over, and unknown where changes are missing or
  doubtful and more of them could exceed it. A month without such items has no share to judge.
- A change of which it is not known whether it has a code is not counted as one: the window then says so in a row.
- A change that only lacks a ticket (E8) is no emergency; its entry, where it has one that holds, still makes it one for
  CC8-CHG-01.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evidence.controls.change_review import NO_TICKET, JudgedChange, changes_of
from evidence.controls.emergency_register import LINE, NO_AUTHORISER, REVIEW_LATE, UNREGISTERED, Standing
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.outcome import Outcome, OutcomeValue

TOO_MANY = "TOO_MANY"
CODES = (UNREGISTERED, NO_AUTHORISER, REVIEW_LATE, TOO_MANY)

_NAMED = 5
"""Most doubtful changes that are named one by one."""


def emergencies_recorded_and_reviewed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per change that passed the rules by, and one for their share of the month."""
    changes, missing = changes_of(window, evidence)
    outcomes = [
        _outcome(window, change, change.standing)
        for change in changes
        if change.standing is not None and _is_emergency(change)
    ]
    doubtful = [
        change.outcome for change in changes if change.outcome.outcome == "unknown" and not _is_emergency(change)
    ]
    share = _share(window, len(outcomes), len(changes), len(doubtful), whole=not missing)
    outcomes += [] if share is None else [share]
    if has_closed(window):
        outcomes += list(_unknown(window, missing, doubtful))
    return outcomes


def _is_emergency(change: JudgedChange) -> bool:
    return any(code != NO_TICKET for code in change.outcome.codes)


def _outcome(window: TestWindow, change: JudgedChange, standing: Standing) -> Outcome:
    judged, verdict = change.outcome, standing.verdict
    subject = f"{judged.item_id} ({', '.join(judged.codes)})"
    pending = bool(standing.awaited) and verdict.outcome == "pass"
    awaited = "; ".join(words for _until, words in standing.awaited)
    explanation = f"{subject}: {awaited}." if pending else verdict.explain(subject)
    if awaited and not pending:
        explanation = f"{explanation} Still open: {awaited}."
    return window.outcome(
        evidence_id=LINE,
        item_id=judged.item_id,
        event_time=judged.event_time,
        outcome="pending" if pending else verdict.outcome,
        codes=tuple(code for code in CODES if code in verdict.codes),
        explanation=explanation,
        evidence=tuple(dict.fromkeys((*judged.evidence, *verdict.evidence))),
        resolves_at=max(until for until, _words in standing.awaited) if pending else None,
    )


def _share(window: TestWindow, found: int, changes: int, doubtful: int, *, whole: bool) -> Outcome | None:
    if not found:
        return None
    limit = float(window.programme.evidence_rules.emergency_share_percent)
    said = f"{found} of {changes} changes ({100 * found / changes:.1f}%), {limit:g}% allowed"
    most = f"Emergencies of {window.scope_item} in {window.window_id}: {said}"
    outcome: OutcomeValue = "pass"
    if not has_closed(window):
        outcome, most = "pending", f"{most}, and the month is not over"
    elif whole and 100 * found > limit * changes:
        outcome = "exception"
    elif not whole or 100 * (found + doubtful) > limit * changes:
        outcome, most = "unknown", f"{most}. Not known: how many of the changes that are missing or doubtful are such"
    return window.outcome(
        evidence_id=LINE,
        item_id=f"{window.scope_item_id}:emergencies:{window.window_id}",
        event_time=window.start,
        outcome=outcome,
        codes=(TOO_MANY,) if outcome == "exception" else (),
        explanation=f"{most}.",
        resolves_at=window.end if outcome == "pending" else None,
    )


def _unknown(window: TestWindow, missing: Sequence[Outcome], doubtful: Sequence[Outcome]) -> Iterator[Outcome]:
    if missing:
        words = " ".join(outcome.explanation.partition(": ")[2] for outcome in missing)
        digests = tuple(dict.fromkeys(digest for outcome in missing for digest in outcome.evidence))
        yield window_unknown(window, LINE, words, digests)
    if doubtful:
        names = ", ".join(outcome.item_id for outcome in doubtful[:_NAMED])
        more = f" and {len(doubtful) - _NAMED} more" if len(doubtful) > _NAMED else ""
        why = f"whether {names}{more} passed the rules by is not known, so nor is whether the register must name them."
        digests = tuple(dict.fromkeys(digest for outcome in doubtful for digest in outcome.evidence))
        yield window_unknown(window, LINE, why, digests, about="doubtful changes")
