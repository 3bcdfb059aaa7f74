"""The decision procedure (section 5): from what the store holds to one state per window.

Pure and deterministic: the same objects and the same `as_of` give equal cells, whatever the order of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from evidence.completeness.circumstances import Circumstances, Demand, retroactive
from evidence.completeness.finding import Finding, latest_attempt_failed
from evidence.completeness.instants import instant, optional_instant, ticks
from evidence.completeness.model import Cell, CellInputs, Hole, Item, Period, Requirement, State
from evidence.completeness.records import HumanFinding, RecordJudge
from evidence.completeness.recoverability import NO_LOSS
from evidence.completeness.snapshots import SnapshotJudge
from evidence.completeness.streams import StreamJudge
from evidence.completeness.windows import Window, period_bounds, windows_of

_Judge = StreamJudge | SnapshotJudge | RecordJudge


def evaluate(period: Period, requirement: Requirement, item: Item, inputs: CellInputs, as_of: datetime) -> list[Cell]:
    """Every cell of one requirement and scope item, in the order of its windows.

    Only objects that the store knew at `as_of` are used, so any past answer can be asked for again.
    """
    now = ticks(as_of)
    circumstances = Circumstances(inputs, now)
    judge = _judge(period, requirement, item, inputs, now)
    return [
        _cell(window, requirement, inputs, judge, circumstances, now)
        for window in windows_of(period, requirement, item)
    ]


def _judge(period: Period, requirement: Requirement, item: Item, inputs: CellInputs, now: int) -> _Judge:
    if requirement.kind == "event_stream":
        return StreamJudge(requirement, inputs, now)
    if requirement.kind == "snapshot":
        begin = period_bounds(period)[0]
        for start in (item.in_scope_from, requirement.effective_from):
            if start is not None:
                begin = max(begin, ticks(start))
        return SnapshotJudge(requirement, inputs, now, begin)
    return RecordJudge(period, requirement, inputs, now)


def _cell(
    window: Window,
    requirement: Requirement,
    inputs: CellInputs,
    judge: _Judge,
    circumstances: Circumstances,
    now: int,
) -> Cell:
    if window.clipped is None:  # step 1
        closes = window.calendar.closes_in_period
        flags = set[str]() if closes else {"window_closes_outside_period"}
        return _build(window, requirement, "not_in_effect", Finding(satisfied=False, flags=flags))
    demand = circumstances.demand(window)
    if not demand.required:  # step 2
        flags = {"na_retroactive"} if retroactive(demand, window) else set[str]()
        return _build(window, requirement, "not_applicable", Finding(satisfied=False, flags=flags))
    exceptions = circumstances.exceptions(window)
    if isinstance(judge, RecordJudge):
        human = judge.judge(window, demand)
        finding = human.proof

        def failed() -> bool:
            return latest_attempt_failed(inputs.runs, demand, now)

        state = _human_state(human, window, requirement, exceptions, now, failed)
    else:
        finding = judge.judge(window, demand)

        def failed() -> bool:
            since = judge.last_success(demand) if isinstance(judge, SnapshotJudge) else None
            return latest_attempt_failed(inputs.runs, demand, now, since)

        state = _machine_state(finding, window, demand, exceptions, now, failed)
    if finding.satisfied and finding.late:
        finding.flags.add("late")
    if demand.notes and retroactive(demand, window):
        finding.flags.add("na_retroactive")
    pending = circumstances.pending(window)
    if pending:
        finding.flags.add("outcome_pending")
    revision = circumstances.revision(window)
    if revision > 1:
        finding.flags.add("restated")
    return _build(window, requirement, state, finding, exceptions, pending, revision)


def _covered_state(finding: Finding, exceptions: int, late: State) -> State:
    """Step 3. Lateness never hides an exception or an empty population; there it is only the flag."""
    if exceptions > 0:
        return "exception_noted"
    if finding.empty is not None:
        return "empty_population_confirmed" if finding.empty == "confirmed" else "empty_unconfirmed"
    return late if finding.late else "collected"


def _machine_state(
    finding: Finding, window: Window, demand: Demand, exceptions: int, now: int, failed: Callable[[], bool]
) -> State:
    if finding.satisfied:  # 3
        return _covered_state(finding, exceptions, "collected_late")
    if finding.only_if_trusted:  # 4
        return "invalid"
    if finding.loss.gap == "unrecoverable":  # 5
        return "partial" if finding.some_proof else "missing_unrecoverable"
    if now < demand.closes:  # 6
        return "not_due"
    if now <= window.calendar.deadline:  # 7
        return "failed" if failed() else "due"
    return "partial" if finding.some_proof else "missing_recoverable"  # 8


def _human_state(
    human: HumanFinding,
    window: Window,
    requirement: Requirement,
    exceptions: int,
    now: int,
    failed: Callable[[], bool],
) -> State:
    finding = human.proof
    if finding.satisfied:  # 3
        return _covered_state(finding, exceptions, "performed_late")
    if finding.only_if_trusted:  # 4
        return "invalid"
    if human.lost:  # 5
        return "not_performed"
    if requirement.is_currency and human.overdue:  # 10a: a lapse that lasts while the period is open
        return "human_decision_overdue"
    # 6: the natural window may be used to its end, so for periodic records it is open until then, whatever the
    # control's or the item's own end.
    if requirement.is_currency or now < window.calendar.end:
        return "human_decision_pending" if human.pack_ready else "not_due"
    if human.overdue:  # 8
        return "human_decision_overdue"
    if human.pack_ready:  # 7
        return "human_decision_pending"
    return "failed" if failed() else "due"


def _build(
    window: Window,
    requirement: Requirement,
    state: State,
    finding: Finding,
    exceptions: int = 0,
    pending: int = 0,
    revision: int = 1,
) -> Cell:
    loss = NO_LOSS if finding.satisfied else finding.loss
    calendar = window.calendar
    return Cell(
        window_id=calendar.window_id,
        natural=calendar.natural,
        clipped=window.clipped,
        state=state,
        gap=loss.gap,
        until=optional_instant(loss.until),
        next_loss=optional_instant(loss.next_loss),
        holes=tuple(
            Hole(instant(low), instant(high), optional_instant(first), optional_instant(total))
            for low, high, first, total in finding.holes
        ),
        flags=tuple(sorted(finding.flags)),
        population_count=finding.population,
        exceptions_open=exceptions,
        outcomes_pending=pending,
        due_at=calendar.due_at,
        deadline_at=calendar.deadline_at,
        first_proof_at=optional_instant(finding.proof_at),
        revision=revision,
        kind=requirement.kind,
        snapshots_missing=finding.missing,
    )
