"""What the case files do not reach: fields beyond the five of `evidence evaluate`, and circumstances of a cell."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from evidence.completeness.engine import evaluate
from evidence.completeness.model import (
    Cell,
    CellInputs,
    ExceptionCount,
    Item,
    NotApplicable,
    OutcomePending,
    Period,
    Record,
    Requirement,
    Run,
    Seal,
    Snapshot,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


PERIOD = Period(date(2026, 1, 1), date(2026, 3, 31))
LINE = Requirement(kind="event_stream", due_days=5, grace_days=5, lag_hours=3, retention_days=90)


def run(start: str, end: str, rows: int | None = 1, days_later: int = 0, **more: object) -> Run:
    started = at(end) + timedelta(hours=3, days=days_later)
    return Run(at(start), at(end), started, started, rows=rows, **more)  # type: ignore[arg-type]


def january(as_of: str, *runs: Run, **more: object) -> Cell:
    return evaluate(PERIOD, LINE, Item(), CellInputs(runs=runs, **more), at(as_of))[0]  # type: ignore[arg-type]


JANUARY = run("2026-01-01", "2026-02-01", rows=7)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([JANUARY], 7),
        ([run("2026-01-01", "2026-01-16", 3), run("2026-01-16", "2026-02-01", 4)], 7),
        ([run("2026-01-01", "2026-01-17", 3), run("2026-01-16", "2026-02-01", 4)], None),  # the 16th counts twice
        ([run("2026-01-01", "2026-01-17", 3), run("2026-01-16", "2026-02-01", None)], None),
        ([run("2026-01-01", "2026-02-02", 7)], None),  # rows of the 1st of February are among them
        ([run("2026-01-01", "2026-02-02", 7, rows_by_window={"2026-01": 5, "2026-02": 2})], 5),
        ([JANUARY, run("2026-01-01", "2026-02-01", 8, days_later=1)], 8),
        ([run("2026-01-01", "2026-02-01", 8, days_later=1), JANUARY], 8),
        ([JANUARY, run("2026-01-20", "2026-02-01", 5, days_later=1)], None),
        ([run("2026-01-01", "2026-02-01", 0, proof_of_life=True), run("2026-01-20", "2026-02-02", 0)], 0),
    ],
)
def test_population_is_said_only_where_the_runs_can_say_it(runs: list[Run], expected: int | None) -> None:
    cell = january("2026-02-20", *runs)
    assert cell.state in ("collected", "empty_population_confirmed")
    assert cell.population_count == expected


def test_bounds_and_deadlines_of_a_cell() -> None:
    requirement = Requirement(kind="event_stream", due_days=5, grace_days=5, effective_from=at("2026-01-10"))
    cell = evaluate(PERIOD, requirement, Item(), CellInputs(), at("2026-01-05"))[0]
    assert (cell.natural.start, cell.natural.end) == (at("2026-01-01"), at("2026-02-01"))
    assert cell.clipped is not None
    assert cell.clipped.start == at("2026-01-10")
    assert (cell.due_at, cell.deadline_at) == (at("2026-02-06"), at("2026-02-11"))
    assert (cell.kind, cell.state, cell.first_proof_at) == ("event_stream", "not_due", None)


def test_first_proof_is_the_arrival_that_completed_it() -> None:
    second = run("2026-01-16", "2026-02-01", days_later=2)
    again = run("2026-01-01", "2026-02-01", days_later=9)
    cell = january("2026-02-20", again, second, run("2026-01-01", "2026-01-16"))
    assert cell.first_proof_at == second.recorded_at


def test_a_confirmed_zero_is_complete_only_with_its_proof_of_life() -> None:
    quiet = run("2026-01-01", "2026-02-01", 0)
    alive = run("2026-01-01", "2026-02-01", 0, days_later=15, proof_of_life=True)
    cell = january("2026-02-20", quiet, alive)
    assert (cell.state, cell.flags, cell.first_proof_at) == (
        "empty_population_confirmed",
        ("late",),
        alive.recorded_at,
    )
    assert january("2026-02-12", quiet, alive).state == "empty_unconfirmed"


def test_rows_that_turn_up_late_were_not_there_in_time() -> None:
    quiet = run("2026-01-01", "2026-02-01", 0)
    found = run("2026-01-01", "2026-02-01", 3, days_later=15)
    assert january("2026-02-20", quiet, found).state == "collected_late"


def test_a_window_completed_by_a_late_note_is_late() -> None:
    half = run("2026-01-01", "2026-01-16")
    note = NotApplicable(
        at("2026-01-16"), at("2026-02-01"), "ana", "ben", at("2026-02-15"), at("2026-02-15"), "no traffic"
    )
    cell = january("2026-02-20", half, not_applicable=(note,))
    assert (cell.state, cell.flags) == ("collected_late", ("late", "na_retroactive"))
    assert cell.first_proof_at == at("2026-02-15")
    early = NotApplicable(at("2026-01-16"), at("2026-02-01"), "ana", "ben", at("2026-01-02"), None, "no traffic")
    cell = january("2026-02-20", half, not_applicable=(early,))
    assert (cell.state, cell.flags) == ("collected", ())


def test_a_note_that_reaches_further_is_retroactive_for_what_is_over() -> None:
    note = NotApplicable(at("2026-01-01"), at("2026-04-01"), "ana", "ben", at("2026-02-15"), None, "no traffic")
    cells = evaluate(PERIOD, LINE, Item(), CellInputs(not_applicable=(note,)), at("2026-02-20"))
    assert [(cell.state, cell.flags) for cell in cells] == [
        ("not_applicable", ("na_retroactive",)),
        ("not_applicable", ()),
        ("not_applicable", ()),
    ]


@pytest.mark.parametrize(
    ("requester", "approver"), [("Ana ", "ana"), (None, "ben"), ("ana", None), ("", "ben"), ("ana", "  ")]
)
def test_a_note_needs_two_people(requester: str | None, approver: str | None) -> None:
    note = NotApplicable(at("2026-01-01"), at("2026-02-01"), requester, approver, at("2026-01-02"), None, "no traffic")
    assert january("2026-02-20", not_applicable=(note,)).state == "missing_recoverable"


def test_a_note_closes_the_window_where_the_rest_ends() -> None:
    note = NotApplicable(at("2026-01-11"), at("2026-02-01"), "ana", "ben", at("2026-01-02"), None, "shut down")
    assert january("2026-01-12", not_applicable=(note,)).state == "due"
    assert january("2026-01-10", not_applicable=(note,)).state == "not_due"


def test_revision_counts_arrivals_that_changed_a_sealed_window() -> None:
    seal = Seal("2026-01", at("2026-02-10"))
    more = run("2026-01-01", "2026-02-01", 8, days_later=12, changes_population=True)
    still_more = run("2026-01-01", "2026-02-01", 9, days_later=20, changes_population=True)
    unaware = run("2026-02-01", "2026-03-01", 9, changes_population=True)
    late_exception = ExceptionCount("2026-01", 1, at("2026-02-28"))
    cell = january("2026-03-20", JANUARY, more, still_more, unaware, seals=(seal,), exceptions=(late_exception,))
    assert (cell.revision, cell.flags, cell.state) == (4, ("restated",), "exception_noted")
    assert january("2026-02-09", JANUARY, more, seals=(seal,)).revision == 1
    resealed = (seal, Seal("2026-01", at("2026-03-10")))
    cell = january("2026-03-20", JANUARY, more, seals=resealed)
    assert (cell.revision, cell.flags) == (2, ("restated",))  # sealing again does not wipe it out


def test_counts_are_those_known_at_the_time() -> None:
    exceptions = (ExceptionCount("2026-01", 2, at("2026-02-05")), ExceptionCount("2026-01", 1, at("2026-02-09")))
    pending = (OutcomePending("2026-01", at("2026-02-07")), OutcomePending("2026-01", at("2026-02-20")))
    early = january("2026-02-06", JANUARY, exceptions=exceptions, outcomes_pending=pending)
    assert (early.exceptions_open, early.outcomes_pending) == (2, 2)
    later = january("2026-02-10", exceptions=exceptions, outcomes_pending=pending)
    assert (later.exceptions_open, later.outcomes_pending) == (3, 1)
    assert later.state == "due"  # a hole outranks an exception; what was found is still listed


def test_next_loss_is_the_first_loss_ahead() -> None:
    holes = [run("2026-01-05", "2026-01-10"), run("2026-01-12", "2026-02-01")]
    cell = january("2026-02-20", *holes)
    assert (cell.until, cell.next_loss) == (at("2026-04-01"), at("2026-04-01"))
    cell = january("2026-04-06", *holes)  # the first hole is lost, the second not yet
    assert (cell.gap, cell.until, cell.next_loss) == ("unrecoverable", at("2026-04-01"), at("2026-04-10"))


def test_a_failed_attempt_at_a_snapshot_or_a_pack() -> None:
    failed = run("2026-01-01", "2026-02-01", status="error")
    replay = Requirement(kind="snapshot", grace_days=9, reconstructible=True, retention_days=400)
    cell = evaluate(PERIOD, replay, Item(), CellInputs(runs=(failed,)), at("2026-02-05"))[0]
    assert cell.state == "failed"
    later = Snapshot(at("2026-01-31"), at("2026-02-04"), integrity="mismatch")
    wanted = Requirement(kind="snapshot", grace_days=9, min_count=2, reconstructible=True, retention_days=400)
    cell = evaluate(PERIOD, wanted, Item(), CellInputs(runs=(failed,), snapshots=(later,)), at("2026-02-05"))[0]
    assert cell.state == "due"
    review = Requirement(kind="human_record", grace_days=9)
    cell = evaluate(PERIOD, review, Item(), CellInputs(runs=(failed,)), at("2026-02-05"))[0]
    assert (cell.state, cell.gap) == ("failed", "none")


def test_a_signature_by_somebody_not_in_the_list_is_invalid() -> None:
    review = Requirement(kind="human_record", grace_days=9)
    record = Record(at("2026-02-01"), at("2026-02-01"), "2026-01", signer_listed=False)
    cell = evaluate(PERIOD, review, Item(), CellInputs(records=(record,)), at("2026-02-05"))[0]
    assert (cell.state, cell.flags) == ("invalid", ("signer_not_in_reviewer_list",))


def test_an_item_out_of_scope_before_the_period_makes_no_human_cell() -> None:
    review = Requirement(kind="human_record", cadence="quarterly")
    period = Period(date(2026, 2, 1), date(2026, 6, 30))
    gone = Item(in_scope_to=at("2026-01-20"))
    assert evaluate(period, review, gone, CellInputs(), at("2026-05-05"))[0].state == "not_in_effect"


def test_snapshots_that_arrive_out_of_order() -> None:
    line = Requirement(kind="snapshot", grace_days=5, max_gap_hours=480)
    late = Snapshot(at("2026-01-05"), at("2026-03-01"))
    cell = evaluate(
        PERIOD,
        line,
        Item(),
        CellInputs(snapshots=(Snapshot(at("2026-01-20"), at("2026-01-20")), late)),
        at("2026-03-05"),
    )[0]
    # the allowance reaches to 21 January and the snapshot of the 20th proves it: the older one was not needed
    assert (cell.state, cell.first_proof_at) == ("collected", at("2026-01-20"))
    needed = Snapshot(at("2026-01-15"), at("2026-03-01"))
    cell = evaluate(
        PERIOD,
        line,
        Item(),
        CellInputs(snapshots=(Snapshot(at("2026-01-30"), at("2026-01-30")), needed)),
        at("2026-03-05"),
    )[0]
    assert (cell.state, cell.first_proof_at) == ("collected_late", at("2026-03-01"))


def test_requirements_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        Requirement(kind="poll")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cadence"):
        Requirement(kind="snapshot", cadence="weekly")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lag_hours"):
        Requirement(kind="snapshot", lag_hours=-1)
    with pytest.raises(ValueError, match="max_gap_hours"):
        Requirement(kind="snapshot", max_gap_hours=0)
    with pytest.raises(ValueError, match="before start"):
        Period(date(2026, 2, 1), date(2026, 1, 31))


def test_the_engine_starts_fast() -> None:
    heavy = "pandas pyarrow pydantic prefect boto3 numpy cryptography".split()
    code = (
        "import sys, evidence.completeness.cases, evidence.completeness.planner, evidence.completeness.combine, "
        f"evidence.completeness.covered_time; print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
