"""Snapshots: enough of them inside the window, and never longer than the maximum gap since the last (section 4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from evidence.completeness.circumstances import Demand
from evidence.completeness.coverage import (
    CLOCK_TOLERANCE,
    Span,
    claims_of,
    fill,
    overlaps,
    query_groups,
    subtract,
    subtract_span,
)
from evidence.completeness.finding import Finding
from evidence.completeness.instants import DAY, hours_to_ticks
from evidence.completeness.model import DEFAULT_MAX_GAP_HOURS, VERIFIED, CellInputs, Requirement, Snapshot
from evidence.completeness.recoverability import HoleTicks, Loss, Memory, loss_of
from evidence.completeness.windows import Window

_LIVE_WITHIN = DAY
"""A reading of the present reaches the store within a day; what arrives later at a source that can replay the past is
shown as reconstructed even where the collector did not say so."""

_OBSERVATION = attrgetter("ticks")


class _Timeline:
    """What a set of snapshots covers: `[t, t + gap)` each, and one allowance at the start when none is earlier.

    "Earlier" is any good snapshot from before the start, however old. A first snapshot exactly one gap after the start
    is not inside the half-open allowance.
    """

    __slots__ = ("allowance", "allowance_proven", "begin", "cover", "gap", "observed", "seen")

    def __init__(self, seen: Sequence[Snapshot], begin: int, gap: int) -> None:
        """`seen` in order of observation."""
        self.seen = seen
        self.begin = begin
        self.gap = gap
        self.observed = [snapshot.ticks.observed for snapshot in seen]
        first = bisect_left(self.observed, begin)
        self.allowance: Span | None = None if first else (begin, begin + gap)
        self.allowance_proven = not first and bisect_left(self.observed, begin + gap) > 0
        self.cover = self._merged()

    def _merged(self) -> list[Span]:
        # In order: without an earlier snapshot the allowance starts before every other stretch and ends before it.
        cover: list[Span] = [self.allowance] if self.allowance else []
        for at in self.observed:
            if cover and at <= cover[-1][1]:
                cover[-1] = (cover[-1][0], at + self.gap)
            else:
                cover.append((at, at + self.gap))
        return cover

    def inside(self, required: Sequence[Span]) -> int:
        """How many snapshots stand in `required`."""
        return sum(bisect_left(self.observed, end) - bisect_left(self.observed, start) for start, end in required)

    def unproven(self, required: Sequence[Span]) -> bool:
        """Whether `required` leans on an allowance in which no first snapshot came: no hole, but no proof either."""
        return self.allowance is not None and not self.allowance_proven and overlaps(required, *self.allowance)

    def proves(self, required: Sequence[Span], need: int) -> bool:
        return self.inside(required) >= need and not self.unproven(required) and not subtract(required, self.cover)


class SnapshotJudge:
    """Judges every window of one snapshot requirement and item."""

    __slots__ = (
        "_bridge",
        "_damaged",
        "_in_order",
        "_memory",
        "_now",
        "_requirement",
        "_sound",
        "_target",
        "_trusted",
    )

    def __init__(self, requirement: Requirement, inputs: CellInputs, now: int, begin: int) -> None:
        """`begin`: the latest of period start, item start and control start (10a)."""
        self._now = now
        self._requirement = requirement
        self._memory = Memory(requirement)
        hours = requirement.max_gap_hours
        gap = hours_to_ticks(DEFAULT_MAX_GAP_HOURS if hours is None else hours)
        seen = _known(inputs.snapshots, requirement, now)
        sound = [snapshot for snapshot in seen if snapshot.integrity == VERIFIED]
        self._damaged = [
            snapshot.ticks.observed
            for snapshot in inputs.snapshots
            if snapshot.integrity != VERIFIED and snapshot.ticks.recorded <= now
        ]
        self._sound = _Timeline(sound, begin, gap)
        self._trusted = _Timeline(seen, begin, gap) if self._damaged else self._sound
        self._in_order = all(left.ticks.recorded <= right.ticks.recorded for left, right in pairwise(sound))
        target = requirement.target_gap_hours
        self._target = None if target is None else _Timeline(sound, begin, hours_to_ticks(target)).cover
        self._bridge = claims_of(inputs.runs, requirement, now).sound if inputs.runs else []

    def judge(self, window: Window, demand: Demand) -> Finding:
        """Judge what of the window must be proven."""
        required = demand.required
        inside = self._sound.inside(required)
        need = 0 if window.short_stub else self._requirement.min_count
        left = subtract(required, self._sound.cover)
        unproven = self._sound.unproven(required)
        # A snapshot from before can't prove a window that has not begun.
        begun = self._now >= demand.opens
        finding = Finding(satisfied=begun and inside >= need and not left and not unproven, some_proof=inside > 0)
        if finding.satisfied:
            finding.proof_at = self._complete_at(demand, need)
            finding.late = finding.proof_at > window.calendar.deadline
            finding.population = inside
        else:
            self._judge_loss(finding, demand, left, need - inside, unproven)
            finding.only_if_trusted = begun and bool(self._damaged) and self._trusted.proves(required, need)
        self._flag(finding, window, demand)
        return finding

    def last_success(self, demand: Demand) -> int | None:
        """Arrival of the latest snapshot inside, damaged or not: an attempt that did not fail."""
        times = [one.ticks.recorded for one in self._trusted.seen if demand.contains(one.ticks.observed)]
        return max(times, default=None)

    def _judge_loss(self, finding: Finding, demand: Demand, left: list[Span], lacking: int, unproven: bool) -> None:
        opens, closes = demand.opens, demand.closes
        closed = self._now >= closes
        until = closes if closed else self._now
        spans = [(low, min(high, until)) for low, high in left if low < until]
        # A quorum is missed once the window has closed (10a: W1 + R, W1 being its end: the last instant that could
        # still be rebuilt). An allowance nobody proved is missed at its end; in a closed window it may still be proven.
        finding.missing = max(lacking, 0) if closed else 0
        ends = [closes] if finding.missing else []
        if unproven and self._sound.allowance and (closed or self._now >= self._sound.allowance[1]):
            ends.append(self._sound.allowance[1])
        if self._requirement.reconstructible:
            finding.holes = [self._memory.hole(low, high) for low, high in spans]
            replayable = [self._replayable_until(opens, end) for end in ends]
            finding.loss = loss_of([*finding.holes, *replayable], self._now)
            return
        finding.holes = [HoleTicks(low, high, low, low) for low, high in spans]
        if spans or any(end <= self._now for end in ends):
            finding.loss = Loss("unrecoverable", None, None)
        elif ends:
            # A short stub whose first snapshot may still come within the allowance.
            finding.loss = Loss("recoverable", min(ends), min(ends))

    def _replayable_until(self, opens: int, end: int) -> HoleTicks:
        hole = self._memory.hole(opens, end)
        if hole.total_loss is None:
            return hole
        lost = max(hole.total_loss, end)
        return HoleTicks(opens, end, lost, lost)

    def _complete_at(self, demand: Demand, need: int) -> int:
        """The earliest arrival at which quorum and coverage stood (section 5, `proof_at`)."""
        timeline = self._sound
        if demand.notes or not self._in_order:
            return self._complete_at_by_trial(demand, need)
        opens, closes = demand.whole
        if timeline.allowance and timeline.allowance[1] >= closes:
            last = 0  # the first snapshot proves the allowance
        else:
            # Snapshots arrived in order, so the cover grew forward and was whole with the first that reaches the end.
            last = bisect_left(timeline.observed, closes - timeline.gap)
        if need:
            last = max(last, bisect_left(timeline.observed, opens) + need - 1)
        return timeline.seen[last].ticks.recorded

    def _complete_at_by_trial(self, demand: Demand, need: int) -> int:
        timeline = self._sound
        arrivals = {snapshot.ticks.recorded for snapshot in timeline.seen}
        for arrival in sorted(arrivals | {note.recorded for note in demand.notes}):
            required: list[Span] = [demand.whole]
            for note in demand.notes:
                if note.recorded <= arrival:
                    required = subtract_span(required, note.start, note.end)
            then = [snapshot for snapshot in timeline.seen if snapshot.ticks.recorded <= arrival]
            if required and _Timeline(then, timeline.begin, timeline.gap).proves(required, need):
                return arrival
        raise AssertionError("a window proven by all snapshots is proven at the last arrival")

    def _flag(self, finding: Finding, window: Window, demand: Demand) -> None:
        if window.short_stub:
            finding.flags.add("stub_without_quorum")
        if any(demand.contains(observed) for observed in self._damaged):
            finding.flags.add("integrity_warning")
        if self._requirement.reconstructible and any(
            _is_reconstructed(one) and demand.contains(one.ticks.observed) for one in self._sound.seen
        ):
            finding.flags.add("reconstructed")
        if self._target is not None:
            now = self._now
            elapsed = [(low, min(high, now)) for low, high in demand.required if low < now]
            if subtract(elapsed, self._target):
                finding.flags.add("sparse")
        if finding.satisfied and self._bridge and self._bridged(demand):
            finding.flags.add("bridged_by_stream")

    def _bridged(self, demand: Demand) -> bool:
        return any(not fill(demand.required, claims)[1] for _, claims in query_groups(self._bridge))


def _known(snapshots: Sequence[Snapshot], requirement: Requirement, now: int) -> list[Snapshot]:
    """In order of observation.

    The clock rule of section 4 is written for runs; a snapshot is what a run brought home, so it holds here too. And
    only a source that can replay the past yields a reconstruction.
    """
    seen = [
        snapshot
        for snapshot in snapshots
        if snapshot.ticks.recorded <= now
        and snapshot.ticks.observed <= snapshot.ticks.recorded + CLOCK_TOLERANCE
        and (not snapshot.reconstructed or requirement.reconstructible)
    ]
    seen.sort(key=_OBSERVATION)
    return seen


def _is_reconstructed(snapshot: Snapshot) -> bool:
    return snapshot.reconstructed or snapshot.ticks.recorded - snapshot.ticks.observed > _LIVE_WITHIN
