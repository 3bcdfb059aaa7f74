"""What is enforced on a branch: active rulesets of repository and organisation, and classic branch protection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson

from connectors.github.batches import HELD, Batch
from connectors.github.calls import Answer, Json, Rest, Stream
from connectors.github.client import GithubClient
from connectors.github.paging import Nested, complete
from connectors.github.paging import field as required
from connectors.github.repository import FACTS, Repository, refs
from connectors.github.rule_words import as_protection, as_rule
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import Sink
from schemas.github import BRANCH_RULES

RULESETS = "/repos/{owner}/{repo}/rulesets"
RULESET = "/repos/{owner}/{repo}/rulesets/{ruleset_id}"
PROTECTION = "/repos/{owner}/{repo}/branches/{branch}/protection"
NOT_PROTECTED = "branch not protected"
CLASSIC = "classic"

RULES_OF_REF = Nested(
    "Ref",
    "rules",
    "id type parameters { ... on PullRequestParameters { dismissStaleReviewsOnPush requireCodeOwnerReview "
    "requireLastPushApproval requiredApprovingReviewCount } ... on RequiredStatusChecksParameters { "
    "requiredStatusChecks { context integrationId } } } repositoryRuleset { databaseId }",
    30,
    what="rules of a branch",
)
RULESETS_OF = Nested(
    "Repository",
    "rulesets",
    "id databaseId name target enforcement conditions { refName { include exclude } }",
    20,
    arguments="includeParents: true",
    what="rulesets of a repository",
)
ALLOWANCES = Nested(
    "BranchProtectionRule",
    "bypassPullRequestAllowances",
    "id actor { __typename ... on User { login } ... on Team { slug } ... on App { slug } }",
    20,
    what="bypass allowances",
)
_CLASSIC = (
    "branchProtectionRule { id isAdminEnforced requiresApprovingReviews requiredApprovingReviewCount "
    "dismissesStaleReviews requiresCodeOwnerReviews requireLastPushApproval requiredStatusChecks { context app { "
    f"databaseId }} }} allowsForcePushes allowsDeletions {ALLOWANCES.inline()} }}"
)


def batch(branches: Sequence[str]) -> Batch:
    """The question about rules, for many repositories at once."""
    selection, declares, variables = refs(branches, f"id {RULES_OF_REF.inline()} {_CLASSIC}")
    return Batch(
        "BranchRules", BRANCH_RULES, f"{FACTS} viewerPermission {RULESETS_OF.inline()} {selection}", declares, variables
    )


QUERY_TEXT = "\n".join([
    batch(("{branch}",)).part(()).selection, f"GET {RULESET}?includes_parents=true (each ruleset once)",
    f"GET {PROTECTION} (where GraphQL shows none and that proves nothing)",
])  # fmt: skip


@dataclass(slots=True)
class Enforced:
    """What is in force on one branch."""

    branch: str
    rules: list[Json]
    """Active rules, as the effective-rules endpoint gives them."""
    rulesets: list[Json]
    """Rulesets in detail: those with an active rule on the branch, and those that would apply but are not active."""
    classic: Json | None
    counted: int
    unreadable: list[Json] = field(default_factory=list[Json])
    """Effective rules of a ruleset that the repository's list does not show (an enterprise's)."""

    @property
    def effective(self) -> int:
        return len(self.rules)

    def row(self, repository: Repository) -> Json:
        """A row of github.branch_rules."""
        pulls = [rule.get("parameters") or {} for rule in self.rules if rule["type"] == "pull_request"]
        classic = self.classic or {}
        reviews = classic.get("required_pull_request_reviews")
        parameters = pulls + ([] if reviews is None else [_as_parameters(reviews)])
        kinds = {rule["type"] for rule in self.rules}
        approvals = [int(one.get("required_approving_review_count") or 0) for one in parameters]
        enforce_admins = None
        if self.classic is not None:
            enforce_admins = bool(required(classic, "enforce_admins", "branch protection")["enabled"])
        active = [one for one in self.rulesets if one["enforcement"] == "active"]
        raw = {"rules": self.rules, "rulesets": self.rulesets, "protection": self.classic}
        return {
            "scope_item_id": repository.scope_item_id, "repo_id": repository.id, "repo_name": repository.name,
            "branch": self.branch, "classic_protection": self.classic is not None,
            "rulesets": [_ruleset(one) for one in self.rulesets],
            "pull_request_required": bool(parameters), "required_approvals": max(approvals, default=0),
            "dismiss_stale_reviews": any(one.get("dismiss_stale_reviews_on_push") for one in parameters),
            "require_last_push_approval": any(one.get("require_last_push_approval") for one in parameters),
            "require_code_owner_review": any(one.get("require_code_owner_review") for one in parameters),
            "required_checks": self._checks(), "merge_queue": "merge_queue" in kinds,
            "force_push_blocked": "non_fast_forward" in kinds or _blocks(self.classic, "allow_force_pushes"),
            "deletion_blocked": "deletion" in kinds or _blocks(self.classic, "allow_deletions"),
            "enforce_admins": enforce_admins, "bypass_actors": self._bypass(),
            "bypass_known": not self.unreadable and all("bypass_actors" in one for one in active),
            "raw": orjson.dumps(raw).decode(),
        }  # fmt: skip

    def _checks(self) -> list[Json]:
        found: dict[tuple[str, str | None], Json] = {}
        for rule in self.rules:
            if rule["type"] == "required_status_checks":
                for check in required(rule.get("parameters"), "required_status_checks", "rule"):
                    _add(found, check["context"], check.get("integration_id"))
        for check in ((self.classic or {}).get("required_status_checks") or {}).get("checks") or []:
            _add(found, check["context"], check.get("app_id"))
        return list(found.values())

    def _bypass(self) -> list[Json]:
        actors: list[Json] = []
        for ruleset in self.rulesets:
            if ruleset["enforcement"] != "active":
                continue
            for one in ruleset.get("bypass_actors") or []:
                number = one.get("actor_id")
                actors.append(
                    _actor(
                        one["actor_type"],
                        "" if number is None else str(number),
                        one.get("bypass_mode"),
                        str(ruleset["id"]),
                    )
                )
        reviews = (self.classic or {}).get("required_pull_request_reviews") or {}
        allowed = reviews.get("bypass_pull_request_allowances") or {}
        for kind, key, name in (("User", "users", "login"), ("Team", "teams", "slug"), ("App", "apps", "slug")):
            actors += [_actor(kind, one[name], "pull_request", CLASSIC) for one in allowed.get(key) or []]
        return actors


class Reading:
    """Reads what is in force on each production branch of a repository that exists, from the batch's answer on."""

    def __init__(self, client: GithubClient, repository: Repository, node: Json, sink: Sink) -> None:
        self.found: list[Enforced] = []
        self._client = client
        self._repository = repository
        self._node = node
        self._sink = sink
        self._details: dict[str, _Detail] = client.shared.readings.setdefault("rulesets", {})

    def read(self) -> Stream[None]:
        repository = self._repository
        branches = [(name, f"branch{i}") for i, name in enumerate(repository.tips)]
        existing = [(name, self._node[key]) for name, key in branches if repository.tips[name] is not None]
        if not existing:
            return
        listed = yield from complete(self._node, RULESETS_OF, BRANCH_RULES, self._client.sizes)
        rulesets = [one for one in listed if one["target"] == "BRANCH"]
        for name, ref in existing:
            self.found.append((yield from self._branch(name, ref, rulesets)))

    def _branch(self, branch: str, ref: Json, rulesets: list[Json]) -> Stream[Enforced]:
        nodes = yield from complete(ref, RULES_OF_REF, BRANCH_RULES, self._client.sizes)
        rules = [as_rule(node) for node in nodes]
        active = {str(rule["ruleset_id"]) for rule in rules}
        default = self._repository.default_branch.name if self._repository.default_branch else ""
        applying: list[Json] = []
        for one in rulesets:
            number = str(one["databaseId"])
            inactive = one["enforcement"] != "ACTIVE" and _would_apply(one, branch, default)
            if number in active or inactive:
                applying.append((yield from self._detail(number)))
        self._compare(branch, rules, applying)
        classic = yield from self._classic(branch, ref["branchProtectionRule"])
        listed = {str(one["databaseId"]) for one in rulesets}
        unreadable = [rule for rule in rules if str(rule["ruleset_id"]) not in listed]
        return Enforced(branch, rules, applying, classic, len(nodes), unreadable)

    def _detail(self, number: str) -> Stream[Json]:
        """A ruleset in detail. That of an organisation concerns many repositories and is read once for all of them."""
        held = self._details.get(number)
        if held is not None and self._client.now() - held.at <= HELD:
            self._sink.answer(**held.answer)
            return held.detail
        path = self._repository.path("rulesets", number)
        answer = yield Rest(RULESET, path, BRANCH_RULES, {"includes_parents": "true"})
        detail: Json = answer.data
        if str(required(detail, "id", "ruleset")) != number:
            raise IncompletePopulation(
                f"GitHub answered with another ruleset of {self._repository.name} than asked. Run it again."
            )
        self._details[number] = _Detail(self._client.now(), detail, _kept(answer))
        return detail

    def _compare(self, branch: str, rules: list[Json], applying: list[Json]) -> None:
        """The rules in force by GraphQL must be those that their rulesets have by REST."""
        for detail in applying:
            effective = sorted(rule["type"] for rule in rules if str(rule["ruleset_id"]) == str(detail["id"]))
            stated = sorted(rule["type"] for rule in required(detail, "rules", "ruleset"))
            if effective != (stated if detail["enforcement"] == "active" else []):
                raise IncompletePopulation(
                    f"GitHub gives {len(effective)} rules of ruleset {detail['name']!r} for {branch} of "
                    f"{self._repository.name} and {len(stated)} in the ruleset itself. Nothing is claimed; run it "
                    "again later."
                )

    def _classic(self, branch: str, rule: Json | None) -> Stream[Json | None]:
        """Classic protection of a branch. That GraphQL shows none is an answer only from a principal that has been seen
        to read it: for others it looks the same."""
        if rule is not None:
            allowances = yield from complete(rule, ALLOWANCES, BRANCH_RULES, self._client.sizes)
            return as_protection(rule, allowances)
        # An App may do the same in all of its repositories, and its permission on one is shown as null.
        permission = self._node["viewerPermission"]
        if permission in (None, "ADMIN") and self._client.shared.readings.get("reads protection"):
            return None
        repository = self._repository
        path = repository.path("branches", branch, "protection")
        answer = yield Rest(PROTECTION, path, BRANCH_RULES, answers=frozenset({404}))
        message = str(answer.data.get("message", "")) if isinstance(answer.data, dict) else ""
        if answer.status == 200:
            raise IncompletePopulation(
                f"GitHub says by GraphQL that {branch} of {repository.name} is not protected, and by REST how it is. "
                "Nothing is claimed; run it again later."
            )
        if not message.lower().startswith(NOT_PROTECTED):
            raise PermissionDenied(
                f"GitHub does not say whether {branch} of {repository.name} is protected (404 {message}): the "
                "principal may not read branch protection. Grant repository permission administration: read.",
                permission="repository permission administration: read",
            )
        self._client.shared.readings["reads protection"] = True
        return None


@dataclass(frozen=True, slots=True)
class _Detail:
    at: datetime
    detail: Json
    answer: dict[str, Any]


def _kept(answer: Answer) -> dict[str, Any]:
    """An answer again, for the other repositories that it is about."""
    return {
        "dataset": BRANCH_RULES, "method": "GET", "url": answer.url, "status": answer.status,
        "headers": answer.headers, "body": orjson.dumps(answer.data),
        "parameters": {"includes_parents": "true", "kept": "read once for all repositories that the ruleset concerns"},
    }  # fmt: skip


def _ruleset(one: Json) -> Json:
    source = " ".join((required(one, "source_type", "ruleset"), required(one, "source", "ruleset")))
    return {
        "id": str(one["id"]), "name": one["name"], "enforcement": one["enforcement"], "source": source,
        "target": one.get("target"),
    }  # fmt: skip


def _as_parameters(reviews: Json) -> Json:
    """Classic review requirements in the words of a pull request rule."""
    return {
        "required_approving_review_count": reviews.get("required_approving_review_count"),
        "dismiss_stale_reviews_on_push": reviews.get("dismiss_stale_reviews"),
        "require_last_push_approval": reviews.get("require_last_push_approval"),
        "require_code_owner_review": reviews.get("require_code_owner_reviews"),
    }


def _blocks(classic: Json | None, key: str) -> bool:
    """Whether classic protection forbids what `key` would allow."""
    return classic is not None and not (classic.get(key) or {}).get("enabled", False)


def _add(found: dict[tuple[str, str | None], Json], context: str, number: Any) -> None:
    integration = None if number is None else str(number)
    found.setdefault((context, integration), {"context": context, "integration_id": integration})


def _actor(kind: str, actor_id: str, mode: str | None, ruleset: str) -> Json:
    return {"actor_type": kind, "actor_id": actor_id, "mode": mode, "ruleset_id": ruleset}


def _would_apply(ruleset: Json, branch: str, default: str) -> bool:
    """Whether an inactive ruleset's conditions take in the branch."""
    condition = (ruleset.get("conditions") or {}).get("refName") or {}
    return _matches(condition.get("include") or (), branch, default) and not _matches(
        condition.get("exclude") or (), branch, default
    )


def _matches(patterns: Iterable[str], branch: str, default: str) -> bool:
    return any(
        pattern == "~ALL"
        or (pattern == "~DEFAULT_BRANCH" and branch == default)
        or fnmatchcase(f"refs/heads/{branch}", pattern)
        for pattern in patterns
    )
