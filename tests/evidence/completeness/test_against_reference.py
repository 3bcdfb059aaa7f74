"""The engine against a second evaluator that was written from the same text without sight of it.

Both read the specification alike but for the points named here; there the engine follows the comment in its code.
"""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evidence.completeness.cases import evaluate_document
from evidence.completeness.json_form import roll_up_json
from evidence.completeness.rollup import CellLike, roll_up

FOLDER = Path(__file__).resolve().parent / "reference"
SEEDS = 6000
CHUNK = 500


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"completeness_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load("reference_evaluator")
random_cases = load("random_cases")


def engine_cells(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return evaluate_document({"cases": [case]})["cases"][0]["cells"]  # type: ignore[index,no-any-return]


def under_merged_names(case: dict[str, Any], windows: list[str]) -> dict[str, Any]:
    """A merged window answers to each of its names; the reference knows only the joined one."""
    joined = {part: name for name in windows if "+" in name for part in name.split("+")}
    renamed = copy.deepcopy(case)
    for key in ("exceptions", "outcomes_pending", "seals"):
        for entry in renamed.get(key) or []:
            entry["window"] = joined.get(entry["window"], entry["window"])
    return renamed


def differences(case: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found: list[str] = []
    human = case["requirement"]["kind"] == "human_record"
    for window, expected in theirs.items():
        cell = ours[window]
        young = "stub_without_quorum" in cell["flags"]
        for key in ("state", "gap", "until"):
            if cell[key] == expected[key]:
                continue
            # A young item's first snapshot may still come within its allowance: until is the end of the allowance.
            if key == "until" and young and expected["until"] is None and cell["gap"] == "recoverable":
                continue
            # A window that has not begun is not proven by a snapshot from before it.
            if key == "state" and young and cell["state"] == "not_due" and cell["gap"] == "none":
                continue
            found.append(f"{case['id']} {window} {key}: {cell[key]!r}, reference {expected[key]!r}")
        # Dates of loss of an annual lapse serve no decision; its bounds do.
        keys = ("from", "to") if human else ("from", "to", "first_loss", "total_loss")
        pairs = [[[hole[key] for key in keys] for hole in side["holes"]] for side in (cell, expected)]
        if pairs[0] != pairs[1]:
            found.append(f"{case['id']} {window} holes: {pairs[0]}, reference {pairs[1]}")
        missing = set(expected["flags"]) - set(cell["flags"])
        if missing:
            found.append(f"{case['id']} {window} lacks flags {sorted(missing)}")
    return found


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_random_cases(first: int) -> None:
    found: list[str] = []
    for seed in range(first, first + CHUNK):
        case = random_cases.random_case(seed)
        ours = engine_cells(case)
        theirs = reference.evaluate_case(under_merged_names(case, list(ours)))
        assert list(ours) == list(theirs), case["id"]
        found += differences(case, ours, theirs)
    assert found == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "not_performed"},
        {"gap": "unrecoverable"},
        {"until": "2020-01-01T00:00:00Z"},
        {"holes": []},
        {"flags": []},
    ],
)
def test_the_comparison_can_fail(wrong: dict[str, Any]) -> None:
    """One cell with a hole and a flag, falsified in one key, is found out."""
    for seed in range(500):
        case = random_cases.random_case(seed)
        ours = engine_cells(case)
        for window, cell in ours.items():
            if cell["holes"] and cell["flags"] and cell["gap"] == "recoverable":
                theirs = reference.evaluate_case(under_merged_names(case, list(ours)))
                assert theirs[window]["flags"]
                assert differences(case, ours, theirs) == []
                assert differences(case, {**ours, window: {**cell, **wrong}}, theirs)
                return
    raise AssertionError("no cell with a recoverable hole and a flag among 500 cases")


def test_random_roll_ups() -> None:
    for seed in range(0, 400, 8):
        cells = [cell for s in range(seed, seed + 8) for cell in engine_cells(random_cases.random_case(s)).values()]

        class Read(CellLike):
            def __init__(self, cell: dict[str, Any]) -> None:
                self.cell = cell

            state = property(lambda self: self.cell["state"])
            gap = property(lambda self: self.cell["gap"])
            until = property(lambda self: reference.instant(self.cell["until"]))

        assert roll_up_json(roll_up(map(Read, cells))) == reference.roll_up(cells)
