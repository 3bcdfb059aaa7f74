"""The command that says what stands between the programme and its evidence."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from connectors.doctor import Diagnosis, LineStatus


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(doctor)


def doctor(
    *,
    permissions: Annotated[bool, Parameter(negative="")] = False,
    to: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> int:
    """Say, line by line, what can be read, what is missing, and whether the schedule keeps up with the sources.

    Asks each source the cheapest questions there are and stores nothing. Exit code 1 when something can't be read or a
    source forgets faster than it is read, 2 for wrong configuration, 3 when a source fails.

    Parameters
    ----------
    permissions
        Only the least rights that the lines in use need: IAM policies, GitHub App permissions. Asks no source.
    to
        With --permissions: write each document to a file in this folder.
    """
    from connectors.doctor import datasets_in_use, diagnose
    from connectors.examined import examined
    from connectors.least_rights import documents
    from evidence.controls.catalogue import CATALOGUE

    if to is not None and not permissions:
        raise ConfigurationError("--to says where --permissions writes its files. Add --permissions")
    with examined(options.program, options.clock(), os.environ) as (workspace, born):
        programme = workspace.loaded.programme
        if permissions:
            _permissions(documents(datasets_in_use(workspace, CATALOGUE), programme), to)
            return 0
        progress = _progress if sys.stderr.isatty() and not options.json else None
        found = diagnose(workspace, CATALOGUE, progress, born=born)
        rights = documents(found.datasets, programme)
        if options.json:
            print_json({**found.to_json(), "permissions": rights})
        else:
            _show(found, list(rights))
    return found.exit_code


def _permissions(documents: dict[str, Any], to: Path | None) -> None:
    if to is None:
        print_json(documents)
        return
    import orjson

    to.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (to / name).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        print(to / name)


def _progress(system: str, done: int, total: int) -> None:
    print(f"\r{system}: {done} of {total} asked ", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _show(found: Diagnosis, rights: list[str]) -> None:
    """A table for people: what is wrong in full, what is fine as a count."""
    for line in found.lines:
        if line.status == "readable" and line.risk is None:
            continue
        if line.scope_item_id is None:
            continue
        _print(line)
    counts = Counter(line.status for line in found.lines)
    print(", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items())))
    quiet = sorted({f"{line.control_id} {line.evidence_id}: {line.reason}" for line in found.lines
                    if line.scope_item_id is None})  # fmt: skip
    if quiet:
        print("not configured:")
        for words in quiet:
            print(printable(f"  {words}"))
    for clock in found.clocks:
        says = clock.problem or f"{clock.skew_seconds:+g} s"
        print(printable(f"clock of {clock.system}: {says}"))
    kind = "simulated" if found.store["simulated"] else "real"
    if not found.store["exists"]:
        state = "not there yet; the first `evidence collect` makes it"
    else:
        state = found.store["problem"] or f"writable, signed by {found.store['signing_key']}"
    print(printable(f"store {found.store['location']} ({kind}): {state}"))
    if found.prefect is not None:
        print(printable(f"Prefect at {found.prefect['url']}: {found.prefect['problem'] or 'answers'}"))
    if rights:
        say(f"`evidence doctor --permissions --to DIR` writes the least rights: {', '.join(rights)}")


def _print(line: LineStatus) -> None:
    where = f"{line.control_id} {line.evidence_id} {line.system} {line.scope_item}"
    missing = f" (missing: {line.permission})" if line.permission else ""
    print(printable(f"{line.status.replace('_', ' '):15} {where}{missing}"))
    if line.reason:
        print(printable(f"{'':15} {line.reason}"))
    if line.risk is not None:
        print(printable(f"{'':15} {'OUTRUN: ' if line.risk.outrun else ''}{line.risk.words}"))
