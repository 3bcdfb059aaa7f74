"""Commands that judge what is stored: completeness, tests of controls, case files."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, Literal

import cyclopts

from cli.options import DEFAULT_OPTIONS, Options, instant_argument
from cli.output import print_json, printable, say
from schemas.errors import ConfigurationError

FailOn = Literal["gaps", "exceptions", "never"]


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(completeness)
    app.command(test)
    app.command(publish)
    app.command(evaluate)


def evaluate(cases: Path, /, *, options: Options = DEFAULT_OPTIONS) -> int:
    """Run the completeness engine on a case file, the same engine that judges the store.

    The file holds `templates`, `cases` and `rollups`. Where a case states what it expects, a difference is listed under
    `mismatches` and the exit code is 1.

    Parameters
    ----------
    cases
        YAML or JSON file.
    """
    from evidence.completeness.case_reading import CaseError
    from evidence.completeness.cases import evaluate_document, has_mismatches

    try:
        result: Any = evaluate_document(_loaded(cases))
    except CaseError as error:
        raise ConfigurationError(f"{cases}: {error}") from error
    wrong = has_mismatches(result)
    if options.json:
        print_json(result)
        return 1 if wrong else 0
    for case in [*result["cases"], *result["rollups"]]:
        mismatches = case.get("mismatches")
        mark = "as expected" if mismatches == [] else ("evaluated" if mismatches is None else "DIFFERENT")
        print(printable(f"{case['id']:8} {mark}"))
        for one in mismatches or ():
            place = f"{one['window']} " if one.get("window") else ""
            print(printable(f"         {place}{one['key']}: expected {one['expected']}, it is {one['actual']}"))
        if mismatches is None:
            for window, cell in case.get("cells", {}).items():
                print(f"         {window}: {cell['state']}, gap {cell['gap']}" + _until(cell["until"]))
    if wrong:
        say("some cases came out differently from what they expect")
    return 1 if wrong else 0


def _until(instant: str | None) -> str:
    return f" until {instant}" if instant else ""


def _loaded(path: Path) -> object:
    import yaml  # its C parser reads thousands of cases in a second; positions, which ruamel gives, are not needed

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the case file {path} can't be read: {error.strerror}") from error
    if path.suffix == ".json":
        import orjson

        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ConfigurationError(f"{path}: line {error.lineno}: {error.msg}") from error
    try:
        return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def completeness(*, as_of: str | None = None, fail_on: FailOn = "gaps", options: Options = DEFAULT_OPTIONS) -> int:
    """Judge the observation period: every control × evidence × window × scope item, and the verdict.

    Parameters
    ----------
    as_of
        Judge by what was known at this instant; now by default. Any past answer can be asked for again.
    fail_on
        What makes the exit code 1: gaps, exceptions (which includes gaps), never.
    """
    from connectors.matrix import matrix_of
    from connectors.workspace import open_workspace

    gc.disable()  # millions of small objects that all live to the end: looking for garbage takes a third of the time
    workspace = open_workspace(options.program, now=options.clock(), read_only=True)
    workspace.require_recorded()
    instant = workspace.now() if as_of is None else instant_argument(as_of, "--as-of")
    matrix = matrix_of(workspace, instant)
    if options.json:
        print_json(matrix.to_json())
    else:
        _print_matrix(matrix)
    rollup = matrix.rollup
    gaps = rollup.verdict in ("permanent_gaps", "open_gaps")
    exceptions = any(cell.cell.exceptions_open for cell in matrix.cells)
    return 1 if (fail_on != "never" and gaps) or (fail_on == "exceptions" and exceptions) else 0


def _print_matrix(matrix: Any) -> None:
    from dashboard.matrix import needs_work, state_counts
    from dashboard.publish import VERDICTS

    document = matrix.to_json(evidence=False)
    rollup = document["rollup"]
    mark = "[SIMULATED] " if document["simulated"] else ""
    print(f"{mark}{VERDICTS[rollup['verdict']]} (as of {document['as_of']})")
    for key in (
        "permanent_gaps", "recoverable_gaps", "nearest_until", "awaiting_people", "unconfirmed_empty", "deviations",
        "covered", "expected", "not_applicable", "not_due",
    ):  # fmt: skip
        print(f"  {key.replace('_', ' '):20} {rollup[key] if rollup[key] is not None else '-'}")
    print("\nCells by state")
    for look, count in state_counts(document):
        print(f"  {count:>6}  {look.glyph or ' '} {look.words}")
    work = needs_work(document)
    if work:
        print("\nNeeds work, soonest loss first")
        for cell in work[:20]:
            until = cell["next_loss"] or ("lost" if cell["gap"] == "unrecoverable" else "no date")
            print(
                printable(
                    f"  {until:20}  {cell['control_id']} {cell['evidence_id']} {cell['window_id']} "
                    f"{cell['scope_item']}: {cell['state']}"
                )
            )
        if len(work) > 20:
            print(f"  and {len(work) - 20} more; --json has all")
    if document["not_configured"]:
        print("\nNot configured (makes no cells)")
        for line in document["not_configured"]:
            place = " ".join(filter(None, (line["control_id"], line["evidence_id"], line["system"])))
            print(printable(f"  {place}: {line['reason']}"))
    for removal in document["removed"]:
        print(printable(f"\nstays listed: {removal['what']} (recorded {removal['recorded_at']})"))


def test(
    *,
    control: str | None = None,
    window: str | None = None,
    as_of: str | None = None,
    fail_on: FailOn = "never",
    options: Options = DEFAULT_OPTIONS,
) -> int:
    """Test controls over stored evidence: one row for each item of the population.

    Without --as-of the rows are stored too. Nothing is asked of any source.

    Parameters
    ----------
    control
        One control; all by default.
    window
        One window, such as 2026-04.
    as_of
        Test what was known at this instant; the rows are then printed only.
    fail_on
        What makes the exit code 1: exceptions, gaps (rows that are unknown), never.
    """
    from connectors.outcomes import run_tests
    from connectors.workspace import open_workspace
    from evidence.controls.catalogue import CATALOGUE

    controls = [one for one in CATALOGUE if control in (None, one.id)]
    if not controls:
        raise ConfigurationError(f"--control {control!r} is not in the catalogue; `evidence catalogue` lists it")
    record = as_of is None
    workspace = open_workspace(options.program, now=options.clock(), read_only=not record)
    workspace.require_recorded()
    workspace.require_window(window)
    instant = workspace.now() if as_of is None else instant_argument(as_of, "--as-of")
    windows = None if window is None else [window]
    outcomes = [
        outcome
        for run in run_tests(workspace, controls, as_of=instant, windows=windows, record=record)
        for outcome in run.outcomes
    ]
    if options.json:
        print_json({"outcomes": [outcome.to_json() for outcome in outcomes]})
    else:
        _print_outcomes(outcomes)
    found = {outcome.outcome for outcome in outcomes}
    return 1 if (fail_on == "exceptions" and "exception" in found) or (fail_on == "gaps" and "unknown" in found) else 0


def _print_outcomes(outcomes: list[Any]) -> None:
    from collections import Counter

    counts = Counter((outcome.control_id, outcome.outcome) for outcome in outcomes)
    for (control_id, value), count in sorted(counts.items()):
        print(f"{control_id}  {value:10} {count}")
    for outcome in outcomes:
        if outcome.outcome != "pass":
            found = " ".join([outcome.outcome, ", ".join(outcome.codes)]).rstrip()
            print(printable(f"  {outcome.control_id} {outcome.window_id} {outcome.scope_item} {outcome.item_id}"))
            print(printable(f"      {found}: {outcome.explanation}"))


def publish(*, to: Path, as_of: str | None = None, options: Options = DEFAULT_OPTIONS) -> None:
    """Write the matrix with its cell details as one static HTML file that asks nothing of any other place.

    Parameters
    ----------
    to
        The file to write.
    as_of
        Show what was known at this instant; now by default.
    """
    from connectors.matrix import matrix_of
    from connectors.workspace import open_workspace
    from dashboard.page_facts import write_page

    workspace = open_workspace(options.program, now=options.clock(), read_only=True)
    workspace.require_recorded()
    matrix = matrix_of(workspace, workspace.now() if as_of is None else instant_argument(as_of, "--as-of"))
    write_page(workspace, matrix, to)
    say(f"written: {to}")
