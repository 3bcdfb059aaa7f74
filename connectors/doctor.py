"""What stands between the programme and its evidence: rights, licences, clocks, schedules, the store.

Everything is asked with the cheapest calls there are, each session is opened once, systems side by side; a source that
is broken takes only its own lines with it. Nothing is collected and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from connectors.drift import noticing_drift
from connectors.examined import prefect_state, store_state, take_inventories
from connectors.probing import clock_of, probes_of
from connectors.sessions import session_factory, source_of
from connectors.source_clock import MAX_SKEW_SECONDS
from connectors.store.redaction import Redactor
from connectors.workspace import Workspace
from evidence.collection_plan import items_for, lines_of
from evidence.completeness.model import Period
from evidence.completeness.requirements import groups_of, requirement_of, rules_of
from evidence.controls.model import Control, EvidenceLine
from evidence.programme_folds import READ_FROM_REGISTER
from evidence.programme_history import ProgrammeHistory
from evidence.schedule import RetentionRisk, retention_risk
from evidence.scope import ScopedItem, ScopeRegister
from schemas.errors import (
    ClockSkew,
    CollectionError,
    ConfigurationError,
    EvidenceError,
    NotLicensed,
    PermissionDenied,
)
from schemas.extraction import Session
from schemas.scope import ScopeItem

Status = Literal["readable", "denied", "not_licensed", "unreachable", "not_configured"]
Progress = Callable[[str, int, int], None]
"""System, probes done, probes in all."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """What one evidence line may count on, for one system and scope item."""

    control_id: str
    evidence_id: str
    system: str
    dataset: str | None
    scope_item_id: str | None
    scope_item: str | None
    status: Status
    permission: str | None = None
    reason: str | None = None
    risk: RetentionRisk | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "control_id": self.control_id, "evidence_id": self.evidence_id, "system": self.system,
            "dataset": self.dataset, "scope_item_id": self.scope_item_id, "scope_item": self.scope_item,
            "status": self.status, "permission": self.permission, "reason": self.reason,
            "retention_risk": None if self.risk is None else self.risk.words,
            "lost_days": 0 if self.risk is None else self.risk.lost_days,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a source's clock is from this machine's, in seconds; positive where the source is ahead."""

    system: str
    skew_seconds: float | None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"system": self.system, "skew_seconds": self.skew_seconds, "problem": self.problem}


@dataclass(slots=True)
class Diagnosis:
    """All that was found."""

    lines: list[LineStatus]
    clocks: list[Clock] = field(default_factory=list[Clock])
    store: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prefect: Mapping[str, Any] | None = None
    datasets: frozenset[str] = frozenset()
    """Those in use, by which the least rights are made."""

    @property
    def exit_code(self) -> int:
        """0 fine, 1 something can't be read or is outrun, 2 wrong configuration, 3 a source failed."""
        if any(line.status == "not_configured" and line.scope_item_id is not None for line in self.lines):
            return 2  # wrong configuration first: no waiting heals it
        if any(line.status == "unreachable" for line in self.lines):
            return 3
        unread = any(line.status in ("denied", "not_licensed") for line in self.lines)
        outrun = any(line.risk is not None and line.risk.outrun for line in self.lines)
        clock = any(clock.problem for clock in self.clocks)
        prefect = self.prefect is not None and self.prefect["problem"] is not None
        return 1 if unread or outrun or clock or prefect or self.store.get("problem") else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "lines": [line.to_json() for line in self.lines], "clocks": [clock.to_json() for clock in self.clocks],
            "store": dict(self.store), "prefect": None if self.prefect is None else dict(self.prefect),
            "datasets": sorted(self.datasets),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """The outcome of one probe."""

    status: Status
    permission: str | None = None
    reason: str | None = None


_Key = tuple[str, str]
"""Dataset and scope item id."""


def datasets_in_use(workspace: Workspace, controls: Sequence[Control]) -> frozenset[str]:
    """Names of the datasets that the programme as recorded collects."""
    history = workspace.history()
    return _in_use(controls, history, _Now.of(history, workspace.now()))


@dataclass(frozen=True, slots=True)
class _Now:
    """What is part of the programme now; what once was is nobody's to read any more."""

    systems: frozenset[str]
    registers: frozenset[str]

    @classmethod
    def of(cls, history: ProgrammeHistory, at: datetime) -> _Now:
        return cls(frozenset(history.systems_at(at)), frozenset(history.registers_at(at)))

    def lacks(self, dataset: str) -> str | None:
        """Why nothing collects a dataset under this programme, None where something does."""
        system = dataset.partition(".")[0]
        register = READ_FROM_REGISTER.get(dataset)
        if register is not None:
            return None if register in self.registers else f"the register {register} is not part of the programme"
        return None if system in self.systems else f"{_SETTING.get(system, f'scope.{system}')} is not in the programme"


_SETTING = {"hr": "registers.people"}
"""Where the programme names a system that is no part of its scope."""


def _in_use(controls: Sequence[Control], history: ProgrammeHistory, now: _Now) -> frozenset[str]:
    return frozenset(
        dataset.name for _, _, _, dataset in lines_of(_in_effect(controls, history)) if now.lacks(dataset.name) is None
    )


def diagnose(
    workspace: Workspace, controls: Sequence[Control], progress: Progress | None = None, *, born: bool = True
) -> Diagnosis:
    """Examine every evidence line of the controls. Errors of a source are findings; ConfigurationError of the
    programme itself is raised. `born`: whether the store is the programme's own and no throw-away."""
    history = workspace.history()
    now = _Now.of(history, workspace.now())
    if not born:
        take_inventories(workspace)
    scope = workspace.scope(history)
    lines: list[LineStatus] = []
    wanted: dict[str, dict[_Key, ScopedItem]] = {}
    for control in _in_effect(controls, history):
        for line in control.evidence:
            found, asked = _expected(control, line, history, scope, now)
            lines += found
            for key, item in asked.items():
                wanted.setdefault(source_of(key[0]), {})[key] = item
    outcomes, clocks = _ask(workspace, wanted, progress)
    lines = [_judged(line, outcomes) for line in lines]
    return Diagnosis(
        lines,
        clocks,
        store_state(workspace, born=born),
        prefect_state(workspace.environ),
        _in_use(controls, history, now),
    )


def _in_effect(controls: Sequence[Control], history: ProgrammeHistory) -> list[Control]:
    return [control for control in controls if history.control_spans(control.id, control.category)]


def _expected(
    control: Control, line: EvidenceLine, history: ProgrammeHistory, scope: ScopeRegister, now: _Now
) -> tuple[list[LineStatus], dict[_Key, ScopedItem]]:
    """The rows of a line, not judged yet, and what has to be asked for them."""
    groups, missing = groups_of(control, line, history)
    rows = [
        LineStatus(control.id, line.id, one.system or "", None, None, None, "not_configured", reason=one.reason)
        for one in missing
    ]
    risks: dict[str, RetentionRisk | None] = {}
    period: Period = history.chosen.period
    rules = rules_of(control, line, history)[-1].rules
    for group in groups:
        risks[group.system] = retention_risk(period, requirement_of(line, group, rules, None), line)
    asked: dict[_Key, ScopedItem] = {}
    for system, dataset in line.collected():
        why = now.lacks(dataset.name)
        if why is not None:
            if system not in {one.system for one in missing}:
                rows.append(
                    LineStatus(control.id, line.id, system, dataset.name, None, None, "not_configured", reason=why)
                )
            continue
        items = items_for(control, line, system, dataset, scope)
        if not items:
            why = "no item is known yet: an inventory has to show them first (evidence collect --family governance)"
            rows.append(LineStatus(control.id, line.id, system, dataset.name, None, None, "not_configured", reason=why))
        for item in items:
            asked[dataset.name, item.id] = item
            rows.append(
                LineStatus(
                    control.id, line.id, system, dataset.name, item.id, item.name, "readable", risk=risks.get(system)
                )
            )
    return rows, asked


def _judged(line: LineStatus, outcomes: Mapping[_Key, _Asked]) -> LineStatus:
    if line.dataset is None or line.scope_item_id is None:
        return line
    found = outcomes[line.dataset, line.scope_item_id]
    return replace(line, status=found.status, permission=found.permission, reason=found.reason)


# --- asking -----------------------------------------------------------------------------------------------------------


def _ask(
    workspace: Workspace, wanted: Mapping[str, Mapping[_Key, ScopedItem]], progress: Progress | None
) -> tuple[dict[_Key, _Asked], list[Clock]]:
    """Every probe, systems side by side."""
    outcomes: dict[_Key, _Asked] = {}
    clocks: list[Clock] = []
    if not wanted:
        return outcomes, clocks
    with ThreadPoolExecutor(len(wanted), thread_name_prefix="doctor") as pool:
        futures = [pool.submit(_system, workspace, system, keys, progress) for system, keys in wanted.items()]
        for future in as_completed(futures):
            found, clock = future.result()
            outcomes |= found
            if clock is not None:
                clocks.append(clock)
    return outcomes, sorted(clocks, key=lambda clock: clock.system)


def _system(
    workspace: Workspace, system: str, keys: Mapping[_Key, ScopedItem], progress: Progress | None
) -> tuple[dict[_Key, _Asked], Clock | None]:
    """One system: its session, its clock, its probes one after the other."""
    try:
        session = session_factory(workspace, system)()
    except EvidenceError as error:
        clock = Clock(system, None, str(error)) if isinstance(error, ClockSkew) else None
        return dict.fromkeys(keys, _outcome(error)), clock
    try:
        clock = _clock(workspace, system, session)
        probes = probes_of(system.partition(".")[0])
        outcomes: dict[_Key, _Asked] = {}
        for number, (key, item) in enumerate(keys.items(), start=1):
            probe = probes.get(key[0])
            if probe is None:
                why = f"this version has no probe for {key[0]}, so nobody can say"
                outcomes[key] = _Asked("unreachable", reason=why)
            else:
                outcomes[key] = _probed(noticing_drift(probe, system), session, item.as_scope_item())
            if progress is not None:
                progress(system, number, len(keys))
        return outcomes, clock
    finally:
        session.close()


def _probed(probe: Callable[[Session, ScopeItem], None], session: Session, item: ScopeItem) -> _Asked:
    try:
        probe(session, item)
    except EvidenceError as error:
        return _outcome(error)
    return _Asked("readable")


def _outcome(error: EvidenceError) -> _Asked:
    reason, _ = Redactor().text(str(error))
    if isinstance(error, PermissionDenied):
        return _Asked("denied", error.permission, reason)
    if isinstance(error, NotLicensed):
        return _Asked("not_licensed", None, reason)
    if isinstance(error, CollectionError):
        return _Asked("unreachable", None, reason)
    return _Asked("not_configured" if isinstance(error, ConfigurationError) else "unreachable", None, reason)


def _clock(workspace: Workspace, system: str, session: Session) -> Clock | None:
    read = clock_of(system.partition(".")[0])
    if read is None:
        return None
    try:
        at_source = read(session)
    except EvidenceError as error:
        return Clock(system, None, str(error))
    # The header counts whole seconds.
    skew = (at_source - workspace.now()).total_seconds()
    problem = None
    if abs(skew) > MAX_SKEW_SECONDS:
        problem = f"off by {skew:.0f} s; more than {MAX_SKEW_SECONDS} s is refused. Set the clock of this machine (NTP)"
    return Clock(system, round(skew, 1), problem)
