"""The completeness matrix of a workspace: ledger, programme and inventory brought together."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from connectors.store.integrity import damaged_objects
from evidence.completeness.assemble import assemble
from evidence.completeness.matrix import Matrix
from evidence.controls.catalogue import CATALOGUE, catalogue_digest

if TYPE_CHECKING:
    from connectors.workspace import Workspace


def matrix_of(workspace: Workspace, as_of: datetime) -> Matrix:
    """The matrix as known at `as_of`. VerificationFailed where the ledger is not whole."""
    return assemble(
        workspace.store.index(),
        workspace.history(as_of),
        CATALOGUE,
        workspace.inventory(as_of),
        as_of,
        catalogue_digest=catalogue_digest(),
        ledger_head=workspace.store.head_at(as_of),
        damaged=damaged_objects(workspace.store),
    )
