"""What `evidence doctor` looks at beside the sources: the workspace, its store, the server of the runs."""

from __future__ import annotations

import contextlib
import tempfile
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from connectors.collect import collect
from connectors.registry import extractor_for
from connectors.sessions import run_facts, session_factory, uses_simulated_endpoint
from connectors.store.clock import Clock
from connectors.store.redaction import Redactor
from connectors.store.signer import Signer
from connectors.store.store import create_store, store_exists
from connectors.workspace import PRODUCT, Workspace, load, open_workspace, store_location
from evidence.collection_plan import inventory_steps
from evidence.controls.catalogue import CATALOGUE
from schemas.errors import ConfigurationError, EvidenceError, StoreError


@contextlib.contextmanager
def examined(program: Path, now: Clock, environ: Mapping[str, str]) -> Generator[tuple[Workspace, bool]]:
    """The workspace to examine, and whether its store exists already.

    Before the first collection there is none: then the programme as written is looked at through a throw-away store,
    signed by a throw-away key, so that nothing is made by asking.
    """
    loaded = load(program, environ)
    if store_exists(store_location(loaded)):
        yield open_workspace(program, now=now, environ=environ), True
        return
    with tempfile.TemporaryDirectory(prefix="evidence-doctor-") as folder:
        simulated = uses_simulated_endpoint(loaded.programme, environ)
        store = create_store(
            Path(folder) / "store", simulated=simulated, now=now, signer=Signer.generate(),
            product_version=version(PRODUCT),
        )  # fmt: skip
        workspace = Workspace(program, store, now, environ)
        workspace.record_programme()
        yield workspace, False


def take_inventories(workspace: Workspace) -> None:
    """Read into a throw-away store which repositories, accounts and projects there are, so that they can be asked for.

    What can't be read is no matter here: its own line says why.
    """
    history = workspace.history()
    for step in inventory_steps(workspace.scope(history), CATALOGUE, history.systems_at(workspace.now())):
        with contextlib.suppress(EvidenceError):
            collect(
                workspace.store, extractor_for(step.datasets[0].name), session_factory(workspace, step.system),
                step.items, step.datasets, None, facts=run_facts(workspace), flow="doctor",
            )  # fmt: skip


def store_state(workspace: Workspace, *, born: bool) -> dict[str, Any]:
    """Where evidence goes: whether this collector may write there, who signs, real or simulated, what stands in the
    way. One that is not there yet is made by the first collection."""
    store = workspace.store
    state: dict[str, Any] = {
        "location": store_location(workspace.loaded), "exists": born, "simulated": store.simulated, "writable": None,
        "signing_key": None, "recorded": born and workspace.is_recorded(), "problem": None,
    }  # fmt: skip
    if not born:
        return state
    if not state["recorded"]:
        state["problem"] = "the programme differs from what is recorded; run `evidence programme record`"
    try:
        store.check_writable()
        state |= {"writable": True, "signing_key": store.signer.key_id}
    except (StoreError, ConfigurationError) as error:
        state |= {"writable": False, "problem": str(error)}
    return state


def prefect_state(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Whether the Prefect server that is configured answers; None where runs need none."""
    url = environ.get("PREFECT_API_URL")
    if not url:
        return None
    shown = Redactor().url(url)
    if not url.startswith(("http://", "https://")):
        return {"url": shown, "problem": "PREFECT_API_URL is no http(s) address"}
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=5) as answer:  # noqa: S310 - checked above
            problem = None if answer.status == 200 else f"answers with status {answer.status}"
    except (urllib.error.URLError, OSError) as error:
        problem = f"does not answer ({type(error).__name__}). Check PREFECT_API_URL and the server"
    return {"url": shown, "problem": problem}
