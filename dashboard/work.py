"""What must be done, in the order in which it matters: what to collect by when, what to decide, what to disclose.

Pure, over the completeness document. Cells that share control, evidence line, window, state and date are one entry that
lists its scope items: forty repositories without a right are one thing to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dashboard.matrix import StateLook, anchor_of, look_of
from schemas.records import KIND_OF_LINE, RECORD_TYPES

Json = Mapping[str, Any]
Kind = Literal["collect", "decide", "lost"]

_ACCESS_REVIEW = ("CC6-UAR-01", "decisions")
"""The one line of people that has commands of its own, because its population is a pack."""
HUMAN_STATES = frozenset({"human_decision_pending", "human_decision_overdue"})
_HUMAN_WHERE_RECORDED = HUMAN_STATES | {"due", "invalid"}
"""States that ask for a person where the line is one of records; elsewhere the last two ask for a collection."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the latest attempt for a cell came to nothing."""

    message: str
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class WorkEntry:
    """One thing to do, for all the scope items it concerns."""

    control_id: str
    evidence_id: str
    window_id: str
    look: StateLook
    next_loss: str | None
    """The next instant at which something of it is lost for good; None where the source sets no date."""
    items: tuple[tuple[str, str], ...]
    """Name of each scope item, and the anchor of its cell."""
    causes: tuple[str, ...]
    """The distinct reasons why the latest attempts failed."""
    reason: str
    """Why it is open although the latest attempt did not fail."""
    command: str | None = None
    """By which a person does it, where a person is waited for."""


_REASONS = {
    "due": "The window has closed and is not proven whole yet; there is still time.",
    "empty_unconfirmed": "No run carried proof that there was nothing to find; collect it again.",
    "invalid": "What is stored fails verification; collect it again.",
    "partial": "Part of the window was never read whole.",
    "missing_recoverable": "Nothing was collected for it.",
}


@dataclass(frozen=True, slots=True)
class ExceptionGroup:
    """Exceptions of one kind that a test of a control found."""

    control_id: str
    code: str
    rows: int
    cells: tuple[tuple[str, str], ...]
    """Window and scope item in words, and the anchor, of each cell that has some."""


def kinds_of(cell: Json) -> tuple[Kind, ...]:
    """What a cell asks for; one that is lost in part and open in part asks for both."""
    look = look_of(cell)
    if cell["state"] in (_HUMAN_WHERE_RECORDED if _command_of(cell) else HUMAN_STATES):
        return ("decide",)
    if look.tone == "lost" and cell["gap"] != "recoverable":
        return ("lost", "collect") if cell["next_loss"] else ("lost",)
    return ("collect",) if look.tone in ("work", "wait", "lost") else ()


def work_entries(cells: Iterable[Json], kind: Kind, causes: Mapping[str, Cause]) -> list[WorkEntry]:
    """Entries of one kind, soonest loss first, undated ones last. `causes` are by anchor."""
    groups: dict[tuple[Any, ...], list[Json]] = {}
    for cell in cells:
        if kind in kinds_of(cell):
            loss: str | None = cell["next_loss"]
            key = (loss is None, loss or "", cell["control_id"], cell["evidence_id"], cell["window_id"], cell["state"])
            groups.setdefault((*key, cell["gap"]), []).append(cell)
    return [_entry(groups[key], causes) for key in sorted(groups)]


def _entry(cells: Sequence[Json], causes: Mapping[str, Cause]) -> WorkEntry:
    first = cells[0]
    named = sorted((cell["scope_item"], anchor_of(cell)) for cell in cells)
    reasons = Counter(causes[anchor].message for _, anchor in named if anchor in causes)
    return WorkEntry(
        first["control_id"],
        first["evidence_id"],
        first["window_id"],
        look_of(first),
        first["next_loss"],
        tuple(named),
        tuple(message for message, _ in reasons.most_common(2)),
        _REASONS.get(first["state"], "It is not proven whole yet."),
        _command_of(first),
    )


def _command_of(cell: Json) -> str | None:
    """The command by which a person proves a cell, None for one that is collected."""
    line = (cell["control_id"], cell["evidence_id"])
    if line == _ACCESS_REVIEW:
        return "evidence review list"
    kind = KIND_OF_LINE.get(line)
    return None if kind is None or RECORD_TYPES[kind].kind == "response" else f"evidence record {kind} FILE"


def missing_permissions(cells: Iterable[Json], causes: Mapping[str, Cause]) -> list[tuple[str, int]]:
    """Permissions whose absence keeps cells open, each with the number of cells, the most first."""
    wanted = Counter(
        cause.permission
        for cell in cells
        if "collect" in kinds_of(cell) and (cause := causes.get(anchor_of(cell))) and cause.permission
    )
    return sorted(wanted.items(), key=lambda pair: (-pair[1], pair[0]))


def exception_groups(cells: Iterable[Json], rows: Mapping[str, Sequence[Json]]) -> list[ExceptionGroup]:
    """Exceptions by control and code; `rows` are the outcome rows of each cell by its anchor."""
    counts: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        anchor = anchor_of(cell)
        for row in rows.get(anchor, ()):
            if row["outcome"] != "exception":
                continue
            for code in row["codes"] or ("without a code",):
                key = (cell["control_id"], code)
                counts[key] += 1
                where.setdefault(key, {})[anchor] = f"{cell['window_id']} {cell['scope_item']}"
    return [
        ExceptionGroup(
            control, code, counts[control, code], tuple((words, a) for a, words in where[control, code].items())
        )
        for control, code in sorted(counts)
    ]
