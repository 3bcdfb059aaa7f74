"""How long something done once a year stays current, and when nothing was (sections 3.5 and 4)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from evidence.completeness.coverage import Span, merge, subtract
from evidence.completeness.local_time import local_wall, midnight


@dataclass(frozen=True, slots=True)
class Currency:
    """Months (twelve unless a rule says otherwise) and grace days, in local days of the zone `tz`. `period_start` is in
    ticks."""

    tz: str
    grace_days: int
    period_start: int
    months: int = 12

    def lapse(self, performed: int) -> int:
        """Local midnight of performance date + months + grace; a day that the month has not becomes its last one."""
        day = local_wall(performed, self.tz).date()
        years, month = divmod(day.month - 1 + self.months, 12)
        last = monthrange(day.year + years, month + 1)[1]
        anniversary = date(day.year + years, month + 1, min(day.day, last))
        return midnight(anniversary + timedelta(days=self.grace_days), self.tz)

    def current(self, performed: Iterable[int]) -> list[Span]:
        """When at least one of the performances is current."""
        return merge((at, self.lapse(at)) for at in performed)

    def judge(
        self, performed: Iterable[int], required: list[Span], elapsed: list[Span], end: int, now: int
    ) -> tuple[bool, list[Span], bool]:
        """Whether the whole window is proven, its lapses so far, and whether one of them still lasts.

        A performance that is current today but runs out before the window ends proves nothing of the rest yet.
        """
        performed = sorted(at for at in performed if at < end)
        current = self.current(performed)
        lapses = subtract(elapsed, current)
        first = performed[0] if performed else None
        if first is not None and first >= self.period_start:
            # A first-ever performance inside the period: the days before it are the auditor's to weigh, no lapse.
            lapses = [(max(low, first), high) for low, high in lapses if high > first]
            required = [(max(low, first), high) for low, high in required if high > first]
        elif first is None and elapsed and now < end:
            return False, [], False  # never performed: not due before the window is over
        ahead = subtract(required, [*current, *elapsed])
        lasting = any(not any(at >= high for at in performed) for _, high in lapses)
        # A lapse that was ended is a deviation already known, whatever the rest of the window brings.
        return not lasting and bool(lapses or not ahead), lapses, lasting
