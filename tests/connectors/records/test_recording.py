"""Recording a file: everything is checked before anything is recorded, and the same again changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.records.recording import Recorded
from connectors.workspace import Workspace
from schemas.errors import ConfigurationError
from schemas.instants import parse_instant
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import changed, minutes, penetration_test

NOW = parse_instant("2026-04-02T00:00:00Z")
ACKNOWLEDGED = "person_id,document_id,document_version,accepted_at,channel\n"


# --- what stands in the ledger ---------------------------------------------------------------------------------------


def test_what_is_recorded(record: Callable[..., list[Recorded]], workspace: Workspace, company: Project) -> None:
    (company.folder / "minutes.md").write_text("# Minutes\n")
    [one] = record("minutes", changed(minutes(input_pack="file:minutes.md"), attachments=["minutes.md"]))
    assert one.new
    [entry] = list(workspace.store.entries(kinds={"record"}))
    body = entry["body"]
    assert {key: body[key] for key in ("record_kind", "record_type", "control_id", "evidence_id", "scope_item_id")} == {
        "record_kind": "periodic", "record_type": "minutes", "control_id": "CC1-GOV-01", "evidence_id": "minutes",
        "scope_item_id": "org:acme-inc",
    }  # fmt: skip
    assert (body["for_window"], body["performed_at"]) == ("2026-Q1", "2026-03-28T10:00:00Z")
    assert (body["signed_by"], body["signed_how"], body["corroborated"]) == (
        "cto@acme.example",
        "unauthenticated",
        False,
    )
    [attachment] = body["attachments"]
    assert attachment["media_type"] == "text/markdown"
    assert body["values"]["input_pack"] == attachment["digest"]
    assert body["values"]["decisions"] is None
    stored = json.loads((company.store / body["object"]["path"]).read_bytes())
    assert stored == {key: value for key, value in body.items() if key in stored}
    assert stored["store_id"] == workspace.store.store_id
    assert (company.store / body["stored"][0]["path"]).read_text() == "# Minutes\n"
    assert (company.store / body["file"]["path"]).read_bytes() == (company.folder / "file.yaml").read_bytes()
    [held] = workspace.store.evidence(NOW).records("CC1-GOV-01", "minutes", "org:acme-inc")
    assert (held.record_type, held.digest, held.claimed_at.day) == ("minutes", one.digest, 28)
    assert company.verify()["ok"]


def test_the_same_file_again_changes_nothing(record: Callable[..., list[Recorded]], workspace: Workspace) -> None:
    two = [minutes(), penetration_test("2026-03-01T09:00:00Z")]
    first = record("minutes", two[0])
    head = workspace.store.head()
    again = record("minutes", [two[0]])
    assert [(one.digest, one.entry, one.new) for one in again] == [(first[0].digest, first[0].entry, False)]
    assert workspace.store.head() == head
    other = record("minutes", minutes(approved_by="lead@acme.example"))
    assert other[0].new
    assert other[0].digest != first[0].digest


def test_a_file_cut_off_in_the_middle_is_finished_by_the_next_run(
    record: Callable[..., list[Recorded]], workspace: Workspace, company: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = company.folder / "acks.csv"
    path.write_text(ACKNOWLEDGED + "".join(f"p{n},conduct,1,2026-04-01T09:00:00Z,hr\n" for n in (1, 2, 3)))
    append = workspace.store.append
    counted: list[str] = []

    def broken(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if len(counted) == 2:
            raise OSError("disk full")
        counted.append(kind)
        return append(kind, body)

    with monkeypatch.context() as patch:
        patch.setattr(workspace.store, "append", broken)
        with pytest.raises(OSError, match="disk full"):
            record("acknowledgement", path)
    assert [one.new for one in record("acknowledgement", path)] == [False, False, True]


def test_every_row_of_a_table_is_a_record(record: Callable[..., list[Recorded]], company: Project) -> None:
    path = company.folder / "acks.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (ACKNOWLEDGED + 'p1,conduct,"1,0",2026-04-01T09:00:00+01:00,hr\n\n'
                                        "p2,conduct,1,2026-04-01T09:00:00Z,hr\r\n").encode())  # fmt: skip
    first, second = record("acknowledgement", path)
    assert first.body["values"]["document_version"] == "1,0"
    assert first.body["performed_at"] == "2026-04-01T08:00:00Z"
    assert first.body["signed_by"] is None
    assert (second.body["scope_item_id"], second.body["for_window"]) == ("workforce", None)


def test_digests_of_registers(record: Callable[..., list[Recorded]], workspace: Workspace) -> None:
    values = {
        "register_digest": "current", "unclassified": 0, "reviewer": "lead@acme.example",
        "signed_at": "2026-03-30T09:00:00Z",
    }  # fmt: skip
    [one] = record("scope_review", {"window": "2026-Q1", "values": values})
    latest = workspace.latest_programme()
    assert latest is not None
    assert one.body["values"]["register_digest"] == latest["registers"]["scope"]["digest"]


def test_items_named_by_a_field_of_the_record(
    record: Callable[..., list[Recorded]], refused: Callable[..., str]
) -> None:
    values = {
        "policy_id": "access", "version": "1.0", "sha256": "sha256:" + "b" * 64, "authors": ["lead@acme.example"],
        "approved_by": "cto@acme.example", "approved_at": "2026-04-01T09:00:00Z", "effective_from": "2026-05-01",
    }  # fmt: skip
    [one] = record("policy_approval", {"values": values})
    assert (one.body["scope_item_id"], one.body["for_window"], one.body["record_kind"]) == (
        "policy:access", "period", "document",
    )  # fmt: skip
    assert "'policy:acess' is not in scope" in refused("policy_approval", {"values": {**values, "policy_id": "acess"}})
    other = {"scope_item": "policy:change", "values": values}
    assert "another item than policy_id names" in refused("policy_approval", other)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("minutes", minutes("2026-04-03T00:00:00Z"), "file.yaml:3: held_at 2026-04-03T00:00:00Z has not come yet"),
        ("minutes", minutes(approved_by="nobody@acme.example"), "is nobody of the people register"),
        ("minutes", minutes(approved_by="dev@acme.example"), "does not stand on people.reviewers or people.approvers"),
        ("minutes", minutes(approved_by="late@acme.example"), "late@acme.example does not stand on"),
        ("minutes", minutes(window="2026-Q5"), "'2026-Q5' is no window that CC1-GOV-01 expects a record of"),
        ("minutes", minutes(window="2026-03"), "Did you mean"),
        ("minutes", minutes(window="2026-Q3"), "it counts windows that close inside the observation period"),
        ("minutes", minutes(window="2026-Q2"), "before 2026-Q2 began on 2026-04-01T00:00:00Z"),
        ("minutes", changed(minutes(), window=None), "say which window it is for. Known: 2026-Q1, 2026-Q2"),
        ("minutes", changed(minutes(), scope_item="org:acme"), "CC1-GOV-01. Did you mean 'org:acme-inc'?"),
        ("minutes", changed(minutes(), held_at="2026-03-28T10:00:00Z"), "'held_at'. It is one of the `values`"),
        ("minutes", changed(minutes(), windwo="2026-Q1"), "unknown key 'windwo'. Did you mean 'window'?"),
        ("minutes", minutes(atendees=[]), "unknown key 'atendees'. Did you mean 'attendees'?"),
        ("minutes", minutes(attendees=[]), "attendees is empty. Who was there"),
        ("minutes", minutes(attendees="all"), "attendees must be a list: begin each entry with `- person: …`"),
        ("minutes", minutes(attendees=["cto"]), "each entry of attendees has keys"),
        ("minutes", minutes(decisions=[{"id": "1", "text": "x", "owner": "cto@acme.example"}]), "due is empty"),
        ("minutes", minutes(approved_at="yesterday"), "approved_at is not an instant. Write it like"),
        ("minutes", minutes(input_pack="abc"), "input_pack is not a digest"),
        ("minutes", minutes(input_pack="file:pack.json"), "'pack.json' is not attached"),
        ("minutes", minutes(approved_at="2026-03-28T10:00:00"), "approved_at is not an instant"),
        ("minutes", [minutes(), minutes()], "the same record as on line 1. Remove one"),
        ("minutes", {"window": "2026-Q1"}, "the record has no `values`"),
        ("minutes", "text", "the file must be a record, or a list of records"),
        ("minutes", ["text"], "a record has keys"),
        ("minutes", [], "there is no record in the file"),
        ("penetration_test", changed(penetration_test("2026-03-01T09:00:00Z"), signed_by=None), "say who signs"),
        ("penetration_test", changed(penetration_test("2026-03-01T09:00:00Z"), window="2026-Q1"), "judged over"),
        ("penetration_test", changed(penetration_test("2026-03-01T09:00:00Z"), attachments="report.pdf"),
         "attachments must be a list of file names"),
        ("capacity_review", {"window": "2026-03", "values": {"uptime": 99.9, "reviewer": "lead@acme.example",
         "reviewed_at": "2026-04-01T00:00:00Z"}}, "A1-CAP-01 is not part of this programme"),
        ("capacity_review", {"window": "2026-03", "values": {"uptime": "many", "reviewer": "lead@acme.example",
         "reviewed_at": "2026-04-01T00:00:00Z"}}, "uptime must be a number, not negative"),
        ("assurance_report", {"values": {"provider": "mail", "report_type": "soc2"}}, "report_type is not one of"),
        ("risk_assessment", {"performed_at": "2026-04-03T00:00:00Z", "values": {"register_digest": "sha256:" + "c" * 64,
         "participants": ["cto@acme.example"], "approver": "cto@acme.example"}}, "file.yaml:1: 2026-04-03"),
        ("risk_assessment", {"performed_at": "2026-04-01T00:00:00Z", "values": {"register_digest": "current",
         "participants": ["cto@acme.example"], "approver": "cto@acme.example"}}, "no risks was recorded before"),
        ("screening", {"values": {"person_id": "p9", "check_type": "references", "outcome": "clear",
         "completed_at": "2026-04-01T00:00:00Z", "decided_by": "cto@acme.example"}}, "'p9' is not in the people"),
        ("screening", {"values": {"person_id": "p3", "check_type": "references", "outcome": "waived",
         "completed_at": "2026-04-01T00:00:00Z", "decided_by": "cto@acme.example"}}, "a waiver needs a reason"),
        ("vulnerability_acceptance", {"values": {"finding_id": "f", "reason": "r", "accepted_by": "cto@acme.example",
         "accepted_at": "2026-04-01T00:00:00Z", "expires": "2026-05-01"}}, "control is empty. Control it is for"),
    ],
)  # fmt: skip
def test_refused_with_what_to_do(refused: Callable[..., str], kind: str, given: Any, said: str) -> None:
    assert said in refused(kind, given)


def test_lines_are_those_of_the_file(refused: Callable[..., str], company: Project) -> None:
    path = company.folder / "minutes.yaml"
    path.write_text(
        "- window: 2026-Q1\n"
        "  values:\n"
        "    held_at: 2026-03-28T10:00:00Z\n"
        "    attendees:\n"
        "      - {person: cto@acme.example, role: CTO, oversight: no}\n"
        "      - person: nobody@acme.example\n"
        "        role: adviser\n"
        "        oversight: maybe\n"
        "    approved_by: dev@acme.example\n"
    )
    said = refused("minutes", path)
    assert "minutes.yaml:8: oversight must be yes or no" in said
    assert "minutes.yaml:3: approved_at is empty. When it was approved" in said
    path.write_text(path.read_text().replace("maybe", "yes") + "    approved_at: 2026-03-28T10:00:00Z\n")
    said = refused("minutes", path)
    assert "minutes.yaml:6: person 'nobody@acme.example'" in said


def test_one_wrong_row_keeps_the_whole_table_out(refused: Callable[..., str], company: Project) -> None:
    path = company.folder / "acks.csv"
    rows = [
        "p1,conduct,1,2026-04-01T09:00:00Z,hr",
        "p9,conduct,1,2026-04-01T09:00:00Z,hr",
        "p2,conduct,1,then,hr",
        "p3",
    ]
    path.write_text(ACKNOWLEDGED + "\n".join(rows) + "\n")
    said = refused("acknowledgement", path)
    assert "acks.csv:4: accepted_at is not an instant" in said
    assert "acks.csv:5: this row has 1 cells and the header has 5" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"person_id,document_id\np1,x\n", "column 'document_version' is missing"),
        (b"person_id,person_id\n", "column 'person_id' is there twice"),
        (b"person,document_id\n", "unknown column 'person'. Did you mean 'person_id'?"),
        (b'person_id,"document_id\n', "this is not CSV"),
        (b"person_id\xff\n", "the file is not UTF-8 here"),
        (b"", "there is no record in the file"),
        (ACKNOWLEDGED.encode() + b'p1,conduct,1,2026-04-01T09:00:00Z,"h\x1b[31mr"\n', "a control character"),
        (ACKNOWLEDGED.encode() + b"p1,conduct,1,2026-04-01T09:00:00Z," + b"x" * 10_001 + b"\n", "longer than 10000"),
        (ACKNOWLEDGED.encode() + b"p1,conduct,ghp_" + b"a" * 36 + b",2026-04-01T09:00:00Z,hr\n", "a GitHub token"),
    ],
)
def test_tables_that_are_wrong(refused: Callable[..., str], company: Project, content: bytes, said: str) -> None:
    path = company.folder / "acks.csv"
    path.write_bytes(content)
    found = refused("acknowledgement", path)
    assert said in found
    assert "ghp_" not in found


def test_files_that_are_none(refused: Callable[..., str], record: Callable[..., Any], company: Project) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        record("minutes", company.folder / "absent.yaml")
    text = company.folder / "minutes.txt"
    text.write_text("x")
    assert "write records as .yaml, or as .csv" in refused("minutes", text)
    table = company.folder / "minutes.csv"
    table.write_text("window\n")
    assert "holds lists, for which CSV has no room" in refused("minutes", table)


def test_a_programme_that_was_changed_is_recorded_first(record: Callable[..., Any], company: Project) -> None:
    people = company.folder / "registers" / "people.csv"
    people.write_text(people.read_text().replace("Dev", "Developer"))
    with pytest.raises(ConfigurationError, match="was changed since it was recorded"):
        record("minutes", minutes())


# --- hostile text ----------------------------------------------------------------------------------------------------


def test_texts_are_kept_as_they_are(record: Callable[..., list[Recorded]], company: Project) -> None:
    hostile = "<script>alert(1)</script> | 'x' \"y\" =cmd() ${HOME}\nsecond line \u202e right to left"
    decisions = [{"id": "1", "text": hostile, "owner": "cto@acme.example", "due": "2026-05-01"}]
    [one] = record("minutes", minutes(decisions=decisions))
    assert one.body["values"]["decisions"][0]["text"] == hostile
    assert company.verify()["ok"]


@pytest.mark.parametrize("text", ["a\x00b", "a\x1b[31mb", "a\x85b", "\\ud800"])
def test_what_nobody_can_see_is_refused(refused: Callable[..., str], company: Project, text: str) -> None:
    path = company.folder / "minutes.yaml"
    written = json.dumps(text) if "\\" not in text else f'"{text}"'
    path.write_text(
        "window: 2026-Q1\nvalues:\n  held_at: 2026-03-28T10:00:00Z\n  approved_at: 2026-03-28T10:00:00Z\n"
        "  approved_by: cto@acme.example\n"
        f"  attendees: [{{person: cto@acme.example, role: {written}, oversight: no}}]\n"
    )
    assert "minutes.yaml:6" in refused("minutes", path)


# --- when it counts from ---------------------------------------------------------------------------------------------


def late(at: str = "2026-03-20T10:00:00Z", file: str = "trace.eml", attached: bool = True) -> dict[str, Any]:
    corroboration = {"what": "mail header", "reference": "<1@acme.example>", "at": at, "file": file}
    return {
        **minutes("2026-03-20T10:00:00Z"),
        "corroboration": corroboration,
        "attachments": ["trace.eml"] if attached else [],
    }


def test_a_trace_of_the_day_makes_a_late_record_count(
    record: Callable[..., list[Recorded]], refused: Callable[..., str], company: Project, workspace: Workspace
) -> None:
    (company.folder / "trace.eml").write_text("Date: Fri, 20 Mar 2026 10:00:00 +0000\n")
    assert "is not attached. What confirms a time must be kept" in refused("minutes", late(attached=False))
    assert "does not confirm what was done on 2026-03-20T10:00:00Z" in refused("minutes", late("2026-03-25T00:00:00Z"))
    assert "has not come yet" in refused("minutes", late("2026-04-25T00:00:00Z"))
    record("minutes", minutes("2026-03-20T10:00:00Z"))
    record("minutes", late())
    first, second = workspace.store.evidence(NOW).records("CC1-GOV-01", "minutes", "org:acme-inc")
    assert first.performed_at == NOW
    assert second.performed_at == parse_instant("2026-03-20T10:00:00Z")
    [_, held] = [entry["body"] for entry in workspace.store.entries(kinds={"record"})]
    assert held["corroboration"]["digest"] == held["attachments"][0]["digest"]
