"""What of a window is held at all, so that a test can say `unknown` instead of guessing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evidence.controls.model import StoredEvidence, TestWindow
from schemas.dataset import Dataset
from schemas.outcome import Outcome

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything a source can tell of."""
_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)


class Held:
    """Whether event streams are covered at instants of one window; asks the store once per window and day if it can."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._answers: dict[tuple[str, datetime, datetime], bool] = {}

    def whole(self, dataset: Dataset) -> bool:
        """Whether the whole window is covered."""
        return self._covered(dataset, self._window.start, self._window.end)

    def at(self, dataset: Dataset, instant: datetime) -> bool:
        """Whether the stream is covered at an instant, inside the window or not."""
        if self._window.start <= instant < self._window.end and self.whole(dataset):
            return True
        day = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self._covered(dataset, day, day + _DAY):
            return True
        return self._covered(dataset, instant, instant + _INSTANT)

    def _covered(self, dataset: Dataset, start: datetime, end: datetime) -> bool:
        key = (dataset.name, start, end)
        if key not in self._answers:
            self._answers[key] = self._evidence.covered(dataset, self._window.scope_item_id, start, end)
        return self._answers[key]


WHOLE_WINDOW = "window:"
"""Begins the item id of a row that stands for a window whose items could not all be seen; not a population item."""


def window_unknown(
    window: TestWindow, evidence_id: str, why: str, evidence: tuple[str, ...] = (), *, about: str = ""
) -> Outcome:
    """The one row of a window about which nothing, or not everything, can be said; `about` tells several apart."""
    item_id = f"{WHOLE_WINDOW}{evidence_id}:{window.scope_item_id}:{window.window_id}"
    return window.outcome(
        evidence_id=evidence_id,
        item_id=f"{item_id}:{about.casefold().replace(' ', '-')}" if about else item_id,
        event_time=window.start,
        outcome="unknown",
        explanation=f"{window.scope_item}, {window.window_id}: {why}",
        evidence=evidence,
    )


def has_closed(window: TestWindow) -> bool:
    """Whether the window is over. In an open one, evidence that is still to come is nobody's failure."""
    return window.as_of >= window.end
