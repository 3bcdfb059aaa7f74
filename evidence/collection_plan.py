"""What a scheduled or requested run collects: which datasets, for which scope items, over which time.

Pure. A run that closes a window reads the whole window again, which is how late events and restatements are found. A
frequent run reads from where the claims end, so that after an outage the next run goes on from the last proof.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from evidence.completeness.coverage import Span, intersect, merge, subtract
from evidence.completeness.instants import days_to_ticks, instant, ticks
from evidence.completeness.missing import CollectionRequest
from evidence.completeness.requirements import OWN_GROUPS, speaks_of
from evidence.completeness.windows import window_bounds, window_id_of
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import SOURCES
from evidence.inventory import INVENTORIES
from evidence.programme_folds import READ_FROM_REGISTER, SYSTEMS
from evidence.scope import SYSTEM_BOUND, ScopedItem, ScopeRegister
from schemas.dataset import Dataset
from schemas.scope import ScopeItem

RunCadence = Literal["daily", "weekly", "monthly", "quarterly"]

Claimed = Callable[[str, str], Iterable[tuple[datetime, datetime]]]
"""Dataset name and scope item id to the intervals that stored claims assert."""


_AGES = 36_500.0
"""Days for a source that forgets nothing."""


@dataclass(frozen=True, slots=True)
class CollectionStep:
    """One call pattern of one connector: these datasets for these items, over one interval (None: snapshots only)."""

    datasets: tuple[Dataset, ...]
    items: tuple[ScopeItem, ...]
    interval: tuple[datetime, datetime] | None

    @property
    def system(self) -> str:
        return self.datasets[0].system


def closed_window(at: datetime, cadence: Literal["monthly", "quarterly"], zone: str) -> str:
    """The natural window that had closed last at `at`, in the programme's zone.

    `at` is the scheduled time of a run, so that a late or repeated run means the same window.
    """
    current = window_bounds(window_id_of(at, cadence, zone), zone)
    return window_id_of(current.start - timedelta(microseconds=1), cadence, zone)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to plan for. With `window` that window is read whole; without it, what is new since the claims end."""

    controls: Sequence[Control]
    now: datetime
    zone: str
    period: tuple[datetime, datetime]
    window: str | None = None
    cadence: RunCadence | None = None
    """Only lines that are collected this often; None or a closing cadence: all lines."""
    scope_items: Collection[str] | None = None
    """Only these items, each by its id or its name."""
    systems: Collection[str] = SYSTEMS
    """Systems that are part of the programme now; what others would hold is not asked for."""
    registers: Collection[str] = tuple(READ_FROM_REGISTER.values())
    """Registers that are part of the programme now; the same holds for datasets that are read from one."""


def plan_collection(
    request: PlanRequest, scope: ScopeRegister, group_of: Callable[[Dataset], Hashable], claimed: Claimed
) -> list[CollectionStep]:
    """Steps in a stable order. Datasets that one extractor reads in one pass (`group_of`) are one step.

    Items that no inventory has identified yet can't be asked for and make no step; their cells stay missing.
    """
    wanted = _wanted(request, scope, group_of)
    steps: dict[tuple[Hashable, tuple[str, ...], tuple[datetime, datetime] | None], list[ScopeItem]] = {}
    datasets: dict[str, Dataset] = {}
    periodic = _collected_as_often_as_it_runs(request)
    for (group, _item_id), (item, found) in wanted.items():
        datasets.update(found)
        streams = [dataset for dataset in found.values() if dataset.kind == "event_stream"]
        interval = _interval(request, item, streams, claimed) if streams else None
        names = set(found)
        if interval is None:
            names -= {dataset.name for dataset in streams}
        if not _shows_now(request):
            names &= {dataset.name for dataset in streams} | periodic
        if names:
            steps.setdefault((group, tuple(sorted(names)), interval), []).append(item.as_scope_item())
    return [
        CollectionStep(tuple(datasets[name] for name in names), tuple(items), interval)
        for (_, names, interval), items in steps.items()
    ]


def _shows_now(request: PlanRequest) -> bool:
    """Whether a state of now belongs to what is asked for: one that has passed can't be looked at any more."""
    if request.window is None:
        return True
    bounds = window_bounds(request.window, request.zone)
    return bounds.start <= request.now < bounds.end


def _collected_as_often_as_it_runs(request: PlanRequest) -> set[str]:
    """States that nobody looks at more often than once a month or quarter: the closing run looks at them as well."""
    if request.cadence not in ("monthly", "quarterly"):
        return set()
    return {
        dataset.name
        for _, line, _, dataset in lines_of(request.controls)
        if dataset.kind == "snapshot" and line.collect_every == request.cadence
    }


def inventory_steps(
    scope: ScopeRegister, catalogue: Iterable[Control], systems: Collection[str] = SYSTEMS
) -> list[CollectionStep]:
    """Inventories to take before anything else, because items are in scope that only an inventory can identify.

    `systems` are those of the programme now: others can't be asked any more.
    """
    waiting = {item.system for items in scope.by_kind.values() for item in items if not item.resolved}
    waiting &= set(systems)
    return [
        CollectionStep((dataset,), tuple(item.as_scope_item() for item in scope.items("organisation")), None)
        for _, _, system, dataset in lines_of(catalogue)
        if system in waiting and dataset.name in INVENTORIES
    ]


def lines_of(
    controls: Iterable[Control], cadence: RunCadence | None = None
) -> Iterator[tuple[Control, EvidenceLine, str, Dataset]]:
    """Every evidence line with a collector, once for each dataset, as (control, line, system group, dataset)."""
    for control in controls:
        for line in control.evidence:
            if cadence in ("daily", "weekly") and line.collect_every != cadence:
                continue
            for system, dataset in line.collected():
                yield control, line, system, dataset


def items_for(
    control: Control, line: EvidenceLine, system: str, dataset: Dataset, scope: ScopeRegister
) -> list[ScopedItem]:
    """The scope items that a dataset of a line is collected for, each once.

    Those items of the control that the system group speaks of (the which-sources rule), or what they are part of where
    the dataset is collected for that.
    """
    items = list(scope.items(control.scope_kind))
    if control.scope_kind in SYSTEM_BOUND or control.scope_kind == "github_repo":
        if system in OWN_GROUPS:
            answered = {source.system for source in line.sources}
            items = [item for item in items if speaks_of(control, item.system) and item.system not in answered]
        else:
            items = [item for item in items if item.system == system]
    if dataset.per is None:
        return items
    found = {one.id: one for item in items for one in scope.holders(dataset.per, dataset.system, item)}
    return list(found.values())


def _wanted(
    request: PlanRequest, scope: ScopeRegister, group_of: Callable[[Dataset], Hashable]
) -> dict[tuple[Hashable, str], tuple[ScopedItem, dict[str, Dataset]]]:
    """By extractor and scope item: the datasets to collect. The same dataset asked for by two controls is read once."""
    wanted: dict[tuple[Hashable, str], tuple[ScopedItem, dict[str, Dataset]]] = {}
    for control, line, system, dataset in lines_of(request.controls, request.cadence):
        register = READ_FROM_REGISTER.get(dataset.name)
        if dataset.system not in request.systems or (register is not None and register not in request.registers):
            continue
        for item in items_for(control, line, system, dataset, scope):
            if request.scope_items is not None and not {item.id, item.name} & set(request.scope_items):
                continue
            if item.resolved:
                wanted.setdefault((group_of(dataset), item.id), (item, {}))[1][dataset.name] = dataset
    return wanted


def _interval(
    request: PlanRequest, item: ScopedItem, streams: Collection[Dataset], claimed: Claimed
) -> tuple[datetime, datetime] | None:
    """The interval to read for an item, None where there is nothing to read."""
    low, high = ticks(request.period[0]), min(ticks(request.period[1]), ticks(request.now))
    if request.window is not None:
        bounds = window_bounds(request.window, request.zone)
        low, high = max(low, ticks(bounds.start)), min(high, ticks(bounds.end))
        return _instants(_hull(intersect(item.spans, [(low, high)])))
    # Look back over the month before this one: further back is the business of catching up.
    this_month = window_bounds(window_id_of(request.now, "monthly", request.zone), request.zone)
    before = window_bounds(
        window_id_of(this_month.start - timedelta(microseconds=1), "monthly", request.zone), request.zone
    )
    asked = intersect(item.spans, [(max(low, ticks(before.start)), high)])
    open_time: list[Span] = []
    for dataset in streams:
        held = merge((ticks(start), ticks(end)) for start, end in claimed(dataset.name, item.id))
        # What the source has forgotten would be asked for day after day, and drag the others of the pass along.
        there = intersect(asked, [(ticks(request.now) - _memory(dataset), high)])
        open_time += there if dataset.keeps_changing else subtract(there, held)
    return _instants(_hull(open_time))


def _memory(dataset: Dataset) -> int:
    """How far back the dataset's own source answers, in ticks."""
    days = SOURCES[dataset.source].plan_days
    return days_to_ticks(_AGES if days is None else days)


def _hull(spans: Sequence[Span]) -> Span | None:
    if not spans:
        return None
    return min(start for start, _ in spans), max(end for _, end in spans)


def _instants(span: Span | None) -> tuple[datetime, datetime] | None:
    return None if span is None else (instant(span[0]), instant(span[1]))


def steps_of_missing(
    requests: Iterable[CollectionRequest], datasets: Mapping[str, Dataset], group_of: Callable[[Dataset], Hashable]
) -> list[CollectionStep]:
    """Requests of the planner as steps, in its order; datasets that one extractor reads in one pass go together."""
    steps: dict[tuple[Hashable, tuple[ScopeItem, ...], tuple[datetime, datetime] | None], dict[str, Dataset]] = {}
    for request in requests:
        dataset = datasets[request.dataset]
        items = tuple(item.as_scope_item() for item in request.items)
        interval = None if request.interval is None else (request.interval.start, request.interval.end)
        steps.setdefault((group_of(dataset), items, interval), {})[dataset.name] = dataset
    return [CollectionStep(tuple(found.values()), items, interval) for (_, items, interval), found in steps.items()]
