"""CC7-DET-01: threat detection is on and somebody hears of it.

Each snapshot of a region of AWS is judged, detector by detector:

- DETECTOR_OFF        GuardDuty does not run in the region; a detector, standard or analyzer that was made there does
                      not run; a rule about findings is disabled
- NO_TARGET           a rule about findings, or an alarm, has no target, or an alarm's actions are switched off; or the
                      region has no rule about findings at all
- TARGET_UNCONFIRMED  it has targets, and none that anybody accepted

Decisions where the rule leaves room:

- Security Hub and Access Analyzer need not be on; where they are, what they consist of must run.
- Rules count that are about findings by their pattern (`FINDINGS`); others, such as schedules, are no detection.
- An alarm without actions that a composite alarm looks at reports through that one.
- Findings can be sent on from another account or region, which a region's own snapshot does not show: then a person
  disposes of NO_TARGET and says where.
- Rules of Google Workspace are collected and not judged yet: that is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws_detection import DETECTORS
from schemas.outcome import Outcome

LINE = "detectors"
DETECTOR_OFF = "DETECTOR_OFF"
NO_TARGET = "NO_TARGET"
TARGET_UNCONFIRMED = "TARGET_UNCONFIRMED"
CODES = (DETECTOR_OFF, NO_TARGET, TARGET_UNCONFIRMED)

FINDINGS = ("aws.guardduty", "aws.securityhub", "aws.inspector2", "aws.access-analyzer", "aws.macie")
"""Sources of events that are findings, as patterns of rules name them."""

_RUNNING = ("guardduty", "guardduty_member", "securityhub_standard", "access_analyzer")
_NOT_ENABLED = "not_enabled"

Row = Mapping[str, Any]


def detection_delivers(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the detectors of a region of AWS, its rules about findings and its alarms."""
    if not window.scope_item_id.startswith("aws:"):
        return [window_unknown(window, LINE, "alert rules of Google Workspace are not judged yet.")]
    stretches = Stretches(window, LINE)
    for observed_at, rows, digest in evidence.snapshots(DETECTORS, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, dict(_judged(rows, window.scope_item_id)))
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of detectors is held.")]
    return list(stretches.outcomes())


def _judged(rows: Sequence[Row], scope_item_id: str) -> Iterator[tuple[str, Seen]]:
    composites = [str(row["watches"] or "") for row in rows if row["kind"] == "cloudwatch_alarm"]
    about_findings = False
    for row in rows:
        kind, item = row["kind"], str(row["detector_id"])
        if kind in _RUNNING and (kind == "guardduty" or row["status"] != _NOT_ENABLED):
            yield item, _running(row)
        elif kind == "event_rule" and _is_about_findings(row):
            about_findings = True
            if row["enabled"]:
                yield item, _delivering(row, f"Rule {row['name']}")
            else:
                yield item, Seen(f"Rule {row['name']}", "about findings, and disabled", (DETECTOR_OFF,))
        elif kind == "cloudwatch_alarm":
            yield item, _alarm(row, composites)
    label = f"Findings of {scope_item_id.rpartition(':')[2]}"
    if about_findings:
        yield f"{scope_item_id}:findings", Seen(label, "some rule is about them")
    else:
        yield f"{scope_item_id}:findings", Seen(label, "no rule of EventBridge sends them anywhere", (NO_TARGET,))


def _running(row: Row) -> Seen:
    label = f"{row['kind']} {row['name'] or ''}".strip()
    return Seen(label, "runs") if row["enabled"] else Seen(label, f"does not run ({row['status']})", (DETECTOR_OFF,))


def _alarm(row: Row, composites: Sequence[str]) -> Seen:
    label = f"Alarm {row['name']}"
    if row["targets"] and not row["enabled"]:
        return Seen(label, "its actions are switched off", (NO_TARGET,))
    if not row["targets"] and any(f'ALARM("{row["name"]}")' in text or row["arn"] in text for text in composites):
        return Seen(label, "reports through a composite alarm")
    return _delivering(row, label)


def _delivering(row: Row, label: str) -> Seen:
    if not row["targets"]:
        return Seen(label, "has no target", (NO_TARGET,))
    if row["delivers"]:
        return Seen(label, "delivers to somebody")
    return Seen(label, "has targets, and nobody accepted any of them", (TARGET_UNCONFIRMED,))


def _is_about_findings(row: Row) -> bool:
    pattern = str(row["watches"] or "")
    return any(f'"{source}"' in pattern for source in FINDINGS)
