"""Event streams: a window is covered when the claims of one question contain it without a gap (section 4)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from evidence.completeness.circumstances import Demand
from evidence.completeness.coverage import Arrived, Claim, Span, claims_of, fill, length, overlaps, query_groups
from evidence.completeness.finding import Finding
from evidence.completeness.instants import hours_to_ticks
from evidence.completeness.model import VERIFIED, CellInputs, Requirement
from evidence.completeness.recoverability import Memory, loss_of
from evidence.completeness.windows import Window

_RECORDED = attrgetter("recorded")


class StreamJudge:
    """Judges every window of one stream requirement and item; claims are derived and ordered once."""

    __slots__ = ("_claims", "_groups", "_lag", "_memory", "_now", "_trusted_groups")

    def __init__(self, requirement: Requirement, inputs: CellInputs, now: int) -> None:
        self._now = now
        self._lag = hours_to_ticks(requirement.lag_hours)
        self._memory = Memory(requirement)
        self._claims = claims_of(inputs.runs, requirement, now)
        self._groups = _groups(self._claims.sound)
        self._trusted_groups: list[_Group] | None = None

    def judge(self, window: Window, demand: Demand) -> Finding:
        """Judge what of the window must be proven."""
        answers = [answer for group in self._groups if (answer := group.answer(demand))]
        # The group with the least left uncovered is reported, of equals the one with the smallest hash. Time that
        # can't be a hole yet is measured too: it is equally uncovered in all.
        best = min(answers, key=lambda answer: length(answer.left)) if answers else None
        left = best.left if best else demand.required
        damaged = self._damaged(demand)
        finding = Finding(satisfied=not left, some_proof=best is not None)
        if damaged:
            finding.flags.add("integrity_warning")
        if best and not left:
            self._judge_rows(finding, window, demand, answers, best)
            finding.late = finding.proof_at is not None and finding.proof_at > window.calendar.deadline
            return finding
        settled = self._now - self._lag if self._now < demand.closes else demand.closes
        holes = [self._memory.hole(low, min(high, settled)) for low, high in left if low < settled]
        finding.holes = holes
        finding.loss = loss_of(holes, self._now)
        finding.only_if_trusted = damaged and self._covered_if_trusted(demand)
        return finding

    def _judge_rows(
        self, finding: Finding, window: Window, demand: Demand, answers: Sequence[_Answer], best: _Answer
    ) -> None:
        on = self._memory.on_throughout(demand.opens, demand.closes)
        finding.population = _population(window, demand, best.claims)
        if _rows_seen_at(window, best.claims) is None:
            finding.empty = "confirmed" if on and _lived_at(demand, best.wide) is not None else "unconfirmed"
        full = [answer for answer in answers if answer.complete_at is not None]
        finding.proof_at = _proof_at(window, demand, full, on)

    def _damaged(self, demand: Demand) -> bool:
        if self._claims.sound is self._claims.trusted:
            return False
        return any(
            claim.run.integrity != VERIFIED and overlaps(demand.required, claim.start, claim.end)
            for claim in self._claims.trusted
        )

    def _covered_if_trusted(self, demand: Demand) -> bool:
        if self._trusted_groups is None:
            self._trusted_groups = _groups(self._claims.trusted)
        answers = (group.answer(demand) for group in self._trusted_groups)
        return any(answer is not None and not answer.left for answer in answers)


class _Answer(NamedTuple):
    """What one question's claims say about a window: when it was complete, what is left, and which claims touch what
    is required (`claims`) or anything of the window before the cut (`wide`)."""

    complete_at: int | None
    left: list[Span]
    claims: Sequence[Claim]
    wide: Sequence[Claim]


class _Group:
    """The claims that answer one question, in order of arrival. Nobody had asked it before `asked_at`."""

    __slots__ = ("_asked_at", "_claims", "_ends", "_starts")

    def __init__(self, asked: str, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._asked_at = next(claim.recorded for claim in claims if (claim.run.query_hash or "") == asked)
        starts = [claim.start for claim in claims]
        ends = [claim.end for claim in claims]
        # Runs usually arrive in the order of the time they cover; then a window's claims are found by bisection.
        ordered = starts == sorted(starts) and ends == sorted(ends)
        self._starts = starts if ordered else None
        self._ends = ends

    def answer(self, demand: Demand) -> _Answer | None:
        """None when no claim touches what must be proven."""
        opens, closes = demand.whole
        if self._starts is not None:
            wide = self._claims[bisect_right(self._ends, opens) : bisect_left(self._starts, closes)]
        else:
            wide = [claim for claim in self._claims if claim.end > opens and claim.start < closes]
        if not demand.notes:
            if not wide:
                return None
            complete_at, left = fill(demand.required, wide)
            return _Answer(self._since_asked(complete_at), left, wide, wide)
        touching = [claim for claim in wide if overlaps(demand.required, claim.start, claim.end)]
        if not touching:
            return None
        complete_at = self._since_asked(_complete_at(demand, wide))
        return _Answer(complete_at, fill(demand.required, touching)[1], touching, wide)

    def _since_asked(self, complete_at: int | None) -> int | None:
        return None if complete_at is None else max(complete_at, self._asked_at)


def _groups(claims: Sequence[Claim]) -> list[_Group]:
    """Smallest query hash first."""
    return [_Group(asked, group) for asked, group in query_groups(claims)] if claims else []


def _complete_at(demand: Demand, claims: Sequence[Claim]) -> int | None:
    """Arrival that completed the window; what a not-applicable note completed was complete when the note counted."""
    laid: list[Arrived] = sorted([*claims, *demand.notes], key=_RECORDED)
    return fill([demand.whole], laid)[0]


def _proof_at(window: Window, demand: Demand, full: Sequence[_Answer], on: bool) -> int | None:
    """The earliest arrival at which the window was complete (section 5).

    An unconfirmed zero is not covered (section 4), so it was not complete while the group reported then had neither
    rows nor proof of life. Where that is so to this day it is the arrival that covered it. `full` comes smallest
    query hash first.
    """
    if len(full) == 1 and full[0].complete_at is not None:  # one question, and rows by the time it was answered
        seen_at = _rows_seen_at(window, full[0].wide)
        if seen_at is not None and seen_at <= full[0].complete_at:
            return full[0].complete_at
    covered_at = [answer.complete_at for answer in full if answer.complete_at is not None]
    spoken_at: list[int | None] = []
    for answer in full:
        lived_at = _lived_at(demand, answer.wide) if on else None
        spoken = [at for at in (_rows_seen_at(window, answer.wide), lived_at) if at is not None]
        spoken_at.append(min(spoken, default=None))
    moments = sorted({*covered_at, *(at for at in spoken_at if at is not None)})
    for moment in moments:
        reported = next((spoken for at, spoken in zip(covered_at, spoken_at, strict=True) if at <= moment), None)
        if reported is not None and reported <= moment:
            return moment
    return min(covered_at, default=None)


def _rows_seen_at(window: Window, claims: Sequence[Claim]) -> int | None:
    """Arrival of the first claim that brought rows of this window; a run that does not say has rows (10a)."""
    return next((claim.recorded for claim in claims if _rows(claim, window) != 0), None)


def _lived_at(demand: Demand, claims: Sequence[Claim]) -> int | None:
    """Arrival at which the claims with proof of life covered the window by themselves, None if they do not."""
    return _complete_at(demand, [claim for claim in claims if claim.run.proof_of_life])


def _rows(claim: Claim, window: Window) -> int | None:
    """Rows of the run in this window, None when the run does not say.

    A window that `rows_by_window` does not name had no rows; `rows` alone stands for every window the run touched.
    """
    run = claim.run
    if run.rows_by_window is not None:
        return run.rows_by_window.get(window.window_id, 0)
    return run.rows


def _population(window: Window, demand: Demand, claims: Sequence[Claim]) -> int | None:
    """Rows of the window where the runs alone can say it, else None.

    Overlapping runs return the same events twice and a run across the window's edge does not say which rows are
    inside, so their figures are not added up; only a last run that answered the whole window by itself speaks for it.
    """
    counts = [_rows_inside(claim, window) for claim in claims]
    last = claims[-1].recorded  # claims come in order of arrival; several may have arrived at once
    whole: list[int | None] = []
    for claim, count in zip(reversed(claims), reversed(counts), strict=True):
        if claim.recorded != last:
            break
        if claim.start <= demand.opens and claim.end >= demand.closes:
            whole.append(count)
    if whole:
        return _if_known(whole, max)
    asked = sorted([(claim.run.ticks.from_, claim.run.ticks.to) for claim in claims])
    if any(right[0] < left[1] for left, right in pairwise(asked)):
        return 0 if all(count == 0 for count in counts) else None
    return _if_known(counts, sum)


def _if_known(counts: Sequence[int | None], together: Callable[[list[int]], int]) -> int | None:
    known = [count for count in counts if count is not None]
    return together(known) if len(known) == len(counts) else None


def _rows_inside(claim: Claim, window: Window) -> int | None:
    run = claim.run
    if run.rows_by_window is not None:
        return run.rows_by_window.get(window.window_id, 0)
    if run.rows == 0 or (run.ticks.from_ >= window.start and run.ticks.to <= window.end):
        return run.rows
    return None
