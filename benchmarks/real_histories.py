"""Three real change histories, twelve monthly windows each, from the simulated GitHub to the verdict.

    python benchmarks/real_histories.py [warehouse|prefect|libuv|libuv-2018|libuv-2020 …]

Every window is collected by the command line, tested, and held against the CSV: the population commit by commit with
the instant of entry and the owning pull request, the codes of every item, the state of the population's cell. At the
end the store is verified. `libuv-2018` and `libuv-2020` are the years in which reviewers are named and commits are
dated before those they follow. The histories are looked for in `../shared/data/changes`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cli.collecting import prepare_prefect
from sandbox.serve import running
from tests.fakes.change_truth import CHANGES, changes_of, differences
from tests.fakes.evidence_project import Project, reachable
from tests.fakes.prefect_api import prefect_api_for_tests

NOW = "2026-09-02T00:00:00Z"
COVERED = {"collected", "collected_late", "exception_noted", "empty_population_confirmed"}
PERIODS = {"libuv-2018": ("2018-05-01", "2019-04-30"), "libuv-2020": ("2020-06-01", "2021-05-31")}
ALL = ("warehouse", "prefect", "libuv", *PERIODS)


def measure(which: str) -> int:
    """Run one history; the number of differences."""
    name = which.partition("-")[0]
    changes = changes_of(name)
    with tempfile.TemporaryDirectory(prefix="real-histories-") as folder:
        project = Project(Path(folder), NOW)
        now = datetime.fromisoformat(NOW).astimezone(UTC)
        with (
            running(changes=[f"acme/{name}={CHANGES / name}.csv"], now=now, directory=project.folder) as sandbox,
            reachable(sandbox, project.folder),
        ):
            if which in PERIODS:
                start, end = PERIODS[which]
                project.edit(lambda programme: programme.update(observation_period={"start": start, "end": end}))
            windows = windows_of(project)
            wrong: list[str] = []
            spent = 0.0
            for window in windows:
                began = time.perf_counter()
                project.fine("collect", "--family", "change_management", "--window", window)
                spent += time.perf_counter() - began
                wrong += differences(project, f"acme/{name}", window, changes)
            assert sandbox.plan is not None
            asked = sum(sandbox.plan.requests()["github"].values())
        cells = project.cells("CC8-CHG-01", "commits")
        wrong += [f"{key}: {cell['state']}" for key, cell in cells.items() if cell["state"] not in COVERED]
        wrong += [str(problem) for problem in project.verify()["problems"]]
        inside = [change for change in changes if change.window in windows]
        print(
            f"{which:12} {len(windows)} windows  {len(inside):5} changes  "
            f"{sum(change.codes == ('DIRECT_PUSH',) for change in inside):4} direct  "
            f"{sum(change.codes == ('NO_APPROVAL',) for change in inside):5} without approval  {asked:5} requests  "
            f"{spent:6.1f} s  {len(wrong)} differences"
        )
        for line in wrong:
            print(f"    {line}")
        return len(wrong)


def windows_of(project: Project) -> list[str]:
    """Months of the period, as the command line shows them once the programme is recorded."""
    project.fine("programme", "record")
    period = project.completeness()["period"]
    first, last = (datetime.fromisoformat(period[end]) for end in ("start", "end"))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12}-{number % 12 + 1:02}" for number in numbers]


def main() -> int:
    if not CHANGES.is_dir():
        print("the real histories (../shared/data/changes) are not here")
        return 1
    chosen = sys.argv[1:] or list(ALL)
    unknown = set(chosen) - set(ALL)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="real-histories-prefect-") as home:
        os.environ["PREFECT_HOME"] = home
        prepare_prefect()
        with prefect_api_for_tests():
            return 1 if sum(measure(which) for which in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
