"""Every type of record that people make, declared once."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.records import access, availability, decisions, governance, operations, people, vendors
from schemas.records.model import RecordType

RECORD_TYPES: Mapping[str, RecordType] = {
    record_type.name: record_type
    for record_type in (
        *people.TYPES,
        *governance.TYPES,
        *access.TYPES,
        *operations.TYPES,
        *vendors.TYPES,
        *availability.TYPES,
        *decisions.TYPES,
    )
}
"""By name, in the order of the report."""

KIND_OF_LINE: Mapping[tuple[str, str], str] = {
    (answers.control_id, answers.evidence_id): record_type.name
    for record_type in RECORD_TYPES.values()
    for answers in record_type.answers
}
"""What to record for an evidence line, by control and line."""
