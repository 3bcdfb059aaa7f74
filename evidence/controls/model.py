"""The shape of the catalogue: controls, their evidence lines, the sources those can come from.

A control is declared once, as a frozen dataclass, and everything else follows from it: what a flow collects, the
deployments and their schedules, the cells expected, retention deadlines, dashboard rows, the permissions that
`evidence doctor` asks for, and the control matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from evidence.record import StoredRecord
from schemas.dataset import Dataset
from schemas.outcome import Outcome, OutcomeValue
from schemas.scope import ScopeKind

if TYPE_CHECKING:
    from schemas.programme import Programme

Kind = Literal["event_stream", "snapshot", "human_record", "document"]
Mode = Literal["periodic", "response"]
WindowCadence = Literal["monthly", "quarterly", "annual"]
CollectEvery = Literal["daily", "weekly", "monthly", "quarterly", "annual"]
Nature = Literal["automated", "human_decision", "document"]
Family = Literal[
    "governance", "logical_access", "system_operations", "change_management", "vendors", "availability",
    "confidentiality",
]  # fmt: skip


COMPANY = frozenset({"own", "hr"})
"""System groups of the company's own registers and records, which speak of items of every system."""

SUPPORTING_LAG_HOURS = 24.0
"""The settle lag of a stream that supports a line which is none and so has no lag of its own."""


@dataclass(frozen=True)
class Source:
    """How long a source remembers, and so until when a missed collection can be repaired."""

    id: str
    """`<system>.<source>`; the part before the dot is the group of the which-sources rule."""
    retention: str
    """As documented by the vendor, in words."""
    plan_days: float | None
    """What the scheduler may trust: 0 nothing is remembered, None no limit."""
    note: str = ""

    @property
    def system(self) -> str:
        """The group this source belongs to; own records and the ticketing system count as one."""
        system = self.id.partition(".")[0]
        return "own" if system == "ticketing" else system


@dataclass(frozen=True)
class EvidenceLine:
    """One thing that must be held for every window and scope item of a control."""

    id: str
    kind: Kind
    window_cadence: WindowCadence
    sources: tuple[Source, ...]
    """In order of preference inside each system's group."""
    description: str
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    """The dataset collected, by system group. A group without one has no collector yet: its cells are not made and
    the line is listed as not configured, with that reason."""
    supporting: Mapping[str, tuple[Dataset, ...]] = field(default_factory=dict[str, tuple[Dataset, ...]])
    """Datasets collected with the line, by system group, that tests look at and by which no cell is judged."""
    mode: Mode | None = None
    collect_every: CollectEvery | None = None
    due_days: int = 0
    grace_days: int = 0
    lag_hours: float = 0
    max_gap_hours: float | None = None
    target_gap_hours: float | None = None
    min_count: int = 1
    late_limit_days: int = 60
    pack_max_age_days: int | None = None
    reconstructible_from: Source | None = None
    recordable: bool = True
    """Records of people only: False where this version has no command to record them. Then no cells are made, because
    nobody could fill them, and the line is listed as not configured."""
    is_population: bool = False
    """The line whose cells carry the outcomes of the control's test."""

    def __post_init__(self) -> None:
        if self.kind == "snapshot" and self.max_gap_hours is None:
            raise ValueError(
                f"evidence line {self.id!r}: a snapshot needs max_gap_hours, the longest silence it allows"
            )
        if self.kind == "human_record" and self.mode is None:
            raise ValueError(f"evidence line {self.id!r}: say whether the record is periodic or a response")
        if not self.sources:
            raise ValueError(f"evidence line {self.id!r} names no source")
        unknown = set(self.datasets) - {source.system for source in self.sources}
        if unknown:
            raise ValueError(f"evidence line {self.id!r} has datasets for {sorted(unknown)}, which are not its sources")
        judged = {dataset.name for dataset in self.datasets.values()}
        for dataset in (dataset for found in self.supporting.values() for dataset in found):
            if dataset.name in judged:
                raise ValueError(f"evidence line {self.id!r} is judged by {dataset.name}, so it does not support it")

    @property
    def by_people(self) -> bool:
        """Whether it is held in records of people, of which there is no dataset."""
        return self.kind in ("human_record", "document")

    def collected(self) -> Iterator[tuple[str, Dataset]]:
        """Every dataset collected for the line, with its system group: those it is judged by, then the others."""
        yield from self.datasets.items()
        for system, found in self.supporting.items():
            for dataset in found:
                yield system, dataset

    def settles_after_hours(self, dataset: Dataset) -> float:
        """How long a stream collected for this line may still be arriving."""
        if dataset.kind == "event_stream" and self.kind != "event_stream":
            return SUPPORTING_LAG_HOURS
        return self.lag_hours


class StoredEvidence(Protocol):
    """What a test of a control may look at: stored rows, nothing else. Implemented by the store, in memory by tests."""

    def rows(
        self,
        dataset: Dataset,
        scope_item_id: str,
        start: datetime,
        end: datetime,
        *,
        where: Mapping[str, Collection[str]] | None = None,
    ) -> Iterable[tuple[Mapping[str, Any], str]]:
        """Rows of an event stream with `start <= event_time < end` and the digest of the object each came from.

        `where` leaves out rows whose column has none of these texts; few rows of a large stream are found sooner.

        Rows collected more than once come once, de-duplicated by the dataset's key. Of several versions the one first
        stored at or after the control moment counts, and earlier ones are under `versions`.
        """
        ...

    def versions(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterable[tuple[Mapping[str, Any], str, datetime]]:
        """Every stored version of those rows, with object digest and the instant the store learnt it."""
        ...

    def snapshots(
        self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime
    ) -> Iterable[tuple[datetime, list[Mapping[str, Any]], str]]:
        """Snapshots observed in [start, end), in order: instant, all rows, object digest."""
        ...

    def snapshot_before(
        self, dataset: Dataset, scope_item_id: str, instant: datetime
    ) -> tuple[datetime, list[Mapping[str, Any]], str] | None:
        """The latest snapshot observed at or before an instant, or None when there is none: unknown, not empty."""
        ...

    def covered(self, dataset: Dataset, scope_item_id: str, start: datetime, end: datetime) -> bool:
        """Whether claims cover the whole interval; a test must answer `unknown` where they don't."""
        ...

    def records(self, control_id: str, evidence_id: str, scope_item_id: str) -> Sequence[StoredRecord]:
        """What people recorded for one line and item, in the order in which the store heard of it."""
        ...

    def recorded_rows(self, digest: str) -> Sequence[Mapping[str, Any]] | None:
        """Rows of a table that goes with a record, by its digest; None where it is missing or altered."""
        ...


@dataclass(frozen=True, slots=True)
class TestWindow:
    """One window of one scope item, as a test of a control sees it."""

    __test__ = False  # not a test case, whatever a test runner thinks of the name

    control_id: str
    window_id: str
    start: datetime
    end: datetime
    scope_item_id: str
    scope_item: str
    as_of: datetime
    programme: Programme
    registers: Mapping[str, list[Mapping[str, Any]]]
    """Register rows by register name (`identities`, `administrators`, …), from the version recorded in the ledger."""
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By dataset name the items it is collected for, where that is not the item of the window (`Dataset.per`); for the
    organisation, its workforce, vendors, services and stores of data also by kind of item all that is in scope."""
    leading: tuple[datetime, datetime] | None = None
    """Of the first item tested of a window: the window before the item's own scope cut it. Rows that are of no item,
    such as an app that belongs to no vendor, stand with it."""

    def in_scope(self, kind: ScopeKind) -> tuple[str, ...]:
        """Ids of all items of a kind, for a control of the organisation or of vendors."""
        return self.holders.get(kind, ())

    def outcome(
        self,
        *,
        evidence_id: str,
        item_id: str,
        event_time: datetime,
        outcome: OutcomeValue,
        explanation: str,
        codes: tuple[str, ...] = (),
        evidence: tuple[str, ...] = (),
        resolves_at: datetime | None = None,
    ) -> Outcome:
        """The row of one item of this window."""
        return Outcome(
            control_id=self.control_id,
            evidence_id=evidence_id,
            window_id=self.window_id,
            scope_item_id=self.scope_item_id,
            scope_item=self.scope_item,
            item_id=item_id,
            event_time=event_time,
            outcome=outcome,
            codes=codes,
            explanation=explanation,
            evidence=evidence,
            resolves_at=resolves_at,
        )

    def asked_for(self, dataset: Dataset) -> tuple[str, ...]:
        """Ids of the items whose rows of a dataset speak of this window's item; none where no such item is known."""
        return self.holders.get(dataset.name, (self.scope_item_id,))


TestOfControl = Callable[[TestWindow, StoredEvidence], list[Outcome]]


@dataclass(frozen=True)
class Control:
    """One activity the company promises, with the evidence that shows it operated and the test of that evidence."""

    id: str
    title: str
    family: Family
    criteria: tuple[str, ...]
    """References to the trust services criteria, checked against `CRITERIA`."""
    tier: Literal["core", "optional"]
    frequency_class: str
    """What an auditor sizes a sample by."""
    scope_kind: ScopeKind
    must_show: str
    evidence: tuple[EvidenceLine, ...]
    exception_codes: tuple[str, ...]
    population: str
    test: TestOfControl | None
    """None where nothing can be computed from stored evidence yet; shown as such, never as a pass."""
    category: Literal["security", "availability", "confidentiality"] = "security"
    replaces: str | None = None
    nature: tuple[Nature, ...] = ("automated",)
    test_version: int = 1
    """Raised whenever the test may judge the same evidence differently; part of the catalogue digest."""
    false_positives: tuple[str, ...] = ()
    """Cases known to look like exceptions. A person disposes of them; the test never passes them on likeness alone."""
    zero: str = ""
    """What makes an empty population believable."""
    recover_until: str = ""
    """Until when a missed collection can be repaired, in words."""
    limits: tuple[str, ...] = ()
    """What the test can't say yet, because the evidence for it is not collected."""

    def __post_init__(self) -> None:
        ids = [line.id for line in self.evidence]
        if len(set(ids)) != len(ids) or not ids:
            raise ValueError(f"control {self.id}: evidence lines need ids that are there and unique, got {ids}")

    def line(self, evidence_id: str) -> EvidenceLine:
        """The evidence line of that id; KeyError with the known ones if there is none."""
        for line in self.evidence:
            if line.id == evidence_id:
                return line
        raise KeyError(f"{self.id} has no evidence line {evidence_id!r}; it has {[line.id for line in self.evidence]}")

    def population_lines(self, system: str) -> tuple[EvidenceLine, ...]:
        """The lines whose cells carry outcomes for items of a system (`github`, `aws`); none: it can't be tested.

        A population that stands in a register of the company (who left) is one for items of every system that the
        control speaks of, unless its line has a source of that system (the which-sources rule).
        """
        return tuple(line for line in self.evidence if line.is_population and self._carries(line, system))

    def _carries(self, line: EvidenceLine, system: str) -> bool:
        if line.by_people and not line.datasets:
            return True
        if system in line.datasets or any(source.system == system for source in line.sources):
            return system in line.datasets
        named = {source.system for one in self.evidence for source in one.sources}
        return self.scope_kind == "identity_domain" and system in named and not COMPANY.isdisjoint(line.datasets)
