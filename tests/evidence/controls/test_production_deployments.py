"""CC8-CHG-04: what was deployed to production, by whom, and whether it was verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.production_deployments import deployed_from_approved_path
from schemas.github import BYPASSES, CHECKS, COMMITS, DEPLOYMENTS, PULL_REQUESTS
from schemas.outcome import Outcome
from tests.evidence.controls.changes import (
    END,
    LATER,
    MERGED,
    SCOPE,
    START,
    Repository,
    actor,
    check,
    commit,
    deployment,
    direct,
    pull,
    review,
    rules,
    tip,
    window,
)

DEPLOYED = MERGED + timedelta(hours=1)
HOUR = timedelta(hours=1)


def judged(
    deployments: Sequence[dict[str, Any]],
    *,
    repository: Repository | None = None,
    rules: Mapping[str, Any] | None = None,
    **kept: Any,
) -> list[Outcome]:
    repository = repository or Repository([pull()], [commit()])
    repository.deployments = ()
    evidence = repository.stored()
    evidence.store(DEPLOYMENTS, SCOPE, deployments, learnt_at=LATER - HOUR)
    return deployed_from_approved_path(window("CC8-CHG-04", rules=rules, **kept), evidence)


def one(changed: dict[str, Any] | None = None, **kept: Any) -> Outcome:
    (outcome,) = judged([deployment(**(changed or {}))], **kept)
    return outcome


def test_a_deployment_in_order() -> None:
    outcome = one()
    assert (outcome.outcome, outcome.codes) == ("pass", ())
    assert (outcome.control_id, outcome.evidence_id) == ("CC8-CHG-04", "deployments")
    assert outcome.item_id == "github:deployment:D_1"
    assert "deployed by the pipeline (github-actions)" in outcome.explanation
    assert "sha256:github.pull_requests" in outcome.evidence  # what its change was judged by is evidence here as well


# --- population ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"production": False, "environment": "staging"},
        {"statuses": [{"state": "failure", "at": DEPLOYED}], "latest_state": "failure"},
        {"statuses": [], "latest_state": "error"},
        {"event_time": END},
    ],
    ids=["staging", "failed", "failed at once", "another window"],
)
def test_what_did_not_reach_production_is_no_item(changed: dict[str, Any]) -> None:
    assert judged([deployment(**changed)]) == []


def test_environments_that_the_programme_names() -> None:
    changed = {"production": False, "environment": "Live"}
    assert judged([deployment(**changed)]) == []
    assert len(judged([deployment(**changed)], rules={"production_environments": ["live"]})) == 1


# --- commit ----------------------------------------------------------------------------------------------------------


def test_unknown_sha() -> None:
    outcome = one({"sha": "topic001"})
    assert outcome.codes == ("UNKNOWN_SHA",)
    assert "was not on a production branch" in outcome.explanation


def test_a_commit_merged_only_after_its_deployment() -> None:
    outcome = one({"event_time": MERGED - timedelta(seconds=1)})
    assert outcome.codes == ("UNKNOWN_SHA",)
    assert "only at 2026-05-12T10:00:00Z" in outcome.explanation


def test_a_commit_whose_change_did_not_pass() -> None:
    outcome = one(repository=Repository([pull(reviews=[])], [commit()]))
    assert outcome.codes == ("UNKNOWN_SHA",)
    assert "did not pass CC8-CHG-01 (NO_APPROVAL)" in outcome.explanation


def test_a_commit_pushed_straight_to_the_branch() -> None:
    assert one({"sha": "direct01"}, repository=Repository([], [direct()])).codes == ("UNKNOWN_SHA",)


def test_a_commit_whose_review_is_unknown() -> None:
    outcome = one(repository=Repository([pull()], [commit()], rules={}))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
    assert "which checks were required" in outcome.explanation


def test_a_rollback_to_a_change_of_an_earlier_month() -> None:
    april = datetime(2026, 4, 20, tzinfo=START.tzinfo)
    old = pull(number=3, event_time=april, merge_sha="old00001", reviews=[review("bob", at=april)])
    entered = commit(sha="old00001", pr_number=3, event_time=april)
    repository = Repository(
        [old, pull()], [entered, commit()], [check(), check(pr_number=3, event_time=april, completed_at=april - HOUR)],
        rules={april - HOUR: [rules()]},
    )  # fmt: skip
    assert one({"sha": "old00001"}, repository=repository).outcome == "pass"
    repository.pulls = [old | {"reviews": []}, pull()]
    assert one({"sha": "old00001"}, repository=repository).codes == ("UNKNOWN_SHA",)


OLDER = {
    "the tip before a stored change": {"sha": "base0000"},
    "a tip that a snapshot shows": {"sha": "tip00001"},
}


@pytest.mark.parametrize("changed", OLDER.values(), ids=OLDER)
def test_a_commit_older_than_the_evidence_is_unknown(changed: dict[str, Any]) -> None:
    repository = Repository([pull()], [commit()], tips={START: [tip("tip00001")]})
    outcome = one(changed, repository=repository)
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
    assert "merged before the evidence begins" in outcome.explanation


def test_a_commit_not_found_while_not_all_changes_are_held_is_unknown() -> None:
    repository = Repository([pull()], [commit()], covered=(PULL_REQUESTS, CHECKS, BYPASSES, DEPLOYMENTS))
    outcome = one({"sha": "topic001"}, repository=repository)
    assert (outcome.outcome, outcome.codes) == ("unknown", ())


# --- deployer --------------------------------------------------------------------------------------------------------


def test_deploy_by_hand() -> None:
    outcome = one({"creator": actor("carol")})
    assert outcome.codes == ("DEPLOY_BY_HAND",)
    assert "deployed by carol" in outcome.explanation


@pytest.mark.parametrize("listed", ["carol", "U_carol", "Carol"])
def test_people_who_may_deploy(listed: str) -> None:
    assert one({"creator": actor("carol")}, rules={"deployers": [listed]}).outcome == "pass"


def test_a_deployer_named_by_address() -> None:
    registers = {
        "identities": [{"person_id": "p3", "system": "github", "account_id": "carol", "from": None, "to": None}],
        "people": [{"person_id": "p3", "email": "carol@acme.example", "aliases": None}],
    }
    kept: dict[str, Any] = {"rules": {"deployers": ["carol@acme.example"]}}
    assert one({"creator": actor("carol")}, registers=registers, **kept).outcome == "pass"
    assert one({"creator": actor("carol")}, **kept).codes == ("DEPLOY_BY_HAND",)


def test_where_the_pipeline_is_named_another_machine_is_not_it() -> None:
    assert one(rules={"pipeline_identities": ["github-actions[bot]"]}).outcome == "pass"
    assert one(rules={"pipeline_identities": ["deploy-app"]}).codes == ("DEPLOY_BY_HAND",)


def test_a_machine_account_is_the_pipeline_where_none_is_named() -> None:
    assert one({"creator": actor("ci-user")}, rules={"machine_accounts": ["ci-user"]}).outcome == "pass"


def test_a_deleted_deployer_is_unknown() -> None:
    assert one({"creator": None}).outcome == "unknown"


# --- verified --------------------------------------------------------------------------------------------------------

NEVER = {"statuses": [{"state": "in_progress", "at": DEPLOYED}], "latest_state": "in_progress"}


def test_not_verified() -> None:
    outcome = one(NEVER)
    assert outcome.codes == ("NOT_VERIFIED",)
    assert "latest state in_progress" in outcome.explanation


def test_a_deployment_switched_to_inactive_without_ever_succeeding() -> None:
    assert one({"statuses": [], "latest_state": "inactive"}).codes == ("NOT_VERIFIED",)


def test_a_deployment_that_github_sums_up_as_active() -> None:
    assert one({"statuses": [], "latest_state": "active"}).outcome == "pass"


def test_a_superseded_deployment_was_verified_once() -> None:
    superseded = [*deployment()["statuses"], {"state": "inactive", "at": DEPLOYED + 5 * HOUR}]
    assert one({"statuses": superseded, "latest_state": "inactive"}).outcome == "pass"


def test_a_deployment_still_running_is_pending() -> None:
    outcome = one(NEVER, as_of=DEPLOYED + HOUR)
    assert (outcome.outcome, outcome.resolves_at) == ("pending", DEPLOYED + 24 * HOUR)


def test_a_pending_deployment_with_an_exception_is_an_exception() -> None:
    outcome = one({**NEVER, "creator": actor("carol")}, as_of=DEPLOYED + HOUR)
    assert (outcome.outcome, outcome.codes) == ("exception", ("DEPLOY_BY_HAND",))
    assert "Still open" in outcome.explanation


def test_a_deployment_that_was_not_looked_at_again_is_unknown() -> None:
    evidence = Repository([pull()], [commit()]).stored()
    evidence.store(DEPLOYMENTS, SCOPE, [deployment(**NEVER)], learnt_at=DEPLOYED + HOUR)
    (outcome,) = deployed_from_approved_path(window("CC8-CHG-04"), evidence)
    assert outcome.outcome == "unknown"
    # The version of the next re-collection settles it, whatever the earlier one said.
    evidence.store(DEPLOYMENTS, SCOPE, [deployment()], learnt_at=DEPLOYED + 48 * HOUR)
    (outcome,) = deployed_from_approved_path(window("CC8-CHG-04"), evidence)
    assert outcome.outcome == "pass"


SMOKE = {"post_deployment_check": "smoke-test"}


def smoke(conclusion: str | None = "success", name: str = "smoke-test") -> dict[str, Any]:
    done = None if conclusion is None else DEPLOYED + HOUR
    return {"checks": [{"name": name, "conclusion": conclusion, "completed_at": done}]}


def test_a_check_after_the_deployment() -> None:
    assert one(smoke(), rules=SMOKE).outcome == "pass"
    for changed in ({}, smoke(None), smoke(name="build"), smoke("failure")):
        assert one(changed, rules=SMOKE).codes == ("NOT_VERIFIED",)


def test_a_red_check_verifies_nothing_though_the_next_deployment_replaced_it() -> None:
    replaced = [*deployment()["statuses"], {"state": "inactive", "at": DEPLOYED + 2 * HOUR}]
    outcome = one({**smoke("failure"), "statuses": replaced, "latest_state": "inactive"}, rules=SMOKE)
    assert outcome.codes == ("NOT_VERIFIED",)


def test_a_check_that_has_not_run_yet_is_pending() -> None:
    assert one(rules=SMOKE, as_of=DEPLOYED + HOUR).outcome == "pending"


# --- the whole -------------------------------------------------------------------------------------------------------


def test_every_code_that_applies() -> None:
    outcome = one({"sha": "topic001", "creator": actor("carol"), **NEVER})
    assert outcome.codes == ("UNKNOWN_SHA", "NOT_VERIFIED", "DEPLOY_BY_HAND")


def test_deployments_that_are_not_held_are_unknown() -> None:
    repository = Repository([pull()], [commit()], covered=(COMMITS, PULL_REQUESTS, CHECKS, BYPASSES))
    row, whole = judged([deployment()], repository=repository)
    assert (row.outcome, whole.outcome) == ("pass", "unknown")
    assert whole.item_id == f"window:deployments:{SCOPE}:2026-05"


def test_two_deployments_of_one_commit_are_two_items() -> None:
    again = deployment(deployment_id="D_2", event_time=DEPLOYED + HOUR)
    assert [outcome.outcome for outcome in judged([deployment(), again])] == ["pass", "pass"]
