"""Requests, time and memory of reading a large Google Workspace directory, within Google's quotas.

    python benchmarks/google_directory.py [--users 10000] [--groups 1000]

The customer is made up and served by the simulated Google in a process of its own. `requests` are HTTP requests,
`counted` is what Google's quotas count (each part of a batch), `at the pace` the seconds that the pacer would take
against the real Google, by a clock of its own, and `memory` the peak of the reading process so far.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import pyarrow as pa

from connectors.google.calls import GoogleClient
from connectors.google.credentials import ServiceAccount
from connectors.google.extractors import EXTRACTORS
from connectors.google.pacing import CALLS_PER_SECOND, USUAL_PER_SECOND
from connectors.google.permissions import workspace_access
from connectors.google.sending import Conduct, Received, Sender
from connectors.google.session import open_session
from connectors.pacing import Pacer
from schemas.dataset import Dataset
from schemas.extraction import Request
from schemas.google import ACCOUNTS, ADMINISTRATORS, SIGN_INS, USAGE_REPORTS, USERS
from schemas.programme_scope import GoogleScope
from schemas.scope import ScopeItem

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = NOW - timedelta(days=3)
CUSTOMER, DOMAIN, READER = "C0crowd", "crowd.example", "user000000@crowd.example"


class Paced(Sender):
    """Counts what the real Google would make us wait, by a clock that only waiting moves."""

    waited = 0.0

    def __init__(self, conduct: Conduct, account: ServiceAccount, subject: str | None) -> None:
        super().__init__(conduct, account, subject)
        self._virtual = Pacer(CALLS_PER_SECOND, USUAL_PER_SECOND, pause=self._pass, monotonic=lambda: self.waited)

    def _pass(self, seconds: float) -> None:
        self.waited += seconds

    def once(
        self, method: str, uri: str, verb: str, body: Any, headers: Mapping[str, str], bucket: str, parts: int
    ) -> Received:
        self._virtual.wait(bucket, parts)
        return super().once(method, uri, verb, body, headers, bucket, parts)


class Passing:
    """A sink that makes Arrow of the rows, as the store does, and keeps nothing."""

    def __init__(self) -> None:
        self.count = 0
        self.answered = 0

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        self.count += pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=dataset.arrow()).num_rows

    def batches(self, dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> None:
        self.count += sum(batch.num_rows for batch in batches)

    def answer(self, *, body: bytes, **_other: Any) -> None:
        self.answered += len(body)


def serve(users: int, groups: int, folder: Path) -> None:
    """The simulated Google, until its standard input closes."""
    from sandbox.clock import SimulatedClock
    from sandbox.faults import FaultPlan
    from sandbox.google.identity import Identity
    from sandbox.google.server import GoogleServer
    from sandbox.google.workspace.company import workspace_of
    from sandbox.google.workspace.crowd import crowd

    workspace = workspace_of(crowd(users, groups, sign_ins_on=DAY))
    identity = Identity("reader@crowd.iam.gserviceaccount.com", "crowd", workspace.may_ask_for)
    server = GoogleServer([workspace.handlers], identity, SimulatedClock(NOW, running=False), FaultPlan())
    key = folder / "key.json"
    key.write_bytes(orjson.dumps(server.key_file()))
    sys.stdout.write(json.dumps({"url": server.url, "key": str(key)}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.close()


def measure(url: str, key: str) -> None:
    """Read each dataset with a session of its own and print its figures."""
    scope = GoogleScope(customer=CUSTOMER, domain=DOMAIN, delegate=READER, api_url=url)
    print(f"{'dataset':24}{'rows':>8}{'requests':>10}{'counted':>9}{'seconds':>9}{'at the pace':>13}{'memory':>9}")
    for dataset in (USERS, ADMINISTRATORS, ACCOUNTS, SIGN_INS, USAGE_REPORTS):
        session = open_session(workspace_access(scope), {"GOOGLE_APPLICATION_CREDENTIALS": key}, now=lambda: NOW)
        client: GoogleClient = session.client
        paced = client.sender = Paced(client.sender.conduct, client.account, client.subject)
        interval = (DAY, DAY + timedelta(days=1)) if dataset.kind == "event_stream" else (None, None)
        request = Request(frozenset({dataset.name}), ScopeItem(f"google:{CUSTOMER}", DOMAIN, "google"), *interval)
        sink = Passing()
        begun = perf_counter()
        (claim,) = EXTRACTORS[dataset.name](session, request, sink)
        seconds = perf_counter() - begun
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        assert sink.count == claim.independent_count
        print(
            f"{dataset.name:24}{sink.count:8}{client.requests:10}{client.counted:9}{seconds:9.1f}"
            f"{paced.waited:11.0f} s{memory:6.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=1_000)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.users, arguments.groups, arguments.serve)
        return
    with tempfile.TemporaryDirectory(prefix="evidence-bench-") as name:
        command = [
            sys.executable, __file__, "--users", str(arguments.users), "--groups", str(arguments.groups),
            "--serve", name,
        ]  # fmt: skip
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            described = json.loads(server.stdout.readline())
            measure(described["url"], described["key"])
            server.stdin.close()


if __name__ == "__main__":
    main()
