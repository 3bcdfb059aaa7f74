"""Commands that judge what is stored: completeness, tests of controls, case files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cyclopts

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from schemas.errors import ConfigurationError

FailOn = Literal["gaps", "exceptions", "never"]


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
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
        for mismatch in mismatches or ():
            print(printable(f"         {mismatch}"))
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
