"""A repository as it is called today, and where its production branches stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from connectors.github.calls import Graph, Json, Part, Stream
from connectors.github.paging import field
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, IncompletePopulation, SourceGone
from schemas.extraction import Request
from schemas.instants import parse_instant

PREFIX = "github:"

_TARGET = "target { oid ... on Commit { committedDate } }"
FACTS = f"databaseId nameWithOwner createdAt isEmpty visibility defaultBranchRef {{ name {_TARGET} }}"
"""Selection of what `repository_of` needs, besides the branches."""
HEADER = f"repository: node(id: $repository) {{ id ... on Repository {{ {FACTS} "


@dataclass(frozen=True, slots=True)
class Tip:
    """A branch and the commit it points at."""

    name: str
    oid: str
    committed_at: datetime | None
    raw: Json

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"


@dataclass(frozen=True, slots=True)
class Repository:
    """What every extractor of repository evidence starts from."""

    id: str
    database_id: int
    name: str
    """`owner/name`, current."""
    visibility: str
    created_at: datetime
    empty: bool
    default_branch: Tip | None
    tips: dict[str, Tip | None]
    """Production branches by name; None where the repository has no such branch now."""
    seen_at: datetime
    """The source's clock when the tips were read."""

    @property
    def scope_item_id(self) -> str:
        return PREFIX + self.id

    def path(self, *rest: str) -> str:
        """`/repos/{owner}/{repo}/…` with each part quoted, so that a branch name with a slash stays one part."""
        return "/".join(["/repos", self.name, *(quote(part, safe="") for part in rest)])


def node_id(request: Request) -> str:
    """The node id of a request's scope item. `ConfigurationError` where no inventory has found the item yet."""
    if not request.item.resolved or not request.item.id.startswith(PREFIX):
        raise ConfigurationError(
            f"{request.item.name} has not been found at GitHub by an inventory yet. Collect the inventory first "
            "(evidence collect --control CC2-SYS-01), or correct its name in scope.github.repositories."
        )
    return request.item.id.removeprefix(PREFIX)


def refs(branches: Sequence[str], more: str = "") -> tuple[str, str, dict[str, str]]:
    """Selection of the production branches, with the variables it declares and their values."""
    selection = " ".join(
        f"branch{i}: ref(qualifiedName: $branch{i}) {{ name {_TARGET} {more} }}" for i in range(len(branches))
    )
    declares = ", ".join(f"$branch{i}: String!" for i in range(len(branches)))
    return selection, declares, {f"branch{i}": f"refs/heads/{name}" for i, name in enumerate(branches)}


def locate_part(repository_id: str, branches: Sequence[str]) -> Part:
    """The query for a repository and its production branches."""
    selection, declares, variables = refs(branches)
    return Part(
        f"$repository: ID!, {declares}", f"{HEADER}{selection} }} }}", {"repository": repository_id, **variables}
    )


def locate(request: Request, branches: Sequence[str], dataset: Dataset) -> Stream[Repository]:
    """Find the repository by its node id, whatever it is called now.

    Raises `SourceGone` when the id is no longer found, and `IncompletePopulation` when the repository has commits but
    none of the production branches: then the programme names the wrong branches, and nothing can be said about it.
    """
    wanted = node_id(request)
    answer = yield Graph("Locate", (locate_part(wanted, branches),), dataset)
    node = answer.data.get("repository")
    if node is None:
        raise SourceGone(
            f"GitHub no longer finds {request.item.name}: deleted, or the token may no longer see it. Check the "
            "token's repositories; if it is deleted, record the scope decision."
        )
    if node.get("id") != wanted:
        raise IncompletePopulation(f"GitHub answered for another repository than {request.item.name}. Run it again.")
    return repository_of(node, branches, answer.served_at)


def repository_of(node: Json, branches: Sequence[str], seen_at: datetime) -> Repository:
    """A repository from an answer with `FACTS` and `refs`."""
    default = node["defaultBranchRef"]
    return Repository(
        id=node["id"],
        database_id=field(node, "databaseId", "repository"),
        name=field(node, "nameWithOwner", "repository"),
        visibility=str(node["visibility"]).lower(),
        created_at=parse_instant(node["createdAt"]),
        empty=node["isEmpty"],
        default_branch=None if default is None else _tip(default["name"], default),
        tips={name: _tip(name, node[f"branch{i}"]) for i, name in enumerate(branches)},
        seen_at=seen_at,
    )


def require_production_branch(repository: Repository) -> None:
    """Refuse a repository with commits and none of the production branches, rather than call its population empty."""
    if repository.empty or any(repository.tips.values()):
        return
    default = repository.default_branch.name if repository.default_branch else "none"
    raise IncompletePopulation(
        f"{repository.name} has none of the production branches {sorted(repository.tips)}; its default branch is "
        f"{default}. Name it under scope.github.production_branches."
    )


def _tip(name: str, ref: Json | None) -> Tip | None:
    if ref is None or ref.get("target") is None:
        return None
    target = ref["target"]
    committed = target.get("committedDate")
    return Tip(name, target["oid"], None if committed is None else parse_instant(committed), ref)
