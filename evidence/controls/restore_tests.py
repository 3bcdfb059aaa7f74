"""A1-DRT-01: backups are restored every year into a service that can be used, and somebody looks at the data.

One row for each service and period:

- RESTORE_LAPSED    at some instant the latest restore that ended in a usable service was older than 12 months and the
                    line's days of grace
- OBJECTIVE_MISSED  a restore missed its recovery time or point, or never ended, and no action was opened
- NOT_VERIFIED      nobody wrote how it was seen that the data are whole

Decisions where the rule leaves room:

- Judged are the restores of the window and the latest one before it.
- A recovery time is missed where the record says so, and where it took longer than the continuity plan in force allows
  (CC9-BCP-01), whatever the record says. Recovery points are taken from the record.
- That a restore during a real incident stands in is decided by recording it.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence.controls.continuity_plan import objectives
from evidence.controls.currency import rule_of, standing
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import instant_of, judged, recorded, rows_of, serving, short
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "test"
RESTORE_LAPSED = "RESTORE_LAPSED"
OBJECTIVE_MISSED = "OBJECTIVE_MISSED"
NOT_VERIFIED = "NOT_VERIFIED"
CODES = (RESTORE_LAPSED, OBJECTIVE_MISSED, NOT_VERIFIED)


def restores_tested(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one service."""
    verdict = Verdict()
    records = recorded(window, evidence, LINE, "restore_test")
    usable = [record.performed_at for record in records if instant_of(record.values, "usable_at") is not None]
    stands = standing(window, rule_of(window, LINE), usable)
    stands.tell(verdict, RESTORE_LAPSED, "restore into a usable service")
    if stands.latest is None:
        verdict.holds("no restore is on record")
    elif not stands.lapses:
        verdict.holds(f"restored at {format_instant(stands.latest)}")
    plans = [
        plan
        for organisation in window.in_scope("organisation")
        for plan in recorded(window, evidence, "plan", "continuity_plan", control_id="CC9-BCP-01", item=organisation)
    ]
    for record in serving(window, records):
        verdict.used(record.digest)
        _judge(window, record, plans, verdict)
    subject, item_id = f"Service {short(window.scope_item)}", f"restore:{window.scope_item_id}"
    return [judged(window, LINE, item_id, window.start, subject, verdict, stands.waits_until)]


def _judge(window: TestWindow, record: StoredRecord, plans: Sequence[StoredRecord], verdict: Verdict) -> None:
    values, told = record.values, f"the restore of {format_instant(record.performed_at)}"
    missed = _missed(window, record, plans, verdict)
    if missed and not rows_of(values, "actions"):
        verdict.fails(OBJECTIVE_MISSED, f"{told} {missed}, and no action was opened")
    elif missed:
        verdict.holds(f"{told} {missed}, and an action was opened")
    checks = [check for check in values.get("checks") or () if str(check).strip()]
    if not checks:
        verdict.fails(NOT_VERIFIED, f"nobody wrote how it was seen that the data of {told} are whole")
    else:
        verdict.holds(f"checked: {short(checks[0])}")


def _missed(window: TestWindow, record: StoredRecord, plans: Sequence[StoredRecord], verdict: Verdict) -> str:
    """What a restore missed, in words; empty where it met its objectives."""
    values = record.values
    started, usable = instant_of(values, "started_at"), instant_of(values, "usable_at")
    if usable is None:
        return "never ended in a usable service"
    in_force = [plan for plan in plans if plan.performed_at <= record.performed_at]
    target = objectives(in_force[-1]).get(window.scope_item_id) if in_force else None
    if started is not None and target is not None:
        hours = (usable - started).total_seconds() / 3600
        verdict.used(in_force[-1].digest)
        if hours > target[0]:
            return f"took {hours:.1f} hours, and the plan allows {target[0]:g}"
    missed = [words for name, words in (("rto_met", "time"), ("rpo_met", "point")) if values.get(name) is False]
    if missed:
        return f"missed its recovery {' and '.join(missed)}"
    if any(values.get(name) is None for name in ("rto_met", "rpo_met")):
        verdict.doubts(f"whether the restore of {format_instant(record.performed_at)} met its objectives")
    return ""
