"""Registers: each malformed row is refused at its line, hostile content stays data, absent is never empty."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from connectors.programme_file import InvalidProgramme, json_schema, load_programme
from connectors.programme_template import empty_register
from connectors.register_files import load_register
from schemas.registers import REGISTERS

PEOPLE = "person_id,name,email,kind,office,start,last_day,manager\n"
ANNA = "p1,Anna,anna@acme.com,employee,London,2024-01-08,,\n"
BEN = "p2,Ben,ben@acme.com,contractor,,2025-03-01,2026-05-29,p1\n"


def findings(folder: Path, name: str, content: str | bytes) -> list[tuple[int, str]]:
    register = REGISTERS[name]
    path = folder / Path(register.file).name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(finding.line, finding.message) for finding in load_register(register, path).findings]


def test_good_rows_become_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (PEOPLE + ANNA + "\n" + BEN).replace("\n", "\r\n").encode())
    loaded = load_register(REGISTERS["people"], path)
    assert not loaded.findings
    assert loaded.lines == [2, 4]
    assert loaded.rows[1] == {
        "person_id": "p2", "name": "Ben", "email": "ben@acme.com", "kind": "contractor", "office": None,
        "start": "2025-03-01", "last_day": "2026-05-29", "manager": "p1", "leaving": None, "notified_at": None,
        "aliases": None,
    }  # fmt: skip
    jsonschema.validate(loaded.rows, json_schema("people"))


BAD = [
    ("people", PEOPLE.replace("kind", "type") + ANNA, 1, "unknown column 'type'"),
    ("people", PEOPLE.replace(",manager", "") + ANNA, 1, "column 'manager' is missing"),
    ("people", PEOPLE.replace("manager", "name") + ANNA, 1, "column 'name' is there twice"),
    ("people", "", 1, "the file is empty. Its first line must be: person_id,name"),
    ("people", PEOPLE + ANNA + "p2,Ben\n", 3, "this row has 2 cells and the header has 8"),
    ("people", PEOPLE + ANNA.replace("Anna,", "Anna, Dr,"), 2, "this row has 9 cells"),
    ("people", PEOPLE + ANNA.replace("2024-01-08", "08/01/2024"), 2, "start is not a day. Write it like 2026-04-01"),
    ("people", PEOPLE + ANNA.replace("2024-01-08", "2023-02-29"), 2, "start is a day that does not exist"),
    ("people", PEOPLE + ANNA.replace("2024-01-08", ""), 2, "start is empty"),
    ("people", PEOPLE + ANNA.replace("employee", "robot"), 2, "kind is not one of employee, contractor, adviser"),
    ("people", PEOPLE + ANNA.replace("anna@", "anna at "), 2, "email is not an e-mail address"),
    ("people", PEOPLE + ANNA + ANNA, 3, "the same person_id as on line 2"),
    ("people", PEOPLE + BEN.replace("2026-05-29", "2025-02-01"), 2, "last_day 2025-02-01 lies before start 2025-03-01"),
    ("people", PEOPLE + 'p1,"A\nn\nn",a@b.c,robot,,2024-01-08,,\n', 2, "kind is not one of"),
    ("people", PEOPLE + ANNA + '"p2,Ben\n', 3, "this is not CSV"),
    ("people", (PEOPLE + ANNA).encode() + b"p2,\xff,,,,,,\n", 3, "not UTF-8"),
    ("identities", "person_id,system,account_id,from,to\np1,gitlab,anna,,\n", 2, "system is not one of aws, github"),
    (
        "identities",
        "person_id,system,account_id,from,to\np1,github,bot,,2026-03-31\np2,github,bot,2026-03-31,\n",
        3,
        "the same system, account_id as on line 2, at the same time",
    ),
    ("scope", "item_id,decision,from,to,reason,decided_by\ngithub:R_1,out,,,,a@b.c\n", 2, "reason is empty"),
    ("scope", "item_id,decision,from,to,reason,decided_by\ngithub:R_1,maybe,,,why,a@b.c\n", 2, "not one of in, out"),
    ("risks", "a: 1\n", 1, "the file must be a list"),
    ("risks", "- risk_id: R1\n  likelyhood: 3\n", 2, "unknown key 'likelyhood'. Did you mean 'likelihood'?"),
    ("risks", "- risk_id: R1\n  impact: 7\n", 2, "impact is not one of 1, 2, 3, 4, 5"),
    ("risks", "- just text\n", 1, "this entry is not a mapping"),
    ("vendors", "- vendor_id: a\n  vendor_id: b\n", 2, "written twice"),
    ("vendors", "- vendor_id: 5\n", 1, "vendor_id must be a text. Put it in quotes"),
    ("vendors", "- {vendor_id: a, from: 2026-13-01}\n", 1, "a day that does not exist"),
]


@pytest.mark.parametrize(("name", "content", "line", "says"), BAD)
def test_malformed_rows_are_refused_at_their_line(
    tmp_path: Path, name: str, content: str | bytes, line: int, says: str
) -> None:
    found = findings(tmp_path, name, content)
    assert any(at == line and says in message for at, message in found), found


def test_one_account_may_pass_from_one_person_to_another(tmp_path: Path) -> None:
    rows = "p1,github,bot,,2026-03-31\np2,github,bot,2026-04-01,\n"
    assert findings(tmp_path, "identities", "person_id,system,account_id,from,to\n" + rows) == []


@pytest.mark.parametrize(
    "hostile",
    ['=HYPERLINK("http://x")', "$(rm -rf /)", "{{ 7*7 }}", "<script>alert(1)</script>", "%s%n", "'; DROP TABLE x;--"],
)
def test_hostile_cells_are_data(tmp_path: Path, hostile: str) -> None:
    path = tmp_path / "people.csv"
    quoted = '"' + hostile.replace('"', '""') + '"'
    path.write_text(PEOPLE + ANNA.replace("Anna", quoted), encoding="utf-8")
    loaded = load_register(REGISTERS["people"], path)
    assert not loaded.findings
    assert loaded.rows[0]["name"] == hostile


def test_secrets_in_a_register_are_refused_unseen(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    found = findings(tmp_path, "people", PEOPLE + ANNA.replace("London", secret))
    assert [line for line, message in found if "holds a GitHub token" in message] == [2]
    assert not any(secret in message for _, message in found)


def test_registers_are_checked_against_each_other(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE + ANNA + BEN.replace(",p1", ",p7"))
    (tmp_path / "identities.csv").write_text("person_id,system,account_id,from,to\np1,github,anna,,\np3,github,cy,,\n")
    path = tmp_path / "program.yaml"
    head = "organisation: A\nobservation_period: {start: 2026-04-01, end: 2026-09-30}\n"
    path.write_text(head + "registers: {people: people.csv, identities: identities.csv}\n")
    with pytest.raises(InvalidProgramme) as caught:
        load_programme(path, {})
    assert {(problem.file, problem.line) for problem in caught.value.problems} == {
        ("people.csv", 3),
        ("identities.csv", 3),
    }
    path.write_text(head + "registers: {identities: identities.csv}\n")
    with pytest.raises(InvalidProgramme, match=r"Add registers\.people"):
        load_programme(path, {})


def test_an_absent_register_is_not_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "program.yaml"
    head = "organisation: A\nobservation_period: {start: 2026-04-01, end: 2026-09-30}\n"
    path.write_text(head + "registers: {people: people.csv}\n")
    with pytest.raises(InvalidProgramme, match=r"people\.csv: .*there is no such file"):
        load_programme(path, {})


@pytest.mark.parametrize("name", sorted(REGISTERS))
def test_empty_registers_and_schemas(tmp_path: Path, name: str) -> None:
    assert findings(tmp_path, name, empty_register(REGISTERS[name])) == []
    schema = json_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate([], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{}], schema)
