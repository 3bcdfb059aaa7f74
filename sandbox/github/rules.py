"""Which rules are in force on a branch: rulesets of the repository and its organisation, and classic protection."""

from __future__ import annotations

import re
from typing import Any

from sandbox.github.model import Organisation, Protection, Repository, Ruleset
from sandbox.github.times import Epoch


def matches(pattern: str, name: str) -> bool:
    """Ruby's fnmatch with path names, as GitHub uses it: `*` stays within a path segment, `**/` crosses segments."""
    expression = ""
    for part in re.split(r"(\*\*/|\*|\?)", pattern):
        expression += {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.fullmatch(expression, name) is not None


def _ref_matches(patterns: list[str], branch: str, default: str) -> bool:
    for pattern in patterns:
        if pattern == "~ALL" or (pattern == "~DEFAULT_BRANCH" and branch == default):
            return True
        if matches(pattern, f"refs/heads/{branch}"):
            return True
    return False


def applies(state: dict[str, Any], repository: Repository, branch: str, now: Epoch) -> bool:
    """Whether a ruleset's conditions take in a branch, whatever its enforcement."""
    if state["target"] != "branch":
        return False
    conditions = state.get("conditions") or {}
    refs = conditions.get("ref_name") or {"include": [], "exclude": []}
    default = repository.default_branch.at(now)
    if not _ref_matches(refs["include"], branch, default) or _ref_matches(refs["exclude"], branch, default):
        return False
    return concerns(conditions, repository, now)


def concerns(conditions: dict[str, Any], repository: Repository, now: Epoch) -> bool:
    """Whether the repository conditions of an organisation's ruleset take in a repository."""
    names = conditions.get("repository_name")
    if names is not None:
        name = repository.name.at(now)
        included = any(pattern == "~ALL" or matches(pattern, name) for pattern in names["include"])
        return included and not any(matches(pattern, name) for pattern in names["exclude"])
    ids = conditions.get("repository_id")
    return ids is None or repository.id in ids["repository_ids"]


def visible_rulesets(repository: Repository, now: Epoch, *, parents: bool) -> list[Ruleset]:
    """Rulesets of a repository, with those of the organisation that concern it first."""
    found: list[Ruleset] = []
    if parents:
        for ruleset in repository.organisation.rulesets:
            version = ruleset.at(now)
            state = version.state if version is not None else None
            if state is not None and concerns(state.get("conditions") or {}, repository, now):
                found.append(ruleset)
    found.extend(ruleset for ruleset in repository.rulesets if ruleset.exists(now))
    return found


def effective_rules(
    repository: Repository, branch: str, now: Epoch, *, evaluated: bool = False
) -> list[tuple[dict[str, Any], Ruleset]]:
    """Active rules on a branch, each with the ruleset it comes from.

    Rulesets in evaluation enforce nothing and do not count; `evaluated` adds them for the rule suites that note them.
    """
    counting = {"active", "evaluate"} if evaluated else {"active"}
    found: list[tuple[dict[str, Any], Ruleset]] = []
    for ruleset in visible_rulesets(repository, now, parents=True):
        version = ruleset.at(now)
        if version is None or version.state is None or version.state["enforcement"] not in counting:
            continue
        if applies(version.state, repository, branch, now):
            found.extend((rule, ruleset) for rule in version.state["rules"])
    return found


def protection_of(repository: Repository, branch: str, now: Epoch) -> tuple[Protection, dict[str, Any]] | None:
    """The classic protection that a branch falls under: an exact pattern wins over the first glob."""
    fitting: list[tuple[Protection, dict[str, Any]]] = []
    for protection in repository.protections:
        settings = protection.settings.at(now)
        if settings is not None and matches(protection.pattern, branch):
            if protection.pattern == branch:
                return protection, settings
            fitting.append((protection, settings))
    return fitting[0] if fitting else None


def required_checks(repository: Repository, branch: str, now: Epoch) -> list[str]:
    """Names of the checks that rules and classic protection demand on a branch."""
    names: list[str] = []
    for rule, _ in effective_rules(repository, branch, now):
        if rule["type"] == "required_status_checks":
            names.extend(check["context"] for check in rule["parameters"]["required_status_checks"])
    protected = protection_of(repository, branch, now)
    if protected is not None:
        checks = protected[1].get("required_status_checks")
        names.extend(check["context"] for check in (checks or {}).get("checks", []))
    return list(dict.fromkeys(names))


def owner_name(owner: Organisation | Repository, now: Epoch) -> str:
    """`source` in REST answers."""
    return owner.full_name(now) if isinstance(owner, Repository) else owner.login
