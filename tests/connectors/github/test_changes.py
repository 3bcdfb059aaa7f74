"""What enters a branch in unusual ways, and how each way shows in the rows and the claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.github.changes import changes
from connectors.github.graph import Brought
from sandbox.github.model import Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from schemas.errors import ConfigurationError, IncompletePopulation, SourceGone
from schemas.extraction import ItemClaim
from schemas.github import CHECKS, COMMITS, DEPLOYMENTS, PULL_REQUESTS
from schemas.scope import ScopeItem
from tests.fakes.local_github import END, NOW, START, LocalGithub, Story, busy, local_github
from tests.fakes.memory_sink import MemorySink

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
POPULATION = "commits pull_requests checks"


class Read:
    """Rows and claims of one pass."""

    def __init__(self, sink: MemorySink, claims: list[ItemClaim]) -> None:
        self.sink = sink
        self.claims = {claim.dataset: claim for claim in claims}
        self.commits: list[dict[str, Any]] = sorted(sink.of(COMMITS.name), key=lambda row: row["event_time"])
        self.pulls: list[dict[str, Any]] = sink.of(PULL_REQUESTS.name)

    @property
    def entries(self) -> list[tuple[str, datetime, int | None]]:
        """Commit rows (not those of movements) as `Story.within` writes them."""
        found = [
            (row["sha"], row["event_time"], row["pr_number"])
            for row in self.commits
            if row["item_id"].startswith("github:commit:")
        ]
        return sorted(found, key=lambda entry: (entry[1], entry[0]))

    def pull(self, number: int) -> dict[str, Any]:
        return next(row for row in self.pulls if row["number"] == number)


def read(
    running: LocalGithub, datasets: str = POPULATION, start: datetime = START, end: datetime = END, **scope: Any
) -> Read:
    sink = MemorySink()
    session = running.session(**scope)
    repository = running.organisation.repositories[0]
    return Read(sink, changes(session, running.request(repository, datasets, start, end), sink))


def story_of(tell: Callable[[Story], None], *, now: datetime = NOW, **options: Any) -> tuple[Any, Story]:
    """A running GitHub with one repository whose history `tell` writes."""
    stories: list[Story] = []

    def build(world: World, organisation: Organisation) -> None:
        stories.append(Story(world, organisation, **options))
        tell(stories[0])

    running = local_github(build, now)
    return running, stories


def test_merges_pushes_and_backdated_commits() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        story.merge(START + HOUR)
        story.push(START + 2 * HOUR, commits=3)
        story.push(START + DAY, dated=START - 40 * DAY)
        story.push(START + 2 * DAY, dated=END + 40 * DAY)
        story.merge(END - HOUR, method="MERGE", commits=4)
        story.merge(END + HOUR)

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert sorted(row["number"] for row in found.pulls) == [1, 2]
    assert [found.pull(number)["merge_method"] for number in (1, 2)] == ["squash", "merge"]
    assert found.claims[COMMITS.name].independent_count == len(found.commits) == 7
    assert not found.claims[COMMITS.name].truncated


def test_the_very_edges_of_the_interval_are_half_open() -> None:
    second = timedelta(seconds=1)

    def tell(story: Story) -> None:
        story.push(START - second)
        story.push(START)
        story.push(END - second)
        story.push(END)

    opened, _stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert [at for _, at, _ in found.entries] == [START, END - second]


def test_a_rebase_merge_brings_several_commits_of_one_pull_request() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        story.merge(START + HOUR, method="REBASE", commits=5)

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert [number for _, _, number in found.entries] == [1] * 5
    assert found.entries == stories[0].within(START, END)
    assert len({row["pr_merge_sha"] for row in found.commits}) == 1
    assert found.pull(1)["merge_method"] == "rebase"


def test_a_merge_queue_brings_several_pull_requests_in_one_movement() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        at = START + HOUR
        pulls = [story.pull(at) for _ in range(3)]
        parent = story.tip
        landed: list[Any] = []
        for pull in pulls:
            commit = story.commit((parent,), at)
            parent = commit.oid
            pull.merged_at, pull.merged_by, pull.merge_commit = epoch(at), story.member("bob"), commit
            commit.introduced_by = pull
            landed.append(commit)
            story.entered.append((commit.oid, at, pull.number))
        ci = story.world.app("ci")
        began = epoch(at) - 60
        for commit in landed:
            commit.received_at = began
            story.builder.checks(commit, ci, None, began, [("queue-check", began, began + 30, "SUCCESS")])
        story.builder.move("main", "merge_queue_merge", parent, epoch(at), story.member("bob"), pull=pulls[-1])

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert {row["activity"] for row in found.commits} == {"merge_queue_merge"}
    for row in found.pulls:
        assert row["merge_method"] == "queue"
        assert row["queue_sha"] == row["merge_sha"]
    checks = found.sink.of(CHECKS.name)
    assert {(row["pr_number"], row["sha"]) for row in checks} == {
        (row["number"], row["queue_sha"]) for row in found.pulls
    }


def test_a_push_of_a_pull_requests_own_commits_is_owned_by_it() -> None:
    """Somebody fast-forwards the branch to a pull request's head from the command line: GitHub marks it as merged."""

    def tell(story: Story) -> None:
        story.push(START - DAY)
        at = START + HOUR
        pull = story.pull(at, commits=3)
        heads = [part.commit for part in pull.commits]
        pull.merged_at, pull.merged_by, pull.merge_commit = epoch(at), story.member("alice"), heads[-1]
        for commit in heads:
            commit.introduced_by = pull
        story.builder.move("main", "push", heads[-1].oid, epoch(at), story.member("alice"))
        story.entered += [(commit.oid, at, 1) for commit in heads]
        story.push(at + HOUR)

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert {row["activity"] for row in found.commits} == {"push"}


def test_a_pushed_commit_that_only_rides_along_is_direct() -> None:
    """GitHub associates the pull request with the commit below the merge commit, but it is none of its commits."""

    def tell(story: Story) -> None:
        story.push(START - DAY)
        at = START + HOUR
        pull = story.pull(at)
        stray = story.commit(None, at)
        merge = story.commit((stray.oid, pull.commits[-1].commit.oid), at)
        pull.merged_at, pull.merged_by, pull.merge_commit = epoch(at), story.member("alice"), merge
        merge.introduced_by = stray.introduced_by = pull
        story.builder.move("main", "push", merge.oid, epoch(at), story.member("alice"))
        story.entered += [(stray.oid, at, None), (merge.oid, at, 1)]

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)


def test_a_pull_request_into_another_branch_owns_nothing_here() -> None:
    """Stacked: the inner one was merged into the outer one's branch; only the outer one entered main."""

    def tell(story: Story) -> None:
        story.push(START - DAY)
        at = START + HOUR
        outer = story.pull(at, commits=2)
        inner = story.pull(at - timedelta(minutes=20), base="change-1", opened=at - timedelta(minutes=50))
        inner.merged_at, inner.merged_by = epoch(at) - 900, story.member("bob")
        inner.merge_commit = outer.commits[-1].commit
        story.merge_pull(outer, at)

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert [row["number"] for row in found.pulls] == [1]


def test_a_force_push_shows_itself_what_it_brought_and_what_it_took() -> None:
    marks: dict[str, Any] = {}

    def tell(story: Story) -> None:
        story.push(START - DAY)
        marks["base"] = story.merge(START + HOUR).merge_commit
        marks["lost"] = story.merge(START + 2 * HOUR).merge_commit
        marks["before"] = story.tip
        marks["new"] = story.force_push(START + DAY, marks["base"].oid, commits=2)
        marks["after"] = story.tip
        story.merge(START + 2 * DAY)

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running)
    movement = [row for row in found.commits if row["item_id"].startswith("github:push:")]
    assert [(row["before_sha"], row["after_sha"], row["activity"]) for row in movement] == [
        (marks["before"], marks["after"], "force_push")
    ]
    assert movement[0]["rewritten"]
    by_sha = {row["sha"]: row for row in found.commits if row["item_id"].startswith("github:commit:")}
    assert len(by_sha) == 5
    assert all(by_sha[oid]["rewritten"] and by_sha[oid]["pr_id"] is None for oid in marks["new"])
    assert by_sha[marks["lost"].oid]["pr_number"] == 2
    assert not by_sha[marks["lost"].oid]["rewritten"]
    assert "rewritten" in (found.claims[COMMITS.name].reconciliation or "")


def test_commits_swept_away_after_a_force_push_stay_as_the_ledger_names_them() -> None:
    marks: dict[str, Any] = {}

    def tell(story: Story) -> None:
        story.push(START - DAY)
        base = story.tip
        marks["lost"] = story.push(START + HOUR)[0]
        story.force_push(START + DAY, base, commits=1)
        # GitHub has swept the commit away: nobody can read it any more.
        story.repository.commits[marks["lost"]].received_at = epoch(NOW + DAY)

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running)
    row = next(row for row in found.commits if row["sha"] == marks["lost"])
    assert row["event_time"] == START + HOUR
    assert row["authors"] == []
    assert row["actor"]["login"] == "alice"
    assert "no longer readable" in (found.claims[COMMITS.name].reconciliation or "")


def test_a_commit_that_is_missing_without_a_rewrite_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def swept(move: Any, *_: Any, **__: Any) -> Any:
        if move.kind == "branch":
            yield None
        return Brought([], vanished=move.after)

    opened, _ = story_of(lambda story: story.push(START + DAY) and None)
    monkeypatch.setattr("connectors.github.population.brought", swept)
    with opened as running, pytest.raises(IncompletePopulation, match="does not have it"):
        read(running)


def test_an_old_tip_brought_in_as_second_parent_is_no_rewrite() -> None:
    """A "foxtrot" merge: the feature line becomes the first-parent line, main's tip its second parent."""

    def tell(story: Story) -> None:
        story.push(START - DAY)
        base = story.tip
        story.push(START + HOUR)
        at = START + DAY
        side = story.commit((base,), at, "carol")
        merge = story.commit((side.oid, story.tip), at, "carol")
        story.builder.move("main", "push", merge.oid, epoch(at), story.member("carol"))
        story.entered += [(side.oid, at, None), (merge.oid, at, None)]

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert not any(row["rewritten"] for row in found.commits)


def test_a_new_repository_begins_with_the_first_commits_of_its_branch() -> None:
    opened, stories = story_of(lambda story: story.merge(START + 3 * DAY) and None, born=START + DAY)
    with opened as running:
        found = read(running)
    assert found.entries == stories[0].within(START, END)
    assert [row["first_of_branch"] for row in found.commits] == [True, False]
    assert not found.claims[COMMITS.name].truncated


def test_a_production_branch_made_from_another_one_shows_what_is_its_own() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        own = story.commit(None, START + DAY)
        story.builder.move("release", "branch_creation", own.oid, epoch(START + DAY), story.member("alice"))
        story.merge(START + 2 * DAY)
        story.builder.move("stable", "branch_creation", story.tip, epoch(START + 3 * DAY), story.member("alice"))

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running, production_branches=["main", "release", "stable"])
    rows = {(row["branch"], row["item_id"].split(":")[1]): row for row in found.commits}
    assert set(rows) == {("main", "commit"), ("release", "commit"), ("stable", "push")}
    assert rows["release", "commit"]["first_of_branch"]
    assert rows["stable", "push"]["first_of_branch"]
    assert not rows["stable", "push"]["rewritten"]


def test_a_branch_deleted_and_made_again_leaves_rows() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        old = story.tip
        story.delete_branch(START + DAY)
        story.builder.move("main", "branch_creation", old, epoch(START + 2 * DAY), story.member("alice"))
        story.merge(START + 3 * DAY)

    opened, _stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert next((row["activity"], row["rewritten"]) for row in found.commits[:2]) == ("branch_deletion", True)
    assert found.commits[-1]["pr_number"] == 1


def test_one_push_moves_two_production_branches_at_once() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        story.builder.move("release", "branch_creation", story.tip, epoch(START - HOUR), story.member("alice"))
        oid = story.push(START + HOUR)[0]
        story.builder.move("release", "push", oid, epoch(START + HOUR), story.member("alice"))

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running, production_branches=["main", "release"])
    assert [(row["branch"], row["event_time"]) for row in sorted(found.commits, key=lambda row: row["branch"])] == [
        ("main", START + HOUR),
        ("release", START + HOUR),
    ]


def test_a_quiet_interval_is_proven_by_the_tip_and_the_ledger() -> None:
    opened, stories = story_of(lambda story: story.push(START - DAY) and None)
    with opened as running:
        found = read(running)
    assert found.commits == []
    for name in (COMMITS.name, PULL_REQUESTS.name, CHECKS.name):
        claim = found.claims[name]
        assert claim.proof_of_life, name
        assert not claim.truncated
    assert stories[0].tip in (found.claims[COMMITS.name].proof or "")


def test_an_interval_before_the_branch_is_quiet_too() -> None:
    opened, _ = story_of(lambda story: None, born=END + HOUR)
    with opened as running:
        found = read(running)
    assert found.commits == []
    assert found.claims[COMMITS.name].proof == "main was created after the interval"


def test_only_pushes_prove_that_nothing_was_merged() -> None:
    opened, _ = story_of(lambda story: story.push(START + DAY) and None)
    with opened as running:
        found = read(running)
    assert not found.claims[COMMITS.name].proof_of_life
    assert found.claims[PULL_REQUESTS.name].proof_of_life


def test_a_repository_without_the_production_branch_is_refused() -> None:
    opened, _ = story_of(lambda story: story.push(START + DAY) and None, branch="trunk")
    with opened as running, pytest.raises(IncompletePopulation, match="production_branches"):
        read(running)


def test_an_item_that_no_inventory_has_found_is_refused() -> None:
    opened, _ = story_of(lambda story: None)
    with opened as running:
        request = running.request(running.organisation.repositories[0], POPULATION)
        item = ScopeItem("github:unresolved:acme/api", "acme/api", "github", resolved=False)
        with pytest.raises(ConfigurationError, match="inventory"):
            changes(running.session(), type(request)(request.datasets, item, START, END), MemorySink())


def test_a_repository_out_of_sight_is_an_error_and_no_empty_population() -> None:
    opened, _ = story_of(lambda story: story.push(START + DAY) and None)
    with opened as running:
        running.plan.replace(
            [{"source": "github", "kind": "fewer_repositories", "repositories": ["acme/*"], "times": None}]
        )
        with pytest.raises(SourceGone, match="no longer"):
            read(running)


def test_a_renamed_repository_is_followed_by_its_id() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        story.merge(START + HOUR)
        story.repository.name.change(epoch(START + DAY), "renamed")

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running)
    assert {row["repo_name"] for row in found.commits} == {"acme/renamed"}
    assert found.entries == stories[0].within(START, END)


def test_the_index_lags_behind_a_fresh_merge() -> None:
    """GitHub does not associate the pull request with its commit yet: the prefix is whole, nothing is called direct."""
    fresh = NOW - timedelta(minutes=5)

    def tell(story: Story) -> None:
        story.push(START - DAY)
        story.merge(NOW - 3 * HOUR)
        pull = story.merge(fresh)
        story.repository.commits[story.tip].introduced_by = None
        pull.merge_commit = None

    opened, stories = story_of(tell)
    with opened as running:
        found = read(running, start=START, end=NOW)
        assert found.entries == stories[0].within(START, NOW)[:-1]
        claim = found.claims[COMMITS.name]
        assert claim.truncated
        assert claim.complete_until == fresh


def test_a_merge_that_nobody_owns_long_after_is_an_error() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        pull = story.merge(START + DAY)
        story.repository.commits[story.tip].introduced_by = None
        pull.merge_commit = None

    opened, _ = story_of(tell)
    with opened as running, pytest.raises(IncompletePopulation, match="names none that owns it"):
        read(running)


def test_a_dismissed_approval_keeps_when_and_what_it_was() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        pull = story.merge(START + DAY)
        story.builder.dismiss(pull.reviews[0], epoch(START + 2 * DAY), story.member("carol"), "second thoughts")

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running)
    review = found.pull(1)["reviews"][0]
    assert (review["state"], review["dismissed_at"]) == ("DISMISSED", START + 2 * DAY)
    event = next(one for one in found.pull(1)["timeline"] if one["kind"] == "review_dismissed")
    assert json.loads(event["detail"])["previous_state"] == "APPROVED"
    assert json.loads(event["detail"])["review_id"] == review["review_id"]


def test_a_status_set_after_the_merge_does_not_hide_the_earlier_one() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        pull = story.merge(START + DAY)
        head = pull.commits[-1].commit
        ci = story.member("ci")
        story.builder.status(head, "tests", "SUCCESS", epoch(START + DAY) - 60, ci)
        story.builder.status(head, "tests", "FAILURE", epoch(START + DAY) + 60, ci)

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running)
    statuses = sorted((row["completed_at"], row["conclusion"]) for row in found.sink.of(CHECKS.name))
    minute = timedelta(minutes=1)
    assert statuses == [(START + DAY - minute, "success"), (START + DAY + minute, "failure")]


def test_earlier_runs_of_a_check_are_kept() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        pull = story.merge(START + DAY)
        began = epoch(START + DAY) - 3600
        runs: list[Any] = [("tests", began, began + 60, "FAILURE"), ("tests", began + 120, began + 180, "SUCCESS")]
        story.builder.checks(pull.commits[-1].commit, story.world.app("ci"), None, began, runs)

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running)
    assert sorted(row["conclusion"] for row in found.sink.of(CHECKS.name)) == ["failure", "success"]
    assert {row["app_slug"] for row in found.sink.of(CHECKS.name)} == {"ci"}


def test_nested_lists_are_read_to_their_end() -> None:
    """More of everything than one page holds: reviews, commits, labels, issues, timeline, suites, runs, statuses."""

    def tell(story: Story) -> None:
        story.push(START - DAY)
        at = START + DAY
        pull = story.pull(at, commits=130, reviewer=None)
        head = pull.commits[-1].commit
        moment = epoch(at) - 3000
        for number in range(120):
            review = story.builder.review(pull, story.member(f"reviewer-{number}"), "COMMENTED", moment + number)
            if number < 60:
                story.builder.dismiss(review, moment + 200 + number, story.member("carol"), "no")
        for number in range(25):
            story.builder.add_label(pull, f"label-{number:02}", moment, story.member("alice"))
            pull.closing_issues.append(
                story.builder.issue(
                    1000 + number,
                    "Issue",
                    story.member("alice"),
                    epoch(START),
                )
            )
        ci = story.world.app("ci")
        for suite in range(12):
            runs: list[Any] = [(f"run-{suite}-{number}", moment, moment + 1, "SUCCESS") for number in range(60)]
            story.builder.checks(head, ci, None, moment, runs)
        story.merge_pull(pull, at)
        for number in range(35):
            states = [(epoch(at) + one, "IN_PROGRESS") for one in range(15)]
            story.builder.deploy(
                story.tip, "production", epoch(at) + number, story.member("alice"), states, key=str(number)
            )
        story.builder.checks(
            story.repository.commits[story.tip],
            ci,
            None,
            epoch(at),
            [(f"smoke-{n}", epoch(at), epoch(at) + 9, "SUCCESS") for n in range(45)],
        )

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running, f"{POPULATION} deployments")
    pull = found.pull(1)
    assert len(pull["reviews"]) == 120
    assert sum(1 for review in pull["reviews"] if review["dismissed_at"]) == 60
    assert len(pull["commits"]) == 130
    assert len(pull["labels"]) == len(pull["closing_issues"]) == 25
    assert len(found.sink.of(CHECKS.name)) == 12 * 60
    deployments = found.sink.of(DEPLOYMENTS.name)
    assert len(deployments) == 35
    assert {len(row["statuses"]) for row in deployments} == {15}
    assert {len(row["checks"]) for row in deployments} == {45}


def test_deployments_carry_their_latest_state_and_whether_they_are_productions() -> None:
    def tell(story: Story) -> None:
        story.push(START - DAY)
        for environment, states in (("Production", ["IN_PROGRESS", "SUCCESS"]), ("staging", ["FAILURE"])):
            at = epoch(START + DAY)
            moments = [(at + number, state) for number, state in enumerate(states)]
            story.builder.deploy(story.tip, environment, at, story.member("alice"), moments, key=environment)
        story.builder.deploy(story.tip, "production", epoch(START - DAY), story.member("alice"), [], key="before")

    opened, _ = story_of(tell)
    with opened as running:
        found = read(running, "deployments")
    rows = {row["environment"]: row for row in found.sink.of(DEPLOYMENTS.name)}
    assert {name: (row["production"], row["latest_state"]) for name, row in rows.items()} == {
        "Production": (True, "success"),
        "staging": (False, "failure"),
    }
    assert found.claims[DEPLOYMENTS.name].proof_of_life


def test_one_pass_serves_all_five_datasets_with_few_requests() -> None:
    stories: list[Story] = []
    with local_github(lambda world, org: stories.append(busy(world, org, pulls=240, step=2 * HOUR))) as running:
        found = read(running, f"{POPULATION} deployments bypasses")
        requests = len(found.sink.answers)
    assert found.entries == stories[0].within(START, END)
    assert len(found.pulls) == len(found.sink.of(DEPLOYMENTS.name)) == 240
    assert len(found.sink.of(CHECKS.name)) == 240 * 5
    assert requests <= 20


def test_every_answer_is_kept_and_no_credential() -> None:
    opened, _ = story_of(lambda story: story.merge(START + DAY) and None)
    with opened as running:
        found = read(running)
    asked = {(one.method, one.url.partition("?")[0].rpartition("/")[2]) for one in found.sink.answers}
    assert asked == {("POST", "graphql"), ("GET", "activity")}
    for one in found.sink.answers:
        assert one.status == 200
        assert "ghp_" not in json.dumps([one.url, one.headers, one.parameters], default=str)
        if one.method == "POST":
            assert one.parameters["query"].startswith("query ")
