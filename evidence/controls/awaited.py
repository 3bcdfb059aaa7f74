"""Datasets that the catalogue names and nothing collects yet.

A line is bound to the datasets that prove it. While one of them has no extractor it is left out of the catalogue: its
cells are not made, and the line is listed as not configured. Whoever adds an extractor takes the name off this list; a
test demands that the catalogue's datasets are those of the registry.
"""

from __future__ import annotations

from dataclasses import replace

from evidence.controls.model import Control, EvidenceLine

AWAITED: frozenset[str] = frozenset()


def without_awaited(control: Control) -> Control:
    """The control with the datasets that are collected."""
    return replace(control, evidence=tuple(_line(line) for line in control.evidence))


def _line(line: EvidenceLine) -> EvidenceLine:
    if not any(dataset.name in AWAITED for _, dataset in line.collected()):
        return line
    datasets = {system: one for system, one in line.datasets.items() if one.name not in AWAITED}
    left = {system: tuple(one for one in found if one.name not in AWAITED) for system, found in line.supporting.items()}
    return replace(
        line,
        datasets=datasets,
        supporting={system: found for system, found in left.items() if found},
        is_population=line.is_population and bool(datasets),
    )
