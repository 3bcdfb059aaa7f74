"""CC2-SYS-01: every discovered item is decided upon in time, and none vanishes unnoticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.scope_decisions import scope_is_decided
from schemas.aws import ACCOUNTS
from schemas.gcp import PROJECTS
from schemas.github import REPOSITORIES
from schemas.google import DOMAINS
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY, FIRST, SECOND, THIRD, account, decided, repository, shown
from tests.evidence.controls.changes import END, LATER, START, window

ORG = "org:acme"
API = "github:R_api"
Snapshots = Mapping[datetime, Sequence[dict[str, Any]]]


def judged(
    repositories: Snapshots,
    *register: dict[str, Any],
    accounts: Snapshots | None = None,
    names: Any = None,
    **kept: Any,
) -> list[Outcome]:
    evidence = shown(ACCOUNTS, ORG, accounts or {}, shown(REPOSITORIES, ORG, repositories))
    scope: dict[str, Any] = {"github": {"organisation": "acme", "repositories": names or {"topic": "production"}}}
    if accounts is not None:
        scope["aws"] = {"accounts": [{"id": "111122223333"}], "regions": ["eu-west-1"]}
    registers = {"scope": list(register)}
    parts = {"systems": scope, **kept}
    return scope_is_decided(window("CC2-SYS-01", scope=ORG, name="Acme", registers=registers, **parts), evidence)


def one(*register: dict[str, Any], **changed: Any) -> Outcome:
    (outcome,) = judged({FIRST: [repository(**changed)]}, *register)
    return outcome


def test_decided_by_the_register() -> None:
    outcome = one(decided(API))
    assert (outcome.outcome, outcome.item_id, outcome.evidence_id) == ("pass", API, "inventory")
    assert "in, decided by cto@acme.example (part of the product)" in outcome.explanation


def test_a_decision_to_leave_it_out_is_a_decision() -> None:
    assert one(decided(API, decision="out")).outcome == "pass"


@pytest.mark.parametrize(
    "names",
    [["acme/api"], ["API"], {"topic": "production"}],
    ids=["by full name", "by name", "by topic"],
)
def test_decided_by_the_programme(names: Any) -> None:
    (outcome,) = judged({FIRST: [repository(topics=["production"])]}, names=names)
    assert outcome.outcome == "pass"


UNDECIDED: dict[str, list[dict[str, Any]]] = {
    "no row": [],
    "a row for something else": [decided("github:R_web")],
    "a row without a reason": [decided(API, reason="")],
    "a row by nobody": [decided(API, decided_by="")],
}


@pytest.mark.parametrize("register", UNDECIDED.values(), ids=UNDECIDED)
def test_scope_undecided(register: list[dict[str, Any]]) -> None:
    assert one(*register).codes == ("SCOPE_UNDECIDED",)


@pytest.mark.parametrize("changed", [{"archived": True}, {"fork": True}], ids=["archived", "fork"])
def test_what_may_be_harmless_is_named_and_not_passed(changed: dict[str, Any]) -> None:
    outcome = one(**changed)
    assert outcome.codes == ("SCOPE_UNDECIDED",)
    assert next(iter(changed)) in outcome.explanation


def test_pending_until_the_days_are_over() -> None:
    created = datetime(2026, 5, 28, tzinfo=UTC)
    rows = {END - DAY: [repository(created_at=created)]}
    (outcome,) = judged(rows, as_of=created + 14 * DAY - timedelta(microseconds=1))
    assert (outcome.outcome, outcome.resolves_at) == ("pending", created + 14 * DAY)
    (outcome,) = judged(rows, as_of=created + 14 * DAY)
    assert outcome.codes == ("SCOPE_UNDECIDED",)
    (outcome,) = judged(rows, as_of=created + 4 * DAY, rules={"scope_decision_days": 3})
    assert outcome.codes == ("SCOPE_UNDECIDED",)


def test_scope_late() -> None:
    created = datetime(2026, 5, 2, tzinfo=UTC)
    in_time = decided(API, **{"from": "2026-05-16"})
    late = decided(API, **{"from": "2026-05-17"})
    rows = {FIRST: [repository(created_at=created)]}
    assert judged(rows, in_time)[0].outcome == "pass"
    assert judged(rows, late)[0].codes == ("SCOPE_LATE",)
    # The first decision counts, whatever was decided afterwards.
    assert judged(rows, late, in_time)[0].outcome == "pass"


def test_the_time_of_recording_counts_where_it_is_known() -> None:
    created = datetime(2026, 5, 2, tzinfo=UTC)
    backdated = decided(API, **{"from": "2026-05-02", "recorded_at": "2026-05-30T10:00:00Z"})
    (outcome,) = judged({FIRST: [repository(created_at=created)]}, backdated)
    assert outcome.codes == ("SCOPE_LATE",)


def test_what_is_older_than_the_period_counts_from_its_start() -> None:
    assert one(decided(API, **{"from": "2026-04-15"})).outcome == "pass"
    assert one(decided(API, **{"from": "2026-04-16"})).codes == ("SCOPE_LATE",)


def test_an_item_whose_creation_is_not_told_counts_from_when_it_was_first_seen() -> None:
    rows = {FIRST: [account("999988887777", created_at=None)]}
    late = decided("aws:999988887777", **{"from": "2026-05-19"})
    in_time = decided("aws:999988887777", **{"from": "2026-05-18"})
    assert judged({FIRST: []}, late, accounts=rows)[0].codes == ("SCOPE_LATE",)
    assert judged({FIRST: []}, in_time, accounts=rows)[0].outcome == "pass"


def test_accounts() -> None:
    rows = {FIRST: [account(), account("999988887777", status="SUSPENDED", regions_enabled=None)]}
    outcomes = judged({FIRST: []}, accounts=rows)
    assert {outcome.item_id: outcome.codes for outcome in outcomes} == {
        "aws:111122223333": (),
        "aws:111122223333:eu-west-1": (),
        "aws:999988887777": ("SCOPE_UNDECIDED",),
    }
    assert "suspended" in outcomes[2].explanation


def vanished(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if "@" in outcome.item_id]


def test_item_vanished() -> None:
    rows = {FIRST: [repository(), repository("web")], SECOND: [repository("web")], THIRD: [repository("web")]}
    outcomes = judged(rows, decided(API), decided("github:R_web"))
    (outcome,) = vanished(outcomes)
    assert (outcome.codes, outcome.item_id) == (("ITEM_VANISHED",), f"{API}@2026-05-11T00:00:00Z")
    assert len(outcome.evidence) == 2
    assert [other.codes for other in outcomes if other is not outcome] == [(), ()]


def test_item_vanished_since_the_last_snapshot_before_the_window() -> None:
    (outcome,) = judged({START - DAY: [repository()], FIRST: []}, decided(API))
    assert outcome.codes == ("ITEM_VANISHED",)


def test_an_item_that_vanished_in_an_earlier_window_is_told_there() -> None:
    assert judged({START - 2 * DAY: [repository()], START - DAY: [], FIRST: []}) == []


@pytest.mark.parametrize(
    "row",
    [decided(API, to="2026-05-08"), decided(API, decision="out")],
    ids=["its time is over", "it was out of scope"],
)
def test_a_decision_that_closes_it(row: dict[str, Any]) -> None:
    (outcome,) = vanished(judged({FIRST: [repository()], SECOND: []}, row))
    assert outcome.outcome == "pass"


def test_an_item_that_came_back_has_not_vanished() -> None:
    rows = {FIRST: [repository()], SECOND: [], THIRD: [repository()]}
    assert vanished(judged(rows, decided(API))) == []


def test_a_missing_inventory_is_unknown_for_its_system_alone() -> None:
    outcomes = judged({FIRST: [repository()]}, decided(API), accounts={})
    assert [(outcome.item_id, outcome.outcome) for outcome in outcomes] == [
        (API, "pass"),
        (f"window:inventory:{ORG}:2026-05:aws-accounts", "unknown"),
    ]
    assert len(judged({}, accounts={})) == 2


def test_a_system_outside_the_programme_is_not_asked_for() -> None:
    assert judged({FIRST: []}) == []
    assert judged({}, as_of=LATER)[0].outcome == "unknown"
    assert judged({}, as_of=END - DAY) == []


PROD = "aws:111122223333"


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        (None, "exception"),
        ("aws:111122223333:us-west-2", "pass"),
        ("aws:*:us-*", "pass"),
        ("aws:*:eu-*", "exception"),
        ("aws:*", "exception"),  # a pattern for accounts says nothing of their regions
        ("*", "exception"),
        ("aws:111122223333:us-west-?", "exception"),  # only * stands for something
    ],
)
def test_an_enabled_region_that_nobody_names(pattern: str | None, outcome: str) -> None:
    rows = [] if pattern is None else [decided(pattern, decision="out")]
    shows = {FIRST: [account(regions_enabled=["eu-west-1", "us-west-2"])]}
    found = {one.item_id: one.outcome for one in judged({FIRST: []}, *rows, accounts=shows)}
    assert found == {PROD: "pass", f"{PROD}:eu-west-1": "pass", f"{PROD}:us-west-2": outcome}


@pytest.mark.parametrize(("later", "vanished"), [(["eu-west-1"], True), (None, False)], ids=["gone", "not read"])
def test_a_region_that_is_no_longer_shown(later: list[str] | None, vanished: bool) -> None:
    both = ["eu-west-1", "us-west-2"]
    shows = {FIRST: [account(regions_enabled=both)], SECOND: [account(regions_enabled=later)]}
    codes = {one.codes for one in judged({FIRST: []}, accounts=shows) if "@" in one.item_id}
    assert (("ITEM_VANISHED",) in codes) is vanished


def test_projects_and_domains() -> None:
    def project(number: str, name: str, state: str = "ACTIVE") -> dict[str, Any]:
        told: dict[str, Any] = {
            "state": state,
            "created_at": FIRST - 30 * DAY,
            "ancestors": [],
            "history": [],
            "history_known": True,
        }
        return {"project_number": number, "project_id": name, "in_programme": False, "readable": True, **told}

    def domain(name: str, kind: str = "domain") -> dict[str, Any]:
        flags: dict[str, Any] = {"is_primary": kind == "domain", "verified": True}
        return {"domain_name": name, "customer_id": "C01", "kind": kind, "created_at": FIRST - 30 * DAY, **flags}

    projects = [project("11", "acme-prod"), project("12", "sys-9", "DELETE_REQUESTED"), project("13", "lab")]
    domains = [domain("acme.example"), domain("old.example", "alias")]
    evidence = shown(PROJECTS, ORG, {FIRST: projects}, shown(DOMAINS, ORG, {FIRST: domains}))
    systems = {
        "gcp": {"projects": ["acme-prod"]},
        "google": {"customer": "C01", "domain": "Acme.example", "delegate": "audit@acme.example"},
    }
    registers = {"scope": [decided("gcp:13", decision="out")]}
    asked = window("CC2-SYS-01", scope=ORG, name="Acme", registers=registers, systems=systems)
    found = {one.item_id: one for one in scope_is_decided(asked, evidence)}
    assert {item: one.codes for item, one in found.items()} == {
        "gcp:11": (), "gcp:12": ("SCOPE_UNDECIDED",), "gcp:13": (),
        "google:C01:acme.example": (), "google:C01:old.example": ("SCOPE_UNDECIDED",),
    }  # fmt: skip
    assert "sys-9 (Google Cloud project (delete_requested)" in found["gcp:12"].explanation
    assert "Google domain alias" in found["google:C01:old.example"].explanation


def test_systems_of_the_programme_without_an_inventory_are_unknown() -> None:
    systems = {"gcp": {"projects": ["acme-prod"]}}
    asked = window("CC2-SYS-01", scope=ORG, name="Acme", registers={}, systems=systems)
    (outcome,) = scope_is_decided(asked, shown(PROJECTS, ORG, {}))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
