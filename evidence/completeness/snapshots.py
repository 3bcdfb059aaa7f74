"""Snapshots: enough of them inside the window, and never longer than the maximum gap since the last (section 4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from evidence.completeness.coverage import (
    CLOCK_TOLERANCE,
    Span,
    claims_of,
    fill,
    merge,
    overlaps,
    query_groups,
    subtract,
)
from evidence.completeness.finding import Finding
from evidence.completeness.instants import DAY, hours_to_ticks, ticks
from evidence.completeness.model import (
    DEFAULT_MAX_GAP_HOURS,
    VERIFIED,
    CellInputs,
    Requirement,
    Snapshot,
)
from evidence.completeness.recoverability import HoleTicks, Loss, Memory, loss_of
from evidence.completeness.windows import Window

_LIVE_WITHIN = DAY
"""A reading of the present reaches the store within a day; what arrives later at a source that can replay the past is
shown as reconstructed even where the collector did not say so."""


class _Seen(NamedTuple):
    observed: int
    recorded: int
    snapshot: Snapshot


class _Shown(NamedTuple):
    """A stretch of time that a snapshot, or the allowance, covers from its arrival on."""

    start: int
    end: int
    recorded: int


class _Timeline:
    """What a set of snapshots covers: `[t, t + gap)` each, and one allowance at the start when none is earlier."""

    __slots__ = ("allowance", "allowance_proven_at", "cover", "earlier_at", "observed", "seen")

    def __init__(self, seen: list[_Seen], begin: int, gap: int) -> None:
        self.seen = seen  # in order of observation
        self.observed = [snapshot.observed for snapshot in seen]
        first = bisect_left(self.observed, begin)
        self.earlier_at = min((snapshot.recorded for snapshot in seen[:first]), default=None)
        self.allowance: Span | None = None if first else (begin, begin + gap)
        spans = [(observed, observed + gap) for observed in self.observed]
        if self.allowance:
            spans.append(self.allowance)
        self.cover = merge(spans)
        within = seen[first : bisect_left(self.observed, begin + gap)]
        self.allowance_proven_at = min((snapshot.recorded for snapshot in within), default=None)

    def inside(self, required: list[Span]) -> list[_Seen]:
        found: list[_Seen] = []
        for start, end in required:
            found += self.seen[bisect_left(self.observed, start) : bisect_left(self.observed, end)]
        return found

    def unproven(self, required: list[Span]) -> bool:
        """Whether `required` leans on an allowance in which no first snapshot came: no hole, but no proof either."""
        return self.allowance is not None and self.allowance_proven_at is None and overlaps(required, *self.allowance)


class SnapshotJudge:
    """Judges every window of one snapshot requirement and item."""

    __slots__ = (
        "_begin",
        "_bridge",
        "_damaged",
        "_gap",
        "_memory",
        "_now",
        "_requirement",
        "_runs",
        "_sound",
        "_target",
        "_trusted",
    )

    def __init__(self, requirement: Requirement, inputs: CellInputs, now: int, begin: int) -> None:
        """`begin`: the latest of period start, item start and control start (10a)."""
        self._now = now
        self._begin = begin
        self._requirement = requirement
        self._memory = Memory(requirement)
        gap_hours = requirement.max_gap_hours
        self._gap = hours_to_ticks(DEFAULT_MAX_GAP_HOURS if gap_hours is None else gap_hours)
        seen = _known(inputs.snapshots, requirement, now)
        sound = [one for one in seen if one.snapshot.integrity == VERIFIED]
        self._damaged = [one for one in seen if one.snapshot.integrity != VERIFIED]
        self._sound = _Timeline(sound, begin, self._gap)
        self._trusted = _Timeline(seen, begin, self._gap) if self._damaged else self._sound
        target = requirement.target_gap_hours
        self._target = None if target is None else _Timeline(sound, begin, hours_to_ticks(target)).cover
        self._runs = inputs.runs
        self._bridge = claims_of(inputs.runs, requirement, now).sound if inputs.runs else []

    def judge(self, window: Window, required: list[Span]) -> Finding:
        """Judge `required`, the window less what is not applicable."""
        timeline = self._sound
        inside = timeline.inside(required)
        need = 0 if window.short_stub else self._requirement.min_count
        left = subtract(required, timeline.cover)
        unproven = timeline.unproven(required)
        begun = self._now >= window.start  # an earlier snapshot alone does not prove a window that has not begun
        finding = Finding(
            satisfied=begun and not left and not unproven and len(inside) >= need, some_proof=bool(inside)
        )
        if window.short_stub:
            finding.flags.add("stub_without_quorum")
        if finding.satisfied:
            finding.proof_at = self._complete_at(required, inside, need)
            finding.late = finding.proof_at > window.calendar.deadline
            finding.population = len(inside)
            if self._bridge and self._bridged(required):
                finding.flags.add("bridged_by_stream")
        else:
            self._judge_loss(finding, window, left, need - len(inside), unproven)
            finding.only_if_trusted = begun and self._satisfied_if_trusted(required, need)
        self._flag(finding, window, required, inside)
        return finding

    def last_success(self, window: Window) -> int | None:
        """Arrival of the latest snapshot inside the window, damaged or not: an attempt that did not fail."""
        times = [one.recorded for one in self._trusted.inside([(window.start, window.end)])]
        return max(times, default=None)

    def _judge_loss(self, finding: Finding, window: Window, left: list[Span], lacking: int, unproven: bool) -> None:
        closed = self._now >= window.end
        until = window.end if closed else self._now
        spans = [(low, min(high, until)) for low, high in left if low < until]
        # A quorum is missed, and an allowance left without its snapshot, only once no snapshot can come any more.
        finding.missing = max(lacking, 0) if closed else 0
        ends = [window.end] if finding.missing else []
        if closed and unproven and self._sound.allowance:
            ends.append(self._sound.allowance[1])
        if self._requirement.reconstructible:
            finding.holes = [self._memory.hole(low, high) for low, high in spans]
            # 10a: W1 + R, W1 being the end of the clipped window: the last instant that could still be rebuilt.
            replayable = [self._replayable_until(window.start, end) for end in ends]
            finding.loss = loss_of([*finding.holes, *replayable], self._now)
            return
        finding.holes = [HoleTicks(low, high, low, low) for low, high in spans]
        if spans or any(end <= self._now for end in ends):
            finding.loss = Loss("unrecoverable", None, None)
        elif ends:
            # A short stub whose first snapshot may still come within the allowance.
            finding.loss = Loss("recoverable", min(ends), min(ends))

    def _replayable_until(self, start: int, end: int) -> HoleTicks:
        hole = self._memory.hole(start, end)
        if hole.first_loss is None:
            return hole
        lost = max(hole.total_loss or end, end)
        return HoleTicks(start, end, lost, lost)

    def _complete_at(self, required: list[Span], inside: list[_Seen], need: int) -> int:
        """The earliest arrival at which quorum and coverage stood (section 5, `proof_at`)."""
        timeline = self._sound
        reach = required[0][0] - self._gap
        first = bisect_left(timeline.observed, reach)
        last = bisect_left(timeline.observed, required[-1][1])
        shown = [_Shown(one.observed, one.observed + self._gap, one.recorded) for one in timeline.seen[first:last]]
        allowed = (
            [_Shown(self._begin, self._begin + self._gap, timeline.allowance_proven_at)]
            if timeline.allowance_proven_at is not None
            else []
        )
        if timeline.earlier_at is None:
            candidates = [_when(required, [*allowed, *shown], inside, need)]
        else:
            # Until the first snapshot from before the start arrived, the allowance stood in its place.
            before = timeline.earlier_at
            candidates = [
                _when(required, shown, inside, need),
                _when(
                    required,
                    [one for one in [*allowed, *shown] if one.recorded < before],
                    [one for one in inside if one.recorded < before],
                    need,
                ),
            ]
        # A window of which every snapshot came from elsewhere (no quorum) is complete at its coverage alone.
        return min(at for at in candidates if at is not None)

    def _satisfied_if_trusted(self, required: list[Span], need: int) -> bool:
        if not self._damaged:
            return False
        timeline = self._trusted
        return (
            len(timeline.inside(required)) >= need
            and not subtract(required, timeline.cover)
            and not timeline.unproven(required)
        )

    def _bridged(self, required: list[Span]) -> bool:
        return any(not fill(required, claims)[1] for _, claims in query_groups(self._bridge))

    def _flag(self, finding: Finding, window: Window, required: list[Span], inside: list[_Seen]) -> None:
        if self._damaged and not finding.only_if_trusted:
            damaged = (one.observed for one in self._damaged)
            if any(low <= observed < high for observed in damaged for low, high in required):
                finding.flags.add("integrity_warning")
        if any(_is_reconstructed(one, self._requirement) for one in inside):
            finding.flags.add("reconstructed")
        if self._target is not None:
            until = min(window.end, self._now)
            elapsed = [(low, min(high, until)) for low, high in required if low < until]
            if subtract(elapsed, self._target):
                finding.flags.add("sparse")


def _known(snapshots: Sequence[Snapshot], requirement: Requirement, now: int) -> list[_Seen]:
    seen: list[_Seen] = []
    for snapshot in snapshots:
        one = _Seen(ticks(snapshot.observed_at), ticks(snapshot.recorded_at), snapshot)
        # The clock rule is written for runs; a snapshot is what a run brought home, so it holds here too. And only
        # a source that can replay the past yields a reconstruction.
        if (
            one.recorded <= now
            and one.observed <= one.recorded + CLOCK_TOLERANCE
            and (requirement.reconstructible or not snapshot.reconstructed)
        ):
            seen.append(one)
    seen.sort(key=_observation)
    return seen


def _observation(one: _Seen) -> tuple[int, int]:
    return one.observed, one.recorded


def _is_reconstructed(one: _Seen, requirement: Requirement) -> bool:
    late = one.recorded - one.observed > _LIVE_WITHIN
    return one.snapshot.reconstructed or (requirement.reconstructible and late)


def _when(required: list[Span], shown: list[_Shown], inside: list[_Seen], need: int) -> int | None:
    if len(inside) < need:
        return None
    shown.sort(key=_arrival)
    covered_at, left = fill(required, shown)
    if left or covered_at is None:
        return None
    if need == 0:
        return covered_at
    return max(covered_at, sorted(one.recorded for one in inside)[need - 1])


def _arrival(shown: _Shown) -> tuple[int, int]:
    return shown.recorded, shown.start
