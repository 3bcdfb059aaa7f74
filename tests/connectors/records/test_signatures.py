"""Who signed: a person's own key, listed in the programme; what the collector can't do in their name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.records.problems import InvalidRecords
from connectors.records.recording import record_file
from connectors.store.signer import Signer
from connectors.workspace import Workspace, open_workspace
from schemas.instants import parse_instant
from schemas.records import RECORD_TYPES
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import minutes, recording_company, write_records

BORN = "2026-01-02T00:00:00Z"
NOW = parse_instant("2026-04-02T00:00:00Z")


@pytest.fixture
def with_key(company: Project) -> tuple[Project, Signer]:
    """The company after the key of its approver was written into the programme."""
    signer = Signer.generate()

    def change(programme: Any) -> None:
        programme["people"]["approvers"][0]["key"] = f"ed25519:{signer.public_key}"

    company.edit(change)
    company.at("2026-03-01T00:00:00Z").fine("programme", "record")
    return company, signer


def at(company: Project, instant: datetime) -> Workspace:
    return open_workspace(company.program, now=lambda: instant)


def test_a_signature_of_the_listed_key(with_key: tuple[Project, Signer]) -> None:
    company, signer = with_key
    path = write_records(company.folder, "minutes.yaml", minutes())
    kind, workspace = RECORD_TYPES["minutes"], at(company, NOW)
    [plain] = record_file(workspace, kind, path)
    [signed] = record_file(workspace, kind, path, signer=signer)
    assert plain.digest == signed.digest, "it is the same record, signed later"
    assert (plain.body["signed_how"], signed.body["signed_how"], signed.new) == ("unauthenticated", "key", True)
    assert not record_file(workspace, kind, path, signer=signer)[0].new
    assert not record_file(workspace, kind, path)[0].new
    assert company.verify()["ok"]
    other = Signer.generate()
    with pytest.raises(InvalidRecords, match="is none that the recorded programme has for cto@"):
        record_file(workspace, kind, path, signer=other)
    lead = write_records(company.folder, "lead.yaml", minutes(approved_by="lead@acme.example"))
    with pytest.raises(InvalidRecords, match="is none that the recorded programme has for lead@"):
        record_file(workspace, kind, lead, signer=signer)


def test_an_alias_is_the_same_person(with_key: tuple[Project, Signer]) -> None:
    company, signer = with_key
    path = write_records(company.folder, "minutes.yaml", minutes(approved_by="c.tech@acme.example"))
    [one] = record_file(at(company, NOW), RECORD_TYPES["minutes"], path, signer=signer)
    assert one.body["signed_by"] == "c.tech@acme.example"
    assert company.verify()["ok"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": {}}, "the stored document of the record is another"),
        ({"signed_how": "unauthenticated"}, "is said to be unauthenticated and has a signature"),
        ({"signature": None}, "or its signature is missing"),
        ({"signed_how": "sso"}, "which is no way of signing"),
        ({"signature": {"public_key": "", "signature": "AAAA"}}, "the signature of cto@acme.example does not hold"),
        ({"signed_by": "lead@acme.example"}, "which the programme did not have for lead@acme.example at that time"),
    ],
)
def test_verification_finds_what_the_collector_changed(
    with_key: tuple[Project, Signer], change: Mapping[str, Any], said: str
) -> None:
    """The collector holds the key of the ledger and can write any entry; it can't sign for a person."""
    company, signer = with_key
    path = write_records(company.folder, "minutes.yaml", minutes())
    workspace = at(company, NOW)
    [one] = record_file(workspace, RECORD_TYPES["minutes"], path, signer=signer)
    assert one.new
    workspace.store.append("record", {**one.body, **change})
    found = company.verify()
    assert any(said in problem["problem"] for problem in found["problems"]), found


def test_a_key_counts_from_its_recording(with_key: tuple[Project, Signer]) -> None:
    """The key is taken out of the programme later: what was signed before stays verified, nothing new is."""
    company, signer = with_key
    path = write_records(company.folder, "minutes.yaml", minutes())
    record_file(at(company, NOW), RECORD_TYPES["minutes"], path, signer=signer)

    def change(programme: Any) -> None:
        del programme["people"]["approvers"][0]["key"]

    company.edit(change)
    later = parse_instant("2026-04-03T00:00:00Z")
    company.at("2026-04-03T00:00:00Z").fine("programme", "record")
    assert company.verify()["ok"]
    other = write_records(company.folder, "other.yaml", minutes("2026-03-29T10:00:00Z"))
    with pytest.raises(InvalidRecords, match="is none that the recorded programme has"):
        record_file(at(company, later), RECORD_TYPES["minutes"], other, signer=signer)


def test_a_signature_for_another_store_does_not_hold(with_key: tuple[Project, Signer], tmp_path: Path) -> None:
    company, signer = with_key
    path = write_records(company.folder, "minutes.yaml", minutes())
    [one] = record_file(at(company, NOW), RECORD_TYPES["minutes"], path, signer=signer)
    other = recording_company(tmp_path / "other", BORN)
    [elsewhere] = record_file(at(other, NOW), RECORD_TYPES["minutes"], path)
    assert one.digest != elsewhere.digest
