"""CC1-TRN-01: each code planted, what looks like it and is none, and what can't be known.

Ann has been here for years and was trained in November; Joe begins on Friday 1 May and has until the end of 31 May.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.governance_people import TRAINING
from evidence.controls.training import CODES, people_are_trained
from schemas.outcome import Outcome
from schemas.own import TRAINING_COMPLETIONS
from tests.evidence.controls.decided import LONG_AGO, people
from tests.evidence.controls.rights import DAY, LATER, Row, at, employee, window
from tests.fakes.memory_evidence import MemoryEvidence

ANN = employee("p1", name="Ann")
JOE = employee("p2", name="Joe", start="2026-05-01")
DEADLINE = at("06-01")
SECOND = timedelta(seconds=1)
ALWAYS = at("01-01") - 900 * DAY


def completion(when: datetime, person_id: str = "p1", course: str = "security") -> Row:
    return {
        "person_id": person_id, "course_id": course, "version": "3", "event_time": when, "score": 90, "line": 2,
        "register_file": "training.csv", "register_sha256": "0" * 64, "exported_at": at("04-01"),
    }  # fmt: skip


def judged(
    member: Row,
    *done: datetime,
    course: str = "security",
    held_from: datetime | None = ALWAYS,
    as_of: datetime = LATER,
    days: Sequence[str] = ("04-29", "05-13", "06-03"),
    **more: Any,
) -> dict[str, Outcome]:
    evidence = MemoryEvidence()
    people(evidence, member, days=days)
    rows = [completion(when, str(member["person_id"]), course) for when in done]
    evidence.store(TRAINING_COMPLETIONS, "workforce", rows)
    if held_from is not None:
        evidence.claim(TRAINING_COMPLETIONS, "workforce", held_from, LATER)
    found = people_are_trained(window("CC1-TRN-01", "workforce", as_of=as_of, **more), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def joe(*done: datetime, **more: Any) -> Outcome:
    return judged(more.pop("row", JOE), *done, **more)["person:p2"]


def ann(*done: datetime, **more: Any) -> Outcome:
    return judged(ANN, *done, **more)["person:p1"]


class TestJoining:
    def test_in_time(self) -> None:
        found = joe(at("05-12T10:00"))
        assert found.outcome == "pass"
        assert "security finished at 2026-05-12T10:00:00Z" in found.explanation
        assert len(found.evidence) == 2

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        assert joe(DEADLINE - SECOND).outcome == "pass"
        assert joe(DEADLINE).codes == ("TRAIN_LATE",)
        assert joe(at("06-10")).codes == ("TRAIN_LATE",)

    def test_before_the_first_day(self) -> None:
        assert joe(at("04-02")).outcome == "pass"
        assert joe(at("04-02") - 360 * DAY).codes == ("TRAIN_MISSING",), "too old by then"

    def test_never(self) -> None:
        assert joe().codes == ("TRAIN_MISSING",)

    def test_pending_until_the_deadline(self) -> None:
        found = joe(as_of=DEADLINE)
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)
        assert joe(as_of=DEADLINE + SECOND).codes == ("TRAIN_MISSING",)

    def test_who_leaves_within_the_time(self) -> None:
        assert joe(row=JOE | {"last_day": "2026-05-29"}).outcome == "pass"

    def test_completions_that_are_not_held(self) -> None:
        assert joe(held_from=None).outcome == "unknown"
        assert joe(held_from=at("05-20")).outcome == "unknown"
        assert joe(at("06-10"), held_from=at("05-20")).outcome == "unknown"
        assert joe(at("05-12"), held_from=None).outcome == "pass", "it was finished, whatever else is held"

    def test_another_course(self) -> None:
        rules: dict[str, Any] = {"evidence_rules": {"training_courses": ["Security"]}}
        assert joe(at("05-12"), **rules).outcome == "pass"
        assert joe(at("05-12"), course="first aid", **rules).codes == ("TRAIN_MISSING",)


class TestEveryYear:
    def test_within_the_year(self) -> None:
        assert ann(LONG_AGO).outcome == "pass"

    def test_the_last_day_of_the_grace(self) -> None:
        done = datetime.fromisoformat("2025-05-02T10:00:00+00:00")
        assert ann(done).outcome == "pass", "a year and 30 days end with the window"
        found = ann(done - DAY)
        assert found.codes == ("TRAIN_LAPSED",)
        assert "out of date from 2026-05-31T00:00:00Z to 2026-06-01T00:00:00Z" in found.explanation

    def test_renewed_after_a_lapse(self) -> None:
        found = ann(at("05-20"))
        assert found.codes == ("TRAIN_LAPSED",)
        assert ann(datetime.fromisoformat("2025-04-11T10:00:00+00:00"), at("05-20")).codes == ("TRAIN_LAPSED",)
        assert ann(datetime.fromisoformat("2025-04-25T10:00:00+00:00"), at("05-20")).outcome == "pass"

    def test_the_year_before_is_not_held(self) -> None:
        assert ann(held_from=at("04-01")).outcome == "unknown"
        assert ann(at("04-10"), held_from=at("04-01")).outcome == "pass"
        assert ann(at("05-20"), held_from=at("04-01")).outcome == "unknown"

    def test_somebody_of_last_month_without_any(self) -> None:
        row = employee("p1", start="2026-03-02")
        assert judged(row)["person:p1"].codes == ("TRAIN_MISSING",)


class TestPeople:
    def test_no_register(self) -> None:
        [found] = people_are_trained(window("CC1-TRN-01", "workforce"), MemoryEvidence())
        assert found.outcome == "unknown"

    def test_a_register_that_ends_before_the_window(self) -> None:
        found = judged(ANN, LONG_AGO, days=("04-29", "05-20"))
        assert {one.outcome for one in found.values()} == {"pass", "unknown"}

    def test_hostile_texts(self) -> None:
        assert len(joe(at("05-12"), course="<b>|\n" * 3000).explanation) < 1000


def test_it_is_declared() -> None:
    assert TRAINING.test is people_are_trained
    assert TRAINING.exception_codes == CODES
