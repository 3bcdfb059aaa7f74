"""Compares what a case expects with what came out.

State, gap and until must be equal, flags at least these, holes exactly these pairs, windows exactly this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from evidence.completeness.case_reading import Table, instant, number, one_of, sequence, texts
from evidence.completeness.json_form import Json, instant_text
from evidence.completeness.model import Gap, State
from evidence.completeness.rollup import Verdict


def case_mismatches(case_id: str, expect: object, windows: object, verdicts: Mapping[str, Json]) -> list[Json]:
    """Every difference, as `{"window", "key", "expected", "actual"}`; `window` is None for the list of windows."""
    found: list[Json] = []
    if windows is not None:
        wanted = list(Table(case_id, "", {"windows": windows}).required("windows", texts))
        if wanted != list(verdicts):
            found.append(_mismatch(None, "windows", wanted, list(verdicts)))
    table = Table(case_id, "expect", expect)
    names = list(cast("Mapping[object, object]", expect)) if expect is not None else []
    for name in map(str, names):
        found += _cell_mismatches(case_id, name, table.raw(name), verdicts.get(name))
    return found


def roll_up_mismatches(case_id: str, expect: object, vector: Json) -> list[Json]:
    """Every difference, as `{"key", "expected", "actual"}`."""
    table = Table(case_id, "expect", expect)
    found: list[Json] = []
    for key, actual in vector.items():
        if key not in cast("Mapping[str, object]", expect):
            continue
        if key == "verdict":
            wanted: object = table.required(key, one_of(get_args(Verdict)))
        elif key == "worst":
            wanted = table.optional(key, one_of(get_args(State)), None)
        elif key == "nearest_until":
            until = table.optional(key, instant, None)
            wanted = None if until is None else instant_text(until)
        else:
            wanted = table.optional(key, number, None)
        if wanted != actual:
            found.append({"key": key, "expected": wanted, "actual": actual})
    # A null expectation is a value here, so it was taken above; what is left is unknown.
    table.drop(*vector)
    table.close()
    return found


def _cell_mismatches(case_id: str, window: str, expected: object, verdict: Json | None) -> list[Json]:
    table = Table(case_id, f"expect.{window}", {"state": expected} if isinstance(expected, str) else expected)
    keys = {"state"} if isinstance(expected, str) else set(map(str, cast("Mapping[object, object]", expected or {})))
    wanted: Json = {}
    if "state" in keys:
        wanted["state"] = table.required("state", one_of(get_args(State)))
    if "gap" in keys:
        wanted["gap"] = table.required("gap", one_of(get_args(Gap)))
    if "until" in keys:
        until = table.optional("until", instant, None)
        wanted["until"] = None if until is None else instant_text(until)
    if "flags" in keys:
        wanted["flags"] = sorted(table.optional("flags", texts, ()))
    if "holes" in keys:
        wanted["holes"] = table.optional("holes", _pairs, [])
    table.drop(*wanted)
    table.close()
    if verdict is None:
        return [_mismatch(window, "window", "a cell", None)]
    return [
        _mismatch(window, key, value, actual)
        for key, value in wanted.items()
        if not _met(key, value, actual := _actual(key, verdict))
    ]


def _actual(key: str, verdict: Json) -> object:
    if key != "holes":
        return verdict[key]
    return [[hole["from"], hole["to"]] for hole in cast("list[Json]", verdict["holes"])]


def _met(key: str, expected: object, actual: object) -> bool:
    if key == "flags":
        return set(cast("list[str]", expected)) <= set(cast("list[str]", actual))
    return expected == actual


def _pairs(value: object) -> list[list[str]]:
    return [_pair(entry) for entry in sequence(value)]


def _pair(entry: object) -> list[str]:
    ends = sequence(entry)
    if len(ends) != 2:
        raise ValueError(f"a hole is written [from, to], not {entry!r}")
    return [instant_text(instant(end)) for end in ends]


def _mismatch(window: str | None, key: str, expected: object, actual: object) -> Json:
    return {"window": window, "key": key, "expected": expected, "actual": actual}
