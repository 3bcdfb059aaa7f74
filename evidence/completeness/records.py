"""Human decisions: periodic records window by window, annual lines and documents by currency (sections 3 to 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evidence.completeness.circumstances import Demand
from evidence.completeness.coverage import Span
from evidence.completeness.currency import Currency
from evidence.completeness.finding import Finding
from evidence.completeness.instants import days_to_ticks, hours_to_ticks, optional_ticks, ticks
from evidence.completeness.model import VERIFIED, CellInputs, Period, Record, Requirement
from evidence.completeness.recoverability import HoleTicks, Loss
from evidence.completeness.windows import PERIOD, Window, period_bounds


@dataclass(frozen=True, slots=True)
class HumanFinding:
    """Proof of one human window. `lost`: the acceptance interval is over; `overdue`: a lapse lasts while it is not."""

    proof: Finding
    lost: bool
    overdue: bool
    pack_ready: bool


class _Heard(NamedTuple):
    """A record the store knows. `performed` is the time it counts from, which is its arrival when backdated."""

    performed: int
    recorded: int
    defects: tuple[str, ...]
    flags: tuple[str, ...]
    for_window: str | None


class RecordJudge:
    """Judges every window of one human requirement and item."""

    __slots__ = ("_heard", "_now", "_packs", "_period", "_period_end", "_period_start", "_requirement", "_rule")

    def __init__(self, period: Period, requirement: Requirement, inputs: CellInputs, now: int) -> None:
        self._period = period
        self._period_start, self._period_end = period_bounds(period)
        self._requirement = requirement
        self._now = now
        self._rule = Currency(period.tz, requirement.grace_days, self._period_start)
        self._heard = _heard(inputs.records, requirement, now)
        self._packs = {pack.window for pack in inputs.packs if ticks(pack.recorded_at) <= now}

    def judge(self, window: Window, demand: Demand) -> HumanFinding:
        if self._requirement.is_currency:
            return self._judge_currency(demand)
        return self._judge_periodic(window)

    def _judge_periodic(self, window: Window) -> HumanFinding:
        calendar = window.calendar
        # Performed inside [W0, late limit), W0 being the natural start. One record serves the window it names.
        mine = [
            one
            for one in self._heard
            if one.for_window in calendar.names and calendar.natural_start <= one.performed < calendar.late_limit
        ]
        sound = [one for one in mine if not one.defects]
        limit = calendar.late_limit
        lost = self._now >= limit
        finding = Finding(satisfied=bool(sound), only_if_trusted=bool(mine) and not sound)
        if sound:
            served = sound[0]  # the earliest performance
            finding.proof_at = min(one.recorded for one in sound)
            finding.late = served.performed > calendar.deadline
            finding.flags.update(served.flags, self._place(served))
            finding.flags.update(_warning([one for one in self._heard if one.for_window in calendar.names]))
        else:
            # Nothing counts, so every record that names the window says why it does not.
            for one in self._heard:
                if one.for_window in calendar.names:
                    finding.flags.update(one.defects, one.flags)
        overdue = self._now > calendar.deadline
        if not sound and (overdue or lost or finding.only_if_trusted):
            finding.loss = Loss("unrecoverable", limit, None) if lost else Loss("recoverable", limit, limit)
        return HumanFinding(finding, lost=lost, overdue=overdue, pack_ready=self._pack_ready(calendar.names))

    def _judge_currency(self, demand: Demand) -> HumanFinding:
        # The end of the period is that of what must be proven, where item, control or a note end it earlier.
        required, end = demand.required, demand.closes
        until = min(end, self._now)
        elapsed = [(low, min(high, until)) for low, high in required if low < until]
        mine = [one for one in self._heard if one.for_window in (None, PERIOD)]
        sound = [one for one in mine if not one.defects]
        over = self._now >= end
        covered, lapses, lasting = self._currency(sound, required, elapsed, end)
        finding = Finding(satisfied=covered, late=bool(lapses))
        if not covered and len(sound) < len(mine):
            finding.only_if_trusted = self._currency(mine, required, elapsed, end)[0]
        serving = [one for one in sound if one.performed < end and self._rule.lapse(one.performed) > demand.opens]
        for one in serving:
            finding.flags.update(one.flags, self._place(one))
        if any(one.performed < end for one in sound) and min(one.performed for one in sound) >= self._period_start:
            finding.flags.add("first_performance_in_period")
        if covered:
            finding.proof_at = self._current_since(sound, required, elapsed, end)
            finding.flags.update(_warning(mine))
        else:
            for one in mine:
                finding.flags.update(one.defects, one.flags)
        # Section 10a: a lasting lapse can be ended until the period is over; a lapse that was ended stays on record.
        bad = lasting or over or finding.only_if_trusted
        if not covered and bad:
            finding.loss = Loss("unrecoverable", end, None) if over else Loss("recoverable", end, end)
        finding.holes = [
            HoleTicks(low, high, low, low) if covered else HoleTicks(low, high, end, end) for low, high in lapses
        ]
        return HumanFinding(finding, lost=over, overdue=lasting, pack_ready=self._pack_ready((PERIOD,)))

    def _currency(
        self, records: Sequence[_Heard], required: list[Span], elapsed: list[Span], end: int
    ) -> tuple[bool, list[Span], bool]:
        return self._rule.judge((one.performed for one in records), required, elapsed, end, self._now)

    def _current_since(self, sound: Sequence[_Heard], required: list[Span], elapsed: list[Span], end: int) -> int:
        """The earliest arrival at which the records known by then proved as much."""
        arrivals = sorted({one.recorded for one in sound})
        for arrival in arrivals:
            known = [one for one in sound if one.recorded <= arrival]
            if self._currency(known, required, elapsed, end)[0]:
                return arrival
        return arrivals[-1]

    def _place(self, record: _Heard) -> tuple[str, ...]:
        if record.performed < self._period_start:
            return ("performed_before_period",)
        return ("performed_after_period_end",) if record.performed >= self._period_end else ()

    def _pack_ready(self, names: Sequence[str]) -> bool:
        return not self._packs.isdisjoint(names)


def _warning(records: Sequence[_Heard]) -> tuple[str, ...]:
    """A good record beside one whose file no longer verifies."""
    return ("integrity_warning",) if any("integrity_warning" in one.defects for one in records) else ()


def _heard(records: Sequence[Record], requirement: Requirement, now: int) -> list[_Heard]:
    heard: list[_Heard] = []
    delay = hours_to_ticks(requirement.max_record_delay_hours)
    for record in records:
        recorded = ticks(record.recorded_at)
        if recorded > now:
            continue
        claimed = performed = ticks(record.performed_at)
        flags: tuple[str, ...] = ()
        if recorded - claimed > delay:
            if record.corroborated:
                flags = ("recorded_late",)
            else:
                flags = ("backdated",)
                performed = recorded
        if not record.authenticated:
            flags += ("signature_unauthenticated",)
        defects = _defects(record, requirement, claimed, performed, recorded)
        heard.append(_Heard(performed, recorded, defects, flags, record.for_window))
    heard.sort(key=lambda one: (one.performed, one.recorded, one.defects, one.flags))
    return heard


def _defects(record: Record, requirement: Requirement, claimed: int, performed: int, recorded: int) -> tuple[str, ...]:
    """Why a record can't count, as flags; see sections 4 and 10a."""
    defects: list[str] = []
    if record.integrity != VERIFIED:
        defects.append("integrity_warning")
    if claimed > recorded:
        defects.append("performed_after_recorded")
    if record.undecided > 0:
        defects.append("signed_off_with_undecided_rows")
    if not record.population_complete:
        defects.append("population_incomplete")
    if not record.signer_listed:
        defects.append("signer_not_in_reviewer_list")
    population = optional_ticks(record.population_at)
    max_age = requirement.pack_max_age_days
    if population is None:
        if max_age is not None:
            defects.append("population_missing")
        return tuple(defects)
    # A backdated record is held to both of its times: the pack must precede the signature as claimed and be fresh
    # when the signature counts.
    if population > claimed:
        defects.append("population_after_signature")
    if max_age is not None and performed - population > days_to_ticks(max_age):
        defects.append("population_stale")
    return tuple(defects)
