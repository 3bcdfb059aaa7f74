"""Commits, their checks and statuses, branches and deployments."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.github.access import Request
from sandbox.github.errors import Refused
from sandbox.github.graph import ancestors
from sandbox.github.model import (
    Branch,
    CheckRun,
    CheckSuite,
    Commit,
    Deployment,
    PullRequest,
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
    kept,
    node_id,
    web,
)
from sandbox.github.rules import required_checks
from sandbox.github.times import Epoch, iso, parse

FAILED = frozenset({"FAILURE", "TIMED_OUT", "STARTUP_FAILURE", "CANCELLED", "ACTION_REQUIRED", "STALE"})


def repository_path(repository: Repository, now: Epoch) -> str:
    """`/owner/name` under the present name."""
    return f"/{repository.full_name(now)}"


def _commit_path(commit: Commit, now: Epoch) -> str:
    return f"{repository_path(commit.repository, now)}/commit/{commit.oid}"


def _authors(commit: Commit, _args: dict[str, Any], _request: Request) -> Listing:
    return Listing((commit.author, *commit.co_authors))


def _parents(commit: Commit, _args: dict[str, Any], _request: Request) -> Listing:
    commits = commit.repository.commits
    return Listing([commits[oid] for oid in commit.parents])


def _moment(text: str) -> Epoch:
    try:
        return parse(text)
    except ValueError:
        raise Refused(f"`{text}` is not a valid GitTimestamp.", kind="INVALID_ARGUMENT") from None


def _history(commit: Commit, args: dict[str, Any], _request: Request) -> Listing:
    """All ancestors. `since` and `until` go by the committer date, which clients set, exactly as at GitHub: a commit
    that entered the branch in the interval under a date outside of it is not in the answer."""
    line = ancestors(commit.repository, commit.oid)
    since, until = args.get("since"), args.get("until")
    if since is not None:
        bound = _moment(since)
        line = [one for one in line if one.committer.at >= bound]
    if until is not None:
        bound = _moment(until)
        line = [one for one in line if one.committer.at <= bound]
    return Listing(line, anchor=commit.oid)


def associated_pulls(commit: Commit, now: Epoch) -> list[PullRequest]:
    """The merged pull request that brought the commit in; those proposing it while it is on no base branch."""
    owner = commit.introduced_by
    if owner is not None and owner.merged_at <= now:
        return [owner]
    return [pull for pull in commit.proposed_in if pull.created_at <= now]


def _associated(commit: Commit, args: dict[str, Any], request: Request) -> Listing:
    pulls = associated_pulls(commit, request.now)
    order = args["orderBy"]
    if len(pulls) > 1:
        by_update = order["field"] == "UPDATED_AT"
        pulls.sort(
            key=lambda pull: pull.updated_at(request.now) if by_update else pull.created_at,
            reverse=order["direction"] == "DESC",
        )
    return Listing(pulls)


def _suites(commit: Commit, args: dict[str, Any], request: Request) -> Listing:
    suites = [suite for suite in commit.suites if suite.created_at <= request.now]
    wanted = args.get("filterBy") or {}
    if wanted.get("appId") is not None:
        suites = [suite for suite in suites if suite.app.id == wanted["appId"]]
    if wanted.get("checkName") is not None:
        suites = [suite for suite in suites if any(run.name == wanted["checkName"] for run in suite.runs)]
    return Listing(suites)


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


def _status(commit: Commit, _args: dict[str, Any], request: Request) -> CommitStatus | None:
    statuses = latest_statuses(commit, request.now)
    return CommitStatus(commit, statuses) if statuses else None


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


def _signature(commit: Commit, _args: dict[str, Any], _request: Request) -> GpgSignature | None:
    return GpgSignature(commit) if commit.signed else None


@dataclass(slots=True, eq=False)
class GpgSignature:
    """`Commit.signature` of a signed commit."""

    typename: ClassVar[str] = "GpgSignature"
    commit: Commit


GPG_SIGNATURE: Fields = {
    "email": lambda source, _args, _request: source.commit.committer.email,
    "isValid": constant(True),
    "keyId": constant("B5690EEEBB952194"),
    "signer": lambda source, _args, request: (
        account
        if (account := source.commit.committer.account) and account.kind == "User" and account.exists(request.now)
        else None
    ),
    "state": constant("VALID"),
    "wasSignedByGitHub": lambda source, _args, _request: source.commit.web,
}

COMMIT: Fields = {
    "id": node_id,
    "oid": attribute("oid"),
    "abbreviatedOid": lambda commit, _args, _request: commit.oid[:7],
    "message": attribute("message"),
    "messageHeadline": attribute("headline"),
    "messageBody": attribute("rest_of_message"),
    "authoredDate": lambda commit, _args, _request: iso(commit.author.at),
    "committedDate": lambda commit, _args, _request: iso(commit.committer.at),
    "pushedDate": constant(None),  # the official schema: no longer supported, always null
    "committedViaWeb": attribute("web"),
    "authoredByCommitter": lambda commit, _args, _request: commit.author.email == commit.committer.email,
    "author": attribute("author"),
    "committer": attribute("committer"),
    "authors": connection("authors", _authors),
    "parents": connection("parents", _parents),
    "history": connection("history", _history),
    "associatedPullRequests": connection("associatedPullRequests", _associated),
    "checkSuites": connection("checkSuites", _suites),
    "status": _status,
    "statusCheckRollup": lambda commit, _args, request: rollup(commit, request.now),
    "deployments": connection(
        "deployments", lambda commit, args, request: deployments(commit.deployments, args, request)
    ),
    "repository": attribute("repository"),
    "signature": _signature,
    "url": lambda commit, _args, request: web(_commit_path(commit, request.now)),
    "resourcePath": lambda commit, _args, request: _commit_path(commit, request.now),
    "commitUrl": lambda commit, _args, request: web(_commit_path(commit, request.now)),
    "commitResourcePath": lambda commit, _args, request: _commit_path(commit, request.now),
}


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
    return f"{_commit_path(suite.commit, now)}/checks?check_suite_id={suite.id}"


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


def deployment_state(deployment: Deployment, now: Epoch) -> str:
    """`DeploymentState`, which calls a success active until an `inactive` status follows it."""
    latest = deployment.latest(now)
    if latest is None:
        return "PENDING"
    return "ACTIVE" if latest.state == "SUCCESS" else latest.state


def deployments(every: list[Deployment], args: dict[str, Any], request: Request) -> Listing:
    """Deployments by creation, of the environments that are asked for."""
    now = request.now
    found = every[: bisect_right(every, now, key=lambda one: one.created_at)]
    wanted = args.get("environments")
    if wanted:
        found = [one for one in found if one.environment in wanted]
    sign = 1
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        found = found[::-1]
        sign = -1
    return Listing(found, keys=[(sign * one.created_at, sign * one.id) for one in found])


def repository_deployments(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    """As `deployments`, for a whole repository, kept until the repository changes."""
    direction = (args.get("orderBy") or {}).get("direction")
    key = ("deployments", repository.version(request.now), tuple(args.get("environments") or ()), direction)
    return kept(repository, key, lambda: deployments(repository.deployments, args, request))


DEPLOYMENT: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "environment": attribute("environment"),
    "originalEnvironment": attribute("environment"),
    "latestEnvironment": attribute("environment"),
    "state": lambda source, _args, request: deployment_state(source, request.now),
    "task": constant("deploy"),
    "description": attribute("description"),
    "payload": constant("{}"),
    "ref": lambda source, _args, request: existing_branch(source.repository, source.ref, request.now),
    "commit": lambda source, _args, _request: source.repository.commits.get(source.commit_oid),
    "commitOid": attribute("commit_oid"),
    "creator": attribute("creator"),
    "createdAt": instant("created_at"),
    "updatedAt": lambda source, _args, request: iso(source.updated_at(request.now)),
    "latestStatus": lambda source, _args, request: source.latest(request.now),
    # newest first, as at GitHub
    "statuses": connection(
        "statuses",
        lambda source, _args, request: Listing([one for one in source.statuses if one.at <= request.now][::-1]),
    ),
    "repository": attribute("repository"),
}
DEPLOYMENT_STATUS: Fields = {
    "id": node_id,
    "state": attribute("state"),
    "description": attribute("description"),
    "environment": lambda source, _args, _request: source.deployment.environment,
    "environmentUrl": constant(None),
    "logUrl": constant(None),
    "creator": attribute("creator"),
    "deployment": attribute("deployment"),
    "createdAt": instant("at"),
    "updatedAt": instant("at"),
}
