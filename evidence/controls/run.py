"""Runs tests of controls over windows and scope items, and sums up what they found for the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evidence.controls.held import WHOLE_WINDOW
from evidence.controls.model import Control, StoredEvidence, TestWindow
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.scope import ScopeItem

if TYPE_CHECKING:
    from evidence.scope import ScopeRegister
    from schemas.programme import Programme

Registers = Mapping[str, list[Mapping[str, Any]]]
Holders = Callable[[ScopeItem], Mapping[str, tuple[str, ...]]]
"""Of an item: by dataset name the items it is collected for, where those are others."""


_WHOLE_COMPANY = ("organisation", "workforce", "device", "customer_contract")
"""Kinds of items that stand for the company as a whole."""


def _itself(_: ScopeItem) -> Mapping[str, tuple[str, ...]]:
    return {}


@dataclass(frozen=True, slots=True)
class Span:
    """A window by its id and bounds, as it applies before an item's own scope cuts it."""

    window_id: str
    start: datetime
    end: datetime


def holders_of(control: Control, scope: ScopeRegister) -> Holders:
    """For whom the datasets of a control are collected, by the scope register."""

    def holders(item: ScopeItem) -> Mapping[str, tuple[str, ...]]:
        found = scope.item(item.id)
        if found is None:
            return {}
        held = {
            dataset.name: tuple(one.id for one in scope.holders(dataset.per, dataset.system, found))
            for line in control.evidence
            for _, dataset in line.collected()
            if dataset.per is not None
        }
        if control.scope_kind not in ("organisation", "workforce", "vendor", "service", "data_store"):
            return held
        # A control of the whole company may ask what became of all items of a kind; apps of any system have vendors.
        return held | {kind: tuple(one.id for one in items) for kind, items in scope.by_kind.items()}

    return holders


def windows_to_test(
    control: Control,
    windows: Sequence[Span],
    items: Sequence[ScopeItem],
    *,
    as_of: datetime,
    programme: Programme,
    registers: Registers,
    holders: Holders = _itself,
) -> Iterator[TestWindow]:
    """Every window of every item that the control can be tested for, clipped to the item's time in scope.

    Left out are items of a system without a collector, items no inventory has identified, and windows that have not
    begun by `as_of`; none of them has anything to test. Items come in the order given, windows in order of time.
    """
    led: set[Span] = set()
    for item in items:
        if not item.resolved or not control.population_lines(_system(control, item)):
            continue
        for window in sorted(windows, key=lambda span: span.start):
            start = window.start if item.in_scope_from is None else max(window.start, item.in_scope_from)
            end = window.end if item.in_scope_to is None else min(window.end, item.in_scope_to)
            if start < end and start < as_of:
                leading = None if window in led else (window.start, window.end)
                led.add(window)
                yield TestWindow(
                    control.id, window.window_id, start, end, item.id, item.name, as_of, programme, registers,
                    holders(item), leading,
                )  # fmt: skip


def run_control(
    control: Control,
    windows: Sequence[Span],
    items: Sequence[ScopeItem],
    evidence: StoredEvidence,
    *,
    as_of: datetime,
    programme: Programme,
    registers: Registers,
    holders: Holders = _itself,
) -> list[Outcome]:
    """The outcomes of one control. Raises ValueError where a test answers for another control, window or item, or gives
    two rows the same item id: nothing of such a run may be stored."""
    outcomes: list[Outcome] = []
    if control.test is None:
        return outcomes
    rules: dict[str, Any] = {"as_of": as_of, "programme": programme, "registers": registers, "holders": holders}
    for window in windows_to_test(control, windows, items, **rules):
        found = control.test(window, evidence)
        _check(control, window, found)
        outcomes += found
    return outcomes


def _system(control: Control, item: ScopeItem) -> str:
    """The system whose datasets judge an item; the organisation's own item and its workforce are judged by all that
    the control has."""
    if item.system in ("own", "hr") and control.scope_kind in _WHOLE_COMPANY:
        return next((system for line in control.evidence if line.is_population for system in line.datasets), "own")
    return item.system


def _check(control: Control, window: TestWindow, outcomes: Iterable[Outcome]) -> None:
    lines = {line.id for line in control.evidence if line.is_population}
    seen: set[tuple[str, str]] = set()
    for outcome in outcomes:
        place = (outcome.control_id, outcome.window_id, outcome.scope_item_id)
        if place != (control.id, window.window_id, window.scope_item_id) or outcome.evidence_id not in lines:
            raise ValueError(f"{control.id}: {outcome.item_id} is answered for {place}, {outcome.evidence_id}")
        unknown = set(outcome.codes) - set(control.exception_codes)
        if unknown:
            raise ValueError(f"{control.id}: {outcome.item_id} has codes that are not declared: {sorted(unknown)}")
        key = (outcome.evidence_id, outcome.item_id)
        if key in seen:
            raise ValueError(f"{control.id}: two rows for {outcome.item_id} in {window.window_id}")
        seen.add(key)


def summarise(control: Control, tested: Iterable[TestWindow], outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Counts per evidence line, scope item and window, for the ledger entry of the run.

    Every tested window has an entry, also with a population of zero. `population` counts items: a row that stands for a
    whole window that could not be seen is no item, but counts as unknown.
    """
    entries: dict[tuple[str, str, str], _Sum] = {}
    for window in tested:
        system = window.scope_item_id.partition(":")[0]
        lines = control.population_lines(system) or tuple(line for line in control.evidence if line.is_population)
        for line in lines:
            entries[line.id, window.scope_item_id, window.window_id] = _Sum()
    for outcome in outcomes:
        key = (outcome.evidence_id, outcome.scope_item_id, outcome.window_id)
        entries.setdefault(key, _Sum()).add(outcome)
    return [
        {"evidence_id": line, "scope_item_id": item, "window_id": window, **entry.to_json()}
        for (line, item, window), entry in sorted(entries.items())
    ]


class _Sum:
    def __init__(self) -> None:
        self._population = 0
        self._by_outcome: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._resolves_at: datetime | None = None
        self._exceptions: dict[str, list[str]] = {}

    def add(self, outcome: Outcome) -> None:
        if not outcome.item_id.startswith(WHOLE_WINDOW):
            self._population += 1
        self._by_outcome[outcome.outcome] += 1
        self._codes.update(outcome.codes)
        if outcome.outcome == "exception":
            self._exceptions[outcome.item_id] = list(outcome.codes)
        if outcome.outcome == "pending" and outcome.resolves_at is not None:
            latest = self._resolves_at
            self._resolves_at = outcome.resolves_at if latest is None else max(latest, outcome.resolves_at)

    def to_json(self) -> dict[str, Any]:
        return {
            "population": self._population,
            "exceptions": self._by_outcome["exception"],
            "emergencies": self._by_outcome["emergency"],
            "unknown": self._by_outcome["unknown"],
            "pending": self._by_outcome["pending"],
            "resolves_at": None if self._resolves_at is None else format_instant(self._resolves_at),
            "codes": dict(sorted(self._codes.items())),
            "exception_items": dict(sorted(self._exceptions.items())),
        }


def outcomes_body(
    control_id: str,
    *,
    as_of: datetime,
    rows: Mapping[str, Any],
    summary: list[dict[str, Any]],
    catalogue_digest: str,
    programme_digest: str,
) -> dict[str, Any]:
    """The body of an `outcomes` entry; `rows` is the stored object (as JSON) that holds the outcome rows."""
    return {
        "control_id": control_id,
        "as_of": format_instant(as_of),
        "object": dict(rows),
        "summary": summary,
        "catalogue_digest": catalogue_digest,
        "programme_digest": programme_digest,
    }
