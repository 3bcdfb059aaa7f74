"""Commands that declare: a new programme, the catalogue, schemas, a recorded version of the programme."""

from __future__ import annotations

import sys
from pathlib import Path

import cyclopts

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say

programme = cyclopts.App(name="programme", help="The recorded versions of the programme.")


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(init)
    app.command(catalogue)
    app.command(schema)
    app.command(programme)


def init(folder: Path = Path(), /) -> None:
    """Write a commented program.yaml and empty registers into a folder; nothing that exists is touched.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist.
    """
    from connectors.programme_template import write_template
    from connectors.store.clock import system_clock

    for path in write_template(folder, start=system_clock().date().replace(day=1)):
        print(path)
    say(
        "Next: edit program.yaml (period, zone, scope), look it over with `evidence programme check`, then run "
        "`evidence collect`. `evidence catalogue` lists what will be collected."
    )


def catalogue(*, options: Options = DEFAULT_OPTIONS) -> None:
    """List the controls with their evidence lines, how often each is collected, and how long its sources remember."""
    from evidence.controls.catalogue import CATALOGUE, catalogue_digest

    if options.json:
        print_json(
            {
                "catalogue_digest": catalogue_digest(),
                "controls": [
                    {
                        "id": control.id,
                        "title": control.title,
                        "family": control.family,
                        "criteria": list(control.criteria),
                        "tier": control.tier,
                        "scope": control.scope_kind,
                        "tested": control.test is not None,
                        "evidence": [
                            {
                                "id": line.id,
                                "kind": line.kind,
                                "window_cadence": line.window_cadence,
                                "collect_every": line.collect_every,
                                "due_days": line.due_days,
                                "grace_days": line.grace_days,
                                "collected_from": sorted(line.datasets),
                                "sources": [
                                    {"id": source.id, "retention": source.retention, "plan_days": source.plan_days}
                                    for source in line.sources
                                ],
                            }
                            for line in control.evidence
                        ],
                    }
                    for control in CATALOGUE
                ],
            }
        )
        return
    for control in CATALOGUE:
        print(f"{control.id}  {control.title}  [{', '.join(control.criteria)}]")
        for line in control.evidence:
            collected = f"from {', '.join(sorted(line.datasets))}" if line.datasets else "no collector yet"
            every = line.collect_every or "by people"
            print(f"    {line.id:16} {line.kind:13} {line.window_cadence:10} {every:10} {collected}")
            for source in line.sources:
                memory = "no limit" if source.plan_days is None else f"{source.plan_days:g} days"
                print(f"        {source.id:30} remembers: {memory}")


def schema(name: str | None = None, /) -> None:
    """Print the JSON schema of a document, or the names there are.

    Parameters
    ----------
    name
        Such as `program`, `people`, `completeness`, `fault-plan`. Without it the names are listed.
    """
    from cli.json_schemas import schema_names, schema_of

    if name is None:
        print("\n".join(schema_names()))
        return
    print_json(schema_of(name))


@programme.command(name="record")
def record(*, options: Options = DEFAULT_OPTIONS) -> None:
    """Sign the programme file and its registers as they are now and record them in the ledger.

    The version recorded is what counts from now on. Adding scope takes effect at once; removing scope or loosening a
    rule takes effect from this moment and stays listed in every verdict.
    """
    from connectors.workspace import open_workspace

    workspace = open_workspace(options.program, now=options.clock(), create=True)
    entry = workspace.record_programme()
    if options.json:
        print_json({"ledger": None if entry is None else entry["seq"], "programme_digest": workspace.loaded.digest})
    elif entry is None:
        say("this version is the one recorded last; nothing to do")
    else:
        say(f"recorded as ledger entry {entry['seq']}, {workspace.loaded.digest}")
        for removal in workspace.history().removed:
            say(printable(f"stays listed: {removal.what}"))


@programme.command(name="check")
def check_programme(*, options: Options = DEFAULT_OPTIONS) -> None:
    """Check the programme file and its registers, and say whether this version is the one recorded."""
    from connectors.store.store import store_exists
    from connectors.workspace import load, open_workspace, store_location

    loaded = load(options.program)
    recorded: bool | None = None
    if store_exists(store_location(loaded)):
        recorded = open_workspace(options.program, now=options.clock(), read_only=True).is_recorded()
    if options.json:
        print_json(
            {
                "programme_digest": loaded.digest,
                "recorded": recorded,
                "unset_environment": list(loaded.unset_environment),
            }
        )
    else:
        says = {
            True: "this is the version recorded last",
            False: "NOT the version recorded last; `evidence programme record` records it",
            None: "there is no store yet; the first `evidence collect` makes it and records this version",
        }
        print(f"{options.program}: fine, {loaded.digest}\n{says[recorded]}")
    for name in loaded.unset_environment:
        say(f"note: the environment variable {name} is not set")
    if not loaded.registers and not options.json:
        print("no registers are named", file=sys.stderr)
