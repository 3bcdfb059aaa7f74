"""What the page shows beside the completeness document: titles, explanations, attempts, exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from connectors.outcomes import stored_outcomes
from dashboard.publish import CellProof, PageFacts
from evidence.completeness.explain import explain
from evidence.completeness.ledger_facts import StoredClaim
from evidence.completeness.matrix import Matrix, MatrixCell
from schemas.instants import format_instant

if TYPE_CHECKING:
    from connectors.workspace import Workspace


def page_facts(workspace: Workspace, matrix: Matrix) -> PageFacts:
    """Facts for the page of one matrix."""
    exceptions: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in stored_outcomes(workspace, matrix.as_of):
        if row["outcome"] in ("exception", "unknown"):
            key = (row["control_id"], row["evidence_id"], row["window_id"], row["scope_item_id"])
            exceptions.setdefault(key, []).append(row)
    proofs = {
        "/".join((cell.control_id, cell.evidence_id, cell.window_id, cell.scope_item_id)): CellProof(
            explanation=explain(cell, matrix.as_of),
            attempts=list(_attempts(cell)),
            exceptions=exceptions.get((cell.control_id, cell.evidence_id, cell.window_id, cell.scope_item_id), ()),
        )
        for cell in matrix.cells
    }
    titles = {
        row.control.id: (row.control.title, row.control.criteria)
        for row in {id(c.row): c.row for c in matrix.cells}.values()
    }
    return PageFacts(
        organisation=matrix.history.current.programme["organisation"],
        titles=titles,
        proofs=proofs,
        program=workspace.path.name,
    )


def _attempts(cell: MatrixCell) -> Iterator[Mapping[str, Any]]:
    """Collections that bear on the cell's window, failed ones too: a gap that was filled keeps its history."""
    clipped = cell.cell.clipped
    if clipped is None:
        return
    for stored in cell.row.claims():
        claim = stored.claim
        at = claim.observed_at or claim.started_at
        meets = (
            claim.start < clipped.end and clipped.start < claim.end
            if claim.start is not None and claim.end is not None
            else clipped.start <= at < clipped.end
        )
        if meets:
            yield _attempt(stored)


def _attempt(stored: StoredClaim) -> Mapping[str, Any]:
    claim = stored.claim
    if claim.start is not None and claim.end is not None:
        span = f"{format_instant(claim.start)} to {format_instant(claim.end)}"
    else:
        span = f"state at {format_instant(claim.observed_at)}" if claim.observed_at else "nothing"
    return {
        "ledger": stored.seq,
        "recorded_at": format_instant(stored.recorded_at),
        "status": claim.status,
        "error": None if claim.error is None else claim.error["message"],
        "span": span,
        "rows": claim.rows,
    }
