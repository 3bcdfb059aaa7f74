"""Items seen in a row of snapshots, told as stretches: from when to when what was wrong.

A snapshot test judges each item in each snapshot. A window may hold dozens of snapshots, and thirty rows that say the
same of one account help nobody. So an item that was right in every snapshot makes one row under its own id, and an
item that was not makes one row per stretch of adjoining snapshots with the same finding, under
`<item>@<first instant of the stretch>`. A new failure in the same window is thus a new row: what a person decided about
the earlier one can't cover it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evidence.controls.model import TestWindow
from schemas.instants import format_instant
from schemas.outcome import Outcome

_LISTED = 7
"""Most snapshots of a stretch that are listed one by one; as they adjoin, the first and the last name them all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one snapshot says of one item.

    `codes` are what is wrong; with none, `unknown` tells why the snapshot can't say that all is well. `words` must not
    hold anything that moves from snapshot to snapshot (an age in days), or every snapshot would begin a new stretch.
    """

    label: str
    words: str
    codes: tuple[str, ...] = ()
    unknown: bool = False
    evidence: tuple[str, ...] = ()
    """Digests of what it was judged by beside the snapshot, such as a record of somebody."""


@dataclass(slots=True)
class _Stretch:
    seen: Seen
    instants: list[datetime]
    digests: list[str]
    until: datetime | None = None
    """First later snapshot that shows it otherwise, or does not show the item."""


@dataclass(slots=True)
class _Item:
    good: list[datetime] = field(default_factory=list[datetime])
    digests: list[str] = field(default_factory=list[str])
    stretches: list[_Stretch] = field(default_factory=list[_Stretch])
    latest: Seen | None = None
    latest_in: int = -1
    """Number of the latest snapshot that showed it."""


class Stretches:
    """Collects the snapshots of a window, one at a time and in order; memory grows with items, not with snapshots."""

    def __init__(self, window: TestWindow, evidence_id: str) -> None:
        self._window = window
        self._evidence_id = evidence_id
        self._items: dict[str, _Item] = {}
        self.snapshots: list[datetime] = []

    def add(self, instant: datetime, digest: str, seen: Mapping[str, Seen]) -> None:
        """One snapshot: what it says of each item it shows, by item id."""
        number = len(self.snapshots)
        self.snapshots.append(instant)
        for item_id, now in seen.items():
            item = self._items.setdefault(item_id, _Item())
            if now != item.latest:
                _close(item, instant)
            if not now.codes and not now.unknown:
                item.good.append(instant)
                item.digests += (digest, *now.evidence)
            elif item.stretches and item.stretches[-1].until is None:
                item.stretches[-1].instants.append(instant)
                item.stretches[-1].digests += (digest, *now.evidence)
            else:
                item.stretches.append(_Stretch(now, [instant], [digest, *now.evidence]))
            item.latest, item.latest_in = now, number
        for item in self._items.values():
            if item.latest_in < number:
                _close(item, instant)

    def outcomes(self) -> Iterator[Outcome]:
        """The rows, by item id."""
        for item_id, item in sorted(self._items.items()):
            if not item.stretches:
                assert item.latest is not None
                yield self._row(item_id, item.good[-1], item.latest, self._always(item), tuple(item.digests))
            for stretch in item.stretches:
                first = stretch.instants[0]
                yield self._row(
                    f"{item_id}@{format_instant(first)}", first, stretch.seen, self._told(stretch),
                    tuple(stretch.digests),
                )  # fmt: skip

    def _always(self, item: _Item) -> str:
        assert item.latest is not None
        count = len(item.good)
        times = f"at {format_instant(item.good[0])}"
        if count > 1:
            times = f"from {format_instant(item.good[0])} to {format_instant(item.good[-1])}"
        return f"{item.latest.label}: {item.latest.words} in all {_snapshots(count)} that show it, {times}."

    def _told(self, stretch: _Stretch) -> str:
        shown = ", ".join(format_instant(instant) for instant in stretch.instants)
        if len(stretch.instants) > _LISTED:
            first, last = format_instant(stretch.instants[0]), format_instant(stretch.instants[-1])
            shown = f"every one from {first} to {last}"
        end = (
            f"shown otherwise at {format_instant(stretch.until)}"
            if stretch.until is not None
            else "still so in the last snapshot of the window"
        )
        of = f"{len(stretch.instants)} of {_snapshots(len(self.snapshots))} looked at"
        return f"{stretch.seen.label}: {stretch.seen.words} in {of} ({shown}; {end})."

    def _row(self, item_id: str, at: datetime, seen: Seen, explanation: str, digests: tuple[str, ...]) -> Outcome:
        return self._window.outcome(
            evidence_id=self._evidence_id,
            item_id=item_id,
            event_time=at,
            outcome="exception" if seen.codes else "unknown" if seen.unknown else "pass",
            codes=seen.codes,
            explanation=explanation,
            evidence=tuple(dict.fromkeys(digests)),
        )


def _close(item: _Item, instant: datetime) -> None:
    if item.stretches and item.stretches[-1].until is None:
        item.stretches[-1].until = instant


def _snapshots(count: int) -> str:
    return f"{count} snapshot" if count == 1 else f"{count} snapshots"
