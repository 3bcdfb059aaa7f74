"""Workflow runs of a repository: a filtered list of which GitHub shows a thousand at most, so asked for in pieces."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import client_of, interval_of
from connectors.github.paging import field, rest_list
from connectors.github.people import rest_actor
from connectors.github.repository import Repository, locate
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_delivery import WORKFLOW_RUNS
from schemas.instants import format_instant, optional_instant, parse_instant

RUNS = "/repos/{owner}/{repo}/actions/runs"
MOST = 1_000
"""How many of a filtered list GitHub shows, whatever it counts."""
SECOND = timedelta(seconds=1)
QUERY_TEXT = f"GET {RUNS}?created={{start}}..{{end}} (halved until at most {MOST} are counted)"


def workflow_runs(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.workflow_runs: the runs created in [start, end), with their latest attempt."""
    client = client_of(session)
    start, end = interval_of(request)
    driver = Driver(client.transport, sink)
    reader = _Reader(request, sink)

    def read() -> Stream[None]:
        repository = yield from locate(request, client.production_branches, WORKFLOW_RUNS)
        reader.repository = repository
        yield from reader.between(_floor(start), _floor(end - timedelta(microseconds=1)), start, end)

    driver.ask(read())
    return [
        ItemClaim(
            WORKFLOW_RUNS.name,
            QUERY_TEXT,
            {"repository": request.item.name},
            proof_of_life=True,
            proof="the repository itself was read in the same pass",
            independent_count=reader.counted,
            reconciliation=f"{reader.counted} runs as GitHub counts them in {reader.pieces} pieces of the interval",
            pages=reader.pages,
            rows_returned=reader.seen,
            drop_rules={"outside the interval": reader.seen - reader.rows} if reader.seen > reader.rows else {},
        )
    ]


def _floor(at: datetime) -> datetime:
    return at.replace(microsecond=0)


class _Reader:
    def __init__(self, request: Request, sink: Sink) -> None:
        self._request = request
        self._sink = sink
        self._ids: set[int] = set()
        self.repository: Repository | None = None
        self.counted = 0
        self.pieces = 0
        self.pages = 0
        self.seen = 0
        self.rows = 0

    def between(self, first: datetime, last: datetime, start: datetime, end: datetime) -> Stream[None]:
        """Runs created from `first` to `last`, both whole seconds and both included."""
        call = self._call(first, last)
        answer = yield Rest(call.template, call.path, call.dataset, {**call.parameters, "per_page": 1})
        self.pages += 1
        counted = int(field(answer.data, "total_count", "workflow runs"))
        if counted > MOST:
            if first >= last:
                raise IncompletePopulation(
                    f"{counted} workflow runs of {self._request.item.name} were created within one second, and GitHub "
                    f"shows {MOST} at most. Nothing is claimed."
                )
            middle = _floor(first + (last - first) / 2)
            yield from self.between(first, middle, start, end)
            yield from self.between(middle + SECOND, last, start, end)
            return
        self.pieces += 1
        found: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            found.extend(fresh)
            return False

        if counted:
            tally = yield from rest_list(
                call, take, key=lambda run: str(field(run, "id", "workflow run")), items_under="workflow_runs"
            )
            self.pages += tally.pages
            counted = tally.total or 0
        self.counted += counted
        self.seen += len(found)
        self._keep(found, start, end)

    def _call(self, first: datetime, last: datetime) -> Rest:
        assert self.repository is not None
        path = self.repository.path("actions", "runs")
        return Rest(RUNS, path, WORKFLOW_RUNS, {"created": f"{format_instant(first)}..{format_instant(last)}"})

    def _keep(self, found: list[Json], start: datetime, end: datetime) -> None:
        rows: list[Json] = []
        for run in found:
            if run["id"] in self._ids:
                raise IncompletePopulation(
                    f"GitHub lists run {run['id']} of {self._request.item.name} in two pieces of the interval. Run it "
                    "again."
                )
            self._ids.add(run["id"])
            row = self._row(run)
            if start <= row["event_time"] < end:
                rows.append(row)
        self.rows += len(rows)
        if rows:
            self._sink.rows(WORKFLOW_RUNS, rows)

    def _row(self, run: Json) -> Json:
        assert self.repository is not None
        if field(field(run, "repository", "workflow run"), "node_id", "workflow run") != self.repository.id:
            raise IncompletePopulation("GitHub answered with runs of another repository than the one asked.")
        kept = {key: value for key, value in run.items() if key not in {"repository", "head_repository"}}
        return {
            "scope_item_id": self._request.item.id, "run_id": str(run["id"]),
            "event_time": parse_instant(field(run, "created_at", "workflow run")), "repo_id": self.repository.id,
            "repo_name": self.repository.name, "workflow_id": field(run, "workflow_id", "workflow run"),
            "workflow": run.get("name"), "workflow_path": field(run, "path", "workflow run"),
            "run_number": field(run, "run_number", "workflow run"), "attempt": run.get("run_attempt") or 1,
            "event": run["event"], "status": run.get("status"), "conclusion": run.get("conclusion"),
            "branch": run.get("head_branch"), "sha": run["head_sha"],
            "actor": None if run.get("actor") is None else rest_actor(run["actor"]),
            "triggering_actor": None if run.get("triggering_actor") is None else rest_actor(run["triggering_actor"]),
            "pr_numbers": [pull["number"] for pull in run.get("pull_requests") or []],
            "started_at": optional_instant(run.get("run_started_at")), "updated_at": parse_instant(run["updated_at"]),
            "raw": orjson.dumps(kept).decode(),
        }  # fmt: skip
