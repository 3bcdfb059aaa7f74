"""Twelve monthly windows of three real change histories: the population is the branch, commit by commit."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.github.changes import changes
from sandbox.github.world import World
from sandbox.histories import Row, add_history, mainline_runs, read_rows
from schemas.github import COMMITS, PULL_REQUESTS
from tests.fakes.local_github import LocalGithub, local_github
from tests.fakes.memory_sink import MemorySink

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "changes"
NOW = datetime(2026, 9, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA.name}: the real change histories are not there")


def months(last: datetime, count: int) -> list[datetime]:
    """Starts of the `count` calendar months up to that of `last`, and of the one after it."""
    number = last.year * 12 + last.month - 1
    return [datetime(one // 12, one % 12 + 1, 1, tzinfo=UTC) for one in range(number - count + 1, number + 2)]


def expected(name: str) -> list[tuple[Row, int | None, datetime]]:
    """The mainline oldest first: row, number of its pull request, instant of entry by the rule of the data."""
    runs = mainline_runs(read_rows(DATA / f"{name}.csv"))
    return [(row, run.number, datetime.fromtimestamp(row.entry, UTC)) for run in runs for row in run.rows]


@pytest.fixture(scope="module", params=["warehouse", "prefect", "libuv"])
def history(request: pytest.FixtureRequest) -> Iterator[tuple[str, LocalGithub]]:
    name: str = request.param

    def build(world: World, organisation: object) -> None:
        add_history(world, organisation, name, DATA / f"{name}.csv")  # type: ignore[arg-type]

    with local_github(build, NOW) as running:
        running.server.application.limits.allow({"core": 1_000_000, "graphql": 1_000_000})
        yield name, running


def test_the_population_of_each_month_is_the_first_parent_line(history: tuple[str, LocalGithub]) -> None:
    name, running = history
    line = expected(name)
    starts = months(line[-1][2], 12)
    repository = running.organisation.repositories[0]
    session = running.session()
    total = 0
    for start, end in itertools.pairwise(starts):
        sink = MemorySink()
        claims = changes(session, running.request(repository, "commits pull_requests checks", start, end), sink)
        rows = sorted(sink.of(COMMITS.name), key=lambda row: row["event_time"])
        want = [(row.sha, at, number) for row, number, at in line if start <= at < end]
        assert [(row["sha"], row["event_time"], row["pr_number"]) for row in rows] == want
        pulls = {row["number"]: row for row in sink.of(PULL_REQUESTS.name)}
        # A rebase merge whose commits lie on both sides of midnight belongs to the month of its merge.
        assert {number for _, at, number in want if number is not None} - pulls.keys() == set()
        assert not any(claim.truncated for claim in claims)
        assert claims[0].independent_count == len(want)
        total += len(want)
    assert total > 100, "the windows must hold enough to prove something"


def test_committer_dates_out_of_order_lose_nothing(history: tuple[str, LocalGithub]) -> None:
    """The windows hold commits whose own date lies before that of the commit below them, some in another window."""
    name, running = history
    line = expected(name)
    backwards = [
        (row, at) for (before, _, _), (row, _, at) in itertools.pairwise(line) if row.committed < before.committed
    ]
    if not backwards:
        pytest.skip(f"{name} has no commit dated before the one below it")
    start = backwards[0][1].replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = months(start, 1)[1]
    sink = MemorySink()
    changes(running.session(), running.request(running.organisation.repositories[0], "commits", start, end), sink)
    found = {row["sha"]: row["event_time"] for row in sink.of(COMMITS.name)}
    assert {row.sha: at for row, at in backwards if start <= at < end}.items() <= found.items()


def test_commits_without_a_pull_request_have_none(history: tuple[str, LocalGithub]) -> None:
    name, running = history
    line = expected(name)
    start, end = months(line[-1][2], 12)[0], NOW
    sink = MemorySink()
    changes(running.session(), running.request(running.organisation.repositories[0], "commits", start, end), sink)
    direct = {row["sha"] for row in sink.of(COMMITS.name) if row["pr_id"] is None}
    assert direct == {row.sha for row, number, at in line if number is None and start <= at < end}


def test_pull_requests_without_an_independent_reviewer_can_be_told(history: tuple[str, LocalGithub]) -> None:
    """Over the whole history: whose approvals come from nobody but authors and co-authors."""
    name, running = history
    if name != "libuv":
        pytest.skip(f"{name} names no reviewers; libuv does")
    line = expected(name)
    start = line[0][2]
    sink = MemorySink()
    repository = running.organisation.repositories[0]
    changes(running.session(), running.request(repository, "pull_requests", start, NOW), sink)
    found = {
        row["number"]
        for row in sink.of(PULL_REQUESTS.name)
        if not {review["author"]["login"] for review in row["reviews"] if review["state"] == "APPROVED"}
        - {row["author"]["login"]}
        - {author["login"] for commit in row["commits"] for author in commit["authors"]}
    }
    by_number: dict[int, list[Row]] = {}
    for row, number, _ in line:
        if number is not None:
            by_number.setdefault(number, []).append(row)
    want = {
        number
        for number, rows in by_number.items()
        if not {one for row in rows for one in row.reviewers}
        - {row.author for row in rows}
        - {one for row in rows for one in row.co_authors}
    }
    assert found == want
    assert len(want) > 20
    assert len(by_number) == len({row["number"] for row in sink.of(PULL_REQUESTS.name)})


def test_rebase_merges_are_told_from_squashes(history: tuple[str, LocalGithub]) -> None:
    name, running = history
    line = expected(name)
    sizes = Counter(number for _, number, _ in line if number is not None)
    if max(sizes.values()) == 1:
        pytest.skip(f"{name} has no pull request with several commits on the branch")
    number = next(one for one, count in reversed(sizes.items()) if count > 1)
    at = max(entered for _, owner, entered in line if owner == number)
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sink = MemorySink()
    repository = running.organisation.repositories[0]
    changes(running.session(), running.request(repository, "commits pull_requests", start, months(start, 1)[1]), sink)
    pull = next(row for row in sink.of(PULL_REQUESTS.name) if row["number"] == number)
    assert pull["merge_method"] == "rebase"
    owned = [row["sha"] for row in sink.of(COMMITS.name) if row["pr_number"] == number]
    assert pull["merge_sha"] in owned
    assert len(owned) == sizes[number]
