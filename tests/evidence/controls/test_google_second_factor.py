"""Second factors taken away at Google: our rule, and an independent one over the same events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.google.activities import event_row
from evidence.controls.google_second_factor import taken_away
from evidence.controls.sign_in import second_factor_everywhere
from schemas.google import ADMIN_ACTIVITIES, USERS
from tests.evidence.controls.access import FIRST, SECOND, shown
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.test_google_access import GOOGLE, user
from tests.fakes.memory_evidence import MemoryEvidence

VERDICTS = Path(__file__).parents[3].parent / "shared/data/detection-verdicts/rules-gsuite_activityevent_rules.jsonl"


def activity(event: dict[str, Any]) -> dict[str, Any]:
    """An activity as Google writes it, of an event as the detection rules are given it: flat, and with gaps."""
    given = event.get("parameters") or {}
    identity = {"time": "2022-12-11T02:57:48.693Z", "uniqueQualifier": "1", "customerId": "C01"} | {
        name: value.replace(" ", "T")[:23] + "Z" if name == "time" else value for name, value in event["id"].items()
    }
    named = {"name": event.get("name") or "none", "parameters": [_parameter(*one) for one in given.items()]}
    return {
        "id": identity, "actor": event.get("actor"), "ipAddress": event.get("ipAddress", ""),
        "events": [named | ({"type": event["type"]} if event.get("type") else {})],
    }  # fmt: skip


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return {"name": name, "multiValue": value}
    return {"name": name} if value is None else {"name": name, "value": str(value)}


def row_of(event: dict[str, Any]) -> dict[str, Any]:
    made = activity(event)
    return event_row(GOOGLE, made, 0, made["events"][0])


def act(name: str, application: str = "admin", **parameters: str) -> dict[str, Any]:
    actor = {"email": "admin@acme.example", "profileId": "1"}
    return row_of({"id": {"applicationName": application}, "actor": actor, "name": name, "parameters": parameters})


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (act("2sv_disable", "user_accounts"), "MFA_OFF"), (act("2sv_enroll", "user_accounts"), None),
        (act("UNENROLL_USER_FROM_STRONG_AUTH", USER_EMAIL="bob@acme.example"), "MFA_OFF"),
        (act("ENFORCE_STRONG_AUTHENTICATION", NEW_VALUE="false", OLD_VALUE="true"), "MFA_NOT_ENFORCED"),
        (act("ENFORCE_STRONG_AUTHENTICATION", NEW_VALUE="true"), None), (act("CREATE_USER"), None),
        (act("ALLOW_STRONG_AUTHENTICATION", NEW_VALUE="Off"), "MFA_NOT_ENFORCED"),
    ],
)  # fmt: skip
def test_what_takes_a_factor_away(row: dict[str, Any], code: str | None) -> None:
    found = taken_away(row)
    assert (found and found[0]) == code


def test_what_happened_between_two_good_snapshots_is_an_exception() -> None:
    evidence = shown(USERS, GOOGLE, {FIRST: [user()], SECOND: [user()]}, MemoryEvidence())
    row = act("2sv_disable", "user_accounts") | {
        "event_time": SECOND.replace(hour=3),
        "event_id": "user_accounts:x:1#0",
    }
    evidence.store(ADMIN_ACTIVITIES, GOOGLE, [row])
    evidence.claim(ADMIN_ACTIVITIES, GOOGLE, START, END)
    found = second_factor_everywhere(window("CC6-MFA-01", scope=GOOGLE, name="acme.example"), evidence)
    assert {outcome.item_id: outcome.codes for outcome in found} == {
        "google:user:alice": (), "google:activity:user_accounts:x:1#0": ("MFA_OFF",),
    }  # fmt: skip


@pytest.fixture(scope="module")
def verdicts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]


@pytest.mark.skipif(not VERDICTS.is_file(), reason=f"no independent verdicts at {VERDICTS}")
class TestIndependentVerdicts:
    def test_of_the_same_rule_agree(self, verdicts: list[dict[str, Any]]) -> None:
        same = [one for one in verdicts if one["rule"] == "GSuite.TwoStepVerification"]
        assert {one["expected_alert"] for one in same} == {True, False}
        for one in same:
            assert (taken_away(row_of(one["event"])) is not None) == one["expected_alert"], one["test"]

    def test_of_other_rules_are_nothing_to_this_one(self, verdicts: list[dict[str, Any]]) -> None:
        others = [one for one in verdicts if one["rule"] != "GSuite.TwoStepVerification"]
        found = {one["rule"] for one in others if "applicationName" in one["event"].get("id", {})
                 and taken_away(row_of(one["event"])) is not None}  # fmt: skip
        assert found <= {"GSuite.AdvancedProtection"}

    def test_every_event_of_theirs_is_a_row_of_ours(self, verdicts: list[dict[str, Any]]) -> None:
        events = [one["event"] for one in verdicts if "applicationName" in one["event"].get("id", {})]
        rows = [row_of(event) for event in events]
        assert len(rows) > 90
        for event, row in zip(events, rows, strict=True):
            given = {name: value for name, value in (event.get("parameters") or {}).items() if value is not None}
            kept = json.loads(row["parameters"])
            assert kept.keys() >= given.keys()
            assert row["event_name"] == (event.get("name") or "none")
