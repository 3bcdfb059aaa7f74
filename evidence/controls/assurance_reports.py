"""CC9-SUB-01: reports of subservice organisations cover the observation period, are bridged, and were read.

The population are the subservice organisations of the vendor register, one row each, judged over the whole period:

- COVERAGE_HOLE         days of the period that neither a report nor a bridge letter covers; the words say which
- QUALIFIED_UNASSESSED  an opinion that is not unqualified, or an exception, and nobody wrote what it means
- DUTY_UNMAPPED         something the report expects of its customers maps to no control in scope and is not explained
- REVIEW_LATE           a report was read later than the days allowed after its arrival (`assurance_review_days`)

Decisions where the rule leaves room:

- A report is told by the digest of its text; of several records of one the latest says what it is, the earliest when it
  was read. Reports whose time and letters lie outside the window are not judged.
- Reports of a type 2, and those of SOC 1 and SOC 3, cover their days. A certificate (ISO 27001, PCI DSS) covers its
  days too, which is weaker evidence, and the words say so. A report of type 1 speaks of one day and covers none.
  Whether any other kind covers its days is unknown.
- A letter bridges only what adjoins the time of a report, directly or through other letters. Letters of more than three
  months are taken and named. Neither report nor letter tells of days after it was read, only certificates do.
- The last days of the period may stay open (`assurance_tail_days`, none unless the programme states some).
- Letters for the last months come when they are over: holes are pending until the line's grace after the window.
- No duties recorded at all is unknown: a report that names none is recorded with one row that says so.
- A control is in scope where the programme has not switched it off and examines its category.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.completeness.coverage import Span, intersect, merge, overlaps, subtract
from evidence.completeness.instants import instant, ticks
from evidence.completeness.local_time import midnight, zone
from evidence.controls.currency import rule_of
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import days_of, instant_of, judged, recorded, rows_of, short
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "review"
COVERAGE_HOLE = "COVERAGE_HOLE"
QUALIFIED_UNASSESSED = "QUALIFIED_UNASSESSED"
DUTY_UNMAPPED = "DUTY_UNMAPPED"
REVIEW_LATE = "REVIEW_LATE"
CODES = (COVERAGE_HOLE, QUALIFIED_UNASSESSED, DUTY_UNMAPPED, REVIEW_LATE)

COVERING = frozenset({"soc2_type2", "soc1_type2", "soc3"})
CERTIFICATES = frozenset({"iso27001", "pci_dss"})
POINT_IN_TIME = frozenset({"soc2_type1"})
CUSTOMARY = timedelta(days=93)
"""Three months, the longest that a bridge letter covers by custom."""
_CATEGORIES = {"A1": "availability", "C1": "confidentiality"}


@dataclass(frozen=True, slots=True)
class Report:
    """One report as the records have it."""

    record: StoredRecord
    """The latest."""
    first_read: datetime
    span: tuple[datetime, datetime] | None
    letters: tuple[tuple[datetime, datetime], ...]
    digests: tuple[str, ...]

    @property
    def kind(self) -> str:
        return str(self.record.values.get("report_type"))

    @property
    def words(self) -> str:
        days = f"{self.record.values.get('period_from')} to {self.record.values.get('period_to')}"
        return f"the report {self.kind} of {short(self.record.values.get('auditor'))} for {days}"


def reports_bridged(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one subservice organisation."""
    verdict = Verdict()
    reports = [
        report for report in _reports(window, recorded(window, evidence, LINE, "assurance_report"), verdict)
        if report.span is None or _touches(window, [report.span, *report.letters])
    ]  # fmt: skip
    waits = _covered(window, reports, verdict)
    for report in reports:
        verdict.used(*report.digests)
        _opinion(report, verdict)
        _duties(window, report, verdict)
        _read_in_time(window, report, verdict)
    item = f"provider:{window.scope_item_id}"
    return [judged(window, LINE, item, window.start, f"Provider {short(window.scope_item)}", verdict, waits)]


def _reports(window: TestWindow, records: Iterable[StoredRecord], verdict: Verdict) -> Iterator[Report]:
    tz = window.programme.timezone
    by_text: dict[str, list[StoredRecord]] = {}
    for record in records:
        by_text.setdefault(str(record.values.get("report_sha256") or record.digest), []).append(record)
    for told in by_text.values():
        latest = max(told, key=lambda one: (one.recorded_at, one.seq))
        span = days_of(latest.values, "period_from", "period_to", tz)
        if span is None:
            verdict.doubts("which days a report covers: its record does not say so")
        letters: list[tuple[datetime, datetime]] = []
        for row in rows_of(latest.values, "bridge_letters"):
            bridged = days_of(row, "from", "to", tz)
            if bridged is None:
                verdict.doubts("which days a bridge letter covers: its record does not say so")
            else:
                letters.append(bridged)
        first = min(record.performed_at for record in told)
        yield Report(latest, first, span, tuple(letters), tuple(dict.fromkeys(one.digest for one in told)))


def _touches(window: TestWindow, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(start < window.end and window.start < end for start, end in spans)


# --- coverage ---------------------------------------------------------------------------------------------------------


def _covered(window: TestWindow, reports: Sequence[Report], verdict: Verdict) -> datetime | None:
    required = _required(window)
    if not required:
        verdict.holds("the whole time lies in the tail that the programme leaves open")
        return None
    strong = _spans(reports, COVERING)
    certified = _spans(reports, CERTIFICATES)
    letters = [
        (ticks(start), ticks(min(end, report.record.performed_at)))
        for report in reports
        for start, end in report.letters
    ]
    covered = _bridged([*strong, *certified], letters)
    holes = subtract(required, covered)
    due = window.end + timedelta(days=rule_of(window, LINE).grace_days)
    if holes and subtract(required, _bridged([*strong, *certified, *_other(reports)], letters)) != holes:
        verdict.doubts(f"whether {_days(window, holes)} is covered: only a report of another kind speaks of it")
        return None
    if holes and window.as_of < due:
        verdict.holds(f"{_days(window, holes)} is not covered yet")
        return due
    if holes:
        verdict.fails(COVERAGE_HOLE, f"no report and no bridge letter covers {_days(window, holes)}")
    elif subtract(required, _bridged(strong, letters)):
        verdict.holds("the whole time is covered, in part by a certificate alone, which is weaker than a report")
    else:
        verdict.holds("reports and bridge letters cover the whole time")
    long = [letter for report in reports for letter in report.letters if letter[1] - letter[0] > CUSTOMARY]
    if long:
        verdict.holds(f"{len(long)} bridge letter is longer than the customary three months")
    return None


def _required(window: TestWindow) -> list[Span]:
    tz = window.programme.timezone
    tail = timedelta(days=window.programme.evidence_rules.assurance_tail_days)
    end = midnight(window.end.astimezone(zone(tz)).date() - tail, tz) if tail else ticks(window.end)
    return merge([(ticks(window.start), end)])


def _spans(reports: Sequence[Report], kinds: frozenset[str]) -> list[Span]:
    """The days of reports, but for those to come when they were read; a certificate speaks of these too."""
    return [
        (ticks(start), ticks(end if report.kind in CERTIFICATES else min(end, report.record.performed_at)))
        for report in reports
        if report.kind in kinds and report.span is not None
        for start, end in [report.span]
    ]


def _other(reports: Sequence[Report]) -> list[Span]:
    known = COVERING | CERTIFICATES | POINT_IN_TIME
    return _spans(reports, frozenset(report.kind for report in reports) - known)


def _bridged(reports: Iterable[Span], letters: Iterable[Span]) -> list[Span]:
    """The union, without letters that adjoin no report."""
    held = merge(reports)
    return [(low, high) for low, high in merge([*held, *letters]) if overlaps(held, low, high)]


def _days(window: TestWindow, holes: Sequence[Span]) -> str:
    """The days of holes, both inclusive, local."""
    where = zone(window.programme.timezone)
    told = [
        f"{instant(low).astimezone(where):%Y-%m-%d} to {instant(high - 1).astimezone(where):%Y-%m-%d}"
        for low, high in intersect(holes, [(ticks(window.start), ticks(window.end))])
    ]
    return " and ".join(told)


# --- what was read ----------------------------------------------------------------------------------------------------


def _opinion(report: Report, verdict: Verdict) -> None:
    values = report.record.values
    opinion = str(values.get("opinion") or "")
    plain = opinion == "unqualified" or (opinion == "none" and report.kind in CERTIFICATES | {"other"})
    unread = [row for row in rows_of(values, "exceptions") if not row.get("effect")]
    if not plain and not values.get("opinion_effect"):
        words = f"{report.words} has the opinion {opinion or 'nobody wrote down'}, and nobody wrote what that means"
        verdict.fails(QUALIFIED_UNASSESSED, words)
    if unread:
        first = short(unread[0].get("text"))
        words = f"of {report.words} nobody wrote what {len(unread)} exception(s) mean, the first being {first!r}"
        verdict.fails(QUALIFIED_UNASSESSED, words)


def _duties(window: TestWindow, report: Report, verdict: Verdict) -> None:
    duties = rows_of(report.record.values, "user_entity_controls")
    if not duties:
        if report.kind not in CERTIFICATES:
            verdict.doubts(
                f"what {report.words} expects of its customers: no duty is recorded, not even that it has none"
            )
        return
    for row in duties:
        named = [str(control) for control in row.get("controls") or ()]
        if any(_in_scope(window, control) for control in named) or row.get("not_needed"):
            continue
        why = f"maps to {', '.join(named)}, which is not in scope" if named else "maps to no control"
        verdict.fails(DUTY_UNMAPPED, f"the duty {short(row.get('duty'))!r} of {report.words} {why}")


def _in_scope(window: TestWindow, control_id: str) -> bool:
    override = window.programme.controls.get(control_id)
    if override is not None and not override.enabled:
        return False
    category = _CATEGORIES.get(control_id.partition("-")[0], "security")
    return category in window.programme.categories


def _read_in_time(window: TestWindow, report: Report, verdict: Verdict) -> None:
    allowed = window.programme.evidence_rules.assurance_review_days
    received = instant_of(report.record.values, "received_at")
    read = format_instant(report.first_read)
    if received is None:
        verdict.doubts(f"whether {report.words} was read in time: its record does not say when it arrived")
    elif received > report.first_read:
        verdict.doubts(f"when {report.words} was read: by its record before it arrived")
    elif report.first_read > received + timedelta(days=allowed):
        words = f"{report.words} arrived at {format_instant(received)} and was read at {read}"
        verdict.fails(REVIEW_LATE, f"{words}, later than {allowed} days")
    else:
        verdict.holds(f"{report.words} was read at {read}")
