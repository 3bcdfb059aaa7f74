"""The clock of a store: the system's own for a real store; only a simulated one takes another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """This machine's clock, aware and in UTC. The one clock that a real store accepts; the edge passes it in."""
    return datetime.now(UTC)
