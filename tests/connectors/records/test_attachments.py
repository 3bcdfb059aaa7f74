"""Files that go with a record: which are kept, which are refused and why, and that damage is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.records.recording import Recorded
from connectors.workspace import Workspace
from schemas.instants import parse_instant
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import changed, minutes

NOW = parse_instant("2026-04-02T00:00:00Z")
ACKNOWLEDGED = "person_id,document_id,document_version,accepted_at,channel\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("report.exe", b"MZ", "is of a type that is not kept"),
        ("report.pdf", b"<html>", "is not what its name says"),
        ("report.txt", b"", "is empty"),
        ("report.txt", b"\xff\xfe", "is no UTF-8 text"),
        ("report.txt", b"a\x00b", "holds a zero byte"),
        ("report.txt", b"x\nAKIAABCDEFGHIJKLMNOP\n", "holds an AWS access key id on line 2"),
        ("report.pdf", None, "can't be read: No such file"),
        ("../outside.txt", b"x", "lies outside the folder of the record"),
    ],
)
def test_attachments_that_are_not_kept(
    refused: Callable[..., str], company: Project, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (company.folder / name).write_bytes(content)
    assert said in refused("minutes", changed(minutes(), attachments=[name]))


def test_attachments_that_are_no_files(refused: Callable[..., str], company: Project, tmp_path: Path) -> None:
    (company.folder / "folder.txt").mkdir()
    assert "is no file" in refused("minutes", changed(minutes(), attachments=["folder.txt"]))
    (company.folder / "loop.txt").symlink_to("loop.txt")
    assert "can't be read" in refused("minutes", changed(minutes(), attachments=["loop.txt"]))
    (tmp_path / "secret.txt").write_text("x")
    (company.folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert "lies outside" in refused("minutes", changed(minutes(), attachments=["link.txt"]))


def test_an_attachment_of_the_command_goes_with_each_record(
    record: Callable[..., list[Recorded]], company: Project, tmp_path: Path
) -> None:
    (tmp_path / "export.csv").write_text("all,of,them\n")
    path = company.folder / "acks.csv"
    path.write_text(ACKNOWLEDGED + "p1,conduct,1,2026-04-01T09:00:00Z,hr\np2,conduct,1,2026-04-01T09:00:00Z,hr\n")
    found = record("acknowledgement", path, attach=[tmp_path / "export.csv"])
    assert [one.body["attachments"][0]["name"] for one in found] == ["export.csv", "export.csv"]


def test_a_damaged_attachment_is_found(
    record: Callable[..., list[Recorded]], company: Project, workspace: Workspace
) -> None:
    (company.folder / "minutes.md").write_text("# Minutes\n")
    [one] = record("minutes", changed(minutes(), attachments=["minutes.md"]))
    path = company.store / one.body["stored"][0]["path"]
    path.chmod(0o644)
    path.write_text("# Other minutes\n")
    assert [problem["path"] for problem in company.verify()["problems"]] == [one.body["stored"][0]["path"]]
    from evidence.completeness.cell_inputs import InputsReader
    from evidence.completeness.ledger_facts import facts_of

    facts = facts_of(workspace.store.index(), NOW)
    [stored] = facts.records["CC1-GOV-01", "minutes", "org:acme-inc"]
    reader = InputsReader(facts, workspace.history(), frozenset({one.body["stored"][0]["digest"]}))
    assert reader._is_damaged(stored.body)
    assert not InputsReader(facts, workspace.history(), frozenset())._is_damaged(stored.body)
