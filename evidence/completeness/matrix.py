"""The observation-period matrix: every cell with who it is about, what proves it, and the JSON that users script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from evidence.completeness.instants import hours_to_ticks, ticks
from evidence.completeness.json_form import cell_json, instant_text, roll_up_json
from evidence.completeness.ledger_facts import LedgerFacts, LineKey, StoredBody, StoredClaim, TestedWindow
from evidence.completeness.model import DEFAULT_MAX_GAP_HOURS, Cell, Gap, Requirement, State
from evidence.completeness.requirements import Group, NotConfigured
from evidence.completeness.rollup import RollUp, roll_up
from evidence.controls.model import Control, EvidenceLine
from evidence.programme_history import ProgrammeHistory
from evidence.scope import ScopedItem, ScopeRegister, excluded_json


@dataclass(frozen=True, slots=True)
class Part:
    """The judgement of one source group, for one stretch in which it is in effect without a break."""

    group: Group
    requirement: Requirement
    cell: Cell


@dataclass(slots=True)
class Row:
    """One evidence line of one control for one scope item; its cells are the windows."""

    control: Control
    line: EvidenceLine
    item: ScopedItem
    groups: tuple[Group, ...]
    facts: LedgerFacts

    @property
    def key(self) -> LineKey:
        return self.control.id, self.line.id, self.item.id

    def claims(self) -> Iterator[StoredClaim]:
        """Claims of every dataset of the row, failed ones too."""
        for group in self.groups:
            if group.dataset is not None:
                yield from self.facts.claims.get(group.claims_key(self.item.id), ())

    def records(self) -> Sequence[StoredBody]:
        return self.facts.records.get(self.key, ())

    def notes(self) -> list[StoredBody]:
        """Not-applicable notes that speak of this row."""
        return [
            note
            for note in self.facts.notes.get(self.control.id, ())
            if note.body.get("evidence_id") in (None, self.line.id)
            and note.body.get("scope_item_id") in (None, self.item.id)
        ]


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One cell: requirement, window, scope item, and the engine's judgement."""

    row: Row
    cell: Cell
    parts: tuple[Part, ...]
    """The judgement of each source group and stretch; `cell` is what they make together."""
    tested: TestedWindow | None = None
    test_flags: tuple[str, ...] = ()
    """Flags by which a covered cell says that its outcomes are not known; they change no state (section 1)."""

    @property
    def control_id(self) -> str:
        return self.row.control.id

    @property
    def evidence_id(self) -> str:
        return self.row.line.id

    @property
    def window_id(self) -> str:
        return self.cell.window_id

    @property
    def scope_item_id(self) -> str:
        return self.row.item.id

    @property
    def scope_item(self) -> str:
        return self.row.item.name

    @property
    def state(self) -> State:
        return self.cell.state

    @property
    def gap(self) -> Gap:
        return self.cell.gap

    @property
    def until(self) -> datetime | None:
        return self.cell.until

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the engine and of the tests, sorted."""
        return tuple(sorted({*self.cell.flags, *self.test_flags})) if self.test_flags else self.cell.flags

    @property
    def evidence(self) -> list[int]:
        """Sequence numbers of the ledger entries that prove this cell, for whoever wants to follow it to the files."""
        return proving_entries(self)

    def to_json(self, *, evidence: bool = True) -> dict[str, object]:
        """The cell as `evidence completeness --json` has it."""
        row = self.row
        out = cell_json(
            self.cell,
            {
                "control_id": row.control.id,
                "evidence_id": row.line.id,
                "scope_item_id": row.item.id,
                "scope_item": row.item.name,
            },
        )
        if self.test_flags:
            out["flags"] = list(self.flags)
        if self.tested is not None:
            out["tested"] = tested_json(self.tested)
        if evidence:
            out["evidence"] = proving_entries(self)
        return out


def proving_entries(matrix_cell: MatrixCell) -> list[int]:
    """Ledger entries whose claims, records or notes bear on the window, ascending.

    Streams: claims that share time with the window. Snapshots: those in the window, and the last before it while it
    reaches into the window. Human lines: records and packs that name the window. Failed attempts prove nothing.
    """
    cell, row = matrix_cell.cell, matrix_cell.row
    if cell.clipped is None:
        return []
    start, end = cell.clipped.start, cell.clipped.end
    found: set[int] = set()
    if cell.kind == "event_stream":
        for group in row.groups:
            if group.dataset is not None:
                found.update(row.facts.sharing(*group.claims_key(row.item.id), start, end))
    elif cell.kind == "snapshot":
        found = _proving_snapshots(matrix_cell, start, end)
    else:
        names = {*cell.window_id.split("+"), None}
        found = {stored.seq for stored in row.records() if stored.body.get("for_window") in names}
        packs = row.facts.packs.get(row.key, ())
        found |= {stored.seq for stored in packs if stored.body.get("window") in names}
    if cell.state == "not_applicable" or "na_retroactive" in cell.flags:
        found |= {note.seq for note in row.notes()}
    return sorted(found)


def _proving_snapshots(matrix_cell: MatrixCell, start: datetime, end: datetime) -> set[int]:
    found: set[int] = set()
    for part in matrix_cell.parts:
        if part.group.dataset is None:
            continue
        gap = part.requirement.max_gap_hours
        reach = hours_to_ticks(DEFAULT_MAX_GAP_HOURS if gap is None else gap)
        before: tuple[datetime, int] | None = None
        for stored in matrix_cell.row.facts.claims.get(part.group.claims_key(matrix_cell.row.item.id), ()):
            observed = stored.claim.observed_at
            if stored.claim.status != "ok" or observed is None or observed >= end:
                continue
            if observed >= start:
                found.add(stored.seq)
            elif before is None or observed > before[0]:
                before = observed, stored.seq
        if before is not None and ticks(before[0]) + reach > ticks(start):
            found.add(before[1])
    return found


def tested_json(tested: TestedWindow) -> dict[str, object]:
    """What the latest test said of the window: counts per outcome, and when."""
    summary = tested.summary
    return {
        "as_of": instant_text(tested.as_of), "entry": tested.seq, "population": summary.get("population"),
        "exceptions": summary.get("exceptions", 0), "emergencies": summary.get("emergencies", 0),
        "unknown": summary.get("unknown", 0), "pending": summary.get("pending", 0),
        "codes": summary.get("codes", {}),
    }  # fmt: skip


@dataclass(frozen=True)
class Matrix:
    """Every cell of the observation period as known at `as_of`, and all that was left out, with the reason."""

    as_of: datetime
    history: ProgrammeHistory
    scope: ScopeRegister
    cells: tuple[MatrixCell, ...]
    not_configured: tuple[NotConfigured, ...]
    facts: LedgerFacts
    catalogue_digest: str = ""
    ledger_head: str | None = None
    dropped_controls: tuple[str, ...] = ()
    """Controls that the ledger speaks of and the catalogue no longer has."""
    _index: dict[str, int] = field(default_factory=dict[str, int], repr=False)

    @cached_property
    def rollup(self) -> RollUp:
        return roll_up(self.cells)

    def cell(self, control_id: str, evidence_id: str, window_id: str, scope_item_id: str) -> MatrixCell | None:
        """The cell of that key, or None."""
        return self._by_key.get((control_id, evidence_id, window_id, scope_item_id))

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, str, str, str], MatrixCell]:
        return {(c.control_id, c.evidence_id, c.window_id, c.scope_item_id): c for c in self.cells}

    def not_applicable(self) -> list[dict[str, Any]]:
        """Every not-applicable note with its reason: it shortens the denominator and must never do so silently."""
        return [
            {
                "entry": note.seq, "control_id": control_id, "evidence_id": note.body.get("evidence_id"),
                "scope_item_id": note.body.get("scope_item_id"), "from": note.body.get("from"),
                "to": note.body.get("to"), "reason": note.body.get("reason"),
                "requested_by": note.body.get("requested_by"), "approved_by": note.body.get("approved_by"),
                "approved_at": note.body.get("approved_at"), "recorded_at": instant_text(note.recorded_at),
            }
            for control_id, notes in sorted(self.facts.notes.items())
            for note in notes
        ]  # fmt: skip

    def to_json(self, *, evidence: bool = True) -> dict[str, Any]:
        """The whole `evidence completeness --json` document. `evidence=False` leaves the entry numbers out."""
        history, period = self.history, self.history.chosen
        flags = Counter(flag for cell in self.cells for flag in cell.test_flags)
        return {
            "as_of": instant_text(self.as_of),
            "period": _period_json(period.start, period.end, period.timezone),
            "catalogue_digest": self.catalogue_digest,
            "ledger_head": self.ledger_head,
            "programme_digest": history.programme_digest,
            "simulated": bool(self.facts.simulated),
            "not_configured": [one.to_json() for one in self.not_configured],
            "removed": [one.to_json() for one in history.removed],
            "dropped_controls": list(self.dropped_controls),
            "scope_decisions": [one.to_json() for one in self.scope.decisions],
            "scope_excluded": excluded_json(self.scope),
            "scope_undecided": [{"scope_item_id": id_, "scope_item": name} for id_, name in self.scope.undecided],
            "scope_notes": self._scope_notes(),
            "not_applicable": self.not_applicable(),
            "declared_endpoints": sorted(self.facts.declared_endpoints),
            "other_periods": [_period_json(p.start, p.end, p.timezone) for p in history.previous_periods],
            "tests": {name: flags.get(name, 0) for name in _TEST_FLAGS},
            "rollup": roll_up_json(self.rollup),
            "cells": [cell.to_json(evidence=evidence) for cell in self.cells],
        }

    def _scope_notes(self) -> list[dict[str, Any]]:
        items = {item.id: item for found in self.scope.by_kind.values() for item in found if item.note is not None}
        return [
            {"scope_item_id": item.id, "scope_item": item.name, "resolved": item.resolved, "note": item.note}
            for _, item in sorted(items.items())
        ]


def _period_json(start: object, end: object, zone: str) -> dict[str, str]:
    return {"start": str(start), "end": str(end), "timezone": zone}


_TEST_FLAGS = ("not_tested", "test_outdated", "outcome_unknown")
