"""Interval algebra on ticks, and what a collection run may claim (section 4).

A span is a half-open pair of ticks; a set of spans is a sorted list of disjoint, non-empty spans that do not touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, Protocol

import msgspec

from evidence.completeness.instants import SECOND, days_to_ticks, hours_to_ticks
from evidence.completeness.model import VERIFIED, Requirement, Run

Span = tuple[int, int]

CLOCK_TOLERANCE = 60 * SECOND
"""A run whose own times lie further than this after its arrival in the store proves nothing."""


def merge(spans: Iterable[Span]) -> list[Span]:
    """The union as a set of spans; empty and inverted spans vanish."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract_span(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """`spans` without `[start, end)`."""
    if start >= end:
        return list(spans)
    left: list[Span] = []
    for low, high in spans:
        if end <= low or start >= high:
            left.append((low, high))
            continue
        if low < start:
            left.append((low, start))
        if end < high:
            left.append((end, high))
    return left


def subtract(spans: Sequence[Span], cuts: Iterable[Span]) -> list[Span]:
    """`spans` without any of `cuts`, which may overlap and come in any order."""
    left = list(spans)
    for start, end in cuts:
        if not left:
            break
        left = subtract_span(left, start, end)
    return left


def intersect(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """What two sets of spans share."""
    shared: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i][0], right[j][0])
        end = min(left[i][1], right[j][1])
        if start < end:
            shared.append((start, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return shared


def length(spans: Iterable[Span]) -> int:
    """Ticks covered by a set of spans."""
    return sum(end - start for start, end in spans)


def overlaps(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether any instant of `[start, end)` lies in `spans`."""
    return any(low < end and start < high for low, high in spans)


class Claim(msgspec.Struct, gc=False):
    """What one run asserts: every event with time in `[start, end)` is held, known to the store since `recorded`."""

    start: int
    end: int
    recorded: int
    run: Run


_ARRIVAL = attrgetter("recorded")


class Claims(NamedTuple):
    """Claims in order of arrival: those whose file verifies, and all of them as if every file did."""

    sound: list[Claim]
    trusted: list[Claim]


def longest_memory(requirement: Requirement) -> int | None:
    """The longest retention among the requirement's sources in ticks, None when one keeps data until deleted.

    Sections 6 and 10a name the longest memory of all its sources, whether or not each was on at the time.
    """
    longest = 0
    for source in requirement.memories:
        if source.retention_days is None:
            return None
        longest = max(longest, days_to_ticks(source.retention_days))
    return longest


def claim_bounds(run: Run, requirement: Requirement) -> Span | None:
    """The interval `run` may claim if its file verifies, in ticks, or None."""
    claims = claims_of((run,), requirement, run.ticks.recorded).trusted
    return (claims[0].start, claims[0].end) if claims else None


def claims_of(runs: Iterable[Run], requirement: Requirement, now: int) -> Claims:
    """The claims of all runs that the store knew at `now`: both trims of section 4."""
    lag = hours_to_ticks(requirement.lag_hours)
    memory = longest_memory(requirement)
    trusted: list[Claim] = []
    all_sound = True
    for run in runs:
        at = run.ticks
        start, end, started, recorded, complete_until = at.from_, at.to, at.started, at.recorded, at.complete_until
        # Its own time is when it started: the interval asked for may lie ahead of the clock, a claim can't.
        if recorded > now or started > recorded + CLOCK_TOLERANCE:
            continue
        if run.status != "ok" and (run.status == "error" or complete_until is None):
            continue
        if memory is not None and started - memory > start:
            start = started - memory
        if started - lag < end:
            end = started - lag
        if complete_until is not None and complete_until < end:
            end = complete_until
        if start < end:
            trusted.append(Claim(start, end, recorded, run))
            if run.integrity != VERIFIED:
                all_sound = False
    trusted.sort(key=_ARRIVAL)
    sound = trusted if all_sound else [claim for claim in trusted if claim.run.integrity == VERIFIED]
    return Claims(sound, trusted)


def query_groups(claims: Sequence[Claim]) -> list[tuple[str, Sequence[Claim]]]:
    """Claims by the question they answer, smallest query hash first: the same query hash or a proven superset.

    A superset counts for the run that declares it and is not followed further. A question nobody asked, named only
    as something's subset, makes no group.
    """
    hashes = {claim.run.query_hash or "" for claim in claims}
    if len(hashes) == 1:
        return [(hashes.pop(), claims)]
    return [
        (asked, [c for c in claims if (c.run.query_hash or "") == asked or asked in c.run.superset_of])
        for asked in sorted(hashes)
    ]


class Arrived(Protocol):
    """A stretch of time that needs no more proof, and the arrival from which on it needed none."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def recorded(self) -> int: ...


def fill(required: list[Span], claims: Iterable[Arrived]) -> tuple[int | None, list[Span]]:
    """Lay `claims`, which come in order of arrival, over `required`.

    Returns the arrival that completed it (None if it stays incomplete) and what is left uncovered.
    """
    left = required
    for claim in claims:
        start, end = claim.start, claim.end
        if len(left) == 1:  # the common case: a run that takes a piece off one end
            low, high = left[0]
            if end <= low or start >= high:
                continue
            if start <= low:
                if end >= high:
                    return claim.recorded, []
                left = [(end, high)]
            elif end >= high:
                left = [(low, start)]
            else:
                left = [(low, start), (end, high)]
        else:
            left = subtract_span(left, start, end)
            if not left:
                return claim.recorded, []
    return None, left
