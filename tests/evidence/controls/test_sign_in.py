"""CC6-MFA-01: a second factor for every person, at GitHub and AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.sign_in import second_factor_everywhere
from schemas.aws import SIGN_IN
from schemas.github import MEMBERS
from schemas.outcome import Outcome
from tests.evidence.controls.access import AWS, DAY, FIRST, GITHUB, SECOND, THIRD, member, root, shown, user
from tests.evidence.controls.changes import END, START, window

ALICE = "github:user:U_alice"
ALICE_AWS = "arn:aws:iam::111122223333:user/alice"
Snapshots = Mapping[datetime, Sequence[dict[str, Any]]]


def github(snapshots: Snapshots, **kept: Any) -> list[Outcome]:
    tested = window("CC6-MFA-01", scope=GITHUB, name="acme", **kept)
    return second_factor_everywhere(tested, shown(MEMBERS, GITHUB, snapshots))


def aws(snapshots: Snapshots, **kept: Any) -> list[Outcome]:
    tested = window("CC6-MFA-01", scope=AWS, name="acme-prod", **kept)
    return second_factor_everywhere(tested, shown(SIGN_IN, AWS, snapshots))


def alices(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.item_id.startswith((ALICE, ALICE_AWS))]


def test_an_organisation_in_order() -> None:
    organisation, alice = github({FIRST: [member()], SECOND: [member()]})
    assert (organisation.item_id, organisation.outcome) == (GITHUB, "pass")
    assert (alice.item_id, alice.outcome, alice.evidence_id) == (ALICE, "pass", "github_org")
    assert "all 2 snapshots" in alice.explanation
    assert len(alice.evidence) == 2


def test_mfa_not_enforced() -> None:
    rows = [member(organisation_requires_two_factor=False), member("bob", organisation_requires_two_factor=False)]
    outcomes = github({FIRST: rows})
    assert {outcome.item_id: outcome.codes for outcome in outcomes} == {
        f"{GITHUB}@2026-05-04T00:00:00Z": ("MFA_NOT_ENFORCED",),
        ALICE: (),
        "github:user:U_bob": (),
    }


def test_a_setting_that_could_not_be_read_is_unknown() -> None:
    organisation, _alice = github({FIRST: [member(organisation_requires_two_factor=None)]})
    assert organisation.outcome == "unknown"


@pytest.mark.parametrize("membership", ["member", "outside_collaborator"])
def test_mfa_off(membership: str) -> None:
    row = member(two_factor="disabled", membership=membership, role=membership)
    (alice,) = alices(github({FIRST: [row]}))
    assert alice.codes == ("MFA_OFF",)


def test_not_known_is_neither_on_nor_off() -> None:
    (alice,) = alices(github({FIRST: [member(two_factor="unknown")]}))
    assert (alice.outcome, alice.codes) == ("unknown", ())


def test_a_bot_has_no_sign_in() -> None:
    assert alices(github({FIRST: [member(two_factor="unknown", kind="bot"), member("bob")]})) == []


def test_one_row_lists_the_snapshots_that_failed_and_how_many_were_looked_at() -> None:
    off = [member(two_factor="disabled")]
    (alice,) = alices(github({FIRST: [member()], SECOND: off, SECOND + DAY: off, THIRD: [member()]}))
    assert alice.item_id == f"{ALICE}@2026-05-11T00:00:00Z"
    assert alice.event_time == SECOND
    assert "2 of 4 snapshots looked at (2026-05-11T00:00:00Z, 2026-05-12T00:00:00Z; " in alice.explanation
    assert len(alice.evidence) == 2


def test_many_snapshots_are_named_by_the_first_and_the_last() -> None:
    rows = {START + n * DAY: [member(two_factor="disabled")] for n in range(20)}
    (alice,) = alices(github(rows))
    assert "20 of 20 snapshots looked at (every one from 2026-05-01T00:00:00Z to 2026-05-20T00:00:00Z; " in (
        alice.explanation
    )


def test_a_second_failure_is_a_row_of_its_own_so_that_no_decision_on_the_first_covers_it() -> None:
    off = [member(two_factor="disabled")]
    rows = alices(github({FIRST: off, SECOND: [member()], THIRD: off}))
    assert [row.item_id for row in rows] == [f"{ALICE}@2026-05-04T00:00:00Z", f"{ALICE}@2026-05-21T00:00:00Z"]


def test_an_account_that_was_away_in_between_was_not_seen_failing_there() -> None:
    off = [member(two_factor="disabled"), member("bob")]
    rows = alices(github({FIRST: off, SECOND: [member("bob")], THIRD: off}))
    assert len(rows) == 2


def test_days_to_enrol_count_from_the_last_snapshot_without_the_account() -> None:
    off = member(two_factor="disabled")
    snapshots = {START - DAY: [member("bob")], START + DAY: [off, member("bob")], START + 9 * DAY: [off, member("bob")]}
    (row,) = alices(github(snapshots, rules={"mfa_grace_days": 7}))
    assert row.item_id == f"{ALICE}@2026-05-10T00:00:00Z"
    (row,) = alices(github(snapshots))
    assert row.item_id == f"{ALICE}@2026-05-02T00:00:00Z"


def test_an_account_that_was_always_there_has_no_days_to_enrol() -> None:
    assert alices(github({FIRST: [member(two_factor="disabled")]}, rules={"mfa_grace_days": 30}))[0].codes


def test_aws_in_order() -> None:
    assert {outcome.item_id: outcome.outcome for outcome in aws({FIRST: [root(), user()]})} == {
        "arn:aws:iam::111122223333:root": "pass",
        ALICE_AWS: "pass",
    }


def test_a_user_with_a_password_and_no_second_factor() -> None:
    (alice,) = aws({FIRST: [user(mfa_active=False)]})
    assert (alice.codes, alice.evidence_id) == (("MFA_OFF",), "aws")
    assert alice.item_id == f"{ALICE_AWS}@2026-05-04T00:00:00Z"


def test_a_user_without_a_password_is_no_item() -> None:
    assert aws({FIRST: [user(mfa_active=False, password_enabled=False)]}) == []


def test_a_user_is_an_item_only_while_there_is_a_password() -> None:
    without = [user(mfa_active=False, password_enabled=False)]
    (alice,) = aws({FIRST: without, SECOND: [user(mfa_active=False)], THIRD: without})
    assert "1 of 3 snapshots" in alice.explanation


def test_a_password_that_aws_does_not_tell_of() -> None:
    assert aws({FIRST: [user(mfa_active=False, password_enabled=None)]})[0].outcome == "unknown"


def test_days_to_enrol_at_aws() -> None:
    new = user(mfa_active=False, user_created_at=FIRST - 3 * DAY)
    assert aws({FIRST: [new]}, rules={"mfa_grace_days": 4})[0].outcome == "pass"
    assert aws({FIRST: [new]}, rules={"mfa_grace_days": 3})[0].codes == ("MFA_OFF",)


@pytest.mark.parametrize(
    ("changed", "outcome", "codes"),
    [
        ({}, "pass", ()),
        ({"mfa_active": False}, "exception", ("ROOT_NO_MFA",)),
        ({"mfa_active": False, "root_credentials_present": False}, "pass", ()),
        ({"mfa_active": False, "root_credentials_present": None}, "unknown", ()),
    ],
    ids=["second factor", "no second factor", "credentials removed", "credentials not told"],
)
def test_root(changed: dict[str, Any], outcome: str, codes: tuple[str, ...]) -> None:
    (row,) = aws({FIRST: [root(**changed)]})
    assert (row.outcome, row.codes) == (outcome, codes)


@pytest.mark.parametrize(("ask", "line"), [(github, "github_org"), (aws, "aws")])
def test_no_snapshot_is_unknown_once_the_window_is_over(ask: Any, line: str) -> None:
    (row,) = ask({START - DAY: [], END: []})
    assert (row.outcome, row.evidence_id) == ("unknown", line)
    assert row.item_id.startswith("window:")
    assert ask({}, as_of=END - DAY) == []


def test_other_systems_are_refused() -> None:
    with pytest.raises(ValueError, match="gcp:4711"):
        second_factor_everywhere(window("CC6-MFA-01", scope="gcp:4711"), shown(MEMBERS, GITHUB, {}))
