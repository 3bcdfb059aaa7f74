"""CC7-TEST-01: once a quarter something is set off on purpose, and the alert arrives.

One row for each source of alerts and quarter:

- DRILL_MISSING  nobody recorded a drill of the quarter, or whoever took the alert on knew of it beforehand
- NO_ALERT       no alert came
- SLOW           the alert came later than the hours allowed (`drill_alert_hours`), or nobody took it on within the
                 business days that an alert of high severity has (`alert_high_business_days`)
- NO_TICKET      no ticket was opened

Decisions where the rule leaves room:

- A drill belongs to the quarter its record names, else to that in which it was performed; performed within the line's
  grace after the quarter it still counts.
- Of several drills of a quarter the best counts, and the words tell of the others: a drill that failed and was repeated
  is how it should be.
- When the alert came is what the source says of the alert of that id, where it is stored. An alert that is not among
  the stored ones makes the drill unknown.
- Who watched the drill knew its time, so an alert that the observer took on shows nothing.
- Business days are those of the office `default`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evidence.completeness.windows import window_id_of
from evidence.controls.alert_sources import SOURCES, alerts_of
from evidence.controls.business_days import BusinessDays
from evidence.controls.currency import told
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import Persons, instant_of, judged, short
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "drill"
NO_ALERT = "NO_ALERT"
SLOW = "SLOW"
NO_TICKET = "NO_TICKET"
DRILL_MISSING = "DRILL_MISSING"
CODES = (NO_ALERT, SLOW, NO_TICKET, DRILL_MISSING)

GRACE_DAYS = 14
"""Of the line in the catalogue."""
_SEEN_FOR = timedelta(days=7)
"""How long after its trigger an alert is looked for among the stored ones."""


@dataclass(slots=True)
class _Drill:
    record: StoredRecord
    verdict: Verdict
    waits: datetime | None

    @property
    def rank(self) -> tuple[int, int, int]:
        return len(self.verdict.codes), len(self.verdict.unsure), int(self.waits is not None)


def detection_tested(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one source of alerts and quarter."""
    until = window.end + timedelta(days=_grace(window))
    drills = [_judge(window, evidence, record) for record in _records(window, evidence, until)]
    item, subject = f"drill:{window.scope_item_id}", f"Drill of {short(window.scope_item)} in {window.window_id}"
    best = min(drills, key=lambda drill: drill.rank, default=None)
    if best is None or best.verdict.codes:
        verdict = Verdict() if best is None else best.verdict
        if window.as_of < until:
            failed = Verdict(right=[*verdict.wrong, "no drill has passed yet"], digests=verdict.digests)
            return [judged(window, LINE, item, window.start, subject, failed, until)]
        if best is None:
            verdict.fails(DRILL_MISSING, "nobody has recorded one")
            return [judged(window, LINE, item, window.start, subject, verdict)]
    assert best is not None
    others = [drill for drill in drills if drill is not best]
    for drill in others:
        best.verdict.used(*drill.verdict.digests)
        result = ", ".join(drill.verdict.codes) or "with the same result"
        best.verdict.holds(f"another one of {format_instant(drill.record.performed_at)} ended {result}")
    return [judged(window, LINE, item, best.record.performed_at, subject, best.verdict, best.waits)]


def _grace(window: TestWindow) -> int:
    override = window.programme.controls.get(window.control_id)
    line = None if override is None else override.evidence.get(LINE)
    for own in (None if line is None else line.grace_days, None if override is None else override.grace_days):
        if own is not None:
            return own
    return GRACE_DAYS


def _records(window: TestWindow, evidence: StoredEvidence, until: datetime) -> list[StoredRecord]:
    zone = window.programme.timezone
    found = told(window, evidence.records(window.control_id, LINE, window.scope_item_id), "detection_drill")
    return [
        record
        for record in sorted(found, key=lambda one: (one.performed_at, one.seq))
        if (record.for_window or window_id_of(record.performed_at, "quarterly", zone)) == window.window_id
        and window.start <= record.performed_at < until
    ]


def _judge(window: TestWindow, evidence: StoredEvidence, record: StoredRecord) -> _Drill:
    verdict, values, waits = Verdict(), record.values, None
    verdict.used(record.digest)
    triggered = instant_of(values, "triggered_at") or record.performed_at
    trigger = f"{short(values.get('trigger'))!r} of {format_instant(triggered)}"
    alerted = _alerted(window, evidence, record, triggered, verdict)
    if alerted is None:
        verdict.fails(NO_ALERT, f"after {trigger} no alert came")
        return _Drill(record, verdict, None)
    allowed = timedelta(hours=window.programme.evidence_rules.drill_alert_hours)
    if alerted < triggered:
        verdict.doubts(f"whether the alert of {format_instant(alerted)} is that of {trigger}, which came later")
    elif alerted - triggered > allowed:
        verdict.fails(SLOW, f"after {trigger} the alert came only at {format_instant(alerted)}")
    else:
        verdict.holds(f"after {trigger} the alert came at {format_instant(alerted)}")
    if not values.get("ticket"):
        verdict.fails(NO_TICKET, f"no ticket was opened for {trigger}")
    else:
        verdict.holds(f"ticket {short(values['ticket'])}")
    waits = _taken_on(window, record, alerted, verdict)
    return _Drill(record, verdict, waits)


def _taken_on(window: TestWindow, record: StoredRecord, alerted: datetime, verdict: Verdict) -> datetime | None:
    values = record.values
    taken, by = instant_of(values, "acknowledged_at"), str(values.get("acknowledged_by") or "")
    observer = str(values.get("observer") or record.signed_by or "")
    days = window.programme.evidence_rules.alert_high_business_days
    due = BusinessDays.of(window.programme, dict(window.registers)).of_person(None).deadline(alerted, days)
    if taken is None:
        if window.as_of < due.at:
            return due.at
        verdict.fails(SLOW, f"nobody took the alert on by {due.words}")
        return None
    if taken >= due.at:
        verdict.fails(SLOW, f"it was taken on only at {format_instant(taken)}, after {due.words}")
    same = Persons(window).same(by, observer, taken) if by and observer else None
    if values.get("told_beforehand") is True or same is True:
        verdict.fails(DRILL_MISSING, f"{short(by or 'who')} took it on and knew of it beforehand, which shows nothing")
    elif values.get("told_beforehand") is None or same is None:
        verdict.doubts(f"whether {short(by or 'who took it on')} knew of it beforehand")
    else:
        verdict.holds(f"{short(by)}, who was not told, took it on at {format_instant(taken)}")
    return None


def _alerted(
    window: TestWindow, evidence: StoredEvidence, record: StoredRecord, triggered: datetime, verdict: Verdict
) -> datetime | None:
    """When the alert came, by its source where it is stored; None where none came."""
    named, said = str(record.values.get("alert_id") or ""), instant_of(record.values, "alerted_at")
    if not named and said is None:
        return None
    system = next((part for part in window.scope_item_id.split(":")[:2] if part in SOURCES), None)
    until = min(triggered + _SEEN_FOR, window.as_of)
    if system is not None and named:
        asked = replace(window, start=triggered - timedelta(hours=1), end=until)
        for alert in alerts_of(asked, evidence, system):
            if named.casefold() in alert.names:
                verdict.used(*alert.digests)
                return alert.at
    if system is None or not named:
        verdict.doubts("whether the alert is stored: its record does not name it")
    elif evidence.covered(SOURCES[system][0], window.scope_item_id, triggered, until):
        verdict.doubts(f"whether alert {short(named)} came: it is not among the stored ones")
    else:
        verdict.doubts(f"whether alert {short(named)} came: not all alerts of the time are held")
    return said or triggered
