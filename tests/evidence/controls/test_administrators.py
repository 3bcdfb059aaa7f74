"""CC6-PRIV-01: administrators are approved, few, and none appears unexplained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.administrators import administrators_approved
from schemas.aws import PRIVILEGES
from schemas.github import ADMINISTRATORS
from schemas.github_organisation import AUDIT_EVENTS
from schemas.outcome import Outcome
from schemas.tickets import ACCESS_REQUESTS
from tests.evidence.controls.access import (
    AWS,
    DAY,
    FIRST,
    GITHUB,
    SECOND,
    THIRD,
    approved,
    owner,
    privilege,
    shown,
)
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.rights import github_event
from tests.evidence.controls.rights import window as rights_window
from tests.evidence.controls.test_access_grants import REGISTERS, request

ALICE = "github:assignment:owner:alice"
Snapshots = Mapping[datetime, Sequence[dict[str, Any]]]


def github(snapshots: Snapshots, *register: dict[str, Any], **kept: Any) -> list[Outcome]:
    registers = {"administrators": list(register), **kept.pop("registers", {})}
    tested = window("CC6-PRIV-01", scope=GITHUB, name="acme", registers=registers, **kept)
    return administrators_approved(tested, shown(ADMINISTRATORS, GITHUB, snapshots))


def aws(snapshots: Snapshots, *register: dict[str, Any], **kept: Any) -> list[Outcome]:
    tested = window("CC6-PRIV-01", scope=AWS, name="prod", registers={"administrators": list(register)}, **kept)
    return administrators_approved(tested, shown(PRIVILEGES, AWS, snapshots))


def of_alice(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if "alice" in outcome.item_id]


def one(*register: dict[str, Any], **changed: Any) -> Outcome:
    (outcome,) = of_alice(github({FIRST: [owner(**changed)]}, *register))
    return outcome


def test_in_order() -> None:
    outcomes = github({FIRST: [owner()], SECOND: [owner()]}, approved())
    assert {outcome.item_id: outcome.outcome for outcome in outcomes} == {
        ALICE: "pass",
        f"{GITHUB}:administrators": "pass",
    }
    assert "approved by cto@acme.example (runs the platform)" in of_alice(outcomes)[0].explanation


@pytest.mark.parametrize(
    "row",
    [
        approved("U_alice"),
        approved("Alice"),
        approved(privilege="organisation_owner"),
        approved(resource="acme"),
        approved(resource="O_1"),
        approved(to="2026-05-04"),
    ],
    ids=["by node id", "by login", "for the privilege", "for the organisation", "by its id", "on its last day"],
)
def test_ways_to_be_approved(row: dict[str, Any]) -> None:
    assert one(row).outcome == "pass"


@pytest.mark.parametrize(
    "row",
    [
        approved("bob"),
        approved(system="aws"),
        approved(privilege="repository_admin"),
        approved(resource="acme/api"),
        approved(to="2026-05-03"),
        approved(**{"from": "2026-05-05"}),
        approved(approved_by=""),
        approved(approved_by="alice"),
    ],
    ids=[
        "somebody else", "another system", "another privilege", "another resource", "no longer", "not yet",
        "by nobody", "by the holder",
    ],
)  # fmt: skip
def test_admin_not_approved(row: dict[str, Any]) -> None:
    outcome = one(row)
    assert outcome.codes == ("ADMIN_NOT_APPROVED",)
    assert outcome.item_id == f"{ALICE}@2026-05-04T00:00:00Z"


def test_the_holder_approving_under_another_name() -> None:
    registers = {
        "identities": [{"person_id": "p1", "system": "github", "account_id": "alice", "from": None, "to": None}],
        "people": [{"person_id": "p1", "email": "alice@acme.example", "aliases": None}],
    }
    row = approved(approved_by="alice@acme.example")
    (outcome,) = of_alice(github({FIRST: [owner()]}, row, registers=registers))
    assert outcome.codes == ("ADMIN_NOT_APPROVED",)
    assert one(row).outcome == "pass"  # without the registers nobody knows that this address is hers


def test_without_a_register_it_is_unknown() -> None:
    tested = window("CC6-PRIV-01", scope=GITHUB, name="acme")
    outcomes = administrators_approved(tested, shown(ADMINISTRATORS, GITHUB, {FIRST: [owner()]}))
    assert of_alice(outcomes)[0].outcome == "unknown"


def test_an_approval_that_came_in_the_middle() -> None:
    outcomes = github({FIRST: [owner()], SECOND: [owner()]}, approved(**{"from": "2026-05-08"}))
    (outcome,) = of_alice(outcomes)
    assert "1 of 2 snapshots" in outcome.explanation
    assert "shown otherwise at 2026-05-11T00:00:00Z" in outcome.explanation


def test_grant_unexplained() -> None:
    snapshots = {FIRST: [owner("bob")], SECOND: [owner("bob"), owner()], THIRD: [owner("bob"), owner()]}
    (outcome,) = of_alice(github(snapshots, approved("bob")))
    assert outcome.codes == ("ADMIN_NOT_APPROVED", "GRANT_UNEXPLAINED")
    assert "2 of 3 snapshots" in outcome.explanation


@pytest.mark.parametrize(
    ("granted_at", "approver", "explained"),
    [
        (FIRST + DAY, "p9@acme.example", True),
        (FIRST - DAY, "p9@acme.example", False),  # shown only later: that grant was not this addition
        (FIRST + DAY, "", False),  # asked for, and never approved
    ],
)
def test_a_grant_that_was_approved_explains_an_addition(granted_at: datetime, approver: str, explained: bool) -> None:
    snapshots = {FIRST: [owner("bob")], SECOND: [owner("bob"), owner("ann")]}
    evidence = shown(ADMINISTRATORS, GITHUB, snapshots)
    raised = github_event("org.update_member", granted_at, "ann", permission="admin", old_permission="read")
    evidence.store(AUDIT_EVENTS, GITHUB, [raised])
    evidence.store(ACCESS_REQUESTS, "org:acme", [request(START, approver=approver)])
    registers = REGISTERS | {"administrators": [approved("bob")]}
    approvers = {"approvers": [{"email": "p9@acme.example"}]}
    holders = {ACCESS_REQUESTS.name: ("org:acme",)}
    tested = rights_window("CC6-PRIV-01", GITHUB, registers=registers, holders=holders, people=approvers)
    [found] = [one for one in administrators_approved(tested, evidence) if "ann" in one.item_id]
    assert found.codes == (("ADMIN_NOT_APPROVED",) if explained else ("ADMIN_NOT_APPROVED", "GRANT_UNEXPLAINED"))


def test_an_addition_since_the_last_snapshot_before_the_window() -> None:
    (outcome,) = of_alice(github({START - DAY: [owner("bob")], FIRST: [owner("bob"), owner()]}, approved("bob")))
    assert "GRANT_UNEXPLAINED" in outcome.codes


def test_a_grant_that_the_register_explains_at_another_time() -> None:
    snapshots = {FIRST: [owner("bob")], SECOND: [owner("bob"), owner()]}
    (outcome,) = of_alice(github(snapshots, approved("bob"), approved(**{"from": "2026-06-01"})))
    assert outcome.codes == ("ADMIN_NOT_APPROVED",)


def test_the_first_snapshot_of_all_shows_no_additions() -> None:
    assert one().codes == ("ADMIN_NOT_APPROVED",)


def number(outcomes: list[Outcome]) -> Outcome:
    return next(outcome for outcome in outcomes if ":administrators" in outcome.item_id)


def test_too_many() -> None:
    rows = [owner(name) for name in ("alice", "bob", "carol")]
    register = [approved(name) for name in ("alice", "bob", "carol")]
    outcome = number(github({FIRST: rows}, *register, rules={"max_administrators": 2}))
    assert outcome.codes == ("TOO_MANY",)
    assert outcome.item_id == f"{GITHUB}:administrators@2026-05-04T00:00:00Z"
    assert "3, more than the 2 allowed (alice, bob, carol)" in outcome.explanation
    assert number(github({FIRST: rows}, *register, rules={"max_administrators": 3})).outcome == "pass"


def test_a_person_counts_once() -> None:
    registers = {
        "identities": [
            {"person_id": "p1", "system": "github", "account_id": login, "from": None, "to": None}
            for login in ("alice", "alice-admin")
        ]
    }
    rows = [owner(), owner(assignment_id="admin:alice:R_1", privilege="repository_admin"), owner("alice-admin")]
    assert number(github({FIRST: rows}, registers=registers, rules={"max_administrators": 1})).outcome == "pass"
    assert number(github({FIRST: rows}, rules={"max_administrators": 1})).codes == ("TOO_MANY",)


def test_an_app_that_may_write_needs_approval_and_is_no_administrator() -> None:
    app = owner("deploy-app", principal_kind="app", privilege="app_write")
    outcomes = github({FIRST: [app]}, rules={"max_administrators": 0})
    assert number(outcomes).outcome == "pass"
    assert [outcome.codes for outcome in outcomes if "deploy-app" in outcome.item_id] == [("ADMIN_NOT_APPROVED",)]


def test_a_team() -> None:
    team = owner("acme/platform", principal_kind="team", principal_id="T_1", privilege="repository_admin")
    for principal in ("platform", "acme/platform", "T_1"):
        outcomes = github({FIRST: [team]}, approved(principal))
        assert {outcome.outcome for outcome in outcomes} == {"pass"}


ALICE_ARN = "arn:aws:iam::111122223333:user/alice"


@pytest.mark.parametrize("principal", ["alice", ALICE_ARN, "AIDAalice"])
@pytest.mark.parametrize("resource", [None, "111122223333", "aws:111122223333"])
def test_aws_in_order(principal: str, resource: str | None) -> None:
    outcomes = aws({FIRST: [privilege()]}, approved(principal, "aws", resource=resource, privilege="administrator"))
    assert [(outcome.outcome, outcome.evidence_id) for outcome in outcomes] == [("pass", "admins")] * 2


def test_aws_not_approved() -> None:
    register = [approved("alice", "github"), approved("alice", "aws", resource="999999999999")]
    outcomes = aws({FIRST: [privilege()]}, *register)
    assert [outcome.codes for outcome in outcomes if "alice" in outcome.item_id] == [("ADMIN_NOT_APPROVED",)]


def test_ways_to_power_of_one_principal_are_assignments_and_one_administrator() -> None:
    inline = privilege(assignment_id="alice|inline|all", way="inline", policy_name="all")
    outcomes = aws({FIRST: [privilege(), inline]}, rules={"max_administrators": 1})
    assert number(outcomes).outcome == "pass"
    assert len(of_alice(outcomes)) == 2


def test_a_service_linked_role_is_used_by_aws_alone() -> None:
    role = privilege("AWSServiceRoleForX", principal_kind="role", service_linked=True)
    outcomes = aws({FIRST: [role]}, rules={"max_administrators": 0})
    assert {outcome.outcome for outcome in outcomes} == {"pass"}


@pytest.mark.parametrize("ask", [github, aws])
def test_no_snapshot_is_unknown_once_the_window_is_over(ask: Any) -> None:
    (row,) = ask({})
    assert (row.outcome, row.item_id[:7]) == ("unknown", "window:")
    assert ask({}, as_of=END - DAY) == []
