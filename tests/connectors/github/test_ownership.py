"""Which merged pull request owns a commit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.github import pulls
from connectors.github.activity import Move
from connectors.github.calls import Answer, Call, Graph
from connectors.github.changes import changes
from connectors.github.members import _member_row
from connectors.github.ownership import assign
from connectors.github.paging import Sizes
from connectors.github.repository import Repository
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import Request
from schemas.scope import ScopeItem
from tests.fakes.local_github import START, Story, local_github
from tests.fakes.memory_sink import MemorySink
from tests.fakes.scripted_github import SERVED_AT, ScriptedTransport, answer


def move(kind: str) -> Move:
    return Move(kind, "a", "b", START, {}, {})


def commit(oid: str, *owners: dict[str, Any]) -> dict[str, Any]:
    return {"oid": oid, "associatedPullRequests": {"nodes": list(owners)}}


def pull(number: int, merge: str | None, *, base: str = "main", merged: bool = True) -> dict[str, Any]:
    merged_at = "2026-04-02T00:00:00Z" if merged else None
    commit_of = None if merge is None else {"oid": merge}
    return {
        "id": f"PR_{number}",
        "number": number,
        "baseRefName": base,
        "mergedAt": merged_at,
        "mergeCommit": commit_of,
    }


def owners(kind: str, *commits: dict[str, Any]) -> list[tuple[int | None, list[int]]]:
    return [
        (None if one.owner is None else one.owner.number, [candidate.number for candidate in one.candidates])
        for one in assign(move(kind), list(commits), "main")
    ]


def test_the_merge_commit_decides_among_several() -> None:
    several = commit("c", pull(1, "x"), pull(2, "c"), pull(3, None))
    assert owners("pr_merge", several) == [(2, [])]


def test_a_pull_request_into_another_branch_owns_nothing_even_with_this_merge_commit() -> None:
    assert owners("pr_merge", commit("c", pull(1, "c", base="release"))) == [(None, [])]


def test_an_open_pull_request_owns_nothing() -> None:
    assert owners("push", commit("c", pull(1, None, merged=False))) == [(None, [])]


def test_commits_below_a_merge_commit_come_with_it() -> None:
    assert owners("pr_merge", commit("c", pull(1, "c")), commit("b"), commit("a")) == [(1, []), (1, []), (1, [])]


def test_each_of_several_pull_requests_in_a_queue_has_its_own() -> None:
    found = owners("merge_queue_merge", commit("d", pull(2, "d")), commit("c"), commit("b", pull(1, "b")), commit("a"))
    assert [number for number, _ in found] == [2, 2, 1, 1]


def test_commits_below_a_merge_commit_that_was_pushed_are_candidates_only() -> None:
    assert owners("push", commit("c", pull(1, "c")), commit("b", pull(1, "c")), commit("a")) == [
        (1, []),
        (None, [1]),
        (None, []),
    ]


def test_a_movement_that_the_ledger_lost_is_an_error() -> None:
    """The commits are on the branch, and no row says when and by whom: nothing is made up."""

    def build(world: Any, organisation: Any) -> None:
        story = Story(world, organisation)
        story.push(START - timedelta(days=1))
        for hour in range(1, 6):
            story.push(START + timedelta(hours=hour))
        lost = story.builder.branch("main").updates.pop(3)
        story.builder.branch("main").times.pop(3)
        story.repository.updates.remove(lost)

    with local_github(build) as running, pytest.raises(IncompletePopulation, match="has no row for the 1 commits"):
        changes(running.session(), running.request(running.organisation.repositories[0], "commits"), MemorySink())


@pytest.mark.parametrize("nodes", [[None], [{"id": "PR_2"}], [], [{"id": "PR_1"}, {"id": "PR_2"}]])
def test_details_of_another_pull_request_than_asked_are_refused(nodes: list[Any]) -> None:
    def reply(call: Call) -> Answer:
        assert isinstance(call, Graph)
        return answer({"details": nodes})

    repository = Repository("R_1", 1, "acme/api", "private", START, False, None, {}, SERVED_AT)
    stream = pulls.details(["PR_1"], repository, Sizes(), lambda _page: None, queued=False, several=lambda _one: False)
    with pytest.raises(IncompletePopulation):
        Driver(ScriptedTransport(reply), MemorySink()).ask(stream)


def test_a_second_factor_that_is_not_shown_is_a_missing_right() -> None:
    request = Request(frozenset({"github.members"}), ScopeItem("github:O_1", "acme", "github"))
    edge = {"role": "MEMBER", "hasTwoFactorEnabled": None, "node": {"id": "U_1", "login": "alice"}}
    with pytest.raises(PermissionDenied, match="second factor"):
        _member_row(request, edge, set(), True)
    with pytest.raises(IncompletePopulation, match="both"):
        _member_row(request, {**edge, "hasTwoFactorEnabled": True}, {"U_1"}, True)
