"""How long collecting changes from GitHub takes, in requests, seconds and memory, at 50 ms of latency.

    python benchmarks/github_changes.py [--pulls 1000] [--latency 50] [--sample 20] [--repositories 50]

The simulated GitHub runs in a process of its own. Measured are (1) one repository with that many merged pull requests,
each reviewed, checked and deployed; (2) a plain PyGithub loop over a sample of them, five requests per change; (3) the
same number of changes, times ten, spread over many repositories, for the memory it takes. Rows are counted and dropped.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import github

from connectors.github.changes import changes
from connectors.github.client import client_of
from connectors.github.session import open_session
from connectors.github.transport import GithubTransport
from schemas.dataset import Dataset
from schemas.extraction import Request, Session
from schemas.scope import ScopeItem
from tests.fakes.local_github import NOW, START, TOKEN, busy, local_github

MONTH_END = START + timedelta(days=30)
ALL = ("commits", "pull_requests", "checks", "deployments", "bypasses")


class CountingSink:
    """Counts rows and answers and keeps none."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.answers = 0
        self.bytes = 0

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        self.counted[dataset.name] += sum(1 for _ in rows)

    def answer(self, **answer: Any) -> None:
        self.answers += 1
        self.bytes += len(answer["body"])


def serve(pulls: int, repositories: int, latency: int) -> None:
    """Run the simulated GitHub until standard input closes; prints its address and the repositories' node ids."""

    def build(world: Any, organisation: Any) -> None:
        for number in range(repositories):
            step = timedelta(days=29) / max(pulls, 1)
            busy(world, organisation, pulls=pulls, name=f"service-{number}", step=step)

    with local_github(build) as running:
        running.plan.set_latency(latency)
        running.server.application.limits.allow({"core": 100_000, "graphql": 100_000})
        ids = [[repository.node_id, repository.full_name(0)] for repository in running.organisation.repositories]
        print(json.dumps({"url": running.server.url, "repositories": ids}), flush=True)
        sys.stdin.read()


def start_server(pulls: int, repositories: int, latency: int) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    command = [sys.executable, __file__, "--serve", f"{pulls},{repositories},{latency}"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, json.loads(child.stdout.readline())


def stop(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.close()
    child.wait(timeout=20)


def opened(url: str) -> Session:
    scope = {"organisation": "acme", "api_url": url, "production_branches": ["main"]}
    return open_session(scope, {"GITHUB_TOKEN": TOKEN}, lambda: NOW)


def requests_of(session: Session) -> int:
    transport = client_of(session).transport
    assert isinstance(transport, GithubTransport)
    return transport.requests


def request(node_id: str, name: str, start: datetime, end: datetime) -> Request:
    return Request(
        frozenset(f"github.{one}" for one in ALL), ScopeItem(f"github:{node_id}", name, "github"), start, end
    )


def one_repository(pulls: int, latency: int, sample: int, repeat: int) -> None:
    child, told = start_server(pulls, 1, latency)
    try:
        node_id, name = told["repositories"][0]
        for turn in range(repeat):
            sink = CountingSink()
            began, used = time.perf_counter(), time.process_time()
            session = opened(told["url"])
            changes(session, request(node_id, name, START, MONTH_END), sink)
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
            print(
                f"{turn + 1}. {pulls} merged pull requests at {latency} ms: {requests_of(session)} requests, "
                f"{seconds:.2f} s ({cpu:.2f} s of it here), {sink.bytes / 1e6:.1f} MB, rows {dict(sink.counted)}"
            )
        if sample:
            plain, asked = plain_loop(told["url"], name, sample)
            print(
                f"   plain PyGithub, {asked} requests for {sample} changes: {plain / sample * 1000:.0f} ms a change, "
                f"so {plain / sample * pulls:.0f} s for all; one pass is {plain / sample * pulls / seconds:.0f} times "
                "as fast"
            )
    finally:
        stop(child)


def plain_loop(url: str, name: str, sample: int) -> tuple[float, int]:
    """What a first attempt does: list the pull requests, then ask for each one's merge, reviews, commits, statuses and
    checks."""
    client = github.Github(
        auth=github.Auth.Token(TOKEN), base_url=url, seconds_between_requests=None, seconds_between_writes=None,
        per_page=100, retry=None,
    )  # fmt: skip
    repository = client.get_repo(name)
    began = time.perf_counter()
    asked = 0
    for number, pull in enumerate(repository.get_pulls(state="closed", sort="updated", direction="desc")):
        if number == sample:
            break
        whole = repository.get_pull(pull.number)
        list(whole.get_reviews())
        list(whole.get_commits())
        head = repository.get_commit(whole.head.sha)
        list(head.get_check_runs())
        asked += 5
    seconds = time.perf_counter() - began
    client.close()
    return seconds, asked


def many_repositories(pulls: int, repositories: int, latency: int) -> None:
    child, told = start_server(pulls, repositories, latency)
    try:
        session = opened(told["url"])
        sink = CountingSink()
        began = time.perf_counter()
        for node_id, name in told["repositories"]:
            changes(session, request(node_id, name, START, MONTH_END), sink)
        seconds = time.perf_counter() - began
    finally:
        stop(child)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{sink.counted['github.pull_requests']} changes in {repositories} repositories: "
        f"{requests_of(session)} requests, {seconds:.1f} s, at most {peak:.0f} MB of memory"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pulls", type=int, default=1000)
    parser.add_argument("--latency", type=int, default=50)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--repositories", type=int, default=50, help="0: leave the third measurement out")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*(int(part) for part in given.serve.split(",")))
        return
    one_repository(given.pulls, given.latency, given.sample, given.repeat)
    if given.repositories:
        many_repositories(max(1, given.pulls * 10 // given.repositories), given.repositories, given.latency)


if __name__ == "__main__":
    main()
