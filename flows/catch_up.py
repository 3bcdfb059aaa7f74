"""Catching up: what is missing and still recoverable is collected, soonest loss first.

Prefect never creates runs for times in the past. So this flow compares what is expected with what the ledger holds and
collects the difference; running it twice does no harm.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow

from connectors.matrix import matrix_of
from connectors.registry import DATASETS, extractor_for
from connectors.store.clock import clock_of
from connectors.workspace import Workspace, open_workspace
from evidence.collection_plan import CollectionStep, inventory_steps, steps_of_missing
from evidence.completeness.missing import missing_work
from evidence.controls.catalogue import CATALOGUE
from flows.family import reported, require_window, run_steps, telling_on_call
from tasks.judging import test_controls


@flow(name="catch-up", persist_result=False)
def catch_up(
    program: str = "program.yaml",
    control: str | None = None,
    window: str | None = None,
    scope: str | None = None,
    simulated_now: datetime | None = None,
    retries: int = 3,
) -> dict[str, Any]:
    """Collect what is missing, for all controls or the one named."""
    workspace = open_workspace(Path(program), now=clock_of(simulated_now), create=True)
    require_window(workspace, window)
    with telling_on_call(workspace, "catch_up", retries):
        history = workspace.require_recorded()
        collected = run_steps(workspace, inventory_steps(workspace.scope(history), CATALOGUE), "catch_up", retries)
        later = run_steps(workspace, missing_steps(workspace, control, window, scope), "catch_up", retries)
        collected.claims.update(later.claims)
        if collected.claims:
            test_controls(workspace, [one for one in CATALOGUE if control in (None, one.id)], workspace.now())
        return reported(workspace, collected, window, retries)


def missing_steps(
    workspace: Workspace, control: str | None = None, window: str | None = None, scope: str | None = None
) -> list[CollectionStep]:
    """The collection steps for everything missing that can still be had."""
    now = workspace.now()
    requests = missing_work(matrix_of(workspace, now), now, control_id=control, window_id=window, scope_item_id=scope)
    return steps_of_missing(requests, DATASETS, lambda dataset: extractor_for(dataset.name))
