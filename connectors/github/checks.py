"""Check runs and commit statuses of one commit, earlier runs included."""

from __future__ import annotations

from datetime import datetime

from connectors.github.calls import Json, Rest, Stream
from connectors.github.paging import Nested, Sizes, complete, rest_list
from connectors.github.repository import Repository
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation
from schemas.github import CHECKS
from schemas.instants import optional_instant

STATUSES = "/repos/{owner}/{repo}/commits/{ref}/statuses"

RUNS = Nested(
    "CheckSuite",
    "checkRuns",
    "id name status conclusion startedAt completedAt",
    50,
    arguments="filterBy: {checkType: ALL}",
    what="check runs",
)
SUITES = Nested("Commit", "checkSuites", f"id app {{ id databaseId slug }} {RUNS.inline()}", 10, what="check suites")

SELECTION = (
    f"id oid {SUITES.inline()} status {{ id contexts {{ id context state createdAt }} }} "
    "statusCheckRollup { id contexts(first: 1) { totalCount } }"
)
"""What to ask of a commit. The rollup is GitHub's own count of what is there, and so an independent one."""


def read(commit: Json, merged_at: datetime | None, repository: Repository, sizes: Sizes) -> Stream[list[Json]]:
    """All check runs and statuses of a commit, as rows without those columns that tell whose they are.

    GraphQL knows only the latest status of each context. Where one was set after the merge, an earlier one may have
    been overwritten, and all of them are read by REST. Raises `IncompletePopulation` when GitHub's own rollup counts
    more than was found.
    """
    rows: dict[str, Json] = {}
    for suite in (yield from complete(commit, SUITES, CHECKS, sizes)):
        for run in (yield from complete(suite, RUNS, CHECKS, sizes)):
            rows[run["id"]] = _run_row(run, suite, commit["oid"])
    status = commit["status"]
    contexts = [] if status is None else status["contexts"]
    late = merged_at is not None and any(
        (optional_instant(one["createdAt"]) or merged_at) > merged_at for one in contexts
    )
    if late:
        for row in (yield from _all_statuses(commit["oid"], repository, CHECKS)):
            rows[row["check_id"]] = row
    for context in contexts:
        rows.setdefault(context["id"], _status_row(context, commit["oid"]))
    rollup = commit["statusCheckRollup"]
    counted = 0 if rollup is None else rollup["contexts"]["totalCount"]
    if counted > len(rows):
        raise IncompletePopulation(
            f"GitHub counts {counted} checks on commit {commit['oid'][:10]} of {repository.name} and shows "
            f"{len(rows)}. Nothing is claimed; run it again later."
        )
    return list(rows.values())


def _all_statuses(sha: str, repository: Repository, dataset: Dataset) -> Stream[list[Json]]:
    rows: list[Json] = []

    def take(fresh: list[Json]) -> bool:
        rows.extend(_rest_status_row(status, sha) for status in fresh)
        return False

    call = Rest(STATUSES, repository.path("commits", sha, "statuses"), dataset)
    yield from rest_list(call, take, key=lambda status: str(status["id"]))
    return rows


def _number(app: Json) -> str | None:
    """The App's number, which is how a rule pins a required check to it (`integration_id`)."""
    number = app["databaseId"]
    return None if number is None else str(number)


def _run_row(run: Json, suite: Json, sha: str) -> Json:
    app = suite["app"]
    return {
        "check_id": run["id"], "sha": sha, "kind": "check_run", "name": run["name"],
        "app_id": None if app is None else _number(app), "app_slug": None if app is None else app["slug"],
        "status": run["status"].lower(), "conclusion": run["conclusion"] and run["conclusion"].lower(),
        "started_at": optional_instant(run["startedAt"]), "completed_at": optional_instant(run["completedAt"]),
        "raw": {"run": run, "suite": {"id": suite["id"], "app": app}},
    }  # fmt: skip


def _status_row(context: Json, sha: str) -> Json:
    return _status(context["id"], context["context"], context["state"], context["createdAt"], sha, context)


def _rest_status_row(status: Json, sha: str) -> Json:
    return _status(status["node_id"], status["context"], status["state"], status["created_at"], sha, status)


def _status(check_id: str, name: str, state: str, created_at: str, sha: str, raw: Json) -> Json:
    state = state.lower()
    done = state in {"success", "failure", "error"}
    at = optional_instant(created_at)
    return {
        "check_id": check_id, "sha": sha, "kind": "status", "name": name, "app_id": None, "app_slug": None,
        "status": "completed" if done else "pending", "conclusion": state if done else None,
        "started_at": at, "completed_at": at if done else None, "raw": raw,
    }  # fmt: skip
