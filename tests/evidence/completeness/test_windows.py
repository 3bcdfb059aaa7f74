"""Windows in local time: bounds, ids, clipping, stubs, deadlines, and clocks that jump over or back to midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.completeness.instants import instant, ticks
from evidence.completeness.local_time import local_instant, midnight, zone
from evidence.completeness.model import Item, Period, Requirement
from evidence.completeness.windows import (
    is_window_id,
    period_bounds,
    window_bounds,
    window_id_of,
    windows_of,
)

STREAM = Requirement(kind="event_stream")
SNAPSHOT = Requirement(kind="snapshot")
REVIEW = Requirement(kind="human_record", cadence="quarterly", grace_days=14)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ids(period: Period, requirement: Requirement, item: Item | None = None) -> list[str]:
    return [window.window_id for window in windows_of(period, requirement, item or Item())]


@pytest.mark.parametrize(
    ("day", "tz", "expected"),
    [
        (date(2026, 1, 1), "UTC", "2026-01-01T00:00:00"),
        (date(2026, 1, 1), "Asia/Kolkata", "2025-12-31T18:30:00"),
        # clocks jump from 00:00 to 01:00: the day begins at the jump
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00"),
        (date(2025, 3, 30), "Asia/Beirut", "2025-03-29T22:00:00"),
        (date(2026, 3, 8), "America/Havana", "2026-03-08T05:00:00"),
        # clocks go from 01:00 back to 00:00: midnight occurs twice, the earlier counts
        (date(2026, 10, 25), "Atlantic/Azores", "2026-10-25T00:00:00"),
        (date(2026, 11, 1), "America/Havana", "2026-11-01T04:00:00"),
        # clocks go from 00:01 back to 23:01 of the day before: that day's end occurs twice, the earlier counts
        (date(2010, 11, 7), "America/St_Johns", "2010-11-07T02:30:00"),
        # Samoa had no 30 December 2011 at all
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00:00"),
        (date(2011, 12, 31), "Pacific/Apia", "2011-12-30T10:00:00"),
    ],
)
def test_local_midnight(day: date, tz: str, expected: str) -> None:
    assert instant(midnight(day, tz)) == utc(expected)


def test_a_jump_that_begins_before_midnight_ends_where_the_clock_has_jumped() -> None:
    # Toronto 1919: from 23:30 on 30 March to 00:30 on the 31st
    assert instant(midnight(date(1919, 3, 31), "America/Toronto")) == utc("1919-03-31T04:30:00")
    skipped = datetime(1919, 3, 30, 23, 45)  # noqa: DTZ001 - a wall-clock time
    assert local_instant(skipped, "America/Toronto") == ticks(utc("1919-03-31T04:30:00"))


def test_a_zone_that_is_none_is_named() -> None:
    for name in ("Mars/Olympus", "Europe", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="IANA"):
            zone(name)


def test_months_have_their_local_length() -> None:
    november = window_bounds("2026-11", "America/New_York")
    march = window_bounds("2026-03", "Europe/London")
    assert november.end - november.start == timedelta(hours=721)
    assert march.end - march.start == timedelta(hours=743)
    assert window_bounds("2026-Q1", "UTC").end == utc("2026-04-01T00:00:00")
    merged = window_bounds("2026-02+2026-03", "UTC")
    assert (merged.start, merged.end) == (utc("2026-02-01T00:00:00"), utc("2026-04-01T00:00:00"))


@pytest.mark.parametrize("text", ["2026-13", "2026-Q5", "2026", "january", "", "2026-01+", "period"])
def test_what_has_no_natural_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window id"):
        window_bounds(text, "UTC")
    assert is_window_id(text) == (text == "period")


def test_the_window_of_an_instant() -> None:
    assert window_id_of(utc("2026-01-31T23:59:59"), "monthly", "UTC") == "2026-01"
    assert window_id_of(utc("2026-02-01T00:00:00"), "monthly", "UTC") == "2026-02"
    assert window_id_of(utc("2026-02-01T00:00:00"), "monthly", "America/New_York") == "2026-01"
    assert window_id_of(utc("2026-04-01T03:59:59"), "quarterly", "America/New_York") == "2026-Q1"
    assert window_id_of(utc("2026-04-01T03:59:59"), "annual", "America/New_York") == "period"


def test_where_the_clock_goes_back_over_the_end_of_a_month() -> None:
    # St John's 2009: midnight of 1 November was at 02:30 UTC, and a minute later it was 23:01 of 31 October again
    assert window_id_of(utc("2009-11-01T02:29:59"), "monthly", "America/St_Johns") == "2009-10"
    assert window_id_of(utc("2009-11-01T02:45:00"), "monthly", "America/St_Johns") == "2009-11"
    # Gaza 2011: at the end of 31 July it was 23:00 of 31 July again, so midnight came once, an hour later
    start = window_bounds("2011-08", "Asia/Gaza").start
    assert start == utc("2011-07-31T22:00:00")
    assert window_id_of(start - timedelta(seconds=1), "monthly", "Asia/Gaza") == "2011-07"


@settings(deadline=None)
@given(
    hours=st.integers(0, 22 * 365 * 24),
    tz=st.sampled_from(["UTC", "America/St_Johns", "America/Havana", "Pacific/Apia", "Africa/Cairo", "Asia/Kolkata"]),
    cadence=st.sampled_from(["monthly", "quarterly"]),
)
def test_id_and_bounds_agree(hours: int, tz: str, cadence: str) -> None:
    at = utc("2008-01-01T00:15:00") + timedelta(hours=hours)
    bounds = window_bounds(window_id_of(at, cadence, tz), tz)  # type: ignore[arg-type]
    assert bounds.start <= at < bounds.end


def test_stream_stubs_stay_and_snapshot_stubs_are_merged() -> None:
    period = Period(date(2026, 1, 29), date(2026, 4, 2))
    assert ids(period, STREAM) == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert ids(period, SNAPSHOT) == ["2026-01+2026-02", "2026-03+2026-04"]
    first, last = windows_of(period, SNAPSHOT, Item())
    assert first.calendar.natural.start == utc("2026-01-01T00:00:00")
    assert first.clipped is not None
    assert first.clipped.start == utc("2026-01-29T00:00:00")
    assert last.calendar.natural.end == utc("2026-05-01T00:00:00")
    assert last.clipped is not None
    assert last.clipped.end == utc("2026-04-03T00:00:00")
    assert last.calendar.due_at == utc("2026-04-03T00:00:00")


@pytest.mark.parametrize(
    ("start", "end", "stub", "expected"),
    [
        ((2026, 1, 25), (2026, 3, 31), 7, ["2026-01", "2026-02", "2026-03"]),  # seven days are no stub
        ((2026, 1, 26), (2026, 3, 31), 7, ["2026-01+2026-02", "2026-03"]),
        ((2026, 1, 30), (2026, 2, 3), 7, ["2026-01+2026-02"]),  # two stubs make one window
        ((2026, 1, 30), (2026, 3, 3), 7, ["2026-01+2026-02+2026-03"]),
        ((2026, 2, 3), (2026, 2, 5), 7, ["2026-02"]),  # no neighbour to merge with
        ((2026, 1, 1), (2026, 2, 28), 30, ["2026-01", "2026-02"]),  # a whole February is no stub
        ((2026, 1, 30), (2026, 3, 31), 0, ["2026-01", "2026-02", "2026-03"]),
    ],
)
def test_what_is_merged(start: tuple[int, int, int], end: tuple[int, int, int], stub: int, expected: list[str]) -> None:
    requirement = Requirement(kind="snapshot", min_stub_days=stub)
    assert ids(Period(date(*start), date(*end)), requirement) == expected


def test_the_length_of_a_stub_is_counted_in_local_days() -> None:
    # 25 to 31 March 2026 in London are 167 hours, and still seven days
    assert ids(Period(date(2026, 3, 25), date(2026, 5, 31), "Europe/London"), SNAPSHOT)[0] == "2026-03"


def test_due_counts_from_the_period_not_from_the_item() -> None:
    requirement = Requirement(kind="event_stream", due_days=5, grace_days=4)
    item = Item(in_scope_to=utc("2026-03-10T00:00:00"))
    period = Period(date(2026, 1, 1), date(2026, 3, 29), "Europe/London")
    window = windows_of(period, requirement, item)[-1]
    assert window.clipped is not None
    assert window.clipped.end == utc("2026-03-10T00:00:00")
    # 30 March is summer time already, and days are local days
    assert window.calendar.due_at == utc("2026-04-03T23:00:00")
    assert window.calendar.deadline_at == utc("2026-04-07T23:00:00")


def test_human_windows_close_inside_the_period_and_keep_their_natural_deadline() -> None:
    windows = windows_of(Period(date(2026, 1, 15), date(2026, 7, 14)), REVIEW, Item())
    assert [(window.window_id, window.clipped is not None) for window in windows] == [
        ("2026-Q1", True),
        ("2026-Q2", True),
        ("2026-Q3", False),
    ]
    assert windows[0].calendar.deadline_at == utc("2026-04-15T00:00:00")
    assert windows[2].calendar.due_at == utc("2026-10-01T00:00:00")
    assert windows[0].calendar.late_limit == ticks(utc("2026-05-31T00:00:00"))


def test_a_window_that_closes_with_the_period_belongs_to_it() -> None:
    windows = windows_of(Period(date(2026, 1, 15), date(2026, 3, 31)), REVIEW, Item())
    assert [window.clipped is not None for window in windows] == [True]


def test_currency_has_one_window() -> None:
    for requirement in (
        Requirement(kind="human_record", cadence="annual"),
        Requirement(kind="document", cadence="monthly"),
        Requirement(kind="event_stream", cadence="annual"),
    ):
        period = Period(date(2026, 1, 15), date(2026, 7, 14))
        (window,) = windows_of(period, requirement, Item())
        assert window.window_id == "period"
        assert (window.start, window.end) == period_bounds(period)


@pytest.mark.parametrize(
    ("created", "expected"),
    [("2026-01-25T00:00:00", False), ("2026-01-25T00:00:01", True), ("2026-02-02T00:00:00", False)],
)
def test_a_late_item_makes_a_short_stub(created: str, expected: bool) -> None:
    period = Period(date(2026, 1, 1), date(2026, 2, 28))
    first = windows_of(period, SNAPSHOT, Item(in_scope_from=utc(created)))[0]
    assert first.short_stub is expected or first.clipped is None


ZONES = st.sampled_from(["UTC", "Europe/London", "America/Sao_Paulo", "Atlantic/Azores", "Asia/Beirut", "Pacific/Apia"])
PERIODS = st.builds(
    lambda first, days, tz: Period(first, first + timedelta(days=days), tz),
    st.dates(date(2008, 1, 1), date(2030, 1, 1)),
    st.integers(0, 400),
    ZONES,
)


@settings(deadline=None)
@given(
    period=PERIODS,
    kind=st.sampled_from(["event_stream", "snapshot"]),
    cadence=st.sampled_from(["monthly", "quarterly"]),
)
def test_windows_partition_the_period(period: Period, kind: str, cadence: str) -> None:
    windows = windows_of(period, Requirement(kind=kind, cadence=cadence), Item())  # type: ignore[arg-type]
    start, end = period_bounds(period)
    assert windows[0].start == start
    assert windows[-1].end == end
    for left, right in pairwise(windows):
        assert left.end == right.start
    names = [name for window in windows for name in window.calendar.names]
    assert len(names) == len(set(names))


@settings(deadline=None)
@given(period=PERIODS)
def test_sizing_counts_the_windows_that_close_in_the_period(period: Period) -> None:
    windows = windows_of(period, Requirement(kind="human_record", cadence="monthly"), Item())
    start, end = period_bounds(period)
    closing = [w for w in windows if start < ticks(w.calendar.natural.end) <= end]
    assert [w for w in windows if w.clipped is not None] == closing
