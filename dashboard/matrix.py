"""The completeness document arranged as rows and columns for a page: months across, evidence lines down.

Pure: takes the document that `evidence completeness --json` prints, gives what a template needs. Nothing is decided
here; a state, a gap or a date is shown as the engine gave it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state is shown: a glyph and words, so that colour is never alone in carrying the meaning."""

    glyph: str
    words: str
    tone: str
    """good, note, wait, work, lost or none; the style sheet knows a colour for each in light and dark."""
    label: str = ""
    """The word that stands beside the glyph in the matrix, where a glyph alone would have to be looked up."""


LOOKS: Mapping[str, StateLook] = {
    "collected": StateLook("✓", "collected", "good"),
    "empty_population_confirmed": StateLook("✓", "nothing happened, and that is proven", "good", "0"),
    "collected_late": StateLook("✓", "collected late", "note", "late"),
    "performed_late": StateLook("✓", "performed late", "note", "late"),
    "exception_noted": StateLook("E", "covered, with exceptions", "note"),
    "not_due": StateLook("·", "not due yet", "none"),
    "not_in_effect": StateLook("", "not in effect", "none"),
    "not_applicable": StateLook("–", "not applicable", "none", "n/a"),
    "due": StateLook("○", "due", "wait", "due"),
    "failed": StateLook("!", "due, the latest attempt failed", "wait", "failed"),
    "human_decision_pending": StateLook("○", "waiting for a person", "wait", "decide"),
    "human_decision_overdue": StateLook("!", "a person's decision is overdue", "work", "overdue"),
    "empty_unconfirmed": StateLook("?", "no rows, and no proof that there were none", "work", "none?"),
    "partial": StateLook("◐", "partly proven", "work", "part"),
    "missing_recoverable": StateLook("✕", "missing, can still be collected", "work", "missing"),
    "missing_unrecoverable": StateLook("⊘", "lost", "lost", "LOST"),
    "invalid": StateLook("⚠", "the proof fails verification", "lost", "invalid"),
    "not_performed": StateLook("⊘", "not performed", "lost", "NOT DONE"),
}

_EMPTY = StateLook("", "no window here", "none")


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One cell of the matrix, spanning the months its window covers."""

    span: int
    cell: Json | None
    look: StateLook
    anchor: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    evidence_id: str
    scope_item: str
    scope_item_id: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True, slots=True)
class ControlRows:
    control_id: str
    title: str
    criteria: tuple[str, ...]
    rows: tuple[MatrixRow, ...]

    @property
    def open_counts(self) -> list[tuple[StateLook, int]]:
        """What is not as it should be in the control's cells, most serious first; empty where nothing is."""
        cells = [slot.cell for row in self.rows for slot in row.cells if slot.cell is not None]
        return [(look, count) for look, count in state_counts({"cells": cells}) if look.tone in TONES[:3]]


def look_of(cell: Json) -> StateLook:
    """The look of a cell; part of it lost for good is shown as lost, whatever the headline state."""
    look = LOOKS[cell["state"]]
    if cell["gap"] == "unrecoverable" and look.tone == "work":
        return StateLook("⊘", f"{look.words}, part of it lost for good", "lost", "PART LOST")
    return look


def anchor_of(cell: Json) -> str:
    """The fragment that names a cell on the page, stable across publications."""
    return "/".join((cell["control_id"], cell["evidence_id"], cell["window_id"], cell["scope_item_id"]))


def months_of(period: Json, cells: Iterable[Json]) -> list[str]:
    """The calendar months the page shows: those of the period's monthly windows, `YYYY-MM`, in order."""
    months: set[str] = set()
    for cell in cells:
        for part in cell["window_id"].split("+"):
            if len(part) == 7 and part[5] != "Q":
                months.add(part)
            elif len(part) == 7:
                first = 3 * int(part[6]) - 2
                months.update(f"{part[:4]}-{month:02d}" for month in range(first, first + 3))
    first, last = period["start"][:7], period["end"][:7]
    return sorted(month for month in months if first <= month <= last)


def _months_of_window(window_id: str, months: Sequence[str]) -> list[str]:
    if window_id == "period":
        return list(months)
    covered: list[str] = []
    for part in window_id.split("+"):
        if part[5:6] == "Q":
            first = 3 * int(part[6]) - 2
            covered += [f"{part[:4]}-{month:02d}" for month in range(first, first + 3)]
        else:
            covered.append(part)
    return [month for month in months if month in covered]


def control_rows(document: Json, titles: Mapping[str, tuple[str, tuple[str, ...]]]) -> list[ControlRows]:
    """Controls in order of id, each with one row per evidence line and scope item.

    `titles` gives title and criteria by control id.
    """
    cells: list[Json] = document["cells"]
    months = months_of(document["period"], cells)
    by_row: dict[tuple[str, str, str, str], list[Json]] = {}
    for cell in cells:
        key = (cell["control_id"], cell["evidence_id"], cell["scope_item"], cell["scope_item_id"])
        by_row.setdefault(key, []).append(cell)
    by_control: dict[str, list[MatrixRow]] = {}
    for key in sorted(by_row):
        control_id, evidence_id, scope_item, scope_item_id = key
        row = MatrixRow(evidence_id, scope_item, scope_item_id, _row(by_row[key], months))
        by_control.setdefault(control_id, []).append(row)
    return [
        ControlRows(control_id, *titles.get(control_id, ("", ())), rows=tuple(rows))
        for control_id, rows in by_control.items()
    ]


def _row(cells: list[Json], months: Sequence[str]) -> tuple[MatrixCell, ...]:
    at: dict[str, tuple[Json, int]] = {}
    for cell in cells:
        covered = _months_of_window(cell["window_id"], months)
        if covered:
            at[covered[0]] = (cell, len(covered))
    row: list[MatrixCell] = []
    position = 0
    while position < len(months):
        found = at.get(months[position])
        if found is None:
            row.append(MatrixCell(1, None, _EMPTY, ""))
            position += 1
        else:
            cell, span = found
            row.append(MatrixCell(span, cell, look_of(cell), anchor_of(cell)))
            position += span
    return tuple(row)


def needs_work(document: Json) -> list[Json]:
    """Cells somebody must do something about, soonest loss first; those already lost whole come last."""
    tones = ("work", "wait", "lost")
    cells = [cell for cell in document["cells"] if look_of(cell).tone in tones]
    return sorted(cells, key=lambda cell: (cell["next_loss"] is None, cell["next_loss"] or "", anchor_of(cell)))


TONES = ("lost", "work", "wait", "note", "good", "none")
"""Most serious first."""


def state_counts(document: Json) -> list[tuple[StateLook, int]]:
    """How many cells look which way, most serious first."""
    counts = Counter(look_of(cell) for cell in document["cells"])
    return sorted(counts.items(), key=lambda item: (TONES.index(item[0].tone), item[0].words))
