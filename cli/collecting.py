"""Commands that collect: the family flows and catching up, run by Prefect with no server set up beforehand."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from schemas.errors import ConfigurationError

FamilyName = Literal["governance", "logical_access", "change_management"]

FAMILY_NAMES: tuple[FamilyName, ...] = ("governance", "logical_access", "change_management")


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(collect)


def collect(
    *,
    family: FamilyName | None = None,
    control: str | None = None,
    window: str | None = None,
    scope: Annotated[str | None, Parameter(help="A scope item: its id, or its name such as acme/api.")] = None,
    missing: Annotated[bool, Parameter(negative="")] = False,
    retries: int = 0,
    options: Options = DEFAULT_OPTIONS,
) -> int:
    """Collect evidence into the store: what is new, a whole window, or all that is missing and still recoverable.

    The first use makes the store and records the programme. A source that fails leaves an entry that says why, and the
    exit code is 3; run the command again and it goes on from what was stored.

    Parameters
    ----------
    family
        One control family; all of them by default.
    control
        One control, such as CC8-CHG-01.
    window
        Read this window whole: 2026-04 or 2026-Q2.
    missing
        Only what is missing and can still be had, soonest loss first.
    retries
        How often items that failed for a passing reason are tried again, minutes apart.
    """
    prepare_prefect()
    _check_window(window)
    from connectors.workspace import open_workspace
    from flows.family import CollectionFailedError

    workspace = open_workspace(options.program, now=options.clock(), create=True)
    workspace.require_recorded()
    items = _scope_items(workspace, scope)
    documents: list[dict[str, Any]] = []
    failure: str | None = None
    for flow in _flows(family, control, window, items, missing):
        try:
            documents.append(flow(program=str(options.program), simulated_now=options.now(), retries=retries))
        except CollectionFailedError as error:
            documents.append(error.document)
            failure = failure or str(error)
    entries = [entry for document in documents for entry in document["entries"]]
    if options.json:
        print_json({"entries": entries})
    else:
        _print(entries)
    if failure is not None:
        say(f"error: {failure}")
        return 3
    return 0


def prepare_prefect() -> None:
    """Settings for running flows inside this command. Prefect reads them when it is first imported."""
    _few_malloc_arenas()
    defaults = {
        # Starting the server in the background takes 9 to 15 s on a busy machine; Prefect's own limit is 20.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "INFO" if sys.stderr.isatty() else "CRITICAL",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _few_malloc_arenas() -> None:
    """Threads that read pages side by side would each get an arena of their own from glibc, and what one frees another
    can't use: two arenas cost a fifth less memory over many repositories, and no measurable time."""
    if sys.platform == "linux":
        m_arena_max = -8
        ctypes.CDLL(None).mallopt(m_arena_max, 2)


def _flows(
    family: str | None, control: str | None, window: str | None, items: list[str] | None, missing: bool
) -> Sequence[Callable[..., Any]]:
    """The flows to run, each taking program, simulated_now and retries."""
    if missing:
        from flows.catch_up import catch_up

        single = items[0] if items else None
        return [lambda **common: catch_up(control=control, window=window, scope=single, **common)]
    from evidence.controls.catalogue import control as control_of
    from flows.change_management import change_management
    from flows.governance import governance
    from flows.logical_access import logical_access

    flows = {"governance": governance, "logical_access": logical_access, "change_management": change_management}
    if control is not None:
        try:
            owner = control_of(control).family
        except KeyError as error:
            raise ConfigurationError(f"--control: {error.args[0]}") from error
        if family not in (None, owner):
            raise ConfigurationError(f"{control} belongs to the family {owner}, not to {family}")
        family = owner
    chosen = FAMILY_NAMES if family is None else (family,)
    return [
        lambda flow=flows[name], **common: flow(control=control, window=window, scope=items, **common)
        for name in chosen
    ]


def _check_window(window: str | None) -> None:
    from evidence.completeness.windows import is_window_id

    if window is not None and (window == "period" or not is_window_id(window)):
        raise ConfigurationError(f"--window {window!r} is not a window. Write a month (2026-04) or a quarter (2026-Q2)")


def _scope_items(workspace: Any, wanted: str | None) -> list[str] | None:
    if wanted is None:
        return None
    items = {item.id: item.name for found in workspace.scope().by_kind.values() for item in found}
    matching = [id_ for id_, name in items.items() if wanted in (id_, name)]
    if not matching:
        known = ", ".join(sorted(f"{name} ({id_})" for id_, name in items.items())[:20])
        raise ConfigurationError(f"--scope {wanted!r} is not in scope. In scope are: {known}")
    return matching


def _print(entries: list[dict[str, Any]]) -> None:
    if not entries:
        say("nothing to collect: everything that can be had is in the store")
        return
    for entry in entries:
        counts = f"{entry['ledger']:>6}  {entry['status']:9}  {entry['rows']:>7} rows"
        print(printable(f"{counts}  {entry['dataset']:24} {entry['scope_item']}"))
        if entry["error"]:
            print(printable(f"        {entry['error']}"))
