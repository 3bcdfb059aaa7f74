"""The sandbox's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sandbox.clock import SimulatedClock

MOMENT = datetime(2026, 4, 1, 9, tzinfo=UTC)


def test_is_the_real_clock_until_it_is_set() -> None:
    before = datetime.now(UTC)
    assert before <= SimulatedClock().now() <= datetime.now(UTC)


def test_runs_on_from_a_start() -> None:
    clock = SimulatedClock(MOMENT)
    assert timedelta(0) <= clock.now() - MOMENT < timedelta(minutes=1)
    assert clock.now() >= clock.now() - timedelta(seconds=1)


def test_stands_still_where_it_is_set_and_moves_both_ways() -> None:
    clock = SimulatedClock(MOMENT, running=False)
    assert clock.now() == clock.now() == MOMENT
    clock.set(MOMENT - timedelta(days=400))
    assert clock.now() == MOMENT - timedelta(days=400)
    clock.set(MOMENT, running=True)
    assert clock.now() >= MOMENT


def test_gives_utc_whatever_zone_it_was_set_in() -> None:
    clock = SimulatedClock()
    clock.set(datetime(2026, 4, 1, 11, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == MOMENT
    assert clock.now().utcoffset() == timedelta(0)


def test_refuses_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        SimulatedClock().set(datetime(2026, 4, 1))  # noqa: DTZ001 - that is the point


def test_skew() -> None:
    assert SimulatedClock(MOMENT, running=False).skewed(-90) == MOMENT - timedelta(seconds=90)
