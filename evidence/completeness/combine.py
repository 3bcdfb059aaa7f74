"""Several source groups behind one evidence line: each is judged by itself, then they make one cell.

"The cell takes the worst state, all holes and the earliest until" (catalogue conventions, `which_sources`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from evidence.completeness.model import Cell, Gap
from evidence.completeness.severity import COVERED, severity


def combine(cells: Sequence[Cell]) -> Cell:
    """One cell out of the cells of every source group for the same requirement, window and scope item.

    Counts of exceptions and pending outcomes belong to the cell, so every group carries the same ones and the
    largest is taken; populations of different sources add up, and are unknown if one is. Raises ValueError for no
    cells or cells of different windows.
    """
    if not cells:
        raise ValueError("no source group: a line without a configured source makes no cell")
    if len({cell.window_id for cell in cells}) > 1:
        raise ValueError(f"cells of different windows: {', '.join(sorted({cell.window_id for cell in cells}))}")
    if len(cells) == 1:
        return cells[0]
    worst = min(cells, key=lambda cell: severity(cell.state, cell.gap))
    # The order of section 5 puts `not_due` behind the covered states. Taken literally, one group that is done early
    # would make the cell read as proven while another has yet to begin; as in the decision procedure, not all proof
    # is there, so the window is simply not due.
    waiting = [cell for cell in cells if cell.state == "not_due"]
    if waiting and worst.state in COVERED:
        worst = waiting[0]
    # A group that expects nothing has nothing to count and no proof to wait for.
    expected = [cell for cell in cells if cell.state not in ("not_in_effect", "not_applicable")] or list(cells)
    counts = [cell.population_count for cell in expected]
    proofs = [cell.first_proof_at for cell in expected]
    return replace(
        worst,
        gap=_worst_gap(cell.gap for cell in cells),
        until=_earliest(cell.until for cell in cells),
        next_loss=_earliest(cell.next_loss for cell in cells),
        holes=tuple(
            sorted({hole for cell in cells for hole in cell.holes}, key=lambda hole: (hole.start, hole.end, repr(hole)))
        ),
        flags=tuple(sorted({flag for cell in cells for flag in cell.flags})),
        population_count=None if None in counts else sum(count for count in counts if count is not None),
        exceptions_open=max(cell.exceptions_open for cell in cells),
        outcomes_pending=max(cell.outcomes_pending for cell in cells),
        # Complete when the last group was.
        first_proof_at=None if None in proofs else max(proof for proof in proofs if proof is not None),
        revision=max(cell.revision for cell in cells),
        snapshots_missing=max(cell.snapshots_missing for cell in cells),
    )


def _worst_gap(gaps: Iterable[Gap]) -> Gap:
    found = set(gaps)
    if "unrecoverable" in found:
        return "unrecoverable"
    return "recoverable" if "recoverable" in found else "none"


def _earliest(instants: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
