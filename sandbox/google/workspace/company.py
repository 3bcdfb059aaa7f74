"""The Google Workspace of a company: what its file says, as handlers of the simulated Google."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sandbox.google.calls import Handler

FILE = "google.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the server needs of a customer."""

    handlers: Mapping[str, Handler]
    may_ask_for: Callable[[str, datetime], bool]
    """Whether a person exists and may be asked for at an instant."""


def load_workspace(folder: Path) -> Workspace:
    """Read a company's `google.yaml`. Raises ConfigurationError that says what is wrong with it."""
    return Workspace({}, lambda _email, _now: False)
