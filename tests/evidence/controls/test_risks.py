"""CC3-RISK-01: each code planted, what looks like it and is none, and what can't be known.

The quarter is April to June of 2026, the period ends in September; the risks were assessed in January.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from evidence.controls.governance_monitoring import RISK_ASSESSMENT
from evidence.controls.risks import CODES, risks_are_assessed
from schemas.outcome import Outcome
from schemas.own import RISKS
from tests.evidence.controls.decided import BOSS
from tests.evidence.controls.rights import Row, at, employee, window
from tests.fakes.memory_evidence import MemoryEvidence

ORG = "org:acme"
ASSESSED = at("01-22T14:00")
PEOPLE = [employee("p1", name="Ann"), BOSS]
OVER = at("07-20")
FIRST, SECOND = at("05-04"), at("06-01")


def risk(risk_id: str = "R-1", **changed: Any) -> Row:
    row: Row = {
        "risk_id": risk_id, "title": "Money is sent to a stranger", "likelihood": 3, "impact": 4,
        "treatment": "mitigate", "owner": "p1@acme.example", "controls": [], "due": "2026-09-01", "status": "open",
        "line": 1, "register_file": "risks.yaml", "register_sha256": "0" * 64, "exported_at": at("04-01"),
    }  # fmt: skip
    return row | changed


def assessment(evidence: MemoryEvidence, when: datetime = ASSESSED, **changed: Any) -> str:
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "register_digest": "sha256:" + "c" * 64, "participants": ["boss@acme.example"], "fraud_risks": ["R-1"],
        "changes": "A new office.", "appetite": 6, "accepted": [], "overdue": [], "approver": "boss@acme.example",
    } | changed  # fmt: skip
    return evidence.record(
        "CC3-RISK-01", "assessment", ORG, "risk_assessment", when, values, kind="periodic", recorded_at=recorded_at
    )  # fmt: skip


def judged(
    *rows: Row, assessed: bool = True, as_of: datetime = OVER, more: Any = None, **said: Any
) -> dict[str, Outcome]:  # fmt: skip
    evidence = MemoryEvidence()
    for when in (FIRST, SECOND):
        evidence.snapshot(RISKS, ORG, when, rows or (risk(),))
    if assessed:
        assessment(evidence, **said)
    return results(evidence, as_of=as_of, **(more or {}))


def results(evidence: MemoryEvidence, *, as_of: datetime = OVER, **more: Any) -> dict[str, Outcome]:
    settings: dict[str, Any] = {"start": at("04-01"), "end": at("07-01"), "registers": {"people": PEOPLE}} | more
    found = risks_are_assessed(window("CC3-RISK-01", ORG, as_of=as_of, **settings), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id.partition("@")[0]: one for one in found}


def of_risk(row: Row, **more: Any) -> Outcome:
    return judged(row, **more)["risk:R-1"]


def of_assessment(**more: Any) -> Outcome:
    return judged(**more)[f"assessment:{ORG}"]


class TestAssessment:
    def test_in_order(self) -> None:
        assert {one.outcome for one in judged().values()} == {"pass"}

    def test_lapsed(self) -> None:
        found = of_assessment(when=datetime.fromisoformat("2025-05-01T10:00:00+00:00"))
        assert found.codes == ("RISK_LAPSED",)
        assert "from 2026-05-31T00:00:00Z to 2026-07-01T00:00:00Z" in found.explanation
        assert of_assessment(when=datetime.fromisoformat("2025-06-01T10:00:00+00:00")).outcome == "pass"

    def test_never(self) -> None:
        found = of_assessment(assessed=False)
        assert (found.outcome, found.resolves_at) == ("pending", at("10-01"))
        assert of_assessment(assessed=False, as_of=at("10-01")).codes == ("RISK_LAPSED",)

    def test_the_first_on_record_is_of_the_period(self) -> None:
        assert of_assessment(when=at("05-04")).outcome == "unknown"
        assert of_assessment(when=at("07-04")).outcome == "unknown", "of a quarter before it nothing is known"
        assert of_assessment(recorded_at=at("05-04")).outcome == "unknown"

    def test_no_fraud(self) -> None:
        assert of_assessment(fraud_risks=None).codes == ("NO_FRAUD",)
        assert of_assessment(fraud_risks=["R-9"]).codes == ("NO_FRAUD",)

    def test_no_changes(self) -> None:
        assert of_assessment(changes=" ").codes == ("NO_FRAUD",)


class TestRisks:
    def test_an_owner_who_left_or_never_was(self) -> None:
        assert of_risk(risk(owner="gone@acme.example")).codes == ("NO_OWNER",)
        left = {"registers": {"people": [employee("p1", last_day="2026-04-30")]}}
        assert of_risk(risk(), more=left).codes == ("NO_OWNER",)
        assert of_risk(risk(), more={"registers": {}}).outcome == "unknown"

    def test_an_owner_who_leaves_in_the_quarter(self) -> None:
        leaves = {"registers": {"people": [employee("p1", last_day="2026-05-29")]}}
        found = of_risk(risk(), more=leaves)
        assert found.codes == ("NO_OWNER",)
        assert "in 1 of 2 snapshots" in found.explanation

    def test_a_treatment_without_a_day(self) -> None:
        assert of_risk(risk(due=None)).codes == ("NO_OWNER",)
        assert of_risk(risk(due=None, status="done")).outcome == "pass"

    def test_within_the_appetite(self) -> None:
        small = risk(due=None, likelihood=2, impact=3)
        assert of_risk(small).outcome == "pass"
        assert of_risk(small, appetite=5).codes == ("NO_OWNER",)
        assert of_risk(small, appetite=None).codes == ("NO_OWNER",), "nobody named an appetite"

    def test_overdue(self) -> None:
        assert of_risk(risk(due="2026-06-01")).outcome == "pass", "on its last day"
        found = of_risk(risk(due="2026-05-31"))
        assert found.codes == ("TREATMENT_OVERDUE",)
        assert "was due on 2026-05-31" in found.explanation
        assert of_risk(risk(due="2026-05-31", status="done")).outcome == "pass"

    def test_somebody_decided_about_it(self) -> None:
        decided = {"risk_id": "R-1", "decision": "until autumn", "due": "2026-09-01"}
        late = risk(due="2026-01-31")
        assert of_risk(late, overdue=[decided]).outcome == "pass"
        assert of_risk(late, overdue=[decided | {"due": None}]).outcome == "pass"
        assert of_risk(late, overdue=[decided | {"due": "2026-05-20"}]).codes == ("TREATMENT_OVERDUE",)
        assert of_risk(late, overdue=[decided | {"risk_id": "R-2"}]).codes == ("TREATMENT_OVERDUE",)

    def test_accepted(self) -> None:
        accepted = risk(treatment="accept", due=None)
        approved = {"risk_id": "R-1", "approved_by": "boss@acme.example", "expires": "2026-12-31"}
        assert of_risk(accepted, accepted=[approved]).outcome == "pass"
        assert of_risk(accepted, accepted=[approved | {"expires": "2026-05-20"}]).codes == ("TREATMENT_OVERDUE",)
        assert of_risk(accepted).codes == ("NO_OWNER",)


class TestUnknown:
    def test_no_register(self) -> None:
        evidence = MemoryEvidence()
        assessment(evidence)
        found = results(evidence)
        assert {one.outcome for one in found.values()} == {"unknown"}
        assert len(found) == 2, "nor can the risks of fraud be looked up"

    def test_a_register_without_risks(self) -> None:
        evidence = MemoryEvidence()
        evidence.snapshot(RISKS, ORG, FIRST, [])
        assert any("names no risk" in one.explanation for one in results(evidence).values())

    def test_an_open_quarter(self) -> None:
        assert set(results(MemoryEvidence(), as_of=FIRST - timedelta(days=3))) == {f"assessment:{ORG}"}

    def test_hostile_texts(self) -> None:
        found = of_risk(risk(title="<b>|\n" * 3000, owner="x" * 5000 + "@acme.example"))
        assert len(found.explanation) < 1500


def test_it_is_declared() -> None:
    assert RISK_ASSESSMENT.test is risks_are_assessed
    assert RISK_ASSESSMENT.exception_codes == CODES
