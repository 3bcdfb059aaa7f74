"""The main job on data that is not of our own making: real change histories, collected, tested and judged.

All three over their last year, and older months of one of them, chosen so that rebase merges, numbers that come back
and commits dated before those they follow are inside; `benchmarks/real_histories.py` does the same for older years.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.serve import running
from tests.fakes.change_truth import CHANGES, NAMES, changes_of, differences
from tests.fakes.evidence_project import Project, reachable

NOW = "2026-09-02T00:00:00Z"
PROGRAMMES: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    # The last twelve months and one more: direct pushes, a rebase merge, months with hundreds of changes.
    "recent": (
        "2025-07-01",
        "2026-07-31",
        NAMES,
        (*(f"2025-{n:02}" for n in range(7, 13)), *(f"2026-{n:02}" for n in range(1, 8))),
    ),
    # Reviewers are named, commits are dated before those they follow, numbers of pull requests come back.
    "old": ("2018-05-01", "2018-10-31", ("libuv",), ("2018-06", "2018-10")),
    # Changes with and without an independent reviewer in one month.
    "mixed": ("2021-05-01", "2021-10-31", ("libuv",), ("2021-05",)),
}
"""By name: first and last day of the period, repositories, months collected."""

CASES = [
    (which, name, window)
    for which, (_, _, names, windows) in PROGRAMMES.items()
    for name in names
    for window in windows
]
COVERED = {"collected", "collected_late", "exception_noted", "empty_population_confirmed"}

pytestmark = pytest.mark.skipif(not CHANGES.is_dir(), reason="the real histories (../shared/data/changes) are not here")


def period(start: str, end: str, repositories: tuple[str, ...]) -> Any:
    def change(programme: Any) -> None:
        programme["observation_period"] = {"start": start, "end": end}
        programme["scope"]["github"]["repositories"] = list(repositories)

    return change


@pytest.fixture(scope="module")
def projects(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Project]]:
    """The programmes over one simulated GitHub that serves the three histories, their months collected."""
    made = {which: Project(tmp_path_factory.mktemp(which), NOW) for which in PROGRAMMES}
    served = tmp_path_factory.mktemp("served")
    changes = [f"acme/{name}={CHANGES / name}.csv" for name in NAMES]
    with (
        running(changes=changes, now=datetime.fromisoformat(NOW).astimezone(UTC), directory=served) as sandbox,
        reachable(sandbox, served),
    ):
        for which, (start, end, names, windows) in PROGRAMMES.items():
            project = made[which]
            project.program.write_bytes(sandbox.program.read_bytes())
            project.edit(period(start, end, names))
            for window in windows:
                project.fine("collect", "--control", "CC8-CHG-01", "--window", window)
        yield made


@pytest.mark.parametrize(("which", "name", "window"), CASES)
def test_a_month_is_the_branch_commit_by_commit(
    projects: dict[str, Project], which: str, name: str, window: str
) -> None:
    changes = changes_of(name)
    assert differences(projects[which], f"acme/{name}", window, changes) == []


@pytest.mark.parametrize(("which", "name", "window"), CASES)
def test_its_population_is_covered(projects: dict[str, Project], which: str, name: str, window: str) -> None:
    cell = projects[which].cells("CC8-CHG-01", "commits")[window, f"acme/{name}"]
    wanted = [change for change in changes_of(name) if change.window == window]
    assert cell["state"] in COVERED
    assert cell["gap"] == "none"
    assert cell["population_count"] == len(wanted)
    assert cell["exceptions_open"] == sum(1 for change in wanted if change.codes)


def test_months_that_nobody_collected_are_not_covered(projects: dict[str, Project]) -> None:
    cells = projects["old"].cells("CC8-CHG-01", "commits")
    states = {cell["state"] for (window, _), cell in cells.items() if window not in PROGRAMMES["old"][3]}
    assert states == {"missing_recoverable"}


def test_the_chosen_months_hold_what_they_are_chosen_for() -> None:
    chosen = [change for _, name, window in CASES for change in changes_of(name) if change.window == window]
    libuv = [change for change in changes_of("libuv") if change.window in ("2018-06", "2018-10", "2021-05")]
    pulls = [change.pull for change in libuv if change.pull is not None]
    assert len(pulls) > len(set(pulls)), "no rebase merge"
    assert max(pulls) > 10_000, "no number that came back, which has a zero appended"
    assert {change.codes for change in libuv} == {(), ("DIRECT_PUSH",), ("NO_APPROVAL",)}
    assert len(chosen) > 3000


@pytest.mark.parametrize("which", sorted(PROGRAMMES))
def test_the_store_verifies(projects: dict[str, Project], which: str) -> None:
    report = projects[which].verify()
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["orphans"] == []
