"""Ledger, graph and the list of merged pull requests held against each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.github.changes import ChangePass, changes
from sandbox.github.model import Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim
from schemas.github import COMMITS, PULL_REQUESTS
from tests.fakes.local_github import END, START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def running(tell: Any) -> Any:
    def build(world: World, organisation: Organisation) -> None:
        story = Story(world, organisation)
        story.push(START - DAY)
        tell(story)

    return local_github(build)


def read(github: LocalGithub) -> tuple[MemorySink, dict[str, ItemClaim]]:
    sink = MemorySink()
    request = github.request(github.organisation.repositories[0], "commits pull_requests checks")
    claims = changes(github.session(), request, sink)
    return sink, {claim.dataset: claim for claim in claims}


def mark_merged(story: Story, pull: Any, at: Any, commit: Any) -> None:
    pull.merged_at, pull.merged_by, pull.merge_commit = epoch(at), story.member("bob"), commit


def test_a_merged_pull_request_whose_commit_never_entered_is_an_error() -> None:
    def tell(story: Story) -> None:
        story.merge(START + HOUR)
        pull = story.pull(START + DAY)
        mark_merged(story, pull, START + DAY, story.commit(None, START + DAY))

    with running(tell) as github, pytest.raises(IncompletePopulation, match="#2 as merged"):
        read(github)


def test_a_pull_request_that_came_in_below_another_commit_is_explained() -> None:
    """Merged by hand into a side line that was then merged and pushed: its merge commit is no first parent."""

    def tell(story: Story) -> None:
        at = START + DAY
        tip = story.tip
        pull = story.pull(at)
        inner = story.commit((tip, pull.commits[-1].commit.oid), at)
        outer = story.commit((tip, inner.oid), at)
        mark_merged(story, pull, at, inner)
        inner.introduced_by = pull
        story.builder.move("main", "push", outer.oid, epoch(at), story.member("alice"))

    with running(tell) as github:
        sink, claims = read(github)
    assert [row["pr_id"] for row in sink.of(COMMITS.name)] == [None]
    assert [row["number"] for row in sink.of(PULL_REQUESTS.name)] == [1]
    assert "not by first parents" in (claims[COMMITS.name].reconciliation or "")


def test_two_pull_requests_with_one_merge_commit() -> None:
    def tell(story: Story) -> None:
        at = START + DAY
        pull = story.merge(at)
        twin = story.pull(at)
        mark_merged(story, twin, at, pull.merge_commit)

    with running(tell) as github:
        sink, claims = read(github)
    assert [row["pr_number"] for row in sink.of(COMMITS.name)] == [1]
    assert sorted(row["number"] for row in sink.of(PULL_REQUESTS.name)) == [1, 2]
    assert "#2 came with the merge commit of another" in (claims[COMMITS.name].reconciliation or "")


@pytest.mark.parametrize("edge", [START, END], ids=["start", "end"])
def test_clocks_that_differ_by_a_second_at_the_edge(edge: Any) -> None:
    """The pull request was merged a second before the interval's edge and the branch moved a second after it."""
    second = timedelta(seconds=1)

    def tell(story: Story) -> None:
        pull = story.pull(edge)
        commit = story.commit(None, edge)
        mark_merged(story, pull, edge - second, commit)
        commit.introduced_by = pull
        story.builder.move("main", "pr_merge", commit.oid, epoch(edge + second), story.member("bob"), pull=pull)

    with running(tell) as github:
        sink, claims = read(github)
    inside = edge is START
    assert len(sink.of(COMMITS.name)) == (1 if inside else 0)
    assert len(sink.of(PULL_REQUESTS.name)) == (0 if inside else 1)
    claim = claims[PULL_REQUESTS.name]
    assert claim.drop_rules == ({"merged outside the interval": 1} if inside else {})
    assert not claim.truncated


def test_a_list_that_lacks_an_owner_is_read_again_and_then_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[int] = []

    def tell(story: Story) -> None:
        story.merge(START + HOUR)
        story.merge(START + DAY)

    def forgetful(times: int) -> Any:
        def reading(self: Any, branch: str) -> Any:
            yield from genuine(self, branch)
            readings.append(1)
            if len(readings) <= times:
                found = self.merged[branch]
                for pull_id in [one.id for one in found.values() if one.number == 2]:
                    del found[pull_id]

        return reading

    genuine = ChangePass._count
    with running(tell) as github:
        monkeypatch.setattr(ChangePass, "_count", forgetful(1))
        sink, _ = read(github)
        assert len(sink.of(PULL_REQUESTS.name)) == 2
        assert len(readings) == 2
        readings.clear()
        monkeypatch.setattr(ChangePass, "_count", forgetful(9))
        with pytest.raises(IncompletePopulation, match="lacks #2"):
            read(github)
