"""CC4-PEN-01: somebody who does not build the product tested it within the year, and what they found was fixed.

Each product has a row for the test itself and one for every finding of the latest report:

- PENTEST_LAPSED   at some instant the latest report was more than twelve months and the grace days old
- SCOPE_GAP        the latest report does not name the product as tested
- FINDING_OVERDUE  a critical or high finding was not fixed within the days of the programme for findings of its
                   severity (`vulnerability_critical_days`, `vulnerability_high_days`) after the report, nor was
                   its risk accepted by then

Decisions where the rule leaves room:

- A report is recorded again when findings were fixed: the records with one digest are one report, of the time of the
  first. Where a repair was told more than 72 hours after it, and after the time for it, its date is unknown.
- An acceptance counts while it lasts; it names who accepted the risk and until when. One that ended without a repair
  leaves the finding overdue.
- A finding is told by the severity it had first. One that a later record of the report rates lower, or leaves out, is
  unknown: the letter of the tester has to show why.
- A repair that nobody tested again is unknown.
- Findings that are neither critical nor high have no limit.
- Whether the tester builds the product can't be seen from a name; a person looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.completeness.instants import instant, ticks
from evidence.completeness.local_time import local_wall, midnight
from evidence.controls.currency import of_the_period, rule_of, standing
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import instant_of, judged, rows_of, short
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from evidence.record import BACKDATING, StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "report"
PENTEST_LAPSED = "PENTEST_LAPSED"
SCOPE_GAP = "SCOPE_GAP"
FINDING_OVERDUE = "FINDING_OVERDUE"
CODES = (PENTEST_LAPSED, SCOPE_GAP, FINDING_OVERDUE)

_SERIOUS = ("critical", "high")
_RANK = ("informational", "low", "medium", "high", "critical")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Report:
    """One report with every record that was made of it, in the order in which the store heard of them."""

    records: tuple[StoredRecord, ...]

    @property
    def at(self) -> datetime:
        return min(record.performed_at for record in self.records)


def product_was_tested(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the test of one product and for what it found."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        records = of_the_period(
            window, evidence.records(window.control_id, LINE, window.scope_item_id), "penetration_test"
        )
        by_report: dict[str, list[StoredRecord]] = {}
        for record in sorted(records, key=lambda one: (one.recorded_at, one.seq)):
            by_report.setdefault(str(record.values["report_sha256"]).casefold(), []).append(record)
        self._reports = sorted((_Report(tuple(found)) for found in by_report.values()), key=lambda one: one.at)

    def outcomes(self) -> Iterator[Outcome]:
        window, verdict = self._window, Verdict()
        now = standing(window, rule_of(window, LINE), (report.at for report in self._reports))
        known = [report for report in self._reports if report.at < min(window.end, window.as_of)]
        if now.due is None:
            now.tell(verdict, PENTEST_LAPSED, "test")
        for report in known[-1:]:
            self._scope(verdict, report)
        if now.due is not None:
            verdict.holds("no test is on record yet")
        subject = f"penetration test of {window.scope_item[:120]}"
        yield judged(window, LINE, f"test:{window.scope_item_id}", window.start, subject, verdict, now.due)
        for report in known[-1:]:
            yield from self._findings(report)

    def _scope(self, verdict: Verdict, report: _Report) -> None:
        latest = report.records[-1]
        verdict.used(*(record.digest for record in report.records))
        product = self._window.scope_item_id.removeprefix("product:")
        named = {slug(str(one).removeprefix("product:")) for one in latest.values["scope"] or ()}
        told = f"{short(latest.values['tester'])} reported at {format_instant(report.at)}"
        if product in named:
            verdict.holds(f"{told} on it")
        else:
            verdict.fails(SCOPE_GAP, f"{told} on {short(', '.join(latest.values['scope'] or ()))}, not on it")

    # --- findings -----------------------------------------------------------------------------------------------------

    def _findings(self, report: _Report) -> Iterator[Outcome]:
        told: dict[str, list[tuple[StoredRecord, Row]]] = {}
        for record in report.records:
            for row in rows_of(record.values, "findings"):
                told.setdefault(str(row["id"]).strip(), []).append((record, row))
        for number, (key, rows) in enumerate(told.items()):
            name = key if len(key) <= 80 else f"{key[:70]}#{number}"
            yield self._finding(report, name, rows)

    def _finding(self, report: _Report, name: str, rows: list[tuple[StoredRecord, Row]]) -> Outcome:
        window, verdict, waits = self._window, Verdict(), None
        verdict.used(*(record.digest for record, _ in rows))
        first, last = rows[0][1], rows[-1][1]
        severity = max((str(row["severity"]) for _, row in rows), key=_RANK.index)
        subject = f"finding {short(name)} ({severity}, {short(first.get('title') or 'without title')})"
        if severity not in _SERIOUS:
            verdict.holds("no limit for its repair")
        else:
            deadline = self._deadline(report.at, severity)
            if str(last["severity"]) not in _SERIOUS:
                verdict.doubts(f"why it became {last['severity']}")
            if rows[-1][0] is not report.records[-1]:
                verdict.doubts("what became of it: a later record of the report leaves it out")
            waits = self._repaired(verdict, rows, deadline)
        return judged(window, LINE, f"finding:{name}", report.at, subject, verdict, waits)

    def _repaired(
        self, verdict: Verdict, rows: list[tuple[StoredRecord, Row]], deadline: datetime
    ) -> datetime | None:  # fmt: skip
        """Whether it was fixed or accepted in time; until when it may still be."""
        fixed = _earliest(rows, "fixed_at")
        day = format_instant(deadline)
        accepted = self._accepted(rows)
        until = deadline
        for at, end in sorted(accepted):
            until = max(until, end) if at < until else until
        if fixed is not None and fixed < until:
            if _earliest(rows, "retested_at") is None:
                verdict.doubts(f"whether the repair of {format_instant(fixed)} works: nobody tested it again")
            verdict.holds(f"fixed at {format_instant(fixed)}, to be by {day}")
        elif (said := _earliest(rows, "fixed_at", as_said=True)) is not None and said < until:
            verdict.doubts(
                f"whether it was fixed at {format_instant(said)}, told only at {format_instant(fixed or said)}"
            )
        elif self._window.as_of < until:
            verdict.holds(f"to be fixed by {day}" if until == deadline else f"accepted until {format_instant(until)}")
            return until if until == deadline else None
        else:
            ended = "" if until == deadline else f"; its acceptance ended at {format_instant(until)}"
            when = "is not fixed" if fixed is None else f"was fixed only at {format_instant(fixed)}"
            verdict.fails(FINDING_OVERDUE, f"{when}, to be by {day}{ended}")
        return None

    def _accepted(self, rows: list[tuple[StoredRecord, Row]]) -> list[tuple[datetime, datetime]]:
        """From when to when its risk was accepted; an acceptance counts as told where that was much later."""
        found: list[tuple[datetime, datetime]] = []
        for record, row in rows:
            at, end = _told(record, row, "accepted_at"), end_of(row.get("expires"), self._window.programme.timezone)
            if at is not None and end is not None and row.get("accepted_by"):
                found.append((at, end))
        return found

    def _deadline(self, reported: datetime, severity: str) -> datetime:
        rules, zone = self._window.programme.evidence_rules, self._window.programme.timezone
        days = rules.vulnerability_critical_days if severity == "critical" else rules.vulnerability_high_days
        day = local_wall(ticks(reported), zone).date() + timedelta(days=days + 1)
        return instant(midnight(day, zone))


def _earliest(rows: list[tuple[StoredRecord, Row]], name: str, *, as_said: bool = False) -> datetime | None:
    found = [(_told(record, row, name), instant_of(row, name)) for record, row in rows]
    return min((said if as_said and said else at for at, said in found if at is not None), default=None)


def _told(record: StoredRecord, row: Row, name: str) -> datetime | None:
    """An instant of a row: as it says, or as it was told where that was more than 72 hours later."""
    at = instant_of(row, name)
    if at is None or at > record.recorded_at:
        return None
    return at if record.recorded_at - at <= BACKDATING else record.recorded_at
