"""Memory and time of the whole command over many repositories: `evidence collect` as a user runs it.

    python benchmarks/many_repositories.py [--repositories 50] [--changes 200]

Histories are made up (one squash merge after the other, each reviewed) and served by the simulated GitHub in a process
of its own; the command runs in another, with Prefect, into a real store. Peak memory is that of the command's process.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

COLUMNS = (
    "sha", "parents", "n_parents", "on_first_parent", "author", "committer", "author_date", "commit_date",
    "pr_number", "pr_source", "web_flow", "author_is_bot", "reviewed_by", "co_authored_by", "signed_off_by", "gpgsig",
)  # fmt: skip
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
NOW = "2026-06-02T06:00:00Z"
WINDOW = "2026-05"


def history(path: Path, repository: str, changes: int) -> None:
    """One history as CSV, newest first."""
    rows: list[dict[str, Any]] = []
    parent = ""
    for number in range(1, changes + 1):
        sha = hashlib.sha1(f"{repository}/{number}".encode(), usedforsecurity=False).hexdigest()
        at = (BEGIN + timedelta(days=30) * number / (changes + 1)).replace(microsecond=0).isoformat()
        rows.append(
            dict(zip(COLUMNS, (
                sha, parent, int(bool(parent)), 1, f"dev{number % 9}", "web-flow", at, at, number, "squash", 1, 0,
                f"dev{(number + 1) % 9}", "", "", 1,
            ), strict=True))
        )  # fmt: skip
        parent = sha
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(reversed(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=50)
    parser.add_argument("--changes", type=int, default=200, help="changes in each repository")
    arguments = parser.parse_args()
    evidence = Path(sys.executable).with_name("evidence")
    with tempfile.TemporaryDirectory(prefix="evidence-bench-") as name:
        folder = Path(name)
        served: list[str] = []
        for number in range(arguments.repositories):
            path = folder / f"service-{number:03}.csv"
            history(path, path.stem, arguments.changes)
            served += ["--changes", f"acme/{path.stem}={path}"]
        server = subprocess.Popen(
            [evidence, "sandbox", "serve", *served, "--now", NOW, "--dir", folder / "programme"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            described = json.loads(server.stdout.readline())
            measure(evidence, described, folder, arguments.repositories * arguments.changes)
        finally:
            server.terminate()
            server.wait(30)


def measure(evidence: Path, described: dict[str, Any], folder: Path, expected: int) -> None:
    """Run the command once and print its figures."""
    environment = {
        **os.environ, **described["environment"], "PREFECT_HOME": str(folder / "prefect"),
        "EVIDENCE_SIGNING_KEY_FILE": str(folder / "key.pem"),
    }  # fmt: skip
    command = [
        evidence, "collect", "--program", described["program"], "--family", "change_management", "--window", WINDOW,
        "--simulated-now", NOW, "--json",
    ]  # fmt: skip
    began = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    document = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    rows: dict[str, int] = {}
    requests: dict[str, int] = {}
    for entry in document["entries"]:
        rows[entry["dataset"]] = rows.get(entry["dataset"], 0) + entry["rows"]
        requests[entry["scope_item"]] = max(requests.get(entry["scope_item"], 0), entry["requests"])
    asked, code = sum(requests.values()), os.waitstatus_to_exitcode(status)
    print(f"exit {code}, {seconds:.1f} s with Prefect's start, {asked} requests")
    print(f"peak memory of the command {usage.ru_maxrss / 1024:.0f} MB")
    print(", ".join(f"{name} {count}" for name, count in sorted(rows.items())))
    assert rows["github.commits"] == expected, (rows, expected)


if __name__ == "__main__":
    main()
