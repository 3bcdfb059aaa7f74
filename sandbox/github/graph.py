"""The commit graph of a repository: what git would say about ancestors, first parents and merge bases."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass

from sandbox.github.model import Commit, Repository

_KEPT = 32


def ancestors(repository: Repository, oid: str) -> list[Commit]:
    """A commit and everything reachable from it in the order of `git log`: newest committer date first, but never
    a parent before all of the children that lead to it have been taken up.

    A commit's ancestors never change, so the answer is kept. Raises KeyError for an unknown commit.
    """
    kept: OrderedDict[str, list[Commit]] = repository.cache.setdefault("ancestors", OrderedDict())
    found = kept.get(oid)
    if found is not None:
        kept.move_to_end(oid)
        return found
    commits = repository.commits
    start = commits[oid]
    heap: list[tuple[int, int, Commit]] = [(-start.committer.at, 0, start)]
    seen = {oid}
    order: list[Commit] = []
    taken = 1
    while heap:
        commit = heapq.heappop(heap)[2]
        order.append(commit)
        for parent in commit.parents:
            if parent not in seen:
                seen.add(parent)
                ancestor = commits[parent]
                heapq.heappush(heap, (-ancestor.committer.at, taken, ancestor))
                taken += 1
    kept[oid] = order
    while len(kept) > _KEPT:
        kept.popitem(last=False)
    return order


def first_parents(repository: Repository, oid: str) -> list[Commit]:
    """A commit, its first parent, that one's first parent and so on to the root."""
    commits = repository.commits
    chain = [commits[oid]]
    while chain[-1].parents:
        chain.append(commits[chain[-1].parents[0]])
    return chain


def reachable(repository: Repository, oid: str) -> frozenset[str]:
    """Object ids of a commit and all of its ancestors."""
    kept: OrderedDict[str, frozenset[str]] = repository.cache.setdefault("reachable", OrderedDict())
    found = kept.get(oid)
    if found is None:
        found = frozenset(commit.oid for commit in ancestors(repository, oid))
        kept[oid] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found


@dataclass(frozen=True)
class Comparison:
    """`base...head`: what head has that base has not, oldest first, and how far base has gone on."""

    merge_base: Commit
    ahead: list[Commit]
    behind_by: int

    @property
    def status(self) -> str:
        if self.ahead:
            return "diverged" if self.behind_by else "ahead"
        return "behind" if self.behind_by else "identical"


def compare(repository: Repository, base: str, head: str) -> Comparison | None:
    """The three-dot comparison; None when the two have no common ancestor. Raises KeyError for unknown commits."""
    base_set, head_set = reachable(repository, base), reachable(repository, head)
    ahead = [commit for commit in reversed(ancestors(repository, head)) if commit.oid not in base_set]
    behind = sum(1 for oid in base_set if oid not in head_set)
    for commit in ancestors(repository, base):
        if commit.oid in head_set:
            return Comparison(commit, ahead, behind)
    return None
