"""What stops a company from fooling itself or the auditor, tried by the command line.

A store that was born from a simulation stays one, a real store takes neither a simulation nor a set clock, a programme
that was changed and not recorded is refused, and no recorded version makes an expected cell vanish.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.serve import Sandbox
from tests.fakes.evidence_project import Project, Ran, evidence
from tests.fakes.small_company import NOW, REPOSITORY, WINDOW, small_company

BEFORE = "2026-08-02T08:00:00Z"
LATER = "2026-08-02T09:00:00Z"
Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def company(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Project]]:
    """The running sources, and a project that holds a month of changes and the administrators of today."""
    with small_company(tmp_path_factory.mktemp("company"), changes=40) as (sandbox, project):
        project.fine("collect", "--control", "CC8-CHG-01", "--window", WINDOW)
        project.fine("collect", "--control", "CC6-PRIV-01")
        yield sandbox, project


@pytest.fixture
def simulated(company: tuple[Sandbox, Project], tmp_path: Path) -> Project:
    """A copy of the project, to be altered."""
    return company[1].copy(tmp_path / "simulated").at(LATER)


@pytest.fixture
def real(company: tuple[Sandbox, Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of GitHub itself, its store born and nothing collected."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    project = Project(tmp_path / "real")
    project.folder.mkdir()
    shutil.copy(company[1].program, project.program)

    def change(programme: Any) -> None:
        programme["scope"]["github"]["api_url"] = "https://api.github.com"
        del programme["scope"]["aws"]

    project.edit(change)
    project.fine("programme", "record")
    return project


def refused(ran: Ran, *words: str) -> None:
    assert ran.code == 2, ran.err
    assert ran.out == ""
    for word in words:
        assert word in ran.err


# --- a simulated store stays simulated -------------------------------------------------------------------------------


def test_every_entry_of_a_simulation_says_so(simulated: Project) -> None:
    for path in sorted((simulated.store / "ledger").glob("*.json")):
        entry = json.loads(path.read_bytes())
        if entry["kind"] in ("store", "collection"):
            assert entry["body"]["simulated"] is True
        for manifest in entry["body"].get("manifests", ()):
            assert manifest["provenance"]["endpoint_simulated"] is True


def test_recording_a_programme_of_the_vendors_own_endpoints_changes_nothing(
    simulated: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    simulated.edit(lambda programme: programme["scope"]["github"].update(api_url="https://api.github.com"))
    simulated.fine("programme", "record")
    assert simulated.completeness()["simulated"] is True
    assert simulated.verify()["simulated"] is True


def test_a_copy_under_a_real_programme_stays_simulated(simulated: Project, real: Project) -> None:
    shutil.rmtree(real.store)
    shutil.copytree(simulated.store, real.store)
    real.fine("programme", "record")
    document = real.completeness()
    assert document["simulated"] is True
    assert "covered" in document["rollup"]
    page = real.folder / "page.html"
    assert evidence("publish", "--program", str(real.program), "--to", str(page)).code == 0
    assert "SIMULATED" in page.read_text(encoding="utf-8").upper()


def test_the_birth_certificate_can_not_be_altered(simulated: Project) -> None:
    first = simulated.store / "ledger" / "00000001.json"
    first.chmod(0o644)
    first.write_bytes(first.read_bytes().replace(b'"simulated":true', b'"simulated":false'))
    ran = simulated.run("completeness")
    assert ran.code != 0
    assert ran.out == ""
    assert simulated.verify()["ok"] is False


def test_entries_of_a_simulation_do_not_fit_into_a_real_store(simulated: Project, real: Project) -> None:
    """Mixing: files of the one copied beside those of the other, under the next free numbers."""
    shutil.copytree(simulated.store / "objects", real.store / "objects", dirs_exist_ok=True)
    shutil.copytree(simulated.store / "raw", real.store / "raw", dirs_exist_ok=True)
    after = max(int(path.stem) for path in (real.store / "ledger").glob("*.json"))
    for offset, path in enumerate(sorted((simulated.store / "ledger").glob("*.json"))[2:], start=1):
        shutil.copy(path, real.store / "ledger" / f"{after + offset:08d}.json")
    assert real.verify()["ok"] is False
    ran = real.run("completeness")
    assert ran.code == 1
    assert ran.out == ""


# --- a real store ----------------------------------------------------------------------------------------------------


def test_a_real_store_says_that_it_is_real(real: Project) -> None:
    assert real.completeness()["simulated"] is False
    assert real.verify()["simulated"] is False


@pytest.mark.parametrize(
    "command", [("collect",), ("completeness",), ("test",), ("programme", "record"), ("store", "head")]
)
def test_a_real_store_takes_no_set_clock(real: Project, command: tuple[str, ...]) -> None:
    before = sorted(real.store.rglob("*"))
    refused(real.at(LATER).run(*command), "clock can't be set")
    assert sorted(real.store.rglob("*")) == before


def test_a_real_store_is_not_born_with_a_set_clock(real: Project) -> None:
    shutil.rmtree(real.store)
    refused(real.at(LATER).run("collect"), "clock can't be set")
    assert not real.store.exists() or not list(real.store.rglob("*.json"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("declared", [False, True], ids=["undeclared", "declared"])
def test_a_real_store_refuses_loopback(
    company: tuple[Sandbox, Project], real: Project, host: str, declared: bool
) -> None:
    port = company[0].endpoints["github"].rpartition(":")[2]
    url = f"http://{host}:{port}"

    def change(programme: Any) -> None:
        programme["scope"]["github"]["api_url"] = url
        if declared:
            programme["endpoints"] = {"declared": [{"url": url, "reason": "our own server"}]}

    real.edit(change)
    ran = real.run("programme", "record")
    if ran.code == 0:
        ran = real.run("collect", "--family", "governance")
    assert ran.code in (2, 3), ran.out
    assert real.completeness()["rollup"]["covered"] == 0
    for claim in real.claims("github.repositories"):
        assert claim["status"] == "error"
        assert claim["rows"] == 0
    assert real.verify()["problems"] == []


def test_a_real_store_refuses_a_loopback_endpoint_of_the_environment(
    company: tuple[Sandbox, Project], real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in company[0].environment.items():
        monkeypatch.setenv(name, value)
    real.edit(lambda programme: programme["scope"].update(aws={"accounts": [{"id": "111122223333"}]}))
    real.edit(lambda programme: programme["scope"].pop("github"))
    real.fine("programme", "record")
    ran = real.run("collect", "--family", "logical_access")
    assert ran.code == 2
    assert "real evidence store" in ran.err
    assert {claim["status"] for claim in real.claims("aws.privileges")} == {"error"}
    assert real.completeness()["rollup"]["covered"] == 0


# --- the recorded programme counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("collect",), ("collect", "--missing"), ("test",), ("completeness",), ("publish", "--to", "page.html")],
    ids=" ".join,
)
def test_an_edit_that_is_not_recorded_is_refused(simulated: Project, command: tuple[str, ...]) -> None:
    before = len(list((simulated.store / "ledger").iterdir()))
    simulated.edit(lambda programme: programme["evidence_rules"].update(max_administrators=40))
    clock = ["--simulated-now", LATER]
    refused(evidence(*command, "--program", str(simulated.program), *clock), "evidence programme record")
    assert len(list((simulated.store / "ledger").iterdir())) == before


def test_a_register_that_was_changed_and_not_recorded_is_refused(simulated: Project) -> None:
    register = simulated.folder / "administrators.csv"
    header = "system,principal,privilege,resource,from,to,reason,approved_by\n"
    register.write_text(header, encoding="utf-8")
    simulated.edit(lambda programme: programme.update(registers={"administrators": "administrators.csv"}))
    simulated.fine("programme", "record")
    assert simulated.run("completeness").code in (0, 1)
    with register.open("a", encoding="utf-8") as stream:
        stream.write("aws,user-000,administrator,111122223333,2026-01-05,,Always was,boss@acme.example\n")
    refused(simulated.run("completeness"), "evidence programme record")


def test_white_space_and_comments_are_no_new_version(simulated: Project) -> None:
    simulated.program.write_text(f"# a remark\n\n{simulated.program.read_text()}", encoding="utf-8")
    assert simulated.run("completeness").code in (0, 1)
    assert simulated.fine("programme", "record")["ledger"] is None


def without_repository(programme: Any) -> None:
    programme["scope"]["github"]["repositories"] = ["another"]


def without_aws(programme: Any) -> None:
    del programme["scope"]["aws"]


def later_period(programme: Any) -> None:
    programme["observation_period"] = {"start": "2026-08-01", "end": "2026-10-31"}


def shorter_period(programme: Any) -> None:
    programme["observation_period"] = {"start": "2026-07-01", "end": "2026-07-31"}


def switched_off(programme: Any) -> None:
    programme["controls"] = {"CC8-CHG-01": {"enabled": False, "reason": "too much work"}}


def later_control(programme: Any) -> None:
    programme["controls"] = {"CC8-CHG-01": {"effective_from": "2026-09-01"}}


def looser_deadline(programme: Any) -> None:
    programme["controls"] = {"CC8-CHG-01": {"due_days": 60, "grace_days": 60}}


def looser_snapshots(programme: Any) -> None:
    programme["controls"] = {"CC6-PRIV-01": {"max_gap_hours": 5000}}


@pytest.mark.parametrize(
    "change",
    [
        without_repository, without_aws, later_period, shorter_period, switched_off, later_control, looser_deadline,
        looser_snapshots,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_no_version_makes_an_expected_cell_vanish(simulated: Project, change: Change) -> None:
    before = by_key(simulated.completeness())
    earlier = by_key(simulated.completeness("--as-of", BEFORE))
    expected = {key for key, cell in before.items() if cell["state"] not in ("not_in_effect", "not_applicable")}
    begun = {key for key in expected if before[key]["state"] != "not_due"}
    assert begun
    simulated.edit(change)
    simulated.fine("programme", "record")
    document = simulated.completeness()
    after = by_key(document)
    assert document["removed"], "what a version takes away stays listed"
    for key in begun:
        assert key in after, f"{key} has vanished"
        names = ["window_id", "state", "gap", "population_count", "exceptions_open"]
        if (change, key[2]) != (shorter_period, "2026-08"):  # the running month ends earlier, and so is due earlier
            names += ["due_at", "deadline_at"]
        assert [after[key][name] for name in names] == [before[key][name] for name in names]
    # Asked about the time before, the answer is the one of then.
    assert by_key(simulated.completeness("--as-of", LATER)) == by_key(document)
    assert by_key(simulated.completeness("--as-of", BEFORE)) == earlier


SERVICES_OFF = {
    "aws.alarm_history", "aws.alerts", "aws.backup_jobs", "aws.config_history", "aws.posture", "aws.scan_coverage",
    "aws.trail_continuity", "aws.vulnerability_findings",
}  # fmt: skip
"""What the small company has no service for: it is said, and is no empty list."""


def test_collecting_goes_on_after_a_system_was_taken_out(company: tuple[Sandbox, Project], simulated: Project) -> None:
    """What was left out stays expected up to then; it is not asked for again, and breaks no run."""

    def without_github(programme: Any) -> None:
        del programme["scope"]["github"]

    sandbox, untouched = company
    assert sandbox.clock is not None
    begun = {key for key, cell in by_key(untouched.completeness()).items() if cell["state"] != "not_due"}
    simulated.edit(without_github)
    simulated.fine("programme", "record")
    sandbox.clock.set(datetime.fromisoformat(LATER))
    try:
        for arguments in ((), ("--missing",)):
            entries = simulated.run("collect", *arguments).json["entries"]
            assert {entry["dataset"].partition(".")[0] for entry in entries} <= {"aws"}
            failed = {entry["dataset"] for entry in entries if entry["status"] == "error"}
            assert failed <= SERVICES_OFF
    finally:
        sandbox.clock.set(datetime.fromisoformat(NOW))
    assert begun <= set(by_key(simulated.completeness()))


def test_what_was_removed_is_named(simulated: Project) -> None:
    simulated.edit(without_repository)
    simulated.fine("programme", "record")
    [removal] = simulated.completeness()["removed"]
    assert REPOSITORY in removal["what"]
    assert removal["recorded_at"] == LATER
    ran = evidence("completeness", "--program", str(simulated.program), "--simulated-now", LATER)
    assert f"stays listed: repository {REPOSITORY} is no longer part of the programme" in ran.out


def by_key(document: dict[str, Any]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    return {
        (cell["control_id"], cell["evidence_id"], cell["window_id"], cell["scope_item_id"]): cell
        for cell in document["cells"]
    }
