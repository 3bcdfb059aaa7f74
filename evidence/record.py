"""Records of what people decided, as tests of controls see them: what was said, when, and when the store heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.instants import parse_instant

BACKDATING = timedelta(hours=72)
"""Longest time between a decision and its arrival in the store for which the decision's own date is believed
(specification, section 5)."""

RECORD_KINDS = frozenset({"periodic", "document", "response", "pack"})
"""Records that say something was done, or what was put before whoever did it; notes, seals and dispositions are about
cells."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One `record` entry of the ledger."""

    seq: int
    digest: str
    """Of the document the record was made from where there is one, else `entry:<seq>`; outcomes name it as evidence."""
    kind: str
    """`periodic`, `document` or `response`, as completeness judges it."""
    record_type: str
    """What was recorded: `minutes`, `acknowledgement`, …; its values are those of the type's schema."""
    control_id: str
    evidence_id: str
    scope_item_id: str
    for_window: str | None
    claimed_at: datetime
    """When it was done, as the record says."""
    recorded_at: datetime
    signed_by: str | None
    corroborated: bool
    """Whether an independent system with its own clock confirms `claimed_at`."""
    values: Mapping[str, Any]

    @property
    def performed_at(self) -> datetime:
        """The time it counts from: as claimed, or its arrival where it came too late to be believed."""
        if self.corroborated or self.recorded_at - self.claimed_at <= BACKDATING:
            return self.claimed_at
        return self.recorded_at


def stored_record(seq: int, recorded_at: datetime, body: Mapping[str, Any]) -> StoredRecord:
    """The record in the body of a `record` entry."""
    held = body.get("object")
    return StoredRecord(
        seq=seq,
        digest=held["digest"] if held else f"entry:{seq}",
        kind=body["record_kind"],
        record_type=body.get("record_type") or body["record_kind"],
        control_id=body["control_id"],
        evidence_id=body.get("evidence_id") or "",
        scope_item_id=body.get("scope_item_id") or "",
        for_window=body.get("for_window"),
        claimed_at=parse_instant(body.get("performed_at") or body["approved_at"]),
        recorded_at=recorded_at,
        signed_by=body.get("signed_by"),
        corroborated=bool(body.get("corroborated", False)),
        values=body.get("values") or {},
    )
