"""Every extractor and answers that are not what they should be: another's, repeated, of another make, secret."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.registry import DATASETS
from schemas.scope import ScopeItem
from tests.fakes.conformance import PASSES, Companies, bench_of
from tests.fakes.drifting import MARK, can_be_contradicted, fields_in_use, planted, retyped, with_unforeseen, without
from tests.fakes.exceptions_of_sources import HELD, NAMELESS, OPTIONAL
from tests.fakes.readings import Reading

_OPERATIONS = 4
"""Operations of a pass that get another's answer, one after the other."""
_FIELDS = 2
"""Fields of a pass that are taken away and made of another type; which, its name alone decides."""


def _bodies(lead: str, known: Companies, item: ScopeItem) -> Mapping[str, Sequence[bytes]]:
    """The answers to each operation while an item is read, in order."""
    bench = bench_of(lead)
    assert bench is not None
    found: dict[str, list[bytes]] = defaultdict(list)

    def note(operation: str, body: bytes) -> bytes:
        found[operation].append(body)
        return body

    with bench.altering(note):
        reading = known.full.read(lead, item)
    assert reading.error is None
    asked = known.clean(lead, item).asked
    return {operation: bodies for operation, bodies in found.items() if operation in asked}


def test_an_answer_to_another_request_is_not_taken(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return
    item, clean = known.item(lead), known.clean(lead)
    other = known.other_item(lead)
    mine = _bodies(lead, known, item)
    others = {} if other is None else _bodies(lead, known, other)
    wrong: list[str] = []
    for operation in known.some_operations(lead, _OPERATIONS):
        bodies = mine.get(operation, ())
        if not bodies:
            continue
        swaps = [(1, bodies[0], "the answer before it, once more")] if len(set(bodies)) > 1 else []
        swaps += [
            (0, body, "the answer about another item")
            for body in others.get(operation, ())[:1]
            if other is not None and body != bodies[0] and _tells(body, item, other)
        ]
        for place, body, words in swaps:
            found = _with_answer(lead, known, item, operation, place, body)
            if operation not in NAMELESS:
                wrong += [f"{operation} got {words}: {one}" for one in _taken(lead, clean, found)]
    assert not wrong, "\n".join(wrong)


def _tells(body: bytes, item: ScopeItem, other: ScopeItem) -> bool:
    """Whether an answer names whom it is about: an empty list and a setting that is on or off name nobody."""
    own = {*item.id.split(":"), item.name}
    return any(part.encode() in body for part in {*other.id.split(":")[1:], other.name} - own)


def _with_answer(lead: str, known: Companies, item: ScopeItem, operation: str, place: int, body: bytes) -> Reading:
    """A reading in which the answer number `place` (from 0) to an operation is another one, once."""
    bench = bench_of(lead)
    assert bench is not None
    count = 0

    def swap(asked: str, answer: bytes) -> bytes:
        nonlocal count
        if asked != operation:
            return answer
        count += 1
        return body if count == place + 1 else answer

    with bench.altering(swap):
        return known.full.read(lead, item)


def _taken(lead: str, clean: Reading, found: Reading) -> list[str]:
    """Datasets that are claimed whole with other facts than there are."""
    if found.error is not None:
        return []
    return [
        f"{name} is claimed with other facts"
        for name in PASSES[lead]
        if found.covers(name) and found.typed(name) != clean.typed(name)
    ]


def test_a_field_that_nobody_knows_is_kept_and_changes_nothing(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return
    grown = False

    def grow(_: str, body: bytes) -> bytes:
        nonlocal grown
        changed = with_unforeseen(body)
        grown = grown or MARK.encode() in changed
        return changed

    with bench.altering(grow):
        found = known.full.read(lead, known.item(lead))
    assert found.error is None, f"a new field of the source stops {lead}: {found.error!r}"
    for name in PASSES[lead]:
        there, here = known.clean(lead).typed(name), _without_mark(found.typed(name))
        assert set(there) == set(here), f"a new field changes the rows of {name}"
        changed = {column for key, row in here.items() for column, value in row.items() if there[key][column] != value}
        assert not changed, f"a new field changes {', '.join(sorted(changed))} of {name}"
    shown = any(found.rows.values())
    assert not (grown and shown) or MARK.encode() in found.answers, f"a new field is in no answer that {lead} keeps"


def _without_mark(rows: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows without the columns that keep a record as it came, in which the new field is."""
    return {
        key: {column: value for column, value in row.items() if MARK not in json.dumps(value, default=str)}
        for key, row in rows.items()
    }


def test_a_field_that_is_gone_or_of_another_type_is_noticed(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return
    item, clean = known.item(lead), known.clean(lead)
    bodies = [body for found in _bodies(lead, known, item).values() for body in found]
    wrong: list[str] = []
    for name in fields_in_use(clean, bodies, lead, _FIELDS):
        with bench.altering(lambda _, body, name=name: without(body, name)):
            wrong += [f"{name} is gone: {one}" for one in _invented(lead, clean, known.full.read(lead, item))]
        if not can_be_contradicted(bodies, name):
            continue
        with bench.altering(lambda _, body, name=name: retyped(body, name)):
            wrong += [f"{name} is of another type: {one}" for one in _taken(lead, clean, known.full.read(lead, item))]
    wrong = [one for one in wrong if not any(one.startswith(f"{name} is gone") for name in OPTIONAL.get(lead, ()))]
    assert not wrong, "\n".join(wrong)


def _invented(lead: str, clean: Reading, found: Reading) -> list[str]:
    """What a reading claims although the source did not say it. What is not said may be null, never a value."""
    if found.error is not None:
        return []
    wrong: list[str] = []
    for name in PASSES[lead]:
        there, here = clean.typed(name), found.typed(name)
        if not found.covers(name) or there == here:
            continue
        if set(there) != set(here):
            wrong.append(f"{name} has other rows")
            continue
        columns = {
            column
            for key, row in here.items()
            for column, value in row.items()
            if not _same_or_unsaid(there[key][column], value)
        }
        if columns:
            wrong.append(f"{name} says something else in {', '.join(sorted(columns))}")
    return wrong


def _same_or_unsaid(there: Any, here: Any) -> bool:
    if isinstance(there, str) and isinstance(here, str) and there[:1] == here[:1] == "{":
        there, here = json.loads(there), json.loads(here)  # a column of JSON, in which null is not said either
    if isinstance(there, dict) and isinstance(here, dict):
        return all(_same_or_unsaid(there.get(name), value) for name, value in here.items())
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        return all(_same_or_unsaid(one, other) for one, other in zip(there, here, strict=True))
    return there == here or here in (None, [], "unknown")


def test_declared_secrets_are_in_no_row_and_no_answer(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    secret = sorted({field for name in PASSES[lead] for field in DATASETS[name].secret_fields})
    if bench is None or not secret:
        return
    found = known.clean(lead)
    for shape in (MARK, {"Inner": MARK}, [MARK]):  # a client refuses text where it knows a structure
        with bench.altering(lambda _, body, shape=shape: planted(body, secret, shape)):
            found = known.full.read(lead, known.item(lead))
        if found.error is None:
            break
    assert found.error is None, f"{lead} can't be read with its secrets in the answers: {found.error!r}"
    assert MARK.encode() not in found.answers, f"a declared secret is in a stored answer of {lead}: {secret}"
    for name in PASSES[lead]:
        held = {
            column
            for row in found.rows[name]
            for column, value in row.items()
            if MARK in json.dumps(value, default=str)
        }
        assert not held, f"a declared secret is in {', '.join(sorted(held))} of {name}"


def test_a_stream_is_handed_over_as_it_is_read(lead: str, known: Companies) -> None:
    """A snapshot is as large as the company; what happened grows without end, so nothing may wait for all of it."""
    bench = bench_of(lead)
    if bench is None or not any(DATASETS[name].kind == "event_stream" for name in PASSES[lead]) or lead in HELD:
        return
    with bench.small_pages(known.small(lead)):
        found = known.full.read(lead, known.item(lead))
    assert found.error is None
    rows = sum(len(one) for one in found.rows.values())
    assert found.held <= max(12, rows // 2), f"{lead} holds {found.held} of {rows} rows before it hands them over"
