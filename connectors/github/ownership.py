"""Which merged pull request owns a commit of a production branch, if any.

Rules: the pull request was merged, into this very branch, and (1) its merge commit is the commit; or (2) the commit
came in one movement with, and below, such a merge commit (a rebase merge brings several commits, a merge queue several
pull requests); or (3) the commit was pushed and is one of the pull request's own commits. A pull request into another
branch owns nothing here, though GitHub associates it with the commit.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.github.activity import MERGES, Move
from connectors.github.calls import Json


@dataclass(frozen=True, slots=True)
class Owner:
    """A merged pull request as far as the commit's own record tells."""

    id: str
    number: int
    merge_sha: str | None

    @classmethod
    def of(cls, node: Json) -> Owner:
        merge = node["mergeCommit"]
        return cls(node["id"], node["number"], None if merge is None else merge["oid"])


@dataclass(frozen=True, slots=True)
class Owned:
    """A commit with its owner; `candidates` are pull requests that own it if it is one of their commits (rule 3)."""

    commit: Json
    owner: Owner | None
    candidates: tuple[Owner, ...] = ()


def merged_into(commit: Json, branch: str) -> list[Owner]:
    """The merged pull requests into this branch that GitHub associates with a commit."""
    nodes = commit["associatedPullRequests"]["nodes"]
    return [Owner.of(node) for node in nodes if node["baseRefName"] == branch and node["mergedAt"] is not None]


def assign(move: Move, commits: list[Json], branch: str) -> list[Owned]:
    """Give each commit of a movement (newest first) its owner."""
    owned: list[Owned] = []
    above: Owner | None = None
    for commit in commits:
        candidates = merged_into(commit, branch)
        exact = next((owner for owner in candidates if owner.merge_sha == commit["oid"]), None)
        if exact is not None:
            above = exact
            owned.append(Owned(commit, exact))
        elif move.kind in MERGES and above is not None:
            owned.append(Owned(commit, above))
        else:
            owned.append(Owned(commit, None, tuple(candidates)))
    return owned
