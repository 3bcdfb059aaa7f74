"""Which rules a window is judged by when they changed while the period ran, and which windows exist when the cadence
did. Rule: the version in force at a window's end; what was loosened counts only for windows that start later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.completeness.instants import instant, ticks
from evidence.completeness.model import Cadence, Item, Kind, Period, Requirement
from evidence.completeness.windows import PERIOD, period_bounds, window_bounds, window_id_of, windows_of
from evidence.rule_changes import RuleChange, fold_rules, is_looser
from evidence.timeline import ALWAYS_FROM, ALWAYS_TO


@dataclass(frozen=True, slots=True)
class Choice:
    """Rules and the windows they judge; None stands for all of them."""

    rules: Mapping[str, Any]
    window_ids: frozenset[str] | None


def ruled_windows(period: Period, kind: Kind, changes: Sequence[RuleChange]) -> list[Choice]:
    """Every distinct set of rules of a line whose rules changed, with the windows it judges."""
    found: dict[tuple[tuple[str, Any], ...], tuple[dict[str, Any], set[str]]] = {}
    for cadence, begin, end in _cadences(changes, period):
        # Every window of the cadence is judged by the rest of the rules as they were; the cadence itself is settled.
        fixed = [RuleChange(change.recorded, {**change.rules, "cadence": cadence}) for change in changes]
        for window in windows_of(period, Requirement(kind, cadence), Item()):
            calendar = window.calendar
            if begin <= ticks(calendar.natural.start) < end:
                rules = fold_rules(fixed, calendar.start, calendar.end)
                found.setdefault(tuple(sorted(rules.items())), (rules, set()))[1].add(window.window_id)
    return [Choice(rules, frozenset(windows)) for rules, windows in found.values()]


def _cadences(changes: Sequence[RuleChange], period: Period) -> list[tuple[Cadence, int, int]]:
    """Cadences with the interval in which a window must begin, by its natural start, to be one of theirs.

    A longer cadence begins with its first whole window after the change was recorded, and the shorter one goes on
    until then; a shorter one begins with its window in which the change was recorded, and the longer window that had
    begun stays as well. Either way no window that was expected is lost.
    """
    current: Cadence = changes[0].rules["cadence"]
    begin = ALWAYS_FROM
    out: list[tuple[Cadence, int, int]] = []
    for change in changes[1:]:
        cadence: Cadence = change.rules["cadence"]
        if cadence == current:
            continue
        if is_looser("cadence", current, cadence):
            switch = _next_start(change.recorded, cadence, period)
            out.append((current, begin, switch))
            begin = switch
        else:
            out.append((current, begin, change.recorded))
            begin = _containing(change.recorded, cadence, period)[0]
        current = cadence
    out.append((current, begin, ALWAYS_TO))
    return out


def _containing(tick: int, cadence: Cadence, period: Period) -> tuple[int, int]:
    window = window_id_of(instant(tick), cadence, period.tz)
    if window == PERIOD:
        return period_bounds(period)
    bounds = window_bounds(window, period.tz)
    return ticks(bounds.start), ticks(bounds.end)


def _next_start(tick: int, cadence: Cadence, period: Period) -> int:
    start, end = _containing(tick, cadence, period)
    return start if tick <= start else end
