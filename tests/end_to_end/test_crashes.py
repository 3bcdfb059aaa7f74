"""A collecting process is killed at any point of its writing; the next run goes on, and nothing is lost or doubled."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.completeness.severity import COVERED
from tests.fakes import crashing_collector
from tests.fakes.evidence_project import Project, evidence
from tests.fakes.small_company import NOW, REPOSITORY, WINDOW, small_company

COMMAND = ("collect", "--control", "CC8-CHG-01", "--window", WINDOW)
SEEDS = (1, 2, 3, 4)


class Killer:
    """Runs the command in a process of its own, from an empty folder on."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([crashing_collector.__name__])

    def fresh(self, folder: Path) -> Project:
        """A folder with the programme and nothing else; its signing key is made on first use too."""
        folder.mkdir()
        made = Project(folder, NOW)
        made.program.write_bytes(self.project.program.read_bytes())
        return made

    def run(self, project: Project, die_at: int) -> tuple[int, str]:
        """Exit code of the process, and what it told before it ended (nothing when it was killed)."""
        told = project.folder.parent / f"{project.folder.name}-told"
        environment = {**os.environ, "EVIDENCE_SIGNING_KEY_FILE": str(project.folder / "signing-key.pem")}
        arguments = [*COMMAND, "--program", str(project.program), "--simulated-now", NOW]
        process = self._context.Process(
            target=crashing_collector.collect,
            args=(arguments, environment, str(project.folder), die_at, str(told)),
        )
        process.start()
        process.join(120)
        assert process.exitcode is not None, "the process hangs"
        return process.exitcode, told.read_text() if told.exists() else ""


@pytest.fixture(scope="module")
def killer(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    with small_company(tmp_path_factory.mktemp("company"), changes=30) as (_, project):
        yield Killer(project)


@pytest.fixture(scope="module")
def steps(killer: Killer, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many changes of files a whole run makes."""
    project = killer.fresh(tmp_path_factory.mktemp("whole") / "site")
    code, told = killer.run(project, 10**9)
    assert code == 0
    count, exit_code = (int(number) for number in told.split())
    assert exit_code == 0
    assert count > 50
    return count


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_after_a_kill_heals_everything(
    killer: Killer, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # One seed for each stretch of the run, so that its beginning and its end are among them.
    share = steps / len(SEEDS)
    die_at = random.Random(seed).randint(int((seed - 1) * share) + 1, int(seed * share))  # noqa: S311 - no secret
    project = killer.fresh(tmp_path / "site")
    code, told = killer.run(project, die_at)
    assert (code, told) == (-signal.SIGKILL, ""), f"it was to die at step {die_at} of {steps}"
    if (project.store / "ledger").is_dir() and any((project.store / "ledger").glob("*.json")):
        assert project.verify()["problems"] == [], f"killed at step {die_at}"
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(project.folder / "signing-key.pem"))
    project.fine(*COMMAND)
    report = project.verify()
    assert report["ok"] is True
    assert report["problems"] == []
    assert evidence("verify", str(project.store), "--deep").code == 0
    cell = project.cells("CC8-CHG-01", "commits")[WINDOW, REPOSITORY]
    assert cell["state"] in COVERED
    assert cell["population_count"] == 28
    whole = [claim for claim in project.claims("github.commits") if claim["status"] == "ok"]
    assert 1 <= len(whole) <= 2
    assert {claim["rows"] for claim in whole} == {28}


def test_interrupting_is_no_crash(killer: Killer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of reading: the attempt is an entry of the ledger that says so."""
    project = killer.fresh(tmp_path / "site")
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(project.folder / "signing-key.pem"))
    project.fine("collect", "--family", "governance")

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("connectors.github.transport.GithubTransport._once", interrupted)
        ran = project.run(*COMMAND)
    assert ran.code == 130
    assert "the next run goes on from there" in ran.err
    [claim] = project.claims("github.commits")
    assert (claim["status"], claim["error"]["kind"]) == ("error", "KeyboardInterrupt")
    project.fine(*COMMAND)
    assert project.cells("CC8-CHG-01", "commits")[WINDOW, REPOSITORY]["state"] in COVERED
    assert project.verify()["problems"] == []
