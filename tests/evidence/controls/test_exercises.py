"""CC7-IRX-01 and CC7-TEST-01: exercises of the incident plan, drills of detection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls import detection_drills, incident_exercise
from evidence.controls.model import TestWindow
from schemas.aws_detection import ALERTS
from schemas.outcome import Outcome
from tests.evidence.controls.people_records import DAY, END, HOSTILE, HOUR, LATER, asked, by_item, day, record
from tests.evidence.controls.test_alert_triage import alert as finding
from tests.fakes.memory_evidence import MemoryEvidence

Row = dict[str, Any]
RULES = {"exercise_roles": ["Incident lead", "Communications", "Engineering"]}
OLD = "2026-01-10"


def made(rules: Row = RULES, **more: Any) -> TestWindow:
    return asked("CC7-IRX-01", rules=rules, **more)


def roles(**held: str) -> list[Row]:
    people = {"lead": "alice", "communications": "bob", "engineering": "bob", **held}
    words = {"lead": "incident  LEAD", "communications": "Communications", "engineering": "Engineering"}
    return [{"role": words[role], "person": f"{name}@acme.example"} for role, name in people.items() if name]


def exercise(**more: Any) -> Row:
    return {"scenario": "Ransom", "participants": roles(), "plan_version": "2", "actions": [], "real_incident": None,
            "led_by": "alice@acme.example", **more}  # fmt: skip


def one(*told: tuple[str, Row], window: TestWindow | None = None) -> Outcome:
    evidence, window = MemoryEvidence(), window or made()
    for at, values in told:
        record(evidence, window, "exercise", "incident_exercise", day(at), values)
    return by_item(incident_exercise.plan_exercised(window, evidence), incident_exercise.CODES)["exercise"]


def test_in_order() -> None:
    found = one((OLD, exercise()))
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation
    assert "OPS-1 stands in" in one((OLD, exercise(real_incident="OPS-1"))).explanation


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([], ("EXERCISE_LAPSED",)),
        ([("2025-06-01", exercise())], ("EXERCISE_LAPSED",)),
        ([(OLD, exercise(participants=roles(communications="")))], ("ROLE_ABSENT",)),
        ([(OLD, exercise(participants=None))], ("ROLE_ABSENT",)),
        # One person in every role, also by an old address.
        ([(OLD, exercise(participants=roles(lead="bob")))], ("ROLE_ABSENT",)),
        ([(OLD, exercise(participants=roles(lead="bob.old")))], ("ROLE_ABSENT",)),
        ([(OLD, exercise(actions=[{"id": "A", "text": HOSTILE, "owner": "x", "due": "2026-06-01"}]))],
         ("ACTION_OVERDUE",)),
        # The roles took part last year alone, which is over in July.
        ([("2025-06-01", exercise()), ("2026-05-01", exercise(participants=[]))], ("ROLE_ABSENT",)),
        ([("2025-12-01", exercise(participants=[])), ("2026-05-01", exercise())], ("ROLE_ABSENT",)),
    ],
)  # fmt: skip
def test_what_is_wrong(told: Sequence[tuple[str, Row]], codes: tuple[str, ...]) -> None:
    found = one(*told)
    assert (found.outcome, found.codes) == ("exception", codes), found.explanation


def test_a_small_exercise_beside_a_whole_one() -> None:
    assert one((OLD, exercise()), ("2026-05-01", exercise(participants=[]))).outcome == "pass"


def test_two_in_a_role() -> None:
    both = [*roles(lead="bob"), {"role": "Incident lead", "person": "carol@acme.example"}]
    assert one((OLD, exercise(participants=both))).outcome == "pass"


def test_what_nobody_can_say() -> None:
    assert one((OLD, exercise()), window=made({})).outcome == "unknown"
    assert one(("2026-06-01", exercise())).outcome == "unknown"
    assert one(window=made(as_of=day("2026-06-10"))).resolves_at == END


# --- drills

SOURCE = "alerts:aws:111122223333"
QUARTER = (day("2026-07-01", 0), day("2026-10-01", 0))
AT = day("2026-08-05", 10)  # a Wednesday


def drilling(as_of: datetime = LATER, **more: Any) -> TestWindow:
    return asked("CC7-TEST-01", SOURCE, start=QUARTER[0], end=QUARTER[1], window_id="2026-Q3", as_of=as_of, **more)


def drill(at: datetime = AT, **more: Any) -> Row:
    def told(after: timedelta) -> str:
        return f"{at + after:%Y-%m-%dT%H:%M:%SZ}"

    return {
        "trigger": "CreateSampleFindings", "triggered_at": told(0 * HOUR), "alert_id": "finding-0001",
        "alerted_at": told(HOUR / 2), "ticket": "OPS-7", "acknowledged_at": told(3 * HOUR),
        "acknowledged_by": "bob@acme.example", "told_beforehand": False, "observer": "alice@acme.example", **more,
    }  # fmt: skip


def alert(at: datetime = AT + HOUR / 2, alert_id: str = "finding-0001") -> Row:
    return finding(alert_id, at, sample=True)


def drilled(*told: Row | tuple[datetime, Row], alerts: Sequence[Row] | None = None, held: bool = True,
            window: TestWindow | None = None, **more: Any) -> Outcome:  # fmt: skip
    evidence, window = MemoryEvidence(), window or drilling()
    for values in told:
        at, row = values if isinstance(values, tuple) else (AT, values)
        record(evidence, window, "drill", "detection_drill", at, row, **more)
    evidence.store(ALERTS, SOURCE, [alert()] if alerts is None else alerts)
    if held:
        evidence.claim(ALERTS, SOURCE, QUARTER[0] - 30 * DAY, QUARTER[1] + 60 * DAY)
    return by_item(detection_drills.detection_tested(window, evidence), detection_drills.CODES)[f"drill:{SOURCE}"]


def test_a_drill_in_order() -> None:
    found = drilled(drill())
    assert (found.outcome, found.codes, found.event_time) == ("pass", (), AT), found.explanation
    assert len(found.evidence) == 2


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([], ("DRILL_MISSING",)),
        ([drill(alert_id=None, alerted_at=None)], ("NO_ALERT",)),
        ([drill(ticket=None)], ("NO_TICKET",)),
        ([drill(acknowledged_at=None)], ("SLOW",)),
        ([drill(acknowledged_at="2026-08-07T00:00:00Z")], ("SLOW",)),  # more than a business day
        ([drill(told_beforehand=True)], ("DRILL_MISSING",)),
        ([drill(acknowledged_by="alice.old@acme.example")], ("DRILL_MISSING",)),
        ([drill(ticket=None, acknowledged_at=None, trigger=HOSTILE)], ("NO_TICKET", "SLOW")),
        ([(day("2026-10-15"), drill(day("2026-10-15")))], ("DRILL_MISSING",)),  # of the next quarter
        ([(day("2026-06-15"), drill(day("2026-06-15")))], ("DRILL_MISSING",)),
    ],
)  # fmt: skip
def test_drills_that_fail(told: Sequence[Any], codes: tuple[str, ...]) -> None:
    found = drilled(*told)
    assert (found.outcome, found.codes) == ("exception", codes), found.explanation


def test_when_the_alert_came_is_told_by_its_source() -> None:
    late = AT + HOUR + timedelta(seconds=1)
    assert drilled(drill(), alerts=[alert(late)]).codes == ("SLOW",)
    assert drilled(drill(), alerts=[alert(AT + HOUR)]).outcome == "pass"
    lagging = drilling(rules={"drill_alert_hours": 6})
    assert drilled(drill(), alerts=[alert(late)], window=lagging).outcome == "pass"
    assert drilled(drill(), alerts=[alert(AT - HOUR / 2)]).outcome == "unknown"


@pytest.mark.parametrize(
    "found",
    [
        drilled(drill(), alerts=[]),
        drilled(drill(), alerts=[], held=False),
        drilled(drill(alert_id=None)),
        drilled(drill(told_beforehand=None)),
        drilled(drill(acknowledged_by=None)),
        drilled(drill(acknowledged_by="stranger@acme.example")),
    ],
)
def test_drills_nobody_can_judge(found: Outcome) -> None:
    assert (found.outcome, found.codes) == ("unknown", ()), found.explanation


def test_a_drill_that_was_repeated() -> None:
    found = drilled((AT - 5 * DAY, drill(AT - 5 * DAY, alert_id=None, alerted_at=None)), drill())
    assert (found.outcome, found.codes) == ("pass", ())
    assert "NO_ALERT" in found.explanation


def test_after_the_quarter_within_the_grace() -> None:
    at = day("2026-10-14")
    told = alert(at + HOUR / 2)
    assert drilled((at, drill(at)), alerts=[told], for_window="2026-Q3").outcome == "pass"
    late = day("2026-10-15")
    assert drilled((late, drill(late)), alerts=[alert(late)], for_window="2026-Q3").codes == ("DRILL_MISSING",)
    strict = drilling(programme={"controls": {"CC7-TEST-01": {"grace_days": 0}}})
    assert drilled((at, drill(at)), alerts=[told], for_window="2026-Q3", window=strict).codes == ("DRILL_MISSING",)


def test_what_a_running_quarter_waits_for() -> None:
    now = drilling(as_of=day("2026-08-06"))
    assert drilled(window=now).resolves_at == QUARTER[1] + 14 * DAY
    assert drilled(drill(ticket=None), window=now).outcome == "pending"
    waiting = drilled(drill(acknowledged_at=None), window=now)
    assert (waiting.outcome, waiting.resolves_at) == ("pending", day("2026-08-07", 0))
