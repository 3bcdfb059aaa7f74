"""Finds in a company's GitHub what its truth file speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.company import Planted
from sandbox.github.model import Organisation, Repository
from sandbox.github.times import ALWAYS, iso


@dataclass(frozen=True, slots=True)
class Place:
    """Where something planted is: the node id of its scope, and ids one of which stands in every answer about it."""

    scope_id: str
    ids: tuple[str, ...]


def locate(organisation: Organisation, planted: Planted) -> Place:
    """The place of something planted. Raises LookupError for an item that is not there."""
    kind, _, name = planted.item.partition(":")
    if planted.scope == organisation.login:
        return Place(organisation.node_id, _in_organisation(organisation, kind, name))
    for repository in organisation.repositories:
        if f"{organisation.login}/{repository.name.at(ALWAYS)}" == planted.scope:
            return Place(repository.node_id, _in_repository(repository, kind, name))
    raise LookupError(f"there is no {planted.scope} in the company")


def _in_organisation(organisation: Organisation, kind: str, name: str) -> tuple[str, ...]:
    if kind == "login":
        found = [member.account.node_id for member in organisation.members if member.account.login == name]
    elif kind == "app":
        found = [str(one.id) for one in organisation.installations if one.app.slug == name]
    elif kind == "key":
        keys = [key for repository in organisation.repositories for key in repository.deploy_keys]
        found = [str(key.id) for key in keys if key.title == name]
    else:
        raise LookupError(f"{kind} is nothing that an organisation has")
    return _some(found, f"{kind} {name}")


def _in_repository(repository: Repository, kind: str, name: str) -> tuple[str, ...]:
    if kind == "commit":
        found = [one.oid for one in repository.commits.values() if one.headline == name]
    elif kind == "change":
        # the commits that a merge brought onto the branch, which are the items of the control
        pulls = [pull for pull in repository.pulls if pull.title == name or pull.title.endswith(f" {name}")]
        found = [one.oid for one in repository.commits.values() if one.introduced_by in pulls]
    elif kind == "branch":
        found = [name] if name in repository.branches else []
    elif kind == "ruleset":
        names = [(one, one.versions[0].state or {}) for one in repository.rulesets]
        found = [str(ruleset.id) for ruleset, state in names if state.get("name") == name]
    elif kind == "deployment":
        found = [one.node_id for one in repository.deployments if iso(one.created_at) == name]
    elif kind == "secret":
        secrets = [one for one in repository.alerts if one.kind == "secret_scanning"]
        found = [str(one.number) for one in secrets if one.facts["secret_type"] == name]
    else:
        raise LookupError(f"{kind} is nothing that a repository has")
    return _some(found, f"{kind} {name} of {repository.slug}")


def _some(found: list[str], what: str) -> tuple[str, ...]:
    if not found:
        raise LookupError(f"there is no {what}")
    return tuple(found)
