"""Case documents: inputs and, where stated, the cells that must come out, through the same engine as every store.

The format is that of `evidence evaluate`: `templates`, `cases` and `rollups`, already loaded from YAML or JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from evidence.completeness.case_reading import (
    CaseError,
    Table,
    boolean,
    count,
    instant,
    local_date,
    number,
    one_of,
    sequence,
    text,
    texts,
    window_id,
    wrong,
)
from evidence.completeness.engine import evaluate
from evidence.completeness.expectations import case_mismatches, roll_up_mismatches
from evidence.completeness.json_form import Json, roll_up_json, verdict_json
from evidence.completeness.local_time import zone
from evidence.completeness.model import (
    CADENCES,
    KINDS,
    RUN_STATUSES,
    VERIFIED,
    CellInputs,
    ExceptionCount,
    Gap,
    Item,
    NotApplicable,
    OutcomePending,
    Pack,
    Period,
    Record,
    Requirement,
    Run,
    Seal,
    Snapshot,
    SourceMemory,
    State,
)
from evidence.completeness.rollup import roll_up

_MERGED = ("period", "requirement")
"""Keys of a case that are merged with its template's key by key; every other one replaces it."""

_PROSE = ("title", "why", "note", "template")


@dataclass(frozen=True, slots=True)
class Case:
    """One case as the engine takes it; `expect` and `windows` are kept as they were read."""

    case_id: str
    period: Period
    requirement: Requirement
    item: Item
    inputs: CellInputs
    as_of: datetime
    expect: object
    windows: object


@dataclass(frozen=True, slots=True)
class RollUpCell:
    """A cell of a roll-up case."""

    state: State
    gap: Gap
    until: datetime | None


def evaluate_document(document: object) -> Json:
    """Evaluate every case and roll-up of a loaded document. Raises `CaseError` for anything not understood.

    Where a case or roll-up states an expectation its result has `mismatches`, empty when all came out as expected.
    """
    table = Table("(document)", "", document)
    named = Table("(document)", "templates", table.raw("templates"))
    templates = {name: named.required(name, _mapping) for name in named.names()}
    cases = [_case_result(read_case(entry, templates)) for entry in table.optional("cases", sequence, ())]
    rollups = [_roll_up_result(entry) for entry in table.optional("rollups", sequence, ())]
    table.close()
    return {"cases": cases, "rollups": rollups}


def has_mismatches(result: Json) -> bool:
    """Whether any expectation of an evaluated document was not met."""
    entries = [*cast("list[Json]", result["cases"]), *cast("list[Json]", result["rollups"])]
    return any(entry.get("mismatches") for entry in entries)


def read_case(entry: object, templates: Mapping[str, Mapping[str, object]]) -> Case:
    """One entry of `cases`, merged with its template."""
    case_id = _identity(entry, "cases")
    own = dict(_mapping(entry))
    name = own.get("template")
    if name is not None and not (isinstance(name, str) and name in templates):
        raise CaseError(case_id, "template", f"{name!r} is not among the templates of the document")
    template = templates[name] if isinstance(name, str) else {}
    merged: dict[str, object] = {**template, **own}
    for key in _MERGED:
        base, change = template.get(key), own.get(key)
        if isinstance(base, Mapping) and isinstance(change, Mapping):
            merged[key] = {**_mapping(base), **_mapping(change)}
    table = Table(case_id, "", merged)
    table.drop("id", *_PROSE)
    case = Case(
        case_id=case_id,
        as_of=table.required("as_of", instant),
        period=_period(Table(case_id, "period", table.raw("period"))),
        requirement=_requirement(Table(case_id, "requirement", table.raw("requirement"))),
        item=_item(Table(case_id, "item", table.raw("item"))),
        inputs=_inputs(table),
        expect=table.raw("expect"),
        windows=table.raw("windows"),
    )
    table.close()
    return case


def _case_result(case: Case) -> Json:
    cells = evaluate(case.period, case.requirement, case.item, case.inputs, case.as_of)
    verdicts = {cell.window_id: verdict_json(cell) for cell in cells}
    result: Json = {"id": case.case_id, "cells": verdicts}
    if case.expect is not None or case.windows is not None:
        result["mismatches"] = case_mismatches(case.case_id, case.expect, case.windows, verdicts)
    return result


def _roll_up_result(entry: object) -> Json:
    case_id = _identity(entry, "rollups")
    table = Table(case_id, "", entry)
    table.drop("id", "title", "why", "note")
    cells: list[RollUpCell] = []
    for one in table.tables("cells"):
        cell = RollUpCell(
            state=one.required("state", one_of(get_args(State))),
            gap=one.optional("gap", one_of(get_args(Gap)), "none"),
            until=one.optional("until", instant, None),
        )
        cells += [cell] * one.optional("n", count, 1)
        one.close()
    expect = table.raw("expect")
    table.close()
    vector = roll_up_json(roll_up(cells))
    result: Json = {"id": case_id, **vector}
    if expect is not None:
        result["mismatches"] = roll_up_mismatches(case_id, expect, vector)
    return result


def _period(table: Table) -> Period:
    tz = table.optional("tz", text, "UTC")
    start, end = table.required("start", local_date), table.required("end", local_date)
    table.close()
    try:
        zone(tz)
    except ValueError as error:
        raise table.error("tz", str(error)) from error
    try:
        return Period(start, end, tz)
    except ValueError as error:
        raise table.error("end", str(error)) from error


def _requirement(table: Table) -> Requirement:
    if "sources" in table:
        sources = tuple(map(_source, table.tables("sources")))
        if not sources:
            raise table.error("sources", "is an empty list; leave it out or name a source")
    else:
        table.drop("sources")
        sources = ()
    requirement = Requirement(
        kind=table.required("kind", one_of(KINDS)),
        cadence=table.optional("cadence", one_of(CADENCES), "monthly"),
        due_days=table.optional("due_days", count, 0),
        grace_days=table.optional("grace_days", count, 0),
        lag_hours=table.optional("lag_hours", _amount, 0.0),
        retention_days=table.optional("retention_days", _amount, None),
        sources=sources,
        pack_max_age_days=table.optional("pack_max_age_days", _amount, None),
        max_gap_hours=table.optional("max_gap_hours", _positive, None),
        target_gap_hours=table.optional("target_gap_hours", _positive, None),
        min_count=table.optional("min_count", count, 1),
        min_stub_days=table.optional("min_stub_days", count, 7),
        late_limit_days=table.optional("late_limit_days", count, 60),
        max_record_delay_hours=table.optional("max_record_delay_hours", _amount, 72.0),
        reconstructible=table.optional("reconstructible", boolean, False),
        effective_from=table.optional("effective_from", instant, None),
        effective_to=table.optional("effective_to", instant, None),
    )
    table.close()
    return requirement


def _source(table: Table) -> SourceMemory:
    source = SourceMemory(
        retention_days=table.optional("retention_days", _amount, None),
        on_from=table.optional("on_from", instant, None),
        on_to=table.optional("on_to", instant, None),
    )
    table.close()
    return source


def _item(table: Table) -> Item:
    item = Item(table.optional("in_scope_from", instant, None), table.optional("in_scope_to", instant, None))
    table.drop("id", "name")
    table.close()
    return item


def _inputs(table: Table) -> CellInputs:
    return CellInputs(
        runs=tuple(map(_run, table.tables("runs"))),
        snapshots=tuple(map(_snapshot, table.tables("snapshots"))),
        records=tuple(map(_record, table.tables("records"))),
        packs=tuple(map(_pack, table.tables("packs"))),
        not_applicable=tuple(map(_not_applicable, table.tables("not_applicable"))),
        exceptions=tuple(map(_exceptions, table.tables("exceptions"))),
        outcomes_pending=tuple(map(_pending, table.tables("outcomes_pending"))),
        seals=tuple(map(_seal, table.tables("seals"))),
    )


def _run(table: Table) -> Run:
    start, end = _interval(table)
    run = Run(
        from_=start,
        to=end,
        started_at=table.required("started_at", instant),
        recorded_at=table.required("recorded_at", instant),
        status=table.optional("status", one_of(RUN_STATUSES), "ok"),
        rows=table.optional("rows", count, None),
        rows_by_window=table.optional("rows_by_window", _rows_by_window, None),
        complete_until=table.optional("complete_until", instant, None),
        proof_of_life=table.optional("proof_of_life", boolean, False),
        integrity=table.optional("integrity", text, VERIFIED),
        query_hash=table.optional("query_hash", text, None),
        superset_of=table.optional("superset_of", texts, ()),
        changes_population=table.optional("changes_population", boolean, False),
    )
    table.close()
    return run


def _snapshot(table: Table) -> Snapshot:
    snapshot = Snapshot(
        observed_at=table.required("observed_at", instant),
        recorded_at=table.required("recorded_at", instant),
        integrity=table.optional("integrity", text, VERIFIED),
        reconstructed=table.optional("reconstructed", boolean, False),
    )
    table.close()
    return snapshot


def _record(table: Table) -> Record:
    record = Record(
        performed_at=table.required("performed_at", instant),
        recorded_at=table.required("recorded_at", instant),
        for_window=table.optional("for_window", window_id, None),
        population_at=table.optional("population_at", instant, None),
        population_complete=table.optional("population_complete", boolean, True),
        undecided=table.optional("undecided", count, 0),
        corroborated=table.optional("corroborated", boolean, False),
        integrity=table.optional("integrity", text, VERIFIED),
    )
    table.close()
    return record


def _pack(table: Table) -> Pack:
    pack = Pack(table.required("window", window_id), table.required("recorded_at", instant))
    table.close()
    return pack


def _not_applicable(table: Table) -> NotApplicable:
    start, end = _interval(table)
    note = NotApplicable(
        from_=start,
        to=end,
        requested_by=table.optional("requested_by", text, None),
        approved_by=table.optional("approved_by", text, None),
        approved_at=table.optional("approved_at", instant, None),
        recorded_at=table.optional("recorded_at", instant, None),
        reason=table.optional("reason", text, None),
    )
    table.close()
    return note


def _exceptions(table: Table) -> ExceptionCount:
    found = ExceptionCount(
        window=table.required("window", window_id),
        open=table.required("open", count),
        recorded_at=table.optional("recorded_at", instant, None),
    )
    table.close()
    return found


def _pending(table: Table) -> OutcomePending:
    pending = OutcomePending(
        window=table.required("window", window_id),
        resolves_at=table.required("resolves_at", instant),
        recorded_at=table.optional("recorded_at", instant, None),
    )
    table.close()
    return pending


def _seal(table: Table) -> Seal:
    seal = Seal(table.required("window", window_id), table.required("sealed_at", instant))
    table.close()
    return seal


def _interval(table: Table) -> tuple[datetime, datetime]:
    start, end = table.required("from", instant), table.required("to", instant)
    if end < start:
        raise table.error("to", "lies before from")
    return start, end


def _rows_by_window(value: object) -> dict[str, int]:
    return {window_id(str(key)): count(rows) for key, rows in _mapping(value).items()}


def _amount(value: object) -> float:
    amount = number(value)
    if amount < 0:
        raise ValueError(f"is {amount:g}; it can't be negative")
    return amount


def _positive(value: object) -> float:
    amount = number(value)
    if amount <= 0:
        raise ValueError(f"is {amount:g}; it must be greater than zero")
    return amount


def _identity(entry: object, where: str) -> str:
    identity = entry.get("id") if isinstance(entry, Mapping) else None
    if not isinstance(identity, (str, int)) or isinstance(identity, bool):
        raise CaseError("(unnamed)", f"{where}.id", "every case is a mapping with an id")
    return str(identity)


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise wrong("a mapping", value)
    return {str(key): entry for key, entry in cast("Mapping[object, object]", value).items()}
