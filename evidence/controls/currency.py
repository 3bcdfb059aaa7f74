"""What must have been done within the last twelve months, as a test of a control asks it of its window.

The rule is that of completeness (`evidence.completeness.currency`): a performance is current for twelve months and the
grace days; what was done for the first time inside the observation period leaves the days before it for the auditor to
weigh, which is neither a lapse nor a pass; what was never done is not due before the period ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.completeness.coverage import Span, intersect, merge, subtract
from evidence.completeness.currency import Currency
from evidence.completeness.instants import instant, ticks
from evidence.completeness.local_time import midnight
from evidence.completeness.windows import PERIOD
from evidence.controls.model import TestWindow
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant

GRACE_DAYS = 30
"""Of every line of the catalogue that is judged by currency."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands in a window; instants."""

    lapses: tuple[tuple[datetime, datetime], ...] = ()
    """When nothing was current."""
    first: datetime | None = None
    """The first performance ever, where it is inside the period and the window began before it."""
    due: datetime | None = None
    """Nothing was ever done, and until then it may be."""
    runs_out: datetime | None = None
    """When the latest performance runs out, where that is still ahead and inside the window."""
    latest: datetime | None = None
    """The latest performance before the end of the window."""

    @property
    def waits_until(self) -> datetime | None:
        """When more will be known, where what is asked for is in order so far."""
        return self.due or self.runs_out

    def tell(self, verdict: Verdict, code: str, what: str) -> None:
        """Lapses as a code, the time before a first performance as a doubt."""
        for low, high in self.lapses:
            verdict.fails(code, f"no {what} was current from {format_instant(low)} to {format_instant(high)}")
        if self.first is not None:
            verdict.doubts(
                f"whether there was a current {what} before the first that is recorded, of {format_instant(self.first)}"
            )


def period_of(window: TestWindow) -> tuple[datetime, datetime]:
    """The observation period as `[start, end)`."""
    period, zone = window.programme.observation_period, window.programme.timezone
    return instant(midnight(period.start, zone)), instant(midnight(period.end + timedelta(days=1), zone))


def rule_of(window: TestWindow, evidence_id: str | None, *, months: int = 12) -> Currency:
    """The rule for an evidence line, with the company's own grace where it has one; None: for no line as a whole."""
    grace_days, override = GRACE_DAYS, window.programme.controls.get(window.control_id)
    if override is not None and evidence_id is not None:
        line = override.evidence.get(evidence_id)
        for own in (None if line is None else line.grace_days, override.grace_days):
            if own is not None:
                grace_days = own
                break
    return Currency(window.programme.timezone, grace_days, ticks(period_of(window)[0]), months)


def standing(
    window: TestWindow, rule: Currency, performed: Iterable[datetime], within: Iterable[Span] | None = None
) -> Standing:  # fmt: skip
    """How something that was done at these instants stands in the elapsed part of a window; `within` are the parts of
    it (in ticks) in which it was asked for."""
    done = sorted(ticks(at) for at in performed if at <= window.as_of)
    whole = (ticks(window.start), ticks(window.end))
    required = [whole] if within is None else intersect(merge(within), [whole])
    if not required:
        return Standing()
    start = required[0][0]
    end = max(ticks(period_of(window)[1]), ticks(window.end))
    now = ticks(window.as_of)
    elapsed = [(low, min(high, now)) for low, high in required if low < now]
    _, lapses, _ = rule.judge(done, elapsed, elapsed, end, now)
    known = [at for at in done if at < end]
    if not known and now < end:
        return Standing(due=instant(end))
    first = known[0] if known and known[0] >= rule.period_start and known[0] > start else None
    before = [at for at in known if at < whole[1]]
    ahead = subtract(required, [*elapsed, *rule.current(known)]) if before else []
    return Standing(
        tuple((instant(low), instant(high)) for low, high in lapses),
        None if first is None else instant(first),
        runs_out=instant(max(ahead[0][0], now)) if ahead and not lapses else None,
        latest=instant(before[-1]) if before else None,
    )


def missing(rule: Currency, performed: Iterable[datetime], low: datetime, high: datetime) -> list[Span]:
    """The parts of `[low, high)`, in ticks, in which none of the performances was current."""
    return subtract([(ticks(low), ticks(high))], rule.current(ticks(at) for at in performed)) if low < high else []


def of_the_period(window: TestWindow, records: Sequence[StoredRecord], *types: str) -> list[StoredRecord]:
    """The records of some types that count for a line judged by currency, in the order of what they tell."""
    found = [record for record in told(window, records, *types) if record.for_window in (None, PERIOD)]
    return sorted(found, key=lambda record: (record.performed_at, record.seq))


def told(window: TestWindow, records: Sequence[StoredRecord], *types: str) -> list[StoredRecord]:
    """The records of some types that were there at `as_of`; one that says it was made after it arrived says nothing."""
    return [
        record
        for record in records
        if record.record_type in types and record.claimed_at <= record.recorded_at <= window.as_of
    ]
