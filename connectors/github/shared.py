"""What the sessions of one run have in common."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Shared:
    """Readings that serve several scope items of a run, whichever of its threads asks for them."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while a reading is made, so that others wait for it instead of making it too."""
    readings: dict[str, Any] = field(default_factory=dict[str, Any])
    """By what reads them."""
