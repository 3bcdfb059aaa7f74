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
