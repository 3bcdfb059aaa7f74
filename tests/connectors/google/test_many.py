"""Lists of many pages, and many threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.google.directory import users_listing
from connectors.google.lists import read_whole
from sandbox.google.workspace.company import workspace_of
from sandbox.google.workspace.crowd import READER, crowd
from schemas.errors import IncompletePopulation
from schemas.google import ACCOUNTS, SIGN_INS, USERS
from tests.fakes.benches import BENCHES
from tests.fakes.google_bench import GoogleBench, google_bench
from tests.fakes.memory_sink import MemorySink

DAY = datetime(2026, 6, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleBench]:
    workspace = workspace_of(crowd(1201, 12, sign_ins_on=DAY))
    with google_bench(tmp_path_factory.mktemp("crowd"), workspace, delegate=READER) as bench:
        yield bench


@pytest.fixture
def many(served: GoogleBench) -> GoogleBench:
    served.fresh()
    return served


def ids(bench: GoogleBench) -> list[str]:
    found: list[str] = []
    client = bench.session().client
    customer = bench.workspace.customer.id
    read_whole(
        client, users_listing(customer), MemorySink(), USERS, lambda some: found.extend(str(one["id"]) for one in some)
    )
    return found


def test_every_page_of_both_readings(many: GoogleBench) -> None:
    found = ids(many)
    assert len(found) == len(set(found)) == 1201
    assert many.plan.requests()["google"]["directory.users.list"] == 6  # pages of 450 and of 500


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "second", "last"])
def test_a_page_of_ids_that_comes_once_more_is_no_page_of_whole_entries(many: GoogleBench, place: int) -> None:
    answers: list[bytes] = []

    def repeated(method: str, body: bytes) -> bytes:
        if method != "directory.users.list":
            return body
        answers.append(body)
        return answers[place] if len(answers) == 4 + place else body

    faulty = BENCHES["google"]
    assert faulty is not None
    with faulty.altering(repeated), pytest.raises(IncompletePopulation, match="ids alone"):
        ids(many)


@pytest.mark.parametrize("page", [0, 1, 2], ids=["first", "second", "last"])
@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page"])
def test_what_the_whole_reading_loses_is_noticed(many: GoogleBench, page: int, kind: str) -> None:
    many.spoil({"match": "directory.users.list", "kind": kind, "after": 3 + page, "times": 1})
    with pytest.raises(IncompletePopulation):
        ids(many)


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page"])
def test_what_every_reading_loses_is_noticed(many: GoogleBench, kind: str) -> None:
    many.spoil({"match": "directory.users.list", "kind": kind, "times": None})
    with pytest.raises(IncompletePopulation):
        ids(many)


def test_a_list_that_moves_gives_nobody_twice(many: GoogleBench) -> None:
    many.spoil({"match": "directory.users.list", "kind": "shifting_list", "after": 4, "times": 1, "items": 3})
    found = ids(many)
    assert len(found) == len(set(found)) == 1201


def test_somebody_who_comes_while_the_list_is_read(many: GoogleBench) -> None:
    customer = many.workspace.customer
    now = many.clock.now()
    late = {**customer.users(now)[0], "id": "9", "primaryEmail": "late@crowd.example", "isAdmin": False}
    client = many.session().client
    pages = client.pages

    def moving(method: str, **parameters: Any) -> Iterator[Any]:
        for number, page in enumerate(pages(method, **parameters)):
            if number == 2 and not customer.user("9", now):
                customer.put("users", late, now)
            yield page

    client.pages = moving
    found: list[str] = []
    try:
        tally = read_whole(
            client, users_listing(customer.id), MemorySink(), USERS,
            lambda some: found.extend(str(one["id"]) for one in some),
        )  # fmt: skip
    finally:
        kept = customer.collections["users", ""]
        kept[-1].until = kept[-1].since
    assert (tally.readings, len(found), "9" in found) == (3, 1202, True)


def test_accounts_ask_in_batches(tmp_path: Path) -> None:
    with google_bench(tmp_path, workspace_of(crowd(230, 12)), delegate=READER) as bench:
        claim, rows, _ = bench.collected(ACCOUNTS)
        requests = bench.plan.requests()["google"]
    assert len(rows) == claim.independent_count == 230
    assert all(len(row["tokens"]) == 2 for row in rows)
    assert (requests["directory.tokens.list"], requests["batch"]) == (230, 4)  # three of tokens, one of members


def test_sign_ins_of_a_day(many: GoogleBench) -> None:
    claim, rows, _ = many.collected(SIGN_INS, DAY, DAY.replace(day=29))
    assert len(rows) == claim.independent_count == 1201


def test_threads_get_no_other_thread_s_answers(many: GoogleBench) -> None:
    wanted = [str(10**20 + number) for number in range(80)]

    def tokens_of(part: list[str]) -> list[tuple[str, list[str]]]:
        client = many.session().client
        return [
            (user, [token["userKey"] for token in client.ask("directory.tokens.list", userKey=user).parsed["items"]])
            for user in part
        ]

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(tokens_of, [wanted[start::8] for start in range(8)]))
    found = dict(one for part in parts for one in part)
    assert found == {user: [user, user] for user in wanted}
