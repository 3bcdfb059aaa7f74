"""Telling on-call that a collection failed: one message for each cause, with what is lost by when and what to run."""

from __future__ import annotations

from collections.abc import Iterable

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from connectors.notify import channels, send
from connectors.workspace import Workspace
from evidence.alert import AffectedCell, Alert, FailedCollection, compose
from evidence.completeness.matrix import Matrix, MatrixCell
from evidence.completeness.severity import COVERED
from schemas.collection import Claim
from schemas.errors import RetriableError


def _is_retriable(_: object, __: object, state: object) -> bool:
    try:
        state.result()  # type: ignore[attr-defined]
    except RetriableError:
        return True
    except BaseException:  # noqa: BLE001 - asked only whether to retry; the error itself stays in the state
        return False
    return False


@task(
    name="alert",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[30.0, 120.0, 600.0],
    retry_condition_fn=_is_retriable,
)
def send_alerts(workspace: Workspace, alerts: list[Alert]) -> int:
    """Send each alert to every channel of the programme; the number sent.

    Raises RetriableError when a channel did not take one, so that the run fails and the silence is visible.
    """
    found = channels(
        (alert.model_dump(exclude_none=True) for alert in workspace.loaded.programme.alerts), workspace.environ
    )
    logger = get_run_logger()
    if not found:
        for alert in alerts:
            logger.warning("no alert channel is configured under `alerts`; not sent: %s", alert.summary)
        return 0
    for alert in alerts:
        send(found, alert.summary, alert.body)
        logger.info("alert sent: %s", alert.summary)
    return len(alerts)


def alerts_for(workspace: Workspace, matrix: Matrix, failures: Iterable[Claim]) -> list[Alert]:
    """The messages about failed claims, from the cells they leave without proof."""
    failed = [
        FailedCollection(
            system=claim.dataset.partition(".")[0],
            dataset=claim.dataset,
            scope_item_id=claim.scope_item_id,
            scope_item=claim.scope_item,
            kind=claim.failure.kind,
            message=claim.failure.message,
            permission=claim.failure.permission,
            cells=tuple(_affected(cell) for cell in matrix.cells if _depends_on(cell, claim)),
        )
        for claim in failures
        if claim.failure is not None
    ]
    return compose(failed, matrix.as_of, program=str(workspace.path), simulated=workspace.store.simulated)


def _depends_on(cell: MatrixCell, claim: Claim) -> bool:
    clipped = cell.cell.clipped
    if clipped is None or cell.scope_item_id != claim.scope_item_id or cell.cell.state in COVERED:
        return False
    if not any(group.dataset == claim.dataset for group in cell.row.groups):
        return False
    if claim.start is None or claim.end is None:
        return clipped.start <= claim.started_at < clipped.end
    return claim.start < clipped.end and clipped.start < claim.end


def _affected(cell: MatrixCell) -> AffectedCell:
    judged = cell.cell
    return AffectedCell(
        control_id=cell.control_id,
        control_title=cell.row.control.title,
        evidence_id=cell.evidence_id,
        window_id=cell.window_id,
        scope_item_id=cell.scope_item_id,
        scope_item=cell.scope_item,
        until=judged.next_loss or judged.until,
        lost=judged.gap == "unrecoverable" and judged.next_loss is None,
    )
