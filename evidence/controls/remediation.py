"""Whether a weakness was closed or accepted within the limit for its severity: the rule that findings of scanners and
failing checks of a baseline share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from evidence.controls.acceptance import Acceptance
from schemas.instants import format_instant
from schemas.outcome import OutcomeValue

if TYPE_CHECKING:
    from schemas.programme_rules import EvidenceRules


@dataclass(frozen=True, slots=True)
class Case:
    """A weakness with its dates."""

    since: datetime
    limit_days: int
    closed_at: datetime | None
    acceptances: tuple[Acceptance, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the dates come to. `late` and `overdue` say which of the two codes applies."""

    outcome: OutcomeValue
    words: str
    overdue: bool = False
    late: bool = False
    resolves_at: datetime | None = None
    digests: tuple[str, ...] = ()


def limit_of(severity: str | None, rules: EvidenceRules) -> int | None:
    """Days that the programme gives a severity; None where it gives no limit."""
    return {
        "critical": rules.vulnerability_critical_days,
        "high": rules.vulnerability_high_days,
        "medium": rules.vulnerability_medium_days,
    }.get(severity or "")


def ruled(case: Case, as_of: datetime, open_until: Callable[[datetime], bool]) -> Ruling:
    """Judge a weakness. `open_until` answers whether evidence shows that it was still there at an instant."""
    deadline = case.since + timedelta(days=case.limit_days)
    within = f"within {_days(case.limit_days)}"
    held_until, holder, unbounded, late = deadline, None, None, None
    for one in _in_order(case.acceptances):
        if one.at is None or one.by is None:
            continue
        if one.at > held_until:
            late = late or one
        elif one.final:
            words = f"{one.by} decided at {format_instant(one.at)} that there is nothing to fix"
            return Ruling("pass", words, digests=_digest(one))
        elif one.until is None:
            unbounded = unbounded or one
        elif one.until > held_until:
            held_until, holder = one.until, one
    if case.closed_at is not None and case.closed_at <= held_until:
        closed = f"closed at {format_instant(case.closed_at)}"
        return Ruling("pass", f"{closed}, {_while(holder) or within}", digests=_digest(holder))
    if case.closed_at is None and as_of <= held_until:
        if holder is not None:
            return Ruling("pass", f"not closed, {_while(holder)}", digests=_digest(holder))
        return Ruling("pending", f"not closed yet, to be closed or accepted {within}", resolves_at=deadline)
    if unbounded is not None and unbounded.at is not None:
        words = f"{unbounded.by} accepted it at {format_instant(unbounded.at)}, and no expiry is told"
        return Ruling("unknown", words, digests=_digest(unbounded))
    if late is not None and late.at is not None:
        return _accepted_late(case, late, held_until, as_of)
    nobody = next((one for one in case.acceptances if one.by is None), None)
    if case.closed_at is None and nobody is not None:
        when = "" if nobody.at is None else f" at {format_instant(nobody.at)}"
        return Ruling("unknown", f"put aside at the source{when}; who accepted it and until when is not told")
    if case.closed_at is None and not open_until(held_until):
        return Ruling("unknown", f"not known whether it was closed by {format_instant(held_until)}")
    expired = "" if holder is None else f", after {holder.by} had accepted it until {format_instant(held_until)}"
    over = f"{_days(_whole_days((case.closed_at or as_of) - held_until))} overdue"
    if case.closed_at is None:
        return Ruling("exception", f"open and {over}{expired or f', not closed {within}'}", overdue=True)
    closed = f"closed at {format_instant(case.closed_at)}, {over}"
    return Ruling("exception", f"{closed}{expired or f', not {within}'}", overdue=True)


def _accepted_late(case: Case, late: Acceptance, held_until: datetime, as_of: datetime) -> Ruling:
    assert late.at is not None
    over = _days(_whole_days(late.at - held_until))
    words = f"accepted by {late.by} at {format_instant(late.at)}, {over} after the limit of {_days(case.limit_days)}"
    gone = case.closed_at or as_of
    if late.until is not None and gone > late.until:
        since = f"; that ended at {format_instant(late.until)} and it was not closed by then"
        return Ruling("exception", words + since, overdue=True, late=True, digests=_digest(late))
    return Ruling("exception", words, late=True, digests=_digest(late))


def _in_order(acceptances: Iterable[Acceptance]) -> list[Acceptance]:
    dated = [one for one in acceptances if one.at is not None]
    return sorted(dated, key=lambda one: (one.at, one.until is None, one.until or one.at))


def _while(holder: Acceptance | None) -> str:
    if holder is None or holder.until is None:
        return ""
    return f"accepted by {holder.by} until {format_instant(holder.until)}"


def _digest(one: Acceptance | None) -> tuple[str, ...]:
    return () if one is None or one.digest is None else (one.digest,)


def _whole_days(span: timedelta) -> int:
    """Days begun."""
    return -(-span // timedelta(days=1))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
