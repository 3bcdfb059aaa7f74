"""The acceptance cases of the specification and our own, through the same door as `evidence evaluate`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from evidence.completeness.case_reading import CaseError
from evidence.completeness.cases import evaluate_document, has_mismatches

HERE = Path(__file__).resolve().parent
GIVEN = HERE.parents[2].parent / "shared" / "spec" / "completeness_cases.yaml"
OWN = sorted((HERE / "cases").glob("*.yaml"))


@cache
def load(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path) if path.exists() else {"cases": [], "rollups": []}


def entries() -> list[Any]:
    found: list[Any] = []
    for path in [*OWN, GIVEN]:
        document = load(path)
        for key in ("cases", "rollups"):
            found += [
                pytest.param(path, key, entry, id=f"{path.stem}-{entry['id']}") for entry in document.get(key, [])
            ]
    return found


@pytest.mark.parametrize(("path", "key", "entry"), entries())
def test_case_comes_out_as_stated(path: Path, key: str, entry: dict[str, Any]) -> None:
    assert entry.get("expect"), "a case without an expectation tests nothing"
    result = evaluate_document({"templates": load(path).get("templates"), key: [entry]})
    assert result[key][0]["mismatches"] == []  # type: ignore[index]
    assert not has_mismatches(result)


def test_the_acceptance_cases_are_there() -> None:
    if not GIVEN.exists():
        pytest.skip("../shared/spec/completeness_cases.yaml is absent: only our own cases were evaluated")
    assert len(load(GIVEN)["cases"]) >= 60
    assert len(load(GIVEN)["rollups"]) >= 5


def test_same_input_same_bytes_whatever_reader_loaded_it() -> None:
    for path in OWN:
        first = json.dumps(evaluate_document(load(path)))
        again = json.dumps(evaluate_document(yaml.safe_load(path.read_text())))
        as_json = json.loads(json.dumps(load(path), default=str))
        assert first == again == json.dumps(evaluate_document(as_json))


def document(**changes: Any) -> dict[str, Any]:
    case: dict[str, Any] = {
        "id": "X1",
        "period": {"start": "2026-01-01", "end": "2026-01-31", "tz": "UTC"},
        "requirement": {"kind": "event_stream", "cadence": "monthly", "retention_days": 90},
        "as_of": "2026-02-01T00:00:00Z",
        "runs": [
            {
                "from": "2026-01-01T00:00:00Z",
                "to": "2026-02-01T00:00:00Z",
                "started_at": "2026-02-01T00:00:00Z",
                "recorded_at": "2026-02-01T00:00:00Z",
            }
        ],
    }
    return {"cases": [case | changes]}


def test_output_is_the_published_form() -> None:
    changed = document(as_of="2026-01-31T12:00:00Z", expect={"2026-01": "not_due"}, windows=["2026-01"])
    assert evaluate_document(changed) == {
        "cases": [
            {
                "id": "X1",
                "cells": {
                    "2026-01": {
                        "state": "not_due",
                        "gap": "recoverable",
                        "until": "2026-04-01T00:00:00Z",
                        "flags": [],
                        "holes": [
                            {
                                "from": "2026-01-01T00:00:00Z",
                                "to": "2026-01-31T12:00:00Z",
                                "first_loss": "2026-04-01T00:00:00Z",
                                "total_loss": "2026-05-01T12:00:00Z",
                            }
                        ],
                    }
                },
                "mismatches": [],
            }
        ],
        "rollups": [],
    }


def test_no_mismatches_key_without_an_expectation() -> None:
    assert "mismatches" not in evaluate_document(document())["cases"][0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("expectation", "key", "expected", "actual"),
    [
        ({"expect": {"2026-01": "due"}}, "state", "due", "collected"),
        ({"expect": {"2026-01": {"gap": "recoverable"}}}, "gap", "recoverable", "none"),
        ({"expect": {"2026-01": {"until": "2026-05-01T00:00:00Z"}}}, "until", "2026-05-01T00:00:00Z", None),
        ({"expect": {"2026-01": {"flags": ["late"]}}}, "flags", ["late"], []),
        (
            {"expect": {"2026-01": {"holes": [["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]]}}},
            "holes",
            [["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]],
            [],
        ),
        ({"expect": {"2026-02": "collected"}}, "window", "a cell", None),
        ({"windows": ["2026-01", "2026-02"]}, "windows", ["2026-01", "2026-02"], ["2026-01"]),
    ],
)
def test_every_difference_is_listed(expectation: dict[str, Any], key: str, expected: Any, actual: Any) -> None:
    result = evaluate_document(document(**expectation))
    assert has_mismatches(result)
    found = result["cases"][0]["mismatches"]  # type: ignore[index]
    assert [(one["key"], one["expected"], one["actual"]) for one in found] == [(key, expected, actual)]


def test_a_roll_up_difference_is_listed() -> None:
    rollup = {"id": "R", "cells": [{"state": "collected"}], "expect": {"percent": None, "covered": 1}}
    result = evaluate_document({"rollups": [rollup]})
    assert result["rollups"][0]["mismatches"] == [  # type: ignore[index]
        {"key": "percent", "expected": None, "actual": 100.0}
    ]


RUN = document()["cases"][0]["runs"][0]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"as_of": None}, "as_of"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": 5}, "as_of"),
        ({"template": "nowhere"}, "template"),
        ({"template": ["nowhere"]}, "template"),
        ({"evidence": []}, "evidence"),
        ({"period": {"start": "2026-02-01", "end": "2026-01-01"}}, "period.end"),
        ({"period": {"start": "2026-01-01", "end": "2026-01-31", "tz": "Europe/Nowhere"}}, "period.tz"),
        ({"period": {"start": "2026-01-01"}}, "period.end"),
        ({"requirement": {"kind": "stream"}}, "requirement.kind"),
        ({"requirement": {"kind": "snapshot", "cadence": "weekly"}}, "requirement.cadence"),
        ({"requirement": {"kind": "snapshot", "max_gap_hours": 0}}, "requirement.max_gap_hours"),
        ({"requirement": {"kind": "snapshot", "grace_days": -1}}, "requirement.grace_days"),
        ({"requirement": {"kind": "snapshot", "due_days": 1.5}}, "requirement.due_days"),
        ({"requirement": {"kind": "snapshot", "retention": 4}}, "requirement.retention"),
        ({"requirement": {"kind": "event_stream", "sources": []}}, "requirement.sources"),
        ({"requirement": {"kind": "event_stream", "sources": [{"days": 4}]}}, "requirement.sources[0].days"),
        ({"item": {"created": "2026-01-01T00:00:00Z"}}, "item.created"),
        ({"item": []}, "item"),
        ({"runs": {}}, "runs"),
        ({"runs": [RUN, RUN | {"status": "fine"}]}, "runs[1].status"),
        ({"runs": [RUN | {"to": "2025-12-01T00:00:00Z"}]}, "runs[0].to"),
        ({"runs": [RUN | {"rows": True}]}, "runs[0].rows"),
        ({"runs": [RUN | {"rows": -1}]}, "runs[0].rows"),
        ({"runs": [RUN | {"rows_by_window": {"January": 1}}]}, "runs[0].rows_by_window"),
        ({"runs": [RUN | {"proof_of_life": "yes"}]}, "runs[0].proof_of_life"),
        ({"runs": [{"from": RUN["from"]}]}, "runs[0].to"),
        ({"snapshots": [{"observed_at": RUN["to"]}]}, "snapshots[0].recorded_at"),
        ({"records": [{"for_window": "2026-13", "performed_at": RUN["to"], "recorded_at": RUN["to"]}]}, "for_window"),
        ({"exceptions": [{"window": "2026-01"}]}, "exceptions[0].open"),
        ({"expect": {"2026-01": "green"}}, "expect.2026-01.state"),
        ({"expect": {"2026-01": {"colour": "green"}}}, "expect.2026-01.colour"),
        ({"expect": {"2026-01": {"holes": [["2026-01-01T00:00:00Z"]]}}}, "expect.2026-01.holes"),
    ],
)
def test_bad_input_names_case_and_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(CaseError, match="case X1") as caught:
        evaluate_document(document(**changes))
    assert isinstance(caught.value, ValueError)
    assert key in caught.value.key
    assert caught.value.key in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"cases": {}},
        {"cases": [{"title": "without an id"}]},
        {"rollups": [{"id": "R", "cells": [{"state": "green"}]}]},
        {"rollups": [{"id": "R", "cells": [], "expect": {"percentage": 1}}]},
        {"templates": {"a": []}},
        {"tests": []},
    ],
)
def test_a_document_of_another_shape_is_refused(broken: Any) -> None:
    with pytest.raises(CaseError):
        evaluate_document(broken)
