"""The order of states for roll-ups, worst first (section 5)."""

from __future__ import annotations

from typing import Final

from evidence.completeness.model import Gap, State

WORST_FIRST: Final[tuple[tuple[State, Gap | None], ...]] = (
    ("missing_unrecoverable", None),
    ("not_performed", None),
    ("partial", "unrecoverable"),
    ("invalid", None),
    ("partial", "recoverable"),
    ("missing_recoverable", None),
    ("human_decision_overdue", None),
    ("failed", None),
    ("empty_unconfirmed", None),
    ("due", None),
    ("human_decision_pending", None),
    ("exception_noted", None),
    ("performed_late", None),
    ("collected_late", None),
    ("empty_population_confirmed", None),
    ("collected", None),
    ("not_due", None),
    ("not_applicable", None),
    ("not_in_effect", None),
)
"""State and, where the place depends on it, gap."""

COVERED: Final[frozenset[State]] = frozenset(
    {"collected", "collected_late", "performed_late", "empty_population_confirmed", "exception_noted"}
)
"""The states marked as covered in section 5."""

NOT_EXPECTED: Final[frozenset[State]] = frozenset({"not_in_effect", "not_applicable", "not_due"})
"""The states outside the denominator (section 10)."""

DEVIATIONS: Final[frozenset[State]] = frozenset({"exception_noted", "performed_late", "not_performed"})

_RANK: Final = {state: rank for rank, (state, gap) in enumerate(WORST_FIRST) if gap is None}
_LOST_PARTIAL: Final = WORST_FIRST.index(("partial", "unrecoverable"))
_OPEN_PARTIAL: Final = WORST_FIRST.index(("partial", "recoverable"))


def severity(state: State, gap: Gap = "none") -> int:
    """Place in the order, 0 is worst. Only for `partial` does the gap matter."""
    if state == "partial":
        return _LOST_PARTIAL if gap == "unrecoverable" else _OPEN_PARTIAL
    return _RANK[state]
