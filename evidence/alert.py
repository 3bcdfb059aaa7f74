"""What on-call is told when a collection failed: what, with what effect, until when, and what to run.

One broken token is one alert that lists its controls. Severity follows the time left until something is lost, not the
kind of error. Texts never hold a token, a signed address or a row of personal data.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Severity = Literal["critical", "error", "warning"]

CRITICAL_WITHIN = timedelta(days=3)
ERROR_WITHIN = timedelta(days=14)
SUMMARY_LIMIT = 1024  # the shortest limit among the services alerts go to (PagerDuty Events v2)


@dataclass(frozen=True, slots=True)
class AffectedCell:
    """A cell that stays without proof because of the failure."""

    control_id: str
    control_title: str
    evidence_id: str
    window_id: str
    scope_item_id: str
    scope_item: str
    until: datetime | None
    """First instant at which something is lost for good; None where the source has no limit or it is lost already."""
    lost: bool
    resolved: bool = True
    """False where no inventory has told the item's id yet, so that no command can name it."""


@dataclass(frozen=True, slots=True)
class FailedCollection:
    """A scope item of a dataset that a run could not read, and the cells that depend on it."""

    system: str
    dataset: str
    scope_item_id: str
    scope_item: str
    kind: str
    message: str
    permission: str | None
    cells: tuple[AffectedCell, ...]

    @property
    def cause(self) -> tuple[str, str, str]:
        """What failures with one and the same remedy share."""
        return (self.system, self.kind, self.permission or self.message)


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `dedup_key` names the cause, not the run, so that retries update one incident."""

    dedup_key: str
    severity: Severity
    summary: str
    body: str


def compose(failures: Sequence[FailedCollection], as_of: datetime, *, program: str, simulated: bool) -> list[Alert]:
    """One alert per cause, soonest loss first."""
    by_cause: dict[tuple[str, str, str], list[FailedCollection]] = {}
    for failure in failures:
        by_cause.setdefault(failure.cause, []).append(failure)
    alerts = [(_first_loss(group), _alert(group, as_of, program, simulated)) for group in by_cause.values()]
    alerts.sort(key=lambda pair: (pair[0] is None, pair[0] or as_of, pair[1].dedup_key))
    return [alert for _, alert in alerts]


def stopped(
    flow: str, kind: str, message: str, *, first_loss: datetime | None, as_of: datetime, program: str, simulated: bool
) -> Alert:
    """One alert for a flow that stopped before it had collected and reported everything.

    `first_loss` is the first instant at which anything now missing is lost for good, None where none is known.
    """
    mark = "[SIMULATED] " if simulated else ""
    severity: Severity = "error"
    if first_loss is not None and first_loss - as_of < CRITICAL_WITHIN:
        severity = "critical"
    loss = _loss(first_loss, as_of) if first_loss else "No date is known; evidence completeness says what is missing"
    summary = f"{mark}[{severity}] Evidence flow stopped: {flow}, {kind}. {loss}"
    prefix = f"--program {shlex.quote(program)}"
    lines = [
        f"What failed     the flow {flow} stopped: {kind}: {message}",
        "If nobody acts  it stops again at its next scheduled time, and what it collects stays missing",
        f"Until           {loss}",
        "Do first        1. put right what the message says",
        f"                2. evidence collect {prefix} --missing",
        f"Check           evidence completeness {prefix}",
    ]
    return Alert(f"evidence/flow/{flow}/{kind}"[:255], severity, summary[:SUMMARY_LIMIT], "\n".join(lines))


def _first_loss(group: Sequence[FailedCollection]) -> datetime | None:
    return min(
        (cell.until for failure in group for cell in failure.cells if cell.until and not cell.lost), default=None
    )


def _severity(group: Sequence[FailedCollection], as_of: datetime) -> Severity:
    until = _first_loss(group)
    if any(cell.lost for failure in group for cell in failure.cells) or (until and until - as_of < CRITICAL_WITHIN):
        return "critical"
    return "error" if until and until - as_of < ERROR_WITHIN else "warning"


def _alert(group: Sequence[FailedCollection], as_of: datetime, program: str, simulated: bool) -> Alert:
    first = group[0]
    cells = sorted(
        {cell for failure in group for cell in failure.cells},
        key=lambda cell: (cell.until is None, cell.until or as_of, cell.control_id, cell.window_id, cell.scope_item_id),
    )
    until = _first_loss(group)
    severity = _severity(group, as_of)
    items = sorted({failure.scope_item for failure in group})
    controls = sorted({(cell.control_id, cell.control_title) for cell in cells})
    mark = "[SIMULATED] " if simulated else ""
    loss = _loss(until, as_of) if until else _no_date(cells)
    summary = (
        f"{mark}[{severity}] Evidence not collected: {', '.join(control for control, _ in controls) or first.dataset}, "
        f"{_several(items)}. {loss}"
    )
    lines = [
        f"What failed     {', '.join(sorted({failure.dataset for failure in group}))}: {first.kind}: {first.message}",
        f"Concerns        {_several(items, limit=8)}",
    ]
    if controls:
        lines.append("If nobody acts  these controls can't be shown to have operated:")
        lines += [f"                {control}  {title}" for control, title in controls]
    lines.append(f"Until           {loss}")
    lost = [cell for cell in cells if cell.lost]
    if lost:
        shown = sorted({f"{cell.control_id} {cell.window_id} {cell.scope_item}" for cell in lost})
        lines.append(f"Already lost    {_several(shown, limit=8)}: enter it in the exception register with an owner")
    step = 1
    if first.permission:
        lines.append(f"Do first        1. grant {first.permission}")
        step = 2
    label = "Do first       " if step == 1 else "               "
    for command in _commands(cells, program):
        lines.append(f"{label} {step}. {command}")
        label, step = "               ", step + 1
    lines.append(f"Check           evidence completeness --program {shlex.quote(program)}")
    key = "/".join(("evidence", first.system, first.kind, first.permission or first.dataset))
    return Alert(key[:255], severity, summary[:SUMMARY_LIMIT], "\n".join(lines))


def _commands(cells: Sequence[AffectedCell], program: str) -> list[str]:
    """The command that repairs the soonest loss, and the one for everything that is still recoverable."""
    prefix = f"evidence collect --program {shlex.quote(program)}"
    commands: list[str] = []
    repairable = [cell for cell in cells if not cell.lost]
    if repairable and repairable[0].resolved:
        cell = repairable[0]
        commands.append(
            f"{prefix} --control {cell.control_id} --window {cell.window_id} --scope {shlex.quote(cell.scope_item_id)}"
        )
    if len(repairable) != 1 or not commands:
        commands.append(f"{prefix} --missing")
    return commands


def _no_date(cells: Sequence[AffectedCell]) -> str:
    if cells and all(cell.lost for cell in cells):
        return "Lost already: the source no longer has it"
    return "No date: the source keeps this until it is deleted, but what it keeps can change"


def _loss(until: datetime, as_of: datetime) -> str:
    if until <= as_of:
        return "Being lost now: each hour the source forgets more"
    days = int((until - as_of) / timedelta(days=1))
    left = f"in {days} days" if days > 1 else "within two days"
    return f"First loss {until:%Y-%m-%d %H:%M}Z ({left})"


def _several(names: Sequence[str], limit: int = 3) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
