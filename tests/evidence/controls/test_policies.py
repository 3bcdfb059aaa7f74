"""CC2-POL-01: each code planted, what looks like it and is none, and what can't be known.

The policy on access was approved by boss in November; the period is April to September, tested in October.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from evidence.controls.governance_communication import POLICIES
from evidence.controls.policies import CODES, policies_are_approved
from schemas.google import DOCUMENT_APPROVALS
from schemas.outcome import Outcome
from tests.evidence.controls.decided import BOSS, LONG_AGO, OTHER_TEXT, approval
from tests.evidence.controls.rights import Row, at, employee, window
from tests.fakes.memory_evidence import MemoryEvidence

OVER, END = at("10-20"), at("10-01")
APPROVERS = {"approvers": [{"email": "boss@acme.example"}]}
PEOPLE = [employee("p1", name="Ann", aliases=["ann.a@acme.example"]), BOSS]


def judged(evidence: MemoryEvidence, *, as_of: datetime = OVER, **more: Any) -> Outcome:
    settings: dict[str, Any] = {
        "start": at("04-01"), "end": END, "registers": {"people": PEOPLE}, "people": APPROVERS,
        "holders": {DOCUMENT_APPROVALS.name: ("org:acme",)},
    } | more  # fmt: skip
    [found] = policies_are_approved(window("CC2-POL-01", "policy:access", as_of=as_of, **settings), evidence)
    assert set(found.codes) <= set(CODES)
    return found


def approved(*approvals: dict[str, Any], as_of: datetime = OVER, **more: Any) -> Outcome:
    evidence = MemoryEvidence()
    for one in approvals:
        approval(evidence, "access", **one)
    return judged(evidence, as_of=as_of, **more)


def document(when: datetime, **changed: Any) -> Row:
    row: Row = {
        "file_id": "f1", "approval_id": f"a{when:%m%d}", "policy": "Access", "title": "Access", "status": "APPROVED",
        "initiator": "p1@acme.example", "reviewers": [{"email": "boss@acme.example", "response": "APPROVED"}],
        "created_at": when, "completed_at": when, "approved_revision_id": "7", "approved_revision_at": when,
        "approved_is_latest": True, "latest_revision_id": "7", "content_hash": None,
        "revisions": [{"revision_id": "7", "modified_at": when - timedelta(days=2), "author": "p1@acme.example"}],
    }  # fmt: skip
    return row | changed


def at_drive(*rows: Row) -> Outcome:
    evidence = MemoryEvidence()
    evidence.snapshot(DOCUMENT_APPROVALS, "org:acme", at("09-28"), rows)
    return judged(evidence)


class TestCurrency:
    def test_approved_within_the_year(self) -> None:
        found = approved({})
        assert found.outcome == "pass"
        assert "version 2, approved by boss@acme.example at 2025-11-03T10:00:00Z" in found.explanation

    def test_the_last_day_of_the_grace(self) -> None:
        last = datetime.fromisoformat("2025-09-01T10:00:00+00:00")
        assert approved({"when": last}).outcome == "pass"
        late = approved({"when": last - timedelta(days=1)})
        assert late.codes == ("POLICY_LAPSED",)
        assert "from 2026-09-30T00:00:00Z to 2026-10-01T00:00:00Z" in late.explanation

    def test_approved_again_after_a_lapse(self) -> None:
        old = datetime.fromisoformat("2025-05-20T10:00:00+00:00")
        found = approved({"when": old}, {"when": at("07-14"), "effective_from": "2025-05-20"})
        assert found.codes == ("POLICY_LAPSED",)
        assert "from 2026-06-19T00:00:00Z to 2026-07-14T00:00:00Z" in found.explanation

    def test_never(self) -> None:
        found = approved(as_of=at("06-20"))
        assert (found.outcome, found.resolves_at) == ("pending", END)
        assert approved().codes == ("POLICY_LAPSED", "POLICY_UNAPPROVED")

    def test_the_first_on_record_is_of_the_period(self) -> None:
        found = approved({"when": at("05-04")})
        assert found.outcome == "unknown"
        assert "before the first that is recorded, of 2026-05-04T00:00:00Z" in found.explanation

    def test_one_that_claims_to_be_older_than_it_arrived(self) -> None:
        assert approved({"recorded_at": at("05-04")}).outcome == "unknown"

    def test_the_companys_own_grace(self) -> None:
        old = datetime.fromisoformat("2025-08-20T10:00:00+00:00")
        own = {"CC2-POL-01": {"evidence": {"approvals": {"grace_days": 60}}}}
        assert approved({"when": old}).codes == ("POLICY_LAPSED",)
        assert approved({"when": old}, controls=own).outcome == "pass"


class TestInForce:
    def test_a_new_version_follows_the_old_one(self) -> None:
        new = {"when": at("05-04"), "sha256": OTHER_TEXT, "version": "3", "effective_from": "2026-06-01"}
        assert approved({}, new).outcome == "pass"

    def test_in_force_before_it_was_approved(self) -> None:
        new = {"when": at("05-04"), "sha256": OTHER_TEXT, "version": "3", "effective_from": "2026-05-01"}
        found = approved({}, new)
        assert found.codes == ("POLICY_UNAPPROVED",)
        assert "from 2026-05-01T00:00:00Z to 2026-05-04T00:00:00Z" in found.explanation

    def test_approved_again_without_a_new_text(self) -> None:
        assert approved({}, {"when": at("05-04"), "effective_from": "2025-11-03"}).outcome == "pass"

    def test_withdrawn(self) -> None:
        assert approved({"effective_to": "2026-07-31"}).codes == ("POLICY_UNAPPROVED",)


class TestWho:
    def test_by_the_only_author(self) -> None:
        assert approved({"authors": ["boss@acme.example"]}).codes == ("POLICY_SELF_APPROVED",)

    def test_by_one_of_two_authors(self) -> None:
        assert approved({"authors": ["boss@acme.example", "p1@acme.example"]}).outcome == "pass"

    def test_by_the_author_under_another_address(self) -> None:
        mine = {"authors": ["ann.a@acme.example"], "approved_by": "p1@acme.example"}
        assert approved(mine, people={"approvers": [{"email": "p1@acme.example"}]}).codes == ("POLICY_SELF_APPROVED",)

    def test_by_somebody_who_may_not(self) -> None:
        assert approved({"approved_by": "p1@acme.example", "authors": ["boss@acme.example"]}).codes == (
            "POLICY_UNAPPROVED",
        )
        later = {"approvers": [{"email": "boss@acme.example", "from": "2026-01-01"}]}
        assert approved({}, people=later).codes == ("POLICY_UNAPPROVED",)

    def test_nobody_says_who_may(self) -> None:
        assert approved({}, people={}).outcome == "unknown"

    def test_an_author_whom_nobody_knows(self) -> None:
        assert approved({"authors": ["guest@elsewhere.example"]}).outcome == "unknown"

    def test_an_approval_that_was_followed_by_another_before_the_window(self) -> None:
        old = {"when": LONG_AGO - timedelta(days=30), "authors": ["boss@acme.example"]}
        assert approved(old, {}).outcome == "pass"


class TestDrive:
    def test_approved_there(self) -> None:
        assert at_drive(document(LONG_AGO)).outcome == "pass"

    def test_changed_after_the_approval(self) -> None:
        assert at_drive(document(LONG_AGO, approved_is_latest=False)).codes == ("POLICY_UNAPPROVED",)
        again = document(at("05-04"))
        assert at_drive(document(LONG_AGO, approved_is_latest=False), again).outcome == "pass"

    def test_under_way_or_of_another_policy(self) -> None:
        for row in (document(LONG_AGO, status="IN_PROGRESS", completed_at=None), document(LONG_AGO, policy="change")):
            assert at_drive(row).codes == ("POLICY_LAPSED", "POLICY_UNAPPROVED")

    def test_by_the_only_author(self) -> None:
        wrote = [{"revision_id": "7", "modified_at": LONG_AGO, "author": "boss@acme.example"}]
        assert at_drive(document(LONG_AGO, revisions=wrote)).codes == ("POLICY_SELF_APPROVED",)

    def test_nobody_says_who_wrote_or_approved_it(self) -> None:
        assert at_drive(document(LONG_AGO, revisions=[])).outcome == "unknown"
        assert at_drive(document(LONG_AGO, reviewers=[])).codes == ("POLICY_UNAPPROVED",)


def test_hostile_texts() -> None:
    assert len(approved({"version": "<b>|\n" * 2000}).explanation) < 1000


def test_it_is_declared() -> None:
    assert POLICIES.test is policies_are_approved
    assert POLICIES.exception_codes == CODES
