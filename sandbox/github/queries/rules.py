"""Rulesets and classic branch protection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.github.access import Request
from sandbox.github.model import Account, App, Branch, Organisation, Protection, Repository, Ruleset, Team
from sandbox.github.nodeids import node_id as make_node_id
from sandbox.github.paging import Listing
from sandbox.github.queries.fields import Fields, actor, attribute, connection, constant, node_id
from sandbox.github.rules import effective_rules, matches, protection_of, visible_rulesets
from sandbox.github.times import iso

ROLE_IDS = {1: "read", 2: "write", 3: "triage", 4: "maintain", 5: "admin"}


@dataclass(slots=True, eq=False)
class Rule:
    """One rule of a ruleset, by its place in it."""

    typename: ClassVar[str] = "RepositoryRule"
    ruleset: Ruleset
    index: int
    body: dict[str, Any]

    @property
    def node_id(self) -> str:
        return make_node_id("RRU", self.ruleset.id, self.index)


@dataclass(slots=True, eq=False)
class BypassEntry:
    typename: ClassVar[str] = "RepositoryRulesetBypassActor"
    ruleset: Ruleset
    index: int
    body: dict[str, Any]

    @property
    def node_id(self) -> str:
        return make_node_id("RRBA", self.ruleset.id, self.index)


@dataclass(slots=True, eq=False)
class Parameters:
    """Parameters of a rule under their GraphQL type."""

    typename: str
    body: dict[str, Any]


_PARAMETER_TYPES = {
    "pull_request": "PullRequestParameters",
    "required_status_checks": "RequiredStatusChecksParameters",
    "update": "UpdateParameters",
    "merge_queue": "MergeQueueParameters",
}


def _state(ruleset: Ruleset, request: Request) -> dict[str, Any]:
    version = ruleset.at(request.now)
    if version is None or version.state is None:
        raise LookupError(f"ruleset {ruleset.id} does not exist at that instant")
    return version.state


def _rules(ruleset: Ruleset, args: dict[str, Any], request: Request) -> Listing:
    rules = [Rule(ruleset, index, body) for index, body in enumerate(_state(ruleset, request)["rules"])]
    wanted = args.get("type")
    return Listing([rule for rule in rules if wanted is None or rule.body["type"].upper() == wanted])


def _bypass_actors(ruleset: Ruleset, _args: dict[str, Any], request: Request) -> Listing | None:
    entries = _state(ruleset, request).get("bypass_actors") or []
    return Listing([BypassEntry(ruleset, index, body) for index, body in enumerate(entries)])


def may_see_bypass(ruleset: Ruleset, request: Request) -> bool:
    """Bypass actors are shown to those who may write rulesets."""
    owner = ruleset.owner
    if isinstance(owner, Organisation):
        return request.viewer.owns(owner, request.now)
    return request.viewer.administers(owner, "write", request.now)


_bypass_connection = connection(
    "bypassActors", lambda source, args, request: _bypass_actors(source, args, request) or Listing([])
)


def _bypass(ruleset: Ruleset, args: dict[str, Any], request: Request) -> Any:
    return _bypass_connection(ruleset, args, request) if may_see_bypass(ruleset, request) else None


def rulesets(owner: Organisation | Repository, args: dict[str, Any], request: Request) -> Listing:
    """Rulesets of a repository or an organisation."""
    if isinstance(owner, Repository):
        found = visible_rulesets(owner, request.now, parents=args["includeParents"] is not False)
    else:
        found = [ruleset for ruleset in owner.rulesets if ruleset.exists(request.now)]
    targets = args.get("targets")
    if targets is not None:
        found = [ruleset for ruleset in found if _state(ruleset, request)["target"].upper() in targets]
    return Listing(found)


def ruleset_by_number(owner: Organisation | Repository, args: dict[str, Any], request: Request) -> Ruleset | None:
    """The ruleset of a database id."""
    listing = rulesets(owner, {"includeParents": args["includeParents"]}, request)
    return next((ruleset for ruleset in listing.items if ruleset.id == args["databaseId"]), None)


def _conditions(ruleset: Ruleset, _args: dict[str, Any], request: Request) -> dict[str, Any]:
    return _state(ruleset, request).get("conditions") or {}


def key(name: str, default: Any = None) -> Any:
    """A field that is a key of the same dictionary."""
    return lambda source, _args, _request: source.get(name, default)


def _updated(ruleset: Ruleset, _args: dict[str, Any], request: Request) -> str:
    version = ruleset.at(request.now)
    return iso(version.at if version is not None else ruleset.created_at)


RULESET: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "name": lambda source, _args, request: _state(source, request)["name"],
    "target": lambda source, _args, request: _state(source, request)["target"].upper(),
    "enforcement": lambda source, _args, request: _state(source, request)["enforcement"].upper(),
    "source": attribute("owner"),
    "conditions": _conditions,
    "rules": connection("rules", _rules),
    "bypassActors": _bypass,
    "createdAt": lambda source, _args, _request: iso(source.created_at),
    "updatedAt": _updated,
}
CONDITIONS: Fields = {
    "refName": key("ref_name"),
    "repositoryName": key("repository_name"),
    "repositoryId": key("repository_id"),
}
REF_NAMES: Fields = {"include": key("include", []), "exclude": key("exclude", [])}
REPOSITORY_NAMES: Fields = {**REF_NAMES, "protected": key("protected", False)}


def _repository_node_ids(source: dict[str, Any], _args: dict[str, Any], request: Request) -> list[str]:
    known = request.world.repository_by_id
    return [known[number].node_id for number in source["repository_ids"] if number in known]


REPOSITORY_IDS: Fields = {"repositoryIds": _repository_node_ids}


def _parameters(rule: Rule, _args: dict[str, Any], _request: Request) -> Parameters | None:
    typename = _PARAMETER_TYPES.get(rule.body["type"])
    return Parameters(typename, rule.body["parameters"]) if typename and rule.body.get("parameters") else None


RULE: Fields = {
    "id": node_id,
    "type": lambda rule, _args, _request: rule.body["type"].upper(),
    "parameters": _parameters,
    "repositoryRuleset": attribute("ruleset"),
}


def parameter(name: str) -> Any:
    """A field that is a parameter in the REST body."""
    return lambda source, _args, _request: source.body[name]


PARAMETERS: dict[str, Fields] = {
    "PullRequestParameters": {
        "dismissStaleReviewsOnPush": parameter("dismiss_stale_reviews_on_push"),
        "requireCodeOwnerReview": parameter("require_code_owner_review"),
        "requireLastPushApproval": parameter("require_last_push_approval"),
        "requiredApprovingReviewCount": parameter("required_approving_review_count"),
        "requiredReviewThreadResolution": parameter("required_review_thread_resolution"),
    },
    "RequiredStatusChecksParameters": {
        "requiredStatusChecks": parameter("required_status_checks"),
        "strictRequiredStatusChecksPolicy": parameter("strict_required_status_checks_policy"),
    },
    "StatusCheckConfiguration": {"context": key("context"), "integrationId": key("integration_id")},
    "UpdateParameters": {"updateAllowsFetchAndMerge": parameter("update_allows_fetch_and_merge")},
    "MergeQueueParameters": {
        "checkResponseTimeoutMinutes": parameter("check_response_timeout_minutes"),
        "groupingStrategy": parameter("grouping_strategy"),
        "maxEntriesToBuild": parameter("max_entries_to_build"),
        "maxEntriesToMerge": parameter("max_entries_to_merge"),
        "mergeMethod": parameter("merge_method"),
        "minEntriesToMerge": parameter("min_entries_to_merge"),
        "minEntriesToMergeWaitMinutes": parameter("min_entries_to_merge_wait_minutes"),
    },
}


def _bypass_actor(entry: BypassEntry, _args: dict[str, Any], request: Request) -> Team | App | None:
    number, kind = entry.body.get("actor_id"), entry.body["actor_type"]
    if kind == "Team":
        owner = entry.ruleset.owner
        organisation = owner if isinstance(owner, Organisation) else owner.organisation
        return next((team for team in organisation.teams if team.id == number), None)
    if kind == "Integration":
        return next((app for app in request.world.apps.values() if app.id == number), None)
    return None


def _is(kind: str) -> Any:
    return lambda entry, _args, _request: entry.body["actor_type"] == kind


def _role(entry: BypassEntry, _args: dict[str, Any], _request: Request) -> int | None:
    return entry.body["actor_id"] if entry.body["actor_type"] == "RepositoryRole" else None


BYPASS_ACTOR: Fields = {
    "id": node_id,
    "actor": _bypass_actor,
    "bypassMode": lambda entry, _args, _request: entry.body["bypass_mode"].upper(),
    "deployKey": _is("DeployKey"),
    "enterpriseOwner": constant(False),
    "organizationAdmin": _is("OrganizationAdmin"),
    "repositoryRoleDatabaseId": _role,
    "repositoryRoleName": lambda entry, args, request: ROLE_IDS.get(_role(entry, args, request) or 0),
    "repositoryRuleset": attribute("ruleset"),
}


def branch_rules(branch: Branch, _args: dict[str, Any], request: Request) -> Listing:
    """Active rules on a branch."""
    found: list[Rule] = []
    for body, ruleset in effective_rules(branch.repository, branch.name, request.now):
        found.append(Rule(ruleset, _state(ruleset, request)["rules"].index(body), body))
    return Listing(found)


def _settings(source: Protection, request: Request) -> dict[str, Any]:
    settings = source.settings.at(request.now)
    if settings is None:
        raise LookupError(f"protection {source.pattern} does not exist at that instant")
    return settings


def _reviews_setting(name: str, default: Any) -> Any:
    def resolve(source: Protection, _args: dict[str, Any], request: Request) -> Any:
        reviews = _settings(source, request).get("required_pull_request_reviews")
        return reviews.get(name, default) if reviews else default

    return resolve


def _flag(name: str) -> Any:
    return lambda source, _args, request: bool(_settings(source, request).get(name, False))


def _contexts(source: Protection, _args: dict[str, Any], request: Request) -> list[str]:
    checks = _settings(source, request).get("required_status_checks")
    return [check["context"] for check in checks["checks"]] if checks else []


def _descriptions(source: Protection, _args: dict[str, Any], request: Request) -> list[dict[str, Any]]:
    checks = _settings(source, request).get("required_status_checks")
    return list(checks["checks"]) if checks else []


def _strict(source: Protection, _args: dict[str, Any], request: Request) -> bool:
    checks = _settings(source, request).get("required_status_checks")
    return bool(checks and checks["strict"])


def _matching(source: Protection, _args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    return Listing(
        [
            branch
            for branch in source.repository.branches.values()
            if branch.tip(now) is not None
            and (found := protection_of(source.repository, branch.name, now)) is not None
            and found[0] is source
            and matches(source.pattern, branch.name)
        ]
    )


@dataclass(slots=True, eq=False)
class Allowance:
    """Somebody who may pass a classic protection."""

    typename: str
    protection: Protection
    index: int
    login: str

    @property
    def node_id(self) -> str:
        return make_node_id("BPRA", self.protection.id, self.index)


def _allowances(typename: str, setting: str) -> Any:
    def listing(source: Protection, _args: dict[str, Any], request: Request) -> Listing:
        logins = _settings(source, request).get(setting) or []
        return Listing([Allowance(typename, source, index, login) for index, login in enumerate(logins)])

    return listing


def _allowed(source: Allowance, _args: dict[str, Any], request: Request) -> Account | App | None:
    return request.world.accounts.get(source.login.lower()) or request.world.apps.get(source.login)


def _check_app(check: dict[str, Any], _args: dict[str, Any], request: Request) -> App | None:
    return next((app for app in request.world.apps.values() if app.id == check.get("app_id")), None)


PROTECTION: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "pattern": attribute("pattern"),
    "creator": actor("creator"),
    "repository": attribute("repository"),
    "isAdminEnforced": _flag("enforce_admins"),
    "requiresApprovingReviews": lambda source, _args, request: bool(
        _settings(source, request).get("required_pull_request_reviews")
    ),
    "requiredApprovingReviewCount": _reviews_setting("required_approving_review_count", None),
    "dismissesStaleReviews": _reviews_setting("dismiss_stale_reviews", False),
    "requiresCodeOwnerReviews": _reviews_setting("require_code_owner_reviews", False),
    "requireLastPushApproval": _reviews_setting("require_last_push_approval", False),
    "requiresStatusChecks": lambda source, args, request: bool(_contexts(source, args, request)),
    "requiresStrictStatusChecks": _strict,
    "requiredStatusCheckContexts": _contexts,
    "requiredStatusChecks": _descriptions,
    "allowsForcePushes": _flag("allow_force_pushes"),
    "allowsDeletions": _flag("allow_deletions"),
    "requiresLinearHistory": _flag("required_linear_history"),
    "requiresCommitSignatures": _flag("required_signatures"),
    "requiresConversationResolution": _flag("required_conversation_resolution"),
    "restrictsPushes": constant(False),
    "restrictsReviewDismissals": constant(False),
    "blocksCreations": _flag("block_creations"),
    "lockBranch": _flag("lock_branch"),
    "lockAllowsFetchAndMerge": _flag("allow_fork_syncing"),
    "requiresDeployments": constant(False),
    "requiredDeploymentEnvironments": constant([]),
    "matchingRefs": connection("matchingRefs", _matching),
    "bypassPullRequestAllowances": connection(
        "bypassPullRequestAllowances", _allowances("BypassPullRequestAllowance", "bypass_pull_request_allowances")
    ),
    "bypassForcePushAllowances": connection(
        "bypassForcePushAllowances", _allowances("BypassForcePushAllowance", "bypass_force_push_allowances")
    ),
}
ALLOWANCE: Fields = {"id": node_id, "actor": _allowed, "branchProtectionRule": attribute("protection")}
CHECK_DESCRIPTION: Fields = {"app": _check_app, "context": key("context")}
