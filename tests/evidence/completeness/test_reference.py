"""The reference evaluator itself must reproduce the acceptance cases, or it is no yardstick for the engine."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
CASES = HERE.parents[2].parent / "shared" / "spec" / "completeness_cases.yaml"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / "reference" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load("reference_evaluator")
random_cases = load("random_cases")


@cache
def document() -> dict[str, Any]:
    return YAML(typ="safe").load(CASES) if CASES.exists() else {"templates": {}, "cases": [], "rollups": []}


def test_the_acceptance_cases_are_there() -> None:
    if not CASES.exists():
        pytest.skip("../shared/spec/completeness_cases.yaml is absent: the acceptance cases were not compared")
    assert len(document()["cases"]) >= 60
    assert len(document()["rollups"]) >= 5


@pytest.mark.parametrize("case", document()["cases"], ids=lambda case: case["id"])
def test_acceptance_case(case: dict[str, Any]) -> None:
    cells = reference.evaluate_case(reference.merge_template(document(), case))
    if "windows" in case:
        assert list(cells) == case["windows"]
    for window, expected in case["expect"].items():
        wanted = {"state": expected} if isinstance(expected, str) else dict(expected)
        cell = cells[window]
        assert set(wanted.pop("flags", [])) <= set(cell["flags"])
        if "holes" in wanted:
            pairs = [[reference.text_of(reference.instant(end)) for end in hole] for hole in wanted.pop("holes")]
            assert [[hole["from"], hole["to"]] for hole in cell["holes"]] == pairs
        if "until" in wanted:
            wanted["until"] = reference.text_of(reference.instant(wanted["until"]))
        assert {key: cell[key] for key in wanted} == wanted


@pytest.mark.parametrize("rollup", document()["rollups"], ids=lambda rollup: rollup["id"])
def test_acceptance_rollup(rollup: dict[str, Any]) -> None:
    vector = reference.roll_up(rollup["cells"])
    assert {key: vector[key] for key in rollup["expect"]} == rollup["expect"]


# ------------------------------------------------------------------------- worked by hand, beyond the acceptance cases

STREAM = {
    "period": {"start": "2026-01-01", "end": "2026-06-30", "tz": "UTC"},
    "requirement": {
        "kind": "event_stream",
        "cadence": "monthly",
        "due_days": 5,
        "grace_days": 5,
        "lag_hours": 3,
        "retention_days": 90,
    },
}
SNAPSHOT = {
    "period": STREAM["period"],
    "requirement": {"kind": "snapshot", "cadence": "monthly", "grace_days": 5, "max_gap_hours": 48, "min_count": 1},
}
REVIEW = {
    "period": STREAM["period"],
    "requirement": {"kind": "human_record", "cadence": "quarterly", "grace_days": 14, "pack_max_age_days": 30},
}
YEARLY = {
    "period": STREAM["period"],
    "requirement": {"kind": "human_record", "cadence": "annual", "grace_days": 30},
}
JANUARY = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


def run(started_at: str, recorded_at: str | None = None, **more: Any) -> dict[str, Any]:
    return {**JANUARY, "started_at": started_at, "recorded_at": recorded_at or started_at, **more}


def seen(observed_at: str, **more: Any) -> dict[str, Any]:
    return {"observed_at": observed_at, "recorded_at": observed_at, **more}


def record(for_window: str, performed_at: str, recorded_at: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "for_window": for_window,
        "performed_at": performed_at,
        "recorded_at": recorded_at or performed_at,
        **more,
    }


FEBRUARY_4 = "2026-02-04T00:00:00Z"
HAND_WORKED: list[tuple[str, dict[str, Any], dict[str, Any], str, dict[str, Any]]] = [
    (
        "in an open window time younger than the lag is no hole",
        STREAM,
        {"as_of": "2026-01-10T00:00:00Z"},
        "2026-01",
        {"state": "not_due", "gap": "recoverable", "holes": [("2026-01-01T00:00:00Z", "2026-01-09T21:00:00Z")]},
    ),
    (
        "once the window has closed its last hours are one",
        STREAM,
        {"as_of": "2026-02-01T00:00:00Z", "runs": [run("2026-01-31T23:00:00Z")]},
        "2026-01",
        {"state": "due", "gap": "recoverable", "holes": [("2026-01-31T20:00:00Z", "2026-02-01T00:00:00Z")]},
    ),
    (
        "a run 60 s ahead of its arrival is believed",
        STREAM,
        {"as_of": FEBRUARY_4, "runs": [run("2026-02-02T00:01:00Z", "2026-02-02T00:00:00Z")]},
        "2026-01",
        {"state": "collected"},
    ),
    (
        "61 s are too many",
        STREAM,
        {"as_of": FEBRUARY_4, "runs": [run("2026-02-02T00:01:01Z", "2026-02-02T00:00:00Z")]},
        "2026-01",
        {"state": "due"},
    ),
    (
        "an error claims nothing, whatever it says about completeness",
        STREAM,
        {
            "as_of": FEBRUARY_4,
            "runs": [run("2026-02-02T00:00:00Z", status="error", complete_until="2026-02-01T00:00:00Z")],
        },
        "2026-01",
        {"state": "failed", "holes": [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")]},
    ),
    (
        "a proven superset continues the old query",
        STREAM,
        {
            "as_of": FEBRUARY_4,
            "runs": [
                run("2026-01-20T03:00:00Z", query_hash="a"),
                {**run("2026-02-02T00:00:00Z", query_hash="b", superset_of="a"), "from": "2026-01-20T00:00:00Z"},
            ],
        },
        "2026-01",
        {"state": "collected"},
    ),
    (
        "proof of life over half of an empty window confirms nothing",
        STREAM,
        {
            "as_of": FEBRUARY_4,
            "runs": [run("2026-01-20T03:00:00Z", rows=0, proof_of_life=True), run("2026-02-02T00:00:00Z", rows=0)],
        },
        "2026-01",
        {"state": "empty_unconfirmed", "gap": "none"},
    ),
    (
        "an exception in a late cell keeps the lateness as a flag",
        STREAM,
        {
            "as_of": "2026-03-25T00:00:00Z",
            "runs": [run("2026-03-20T04:00:00Z", rows=3)],
            "exceptions": [{"window": "2026-01", "open": 1, "recorded_at": "2026-03-21T00:00:00Z"}],
        },
        "2026-01",
        {"state": "exception_noted", "flags": ["late"]},
    ),
    (
        "the not-applicable part is cut out of the hole",
        STREAM,
        {
            "as_of": "2026-02-20T00:00:00Z",
            "not_applicable": [
                {
                    "from": "2026-01-10T00:00:00Z",
                    "to": "2026-01-20T00:00:00Z",
                    "requested_by": "lead",
                    "approved_by": "cto",
                    "approved_at": "2026-01-05T00:00:00Z",
                    "reason": "switched off",
                }
            ],
        },
        "2026-01",
        {
            "state": "missing_recoverable",
            "holes": [
                ("2026-01-01T00:00:00Z", "2026-01-10T00:00:00Z"),
                ("2026-01-20T00:00:00Z", "2026-02-01T00:00:00Z"),
            ],
        },
    ),
    (
        "a hole longer than any source was switched on for is lost from its start",
        {**STREAM, "requirement": {**STREAM["requirement"], "sources": [{"on_from": "2026-01-02T00:00:00Z"}]}},
        {"as_of": FEBRUARY_4},
        "2026-01",
        {"state": "missing_unrecoverable", "until": "2026-01-01T00:00:00Z"},
    ),
    (
        "a short stub of a new item is proven only when the first snapshot falls into the allowance",
        SNAPSHOT,
        {
            "item": {"in_scope_from": "2026-01-30T00:00:00Z"},
            "as_of": "2026-02-02T00:00:00Z",
            "snapshots": [seen("2026-02-01T00:00:00Z")],
        },
        "2026-01",
        {"state": "missing_unrecoverable", "flags": ["stub_without_quorum"], "holes": []},
    ),
    (
        "and it is while the allowance runs",
        SNAPSHOT,
        {
            "item": {"in_scope_from": "2026-01-30T00:00:00Z"},
            "as_of": "2026-02-02T00:00:00Z",
            "snapshots": [seen("2026-01-31T23:00:00Z")],
        },
        "2026-01",
        {"state": "collected", "flags": ["stub_without_quorum"]},
    ),
    (
        "recorded too late and without trace, it was performed too late",
        REVIEW,
        {
            "as_of": "2026-06-05T00:00:00Z",
            "records": [
                record("2026-Q1", "2026-03-28T10:00:00Z", "2026-06-02T09:00:00Z", population_at="2026-03-25T00:00:00Z")
            ],
        },
        "2026-Q1",
        {"state": "not_performed", "until": "2026-05-31T00:00:00Z", "flags": ["backdated"]},
    ),
    (
        "a review without a population is invalid until the late limit",
        REVIEW,
        {"as_of": "2026-04-02T00:00:00Z", "records": [record("2026-Q1", "2026-03-28T10:00:00Z")]},
        "2026-Q1",
        {
            "state": "invalid",
            "gap": "recoverable",
            "until": "2026-05-31T00:00:00Z",
            "flags": ["population_missing"],
        },
    ),
    (
        "a yearly lapse that a later performance ended",
        YEARLY,
        {
            "as_of": "2026-07-05T00:00:00Z",
            "records": [record("period", "2025-02-01T08:00:00Z"), record("period", "2026-04-01T12:00:00Z")],
        },
        "period",
        {
            "state": "performed_late",
            "gap": "none",
            "flags": ["late", "performed_before_period"],
            "holes": [("2026-03-03T00:00:00Z", "2026-04-01T12:00:00Z")],
        },
    ),
    (
        "a yearly lapse that lasts, while the period is open",
        YEARLY,
        {"as_of": "2026-05-01T00:00:00Z", "records": [record("period", "2025-02-01T08:00:00Z")]},
        "period",
        {
            "state": "human_decision_overdue",
            "gap": "recoverable",
            "until": "2026-07-01T00:00:00Z",
            "holes": [("2026-03-03T00:00:00Z", "2026-05-01T00:00:00Z")],
        },
    ),
]


@pytest.mark.parametrize(
    ("template", "objects", "window", "expected"),
    [row[1:] for row in HAND_WORKED],
    ids=[row[0] for row in HAND_WORKED],
)
def test_hand_worked_case(
    template: dict[str, Any], objects: dict[str, Any], window: str, expected: dict[str, Any]
) -> None:
    cell = reference.evaluate_case({**template, **objects})[window]
    cell["holes"] = [(hole["from"], hole["to"]) for hole in cell["holes"]]
    assert {key: cell[key] for key in expected} == expected


# ------------------------------------------------------------------------- the reference keeps its own promises

SEEDS = range(600)
LISTS = ("runs", "snapshots", "records", "packs", "not_applicable", "exceptions", "outcomes_pending", "seals")


def hole_time(cell: dict[str, Any]) -> timedelta:
    holes = [(reference.instant(hole["from"]), reference.instant(hole["to"])) for hole in cell["holes"]]
    return sum((end - start for start, end in holes), timedelta())


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 11, 1), "America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        (date(2026, 12, 1), "America/New_York", datetime(2026, 12, 1, 5, tzinfo=UTC)),
        (date(2026, 4, 1), "Asia/Kolkata", datetime(2026, 3, 31, 18, 30, tzinfo=UTC)),
        # the clock jumps from 00:00 to 01:00: the first instant after the jump
        (date(2026, 3, 8), "America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        (date(2017, 10, 1), "America/Asuncion", datetime(2017, 10, 1, 4, tzinfo=UTC)),
        # 00:00 strikes twice: the earlier
        (date(2026, 11, 1), "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # a whole day that never was
        (date(2011, 12, 30), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_local_midnight(day: date, zone: str, expected: datetime) -> None:
    assert reference.local_midnight(day, zone) == expected


def test_random_cases_are_repeatable_and_reach_every_state() -> None:
    assert [random_cases.random_case(seed) for seed in range(50)] == [
        random_cases.random_case(seed) for seed in range(50)
    ]
    states = {
        cell["state"] for seed in SEEDS for cell in reference.evaluate_case(random_cases.random_case(seed)).values()
    }
    assert states == {name.split("/")[0] for name in reference.SEVERITY}


def test_the_order_of_objects_does_not_matter() -> None:
    for seed in SEEDS:
        case = random_cases.random_case(seed)
        backwards = {key: value[::-1] if key in LISTS else value for key, value in case.items()}
        assert reference.evaluate_case(backwards) == reference.evaluate_case(case), case["id"]


def test_time_alone_never_turns_unrecoverable_into_recoverable() -> None:
    for seed in SEEDS:
        case = random_cases.random_case(seed)
        as_of = reference.instant(case["as_of"])
        fixed = {
            key: [entry for entry in value if known_by(entry, as_of)] if key in LISTS else value
            for key, value in case.items()
        }
        before = reference.evaluate_case(fixed)
        for days in (1, 20, 200):
            later = {**fixed, "as_of": reference.text_of(as_of + timedelta(days=days))}
            for window, cell in reference.evaluate_case(later).items():
                if before[window]["gap"] == "unrecoverable":
                    assert cell["gap"] == "unrecoverable", (case["id"], window, days)


def known_by(entry: dict[str, Any], as_of: datetime) -> bool:
    learnt = reference.instant(entry.get("recorded_at") or entry.get("approved_at") or entry.get("sealed_at"))
    return learnt is None or learnt <= as_of


def test_a_further_claim_never_enlarges_the_uncovered_time() -> None:
    compared = 0
    for seed in SEEDS:
        case = random_cases.random_case(seed)
        after = reference.evaluate_case(case)
        for index in range(len(case.get("runs", []))):
            fewer = {**case, "runs": case["runs"][:index] + case["runs"][index + 1 :]}
            for window, cell in reference.evaluate_case(fewer).items():
                assert hole_time(after[window]) <= hole_time(cell), (case["id"], window, index)
                compared += 1
    assert compared > 1000


def test_no_cell_contradicts_itself() -> None:
    for seed in SEEDS:
        case = random_cases.random_case(seed)
        for window, cell in reference.evaluate_case(case).items():
            where = (case["id"], window, cell)
            if cell["state"] in reference.COVERED | {"empty_unconfirmed", "not_in_effect", "not_applicable"}:
                assert cell["gap"] == "none", where
                assert not cell["holes"] or cell["state"] in {"performed_late", "exception_noted"}, where
            if cell["state"] in {"missing_unrecoverable", "not_performed"}:
                assert cell["gap"] == "unrecoverable", where
            if cell["state"] in {"not_due", "due", "failed", "missing_recoverable", "human_decision_overdue"}:
                assert cell["gap"] != "unrecoverable", where
            if cell["gap"] == "recoverable" and cell["until"]:
                assert cell["until"] > case["as_of"], where
            if cell["next_loss"]:
                assert cell["next_loss"] > case["as_of"], where
