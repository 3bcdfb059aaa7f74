"""Currency in windows of tests, against the rule of completeness, and what people record of actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.completeness.currency import Currency
from evidence.completeness.instants import instant, ticks
from evidence.controls.currency import Standing, rule_of, standing
from evidence.controls.model import TestWindow
from evidence.controls.recorded import Persons, follow_actions, recorded
from evidence.controls.verdict import Verdict
from tests.evidence.controls.people_records import DAY, END, LATER, START, asked, day, record
from tests.fakes.memory_evidence import MemoryEvidence


def lapse(done: datetime, months: int, grace: int, tz: str = "UTC") -> datetime:
    return instant(Currency(tz, grace, 0, months).lapse(ticks(done)))


@pytest.mark.parametrize(
    ("done", "months", "grace", "until"),
    [
        ("2025-06-15", 12, 30, "2026-07-15"),
        ("2024-02-29", 12, 0, "2025-02-28"),
        ("2024-08-31", 6, 0, "2025-02-28"),
        ("2024-12-10", 24, 30, "2027-01-09"),
        ("2025-11-30", 1, 0, "2025-12-30"),
    ],
)  # fmt: skip
def test_when_it_runs_out(done: str, months: int, grace: int, until: str) -> None:
    assert lapse(day(done), months, grace) == day(until, 0)


def test_in_the_zone_of_the_programme() -> None:
    late = datetime(2025, 6, 15, 23, tzinfo=UTC)  # the 16th in Berlin
    assert lapse(late, 12, 0, "Europe/Berlin") == datetime(2026, 6, 15, 22, tzinfo=UTC)


def stands(made: TestWindow, done: Sequence[str], **more: Any) -> Standing:
    return standing(made, rule_of(made, "plan"), [day(one) for one in done], **more)


@pytest.mark.parametrize(
    ("done", "lapses", "first"),
    [
        (["2025-10-01"], [], None),
        (["2025-06-01"], [("2026-07-01", "2026-10-01")], None),
        (["2025-03-01", "2026-06-01"], [("2026-04-01", "2026-06-01")], None),
        (["2025-06-01", "2026-06-30"], [], None),
        (["2026-08-01"], [], "2026-08-01"),
        ([], [("2026-04-01", "2026-10-01")], None),
    ],
)  # fmt: skip
def test_a_whole_period(done: list[str], lapses: list[tuple[str, str]], first: str | None) -> None:
    found = stands(asked("CC9-BCP-01"), done)
    expected = [(day(low, 12 if low in done else 0), day(high, 12 if high in done else 0)) for low, high in lapses]
    assert (list(found.lapses), found.waits_until) == (expected, None)
    assert found.first == (None if first is None else day(first))


def test_what_is_still_open() -> None:
    now = day("2026-07-10")
    made = asked("CC9-BCP-01", as_of=now)
    assert stands(made, []).waits_until == END
    assert stands(made, ["2025-08-01"]).waits_until == day("2026-08-31", 0)
    assert stands(made, ["2025-09-15"]).waits_until is None
    # A window of the period that is over waits for the period: a first performance may still come.
    quarter = asked("CC9-VEN-01", end=day("2026-07-01", 0), as_of=now, window_id="2026-Q2")
    assert stands(quarter, []).waits_until == END
    came = stands(asked("CC9-VEN-01", end=day("2026-07-01", 0), window_id="2026-Q2"), ["2026-08-01"])
    assert (came.first, came.lapses, came.latest) == (day("2026-08-01"), (), None)


def test_time_that_was_not_asked_for() -> None:
    within = [(ticks(START), ticks(day("2026-05-01", 0))), (ticks(day("2026-09-01", 0)), ticks(END))]
    assert stands(asked("CC9-VEN-01"), ["2025-04-15"], within=within).lapses == ((day("2026-09-01", 0), END),)
    assert stands(asked("CC9-VEN-01"), [], within=[]) == Standing()


def test_the_grace_of_the_company() -> None:
    said = {"controls": {"CC9-BCP-01": {"grace_days": 5, "evidence": {"plan": {"grace_days": 0}}}}}
    made = asked("CC9-BCP-01", programme=said)
    assert (rule_of(made, "plan").grace_days, rule_of(made, "other").grace_days) == (0, 5)


def test_records_that_count() -> None:
    evidence, made = MemoryEvidence(), asked("CC9-BCP-01")
    at = day("2026-05-01")
    record(evidence, made, "plan", "continuity_plan", at, {"n": 2}, recorded_at=at + 10 * DAY)  # backdated
    record(evidence, made, "plan", "continuity_plan", at + 5 * DAY, {"n": 1})
    record(evidence, made, "plan", "continuity_plan", at + DAY, {"n": 3}, recorded_at=at)  # not happened yet
    record(evidence, made, "plan", "continuity_plan", LATER + DAY, {"n": 4})
    record(evidence, made, "plan", "note", at, {"n": 5})
    assert [one.values["n"] for one in recorded(made, evidence, "plan", "continuity_plan")] == [1, 2]


def action(**said: object) -> dict[str, object]:
    return {"id": "A1", "text": "Do", "owner": "bob@acme.example", "due": "2026-06-30", "done_at": None,
            "redated_by": None, **said}  # fmt: skip


HELD = day("2026-05-01")


@pytest.mark.parametrize(
    ("told", "overdue"),
    [
        ([(HELD, action())], True),
        ([(HELD, action(done_at="2026-05-01T11:00:00Z"))], False),
        ([(HELD, action()), (day("2026-06-30"), action(done_at="2026-06-30T10:00:00Z"))], False),
        ([(HELD, action()), (day("2026-07-01"), action(done_at="2026-07-01T00:00:00Z"))], True),
        # Said too late to be believed.
        ([(HELD, action()), (day("2026-07-20"), action(done_at="2026-06-20T00:00:00Z"))], True),
        # A later day needs somebody who decided on it.
        ([(HELD, action()), (day("2026-06-01"), action(due="2027-06-30"))], True),
        ([(HELD, action()), (day("2026-06-01"), action(due="2027-06-30", redated_by="carol@acme.example"))], False),
        # What a later record is silent of is still to be done.
        ([(HELD, action()), (day("2026-06-01"), action(id="A2", done_at="2026-06-01T00:00:00Z"))], True),
    ],
)  # fmt: skip
def test_actions_are_followed(told: list[tuple[datetime, dict[str, object]]], overdue: bool) -> None:
    evidence, made, verdict = MemoryEvidence(), asked("CC7-IRX-01"), Verdict()
    for at, row in told:
        record(evidence, made, "exercise", "incident_exercise", at, {"actions": [row]})
    follow_actions(made, verdict, "ACTION_OVERDUE", recorded(made, evidence, "exercise", "incident_exercise"))
    assert (verdict.codes == ["ACTION_OVERDUE"]) is overdue, verdict


def test_an_action_that_is_not_due_yet_is_awaited_inside_the_window() -> None:
    evidence, made, verdict = MemoryEvidence(), asked("CC7-IRX-01", as_of=day("2026-06-01")), Verdict()
    record(
        evidence, made, "exercise", "incident_exercise", HELD, {"actions": [action(), action(id="B", due="2027-01-01")]}
    )
    records = recorded(made, evidence, "exercise", "incident_exercise")
    assert follow_actions(made, verdict, "ACTION_OVERDUE", records) == day("2026-07-01", 0)
    assert verdict.codes == []


def test_persons() -> None:
    persons = Persons(asked("CC9-VEN-01"))
    at = day("2026-05-01")
    assert persons.same("alice@acme.example", "Alice.Old@acme.example", at) is True
    assert persons.same("alice@acme.example", "bob@acme.example", at) is False
    assert persons.same("alice@acme.example", "stranger@acme.example", at) is None
    assert persons.works_here("bob@acme.example", at) is True
    assert persons.works_here("bob@acme.example", day("2019-05-01")) is False
    assert persons.works_here("stranger@acme.example", at) is None
