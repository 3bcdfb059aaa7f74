"""A period and its records, for tests of controls over what people record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.controls.model import TestWindow
from schemas.outcome import Outcome
from schemas.programme import Programme
from tests.evidence.controls.changes import window
from tests.fakes.memory_evidence import MemoryEvidence

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START, END = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
ORG = "org:acme"
HOSTILE = "<b>|\n" + "x" * 500

PEOPLE = [
    {"person_id": name, "name": name.title(), "email": f"{name}@acme.example", "kind": "employee",
     "start": "2020-01-01", "last_day": None, "office": None, "manager": None, "aliases": [f"{name}.old@acme.example"]}
    for name in ("alice", "bob", "carol", "dave")
]  # fmt: skip


def asked(
    control_id: str, scope: str = ORG, *, start: datetime = START, end: datetime = END, as_of: datetime = LATER,
    window_id: str = "period", rules: Mapping[str, Any] | None = None, people: Sequence[Mapping[str, Any]] = PEOPLE,
    holders: Mapping[str, tuple[str, ...]] | None = None, programme: Mapping[str, Any] | None = None, **more: Any,
) -> TestWindow:  # fmt: skip
    made = window(control_id, scope=scope, name=scope, start=start, end=end, as_of=as_of)
    said = made.programme.normalised() | {"evidence_rules": dict(rules or {})} | dict(programme or {})
    return replace(
        made, programme=Programme.from_recorded(said), window_id=window_id, holders=dict(holders or {}),
        registers={"people": list(people), **made.registers}, **more,
    )  # fmt: skip


def day(text: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=UTC)


def record(evidence: MemoryEvidence, made: TestWindow, line: str, kind: str, at: datetime, values: Mapping[str, Any],
           **more: Any) -> str:  # fmt: skip
    return evidence.record(more.pop("control", made.control_id), line, more.pop("item", made.scope_item_id), kind, at,
                           values, kind="periodic", **more)  # fmt: skip


def by_item(outcomes: Sequence[Outcome], codes: Sequence[str]) -> dict[str, Outcome]:
    """By item id; checks what holds of every test."""
    assert len({one.item_id for one in outcomes}) == len(outcomes)
    for one in outcomes:
        assert set(one.codes) <= set(codes), one
        assert (one.outcome == "pending") == (one.resolves_at is not None), one
        assert "\n" not in one.explanation, one
    return {one.item_id: one for one in outcomes}
