"""The query root and the table of every resolver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from sandbox.github.access import Request
from sandbox.github.errors import Refused
from sandbox.github.execution import Resolver
from sandbox.github.model import Account, Commit, Repository
from sandbox.github.queries import (
    actors,
    checks,
    commits,
    deployments,
    issues,
    organisations,
    pulls,
    repositories,
    rules,
    security,
    timelines,
)
from sandbox.github.queries.fields import CONNECTION, EDGE, PAGE_INFO, Fields, attribute, constant

MOST_NODE_IDS = 100


def repository_of(node: Any) -> Repository | None:
    """The repository that a node belongs to, whose visibility decides about the node's."""
    if isinstance(node, Repository):
        return node
    for name in ("repository", "pull", "commit", "suite", "deployment"):
        below = getattr(node, name, None)
        if below is not None:
            return repository_of(below)
    owner = getattr(node, "owner", None)
    return owner if isinstance(owner, Repository) else None


def find_node(identifier: str, request: Request) -> Any:
    """The node of a global id. Raises Refused when there is none, not yet, no longer, or none for this viewer."""
    node = request.world.nodes.get(identifier)
    if node is None and identifier.startswith(("SCR_", "ST_")):
        node = _derived(identifier, request)
    if node is not None and node.exists(request.now):
        repository = repository_of(node)
        if repository is None or request.viewer.sees(repository, request.now):
            _demand(_NODES_NEED.get(node.typename), request)
            return node
    raise Refused(f"Could not resolve to a node with the global id of '{identifier}'", kind="NOT_FOUND")


def _derived(identifier: str, request: Request) -> Any:
    """Rollups and combined statuses have ids but are not stored: they come from the commit of the same id."""
    prefix, _, rest = identifier.partition("_")
    commit = request.world.nodes.get(f"C_{rest}")
    if not isinstance(commit, Commit):
        return None
    if prefix == "SCR":
        return checks.rollup(commit, request.now)
    statuses = checks.latest_statuses(commit, request.now)
    return checks.CommitStatus(commit, statuses) if statuses else None


def _nodes(_source: Any, args: dict[str, Any], request: Request) -> list[Any]:
    identifiers: list[str] = args["ids"]
    if len(identifiers) > MOST_NODE_IDS:
        raise Refused(
            f"You may not provide more than {MOST_NODE_IDS} node ids; you provided {len(identifiers)}.",
            kind="ARGUMENT_LIMIT",
        )
    found: list[Any] = []
    for identifier in identifiers:
        try:
            found.append(find_node(identifier, request))
        except Refused as refusal:
            found.append(refusal)
    return found


def _repository(_source: Any, args: dict[str, Any], request: Request) -> Repository:
    found = request.world.find_repository(args["owner"], args["name"], request.now, renames=args["followRenames"])
    if found is None or not request.viewer.sees(found[0], request.now):
        name = f"{args['owner']}/{args['name']}"
        raise Refused(f"Could not resolve to a Repository with the name '{name}'.", kind="NOT_FOUND")
    return found[0]


def _organisation(_source: Any, args: dict[str, Any], request: Request) -> Any:
    found = request.world.organisations.get(args["login"].lower())
    if found is None or not found.exists(request.now):
        raise Refused(f"Could not resolve to an Organization with the login of '{args['login']}'.", kind="NOT_FOUND")
    return found


def _user(_source: Any, args: dict[str, Any], request: Request) -> Account:
    found = request.world.accounts.get(args["login"].lower())
    if found is None or found.kind != "User" or not found.exists(request.now):
        raise Refused(f"Could not resolve to a User with the login of '{args['login']}'.", kind="NOT_FOUND")
    return found


def _viewer(_source: Any, _args: dict[str, Any], request: Request) -> Account:
    viewer = request.viewer
    if viewer.installation is not None and viewer.installation.app.bot is not None:
        return viewer.installation.app.bot
    if viewer.account is None:
        raise Refused("Resource not accessible by integration", kind="FORBIDDEN")
    return viewer.account


def _rate_limit(_source: Any, _args: dict[str, Any], request: Request) -> Any:
    return request.spending


QUERY: Fields = {
    "node": lambda _source, args, request: find_node(args["id"], request),
    "nodes": _nodes,
    "organization": _organisation,
    "rateLimit": _rate_limit,
    "repository": _repository,
    "user": _user,
    "viewer": _viewer,
}
RATE_LIMIT: Fields = {name: rules.key(name) for name in ("cost", "limit", "nodeCount", "remaining", "resetAt", "used")}
_NEVER_MADE = ("id", "login", "createdAt", "updatedAt", "url", "resourcePath", "avatarUrl")
"""Fields of actors that no simulated company has, but that queries may ask for."""

RESOLVERS: Mapping[str, Fields] = {
    "Query": QUERY,
    "RateLimit": RATE_LIMIT,
    "PageInfo": PAGE_INFO,
    "User": actors.USER,
    "Bot": actors.BOT,
    "Mannequin": dict.fromkeys((*_NEVER_MADE, "databaseId", "email"), constant(None)),
    "EnterpriseUserAccount": dict.fromkeys((*_NEVER_MADE, "name"), constant(None)),
    "App": actors.APP,
    "GitActor": actors.GIT_ACTOR,
    "GpgSignature": commits.GPG_SIGNATURE,
    "Commit": commits.COMMIT,
    "CheckSuite": checks.CHECK_SUITE,
    "CheckRun": checks.CHECK_RUN,
    "Status": checks.STATUS,
    "StatusContext": checks.STATUS_CONTEXT,
    "StatusCheckRollup": checks.ROLLUP,
    "StatusCheckRollupContextConnection": {
        **CONNECTION,
        "checkRunCount": lambda page, _args, _request: sum(
            1 for item in page.listing.items if item.typename == "CheckRun"
        ),
        "statusContextCount": lambda page, _args, _request: sum(
            1 for item in page.listing.items if item.typename == "StatusContext"
        ),
    },
    "Deployment": deployments.DEPLOYMENT,
    "DeploymentStatus": deployments.DEPLOYMENT_STATUS,
    "PullRequest": pulls.PULL_REQUEST,
    "PullRequestCommit": pulls.PULL_REQUEST_COMMIT,
    "PullRequestReview": pulls.PULL_REQUEST_REVIEW,
    "PullRequestTimelineItemsConnection": {**CONNECTION, **timelines.TIMELINE_CONNECTION},
    **timelines.TIMELINE,
    "AutoMergeRequest": timelines.AUTO_MERGE_REQUEST,
    "MergeQueue": timelines.MERGE_QUEUE,
    "MergeQueueEntry": timelines.QUEUE_ENTRY,
    "Label": issues.LABEL,
    "Issue": issues.ISSUE,
    "IssueTimelineItemsConnection": issues.TIMELINE_CONNECTION,
    **issues.TIMELINE,
    "Blob": security.BLOB,
    "OrganizationIdentityProvider": security.IDENTITY_PROVIDER,
    "RepositoryCodeowners": security.CODEOWNERS,
    "RepositoryCodeownersError": security.CODEOWNERS_ERROR,
    "RepositoryVulnerabilityAlert": security.ALERT,
    "Organization": organisations.ORGANISATION,
    "OrganizationMemberEdge": organisations.MEMBER_EDGE,
    "Team": organisations.TEAM,
    "TeamMemberEdge": organisations.TEAM_MEMBER_EDGE,
    "TeamRepositoryEdge": organisations.TEAM_REPOSITORY_EDGE,
    "Repository": repositories.REPOSITORY,
    "RepositoryTopic": repositories.REPOSITORY_TOPIC,
    "Topic": repositories.TOPIC,
    "RepositoryCollaboratorEdge": repositories.COLLABORATOR_EDGE,
    "Ref": repositories.REF,
    "DeployKey": repositories.DEPLOY_KEY,
    "Environment": repositories.ENVIRONMENT,
    "DeploymentProtectionRule": repositories.ENVIRONMENT_GATE,
    "RepositoryRuleset": rules.RULESET,
    "RepositoryRule": rules.RULE,
    "RepositoryRuleConditions": rules.CONDITIONS,
    "RefNameConditionTarget": rules.REF_NAMES,
    "RepositoryNameConditionTarget": rules.REPOSITORY_NAMES,
    "RepositoryIdConditionTarget": rules.REPOSITORY_IDS,
    **rules.PARAMETERS,
    "RepositoryRulesetBypassActor": rules.BYPASS_ACTOR,
    "BranchProtectionRule": rules.PROTECTION,
    "BypassPullRequestAllowance": rules.ALLOWANCE,
    "BypassForcePushAllowance": rules.ALLOWANCE,
    "RequiredStatusCheckDescription": rules.CHECK_DESCRIPTION,
}


_NEEDS: Mapping[str, Mapping[str, str]] = {
    "Repository": {
        "pullRequests": "pull_requests",
        "pullRequest": "pull_requests",
        "deployments": "deployments",
        "issues": "issues",
        "vulnerabilityAlerts": "vulnerability_alerts",
        "codeowners": "contents",
        "issue": "issues",
        "object": "contents",
        "ref": "contents",
        "refs": "contents",
        "defaultBranchRef": "contents",
        "environments": "actions",
        "environment": "actions",
        "deployKeys": "administration",
        "branchProtectionRules": "administration",
    },
    "Commit": {
        "checkSuites": "checks",
        "statusCheckRollup": "checks",
        "status": "statuses",
        "deployments": "deployments",
        "associatedPullRequests": "pull_requests",
    },
    "PullRequest": {"statusCheckRollup": "checks"},
    "Organization": {"membersWithRole": "members", "teams": "members", "team": "members"},
}
"""Permissions that an installation needs for fields."""

_NODES_NEED = {
    "PullRequest": "pull_requests",
    "PullRequestReview": "pull_requests",
    "Commit": "contents",
    "Ref": "contents",
    "Deployment": "deployments",
    "Issue": "issues",
    "RepositoryVulnerabilityAlert": "vulnerability_alerts",
    "CheckSuite": "checks",
    "CheckRun": "checks",
    "StatusCheckRollup": "checks",
    "DeployKey": "administration",
    "Team": "members",
}


def _demand(permission: str | None, request: Request) -> None:
    if permission is not None and not request.viewer.granted(permission, "read", request.now):
        raise Refused("Resource not accessible by integration", kind="FORBIDDEN")


def _guarded(resolver: Resolver, permission: str) -> Resolver:
    def resolve(source: Any, args: dict[str, Any], request: Request) -> Any:
        _demand(permission, request)
        return resolver(source, args, request)

    return resolve


def resolvers_for(schema: GraphQLSchema) -> dict[str, dict[str, Resolver]]:
    """A resolver for every field of the schema. Raises TypeError when one is missing or has no field."""
    table: dict[str, dict[str, Resolver]] = {}
    missing: list[str] = []
    for name, type_ in schema.type_map.items():
        if name.startswith("__") or not isinstance(type_, GraphQLObjectType):
            if name in RESOLVERS and not isinstance(type_, GraphQLInterfaceType):
                missing.append(f"{name} is no object type")
            continue
        fields = RESOLVERS.get(name)
        if fields is None and name.endswith("Connection"):
            fields = CONNECTION
        elif fields is None and name.endswith("Edge"):
            fields = EDGE
        table[name] = {}
        for field in type_.fields:
            resolver = (fields or {}).get(field)
            if resolver is None:
                missing.append(f"{name}.{field} has no resolver")
            else:
                needed = _NEEDS.get(name, {}).get(field)
                table[name][field] = resolver if needed is None else _guarded(resolver, needed)
        missing.extend(f"{name}.{field} is not in the schema" for field in fields or {} if field not in type_.fields)
    missing.extend(f"{name} is not in the schema" for name in RESOLVERS if name not in schema.type_map)
    if missing:
        raise TypeError("resolvers and schema differ: " + "; ".join(missing))
    return table


__all__ = ["MOST_NODE_IDS", "RESOLVERS", "attribute", "find_node", "repository_of", "resolvers_for"]
