"""What completeness is computed from and what comes out: frozen values without behaviour.

Field names of the inputs are those of the acceptance cases of the completeness specification, except `from`,
which is a Python keyword and is called `from_`. All instants are aware; all intervals are half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import msgspec

from evidence.completeness.instants import optional_ticks, ticks

Kind = Literal["event_stream", "snapshot", "human_record", "document"]
Cadence = Literal["monthly", "quarterly", "annual"]
RunStatus = Literal["ok", "error", "truncated"]
Gap = Literal["none", "recoverable", "unrecoverable"]
State = Literal[
    "not_in_effect",
    "not_applicable",
    "not_due",
    "due",
    "failed",
    "human_decision_pending",
    "human_decision_overdue",
    "collected",
    "collected_late",
    "performed_late",
    "empty_population_confirmed",
    "exception_noted",
    "empty_unconfirmed",
    "partial",
    "missing_recoverable",
    "missing_unrecoverable",
    "invalid",
    "not_performed",
]

KINDS: tuple[Kind, ...] = ("event_stream", "snapshot", "human_record", "document")
CADENCES: tuple[Cadence, ...] = ("monthly", "quarterly", "annual")
RUN_STATUSES: tuple[RunStatus, ...] = ("ok", "error", "truncated")

VERIFIED = "ok"
"""The only value of `integrity` that counts as verified; every other one means the file can't be trusted."""

DEFAULT_MAX_GAP_HOURS = 35 * 24.0
"""Section 6 gives 35 days for monthly lines; a line of another cadence that names no gap gets no longer one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open `[start, end)` in aware UTC instants."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """The observation period: local dates, `end` inclusive, in an IANA zone (section 2)."""

    start: date
    end: date
    tz: str = "UTC"

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}; end is the last day, inclusive")


@dataclass(frozen=True, slots=True)
class SourceMemory:
    """How long one source remembers (`retention_days`, None: until deleted) and when it was switched on."""

    retention_days: float | None = None
    on_from: datetime | None = None
    on_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One evidence line of a control, as far as completeness needs it.

    Days of `due_days`, `grace_days`, `late_limit_days` and `min_stub_days` are local calendar days; retention and
    ages are days of 24 hours. `sources`, where given, takes the place of `retention_days`.
    """

    kind: Kind
    cadence: Cadence = "monthly"
    due_days: int = 0
    grace_days: int = 0
    lag_hours: float = 0.0
    retention_days: float | None = None
    sources: tuple[SourceMemory, ...] = ()
    pack_max_age_days: float | None = None
    max_gap_hours: float | None = None
    target_gap_hours: float | None = None
    min_count: int = 1
    min_stub_days: int = 7
    late_limit_days: int = 60
    max_record_delay_hours: float = 72.0
    reconstructible: bool = False
    effective_from: datetime | None = None
    effective_to: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.cadence not in CADENCES:
            raise ValueError(f"cadence {self.cadence!r} is not one of {', '.join(CADENCES)}")
        for name in _NEVER_NEGATIVE:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value}; it can't be negative")
        if self.max_gap_hours == 0:
            raise ValueError("max_gap_hours is 0; a snapshot must cover some time")

    @property
    def is_currency(self) -> bool:
        """Judged by currency over the whole period instead of window by window (sections 3.5 and 4)."""
        return self.kind == "document" or (self.kind == "human_record" and self.cadence == "annual")

    @property
    def memories(self) -> tuple[SourceMemory, ...]:
        """The sources this line may be collected from; without a list one that was always on."""
        return self.sources or (SourceMemory(self.retention_days),)


_NEVER_NEGATIVE = (
    "due_days",
    "grace_days",
    "lag_hours",
    "retention_days",
    "pack_max_age_days",
    "max_gap_hours",
    "target_gap_hours",
    "min_count",
    "min_stub_days",
    "late_limit_days",
    "max_record_delay_hours",
)


@dataclass(frozen=True, slots=True)
class Item:
    """A scope item's in-scope interval: from creation at the source to deletion; None is without a bound."""

    in_scope_from: datetime | None = None
    in_scope_to: datetime | None = None


class RunTicks(msgspec.Struct, frozen=True, gc=False):
    """A run's instants as ticks, so that a run shared by many scope items is converted once."""

    from_: int
    to: int
    started: int
    recorded: int
    complete_until: int | None


class Run(msgspec.Struct, frozen=True, gc=False):
    """One attempt to read every event with time in `[from_, to)` for one item and one query.

    `recorded_at` is the store's time. `rows` None counts as having rows; `rows_by_window` (window id to rows)
    wins over `rows`. `superset_of` names the query hashes whose answer this query provably contains.
    `integrity` other than `ok` means the stored file no longer matches its manifest.
    """

    from_: datetime
    to: datetime
    started_at: datetime
    recorded_at: datetime
    status: RunStatus = "ok"
    rows: int | None = None
    rows_by_window: Mapping[str, int] | None = None
    complete_until: datetime | None = None
    proof_of_life: bool = False
    integrity: str = VERIFIED
    query_hash: str | None = None
    superset_of: tuple[str, ...] = ()
    changes_population: bool = False
    ticks: RunTicks = RunTicks(0, 0, 0, 0, None)
    """Always computed from the instants above."""

    def __post_init__(self) -> None:
        start, end = ticks(self.from_), ticks(self.to)
        if end < start:
            raise ValueError(f"to {self.to.isoformat()} lies before from {self.from_.isoformat()}")
        started, recorded = ticks(self.started_at), ticks(self.recorded_at)
        at = RunTicks(start, end, started, recorded, optional_ticks(self.complete_until))
        msgspec.structs.force_setattr(self, "ticks", at)


class SnapshotTicks(msgspec.Struct, frozen=True, order=True, gc=False):
    """A snapshot's instants as ticks; sorts by observation."""

    observed: int
    recorded: int


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The state of the item observed at one instant; `reconstructed` when rebuilt from a source's own history."""

    observed_at: datetime
    recorded_at: datetime
    integrity: str = VERIFIED
    reconstructed: bool = False
    ticks: SnapshotTicks = SnapshotTicks(0, 0)
    """Always computed from the two instants."""

    def __post_init__(self) -> None:
        at = SnapshotTicks(ticks(self.observed_at), ticks(self.recorded_at))
        msgspec.structs.force_setattr(self, "ticks", at)


@dataclass(frozen=True, slots=True)
class Record:
    """A signed human decision. `for_window` is a window id, or `period` (or None) for an annual line.

    `corroborated`: a system trace of the day supports `performed_at`. `signer_listed` is False when the person
    who signed was not in the reviewer list at that time, `authenticated` when it is not known that they signed.
    """

    performed_at: datetime
    recorded_at: datetime
    for_window: str | None = None
    population_at: datetime | None = None
    population_complete: bool = True
    undecided: int = 0
    corroborated: bool = False
    integrity: str = VERIFIED
    signer_listed: bool = True
    authenticated: bool = True


@dataclass(frozen=True, slots=True)
class Pack:
    """A population put before a reviewer for `window`."""

    window: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A not-applicable note for `[from_, to)`. It counts from `recorded_at` (else `approved_at`), section 7."""

    from_: datetime
    to: datetime
    requested_by: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    recorded_at: datetime | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.to < self.from_:
            raise ValueError(f"to {self.to.isoformat()} lies before from {self.from_.isoformat()}")


@dataclass(frozen=True, slots=True)
class ExceptionCount:
    """`open` exceptions of `window` (not dismissed as false positive) that the store learnt of at `recorded_at`.

    Counts of one window are added up; give each exception once, with the time it was first known.
    """

    window: str
    open: int
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutcomePending:
    """An event of `window` whose own deadline (`resolves_at`) has not passed yet (section 3.6)."""

    window: str
    resolves_at: datetime
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """The moment a window's population and outcome were declared final."""

    window: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class CellInputs:
    """Everything the store holds for one requirement and one scope item, in any order.

    For a snapshot line `runs` are those of a change stream for the same setting (flag `bridged_by_stream`) and
    failed attempts; for human lines only failed attempts matter.
    """

    runs: tuple[Run, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    records: tuple[Record, ...] = ()
    packs: tuple[Pack, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    exceptions: tuple[ExceptionCount, ...] = ()
    outcomes_pending: tuple[OutcomePending, ...] = ()
    seals: tuple[Seal, ...] = ()


@dataclass(frozen=True, slots=True)
class Hole:
    """Uncovered time `[start, end)`. Its first part is lost at `first_loss`, all of it at `total_loss`.

    Both are None where the source keeps its data until they are deleted. Equal and not later than `start` where
    nothing could ever bring it back.
    """

    start: datetime
    end: datetime
    first_loss: datetime | None
    total_loss: datetime | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Requirement x window x scope item, judged at one instant.

    `clipped` is None when the window is not in effect. `until` is the first instant at which something becomes
    (or became) unrecoverable; `next_loss` the first instant from now on at which more is lost: the instant of
    evaluation itself while a hole is shrinking. `snapshots_missing` counts the snapshots a closed window lacks.
    `population_count` is None where the runs alone can't say it (overlapping runs: count the de-duplicated rows).
    """

    window_id: str
    natural: Interval
    clipped: Interval | None
    state: State
    gap: Gap
    until: datetime | None
    next_loss: datetime | None
    holes: tuple[Hole, ...]
    flags: tuple[str, ...]
    population_count: int | None
    exceptions_open: int
    outcomes_pending: int
    due_at: datetime
    deadline_at: datetime
    first_proof_at: datetime | None
    revision: int
    kind: Kind
    snapshots_missing: int = 0
