"""What is enforced on a branch: active rulesets of repository and organisation, and classic branch protection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson

from connectors.github.calls import Answer, Graph, Json, Part, Rest, Stream
from connectors.github.paging import field as required
from connectors.github.paging import rest_list
from connectors.github.repository import Repository
from schemas.errors import IncompletePopulation, PermissionDenied, SchemaDrift
from schemas.github import BRANCH_RULES

RULES = "/repos/{owner}/{repo}/rules/branches/{branch}"
RULESETS = "/repos/{owner}/{repo}/rulesets"
RULESET = "/repos/{owner}/{repo}/rulesets/{ruleset_id}"
PROTECTION = "/repos/{owner}/{repo}/branches/{branch}/protection"
NOT_PROTECTED = "branch not protected"
CLASSIC = "classic"

_COUNTED = "rules(first: 1) { totalCount } branchProtectionRule { id }"


def counted_part(repository_id: str, branches: list[str]) -> Part:
    """GitHub's own count of the rules on each branch, and whether a classic rule covers it."""
    declares = ["$rulesOf: ID!", *(f"$rulesRef{i}: String!" for i in range(len(branches)))]
    refs = " ".join(f"ref{i}: ref(qualifiedName: $rulesRef{i}) {{ name {_COUNTED} }} " for i in range(len(branches)))
    variables: dict[str, Any] = {"rulesOf": repository_id}
    variables |= {f"rulesRef{i}": f"refs/heads/{name}" for i, name in enumerate(branches)}
    return Part(", ".join(declares), f"counted: node(id: $rulesOf) {{ id ... on Repository {{ {refs} }} }}", variables)


QUERY_TEXT = "\n".join([
    f"GET {RULES}", f"GET {RULESETS}?includes_parents=true", f"GET {RULESET}?includes_parents=true",
    f"GET {PROTECTION}", counted_part("", ["{branch}"]).selection,
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


def enforced(repository: Repository) -> Stream[list[Enforced]]:
    """Read what is in force on each production branch that exists."""
    branches = [name for name, tip in repository.tips.items() if tip is not None]
    if not branches:
        return []
    rulesets: list[Json] = []

    def take(fresh: list[Json]) -> bool:
        rulesets.extend(one for one in fresh if one.get("target", "branch") == "branch")
        return False

    listing = Rest(RULESETS, repository.path("rulesets"), BRANCH_RULES, {"includes_parents": "true"})
    yield from rest_list(listing, take, key=lambda one: str(required(one, "id", "ruleset")))
    answer = yield Graph("CountRules", (counted_part(repository.id, branches),), BRANCH_RULES)
    details: dict[str, Json] = {}
    found: list[Enforced] = []
    for index, branch in enumerate(branches):
        ref = answer.data["counted"][f"ref{index}"]
        if ref is None:
            raise IncompletePopulation(
                f"{branch} of {repository.name} went away while its rules were read. Run it again."
            )
        one = yield from _branch(repository, branch, rulesets, details)
        one.counted = ref["rules"]["totalCount"]
        if one.counted != len(one.rules):
            raise IncompletePopulation(
                f"GitHub gives {len(one.rules)} rules for {branch} of {repository.name} and counts {one.counted}. "
                "Nothing "
                "is claimed; run it again later."
            )
        if one.classic is None and ref["branchProtectionRule"] is not None:
            raise IncompletePopulation(
                f"GitHub says that {branch} of {repository.name} is not protected, and names the rule that protects "
                "it. "
                "Nothing is claimed; run it again later."
            )
        found.append(one)
    return found


def _branch(repository: Repository, branch: str, rulesets: list[Json], details: dict[str, Json]) -> Stream[Enforced]:
    rules: list[Json] = []

    def take(fresh: list[Json]) -> bool:
        rules.extend(fresh)
        return False

    call = Rest(RULES, repository.path("rules", "branches", branch), BRANCH_RULES)
    yield from rest_list(call, take, key=lambda rule: orjson.dumps(rule, option=orjson.OPT_SORT_KEYS).decode())
    if any("type" not in rule for rule in rules):
        raise SchemaDrift("A rule of GitHub's effective rules has no type. The connector must be looked at.")
    active = {str(rule["ruleset_id"]) for rule in rules if "ruleset_id" in rule}
    default = repository.default_branch.name if repository.default_branch else ""
    applying: list[Json] = []
    listed = {str(one["id"]) for one in rulesets}
    for one in rulesets:
        number = str(one["id"])
        if number not in active and one["enforcement"] == "active":
            continue
        if number not in details:
            answer = yield Rest(
                RULESET, repository.path("rulesets", number), BRANCH_RULES, {"includes_parents": "true"}
            )
            details[number] = _same(answer, number, repository)
        detail = details[number]
        if number in active or _would_apply(detail, branch, default):
            applying.append(detail)
    classic = yield from _classic(repository, branch)
    unreadable = [rule for rule in rules if str(rule.get("ruleset_id")) not in listed]
    return Enforced(branch, rules, applying, classic, 0, unreadable)


def _same(answer: Answer, number: str, repository: Repository) -> Json:
    detail: Json = answer.data
    if str(required(detail, "id", "ruleset")) != number:
        raise IncompletePopulation(
            f"GitHub answered with another ruleset of {repository.name} than asked. Run it again."
        )
    return detail


def _classic(repository: Repository, branch: str) -> Stream[Json | None]:
    """Classic protection of a branch. "Branch not protected" is an answer; any other 404 is not."""
    call = Rest(
        PROTECTION, repository.path("branches", branch, "protection"), BRANCH_RULES, answers=frozenset({404})
    )  # fmt: skip
    answer = yield call
    if answer.status == 200:
        return answer.data
    message = str(answer.data.get("message", "")) if isinstance(answer.data, dict) else ""
    if message.lower().startswith(NOT_PROTECTED):
        return None
    raise PermissionDenied(
        f"GitHub does not say whether {branch} of {repository.name} is protected (404 {message}): the principal may "
        "not "
        "read branch protection. Grant repository permission administration: read.",
        permission="repository permission administration: read",
    )


def _ruleset(one: Json) -> Json:
    source = f"{one.get('source_type', '')} {one.get('source', '')}".strip()
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
    condition = (ruleset.get("conditions") or {}).get("ref_name") or {}
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
