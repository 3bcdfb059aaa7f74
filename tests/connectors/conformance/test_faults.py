"""Every extractor under every way to fail: the whole population, or an error that says so. Never quietly less."""

from __future__ import annotations

from schemas.errors import ClockSkew, EvidenceError, NotLicensed, PermissionDenied
from tests.fakes.conformance import PASSES, Companies, bench_of
from tests.fakes.exceptions_of_sources import UNCOUNTED
from tests.fakes.readings import Reading
from tests.fakes.spoilt import KINDS, VARIANTS, Spoilt, plan

_OPERATIONS = 2
"""Operations of a pass that are refused, one after the other."""


def test_every_kind_of_fault_is_tried() -> None:
    assert set(VARIANTS) == set(KINDS)


def test_faults_take_nothing_away_quietly(lead: str, known: Companies) -> None:
    bench, item = bench_of(lead), known.item(lead)
    clean = known.clean(lead)
    quiet: list[str] = []
    uncounted: set[str] = set()
    size = known.small(lead)
    for spoilt in known.spoilt(lead):
        if bench is None:
            with spoilt.begin():
                found = known.full.read(lead, item)
        else:
            with bench.small_pages(size), spoilt.begin():
                found = known.full.read(lead, item)
        for name, words in _quietly_less(lead, clean, found, spoilt).items():
            if words == _UNCOUNTED:
                uncounted.add(name)
            else:
                quiet.append(f"{spoilt.name}: {name}: {words}")
        if spoilt.clock and not isinstance(found.error, ClockSkew):
            quiet.append(f"{spoilt.name}: the clock is off by ten minutes, and that is not said: {found.error!r}")
    assert not quiet, "\n".join(["less than everything was taken for everything:", *quiet])
    listed = {name for name in UNCOUNTED if name in PASSES[lead]}
    assert uncounted <= listed, (
        f"{sorted(uncounted - listed)}: a list that breaks off without a sign is taken for whole. Check it against a "
        "second figure of the source; where the source has none, say so in tests/fakes/exceptions_of_sources.py"
    )


_UNCOUNTED = "fewer rows, and no second figure"


def _quietly_less(lead: str, clean: Reading, found: Reading, spoilt: Spoilt) -> dict[str, str]:
    """What is wrong with the outcome, by dataset; nothing for an error of the product."""
    if found.error is not None:
        assert str(found.error).strip(), f"{spoilt.name}: an error without a word"
        return {}
    wrong: dict[str, str] = {}
    for name in PASSES[lead]:
        claim = found.claims[name]
        if claim.truncated:
            if not (claim.reconciliation or claim.proof or claim.drop_rules):
                wrong[name] = "truncated, and no word why"
            continue
        if not found.covers(name) and clean.covers(name):
            continue  # nothing is proven by it
        there, here = clean.typed(name), found.typed(name)
        if there == here:
            continue
        if set(there) <= set(here) and not spoilt.silent:
            wrong[name] = f"other rows: {_differences(there, here)}"
        elif spoilt.silent and claim.independent_count is None:
            wrong[name] = _UNCOUNTED
        else:
            wrong[name] = f"{len(here)} rows instead of {len(there)}: {_differences(there, here)}"
    return wrong


def _differences(there: dict, here: dict) -> str:  # type: ignore[type-arg]
    keys = [key for key in (*there, *here) if there.get(key) != here.get(key)]
    if not keys:
        return "none"
    one, other = there.get(keys[0]) or {}, here.get(keys[0]) or {}
    columns = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return f"{keys[0]} differs in {', '.join(columns[:4])}"


def test_a_missing_permission_is_named(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return  # files beside the programme need no rights at a source
    unnamed: list[str] = []
    for operation in known.some_operations(lead, _OPERATIONS):
        with plan(known.full.whole, {"source": bench.source, "kind": "forbidden", "match": operation, "times": None}):
            found = known.full.read(lead, known.item(lead))
        unnamed += _unnamed(lead, known.clean(lead), found, operation, PermissionDenied)
    assert not unnamed, "\n".join(unnamed)


def test_a_feature_outside_the_plan_is_said(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return
    unnamed: list[str] = []
    for operation in known.some_operations(lead, _OPERATIONS):
        if operation in ("token", "batch") or (bench.source == "github" and " " not in operation):
            continue  # no plan lacks tokens and batches, and of a query GitHub does not say that one does
        with plan(known.full.whole, {"source": bench.source, "match": operation, "times": None, **bench.unlicensed}):
            found = known.full.read(lead, known.item(lead))
        unnamed += _unnamed(lead, known.clean(lead), found, operation, NotLicensed)
    assert not unnamed, "\n".join(unnamed)


def _unnamed(lead: str, clean: Reading, found: Reading, operation: str, wanted: type[EvidenceError]) -> list[str]:
    """What is wrong where an operation was refused for good."""
    if found.error is None:
        wrong: list[str] = []
        for name in PASSES[lead]:
            claim = found.claims[name]
            before = clean.claims[name]
            told = (claim.reconciliation, claim.proof) != (before.reconciliation, before.proof)
            # Without a right nothing is whole; a feature that the plan lacks has nothing to show, if that is said.
            said = told and (claim.truncated or wanted is NotLicensed)
            if not said and found.covers(name) and found.typed(name) != clean.typed(name):
                wrong.append(f"{operation} was refused, and {name} is claimed with other rows and no word about it")
        return wrong
    if not isinstance(found.error, wanted):
        return [f"{operation} was refused ({wanted.__name__}), and the error is {found.error!r}"]
    if isinstance(found.error, PermissionDenied) and not found.error.permission:
        return [f"{operation} was refused, and no permission is named: {found.error}"]
    return []
