"""The commits that a movement of the branch brought, by first parents, newest first.

GraphQL's `history` starts from a given commit and follows all parents in the order of `git log`; the first-parent line
is picked out of it by following parents from commit to commit, so no commit can be missing from it unnoticed. Dates
play no part: `since` and `until` go by the committer date, which the client sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.github.activity import GAP, NOTHING, Move
from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.paging import Nested, Sizes, complete, field, items_of, one_page, rest_list
from connectors.github.people import GIT_ACTOR
from connectors.github.repository import Repository
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift

PAGE = 100
_LEAST = 10
COMPARE = "/repos/{owner}/{repo}/compare/{basehead}"

PARENTS = Nested("Commit", "parents", "oid", 3, what="parents of a commit", key=lambda node: node["oid"])
AUTHORS = Nested("Commit", "authors", GIT_ACTOR, 3, what="authors of a commit", key=None)
OWNERS = Nested(
    "Commit",
    "associatedPullRequests",
    "id number baseRefName mergedAt mergeCommit { oid }",
    3,
    what="pull requests of a commit",
)

COMMIT = (
    "id oid authoredDate committedDate committedViaWeb messageHeadline "
    f"{PARENTS.inline()} {AUTHORS.inline()} {OWNERS.inline()}"
)


def history_part(repository_id: str, pin: str, first: int, after: str | None) -> Part:
    """One page of the history of the commit `pin`."""
    return Part(
        "$historyOf: ID!, $pin: GitObjectID!, $historyFirst: Int!, $historyAfter: String",
        "walked: node(id: $historyOf) { id ... on Repository { object(oid: $pin) { id oid ... on Commit { "
        "history(first: $historyFirst, after: $historyAfter) { pageInfo { hasNextPage endCursor } "
        f"nodes {{ {COMMIT} }} }} }} }} }} }}",
        {"historyOf": repository_id, "pin": pin, "historyFirst": first, "historyAfter": after},
    )


class Vanished(Exception):
    """GitHub no longer has the commit: its branch was rewritten and what it left behind was swept away."""

    def __init__(self, oid: str) -> None:
        super().__init__(oid)
        self.oid = oid


class Line:
    """Commits by object id as the walk needs them, read ahead page by page.

    `wanted()` says how many more commits are expected, so that a quiet day does not ask for a hundred.
    """

    def __init__(self, repository: Repository, dataset: Dataset, sizes: Sizes, wanted: Callable[[], int]) -> None:
        self._repository = repository
        self._dataset = dataset
        self._sizes = sizes
        self._wanted = wanted
        self._ahead: dict[str, Json] = {}
        self._pin: str | None = None
        self._after: str | None = None
        self.pages = 0

    def commit(self, oid: str) -> Stream[Json]:
        """The commit of that id with all its parents, authors and pull requests. Raises `Vanished`."""
        fruitless = self._pin is None
        while oid not in self._ahead:
            if fruitless:
                # The walk begins, or a long side branch stands between: start over from the commit itself.
                self._pin, self._after = oid, None
                self._ahead.clear()
            yield from self._read_on()
            fruitless = True
        commit = self._ahead.pop(oid)
        for nested in (PARENTS, AUTHORS, OWNERS):
            yield from complete(commit, nested, self._dataset, self._sizes)
        return commit

    def _read_on(self) -> Stream[None]:
        pin, after = self._pin, self._after
        assert pin is not None
        most = max(_LEAST, min(PAGE, self._wanted()))

        def ask(first: int) -> Graph:
            part = history_part(self._repository.id, pin, min(first, most), after)
            return Graph("History", (part,), self._dataset)

        answer = yield from one_page("the commits of a branch", ask, self._sizes.of("history", PAGE))
        self.pages += 1
        node = answer.data["walked"]
        if node is None or node["id"] != self._repository.id:
            raise IncompletePopulation("GitHub answered for another repository than the one asked. Run it again.")
        start = node["object"]
        if start is None:
            raise Vanished(pin)
        if start["oid"] != pin or "history" not in start:
            raise SchemaDrift(f"GitHub gave something other than the commit {pin} asked for.")
        for commit in items_of(start["history"], "commits of a branch"):
            self._ahead[field(commit, "oid", "commit")] = commit
        if after is None and pin not in self._ahead:
            raise IncompletePopulation(f"GitHub's history of {pin} does not begin with it. Run it again later.")
        info = start["history"]["pageInfo"]
        self._after = info["endCursor"] if info["hasNextPage"] else None
        if self._after is None:
            self._pin = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What one movement brought onto the branch."""

    commits: list[Json]
    """Newest first."""
    rewritten: bool = False
    """The movement replaced history instead of adding to it."""
    vanished: str | None = None
    """A commit that GitHub no longer has; the commits from there on down can't be listed."""


def brought(
    move: Move,
    line: Line,
    known: Callable[[str], bool],
    repository: Repository,
    dataset: Dataset,
    *,
    beside: str | None = None,
) -> Stream[Brought]:
    """The first-parent commits from `move.after` down to `move.before`.

    Where `before` is not on that line, the movement replaced history (a force push), or brought the old tip in as a
    second parent. Then the commits are those of the line that GitHub's comparison of the two tips counts as new, and
    where it can't compare them, those above the first commit the ledger knows. `known(oid)` says whether the ledger
    names it as an earlier tip. `beside` is the tip of another branch: of a branch that was created only what that other
    one has not got is new.
    """
    if move.after == NOTHING:
        return Brought([], rewritten=True)
    found: list[Json] = []
    new: set[str] | None = None
    asked = False
    straight = move.forward or move.kind == GAP
    if move.before == NOTHING:
        if beside is not None:
            new, asked = (yield from compared(beside, move.after, repository, dataset)), True
    elif not straight:
        new, asked = (yield from compared(move.before, move.after, repository, dataset)), True
    oid: str | None = move.after
    while oid is not None and oid != move.before:
        if known(oid) and straight and not asked:
            # An earlier tip that is not the last one: either the old tip comes in by another parent, or commits that a
            # rewrite had taken away come back. The comparison tells which.
            new, asked = (yield from compared(move.before, move.after, repository, dataset)), True
        if oid not in new if new is not None else known(oid):
            break
        try:
            commit = yield from line.commit(oid)
        except Vanished:
            return Brought(found, rewritten=not move.forward, vanished=oid)
        found.append(commit)
        parents = commit["parents"]["nodes"]
        oid = parents[0]["oid"] if parents else None
    reached = oid == move.before
    if straight and not reached and not asked:
        new = yield from compared(move.before, move.after, repository, dataset)
        if new is not None:
            found = [commit for commit in found if commit["oid"] in new]
    if move.before == NOTHING or move.forward:
        # A push that brings the old tip in as a second parent is no rewrite: everything that was there is still there.
        return Brought(found)
    return Brought(found, rewritten=not (move.kind == GAP and reached))


def compared(before: str, after: str, repository: Repository, dataset: Dataset) -> Stream[set[str] | None]:
    """Ids of the commits reachable from `after` and not from `before`; None where GitHub no longer has one of them."""
    call = Rest(COMPARE, f"{repository.path('compare')}/{before}...{after}", dataset, answers=frozenset({404, 422}))
    found: set[str] = set()
    total: int | None = None

    def take(fresh: list[Json]) -> bool:
        found.update(commit["sha"] for commit in fresh)
        return False

    listing = rest_list(call, take, key=lambda commit: commit["sha"])
    asked = next(listing)
    while True:
        answer = yield asked
        if answer.status != 200:
            listing.close()
            return None
        total = int(field(answer.data, "total_commits", "comparison"))
        try:
            asked = listing.send(replace(answer, data=field(answer.data, "commits", "comparison")))
        except StopIteration:
            break
    if len(found) != total:
        raise IncompletePopulation(
            f"GitHub's comparison of {before[:10]} and {after[:10]} in {repository.name} gave {len(found)} of {total} "
            "commits. Nothing is claimed; run it again later."
        )
    return found
