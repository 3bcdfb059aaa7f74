"""The catalogue: every control, in the order of the report. Validated when it is imported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from evidence.controls import (
    availability,
    change_management,
    confidentiality,
    governance,
    logical_access,
    system_operations,
    vendors,
)
from evidence.controls.criteria import EDITION, criterion
from evidence.controls.model import Control, EvidenceLine, Family, Source
from evidence.controls.sources import SOURCES
from schemas.dataset import Dataset

CATALOGUE_ID = "soc2-default"
CATALOGUE_VERSION = "1.0.0"

CATALOGUE: tuple[Control, ...] = (
    *governance.CONTROLS,
    *logical_access.CONTROLS,
    *system_operations.CONTROLS,
    *change_management.CONTROLS,
    *vendors.CONTROLS,
    *availability.CONTROLS,
    *confidentiality.CONTROLS,
)
"""Every control, by family."""


def validate(controls: Iterable[Control]) -> None:
    """Raise ValueError for a catalogue that contradicts itself, saying which declaration to correct."""
    seen: set[str] = set()
    for declared in controls:
        if declared.id in seen:
            raise ValueError(f"control {declared.id} is declared twice; ids are never used again")
        seen.add(declared.id)
        for reference in declared.criteria:
            try:
                criterion(reference)
            except KeyError as error:
                raise ValueError(f"control {declared.id}: {error.args[0]}") from error
        if not declared.criteria:
            raise ValueError(f"control {declared.id} is mapped to no criterion")
        if declared.test is not None and not any(line.is_population for line in declared.evidence):
            raise ValueError(f"control {declared.id} has a test and no evidence line that carries its population")
        if declared.test is not None and not declared.exception_codes:
            raise ValueError(f"control {declared.id} has a test that can't fail: it declares no exception code")
        for line in declared.evidence:
            _validate_line(declared, line)


def _validate_line(declared: Control, line: EvidenceLine) -> None:
    where = f"control {declared.id}, evidence line {line.id}"
    for source in (*line.sources, *((line.reconstructible_from,) if line.reconstructible_from else ())):
        if SOURCES.get(source.id) is not source:
            raise ValueError(f"{where}: source {source.id} is not that of the retention table")
    if line.is_population and not line.datasets and not line.by_people:
        raise ValueError(f"{where} carries the population and has no dataset to take it from")
    for dataset in line.datasets.values():
        if dataset.kind != ("event_stream" if line.mode == "response" else line.kind):
            raise ValueError(f"{where} is a {line.kind}, its dataset {dataset.name} a {dataset.kind}")


validate(CATALOGUE)
validate(CATALOGUE)

_BY_ID: Mapping[str, Control] = {declared.id: declared for declared in CATALOGUE}


def _by_family() -> dict[Family, tuple[Control, ...]]:
    families: dict[Family, tuple[Control, ...]] = {}
    for declared in CATALOGUE:
        families[declared.family] = (*families.get(declared.family, ()), declared)
    return families


FAMILIES: Mapping[Family, tuple[Control, ...]] = MappingProxyType(_by_family())
"""Controls by family, families in the order of the catalogue."""


def control(control_id: str) -> Control:
    """The control of that id. KeyError with the known ones if there is none."""
    try:
        return _BY_ID[control_id]
    except KeyError:
        raise KeyError(f"{control_id!r} is no control of the catalogue; it has {', '.join(_BY_ID)}") from None


def datasets() -> tuple[Dataset, ...]:
    """Every dataset that any control needs, each once, in the order of the catalogue."""
    found: dict[str, Dataset] = {}
    for declared in CATALOGUE:
        for line in declared.evidence:
            for _, dataset in line.collected():
                found.setdefault(dataset.name, dataset)
    return tuple(found.values())


def catalogue_digest() -> str:
    """`sha256:<hex>` over the declarations: what every verdict names as the version it was judged by.

    Covers everything that decides what is expected and how it is judged: lines with all their numbers, sources with
    what they remember, datasets with their versions, tests by name and version, and the words of the rules.
    """
    return digest_of(CATALOGUE)


def digest_of(controls: Iterable[Control]) -> str:
    """The digest of any list of controls, as `catalogue_digest` makes it."""
    document = {
        "catalogue": CATALOGUE_ID,
        "version": CATALOGUE_VERSION,
        "criteria_edition": EDITION,
        "controls": [_control(declared) for declared in controls],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _control(declared: Control) -> dict[str, Any]:
    test = declared.test
    return {
        "id": declared.id,
        "title": declared.title,
        "family": declared.family,
        "criteria": list(declared.criteria),
        "tier": declared.tier,
        "nature": list(declared.nature),
        "category": declared.category,
        "frequency_class": declared.frequency_class,
        "scope_kind": declared.scope_kind,
        "must_show": declared.must_show,
        "population": declared.population,
        "exception_codes": list(declared.exception_codes),
        "replaces": declared.replaces,
        "limits": list(declared.limits),
        "test": None if test is None else f"{test.__module__}.{test.__qualname__}",
        "test_version": declared.test_version,
        "evidence": [_line(line) for line in declared.evidence],
    }


def _line(line: EvidenceLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind,
        "mode": line.mode,
        "window_cadence": line.window_cadence,
        "collect_every": line.collect_every,
        "due_days": line.due_days,
        "grace_days": line.grace_days,
        "lag_hours": line.lag_hours,
        "target_gap_hours": line.target_gap_hours,
        "max_gap_hours": line.max_gap_hours,
        "min_count": line.min_count,
        "late_limit_days": line.late_limit_days,
        "pack_max_age_days": line.pack_max_age_days,
        "is_population": line.is_population,
        "recordable": line.recordable,
        "description": line.description,
        "sources": [_source(source) for source in line.sources],
        "reconstructible_from": None if line.reconstructible_from is None else _source(line.reconstructible_from),
        "datasets": {system: [dataset.name, dataset.version] for system, dataset in line.datasets.items()},
        "supporting": {
            system: [[dataset.name, dataset.version] for dataset in found] for system, found in line.supporting.items()
        },
    }


def _source(source: Source) -> dict[str, Any]:
    return {"id": source.id, "plan_days": source.plan_days}
