"""CC7-LOG-01, whether the record is whole: the digest chain of CloudTrail, judged for every hour of the window.

Each snapshot tells of the hours of its last three days. For one hour of one trail the latest snapshot counts; one trail
that was whole is enough. What no snapshot speaks of is unknown. A region whose hours are all whole makes one row, any
other a row for each stretch of adjoining hours with the same finding.

- CHAIN_BROKEN  a digest or a file that it names is missing or altered, its key is unknown, or the chain began anew

Decisions where the rule leaves room:

- A digest without predecessor breaks the chain where an earlier digest of that trail is held. That of a new trail, and
  of a region that was switched on, has none to follow.
- Missing digests before the first one of a region, and before the first snapshot of its settings, are unknown: the
  region may not have been enabled yet.
- In an open window the hours after the last snapshot are still to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from evidence.completeness.coverage import Span, merge, subtract, subtract_span
from evidence.completeness.instants import instant, ticks
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.aws_configuration import LOG_CONFIG
from schemas.aws_trail import TRAIL_CONTINUITY
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "continuity"
CHAIN_BROKEN = "CHAIN_BROKEN"

TOLD_WITHIN = timedelta(days=4)
"""How long after a window a snapshot can still speak of its hours; they look three days back."""
_WHOLE = "whole"
_RESTARTED = "chain_restarted"
_NO_DIGEST = "digest_missing"

Row = Mapping[str, Any]


class _Said(NamedTuple):
    """What the latest snapshot says of a stretch of one trail."""

    start: int
    end: int
    state: str
    detail: str
    digest: str


def chain_whole(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The rows of a region of AWS."""
    chain = _Chain(window, evidence)
    if not chain.snapshots:
        why = "no snapshot of its digest chain is held."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    return list(chain.outcomes())


class _Chain:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._region = window.scope_item_id.rpartition(":")[2]
        self._trails: dict[str, dict[tuple[int, int], _Said]] = {}
        self.snapshots = 0
        self._told_to = ticks(window.start)
        until = min(window.as_of, window.end + TOLD_WITHIN) + timedelta(microseconds=1)
        for item in window.asked_for(TRAIL_CONTINUITY):
            for _at, rows, digest in evidence.snapshots(TRAIL_CONTINUITY, item, window.start, until):
                self.snapshots += 1
                for row in rows:
                    if row["region"] == self._region:
                        self._add(row, digest)
        first = next(iter(evidence.snapshots(LOG_CONFIG, window.scope_item_id, window.start, until)), None)
        earlier = evidence.snapshot_before(LOG_CONFIG, window.scope_item_id, window.start)
        self._first_seen = None if earlier is not None or first is None else ticks(first[0])

    def _add(self, row: Row, digest: str) -> None:
        start, end, trail = ticks(row["starts_at"]), ticks(row["ends_at"]), row["trail"]
        said = _Said(start, end, row["state"], row["detail"] or row["state"].replace("_", " "), digest)
        self._told_to = max(self._told_to, end)
        # Without a digest nobody can tell the trail: it is missing from each.
        for name in [trail] if trail is not None else [*self._trails, ""]:
            held = self._trails.setdefault(name, {})
            if (start, end) not in held:
                _cut(held, start, end)
            held[start, end] = said

    def outcomes(self) -> Iterator[Outcome]:
        window, item = self._window, f"{self._window.scope_item_id}:digest-chain"
        end = ticks(window.end) if has_closed(window) else min(self._told_to, ticks(window.as_of), ticks(window.end))
        asked = [(ticks(window.start), end)] if ticks(window.start) < end else []
        whole = merge((one.start, one.end) for held in self._trails.values() for one in self._good(held))
        digests = {one.digest for held in self._trails.values() for one in held.values() if one.state == _WHOLE}
        rest = subtract(asked, whole)
        wrong = 0
        for (low, high), said in self._broken(rest):
            wrong += 1
            unknown = said.state == _NO_DIGEST and self._before_the_region(high)
            words = f"{said.detail}{', and it may not have been enabled yet' if unknown else ''}"
            yield self._row(item, (low, high), words, {said.digest}, unknown=unknown)
            rest = subtract_span(rest, low, high)
        for span in rest:
            wrong += 1
            yield self._row(item, span, "no snapshot speaks of it", set(), unknown=True)
        if asked and not wrong:
            yield self._row(item, asked[0], "every digest is there, signed and followed, and every file whole", digests)

    def _good(self, held: Mapping[tuple[int, int], _Said]) -> Iterator[_Said]:
        # Time without digests before the first one is no part of its chain.
        beginning = min((one.start for one in held.values() if one.state != _NO_DIGEST), default=0)
        for one in held.values():
            if one.state == _WHOLE or (one.state == _RESTARTED and one.start == beginning):
                yield one

    def _broken(self, rest: Iterable[Span]) -> Iterator[tuple[Span, _Said]]:
        """What is said of the stretches that no trail proves, adjoining hours of the same finding as one."""
        found = sorted({one for held in self._trails.values() for one in held.values()})
        left = list(rest)
        open_: tuple[Span, _Said] | None = None
        for said in found:
            for low, high in _shared(left, said.start, said.end):
                left = subtract_span(left, low, high)
                if open_ is not None and open_[0][1] == low and open_[1].state == said.state:
                    open_ = ((open_[0][0], high), open_[1])
                    continue
                if open_ is not None:
                    yield open_
                open_ = ((low, high), said)
        if open_ is not None:
            yield open_

    def _before_the_region(self, until: int) -> bool:
        """Whether nothing of the region was seen before an instant."""
        first_good = min((one.start for held in self._trails.values() for one in self._good(held)), default=until)
        return self._first_seen is not None and until <= min(self._first_seen, first_good)

    def _row(self, item: str, span: Span, words: str, digests: set[str], *, unknown: bool | None = None) -> Outcome:
        low, high = (instant(tick) for tick in span)
        window = self._window
        label = f"Record of {self._region} from {format_instant(low)} to {format_instant(high)}"
        broken = unknown is False
        return window.outcome(
            evidence_id=LINE,
            item_id=item if unknown is None else f"{item}@{format_instant(low)}",
            event_time=low,
            outcome="exception" if broken else "unknown" if unknown else "pass",
            codes=(CHAIN_BROKEN,) if broken else (),
            explanation=f"{label}: {words}.",
            evidence=tuple(sorted(digests)),
        )


def _cut(held: dict[tuple[int, int], _Said], start: int, end: int) -> None:
    """Make room for what a later snapshot says of a stretch."""
    for key, said in [(key, said) for key, said in held.items() if key[0] < end and start < key[1]]:
        del held[key]
        for low, high in subtract_span([key], start, end):
            held[low, high] = said._replace(start=low, end=high)


def _shared(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    return [(max(low, start), min(high, end)) for low, high in spans if low < end and start < high]
