"""Observation-period completeness: tests of controls, the matrix, the page, the anchor of the ledger's head."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from evidence.completeness.json_form import roll_up_json
from evidence.controls.catalogue import CATALOGUE
from flows.family import channels_of, opened, telling_on_call
from tasks.judging import anchor, assess, publish, test_controls


@flow(name="completeness", persist_result=False)
def completeness(
    program: str = "program.yaml",
    publish_to: str | None = None,
    simulated_now: datetime | None = None,
    retries: int = 3,
) -> dict[str, Any]:
    """Judge the whole period as known now, publish the page and send the ledger's head outside; gives the roll-up.

    The page goes to `publish_to`, else to where `EVIDENCE_PAGE` says on the worker's machine, else nowhere. `retries`
    is how often an alert that was not delivered is tried again.
    """
    workspace = opened(program, "completeness", simulated_now, retries)
    with telling_on_call(workspace, "completeness", retries):
        workspace.require_recorded()
        as_of = workspace.now()
        test_controls(workspace, CATALOGUE, as_of)
        matrix = assess(workspace, as_of)
        page = publish_to or workspace.environ.get("EVIDENCE_PAGE")
        if page:
            publish(workspace, matrix, Path(page))
        anchor(workspace)
        # Once a day, so that a channel whose secret went missing is noticed before there is something to tell.
        channels_of(workspace)
    rollup: dict[str, Any] = dict(roll_up_json(matrix.rollup))
    create_markdown_artifact(
        key="completeness",
        markdown="\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rollup.items())]),
        description="The verdict of the latest completeness run.",
    )
    return rollup
