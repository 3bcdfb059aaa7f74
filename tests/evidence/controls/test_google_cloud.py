"""CC6-PRIV-01 and CC6-KEY-01 for a Google Cloud project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.administrators import administrators_approved
from evidence.controls.credentials import credentials_young_and_used
from schemas.gcp import ADMINISTRATORS, SERVICE_ACCOUNT_KEYS
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY, FIRST, SECOND, approved, shown
from tests.evidence.controls.changes import window

PROJECT = "gcp:123456789012"
RESOURCE = "//cloudresourcemanager.googleapis.com/projects/123456789012"


def binding(principal: str = "user:ines@acme.example", **changed: Any) -> dict[str, Any]:
    kind, _, address = principal.partition(":")
    return {
        "assignment_id": f"{RESOURCE}|roles/owner|{principal}", "principal": principal, "principal_kind": kind,
        "principal_id": address, "principal_deleted": False, "privilege": "owner", "role": "roles/owner",
        "resource": RESOURCE, "resource_kind": "project", "inherited": False, "conditional": False,
        "condition_title": None, "condition_expression": None,
        "service_agent": False,
    } | changed  # fmt: skip


def key(**changed: Any) -> dict[str, Any]:
    return {
        "credential_id": "projects/acme/serviceAccounts/d@acme/keys/1", "key_id": "1", "key_type": "USER_MANAGED",
        "service_account_id": "1", "service_account": "d@acme",
        "service_account_disabled": False, "disabled": False, "expires_at": None, "created_at": FIRST - 60 * DAY,
        "last_used_at": FIRST - DAY, "last_use_known": True, "last_use_observed_from": FIRST - 350 * DAY,
    } | changed  # fmt: skip


def administrators(rows: Sequence[dict[str, Any]], *register: dict[str, Any], **kept: Any) -> list[Outcome]:
    registers: dict[str, list[Mapping[str, Any]]] = {"administrators": [{**row, "system": "gcp"} for row in register]}
    tested = window("CC6-PRIV-01", scope=PROJECT, name="acme-prod", registers=registers, **kept)
    return administrators_approved(tested, shown(ADMINISTRATORS, PROJECT, {FIRST: rows}))


def keys(*rows: dict[str, Any], at: datetime = FIRST) -> list[Outcome]:
    tested = window("CC6-KEY-01", scope=PROJECT, name="acme-prod")
    return credentials_young_and_used(tested, shown(SERVICE_ACCOUNT_KEYS, PROJECT, {at: rows}))


def outcome_of(outcomes: list[Outcome], text: str) -> Outcome:
    (found,) = [one for one in outcomes if text in one.item_id]
    return found


def test_an_owner_needs_an_entry_by_any_of_their_names() -> None:
    for name in ("ines@acme.example", "user:ines@acme.example"):
        found = administrators([binding()], approved(name, privilege="owner"))
        assert outcome_of(found, "roles/owner").outcome == "pass"
    assert outcome_of(administrators([binding()]), "roles/owner").codes == ("ADMIN_NOT_APPROVED",)
    other = approved("ines@acme.example", privilege="owner", resource="projects/999")
    assert outcome_of(administrators([binding()], other), "roles/owner").codes == ("ADMIN_NOT_APPROVED",)
    this = approved("ines@acme.example", privilege="owner", resource="123456789012")
    assert outcome_of(administrators([binding()], this), "roles/owner").outcome == "pass"


def test_what_nobody_can_use_needs_no_entry_and_is_not_counted() -> None:
    agent = binding("serviceAccount:123@cloudservices.gserviceaccount.com", service_agent=True)
    left = binding("user:old@acme.example", principal_deleted=True)
    found = administrators([agent, left], rules={"max_administrators": 1})
    assert [one.outcome for one in found] == ["pass", "pass", "pass"]


def test_more_administrators_than_allowed() -> None:
    rows = [binding(), binding("user:tom@acme.example"), binding("serviceAccount:d@acme.iam.gserviceaccount.com")]
    found = administrators(rows, rules={"max_administrators": 2})
    assert outcome_of(found, ":administrators").codes == ("TOO_MANY",)
    # One person with two roles is one administrator.
    twice = [binding(), binding(assignment_id="other", role="roles/editor", privilege="editor")]
    assert outcome_of(administrators(twice, rules={"max_administrators": 1}), ":administrators").outcome == "pass"


def test_keys_young_used_and_active() -> None:
    assert [one.outcome for one in keys(key())] == ["pass"]
    assert keys(key(created_at=FIRST - 91 * DAY))[0].codes == ("KEY_OLD",)
    assert keys(key(last_used_at=FIRST - 91 * DAY, created_at=FIRST - 89 * DAY))[0].codes == ("KEY_UNUSED",)
    for changed in ({"disabled": True}, {"service_account_disabled": True}, {"expires_at": FIRST}):
        assert keys(key(created_at=FIRST - 500 * DAY, **changed)) == []


def test_a_use_that_was_observed_for_a_short_time_condemns_nobody() -> None:
    never = {"last_used_at": None, "created_at": FIRST - 500 * DAY}
    assert keys(key(**never))[0].codes == ("KEY_OLD", "KEY_UNUSED")
    assert keys(key(**never, last_use_observed_from=FIRST - 30 * DAY))[0].codes == ("KEY_OLD",)


def test_a_use_that_nobody_could_tell_is_unknown_and_no_disuse() -> None:
    untold = {"last_used_at": None, "last_use_known": False, "last_use_observed_from": None}
    tested = window("CC6-KEY-01", scope=PROJECT, name="acme-prod", rules={"key_max_age_days": 365})
    evidence = shown(SERVICE_ACCOUNT_KEYS, PROJECT, {SECOND: [key(created_at=SECOND - timedelta(days=120), **untold)]})
    assert [one.outcome for one in credentials_young_and_used(tested, evidence)] == ["unknown"]
    assert keys(key(**untold))[0].outcome == "pass"  # younger than the time that a key may lie unused
