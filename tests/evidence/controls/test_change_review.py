"""CC8-CHG-01: for every code a case that has it, a near miss that has not, and unknown where evidence is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.change_review import CODES, reviewed_before_merge
from schemas.github import BYPASSES, CHECKS, COMMITS, PULL_REQUESTS
from schemas.outcome import Outcome
from tests.evidence.controls.changes import (
    END,
    HEAD,
    MERGE,
    MERGED,
    SCOPE,
    START,
    Registers,
    Repository,
    actor,
    author,
    bypass,
    check,
    commit,
    direct,
    proposed,
    pull,
    review,
    rules,
    tip,
    window,
)

PEOPLE: Registers = {
    "identities": [
        {"person_id": "p1", "system": "github", "account_id": "alice", "from": None, "to": None},
        {"person_id": "p2", "system": "github", "account_id": "bob", "from": None, "to": None},
        {"person_id": "p2", "system": "github", "account_id": "bobby-alt", "from": None, "to": None},
    ],
    "people": [
        {"person_id": "p1", "email": "alice@acme.example", "aliases": None},
        {"person_id": "p2", "email": "bob@acme.example", "aliases": ["bob@home.example"]},
    ],
}


def judged(
    repository: Repository, *, rules: Mapping[str, Any] | None = None, registers: Registers | None = None, **kept: Any
) -> list[Outcome]:
    return reviewed_before_merge(window(rules=rules, registers=registers, **kept), repository.stored())


def one(repository: Repository, **kept: Any) -> Outcome:
    (outcome,) = judged(repository, **kept)
    return outcome


def of_pull(*, rules: Mapping[str, Any] | None = None, registers: Registers | None = None, **changed: Any) -> Outcome:
    """The outcome of one squashed change whose pull request differs from the perfect one."""
    return one(Repository([pull(**changed)], [commit()]), rules=rules, registers=registers)


def test_a_change_in_order_passes_and_says_why() -> None:
    outcome = of_pull()
    assert (outcome.outcome, outcome.codes) == ("pass", ())
    assert outcome.item_id == f"github:commit:R_1:{MERGE}"
    assert (outcome.control_id, outcome.evidence_id, outcome.scope_item_id) == ("CC8-CHG-01", "commits", SCOPE)
    for words in ("#7 by alice", "approved by bob on the merged content", "build", "ABC-12"):
        assert words in outcome.explanation
    assert outcome.evidence == (
        "sha256:github.commits", "sha256:github.pull_requests",
        "sha256:github.branch_rules@20260430T060000", "sha256:github.checks",
    )  # fmt: skip


# --- E1 ---------------------------------------------------------------------------------------------------------------


def test_direct_push() -> None:
    outcome = one(Repository([], [direct()]))
    assert outcome.codes == ("DIRECT_PUSH",)
    assert "carol pushed it to main" in outcome.explanation


def test_direct_push_is_known_without_the_pull_requests() -> None:
    assert one(Repository([], [direct()], covered=(COMMITS, BYPASSES))).codes == ("DIRECT_PUSH",)


def test_a_commit_that_is_a_merge_commit_of_a_pull_request_is_owned_by_it() -> None:
    # The index of associated pull requests lags; the merge commit itself is proof.
    assert one(Repository([pull()], [commit(pr_id=None, pr_number=None, pr_merge_sha=None)])).outcome == "pass"


def test_a_pull_request_into_another_branch_does_not_own_the_commit() -> None:
    outcome = one(Repository([pull(base_ref="develop")], [commit()]))
    assert outcome.codes == ("DIRECT_PUSH",)
    assert "#7 went into develop" in outcome.explanation


def test_an_owning_pull_request_that_is_not_held_is_unknown() -> None:
    outcome = one(Repository([], [commit()], covered=(COMMITS, BYPASSES)))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
    assert "#7" in outcome.explanation


def test_the_first_commit_of_a_new_branch_passes() -> None:
    outcome = one(Repository([], [direct(parents=[], first_of_branch=True, activity="branch_creation")]))
    assert outcome.outcome == "pass"
    assert "first commit of the new branch" in outcome.explanation


@pytest.mark.parametrize("already", ["a tip", "a commit"])
def test_the_first_commit_of_a_branch_that_was_there_before_is_a_direct_push(already: str) -> None:
    root = direct(parents=[], first_of_branch=True, activity="branch_creation")
    if already == "a tip":
        repository = Repository([], [root], tips={START + timedelta(hours=6): [tip("direct01")]})
        outcome = one(repository)
    else:
        earlier = direct(sha="direct00", event_time=START - timedelta(days=3))
        outcome = one(Repository([], [earlier, root]))
    assert outcome.codes == ("DIRECT_PUSH",)


def test_later_commits_that_a_new_branch_brings_are_direct_pushes() -> None:
    root = direct(sha="direct00", parents=[], first_of_branch=True, activity="branch_creation")
    second = direct(parents=["direct00"], first_of_branch=True, activity="branch_creation")
    assert [outcome.codes for outcome in judged(Repository([], [root, second]))] == [(), ("DIRECT_PUSH",)]


def test_every_commit_of_a_rebase_merge_is_an_item_judged_by_its_pull_request() -> None:
    first = commit(sha="rebased1", pr_merge_sha=MERGE)
    outcomes = judged(Repository([pull(reviews=[], merge_method="rebase")], [first, commit()]))
    assert [(outcome.item_id[-8:], outcome.codes) for outcome in outcomes] == [
        ("merge001", ("NO_APPROVAL",)),
        ("rebased1", ("NO_APPROVAL",)),
    ]


# --- E2 ---------------------------------------------------------------------------------------------------------------


def dismissal(review_id: str, state: str) -> dict[str, Any]:
    """A dismissal five minutes after the merge, as the timeline tells it."""
    detail = json.dumps({"review_id": review_id, "previous_state": state})
    return {"kind": "review_dismissed", "at": MERGED + timedelta(minutes=5), "actor": actor("alice"), "detail": detail}


NOT_INDEPENDENT = {
    "nobody reviewed": {"reviews": []},
    "the author approved": {"reviews": [review("alice")]},
    "a comment is no approval": {"reviews": [review("bob", "COMMENTED")]},
    "approved after the merge": {"reviews": [review("bob", minutes=1)]},
    "approved at the instant of the merge": {"reviews": [review("bob", minutes=0)]},
    "dismissed before the merge": {"reviews": [review("bob", "DISMISSED", dismissed=-5)]},
    "dismissed at the instant of the merge": {"reviews": [review("bob", "DISMISSED", dismissed=0)]},
    "approved without write access": {"reviews": [review("bob", association="CONTRIBUTOR")]},
    "approved by a bot": {"reviews": [review("review-bot", kind="bot")]},
    "the approver wrote a commit": {"commits": [proposed(authors=[author("alice"), author("bob")])]},
    "the approver pushed last": {"last_pusher": actor("bob")},
    "the approver is a co-author by address": {
        "commits": [proposed(authors=[author("alice"), author(None, "bob@acme.example", "unknown")])]
    },
    "the approver is a co-author by another of their addresses": {
        "commits": [proposed(authors=[author("alice"), author(None, "Bob@Home.example", "unknown")])]
    },
    "the approver is a co-author by GitHub's private address": {
        "commits": [proposed(authors=[author("alice"), author(None, "4711+Bob@users.noreply.github.com", "unknown")])]
    },
    "the approver's other account wrote a commit": {
        "commits": [proposed(authors=[author("bobby-alt", "alt@home.example")])]
    },
    "the approver's other account opened it": {"author": actor("bobby-alt"), "commits": [proposed()]},
}


@pytest.mark.parametrize("changed", NOT_INDEPENDENT.values(), ids=NOT_INDEPENDENT)
def test_no_approval(changed: dict[str, Any]) -> None:
    outcome = of_pull(registers=PEOPLE, **changed)
    assert outcome.codes == ("NO_APPROVAL",)
    assert "nobody other than its authors approved it before the merge" in outcome.explanation


INDEPENDENT = {
    "a second before the merge": {"reviews": [review("bob", minutes=-1 / 60)]},
    "dismissed after the merge": {
        "reviews": [review("bob", "DISMISSED", dismissed=5)],
        "timeline": [
            dismissal("PRR_bob_DISMISSED_-30", "APPROVED"),
            dismissal("PRR_other", "CHANGES_REQUESTED"),
        ],
    },
    "kept as approved, dismissed after the merge": {"reviews": [review("bob", dismissed=5)]},
    "an outside collaborator": {"reviews": [review("bob", association="COLLABORATOR")]},
    "the merger may approve": {"merged_by": actor("bob")},
    "the author is a bot": {
        "author": actor("dependabot", "bot"), "commits": [proposed(authors=[author("dependabot[bot]", kind="bot")])],
        "last_pusher": actor("dependabot", "bot"),
    },
    "one of two is independent": {"reviews": [review("alice"), review("bob")]},
    "a co-author whose address is somebody else's": {
        "commits": [proposed(authors=[author("alice"), author(None, "carol@else.example", "unknown")])]
    },
}  # fmt: skip


@pytest.mark.parametrize("changed", INDEPENDENT.values(), ids=INDEPENDENT)
def test_an_independent_approval(changed: dict[str, Any]) -> None:
    assert of_pull(registers=PEOPLE, **changed).outcome == "pass"


def test_a_machine_account_never_approves() -> None:
    assert of_pull(rules={"machine_accounts": ["Bob"]}).codes == ("NO_APPROVAL",)


def test_the_reviewer_who_is_co_author_of_the_squashed_commit_only() -> None:
    squashed = commit(authors=[author("alice"), author("bob")])
    assert one(Repository([pull()], [squashed])).codes == ("NO_APPROVAL",)


def test_the_author_of_a_true_merge_commit_is_no_author_of_the_change() -> None:
    merge = commit(authors=[author("bob")], parents=["base0000", HEAD])
    assert one(Repository([pull(merge_method="merge")], [merge])).outcome == "pass"


DOUBTFUL = {
    "approved by a deleted user": {"reviews": [review(None, kind="ghost")]},
    "approved by nobody knows what": {"reviews": [review("bob", kind="unknown")]},
    "write access not known": {"reviews": [review("bob", association=None)]},
    "opened by a deleted user": {"author": None},
    "a commit by a deleted user": {"commits": [proposed(authors=[author(None, None, "ghost")])]},
    "a co-author under an address nobody knows": {
        "commits": [proposed(authors=[author("alice"), author(None, "x@nowhere.example", "unknown")])]
    },
    "a dismissal nobody knows the time of": {"reviews": [review("bob", "DISMISSED")]},
    "a dismissal after the merge of nobody knows what": {"reviews": [review("bob", "DISMISSED", dismissed=5)]},
}


@pytest.mark.parametrize("changed", DOUBTFUL.values(), ids=DOUBTFUL)
def test_an_approval_that_can_not_be_relied_on_is_unknown(changed: dict[str, Any]) -> None:
    outcome = of_pull(**changed)
    assert (outcome.outcome, outcome.codes) == ("unknown", ())


def test_a_doubtful_approval_beside_a_certain_one_does_no_harm() -> None:
    assert of_pull(reviews=[review(None, kind="ghost"), review("bob")]).outcome == "pass"


def test_an_earlier_version_tells_what_a_dismissed_review_was() -> None:
    repository = Repository([pull(reviews=[review("bob", "DISMISSED", dismissed=5, id="PRR_1")])], [commit()])
    evidence = repository.stored()
    evidence.store(
        PULL_REQUESTS, SCOPE, [pull(reviews=[review("bob", id="PRR_1")])], learnt_at=datetime(2026, 5, 20, tzinfo=UTC)
    )
    (outcome,) = reviewed_before_merge(window(), evidence)
    assert outcome.outcome == "pass"


def test_of_several_versions_the_one_nearest_to_the_merge_counts() -> None:
    evidence = Repository([], [commit()]).stored()
    evidence.store(PULL_REQUESTS, SCOPE, [pull(reviews=[])], learnt_at=datetime(2026, 5, 20, tzinfo=UTC))
    evidence.store(PULL_REQUESTS, SCOPE, [pull()], learnt_at=datetime(2026, 5, 13, tzinfo=UTC))
    (outcome,) = reviewed_before_merge(window(), evidence)
    assert outcome.outcome == "pass"


def test_an_alias_counts_only_while_it_is_theirs() -> None:
    moved = {"person_id": "p3", "system": "github", "account_id": "shared", "from": "2026-05-01", "to": None}
    before = {"person_id": "p2", "system": "github", "account_id": "shared", "from": None, "to": "2026-04-30"}
    registers = {**PEOPLE, "identities": [*PEOPLE["identities"], moved, before]}
    shared = {"author": actor("shared"), "commits": [proposed(authors=[author("shared")])]}
    assert of_pull(registers=registers, **shared).outcome == "pass"
    registers = {**PEOPLE, "identities": [*PEOPLE["identities"], before]}
    assert of_pull(registers=registers, **shared).codes == ("NO_APPROVAL",)


# --- E3 ---------------------------------------------------------------------------------------------------------------


def test_stale_approval() -> None:
    outcome = of_pull(
        reviews=[review("bob", sha="older001")], commits=[proposed("older001"), proposed(HEAD, "older001")]
    )
    assert outcome.codes == ("STALE_APPROVAL",)
    assert "bob approved an earlier content" in outcome.explanation


def test_a_merge_of_the_base_branch_does_not_make_an_approval_stale() -> None:
    merged = proposed(HEAD, "older001", "base9999")
    assert of_pull(reviews=[review("bob", sha="older001")], commits=[proposed("older001"), merged]).outcome == "pass"


def test_two_merges_of_the_base_in_either_order_of_parents() -> None:
    commits = [
        proposed("older001"),
        proposed("middle01", "base8888", "older001"),
        proposed(HEAD, "middle01", "base9999"),
    ]
    assert of_pull(reviews=[review("bob", sha="older001")], commits=commits).outcome == "pass"


def test_a_merge_of_another_branch_makes_it_stale() -> None:
    # The other parent is a commit of the pull request itself: its content was never on the base branch.
    commits = [proposed("older001"), proposed("other001"), proposed(HEAD, "older001", "other001")]
    assert of_pull(reviews=[review("bob", sha="older001")], commits=commits).codes == ("STALE_APPROVAL",)


def test_an_approval_of_a_commit_that_a_force_push_removed_is_stale() -> None:
    assert of_pull(reviews=[review("bob", sha="gone0001")]).codes == ("STALE_APPROVAL",)


def test_a_stale_and_a_fresh_approval() -> None:
    reviews = [review("bob", sha="older001"), review("dave")]
    assert of_pull(reviews=reviews, commits=[proposed("older001"), proposed(HEAD, "older001")]).outcome == "pass"


def test_a_stale_approval_beside_a_doubtful_fresh_one_is_unknown() -> None:
    reviews = [review("bob", sha="older001"), review(None, kind="ghost")]
    commits = [proposed("older001"), proposed(HEAD, "older001")]
    assert of_pull(reviews=reviews, commits=commits).outcome == "unknown"


def test_an_approval_of_a_commit_that_is_not_told_is_unknown() -> None:
    assert of_pull(reviews=[review("bob", sha=None)]).outcome == "unknown"


# --- E4 ---------------------------------------------------------------------------------------------------------------


def test_changes_open() -> None:
    outcome = of_pull(reviews=[review("bob"), review("dave", "CHANGES_REQUESTED", minutes=-20)])
    assert outcome.codes == ("CHANGES_OPEN",)
    assert "asked for by dave" in outcome.explanation


CLOSED = {
    "approved later": [review("dave", "CHANGES_REQUESTED", minutes=-60), review("dave", minutes=-20)],
    "dismissed": [review("bob"), review("dave", "DISMISSED", minutes=-60, dismissed=-10)],
    "asked after the merge": [review("bob"), review("dave", "CHANGES_REQUESTED", minutes=20)],
    "a comment decides nothing": [review("bob"), review("dave", "COMMENTED", minutes=-5)],
}


@pytest.mark.parametrize("reviews", CLOSED.values(), ids=CLOSED)
def test_changes_not_open(reviews: list[dict[str, Any]]) -> None:
    assert of_pull(reviews=reviews).outcome == "pass"


def test_changes_asked_for_after_an_approval_are_open() -> None:
    reviews = [review("bob"), review("dave", minutes=-60), review("dave", "CHANGES_REQUESTED", minutes=-20)]
    assert of_pull(reviews=reviews).codes == ("CHANGES_OPEN",)


def test_a_comment_after_asking_for_changes_leaves_them_open() -> None:
    reviews = [review("bob"), review("dave", "CHANGES_REQUESTED"), review("dave", "COMMENTED", minutes=-2)]
    assert of_pull(reviews=reviews).codes == ("CHANGES_OPEN",)


def test_a_request_dismissed_after_the_merge_was_open() -> None:
    reviews = [review("bob"), review("dave", "CHANGES_REQUESTED", dismissed=10)]
    assert of_pull(reviews=reviews).codes == ("CHANGES_OPEN",)


def test_a_request_for_changes_that_the_timeline_says_was_dismissed_after_the_merge() -> None:
    dismissed = review("dave", "DISMISSED", dismissed=5, id="PRR_1")
    timeline = [dismissal("PRR_1", "CHANGES_REQUESTED")]
    assert of_pull(reviews=[review("bob"), dismissed], timeline=timeline).codes == ("CHANGES_OPEN",)


def test_two_accounts_of_one_person_are_one_reviewer() -> None:
    reviews = [review("bob", "CHANGES_REQUESTED", minutes=-60), review("bobby-alt", minutes=-20)]
    assert of_pull(registers=PEOPLE, reviews=reviews).outcome == "pass"


# --- E5 ---------------------------------------------------------------------------------------------------------------

RED = {
    "failed": [check(conclusion="failure")],
    "never ran": [],
    "another check is green": [check("lint")],
    "still running": [check(conclusion=None, status="in_progress", completed_at=None)],
    "ended after the merge": [check(completed_at=MERGED + timedelta(seconds=1))],
    "ended at the instant of the merge": [check(completed_at=MERGED)],
    "on another commit": [check(sha="older001")],
    "skipped": [check(conclusion="skipped")],
    "cancelled": [check(conclusion="cancelled")],
}


@pytest.mark.parametrize("checks", RED.values(), ids=RED)
def test_check_not_green(checks: list[dict[str, Any]]) -> None:
    outcome = one(Repository([pull()], [commit()], checks))
    assert outcome.codes == ("CHECK_NOT_GREEN",)
    assert "build" in outcome.explanation


GREEN = {
    "neutral": [check(conclusion="neutral")],
    "failed once, then green": [check(conclusion="failure"), check()],
    "a second before the merge": [check(completed_at=MERGED - timedelta(seconds=1))],
    "a commit status": [check(kind="status", app_id=None, app_slug=None)],
}


@pytest.mark.parametrize("checks", GREEN.values(), ids=GREEN)
def test_check_green(checks: list[dict[str, Any]]) -> None:
    assert one(Repository([pull()], [commit()], checks)).outcome == "pass"


def test_a_skipped_check_where_the_programme_allows_it() -> None:
    repository = Repository([pull()], [commit()], [check(conclusion="skipped")])
    assert one(repository, rules={"allow_skipped_checks": True}).outcome == "pass"


def test_a_check_on_the_merge_queue_commit() -> None:
    assert one(Repository([pull(queue_sha="queue001")], [commit()], [check(sha="queue001")])).outcome == "pass"


def test_a_check_pinned_to_an_app() -> None:
    pinned = {START: [rules(required_checks=[{"context": "build", "integration_id": "15368"}])]}
    change: dict[str, Sequence[dict[str, Any]]] = {"pulls": [pull()], "commits": [commit()]}
    assert one(Repository(**change, rules=pinned)).outcome == "pass"
    assert one(Repository(**change, checks=[check(app_id="99")], rules=pinned)).codes == ("CHECK_NOT_GREEN",)
    # A commit status does not tell by which app it was made.
    assert one(Repository(**change, checks=[check(app_id=None)], rules=pinned)).outcome == "unknown"


def test_the_rules_in_force_at_the_merge_decide_not_those_of_later() -> None:
    none = rules(required_checks=[])
    before, after = {START: [none], MERGED + timedelta(1): [rules()]}, {START: [rules()], MERGED + timedelta(1): [none]}
    assert one(Repository([pull()], [commit()], [], rules=before)).outcome == "pass"
    assert one(Repository([pull()], [commit()], [], rules=after)).codes == ("CHECK_NOT_GREEN",)


NO_RULES_KNOWN = {
    "no snapshot at all": {},
    "only a later one": {MERGED + timedelta(seconds=1): [rules()]},
    "one that is too old": {MERGED - timedelta(days=35): [rules()]},
    "none of this branch": {START: [rules(branch="release")]},
}


@pytest.mark.parametrize("shown", NO_RULES_KNOWN.values(), ids=NO_RULES_KNOWN)
def test_without_a_snapshot_of_the_rules_it_is_unknown_which_checks_were_required(shown: Any) -> None:
    outcome = one(Repository([pull()], [commit()], rules=shown))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
    assert "which checks were required" in outcome.explanation


def test_the_programme_may_leave_checks_out_of_the_control() -> None:
    outcome = one(Repository([pull()], [commit()], [], rules={}), rules={"required_checks": "none"})
    assert outcome.outcome == "pass"
    assert "not part of the control" in outcome.explanation


def test_checks_that_are_not_held_are_unknown_not_red() -> None:
    outcome = one(Repository([pull()], [commit()], [], covered=(COMMITS, PULL_REQUESTS, BYPASSES)))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())


def test_a_green_check_is_proof_even_where_not_all_checks_are_held() -> None:
    assert one(Repository([pull()], [commit()], covered=(COMMITS, PULL_REQUESTS, BYPASSES))).outcome == "pass"


# --- E6 ---------------------------------------------------------------------------------------------------------------

BYPASSED = {
    "by the commit": bypass(),
    "by actor and minute": bypass(before_sha=None, after_sha=None, found_in="audit_log", result="policy_override",
                                  event_time=MERGED + timedelta(seconds=60)),
    "by the tip before": bypass(after_sha=None, actor=actor("root"), event_time=MERGED + timedelta(hours=1)),
    "named without refs/heads": bypass(ref="main"),
}  # fmt: skip


@pytest.mark.parametrize("row", BYPASSED.values(), ids=BYPASSED)
def test_bypass(row: dict[str, Any]) -> None:
    outcome = one(Repository([pull()], [commit()], bypasses=[row]))
    assert outcome.codes == ("BYPASS",)


def test_a_bypass_that_rule_suite_and_audit_log_both_tell_of() -> None:
    told = [bypass(), bypass(suite_id="audit:1", found_in="audit_log", rules=[], actor=actor("alice") | {"id": None})]
    outcome = one(Repository([pull()], [commit()], bypasses=told))
    assert outcome.codes == ("BYPASS",)
    assert outcome.explanation.count("bypassed by alice") == 1


def test_a_bypass_of_a_direct_push() -> None:
    outcome = one(Repository([], [direct()], bypasses=[bypass(after_sha="direct01", actor=actor("carol"))]))
    assert outcome.codes == ("DIRECT_PUSH", "BYPASS")


NOT_BYPASSED = {
    "the suite passed": bypass(result="pass"),
    "the push was refused": bypass(result="fail"),
    "another branch": bypass(ref="refs/heads/topic"),
    "another branch in the same minute": bypass(
        ref="refs/heads/topic", after_sha=None, before_sha=None, found_in="audit_log"
    ),
}


@pytest.mark.parametrize("row", NOT_BYPASSED.values(), ids=NOT_BYPASSED)
def test_no_bypass(row: dict[str, Any]) -> None:
    assert one(Repository([pull()], [commit()], bypasses=[row])).outcome == "pass"


@pytest.mark.parametrize(
    "row",
    [
        bypass(before_sha=None, after_sha=None, found_in="audit_log", event_time=MERGED + timedelta(seconds=61)),
        bypass(before_sha=None, after_sha=None, found_in="audit_log", actor=actor("mallory")),
        bypass(after_sha="else0001", before_sha="else0000"),
    ],
    ids=["more than a minute away", "another actor", "another commit"],
)
def test_a_bypass_that_goes_with_no_change_has_a_row_of_its_own(row: dict[str, Any]) -> None:
    change, alone = sorted(judged(Repository([pull()], [commit()], bypasses=[row])), key=lambda o: o.item_id)[::-1]
    assert (change.outcome, alone.codes) == ("pass", ("BYPASS",))
    assert alone.item_id == "github:bypass:R_1:RS_1"


def test_a_bypass_just_across_the_end_of_the_window_belongs_to_its_change() -> None:
    at = END - timedelta(seconds=1)
    outside = commit(event_time=END + timedelta(seconds=1))
    assert judged(Repository([pull()], [outside], bypasses=[bypass(event_time=at)])) == []


def test_bypasses_that_are_not_held_are_unknown() -> None:
    outcome = one(Repository([pull()], [commit()], covered=(COMMITS, PULL_REQUESTS, CHECKS)))
    assert (outcome.outcome, outcome.codes) == ("unknown", ())
    assert "bypassed" in outcome.explanation


def test_where_nothing_is_enforced_there_is_nothing_to_bypass() -> None:
    bare = rules(rulesets=[], required_checks=[], pull_request_required=False, required_approvals=0)
    repository = Repository([pull()], [commit()], rules={START: [bare]}, covered=(COMMITS, PULL_REQUESTS))
    assert one(repository).outcome == "pass"


def test_the_programme_may_leave_bypasses_out_of_the_control() -> None:
    repository = Repository([pull()], [commit()], bypasses=[bypass()], covered=(COMMITS, PULL_REQUESTS, CHECKS))
    assert one(repository, rules={"rule_bypasses": "none"}).outcome == "pass"


# --- E7 ---------------------------------------------------------------------------------------------------------------


def test_force_pushed() -> None:
    outcome = one(Repository([pull()], [commit(rewritten=True, activity="force_push")]))
    assert outcome.codes == ("FORCE_PUSHED",)


def test_a_direct_push_by_force() -> None:
    assert one(Repository([], [direct(rewritten=True)])).codes == ("DIRECT_PUSH", "FORCE_PUSHED")


def test_a_rewrite_that_only_took_commits_away() -> None:
    row = direct(item_id="github:push:R_1:direct01..base0000", sha="base0000", activity="force_push", rewritten=True)
    outcome = one(Repository([], [row]))
    assert outcome.codes == ("FORCE_PUSHED",)
    assert outcome.item_id == "github:push:R_1:direct01..base0000"


def test_a_commit_that_comes_back_with_a_rewrite_keeps_its_pull_request_and_gets_an_id_of_its_own() -> None:
    again = commit(event_time=datetime(2026, 5, 20, tzinfo=UTC), rewritten=True, activity="force_push")
    first, second = judged(Repository([pull()], [commit(), again]))
    assert (first.codes, second.codes) == ((), ("FORCE_PUSHED",))
    assert second.item_id == f"{first.item_id}@main@2026-05-20T00:00:00Z"


def test_a_pull_request_merged_long_before_is_found() -> None:
    old = datetime(2026, 3, 10, tzinfo=UTC)
    old_pull = pull(event_time=old, reviews=[])
    shown = {old - timedelta(days=1): [rules()]}
    repository = Repository(
        [old_pull], [commit(rewritten=True)], [check(event_time=old, completed_at=old)], rules=shown
    )
    assert one(repository).codes == ("NO_APPROVAL", "CHECK_NOT_GREEN", "FORCE_PUSHED")


# --- E8 ---------------------------------------------------------------------------------------------------------------

WITHOUT_TICKET = {
    "no words at all": {"title": "Faster start"},
    "its own number": {"title": "Faster start (#7)"},
    "the name of a standard": {"title": "Write UTF-8, hash with SHA-256, fix CVE-2026-1"},
    "another repository's issue": {"title": "Port of acme/web#12"},
    "an entity": {"title": "It&#39;s faster"},
    "a label that exempts nothing": {"title": "Faster start", "labels": ["bug"]},
}


@pytest.mark.parametrize("changed", WITHOUT_TICKET.values(), ids=WITHOUT_TICKET)
def test_no_ticket(changed: dict[str, Any]) -> None:
    assert of_pull(**changed).codes == ("NO_TICKET",)


WITH_TICKET = {
    "a key in the title": {"title": "[ABC-12] Faster start"},
    "an issue in the body": {"title": "Faster start", "body": "Closes #12."},
    "a key in the branch": {"title": "Faster start", "head_ref": "feature/ABC-12-faster-start"},
    "a linked issue": {"title": "Faster start", "closing_issues": ["acme/api#12"]},
    "a dependency": {"title": "Bump left-pad", "labels": ["Dependencies"]},
    "a revert": {"title": "Revert it", "labels": ["revert"]},
}


@pytest.mark.parametrize("changed", WITH_TICKET.values(), ids=WITH_TICKET)
def test_ticket(changed: dict[str, Any]) -> None:
    assert of_pull(**changed).outcome == "pass"


def test_tickets_are_no_part_of_the_control() -> None:
    assert of_pull(rules={"tickets_required": False}, title="Faster start").outcome == "pass"


def test_a_pattern_of_the_companys_own() -> None:
    assert of_pull(rules={"ticket_pattern": r"\bT\d+\b"}).codes == ("NO_TICKET",)
    assert of_pull(rules={"ticket_pattern": r"\bISO-\d+\b"}, title="ISO-9 Faster start").outcome == "pass"


# --- the whole --------------------------------------------------------------------------------------------------------


def test_every_code_that_applies_is_told_at_once() -> None:
    changes = [review("bob", sha="older001"), review("dave", "CHANGES_REQUESTED", minutes=-20)]
    row = pull(title="Faster", reviews=changes, commits=[proposed("older001"), proposed(HEAD, "older001")])
    outcome = one(Repository([row], [commit(rewritten=True)], [], bypasses=[bypass()]))
    assert outcome.codes == (
        "STALE_APPROVAL", "CHANGES_OPEN", "CHECK_NOT_GREEN", "BYPASS", "FORCE_PUSHED", "NO_TICKET",
    )  # fmt: skip
    assert set(outcome.codes) < set(CODES)


def test_an_exception_says_what_is_unknown_besides() -> None:
    outcome = one(Repository([pull(reviews=[])], [commit()], rules={}))
    assert outcome.codes == ("NO_APPROVAL",)
    assert "Not known: which checks were required" in outcome.explanation


def test_commits_outside_the_window_are_not_its_items() -> None:
    rows = [commit(event_time=START - timedelta(microseconds=1)), commit(sha="m2", event_time=END)]
    assert judged(Repository([pull()], rows)) == []


def test_a_pull_request_across_the_start_of_the_window_is_found() -> None:
    merged_at = START - timedelta(seconds=1)
    at_start = pull(event_time=merged_at, reviews=[review("bob", at=merged_at)])
    checks = [check(completed_at=merged_at - timedelta(minutes=5))]
    assert one(Repository([at_start], [commit(event_time=START)], checks)).outcome == "pass"


def test_a_closed_window_whose_changes_are_not_all_held_says_so() -> None:
    whole, change = judged(Repository([pull()], [commit()], covered=(PULL_REQUESTS, CHECKS, BYPASSES)))
    assert (whole.outcome, whole.item_id) == ("unknown", f"window:commits:{SCOPE}:2026-05")
    assert change.outcome == "pass"


def test_an_open_window_says_nothing_of_what_is_still_to_come() -> None:
    repository = Repository([], [], covered=())
    assert judged(repository, as_of=END - timedelta(hours=1)) == []


def test_a_tip_that_no_change_explains_means_that_changes_are_missing() -> None:
    tips = {START - timedelta(1): [tip("base0000")], END - timedelta(1): [tip("mystery1")]}
    whole, change = judged(Repository([pull()], [commit()], tips=tips))
    assert (whole.outcome, change.outcome) == ("unknown", "pass")
    assert "mystery1" in whole.explanation
    assert whole.evidence == ("sha256:github.branch_tips@20260531T000000",)


def test_tips_that_changes_explain() -> None:
    tips = {
        START - timedelta(1): [tip("base0000")],
        MERGED - timedelta(1): [tip("base0000")],
        MERGED + timedelta(1): [tip(MERGE), tip("elsewhere", "topic")],
    }
    assert one(Repository([pull()], [commit()], tips=tips)).outcome == "pass"


def test_nothing_happened() -> None:
    assert judged(Repository(tips={START: [tip("base0000")], MERGED: [tip("base0000")]})) == []
