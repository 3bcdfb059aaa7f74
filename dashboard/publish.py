"""One static, self-contained page of the completeness matrix: no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from dashboard import matrix

Json = Mapping[str, Any]

DETAIL_LIMIT = 3000
"""Above this number of cells the page carries details only for those that need attention, and says so: a browser takes
several seconds to lay out tens of thousands of sections."""


@dataclass(frozen=True, slots=True)
class CellProof:
    """What stands behind a cell: the collection attempts, good and bad, and the exceptions found."""

    explanation: str = ""
    attempts: Sequence[Json] = ()
    """Each with ledger (sequence number), recorded_at, status, from, to or observed_at, rows, error."""
    exceptions: Sequence[Json] = ()
    """Each with item_id, event_time, outcome, codes, explanation."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Facts that are not in the completeness document."""

    organisation: str
    titles: Mapping[str, tuple[str, tuple[str, ...]]]
    """Control id to title and criteria."""
    proofs: Mapping[str, CellProof] = field(default_factory=dict[str, CellProof])
    """By the cell's anchor (`dashboard.matrix.anchor_of`)."""
    program: str = "program.yaml"


VERDICTS = {
    "permanent_gaps": "Evidence is lost for good",
    "open_gaps": "Evidence is missing",
    "in_progress": "In progress, nothing missing so far",
    "nothing_expected": "Nothing was expected",
    "complete_with_deviations": "Complete, with deviations",
    "complete": "Complete",
}


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(document: Json, facts: PageFacts) -> str:
    """The page as HTML. Same input, same bytes."""
    cells: list[Json] = document["cells"]
    everything = len(cells) <= DETAIL_LIMIT
    detailed = [
        (cell, matrix.look_of(cell), matrix.anchor_of(cell), facts.proofs.get(matrix.anchor_of(cell), CellProof()))
        for cell in cells
        if cell["state"] != "not_in_effect" and (everything or matrix.look_of(cell).tone not in ("good", "none"))
    ]
    shown = {anchor for _, _, anchor, _ in detailed}
    return (
        _environment()
        .get_template("matrix.html")
        .render(
            document=document,
            facts=facts,
            verdict=VERDICTS[document["rollup"]["verdict"]],
            months=matrix.months_of(document["period"], cells),
            controls=matrix.control_rows(document, facts.titles),
            work=[(cell, matrix.look_of(cell), matrix.anchor_of(cell)) for cell in matrix.needs_work(document)],
            counts=matrix.state_counts(document),
            detailed=detailed,
            shown=shown,
            everything=everything,
        )
    )
