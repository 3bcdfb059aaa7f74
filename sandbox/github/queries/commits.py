"""Commits, their checks and statuses, branches and deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.github.access import Request
from sandbox.github.errors import Refused
from sandbox.github.graph import ancestors
from sandbox.github.model import (
    Commit,
    PullRequest,
)
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import CommitStatus, commit_path, latest_statuses, rollup
from sandbox.github.queries.deployments import deployments
from sandbox.github.queries.fields import (
    Fields,
    attribute,
    connection,
    constant,
    node_id,
    web,
)
from sandbox.github.times import Epoch, iso, parse


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


def _status(commit: Commit, _args: dict[str, Any], request: Request) -> CommitStatus | None:
    statuses = latest_statuses(commit, request.now)
    return CommitStatus(commit, statuses) if statuses else None


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
    "url": lambda commit, _args, request: web(commit_path(commit, request.now)),
    "resourcePath": lambda commit, _args, request: commit_path(commit, request.now),
    "commitUrl": lambda commit, _args, request: web(commit_path(commit, request.now)),
    "commitResourcePath": lambda commit, _args, request: commit_path(commit, request.now),
}
