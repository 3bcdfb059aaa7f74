"""What administrative power an IAM policy document gives. Pure functions over documents.

Two levels are told apart:

- `administrator`: every action on every resource. One statement that allows all (`*`, `*:*`), or statements of one
  document that together do (all but IAM by `NotAction`, and IAM by another). Single resources that `NotResource` leaves
  out do not matter.
- `iam_administrator`: can give itself, or somebody it controls, that power: a single permission of `SELF` or `OTHERS`
  below on every user, group, role or policy, or one of `SELF` on the holder itself (its own user, role, groups, or
  customer-managed policies attached to them; `${aws:username}` counts).

The reading leans towards naming one administrator too many, because that is seen and explained, and one too few is
not: `Deny` statements, permissions boundaries and service control policies never take a row away; a condition marks it
`conditional`. Not judged: powers that need a second step through another service (`iam:PassRole` with something that
runs code) or through another principal (`sts:AssumeRole`; the role it leads to has a row of its own, which names whom
it trusts), and permissions that only two policies together add up to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import orjson

from schemas.errors import SchemaDrift

Level = Literal["administrator", "iam_administrator"]

SELF: Mapping[str, str] = {
    "iam:attachuserpolicy": "user", "iam:putuserpolicy": "user", "iam:attachgrouppolicy": "group",
    "iam:putgrouppolicy": "group", "iam:attachrolepolicy": "role", "iam:putrolepolicy": "role",
    "iam:createpolicyversion": "policy", "iam:setdefaultpolicyversion": "policy",
}  # fmt: skip
"""Permissions that widen what their target may do, with the kind of IAM resource they act on (in lower case)."""

OTHERS: Mapping[str, str] = {
    "iam:addusertogroup": "group", "iam:updateassumerolepolicy": "role", "iam:createaccesskey": "user",
    "iam:createloginprofile": "user", "iam:updateloginprofile": "user",
}  # fmt: skip
"""Permissions that hand over what somebody else may do; on oneself they give nothing new."""

# Names that no policy of anybody spells out: a pattern that matches them matches everything in its place.
_UNLIKELY = "zq0-probe"


@dataclass(frozen=True, slots=True)
class Power:
    """The highest power of a document."""

    level: Level
    conditional: bool
    """Only statements with a condition give this level."""


@dataclass(frozen=True, slots=True)
class Targeted:
    """A permission of `SELF` on named resources: power, if the holder is among them."""

    kind: str
    resources: tuple[str, ...]
    conditional: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What one document gives whoever holds it."""

    power: Power | None
    targeted: tuple[Targeted, ...]
    denies: bool
    """Whether it has any Deny statement, which a person may want to look at."""

    def power_of(self, holder: Holder) -> Power | None:
        """The power that a certain holder has by it."""
        if self.power is not None:
            return self.power
        reached = [target.conditional for target in self.targeted if holder.is_among(target)]
        return Power("iam_administrator", all(reached)) if reached else None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a policy: its own ARNs by kind (`user`, `role`, `group`, `policy`), and its name if it is a user."""

    own: Mapping[str, Sequence[str]]
    user_name: str | None

    def is_among(self, target: Targeted) -> bool:
        for resource in target.resources:
            pattern = resource if self.user_name is None else resource.replace("${aws:username}", self.user_name)
            if any(_matches(pattern, arn) for arn in self.own.get(target.kind, ())):
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Allow:
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    conditional: bool
    iam_patterns: tuple[str, ...]
    """Those of the action patterns that can match an action of IAM; lists often hold hundreds of other services'."""

    def allows(self, action: str) -> bool:
        """Whether an action of IAM is allowed."""
        found = any(_matches(pattern, action) for pattern in self.iam_patterns)
        return found if self.actions is not None else not found

    def reaches(self, arn: str) -> bool:
        if self.resources is not None:
            return any(_matches(pattern, arn) for pattern in self.resources)
        return not any(_matches(pattern, arn) for pattern in self.not_resources or ())


def read_policy(document: Any, *, account: str, partition: str = "aws", name: str = "") -> Reading:
    """Read a document (as parsed JSON). Raises `SchemaDrift` for one that is not in the form of a policy.

    `name` is for the error message; account and partition are those whose resources are meant.
    """
    if not isinstance(document, Mapping):
        raise SchemaDrift(f"The document of policy {name!r} is not a JSON object.")
    return _read(orjson.dumps(document), account, partition, name)


@lru_cache(maxsize=128)
def _read(document: bytes, account: str, partition: str, name: str) -> Reading:
    """By the document's bytes: AWS's own policies are long, and each holder of one would have it read again."""
    parsed: Mapping[str, Any] = orjson.loads(document)
    allows: list[_Allow] = []
    denies = False
    for statement in _listed(parsed.get("Statement"), name):
        if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
            raise SchemaDrift(f"Policy {name!r} has a statement whose Effect is neither Allow nor Deny.")
        if statement["Effect"] == "Deny":
            denies = True
        else:
            allows.append(_allow(statement, name))
    probes = _probes(account, partition)
    return Reading(_power(allows, probes), tuple(_targeted(allows)), denies)


def trusted_principals(document: Any) -> list[str]:
    """Whom a role's trust policy lets in, sorted, each as `aws:<arn or account>`, `service:…`, `federated:…` or `*`."""
    found: set[str] = set()
    for statement in _listed(document.get("Statement") if isinstance(document, Mapping) else None, "trust policy"):
        if not isinstance(statement, Mapping):
            raise SchemaDrift("A role's trust policy has a statement that is not a JSON object.")
        if statement.get("Effect") != "Allow":
            continue
        if "NotPrincipal" in statement or statement.get("Principal") == "*":
            found.add("*")
            continue
        for kind, names in (statement.get("Principal") or {}).items():
            found.update(f"{str(kind).lower()}:{name}" for name in _listed(names, "trust policy"))
    return sorted(found)


def _allow(statement: Mapping[str, Any], name: str) -> _Allow:
    actions = _patterns(statement, "Action", name, lower=True)
    not_actions = _patterns(statement, "NotAction", name, lower=True)
    resources = _patterns(statement, "Resource", name)
    not_resources = _patterns(statement, "NotResource", name)
    if (actions is None) == (not_actions is None) or (resources is None) == (not_resources is None):
        raise SchemaDrift(f"Policy {name!r} has a statement without exactly one of Action and NotAction, and Resource.")
    about_iam = tuple(pattern for pattern in actions or not_actions or () if _may_be_iam(pattern))
    return _Allow(actions, not_actions, resources, not_resources, bool(statement.get("Condition")), about_iam)


def _power(allows: Sequence[_Allow], probes: Mapping[str, Sequence[str]]) -> Power | None:
    everywhere = [entry for entry in allows if all(entry.reaches(arn) for arn in probes["all"])]
    firm = [entry for entry in everywhere if not entry.conditional]
    if _all_actions(firm):
        return Power("administrator", False)
    if _all_actions(everywhere):
        return Power("administrator", True)
    conditions = [
        entry.conditional
        for entry in allows
        for action, kind in {**SELF, **OTHERS}.items()
        if entry.allows(action) and all(entry.reaches(arn) for arn in probes[kind])
    ]
    return Power("iam_administrator", all(conditions)) if conditions else None


def _all_actions(allows: Sequence[_Allow]) -> bool:
    """Whether statements on every resource together allow every action."""
    positive = [pattern for entry in allows for pattern in entry.actions or ()]
    if any(_is_universal(pattern) for pattern in positive):
        return True
    return any(
        all(any(_covers(pattern, left_out) for pattern in positive) for left_out in entry.not_actions)
        for entry in allows
        if entry.not_actions is not None
    )


def _targeted(allows: Sequence[_Allow]) -> list[Targeted]:
    """Statements that name resources. `NotResource` names none: it was judged with the probes."""
    return [
        Targeted(kind, entry.resources, entry.conditional)
        for entry in allows
        if entry.resources is not None
        for action, kind in SELF.items()
        if entry.allows(action)
    ]


@lru_cache(maxsize=64)
def _probes(account: str, partition: str) -> Mapping[str, Sequence[str]]:
    """ARNs that only a pattern for everything of their kind matches."""
    start = f"arn:{partition}:iam::{account}:"
    probes = {
        kind: (f"{start}{kind}/{_UNLIKELY}", f"{start}{kind}/{_UNLIKELY}/zq1/zq2")
        for kind in ("user", "group", "role", "policy")
    }
    others = (
        f"arn:{partition}:s3:::{_UNLIKELY}/zq1", f"arn:{partition}:ec2:zq-west-9:{account}:instance/{_UNLIKELY}",
    )  # fmt: skip
    return probes | {"all": (*probes["user"], *probes["role"], *others)}


def _is_universal(pattern: str) -> bool:
    """`*`, `*:*` and the like: wildcards and at most one colon, open at both ends."""
    return set(pattern) <= {"*", ":"} and pattern.count(":") <= 1 and pattern[:1] == "*" and pattern[-1:] == "*"


def _may_be_iam(pattern: str) -> bool:
    """Whether a pattern of actions, in lower case, can match one of IAM's."""
    service, colon, _ = pattern.partition(":")
    return service == "iam" or not colon or "*" in service or "?" in service


def _covers(pattern: str, other: str) -> bool:
    """Whether everything that `other` matches is matched by `pattern`. Says no where it is not sure."""
    return _regex(pattern, "[^*]").fullmatch(other) is not None


def _matches(pattern: str, text: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _regex(pattern, ".").fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _regex(pattern: str, any_one: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else any_one if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _patterns(statement: Mapping[str, Any], key: str, name: str, *, lower: bool = False) -> tuple[str, ...] | None:
    if key not in statement:
        return None
    patterns = _listed(statement[key], name)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise SchemaDrift(f"Policy {name!r} has a statement whose {key} is neither a text nor a list of texts.")
    return tuple(pattern.lower() if lower else pattern for pattern in patterns)


def _listed(value: Any, name: str) -> list[Any]:
    if value is None:
        raise SchemaDrift(f"Policy {name!r} lacks a part that every policy has.")
    return value if isinstance(value, list) else [value]
