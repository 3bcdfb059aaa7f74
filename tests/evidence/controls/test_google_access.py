"""CC6-MFA-01 and CC6-PRIV-01 of a Google customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.controls.administrators import administrators_approved
from evidence.controls.sign_in import second_factor_everywhere
from schemas.google import ADMINISTRATORS, USERS
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY, FIRST, OLD, SECOND, THIRD, approved, shown
from tests.evidence.controls.changes import window

GOOGLE = "google:C01"
Snapshots = Mapping[datetime, Sequence[dict[str, Any]]]


def user(name: str = "alice", **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "user_id": name, "primary_email": f"{name}@acme.example", "created_at": OLD, "suspended": False,
        "archived": False, "enrolled_2sv": True, "enforced_2sv": True, "org_unit_path": "/",
        "is_super_admin": False, "is_delegated_admin": False, "policy_known": True, "read_from": "directory",
    }  # fmt: skip
    return row | changed


def holder(name: str = "alice", **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "assignment_id": "7", "principal_id": name, "principal_kind": "user", "principal_email": f"{name}@acme.example",
        "role_id": "1", "role_name": "_SEED_ADMIN_ROLE", "privilege": "super_admin", "via_group": None,
        "org_unit_id": None, "suspended": False, "system_role": True, "scope": "CUSTOMER", "privileges": [],
    }  # fmt: skip
    return row | changed


def sign_in(snapshots: Snapshots, **kept: Any) -> dict[str, Outcome]:
    tested = window("CC6-MFA-01", scope=GOOGLE, name="acme.example", **kept)
    found = second_factor_everywhere(tested, shown(USERS, GOOGLE, snapshots))
    return {outcome.item_id: outcome for outcome in found}


def administrators(snapshots: Snapshots, *register: dict[str, Any], **kept: Any) -> dict[str, Outcome]:
    tested = window(
        "CC6-PRIV-01", scope=GOOGLE, name="acme.example", registers={"administrators": list(register)}, **kept
    )
    found = administrators_approved(tested, shown(ADMINISTRATORS, GOOGLE, snapshots))
    return {outcome.item_id: outcome for outcome in found}


class TestSignIn:
    def test_demanded_and_on(self) -> None:
        found = sign_in({FIRST: [user()], SECOND: [user()]})
        assert {item: outcome.outcome for item, outcome in found.items()} == {"google:user:alice": "pass"}
        assert found["google:user:alice"].evidence_id == "google_users"

    def test_enrolment_does_not_replace_the_demand(self) -> None:
        found = sign_in({FIRST: [user()], SECOND: [user(enforced_2sv=False)], THIRD: [user()]})
        assert {item: outcome.codes for item, outcome in found.items()} == {
            "google:user:alice@2026-05-11T00:00:00Z": ("MFA_NOT_ENFORCED",)
        }

    def test_neither(self) -> None:
        (found,) = sign_in({FIRST: [user(enforced_2sv=False, enrolled_2sv=False)]}).values()
        assert found.codes == ("MFA_NOT_ENFORCED", "MFA_OFF")

    def test_the_days_to_enrol_count_from_the_account(self) -> None:
        rules = {"mfa_grace_days": 7}
        new = user(enrolled_2sv=False, created_at=FIRST - 2 * DAY)
        (found,) = sign_in({FIRST: [new]}, rules=rules).values()
        assert found.codes == ()
        (found,) = sign_in({SECOND: [new]}, rules=rules).values()
        assert found.codes == ("MFA_OFF",)

    def test_who_can_not_sign_in_is_no_part_of_it(self) -> None:
        off = {"enforced_2sv": False, "enrolled_2sv": False}
        assert sign_in({FIRST: [user(suspended=True, **off), user("bob", archived=True, **off)]}) == {}


class TestAdministrators:
    def test_approved_by_somebody_else(self) -> None:
        row = approved(system="google", principal="alice@acme.example", privilege="super_admin")
        found = administrators({FIRST: [holder()]}, row)
        assert found["google:assignment:7:alice"].codes == ()

    def test_added_without_an_entry(self) -> None:
        row = approved(system="google", principal="alice@acme.example", privilege="super_admin")
        found = administrators({FIRST: [holder()], SECOND: [holder(), holder("bob", assignment_id="8")]}, row)
        (bob,) = [outcome for item, outcome in found.items() if item.startswith("google:assignment:8:bob")]
        assert bob.codes == ("ADMIN_NOT_APPROVED", "GRANT_UNEXPLAINED")

    def test_members_of_a_group_are_judged_one_by_one_and_a_register_may_name_the_group(self) -> None:
        row = approved(system="google", principal="desk@acme.example", privilege="delegated_admin")
        held = {"privilege": "delegated_admin", "via_group": "desk@acme.example"}
        found = administrators({FIRST: [holder("alice", **held), holder("bob", **held)]}, row)
        assert [outcome.codes for item, outcome in found.items() if ":assignment:" in item] == [(), ()]

    def test_too_many(self) -> None:
        rows = [holder(name, assignment_id=name) for name in "abcde"]
        found = administrators({FIRST: rows}, rules={"max_administrators": 4})
        assert [outcome.codes for item, outcome in found.items() if ":administrators" in item] == [("TOO_MANY",)]
