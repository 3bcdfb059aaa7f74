"""Tests of controls, the completeness matrix, its page, the anchor of the ledger's head, as Prefect tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from connectors.anchor import anchor_head
from connectors.anchor_targets import anchor_targets
from connectors.matrix import matrix_of
from connectors.outcomes import run_tests
from connectors.workspace import Workspace
from dashboard.page_facts import write_page
from evidence.completeness.matrix import Matrix
from evidence.controls.model import Control


@task(name="test-controls", cache_policy=NO_CACHE, persist_result=False)
def test_controls(workspace: Workspace, controls: Sequence[Control], as_of: datetime) -> dict[str, int]:
    """Test every control over the whole period so far; the number of outcome rows by control."""
    logger = get_run_logger()
    counts: dict[str, int] = {}
    for run in run_tests(workspace, controls, as_of=as_of):
        counts[run.control_id] = len(run.outcomes)
        exceptions = sum(1 for outcome in run.outcomes if outcome.outcome == "exception")
        logger.info("%s: %d items tested, %d exceptions", run.control_id, len(run.outcomes), exceptions)
    return counts


test_controls.__test__ = False  # pyright: ignore[reportAttributeAccessIssue] - not a test case, whatever its name


@task(name="assess-completeness", cache_policy=NO_CACHE, persist_result=False)
def assess(workspace: Workspace, as_of: datetime) -> Matrix:
    """The matrix as known at `as_of`."""
    return matrix_of(workspace, as_of)


@task(name="publish-page", cache_policy=NO_CACHE, persist_result=False)
def publish(workspace: Workspace, matrix: Matrix, to: Path) -> Path:
    """Write the static page; it replaces the one before, because a page is a view and no evidence."""
    write_page(workspace, matrix, to)
    return to


@task(name="anchor-head", cache_policy=NO_CACHE, persist_result=False)
def anchor(workspace: Workspace) -> list[int]:
    """Send the ledger's head to every configured place out of the operator's reach; the entries that record it."""
    return [
        anchor_head(workspace.store, target)["seq"]
        for target in anchor_targets(workspace.loaded.programme, workspace.environ)
    ]
