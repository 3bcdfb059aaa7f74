"""What was in effect when, folded from versions so that nothing already expected can be edited away.

Rule (completeness specification, section 7): what a version removes stays in effect up to the moment that version was
recorded; what it adds is in effect from its own start on. Spans are those of `evidence.completeness.coverage`, with
two ends that stand for always.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evidence.completeness.coverage import Span, intersect, merge, subtract
from evidence.completeness.instants import instant
from schemas.instants import format_instant

ALWAYS_FROM = -(1 << 62)
ALWAYS_TO = 1 << 62
ALWAYS: tuple[Span, ...] = ((ALWAYS_FROM, ALWAYS_TO),)


class Removed(NamedTuple):
    """Time that a version took away, from its recording on."""

    recorded: int
    spans: tuple[Span, ...]


class Timeline(NamedTuple):
    """The spans in effect, and what each version removed."""

    spans: tuple[Span, ...]
    removed: tuple[Removed, ...]


def fold(versions: Iterable[tuple[int, Iterable[Span]]]) -> Timeline:
    """Fold what each version says is in effect; `versions` are (recorded, spans) in order of recording.

    The first version holds as it is written: nothing was expected before it.
    """
    effective: list[Span] | None = None
    removed: list[Removed] = []
    for recorded, spans in versions:
        said = merge(spans)
        if effective is None:
            effective = said
            continue
        gone = intersect(subtract(effective, said), [(recorded, ALWAYS_TO)])
        if gone:
            removed.append(Removed(recorded, tuple(gone)))
        effective = merge([*intersect(effective, [(ALWAYS_FROM, recorded)]), *said])
    return Timeline(tuple(effective or ()), tuple(removed))


def fold_exclusions(versions: Iterable[tuple[int, Iterable[Span]]]) -> tuple[Span, ...]:
    """Fold what each version leaves out: the opposite rule, for exclusions take expectation away.

    An exclusion counts from its recording at the earliest; one that a later version no longer states never was, for
    then nothing says any more that the time may be left out. The first version holds as it is written.
    """
    effective: list[Span] | None = None
    for recorded, spans in versions:
        said = merge(spans)
        if effective is None:
            effective = said
            continue
        effective = merge([*intersect(effective, said), *intersect(said, [(recorded, ALWAYS_TO)])])
    return tuple(effective or ())


def within(spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What two sets of spans share."""
    return tuple(intersect(list(spans), list(others)))


def outside(spans: Iterable[Span], cuts: Iterable[Span]) -> tuple[Span, ...]:
    """Spans without the cuts."""
    return tuple(subtract(list(spans), cuts))


def span_json(span: Span) -> dict[str, str | None]:
    """`{"from", "to"}` as instants, None for always."""
    start, end = span
    return {
        "from": None if start == ALWAYS_FROM else format_instant(instant(start)),
        "to": None if end == ALWAYS_TO else format_instant(instant(end)),
    }
