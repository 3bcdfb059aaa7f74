"""What every family flow does, in order: what is due, collecting it, testing it, telling on-call what failed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import deployment, flow_run

from connectors.matrix import matrix_of
from connectors.notify import Channel
from connectors.registry import extractor_for
from connectors.store.clock import clock_of, system_clock
from connectors.workspace import Workspace, load, open_workspace
from evidence.alert import Alert
from evidence.collection_plan import (
    CollectionStep,
    PlanRequest,
    RunCadence,
    closed_window,
    inventory_steps,
    plan_collection,
)
from evidence.completeness.instants import instant
from evidence.completeness.windows import period_bounds, window_bounds
from evidence.controls.catalogue import CATALOGUE, FAMILIES
from evidence.controls.model import Control, Family
from evidence.programme_history import ProgrammeHistory
from schemas.collection import Claim
from schemas.errors import CollectionError, ConfigurationError, RetriableError, StoreError, VerificationFailed
from tasks.alerting import alert_channels, alert_of_no_store, alert_of_stop, alerts_for, send_alerts
from tasks.collection import Collected, collect_step
from tasks.judging import test_controls


def run_family(
    family: Family,
    *,
    program: str,
    cadence: RunCadence | None,
    window: str | None,
    control: str | None,
    scope: Sequence[str] | None,
    simulated_now: datetime | None,
    retries: int,
) -> dict[str, Any]:
    """Collect what is due for a family, test its controls, and tell on-call what failed.

    Gives the document of `evidence collect --json`. Raises CollectionFailedError at the end when something failed, so
    that the run is red as well.
    """
    workspace = opened(program, family, simulated_now, retries, may_begin=True)
    workspace.require_window(window)
    collected = Collected()
    with telling_on_call(workspace, family, retries, collected):
        history = workspace.require_recorded()
        window = window or _scheduled_window(cadence, history, simulated_now)
        collect_family(
            workspace, family, cadence=cadence, window=window, control=control, scope=scope, retries=retries,
            collected=collected,
        )  # fmt: skip
        if collected.claims:
            test_controls(workspace, _controls(family, control, history), workspace.now())
        _artifact(family, collected)
        return reported(workspace, family, collected, window, retries)


def opened(
    program: str, flow: str, simulated_now: datetime | None, retries: int, *, may_begin: bool = False
) -> Workspace:
    """The programme with its store; on-call is told where that fails. With `may_begin` a first use begins the store.

    A run of a deployment never begins one. It would look as if nothing had ever been collected, while the real store is
    only away: a volume that is not mounted, a path that was changed.
    """
    path, now = Path(program), clock_of(simulated_now)
    try:
        return open_workspace(path, now=now, create=may_begin and deployment.id is None)
    except BaseException as error:  # not swallowed: told, then raised as it came
        if isinstance(error, Exception):
            alert = alert_of_no_store(path, flow, error, now(), simulated=simulated_now is not None)
            untold = _undelivered(lambda: alert_channels(load(path).programme, os.environ), [alert], retries)
            if untold:
                error.add_note(untold)
        raise


def collect_family(
    workspace: Workspace,
    family: Family,
    *,
    cadence: RunCadence | None = None,
    window: str | None = None,
    control: str | None = None,
    scope: Sequence[str] | None = None,
    retries: int = 0,
    collected: Collected | None = None,
) -> Collected:
    """Collect what is due for a family, after the inventory that tells which items there are, where that is missing.

    `scope` are ids or names of scope items. What comes of it is added to `collected` step by step.
    """
    collected = Collected() if collected is None else collected
    history = workspace.require_recorded()
    now = workspace.now()
    systems = history.systems_at(now)
    run_steps(workspace, inventory_steps(workspace.scope(history), CATALOGUE, systems), family, retries, collected)
    steps = plan_collection(
        PlanRequest(
            controls=_controls(family, control, history),
            now=now,
            zone=history.timezone,
            period=_period(history),
            window=window,
            cadence=cadence,
            scope_items=scope,
            systems=systems,
            registers=history.registers_at(now),
        ),
        workspace.scope(history),
        lambda dataset: extractor_for(dataset.name),
        lambda dataset, item: _claimed_intervals(workspace, dataset, item),
    )
    run_steps(workspace, steps, family, retries, collected)
    return collected


def _controls(family: Family, control: str | None, history: ProgrammeHistory) -> list[Control]:
    """Controls of a family, or one; those of a category that was never part of the examination are left out."""
    return [one for one in FAMILIES[family] if control in (None, one.id) and one.category in history.categories]


def run_steps(
    workspace: Workspace, steps: Iterable[CollectionStep], flow: str, retries: int, collected: Collected
) -> None:
    """Collect the given steps, one after the other, into `collected`."""
    inventory = workspace.inventory()
    known = frozenset(
        [f"github:{repository}" for repository in inventory.repositories]
        + [f"aws:{account}" for account in inventory.accounts]
        + [f"gcp:{number}" for number in inventory.projects]
    )
    for step in steps:
        collect_step(workspace, step, flow=flow, known_items=known or None, retries=retries, collected=collected)


def _scheduled_window(
    cadence: RunCadence | None, history: ProgrammeHistory, simulated_now: datetime | None
) -> str | None:
    """The window that a closing run means: the last one closed at its scheduled time, however late it really runs."""
    if cadence not in ("monthly", "quarterly"):
        return None
    scheduled = simulated_now or flow_run.scheduled_start_time or system_clock()
    return closed_window(scheduled, cadence, history.timezone)


def _period(history: ProgrammeHistory) -> tuple[datetime, datetime]:
    start, end = period_bounds(history.chosen.period)
    return instant(start), instant(end)


def _claimed_intervals(workspace: Workspace, dataset: str, item: str) -> list[tuple[datetime, datetime]]:
    held = (stored.interval() for stored in workspace.store.claims().of(dataset, item))
    return [interval for interval in held if interval is not None]


class CollectionFailedError(CollectionError):
    """Something could not be read. `document` is what `evidence collect --json` prints, failures included."""

    def __init__(self, message: str, document: dict[str, Any], exit_code: int = CollectionError.exit_code) -> None:
        super().__init__(message)
        self.document = document
        self.exit_code = exit_code


def reported(workspace: Workspace, flow: str, collected: Collected, window: str | None, retries: int) -> dict[str, Any]:
    """The document of a run, after telling on-call what failed, one message for each cause.

    Raises CollectionFailedError when anything failed, because a run that could not read everything must not look green;
    its exit code is that of wrong configuration where that was the reason.
    """
    document = document_of(collected, window, workspace.history().timezone)
    untold = _undelivered(lambda: channels_of(workspace), _alerts(workspace, flow, collected), retries)
    failures = collected.failures
    if not failures and not collected.stopped:
        if untold is not None:
            raise CollectionFailedError(untold, document)
        return document
    first = next((failure for failure in failures if failure.failure is not None), None)
    if collected.stopped:
        reason = str(collected.stopped[0])
    else:
        reason = "" if first is None or first.failure is None else f"{first.scope_item}: {first.failure.message}"
    message = f"{len(failures)} of {len(collected.claims)} collections failed."
    exit_code = next(
        (error.exit_code for error in collected.stopped if isinstance(error, ConfigurationError)),
        CollectionError.exit_code,
    )
    raise CollectionFailedError(" ".join(filter(None, (message, reason, untold))), document, exit_code)


def _alerts(workspace: Workspace, flow: str, collected: Collected) -> list[Alert]:
    """What on-call must know: claims that failed or prove nothing, and what stopped a step before there was a claim."""
    claims = [*collected.failures, *collected.unproven]
    alerts = alerts_for(workspace, matrix_of(workspace, workspace.now()), claims) if claims else []
    told = {claim.failure.kind for claim in claims if claim.failure is not None}
    return alerts + [
        alert_of_stop(workspace, flow, error) for error in collected.stopped if type(error).__name__ not in told
    ]


@contextmanager
def telling_on_call(
    workspace: Workspace, flow: str, retries: int, collected: Collected | None = None
) -> Generator[None]:
    """Tell on-call of whatever stops a flow, for what was not even tried fails in silence otherwise.

    What had failed before that, by `collected`, is told too.
    """
    try:
        yield
    except CollectionFailedError:
        raise  # told, cause by cause
    except BaseException as error:  # not swallowed: told, then raised as it came
        if isinstance(error, Exception):
            alerts = [alert_of_stop(workspace, flow, error)]
            if collected is not None and not isinstance(error, StoreError | VerificationFailed):
                alerts += _alerts(workspace, flow, collected)
            untold = _undelivered(lambda: channels_of(workspace), alerts, retries)
            if untold:
                error.add_note(untold)
        raise


def channels_of(workspace: Workspace) -> list[Channel]:
    """Where this programme sends alerts. Raises ConfigurationError where a channel's secret is not there."""
    return alert_channels(workspace.loaded.programme, workspace.environ)


def _undelivered(where: Callable[[], Sequence[Channel]], alerts: Sequence[Alert], retries: int) -> str | None:
    """Send alerts; where that failed a sentence about it, which must not hide what the alerts are about."""
    try:
        if alerts:
            send_alerts(where(), alerts, retries)
    except (RetriableError, ConfigurationError) as error:
        return f"On-call was not told: {error}"
    return None


def document_of(collected: Collected, window: str | None, zone: str) -> dict[str, Any]:
    """The document of `evidence collect --json`."""
    return {
        "entries": [
            {
                "ledger": seq,
                "dataset": claim.dataset,
                "scope_item_id": claim.scope_item_id,
                "scope_item": claim.scope_item,
                "window_id": window if window is not None and _lies_in(claim, window, zone) else None,
                "claim": _claimed(claim),
                "status": claim.status,
                "rows": claim.rows,
                "requests": claim.requests,
                "error": None if claim.failure is None else f"{claim.failure.kind}: {claim.failure.message}",
                "note": claim.reconciliation if claim.status == "truncated" else None,
            }
            for claim, seq in collected.claims.values()
        ]
    }


def _claimed(claim: Claim) -> dict[str, str | None]:
    data = claim.to_json()
    return {"from": data.get("from") or data.get("observed_at"), "to": data.get("to") or data.get("observed_at")}


def _lies_in(claim: Claim, window: str, zone: str) -> bool:
    """Whether a claim speaks of the window: an inventory taken on the way shows now, whatever window was asked for."""
    bounds = window_bounds(window, zone)
    start = claim.start or claim.observed_at or claim.started_at
    return bounds.start <= start < bounds.end


def _artifact(family: str, collected: Collected) -> None:
    rows = "\n".join(
        f"| {claim.dataset} | {claim.scope_item.replace('|', '/')} | {claim.status} | {claim.rows} |"
        for claim, _ in collected.claims.values()
    )
    create_markdown_artifact(
        key=f"collected-{family.replace('_', '-')}",
        markdown=f"| dataset | scope item | status | rows |\n|---|---|---|---|\n{rows}\n",
        description="What the latest run of this family collected; the evidence itself is in the store.",
    )
