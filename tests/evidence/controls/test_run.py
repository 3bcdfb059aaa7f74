"""Running a control over windows and items, and the sums for the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.catalogue import CATALOGUE, control
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.run import Span, holders_of, outcomes_body, run_control, summarise, windows_to_test
from evidence.scope import ScopedItem, ScopeRegister
from schemas.aws_configuration import LOG_CONFIG
from schemas.aws_trail import MANAGEMENT_EVENTS, TRAIL_CONTINUITY
from schemas.github import COMMITS, MEMBERS
from schemas.outcome import Outcome
from schemas.scope import ScopeItem
from tests.evidence.controls.access import AWS, GITHUB, member, shown
from tests.evidence.controls.changes import (
    END,
    LATER,
    MERGE,
    SCOPE,
    START,
    Repository,
    commit,
    direct,
    programme,
    pull,
    tip,
    window,
)
from tests.fakes.memory_evidence import MemoryEvidence

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
WINDOWS = [Span("2026-05", START, END), Span("2026-04", APRIL, START), Span("2026-06", END, JULY)]
REPO = ScopeItem(SCOPE, "acme/api", "github")
KEPT: dict[str, Any] = {"as_of": LATER, "programme": programme(), "registers": {}}
CHANGES = control("CC8-CHG-01")


def bounds(*items: ScopeItem, control_id: str = "CC8-CHG-01", **kept: Any) -> list[tuple[str, str, datetime, datetime]]:
    found = windows_to_test(control(control_id), WINDOWS, items, **{**KEPT, **kept})
    return [(one.scope_item_id, one.window_id, one.start, one.end) for one in found]


def test_windows_in_order_up_to_now() -> None:
    assert bounds(REPO) == [
        (SCOPE, "2026-04", APRIL, START), (SCOPE, "2026-05", START, END), (SCOPE, "2026-06", END, JULY),
    ]  # fmt: skip
    assert [place[1] for place in bounds(REPO, as_of=START)] == ["2026-04"]


def test_an_item_is_tested_only_while_it_is_in_scope() -> None:
    begin, finish = START + timedelta(days=4), END - timedelta(days=4)
    item = replace(REPO, in_scope_from=begin, in_scope_to=finish)
    assert bounds(item) == [(SCOPE, "2026-05", begin, finish)]


def test_items_that_nothing_can_be_tested_of() -> None:
    assert bounds(replace(REPO, resolved=False)) == []
    assert bounds(ScopeItem(AWS, "prod", "aws"), control_id="CC8-CHG-02") == []
    assert bounds(ScopeItem("google:C01", "acme.example", "google"), control_id="CC8-CHG-04") == []
    assert len(bounds(ScopeItem(AWS, "prod", "aws"), control_id="CC6-MFA-01")) == 3
    assert len(bounds(ScopeItem("org:acme", "Acme", "own"), control_id="CC2-SYS-01")) == 3


def test_run_and_sum_up() -> None:
    repository = Repository([pull(), pull(number=8, merge_sha="merge008", reviews=[])],
                            [commit(), commit(sha="merge008", pr_number=8), direct()],
                            tips={START: [tip("base0000")]})  # fmt: skip
    evidence = repository.stored()
    outcomes = run_control(CHANGES, WINDOWS, [REPO], evidence, **KEPT)
    codes = {outcome.item_id.rpartition(":")[2]: outcome.codes for outcome in outcomes}
    assert codes == {MERGE: (), "merge008": ("NO_APPROVAL",), "direct01": ("DIRECT_PUSH",)}
    summary = summarise(CHANGES, windows_to_test(CHANGES, WINDOWS, [REPO], **KEPT), outcomes)
    nothing = {"population": 0, "exceptions": 0, "emergencies": 0, "unknown": 0, "pending": 0, "resolves_at": None}
    place = {"evidence_id": "commits", "scope_item_id": SCOPE}

    def item(sha: str) -> str:
        return next(outcome.item_id for outcome in outcomes if outcome.item_id.endswith(f":{sha}"))

    assert summary == [
        {**place, "window_id": "2026-04", **nothing, "codes": {}, "exception_items": {}},
        {**place, "window_id": "2026-05", **nothing, "population": 3, "exceptions": 2,
         "codes": {"DIRECT_PUSH": 1, "NO_APPROVAL": 1},
         "exception_items": {item("direct01"): ["DIRECT_PUSH"], item("merge008"): ["NO_APPROVAL"]}},
        {**place, "window_id": "2026-06", **nothing, "codes": {}, "exception_items": {}},
    ]  # fmt: skip


def test_a_window_that_could_not_be_seen_is_unknown_and_no_item() -> None:
    outcomes = run_control(CHANGES, WINDOWS, [REPO], MemoryEvidence(), **KEPT)
    assert [outcome.outcome for outcome in outcomes] == ["unknown", "unknown"]  # June is still open
    summary = summarise(CHANGES, windows_to_test(CHANGES, WINDOWS, [REPO], **KEPT), outcomes)
    assert [(entry["population"], entry["unknown"]) for entry in summary] == [(0, 1), (0, 1), (0, 0)]


def test_the_latest_pending_deadline_is_summed_up() -> None:
    def answer(tested: TestWindow, _evidence: StoredEvidence) -> list[Outcome]:
        return [row(tested, f"i{days}", "pending", resolves_at=LATER + timedelta(days=days)) for days in (2, 9, 4)]

    stub = replace(CHANGES, test=answer)
    outcomes = run_control(stub, WINDOWS[:1], [REPO], MemoryEvidence(), **KEPT)
    (entry,) = summarise(stub, [], outcomes)
    assert (entry["pending"], entry["population"], entry["resolves_at"]) == (3, 3, "2026-06-19T00:00:00Z")


def row(tested: TestWindow, item_id: str, outcome: Any = "pass", **changed: Any) -> Outcome:
    made = Outcome(
        tested.control_id, "commits", tested.window_id, tested.scope_item_id, tested.scope_item, item_id,
        tested.start, "pass",
    )  # fmt: skip
    return replace(made, outcome=outcome, **changed)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another control": ({"control_id": "CC8-CHG-02"}, "is answered for"),
    "another window": ({"window_id": "2026-04"}, "is answered for"),
    "another item": ({"scope_item_id": "github:R_2"}, "is answered for"),
    "a line without population": ({"evidence_id": "merges"}, "is answered for"),
    "an undeclared code": ({"outcome": "exception", "codes": ("SLOW",)}, "SLOW"),
}


@pytest.mark.parametrize(("changed", "message"), WRONG.values(), ids=WRONG)
def test_a_test_that_answers_something_else_is_refused(changed: dict[str, Any], message: str) -> None:
    stub = replace(CHANGES, test=lambda tested, _evidence: [row(tested, "i", **changed)])
    with pytest.raises(ValueError, match=message):
        run_control(stub, WINDOWS[:1], [REPO], MemoryEvidence(), **KEPT)


def test_two_rows_of_one_item_are_refused() -> None:
    stub = replace(CHANGES, test=lambda tested, _evidence: [row(tested, "i"), row(tested, "i")])
    with pytest.raises(ValueError, match="two rows for i in 2026-05"):
        run_control(stub, WINDOWS[:1], [REPO], MemoryEvidence(), **KEPT)


def test_a_window_knows_whose_rows_speak_of_its_item() -> None:
    """The trail of an account speaks of each of its regions; logging is looked at in the region itself."""
    account = ScopedItem("aws:111122223333", "prod", "aws", ())
    region = ScopedItem("aws:111122223333:eu-west-1", "prod eu-west-1", "aws", (), within=account.id)
    scope = ScopeRegister({"cloud_account": (account,), "cloud_account_region": (region,)}, (), {})
    declared = control("CC7-LOG-01")
    item = ScopeItem(region.id, region.name, "aws")
    [tested] = windows_to_test(declared, WINDOWS[:1], [item], **KEPT, holders=holders_of(declared, scope))
    assert tested.asked_for(MANAGEMENT_EVENTS) == tested.asked_for(TRAIL_CONTINUITY) == (account.id,)
    assert tested.asked_for(LOG_CONFIG) == (region.id,)
    nowhere = ScopeRegister({"cloud_account_region": (region,)}, (), {})
    [tested] = windows_to_test(declared, WINDOWS[:1], [item], **KEPT, holders=holders_of(declared, nowhere))
    assert tested.asked_for(MANAGEMENT_EVENTS) == ()


def test_a_control_without_a_test_gives_no_rows() -> None:
    assert run_control(replace(CHANGES, test=None), WINDOWS, [REPO], MemoryEvidence(), **KEPT) == []


TESTED = [declared for declared in CATALOGUE if declared.test is not None]


@pytest.mark.parametrize("declared", TESTED, ids=lambda declared: declared.id)
def test_every_test_of_a_control_says_unknown_of_an_empty_store(declared: Any) -> None:
    assert declared.test is not None
    scope = "org:acme" if declared.scope_kind == "organisation" else "github:O_1"
    outcomes = declared.test(window(declared.id, scope=scope, name="acme"), MemoryEvidence())
    assert outcomes
    assert {(outcome.control_id, outcome.codes) for outcome in outcomes} == {(declared.id, ())}
    # Of a record that nobody made yet in a period that still runs it is known that it is awaited.
    awaited = [outcome for outcome in outcomes if outcome.outcome == "pending"]
    others = [outcome for outcome in outcomes if outcome.outcome != "pending"]
    assert {outcome.outcome for outcome in others} <= {"unknown"}
    assert all(outcome.item_id.startswith("window:") for outcome in others)
    assert not awaited or any(line.by_people for line in declared.evidence)
    assert {outcome.evidence_id for outcome in outcomes} <= {
        line.id for line in declared.evidence if line.is_population
    }


def test_domains_of_several_systems() -> None:
    evidence = shown(MEMBERS, GITHUB, {START: [member(two_factor="disabled")]})
    items = [ScopeItem(GITHUB, "acme", "github"), ScopeItem(AWS, "prod", "aws")]
    declared = control("CC6-MFA-01")
    outcomes = run_control(declared, WINDOWS[:1], items, evidence, **KEPT)
    summary = summarise(declared, windows_to_test(declared, WINDOWS[:1], items, **KEPT), outcomes)
    assert [
        (e["scope_item_id"], e["evidence_id"], e["population"], e["exceptions"], e["unknown"]) for e in summary
    ] == [
        (AWS, "aws", 0, 0, 1),
        (GITHUB, "github_org", 2, 1, 0),
    ]


def test_body_of_the_ledger_entry() -> None:
    body = outcomes_body(
        "CC8-CHG-01", as_of=LATER, rows={"digest": "sha256:1", "bytes": 3, "path": "objects/1"}, summary=[],
        catalogue_digest="sha256:c", programme_digest="sha256:p",
    )  # fmt: skip
    assert json.loads(json.dumps(body)) == {
        "control_id": "CC8-CHG-01", "as_of": "2026-06-10T00:00:00Z", "summary": [],
        "object": {"digest": "sha256:1", "bytes": 3, "path": "objects/1"},
        "catalogue_digest": "sha256:c", "programme_digest": "sha256:p",
    }  # fmt: skip


def test_the_fake_keeps_the_promises_of_the_protocol() -> None:
    evidence: StoredEvidence = Repository([], [commit()]).stored()
    assert [row["sha"] for row, _digest in evidence.rows(COMMITS, SCOPE, START, END)] == [MERGE]
    assert not evidence.covered(COMMITS, SCOPE, datetime(2026, 2, 1, tzinfo=UTC), END)
    assert evidence.snapshot_before(MEMBERS, GITHUB, END) is None
