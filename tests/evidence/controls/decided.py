"""What people of a small company recorded, with defaults that are in order; May of 2026, tested on 20 June."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from schemas.instants import format_instant
from schemas.own import PEOPLE
from tests.evidence.controls.rights import Row, at, employee
from tests.fakes.memory_evidence import MemoryEvidence

TEXT, OTHER_TEXT = "sha256:" + "a" * 64, "sha256:" + "b" * 64
LONG_AGO = datetime.fromisoformat("2025-11-03T10:00:00+00:00")
BOSS = employee("p9", name="Boss", email="boss@acme.example")


def people(evidence: MemoryEvidence, *rows: Row, days: Sequence[str] = ("04-29", "05-13", "06-03")) -> None:
    """The people register, as it was on some days."""
    for day in days:
        evidence.snapshot(PEOPLE, "workforce", at(day), rows)


def approval(
    evidence: MemoryEvidence, policy: str = "code-of-conduct", when: datetime = LONG_AGO, **changed: Any
) -> str:  # fmt: skip
    """An approval of a policy by boss, which Ann wrote."""
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "policy_id": policy, "version": "2", "sha256": TEXT, "authors": ["p1@acme.example"], "owner": None,
        "approved_by": "boss@acme.example", "approved_at": format_instant(when),
        "effective_from": f"{when:%Y-%m-%d}", "effective_to": None,
    } | changed  # fmt: skip
    return evidence.record(
        "CC2-POL-01", "approvals", f"policy:{policy}", "policy_approval", when, values, kind="document",
        recorded_at=recorded_at,
    )  # fmt: skip


def acceptance(evidence: MemoryEvidence, when: datetime, person_id: str = "p1", **changed: Any) -> str:
    """Ann accepts the code of conduct."""
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "person_id": person_id, "document_id": "code-of-conduct", "document_version": "2",
        "accepted_at": format_instant(when), "channel": "hr-system",
    } | changed  # fmt: skip
    return evidence.record(
        "CC1-COND-01", "acks", "workforce", "acknowledgement", when, values, recorded_at=recorded_at
    )  # fmt: skip


def screening(evidence: MemoryEvidence, when: datetime, person_id: str = "p2", **changed: Any) -> str:
    """Boss looks at the references of somebody new."""
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "person_id": person_id, "check_type": "references", "completed_at": format_instant(when), "outcome": "clear",
        "decided_by": "boss@acme.example", "reason": None, "approved_by": None, "valid_until": None,
    } | changed  # fmt: skip
    return evidence.record("CC1-HR-01", "screening", "workforce", "screening", when, values, recorded_at=recorded_at)
