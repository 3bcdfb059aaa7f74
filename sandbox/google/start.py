"""Starts the simulated Google of a company: Workspace from its `google.yaml`, Google Cloud from its `gcp.yaml`."""

from __future__ import annotations

from pathlib import Path

import orjson

from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from sandbox.google.calls import Handler
from sandbox.google.cloud.company import FILE as CLOUD_FILE
from sandbox.google.cloud.company import cloud_handlers
from sandbox.google.identity import Identity
from sandbox.google.server import GoogleServer
from sandbox.google.workspace.company import FILE as WORKSPACE_FILE
from sandbox.google.workspace.company import load_workspace

READER = "evidence-reader"
PROJECT = "evidence-reader"


def has_google(folder: Path) -> bool:
    """Whether a company has anything at Google."""
    return any((folder / name).is_file() for name in (WORKSPACE_FILE, CLOUD_FILE))


def start(folder: Path, clock: SimulatedClock, plan: FaultPlan, directory: Path) -> tuple[GoogleServer, dict[str, str]]:
    """A running server, and the environment that leads to its credentials, whose key file is put into `directory`.

    Raises ConfigurationError for a company whose files are wrong.
    """
    workspace = load_workspace(folder) if (folder / WORKSPACE_FILE).is_file() else None
    handlers: list[dict[str, Handler]] = [] if workspace is None else [dict(workspace.handlers)]
    if (folder / CLOUD_FILE).is_file():
        handlers.append(dict(cloud_handlers(folder)))
    identity = Identity(
        f"{READER}@{PROJECT}.iam.gserviceaccount.com",
        PROJECT,
        lambda email, now: workspace is not None and workspace.may_ask_for(email, now),
    )
    server = GoogleServer(handlers, identity, clock, plan)
    key = directory / "google-service-account.json"
    key.write_bytes(orjson.dumps(server.key_file()))
    key.chmod(0o600)
    return server, {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
