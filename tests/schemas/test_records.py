"""Every type of record hangs together, and every line that people answer has one."""

from __future__ import annotations

import pytest

from evidence.controls.catalogue import CATALOGUE, control
from schemas.records import RECORD_TYPES
from schemas.records.model import PERFORMED_AT, Answers, Field, RecordType

OWN_COMMAND = {("CC6-UAR-01", "decisions")}
"""Lines whose records have a command of their own."""

EVERY = [pytest.param(record_type, id=name) for name, record_type in RECORD_TYPES.items()]


def test_every_line_of_people_has_a_type() -> None:
    answered = {
        (one.control_id, one.evidence_id) for record_type in RECORD_TYPES.values() for one in record_type.answers
    }
    of_people = {
        (declared.id, line.id): line
        for declared in CATALOGUE
        for line in declared.evidence
        if line.kind in ("human_record", "document")
    }
    assert set(of_people) - answered == OWN_COMMAND


@pytest.mark.parametrize("record_type", EVERY)
def test_the_kind_is_that_of_its_line(record_type: RecordType) -> None:
    for answers in record_type.answers:
        line = control(answers.control_id).line(answers.evidence_id)
        if line.kind == "document":
            assert record_type.kind == "document"
        elif line.mode == "periodic":
            assert record_type.kind == "periodic"
        else:
            assert record_type.kind == "response"
    assert bool(record_type.answers) == (record_type.kind not in ("not_applicable", "disposition"))


@pytest.mark.parametrize("record_type", EVERY)
def test_the_fields(record_type: RecordType) -> None:
    assert record_type.performed
    assert record_type.auditor
    if record_type.signer is not None:
        signer = record_type.field(record_type.signer)
        assert signer is not None
        assert (signer.kind, signer.required) == ("person", True)
    if record_type.item is not None:
        assert record_type.field(record_type.item) is not None
    for name in record_type.performed[:1]:
        first = record_type.field(name)
        assert name == PERFORMED_AT or (first is not None and first.required), "there is always a time"
    common = {"scope_item", "window", "performed_at", "signed_by", "control", "evidence", "kind", "attachments"}
    assert not common & {field.name for field in record_type.fields} - {"window"}, "one name, one meaning in a CSV file"
    assert ("window" in {field.name for field in record_type.fields}) == (record_type.kind == "disposition")
    for field in record_type.fields:
        assert not field.meaning.endswith("."), field.name
        assert all(inner.kind != "rows" for inner in field.fields), "one level is enough for people"


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    def declare(*fields: Field, performed: str = PERFORMED_AT) -> RecordType:
        return RecordType("x", "X", "response", (Answers("CC1-HR-01", "screening"),), fields, (performed,), None, ("",))

    with pytest.raises(ValueError, match="twice"):
        declare(Field("a", "A"), Field("a", "A"))
    with pytest.raises(ValueError, match="no instant field"):
        declare(Field("a", "A"), performed="a")
    with pytest.raises(ValueError, match="rows have fields"):
        Field("a", "A", "rows")
