"""Event streams: a window is covered when the claims of one question contain it without a gap (section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from evidence.completeness.coverage import Claim, Span, claims_of, fill, length, overlaps, query_groups
from evidence.completeness.finding import Finding
from evidence.completeness.instants import hours_to_ticks
from evidence.completeness.model import VERIFIED, CellInputs, Requirement
from evidence.completeness.recoverability import Memory, loss_of
from evidence.completeness.windows import Window

_Groups = list[tuple[str, Sequence[Claim]]]


class StreamJudge:
    """Judges every window of one stream requirement and item; claims are derived and ordered once."""

    __slots__ = ("_claims", "_groups", "_lag", "_memory", "_now", "_trusted_groups")

    def __init__(self, requirement: Requirement, inputs: CellInputs, now: int) -> None:
        self._now = now
        self._lag = hours_to_ticks(requirement.lag_hours)
        self._memory = Memory(requirement)
        self._claims = claims_of(inputs.runs, requirement, now)
        self._groups: _Groups = query_groups(self._claims.sound) if self._claims.sound else []
        self._trusted_groups: _Groups | None = None

    def judge(self, window: Window, required: list[Span]) -> Finding:
        """Judge `required`, the window less what is not applicable."""
        proof_at, left, answered = _best_group(self._groups, required)
        finding = Finding(satisfied=not left, some_proof=bool(answered), proof_at=proof_at)
        damaged = self._damaged(required)
        if finding.satisfied:
            finding.population = _population(window, required, answered)
            self._judge_empty(finding, window, required, answered)
        else:
            until = self._now - self._lag if self._now < window.end else window.end
            holes = [self._memory.hole(low, min(high, until)) for low, high in left if low < until]
            finding.holes = holes
            finding.loss = loss_of(holes, self._now)
            finding.only_if_trusted = damaged and self._covered_if_trusted(required)
        if damaged and not finding.only_if_trusted:
            finding.flags.add("integrity_warning")
        finding.late = finding.proof_at is not None and finding.proof_at > window.calendar.deadline
        return finding

    def _judge_empty(self, finding: Finding, window: Window, required: list[Span], answered: Sequence[Claim]) -> None:
        if any(_rows(claim, window) != 0 for claim in answered):
            return
        lived_at, unproven = fill(required, [claim for claim in answered if claim.run.proof_of_life])
        if unproven or not self._memory.on_throughout(required[0][0], required[-1][1]):
            finding.empty = "unconfirmed"
            return
        finding.empty = "confirmed"
        # An unconfirmed zero is not covered, so a confirmed one became complete only when the proof of life arrived.
        finding.proof_at = lived_at

    def _damaged(self, required: list[Span]) -> bool:
        if self._claims.sound is self._claims.trusted:
            return False
        return any(
            claim.run.integrity != VERIFIED and overlaps(required, claim.start, claim.end)
            for claim in self._claims.trusted
        )

    def _covered_if_trusted(self, required: list[Span]) -> bool:
        if self._trusted_groups is None:
            self._trusted_groups = query_groups(self._claims.trusted)
        return not _best_group(self._trusted_groups, required)[1]


def _best_group(groups: _Groups, required: list[Span]) -> tuple[int | None, list[Span], Sequence[Claim]]:
    """When the window was first complete, what the reported group leaves uncovered, and that group's claims on it.

    Reported is the group with the least left uncovered, of equals the one with the smallest hash. The window was
    complete as soon as any group was. Time that can't be a hole yet is measured too: it is equally uncovered in all.
    """
    best: tuple[int, list[Span], Sequence[Claim]] | None = None
    complete_at: int | None = None
    start, end = required[0][0], required[-1][1]
    whole = len(required) == 1
    for _, claims in groups:  # smallest hash first
        relevant = [
            claim
            for claim in claims
            if claim.end > start and claim.start < end and (whole or overlaps(required, claim.start, claim.end))
        ]
        if not relevant:
            continue
        arrival, left = fill(required, relevant)
        if arrival is not None and (complete_at is None or arrival < complete_at):
            complete_at = arrival
        uncovered = length(left)
        if best is None or uncovered < best[0]:
            best = (uncovered, left, relevant)
    if best is None:
        return None, required, ()
    return complete_at, best[1], best[2]


def _rows(claim: Claim, window: Window) -> int | None:
    """Rows of the run in this window; None when the run does not say, which counts as having rows (10a)."""
    run = claim.run
    if run.rows_by_window is not None:
        return run.rows_by_window.get(window.window_id, 0)
    return run.rows


def _population(window: Window, required: list[Span], answered: Sequence[Claim]) -> int | None:
    """Rows of the window where the runs alone can say it, else None.

    Overlapping runs return the same events twice and a run across the window's edge does not say which rows are
    inside, so their figures are not added up; a last run that answered the whole window by itself speaks for it.
    """
    counts = [_rows_inside(claim, window) for claim in answered]
    if len(counts) == 1:
        return counts[0]
    last = answered[-1]
    if last.start <= required[0][0] and last.end >= required[-1][1]:
        return counts[-1]
    asked = sorted((claim.run.ticks.from_, claim.run.ticks.to) for claim in answered)
    if any(right[0] < left[1] for left, right in pairwise(asked)):
        return 0 if all(count == 0 for count in counts) else None
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _rows_inside(claim: Claim, window: Window) -> int | None:
    run, at = claim.run, claim.run.ticks
    confined = run.rows_by_window is not None or (at.from_ >= window.start and at.to <= window.end)
    rows = _rows(claim, window)
    return rows if confined or rows == 0 else None
