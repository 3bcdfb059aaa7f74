"""What surrounds the proof of a cell: not-applicable notes, exceptions, open outcomes, seals (sections 5, 7, 9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evidence.completeness.coverage import CLOCK_TOLERANCE, Span, subtract_span
from evidence.completeness.instants import optional_ticks, ticks
from evidence.completeness.model import VERIFIED, CellInputs, NotApplicable
from evidence.completeness.windows import Window


class Note(NamedTuple):
    """An approved not-applicable note: its interval and the arrival from which on it counts."""

    start: int
    end: int
    recorded: int


class Demand(NamedTuple):
    """What of a window must be proven: the window less its notes.

    From here on the remainder is the window (step 2, "cut it out, go on"): it opens with its first span, closes with
    its last, and a quorum of snapshots must stand inside it. `whole` is the window before the cut.
    """

    whole: Span
    required: list[Span]
    notes: list[Note]

    @property
    def opens(self) -> int:
        return self.required[0][0]

    @property
    def closes(self) -> int:
        return self.required[-1][1]

    def contains(self, instant: int) -> bool:
        return any(start <= instant < end for start, end in self.required)


class Circumstances:
    """The circumstances of one requirement and item that the store knew at `now`.

    Entries name a natural window; a merged window answers to each of its names.
    """

    __slots__ = ("_changes", "_exceptions", "_found_at", "_notes", "_pending", "_sealed_at")

    def __init__(self, inputs: CellInputs, now: int) -> None:
        self._notes = sorted(note for note in map(_note, inputs.not_applicable) if note and note.recorded <= now)
        self._exceptions: dict[str, int] = {}
        self._found_at: dict[str, set[int]] = {}
        for entry in inputs.exceptions:
            recorded = optional_ticks(entry.recorded_at)
            if recorded is not None and recorded > now:
                continue
            self._exceptions[entry.window] = self._exceptions.get(entry.window, 0) + entry.open
            if entry.open > 0 and recorded is not None:
                self._found_at.setdefault(entry.window, set()).add(recorded)
        self._pending: dict[str, int] = {}
        for event in inputs.outcomes_pending:
            recorded = optional_ticks(event.recorded_at)
            # Pending until the deadline has passed, so at the deadline still.
            if (recorded is None or recorded <= now) and now <= ticks(event.resolves_at):
                self._pending[event.window] = self._pending.get(event.window, 0) + 1
        self._sealed_at: dict[str, int] = {}
        for seal in inputs.seals:
            sealed = ticks(seal.sealed_at)
            if sealed <= now:
                self._sealed_at[seal.window] = min(sealed, self._sealed_at.get(seal.window, sealed))
        self._changes = (
            [
                (run.ticks.from_, run.ticks.to, run.ticks.recorded)
                for run in inputs.runs
                if run.changes_population
                and run.ticks.recorded <= now
                # A run that proves nothing can't show that the population differs; a truncated one can.
                and run.status != "error"
                and run.integrity == VERIFIED
                and run.ticks.started <= run.ticks.recorded + CLOCK_TOLERANCE
            ]
            if self._sealed_at
            else []
        )

    def demand(self, window: Window) -> Demand:
        """The window less what approved notes take out of it; nothing may be left."""
        whole = (window.start, window.end)
        required: list[Span] = [whole]
        if not self._notes:
            return Demand(whole, required, [])
        notes = [note for note in self._notes if max(note.start, window.start) < min(note.end, window.end)]
        for note in notes:
            required = subtract_span(required, note.start, note.end)
        return Demand(whole, required, notes)

    def exceptions(self, window: Window) -> int:
        """Open exceptions of the window."""
        return sum(self._exceptions.get(name, 0) for name in _names(window)) if self._exceptions else 0

    def pending(self, window: Window) -> int:
        """Events of the window whose own deadline has not passed."""
        return sum(self._pending.get(name, 0) for name in _names(window)) if self._pending else 0

    def revision(self, window: Window) -> int:
        """1, and one more for each arrival after the first seal that changed population or outcome (section 9)."""
        if not self._sealed_at:
            return 1
        names = _names(window)
        sealed = min((self._sealed_at[name] for name in names if name in self._sealed_at), default=None)
        if sealed is None:
            return 1
        changed = {at for start, end, at in self._changes if start < window.end and end > window.start}
        for name in names:
            changed |= self._found_at.get(name, set())
        return 1 + sum(at > sealed for at in changed)


def _names(window: Window) -> Iterable[str]:
    calendar = window.calendar
    return calendar.names if len(calendar.names) == 1 else (calendar.window_id, *calendar.names)


def retroactive(demand: Demand, window: Window) -> bool:
    """Whether a note came after the fact: recorded after the end of the time it takes out of this window, even where
    the note itself reaches further (section 7)."""
    return any(note.recorded > min(note.end, window.end) for note in demand.notes)


def _note(note: NotApplicable) -> Note | None:
    """None for what is no note (sections 5, 7 and 10a).

    Without a named requester nobody can show that the approver is another person, so that is no note either. An
    approval dated after its arrival counts from the later of the two.
    """
    requester = (note.requested_by or "").strip().casefold()
    approver = (note.approved_by or "").strip().casefold()
    if not requester or not approver or requester == approver or not (note.reason or "").strip():
        return None
    known = [ticks(at) for at in (note.recorded_at, note.approved_at) if at is not None]
    return Note(ticks(note.from_), ticks(note.to), max(known)) if known else None
