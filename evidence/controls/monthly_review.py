"""CC4-MON-01: somebody looks every month at what could not be proven and what tests found, and follows it up.

Each month has a row for its sign-off and one for every gap or exception that the sign-off names:

- SIGNOFF_MISSING    nobody signed off the month in time, ten days and five days of grace after its end
- GAP_WITHOUT_ISSUE  a gap or exception stands in the sign-off without an issue or without an owner
- ISSUE_OVERDUE      its issue was not closed by its target day, and nobody decided on a later one

Decisions where the rule leaves room:

- A sign-off of before the end of its month can't speak of all of it: it is unknown whether it was looked at whole.
- Later sign-offs speak of an issue by its number. A later target day counts where somebody decided on it
  (`extended_by`); that it was closed counts from the sign-off that says so where that came more than 72 hours later.
- Whether an issue is still open tells the first sign-off after its target day. One that does not mention it leaves that
  unknown, and so does a month without sign-off.
- An issue without a target day is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.periodic import deadline_of, of_the_window
from evidence.controls.recorded import instant_of, judged, recorded, rows_of, short
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.record import BACKDATING, StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "signoff"
SIGNOFF_MISSING = "SIGNOFF_MISSING"
GAP_WITHOUT_ISSUE = "GAP_WITHOUT_ISSUE"
ISSUE_OVERDUE = "ISSUE_OVERDUE"
CODES = (SIGNOFF_MISSING, GAP_WITHOUT_ISSUE, ISSUE_OVERDUE)

DUE_DAYS, GRACE_DAYS = 10, 5
_A_MONTH = timedelta(days=31)
Row = Mapping[str, Any]


def months_are_signed_off(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the sign-off of a month and for what it names."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._every = recorded(window, evidence, LINE, "sign_off")
        self._mine = of_the_window(window, self._every)
        self._deadline = deadline_of(window, LINE, DUE_DAYS, GRACE_DAYS)

    def outcomes(self) -> Iterator[Outcome]:
        yield self._signed_off()
        counts: Counter[str] = Counter()
        seen: set[tuple[str, str]] = set()
        for record in self._mine:
            for row in rows_of(record.values, "issues"):
                parts = [row.get(name) for name in ("control_id", "evidence_id", "scope_item_id", "window", "item_id")]
                key = f"{row.get('kind')}:{':'.join(short(part) for part in parts if part)}"
                named = key, str(row.get("issue") or "").strip().casefold()
                if named in seen and record is not self._mine[0]:
                    continue  # a sign-off that was made again repeats what the first one named
                seen.add(named)
                counts[key] += 1
                yield self._issue(record, row, key if counts[key] == 1 else f"{key}#{counts[key]}")

    def _signed_off(self) -> Outcome:
        window, verdict = self._window, Verdict()
        waits = None
        if not self._mine:
            told = f"nobody signed it off by {format_instant(self._deadline)}"
            if window.as_of > self._deadline:
                verdict.fails(SIGNOFF_MISSING, told)
            else:
                waits = self._deadline
                verdict.holds("nobody signed it off yet")
        else:
            first = self._mine[0]
            verdict.used(*(record.digest for record in self._mine))
            when = f"signed off by {short(first.values['reviewer'])} at {format_instant(first.performed_at)}"
            if first.performed_at > self._deadline:
                verdict.fails(SIGNOFF_MISSING, f"{when}, after {format_instant(self._deadline)}")
            elif all(record.performed_at < window.end for record in self._mine):
                verdict.doubts(f"whether the whole month was looked at: {when}, before it was over")
            verdict.holds(when)
        subject = f"sign-off of {window.window_id}"
        return judged(window, LINE, f"{LINE}:{window.window_id}", window.start, subject, verdict, waits)

    def _issue(self, record: StoredRecord, row: Row, item_id: str) -> Outcome:
        verdict, waits = Verdict(), None
        verdict.used(record.digest)
        about = short(":".join(str(row[name]) for name in ("control_id", "window", "item_id") if row.get(name)))
        subject = f"{row.get('kind')} of {about}"
        number, owner = str(row.get("issue") or "").strip(), str(row.get("owner") or "").strip()
        if not number or not owner:
            verdict.fails(GAP_WITHOUT_ISSUE, f"it has no {'owner' if number else 'issue'}")
        else:
            subject += f", issue {short(number)} of {short(owner)}"
            waits = self._followed(verdict, record, row, number)
        return judged(self._window, LINE, item_id, record.performed_at, subject, verdict, waits)

    def _followed(self, verdict: Verdict, record: StoredRecord, row: Row, number: str) -> datetime | None:
        """Whether it was closed in time; until when that is not known yet."""
        zone = self._window.programme.timezone
        due = end_of(row.get("due"), zone)
        closed = _closed(record, row)
        later = [one for one in self._every if one.performed_at > record.performed_at]
        told: list[StoredRecord] = []
        for one in later:
            for said in rows_of(one.values, "issues"):
                if str(said.get("issue") or "").strip().casefold() != number.casefold():
                    continue
                told.append(one)
                verdict.used(one.digest)
                new = end_of(said.get("due"), zone)
                if new is not None and (due is None or new < due or said.get("extended_by")):
                    due = new
                closed = closed or _closed(one, said)
        if due is None:
            verdict.doubts("by when it is to be closed: it has no target day")
            return None
        day = format_instant(due)
        if closed is not None and closed < due:
            verdict.holds(f"closed at {format_instant(closed)}, by {day}")
            return None
        if closed is not None:
            verdict.fails(ISSUE_OVERDUE, f"closed only at {format_instant(closed)}, not by {day}")
            return None
        if self._window.as_of < due:
            verdict.holds(f"open until {day}")
            return due
        return self._still_open(verdict, due, [one for one in later if one.performed_at >= due], told)

    def _still_open(
        self, verdict: Verdict, due: datetime, after: list[StoredRecord], told: list[StoredRecord]
    ) -> datetime | None:
        """What the sign-offs after its target day say of an issue that none of them calls closed."""
        day = format_instant(due)
        if any(one in told for one in after):
            verdict.fails(ISSUE_OVERDUE, f"not closed by {day}")
            return None
        next_one = due + _A_MONTH + timedelta(days=DUE_DAYS + GRACE_DAYS)
        if not after and self._window.as_of <= next_one:
            verdict.holds(f"to be closed by {day}, which the next sign-off will tell")
            return next_one
        why = "later sign-offs do not mention it" if after else "no later sign-off tells"
        verdict.doubts(f"whether it was closed by {day}: {why}")
        return None


def _closed(record: StoredRecord, row: Row) -> datetime | None:
    at = instant_of(row, "closed_at")
    if at is None or at > record.recorded_at:
        return None
    return at if record.recorded_at - at <= BACKDATING else record.recorded_at
