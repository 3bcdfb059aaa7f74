"""Telling on-call that a collection failed: one message for each cause, with what is lost by when and what to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from connectors.matrix import matrix_of
from connectors.notify import Channel, channels, send
from connectors.workspace import Workspace
from evidence.alert import AffectedCell, Alert, FailedCollection, compose, stopped
from evidence.completeness.matrix import Matrix, MatrixCell
from evidence.completeness.severity import COVERED
from evidence.inventory import INVENTORIES
from schemas.collection import Claim, Failure
from schemas.errors import ConfigurationError, EvidenceError, RetriableError
from schemas.programme import Programme
from tasks.retrying import passes_by_itself

_DELAYS: list[float] = [30.0, 120.0, 600.0]


class _Unsent:
    """What is still to be sent. Not a dataclass: Prefect would look through its fields, which hold secrets."""

    def __init__(self, found: Sequence[Channel], alerts: Sequence[Alert]) -> None:
        self.pairs = [(alert, channel) for alert in alerts for channel in found]


@task(name="alert", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=passes_by_itself)
def _send(unsent: _Unsent) -> None:
    """One attempt at every message to every channel that has not taken it yet."""
    failed: list[EvidenceError] = []
    for alert, channel in list(unsent.pairs):
        try:
            send([channel], alert.summary, alert.body, severity=alert.severity, dedup_key=alert.dedup_key)
        except (RetriableError, ConfigurationError) as error:
            failed.append(error)
        else:
            unsent.pairs.remove((alert, channel))
            get_run_logger().info("alert sent by %s: %s", channel.name, alert.summary)
    if failed:
        raise next((error for error in failed if isinstance(error, RetriableError)), failed[0])


def send_alerts(found: Sequence[Channel], alerts: Sequence[Alert], retries: int) -> None:
    """Send each alert to every channel, trying again up to `retries` times (at most 3), minutes apart, what was not
    taken.

    Raises RetriableError when a channel did not take one, ConfigurationError when its address is none.
    """
    if not found:
        for alert in alerts:
            get_run_logger().warning("no alert channel is configured under `alerts`; not sent: %s", alert.summary)
    if found and alerts:
        again = min(retries, len(_DELAYS))
        task_ = _send.with_options(retries=again, retry_delay_seconds=_DELAYS[:again]) if again else _send
        task_(_Unsent(found, alerts))


def alert_channels(programme: Programme, environ: Mapping[str, str]) -> list[Channel]:
    """Where the programme sends alerts. Raises ConfigurationError where a channel's secret is not there."""
    return channels((alert.model_dump(exclude_none=True) for alert in programme.alerts), environ, _secret_block)


def _secret_block(name: str) -> str:
    from prefect.blocks.system import Secret

    try:
        value = Secret.load(name).get()  # pyright: ignore[reportAttributeAccessIssue] - not awaited: no event loop here
    except ValueError as error:
        raise ConfigurationError(f"there is no Prefect Secret block named {name!r}; make it, or name a variable") from (
            error
        )
    return str(value)


def alert_of_stop(workspace: Workspace, flow: str, error: Exception) -> Alert:
    """The message about a flow that an error stopped."""
    as_of = workspace.now()
    return _stopped(flow, error, _first_loss(workspace, as_of), as_of, workspace.path, workspace.store.simulated)


def alert_of_no_store(program: Path, flow: str, error: Exception, as_of: datetime, *, simulated: bool) -> Alert:
    """The message about a flow that could not even open its store; what is lost by when stands in there."""
    return _stopped(flow, error, None, as_of, program, simulated)


def _stopped(
    flow: str, error: Exception, first_loss: datetime | None, as_of: datetime, program: Path, simulated: bool
) -> Alert:
    # The text of an error nobody foresaw may hold anything, a credential too.
    foreseen = isinstance(error, EvidenceError)
    message = str(error) if foreseen else "an unexpected error, which is a defect; the log of the run has it"
    return stopped(
        flow, type(error).__name__, message, first_loss=first_loss, as_of=as_of, program=str(program),
        simulated=simulated,
    )  # fmt: skip


def _first_loss(workspace: Workspace, as_of: datetime) -> datetime | None:
    try:
        return matrix_of(workspace, as_of).rollup.nearest_until
    except EvidenceError:
        return None  # the store itself may be what is wrong; the alert then names no date and says so


def alerts_for(workspace: Workspace, matrix: Matrix, failures: Iterable[Claim]) -> list[Alert]:
    """The messages about claims that failed, or were cut off so that they prove nothing, from the cells they leave
    without proof. An answer cut off where nothing can be saved any more wakes nobody."""
    failed: list[FailedCollection] = []
    for claim in failures:
        cells = tuple(_affected(cell, matrix.as_of) for cell in matrix.cells if _depends_on(cell, claim))
        failure = claim.failure
        if failure is None:
            if all(cell.lost for cell in cells):
                continue
            failure = Failure("Truncated", claim.reconciliation or "the answer was cut off")
        failed.append(
            FailedCollection(
                system=claim.dataset.partition(".")[0],
                dataset=claim.dataset,
                scope_item_id=claim.scope_item_id,
                scope_item=claim.scope_item,
                kind=failure.kind,
                message=failure.message,
                permission=failure.permission,
                cells=cells,
            )
        )
    return compose(failed, matrix.as_of, program=str(workspace.path), simulated=workspace.store.simulated)


def _depends_on(cell: MatrixCell, claim: Claim) -> bool:
    clipped, item = cell.cell.clipped, cell.row.item
    if clipped is None or cell.cell.state in COVERED:
        return False
    if claim.dataset in INVENTORIES and not item.resolved and claim.dataset.startswith(f"{item.system}."):
        # No inventory has told this item's id yet, so nothing about it can be asked for until this one can be read.
        return clipped.start <= claim.started_at
    if not any(group.claims_key(item.id) == (claim.dataset, claim.scope_item_id) for group in cell.row.groups):
        return False
    if claim.start is None or claim.end is None:
        return clipped.start <= claim.started_at < clipped.end
    return claim.start < clipped.end and clipped.start < claim.end


def _affected(cell: MatrixCell, as_of: datetime) -> AffectedCell:
    judged = cell.cell
    return AffectedCell(
        control_id=cell.control_id,
        control_title=cell.row.control.title,
        evidence_id=cell.evidence_id,
        window_id=cell.window_id,
        scope_item_id=cell.scope_item_id,
        scope_item=cell.scope_item,
        until=judged.next_loss or judged.until or _last_look(cell, as_of),
        lost=judged.gap == "unrecoverable" and judged.next_loss is None,
        resolved=cell.row.item.resolved,
    )


def _last_look(cell: MatrixCell, as_of: datetime) -> datetime | None:
    """Until when a state of the running window can be looked at, where none was seen yet: no source replays it."""
    clipped = cell.cell.clipped
    if cell.cell.kind != "snapshot" or clipped is None or not clipped.start <= as_of < clipped.end:
        return None
    return clipped.end
