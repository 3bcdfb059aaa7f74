"""Severity, the roll-up's vector, covered time, and one cell out of several source groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from evidence.completeness.combine import combine
from evidence.completeness.covered_time import covered_time
from evidence.completeness.engine import evaluate
from evidence.completeness.json_form import cell_json, roll_up_json
from evidence.completeness.model import Cell, CellInputs, Hole, Item, Period, Record, Requirement, Run, State
from evidence.completeness.rollup import roll_up
from evidence.completeness.severity import COVERED, WORST_FIRST, severity


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


PERIOD = Period(date(2026, 1, 1), date(2026, 2, 28))
LINE = Requirement(kind="event_stream", due_days=5, lag_hours=3, retention_days=90)


def run(start: str, end: str, **more: object) -> Run:
    started = at(end) + timedelta(hours=3)
    return Run(at(start), at(end), started, started, rows=4, **more)  # type: ignore[arg-type]


def cells(*runs: Run, as_of: str = "2026-03-20") -> list[Cell]:
    return evaluate(PERIOD, LINE, Item(), CellInputs(runs=runs), at(as_of))


WHOLE = cells(run("2026-01-01", "2026-02-01"), run("2026-02-01", "2026-03-01"))
HALF = cells(run("2026-01-01", "2026-02-01"), run("2026-02-01", "2026-02-15"))


def test_every_state_has_its_place() -> None:
    assert {state for state, _ in WORST_FIRST} == set(get_args(State))
    ranks = [severity(state, gap or "none") for state, gap in WORST_FIRST]
    assert ranks == sorted(set(ranks))
    assert severity("partial") == severity("partial", "recoverable")
    assert {"collected", "exception_noted"} < COVERED
    assert "empty_unconfirmed" not in COVERED


def test_the_vector_in_its_order() -> None:
    total = roll_up([*WHOLE, *HALF])
    assert list(roll_up_json(total)) == [
        "verdict",
        "permanent_gaps",
        "recoverable_gaps",
        "nearest_until",
        "awaiting_people",
        "unconfirmed_empty",
        "deviations",
        "covered",
        "expected",
        "percent",
        "not_applicable",
        "not_due",
        "worst",
    ]
    assert roll_up_json(total) == {
        "verdict": "open_gaps",
        "permanent_gaps": 0,
        "recoverable_gaps": 1,
        "nearest_until": "2026-05-16T00:00:00Z",
        "awaiting_people": 0,
        "unconfirmed_empty": 0,
        "deviations": 0,
        "covered": 3,
        "expected": 4,
        "percent": 75.0,
        "not_applicable": 0,
        "not_due": 0,
        "worst": "partial",
    }


def test_nothing_at_all() -> None:
    total = roll_up([])
    assert (total.verdict, total.worst, total.percent) == ("nothing_expected", None, None)


def test_a_cell_as_json() -> None:
    identity = {"control_id": "C", "evidence_id": "e", "scope_item_id": "github:1", "scope_item": "acme/api"}
    assert cell_json(HALF[1], identity) == {
        "control_id": "C",
        "evidence_id": "e",
        "window_id": "2026-02",
        "scope_item_id": "github:1",
        "scope_item": "acme/api",
        "state": "partial",
        "gap": "recoverable",
        "until": "2026-05-16T00:00:00Z",
        "next_loss": "2026-05-16T00:00:00Z",
        "flags": [],
        "holes": [
            {
                "from": "2026-02-15T00:00:00Z",
                "to": "2026-03-01T00:00:00Z",
                "first_loss": "2026-05-16T00:00:00Z",
                "total_loss": "2026-05-30T00:00:00Z",
            }
        ],
        "population_count": None,
        "exceptions_open": 0,
        "outcomes_pending": 0,
        "due_at": "2026-03-06T00:00:00Z",
        "deadline_at": "2026-03-06T00:00:00Z",
        "first_proof_at": None,
        "revision": 1,
    }


def test_combining_takes_the_worst_all_holes_and_the_earliest_until() -> None:
    short = replace(LINE, retention_days=40)
    other = evaluate(PERIOD, short, Item(), CellInputs(runs=(run("2026-02-03", "2026-03-01"),)), at("2026-03-20"))
    assert other[1].gap == "unrecoverable"
    together = combine([WHOLE[1], HALF[1], other[1]])
    assert (together.state, together.gap) == ("partial", "unrecoverable")
    assert together.until == at("2026-03-13")
    assert [(hole.start, hole.end) for hole in together.holes] == [
        (at("2026-02-01"), at("2026-02-03")),
        (at("2026-02-15"), at("2026-03-01")),
    ]
    assert together.population_count is None
    assert together.first_proof_at is None


def test_combining_whole_groups() -> None:
    proof = at("2026-02-20")
    late = replace(WHOLE[0], state="collected_late", flags=("late",), exceptions_open=2, first_proof_at=proof)
    together = combine([WHOLE[0], late])
    assert (together.state, together.flags) == ("collected_late", ("late",))
    assert together.population_count == 8
    assert together.exceptions_open == 2
    assert together.first_proof_at == proof
    assert combine([late, WHOLE[0]]) == together


def test_a_group_that_is_not_due_keeps_the_cell_from_reading_as_proven() -> None:
    waiting = cells(as_of="2026-02-20")[1]
    assert waiting.state == "not_due"
    together = combine([WHOLE[1], waiting])
    assert (together.state, together.gap) == ("not_due", "recoverable")


def test_a_group_that_expects_nothing_does_not_weigh_in() -> None:
    absent = replace(WHOLE[1], state="not_applicable", first_proof_at=None, population_count=None)
    together = combine([absent, WHOLE[1]])
    assert together.state == "collected"
    assert together.first_proof_at == WHOLE[1].first_proof_at


def test_what_can_not_be_combined() -> None:
    with pytest.raises(ValueError, match="different windows"):
        combine([WHOLE[0], WHOLE[1]])
    with pytest.raises(ValueError, match="no source group"):
        combine([])


def test_covered_time_is_the_share_in_which_all_were_covered() -> None:
    rows = covered_time(PERIOD, {"CC1": [*WHOLE, *HALF], "CC2": WHOLE, "CC3": []}, at("2026-03-20"))
    assert [(row.criterion, row.elapsed_hours) for row in rows] == [("CC1", 1416), ("CC2", 1416), ("CC3", 1416)]
    assert [row.covered_hours for row in rows] == [1416 - 14 * 24, 1416, 0]
    assert rows[1].share == 1.0
    assert rows[2].share is None
    assert rows[0].permanent_gaps == 0


def test_covered_time_while_the_period_runs() -> None:
    early = cells(run("2026-01-01", "2026-01-11"), as_of="2026-01-21T03:00:00")
    (row,) = covered_time(PERIOD, {"CC1": early}, at("2026-01-21T03:00:00"), settle=timedelta(hours=3))
    assert (row.covered_hours, row.elapsed_hours, row.share) == (240, 480, 0.5)


def test_a_review_that_was_not_performed_leaves_its_window_uncovered() -> None:
    review = Requirement(kind="human_record", cadence="monthly", late_limit_days=10)
    done = Record(at("2026-01-20"), at("2026-01-20"), "2026-01")
    judged = evaluate(PERIOD, review, Item(), CellInputs(records=(done,)), at("2026-04-01"))
    (row,) = covered_time(PERIOD, {"CC6.2": judged}, at("2026-04-01"))
    assert row.covered_hours == 31 * 24
    assert row.permanent_gaps == 1


def test_time_before_a_control_existed_is_not_covered() -> None:
    late = replace(LINE, effective_from=at("2026-02-01"))
    judged = evaluate(PERIOD, late, Item(), CellInputs(runs=(run("2026-02-01", "2026-03-01"),)), at("2026-03-20"))
    (row,) = covered_time(PERIOD, {"CC1": judged}, at("2026-03-20"))
    assert row.covered_hours == 28 * 24
    assert row.elapsed_hours == 59 * 24


def test_an_ended_lapse_was_uncovered_while_it_lasted() -> None:
    exercise = Requirement(kind="human_record", cadence="annual")
    records = (Record(at("2025-01-15"), at("2025-01-15")), Record(at("2026-01-25"), at("2026-01-25")))
    judged = evaluate(PERIOD, exercise, Item(), CellInputs(records=records), at("2026-03-20"))
    assert judged[0].state == "performed_late"
    assert [(hole.start, hole.end) for hole in judged[0].holes] == [(at("2026-01-15"), at("2026-01-25"))]
    (row,) = covered_time(PERIOD, {"A1.3": judged}, at("2026-03-20"))
    assert row.covered_hours == (59 - 10) * 24


def test_holes_are_values() -> None:
    hole = HALF[1].holes[0]
    assert hole == Hole(hole.start, hole.end, hole.first_loss, hole.total_loss)
    with pytest.raises(AttributeError):
        hole.start = at("2026-01-01")  # type: ignore[misc]
