"""The one number of section 10 that may be shown beside the verdict: the minimum over criteria of covered time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.completeness.coverage import Span, intersect, length, merge, subtract
from evidence.completeness.instants import HOUR, ticks
from evidence.completeness.model import Cell, Period
from evidence.completeness.severity import COVERED
from evidence.completeness.windows import period_bounds


@dataclass(frozen=True, slots=True)
class CriterionTime:
    """Covered time of one criterion.

    `share` is covered over elapsed period-hours, None where no requirement was ever in effect. Time in which none
    was in effect or applicable counts as uncovered: the opinion is about the whole period.
    """

    criterion: str
    covered_hours: float
    elapsed_hours: float
    share: float | None
    permanent_gaps: int


def covered_time(
    period: Period,
    cells_by_criterion: Mapping[str, Iterable[Cell]],
    as_of: datetime,
    settle: timedelta = timedelta(0),
) -> list[CriterionTime]:
    """Per criterion the time in which every core requirement mapped to it was covered, smallest share first.

    `settle` is the longest settle lag of the requirements: younger time can't be proven yet and is not counted. The
    first entry is the number to show, always with its count of permanent gaps; criteria without a share come last.
    """
    start, end = period_bounds(period)
    elapsed: list[Span] = merge([(start, min(end, ticks(as_of - settle)))])
    rows = [_criterion(name, list(cells), elapsed) for name, cells in cells_by_criterion.items()]
    return sorted(rows, key=lambda row: (row.share is None, row.share or 0.0, row.criterion))


def _criterion(name: str, cells: list[Cell], elapsed: list[Span]) -> CriterionTime:
    required: list[Span] = []
    uncovered: list[Span] = []
    for cell in cells:
        if cell.clipped is None or cell.state == "not_applicable":
            continue
        window = (ticks(cell.clipped.start), ticks(cell.clipped.end))
        required.append(window)
        uncovered += _uncovered(cell, window)
    proven = subtract(intersect(elapsed, merge(required)), uncovered)
    total = length(elapsed)
    lost = sum(cell.gap == "unrecoverable" and cell.state not in COVERED for cell in cells)
    share = length(proven) / total if required and total else None
    return CriterionTime(name, length(proven) / HOUR, total / HOUR, share, lost)


def _uncovered(cell: Cell, window: Span) -> list[Span]:
    holes = [(ticks(hole.start), ticks(hole.end)) for hole in cell.holes]
    if cell.state in COVERED:
        return holes  # an annual lapse that was ended later was uncovered while it lasted
    # Holes say where a stream, or a snapshot line with its quorum, is not proven. Everything else (a missed quorum, a
    # missing signature, an unconfirmed zero, a window not proven yet) leaves the whole window without proof.
    if cell.kind == "event_stream" and cell.state != "empty_unconfirmed":
        return holes
    if cell.kind == "snapshot" and not cell.snapshots_missing and holes:
        return holes
    return [window]
