"""Whether the schedule keeps up with what the sources remember, line by line and system by system.

Pure. `evidence doctor` asks before anything is lost; what is lost already stands in the completeness matrix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from evidence.completeness.model import Requirement
from evidence.completeness.planner import ScheduleRisk, schedule_risk
from evidence.completeness.requirements import groups_of, requirement_of, rules_of
from evidence.controls.model import CollectEvery, Control
from evidence.programme_history import ProgrammeHistory

EVERY: dict[CollectEvery, timedelta] = {
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
    "annual": timedelta(days=366),
}
"""The longest time between two runs of each rhythm."""


@dataclass(frozen=True, slots=True)
class LineSchedule:
    """One evidence line, as far as one system proves it, and how its rhythm fits the memory of the source."""

    control_id: str
    evidence_id: str
    system: str
    dataset: str | None
    sources: tuple[str, ...]
    collect_every: timedelta | None
    risk: ScheduleRisk | None
    """None where the source never forgets, or remembers for longer than the period and three runs."""

    @property
    def loses(self) -> bool:
        """Whether something is lost although every run succeeds."""
        return self.risk is not None and (self.collect_every is None or self.collect_every > self.risk.retention)

    @property
    def outage_allowed(self) -> timedelta | None:
        """How long runs may fail before something is lost for good; None where nothing is ever forgotten."""
        if self.risk is None:
            return None
        return max(timedelta(0), self.risk.retention - (self.collect_every or self.risk.longest_window))

    @property
    def words(self) -> str | None:
        """A sentence for the operator, None where there is nothing to say."""
        if self.risk is None:
            return None
        memory, every = self.risk.retention, self.collect_every
        remembers = f"{' and '.join(self.sources)} remembers {_days(memory)}"
        if every is None:
            return f"{remembers} and nothing is scheduled: what is older when somebody collects is lost."
        if self.loses:
            return f"{remembers} and is read every {_days(every)}: {_days(every - memory)} of each are lost."
        if "collected_too_seldom" in self.risk.reasons:
            allowed = self.outage_allowed
            assert allowed is not None
            return (
                f"{remembers} and is read every {_days(every)}: two failed runs in a row can lose data, "
                f"{_days(allowed)} without a run do."
            )
        whole = "a month or quarter" if "shorter_than_window" in self.risk.reasons else "the period"
        return (
            f"{remembers}, less than {whole}: what is scheduled keeps up, and collecting once at the end of it would "
            "have lost its beginning."
        )


def schedules_of(history: ProgrammeHistory, controls: Iterable[Control]) -> list[LineSchedule]:
    """Every line with a collector, once for each system of the programme, in the order of the catalogue."""
    found: list[LineSchedule] = []
    for control in controls:
        if not history.control_spans(control.id, control.category):
            continue
        for line in control.evidence:
            rules = rules_of(control, line, history)[-1].rules
            every = None if line.collect_every is None else EVERY[line.collect_every]
            for group in groups_of(control, line, history)[0]:
                if group.dataset is None or not group.switched_on:
                    continue
                requirement: Requirement = requirement_of(line, group, rules, None)
                risk = schedule_risk(history.chosen.period, requirement, every)
                found.append(LineSchedule(control.id, line.id, group.system, group.dataset, group.sources, every, risk))
    return found


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:g} day" + ("" if days == 1 else "s")
