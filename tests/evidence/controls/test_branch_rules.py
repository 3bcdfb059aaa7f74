"""CC8-CHG-02: rules of production branches, who may bypass them, and changes that weakened them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.branch_rules import branch_rules_enforced
from schemas.outcome import Outcome
from tests.evidence.controls.changes import END, SCOPE, START, Repository, rule_change, rules, window

DAY = timedelta(days=1)
FIRST, SECOND, THIRD = (START + n * DAY for n in (3, 10, 20))
BRANCH = "github:branch:R_1:main"

Shown = Mapping[datetime, Sequence[dict[str, Any]]]


def judged(shown: Shown, events: Sequence[dict[str, Any]] = (), **kept: Any) -> list[Outcome]:
    repository = Repository(rules=shown, rule_changes=events)
    if "covered" in kept:
        repository.covered = kept.pop("covered")
    return branch_rules_enforced(window("CC8-CHG-02", **kept), repository.stored())


def one(shown: Shown, events: Sequence[dict[str, Any]] = (), **kept: Any) -> Outcome:
    (outcome,) = judged(shown, events, **kept)
    return outcome


def of_rules(**changed: Any) -> Outcome:
    return one({FIRST: [rules(**changed)], SECOND: [rules(**changed)]})


def test_rules_in_order_make_one_row_per_branch() -> None:
    shown = {FIRST: [rules(), rules(branch="release")], SECOND: [rules(), rules(branch="release")]}
    main, release = judged(shown)
    assert (main.outcome, main.item_id, main.evidence_id) == ("pass", BRANCH, "rules")
    assert release.item_id == "github:branch:R_1:release"
    assert "all 2 snapshots" in main.explanation
    assert len(main.evidence) == 2


OFF = {
    "no pull request needed": {"pull_request_required": False},
    "no approval needed": {"required_approvals": 0},
    "stale approvals count": {"dismiss_stale_reviews": False},
    "no check needed": {"required_checks": []},
    "force pushes allowed": {"force_push_blocked": False},
    "deletion allowed": {"deletion_blocked": False},
    "a ruleset that only evaluates": {"rulesets": [{"id": "1", "name": "main", "enforcement": "evaluate"}]},
    "nothing at all": {"rulesets": []},
}


@pytest.mark.parametrize("changed", OFF.values(), ids=OFF)
def test_rule_off(changed: dict[str, Any]) -> None:
    outcome = of_rules(**changed)
    assert outcome.codes == ("RULE_OFF",)
    assert outcome.item_id == f"{BRANCH}@2026-05-04T00:00:00Z"


ON = {
    "last push approved instead of stale dismissed": {
        "dismiss_stale_reviews": False, "require_last_push_approval": True,
    },
    "classic protection that binds administrators": {
        "rulesets": [], "classic_protection": True, "enforce_admins": True,
    },
    "more than enough": {"required_approvals": 2, "require_code_owner_review": True},
}  # fmt: skip


@pytest.mark.parametrize("changed", ON.values(), ids=ON)
def test_rule_on(changed: dict[str, Any]) -> None:
    assert of_rules(**changed).outcome == "pass"


def test_rule_off_says_from_when_to_when() -> None:
    off = [rules(required_approvals=0)]
    shown = {FIRST: [rules()], SECOND: off, SECOND + DAY: off, THIRD: [rules()]}
    failing = next(outcome for outcome in judged(shown) if outcome.codes == ("RULE_OFF",))
    assert failing.event_time == SECOND
    assert "2 of 4 snapshots" in failing.explanation
    assert "2026-05-11T00:00:00Z, 2026-05-12T00:00:00Z; shown otherwise at 2026-05-21T00:00:00Z" in failing.explanation
    assert len(failing.evidence) == 2


def test_a_second_failure_in_the_window_is_a_row_of_its_own() -> None:
    off = [rules(required_approvals=0)]
    shown = {FIRST: off, SECOND: [rules()], THIRD: off}
    rows = [outcome.item_id for outcome in judged(shown) if outcome.codes == ("RULE_OFF",)]
    assert rows == [f"{BRANCH}@2026-05-04T00:00:00Z", f"{BRANCH}@2026-05-21T00:00:00Z"]


def team(id: str = "17", kind: str = "Team") -> dict[str, Any]:
    return {"actor_type": kind, "actor_id": id, "mode": "always", "ruleset_id": "1"}


def test_bypass_actor() -> None:
    outcome = of_rules(bypass_actors=[team()])
    assert outcome.codes == ("BYPASS_ACTOR",)
    assert "Team 17 may bypass the rules (always)" in outcome.explanation


@pytest.mark.parametrize("name", ["17", "Team:17", "team 17"])
def test_a_break_glass_identity_may_stand_on_the_list(name: str) -> None:
    shown = {FIRST: [rules(bypass_actors=[team()])]}
    assert one(shown, rules={"break_glass": [name]}).outcome == "pass"
    assert one(shown, rules={"break_glass": ["18"]}).codes == ("BYPASS_ACTOR",)


def test_classic_protection_that_spares_administrators_is_a_standing_bypass() -> None:
    assert of_rules(rulesets=[], classic_protection=True, enforce_admins=False).codes == ("BYPASS_ACTOR",)


def test_where_rulesets_protect_as_well_it_is_unknown() -> None:
    assert of_rules(classic_protection=True, enforce_admins=False).outcome == "unknown"


def test_a_list_that_could_not_be_read_is_unknown_never_empty() -> None:
    outcome = of_rules(bypass_known=False)
    assert (outcome.outcome, outcome.codes) == ("unknown", ())


def test_no_snapshot_is_unknown() -> None:
    outcome = one({})
    assert (outcome.outcome, outcome.item_id) == ("unknown", f"window:rules:{SCOPE}:2026-05")
    assert judged({}, as_of=END - DAY) == []


def test_a_snapshot_without_a_branch_is_unknown() -> None:
    outcome = one({FIRST: []})
    assert outcome.outcome == "unknown"
    assert "no snapshot shows a production branch" in outcome.explanation


# --- weakened ---------------------------------------------------------------------------------------------------------

LOSSES = {
    "approvals": ({"required_approvals": 1}, "required approvals fell from 2 to 1"),
    "pull requests": ({"pull_request_required": False, "required_approvals": 0}, "no longer required"),
    "stale reviews": ({"dismiss_stale_reviews": False}, "stale approvals count again"),
    "code owners": ({"require_code_owner_review": False}, "code owners"),
    "a check": ({"required_checks": [{"context": "lint", "integration_id": None}]}, "(build)"),
    "force pushes": ({"force_push_blocked": False}, "force pushes are allowed"),
    "deletion": ({"deletion_blocked": False}, "deletion is allowed"),
    "a bypass": ({"bypass_actors": [team()]}, "Team 17 may bypass the rules"),
    "everything": ({"rulesets": []}, "all rules are off"),
}
STRONG = rules(required_approvals=2, require_code_owner_review=True)


def weak(rows: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in rows if "WEAKENED_UNAPPROVED" in outcome.codes]


@pytest.mark.parametrize(("changed", "words"), LOSSES.values(), ids=LOSSES)
def test_weakened_between_two_snapshots(changed: dict[str, Any], words: str) -> None:
    (outcome,) = weak(judged({FIRST: [STRONG], SECOND: [STRONG | changed]}))
    assert outcome.item_id == f"{BRANCH}:weakened@2026-05-11T00:00:00Z"
    assert outcome.evidence_id == "rules"
    assert words in outcome.explanation
    assert "not undone in the window" in outcome.explanation


def test_strengthened_between_two_snapshots() -> None:
    assert weak(judged({FIRST: [rules()], SECOND: [STRONG]})) == []


def test_weakened_since_the_last_snapshot_before_the_window_and_undone() -> None:
    shown = {START - DAY: [STRONG], FIRST: [rules()], SECOND: [STRONG]}
    (outcome,) = weak(judged(shown))
    assert outcome.event_time == FIRST
    assert "undone by 2026-05-11T00:00:00Z" in outcome.explanation


def test_a_break_glass_identity_added_to_the_list_weakens_nothing() -> None:
    shown = {FIRST: [rules()], SECOND: [rules(bypass_actors=[team()])]}
    assert weak(judged(shown, rules={"break_glass": ["17"]})) == []


def event(outcomes: list[Outcome], change: str = "C_1") -> Outcome:
    return next(outcome for outcome in outcomes if outcome.item_id == f"github:rule_change:R_1:{change}")


def test_an_event_explains_the_difference_and_carries_it() -> None:
    outcomes = judged({FIRST: [STRONG], THIRD: [rules()]}, [rule_change()])
    (outcome,) = weak(outcomes)
    assert (outcome.item_id, outcome.evidence_id) == ("github:rule_change:R_1:C_1", "rule_changes")
    assert "by carol" in outcome.explanation
    assert len(outcome.evidence) == 3


def test_an_update_that_took_nothing_away() -> None:
    assert event(judged({FIRST: [rules()], THIRD: [STRONG]}, [rule_change()])).outcome == "pass"


def test_several_updates_between_snapshots_of_equal_strength_are_unknown() -> None:
    events = [rule_change(), rule_change(change_id="C_2", event_time=SECOND)]
    assert event(judged({FIRST: [rules()], THIRD: [rules()]}, events), "C_2").outcome == "unknown"


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [({FIRST: [rules()]}, "unknown"), ({THIRD: [rules()]}, "unknown"), ({FIRST: [rules()], END: [rules()]}, "pass")],
    ids=["nothing after", "nothing before", "the next window's snapshot tells"],
)
def test_an_update_needs_snapshots_on_both_sides(shown: Shown, outcome: str) -> None:
    assert event(judged(shown, [rule_change()])).outcome == outcome


def test_a_removed_rule_is_a_weakening_unless_snapshots_show_that_another_demands_the_same() -> None:
    removed = rule_change("protected_branch.destroy")
    assert event(judged({FIRST: [rules()]}, [removed])).codes == ("WEAKENED_UNAPPROVED",)
    assert event(judged({FIRST: [rules()], THIRD: [rules()]}, [removed])).outcome == "pass"
    added = rule_change("repository_ruleset.create", change_id="C_2", event_time=SECOND)
    migrated = judged({FIRST: [rules()], THIRD: [rules()]}, [added, removed])
    assert (event(migrated).outcome, event(migrated, "C_2").outcome) == ("unknown", "pass")


def told(**detail: Any) -> dict[str, Any]:
    return rule_change(detail=json.dumps({"ruleset_enforcement": "active", **detail}))


ACTOR = {"actor_id": 17, "actor_type": "Team", "bypass_mode": "always"}
TOLD_WEAKER = {
    "enforcement": (told(ruleset_old_enforcement="active", ruleset_enforcement="evaluate"), "active to evaluate"),
    "a bypass": (told(ruleset_bypass_actors_added=[ACTOR]), "Team 17 may bypass"),
    "rules": (told(ruleset_rules_deleted=[{"type": "pull_request"}]), "(pull_request)"),
}


@pytest.mark.parametrize(("row", "words"), TOLD_WEAKER.values(), ids=TOLD_WEAKER)
def test_a_weakening_that_the_event_tells_needs_no_snapshots(row: dict[str, Any], words: str) -> None:
    # Undone before the next snapshot: the event alone shows it.
    undone = rule_change(change_id="C_2", event_time=SECOND)
    outcome = event(judged({FIRST: [rules()], THIRD: [rules()]}, [row, undone]))
    assert outcome.codes == ("WEAKENED_UNAPPROVED",)
    assert words in outcome.explanation


TOLD_STRONGER = {
    "enforcement": told(ruleset_old_enforcement="evaluate"),
    "a bypass less": told(ruleset_bypass_actors_deleted=[ACTOR]),
    "rules": told(ruleset_rules_added=[{"type": "pull_request"}]),
}


@pytest.mark.parametrize("row", TOLD_STRONGER.values(), ids=TOLD_STRONGER)
def test_a_strengthening_that_the_event_tells(row: dict[str, Any]) -> None:
    assert event(judged({}, [row])).outcome == "pass"


def test_rules_replaced_are_judged_by_the_snapshots() -> None:
    rule = [{"type": "pull_request"}]
    row = told(ruleset_rules_added=rule, ruleset_rules_deleted=rule)
    assert event(judged({FIRST: [STRONG], THIRD: [rules()]}, [row])).codes == ("WEAKENED_UNAPPROVED",)
    assert event(judged({FIRST: [rules()], THIRD: [STRONG]}, [row])).outcome == "pass"
    assert event(judged({FIRST: [rules()]}, [row])).outcome == "unknown"


def test_a_break_glass_identity_added_by_an_event() -> None:
    row = told(ruleset_bypass_actors_added=[ACTOR])
    shown = {FIRST: [rules()], THIRD: [rules()]}
    assert event(judged(shown, [row], rules={"break_glass": ["17"]})).outcome == "pass"


def test_a_detail_that_is_no_json_says_nothing() -> None:
    assert event(judged({FIRST: [rules()]}, [rule_change(detail="[")])).outcome == "unknown"


def test_a_used_bypass_is_no_change_of_rules() -> None:
    used = rule_change("protected_branch.policy_override")
    assert event(judged({FIRST: [STRONG], THIRD: [STRONG]}, [used])).outcome == "pass"
    # Nor does it explain a difference.
    (difference,) = weak(judged({FIRST: [STRONG], THIRD: [rules()]}, [used]))
    assert difference.evidence_id == "rules"


def test_changes_that_are_not_held_are_unknown() -> None:
    rows = judged({FIRST: [rules()]}, covered=())
    assert [(row.evidence_id, row.outcome) for row in rows] == [("rules", "pass"), ("rule_changes", "unknown")]


def test_a_break_glass_identity_named_by_login() -> None:
    shown = {FIRST: [rules(bypass_actors=[team("U_erin", "User")])]}
    registers = {"identities": [
        {"person_id": "p9", "system": "github", "account_id": "U_erin", "from": None, "to": None},
        {"person_id": "p9", "system": "github", "account_id": "erin", "from": None, "to": None},
    ]}  # fmt: skip
    assert one(shown, rules={"break_glass": ["erin"]}, registers=registers).outcome == "pass"
    assert one(shown, rules={"break_glass": ["erin"]}).codes == ("BYPASS_ACTOR",)
