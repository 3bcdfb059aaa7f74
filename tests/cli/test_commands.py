"""The commands that users script against: exit codes, JSON alone on standard output, and what it must look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from jsonschema import Draft202012Validator

from cli.json_schemas import schema_of
from sandbox.serve import Sandbox
from tests.fakes.evidence_project import Project, Ran, evidence
from tests.fakes.small_company import ACCOUNT, NOW, REPOSITORY, WINDOW, small_company

LATER = "2026-08-02T09:00:00Z"


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.workspace.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture(scope="module")
def company(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Project, Ran]]:
    """The running sources, a project that holds what the first collections gave, and what the last of them printed."""
    with small_company(tmp_path_factory.mktemp("company"), changes=40) as (sandbox, project):
        project.fine("collect", "--control", "CC8-CHG-01", "--window", WINDOW)
        yield sandbox, project, project.run("collect")


@pytest.fixture(scope="module")
def held(company: tuple[Sandbox, Project, Ran]) -> Project:
    """The project, to be read only."""
    return company[1].at(LATER)


@pytest.fixture
def own(held: Project, tmp_path: Path) -> Project:
    """A copy of it, to be altered."""
    return held.copy(tmp_path / "own")


def closed(schema: Any) -> Any:
    """The schema with every object closed, so that a key that it does not name is noticed."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def fits(name: str, document: Any) -> None:
    validator = Draft202012Validator(closed(schema_of(name)))
    problems = [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(document)]
    assert problems == []


# --- documents fit their published schemas ---------------------------------------------------------------------------


def test_collect_prints_what_its_schema_says(company: tuple[Sandbox, Project, Ran]) -> None:
    ran = company[2]
    assert ran.code == 3  # the company has no audit log and no scanner, which is said and is no empty list
    fits("collect", ran.json)
    failed = {entry["dataset"] for entry in ran.json["entries"] if entry["status"] == "error"}
    assert failed == {"github.audit_events", "aws.vulnerability_findings", "aws.alerts"}
    datasets = {entry["dataset"] for entry in ran.json["entries"]}
    assert {"github.repositories", "github.members", "github.branch_tips", "aws.accounts", "aws.privileges"} <= datasets
    assert {entry["window_id"] for entry in ran.json["entries"]} == {None}


def test_collect_of_a_source_that_fails(company: tuple[Sandbox, Project, Ran], own: Project) -> None:
    sandbox = company[0]
    assert sandbox.plan is not None
    sandbox.plan.replace([{"source": "aws", "kind": "forbidden", "times": None, "match": "iam:*"}])
    try:
        ran = own.at(NOW).run("collect", "--control", "CC6-PRIV-01")
    finally:
        sandbox.plan.replace([])
    assert ran.code == 3
    fits("collect", ran.json)
    status = {entry["dataset"]: entry["status"] for entry in ran.json["entries"]}
    assert status == {"github.administrators": "ok", "aws.privileges": "error"}
    assert "error: 1 of 2 collections failed." in ran.err


def test_wrong_credentials_of_one_system_do_not_keep_the_other_from_being_collected(
    own: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    ran = own.at(NOW).run("collect", "--control", "CC6-PRIV-01")
    assert ran.code == 2
    assert "GITHUB_TOKEN" in ran.err
    fits("collect", ran.json)
    status = {entry["dataset"]: entry["status"] for entry in ran.json["entries"]}
    assert status == {"github.administrators": "error", "aws.privileges": "ok"}


def test_completeness_prints_what_its_schema_says(held: Project, own: Project) -> None:
    fits("completeness", held.completeness())
    own.edit(lambda programme: programme["scope"].pop("aws"))
    own.fine("programme", "record")
    document = own.completeness()
    assert document["removed"]
    fits("completeness", document)


def test_test_prints_what_its_schema_says(held: Project) -> None:
    document = held.fine("test", "--as-of", LATER)
    fits("test", document)
    assert {one["outcome"] for one in document["outcomes"]} >= {"pass", "exception", "unknown"}


def test_verify_prints_what_its_schema_says(own: Project) -> None:
    fits("verify", own.verify())
    [first, *_] = sorted((own.store / "objects").rglob("*.parquet"))
    first.chmod(0o644)
    first.write_bytes(first.read_bytes()[:-1] + b"!")
    ran = evidence("verify", str(own.store), "--json")
    assert ran.code == 1
    fits("verify", ran.json)
    assert ran.json["problems"][0]["path"] == first.relative_to(own.store).as_posix()


def test_schemas_are_strict_enough_to_notice_something() -> None:
    for name in ("collect", "completeness", "test", "evaluate", "verify"):
        Draft202012Validator.check_schema(dict(schema_of(name)))
        assert not Draft202012Validator(schema_of(name)).is_valid({})
    bad = {
        "ok": True, "entries": 1, "objects": 1, "bytes": 1, "problems": [{"path": "x", "problem": "y"}], "orphans": [],
        "anchors": [], "unanchored_days": 0, "store_id": None, "simulated": None, "ledger_head": None, "deep": False,
    }  # fmt: skip
    assert not Draft202012Validator(schema_of("verify")).is_valid(bad)


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("completeness",), 1),
        (("completeness", "--fail-on", "gaps"), 1),
        (("completeness", "--fail-on", "exceptions"), 1),
        (("completeness", "--fail-on", "never"), 0),
        (("test", "--as-of", LATER), 0),
        (("test", "--as-of", LATER, "--fail-on", "exceptions"), 1),
        (("test", "--as-of", LATER, "--fail-on", "gaps"), 1),
        (("test", "--as-of", LATER, "--control", "CC6-KEY-01", "--fail-on", "exceptions"), 0),
        (("verify",), 0),
        (("store", "head"), 0),
        (("catalogue",), 0),
        (("programme", "check"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_exit_codes_and_json_alone_on_standard_output(held: Project, arguments: tuple[str, ...], code: int) -> None:
    ran = held.run(*arguments)
    assert ran.code == code, ran.err
    assert isinstance(ran.json, dict)
    assert ran.out.endswith("}\n")
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("collect", "--window", "2026-13"), "is not a window"),
        (("collect", "--window", "yesterday"), "is not a window"),
        (("collect", "--window", "2019-01"), "outside the observation period"),
        (("collect", "--window", "2026-09"), "outside the observation period"),
        (("collect", "--control", "CC9-NONE-01"), "CC9-NONE-01"),
        (("collect", "--control", "CC8-CHG-01", "--family", "governance"), "belongs to the family change_management"),
        (("collect", "--family", "no_such"), "no_such"),
        (("collect", "--scope", "acme/nothing"), "not in scope"),
        (("collect", "--retries", "-1"), "less than nothing"),
        (("test", "--control", "CC9-NONE-01"), "is not in the catalogue"),
        (("test", "--fail-on", "sometimes"), "sometimes"),
        (("test", "--window", "2026-13"), "is not a window"),
        (("test", "--window", "2026-09"), "outside the observation period"),
        (("collect", "--missing", "--family", "governance", "--control", "CC8-CHG-01"), "belongs to the family"),
        (("completeness", "--as-of", "yesterday"), "is not an instant"),
        (("completeness", "--as-of", "2026-08-02"), "is not an instant"),
        (("completeness", "--as-of", "2026-08-02T00:00:00"), "is not an instant"),
        (("completeness", "--as-of", "2020-01-01T00:00:00Z"), "No programme had been recorded"),
        (("completeness", "--no-such-option"), "no-such-option"),
        (("no-such-command",), "no-such-command"),
        (("store", "close-month", "2026-13"), "2026-13"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_exit_code_2_and_says_what_is_wrong(held: Project, arguments: tuple[str, ...], words: str) -> None:
    before = sorted(path.name for path in (held.store / "ledger").iterdir())
    ran = held.run(*arguments)
    assert ran.code == 2, ran.out
    assert ran.out == ""
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in (held.store / "ledger").iterdir()) == before


def test_a_set_clock_that_is_no_instant(held: Project) -> None:
    ran = held.at("soon").run("completeness")
    assert ran.code == 2
    assert "--simulated-now 'soon' is not an instant" in ran.err


def test_no_programme_and_no_store(tmp_path: Path, held: Project) -> None:
    nowhere = Project(tmp_path)
    for command in ("completeness", "test", "collect"):
        ran = nowhere.run(command)
        assert ran.code == 2
        assert "There is no programme file" in ran.err
    nowhere.program.write_bytes(held.program.read_bytes())
    ran = nowhere.run("completeness")
    assert ran.code == 2
    assert "There is no evidence store" in ran.err
    assert not nowhere.store.exists()


def test_every_problem_of_a_programme_is_told_with_its_line(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.program.write_text(
        "organisation: Acme\nobservation_period: {start: 2026-09-30, end: 2026-04-01}\ncolour: red\n"
        "timezone: Mars/Base\ncontrols: {CC9-NONE-01: {enabled: true}}\n",
        encoding="utf-8",
    )
    ran = project.run("programme", "check")
    assert ran.code == 2
    for line in ("program.yaml:2:", "program.yaml:3:", "program.yaml:4:", "program.yaml:5:"):
        assert line in ran.err


def test_check_says_whether_this_version_is_the_one_recorded(own: Project, tmp_path: Path) -> None:
    assert own.fine("programme", "check")["recorded"] is True
    own.edit(lambda content: content["evidence_rules"].update(max_administrators=2))
    assert own.fine("programme", "check")["recorded"] is False
    own.fine("programme", "record")
    assert own.fine("programme", "check")["recorded"] is True
    alone = Project(tmp_path)
    alone.program.write_bytes(own.program.read_bytes())
    assert alone.fine("programme", "check")["recorded"] is None


# --- answers can be had again ----------------------------------------------------------------------------------------


def test_the_same_question_gives_the_same_bytes(held: Project) -> None:
    first = held.run("completeness", "--as-of", LATER)
    assert first.out == held.run("completeness", "--as-of", LATER).out
    assert held.run("test", "--as-of", LATER).out == held.run("test", "--as-of", LATER).out


def test_a_past_answer_stays_as_it_was(own: Project) -> None:
    before = own.run("completeness", "--as-of", LATER).out
    outcomes = own.run("test", "--as-of", LATER).out
    much_later = own.at("2026-09-03T06:00:00Z")
    much_later.edit(lambda programme: programme["scope"].pop("aws"))
    much_later.fine("programme", "record")
    much_later.fine("test")
    assert much_later.run("completeness").out != before
    assert much_later.run("completeness", "--as-of", LATER).out == before
    assert much_later.run("test", "--as-of", LATER).out == outcomes


def test_asking_writes_nothing(own: Project) -> None:
    before = sorted(own.folder.rglob("*"))
    own.run("completeness")
    own.run("test", "--as-of", LATER)
    own.run("verify")
    own.run("store", "head")
    assert sorted(own.folder.rglob("*")) == before


# --- what people read ------------------------------------------------------------------------------------------------


def test_reading_for_people(held: Project) -> None:
    common = ["--program", str(held.program), "--simulated-now", LATER]
    ran = evidence("completeness", *common)
    assert ran.out.startswith("[SIMULATED] Evidence is lost for good (as of 2026-08-02T09:00:00Z)\n")
    assert "CC8-CHG-01 checks 2026-07" not in ran.out, "what is covered needs no work"
    tested = evidence("test", "--as-of", LATER, "--control", "CC8-CHG-01", *common)
    assert "DIRECT_PUSH" in tested.out
    assert REPOSITORY in tested.out
    entry = evidence("verify", str(held.store))
    assert entry.out.startswith("fine: ")
    assert "could have been rewritten" in entry.out


def test_names_from_sources_can_not_drive_the_terminal(own: Project) -> None:
    hostile = "Acme\x1b]0;owned\x07\x1b[2J\u202e"
    own.program.write_text(
        own.program.read_text().replace("organisation: acme", f"organisation: {json.dumps(hostile)}", 1)
    )
    own.fine("programme", "record")
    shown = evidence("completeness", "--program", str(own.program), "--simulated-now", LATER)
    assert r"Acme\x1b]0;owned\x07\x1b[2J\u202e" in shown.out
    for char in "\x1b\x07\u202e":
        assert char not in shown.out
        assert char not in shown.err
    assert hostile in {cell["scope_item"] for cell in own.completeness()["cells"]}, "JSON has the name as it is"


def test_scope_is_named_by_id_or_name(own: Project) -> None:
    by_name = own.at(NOW).fine("collect", "--control", "CC6-PRIV-01", "--scope", ACCOUNT)
    by_id = own.at(NOW).fine("collect", "--control", "CC6-PRIV-01", "--scope", f"aws:{ACCOUNT}")
    for document in (by_name, by_id):
        assert [(one["dataset"], one["scope_item"]) for one in document["entries"]] == [("aws.privileges", ACCOUNT)]


def test_a_repository_named_before_any_inventory_is_found_by_it(held: Project, tmp_path: Path) -> None:
    fresh = Project(tmp_path, NOW)
    fresh.program.write_bytes(held.program.read_bytes())
    document = fresh.fine("collect", "--control", "CC8-CHG-01", "--window", WINDOW, "--scope", REPOSITORY)
    assert "github.commits" in {one["dataset"] for one in document["entries"]}


def test_nothing_to_collect_says_why(tmp_path: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    assert evidence("init", str(tmp_path)).code == 0
    ran = evidence("collect", "--program", str(tmp_path / "program.yaml"))
    assert ran.code == 0
    assert "names no source under scope" in ran.err
    assert not (tmp_path / "evidence-store").exists(), "a ledger would begin with the template's name and period"
