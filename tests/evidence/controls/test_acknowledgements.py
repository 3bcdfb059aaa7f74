"""CC1-COND-01: each code planted, what looks like it and is none, and what can't be known.

Ann has been here for years and accepted in November; Joe begins on Friday 8 May and has until the end of 22 May.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.acknowledgements import CODES, policies_accepted
from evidence.controls.governance_people import ACKNOWLEDGEMENTS
from schemas.outcome import Outcome
from tests.evidence.controls.decided import LONG_AGO, OTHER_TEXT, TEXT, acceptance, approval, people
from tests.evidence.controls.rights import DAY, LATER, Row, at, employee, window
from tests.fakes.memory_evidence import MemoryEvidence

ANN = employee("p1", name="Ann")
JOE = employee("p2", name="Joe", start="2026-05-08")
DEADLINE = at("05-23")
SECOND = timedelta(seconds=1)


def held(*rows: Row, days: Sequence[str] = ("04-29", "05-13", "06-03"), approved: bool = True) -> MemoryEvidence:
    evidence = MemoryEvidence()
    people(evidence, *rows, days=days)
    if approved:
        approval(evidence)
    return evidence


def judged(evidence: MemoryEvidence, *, as_of: datetime = LATER, **more: Any) -> dict[str, Outcome]:
    found = policies_accepted(window("CC1-COND-01", "workforce", as_of=as_of, **more), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def joe(*accepted: datetime, as_of: datetime = LATER, row: Row = JOE, **said: Any) -> Outcome:
    evidence = held(row)
    for when in accepted:
        acceptance(evidence, when, "p2", **said)
    return judged(evidence, as_of=as_of)["person:p2"]


def ann(*accepted: datetime, as_of: datetime = LATER, **more: Any) -> Outcome:
    evidence = held(ANN)
    for when in accepted:
        acceptance(evidence, when)
    return judged(evidence, as_of=as_of, **more)["person:p1"]


class TestJoining:
    def test_accepted_in_time(self) -> None:
        found = joe(at("05-12T10:00"))
        assert found.outcome == "pass"
        assert "code-of-conduct accepted at 2026-05-12T10:00:00Z" in found.explanation
        assert len(found.evidence) == 2

    def test_before_the_first_day(self) -> None:
        assert joe(at("04-20")).outcome == "pass"

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        assert joe(DEADLINE - SECOND).outcome == "pass"
        late = joe(DEADLINE + SECOND)
        assert late.codes == ("ACK_LATE",)
        assert "to be accepted by 2026-05-23T00:00:00Z and was at 2026-05-23T00:00:01Z" in late.explanation

    def test_never(self) -> None:
        assert joe().codes == ("ACK_MISSING",)

    def test_pending_until_the_deadline(self) -> None:
        found = joe(as_of=DEADLINE)
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)
        assert joe(as_of=DEADLINE + SECOND).codes == ("ACK_MISSING",)

    def test_a_deadline_after_the_window(self) -> None:
        row = JOE | {"start": "2026-05-25"}
        assert joe(row=row, as_of=at("06-05")).outcome == "pending"
        assert joe(at("06-04"), row=row).outcome == "pass"
        assert joe(at("06-10"), row=row).codes == ("ACK_LATE",)
        assert joe(row=row).codes == ("ACK_MISSING",)

    def test_one_that_claims_to_be_older_than_it_arrived(self) -> None:
        assert joe(at("05-12"), recorded_at=at("06-10")).codes == ("ACK_LATE",)

    def test_an_old_version(self) -> None:
        assert joe(at("05-12"), document_version="1").codes == ("ACK_OLD_VERSION",)
        assert joe(at("05-12"), document_version=OTHER_TEXT).codes == ("ACK_OLD_VERSION",)

    def test_the_version_by_its_digest(self) -> None:
        assert joe(at("05-12"), document_version=TEXT.upper()).outcome == "pass"

    def test_the_old_version_and_then_the_new_one(self) -> None:
        evidence = held(JOE)
        acceptance(evidence, at("05-12"), "p2", document_version="1")
        acceptance(evidence, at("05-28"), "p2")
        assert judged(evidence)["person:p2"].codes == ("ACK_OLD_VERSION", "ACK_LATE")

    def test_another_document_or_another_person(self) -> None:
        assert joe(at("05-12"), document_id="access").codes == ("ACK_MISSING",)
        evidence = held(JOE)
        acceptance(evidence, at("05-12"), "p3")
        assert judged(evidence)["person:p2"].codes == ("ACK_MISSING",)

    def test_a_new_version_is_accepted_in_the_yearly_turn(self) -> None:
        evidence = held(JOE)
        acceptance(evidence, at("05-12"), "p2")
        approval(evidence, when=at("05-20"), version="3", sha256=OTHER_TEXT)
        assert judged(evidence)["person:p2"].outcome == "pass"

    def test_what_the_version_was_is_not_known(self) -> None:
        evidence = held(JOE, approved=False)
        acceptance(evidence, at("05-12"), "p2")
        found = judged(evidence)["person:p2"]
        assert found.outcome == "unknown"
        assert "was the version of code-of-conduct in force" in found.explanation

    def test_before_the_version_was_approved(self) -> None:
        evidence = held(JOE, approved=False)
        approval(evidence, when=at("05-20"), effective_from="2026-05-01")
        acceptance(evidence, at("05-12"), "p2")
        assert judged(evidence)["person:p2"].outcome == "unknown"

    def test_who_leaves_within_the_time(self) -> None:
        assert joe(row=JOE | {"last_day": "2026-05-20"}).outcome == "pass"
        assert joe(row=JOE | {"last_day": "2026-05-29"}).codes == ("ACK_MISSING",)

    def test_a_service_account_listed_as_a_person_is_told(self) -> None:
        assert joe(row=JOE | {"name": "build robot"}).codes == ("ACK_MISSING",)


class TestEveryYear:
    def test_accepted_within_the_year(self) -> None:
        assert ann(LONG_AGO).outcome == "pass"

    def test_the_last_day_of_the_grace(self) -> None:
        accepted = datetime.fromisoformat("2025-05-02T10:00:00+00:00")
        evidence = held(ANN, approved=False)
        approval(evidence, when=accepted - 30 * DAY)
        acceptance(evidence, accepted)
        assert judged(evidence)["person:p1"].outcome == "pass", "a year and 30 days end with the window"
        evidence = held(ANN, approved=False)
        approval(evidence, when=accepted - 30 * DAY)
        acceptance(evidence, accepted - DAY)
        found = judged(evidence)["person:p1"]
        assert found.codes == ("ACK_MISSING",)
        assert "by 2026-05-31T00:00:00Z" in found.explanation
        acceptance(evidence, at("06-10"))
        assert judged(evidence)["person:p1"].codes == ("ACK_LATE",)

    def test_nothing_on_record(self) -> None:
        assert ann().codes == ("ACK_MISSING",)

    def test_the_first_on_record_is_of_the_period(self) -> None:
        assert ann(at("04-10")).outcome == "pass"
        found = ann(at("05-12"))
        assert found.outcome == "unknown"
        assert "before 2026-05-12T00:00:00Z, the first on record" in found.explanation

    def test_several_documents(self) -> None:
        rules: dict[str, Any] = {"evidence_rules": {"acknowledged_documents": ["code-of-conduct", "access"]}}
        evidence = held(ANN)
        acceptance(evidence, LONG_AGO)
        assert judged(evidence, **rules)["person:p1"].codes == ("ACK_MISSING",)
        approval(evidence, "access")
        acceptance(evidence, LONG_AGO, document_id="access")
        assert judged(evidence, **rules)["person:p1"].outcome == "pass"


class TestPeople:
    def test_everybody_whose_time_overlaps(self) -> None:
        gone = employee("p3", last_day="2026-04-30")
        later = employee("p4", start="2026-06-01")
        left = employee("p5", last_day="2026-05-01")
        evidence = held(ANN, gone, later, left)
        assert set(judged(evidence)) == {"person:p1", "person:p5"}

    def test_no_register(self) -> None:
        [found] = judged(MemoryEvidence()).values()
        assert found.outcome == "unknown"

    def test_a_register_that_ends_before_the_window(self) -> None:
        evidence = held(ANN, days=("04-29", "05-20"))
        acceptance(evidence, LONG_AGO)
        assert {one.outcome for one in judged(evidence).values()} == {"pass", "unknown"}
        assert len(judged(evidence, as_of=at("05-25"))) == 1, "in an open window it is still to come"

    def test_somebody_taken_out_of_the_register(self) -> None:
        evidence = held(ANN, days=("04-29", "05-13"))
        people(evidence, JOE, days=("06-03",))
        acceptance(evidence, LONG_AGO)
        assert judged(evidence)["person:p1"].outcome == "unknown"

    def test_no_document(self) -> None:
        [found] = judged(held(ANN), evidence_rules={"acknowledged_documents": []}).values()
        assert "names no document" in found.explanation

    def test_hostile_texts(self) -> None:
        row = JOE | {"name": "<b>x|" * 2000}
        assert len(joe(at("05-12"), document_version="\n|" * 5000, row=row).explanation) < 1000


def test_it_is_declared() -> None:
    assert ACKNOWLEDGEMENTS.test is policies_accepted
    assert ACKNOWLEDGEMENTS.exception_codes == CODES
