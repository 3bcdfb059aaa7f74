"""Intervals found by the time they share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evidence.spread import Spread

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def at(hour: int) -> datetime:
    return EPOCH + timedelta(hours=hour)


_SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=12)


@given(_SPANS, st.integers(-2, 32), st.integers(1, 12))
def test_it_finds_what_looking_at_each_would_find(spans: list[tuple[int, int]], start: int, length: int) -> None:
    lasting = [(at(low), at(low + hours), number) for number, (low, hours) in enumerate(spans)]
    asked = at(start), at(start + length)
    wanted = {number for low, high, number in lasting if low < asked[1] and asked[0] < high}
    found = Spread(lasting).sharing(*asked)
    assert set(found) == wanted
    assert len(found) == len(wanted)
    assert [lasting[number][0] for number in found] == sorted(lasting[number][0] for number in found)
