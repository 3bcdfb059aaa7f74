"""The population of changes of one branch: each commit that entered it, by first parents, with its owner.

The ledger of movements, the walk along the commits and the pull requests are read side by side; movements are judged
newest first as the ledger delivers them. Nothing older than the interval is walked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import orjson

from connectors.github.activity import GAP, MERGES, NOTHING, Ledger, Move
from connectors.github.calls import Graph, Json, Part, Stream
from connectors.github.graph import OWNERS, PAGE, Brought, Line, brought
from connectors.github.ownership import Owned, Owner, assign
from connectors.github.paging import Sizes, complete, one_page
from connectors.github.people import author
from connectors.github.repository import Repository
from schemas.errors import IncompletePopulation
from schemas.github import COMMITS
from schemas.instants import format_instant, optional_instant

INDEX_LAG = timedelta(hours=1)
"""How long after a merge GitHub may not yet associate the pull request with its commit."""


class Changes(Protocol):
    """Where the population of a branch goes; implemented by `changes`."""

    def entered(self, row: Json) -> None:
        """Take a finished row of github.commits."""
        ...

    def owns(self, owner: Owner, move: Move, commits: int, branch: str) -> None:
        """Take note of a pull request that brought this many commits; its details will be read."""
        ...

    def undecided(self, row: Json, candidates: tuple[Owner, ...], move: Move, branch: str) -> None:
        """Keep a row whose owner is the first of the candidates that has the commit among its own, if any."""
        ...


@dataclass(slots=True)
class BranchPopulation:
    """The walk over one branch's movements, and what it counted."""

    repository: Repository
    ledger: Ledger
    changes: Changes
    sizes: Sizes
    now: datetime
    commits: int = 0
    rewrites: list[str] = field(default_factory=list[str])
    """Movements that replaced history, in words."""
    vanished: list[str] = field(default_factory=list[str])
    incomplete_from: datetime | None = None
    """Since when the population is not known yet, because GitHub's index lags behind."""
    merge_moves: int = 0
    done: bool = False
    pages: int = 0
    shas: set[str] = field(default_factory=set[str])
    _position: int = 0
    _overwritten: bool = False

    def walk(self) -> Stream[None]:
        """Judge each movement of the interval, newest first; waits (yields None) for the ledger where it is behind."""
        line = Line(self.repository, COMMITS, self.sizes, self._wanted)
        ledger = self.ledger
        while True:
            while self._position >= len(ledger.moves) and not ledger.done:
                yield None
            if self._position >= len(ledger.moves):
                break
            move = ledger.moves[self._position]
            self._position += 1
            while move.before == NOTHING and not ledger.done:
                yield None  # whether its commits had been on the branch before is told by older rows
            found = yield from brought(move, line, self._known(move), self.repository, COMMITS, beside=self._beside())
            yield from self._judge(move, found)
        self.pages = line.pages
        self.done = True

    def _wanted(self) -> int:
        left = len(self.ledger.moves) - self._position + 1
        return 2 * left if self.ledger.done else PAGE

    def _known(self, move: Move) -> Callable[[str], bool]:
        """Whether a commit was a tip of the branch before a movement."""
        since = self.ledger.tips
        return lambda oid: oid in since and since[oid] < move.at

    def _beside(self) -> str | None:
        """The tip of the default branch, or of another production branch, if this one is not it."""
        others = [self.repository.default_branch, *self.repository.tips.values()]
        return next((tip.oid for tip in others if tip is not None and tip.name != self.ledger.branch), None)

    def _judge(self, move: Move, found: Brought) -> Stream[None]:
        if move.kind == GAP and not found.rewritten and found.vanished is None:
            raise IncompletePopulation(
                f"The activity ledger of {self.repository.name} ({self.ledger.branch}) has no row for the "
                f"{len(found.commits)} commits between {move.before[:10]} and {move.after[:10]}, read twice. Nothing "
                "is claimed; run it again later."
            )
        if move.kind in MERGES:
            self.merge_moves += 1
        if found.vanished is not None and not self._overwritten and move.forward:
            raise IncompletePopulation(
                f"GitHub names {found.vanished[:10]} as part of {self.ledger.branch} in {self.repository.name} and "
                "does not have it. Nothing is claimed; run it again later."
            )
        created_beside = move.before == NOTHING and not found.commits
        if found.rewritten or created_beside:
            self.changes.entered(self._move_row(move))
            self.rewrites.append(f"{move.kind} {move.before[:10]}..{move.after[:10]} at {format_instant(move.at)}")
        owned = assign(move, found.commits, self.ledger.branch)
        if move.kind in MERGES and owned and owned[0].owner is None:
            owned = yield from self._again(move, owned)
            if owned[0].owner is None:
                self._unowned(move)
                self._overwritten = self._overwritten or not move.forward
                return
        for owner, count in _owners(owned):
            self.changes.owns(owner, move, count, self.ledger.branch)
        for one in owned:
            row = self._row(move, one, rewritten=found.rewritten)
            self.shas.add(one.commit["oid"])
            self.commits += 1
            if one.candidates:
                self.changes.undecided(row, one.candidates, move, self.ledger.branch)
            else:
                self.changes.entered(row)
        if found.vanished is not None and move.forward:
            self.vanished.append(found.vanished)
            self.commits += 1
            self.changes.entered(self._vanished_row(move, found.vanished))
        self._overwritten = self._overwritten or not move.forward

    def _again(self, move: Move, owned: list[Owned]) -> Stream[list[Owned]]:
        """Ask once more for the pull requests of a merge's commit."""
        commit = owned[0].commit

        def ask(_first: int) -> Graph:
            part = Part(
                "$commit: ID!", f"again: node(id: $commit) {{ id ... on Commit {{ {OWNERS.inline()} }} }}",
                {"commit": commit["id"]},
            )  # fmt: skip
            return Graph("OwnersAgain", (part,), COMMITS)

        answer = yield from one_page("the pull requests of a commit", ask, self.sizes.of("commit", 1))
        commit["associatedPullRequests"] = answer.data["again"]["associatedPullRequests"]
        yield from complete(commit, OWNERS, COMMITS, self.sizes)
        return assign(move, [one.commit for one in owned], self.ledger.branch)

    def _unowned(self, move: Move) -> None:
        if self.now - move.at > INDEX_LAG:
            raise IncompletePopulation(
                f"The activity ledger of {self.repository.name} says that {move.after[:10]} came by a merged pull "
                "request, and GitHub names none that owns it, asked twice. Nothing is claimed; run it again later."
            )
        # Rows of this movement are left out: a first version without its pull request would stand as a direct push.
        if self.incomplete_from is None or move.at < self.incomplete_from:
            self.incomplete_from = move.at

    def _frame(self, move: Move, item_id: str, sha: str, raw: Json) -> Json:
        repository = self.repository
        return {
            "scope_item_id": repository.scope_item_id, "item_id": item_id, "event_time": move.at,
            "repo_id": repository.id, "repo_name": repository.name, "branch": self.ledger.branch, "sha": sha,
            "activity": "force_push" if move.kind == GAP else move.kind,
            "actor": None if move.kind == GAP else move.actor, "before_sha": move.before, "after_sha": move.after,
            "parents": [], "authored_at": None, "committed_at": None, "authors": [], "pr_id": None, "pr_number": None,
            "pr_merge_sha": None, "message_headline": None, "rewritten": False,
            "first_of_branch": move.before == NOTHING, "raw": orjson.dumps(raw).decode(),
        }  # fmt: skip

    def _move_row(self, move: Move) -> Json:
        """The row of a movement that is an event of its own: a rewrite, a deletion, a branch made from another one."""
        item_id = f"github:push:{self.repository.id}:{move.before}..{move.after}"
        row = self._frame(move, item_id, move.before if move.after == NOTHING else move.after, {"activity": move.raw})
        row["rewritten"] = move.before != NOTHING
        return row

    def _vanished_row(self, move: Move, oid: str) -> Json:
        return self._frame(move, f"github:commit:{self.repository.id}:{oid}", oid, {"activity": move.raw})

    def _row(self, move: Move, owned: Owned, *, rewritten: bool) -> Json:
        commit = owned.commit
        item_id = f"github:commit:{self.repository.id}:{commit['oid']}"
        row = self._frame(move, item_id, commit["oid"], {"commit": commit, "activity": move.raw})
        row |= {
            "parents": [parent["oid"] for parent in commit["parents"]["nodes"]],
            "authored_at": optional_instant(commit["authoredDate"]),
            "committed_at": optional_instant(commit["committedDate"]),
            "authors": [author(one) for one in commit["authors"]["nodes"]],
            "message_headline": commit["messageHeadline"], "rewritten": rewritten,
        }  # fmt: skip
        if owned.owner is not None:
            own(row, owned.owner)
        return row


def own(row: Json, owner: Owner) -> None:
    """Write a commit's owner into its row."""
    row |= {"pr_id": owner.id, "pr_number": owner.number, "pr_merge_sha": owner.merge_sha}


def _owners(owned: list[Owned]) -> list[tuple[Owner, int]]:
    counted: dict[Owner, int] = {}
    for one in owned:
        if one.owner is not None:
            counted[one.owner] = counted.get(one.owner, 0) + 1
    return list(counted.items())
