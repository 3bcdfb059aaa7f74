"""Who works here in a window, by the snapshots of the people register, and not by any system's list of accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.leaver_register import LeaverRegister
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of, start_of
from evidence.controls.verdict import Verdict
from schemas.instants import format_instant
from schemas.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the register, as it last told."""

    row: Mapping[str, Any]
    starts_at: datetime
    """First instant of the first day, in the zone of the office."""
    ends_at: datetime | None
    """First instant after the last day; None: none is known."""
    zone: str
    digest: str
    doubt: str | None = None
    """Why it can't be said that the person still works here."""

    @property
    def person_id(self) -> str:
        return str(self.row["person_id"])

    @property
    def named(self) -> str:
        """For sentences."""
        return f"{str(self.row['name'])[:120]} ({self.person_id[:60]})"

    def until(self, instant: datetime) -> datetime:
        """An instant, or the end of their time here where that is earlier."""
        return instant if self.ends_at is None else min(instant, self.ends_at)


def row_of(
    window: TestWindow, evidence_id: str, member: Member, verdict: Verdict, subject: str, *, waits_until: datetime,
    waiting: str | None,
) -> Outcome:  # fmt: skip
    """The row of a person. `waiting` says what is still to come, where something is, and `waits_until` until when."""
    return window.outcome(
        evidence_id=evidence_id,
        item_id=f"person:{member.person_id}",
        event_time=max(member.starts_at, window.start),
        outcome=verdict.outcome if waiting is None else "pending",
        codes=tuple(verdict.codes),
        explanation=verdict.explain(subject) if waiting is None else waiting,
        evidence=verdict.evidence,
        resolves_at=None if waiting is None else waits_until,
    )


class Workforce:
    """The people register over time, from the last snapshot before the window to `as_of`."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._register = LeaverRegister.read(window, evidence)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the first and the last snapshot."""
        return tuple(dict.fromkeys((*self._register.digests[:1], *self._register.digests[-1:])))

    @property
    def held_before(self) -> bool:
        """Whether a snapshot shows the register as it was when the window began."""
        return bool(self._register.instants) and self._register.instants[0] <= self._window.start

    def unknown(self, evidence_id: str) -> Iterator[Outcome]:
        """The row of a window that is over and of whose end no snapshot tells."""
        window, instants = self._window, self._register.instants
        if not has_closed(window):
            return
        if not instants:
            yield window_unknown(window, evidence_id, "no snapshot of the people register is held.", about="people")
        elif instants[-1] < window.end:
            why = f"the latest snapshot of the people register is of {format_instant(instants[-1])}: who came later"
            yield window_unknown(window, evidence_id, f"{why} is not known yet.", self.digests, about="people")

    def members(self) -> Iterator[Member]:
        """Everybody whose time here overlaps the elapsed part of the window, by id."""
        until = min(self._window.end, self._window.as_of)
        for member in self._everybody():
            if member.starts_at < until and (member.ends_at is None or member.ends_at > self._window.start):
                yield member

    def joiners(self) -> Iterator[Member]:
        """Everybody whose first day falls in the elapsed part of the window, by id. A day of the programme's zone
        belongs to one window, whatever the zone of the office."""
        window = self._window
        for member in self._everybody():
            day = start_of(member.row["start"], window.programme.timezone)
            if day is not None and window.start <= day < min(window.end, window.as_of):
                yield member

    def _everybody(self) -> Iterator[Member]:
        register = self._register
        for key, known in sorted(register.people.items()):
            zone = register.business_days.of_office(known.row["office"]).zone
            ends, doubt = end_of(known.row["last_day"], zone), None
            if ends is None and known.seen_at < register.instants[-1]:
                doubt = f"the register had them until {format_instant(known.seen_at)} and then no longer, without a "
                doubt += "last day"
            yield Member(known.row, register.starts_at(key), ends, zone, known.digest, doubt)
