"""Every way in which GitHub fails, at every request of a pass: the whole population or an error, never fewer rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.github.changes import changes
from connectors.github.client import client_of
from connectors.github.paging import PageSize
from connectors.github.transport import Limits
from sandbox.github.model import Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from schemas.errors import (
    ClockSkew,
    CollectionError,
    EvidenceError,
    IncompletePopulation,
    PermissionDenied,
    RetriableError,
    SourceGone,
)
from schemas.extraction import Session
from tests.fakes.local_github import START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

ASKED = "commits pull_requests checks deployments bypasses"
DATASETS = [f"github.{name}" for name in ASKED.split()]
Rows = dict[str, set[str]]


def company(world: World, organisation: Organisation) -> None:
    """More of everything than fits on a page of the sizes used here."""
    story = Story(world, organisation)
    story.push(START - timedelta(days=1))
    ci, deployer = world.app("ci"), world.account("deployer")
    for number in range(110):
        at = START + timedelta(hours=6 * number + 3)
        if number % 5:
            story.push(at)
            continue
        pull = story.merge(at, commits=2)
        began = epoch(at) - 600
        runs: list[Any] = [(f"check-{one}", began, began + 60, "SUCCESS") for one in range(3)]
        story.builder.checks(pull.commits[-1].commit, ci, None, began, runs)
        story.builder.deploy(
            story.tip, "production", epoch(at) + 60, deployer, [(epoch(at) + 90, "SUCCESS")], key=f"{at}"
        )


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(company) as github:
        github.server.application.limits.allow({"core": 1_000_000, "graphql": 1_000_000})
        yield github


def opened(running: LocalGithub) -> Session:
    """A session with small pages."""
    running.slept.clear()
    session = running.session(limits=Limits(reserve=0))
    for name, size in {"history": 40, "merged": 10, "details": 10, "deployments": 10}.items():
        client_of(session).sizes._known[name] = PageSize(size)
    return session


def rows_of(running: LocalGithub, plan: list[dict[str, Any]]) -> tuple[Rows, bool]:
    """All rows of a pass under a plan of faults, and whether a claim says that they are not all."""
    session = opened(running)
    running.plan.replace(plan)
    try:
        sink = MemorySink()
        request = running.request(running.organisation.repositories[0], ASKED, START, START + timedelta(days=29))
        claims = changes(session, request, sink)
    finally:
        running.plan.replace([])
    columns = {"raw", "updated_at"}
    rows = {
        name: {str(sorted((key, value) for key, value in row.items() if key not in columns)) for row in sink.of(name)}
        for name in DATASETS
    }
    partial = [
        claim.truncated or claim.complete_from is not None for claim in claims if claim.dataset != "github.bypasses"
    ]
    return rows, any(partial)


@pytest.fixture(scope="module")
def whole(running: LocalGithub) -> Rows:
    rows, truncated = rows_of(running, [])
    assert not truncated
    assert {name: len(found) for name, found in rows.items()} == {
        "github.commits": 110, "github.pull_requests": 22, "github.checks": 66, "github.deployments": 22,
        "github.bypasses": 0,
    }  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def requests(running: LocalGithub, whole: Rows) -> int:
    running.plan.forget_requests()
    rows_of(running, [])
    return sum(running.plan.requests()["github"].values())


PASSING: list[dict[str, Any]] = [
    {"kind": "server_error", "status": 500},
    {"kind": "server_error", "status": 502},
    {"kind": "server_error", "status": 504},
    {"kind": "rate_limited", "retry_after": 3},
    {"kind": "secondary_limit", "retry_after": 2},
    {"kind": "secondary_limit"},
    {"kind": "secondary_limit", "status": 429},
    {"kind": "connection_reset"},
    {"kind": "truncated_body"},
    {"kind": "truncated_page"},
    {"kind": "empty_page"},
    {"kind": "lying_last_page"},
    {"kind": "shifting_list"},
    {"kind": "graphql_error", "code": "TIMEOUT"},
    {"kind": "graphql_error", "code": "RATE_LIMITED"},
]


def named(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_a_fault_that_passes_costs_no_row(
    running: LocalGithub, whole: Rows, requests: int, fault: dict[str, Any]
) -> None:
    """Once, at each request in turn: afterwards all rows are there, or an error says that they are not."""
    may_fail = fault["kind"] in {"empty_page", "lying_last_page", "shifting_list"}
    for number in range(requests + 2):
        plan = [{"source": "github", "times": 1, "after": number, "items": 3, **fault}]
        try:
            rows, truncated = rows_of(running, plan)
        except IncompletePopulation:
            if may_fail:
                continue
            raise
        assert rows == whole or (may_fail and truncated), f"request {number}"
        for name, found in rows.items():
            assert found <= whole[name], f"request {number}: rows of {name} that are not so"


LASTING: list[tuple[dict[str, Any], type[EvidenceError]]] = [
    ({"kind": "unauthorized"}, PermissionDenied),
    ({"kind": "forbidden"}, PermissionDenied),
    ({"kind": "not_found"}, PermissionDenied),
    ({"kind": "server_error", "status": 500}, RetriableError),
    ({"kind": "server_error", "status": 502}, RetriableError),
    ({"kind": "rate_limited"}, RetriableError),
    ({"kind": "rate_limited", "retry_after": 900}, RetriableError),
    ({"kind": "secondary_limit"}, RetriableError),
    ({"kind": "connection_reset"}, RetriableError),
    ({"kind": "truncated_body", "bytes": 20}, RetriableError),
    ({"kind": "wrong_date", "seconds": 90}, ClockSkew),
    ({"kind": "wrong_date", "seconds": -90}, ClockSkew),
    ({"kind": "empty_page"}, CollectionError),
    ({"kind": "graphql_error", "code": "TIMEOUT"}, RetriableError),
    ({"kind": "graphql_error", "code": "RATE_LIMITED"}, RetriableError),
    ({"kind": "graphql_error", "code": "FORBIDDEN"}, PermissionDenied),
]


@pytest.mark.parametrize(
    ("fault", "error"), LASTING, ids=lambda one: named(one) if isinstance(one, dict) else one.__name__
)
def test_a_fault_that_lasts_is_an_error_of_its_own_name(
    running: LocalGithub, whole: Rows, fault: dict[str, Any], error: type[EvidenceError]
) -> None:
    with pytest.raises(error):
        rows_of(running, [{"source": "github", "times": None, **fault}])
    # The client is none the worse for it.
    assert rows_of(running, [])[0] == whole


@pytest.mark.parametrize(
    "operation", ["GET /repos/{owner}/{repo}/activity", "PullRequests", "*History*", "*Merged*", "*Deployments*"]
)
@pytest.mark.parametrize(
    "kind", ["forbidden", "not_found", "lying_last_page", "empty_page", "truncated_page", "shifting_list"]
)
def test_a_fault_of_one_operation_that_lasts(running: LocalGithub, whole: Rows, operation: str, kind: str) -> None:
    """A list that lies for ever: noticed, or harmless."""
    plan = [{"source": "github", "kind": kind, "times": None, "match": {"operation": operation}, "items": 2}]
    try:
        rows, truncated = rows_of(running, plan)
    except CollectionError:
        return
    # Deployments have a right of their own, and the others do without it.
    assert kind not in {"forbidden", "not_found"} or (operation == "*Deployments*" and truncated)
    assert rows == whole or truncated


def test_a_longer_limit_than_we_wait_for_names_when_to_come_back(running: LocalGithub) -> None:
    with pytest.raises(RetriableError) as caught:
        rows_of(running, [{"source": "github", "kind": "rate_limited", "retry_after": 900, "times": None}])
    assert caught.value.retry_after == 900
    assert running.slept == []


def test_waits_are_those_that_github_asks_for(running: LocalGithub, whole: Rows) -> None:
    plan = [{"source": "github", "kind": "secondary_limit", "retry_after": 7, "match": "GET *activity*"}]
    assert rows_of(running, plan)[0] == whole
    assert running.slept == [7.0]


def test_a_limit_without_a_word_of_when_waits_a_minute(running: LocalGithub, whole: Rows) -> None:
    plan = [{"source": "github", "kind": "secondary_limit", "match": "GET *activity*"}]
    assert rows_of(running, plan)[0] == whole
    assert running.slept == [60.0]


def test_pages_shrink_under_load_and_grow_again(running: LocalGithub, whole: Rows) -> None:
    session = opened(running)
    sizes = client_of(session).sizes
    plan = [
        {
            "source": "github",
            "kind": "graphql_error",
            "code": "TIMEOUT",
            "times": 1,
            "match": {"operation": "PullRequests"},
        }
    ]
    running.plan.replace(plan)
    running.plan.forget_requests()
    try:
        sink = MemorySink()
        request = running.request(
            running.organisation.repositories[0], "pull_requests", START, START + timedelta(days=29)
        )
        changes(session, request, sink)
    finally:
        running.plan.replace([])
    assert len(sink.of("github.pull_requests")) == len(whole["github.pull_requests"])
    assert sizes.of("details", 10).size in {5, 10}
    # 22 pull requests at 10, one failure, then at 5 until three went well: not one request for each.
    assert running.plan.requests()["github"]["PullRequests"] <= 7


def test_the_source_is_gone_where_the_token_lost_sight_of_it(running: LocalGithub) -> None:
    session = opened(running)
    running.plan.replace(
        [{"source": "github", "kind": "fewer_repositories", "repositories": ["acme/*"], "times": None}]
    )
    try:
        with pytest.raises(SourceGone):
            changes(session, running.request(running.organisation.repositories[0], ASKED), MemorySink())
    finally:
        running.plan.replace([])
