"""Days as people write them in registers, also those that stand for always and never."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from evidence.completeness.instants import ticks
from evidence.completeness.local_time import end_of_last, first_instant, midnight


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Tokyo", "America/New_York", "Pacific/Apia"])
def test_days_that_mean_always_break_nothing(zone: str) -> None:
    assert end_of_last(date(9999, 12, 31), zone) is None
    for day in (date(1, 1, 1), date(1899, 12, 31)):
        assert first_instant(day, zone) == midnight(date(1900, 1, 1), zone)
        assert end_of_last(day, zone) == midnight(date(1900, 1, 2), zone), "a first and a last day: never an empty span"


def test_a_day_is_local_and_the_last_one_is_inside() -> None:
    assert first_instant(date(2026, 7, 1), "Europe/London") == ticks(datetime(2026, 6, 30, 23, tzinfo=UTC))
    assert end_of_last(date(2026, 7, 1), "Europe/London") == ticks(datetime(2026, 7, 1, 23, tzinfo=UTC))
    # Summer time begins on 29 March: the day has 23 hours.
    start, end = first_instant(date(2026, 3, 29), "Europe/London"), end_of_last(date(2026, 3, 29), "Europe/London")
    assert end is not None
    assert end - start == ticks(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=23))
