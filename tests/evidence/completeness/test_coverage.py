"""Interval algebra, and what a run may claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.completeness.coverage import (
    Claim,
    Span,
    claim_bounds,
    claims_of,
    fill,
    intersect,
    length,
    merge,
    overlaps,
    query_groups,
    subtract,
)
from evidence.completeness.instants import instant, ticks
from evidence.completeness.model import Requirement, Run, SourceMemory

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def points(spans: list[Span]) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


@settings(deadline=None)
@given(left=SPANS, right=SPANS)
def test_algebra_is_that_of_sets_of_points(left: list[Span], right: list[Span]) -> None:
    a, b = merge(left), merge(right)
    assert points(a) == points(left)
    assert points(subtract(a, right)) == points(left) - points(right)
    assert points(intersect(a, b)) == points(left) & points(right)
    assert length(a) == len(points(left))
    for spans in (a, subtract(a, right), intersect(a, b)):
        assert all(start < end for start, end in spans)
        assert spans == sorted(spans)


@settings(deadline=None)
@given(spans=SPANS)
def test_merge_is_idempotent_and_order_free(spans: list[Span]) -> None:
    once = merge(spans)
    assert merge(once) == once == merge(reversed(spans))
    assert all(left[1] < right[0] for left, right in pairwise(once))


@settings(deadline=None)
@given(spans=SPANS, start=st.integers(0, 40), end=st.integers(0, 40))
def test_overlap_is_a_shared_point(spans: list[Span], start: int, end: int) -> None:
    shared = points(merge(spans)) & set(range(start, end))
    if start < end:
        assert overlaps(merge(spans), start, end) == bool(shared)


@settings(deadline=None)
@given(
    required=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=3).map(merge),
    claims=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9)), max_size=8),
)
def test_fill_finds_what_is_left_and_when_it_was_full(required: list[Span], claims: list[tuple[int, int, int]]) -> None:
    if not required:
        return
    laid = [Claim(start, end, at, RUN) for start, end, at in sorted(claims, key=lambda c: c[2]) if start < end]
    completed, left = fill(required, laid)
    assert points(left) == points(required) - points([(c.start, c.end) for c in laid])
    assert (completed is not None) == (not left)
    if completed is not None:
        before = [(c.start, c.end) for c in laid if c.recorded < completed]
        until = [(c.start, c.end) for c in laid if c.recorded <= completed]
        assert points(required) - points(before)
        assert not points(required) - points(until)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


RUN = Run(at("2026-01-01"), at("2026-02-01"), at("2026-02-01T06:00"), at("2026-02-01T06:05"))
LINE = Requirement(kind="event_stream", lag_hours=3, retention_days=90)


def run(**changes: object) -> Run:
    values = {"from_": RUN.from_, "to": RUN.to, "started_at": RUN.started_at, "recorded_at": RUN.recorded_at}
    return Run(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("2026-01-01", "2026-02-01")),
        ({"started_at": at("2026-02-01T02:00")}, ("2026-01-01", "2026-01-31T23:00")),  # settle lag
        (
            {"started_at": at("2026-04-20"), "recorded_at": at("2026-04-20")},
            ("2026-01-20", "2026-02-01"),
        ),  # no further back than the source remembered
        ({"started_at": at("2026-05-20"), "recorded_at": at("2026-05-20")}, None),
        ({"complete_until": at("2026-01-20")}, ("2026-01-01", "2026-01-20")),
        ({"status": "truncated"}, None),
        ({"status": "truncated", "complete_until": at("2026-01-20")}, ("2026-01-01", "2026-01-20")),
        ({"status": "error"}, None),
        ({"status": "error", "complete_until": at("2026-01-20")}, None),
        ({"started_at": RUN.recorded_at + timedelta(seconds=60)}, ("2026-01-01", "2026-02-01")),
        ({"started_at": RUN.recorded_at + timedelta(seconds=60, microseconds=1)}, None),
        ({"complete_until": at("2025-12-20")}, None),
    ],
)
def test_both_trims(changes: dict[str, object], expected: tuple[str, str] | None) -> None:
    bounds = claim_bounds(run(**changes), LINE)
    assert bounds == (None if expected is None else tuple(ticks(at(end)) for end in expected))


def test_the_lower_trim_takes_the_longest_memory_of_all_sources() -> None:
    late = run(started_at=at("2026-04-20"), recorded_at=at("2026-04-20"))
    sources = (SourceMemory(30), SourceMemory(100, on_from=at("2026-03-01")))
    bounds = claim_bounds(late, Requirement(kind="event_stream", sources=sources))
    assert bounds is not None
    assert instant(bounds[0]) == at("2026-01-10")
    forever = Requirement(kind="event_stream", sources=(SourceMemory(30), SourceMemory(None)))
    assert claim_bounds(late, forever) == (ticks(at("2026-01-01")), ticks(at("2026-02-01")))


def test_claims_come_in_order_of_arrival_and_damaged_ones_apart() -> None:
    late, bad = run(recorded_at=at("2026-02-03")), run(integrity="mismatch")
    unknown_yet = run(recorded_at=at("2026-02-05"))
    claims = claims_of([late, unknown_yet, bad], LINE, ticks(at("2026-02-04")))
    assert [claim.run for claim in claims.trusted] == [bad, late]
    assert [claim.run for claim in claims.sound] == [late]


def test_groups_by_question() -> None:
    a, b = run(query_hash="a"), run(query_hash="b", superset_of=("a", "z"))
    none = run()
    claims = claims_of([b, none, a], LINE, ticks(at("2026-03-01"))).sound
    groups = {asked: [claim.run for claim in group] for asked, group in query_groups(claims)}
    assert groups == {"": [none], "a": [b, a], "b": [b]}  # nobody asked z
    assert list(groups) == ["", "a", "b"]


def test_an_interval_turned_round_is_refused() -> None:
    with pytest.raises(ValueError, match="before from"):
        run(to=at("2025-01-01"))


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        run(to=datetime(2026, 2, 1))  # noqa: DTZ001
