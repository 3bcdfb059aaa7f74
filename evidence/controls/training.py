"""CC1-TRN-01: everybody finishes security training soon after joining, and every twelve months.

Everybody of the people register whose time here overlaps the window has a row:

- TRAIN_MISSING  no training was finished since joining, after the time for it
- TRAIN_LATE     the first one was finished after the time for it (`training_days` after the first day)
- TRAIN_LAPSED   the latest one was, at some instant of the window, more than twelve months and 30 days old

Decisions where the rule leaves room:

- Any course of the register counts, unless the programme names those that do (`training_courses`). Versions and scores
  are not judged.
- A training finished before the first day counts as long as it is current.
- Joining is judged in the windows from the first day to the end of the time for it, the yearly turn in all others.
- That somebody finished nothing is said only where all completions of the time in question are held: since the day
  allowed for the last one, or since the first day.
- Who leaves before the time for it is over need not finish anything. Leave of absence stops no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.completeness.instants import instant
from evidence.controls.currency import missing, rule_of
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.controls.workforce import Member, Workforce, row_of
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.own import TRAINING_COMPLETIONS

LINE = "completions"
TRAIN_MISSING = "TRAIN_MISSING"
TRAIN_LATE = "TRAIN_LATE"
TRAIN_LAPSED = "TRAIN_LAPSED"
CODES = (TRAIN_MISSING, TRAIN_LATE, TRAIN_LAPSED)

_INSTANT = timedelta(microseconds=1)
_A_YEAR = timedelta(days=366 + 31)
"""Longest time that a training can be current, with a day more than the grace for zones."""
Row = Mapping[str, Any]


def people_are_trained(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for everybody who works here in a window."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._rules = window.programme.evidence_rules
        self._rule = rule_of(window, None)
        self._workforce = Workforce(window, evidence)
        self._from = window.start - _A_YEAR
        self._done: dict[str, list[tuple[datetime, str, str]]] = {}
        wanted = {course.casefold() for course in self._rules.training_courses}
        for row, digest in evidence.rows(TRAINING_COMPLETIONS, window.scope_item_id, self._from, window.as_of):
            course = str(row["course_id"])
            if not wanted or course.casefold() in wanted:
                self._done.setdefault(str(row["person_id"]), []).append((row["event_time"], course, digest))

    def outcomes(self) -> Iterator[Outcome]:
        yield from self._workforce.unknown(LINE)
        for member in self._workforce.members():
            yield self._judge(member)

    def _judge(self, member: Member) -> Outcome:
        window, verdict = self._window, Verdict()
        verdict.used(member.digest)
        first_day = end_of(member.row["start"], member.zone)
        assert first_day is not None
        deadline = first_day + timedelta(days=self._rules.training_days)
        done = sorted(self._done.get(member.person_id, ()))
        verdict.used(*(digest for _, _, digest in done))
        pending = False
        if member.ends_at is not None and member.ends_at <= deadline:
            verdict.holds(f"they left on {member.row['last_day']}, before the time for it was over")
        elif deadline > window.start:
            pending = self._joining(verdict, member, done, deadline)
        else:
            self._turn(verdict, member, done, window.start)
        if member.doubt is not None:
            verdict.doubts(member.doubt)
        subject = f"{member.named}, here since {member.row['start']}"
        waiting = f"{subject}, has until {format_instant(deadline)} for the training." if pending else None
        return row_of(window, LINE, member, verdict, subject, waits_until=deadline, waiting=waiting)

    def _joining(
        self, verdict: Verdict, member: Member, done: list[tuple[datetime, str, str]], deadline: datetime
    ) -> bool:
        """Judge the first training; True while there is time for it."""
        in_time = [
            one for one in done
            if one[0] < deadline and not missing(self._rule, [one[0]], deadline - _INSTANT, deadline)
        ]  # fmt: skip
        if in_time:
            at, course, _ = in_time[-1]
            verdict.holds(f"{course[:120]} finished at {format_instant(at)}")
            self._turn(verdict, member, done, deadline)
            return False
        if self._window.as_of <= deadline:
            return True
        later = [one for one in done if one[0] >= deadline]
        if not self._held(member.starts_at, deadline):
            verdict.doubts("whether they finished a training in time: not all completions of that time are held")
        elif later:
            at, course, _ = later[0]
            words = f"{course[:120]} finished at {format_instant(at)}, not by {format_instant(deadline)}"
            verdict.fails(TRAIN_LATE, words)
        elif self._held(deadline, self._window.as_of):
            verdict.fails(TRAIN_MISSING, f"no training finished, which was to be by {format_instant(deadline)}")
        else:
            verdict.fails(TRAIN_LATE, f"no training finished by {format_instant(deadline)}")
        return False

    def _turn(
        self, verdict: Verdict, member: Member, done: list[tuple[datetime, str, str]], low: datetime
    ) -> None:  # fmt: skip
        """Judge that the latest training was current at every instant from `low` to the end of the window."""
        high = member.until(min(self._window.end, self._window.as_of))
        gaps = missing(self._rule, [at for at, _, _ in done], low, high)
        if not gaps:
            if low < high:
                at, course, _ = [one for one in done if one[0] < high][-1]
                verdict.holds(f"{course[:120]} finished at {format_instant(at)}")
            return
        since, until = instant(gaps[0][0]), instant(gaps[0][1])
        if not self._held(max(since - _A_YEAR, member.starts_at), until):
            verdict.doubts(
                f"whether a training was current from {format_instant(since)} to {format_instant(until)}: not all "
                "completions of the year before are held"
            )
            return
        before = [one for one in done if one[0] <= since]
        if before:
            at, course, _ = before[-1]
            words = f"the latest training ({course[:120]}, {format_instant(at)}) was out of date from "
            verdict.fails(TRAIN_LAPSED, f"{words}{format_instant(since)} to {format_instant(until)}")
        elif member.starts_at > since - _A_YEAR:
            verdict.fails(TRAIN_MISSING, f"no training finished since {member.row['start']}")
        else:
            verdict.fails(TRAIN_LAPSED, f"no training finished in the year before {format_instant(since)}")

    def _held(self, start: datetime, end: datetime) -> bool:
        return self._evidence.covered(
            TRAINING_COMPLETIONS, self._window.scope_item_id, start, min(end, self._window.as_of)
        )
