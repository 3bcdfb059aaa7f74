"""Commands that collect: the family flows and catching up, run by Prefect with no server set up beforehand."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import cyclopts
from cyclopts import Parameter

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from cli.prefect_server import local_server
from evidence.programme_folds import SYSTEMS
from schemas.errors import ConfigurationError, EvidenceError

if TYPE_CHECKING:
    from connectors.workspace import Workspace

FamilyName = Literal[
    "governance", "logical_access", "system_operations", "change_management", "vendors", "availability",
    "confidentiality",
]  # fmt: skip

FAMILY_NAMES: tuple[FamilyName, ...] = get_args(FamilyName)


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
    if retries < 0:
        raise ConfigurationError(f"--retries {retries} is less than nothing. Write how often to try again, 0 for never")
    _check_window(window)
    if _nothing_to_start_with(options):
        # No store is made for it: a ledger would begin with the template's name and period, and keep them for ever.
        if options.json:
            print_json({"entries": []})
        say(_NO_SOURCE)
        return 0
    prepare_prefect()
    with local_server() as ready:
        return _collect(family, control, window, scope, missing, retries, options, ready)


def _collect(
    family: FamilyName | None,
    control: str | None,
    window: str | None,
    scope: str | None,
    missing: bool,
    retries: int,
    options: Options,
    ready: Callable[[], None],
) -> int:
    from connectors.workspace import open_workspace
    from flows.family import CollectionFailedError

    workspace = open_workspace(options.program, now=options.clock(), create=True)
    workspace.require_recorded()
    workspace.require_window(window)
    items = _scope_items(workspace, scope)
    documents: list[dict[str, Any]] = []
    failures: list[CollectionFailedError] = []
    ready()
    for flow in _flows(family, control, window, items, missing):
        try:
            documents.append(flow(program=str(options.program), simulated_now=options.now(), retries=retries))
        except CollectionFailedError as error:
            documents.append(error.document)
            failures.append(error)
        except EvidenceError:
            if documents:
                _show(documents, options)  # what was collected before is in the store, and told
            raise
    _show(documents, options)
    if not any(document["entries"] for document in documents) and not failures:
        say(_nothing(workspace))
    for message in dict.fromkeys(str(failure) for failure in failures):  # one wrong setting fails every family alike
        say(f"error: {message}")
    # Wrong configuration first: no waiting heals it.
    return min((failure.exit_code for failure in failures), default=0)


def prepare_prefect() -> None:
    """Settings for running flows inside this command. Prefect reads them when it is first imported."""
    _few_malloc_arenas()
    defaults = {
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
    if control is not None:
        from evidence.controls.catalogue import control as control_of

        try:
            owner = control_of(control).family
        except KeyError as error:
            raise ConfigurationError(f"--control: {error.args[0]}") from error
        if family not in (None, owner):
            raise ConfigurationError(f"{control} belongs to the family {owner}, not to {family}")
        family = owner
    if missing:
        from flows.catch_up import catch_up

        return [lambda **common: catch_up(family=family, control=control, window=window, scope=items, **common)]
    from flows.availability import availability
    from flows.change_management import change_management
    from flows.confidentiality import confidentiality
    from flows.governance import governance
    from flows.logical_access import logical_access
    from flows.system_operations import system_operations
    from flows.vendors import vendors

    flows: Mapping[str, Callable[..., dict[str, Any]]] = {
        "governance": governance, "logical_access": logical_access, "system_operations": system_operations,
        "change_management": change_management, "vendors": vendors, "availability": availability,
        "confidentiality": confidentiality,
    }  # fmt: skip
    chosen = FAMILY_NAMES if family is None else (family,)
    return [
        lambda flow=flows[name], **common: flow(control=control, window=window, scope=items, **common)
        for name in chosen
    ]


def _check_window(window: str | None) -> None:
    from evidence.completeness.windows import is_window_id

    if window is not None and (window == "period" or not is_window_id(window)):
        raise ConfigurationError(f"--window {window!r} is not a window. Write a month (2026-04) or a quarter (2026-Q2)")


def _scope_items(workspace: Workspace, wanted: str | None) -> list[str] | None:
    """What `--scope` names, as the flows take it. An item that no inventory has identified yet goes by its name."""
    if wanted is None:
        return None
    items = [item for found in workspace.scope().by_kind.values() for item in found]
    matching = [item for item in items if wanted in (item.id, item.name)]
    if not matching:
        known = ", ".join(sorted({f"{item.name} ({item.id})" for item in items})[:20])
        raise ConfigurationError(
            f"--scope {wanted!r} is not in scope. In scope are: {known or 'nothing'}. What no inventory has shown yet "
            "is not among them: `evidence collect --family governance` takes it"
        )
    return sorted({wanted, *(item.name for item in matching if not item.resolved)})


_NO_SOURCE = "nothing to collect: the programme names no source under scope (github, aws). Name yours there first"


def _nothing_to_start_with(options: Options) -> bool:
    """Whether there is no store yet and the programme names no source that could be collected."""
    from connectors.store.store import store_exists
    from connectors.workspace import load, store_location

    loaded = load(options.program)
    return not (store_exists(store_location(loaded)) or any(loaded.normalised["scope"].get(name) for name in SYSTEMS))


def _nothing(workspace: Workspace) -> str:
    """Why there was nothing to collect."""
    if not any(workspace.history().current.programme.get("scope", {}).get(system) for system in SYSTEMS):
        return _NO_SOURCE
    return "nothing to collect: what was asked for and can be had is in the store"


def _show(documents: Sequence[dict[str, Any]], options: Options) -> None:
    entries = [entry for document in documents for entry in document["entries"]]
    if options.json:
        print_json({"entries": entries})
        return
    for entry in entries:
        counts = f"{entry['ledger']:>6}  {entry['status']:9}  {entry['rows']:>7} rows"
        print(printable(f"{counts}  {entry['dataset']:24} {entry['scope_item']}"))
        if entry["error"] or entry["note"]:
            print(printable(f"        {entry['error'] or entry['note']}"))
