"""`evidence record …` as people type it: kinds, templates, keys, lists, and what the process answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from cli.json_schemas import schema_of
from connectors.positioned_yaml import read_positioned_yaml
from connectors.records.reading import about_fields, read_record_file
from connectors.records.templates import template
from schemas.records import RECORD_TYPES
from schemas.records.model import RecordType
from tests.fakes.evidence_project import Project, evidence
from tests.fakes.recording_company import minutes, recording_company, write_records

EVERY = [pytest.param(one, id=name) for name, one in RECORD_TYPES.items()]


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    return recording_company(tmp_path / "company", "2026-01-02T00:00:00Z").at("2026-03-29T00:00:00Z")


def test_kinds() -> None:
    shown = evidence("record", "kinds")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()] == list(RECORD_TYPES)
    listed = evidence("record", "kinds", "--json").json["kinds"]
    assert [one["kind"] for one in listed] == list(RECORD_TYPES)
    assert listed[0]["answers"] == [{"control_id": "CC1-COND-01", "evidence_id": "acks"}]
    fits("record-kinds", {"kinds": listed})


@pytest.mark.parametrize("record_type", EVERY)
def test_a_template_reads_as_a_record(record_type: RecordType, tmp_path: Path) -> None:
    text = evidence("record", "template", record_type.name).out
    assert text == template(record_type)
    assert max(len(line) for line in text.splitlines()) < 200
    for sentence in record_type.auditor:
        assert sentence.split()[0] in text
    path = tmp_path / "record.yaml"
    path.write_text(text)
    read = read_record_file(record_type, path, {})
    assert read.findings == []
    [draft] = read.drafts
    required = {field.name for field in record_type.fields if field.required}
    assert required == {name for name, value in draft.values.items() if value is not None}


@pytest.mark.parametrize("record_type", EVERY)
def test_every_line_of_a_template_can_be_used(record_type: RecordType, tmp_path: Path) -> None:
    """What is commented because it may be left out reads as well once the marks are taken away."""
    lines: list[str] = []
    for line in template(record_type).splitlines():
        optional = re.fullmatch(r"( *)# ((?:  )*(?:- )?[a-z_0-9]+:(?: .*)?)", line)
        inner = re.fullmatch(r"( *(?:- |  ))# ([a-z_0-9]+: .*)", line)
        used = optional or inner
        lines.append(used[1] + used[2] if used and not line.startswith("# -") else line)
    text = "\n".join(line for line in lines if not re.match(r"\w[^:]* \w", line))
    document = read_positioned_yaml(text.encode())
    assert document.findings == [], text
    about = {field.name for field in about_fields(record_type)}
    wanted = {field.name for field in record_type.fields}
    assert set(document.data["values"]) == wanted
    assert set(document.data) <= about | {"values", "attachments", "corroboration"}


def test_recorded_and_listed(company: Project) -> None:
    path = write_records(company.folder, "minutes.yaml", minutes())
    done = company.fine("record", "minutes", str(path))
    fits("record", done)
    [one] = done["records"]
    assert (one["kind"], one["control_id"], one["window"], one["new"]) == ("minutes", "CC1-GOV-01", "2026-Q1", True)
    assert not company.fine("record", "minutes", str(path))["records"][0]["new"]
    later = company.at("2026-04-20T00:00:00Z")
    late = write_records(company.folder, "late.yaml", minutes("2026-04-02T10:00:00Z"))
    later.fine("record", "minutes", str(late))
    listed = later.fine("record", "list", "--control", "CC1-GOV-01")
    fits("record-list", listed)
    assert [(one["performed_at"], one["counts_from"]) for one in listed["records"]] == [
        ("2026-03-28T10:00:00Z", "2026-03-28T10:00:00Z"),
        ("2026-04-02T10:00:00Z", "2026-04-20T00:00:00Z"),
    ]
    assert later.fine("record", "list", "--control", "CC3-RISK-01")["records"] == []
    assert later.fine("record", "list", "--kind", "screening")["records"] == []
    options = ("--program", str(later.program), "--simulated-now", "2026-04-20T00:00:00Z")
    shown = evidence("record", "list", *options).out
    assert "as claimed, counts from 2026-04-20T00:00:00Z; signed by cto@acme.example (not authenticated)" in shown


def test_for_people(company: Project) -> None:
    path = write_records(company.folder, "minutes.yaml", minutes())
    options = ("--program", str(company.program), "--simulated-now", "2026-03-29T00:00:00Z")
    first = evidence("record", "minutes", str(path), *options)
    assert "1 of 1 recorded" in first.err
    assert "not known who signed it" in first.err
    assert re.search(r"sha256:[0-9a-f]{64}  minutes  CC1-GOV-01 org:acme-inc 2026-Q1", first.out)
    again = evidence("record", "minutes", str(path), *options)
    assert "0 of 1 recorded; the others were there already" in again.err


def test_signed_with_a_key(company: Project) -> None:
    key = company.folder.parent / "cto.pem"
    made = evidence("record", "key", str(key))
    assert key.stat().st_mode & 0o077 == 0
    assert evidence("record", "key", str(key)).out == made.out, "a key that is there is only shown"
    public = yaml.safe_load(made.out)["key"]

    def change(programme: object) -> None:
        programme["people"]["approvers"][0]["key"] = public  # type: ignore[index]

    company.edit(change)
    company.fine("programme", "record")
    path = write_records(company.folder, "minutes.yaml", minutes())
    [one] = company.fine("record", "minutes", str(path), "--sign-with", str(key))["records"]
    assert one["signed_how"] == "key"
    assert company.verify()["ok"]
    [cell] = [cell for (window, _), cell in company.cells("CC1-GOV-01", "minutes").items() if window == "2026-Q1"]
    assert (cell["state"], cell["flags"]) == ("collected", ["not_tested"]), "not tested yet, and the signature holds"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("minuts", "file.yaml"), "there is no kind of record 'minuts'. Did you mean 'minutes'?"),
        (("template", "minuts"), "Did you mean 'minutes'?"),
        (("list", "--kind", "minuts"), "Did you mean 'minutes'?"),
        (("minutes", "absent.yaml"), "the file absent.yaml can't be read"),
        (("minutes", "absent.yaml", "--sign-with", "absent.pem"), "evidence record key absent.pem"),
    ],
)
def test_used_wrongly(company: Project, arguments: tuple[str, ...], said: str) -> None:
    ran = evidence("record", *arguments, *(() if arguments[0] == "template" else ("--program", str(company.program),
                   "--simulated-now", "2026-03-29T00:00:00Z")))  # fmt: skip
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_year_of_acknowledgements_is_recorded_in_seconds(company: Project) -> None:
    rows = [f"p{1 + n % 3},policy-{n},1.0,2026-03-28T0{n % 9}:00:00Z,hr-system" for n in range(150)]
    path = company.folder / "acks.csv"
    path.write_text("person_id,document_id,document_version,accepted_at,channel\n" + "\n".join(rows) + "\n")
    assert len(company.fine("record", "acknowledgement", str(path))["records"]) == 150


def fits(name: str, document: object) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
