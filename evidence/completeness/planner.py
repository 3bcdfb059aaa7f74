"""What can still be collected, soonest loss first (section 6, scheduler rule)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from evidence.completeness.coverage import longest_memory
from evidence.completeness.instants import DAY, days_to_ticks, instant, optional_instant, optional_ticks, ticks
from evidence.completeness.model import Cell, Hole, Interval, Item, Period, Requirement
from evidence.completeness.recoverability import HoleTicks, Memory
from evidence.completeness.windows import period_bounds, windows_of

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Work(Generic[K]):
    """One interval to collect for the cell `key` names.

    `next_loss` is the first instant at which some of it is lost (the instant of planning when it is shrinking, None
    when the source keeps it until deleted); `alarm_at` the instant from which it should wake somebody up. With
    `snapshots_needed` that many snapshots at any instants of the interval will do; else all of it must be read.
    """

    key: K
    window_id: str
    interval: Interval
    next_loss: datetime | None
    alarm_at: datetime | None
    snapshots_needed: int = 0


def plan(cells: Iterable[tuple[K, Requirement, Cell]], as_of: datetime) -> list[Work[K]]:
    """The recoverable remainder of every hole, whatever its cell's gap, soonest loss first and undated work last.

    No interval is longer than a third of the source's memory. Human lines are not collected and make no work.
    """
    now = ticks(as_of)
    work = [piece for key, requirement, cell in cells for piece in _work(key, requirement, cell, now)]
    return sorted(work, key=_order)


def alarm_at(until: datetime, retention_days: float) -> datetime:
    """`until - min(max(7 d, R/4), R/2)`."""
    return instant(_alarm(ticks(until), days_to_ticks(retention_days)))


ScheduleRiskReason = Literal["shorter_than_window", "shorter_than_period", "collected_too_seldom"]


@dataclass(frozen=True, slots=True)
class ScheduleRisk:
    """A schedule that the source's memory can't follow.

    `shorter_than_window`: collecting at the end of a window has lost its first days by design.
    `shorter_than_period`: one collection at the end of the period has. `collected_too_seldom`: `collect_every` is
    longer than a third of the memory, so two failures in a row may lose data.
    """

    reasons: tuple[ScheduleRiskReason, ...]
    retention: timedelta
    longest_window: timedelta
    period: timedelta
    collect_every: timedelta | None


def schedule_risk(
    period: Period, requirement: Requirement, collect_every: timedelta | None = None
) -> ScheduleRisk | None:
    """Where collection outruns source memory, or None. Only what a source forgets is at risk here: streams and
    reconstructible snapshots."""
    memory = longest_memory(requirement)
    forgets = requirement.kind == "event_stream" or (requirement.kind == "snapshot" and requirement.reconstructible)
    if memory is None or not forgets:
        return None
    windows = windows_of(period, requirement, Item())
    longest = max(window.calendar.end - window.calendar.start for window in windows)
    start, end = period_bounds(period)
    reasons: list[ScheduleRiskReason] = []
    if memory < longest:
        reasons.append("shorter_than_window")
    if memory < end - start:
        reasons.append("shorter_than_period")
    if collect_every is not None and collect_every // timedelta(microseconds=1) * 3 > memory:
        reasons.append("collected_too_seldom")
    if not reasons:
        return None
    return ScheduleRisk(tuple(reasons), _delta(memory), _delta(longest), _delta(end - start), collect_every)


def _work(key: K, requirement: Requirement, cell: Cell, now: int) -> Iterator[Work[K]]:
    if cell.kind not in ("event_stream", "snapshot") or cell.clipped is None:
        return
    for hole in cell.holes:
        yield from _hole_work(key, cell, _ticks_of(hole), now)
    if cell.kind != "snapshot" or cell.gap == "none" or cell.until is None:
        return
    if cell.snapshots_missing and requirement.reconstructible:
        yield from _quorum_work(key, requirement, cell, now)
    elif not cell.holes and not cell.snapshots_missing and now < ticks(cell.until):
        # A short stub that still waits for its first snapshot: look now, the allowance is running out.
        until = ticks(cell.until)
        alarm = _alarm(until, until - ticks(cell.clipped.start))
        yield Work(key, cell.window_id, Interval(instant(now), cell.until), cell.until, instant(alarm), 1)


def _hole_work(key: K, cell: Cell, hole: HoleTicks, now: int) -> Iterator[Work[K]]:
    if hole.first_loss is None or hole.total_loss is None:
        yield Work(key, cell.window_id, Interval(instant(hole.start), instant(hole.end)), None, None)
        return
    memory = hole.first_loss - hole.start
    start = max(hole.start, now - memory)
    if now >= hole.total_loss or memory <= 0 or start >= hole.end:
        return
    longest = max(memory // 3, 1)
    while start < hole.end:
        end = min(start + longest, hole.end)
        loss = start + memory
        yield Work(
            key,
            cell.window_id,
            Interval(instant(start), instant(end)),
            instant(loss),
            instant(_alarm(loss, memory)),
        )
        start = end


def _quorum_work(key: K, requirement: Requirement, cell: Cell, now: int) -> Iterator[Work[K]]:
    """Snapshots to rebuild anywhere in the window: its youngest part, which the source remembers longest."""
    assert cell.clipped is not None
    start, end = ticks(cell.clipped.start), ticks(cell.clipped.end)
    hole = Memory(requirement).hole(start, end)
    loss = hole.total_loss
    if loss is not None and hole.first_loss is not None:
        memory = hole.first_loss - start
        if now >= loss or memory <= 0:
            return
        start = max(start, now - memory, end - memory // 3)
        alarm = instant(_alarm(loss, memory))
    else:
        alarm = None
    interval = Interval(instant(start), instant(end))
    yield Work(key, cell.window_id, interval, optional_instant(loss), alarm, cell.snapshots_missing)


def _alarm(until: int, memory: int) -> int:
    return until - min(max(7 * DAY, memory // 4), memory // 2)


def _order(work: Work[K]) -> tuple[bool, int, int, str, str]:
    loss = optional_ticks(work.next_loss)
    start = ticks(work.interval.start)
    return loss is None, loss or 0, start, work.window_id, repr(work.key)


def _ticks_of(hole: Hole) -> HoleTicks:
    return HoleTicks(
        ticks(hole.start), ticks(hole.end), optional_ticks(hole.first_loss), optional_ticks(hole.total_loss)
    )


def _delta(length: int) -> timedelta:
    return timedelta(microseconds=length)
