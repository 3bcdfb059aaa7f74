"""Every class of bad input is refused with its line and a fix; good input is read as written."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import jsonschema
import pytest

from connectors.positioned_yaml import read_positioned_yaml
from connectors.programme_file import InvalidProgramme, json_schema, load_programme, programme_path
from connectors.programme_problems import Problem
from connectors.programme_template import write_template
from schemas.errors import ConfigurationError
from schemas.programme import Programme

GOOD = """\
organisation: Acme, Inc.
timezone: Europe/London
observation_period: {start: 2026-04-01, end: 2026-09-30}
scope:
  github:
    organisation: acme
    repositories: [api, acme/web]
  aws:
    accounts:
      - {id: "111122223333", role: "arn:aws:iam::111122223333:role/reader"}
people:
  reviewers: [cto@acme.com, {email: lead@acme.com, from: 2026-05-01}]
  owners: {CC6-UAR-01: cto@acme.com}
controls:
  CC6-DEPR-01: {deadline_business_days: 1}
"""
CONTROLS = {"CC6-DEPR-01": ("leavers", "removals"), "CC6-UAR-01": ("pack", "decisions"), "CC7-DET-01": ("state",)}


def write(folder: Path, text: str | bytes, **registers: str) -> Path:
    path = folder / "program.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, content in registers.items():
        (folder / name.replace("_csv", ".csv").replace("_yaml", ".yaml")).write_text(content, encoding="utf-8")
    return path


def problems(path: Path, environ: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(InvalidProgramme) as caught:
        load_programme(path, environ or {}, controls=CONTROLS)
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_good_file_is_read_as_written(tmp_path: Path) -> None:
    loaded = load_programme(write(tmp_path, GOOD), {}, controls=CONTROLS)
    programme = loaded.programme
    assert programme.observation_period.start == datetime.date(2026, 4, 1)
    assert programme.scope.github is not None
    assert programme.scope.github.repositories.names == ("api", "acme/web")
    assert programme.scope.github.plan == "team"
    assert [reviewer.email for reviewer in programme.people.reviewers] == ["cto@acme.com", "lead@acme.com"]
    assert loaded.digest.startswith("sha256:")
    assert loaded.content == GOOD.encode()


def test_recorded_form_reads_back_to_the_same_programme(tmp_path: Path) -> None:
    loaded = load_programme(write(tmp_path, GOOD), {})
    assert Programme.from_recorded(loaded.normalised) == loaded.programme
    assert loaded.normalised["evidence_rules"]["key_max_age_days"] == 90, "defaults are part of what is recorded"


def test_digest_depends_on_meaning_and_registers_alone(tmp_path: Path) -> None:
    registers = "registers: {scope: scope.csv}\n"
    header = "item_id,decision,from,to,reason,decided_by\n"
    row = "github:R_1,out,2026-05-01,,sandbox,cto@acme.com\n"
    first = load_programme(write(tmp_path, GOOD + registers, scope_csv=header + row), {}).digest
    reformatted = "# a comment\n" + GOOD.replace(
        "{start: 2026-04-01, end: 2026-09-30}", "{end: 2026-09-30, start: 2026-04-01}"
    )
    same = load_programme(write(tmp_path, reformatted + registers, scope_csv=(header + row).replace("\n", "\r\n")), {})
    assert same.digest == first
    assert load_programme(write(tmp_path, GOOD + registers, scope_csv=header), {}).digest != first
    assert load_programme(write(tmp_path, GOOD.replace("2026-09-30", "2026-09-29") + registers), {}).digest != first


TOP = "people:\n"
BAD: list[tuple[str, str, str, int, str]] = [
    ("unknown key", "organisation: Acme, Inc.", "organization: Acme, Inc.", 1, "Did you mean 'organisation'?"),
    ("missing key", "observation_period: {start: 2026-04-01, end: 2026-09-30}", "store: x", 1, "needs obs"),
    ("nested unknown key", "    repositories: [api, acme/web]", "    repos: [api]", 7, "Did you mean 'repositories'?"),
    ("unknown key in a list", 'role: "arn', 'rolle: "arn', 10, "Did you mean 'role'?"),
    ("unknown key by id", "deadline_business_days", "deadline_days", 15, "Did you mean 'deadline_business_days'?"),
    ("number for text", "organisation: Acme, Inc.", "organisation: 5", 1, "and this is a number. Put it in quotes"),
    ("text for number", "days: 1}", 'days: "1"}', 15, "must be a whole number, and this is a text"),
    ("hexadecimal", "days: 1}", "days: 0x10}", 15, "must be a whole number"),
    ("negative", "days: 1}", "days: -1}", 15, "must be at least 0"),
    ("text for list", "repositories: [api, acme/web]", "production_branches: main", 7, "must be a list"),
    ("list for mapping", TOP, "endpoints: []\n" + TOP, 11, "must be a mapping of keys, and this is a list"),
    ("empty value", "timezone: Europe/London", "timezone:", 2, "and this is empty. Write a value or leave"),
    ("period the wrong way round", "2026-04-01, end: 2026-09-30", "2026-09-30, end: 2026-04-01", 3, "before it starts"),
    ("day that does not exist", "2026-09-30", "2026-09-31", 3, "2026-09-31 is a day that does not exist"),
    ("number for day", "start: 2026-04-01", "start: 20260401", 3, "this is not a date. Write it"),
    ("instant for day", "start: 2026-04-01", "start: 2026-04-01T00:00:00Z", 3, "this is not a date"),
    ("unknown zone", "Europe/London", "Europe/Londres", 2, "is not an IANA time zone"),
    ("fixed offset zone", "Europe/London", "EST", 2, "is not an IANA time zone"),
    ("zone that is a path", "Europe/London", "../../etc/passwd", 2, "is not an IANA time zone"),
    ("unknown control", "  CC6-DEPR-01:", "  CC6-DEPR-1:", 15, "Did you mean 'CC6-DEPR-01'?"),
    ("unknown owner", "{CC6-UAR-01: cto", "{CC6-UAR-1: cto", 13, "Did you mean 'CC6-UAR-01'?"),
    ("unknown evidence line", "{deadline_business_days: 1}", "{evidence: {leaver: {due_days: 3}}}", 15, "'leavers'?"),
    ("duplicate key", TOP, "organisation: Other\n" + TOP, 11, "written twice"),
    ("nested duplicate key", "organisation: acme\n", "organisation: acme\n    organisation: b\n", 7, "written twice"),
    ("alias", TOP, "categories: &a [security]\n" + TOP, 11, "anchors and aliases"),
    ("tag", "timezone: Europe/London", "timezone: !!python/object:os.system UTC", 2, "is not read here"),
    ("processing integrity", TOP, "categories: [security, processing_integrity]\n" + TOP, 11, "Processing Integrity"),
    ("privacy", TOP, "categories: [security, Privacy]\n" + TOP, 11, "Privacy is not supported"),
    ("no security", TOP, "categories: [availability]\n" + TOP, 11, "security is part of"),
    ("unknown category", TOP, "categories: [security, availabilty]\n" + TOP, 11, "Did you mean 'availability'?"),
    ("unquoted account", '"111122223333", role', "111122223333, role", 10, "in quotes"),
    ("short account", '"111122223333", role', '"11112222333", role', 10, "twelve digits"),
    ("role of another account", "iam::111122223333", "iam::999922223333", 10, "belongs to account 9999"),
    ("repository of another owner", "acme/web", "other/web", 6, "does not belong to organisation acme"),
    ("control off without reason", "{deadline_business_days: 1}", "{enabled: false}", 15, "needs a reason"),
    ("reviewer", "[cto@acme.com,", "[cto,", 12, "not an e-mail address"),
    ("http endpoint", "organisation: acme\n", "organisation: acme\n    api_url: http://ghe.a.com\n", 7, "with https://"),
    ("two channels", TOP, "alerts: [{slack: {webhook_env: A}, mail: {url_env: B}}]\n" + TOP, 11, "exactly one of"),
    ("name that is no name", TOP, "alerts: [{slack: {webhook_env: 'a secret'}}]\n" + TOP, 11, "NAME of an"),
    ("bad expression", TOP, "evidence_rules: {ticket_pattern: '('}\n" + TOP, 11, "not a regular expression"),
    ("unknown calendar", TOP, "offices: {hq: {calendar: England}}\n" + TOP, 11, "Write the country, or the country"),
    ("unclosed bracket", "[api, acme/web]", "[api, acme/web", 8, "Check indentation, quotes and brackets"),
    ("tab", "people:\n", "people:\n\tx: 1\n", 12, "Check indentation"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_refused_at_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert GOOD.count(old) >= 1
    found = problems(write(tmp_path, GOOD.replace(old, new, 1)))
    assert [(problem.line, says) for problem in found if says in problem.message] == [(line, says)], found
    assert all(problem.file == "program.yaml" for problem in found)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("Europe/London", "Mars/Base").replace("CC6-DEPR-01", "CC6-X").replace("acme/web", "b/web")
    text += "registers: {people: people.csv}\n"
    found = problems(write(tmp_path, text, people_csv="person_id,name\n"))
    assert {(problem.file, problem.line) for problem in found} == {
        ("program.yaml", 2), ("program.yaml", 6), ("program.yaml", 15), ("people.csv", 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 9,
        "AKIA" + "ABCDEFGH234567AB",
        "https://hooks.slack.com/services/T000/B000/abcdef",
        "https://user:hunter22@example.com/hook",
        "https://example.com/hook?token=abcdef123456",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "xoxb-1234567890-abcdef",
    ],
)
def test_secrets_are_refused_and_never_shown(tmp_path: Path, secret: str) -> None:
    text = GOOD + f"alerts: [{{webhook: {{url: '{secret}'}}}}]\n"
    found = problems(write(tmp_path, text))
    assert any(problem.line == 16 and "environment variable" in problem.message for problem in found), found
    assert not any(secret in problem.message for problem in found)


def test_a_secret_is_known_by_its_key_and_by_the_environment(tmp_path: Path) -> None:
    text = (
        GOOD
        + "alerts: [{pagerduty: {routing_key: 0123456789abcdef0123456789abcdef}}]\nstore: s3://b/correct-horse-battery\n"
    )
    found = problems(write(tmp_path, text), {"GITHUB_TOKEN": "correct-horse-battery"})
    assert any(problem.line == 16 and "by the name of its key" in problem.message for problem in found)
    assert any(
        problem.line == 17 and "the value of the environment variable GITHUB_TOKEN" in problem.message
        for problem in found
    )
    assert not any("correct-horse" in problem.message or "0123456789abcdef" in problem.message for problem in found)


def test_a_secret_written_as_a_key_is_not_echoed(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    assert not any(secret in problem.message for problem in problems(write(tmp_path, GOOD + f"{secret}: 1\n")))


def test_a_secret_in_a_comment_is_refused_too(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    (one,) = problems(write(tmp_path, GOOD + f"# the old token was {secret}\n"))
    assert (one.line, secret in one.message) == (16, False)
    text = GOOD + "registers: {risks: risks.yaml}\n"
    (one,) = problems(write(tmp_path, text, risks_yaml=f"# {secret}\n"))
    assert (one.file, one.line) == ("risks.yaml", 1)


def test_unset_variables_are_told_not_refused(tmp_path: Path) -> None:
    text = GOOD + "alerts: [{slack: {webhook_env: SLACK_WEBHOOK}}, {mail: {url_env: MAIL_URL}}]\n"
    assert load_programme(write(tmp_path, text), {"MAIL_URL": "x"}).unset_environment == ("SLACK_WEBHOOK",)


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", 1, "must be a mapping"),
        (b"- a\n", 1, "must be a mapping"),
        (b"organisation: \xff\n", 1, "not UTF-8"),
        (b"organisation: a\x00b\n", 1, "a character that YAML does not allow"),
        (b"a: " + b"[" * 5000, 0, "nested too deeply"),
        (b"a: " + b"{b: " * 60 + b"}" * 60, 1, "nested too deeply"),
        (b"? [a]\n: b\n", 1, "a key must be a plain word"),
    ],
)
def test_files_that_are_no_programme(tmp_path: Path, content: bytes, line: int, says: str) -> None:
    assert any(problem.line == line and says in problem.message for problem in problems(write(tmp_path, content)))


def test_no_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="evidence init"):
        load_programme(tmp_path / "program.yaml", {})
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_programme(tmp_path, {})


def test_which_file(tmp_path: Path) -> None:
    assert programme_path(tmp_path, {"EVIDENCE_PROGRAM": "x"}) == tmp_path
    assert programme_path(None, {"EVIDENCE_PROGRAM": "x.yaml"}) == Path("x.yaml")
    assert programme_path(None, {}) == Path("program.yaml")


def test_template_loads_as_it_is_and_is_never_written_over(tmp_path: Path) -> None:
    written = write_template(tmp_path, start=datetime.date(2026, 4, 1))
    loaded = load_programme(tmp_path / "program.yaml", {}, controls=CONTROLS)
    assert loaded.programme.observation_period.end == datetime.date(2026, 9, 30)
    assert all(rows == [] for rows in loaded.register_rows().values())
    assert {path.name for path in written} >= {"program.yaml", "people.csv", "risks.yaml"}
    (tmp_path / "program.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"people\.csv"):
        write_template(tmp_path)
    assert not (tmp_path / "program.yaml").exists()


def test_template_with_its_comments_taken_away_loads(tmp_path: Path) -> None:
    write_template(tmp_path)
    text = (tmp_path / "program.yaml").read_text().replace("\n  # ", "\n  ")
    (tmp_path / "program.yaml").write_text(text)
    programme = load_programme(tmp_path / "program.yaml", {}).programme
    assert programme.scope.github is not None
    assert programme.scope.github.repositories.topic == "production"
    assert programme.scope.aws is not None
    assert programme.evidence_rules.post_deployment_check == "smoke-test"


def test_schema_of_the_programme_agrees_with_the_loader(tmp_path: Path) -> None:
    schema = json_schema("program")
    jsonschema.Draft202012Validator.check_schema(schema)
    loaded = load_programme(write(tmp_path, GOOD), {})
    jsonschema.validate(loaded.normalised, schema)
    as_written = json.dumps(read_positioned_yaml(GOOD.encode()).data, default=str)  # JSON has no dates of its own
    jsonschema.validate(json.loads(as_written), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**loaded.normalised, "unknown": 1}, schema)
    with pytest.raises(KeyError, match="known are program"):
        json_schema("nothing")
