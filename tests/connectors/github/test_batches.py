"""Facts about many repositories in one question, handed out one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.github.batches import HELD, Batch, ask_about
from connectors.github.client import client_of
from connectors.github.extractors import EXTRACTORS
from connectors.github.shared import Shared
from sandbox.github.model import Organisation
from sandbox.github.world import World
from schemas.errors import CollectionError, PermissionDenied, SourceGone
from schemas.extraction import Request, Session
from schemas.github import BRANCH_TIPS
from tests.fakes.local_github import FAR, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

COUNT = 9
NAMES = Batch("Names", BRANCH_TIPS, "nameWithOwner", size=4)


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    def build(world: World, organisation: Organisation) -> None:
        for index in range(COUNT):
            Story(world, organisation, f"service-{index}", born=FAR)

    with local_github(build) as github:
        yield github


@pytest.fixture(autouse=True)
def no_faults(running: LocalGithub) -> Iterator[None]:
    yield
    running.plan.replace([])


def requests(running: LocalGithub) -> list[Request]:
    repositories = running.organisation.repositories
    known = frozenset([f"github:{one.node_id}" for one in repositories] + ["github:unresolved:acme/x", "aws:1"])
    return [running.request(one, "branch_tips", None, None, known) for one in repositories]


def asked(running: LocalGithub) -> int:
    return sum(running.plan.requests()["github"].values())


def tips(session: Session, request: Request) -> dict[str, Any]:
    sink = MemorySink()
    [claim] = EXTRACTORS["github.branch_tips"](session, request, sink)
    [row] = sink.of("github.branch_tips")
    assert row["repo_id"] == request.item.id.removeprefix("github:")
    assert claim.observed_at is not None
    # The part of the answer that is kept is about this repository alone.
    good = [json.loads(answer.body) for answer in sink.answers if answer.status == 200]
    kept = [node["id"] for body in good if "errors" not in body for node in body["data"]["batch"]]
    assert kept == [row["repo_id"]]
    return row


def test_one_question_serves_all_repositories_and_each_gets_its_own(running: LocalGithub) -> None:
    session = running.session()
    running.plan.forget_requests()
    rows = [tips(session, request) for request in requests(running)]
    assert asked(running) == 1
    assert [row["repo_name"] for row in rows] == [f"acme/service-{index}" for index in range(COUNT)]


def test_a_part_is_handed_out_once_and_not_when_it_is_old(running: LocalGithub) -> None:
    session = running.session()
    first, second = requests(running)[:2]
    tips(session, first)
    running.plan.forget_requests()
    tips(session, first)
    assert asked(running) == 1, "asked for the same again, GitHub is asked again"
    client = replace(client_of(session), now=lambda: running.clock.now() + HELD + timedelta(seconds=1))
    tips(replace(session, client=client), second)
    assert asked(running) == 2


def test_threads_of_a_run_wait_for_one_reading(running: LocalGithub) -> None:
    shared = Shared()
    sessions = [running.session() for _ in range(4)]
    sessions = [replace(one, client=replace(client_of(one), shared=shared)) for one in sessions]
    running.plan.forget_requests()
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(tips, sessions[at % 4], request) for at, request in enumerate(requests(running))]
        names = [one.result()["repo_name"] for one in found]
    assert names == [f"acme/service-{index}" for index in range(COUNT)]
    assert asked(running) == 1


def test_a_repository_that_is_hidden_costs_no_other(running: LocalGithub) -> None:
    running.plan.replace([
        {"source": "github", "kind": "fewer_repositories", "repositories": ["acme/service-3"], "times": None}
    ])  # fmt: skip
    session = running.session()
    failed: dict[str, CollectionError] = {}
    read: list[str] = []
    for request in requests(running):
        try:
            read.append(tips(session, request)["repo_name"])
        except CollectionError as error:
            failed[request.item.name] = error
    assert list(failed) == ["acme/service-3"]
    assert isinstance(failed["acme/service-3"], SourceGone)
    assert len(read) == COUNT - 1


def test_a_question_that_is_too_much_is_asked_about_fewer(running: LocalGithub) -> None:
    session = running.session()
    running.plan.replace([{"source": "github", "kind": "server_error", "status": 502, "times": 1}])
    running.plan.forget_requests()
    assert {tips(session, request)["repo_name"] for request in requests(running)} == {
        f"acme/service-{index}" for index in range(COUNT)
    }
    assert asked(running) <= 3


def test_questions_are_no_larger_than_they_may_be(running: LocalGithub) -> None:
    session = running.session()
    running.plan.forget_requests()
    told = [ask_about(client_of(session), one, MemorySink(), NAMES) for one in requests(running)]
    assert asked(running) == 3
    assert {one.among for one in told} == {4, 1}
    assert [one.node["nameWithOwner"] for one in told] == [f"acme/service-{index}" for index in range(COUNT)]


def test_a_refusal_is_raised_for_each_and_its_answer_kept(running: LocalGithub) -> None:
    session = running.session()
    running.plan.replace([{"source": "github", "kind": "graphql_error", "code": "FORBIDDEN", "times": None}])
    sink = MemorySink()
    with pytest.raises(PermissionDenied):
        EXTRACTORS["github.branch_tips"](session, requests(running)[0], sink)
    assert sink.answers
    assert not sink.of("github.branch_tips")
