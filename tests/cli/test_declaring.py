"""Commands that need no store: a new programme, schemas, the catalogue, case files; and the process as a whole."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from cli.json_schemas import schema_names, schema_of
from cli.output import printable
from schemas.registers import REGISTERS
from tests.fakes.evidence_project import evidence

CASES = Path(__file__).parents[2].parent / "shared" / "spec" / "completeness_cases.yaml"
COMMAND = [sys.executable, "-m", "cli.main"]

COLOUR = re.compile(rb"\x1b\[(?:[0-9]*;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
"""Escape sequences that set a colour; bold and the like are none of NO_COLOR's business."""

CASE = """
cases:
  - id: X1
    period: {start: 2026-01-01, end: 2026-03-31, tz: UTC}
    requirement: {kind: event_stream, cadence: monthly, due_days: 5, grace_days: 5, lag_hours: 3, retention_days: 90}
    as_of: 2026-02-20T00:00:00Z
    runs:
      - {from: 2026-01-01T00:00:00Z, to: 2026-02-01T00:00:00Z, started_at: 2026-02-02T00:00:00Z, rows: 3,
         recorded_at: 2026-02-02T00:00:10Z}
    expect: {2026-01: {state: %s}}
"""


# --- init and schema -------------------------------------------------------------------------------------------------


def test_what_init_writes_loads_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    ran = evidence("init", str(folder))
    assert ran.code == 0
    written = {Path(line).relative_to(folder).as_posix() for line in ran.out.splitlines()}
    assert written == {"program.yaml", *(register.file for register in REGISTERS.values() if register.offered)}
    checked = evidence("programme", "check", "--program", str(folder / "program.yaml"), "--json")
    assert checked.code == 0, checked.err
    assert checked.json["programme_digest"].startswith("sha256:")


def test_the_period_of_the_template_begins_with_this_month(tmp_path: Path) -> None:
    # What came before can mostly not be had any more, so a period that began then would start with losses.
    assert evidence("init", str(tmp_path)).code == 0
    period = yaml.safe_load((tmp_path / "program.yaml").read_text(encoding="utf-8"))["observation_period"]
    assert period["start"] == datetime.now(UTC).date().replace(day=1)
    assert 180 <= (period["end"] - period["start"]).days < 185


def test_init_touches_nothing_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "program.yaml").write_text("mine", encoding="utf-8")
    ran = evidence("init", str(tmp_path))
    assert ran.code == 2
    assert "program.yaml exist(s) already" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["program.yaml"]
    assert (tmp_path / "program.yaml").read_text(encoding="utf-8") == "mine"


def test_a_programme_of_the_template_fits_the_published_schema(tmp_path: Path) -> None:
    evidence("init", str(tmp_path))
    text = (tmp_path / "program.yaml").read_text(encoding="utf-8")
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    document["scope"] = {key: value for key, value in (document["scope"] or {}).items() if value is not None}
    Draft202012Validator(schema_of("program")).validate(document)


def test_every_schema_is_printed_and_is_one(tmp_path: Path) -> None:
    listed = evidence("schema")
    assert listed.out.split() == schema_names()
    assert {"program", "collect", "completeness", "test", "evaluate", "verify", "fault-plan"} <= set(listed.out.split())
    assert set(REGISTERS) <= set(listed.out.split())
    for name in schema_names():
        ran = evidence("schema", name)
        assert ran.code == 0
        Draft202012Validator.check_schema(ran.json)
        assert ran.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_an_unknown_schema_names_the_known_ones() -> None:
    ran = evidence("schema", "nothing")
    assert ran.code == 2
    assert "there is no schema 'nothing'; there are " in ran.err
    assert "fault-plan" in ran.err


def test_the_catalogue_names_controls_lines_and_memories() -> None:
    document = evidence("catalogue", "--json").json
    assert document["catalogue_digest"].startswith("sha256:")
    [control] = [one for one in document["controls"] if one["id"] == "CC8-CHG-01"]
    [line] = [one for one in control["evidence"] if one["id"] == "bypasses"]
    remembered = {source["id"]: source["plan_days"] for source in line["sources"]}
    assert remembered["github.rule_suites"] == 28


# --- evaluate --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CASES.is_file(), reason="the cases of the specification (../shared/spec) are not here")
def test_every_case_of_the_specification_comes_out_as_expected() -> None:
    ran = evidence("evaluate", str(CASES), "--json")
    assert ran.code == 0, ran.err
    Draft202012Validator(schema_of("evaluate")).validate(ran.json)
    assert len(ran.json["cases"]) >= 60
    assert [one["id"] for one in (*ran.json["cases"], *ran.json["rollups"]) if one.get("mismatches")] == []
    wanted = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    assert [one["id"] for one in ran.json["cases"]] == [one["id"] for one in wanted["cases"]]


@pytest.mark.parametrize(("state", "code"), [("collected_late", 1), ("collected", 0)])
def test_a_difference_is_exit_code_1(tmp_path: Path, state: str, code: int) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % state, encoding="utf-8")
    ran = evidence("evaluate", str(file), "--json")
    assert ran.code == code
    Draft202012Validator(schema_of("evaluate")).validate(ran.json)
    assert bool(ran.json["cases"][0]["mismatches"]) == bool(code)
    shown = evidence("evaluate", str(file))
    assert ("X1       DIFFERENT" in shown.out) == bool(code)
    assert ("2026-01 state: expected collected_late, it is collected" in shown.out) == bool(code)


def test_differences_of_windows_and_roll_ups_have_no_window(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    roll_up = "rollups: [{id: R1, cells: [{state: collected, gap: none, n: 2}], expect: {expected: 3}}]"
    file.write_text(CASE % "collected" + f"    windows: [2026-01]\n{roll_up}\n", encoding="utf-8")
    ran = evidence("evaluate", str(file), "--json")
    assert ran.code == 1, ran.err
    Draft202012Validator(schema_of("evaluate")).validate(ran.json)
    assert ran.json["cases"][0]["mismatches"][0]["window"] is None
    shown = evidence("evaluate", str(file)).out
    assert "         windows: expected ['2026-01'], it is ['2026-01', '2026-02', '2026-03']" in shown
    assert "         expected: expected 3.0, it is 2" in shown


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("cases.yaml", "cases: [{id: X1,", "line 2"),
        ("cases.json", '{"cases": [', "line 1"),
        ("cases.yaml", CASE % "collected" + "    colour: red", "colour"),
        ("cases.yaml", "cases: [{id: X1}]", "case X1: as_of: is missing"),
        ("cases.yaml", "- a list", "cases"),
    ],
)
def test_a_case_file_that_is_wrong_is_exit_code_2(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    ran = evidence("evaluate", str(tmp_path / name), "--json")
    assert ran.code == 2
    assert ran.out == ""
    assert words in ran.err


def test_a_case_file_that_is_not_there() -> None:
    ran = evidence("evaluate", "no-such-file.yaml")
    assert ran.code == 2
    assert "can't be read: No such file or directory" in ran.err


# --- words -----------------------------------------------------------------------------------------------------------


def test_control_characters_are_made_visible() -> None:
    assert printable("a\x1b[31mb\x07\r\u202e\u2028c\n\td") == r"a\x1b[31mb\x07\r\u202e\u2028c" + "\n\td"
    assert printable("Zoë 北京 🙂") == "Zoë 北京 🙂"


@pytest.mark.parametrize("command", ["", "collect", "test", "completeness", "evaluate", "schema", "programme", "store"])
def test_help_is_there_for_every_command(command: str) -> None:
    ran = evidence(*filter(None, [command]), "--help")
    assert ran.code == 0
    assert "Usage: evidence" in ran.out


def test_a_command_that_is_nearly_right_is_suggested() -> None:
    ran = evidence("colect")
    assert ran.code == 2
    assert 'Did you mean "collect"?' in ran.err
    assert "Try `evidence --help`." in ran.err


# --- the process -----------------------------------------------------------------------------------------------------


def test_as_a_process_json_stands_alone_on_standard_output(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % "failed", encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "evaluate", str(file), "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["cases"][0]["id"] == "X1"
    assert "came out differently" not in done.stdout


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "catalogue"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["collect", "--help"], ["no-such-command"], ["catalogue"]])
def test_no_color_is_honoured_on_a_terminal(arguments: list[str]) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [*COMMAND, *arguments], stdout=theirs, stderr=theirs, stdin=theirs,
        env={**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    done.wait(60)
    assert seen
    assert COLOUR.search(seen) is None
