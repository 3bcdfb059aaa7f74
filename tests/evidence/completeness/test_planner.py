"""The planner: remainders of holes, soonest loss first, and schedules that outrun a source's memory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.completeness.engine import evaluate
from evidence.completeness.model import Cell, CellInputs, Item, Period, Requirement, Run, Snapshot, SourceMemory
from evidence.completeness.planner import Work, alarm_at, plan, schedule_risk


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


PERIOD = Period(date(2026, 1, 1), date(2026, 6, 30))
LINE = Requirement(kind="event_stream", lag_hours=0, retention_days=90)


def run(start: str, end: str) -> Run:
    return Run(at(start), at(end), at(end), at(end), rows=1)


def judged(requirement: Requirement, as_of: str, *runs: Run, item: Item | None = None) -> list[Cell]:
    return evaluate(PERIOD, requirement, item or Item(), CellInputs(runs=runs), at(as_of))


def planned(requirement: Requirement, cells: list[Cell], as_of: str, key: str = "k") -> list[Work[str]]:
    return plan([(key, requirement, cell) for cell in cells], at(as_of))


def spans(work: list[Work[str]]) -> list[tuple[datetime, datetime]]:
    return [(piece.interval.start, piece.interval.end) for piece in work]


@pytest.mark.parametrize(
    ("retention", "before"),
    [(180, 45), (90, 22.5), (28, 7), (20, 7), (14, 7), (10, 5), (3, 1.5)],
)
def test_alarm(retention: float, before: float) -> None:
    until = at("2026-06-01")
    assert alarm_at(until, retention) == until - timedelta(days=before)


def test_one_hole_one_piece_of_work() -> None:
    as_of = "2026-02-02"
    cells = judged(LINE, as_of, run("2026-01-01", "2026-01-20"), run("2026-01-25", "2026-02-02"))
    (work,) = planned(LINE, cells, as_of)
    assert (work.key, work.window_id, work.snapshots_needed) == ("k", "2026-01", 0)
    assert (work.next_loss, work.alarm_at) == (at("2026-04-20"), at("2026-04-20") - timedelta(days=22.5))
    assert spans([work]) == [(at("2026-01-20"), at("2026-01-25"))]


def test_never_longer_than_a_third_of_the_memory_and_soonest_loss_first() -> None:
    as_of = "2026-02-20"
    cells = judged(LINE, as_of)
    work = planned(LINE, cells, as_of)
    assert spans(work) == [
        (at("2026-01-01"), at("2026-01-31")),
        (at("2026-01-31"), at("2026-02-01")),
        (at("2026-02-01"), at("2026-02-20")),  # an open window's data exist only at the source
    ]
    assert [piece.next_loss for piece in work] == [at("2026-04-01"), at("2026-05-01"), at("2026-05-02")]


def test_the_recoverable_remainder_of_a_cell_that_is_lost() -> None:
    as_of = "2026-04-11"
    cells = judged(LINE, as_of, run("2026-02-01", "2026-04-11"))
    assert (cells[0].state, cells[0].gap) == ("missing_unrecoverable", "unrecoverable")
    assert cells[0].next_loss == at(as_of)  # it shrinks with every instant
    (work,) = planned(LINE, cells, as_of)
    assert spans([work]) == [(at("2026-01-11"), at("2026-02-01"))]
    assert work.next_loss == at(as_of)


def test_nothing_is_left_after_total_loss() -> None:
    as_of = "2026-05-02"
    cells = judged(LINE, as_of, run("2026-02-01", "2026-04-11"), run("2026-04-11", "2026-05-02"))
    assert cells[0].next_loss is None
    assert planned(LINE, cells, as_of) == []


def test_what_no_source_saw_is_not_planned() -> None:
    line = Requirement(kind="event_stream", sources=(SourceMemory(90, on_from=at("2026-01-10")),))
    as_of = "2026-01-20"
    work = planned(line, judged(line, as_of, run("2026-01-10", "2026-01-18")), as_of)
    assert spans(work) == [(at("2026-01-18"), at("2026-01-20"))]


def test_undated_work_comes_last() -> None:
    forever = Requirement(kind="event_stream")
    as_of = "2026-01-20"
    first = [("b", forever, cell) for cell in judged(forever, as_of)]
    second = [("a", LINE, cell) for cell in judged(LINE, as_of)]
    work = plan([*first, *second], at(as_of))
    assert [(piece.key, piece.next_loss) for piece in work] == [("a", at("2026-04-01")), ("b", None)]
    assert work == plan([*second, *first], at(as_of))


def snapshots(requirement: Requirement, as_of: str, item: Item | None = None, *observed: str) -> list[Cell]:
    seen = tuple(Snapshot(at(one), at(one)) for one in observed)
    return evaluate(PERIOD, requirement, item or Item(), CellInputs(snapshots=seen), at(as_of))


def test_a_missed_snapshot_is_no_work_unless_it_can_be_rebuilt() -> None:
    lost = Requirement(kind="snapshot", max_gap_hours=240)
    assert planned(lost, snapshots(lost, "2026-02-20"), "2026-02-20") == []
    replay = Requirement(kind="snapshot", max_gap_hours=840, reconstructible=True, retention_days=45)
    cells = snapshots(replay, "2026-02-03")
    assert (cells[0].snapshots_missing, cells[0].until) == (1, at("2026-03-18"))
    (work,) = planned(replay, cells, "2026-02-03")
    # anywhere in the window will do; its youngest third of the memory is remembered longest
    assert spans([work]) == [(at("2026-01-17"), at("2026-02-01"))]
    assert (work.snapshots_needed, work.next_loss) == (1, at("2026-03-18"))
    assert planned(replay, snapshots(replay, "2026-03-18")[:1], "2026-03-18") == []


def test_holes_between_snapshots_that_can_be_rebuilt() -> None:
    replay = Requirement(kind="snapshot", max_gap_hours=240, reconstructible=True, retention_days=45)
    cells = snapshots(replay, "2026-01-28", None, "2026-01-02", "2026-01-20")
    assert spans(planned(replay, cells, "2026-01-28")) == [(at("2026-01-12"), at("2026-01-20"))]


def test_a_young_item_is_looked_at_before_its_allowance_ends() -> None:
    line = Requirement(kind="snapshot", max_gap_hours=480)
    cells = snapshots(line, "2026-02-03", Item(in_scope_from=at("2026-01-29")))
    (work,) = planned(line, cells, "2026-02-03")
    assert spans([work]) == [(at("2026-02-03"), at("2026-02-18"))]
    assert (work.snapshots_needed, work.next_loss, work.alarm_at) == (1, at("2026-02-18"), at("2026-02-11"))


def test_people_are_not_collected() -> None:
    review = Requirement(kind="human_record", cadence="annual")
    cells = evaluate(PERIOD, review, Item(), CellInputs(), at("2026-08-01"))
    assert cells[0].holes
    assert planned(review, cells, "2026-08-01") == []


@settings(deadline=None)
@given(days=st.integers(0, 180), hours=st.integers(0, 23), retention=st.integers(1, 200))
def test_work_lies_in_holes_is_still_held_and_short(days: int, hours: int, retention: int) -> None:
    now = at("2026-01-01") + timedelta(days=days, hours=hours)
    line = Requirement(kind="event_stream", retention_days=retention)
    cells = evaluate(PERIOD, line, Item(), CellInputs(runs=(run("2026-02-10", "2026-02-20"),)), now)
    work = plan([("k", line, cell) for cell in cells], now)
    memory = timedelta(days=retention)
    for piece in work:
        assert piece.interval.start >= now - memory
        assert timedelta(0) < piece.interval.end - piece.interval.start <= memory / 3
        assert any(
            hole.start <= piece.interval.start and piece.interval.end <= hole.end
            for cell in cells
            for hole in cell.holes
        )
        assert piece.next_loss == piece.interval.start + memory
    recoverable = sum(
        (max(timedelta(0), hole.end - max(hole.start, now - memory)) for cell in cells for hole in cell.holes),
        timedelta(0),
    )
    assert sum((piece.interval.end - piece.interval.start for piece in work), timedelta(0)) == recoverable
    losses = [piece.next_loss for piece in work]
    assert losses == sorted(losses, key=lambda loss: loss or at("9999-01-01"))


def test_schedules_that_outrun_a_memory() -> None:
    quarterly = Requirement(kind="event_stream", cadence="quarterly", retention_days=30)
    risk = schedule_risk(PERIOD, quarterly, timedelta(days=7))
    assert risk is not None
    assert risk.reasons == ("shorter_than_window", "shorter_than_period")
    assert risk.longest_window == timedelta(days=91)
    google = Requirement(kind="event_stream", retention_days=180)
    risk = schedule_risk(PERIOD, google)
    assert risk is not None
    assert risk.reasons == ("shorter_than_period",)
    assert risk.period == timedelta(days=181)
    seldom = schedule_risk(PERIOD, Requirement(kind="event_stream", retention_days=200), timedelta(days=67))
    assert seldom is not None
    assert seldom.reasons == ("collected_too_seldom",)


@pytest.mark.parametrize(
    "requirement",
    [
        Requirement(kind="event_stream"),
        Requirement(kind="event_stream", retention_days=400),
        Requirement(kind="snapshot", retention_days=1),
        Requirement(kind="human_record", retention_days=1),
    ],
)
def test_no_risk(requirement: Requirement) -> None:
    assert schedule_risk(PERIOD, requirement, timedelta(days=30)) is None
