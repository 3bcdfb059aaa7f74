"""Rate limits per identity, in hours of the simulated clock."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sandbox.github.access import Viewer
from sandbox.github.times import Epoch

HOUR = 3600
RESOURCES = ("core", "graphql", "search")


@dataclass(slots=True)
class Budget:
    """What one identity has left of one resource until `reset`."""

    limit: int
    used: int
    reset: Epoch
    opened: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class RateLimits:
    """Counts what each identity spends; an hour ends when the simulated clock, or else a real hour, has passed.

    The real hour matters to a clock that stands still: without it a limit once reached would never end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._set: dict[str, int] = {}

    def allow(self, limits: dict[str, int]) -> None:
        """Other limits than GitHub's from now on, by resource; counting starts anew."""
        unknown = set(limits) - set(RESOURCES)
        if unknown or any(limit < 0 for limit in limits.values()):
            raise ValueError(f"limits are numbers of 0 or more for {', '.join(RESOURCES)}")
        with self._lock:
            self._set = dict(limits)
            self._budgets.clear()

    def _limit(self, viewer: Viewer, resource: str, repositories: int) -> int:
        if resource in self._set:
            return self._set[resource]
        if viewer.key == "anonymous":
            return {"core": 60, "graphql": 0, "search": 10}[resource]
        if resource == "search":
            return 30
        if viewer.installation is not None:
            if viewer.installation.organisation.plan == "enterprise":
                return 15_000 if resource == "core" else 10_000
            return min(12_500, 5_000 + 50 * max(0, repositories - 20))
        return 5_000

    def budget(self, viewer: Viewer, resource: str, now: Epoch, *, repositories: int = 0) -> Budget:
        """The present budget of an identity."""
        with self._lock:
            key = (viewer.key, resource)
            found = self._budgets.get(key)
            over = found is not None and (
                now >= found.reset or now < found.reset - HOUR or time.monotonic() - found.opened > HOUR
            )
            if found is None or over:
                found = Budget(self._limit(viewer, resource, repositories), 0, now + HOUR, time.monotonic())
                self._budgets[key] = found
            return found

    def give_back(self, budget: Budget, points: int) -> None:
        """Undo a `spend`: an answer that has not changed since costs nothing."""
        with self._lock:
            budget.used = max(0, budget.used - points)

    def spend(self, budget: Budget, points: int) -> bool:
        """Take points from a budget; False, and nothing taken, when it is exhausted."""
        with self._lock:
            if budget.used >= budget.limit:
                return False
            budget.used = min(budget.limit, budget.used + points)
            return True
