"""Roll-up of cells (section 10): a vector in a fixed order, and never a percentage without the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from evidence.completeness.model import Gap, State
from evidence.completeness.severity import COVERED, DEVIATIONS, NOT_EXPECTED, severity

Verdict = Literal[
    "permanent_gaps",
    "open_gaps",
    "in_progress",
    "nothing_expected",
    "complete_with_deviations",
    "complete",
]

_AWAITING_PEOPLE = frozenset({"human_decision_pending", "human_decision_overdue"})
_IN_TIME = frozenset({"due", "human_decision_pending"})


class CellLike(Protocol):
    """What a roll-up reads of a cell."""

    @property
    def state(self) -> State: ...
    @property
    def gap(self) -> Gap: ...
    @property
    def until(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class RollUp:
    """The vector of section 10, fields in its order.

    `percent` has one decimal and is None where nothing is expected. `worst` is None for no cells at all.
    """

    verdict: Verdict
    permanent_gaps: int
    recoverable_gaps: int
    nearest_until: datetime | None
    awaiting_people: int
    unconfirmed_empty: int
    deviations: int
    covered: int
    expected: int
    percent: float | None
    not_applicable: int
    not_due: int
    worst: State | None


def roll_up(cells: Iterable[CellLike]) -> RollUp:
    """Count `cells`. The caller lists the not-applicable ones beside it; they never vanish silently."""
    permanent = recoverable = awaiting = unconfirmed = deviations = covered = expected = 0
    not_applicable = not_due = overdue = 0
    nearest: datetime | None = None
    worst: tuple[int, State] | None = None
    for cell in cells:
        state, gap = cell.state, cell.gap
        rank = (severity(state, gap), state)
        if worst is None or rank < worst:
            worst = rank
        if state in NOT_EXPECTED:
            not_applicable += state == "not_applicable"
            not_due += state == "not_due"
            continue
        expected += 1
        deviations += state in DEVIATIONS
        if state in COVERED:
            covered += 1
            continue
        permanent += gap == "unrecoverable"
        awaiting += state in _AWAITING_PEOPLE
        unconfirmed += state == "empty_unconfirmed"
        overdue += state not in _IN_TIME
        if gap == "recoverable" and state != "due" and state not in _AWAITING_PEOPLE:
            recoverable += 1
            if cell.until is not None and (nearest is None or cell.until < nearest):
                nearest = cell.until
    verdict: Verdict
    if permanent:
        verdict = "permanent_gaps"
    elif overdue:
        verdict = "open_gaps"
    elif covered < expected or not_due:
        verdict = "in_progress"
    elif not expected:
        verdict = "nothing_expected"
    else:
        verdict = "complete_with_deviations" if deviations else "complete"
    return RollUp(
        verdict=verdict,
        permanent_gaps=permanent,
        recoverable_gaps=recoverable,
        nearest_until=nearest,
        awaiting_people=awaiting,
        unconfirmed_empty=unconfirmed,
        deviations=deviations,
        covered=covered,
        expected=expected,
        percent=_percent(covered, expected),
        not_applicable=not_applicable,
        not_due=not_due,
        worst=None if worst is None else worst[1],
    )


def _percent(covered: int, expected: int) -> float | None:
    if not expected:
        return None
    rounded = round(100 * covered / expected, 1)
    # 4999 of 5000 must not read as everything.
    return 99.9 if rounded == 100.0 and covered < expected else rounded
