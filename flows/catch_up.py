"""Catching up: what is missing and still recoverable is collected, soonest loss first.

Prefect never creates runs for times in the past. So this flow compares what is expected with what the ledger holds and
collects the difference; running it twice does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from connectors.matrix import matrix_of
from connectors.registry import DATASETS, extractor_for
from connectors.workspace import Workspace
from evidence.collection_plan import CollectionStep, inventory_steps, steps_of_missing
from evidence.completeness.missing import missing_work
from evidence.controls.catalogue import CATALOGUE
from evidence.controls.model import Control, Family
from flows.family import opened, reported, run_steps, telling_on_call
from tasks.collection import Collected
from tasks.judging import test_controls


@flow(name="catch-up", persist_result=False)
def catch_up(
    program: str = "program.yaml",
    family: Family | None = None,
    control: str | None = None,
    window: str | None = None,
    scope: list[str] | None = None,
    simulated_now: datetime | None = None,
    retries: int = 3,
) -> dict[str, Any]:
    """Collect what is missing, for all controls, a family's or one; `scope` are ids or names of scope items."""
    workspace = opened(program, "catch_up", simulated_now, retries, may_begin=True)
    workspace.require_window(window)
    collected = Collected()
    with telling_on_call(workspace, "catch_up", retries, collected):
        history = workspace.require_recorded()
        systems = history.systems_at(workspace.now())
        inventories = inventory_steps(workspace.scope(history), CATALOGUE, systems)
        run_steps(workspace, inventories, "catch_up", retries, collected)
        controls = [one for one in CATALOGUE if family in (None, one.family) and control in (None, one.id)]
        steps = missing_steps(workspace, controls, window, scope)
        for step in steps:
            if step.system not in systems:
                # What was left out of the programme stays expected up to then, and nobody is there to be asked for it.
                get_run_logger().warning("not collected: %s is no longer part of the programme", step.system)
        run_steps(workspace, [step for step in steps if step.system in systems], "catch_up", retries, collected)
        if collected.claims:
            test_controls(workspace, controls, workspace.now())
        return reported(workspace, "catch_up", collected, window, retries)


def missing_steps(
    workspace: Workspace,
    controls: Sequence[Control] = CATALOGUE,
    window: str | None = None,
    scope: Sequence[str] | None = None,
) -> list[CollectionStep]:
    """The collection steps for everything missing that can still be had."""
    now = workspace.now()
    requests = missing_work(
        matrix_of(workspace, now),
        now,
        control_ids=[control.id for control in controls],
        window_id=window,
        scope_items=scope,
    )
    return steps_of_missing(requests, DATASETS, lambda dataset: extractor_for(dataset.name))
