"""What the page shows beside the completeness document: titles, explanations, attempts, exceptions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.outcomes import stored_outcomes
from dashboard.publish import CellProof, PageFacts, page
from dashboard.work import Cause
from evidence.completeness.explain import explain
from evidence.completeness.ledger_facts import StoredClaim
from evidence.completeness.matrix import Matrix, MatrixCell
from evidence.completeness.model import Interval
from evidence.completeness.severity import COVERED
from schemas.errors import ConfigurationError
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
            explanation=_explanation(cell, matrix),
            attempts=list(_attempts(cell)),
            exceptions=exceptions.get((cell.control_id, cell.evidence_id, cell.window_id, cell.scope_item_id), ()),
            cause=_cause(cell),
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


def _explanation(cell: MatrixCell, matrix: Matrix) -> str:
    """The cell in plain words, without its name, which stands above it on the page."""
    name = f"{cell.control_id} {cell.evidence_id}, {cell.scope_item}, {cell.window_id}: "
    return explain(cell, matrix.as_of).removeprefix(name)


def write_page(workspace: Workspace, matrix: Matrix, to: Path) -> None:
    """Write the static page; readers see the old one or the new one, never half of it."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the folder of {to} can't be made: {error.strerror}") from error
    html = page(matrix.to_json(), page_facts(workspace, matrix))
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        draft.write_text(html, encoding="utf-8")
        draft.replace(to)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigurationError(f"the page can't be written to {to}: {error.strerror}") from error


def _cause(cell: MatrixCell) -> Cause | None:
    """Why the latest attempt for an open cell came to nothing or saw too little; None where it did not."""
    clipped = cell.cell.clipped
    if clipped is None or cell.cell.state in COVERED:
        return None
    bearing = [stored for stored in cell.row.claims() if _meets(stored, clipped)]
    latest = max(bearing, key=lambda stored: (stored.claim.started_at, stored.seq), default=None)
    if latest is None:
        return None
    error, cut_off = latest.claim.error, latest.claim.reconciliation
    if error is not None:
        return Cause(str(error["message"]), error.get("permission"))
    return Cause(cut_off) if latest.claim.status == "truncated" and cut_off else None


def _attempts(cell: MatrixCell) -> Iterator[Mapping[str, Any]]:
    """Collections that bear on the cell's window, failed ones too: a gap that was filled keeps its history."""
    clipped = cell.cell.clipped
    if clipped is None:
        return
    for stored in cell.row.claims():
        if _meets(stored, clipped):
            yield _attempt(stored)


def _meets(stored: StoredClaim, window: Interval) -> bool:
    claim = stored.claim
    if claim.start is not None and claim.end is not None:
        return claim.start < window.end and window.start < claim.end
    return window.start <= (claim.observed_at or claim.started_at) < window.end


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
        "error": claim.error["message"]
        if claim.error
        else claim.reconciliation
        if claim.status == "truncated"
        else None,
        "span": span,
        "rows": claim.rows,
    }
