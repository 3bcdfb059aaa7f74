"""CC1-GOV-01: each code planted, what looks like it and is none, and what can't be known.

The meeting of the second quarter is on 30 June; there is time until the end of 14 July.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.governance_people import MANAGEMENT_REVIEW
from evidence.controls.management_reviews import CODES, management_reviews
from evidence.controls.model import TestWindow
from schemas.instants import format_instant
from schemas.outcome import Outcome
from tests.evidence.controls.decided import BOSS
from tests.evidence.controls.rights import Row, at, employee, window
from tests.fakes.memory_evidence import MemoryEvidence

ORG, QUARTER = "org:acme", "2026-Q2"
HELD, DEADLINE, OVER = at("06-30T13:00"), at("07-15"), at("10-20")
BEFORE = at("03-30T13:00")
SECOND = timedelta(seconds=1)
PACK = "sha256:" + "d" * 64
PEOPLE = [employee("p1", name="Ann", aliases=["ann.a@acme.example"]), BOSS]


def there(person: str, *, oversight: bool = False) -> Row:
    return {"person": f"{person}@acme.example", "role": "somebody", "oversight": oversight}


def decision(key: str = "D-1", due: str = "2026-05-29") -> Row:
    return {"id": key, "text": f"what {key} says", "owner": "p1@acme.example", "due": due}


def followup(key: str = "D-1", status: str = "done", **changed: Any) -> Row:
    return {"id": key, "status": status, "note": None, "due": None} | changed


def meet(evidence: MemoryEvidence, when: datetime = HELD, quarter: str = QUARTER, **changed: Any) -> str:
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "held_at": format_instant(when), "attendees": [there("boss", oversight=True), there("p1")],
        "input_pack": PACK, "decisions": [], "followups": [], "approved_by": "boss@acme.example",
        "approved_at": format_instant(when),
    } | changed  # fmt: skip
    return evidence.record(
        "CC1-GOV-01", "minutes", ORG, "minutes", when, values, kind="periodic", for_window=quarter,
        recorded_at=recorded_at,
    )  # fmt: skip


def sign(evidence: MemoryEvidence, when: datetime) -> None:
    values = {"result_digest": PACK, "reviewer": "p1@acme.example", "signed_at": format_instant(when), "issues": []}
    evidence.record("CC4-MON-01", "signoff", ORG, "sign_off", when, values, kind="periodic", for_window="2026-05")


def quarter_of(as_of: datetime) -> TestWindow:
    whole = window(
        "CC1-GOV-01", ORG, as_of=as_of, start=at("04-01"), end=at("07-01"), registers={"people": PEOPLE}
    )  # fmt: skip
    return TestWindow(
        whole.control_id, QUARTER, whole.start, whole.end, ORG, "acme", as_of, whole.programme, whole.registers
    )


def judged(evidence: MemoryEvidence, *, as_of: datetime = OVER) -> Outcome:
    [found] = management_reviews(quarter_of(as_of), evidence)
    assert set(found.codes) <= set(CODES)
    return found


def met(
    when: datetime | None = HELD, *, as_of: datetime = OVER, signed: datetime | None = None, **said: Any
) -> Outcome:
    evidence = MemoryEvidence()
    sign(evidence, signed or at("06-04"))
    if when is not None:
        meet(evidence, when, **said)
    return judged(evidence, as_of=as_of)


def followed(*rows: Row, decisions: tuple[Row, ...] = (decision(),), **said: Any) -> Outcome:
    evidence = MemoryEvidence()
    sign(evidence, at("06-04"))
    meet(evidence, BEFORE, "2026-Q1", decisions=list(decisions))
    meet(evidence, followups=list(rows), **said)
    return judged(evidence)


class TestMeeting:
    def test_in_order(self) -> None:
        found = met()
        assert found.outcome == "pass"
        assert "held at 2026-06-30T13:00:00Z; with the report signed off at 2026-06-04T00:00:00Z" in found.explanation

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        assert met(DEADLINE).outcome == "pass"
        assert met(DEADLINE + SECOND).codes == ("MEETING_LATE",)

    def test_never(self) -> None:
        assert met(None).codes == ("MEETING_MISSING",)
        found = met(None, as_of=DEADLINE)
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)

    def test_of_another_quarter(self) -> None:
        assert met(quarter="2026-Q1").codes == ("MEETING_MISSING",)

    def test_minutes_that_came_much_later(self) -> None:
        assert met(recorded_at=at("07-20")).codes == ("MEETING_LATE",)


class TestReport:
    def test_none(self) -> None:
        assert met(input_pack=None).codes == ("NO_INPUT_PACK",)

    def test_made_after_the_meeting(self) -> None:
        assert met(signed=HELD + SECOND).codes == ("NO_INPUT_PACK",)
        assert met(signed=HELD).outcome == "pass"

    def test_one_that_nobody_signed_off(self) -> None:
        assert met(input_pack="sha256:" + "0" * 64).outcome == "unknown"


class TestOversight:
    @pytest.mark.parametrize(
        "attendees",
        [
            [there("boss", oversight=True)], [there("boss"), there("p1")], [],
            [there("p1", oversight=True), there("ann.a")],
        ],
        ids=["alone", "nobody watches over", "nobody", "one person by two addresses"],
    )  # fmt: skip
    def test_too_few(self, attendees: list[Row]) -> None:
        assert met(attendees=attendees).codes == ("NO_OVERSIGHT",)

    def test_somebody_whom_nobody_knows(self) -> None:
        assert met(attendees=[there("boss", oversight=True), there("guest")]).outcome == "unknown"


class TestFollowUp:
    def test_done(self) -> None:
        assert followed(followup("d-1")).outcome == "pass"

    def test_no_status(self) -> None:
        found = followed()
        assert found.codes == ("FOLLOWUP_MISSING",)
        assert "D-1 (what D-1 says) has no status" in found.explanation
        assert followed(followup("D-2")).codes == ("FOLLOWUP_MISSING",)

    def test_past_its_day(self) -> None:
        assert followed(followup(status="open")).codes == ("FOLLOWUP_MISSING",)
        assert followed(followup(status="open", note="the part is late")).outcome == "pass"
        assert followed(followup(status="open"), decisions=(decision(due="2026-06-30"),)).outcome == "pass"

    def test_closed_earlier_or_moved(self) -> None:
        evidence = MemoryEvidence()
        sign(evidence, at("06-04"))
        meet(evidence, BEFORE - timedelta(days=90), "2025-Q4", decisions=[decision(), decision("D-2"), decision("D-3")])
        moved = [followup(), followup("D-2", "open", due="2026-09-30"), followup("D-3", "dropped")]
        meet(evidence, BEFORE, "2026-Q1", followups=moved)
        meet(evidence, followups=[followup("D-2", "open")])
        assert judged(evidence).outcome == "pass"

    def test_followed_up_by_a_second_record_of_the_meeting(self) -> None:
        evidence = MemoryEvidence()
        sign(evidence, at("06-04"))
        meet(evidence, BEFORE, "2026-Q1", decisions=[decision()])
        meet(evidence, decisions=[decision("D-9")])
        meet(evidence, HELD + timedelta(hours=3), followups=[followup()])
        assert judged(evidence).outcome == "pass"

    def test_hostile_texts(self) -> None:
        many = tuple(decision(f"D-{n}" + "|\n<b>" * 500) for n in range(50))
        assert len(followed(decisions=many).explanation) < 1500


def test_it_is_declared() -> None:
    assert MANAGEMENT_REVIEW.test is management_reviews
    assert MANAGEMENT_REVIEW.exception_codes == CODES
