"""CC6-KEY-01: long-lived credentials at GitHub and AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.credentials import credentials_young_and_used
from schemas.aws import ACCESS_KEYS
from schemas.github import CREDENTIALS
from schemas.outcome import Outcome
from tests.evidence.controls.access import AWS, DAY, FIRST, GITHUB, SECOND, access_key, credential, shown
from tests.evidence.controls.changes import END, START, window

KEY = "github:credential:K_1"
Snapshots = Mapping[datetime, Sequence[dict[str, Any]]]


def github(snapshots: Snapshots, **kept: Any) -> list[Outcome]:
    tested = window("CC6-KEY-01", scope=GITHUB, name="acme", **kept)
    return credentials_young_and_used(tested, shown(CREDENTIALS, GITHUB, snapshots))


def aws(snapshots: Snapshots, **kept: Any) -> list[Outcome]:
    tested = window("CC6-KEY-01", scope=AWS, name="acme-prod", **kept)
    return credentials_young_and_used(tested, shown(ACCESS_KEYS, AWS, snapshots))


def at_github(**changed: Any) -> Outcome:
    (outcome,) = github({FIRST: [credential(**changed)]})
    return outcome


def at_aws(**changed: Any) -> Outcome:
    (outcome,) = aws({FIRST: [access_key(**changed)]})
    return outcome


def test_in_order() -> None:
    assert (at_github().outcome, at_github().item_id) == ("pass", KEY)
    assert (at_aws().outcome, at_aws().evidence_id) == ("pass", "keys")
    assert github({FIRST: []}) == []  # none are fine


def test_key_old_from_one_instant_to_the_next() -> None:
    assert at_github(created_at=FIRST - 90 * DAY).outcome == "pass"
    outcome = at_github(created_at=FIRST - 90 * DAY - timedelta(microseconds=1))
    assert outcome.codes == ("KEY_OLD",)
    assert outcome.item_id == f"{KEY}@2026-05-04T00:00:00Z"
    assert at_aws(last_rotated_at=FIRST - 91 * DAY).codes == ("KEY_OLD",)


def test_a_policy_of_the_companys_own() -> None:
    rows = {FIRST: [credential()]}
    assert github(rows, rules={"key_max_age_days": 32})[0].codes == ("KEY_OLD",)
    assert github(rows, rules={"key_max_age_days": 33})[0].outcome == "pass"
    assert github(rows, rules={"key_unused_days": 2})[0].codes == ("KEY_UNUSED",)


def test_key_unused() -> None:
    outcome = at_aws(last_rotated_at=FIRST - 80 * DAY, last_used_at=FIRST - 91 * DAY)
    assert outcome.codes == ("KEY_UNUSED",)
    assert at_aws(last_rotated_at=FIRST - 80 * DAY, last_used_at=FIRST - 90 * DAY).outcome == "pass"


def test_a_key_never_used_counts_from_its_creation() -> None:
    assert at_github(last_used_at=None).outcome == "pass"
    assert at_github(last_used_at=None, created_at=FIRST - 91 * DAY).codes == ("KEY_OLD", "KEY_UNUSED")


def test_root_key() -> None:
    assert at_aws(is_root=True).codes == ("ROOT_KEY",)
    assert aws({FIRST: [access_key(is_root=True, active=False)]}) == []


@pytest.mark.parametrize("owner", [None, {"id": None, "login": None, "kind": "ghost"}], ids=["not shown", "deleted"])
def test_key_no_owner(owner: Any) -> None:
    assert at_github(owner=owner).codes == ("KEY_NO_OWNER",)


def test_an_expired_token_is_active_no_longer() -> None:
    assert github({FIRST: [credential(created_at=FIRST - 200 * DAY, expires_at=FIRST)]}) == []
    assert len(github({FIRST: [credential(expires_at=FIRST + timedelta(seconds=1))]})) == 1


def test_an_age_that_is_not_told_is_unknown() -> None:
    assert at_github(created_at=None).outcome == "unknown"
    assert at_github(created_at=None, last_used_at=FIRST - 91 * DAY).codes == ("KEY_UNUSED",)


def test_a_key_that_grows_old_within_the_window_makes_one_row() -> None:
    made = START - 85 * DAY
    rows = {FIRST: [credential(created_at=made)], SECOND: [credential(created_at=made)],
            SECOND + DAY: [credential(created_at=made)]}  # fmt: skip
    (outcome,) = github(rows)
    assert outcome.item_id == f"{KEY}@2026-05-11T00:00:00Z"
    assert "2 of 3 snapshots" in outcome.explanation


def test_a_rotated_key_in_the_same_slot() -> None:
    rows = {FIRST: [access_key(last_rotated_at=FIRST - 91 * DAY)], SECOND: [access_key(last_rotated_at=FIRST)]}
    (outcome,) = aws(rows)
    assert "shown otherwise at 2026-05-11T00:00:00Z" in outcome.explanation


@pytest.mark.parametrize("ask", [github, aws])
def test_no_snapshot_is_unknown_once_the_window_is_over(ask: Any) -> None:
    (row,) = ask({})
    assert (row.outcome, row.item_id[:7]) == ("unknown", "window:")
    assert ask({}, as_of=END - DAY) == []


PEOPLE = {
    "people": [
        {"person_id": "p1", "name": "Chief", "email": "cto@acme.example", "start": "2020-01-01", "last_day": None,
         "aliases": ["chief@acme.example"]},
        {"person_id": "p2", "name": "Lead", "email": "lead@acme.example", "start": "2020-01-01", "last_day": None},
    ]
}  # fmt: skip


class TestExceptions:
    """An old credential that somebody let stay."""

    def seen(self, approved_at: datetime = START, at: datetime = FIRST, row: Any = None, **values: Any) -> Outcome:
        evidence = shown(CREDENTIALS, GITHUB, {at: [row or credential(created_at=FIRST - 200 * DAY)]})
        said = {
            "credential_id": KEY, "reason": "the vendor can't rotate", "owner": "lead@acme.example",
            "approved_by": "cto@acme.example", "expires": "2026-06-30", **values,
        }  # fmt: skip
        evidence.record("CC6-KEY-01", "keys", GITHUB, "credential_exception", approved_at, said,
                        signed_by=said["approved_by"])  # fmt: skip
        tested = window("CC6-KEY-01", scope=GITHUB, name="acme", registers=PEOPLE)
        (outcome,) = credentials_young_and_used(tested, evidence)
        return outcome

    def test_excuses_its_age(self) -> None:
        found = self.seen()
        assert (found.outcome, found.item_id, len(found.evidence)) == ("pass", KEY, 2)
        assert "older than the policy allows, and cto@acme.example let it stay until 2026-07-01" in found.explanation

    def test_from_its_approval_to_its_last_day(self) -> None:
        assert self.seen(approved_at=FIRST).outcome == "pass"
        assert self.seen(approved_at=FIRST + timedelta(microseconds=1)).codes == ("KEY_OLD",)
        last = f"{FIRST:%Y-%m-%d}"
        assert self.seen(expires=last).outcome == "pass"
        assert self.seen(at=FIRST + DAY, expires=last).codes == ("KEY_OLD",)
        assert self.seen(expires=None).codes == ("KEY_OLD",)
        assert self.seen(expires="whenever").codes == ("KEY_OLD",)

    def test_nothing_but_its_age(self) -> None:
        unused = credential(created_at=FIRST - 200 * DAY, last_used_at=FIRST - 150 * DAY)
        found = self.seen(row=unused)
        assert (found.outcome, found.codes) == ("exception", ("KEY_UNUSED",))
        assert self.seen(credential_id="another").codes == ("KEY_OLD",)

    def test_nobody_excuses_their_own(self) -> None:
        assert self.seen(owner="cto@acme.example").codes == ("KEY_OLD",)
        assert self.seen(owner="chief@acme.example").codes == ("KEY_OLD",), "an alias is the same person"
        found = self.seen(owner="somebody@elsewhere.example")
        assert (found.outcome, found.codes) == ("unknown", ())
        assert "whether that is somebody other than its owner is not known" in found.explanation
