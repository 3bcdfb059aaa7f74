"""Repositories, their branches, people, keys and environments."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import PERMISSIONS, Request, permission_of
from sandbox.github.errors import Refused
from sandbox.github.model import (
    Account,
    Commit,
    Environment,
    PullRequest,
    Repository,
    during,
)
from sandbox.github.nodeids import node_id as make_node_id
from sandbox.github.paging import Listing
from sandbox.github.queries.checks import existing_branch
from sandbox.github.queries.deployments import repository_deployments
from sandbox.github.queries.fields import (
    EDGE,
    Fields,
    attribute,
    connection,
    constant,
    instant,
    node_id,
    web,
)
from sandbox.github.queries.pulls import pull_listing
from sandbox.github.queries.rules import branch_rules, ruleset_by_number, rulesets
from sandbox.github.queries.security import ALERTS, Blob, codeowners, file_at
from sandbox.github.queries.timelines import merge_queue
from sandbox.github.rules import protection_of
from sandbox.github.times import ALWAYS, Epoch, iso, iso_or_none

GRAPHQL_PERMISSION = {"pull": "READ", "triage": "TRIAGE", "push": "WRITE", "maintain": "MAINTAIN", "admin": "ADMIN"}


def updated_at(repository: Repository, now: Epoch) -> Epoch:
    """When the repository itself was last changed."""
    moments = [repository.created_at]
    moments.extend(at for at, _ in repository.name.changes() if at <= now)
    moments.extend(at for at, _ in repository.archived.changes() if at <= now)
    moments.extend(at for at, _ in repository.topics.changes() if at <= now)
    return max(max(moments), repository.pushed_at(now))


class RepositoryTopic:
    """A topic on a repository."""

    typename = "RepositoryTopic"
    __slots__ = ("name", "repository")

    def __init__(self, repository: Repository, name: str) -> None:
        self.repository = repository
        self.name = name

    @property
    def node_id(self) -> str:
        return make_node_id("RT", self.repository.id, self.name)


REPOSITORY_TOPIC: Fields = {
    "id": node_id,
    "topic": attribute("name"),
    "url": lambda topic, _args, _request: web(f"/topics/{topic.name}"),
    "resourcePath": lambda topic, _args, _request: f"/topics/{topic.name}",
}


TOPIC: Fields = {
    "id": lambda name, _args, _request: make_node_id("TP", name),
    "name": lambda name, _args, _request: name,
}


def collaborators(repository: Repository, now: Epoch, affiliation: str) -> list[tuple[Account, str]]:
    """People with access and their highest permission. `affiliation`: all, direct or outside."""
    organisation = repository.organisation
    people: dict[int, Account] = {}
    for span, account, _ in repository.collaborators:
        if during([span], now):
            people[account.id] = account
    if affiliation == "all":
        for member in organisation.current_members(now):
            people[member.account.id] = member.account
        for team in organisation.teams:
            for span, account, _ in team.members:
                if during([span], now):
                    people[account.id] = account
    found: list[tuple[Account, str]] = []
    for account in people.values():
        if affiliation == "outside" and organisation.membership(account, now) is not None:
            continue
        permission = permission_of(account, repository, now)
        if permission is not None:
            found.append((account, permission))
    return found


def _collaborators(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    affiliation = (args.get("affiliation") or "ALL").lower()
    found = collaborators(repository, request.now, affiliation)
    if args.get("login") is not None:
        found = [pair for pair in found if pair[0].login.lower() == args["login"].lower()]
    return Listing(found, node=lambda pair: pair[0])


_collaborator_connection = connection("collaborators", _collaborators)


def _collaborators_or_refusal(repository: Repository, args: dict[str, Any], request: Request) -> Any:
    """Only those who can push, and apps that may read the administration, may see who has access."""
    permission = request.viewer.permission(repository, request.now)
    may = permission is not None and PERMISSIONS.index(permission) >= PERMISSIONS.index("push")
    if not may and not request.viewer.administers(repository, "read", request.now):
        raise Refused("You do not have permission to view repository collaborators.", kind="FORBIDDEN")
    return _collaborator_connection(repository, args, request)


COLLABORATOR_EDGE: Fields = {
    **EDGE,
    "permission": lambda edge, _args, _request: GRAPHQL_PERMISSION[edge.item[1]],
}


def _object(repository: Repository, args: dict[str, Any], request: Request) -> Commit | Blob | None:
    oid, expression = args.get("oid"), args.get("expression")
    if oid is None:
        if expression is None:
            raise Refused("An oid or an expression has to be given.", kind="INVALID_ARGUMENT")
        revision, colon, path = expression.partition(":")
        if colon:
            default = repository.default_branch.at(request.now)
            known = existing_branch(repository, default, request.now) is not None
            named = revision.removeprefix("refs/heads/") in ("HEAD", default)
            return file_at(repository, path, request.now) if known and named else None
        branch = existing_branch(repository, expression.removeprefix("refs/heads/"), request.now)
        oid = expression if branch is None else branch.tip(request.now)
    commit = repository.commits.get(oid or "")
    return commit if commit is not None and commit.exists(request.now) else None


def _ref(repository: Repository, args: dict[str, Any], request: Request) -> Any:
    return existing_branch(repository, args["qualifiedName"].removeprefix("refs/heads/"), request.now)


def _refs(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    prefix = args["refPrefix"]
    if not prefix.startswith("refs/heads/"):
        return Listing([])
    below = prefix.removeprefix("refs/heads/")
    found = [
        branch
        for name, branch in sorted(repository.branches.items())
        if name.startswith(below)
        and (args.get("query") or "").lower() in name.lower()
        and branch.tip(request.now) is not None
    ]
    direction = (args.get("orderBy") or {}).get("direction") or args.get("direction")
    return Listing(found[::-1] if direction == "DESC" else found)


def _pull(repository: Repository, args: dict[str, Any], request: Request) -> PullRequest:
    pull = repository.pull_by_number.get(args["number"])
    if pull is None or pull.created_at > request.now:
        raise Refused(f"Could not resolve to a PullRequest with the number of {args['number']}.", kind="NOT_FOUND")
    return pull


def _issue(repository: Repository, args: dict[str, Any], request: Request) -> Any:
    issue = repository.issues.get(args["number"])
    if issue is None or issue.created_at > request.now:
        raise Refused(f"Could not resolve to an Issue with the number of {args['number']}.", kind="NOT_FOUND")
    return issue


def _issues(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    found = [issue for issue in repository.issues.values() if issue.created_at <= now]
    if args.get("states") is not None:
        found = [one for one in found if ("OPEN" if one.closed_since(now) is None else "CLOSED") in args["states"]]
    if args.get("labels") is not None:
        wanted = {name.lower() for name in args["labels"]}
        found = [one for one in found if any(label.name.lower() in wanted for label in one.labels_at(now))]
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    sign = -1 if order["direction"] == "DESC" else 1

    def moment(issue: Any) -> Epoch:
        return issue.updated_at(now) if order["field"] == "UPDATED_AT" else issue.created_at

    found.sort(key=lambda one: (sign * moment(one), sign * one.number))
    return Listing(found, keys=[(sign * moment(one), sign * one.number) for one in found])


def _environments(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    names = args.get("names")
    found = [one for one in repository.environments if one.exists(request.now) and (not names or one.name in names)]
    return Listing(sorted(found, key=lambda one: one.name))


def _viewer_permission(repository: Repository, _args: dict[str, Any], request: Request) -> str | None:
    if request.viewer.installation is not None:
        return None  # as GitHub's own description of the field says
    permission = request.viewer.permission(repository, request.now)
    return GRAPHQL_PERMISSION[permission] if permission else None


def _deploy_keys(repository: Repository, _args: dict[str, Any], request: Request) -> Listing:
    if not request.viewer.administers(repository, "read", request.now):
        return Listing([])
    return Listing([one for one in repository.deploy_keys if one.exists(request.now)])


def _protections(repository: Repository, _args: dict[str, Any], request: Request) -> Listing:
    if not request.viewer.administers(repository, "read", request.now):
        return Listing([])
    return Listing([one for one in repository.protections if one.exists(request.now)])


def _queue(repository: Repository, args: dict[str, Any], request: Request) -> Any:
    branch = args.get("branch") or repository.default_branch.at(request.now)
    return merge_queue(repository, branch, request.now)


def _archived_at(repository: Repository, _args: dict[str, Any], request: Request) -> str | None:
    since = repository.archived.since(request.now)
    if not repository.archived.at(request.now):
        return None
    return iso_or_none(repository.created_at if since == ALWAYS else since)


REPOSITORY: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "name": lambda source, _args, request: source.name.at(request.now),
    "nameWithOwner": lambda source, _args, request: source.full_name(request.now),
    "description": attribute("description"),
    "createdAt": instant("created_at"),
    "updatedAt": lambda source, _args, request: iso(updated_at(source, request.now)),
    "pushedAt": lambda source, _args, request: iso(source.pushed_at(request.now)),
    "archivedAt": _archived_at,
    "url": lambda source, _args, request: web(f"/{source.full_name(request.now)}"),
    "resourcePath": lambda source, _args, request: f"/{source.full_name(request.now)}",
    "owner": attribute("organisation"),
    "visibility": lambda source, _args, _request: source.visibility.upper(),
    "isArchived": lambda source, _args, request: source.archived.at(request.now),
    "isPrivate": lambda source, _args, _request: source.visibility != "public",
    "isFork": attribute("fork"),
    "isTemplate": constant(False),
    "isDisabled": constant(False),
    "isEmpty": lambda source, _args, request: not any(one.exists(request.now) for one in source.branches.values()),
    "isLocked": constant(False),
    "isMirror": constant(False),
    "isInOrganization": constant(True),
    "homepageUrl": constant(None),
    "defaultBranchRef": lambda source, _args, request: existing_branch(
        source, source.default_branch.at(request.now), request.now
    ),
    "object": _object,
    "ref": _ref,
    "refs": connection("refs", _refs),
    "pullRequest": _pull,
    "pullRequests": connection("pullRequests", pull_listing),
    "issue": _issue,
    "issues": connection("issues", _issues),
    "deployments": connection("deployments", repository_deployments),
    "environments": connection("environments", _environments),
    "environment": lambda source, args, request: next(
        (one for one in source.environments if one.exists(request.now) and one.name == args["name"]), None
    ),
    "rulesets": connection("rulesets", rulesets),
    "ruleset": ruleset_by_number,
    "branchProtectionRules": connection("branchProtectionRules", _protections),
    "collaborators": _collaborators_or_refusal,
    "deployKeys": connection("deployKeys", _deploy_keys),
    "repositoryTopics": connection(
        "repositoryTopics",
        lambda source, _args, request: Listing(
            [RepositoryTopic(source, name) for name in source.topics.at(request.now)]
        ),
    ),
    "labels": connection(
        "labels",
        lambda source, _args, request: Listing(
            [label for label in source.labels.values() if label.created_at <= request.now]
        ),
    ),
    "deleteBranchOnMerge": constant(True),
    "mergeCommitAllowed": constant(False),
    "rebaseMergeAllowed": constant(True),
    "squashMergeAllowed": constant(True),
    "autoMergeAllowed": constant(True),
    "allowUpdateBranch": constant(True),
    "forkingAllowed": constant(False),
    "hasIssuesEnabled": constant(True),
    "hasVulnerabilityAlertsEnabled": lambda source, _args, request: (
        source.security.at(request.now).get("vulnerability_alerts") == "enabled"
    ),
    "vulnerabilityAlerts": ALERTS,
    "codeowners": codeowners,
    "webCommitSignoffRequired": constant(False),
    "viewerPermission": _viewer_permission,
    "viewerCanAdminister": lambda source, _args, request: request.viewer.administers(source, "read", request.now),
    "mergeQueue": _queue,
}


REF: Fields = {
    "id": node_id,
    "name": attribute("name"),
    "prefix": constant("refs/heads/"),
    "repository": attribute("repository"),
    "target": lambda branch, _args, request: branch.repository.commits[branch.tip(request.now)],
    "branchProtectionRule": lambda branch, _args, request: (
        found[0]
        if (found := protection_of(branch.repository, branch.name, request.now))
        and request.viewer.administers(branch.repository, "read", request.now)
        else None
    ),
    "associatedPullRequests": connection(
        "associatedPullRequests",
        lambda branch, args, request: pull_listing(
            branch.repository, {**args, "headRefName": args.get("headRefName") or branch.name}, request
        ),
    ),
    "rules": connection("rules", branch_rules),
}


DEPLOY_KEY: Fields = {
    "id": node_id,
    "title": attribute("title"),
    "key": attribute("key"),
    "readOnly": attribute("read_only"),
    "verified": constant(True),
    "enabled": constant(True),
    "createdAt": instant("created_at"),
}


def _gates(environment: Environment, _args: dict[str, Any], _request: Request) -> Listing:
    gates: list[tuple[Environment, str]] = []
    if environment.wait_minutes:
        gates.append((environment, "WAIT_TIMER"))
    if environment.reviewers:
        gates.append((environment, "REQUIRED_REVIEWERS"))
    if environment.protected_branches or environment.branch_patterns:
        gates.append((environment, "BRANCH_POLICY"))
    return Listing(gates)


ENVIRONMENT: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "name": attribute("name"),
    "protectionRules": connection("protectionRules", _gates),
}


ENVIRONMENT_GATE: Fields = {
    "databaseId": lambda gate, _args, _request: gate[0].id,
    "type": lambda gate, _args, _request: gate[1],
    "timeout": lambda gate, _args, _request: gate[0].wait_minutes if gate[1] == "WAIT_TIMER" else 0,
    "preventSelfReview": lambda gate, _args, _request: (
        gate[0].prevent_self_review if gate[1] == "REQUIRED_REVIEWERS" else None
    ),
    "reviewers": connection(
        "reviewers",
        lambda gate, _args, _request: Listing(gate[0].reviewers if gate[1] == "REQUIRED_REVIEWERS" else []),
    ),
}
