"""From the ledger and the catalogue to the matrix: for every control, evidence line and scope item the cells.

Pure: stored claims and records in, cells out. Only what was recorded by `as_of` is used, programme versions too, so
any past answer can be asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from evidence.completeness.cell_inputs import InputsReader
from evidence.completeness.combine import combine
from evidence.completeness.coverage import Span, intersect
from evidence.completeness.engine import evaluate
from evidence.completeness.instants import instant, optional_ticks
from evidence.completeness.ledger_facts import LedgerFacts, TestedWindow, facts_of
from evidence.completeness.matrix import Matrix, MatrixCell, Part, Row
from evidence.completeness.model import Cell, CellInputs, Interval, Item, Period, Requirement
from evidence.completeness.requirements import (
    Group,
    NotConfigured,
    groups_for_item,
    groups_of,
    requirement_of,
    rules_of,
    with_holders,
)
from evidence.completeness.rule_windows import Choice, ruled_windows
from evidence.completeness.severity import COVERED
from evidence.completeness.windows import period_bounds
from evidence.controls.model import Control, EvidenceLine
from evidence.inventory import Inventory
from evidence.ledger_index import IndexedEntry
from evidence.programme_history import ProgrammeHistory
from evidence.rule_changes import RuleChange
from evidence.scope import ScopedItem, ScopeRegister, scope_of
from evidence.timeline import ALWAYS, ALWAYS_FROM, ALWAYS_TO


def assemble(
    entries: Iterable[IndexedEntry],
    history: ProgrammeHistory,
    catalogue: Sequence[Control],
    inventory: Inventory,
    as_of: datetime,
    *,
    catalogue_digest: str = "",
    ledger_head: str | None = None,
    damaged: Collection[str] = (),
) -> Matrix:
    """The matrix of the period `history` looks at.

    `entries` are ledger entries in order (the store's index, or `entries_from_json`). `damaged` are digests of
    objects whose bytes are no longer what was stored; what rests on them alone is invalid.
    """
    facts = facts_of(entries, as_of)
    return assemble_facts(
        facts, history, catalogue, inventory, catalogue_digest=catalogue_digest, ledger_head=ledger_head,
        damaged=damaged,
    )  # fmt: skip


def assemble_facts(
    facts: LedgerFacts,
    history: ProgrammeHistory,
    catalogue: Sequence[Control],
    inventory: Inventory,
    *,
    catalogue_digest: str = "",
    ledger_head: str | None = None,
    damaged: Collection[str] = (),
) -> Matrix:
    """As `assemble`, from facts that were gathered already."""
    scope = scope_of(history, inventory)
    assembly = _Assembly(facts, history, InputsReader(facts, history, frozenset(damaged)), scope)
    for control in catalogue:
        assembly.add_control(control, scope.items(control.scope_kind))
    return Matrix(
        as_of=facts.as_of,
        history=history,
        scope=scope,
        cells=tuple(assembly.cells),
        not_configured=tuple(assembly.not_configured),
        facts=facts,
        catalogue_digest=catalogue_digest,
        ledger_head=ledger_head,
        dropped_controls=tuple(sorted(facts.controls_named - {control.id for control in catalogue})),
    )


@dataclass
class _LinePlan:
    """One evidence line while its rows are judged: groups, rules, and the requirements made of them so far."""

    line: EvidenceLine
    groups: tuple[Group, ...]
    rules: tuple[RuleChange, ...]
    choices: dict[str, list[Choice]] = field(default_factory=dict[str, list[Choice]])
    requirements: dict[tuple[str, int, Span], Requirement] = field(
        default_factory=dict[tuple[str, int, Span], Requirement]
    )

    def choices_for(self, group: Group, period: Period) -> list[Choice]:
        """The rules and the windows each judges; one choice for all windows where no version changed them."""
        found = self.choices.get(group.kind)
        if found is None:
            changed = len(self.rules) > 1
            found = ruled_windows(period, group.kind, self.rules) if changed else [Choice(self.rules[0].rules, None)]
            self.choices[group.kind] = found
        return found

    def requirement(self, group: Group, number: int, choice: Choice, span: Span) -> Requirement:
        key = (group.system, number, span)
        found = self.requirements.get(key)
        if found is None:
            found = self.requirements[key] = requirement_of(self.line, group, choice.rules, span)
        return found


@dataclass
class _Assembly:
    facts: LedgerFacts
    history: ProgrammeHistory
    inputs: InputsReader
    scope: ScopeRegister
    cells: list[MatrixCell] = field(default_factory=list[MatrixCell])
    not_configured: list[NotConfigured] = field(default_factory=list[NotConfigured])

    def __post_init__(self) -> None:
        self.period: Period = self.history.chosen.period
        self.bounds: Span = period_bounds(self.period)

    def add_control(self, control: Control, items: Sequence[ScopedItem]) -> None:
        """Cells of every line of a control, or the reason why there are none."""
        effective = self.history.control_spans(control.id, control.category)
        if not effective:
            self._never_in_effect(control)
            return
        if not items:
            reason = _NO_ITEMS.get(control.scope_kind, f"the programme has nothing of the kind {control.scope_kind}")
            self.not_configured.append(NotConfigured(control.id, None, None, reason))
        for line in control.evidence:
            groups, missing = groups_of(control, line, self.history)
            self.not_configured += missing
            plan = _LinePlan(line, groups, rules_of(control, line, self.history))
            for item in items:
                needed = groups_for_item(control, line, groups, item.system)
                if needed:
                    needed = with_holders(needed, item, self.scope)
                    self._add_row(plan, Row(control, line, item, needed, self.facts), effective)

    def _never_in_effect(self, control: Control) -> None:
        if control.category not in self.history.categories:
            return  # not a category of this examination; the report names those that are
        override = self.history.current.programme.get("controls", {}).get(control.id, {})
        reason = "in effect at no time of the period" if override.get("enabled", True) else "switched off"
        if override.get("reason"):
            reason += f": {override['reason']}"
        self.not_configured.append(NotConfigured(control.id, None, None, reason))

    def _add_row(self, plan: _LinePlan, row: Row, effective: Sequence[Span]) -> None:
        common = self.inputs.common(row)
        tested = self.facts.tested.get(row.key)
        parts: dict[str, list[Part]] = {}
        for group in row.groups:
            inputs = self.inputs.with_proof(row, group, common)
            for part in self._judge(plan, row, group, inputs, effective):
                parts.setdefault(part.cell.window_id, []).append(part)
        for found in parts.values():
            if len(found) > 1:
                # Groups and stretches that have no time in this window say nothing about it.
                found = [part for part in found if part.cell.clipped is not None] or found[:1]
            cell = found[0].cell if len(found) == 1 else _together([part.cell for part in found])
            self.cells.append(self._matrix_cell(row, cell, tuple(found), tested))

    def _judge(
        self, plan: _LinePlan, row: Row, group: Group, inputs: CellInputs, effective: Sequence[Span]
    ) -> Iterator[Part]:
        """Every window of one group, once for each stretch in which control, system and item are in effect together."""
        spans = effective if group.spans == ALWAYS else intersect(list(effective), list(group.spans))
        for span in spans:
            lives = row.item.spans
            if group.holder is not None:
                lives = tuple(intersect(list(lives), list(group.holder.spans)))
            for life in lives:
                if span[0] < life[1] and life[0] < span[1]:
                    yield from self._windows(plan, group, inputs, span, life)

    def _windows(self, plan: _LinePlan, group: Group, inputs: CellInputs, span: Span, life: Span) -> Iterator[Part]:
        # The period's own ends are no ends of the control: a human window is judged by its natural bounds.
        span = self._inside_period(span)
        item = _item(self._inside_period(life))
        for number, choice in enumerate(plan.choices_for(group, self.period)):
            requirement = plan.requirement(group, number, choice, span)
            for cell in evaluate(self.period, requirement, item, inputs, self.facts.as_of):
                if choice.window_ids is None or cell.window_id in choice.window_ids:
                    yield Part(group, requirement, cell)

    def _inside_period(self, span: Span) -> Span:
        """A span without the bounds that lie outside the period."""
        start, end = span
        return (
            ALWAYS_FROM if start <= self.bounds[0] else start,
            ALWAYS_TO if end >= self.bounds[1] else end,
        )

    def _matrix_cell(
        self, row: Row, cell: Cell, parts: tuple[Part, ...], tested: Mapping[str, TestedWindow] | None
    ) -> MatrixCell:
        found = None
        if tested is not None:
            names = cell.window_id.split("+")
            found = next((tested[name] for name in names if name in tested), None)
        flags: tuple[str, ...] = ()
        if row.line.is_population and row.control.test is not None and cell.state in COVERED:
            flags = self._test_flags(row, cell, found)
        return MatrixCell(row, cell, parts, found, flags)

    def _test_flags(self, row: Row, cell: Cell, tested: TestedWindow | None) -> tuple[str, ...]:
        """What a reader of a covered cell must know about its outcomes: covered is not the same as tested."""
        if tested is None:
            return () if cell.state == "empty_population_confirmed" else ("not_tested",)
        flags: list[str] = []
        summary = tested.summary
        resolves_at = optional_ticks(_instant(summary.get("resolves_at")))
        overdue = bool(summary.get("pending")) and resolves_at is not None and instant(resolves_at) < self.facts.as_of
        if summary.get("unknown") or overdue:
            flags.append("outcome_unknown")
        closed_since = cell.clipped is not None and tested.as_of < cell.clipped.end <= self.facts.as_of
        proven_since = cell.first_proof_at is not None and tested.recorded_at < cell.first_proof_at
        if closed_since or proven_since or self._restated_since(row, cell, tested):
            flags.append("test_outdated")
        return tuple(flags)

    def _restated_since(self, row: Row, cell: Cell, tested: TestedWindow) -> bool:
        if cell.clipped is None:
            return False
        return any(
            stored.claim.changes_population
            and stored.seq > tested.seq
            and stored.claim.start is not None
            and stored.claim.end is not None
            and stored.claim.start < cell.clipped.end
            and cell.clipped.start < stored.claim.end
            for group in row.groups
            if group.dataset is not None
            for stored in self.inputs.restating(group.claims_key(row.item.id))
        )


def _together(cells: Sequence[Cell]) -> Cell:
    """One cell out of several. They need not be in effect for the same time; the cell spans them all."""
    cell = combine(cells)
    spans = [one.clipped for one in cells if one.clipped is not None]
    if all(span == cell.clipped for span in spans):
        return cell
    return replace(cell, clipped=Interval(min(span.start for span in spans), max(span.end for span in spans)))


def _item(life: Span) -> Item:
    if life == ALWAYS[0]:
        return _ALWAYS_THERE
    start, end = life
    return Item(None if start == ALWAYS_FROM else instant(start), None if end == ALWAYS_TO else instant(end))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_ALWAYS_THERE = Item()

_NO_ITEMS = {
    "github_repo": "no repository is in scope",
    "product": "no product is named under scope.products",
    "service": "no service is named under scope.services",
    "policy": "no policy is named under scope.policies",
    "vendor": "the vendor register is empty or not part of the programme",
    "subservice_organisation": "the vendor register names no subservice organisation",
    "cloud_account_region": "no region is named under scope.aws.regions",
}
