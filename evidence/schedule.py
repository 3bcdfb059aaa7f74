"""Whether the schedule of an evidence line keeps up with what its source remembers, in days and in words.

Certain loss is one thing (a source that forgets between two runs), loss after failures another; both are said, and only
the first counts as outrun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from evidence.completeness.model import Period, Requirement
from evidence.completeness.planner import ScheduleRisk, schedule_risk
from evidence.controls.model import CollectEvery, EvidenceLine

INTERVALS: Mapping[CollectEvery, timedelta] = {
    "daily": timedelta(days=1), "weekly": timedelta(days=7), "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92), "annual": timedelta(days=366),
}  # fmt: skip
"""The longest time between two scheduled runs."""


@dataclass(frozen=True, slots=True)
class RetentionRisk:
    """What may be, or will be, lost with the schedule as it is."""

    words: str
    lost_days: float
    """Lost in each turn of the schedule even when nothing fails; 0 where it keeps up as long as nothing does."""
    memory_days: float
    survives_days: float
    """How long an outage may last before something is lost."""

    @property
    def outrun(self) -> bool:
        return self.lost_days > 0


def retention_risk(period: Period, requirement: Requirement, line: EvidenceLine) -> RetentionRisk | None:
    """The risk of one group of a line, None where the source's memory is long enough or plays no part."""
    every = None if line.collect_every is None else INTERVALS[line.collect_every]
    risk = schedule_risk(period, requirement, every)
    if risk is None:
        return None
    memory = risk.retention / timedelta(days=1)
    if every is None:
        return RetentionRisk(_words(risk, memory, None), 0.0, memory, memory)
    days = every / timedelta(days=1)
    lost = max(0.0, days - memory)
    return RetentionRisk(_words(risk, memory, days), lost, memory, max(0.0, memory - days))


def _words(risk: ScheduleRisk, memory: float, every: float | None) -> str:
    words = [f"the source remembers {memory:g} days"]
    if every is not None and every > memory:
        words.append(f"it is collected every {every:g} days, so {every - memory:g} days of each {every:g} are lost")
    elif "collected_too_seldom" in risk.reasons and every is not None:
        outages = "one failed run loses" if 2 * every > memory else "two failed runs in a row lose"
        gone = (2 if 2 * every > memory else 3) * every - memory
        words.append(f"it is collected every {every:g} days: {outages} up to {gone:g} days")
    elif every is not None:
        words.append(f"an outage of the collector of more than {memory - every:g} days loses something")
    if "shorter_than_window" in risk.reasons:
        window = risk.longest_window / timedelta(days=1)
        words.append(f"collecting only when a window has closed would lose its first {window - memory:g} days")
    elif "shorter_than_period" in risk.reasons:
        period = risk.period / timedelta(days=1)
        words.append(f"collecting only at the end of the period would lose its first {period - memory:g} days")
    return "; ".join(words)
