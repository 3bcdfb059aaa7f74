"""The clock of a store: the system's own for a real store; only a simulated one takes another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """This machine's clock, aware and in UTC. The one clock that a real store accepts; the edge passes it in."""
    return datetime.now(UTC)


def clock_of(simulated_now: datetime | None) -> Clock:
    """The system's clock, or a given instant standing still, which only a simulated store accepts."""
    return system_clock if simulated_now is None else lambda: simulated_now
