"""Everything a command or a flow works with: the programme as written, the store, the programme in effect, the clock.

The rule that a changed, unrecorded programme is refused is kept here, once, for every command.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.store.clock import Clock
from connectors.store.inventory import InventoryReader
from connectors.store.store import Store, create_store, open_store, store_exists
from evidence.completeness.instants import instant
from evidence.completeness.windows import PERIOD, is_window_id, period_bounds, window_bounds
from evidence.controls.catalogue import CATALOGUE, catalogue_digest
from evidence.inventory import Inventory, inventory_of
from evidence.programme_history import ProgrammeHistory, history_of
from evidence.scope import ScopeRegister, scope_of
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from connectors.programme_file import LoadedProgramme
    from connectors.sessions import SessionPool

PRODUCT = "soc2-evidence-pipeline"


def pause(seconds: float) -> None:
    """Wait. The one place where connectors of a run get it from."""
    time.sleep(seconds)


class Workspace:
    """One programme with its store. Made by `open_workspace`."""

    def __init__(self, path: Path, store: Store, now: Clock, environ: Mapping[str, str]) -> None:
        self.path = path
        self.store = store
        self.now = now
        self.environ = environ
        self.pause: Callable[[float], None] = pause
        """How connectors wait, in seconds, between attempts and for a source's limits."""
        self._inventories = InventoryReader(store)

    # --- the programme -----------------------------------------------------------------------------------------------

    @cached_property
    def loaded(self) -> LoadedProgramme:
        """The programme file as it is now, read and checked on first need."""
        return load(self.path, self.environ)

    def record_programme(self) -> dict[str, Any] | None:
        """Sign and record the file as it is now; None where this version is the one recorded last."""
        if self.is_recorded():
            return None
        registers = {
            name: {
                "digest": register.digest,
                "object": self.store.put_document(register.content, register.path.suffix).to_json(),
                "rows": register.rows,
            }
            for name, register in self.loaded.registers.items()
        }
        body = {
            "programme_digest": self.loaded.digest,
            "catalogue_digest": catalogue_digest(),
            "file": self.store.put_document(self.loaded.content, ".yaml").to_json(),
            "programme": self.loaded.normalised,
            "registers": registers,
        }
        return self.store.append("programme", body)

    def is_recorded(self) -> bool:
        """Whether the file as it is now, with this catalogue, is the version recorded last."""
        latest = self.latest_programme()
        now = (self.loaded.digest, catalogue_digest())
        return latest is not None and (latest["programme_digest"], latest["catalogue_digest"]) == now

    def latest_programme(self) -> dict[str, Any] | None:
        """Body of the last `programme` entry, None in a store that has none."""
        bodies = [entry.body for entry in self.store.index() if entry.kind == "programme"]
        return bodies[-1] if bodies else None

    def history(self, as_of: datetime | None = None) -> ProgrammeHistory:
        """The programme in effect, as known at `as_of` (now)."""
        return history_of((entry for entry in self.store.index() if entry.kind == "programme"), as_of or self.now())

    def require_recorded(self) -> ProgrammeHistory:
        """The programme in effect; ConfigurationError where the file differs from what is recorded."""
        history = self.history()
        # Files that are byte by byte those recorded need no reading: their version was checked when it was recorded.
        digest = history.programme_digest if self._files_as_recorded() else self.loaded.digest
        refusal = history.refusal(digest, catalogue_digest())
        if refusal is not None:
            raise ConfigurationError(refusal)
        return history

    def _files_as_recorded(self) -> bool:
        latest = self.latest_programme()
        if latest is None:
            return False
        from connectors.register_files import file_of

        named: Mapping[str, Any] = latest["programme"].get("registers", {})
        files = {self.path: latest["file"]["digest"]}
        for name, register in latest["registers"].items():
            files[self.path.parent / str(file_of(named.get(name)))] = register["object"]["digest"]
        return all(_digest(path) == digest for path, digest in files.items())

    @cached_property
    def sessions(self) -> SessionPool:
        """Open sessions with the sources, kept from one collection step to the next."""
        from connectors.sessions import SessionPool

        return SessionPool(self)

    def require_window(self, window: str | None) -> None:
        """ConfigurationError for a window with nothing in it: an empty answer about it would look like success."""
        if window is None:
            return
        if window == PERIOD or not is_window_id(window):
            raise ConfigurationError(f"{window!r} is not a window. Write a month (2026-04) or a quarter (2026-Q2)")
        history = self.history()
        period = history.chosen.period
        bounds = window_bounds(window, history.timezone)
        start, end = (instant(tick) for tick in period_bounds(period))
        if bounds.end <= start or bounds.start >= end:
            raise ConfigurationError(
                f"the window {window} lies outside the observation period {period.start} to {period.end}, so there is "
                "nothing for it. Ask for a window inside, or record a programme with another period"
            )
        if bounds.start >= self.now():
            raise ConfigurationError(f"the window {window} has not begun yet, so there is nothing for it")

    # --- scope -------------------------------------------------------------------------------------------------------

    def inventory(self, as_of: datetime | None = None) -> Inventory:
        """What the inventories stored by `as_of` (now) showed."""
        instant = as_of or self.now()
        return inventory_of(self._inventories.snapshots(self.store.index(), instant), instant)

    def scope(self, history: ProgrammeHistory | None = None) -> ScopeRegister:
        """The items in scope now."""
        return scope_of(history or self.history(), self.inventory())

    # --- facts about this build --------------------------------------------------------------------------------------

    @cached_property
    def code_commit(self) -> str:
        """The commit this code was built from, `unknown` where it is neither a checkout nor stamped."""
        return code_commit(self.environ)


def load(program: Path, environ: Mapping[str, str] | None = None) -> LoadedProgramme:
    """Read and check the programme file against the catalogue."""
    from connectors.programme_file import load_programme  # with its validators, a third of a second to import

    controls = {control.id: tuple(line.id for line in control.evidence) for control in CATALOGUE}
    return load_programme(program, os.environ if environ is None else environ, controls=controls)


def store_location(loaded: LoadedProgramme) -> str:
    """Where the store is: a relative folder is relative to the programme file."""
    location = loaded.programme.store
    return location if "://" in location else str(loaded.path.parent / location)


def open_workspace(
    program: Path,
    *,
    now: Clock,
    environ: Mapping[str, str] | None = None,
    read_only: bool = False,
    create: bool = False,
) -> Workspace:
    """Load the programme and open its store.

    With `create` a store that does not exist yet is born: simulated if an endpoint in use is on loopback, real
    otherwise; and the programme is recorded by its first use. `now` other than the system's clock is accepted only
    with a simulated store.
    """
    environ = os.environ if environ is None else environ
    location = _quick_location(program) or store_location(load(program, environ))
    born = False
    if create and not store_exists(location):
        from connectors.sessions import uses_simulated_endpoint

        create_store(
            location,
            simulated=uses_simulated_endpoint(load(program, environ).programme, environ),
            now=now,
            product_version=version(PRODUCT),
        )
        born = True
    store = open_store(location, now=now, product_version=version(PRODUCT), read_only=read_only)
    workspace = Workspace(program, store, now, environ)
    if born or (create and workspace.latest_programme() is None):
        workspace.record_programme()
    return workspace


def _quick_location(program: Path) -> str | None:
    """Where the store is, by a look at the file that checks nothing else; None where that look is not enough."""
    import yaml

    try:
        document = yaml.load(program.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, yaml.YAMLError, ValueError):
        return None
    location = document.get("store", "./evidence-store") if isinstance(document, dict) else None
    if not isinstance(location, str) or not location:
        return None
    return location if "://" in location else str(program.parent / location)


def _digest(path: Path) -> str | None:
    try:
        return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def code_commit(environ: Mapping[str, str]) -> str:
    """The commit of this code: `EVIDENCE_CODE_COMMIT` where a build stamps it, else what git says of this checkout."""
    stamped = environ.get("EVIDENCE_CODE_COMMIT")
    if stamped:
        return stamped
    import subprocess

    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return "unknown"
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-changed" if changed else commit


def _git(root: Path, *arguments: str) -> str:
    import subprocess

    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
