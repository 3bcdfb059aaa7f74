"""CC1-HR-01: each code planted, what looks like it and is none, and what can't be known.

Joe begins on Friday 8 May; his account at GitHub is made that morning at nine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.access_events import STREAMS
from evidence.controls.governance_people import SCREENING
from evidence.controls.run import holders_of
from evidence.controls.screening import CODES, screened_before_access
from evidence.scope import ALWAYS, ScopedItem, ScopeRegister
from schemas.outcome import Outcome
from tests.evidence.controls.decided import BOSS, people, screening
from tests.evidence.controls.rights import (
    AWS,
    GITHUB,
    LATER,
    Row,
    account_of,
    at,
    aws_event,
    employee,
    github_event,
    window,
)
from tests.fakes.memory_evidence import MemoryEvidence

JOE = employee("p2", name="Joe", start="2026-05-08")
GRANTED = at("05-08T09:00")
SECOND = timedelta(seconds=1)
DUE = at("06-11")
IN_SCOPE = {"identity_domain": (AWS, GITHUB)}


def held(
    *rows: Row, granted: datetime | None = GRANTED, covered: bool = True, days: Sequence[str] = ("04-29", "06-03")
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    people(evidence, *(rows or (JOE, BOSS)), days=days)
    if covered:
        for scope in (AWS, GITHUB):
            evidence.claim(STREAMS[scope.partition(":")[0]], scope, at("03-01"), LATER)
    if granted is not None:
        evidence.store(STREAMS["github"], GITHUB, [github_event("org.add_member", granted, "joe")])
    return evidence


def judged(evidence: MemoryEvidence, *, as_of: datetime = LATER, **more: Any) -> dict[str, Outcome]:
    registers = {
        "people": [JOE, BOSS], "identities": [account_of("p2", "github", "joe"), account_of("p2", "aws", "joe")],
    }  # fmt: skip
    settings: dict[str, Any] = {"holders": IN_SCOPE, "registers": registers} | more
    found = screened_before_access(window("CC1-HR-01", "workforce", as_of=as_of, **settings), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def joe(*screened: datetime, as_of: datetime = LATER, more: dict[str, Any] | None = None, **said: Any) -> Outcome:
    evidence = held()
    for when in screened:
        screening(evidence, when, **said)
    return judged(evidence, as_of=as_of, **(more or {}))["person:p2"]


class TestRule:
    def test_screened_before_access(self) -> None:
        found = joe(at("05-04"))
        assert found.outcome == "pass"
        assert "references (clear) finished at 2026-05-04T00:00:00Z, before any access" in found.explanation
        assert len(found.evidence) == 2

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        assert joe(GRANTED).outcome == "pass"
        late = joe(GRANTED + SECOND)
        assert late.codes == ("SCREEN_AFTER_ACCESS",)
        assert "for joe in github was given at 2026-05-08T09:00:00Z" in late.explanation
        assert len(late.evidence) == 3

    def test_never(self) -> None:
        assert joe().codes == ("SCREEN_MISSING",)
        assert joe(as_of=at("05-09")).codes == ("SCREEN_MISSING",), "access was given, so nothing is left to wait for"

    def test_without_access_there_is_time(self) -> None:
        found = judged(held(granted=None), as_of=DUE)["person:p2"]
        assert (found.outcome, found.resolves_at) == ("pending", DUE)
        assert judged(held(granted=None), as_of=DUE + SECOND)["person:p2"].codes == ("SCREEN_MISSING",)

    def test_access_before_the_first_day(self) -> None:
        evidence = held(granted=at("04-20"))
        screening(evidence, at("05-04"))
        assert judged(evidence)["person:p2"].codes == ("SCREEN_AFTER_ACCESS",)

    def test_access_in_any_system(self) -> None:
        evidence = held()
        asked = {"userName": "joe"}
        evidence.store(STREAMS["aws"], AWS, [aws_event("CreateUser", at("05-03"), asked)])
        screening(evidence, at("05-04"))
        assert judged(evidence)["person:p2"].codes == ("SCREEN_AFTER_ACCESS",)

    def test_access_of_an_earlier_time_here(self) -> None:
        ann = employee("p3", name="Ann", start="2026-05-01")
        evidence = held(JOE, ann, BOSS, granted=at("03-30"))
        screening(evidence, at("05-04"))
        assert judged(evidence)["person:p2"].outcome == "pass"

    def test_somebody_elses_access(self) -> None:
        evidence = held(granted=None)
        evidence.store(STREAMS["github"], GITHUB, [github_event("org.add_member", at("05-02"), "boss")])
        screening(evidence, at("05-04"))
        known = {"people": [JOE, BOSS], "identities": [account_of("p9", "github", "boss")]}
        assert judged(evidence, registers=known)["person:p2"].outcome == "pass"

    def test_a_record_that_claims_to_be_older_than_it_arrived(self) -> None:
        assert joe(at("05-04"), recorded_at=at("05-12")).codes == ("SCREEN_AFTER_ACCESS",)
        assert joe(at("05-09"), recorded_at=at("05-08")).codes == ("SCREEN_MISSING",)

    def test_by_the_first_day_where_the_programme_asks_for_it(self) -> None:
        asked: dict[str, Any] = {"evidence_rules": {"screening_by_first_day": True}}
        evidence = held(granted=at("05-20"))
        screening(evidence, at("05-09"))
        assert judged(evidence)["person:p2"].outcome == "pass"
        assert judged(evidence, **asked)["person:p2"].codes == ("SCREEN_AFTER_ACCESS",)
        assert joe(at("05-08T08:00"), more=asked).outcome == "pass"

    def test_of_several_kinds_the_last_counts(self) -> None:
        evidence = held()
        screening(evidence, at("05-04"))
        screening(evidence, at("05-12"))
        assert judged(evidence)["person:p2"].outcome == "pass", "the same kind again"
        screening(evidence, at("05-12"), check_type="criminal record")
        assert judged(evidence)["person:p2"].codes == ("SCREEN_AFTER_ACCESS",)


class TestWhatCounts:
    def test_a_waiver_with_reason_and_approver(self) -> None:
        waived: dict[str, Any] = {
            "outcome": "waived",
            "reason": "unlawful in Germany",
            "approved_by": "boss@acme.example",
        }
        assert joe(at("05-04"), **waived).outcome == "pass"

    @pytest.mark.parametrize(
        "wrong", [{"reason": " "}, {"approved_by": None}, {"approved_by": "p2@acme.example"}], ids=str
    )
    def test_a_waiver_without(self, wrong: dict[str, Any]) -> None:
        waived: dict[str, Any] = {
            "outcome": "waived",
            "reason": "unlawful in Germany",
            "approved_by": "boss@acme.example",
        } | wrong
        assert joe(at("05-04"), **waived).codes == ("SCREEN_MISSING",)

    def test_decided_by_themselves(self) -> None:
        assert joe(at("05-04"), decided_by="P2@acme.example").codes == ("SCREEN_MISSING",)

    def test_a_rehire(self) -> None:
        old = at("05-04") - timedelta(days=800)
        assert joe(old, valid_until="2026-05-08").outcome == "pass"
        assert joe(old, valid_until="2026-05-07").codes == ("SCREEN_MISSING",)
        assert joe(old).outcome == "unknown"

    def test_somebody_elses_record(self) -> None:
        evidence = held()
        screening(evidence, at("05-04"), "p3")
        assert judged(evidence)["person:p2"].codes == ("SCREEN_MISSING",)


class TestUnknown:
    def test_grants_that_are_not_held(self) -> None:
        evidence = held(granted=None, covered=False)
        screening(evidence, at("05-04"))
        found = judged(evidence)["person:p2"]
        assert found.outcome == "unknown"
        assert f"not all grants of {AWS}, {GITHUB} are held" in found.explanation

    def test_an_account_that_is_nobodys(self) -> None:
        evidence = held(granted=at("05-02"))
        screening(evidence, at("05-04"))
        found = judged(evidence, registers={"people": [JOE, BOSS]})["person:p2"]
        assert found.outcome == "unknown"
        assert "whom the registers give to nobody" in found.explanation

    def test_no_system_in_scope(self) -> None:
        evidence = held()
        screening(evidence, at("05-04"))
        assert judged(evidence, holders={})["person:p2"].outcome == "unknown"

    def test_no_register(self) -> None:
        [found] = judged(MemoryEvidence()).values()
        assert found.outcome == "unknown"

    def test_nobody_joined(self) -> None:
        assert judged(held(BOSS)) == {}
        [found] = judged(held(BOSS, days=("05-10", "06-03"))).values()
        assert "no snapshot from before the window" in found.explanation
        [found] = judged(held(BOSS, days=("04-29", "05-10"))).values()
        assert "who came later is not known yet" in found.explanation

    def test_only_those_of_the_window(self) -> None:
        others = [JOE | {"person_id": "p3", "start": "2026-04-30"}, JOE | {"person_id": "p4", "start": "2026-06-01"}]
        assert set(judged(held(JOE, *others))) == {"person:p2"}

    def test_hostile_texts(self) -> None:
        found = joe(at("05-04"), check_type="<b>|\n" * 3000)
        assert len(found.explanation) < 1000


def test_it_is_declared() -> None:
    assert SCREENING.test is screened_before_access
    assert SCREENING.exception_codes == CODES


def test_the_workforce_is_told_what_is_in_scope() -> None:
    item = ScopedItem("workforce", "workforce", "hr", ALWAYS)
    github = ScopedItem(GITHUB, "acme", "github", ALWAYS)
    scope = ScopeRegister({"workforce": (item,), "identity_domain": (github,)}, (), {})
    assert holders_of(SCREENING, scope)(item.as_scope_item())["identity_domain"] == (GITHUB,)
