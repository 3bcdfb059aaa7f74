"""CC6-ROOT-01: each code planted, what looks like it and is none, and what can't be known.

The use is of Tuesday 12 May at ten; five business days later is the end of Tuesday 19 May.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from evidence.controls.access_events import STREAMS
from evidence.controls.privileged_use import CODES, highest_powers_watched
from schemas.github import ADMINISTRATORS as GITHUB_ADMINISTRATORS
from schemas.google import ADMINISTRATORS as GOOGLE_ADMINISTRATORS
from schemas.outcome import Outcome
from tests.evidence.controls import access
from tests.evidence.controls.rights import (
    AWS,
    GCP,
    GITHUB,
    GOOGLE,
    LATER,
    MAY,
    Row,
    account_of,
    at,
    aws_event,
    employee,
    gcp_event,
    github_event,
    google_event,
    window,
)
from tests.fakes.memory_evidence import MemoryEvidence

HOUR = timedelta(hours=1)
USED, DEADLINE = at("05-12T10:00"), at("05-20")
ROOT = "arn:aws:iam::111122223333:root"
REGISTERS = {
    "people": [employee("p1", name="Ann"), employee("p9", name="Boss")],
    "identities": [
        account_of("p1", "github", "ann"), account_of("p1", "aws", "ann"), account_of("p9", "github", "boss"),
    ],
}  # fmt: skip
ROLE = "arn:aws:iam::111122223333:role/break-glass"
GLASS = {"evidence_rules": {"break_glass": [ROLE]}}


def by_root(name: str = "CreateUser", when: datetime = USED, **changed: Any) -> Row:
    root = {"identity_type": "Root", "identity_arn": ROOT, "identity_account_id": "111122223333"}
    return aws_event(name, when, {"userName": "x"}, **(root | changed))


def taken(when: datetime = USED, role: str = ROLE, **changed: Any) -> Row:
    """Ann takes a role."""
    user = {
        "identity_type": "IAMUser",
        "identity_arn": "arn:aws:iam::111122223333:user/ann",
        "identity_user_name": "ann",
    }
    row = aws_event("AssumeRole", when, {"roleArn": role}, service="sts", read_only=True, **user)
    return row | {"event_id": "taken"} | changed


def review(event_id: str, when: datetime = USED + 5 * HOUR, **changed: Any) -> Row:
    """A review by boss of what Ann did."""
    values = {
        "event_id": event_id, "explanation": "lost key", "break_glass": None, "ticket": None, "used_by": None,
        "reviewer": "p9@acme.example", "reviewed_at": f"{when:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    return {"performed_at": when, "recorded_at": changed.pop("recorded_at", when), "values": values | changed}


def judged(
    rows: Sequence[Row],
    reviews: Sequence[Row] = (),
    scope: str = AWS,
    *,
    covered: bool = True,
    holders: Mapping[datetime, Sequence[str]] | None = None,
    registers: Mapping[str, Any] = REGISTERS,
    as_of: datetime = LATER,
    **programme: Any,
) -> dict[str, Outcome]:
    system = scope.partition(":")[0]
    evidence = MemoryEvidence()
    evidence.store(STREAMS[system], scope, rows)
    if covered:
        evidence.claim(STREAMS[system], scope, at("04-01"), LATER)
    for when, names in ({at("05-01"): ["ann", "p1"]} if holders is None else holders).items():
        if system == "github":
            evidence.snapshot(GITHUB_ADMINISTRATORS, scope, when, [access.owner(name) for name in names])
        elif system == "google":
            evidence.snapshot(GOOGLE_ADMINISTRATORS, scope, when, [super_admin(name) for name in names])
    for made in reviews:
        evidence.record(
            "CC6-ROOT-01", "reviews", scope, "privileged_use_review", made["performed_at"], made["values"],
            recorded_at=made["recorded_at"], signed_by=made.get("signed_by"),
        )  # fmt: skip
    found = highest_powers_watched(
        window("CC6-ROOT-01", scope, as_of=as_of, registers=registers, **programme), evidence
    )
    assert all(set(one.codes) <= set(CODES) for one in found)
    assert len({one.item_id for one in found}) == len(found)
    return {one.item_id: one for one in found}


def one(row: Row, *reviews: Row, **more: Any) -> Outcome:
    [found] = judged([row], reviews, **more).values()
    return found


def super_admin(name: str, **changed: Any) -> Row:
    row: Row = {
        "assignment_id": f"a-{name}", "principal_id": f"1{name}", "principal_kind": "user",
        "principal_email": f"{name}@acme.example", "role_id": "r", "role_name": "_SEED_ADMIN_ROLE",
        "privilege": "super_admin", "system_role": True, "privileges": [], "scope": "CUSTOMER",
    }  # fmt: skip
    return row | changed


class TestRule:
    def test_reviewed_in_time_by_somebody_else(self) -> None:
        row = by_root()
        found = one(row, review(row["event_id"], used_by="p1@acme.example"))
        assert found.outcome == "pass"
        assert "reviewed by p9@acme.example at 2026-05-12T15:00:00Z" in found.explanation
        assert "5 business days after 2026-05-12; Monday to Friday, no holidays" in found.explanation
        assert len(found.evidence) == 2

    def test_nobody_reviewed_it(self) -> None:
        assert one(by_root()).codes == ("USE_UNREVIEWED",)

    def test_pending_until_the_deadline(self) -> None:
        found = one(by_root(), as_of=DEADLINE - HOUR)
        assert (found.outcome, found.resolves_at) == ("pending", DEADLINE)
        assert one(by_root(), as_of=DEADLINE).codes == ("USE_UNREVIEWED",)

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        row = by_root()
        said = {"used_by": "p1@acme.example"}
        assert one(row, review(row["event_id"], DEADLINE, **said)).outcome == "pass"
        late = one(row, review(row["event_id"], DEADLINE + timedelta(seconds=1), **said))
        assert late.codes == ("USE_UNREVIEWED",)
        assert "only at 2026-05-20T00:00:01Z" in late.explanation

    def test_a_review_that_claims_to_be_old(self) -> None:
        row = by_root()
        said = review(row["event_id"], recorded_at=at("06-01"), used_by="p1@acme.example")
        assert one(row, said).codes == ("USE_UNREVIEWED",)

    def test_a_review_from_before_the_use_is_none_of_it(self) -> None:
        row = by_root()
        assert one(row, review(row["event_id"], USED - HOUR, used_by="p1@acme.example")).codes == ("USE_UNREVIEWED",)

    def test_a_review_that_does_not_say_what_for(self) -> None:
        row = by_root()
        assert one(row, review(row["event_id"], explanation=" ")).codes == ("USE_UNREVIEWED",)

    def test_a_review_of_another_event(self) -> None:
        assert one(by_root(), review("other", used_by="p1@acme.example")).codes == ("USE_UNREVIEWED",)

    def test_reviewed_by_who_did_it(self) -> None:
        row = by_root()
        own = review(row["event_id"], used_by="p9@acme.example")
        assert one(row, own).codes == ("SELF_REVIEWED",)
        assert one(row, own, as_of=DEADLINE - HOUR).outcome == "pending", "somebody else may still look at it"
        other = review(row["event_id"], DEADLINE - HOUR, reviewer="p1@acme.example", used_by="p9@acme.example")
        assert one(row, own, other).outcome == "pass"

    def test_by_an_alias_of_who_did_it(self) -> None:
        row = by_root()
        people = [employee("p9", aliases=["root@acme.example"])]
        own = review(row["event_id"], used_by="root@acme.example")
        assert one(row, own, registers=REGISTERS | {"people": people}).codes == ("SELF_REVIEWED",)

    def test_a_reviewer_whom_no_register_knows_may_be_anybody(self) -> None:
        row = github_event("org.update_member", USED, "bob", by="ann")
        stranger = review(row["event_id"], reviewer="ann.private@mail.example")
        assert one(row, stranger, scope=GITHUB).outcome == "unknown"
        assert one(row, stranger, review(row["event_id"]), scope=GITHUB).outcome == "pass"
        root = by_root()
        assert one(root, review(root["event_id"], used_by="stranger@mail.example")).outcome == "unknown"

    def test_who_did_it_can_not_sign_for_another(self) -> None:
        row = github_event("org.update_member", USED, "bob", by="ann")
        said = review(row["event_id"]) | {"signed_by": "p1@acme.example"}
        assert one(row, said, scope=GITHUB).codes == ("SELF_REVIEWED",)
        assert one(row, said | {"signed_by": "p9@acme.example"}, scope=GITHUB).outcome == "pass"

    def test_many_uses_and_reviews(self) -> None:
        rows = [github_event("org.update_member", USED, f"u{n}", by="ann") | {"event_id": f"e{n}"} for n in range(2000)]
        found = judged(rows, [review(f"use:e{n}") for n in range(2000)], GITHUB)
        assert {outcome.outcome for outcome in found.values()} == {"pass"}
        assert {len(outcome.evidence) for outcome in found.values()} == {2}

    def test_nobody_says_who_used_root(self) -> None:
        row = by_root()
        found = one(row, review(row["event_id"]))
        assert found.outcome == "unknown"
        known = REGISTERS | {"identities": [account_of("p1", "aws", ROOT)]}
        assert one(row, review(row["event_id"]), registers=known).outcome == "pass"
        holder = REGISTERS | {"identities": [account_of("p9", "aws", ROOT)]}
        assert one(row, review(row["event_id"]), registers=holder).codes == ("SELF_REVIEWED",)

    def test_days_and_holidays_are_those_of_the_programme(self) -> None:
        row = by_root(when=at("05-21T10:00"))
        said = review(row["event_id"], at("05-29T10:00"), used_by="p1@acme.example")
        assert one(row, said).codes == ("USE_UNREVIEWED",)
        assert one(row, said, offices={"default": {"calendar": "GB-ENG"}}).outcome == "pass"
        assert one(row, said, evidence_rules={"privileged_use_review_business_days": 6}).outcome == "pass"
        assert one(row, said, controls={"CC6-ROOT-01": {"deadline_business_days": 6}}).outcome == "pass"

    def test_the_stream_is_not_held(self) -> None:
        [found] = judged([], covered=False).values()
        assert (found.outcome, found.item_id.startswith("window:")) == ("unknown", True)
        assert judged([]) == {}

    def test_window_edges(self) -> None:
        rows = [by_root(when=when) for when in (MAY[0] - HOUR, MAY[0], MAY[1] - HOUR, MAY[1])]
        assert {found.event_time for found in judged(rows).values()} == {MAY[0], MAY[1] - HOUR}

    def test_hostile_texts(self) -> None:
        text = "x|\n<b>" * 3000
        found = one(by_root(text), review(text, reviewer=text))
        assert len(found.explanation) < 1_500


class TestBreakGlass:
    def test_with_review_and_ticket(self) -> None:
        found = one(taken(), review("taken", ticket="OPS-7"), **GLASS)
        assert found.outcome == "pass"
        assert "(break-glass)" in found.explanation

    def test_without_a_ticket(self) -> None:
        assert one(taken(), review("taken"), **GLASS).codes == ("NO_TICKET",)
        assert one(taken(), review("taken"), as_of=DEADLINE - HOUR, **GLASS).outcome == "pending"

    def test_without_anything(self) -> None:
        assert one(taken(), **GLASS).codes == ("USE_UNREVIEWED", "NO_TICKET")

    def test_by_the_name_of_the_role(self) -> None:
        assert one(taken(), evidence_rules={"break_glass": ["break-glass"]}).codes == ("USE_UNREVIEWED", "NO_TICKET")

    def test_a_use_that_its_review_calls_break_glass(self) -> None:
        row = by_root()
        said = review(row["event_id"], used_by="p1@acme.example", break_glass=True)
        assert one(row, said).codes == ("NO_TICKET",)

    @pytest.mark.parametrize("changed", [{"error_code": "AccessDenied"}, {"invoked_by": "ec2.amazonaws.com"}])
    def test_a_role_that_was_not_taken_by_anybody(self, changed: Row) -> None:
        assert judged([taken(**changed)], **GLASS) == {}

    def test_another_role(self) -> None:
        assert judged([taken(role="arn:aws:iam::111122223333:role/deploy")], **GLASS) == {}


class TestAws:
    @pytest.mark.parametrize(
        "row",
        [
            by_root(invoked_by="support.amazonaws.com"),
            by_root(event_type="AwsServiceEvent"),
            by_root("CreateServiceLinkedRole"),
            by_root("ListUsers", read_only=True),
            by_root("DescribeInstances", read_only=None),
            by_root(
                "ConsoleLogin", event_source="signin.amazonaws.com", response_elements='{"ConsoleLogin": "Failure"}'
            ),
            by_root(
                "PasswordUpdated",
                event_source="signin.amazonaws.com",
                response_elements='{"PasswordUpdated":"Failure"}',
            ),
            aws_event("CreateUser", USED, {"userName": "x"}),
        ],
    )
    def test_what_is_no_use_of_root(self, row: Row) -> None:
        assert judged([row]) == {}

    @pytest.mark.parametrize(
        "row",
        [
            by_root(),
            by_root("CloseAccount"),
            by_root("CreateAccessKey", invoked_by="signin.amazonaws.com"),
            by_root("DeleteTrail", error_code="AccessDenied"),
            by_root(
                "ConsoleLogin", event_source="signin.amazonaws.com", response_elements='{"ConsoleLogin": "Success"}'
            ),
            by_root("ConsoleLogin", event_source="signin.amazonaws.com", response_elements=None, read_only=None),
        ],
    )
    def test_what_is_one(self, row: Row) -> None:
        assert one(row).codes == ("USE_UNREVIEWED",)

    def test_a_review_speaks_of_the_session_so_far(self) -> None:
        session = {"identity_access_key_id": "ASIA1", "session_created_at": at("05-12T09:00")}
        rows = [by_root("CreateUser", USED, **session), by_root("DeleteUser", USED + HOUR, **session)]
        rows += [by_root("DeleteRole", USED + 6 * HOUR, **session)]
        rows += [by_root("StopLogging", USED + HOUR, **(session | {"identity_access_key_id": "ASIA2"}))]
        said = review(rows[0]["event_id"], used_by="p1@acme.example")
        found = judged(rows, [said])
        for row in rows[:2]:
            assert found[f"use:{row['event_id']}"].outcome == "pass"
        assert found[f"use:{rows[2]['event_id']}"].outcome == "exception", "it came after the review"
        assert found[f"use:{rows[3]['event_id']}"].outcome == "exception", "another session"

    def test_a_session_that_began_before_the_window(self) -> None:
        session = {"identity_access_key_id": "ASIA1", "session_created_at": MAY[0] - 2 * HOUR}
        rows = [by_root("CreateUser", MAY[0] - HOUR, **session), by_root("DeleteUser", MAY[0] + HOUR, **session)]
        found = judged(rows, [review(rows[0]["event_id"], MAY[0] + 9 * HOUR, used_by="p1@acme.example")])
        assert {item: one.outcome for item, one in found.items()} == {f"use:{rows[1]['event_id']}": "pass"}


class TestGoogle:
    EVENT = google_event("CHANGE_PASSWORD", USED, "x", by="p1")

    def test_a_super_administrator(self) -> None:
        assert one(self.EVENT, scope=GOOGLE).codes == ("USE_UNREVIEWED",)
        assert one(self.EVENT, review(self.EVENT["activity_id"]), scope=GOOGLE).outcome == "pass"
        own = review(self.EVENT["event_id"], reviewer="p1@acme.example")
        assert one(self.EVENT, own, scope=GOOGLE).codes == ("SELF_REVIEWED",)

    def test_others_and_what_google_does(self) -> None:
        assert judged([google_event("CHANGE_PASSWORD", USED, by="helpdesk")], scope=GOOGLE) == {}
        assert judged([self.EVENT | {"actor": None}], scope=GOOGLE) == {}
        assert judged([self.EVENT | {"application": "user_accounts"}], scope=GOOGLE) == {}
        delegated = {at("05-01"): []}
        assert judged([self.EVENT], scope=GOOGLE, holders=delegated) == {}

    def test_who_became_one_between_two_lists(self) -> None:
        holders: dict[datetime, Sequence[str]] = {at("05-12"): [], at("05-13"): ["p1"]}
        assert one(self.EVENT, scope=GOOGLE, holders=holders).outcome == "unknown"
        assert one(self.EVENT, scope=GOOGLE, holders={at("05-12"): ["p1"], at("05-13"): []}).codes == (
            "USE_UNREVIEWED",
        )
        last = google_event("CHANGE_PASSWORD", at("05-31T23:00"), "x", by="p1")
        assert one(last, scope=GOOGLE, holders={at("05-31"): [], at("06-01"): ["p1"]}).outcome == "unknown"

    @pytest.mark.parametrize("when", [None, "05-20", "03-01"])
    def test_nobody_knows_who_was_one(self, when: str | None) -> None:
        holders = {} if when is None else {at(when): ["p1"]}
        assert one(self.EVENT, scope=GOOGLE, holders=holders).outcome == "unknown"


class TestGitHub:
    def test_an_owner(self) -> None:
        row = github_event("org.update_member", USED, "bob", by="ann")
        assert one(row, scope=GITHUB).codes == ("USE_UNREVIEWED",)
        assert one(row, review(row["event_id"]), scope=GITHUB).outcome == "pass"

    def test_an_owner_whom_the_identity_map_does_not_know(self) -> None:
        row = github_event("org.update_member", USED, "bob", by="ann")
        found = one(row, review(row["event_id"]), scope=GITHUB, registers={"people": REGISTERS["people"]})
        assert found.outcome == "unknown"

    def test_overrides_and_bypasses_by_whomever(self) -> None:
        for action in ("protected_branch.policy_override", "secret_scanning_push_protection.bypass"):
            assert one(github_event(action, USED, None, by="bob"), scope=GITHUB).codes == ("USE_UNREVIEWED",)

    def test_what_is_no_use(self) -> None:
        app = {"actor": {"id": "B_1", "login": "sync[bot]", "kind": "bot"}}
        rows = [
            github_event("org.add_member", USED, "x", by="bob"), github_event("team.create", USED, None, by="ann"),
            github_event("org.add_member", USED, "y", by="ann") | app,
            github_event("protected_branch.update_name", USED, None, by="ann"),
        ]  # fmt: skip
        assert judged(rows, scope=GITHUB) == {}

    def test_a_break_glass_account(self) -> None:
        row = github_event("repo.access", USED, None, by="emergency")
        assert one(row, scope=GITHUB, evidence_rules={"break_glass": ["Emergency"]}).codes == (
            "USE_UNREVIEWED", "NO_TICKET",
        )  # fmt: skip


class TestGoogleCloud:
    TOP: ClassVar = {"container": "organizations/8", "resource_name": "organizations/8", "inherited": True}

    def test_policies_of_the_organisation(self) -> None:
        row = gcp_event([("ADD", "roles/owner", "user:x@acme.example")], USED, principal="p1@acme.example", **self.TOP)
        assert one(row, scope=GCP).codes == ("USE_UNREVIEWED",)
        assert one(row, review(row["event_id"]), scope=GCP).outcome == "pass"
        machine = row | {"principal": "tf@acme.iam.gserviceaccount.com", "principal_kind": "service_account"}
        assert one(machine, review(row["event_id"]), scope=GCP).outcome == "pass"

    def test_others(self) -> None:
        rows = [gcp_event([], USED), gcp_event([], USED + HOUR, status_code=7, **self.TOP)]
        rows += [gcp_event([], USED + 2 * HOUR, method="SetOrgPolicy", **self.TOP)]
        assert judged(rows, scope=GCP) == {}
