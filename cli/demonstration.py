"""`evidence demo`: six months of a simulated company through the real protocols, flows, store and verdict."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from cli.collecting import prepare_prefect
from cli.output import command_name, say
from cli.prefect_server import local_server
from schemas.errors import ConfigurationError
from schemas.instants import format_instant

START = datetime(2026, 4, 1, 3, 15, tzinfo=UTC)
END = datetime(2026, 10, 2, 12, tzinfo=UTC)
JUDGED = datetime(2026, 10, 12, 8, tzinfo=UTC)
"""After the last day of grace, when what is not there is missing and no longer merely due."""
EVERY_DAYS = 21
"""A real company collects daily. Every third week shows the same in a fraction of the time, and the cells say so."""

_MARK = ".evidence-demo"


def _lasting(source: str, kind: str, **more: Any) -> dict[str, Any]:
    """A fault that hits every request until the plan changes."""
    return {"source": source, "kind": kind, "times": None, **more}


STORY: list[dict[str, Any]] = [
    # Two days without answers about changes: the next run heals it, and the failed attempts stay beside it.
    {"at": "2026-05-12T00:00:00Z", "plan": [_lasting("github", "server_error", match="POST /graphql")]},
    {"at": "2026-05-14T00:00:00Z", "plan": []},
    # A right that was taken from the reader for six weeks: states that nobody looked at are lost for good.
    {
        "at": "2026-06-18T00:00:00Z",
        "plan": [_lasting("aws", "error", code="AccessDenied", status=403, match="iam:GetAccountAuthorizationDetails")],
    },
    {"at": "2026-08-02T00:00:00Z", "plan": []},
    # A right missing at the end of the period: what it concerns can still be collected, until a date.
    {
        "at": "2026-09-20T00:00:00Z",
        "plan": [_lasting("github", "forbidden", match="GET /repos/{owner}/{repo}/rulesets/rule-suites")],
    },
]


def demonstrate(directory: Path) -> int:
    """Run the demonstration and print where to look. Exit code 0 when the store verifies."""
    began = monotonic()
    _prepare(directory)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # on a terminal too: it would be thousands of lines
    prepare_prefect()
    # Its own key, whatever is set: a key that signs real evidence has no business in a simulated store.
    os.environ["EVIDENCE_SIGNING_KEY_FILE"] = str(directory / "signing-key.pem")
    os.environ["PREFECT_HOME"] = str((directory / ".prefect").resolve())

    with local_server() as ready:
        rollup = _six_months(directory, ready)
    say("4/4  verifying the store: every digest, every signature, the chain")
    from connectors.store.verify import verify_store

    report = verify_store(directory / "evidence-store")
    _print_end(directory, rollup, report, monotonic() - began)
    return 0 if report.ok else 1


def _six_months(directory: Path, ready: Callable[[], None]) -> dict[str, Any]:
    """Collect the period from the running sandbox and judge it; the roll-up."""
    from sandbox.serve import running

    say("1/4  starting the simulated company: GitHub and AWS on loopback")
    with running("demo", now=START, directory=directory, own_process=True) as sandbox:
        os.environ.update(sandbox.environment)
        ready()
        say("2/4  collecting April to September 2026, every third week, with one Prefect flow run")
        counts = _collect(sandbox.program, sandbox.faults)
        say(f"     {counts['collections']} collections, {counts['failed']} of them failed, as the story has it")
    say("3/4  testing the controls, judging completeness, publishing the page")
    return _judge(directory / "program.yaml", directory / "index.html")


def _prepare(directory: Path) -> None:
    """A folder of an earlier demonstration is made anew; any other one with something in it is left alone."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).exists():
            raise ConfigurationError(
                f"{directory} is not empty and holds no earlier demonstration; name another folder"
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).write_text("This folder is made anew by `evidence demo`.\n", encoding="utf-8")


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"     {record.getMessage()}")


def _collect(program: Path, control_url: str) -> dict[str, int]:
    from flows.simulated_period import PROGRESS, simulated_period

    PROGRESS.setLevel(logging.INFO)
    PROGRESS.propagate = False
    PROGRESS.handlers = [_Said()]
    return simulated_period(str(program), control_url, START, END, EVERY_DAYS, STORY)  # pyright: ignore[reportReturnType]


def _judge(program: Path, page: Path) -> dict[str, Any]:
    from flows.completeness import completeness

    return completeness(str(program), publish_to=str(page), simulated_now=JUDGED)  # pyright: ignore[reportReturnType]


def _print_end(directory: Path, rollup: dict[str, Any], report: Any, seconds: float) -> None:
    from dashboard.publish import VERDICTS

    store = "fine" if report.ok else "NOT FINE"
    print(
        f"[SIMULATED] {VERDICTS[rollup['verdict']]}: {rollup['covered']} of {rollup['expected']} expected cells "
        f"covered, {rollup['permanent_gaps']} lost for good, {rollup['recoverable_gaps']} still recoverable, "
        f"{rollup['deviations']} with deviations."
    )
    print(f"The store is {store}: {report.entries} signed ledger entries, {report.objects} objects. {seconds:.0f} s.")
    print(f"\nThe page:    {(directory / 'index.html').resolve().as_uri()}")
    instant = format_instant(JUDGED)
    command = command_name()
    print(f"Look closer: {command} completeness --program {directory}/program.yaml --simulated-now {instant}")
    print(f"             {command} test --program {directory}/program.yaml --control CC8-CHG-01 --as-of {instant}")
    print(f"             {command} verify {directory}/evidence-store")
    sys.stdout.flush()
