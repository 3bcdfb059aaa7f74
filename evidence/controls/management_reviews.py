"""CC1-GOV-01: those who answer for the system meet every quarter, see what the evidence says, decide and follow up.

Each quarter has one row for its meeting, by the minutes that people recorded:

- MEETING_MISSING   no meeting of the quarter is on record, and the time for it is over
- MEETING_LATE      it was held more than the days of grace (14) after the quarter
- NO_INPUT_PACK     the minutes name no report that the meeting had before it, or one that was made only later
- NO_OVERSIGHT      fewer than two people were there, or none who watches over the controls without operating them
- FOLLOWUP_MISSING  an open decision of an earlier meeting has no status, or no note although its day was past

Decisions where the rule leaves room:

- Minutes count for the quarter that they name. Of several the first is the meeting; a decision is followed up by any.
- A report is known by its digest from the monthly sign-offs (CC4-MON-01), which name what they looked at and when. One
  that no sign-off names may have been made at any time: that is unknown.
- Two addresses of one person are one person. That two are not is known only where the register knows them.
- Who has an oversight role is believed as the minutes say it.
- A decision is open until minutes call it done or dropped. Its day is the latest one that minutes gave it.
- Minutes that came more than 72 hours after the meeting count from their arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.currency import told
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.periodic import deadline_of, of_the_window
from evidence.controls.recorded import Persons, judged, recorded, rows_of, short
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "minutes"
MEETING_MISSING = "MEETING_MISSING"
MEETING_LATE = "MEETING_LATE"
NO_INPUT_PACK = "NO_INPUT_PACK"
NO_OVERSIGHT = "NO_OVERSIGHT"
FOLLOWUP_MISSING = "FOLLOWUP_MISSING"
CODES = (MEETING_MISSING, MEETING_LATE, NO_INPUT_PACK, NO_OVERSIGHT, FOLLOWUP_MISSING)

DUE_DAYS, GRACE_DAYS = 0, 14
_LISTED = 5
"""Most decisions that a sentence names."""
Row = Mapping[str, Any]


@dataclass(slots=True)
class _Decision:
    id: str
    text: str
    due: datetime | None
    """End of its last day."""


def management_reviews(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of the meeting of a quarter."""
    return [_Test(window, evidence).outcome()]


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._persons = Persons(window)
        self._every = recorded(window, evidence, LINE, "minutes")
        self._mine = of_the_window(window, self._every)
        self._deadline = deadline_of(window, LINE, DUE_DAYS, GRACE_DAYS)
        signed = evidence.records("CC4-MON-01", "signoff", window.scope_item_id)
        self._reports: dict[str, datetime] = {}
        for record in told(window, signed, "sign_off"):
            digest = str(record.values.get("result_digest") or "")
            self._reports[digest] = min(record.performed_at, self._reports.get(digest, record.performed_at))

    def outcome(self) -> Outcome:
        window, verdict, waits = self._window, Verdict(), None
        if not self._mine:
            day = format_instant(self._deadline)
            if window.as_of > self._deadline:
                verdict.fails(MEETING_MISSING, f"no meeting is on record by {day}")
            else:
                waits = self._deadline
                verdict.holds(f"no meeting is on record yet, to be by {day}")
        else:
            self._meeting(verdict, self._mine[0])
        subject = f"management review of {window.window_id}"
        return judged(window, LINE, f"meeting:{window.window_id}", window.start, subject, verdict, waits)

    def _meeting(self, verdict: Verdict, minutes: StoredRecord) -> None:
        verdict.used(*(record.digest for record in self._mine))
        held = f"held at {format_instant(minutes.performed_at)}"
        if minutes.performed_at > self._deadline:
            verdict.fails(MEETING_LATE, f"{held}, after {format_instant(self._deadline)}")
        verdict.holds(held)
        self._pack(verdict, minutes)
        self._attended(verdict, minutes)
        self._followed_up(verdict, minutes)

    def _pack(self, verdict: Verdict, minutes: StoredRecord) -> None:
        digest = str(minutes.values.get("input_pack") or "").strip()
        if not digest:
            verdict.fails(NO_INPUT_PACK, "the minutes name no report that the meeting had before it")
            return
        made = self._reports.get(digest)
        if made is None:
            verdict.doubts(f"when the report {short(digest)[:24]} was made: no sign-off names it")
        elif made > minutes.claimed_at:
            verdict.fails(NO_INPUT_PACK, f"the report was signed off only at {format_instant(made)}")
        else:
            verdict.holds(f"with the report signed off at {format_instant(made)}")

    def _attended(self, verdict: Verdict, minutes: StoredRecord) -> None:
        rows = rows_of(minutes.values, "attendees")
        at = minutes.performed_at
        addresses = list(dict.fromkeys(str(row["person"]).strip().casefold() for row in rows))
        same = [self._persons.same(addresses[0], other, at) for other in addresses[1:]]
        if all(one is True for one in same):
            verdict.fails(NO_OVERSIGHT, "one person was there alone" if addresses else "the minutes name nobody")
        elif not any(one is False for one in same):
            verdict.doubts("whether those who were there are two persons: the register does not know them")
        watching = [row for row in rows if row.get("oversight") is True]
        if not watching:
            verdict.fails(NO_OVERSIGHT, "nobody was there who watches over the controls and does not operate them")
        else:
            verdict.holds(f"{len(addresses)} people, {short(watching[0]['person'])} watching over")

    # --- decisions ----------------------------------------------------------------------------------------------------

    def _followed_up(self, verdict: Verdict, minutes: StoredRecord) -> None:
        unsaid: list[str] = []
        unnoted: list[str] = []
        statuses = {
            _key(row): row for record in reversed(self._mine) for row in rows_of(record.values, "followups")
        }  # fmt: skip
        opened = list(self._open_before(minutes))
        for decision in opened:
            row = statuses.get(decision.id)
            if row is None or not row.get("status"):
                unsaid.append(decision.text)
            elif (
                decision.due is not None and decision.due <= minutes.performed_at and row["status"] != "done"
                and not str(row.get("note") or "").strip()
            ):  # fmt: skip
                unnoted.append(decision.text)
        for texts, words in ((unsaid, "has no status"), (unnoted, "is past its day without a note")):
            if texts:
                more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
                named = "; ".join(short(text)[:80] for text in texts[:_LISTED])
                verdict.fails(FOLLOWUP_MISSING, f"of earlier decisions {named}{more} {words}")
        if opened:
            verdict.holds(f"{len(opened)} earlier decisions followed up")

    def _open_before(self, minutes: StoredRecord) -> Iterator[_Decision]:
        """Decisions of earlier meetings that no earlier minutes call done or dropped."""
        zone = self._window.programme.timezone
        known: dict[str, _Decision] = {}
        for record in self._every:
            if record.performed_at >= minutes.performed_at or record in self._mine:
                continue
            for row in rows_of(record.values, "followups"):
                decision = known.get(_key(row))
                if decision is None:
                    continue
                if row.get("status") in ("done", "dropped"):
                    del known[decision.id]
                elif row.get("due"):
                    decision.due = end_of(row["due"], zone)
            for row in rows_of(record.values, "decisions"):
                known[_key(row)] = _Decision(_key(row), f"{row['id']} ({row['text']})", end_of(row.get("due"), zone))
        yield from known.values()


def _key(row: Row) -> str:
    return str(row["id"]).strip().casefold()
