"""Cells and roll-ups as the JSON that users script against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from evidence.completeness.model import Cell, Hole
from evidence.completeness.rollup import RollUp

Json = dict[str, object]


@lru_cache(maxsize=1 << 16)  # windows and runs share their instants, so most are asked for many times
def instant_text(at: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`; a fraction of a second is cut off (10a)."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def optional_instant_text(at: datetime | None) -> str | None:
    """`instant_text`, passing None through."""
    return None if at is None else instant_text(at)


def hole_json(hole: Hole) -> Json:
    return {
        "from": instant_text(hole.start),
        "to": instant_text(hole.end),
        "first_loss": optional_instant_text(hole.first_loss),
        "total_loss": optional_instant_text(hole.total_loss),
    }


def verdict_json(cell: Cell) -> Json:
    """The five keys of a cell in `evidence evaluate`."""
    return {
        "state": cell.state,
        "gap": cell.gap,
        "until": optional_instant_text(cell.until),
        "flags": list(cell.flags),
        "holes": [hole_json(hole) for hole in cell.holes],
    }


def cell_json(cell: Cell, identity: Mapping[str, str]) -> Json:
    """A cell of `evidence completeness`; `identity` holds control_id, evidence_id, scope_item_id and scope_item."""
    return {
        "control_id": identity["control_id"],
        "evidence_id": identity["evidence_id"],
        "window_id": cell.window_id,
        "scope_item_id": identity["scope_item_id"],
        "scope_item": identity["scope_item"],
        "state": cell.state,
        "gap": cell.gap,
        "until": optional_instant_text(cell.until),
        "next_loss": optional_instant_text(cell.next_loss),
        "flags": list(cell.flags),
        "holes": [hole_json(hole) for hole in cell.holes],
        "population_count": cell.population_count,
        "exceptions_open": cell.exceptions_open,
        "outcomes_pending": cell.outcomes_pending,
        "due_at": instant_text(cell.due_at),
        "deadline_at": instant_text(cell.deadline_at),
        "first_proof_at": optional_instant_text(cell.first_proof_at),
        "revision": cell.revision,
    }


def roll_up_json(total: RollUp) -> Json:
    """The vector of section 10 in its order."""
    return {
        "verdict": total.verdict,
        "permanent_gaps": total.permanent_gaps,
        "recoverable_gaps": total.recoverable_gaps,
        "nearest_until": optional_instant_text(total.nearest_until),
        "awaiting_people": total.awaiting_people,
        "unconfirmed_empty": total.unconfirmed_empty,
        "deviations": total.deviations,
        "covered": total.covered,
        "expected": total.expected,
        "percent": total.percent,
        "not_applicable": total.not_applicable,
        "not_due": total.not_due,
        "worst": total.worst,
    }
