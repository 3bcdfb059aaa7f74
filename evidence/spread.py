"""Things that last from one instant to another, found by the time they share without looking at all of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import Generic, TypeVar

_T = TypeVar("_T")
_BY_TIME = itemgetter(0, 1)


class Spread(Generic[_T]):
    """`[start, end)` intervals, each with what it stands for; they may overlap in any way."""

    __slots__ = ("_ends", "_held", "_reach", "_starts")

    def __init__(self, lasting: Iterable[tuple[datetime, datetime, _T]]) -> None:
        ordered = sorted(lasting, key=_BY_TIME)
        self._starts = [start for start, _, _ in ordered]
        self._ends = [end for _, end, _ in ordered]
        self._held = [held for _, _, held in ordered]
        # The latest end so far: everything before the first that goes beyond an instant ends before it.
        self._reach = list(accumulate(self._ends, max))

    def sharing(self, start: datetime, end: datetime) -> list[_T]:
        """What shares time with `[start, end)`, by its beginning."""
        low, high = bisect_right(self._reach, start), bisect_left(self._starts, end)
        return [self._held[at] for at in range(low, high) if self._ends[at] > start]
