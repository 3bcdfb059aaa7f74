"""Laws that hold for every input, tried on random ones (section 10a and the specification's list of further tests)."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.completeness.coverage import length, merge
from evidence.completeness.engine import evaluate
from evidence.completeness.instants import ticks
from evidence.completeness.json_form import verdict_json
from evidence.completeness.model import (
    Cell,
    CellInputs,
    ExceptionCount,
    Item,
    NotApplicable,
    Period,
    Record,
    Requirement,
    Run,
    Seal,
    Snapshot,
    SourceMemory,
)
from evidence.completeness.severity import COVERED

Scene = tuple[Requirement, Item, CellInputs]

PERIOD = Period(date(2026, 1, 20), date(2026, 4, 2), "America/Havana")
START = datetime(2026, 1, 1, tzinfo=UTC)
LAST = START + timedelta(days=400)  # later than anything below: every object is known

HOURS = st.integers(0, 150 * 24).map(lambda hour: START + timedelta(hours=hour))
DELAY = st.sampled_from([0, 0, 1, 3, 24, 24 * 20, 24 * 70]).map(lambda hours: timedelta(hours=hours))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    start = draw(HOURS)
    end = start + timedelta(hours=draw(st.integers(0, 60 * 24)))
    started = draw(st.sampled_from([end, end, start])) + draw(DELAY)
    return Run(
        from_=start,
        to=end,
        started_at=started,
        recorded_at=started + draw(DELAY) - draw(st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=61)])),
        status=draw(st.sampled_from(["ok", "ok", "ok", "truncated", "error"])),
        rows=draw(st.sampled_from([None, 0, 0, 3])),
        complete_until=draw(st.none() | HOURS),
        proof_of_life=draw(st.booleans()),
        integrity=draw(st.sampled_from(["ok", "ok", "ok", "mismatch"])),
        query_hash=draw(st.sampled_from([None, "a", "a", "b"])),
        superset_of=draw(st.sampled_from([(), (), ("a",), ("b", "")])),
        changes_population=draw(st.booleans()),
    )


@st.composite
def snapshots(draw: st.DrawFn, since: datetime = START) -> Snapshot:
    observed = max(draw(HOURS), since)
    return Snapshot(observed, observed + draw(DELAY), draw(st.sampled_from(["ok", "ok", "ok", "mismatch"])))


@st.composite
def records(draw: st.DrawFn) -> Record:
    performed = draw(HOURS) - draw(st.sampled_from([timedelta(0), timedelta(days=330)]))
    return Record(
        performed_at=performed,
        recorded_at=performed + draw(DELAY),
        for_window=draw(st.sampled_from(["2026-01", "2026-02", "2026-03", None])),
        population_at=draw(st.none() | st.just(performed - timedelta(days=3))),
        undecided=draw(st.sampled_from([0, 0, 0, 2])),
        corroborated=draw(st.booleans()),
    )


@st.composite
def requirements(draw: st.DrawFn, *kinds: str) -> Requirement:
    sources = (SourceMemory(30), SourceMemory(60, on_from=START + timedelta(days=40)))
    return Requirement(
        kind=draw(st.sampled_from(kinds)),  # type: ignore[arg-type]
        cadence=draw(st.sampled_from(["monthly", "quarterly", "annual"])),
        due_days=draw(st.sampled_from([0, 5])),
        grace_days=draw(st.sampled_from([0, 14])),
        lag_hours=draw(st.sampled_from([0, 3])),
        retention_days=draw(st.sampled_from([None, 10, 30, 90])),
        sources=draw(st.sampled_from([(), (), sources])),
        max_gap_hours=draw(st.sampled_from([49, 240, 840])),
        target_gap_hours=draw(st.sampled_from([None, 25])),
        pack_max_age_days=draw(st.sampled_from([None, 30])),
        min_count=draw(st.sampled_from([0, 1, 2])),
        reconstructible=draw(st.booleans()),
        effective_from=draw(st.sampled_from([None, None, START + timedelta(days=25)])),
    )


ITEMS = st.builds(
    Item,
    st.sampled_from([None, None, START + timedelta(days=28, hours=5), START + timedelta(days=55)]),
    st.sampled_from([None, None, START + timedelta(days=80)]),
)


@st.composite
def notes(draw: st.DrawFn) -> NotApplicable:
    start = draw(HOURS)
    end = start + timedelta(days=draw(st.integers(0, 40)))
    return NotApplicable(start, end, "ana", "ben", draw(HOURS), None, "not used")


@st.composite
def scenes(draw: st.DrawFn, *kinds: str) -> tuple[Requirement, Item, CellInputs]:
    """A requirement, an item, and objects of the kind the requirement is judged by."""
    requirement = draw(requirements(*kinds))
    machine = requirement.kind in ("event_stream", "snapshot")
    held = CellInputs(
        runs=tuple(draw(st.lists(runs(), max_size=5 if requirement.kind == "event_stream" else 1))),
        snapshots=tuple(draw(st.lists(snapshots(), max_size=6))) if requirement.kind == "snapshot" else (),
        records=() if machine else tuple(draw(st.lists(records(), max_size=4))),
        not_applicable=tuple(draw(st.lists(notes(), max_size=2))),
        exceptions=tuple(draw(st.lists(st.builds(ExceptionCount, WINDOW, st.integers(0, 2), HOURS), max_size=2))),
        seals=tuple(draw(st.lists(st.builds(Seal, WINDOW, HOURS), max_size=2))),
    )
    return requirement, draw(ITEMS), held


WINDOW = st.sampled_from(["2026-02", "2026-01+2026-02", "2026-Q1", "period"])
ANY = scenes("event_stream", "snapshot", "human_record", "document")
LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AS_OF = st.integers(0, 260 * 24).map(lambda hour: START + timedelta(hours=hour))


def uncovered(cells: list[Cell]) -> dict[str, int]:
    return {c.window_id: length(merge((ticks(h.start), ticks(h.end)) for h in c.holes)) for c in cells}


@LAW
@given(scene=scenes("event_stream"), more=runs(), as_of=AS_OF)
def test_adding_a_claim_never_enlarges_the_uncovered_time(scene: Scene, more: Run, as_of: datetime) -> None:
    requirement, item, held = scene
    before = uncovered(evaluate(PERIOD, requirement, item, held, as_of))
    after = uncovered(evaluate(PERIOD, requirement, item, replace(held, runs=(*held.runs, more)), as_of))
    assert all(after[window] <= before[window] for window in before)


@LAW
@given(scene=scenes("snapshot"), more=snapshots(START + timedelta(days=57)), as_of=AS_OF)
def test_adding_a_snapshot_inside_the_timeline_never_enlarges_the_uncovered_time(
    scene: Scene, more: Snapshot, as_of: datetime
) -> None:
    requirement, item, held = scene
    # One from before the timeline takes the opening allowance away (10a), so it may show that less is known.
    before = uncovered(evaluate(PERIOD, requirement, item, held, as_of))
    after = uncovered(evaluate(PERIOD, requirement, item, replace(held, snapshots=(*held.snapshots, more)), as_of))
    assert all(after[window] <= before[window] for window in before)


@LAW
@given(scene=ANY, first=st.integers(0, 200), later=st.integers(0, 24 * 200))
def test_unrecoverable_is_for_ever(scene: Scene, first: int, later: int) -> None:
    requirement, item, held = scene
    # The set of objects is fixed by taking only those known at the earlier instant.
    as_of = START + timedelta(days=first)
    fixed = CellInputs(
        runs=tuple(run for run in held.runs if run.recorded_at <= as_of),
        snapshots=tuple(one for one in held.snapshots if one.recorded_at <= as_of),
        records=tuple(one for one in held.records if one.recorded_at <= as_of),
        not_applicable=tuple(note for note in held.not_applicable if (note.approved_at or LAST) <= as_of),
    )
    before = evaluate(PERIOD, requirement, item, fixed, as_of)
    after = evaluate(PERIOD, requirement, item, fixed, as_of + timedelta(hours=later))
    for old, new in zip(before, after, strict=True):
        if old.gap == "unrecoverable":
            assert new.gap == "unrecoverable"
            assert new.until == old.until
        if old.state in COVERED:
            assert new.state in COVERED


@LAW
@given(scene=ANY, as_of=AS_OF, seed=st.integers(0, 1000))
def test_the_order_of_objects_is_irrelevant_and_bytes_repeat(scene: Scene, as_of: datetime, seed: int) -> None:
    requirement, item, held = scene
    dice = random.Random(seed)  # noqa: S311 - a repeatable shuffle
    shuffled = CellInputs(
        **{
            name: tuple(dice.sample(getattr(held, name), len(getattr(held, name))))
            for name in ("runs", "snapshots", "records", "packs", "not_applicable", "exceptions", "seals")
        }
    )
    cells = evaluate(PERIOD, requirement, item, held, as_of)
    assert evaluate(PERIOD, requirement, item, shuffled, as_of) == cells
    again = evaluate(PERIOD, requirement, item, held, as_of)
    assert [json.dumps(verdict_json(cell)) for cell in again] == [json.dumps(verdict_json(cell)) for cell in cells]


@LAW
@given(scene=ANY, as_of=AS_OF)
def test_only_what_was_known_counts(scene: Scene, as_of: datetime) -> None:
    requirement, item, held = scene
    known = replace(
        held,
        runs=tuple(run for run in held.runs if run.recorded_at <= as_of),
        snapshots=tuple(one for one in held.snapshots if one.recorded_at <= as_of),
        records=tuple(one for one in held.records if one.recorded_at <= as_of),
        exceptions=tuple(one for one in held.exceptions if one.recorded_at is None or one.recorded_at <= as_of),
        seals=tuple(seal for seal in held.seals if seal.sealed_at <= as_of),
    )
    assert evaluate(PERIOD, requirement, item, held, as_of) == evaluate(PERIOD, requirement, item, known, as_of)


@LAW
@given(scene=ANY, as_of=AS_OF)
def test_a_cell_does_not_contradict_itself(scene: Scene, as_of: datetime) -> None:
    requirement, item, held = scene
    for cell in evaluate(PERIOD, requirement, item, held, as_of):
        assert list(cell.flags) == sorted(set(cell.flags))
        assert (cell.clipped is None) == (cell.state == "not_in_effect")
        if cell.state in COVERED or cell.state in ("not_applicable", "not_in_effect", "empty_unconfirmed"):
            assert (cell.gap, cell.until, cell.next_loss) == ("none", None, None)
        else:
            assert cell.gap != "none" or cell.state in ("not_due", "due", "failed", "human_decision_pending", "invalid")
            assert cell.first_proof_at is None
        if cell.state in ("missing_unrecoverable", "not_performed"):
            assert cell.gap == "unrecoverable"
        if cell.state in ("missing_recoverable", "human_decision_overdue"):
            assert cell.gap == "recoverable"
        if cell.gap == "unrecoverable" and cell.until is not None:
            assert cell.until <= as_of
        if cell.gap == "recoverable" and cell.until is not None:
            assert cell.until > as_of
            assert cell.next_loss == cell.until
        if cell.next_loss is not None:
            assert cell.next_loss >= as_of
        for hole in cell.holes:
            assert cell.clipped is not None
            assert cell.clipped.start <= hole.start < hole.end <= min(cell.clipped.end, as_of)
        if "late" in cell.flags:
            assert cell.state in COVERED or cell.state == "empty_unconfirmed"
