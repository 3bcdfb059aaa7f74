"""One static, self-contained page of the completeness matrix: no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from dashboard import matrix, wording, work
from dashboard.work import Cause

Json = Mapping[str, Any]

DETAIL_LIMIT = 3000
"""Above this number of cells the page carries details only for those that need attention, and says so: a browser takes
several seconds to lay out tens of thousands of sections."""


@dataclass(frozen=True, slots=True)
class CellProof:
    """What stands behind a cell: the collection attempts, good and bad, and the exceptions found."""

    explanation: str = ""
    attempts: Sequence[Json] = ()
    """Each with ledger (sequence number), recorded_at, status, span, rows, error."""
    exceptions: Sequence[Json] = ()
    """Each with item_id, event_time, outcome, codes, explanation."""
    cause: Cause | None = None
    """Why the latest attempt failed, for a cell that is still open."""


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


@dataclass(frozen=True, slots=True)
class DoFirst:
    """What comes first: the page's first lines."""

    permissions: Sequence[tuple[str, int]]
    """Rights to grant, each with the number of cells that wait for it."""
    collect: int
    """Cells that can still be collected."""
    next_loss: str | None
    decide: int
    undecided: Sequence[Json]
    """Items that nobody has decided about: in scope or out."""
    lost: int

    @property
    def nothing(self) -> bool:
        return not (self.collect or self.decide or self.undecided or self.lost)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "when": wording.when, "left": wording.left, "month": wording.month, "counted": wording.counted,
    }  # fmt: skip
    environment.filters.update(filters)
    return environment


def page(document: Json, facts: PageFacts) -> str:
    """The page as HTML. Same input, same bytes."""
    cells: list[Json] = document["cells"]
    everything = len(cells) <= DETAIL_LIMIT
    detailed = [
        (cell, matrix.look_of(cell), matrix.anchor_of(cell), facts.proofs.get(matrix.anchor_of(cell), CellProof()))
        for cell in cells
        if cell["state"] != "not_in_effect" and (everything or matrix.look_of(cell).tone not in ("good", "none"))
    ]
    causes = {anchor: proof.cause for anchor, proof in facts.proofs.items() if proof.cause is not None}
    entries = {kind: work.work_entries(cells, kind, causes) for kind in ("collect", "decide", "lost")}
    counts = {kind: sum(len(entry.items) for entry in found) for kind, found in entries.items()}
    return (
        _environment()
        .get_template("matrix.html")
        .render(
            document=document,
            facts=facts,
            verdict=VERDICTS[document["rollup"]["verdict"]],
            first=DoFirst(
                permissions=work.missing_permissions(cells, causes),
                collect=counts["collect"],
                next_loss=min((entry.next_loss for entry in entries["collect"] if entry.next_loss), default=None),
                decide=counts["decide"],
                undecided=document.get("scope_undecided", ()),
                lost=counts["lost"],
            ),
            entries=entries,
            exceptions=work.exception_groups(cells, {a: proof.exceptions for a, proof in facts.proofs.items()}),
            months=matrix.months_of(document["period"], cells),
            controls=matrix.control_rows(document, facts.titles),
            counts=matrix.state_counts(document),
            detailed=detailed,
            shown={anchor for _, _, anchor, _ in detailed},
            everything=everything,
        )
    )
