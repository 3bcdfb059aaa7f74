"""Check suites and runs, commit statuses, and both taken together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.github.access import Request
from sandbox.github.errors import Refused
from sandbox.github.model import (
    Branch,
    CheckRun,
    CheckSuite,
    Commit,
    Repository,
    StatusContext,
)
from sandbox.github.nodeids import node_id as make_node_id
from sandbox.github.paging import Listing
from sandbox.github.queries.fields import (
    Fields,
    actor,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    web,
)
from sandbox.github.rules import required_checks
from sandbox.github.times import Epoch, iso

FAILED = frozenset({"FAILURE", "TIMED_OUT", "STARTUP_FAILURE", "CANCELLED", "ACTION_REQUIRED", "STALE"})


def repository_path(repository: Repository, now: Epoch) -> str:
    """`/owner/name` under the present name."""
    return f"/{repository.full_name(now)}"


def commit_path(commit: Commit, now: Epoch) -> str:
    return f"{repository_path(commit.repository, now)}/commit/{commit.oid}"


def latest_statuses(commit: Commit, now: Epoch) -> list[StatusContext]:
    """The newest status of each context."""
    newest: dict[str, StatusContext] = {}
    for status in commit.statuses:
        if status.created_at <= now:
            newest[status.context] = status
    return list(newest.values())


def combined_state(statuses: list[StatusContext]) -> str:
    """Failure if any failed, pending if any is pending or there is none, else success."""
    states = {status.state for status in statuses}
    if states & {"ERROR", "FAILURE"}:
        return "FAILURE"
    return "SUCCESS" if states == {"SUCCESS"} else "PENDING"


@dataclass(slots=True, eq=False)
class CommitStatus:
    """`Commit.status`: the statuses of a commit taken together."""

    typename: ClassVar[str] = "Status"
    commit: Commit
    contexts: list[StatusContext]

    @property
    def node_id(self) -> str:
        return make_node_id("ST", self.commit.repository.id, self.commit.oid)

    def exists(self, _now: Epoch) -> bool:
        return True


@dataclass(slots=True, eq=False)
class Rollup:
    """`Commit.statusCheckRollup`: the latest run of each check and the latest status of each context."""

    typename: ClassVar[str] = "StatusCheckRollup"
    commit: Commit
    runs: list[CheckRun]
    statuses: list[StatusContext]

    @property
    def node_id(self) -> str:
        return make_node_id("SCR", self.commit.repository.id, self.commit.oid)

    def exists(self, _now: Epoch) -> bool:
        return bool(self.runs or self.statuses)

    def state(self, now: Epoch) -> str:
        ends = {run.conclusion if run.done(now) else None for run in self.runs}
        states = {status.state for status in self.statuses}
        if ends & FAILED or "FAILURE" in states:
            return "FAILURE"
        if "ERROR" in states:
            return "ERROR"
        return "PENDING" if None in ends or "PENDING" in states else "SUCCESS"


def rollup(commit: Commit, now: Epoch) -> Rollup | None:
    """The rollup of a commit, None while it has neither checks nor statuses."""
    newest: dict[tuple[int, str], CheckRun] = {}
    for suite in commit.suites:
        if suite.created_at <= now:
            for run in suite.runs:
                if run.started_at <= now:
                    newest[suite.app.id, run.name] = run
    statuses = latest_statuses(commit, now) if commit.statuses else []
    if not newest and not statuses:
        return None
    return Rollup(commit, list(newest.values()), statuses)


def _suite_runs(suite: CheckSuite, args: dict[str, Any], request: Request) -> Listing:
    runs = suite.visible_runs(request.now)
    wanted = args.get("filterBy") or {}
    if wanted.get("appId") is not None and wanted["appId"] != suite.app.id:
        runs = []
    if wanted.get("checkName") is not None:
        runs = [run for run in runs if run.name == wanted["checkName"]]
    if wanted.get("checkType") != "ALL":
        runs = list({run.name: run for run in runs}.values())
    statuses = wanted.get("statuses") or ([wanted["status"]] if wanted.get("status") else None)
    if statuses:
        runs = [run for run in runs if ("COMPLETED" if run.done(request.now) else "IN_PROGRESS") in statuses]
    if wanted.get("conclusions"):
        runs = [run for run in runs if run.done(request.now) and run.conclusion in wanted["conclusions"]]
    return Listing(runs)


def _suite_path(suite: CheckSuite, now: Epoch) -> str:
    return f"{commit_path(suite.commit, now)}/checks?check_suite_id={suite.id}"


CHECK_SUITE: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "app": attribute("app"),
    "branch": lambda suite, _args, request: existing_branch(suite.commit.repository, suite.branch, request.now),
    "commit": attribute("commit"),
    "status": lambda suite, _args, request: (
        "COMPLETED" if suite.completed_at(request.now) is not None else "IN_PROGRESS" if suite.runs else "QUEUED"
    ),
    "conclusion": lambda suite, _args, request: suite.conclusion(request.now),
    "createdAt": instant("created_at"),
    "updatedAt": lambda suite, _args, request: iso(suite.completed_at(request.now) or suite.created_at),
    "checkRuns": connection("checkRuns", _suite_runs),
    "repository": lambda suite, _args, _request: suite.commit.repository,
    "url": lambda suite, _args, request: web(_suite_path(suite, request.now)),
    "resourcePath": lambda suite, _args, request: _suite_path(suite, request.now),
}


def _run_path(run: CheckRun, now: Epoch) -> str:
    return f"{repository_path(run.suite.commit.repository, now)}/runs/{run.id}"


def _required(name: str, commit: Commit, args: dict[str, Any], request: Request) -> bool:
    """Whether a check is required by the rules of the base branch of a pull request."""
    wanted_id, wanted_number = args.get("pullRequestId"), args.get("pullRequestNumber")
    if wanted_id is None and wanted_number is None:
        raise Refused("Either pullRequestId or pullRequestNumber has to be given.", kind="INVALID_ARGUMENT")
    for pull in (*commit.proposed_in, commit.introduced_by):
        if pull is not None and (pull.node_id == wanted_id or pull.number == wanted_number):
            return name in required_checks(pull.repository, pull.base.at(request.now), request.now)
    raise Refused("The pull request does not contain this commit.", kind="NOT_FOUND")


CHECK_RUN: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "name": attribute("name"),
    "status": lambda run, _args, request: "COMPLETED" if run.done(request.now) else "IN_PROGRESS",
    "conclusion": lambda run, _args, request: run.conclusion if run.done(request.now) else None,
    "startedAt": instant("started_at"),
    "completedAt": lambda run, _args, request: iso(run.completed_at) if run.done(request.now) else None,
    "detailsUrl": lambda run, _args, request: web(_run_path(run, request.now)),
    "externalId": constant(""),
    "permalink": lambda run, _args, request: web(_run_path(run, request.now)),
    "url": lambda run, _args, request: web(_run_path(run, request.now)),
    "resourcePath": lambda run, _args, request: _run_path(run, request.now),
    "title": constant(None),
    "summary": constant(None),
    "text": constant(None),
    "checkSuite": attribute("suite"),
    "repository": lambda run, _args, _request: run.suite.commit.repository,
    "isRequired": lambda run, args, request: _required(run.name, run.suite.commit, args, request),
}


def _find_context(status: CommitStatus, args: dict[str, Any], _request: Request) -> StatusContext | None:
    return next((one for one in status.contexts if one.context == args["name"]), None)


def _combined_contexts(status: CommitStatus, _args: dict[str, Any], request: Request) -> Listing:
    whole = rollup(status.commit, request.now)
    return Listing([*whole.runs, *whole.statuses] if whole else [])


STATUS: Fields = {
    "id": node_id,
    "commit": attribute("commit"),
    "contexts": attribute("contexts"),
    "context": _find_context,
    "combinedContexts": connection("combinedContexts", _combined_contexts),
    "state": lambda status, _args, _request: combined_state(status.contexts),
}


STATUS_CONTEXT: Fields = {
    "id": node_id,
    "context": attribute("context"),
    "state": attribute("state"),
    "description": attribute("description"),
    "targetUrl": attribute("target_url"),
    "createdAt": instant("created_at"),
    "creator": actor("creator"),
    "commit": attribute("commit"),
    "avatarUrl": lambda status, _args, _request: web(f"/avatars/{status.creator.login}"),
    "isRequired": lambda status, args, request: _required(status.context, status.commit, args, request),
}


ROLLUP: Fields = {
    "id": node_id,
    "commit": attribute("commit"),
    "state": lambda whole, _args, request: whole.state(request.now),
    "contexts": connection("contexts", lambda whole, _args, _request: Listing([*whole.runs, *whole.statuses])),
}


def existing_branch(repository: Repository, name: str | None, now: Epoch) -> Branch | None:
    """The branch of a name, if it exists now."""
    branch = repository.branches.get(name) if name else None
    return branch if branch is not None and branch.tip(now) is not None else None
