"""Windows: local calendar months and quarters of a period, their ids, bounds and deadlines (sections 3 and 10a).

What depends on the calendar alone is derived once per period and shape of requirement and kept; clipping to the
control's and the item's intervals is integer arithmetic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from evidence.completeness.instants import instant, optional_ticks, ticks
from evidence.completeness.local_time import local_wall, midnight
from evidence.completeness.model import Cadence, Interval, Item, Period, Requirement

PERIOD = "period"
"""Id of the one window of an annual line."""

_ONE_DAY = timedelta(days=1)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")

Shape = Literal["kept", "merged", "natural", "currency"]
"""How windows meet the period's ends: stubs kept (streams), stubs merged (snapshots), not clipped at all (periodic
human records), one window over the whole period (currency)."""


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """A window as the calendar and the period make it, before control and item.

    `start` and `end` are ticks of the period-clipped window; a periodic human record may use the time since
    `natural_start` too. `names` are the natural ids it stands for, more than one after a merge. An item created
    after `quorum_until` is too young to be expected in a snapshot.
    """

    window_id: str
    names: tuple[str, ...]
    natural: Interval
    natural_start: int
    start: int
    end: int
    due_at: datetime
    deadline_at: datetime
    deadline: int
    late_limit: int
    quorum_until: int
    closes_in_period: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A calendar window clipped to the control's effective and the item's in-scope interval, in ticks.

    Not in effect when nothing is left (`end <= start`) or when it is a human window that closes outside the period.
    `short_stub`: shorter than `min_stub_days` because the item was created late (section 3.3).
    """

    calendar: CalendarWindow
    start: int
    end: int
    clipped: Interval | None
    """The same bounds as instants; None when not in effect."""
    short_stub: bool

    @property
    def window_id(self) -> str:
        return self.calendar.window_id


def windows_of(period: Period, requirement: Requirement, item: Item) -> tuple[Window, ...]:
    """Every window of the period for one requirement and item, in calendar order."""
    calendar = _calendar(
        period,
        _shape(requirement),
        requirement.cadence,
        requirement.due_days,
        requirement.grace_days,
        requirement.min_stub_days,
        requirement.late_limit_days,
    )
    born = optional_ticks(item.in_scope_from)
    lower = _latest(born, optional_ticks(requirement.effective_from))
    upper = _earliest(optional_ticks(item.in_scope_to), optional_ticks(requirement.effective_to))
    if lower is None and upper is None:
        return calendar.unclipped
    windows: list[Window] = []
    for whole in calendar.windows:
        start, end = whole.start, whole.end
        if lower is not None and lower > start:
            start = lower
        if upper is not None and upper < end:
            end = upper
        # Section 3.3 excuses a late-created item only: creation alone must leave fewer than min_stub_days local days
        # to the end of the period-clipped window. A control that starts late, an item that leaves early and a
        # not-applicable note keep the quorum.
        short = born is not None and born > whole.start and born > whole.quorum_until
        windows.append(_clipped(whole, start, end, short))
    return tuple(windows)


def period_bounds(period: Period) -> tuple[int, int]:
    """`[P0, P1)` in ticks."""
    return midnight(period.start, period.tz), midnight(period.end + _ONE_DAY, period.tz)


def window_bounds(window_id: str, tz: str) -> Interval:
    """Natural bounds of `2026-01`, `2026-Q1` or a merged `2026-02+2026-03`, as UTC instants."""
    firsts: list[date] = []
    lasts: list[date] = []
    for name in window_id.split("+"):
        first, last = _natural_days(name)
        firsts.append(first)
        lasts.append(last)
    return Interval(instant(midnight(min(firsts), tz)), instant(midnight(max(lasts), tz)))


def window_id_of(at: datetime, cadence: Cadence, tz: str) -> str:
    """Id of the natural window that `at` lies in; always `period` for annual lines."""
    if cadence == "annual":
        return PERIOD
    tick = ticks(at)
    name, first, after = _natural_window(local_wall(tick, tz).date(), cadence)
    # Where the clocks go back over midnight an instant may carry the old date although the new month has begun.
    if tick >= midnight(after, tz):
        return _natural_window(after, cadence)[0]
    if tick < midnight(first, tz):
        return _natural_window(first - _ONE_DAY, cadence)[0]
    return name


def is_window_id(text: str) -> bool:
    """Whether `text` is written like a window id."""
    return text == PERIOD or all(_MONTH.fullmatch(name) or _QUARTER.fullmatch(name) for name in text.split("+"))


@dataclass(frozen=True, slots=True)
class _Calendar:
    windows: tuple[CalendarWindow, ...]
    unclipped: tuple[Window, ...]


def _shape(requirement: Requirement) -> Shape:
    if requirement.is_currency:
        return "currency"
    if requirement.kind == "human_record":
        return "natural"
    return "merged" if requirement.kind == "snapshot" else "kept"


@lru_cache(maxsize=4096)
def _calendar(
    period: Period,
    shape: Shape,
    cadence: Cadence,
    due_days: int,
    grace_days: int,
    min_stub_days: int,
    late_limit_days: int,
) -> _Calendar:
    after_period = period.end + _ONE_DAY
    spans = (
        # A stream or snapshot line counted once a year is judged over the period as one window.
        [_Days((PERIOD,), period.start, after_period, period.start, after_period)]
        if shape == "currency" or cadence == "annual"
        else _natural_spans(period, cadence)
    )
    if shape == "merged":
        spans = _merge_stubs(spans, min_stub_days)
    tz = period.tz
    windows: list[CalendarWindow] = []
    for days in spans:
        whole = shape == "natural"
        # 10a: due counts from the period-clipped end, for periodic human records from the natural end.
        closing = days.after if whole else days.clipped_after
        due = midnight(closing + timedelta(days=due_days), tz)
        deadline = midnight(closing + timedelta(days=due_days + grace_days), tz)
        natural = Interval(instant(midnight(days.first, tz)), instant(midnight(days.after, tz)))
        windows.append(
            CalendarWindow(
                window_id="+".join(days.names),
                names=days.names,
                natural=natural,
                natural_start=midnight(days.first, tz),
                # "The clipped window" of steps 1 and 2 is taken to be cut to the period for human lines too: what was
                # in scope, or in effect, only before the period makes no cell of it.
                start=midnight(days.clipped_first, tz),
                end=midnight(closing, tz),
                due_at=instant(due),
                deadline_at=instant(deadline),
                deadline=deadline,
                late_limit=midnight(closing + timedelta(days=late_limit_days), tz),
                quorum_until=midnight(closing - timedelta(days=min_stub_days), tz),
                # P0 < W1 holds for every window that overlaps the period.
                closes_in_period=not whole or days.after <= after_period,
            )
        )
    return _Calendar(tuple(windows), tuple(_clipped(window, window.start, window.end, False) for window in windows))


def _clipped(whole: CalendarWindow, start: int, end: int, short_stub: bool) -> Window:
    in_effect = start < end and whole.closes_in_period
    return Window(whole, start, end, Interval(instant(start), instant(end)) if in_effect else None, short_stub)


@dataclass(frozen=True, slots=True)
class _Days:
    """A window in local dates: natural `[first, after)` and its part inside the period."""

    names: tuple[str, ...]
    first: date
    after: date
    clipped_first: date
    clipped_after: date

    @property
    def is_stub(self) -> bool:
        return (self.clipped_first, self.clipped_after) != (self.first, self.after)

    @property
    def length(self) -> int:
        return (self.clipped_after - self.clipped_first).days


def _natural_spans(period: Period, cadence: Cadence) -> list[_Days]:
    after_period = period.end + _ONE_DAY
    spans: list[_Days] = []
    day = period.start
    while day < after_period:
        name, first, after = _natural_window(day, cadence)
        spans.append(_Days((name,), first, after, max(first, period.start), min(after, after_period)))
        day = after
    return spans


def _merge_stubs(spans: list[_Days], min_stub_days: int) -> list[_Days]:
    # Only a window cut by the period is a stub; a whole February is none, however large min_stub_days is. A period
    # of one short window has no neighbour to merge with and keeps its cell and its quorum.
    if len(spans) > 1 and spans[0].is_stub and spans[0].length < min_stub_days:
        spans = [_joined(spans[0], spans[1]), *spans[2:]]
    if len(spans) > 1 and spans[-1].is_stub and spans[-1].length < min_stub_days:
        spans = [*spans[:-2], _joined(spans[-2], spans[-1])]
    return spans


def _joined(left: _Days, right: _Days) -> _Days:
    return _Days(left.names + right.names, left.first, right.after, left.clipped_first, right.clipped_after)


def _natural_window(day: date, cadence: Cadence) -> tuple[str, date, date]:
    """Id, first day and day after the last of the natural window that holds the local `day`."""
    if cadence == "monthly":
        first = day.replace(day=1)
        return f"{day:%Y-%m}", first, _months_later(first, 1)
    quarter = (day.month - 1) // 3
    first = date(day.year, quarter * 3 + 1, 1)
    return f"{day:%Y}-Q{quarter + 1}", first, _months_later(first, 3)


def _natural_days(name: str) -> tuple[date, date]:
    if month := _MONTH.fullmatch(name):
        first = date(int(month[1]), int(month[2]), 1)
        return first, _months_later(first, 1)
    if quarter := _QUARTER.fullmatch(name):
        first = date(int(quarter[1]), int(quarter[2]) * 3 - 2, 1)
        return first, _months_later(first, 3)
    raise ValueError(f"{name!r} is not a window id; write it like 2026-04, 2026-Q2 or 2026-02+2026-03")


def _months_later(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _latest(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return max(left, right)


def _earliest(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)
