"""What every family flow does, in order: what is due, collecting it, testing it, telling on-call what failed."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from connectors.matrix import matrix_of
from connectors.registry import extractor_for
from connectors.store.clock import clock_of, system_clock
from connectors.workspace import Workspace, open_workspace
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
from schemas.errors import CollectionError, ConfigurationError, RetriableError
from tasks.alerting import alert_of_stop, alerts_for, send_alerts
from tasks.collection import collect_step
from tasks.judging import test_controls


@dataclass(slots=True)
class Collected:
    """What a run came to: the last claim for each dataset and item, with the entry that holds it."""

    claims: dict[tuple[str, str], tuple[Claim, int]] = field(default_factory=dict[tuple[str, str], tuple[Claim, int]])

    @property
    def failures(self) -> list[Claim]:
        return [claim for claim, _ in self.claims.values() if claim.status == "error"]

    def to_json(self, window: str | None) -> dict[str, Any]:
        """The document of `evidence collect --json`."""
        return {
            "entries": [
                {
                    "ledger": seq,
                    "dataset": claim.dataset,
                    "scope_item_id": claim.scope_item_id,
                    "scope_item": claim.scope_item,
                    "window_id": window,
                    "claim": _claimed(claim),
                    "status": claim.status,
                    "rows": claim.rows,
                    "requests": claim.requests,
                    "error": None if claim.failure is None else f"{claim.failure.kind}: {claim.failure.message}",
                }
                for claim, seq in self.claims.values()
            ]
        }


def _claimed(claim: Claim) -> dict[str, str | None]:
    data = claim.to_json()
    return {"from": data.get("from") or data.get("observed_at"), "to": data.get("to") or data.get("observed_at")}


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
    workspace = open_workspace(Path(program), now=clock_of(simulated_now), create=True)
    require_window(workspace, window)
    with telling_on_call(workspace, family, retries):
        history = workspace.require_recorded()
        window = window or _scheduled_window(cadence, history, simulated_now)
        collected = collect_family(
            workspace, family, cadence=cadence, window=window, control=control, scope=scope, retries=retries
        )
        if collected.claims:
            test_controls(workspace, _controls(family, control), workspace.now())
        _artifact(family, collected)
        return reported(workspace, collected, window, retries)


def collect_family(
    workspace: Workspace,
    family: Family,
    *,
    cadence: RunCadence | None = None,
    window: str | None = None,
    control: str | None = None,
    scope: Sequence[str] | None = None,
    retries: int = 0,
) -> Collected:
    """Collect what is due for a family, after the inventory that tells which items there are, where that is missing."""
    history = workspace.require_recorded()
    collected = run_steps(workspace, inventory_steps(workspace.scope(history), CATALOGUE), family, retries)
    steps = plan_collection(
        PlanRequest(
            controls=_controls(family, control),
            now=workspace.now(),
            zone=history.timezone,
            period=_period(history),
            window=window,
            cadence=cadence,
            scope_item_ids=scope,
        ),
        workspace.scope(history),
        lambda dataset: extractor_for(dataset.name),
        lambda dataset, item: _claimed_intervals(workspace, dataset, item),
    )
    collected.claims.update(run_steps(workspace, steps, family, retries).claims)
    return collected


def _controls(family: Family, control: str | None) -> list[Control]:
    return [one for one in FAMILIES[family] if control in (None, one.id)]


def run_steps(workspace: Workspace, steps: Iterable[CollectionStep], flow: str, retries: int) -> Collected:
    """Collect the given steps, one after the other."""
    collected = Collected()
    known = frozenset(f"github:{repository}" for repository in workspace.inventory().repositories)
    for step in steps:
        outcome = collect_step(workspace, step, flow=flow, known_items=known or None, retries=retries)
        collected.claims.update(outcome.claims)
    return collected


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


def require_window(workspace: Workspace, window: str | None) -> None:
    """Refuse a window asked for in which nothing can be collected: that would look like success."""
    if window is None:
        return
    history = workspace.history()
    start, end = _period(history)
    bounds = window_bounds(window, history.timezone)
    if bounds.end <= start or bounds.start >= end:
        period = history.chosen.period
        raise ConfigurationError(
            f"the window {window} lies outside the observation period {period.start} to {period.end}, so nothing is "
            "collected for it. Ask for a window inside, or record a programme with another period"
        )
    if bounds.start >= workspace.now():
        raise ConfigurationError(f"the window {window} has not begun yet, so there is nothing to collect")


class CollectionFailedError(CollectionError):
    """Something could not be read. `document` is what `evidence collect --json` prints, failures included."""

    def __init__(self, message: str, document: dict[str, Any]) -> None:
        super().__init__(message)
        self.document = document


def reported(workspace: Workspace, collected: Collected, window: str | None, retries: int) -> dict[str, Any]:
    """The document of a run, after telling on-call what failed, one message for each cause.

    Raises CollectionFailedError when anything failed, because a run that could not read everything must not look green.
    """
    document = collected.to_json(window)
    failures = collected.failures
    if not failures:
        return document
    alerts = alerts_for(workspace, matrix_of(workspace, workspace.now()), failures)
    untold = _undelivered(workspace, alerts, retries)
    first = failures[0]
    reason = "" if first.failure is None else f" {first.scope_item}: {first.failure.message}"
    message = f"{len(failures)} of {len(collected.claims)} collections failed.{reason}"
    raise CollectionFailedError(" ".join(filter(None, (message, untold))), document)


@contextmanager
def telling_on_call(workspace: Workspace, flow: str, retries: int) -> Generator[None]:
    """Tell on-call of whatever stops a flow, for what was not even tried fails in silence otherwise."""
    try:
        yield
    except CollectionFailedError:
        raise  # told, cause by cause
    except BaseException as error:  # not swallowed: told, then raised as it came
        if isinstance(error, Exception):
            untold = _undelivered(workspace, [alert_of_stop(workspace, flow, error)], retries)
            if untold:
                error.add_note(untold)
        raise


def _undelivered(workspace: Workspace, alerts: Sequence[Alert], retries: int) -> str | None:
    """Send alerts; where that failed a sentence about it, which must not hide what the alerts are about."""
    try:
        send_alerts(workspace, alerts, retries)
    except (RetriableError, ConfigurationError) as error:
        return f"On-call was not told: {error}"
    return None


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
