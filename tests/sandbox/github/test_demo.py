"""The demo company: its routine is clean, and its violations are those of the truth file and no others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sandbox.company import DEMO, Planted, load_company, load_truth
from sandbox.github.graph import first_parents
from sandbox.github.model import Commit, PullRequest, Repository
from sandbox.github.script import load_script
from sandbox.github.script_events import Change
from sandbox.github.times import ALWAYS, NEVER, epoch
from sandbox.github.truth import locate
from tests.fakes.github_sandbox import Asked, demo

REQUIRED = {"build", "test", "lint"}
START, END = 1_775_001_600, 1_790_812_800  # 2026-04-01 and 2026-10-01


@pytest.fixture(scope="module")
def github() -> Asked:
    return demo()


@pytest.fixture(scope="module")
def product(github: Asked) -> list[Repository]:
    return [one for one in github.organisation.repositories if "production" in one.topics.at(NEVER)]


@pytest.fixture(scope="module")
def truth() -> list[Planted]:
    return load_truth(DEMO).github


def broken(github: Asked, truth: list[Planted], control: str) -> dict[str, set[str]]:
    """Codes by id, for one control."""
    found: dict[str, set[str]] = {}
    for planted in truth:
        if planted.control == control:
            for one in locate(github.organisation, planted).ids:
                found.setdefault(one, set()).add(planted.code)
    return found


def faults_of(pull: PullRequest) -> set[str]:
    """What is wrong with a merge, by the letter of CC8-CHG-01 and written without looking at the product's own test."""
    codes: set[str] = set()
    at = pull.merged_at
    writers = {pull.author.login}
    for part in pull.commits_at(at):
        signatures = (part.commit.author, *part.commit.co_authors)
        writers |= {one.account.login for one in signatures if one.account is not None}
    head = pull.head(at)
    approvals = [
        one
        for one in pull.reviews
        if one.verdict == "APPROVED"
        and one.submitted_at < at < one.dismissed_at
        and one.author.kind == "User"
        and one.author.login not in writers
    ]
    if not approvals:
        codes.add("NO_APPROVAL")
    elif all(one.commit is not head for one in approvals):
        codes.add("STALE_APPROVAL")
    latest = {one.author.login: one for one in pull.reviews if one.verdict != "COMMENTED" and one.submitted_at < at}
    if any(one.verdict == "CHANGES_REQUESTED" for one in latest.values()):
        codes.add("CHANGES_OPEN")
    green = {
        run.name
        for suite in head.suites
        for run in suite.runs
        if run.conclusion == "SUCCESS" and run.completed_at is not None and run.completed_at < at
    }
    if not green >= REQUIRED:
        codes.add("CHECK_NOT_GREEN")
    exempt = any(label.name == "dependencies" for _, label in pull.labels)
    if not exempt and "-" not in pull.title.split(" ")[0]:
        codes.add("NO_TICKET")
    suites = [one for one in pull.repository.rule_suites if pull.merge_commit and one.after == pull.merge_commit.oid]
    if any(one.result == "bypass" for one in suites):
        codes.add("BYPASS")
    return codes


def test_every_change_is_clean_but_for_the_planted_ones(
    github: Asked, product: list[Repository], truth: list[Planted]
) -> None:
    planted = broken(github, truth, "CC8-CHG-01")
    seen: dict[str, set[str]] = {}
    for repository in product:
        for pull in repository.pulls:
            if pull.merged_at == NEVER:
                continue
            codes = faults_of(pull)
            for commit in repository.commits.values():
                if commit.introduced_by is pull and codes:
                    seen[commit.oid] = codes
        for update in repository.updates:
            if update.branch == "main" and update.kind in {"push", "force_push"}:
                seen[update.after] = {"DIRECT_PUSH"} | ({"FORCE_PUSHED"} if update.kind == "force_push" else set())
    assert seen == planted


def test_each_planted_violation_stands_alone(github: Asked, truth: list[Planted]) -> None:
    """One code for each item, apart from a rewrite, which is a direct push by nature."""
    codes = broken(github, truth, "CC8-CHG-01")
    assert Counter(len(one) for one in codes.values()) == {1: len(codes) - 1, 2: 1}


def test_every_deployment_is_of_a_clean_merge_and_checked_but_for_the_planted_ones(
    github: Asked, product: list[Repository], truth: list[Planted]
) -> None:
    planted = broken(github, truth, "CC8-CHG-04")
    unclean = set(broken(github, truth, "CC8-CHG-01"))
    seen: dict[str, set[str]] = {}
    for repository in product:
        for deployment in repository.deployments:
            if deployment.environment != "production":
                continue
            tip = repository.branches["main"].tip(deployment.created_at)
            line = {one.oid for one in first_parents(repository, tip or "")}
            commit: Commit | None = repository.commits.get(deployment.commit_oid)
            runs = [run for suite in commit.suites for run in suite.runs] if commit else []
            checked = any(run.name == "smoke-test" and run.conclusion == "SUCCESS" for run in runs)
            if deployment.commit_oid not in line:
                seen.setdefault(deployment.node_id, set()).add("UNKNOWN_SHA")
            elif not checked or "SUCCESS" not in {one.state for one in deployment.statuses}:
                seen.setdefault(deployment.node_id, set()).add("NOT_VERIFIED")
            assert deployment.creator.login == "tallybrook-deploy"
            assert deployment.commit_oid not in unclean
    assert seen == planted


def test_rules_are_whole_but_for_the_planted_days(github: Asked, product: list[Repository]) -> None:
    def strong(now: int, repository: Repository) -> bool:
        name = repository.full_name(now)
        github.clock.set(github.clock.now().fromtimestamp(now, tz=github.clock.now().tzinfo))
        classic = github.get(f"/repos/{name}/branches/main/protection")
        if classic.status == 200:
            return classic.json["enforce_admins"]["enabled"]
        types = {one["type"] for one in github.get(f"/repos/{name}/rules/branches/main").json}
        bypass = [
            actor
            for one in github.get(f"/repos/{name}/rulesets").json
            for actor in github.get(f"/repos/{name}/rulesets/{one['id']}").json["bypass_actors"]
        ]
        return {"pull_request", "required_status_checks", "non_fast_forward", "deletion"} <= types and not bypass

    weak: Counter[str] = Counter()
    for day in range(START + 12 * 3600, END, 86_400):
        for repository in product:
            if day >= repository.created_at + 86_400 and not strong(day, repository):
                weak[repository.name.at(ALWAYS)] += 1
    assert weak == {"ledger-core": 2, "payments-gateway": 18}
    github.clock.set(github.clock.now().replace(month=10, day=2))


def test_people_and_machines(github: Asked, truth: list[Planted]) -> None:
    organisation = github.organisation
    without = {
        member.account.login
        for member in organisation.members
        if organisation.without_two_factor.get(member.account.id)
    }
    assert without == {one.item.partition(":")[2] for one in truth if one.code == "MFA_OFF"}
    approved = {"tlindqvist", "icarvalho", "tallybrook-evidence"}
    owners = {
        member.account.login
        for member in organisation.members
        if "admin" in {member.role.at(NEVER), *(role for _, role in member.role.changes()), member.role.at(ALWAYS)}
    }
    planted = {one.item for one in truth if one.code == "ADMIN_NOT_APPROVED"}
    assert {f"login:{login}" for login in owners - approved} | {"app:lint-genie"} == planted
    writing = {one.app.slug for one in organisation.installations if "write" in one.permissions.at(NEVER).values()}
    assert writing == {"tallybrook-deploy", "lint-genie"}


def test_keys_are_young_and_used_but_for_the_planted_one(github: Asked, truth: list[Planted]) -> None:
    old: set[str] = set()
    for day in range(START, END, 86_400):
        for repository in github.organisation.repositories:
            for key in repository.deploy_keys:
                if key.exists(day):
                    last = key.usage.last(day)
                    assert last is None or day - last < 90 * 86_400
                    if day - key.created_at > 90 * 86_400:
                        old.add(f"key:{key.title}")
        for token in github.organisation.tokens:
            assert not token.exists(day) or day - token.granted_at <= 90 * 86_400
    assert old == {one.item for one in truth if one.code == "KEY_OLD"}


def test_the_truth_names_things_that_are_there_at_that_time(github: Asked, truth: list[Planted]) -> None:
    for planted in truth:
        assert locate(github.organisation, planted).ids, planted
        assert START <= epoch(planted.at) < END or planted.code == "KEY_OLD"
    with pytest.raises(LookupError, match="change Nothing of the kind"):
        locate(github.organisation, truth[1].model_copy(update={"item": "change:Nothing of the kind"}))


def test_shape(github: Asked, product: list[Repository]) -> None:
    names = {one.name.at(ALWAYS) for one in github.organisation.repositories}
    assert names == {"ledger-core", "payments-gateway", "web-app", "notifications", "toolbox"}
    assert len(product) == 4
    in_period = {one.name.at(ALWAYS): sum(1 for pull in one.pulls if START <= pull.merged_at < END) for one in product}
    assert min(count for name, count in in_period.items() if name != "notifications") >= 60
    assert in_period["notifications"] >= 30
    methods = {pull.merge_method for one in product for pull in one.pulls}
    assert methods == {"SQUASH", "REBASE", "MERGE"}
    kinds = Counter(event.typename for one in product for pull in one.pulls for event in pull.events)
    assert (
        min(kinds[name] for name in ("HeadRefForcePushedEvent", "ReviewDismissedEvent", "AutoMergeEnabledEvent")) >= 5
    )
    assert sum(1 for one in product for pull in one.pulls if pull.closing_issues) >= 10
    assert len(load_company(DEMO).people) == 27


def test_expanding_twice_and_with_one_event_more_changes_nothing_else(tmp_path: Path) -> None:
    script = load_script(DEMO)
    assert script is not None
    again = {pull.node_id: pull.title for one in demo().organisation.repositories for pull in one.pulls}
    assert again == {pull.node_id: pull.title for one in demo().organisation.repositories for pull in one.pulls}
    for name in ("company.yaml", "github.yaml"):
        (tmp_path / name).write_bytes((DEMO / name).read_bytes())
    event = "  - {kind: direct_push, at: 2026-09-29T10:00:00Z, repository: toolbox, by: hvirtanen}\n"
    with (tmp_path / "github.yaml").open("a", encoding="utf-8") as stream:
        stream.write(event)
    from sandbox.github.stage import build_github
    from sandbox.github.world import World

    world = World()
    longer = build_github(world, tmp_path)
    assert longer is not None
    oids = {one.name.at(ALWAYS): set(one.commits) for one in longer.repositories}
    for repository in demo().organisation.repositories:
        extra = oids[repository.name.at(ALWAYS)] - set(repository.commits)
        assert len(extra) == (1 if repository.name.at(ALWAYS) == "toolbox" else 0)
    assert any(isinstance(event, Change) for event in script.events)
