"""CC4-PEN-01: each code planted, what looks like it and is none, and what can't be known.

The report of 4 May names one high finding, to be fixed within 30 days: by the end of 3 June. Tested in October.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from evidence.controls.governance_monitoring import PENETRATION_TEST
from evidence.controls.penetration_tests import CODES, product_was_tested
from schemas.instants import format_instant
from schemas.outcome import Outcome
from tests.evidence.controls.rights import Row, at, window
from tests.fakes.memory_evidence import MemoryEvidence

PRODUCT = "product:shop"
BEFORE = datetime.fromisoformat("2026-02-16T10:00:00+00:00")
REPORTED, DEADLINE, OVER = at("05-04T10:00"), at("06-04"), at("10-20")
TOLD = at("05-21T12:00")
SHA, OTHER = "sha256:" + "e" * 64, "sha256:" + "f" * 64
TEST, FINDING = f"test:{PRODUCT}", "finding:H-1"


def finding(key: str = "H-1", **changed: Any) -> Row:
    row: Row = {
        "id": key, "severity": "high", "title": "A session that never ends", "fixed_at": "2026-05-20T10:00:00Z",
        "retested_at": "2026-05-21T10:00:00Z", "accepted_by": None, "accepted_at": None, "expires": None,
    }  # fmt: skip
    return row | changed


def report(evidence: MemoryEvidence, when: datetime = REPORTED, *found: Row, **changed: Any) -> str:
    """A report, recorded when it arrived."""
    recorded_at = changed.pop("recorded_at", when)
    values = {
        "tester": "Halyard Ltd", "scope": ["Shop"], "tested_from": "2026-04-20", "tested_to": "2026-04-24",
        "reported_at": format_instant(when), "report_sha256": SHA, "findings": list(found),
    } | changed  # fmt: skip
    return evidence.record(
        "CC4-PEN-01", "report", PRODUCT, "penetration_test", when, values, kind="periodic", recorded_at=recorded_at
    )  # fmt: skip


def judged(evidence: MemoryEvidence, *, as_of: datetime = OVER, **more: Any) -> dict[str, Outcome]:
    settings: dict[str, Any] = {"start": at("04-01"), "end": at("10-01")} | more
    found = product_was_tested(window("CC4-PEN-01", PRODUCT, as_of=as_of, **settings), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def of_test(when: datetime | None = BEFORE, *, as_of: datetime = OVER, **said: Any) -> Outcome:
    evidence = MemoryEvidence()
    if when is not None:
        report(evidence, when, **said)
    return judged(evidence, as_of=as_of)[TEST]


def repaired(repair: Row, told: datetime = TOLD, as_of: datetime = OVER, **more: Any) -> Outcome:
    """The finding of a report, open at first, and recorded again with what became of it."""
    evidence = MemoryEvidence()
    report(evidence, REPORTED, finding(fixed_at=None, retested_at=None))
    if repair:
        # The record is made again: it is of the same report, and the store hears of it later.
        report(evidence, REPORTED, repair, recorded_at=told)
    return judged(evidence, as_of=as_of, **more)[FINDING]


class TestCurrency:
    def test_within_the_year(self) -> None:
        found = of_test()
        assert found.outcome == "pass"
        assert "Halyard Ltd reported at 2026-02-16T10:00:00Z on it" in found.explanation

    def test_lapsed(self) -> None:
        last = datetime.fromisoformat("2025-09-01T10:00:00+00:00")
        assert of_test(last).outcome == "pass"
        assert of_test(last - timedelta(days=1)).codes == ("PENTEST_LAPSED",)

    def test_never(self) -> None:
        assert of_test(None).codes == ("PENTEST_LAPSED",)
        found = of_test(None, as_of=at("06-20"))
        assert (found.outcome, found.resolves_at) == ("pending", at("10-01"))

    def test_the_first_on_record_is_of_the_period(self) -> None:
        assert of_test(REPORTED).outcome == "unknown"

    def test_another_product(self) -> None:
        assert of_test(scope=["desk"]).codes == ("SCOPE_GAP",)
        assert of_test(scope=["desk", "product:shop"]).outcome == "pass"


class TestFindings:
    def test_fixed_in_time(self) -> None:
        found = repaired(finding())
        assert found.outcome == "pass"
        assert "fixed at 2026-05-20T10:00:00Z, to be by 2026-06-04T00:00:00Z" in found.explanation

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        last = DEADLINE - timedelta(seconds=1)
        assert repaired(finding(fixed_at=format_instant(last)), DEADLINE).outcome == "pass"
        late = repaired(finding(fixed_at=format_instant(DEADLINE)), DEADLINE)
        assert late.codes == ("FINDING_OVERDUE",)
        assert "was fixed only at 2026-06-04T00:00:00Z" in late.explanation

    def test_a_critical_one_has_less_time(self) -> None:
        assert repaired(finding(severity="critical")).codes == ("FINDING_OVERDUE",)

    def test_still_open(self) -> None:
        assert repaired({}).codes == ("FINDING_OVERDUE",)
        found = repaired({}, as_of=at("05-20"))
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)

    def test_one_without_a_limit(self) -> None:
        evidence = MemoryEvidence()
        report(evidence, REPORTED, finding(severity="low", fixed_at=None))
        assert judged(evidence)[FINDING].outcome == "pass"

    def test_told_much_later(self) -> None:
        assert repaired(finding(), at("06-20")).outcome == "unknown"
        assert repaired(finding(), at("06-02")).outcome == "pass", "told in time all the same"

    def test_nobody_tested_it_again(self) -> None:
        assert repaired(finding(retested_at=None)).outcome == "unknown"

    def test_accepted(self) -> None:
        said: Row = {"fixed_at": None, "accepted_by": "boss@acme.example", "accepted_at": "2026-05-21T10:00:00Z"}
        assert repaired(finding(**said, expires="2026-12-31")).outcome == "pass"
        assert repaired(finding(**said, expires="2026-07-31")).codes == ("FINDING_OVERDUE",)
        assert repaired(finding(**said)).codes == ("FINDING_OVERDUE",)
        late = said | {"accepted_at": "2026-06-10T10:00:00Z"}
        assert repaired(finding(**late, expires="2026-12-31"), at("06-10T12:00")).codes == ("FINDING_OVERDUE",)

    def test_rated_down_or_left_out(self) -> None:
        assert repaired(finding(severity="low")).outcome == "unknown"
        assert repaired(finding("H-2")).codes == ("FINDING_OVERDUE",)

    def test_of_the_latest_report_alone(self) -> None:
        evidence = MemoryEvidence()
        report(evidence, BEFORE, finding("OLD", fixed_at=None), report_sha256=OTHER)
        report(evidence, REPORTED)
        assert set(judged(evidence)) == {TEST}

    def test_hostile_texts(self) -> None:
        evidence = MemoryEvidence()
        report(evidence, REPORTED, finding("x|\n" * 3000, title="<b>" * 3000), finding("x|\n" * 3001))
        assert all(len(one.explanation) + len(one.item_id) < 1500 for one in judged(evidence).values())


def test_it_is_declared() -> None:
    assert PENETRATION_TEST.test is product_was_tested
    assert PENETRATION_TEST.exception_codes == CODES
