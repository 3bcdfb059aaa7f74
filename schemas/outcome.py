"""The result of a test of a control: one row per population item, never a single yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.instants import format_instant

OutcomeValue = Literal["pass", "exception", "emergency", "unknown", "pending", "not_operated"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rule says about one item.

    `not_operated` is the row of a window in which the control did not have to operate, where that is shown; it is no
    item and never a pass. `codes` are all exception codes that apply. `evidence` are digests of the stored objects the
    row was judged by. `resolves_at` is the deadline of a pending item. "Operating effectively" is the auditor's
    conclusion and no value.
    """

    control_id: str
    evidence_id: str
    """The evidence line whose cell carries this item (the population line)."""
    window_id: str
    scope_item_id: str
    scope_item: str
    item_id: str
    event_time: datetime
    outcome: OutcomeValue
    codes: tuple[str, ...] = ()
    explanation: str = ""
    evidence: tuple[str, ...] = ()
    resolves_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.outcome == "exception") != bool(self.codes) and self.outcome not in ("emergency", "unknown"):
            raise ValueError(f"{self.item_id}: outcome {self.outcome!r} does not go with codes {self.codes}")

    def to_json(self) -> dict[str, Any]:
        return {
            "control_id": self.control_id,
            "evidence_id": self.evidence_id,
            "window_id": self.window_id,
            "scope_item_id": self.scope_item_id,
            "scope_item": self.scope_item,
            "item_id": self.item_id,
            "event_time": format_instant(self.event_time),
            "outcome": self.outcome,
            "codes": list(self.codes),
            "explanation": self.explanation,
            "evidence": list(self.evidence),
            "resolves_at": None if self.resolves_at is None else format_instant(self.resolves_at),
        }
