"""The Google Cloud of a company: what its file says, as handlers of the simulated Google."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.google.calls import Handler

FILE = "gcp.yaml"


def cloud_handlers(folder: Path) -> Mapping[str, Handler]:
    """The handlers of a company's projects, by the method's id; none for a company without `gcp.yaml`."""
    return {}
