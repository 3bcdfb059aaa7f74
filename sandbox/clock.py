"""The one clock of a sandbox: what exists at the sources, and every `Date` header, follows it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """A settable UTC clock, safe to share between server threads.

    Without a start it is the real clock. With a start it ticks on from there (`running`), or stands still at
    exactly that instant. `set` moves it, forwards or backwards, and by default lets it stand still there, so
    that the same instant always gives the same answers.
    """

    def __init__(self, start: datetime | None = None, *, running: bool = True) -> None:
        self._lock = threading.Lock()
        self._base: datetime | None = None
        self._running = True
        self._set_at = datetime.now(UTC)
        if start is not None:
            self.set(start, running=running)

    def now(self) -> datetime:
        """The simulated instant, an aware UTC datetime."""
        with self._lock:
            if self._base is None:
                return datetime.now(UTC)
            if not self._running:
                return self._base
            return self._base + (datetime.now(UTC) - self._set_at)

    def set(self, instant: datetime, *, running: bool = False) -> None:
        """Move the clock to `instant` (aware). Raises ValueError for a naive datetime."""
        if instant.tzinfo is None or instant.utcoffset() is None:
            raise ValueError(f"{instant.isoformat()} has no time zone; write it with Z or an offset")
        with self._lock:
            self._base = instant.astimezone(UTC)
            self._running = running
            self._set_at = datetime.now(UTC)

    def skewed(self, seconds: float) -> datetime:
        """`now` shifted by a number of seconds, for answers that carry a wrong `Date`."""
        return self.now() + timedelta(seconds=seconds)
