"""What the people of the demo company wrote down: every file reads, in the order of its days."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.records.attachments import read_attachment
from connectors.records.reading import read_record_file
from flows.simulated_period import DatedRecord, dated_records
from sandbox.company import DEMO
from schemas.instants import parse_instant
from schemas.records import RECORD_TYPES

EVERY = dated_records(DEMO)


def test_in_the_order_of_their_days() -> None:
    assert len(EVERY) > 20
    assert [one.at for one in EVERY] == sorted(one.at for one in EVERY)
    assert EVERY[0].at == parse_instant("2026-04-08T16:00:00Z")
    assert dated_records(DEMO.parent) == [], "a company without records has none"


@pytest.mark.parametrize("written", EVERY, ids=lambda one: one.path.name)
def test_every_file_reads(written: DatedRecord) -> None:
    record_type = RECORD_TYPES[written.kind]
    read = read_record_file(record_type, written.path, {})
    assert read.findings == []
    for draft in read.drafts:
        for name in draft.attachments:
            assert read_attachment(name, written.path.parent, anywhere=False).bytes
        done = draft.about.get("performed_at") or draft.values.get(record_type.performed[0])
        assert done is not None
        assert parse_instant(done) < written.at


def test_a_folder_of_another_company(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "2026-05-01.minutes.yaml").write_text("")
    (tmp_path / "records" / "policy.md").write_text("")
    [one] = dated_records(tmp_path)
    assert (one.kind, one.at) == ("minutes", parse_instant("2026-05-01T16:00:00Z"))
