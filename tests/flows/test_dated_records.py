"""What the people of the demo company wrote down: every file reads, in the order of its days."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.records.attachments import read_attachment
from connectors.records.reading import read_record_file
from connectors.workspace import open_workspace
from flows.simulated_records import DatedRecord, dated_records, record_written, simulated_signer
from sandbox.company import DEMO
from schemas.instants import parse_instant
from schemas.records import RECORD_TYPES
from tests.fakes.recording_company import minutes, recording_company, write_records

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


def test_who_has_a_key_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    key = f"ed25519:{simulated_signer('cto@acme.example').public_key}"
    people = {"approvers": [{"email": "cto@acme.example", "key": key}], "reviewers": ["lead@acme.example"]}
    company = recording_company(tmp_path / "company", "2026-01-02T00:00:00Z", {"people": people})
    workspace = open_workspace(company.program, now=lambda: parse_instant("2026-03-29T00:00:00Z"))
    for signer in ("cto@acme.example", "lead@acme.example"):
        path = write_records(company.folder, f"{signer}.yaml", minutes(approved_by=signer))
        assert record_written(workspace, DatedRecord(workspace.now(), "minutes", path)) == 1
    assert [entry["body"]["signed_how"] for entry in workspace.store.entries(kinds={"record"})] == [
        "key",
        "unauthenticated",
    ]
    assert company.verify()["ok"]
