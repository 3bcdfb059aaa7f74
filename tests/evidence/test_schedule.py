"""Every line is read often enough for what its sources remember."""

from __future__ import annotations

from datetime import timedelta

from evidence.controls.catalogue import CATALOGUE
from evidence.schedule import INTERVALS


def test_no_stream_is_read_more_seldom_than_a_third_of_any_memory() -> None:
    """The scheduler's rule: two failed runs in a row lose nothing yet."""
    asked = 0
    for declared in CATALOGUE:
        for line in declared.evidence:
            if line.kind != "event_stream" or line.collect_every is None:
                continue
            for source in line.sources:
                asked += 1
                days = source.plan_days
                enough = days is None or INTERVALS[line.collect_every] * 3 <= timedelta(days=days)
                assert enough, (declared.id, line.id, source.id)
    assert asked > 40
