"""Branch tips, effective rules, changes of rules, and bypasses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.github.extractors import EXTRACTORS
from connectors.github.permissions import least_app_permissions
from sandbox.github.model import AuditEntry, Organisation, Protection, Repository, Ruleset, RulesetVersion, RuleSuite
from sandbox.github.times import Changing, epoch
from sandbox.github.world import World
from schemas.errors import CollectionError, IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim
from tests.fakes.local_github import END, NOW, START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

DAY = timedelta(days=1)
WEEK_AGO = NOW - 7 * DAY

REVIEWED: dict[str, Any] = {
    "type": "pull_request",
    "parameters": {
        "required_approving_review_count": 2, "dismiss_stale_reviews_on_push": True, "require_code_owner_review": False,
        "require_last_push_approval": True, "required_review_thread_resolution": False,
    },
}  # fmt: skip
CHECKED: dict[str, Any] = {
    "type": "required_status_checks",
    "parameters": {
        "strict_required_status_checks_policy": True,
        "required_status_checks": [{"context": "tests", "integration_id": 15368}, {"context": "lint"}],
    },
}


def state(
    name: str, *rules: dict[str, Any], enforcement: str = "active", include: str = "~DEFAULT_BRANCH", bypass: Any = ()
) -> dict[str, Any]:
    return {
        "name": name, "target": "branch", "enforcement": enforcement, "bypass_actors": list(bypass),
        "conditions": {"ref_name": {"include": [include], "exclude": []}}, "rules": list(rules),
    }  # fmt: skip


def ruleset(
    story: Story, versions: list[tuple[datetime, dict[str, Any] | None]], *, of: Organisation | Repository | None = None
) -> Ruleset:
    owner = of or story.repository
    made = Ruleset(
        story.world.numbers.allot(
            "ruleset", f"{owner.login if isinstance(owner, Organisation) else owner.slug}{len(owner.rulesets)}"
        ),
        owner,
    )
    for at, body in versions:
        number = story.world.numbers.allot("version", f"{made.id}/{len(made.versions)}")
        made.versions.append(RulesetVersion(number, made, epoch(at), story.member("alice"), body))
    owner.rulesets.append(made)
    return made


def protection(story: Story, **settings: Any) -> None:
    number = story.world.numbers.allot("protection", story.repository.slug)
    made = Protection(
        number, story.repository, "main", story.member("alice"), Changing[dict[str, Any] | None](settings)
    )
    story.repository.protections.append(made)


@contextmanager
def github(tell: Callable[[Story], Any], *, plan: str = "team") -> Iterator[LocalGithub]:
    def build(world: World, organisation: Organisation) -> None:
        organisation.plan = plan  # type: ignore[assignment]
        story = Story(world, organisation)
        story.push(START - DAY)
        tell(story)

    with local_github(build) as running:
        yield running


def read(
    running: LocalGithub, dataset: str, start: datetime | None = None, end: datetime | None = None, *,
    environ: dict[str, str] | None = None, **scope: Any
) -> tuple[list[dict[str, Any]], ItemClaim]:  # fmt: skip
    sink = MemorySink()
    request = running.request(running.organisation.repositories[0], dataset, start, end)
    claims = EXTRACTORS[f"github.{dataset}"](running.session(environ=environ, **scope), request, sink)
    return sink.of(f"github.{dataset}"), claims[0]


# --- tips


def test_tips_of_the_default_and_the_production_branches() -> None:
    tips: dict[str, str] = {}

    def tell(story: Story) -> None:
        tips["main"] = story.tip
        tips["release/1"] = story.commit(None, START).oid
        story.builder.move("release/1", "branch_creation", tips["release/1"], epoch(START), story.member("alice"))

    with github(tell) as running:
        rows, claim = read(running, "branch_tips", production_branches=["release/1", "absent"])
    assert {row["branch"]: (row["tip_sha"], row["is_default"]) for row in rows} == {
        "main": (tips["main"], True),
        "release/1": (tips["release/1"], False),
    }
    assert claim.observed_at == NOW
    assert "absent: absent" in (claim.reconciliation or "")


def test_no_production_branch_at_all_is_an_error() -> None:
    with github(lambda story: None) as running, pytest.raises(IncompletePopulation, match="production_branches"):
        read(running, "branch_tips", production_branches=["trunk"])


# --- rules


def test_rulesets_of_repository_and_organisation_add_up() -> None:
    bypass = [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]

    def tell(story: Story) -> None:
        ruleset(story, [(START, state("reviews", REVIEWED, bypass=bypass))])
        ruleset(story, [(START, state("checks", CHECKED, {"type": "deletion"}))], of=story.organisation)
        ruleset(story, [(START, state("trial", {"type": "non_fast_forward"}, enforcement="evaluate"))])
        ruleset(story, [(START, state("elsewhere", REVIEWED, include="refs/heads/other"))])

    with github(tell) as running:
        (row,), claim = read(running, "branch_rules")
    assert {one["name"]: one["enforcement"] for one in row["rulesets"]} == {
        "reviews": "active", "checks": "active", "trial": "evaluate",
    }  # fmt: skip
    assert row["pull_request_required"]
    assert row["required_approvals"] == 2
    assert row["dismiss_stale_reviews"]
    assert row["require_last_push_approval"]
    assert not row["require_code_owner_review"]
    assert row["required_checks"] == [
        {"context": "tests", "integration_id": "15368"},
        {"context": "lint", "integration_id": None},
    ]
    assert not row["force_push_blocked"], "a ruleset on trial enforces nothing"
    assert row["deletion_blocked"]
    assert [(one["actor_type"], one["actor_id"], one["mode"]) for one in row["bypass_actors"]] == [
        ("RepositoryRole", "5", "always")
    ]
    assert row["bypass_known"]
    assert not row["classic_protection"]
    assert row["enforce_admins"] is None
    assert claim.reconciliation == "main: 3 rules as GitHub counts them, the same as its rulesets have by REST"


def test_classic_protection_says_the_same_in_other_words() -> None:
    numbers: list[int] = []

    def tell(story: Story) -> None:
        numbers.append(story.world.app("ci").id)
        protection(
            story,
            enforce_admins=False,
            required_status_checks={"strict": True, "checks": [{"context": "tests", "app_id": numbers[0]}]},
            required_pull_request_reviews={
                "required_approving_review_count": 1, "dismiss_stale_reviews": True, "require_code_owner_reviews": True,
                "require_last_push_approval": False,
            },
        )  # fmt: skip

    with github(tell) as running:
        (row,), _ = read(running, "branch_rules")
    assert row["classic_protection"]
    assert row["enforce_admins"] is False
    assert (row["pull_request_required"], row["required_approvals"]) == (True, 1)
    assert row["require_code_owner_review"]
    assert row["required_checks"] == [{"context": "tests", "integration_id": str(numbers[0])}]
    assert row["force_push_blocked"]
    assert row["deletion_blocked"]


def test_a_branch_without_any_rule_is_a_row_and_no_gap() -> None:
    with github(lambda story: None) as running:
        (row,), claim = read(running, "branch_rules")
    assert not row["classic_protection"]
    assert not row["pull_request_required"]
    assert row["required_approvals"] == 0
    assert not row["force_push_blocked"]
    assert claim.proof_of_life


def test_a_404_that_does_not_say_not_protected_is_a_missing_right() -> None:
    with github(lambda story: None) as running:
        running.plan.replace([{"source": "github", "kind": "not_found", "match": "GET *protection*", "times": None}])
        with pytest.raises(PermissionDenied, match="administration"):
            read(running, "branch_rules")


def test_a_plan_without_protection_is_not_licensed() -> None:
    words = "Upgrade to GitHub Pro or make this repository public to enable this feature."
    with github(lambda story: None) as running:
        fault = {"source": "github", "kind": "forbidden", "message": words, "match": "GET *protection*", "times": None}
        running.plan.replace([fault])
        with pytest.raises(NotLicensed, match="plan"):
            read(running, "branch_rules")


def test_bypass_lists_that_may_not_be_read_are_unknown(tmp_path: Path) -> None:
    bypass = [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]
    with github(lambda story: ruleset(story, [(START, state("reviews", REVIEWED, bypass=bypass))])) as running:
        permissions = {"metadata": "read", "contents": "read", "administration": "read", "members": "read"}
        (row,), _ = read(running, "branch_rules", environ=running.app_environ(tmp_path, permissions))
    assert row["pull_request_required"]
    assert not row["bypass_known"]
    assert row["bypass_actors"] == []


# --- changes of rules


def rule_story(story: Story) -> None:
    weaker = json.loads(json.dumps(REVIEWED))
    weaker["parameters"]["required_approving_review_count"] = 0
    ruleset(
        story,
        [
            (START - 30 * DAY, state("reviews", REVIEWED)),
            (START + DAY, state("reviews", weaker)),
            (START + 2 * DAY, state("reviews", REVIEWED)),
        ],
    )
    ruleset(story, [(START + 5 * DAY, state("wide", CHECKED))], of=story.organisation)


def test_the_history_of_rulesets_where_there_is_no_audit_log() -> None:
    with github(rule_story) as running:
        rows, claim = read(running, "rule_changes", START, END)
    assert sorted((row["event_time"], row["action"], row["ruleset_name"]) for row in rows) == [
        (START + DAY, "repository_ruleset.update", "reviews"),
        (START + 2 * DAY, "repository_ruleset.update", "reviews"),
        (START + 5 * DAY, "repository_ruleset.create", "wide"),
    ]
    assert {row["actor"]["login"] for row in rows} == {"alice"}
    assert {row["found_in"] for row in rows} == {"ruleset_history"}
    weaker = next(row for row in rows if row["event_time"] == START + DAY)
    parameters = json.loads(weaker["detail"])["state"]["rules"][0]["parameters"]
    assert parameters["required_approving_review_count"] == 0
    assert claim.proof_of_life
    assert "deleted rulesets" in (claim.reconciliation or "")


def test_classic_protection_has_no_history_outside_the_audit_log() -> None:
    guarded = github(lambda story: protection(story, enforce_admins=True))
    with guarded as running, pytest.raises(NotLicensed, match="daily snapshots"):
        read(running, "rule_changes", START, END)


def audit(story: Story, number: int, at: datetime, action: str, **fields: Any) -> None:
    story.organisation.audit.append(AuditEntry(f"entry-{number:04}", epoch(at), action, story.member("alice"), fields))


def audited(story: Story) -> None:
    for number in range(130):
        audit(
            story,
            number,
            START + timedelta(hours=number),
            "repository_ruleset.update",
            repo="acme/api",
            ruleset_id=7,
            ruleset_name="r",
        )
    audit(story, 200, START + DAY, "protected_branch.destroy", repo="acme/api", name="main")
    audit(story, 201, START + DAY, "protected_branch.destroy", repo="acme/other", name="main")
    audit(story, 202, START + DAY, "repository_ruleset.create", ruleset_name="wide")
    audit(story, 203, START - DAY, "repository_ruleset.update", repo="acme/api")
    audit(story, 204, END, "repository_ruleset.update", repo="acme/api")
    audit(story, 205, START + DAY, "repo.create", repo="acme/api")


def test_the_audit_log_of_enterprise_cloud() -> None:
    with github(audited, plan="enterprise") as running:
        rows, claim = read(running, "rule_changes", START, END, plan="enterprise_cloud")
    assert len(rows) == 130 + 1 + 1
    assert {row["found_in"] for row in rows} == {"audit_log"}
    assert {row["action"] for row in rows} == {
        "repository_ruleset.update",
        "protected_branch.destroy",
        "repository_ruleset.create",
    }
    assert all(START <= row["event_time"] < END for row in rows)
    assert claim.proof_of_life
    assert not claim.truncated


def test_an_audit_log_that_the_plan_does_not_have_is_an_error() -> None:
    with github(audited, plan="team") as running, pytest.raises(PermissionDenied, match="audit-log"):
        read(running, "rule_changes", START, END, plan="enterprise_cloud")


def test_faults_of_the_audit_log_cost_no_row() -> None:
    with github(audited, plan="enterprise") as running:
        whole = {row["change_id"] for row in read(running, "rule_changes", START, END, plan="enterprise_cloud")[0]}
        for kind in ("server_error", "truncated_page", "empty_page", "connection_reset", "truncated_body"):
            for after in range(3):
                fault = {"source": "github", "kind": kind, "match": "GET *audit-log*", "after": after, "items": 3}
                running.plan.replace([fault])
                rows, _ = read(running, "rule_changes", START, END, plan="enterprise_cloud")
                assert {row["change_id"] for row in rows} == whole, (kind, after)


def test_a_changed_ruleset_of_the_organisation_needs_the_right_to_write_it(tmp_path: Path) -> None:
    with github(rule_story) as running:
        environ = running.app_environ(tmp_path, least_app_permissions(["github.rule_changes"]))
        with pytest.raises(PermissionDenied, match="organization_administration: write"):
            read(running, "rule_changes", START, END, environ=environ)


# --- bypasses


def suite(story: Story, at: datetime, result: str, *, branch: str = "main") -> None:
    number = story.world.numbers.allot("suite", f"{len(story.repository.rule_suites)}")
    evaluation = {
        "rule_source": {"type": "ruleset", "id": 7, "name": "reviews"}, "enforcement": "active",
        "result": "fail" if result == "bypass" else "pass", "rule_type": "pull_request", "details": None,
    }  # fmt: skip
    made = RuleSuite(
        number, story.repository, story.member("alice"), "a" * 40, f"{number:040x}", branch, epoch(at),
        result, [evaluation],  # type: ignore[arg-type]
    )  # fmt: skip
    story.repository.rule_suites.append(made)


def many_bypasses(story: Story) -> None:
    """More than a page of them, one a minute, beside as many pushes that passed."""
    for number in range(120):
        suite(story, WEEK_AGO + timedelta(minutes=number), "bypass")
        suite(story, WEEK_AGO + timedelta(minutes=number, seconds=30), "pass")
    suite(story, WEEK_AGO + DAY, "bypass", branch="feature")


def test_bypasses_with_who_and_which_rule() -> None:
    with github(many_bypasses) as running:
        rows, claim = read(running, "bypasses", WEEK_AGO, WEEK_AGO + timedelta(minutes=12))
    assert sorted(row["event_time"] for row in rows) == [WEEK_AGO + timedelta(minutes=number) for number in range(12)]
    assert {row["ref"] for row in rows} == {"refs/heads/main"}
    assert {row["actor"]["login"] for row in rows} == {"alice"}
    rule = {"rule_type": "pull_request", "enforcement": "active", "result": "fail", "ruleset_id": "7"}
    assert rows[0]["rules"] == [rule]
    assert not claim.truncated
    assert claim.proof_of_life


def test_no_bypass_is_proven_by_the_evaluations_beside_it() -> None:
    with github(lambda story: suite(story, WEEK_AGO + DAY, "pass")) as running:
        rows, claim = read(running, "bypasses", WEEK_AGO, NOW)
    assert rows == []
    assert claim.proof_of_life


def test_no_bypass_without_any_evaluation_proves_nothing() -> None:
    with github(lambda story: None) as running:
        _, claim = read(running, "bypasses", WEEK_AGO, NOW)
    assert not claim.proof_of_life


def test_no_bypass_can_be_where_nothing_moved() -> None:
    with github(lambda story: None) as running:
        sink = MemorySink()
        request = running.request(running.organisation.repositories[0], "bypasses commits", WEEK_AGO, NOW)
        claims = EXTRACTORS["github.bypasses"](running.session(), request, sink)
    claim = next(one for one in claims if one.dataset == "github.bypasses")
    assert claim.proof == "no production branch moved, by the activity ledger"


def test_a_missing_right_to_bypasses_takes_nothing_from_the_changes(tmp_path: Path) -> None:
    """Asked for together: changes are claimed, bypasses are not, and the right is named."""
    together = ("commits", "pull_requests", "checks")
    with github(lambda story: story.merge(WEEK_AGO + DAY)) as running:
        rights = least_app_permissions(f"github.{name}" for name in together)
        session = running.session(environ=running.app_environ(tmp_path, rights))
        request = running.request(
            running.organisation.repositories[0], " ".join((*together, "bypasses", "deployments")), WEEK_AGO, NOW
        )
        sink = MemorySink()
        claims = {
            one.dataset.removeprefix("github."): one for one in EXTRACTORS["github.commits"](session, request, sink)
        }
        alone = running.request(running.organisation.repositories[0], "bypasses", WEEK_AGO, NOW)
        with pytest.raises(PermissionDenied, match="administration: write"):
            EXTRACTORS["github.bypasses"](session, alone, MemorySink())
    assert len(sink.of("github.commits")) == len(sink.of("github.pull_requests")) == 1
    assert {name for name, claim in claims.items() if claim.truncated} == {"bypasses", "deployments"}
    assert "administration: write" in (claims["bypasses"].reconciliation or "")
    assert "deployments: read" in (claims["deployments"].reconciliation or "")
    assert claims["bypasses"].complete_until is None


def test_more_than_the_endpoint_remembers_is_not_claimed() -> None:
    with github(lambda story: suite(story, WEEK_AGO, "bypass")) as running:
        rows, claim = read(running, "bypasses", NOW - 29 * DAY, NOW)
    assert len(rows) == 1
    assert claim.complete_from == NOW - 28 * DAY
    assert "28 days" in (claim.reconciliation or "")


def test_the_audit_log_adds_overrides_of_classic_protection() -> None:
    def tell(story: Story) -> None:
        suite(story, WEEK_AGO + DAY, "pass")
        audit(story, 1, WEEK_AGO + DAY, "protected_branch.policy_override", repo="acme/api", branch="refs/heads/main")
        audit(
            story, 2, WEEK_AGO + DAY, "protected_branch.policy_override", repo="acme/api", branch="refs/heads/feature"
        )
        audit(story, 3, WEEK_AGO - DAY, "protected_branch.policy_override", repo="acme/api", branch="refs/heads/main")

    with github(tell, plan="enterprise") as running:
        rows, _ = read(running, "bypasses", WEEK_AGO, NOW, plan="enterprise_cloud")
    assert [(row["suite_id"], row["found_in"]) for row in rows] == [("audit:entry-0001", "audit_log")]


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page", "empty_page", "shifting_list"])
def test_a_spoiled_page_of_bypasses_is_noticed(kind: str) -> None:
    with github(many_bypasses) as running:
        for after in range(4):
            match = {"operation": "GET *rule-suites"}
            fault = {"source": "github", "kind": kind, "match": match, "after": after, "items": 3}
            running.plan.replace([fault])
            try:
                rows, _ = read(running, "bypasses", WEEK_AGO + timedelta(minutes=15), WEEK_AGO + timedelta(minutes=25))
            except CollectionError:
                continue
            assert len(rows) == 10, (kind, after)


def test_the_least_permissions_of_an_app_suffice(tmp_path: Path) -> None:
    """An App with just what `permissions` lists reads every dataset of a repository."""
    names = (
        "commits",
        "pull_requests",
        "checks",
        "deployments",
        "bypasses",
        "branch_tips",
        "branch_rules",
        "rule_changes",
    )

    def tell(story: Story) -> None:
        story.merge(WEEK_AGO + DAY)
        rule_story(story)
        suite(story, WEEK_AGO + DAY, "pass")

    with github(tell) as running:
        permissions = least_app_permissions(f"github.{name}" for name in names)
        environ = running.app_environ(tmp_path, permissions)
        session = running.session(environ=environ)
        for name in names:
            request = running.request(running.organisation.repositories[0], name, WEEK_AGO, NOW)
            assert EXTRACTORS[f"github.{name}"](session, request, MemorySink())
        assert "administration: write" in session.principal_rights
