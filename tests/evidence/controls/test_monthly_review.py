"""CC4-MON-01: each code planted, what looks like it and is none, and what can't be known.

May is signed off on 4 June; there is time until the end of 15 June.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from evidence.controls.governance_monitoring import MONTHLY_REVIEW
from evidence.controls.monthly_review import CODES, months_are_signed_off
from schemas.instants import format_instant
from schemas.outcome import Outcome
from tests.evidence.controls.rights import LATER, Row, at, window
from tests.fakes.memory_evidence import MemoryEvidence

ORG = "org:acme"
SIGNED, DEADLINE = at("06-04"), at("06-16")
AUTUMN = at("10-20")
SECOND = timedelta(seconds=1)
SIGNOFF, ISSUE = "signoff:2026-05", "gap:CC6-MFA-01:2026-04"


def issue(number: str = "ops#1", **changed: Any) -> Row:
    row: Row = {
        "kind": "gap", "control_id": "CC6-MFA-01", "evidence_id": None, "scope_item_id": None, "window": "2026-04",
        "item_id": None, "issue": number, "owner": "p1@acme.example", "due": "2026-06-30", "closed_at": None,
        "extended_by": None,
    }  # fmt: skip
    return row | changed


def sign(evidence: MemoryEvidence, when: datetime = SIGNED, *issues: Row, month: str = "2026-05") -> str:
    values = {
        "result_digest": "sha256:" + "d" * 64, "reviewer": "boss@acme.example", "signed_at": format_instant(when),
        "issues": list(issues),
    }  # fmt: skip
    return evidence.record(
        "CC4-MON-01", "signoff", ORG, "sign_off", when, values, kind="periodic", for_window=month
    )  # fmt: skip


def judged(evidence: MemoryEvidence, *, as_of: datetime = LATER, **more: Any) -> dict[str, Outcome]:
    found = months_are_signed_off(window("CC4-MON-01", ORG, as_of=as_of, **more), evidence)
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def signed(when: datetime | None = SIGNED, **more: Any) -> Outcome:
    evidence = MemoryEvidence()
    if when is not None:
        sign(evidence, when)
    return judged(evidence, **more)[SIGNOFF]


def followed(first: Row, *later: tuple[datetime, list[Row]], as_of: datetime = AUTUMN) -> Outcome:
    evidence = MemoryEvidence()
    sign(evidence, SIGNED, first)
    for when, rows in later:
        sign(evidence, when, *rows, month=f"{when - timedelta(days=20):%Y-%m}")
    return judged(evidence, as_of=as_of)[ISSUE]


class TestSignOff:
    def test_in_time(self) -> None:
        found = signed()
        assert found.outcome == "pass"
        assert "signed off by boss@acme.example at 2026-06-04T00:00:00Z" in found.explanation

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        assert signed(DEADLINE).outcome == "pass"
        late = signed(DEADLINE + SECOND)
        assert late.codes == ("SIGNOFF_MISSING",)
        assert "after 2026-06-16T00:00:00Z" in late.explanation

    def test_never(self) -> None:
        assert signed(None).codes == ("SIGNOFF_MISSING",)
        found = signed(None, as_of=DEADLINE)
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)

    def test_the_companys_own_days(self) -> None:
        own = {"CC4-MON-01": {"evidence": {"signoff": {"due_days": 2, "grace_days": 0}}}}
        assert signed(controls=own).codes == ("SIGNOFF_MISSING",)

    def test_before_the_month_was_over(self) -> None:
        assert signed(at("05-28")).outcome == "unknown"

    def test_of_another_month(self) -> None:
        evidence = MemoryEvidence()
        sign(evidence, month="2026-04")
        assert judged(evidence)[SIGNOFF].codes == ("SIGNOFF_MISSING",)


class TestIssues:
    def test_without_issue_or_owner(self) -> None:
        assert followed(issue(" ")).codes == ("GAP_WITHOUT_ISSUE",)
        assert followed(issue(owner=None)).codes == ("GAP_WITHOUT_ISSUE",)

    def test_open_until_its_day(self) -> None:
        found = followed(issue(), as_of=LATER)
        assert (found.outcome, found.resolves_at) == ("pending", at("07-01"))

    def test_closed_in_time(self) -> None:
        assert followed(issue(closed_at="2026-06-03T10:00:00Z")).outcome == "pass"
        done = (at("07-02"), [issue(closed_at="2026-06-30T10:00:00Z")])
        assert followed(issue(), done).outcome == "pass"

    def test_closed_too_late(self) -> None:
        done = (at("07-08"), [issue(closed_at="2026-07-06T10:00:00Z")])
        assert followed(issue(), done).codes == ("ISSUE_OVERDUE",)

    def test_told_much_later_it_counts_from_then(self) -> None:
        done = (at("07-20"), [issue(closed_at="2026-06-20T10:00:00Z")])
        assert followed(issue(), done).codes == ("ISSUE_OVERDUE",)

    def test_still_open_in_the_next_sign_off(self) -> None:
        assert followed(issue("OPS#1"), (at("07-08"), [issue()])).codes == ("ISSUE_OVERDUE",)

    def test_a_later_day(self) -> None:
        later = issue(due="2026-12-31", extended_by="boss@acme.example")
        assert followed(issue(), (at("06-28"), [later])).outcome == "pending"
        nobodys = issue(due="2026-12-31")
        assert followed(issue(), (at("07-08"), [nobodys])).codes == ("ISSUE_OVERDUE",)

    def test_the_next_sign_off_does_not_mention_it(self) -> None:
        found = followed(issue(), (at("07-08"), []))
        assert found.outcome == "unknown"
        assert "later sign-offs do not mention it" in found.explanation

    def test_the_next_sign_off_is_still_to_come(self) -> None:
        assert followed(issue(), as_of=at("07-10")).outcome == "pending"
        assert followed(issue()).outcome == "unknown"

    def test_no_target_day(self) -> None:
        assert followed(issue(due=None)).outcome == "unknown"

    def test_a_sign_off_made_again(self) -> None:
        evidence = MemoryEvidence()
        sign(evidence, SIGNED, issue(), issue("ops#2"))
        sign(evidence, at("06-05"), issue(), issue("ops#3", window="2026-05"))
        assert len(judged(evidence)) == 4

    def test_hostile_texts(self) -> None:
        evidence = MemoryEvidence()
        sign(evidence, SIGNED, issue("x|<b>\n" * 2000, item_id="\n" * 9000 + "x" * 9000, window=None))
        assert all(len(one.explanation) + len(one.item_id) < 1500 for one in judged(evidence).values())


def test_it_is_declared() -> None:
    assert MONTHLY_REVIEW.test is months_are_signed_off
    assert MONTHLY_REVIEW.exception_codes == CODES
