"""CC6-SEC-01: scanners on, and secrets that got in made worthless at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.controls.repository_secrets import CODES, secrets_kept_out
from schemas.github_security import REPOSITORY_SECURITY, SECRET_ALERTS
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY, FIRST, SECOND, THIRD
from tests.evidence.controls.changes import END, LATER, SCOPE, START, actor, window
from tests.evidence.controls.configuration import filled
from tests.fakes.memory_evidence import MemoryEvidence

Row = dict[str, Any]
MADE = START + 10 * DAY
CLAIMED = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))


def settings(**changed: Any) -> Row:
    row = {
        "repo_id": "R_1", "repo_name": "acme/api", "visibility": "private", "secret_scanning": "enabled",
        "push_protection": "enabled", "vulnerability_alerts": "enabled",
    }  # fmt: skip
    return filled(REPOSITORY_SECURITY, row | changed)


def alert(number: int = 1, event: str = "created", **changed: Any) -> Row:
    """An alert of the eleventh day of the window, open."""
    created_at = changed.get("created_at", MADE)
    row = {
        "alert_id": f"secret_scanning:R_1:{number}", "event_time": created_at, "event": event, "repo_id": "R_1",
        "repo_name": "acme/api", "number": number, "created_at": created_at, "state": "open",
        "secret_type": "aws_key", "push_protection_bypassed": False,
    }  # fmt: skip
    return filled(SECRET_ALERTS, row | changed)


def resolved(days: float = 1, how: str | None = "revoked", **changed: Any) -> Row:
    """The same, resolved by bob so many days after it was created; the secret no longer works."""
    closed_at = changed.get("created_at", MADE) + days * DAY
    kept: Row = {"state": "resolved", "closed_at": closed_at, "resolution": how, "resolved_by": actor("bob"),
                 "validity": "inactive"}  # fmt: skip
    return alert(**kept | changed)


def bypassed(by: Row | None = None, **changed: Any) -> Row:
    """An alert of a secret that alice pushed past the protection, resolved by her."""
    kept: Row = {
        "push_protection_bypassed": True, "push_protection_bypassed_at": MADE, "resolved_by": actor("alice"),
        "push_protection_bypassed_by": by or actor("alice"),
    }  # fmt: skip
    return resolved(how="used_in_tests", **kept | changed)


def held(
    rows: Sequence[Row] = (), snapshots: Mapping[datetime, Sequence[Row]] | None = None,
    claimed: tuple[datetime, datetime] | None = CLAIMED,
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    evidence.store(SECRET_ALERTS, SCOPE, rows)
    if claimed is not None:
        evidence.claim(SECRET_ALERTS, SCOPE, *claimed)
    for observed_at, shown in ({FIRST: [settings()]} if snapshots is None else snapshots).items():
        evidence.snapshot(REPOSITORY_SECURITY, SCOPE, observed_at, shown)
    return evidence


STAFF: Mapping[str, list[Mapping[str, Any]]] = {
    "identities": [{"person_id": f"p-{login}", "system": "github", "account_id": login}
                   for login in ("alice", "bob", "carol")],
    "people": [{"person_id": "p-alice", "email": "alice@acme.example"},
               {"person_id": "p-cto", "email": "cto@acme.example"}],
}  # fmt: skip


def judged(evidence: MemoryEvidence, line: str = "alerts", **kept: Any) -> list[Outcome]:
    kept.setdefault("registers", STAFF)
    found = secrets_kept_out(window("CC6-SEC-01", **kept), evidence)
    assert {code for row in found for code in row.codes} <= set(CODES)
    assert len({row.item_id for row in found}) == len(found)
    return [row for row in found if row.evidence_id == line]


def one(row: Row, **kept: Any) -> Outcome:
    [found] = judged(held([row]), **kept)
    assert found.item_id == f"secret:{row['alert_id']}"
    return found


# --- settings


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "pass"),
        ({"secret_scanning": "disabled"}, "exception"),
        ({"push_protection": "disabled"}, "exception"),
        ({"vulnerability_alerts": "disabled"}, "exception"),
        ({"secret_scanning": None, "push_protection": None}, "unknown"),  # not licensed, or not shown to this token
        ({"secret_scanning": None, "push_protection": "disabled"}, "exception"),
        ({"secret_scanning": "not_a_word"}, "unknown"),
        ({"advanced_security": "disabled", "validity_checks": "disabled", "archived": True}, "pass"),
    ],
)
def test_what_is_switched_on(changed: Row, outcome: str) -> None:
    [found] = judged(held(snapshots={FIRST: [settings(**changed)]}), "settings")
    assert found.outcome == outcome
    assert found.codes == (("SCAN_OFF",) if outcome == "exception" else ())


def test_a_scanner_that_was_off_for_a_while() -> None:
    off = [settings(secret_scanning="disabled")]
    [found] = judged(held(snapshots={FIRST: [settings()], SECOND: off, THIRD: [settings()]}), "settings")
    assert (found.codes, found.event_time) == (("SCAN_OFF",), SECOND)


def test_settings_that_are_not_held_are_unknown() -> None:
    assert [row.outcome for row in judged(held(snapshots={}), "settings")] == ["unknown"]
    assert [row.outcome for row in judged(held(snapshots={FIRST: []}), "settings")] == ["unknown"]
    assert judged(held(snapshots={}), "settings", as_of=END - DAY) == []


# --- alerts


@pytest.mark.parametrize(
    ("row", "outcome", "codes"),
    [
        (resolved(3), "pass", ()),
        (resolved(3.01), "exception", ("SECRET_OPEN",)),
        (alert(), "exception", ("SECRET_OPEN",)),
        (resolved(1, "used_in_tests", validity=None), "pass", ()),
        (resolved(1, "false_positive", validity="active"), "pass", ()),
        (resolved(1, "wont_fix"), "exception", ("SECRET_OPEN",)),
        (resolved(1, "pattern_deleted"), "exception", ("SECRET_OPEN",)),
        (resolved(1, None), "exception", ("SECRET_OPEN",)),
        (resolved(closed_at=None), "unknown", ()),
        (resolved(validity="active"), "exception", ("ROTATION_UNPROVEN",)),
        (resolved(validity="unknown"), "exception", ("ROTATION_UNPROVEN",)),
        (resolved(validity=None), "unknown", ()),
        (resolved(5, validity="active"), "exception", ("SECRET_OPEN", "ROTATION_UNPROVEN")),
        (resolved(push_protection_bypassed=None), "unknown", ()),
    ],
)
def test_an_alert_by_how_it_ended(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row)
    assert (found.outcome, found.codes, found.event_time) == (outcome, codes, MADE), found.explanation


def test_an_open_alert_waits_for_three_days() -> None:
    found = one(alert(), as_of=MADE + 3 * DAY)
    assert (found.outcome, found.resolves_at) == ("pending", MADE + 3 * DAY)
    assert one(alert(), as_of=MADE + 4 * DAY).codes == ("SECRET_OPEN",)
    assert one(alert(), as_of=MADE + 4 * DAY, rules={"secret_days": 5}).outcome == "pending"


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (bypassed(), "exception"),
        (bypassed(resolved_by=actor("bob")), "pass"),
        (bypassed(resolved_by=actor("robot[bot]", "bot")), "exception"),
        (bypassed(bypass_reviewer=actor("carol")), "pass"),
        (bypassed(bypass_reviewer=actor("alice")), "exception"),
        (bypassed(actor(None, "ghost"), bypass_reviewer=actor("carol")), "unknown"),
    ],
)
def test_a_bypass_is_looked_at_by_somebody_else(row: Row, outcome: str) -> None:
    found = one(row)
    assert found.outcome == outcome, found.explanation
    assert found.codes == (("BYPASS_UNREVIEWED",) if outcome == "exception" else ())


def test_another_account_of_the_same_person_is_nobody_else() -> None:
    accounts = [{"person_id": "p1", "system": "github", "account_id": login} for login in ("alice", "alice-admin")]
    row = bypassed(resolved_by=actor("alice-admin"))
    assert one(row).outcome == "unknown"
    assert one(row, registers={"identities": accounts}).codes == ("BYPASS_UNREVIEWED",)
    assert one(bypassed(resolved_by=actor("ci")), rules={"machine_accounts": ["CI"]}).codes == ("BYPASS_UNREVIEWED",)


def test_a_bypass_waits_as_long_as_a_secret() -> None:
    found = one(bypassed(), as_of=MADE + 2 * DAY)
    assert (found.outcome, found.resolves_at) == ("pending", MADE + 3 * DAY)
    # What is wrong already does not wait.
    assert one(bypassed(resolution="wont_fix"), as_of=MADE + 2 * DAY).codes == ("SECRET_OPEN",)
    assert one(bypassed()).codes == ("BYPASS_UNREVIEWED",)


def test_every_code_that_applies() -> None:
    row = bypassed(resolution="revoked", validity="active", closed_at=MADE + 9 * DAY)
    assert one(row).codes == ("SECRET_OPEN", "ROTATION_UNPROVEN", "BYPASS_UNREVIEWED")


def test_what_people_recorded() -> None:
    def recorded(
        row: Row, kind: str, signed_by: str | None = "cto@acme.example", about: str | None = None,
        at: datetime = MADE + DAY,
    ) -> Outcome:  # fmt: skip
        evidence = held([row])
        values = {"alert_id": about or row["alert_id"]}
        evidence.record("CC6-SEC-01", "alerts", SCOPE, kind, at, values, signed_by=signed_by)
        [found] = judged(evidence)
        return found

    unproven = resolved(validity="unknown")
    assert recorded(unproven, "secret_rotation").outcome == "pass"
    assert len(recorded(unproven, "secret_rotation").evidence) == 2
    assert recorded(unproven, "secret_rotation", None).codes == ("ROTATION_UNPROVEN",)
    assert recorded(unproven, "secret_rotation", about="another").codes == ("ROTATION_UNPROVEN",)
    assert recorded(unproven, "secret_rotation", about=f"secret:{unproven['alert_id']}").outcome == "pass"
    assert recorded(unproven, "secret_rotation", at=MADE - DAY).codes == ("ROTATION_UNPROVEN",)  # before the leak
    assert recorded(bypassed(), "bypass_review").outcome == "pass"
    assert recorded(bypassed(), "bypass_review", "alice@acme.example").codes == ("BYPASS_UNREVIEWED",)
    assert recorded(bypassed(), "bypass_review", "alice@mail.example").outcome == "unknown"
    mallory = bypassed(actor("mallory"), resolved_by=actor("mallory"))
    assert recorded(mallory, "bypass_review").outcome == "unknown"  # nobody knows that mallory is not the cto


def test_the_population_are_alerts_open_in_the_window() -> None:
    before, earlier = START - 10 * DAY, START - DAY
    evidence = held([
        resolved(10, event="closed", created_at=before, event_time=START),
        alert(2, created_at=END - DAY),
        alert(3, created_at=END),
        alert(4, "carried_over", created_at=before, event_time=START + DAY / 2),
        alert(5, "closed", created_at=before, state="resolved", closed_at=earlier, event_time=earlier),
        bypassed(number=6, event="push_protection_bypassed", created_at=before, event_time=START + DAY),
    ])  # fmt: skip
    assert {row.item_id.rpartition(":")[2] for row in judged(evidence)} == {"1", "2", "4", "6"}


def test_the_last_version_counts_and_a_reopened_alert_is_open() -> None:
    evidence = held([])
    evidence.store(SECRET_ALERTS, SCOPE, [resolved(1)], learnt_at=MADE + 2 * DAY)
    evidence.store(SECRET_ALERTS, SCOPE, [alert()], learnt_at=MADE + 9 * DAY)
    assert [row.codes for row in judged(evidence)] == [("SECRET_OPEN",)]
    evidence = held([])
    evidence.store(SECRET_ALERTS, SCOPE, [resolved(validity="active")], learnt_at=MADE + 2 * DAY)
    evidence.store(SECRET_ALERTS, SCOPE, [resolved(event="closed", event_time=MADE + DAY)], learnt_at=MADE + 9 * DAY)
    [found] = judged(evidence)
    assert (found.outcome, len(found.evidence)) == ("pass", 2)
    again = [resolved(validity="active", event="closed", event_time=MADE + DAY)]
    evidence.store(SECRET_ALERTS, SCOPE, again, learnt_at=MADE + 15 * DAY)
    assert [row.codes for row in judged(evidence)] == [("ROTATION_UNPROVEN",)]


def test_alerts_that_are_not_held_are_unknown() -> None:
    assert [row.outcome for row in judged(held(claimed=None))] == ["unknown"]
    assert judged(held(claimed=None), as_of=END - DAY) == []
    clipped: dict[str, Any] = {"start": START + 10 * DAY, "as_of": LATER}
    assert [row.outcome for row in judged(held(claimed=(START + 10 * DAY, END)), **clipped)] == ["unknown"]
    assert judged(held(claimed=(START + 10 * DAY, END + DAY)), **clipped) == []
    # Collected until before its limit, open then: nobody knows.
    late = held([alert(created_at=END - DAY)], claimed=(START, END))
    assert [row.outcome for row in judged(late)] == ["unknown"]


def test_hostile_texts_stay_texts() -> None:
    ugly = "|\n<b>" + "x" * 4000
    row = resolved(secret_type=ugly, repo_name=ugly, resolution=ugly, resolution_comment=ugly)
    assert one(row).codes == ("SECRET_OPEN",)
    [found] = judged(held(snapshots={FIRST: [settings(repo_name=ugly, secret_scanning="disabled")]}), "settings")
    assert found.codes == ("SCAN_OFF",)
