"""Until when the source still holds what a hole lacks (section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evidence.completeness.instants import days_to_ticks, optional_ticks
from evidence.completeness.model import Gap, Requirement


class HoleTicks(NamedTuple):
    """A hole in ticks; see `model.Hole`."""

    start: int
    end: int
    first_loss: int | None
    total_loss: int | None


class Loss(NamedTuple):
    """Gap, until and next loss of a set of holes."""

    gap: Gap
    until: int | None
    next_loss: int | None


NO_LOSS = Loss("none", None, None)


class Memory:
    """The sources of one requirement: how long each remembers and while it was switched on."""

    __slots__ = ("_always_on", "_sources")

    def __init__(self, requirement: Requirement) -> None:
        self._sources = tuple(
            (
                None if source.retention_days is None else days_to_ticks(source.retention_days),
                optional_ticks(source.on_from),
                optional_ticks(source.on_to),
            )
            for source in requirement.memories
        )
        self._always_on = all(start is None and end is None for _, start, end in self._sources)

    def on_during(self, start: int, end: int) -> list[int | None]:
        """Retention in ticks (None: until deleted) of every source that was on during the whole of `[start, end)`."""
        return [
            retention
            for retention, on, off in self._sources
            if (on is None or on <= start) and (off is None or off >= end)
        ]

    def on_throughout(self, start: int, end: int) -> bool:
        """Whether one source was on during the whole of `[start, end)`.

        "Switched on all along" (section 4) is read as one and the same source, as section 6 reads it for holes.
        """
        return self._always_on or bool(self.on_during(start, end))

    def hole(self, start: int, end: int) -> HoleTicks:
        """The hole `[start, end)` with its dates of loss: the latest among the sources on during all of it."""
        retentions = self.on_during(start, end)
        if not retentions:
            return HoleTicks(start, end, start, start)
        known = [retention for retention in retentions if retention is not None]
        if len(known) < len(retentions):
            return HoleTicks(start, end, None, None)
        longest = max(known)
        return HoleTicks(start, end, start + longest, end + longest)


def loss_of(holes: Iterable[HoleTicks], now: int) -> Loss:
    """Gap, until and next loss over all holes.

    Between first and total loss a hole shrinks with every instant, so its next loss is `now` itself.
    """
    until: int | None = None
    next_loss: int | None = None
    found = False
    for hole in holes:
        found = True
        first, total = hole.first_loss, hole.total_loss
        if first is None or total is None:
            continue
        if until is None or first < until:
            until = first
        upcoming = first if now < first else now if now < total else None
        if upcoming is not None and (next_loss is None or upcoming < next_loss):
            next_loss = upcoming
    if not found:
        return NO_LOSS
    lost = until is not None and until <= now
    return Loss("unrecoverable" if lost else "recoverable", until, next_loss)
