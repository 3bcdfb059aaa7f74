"""The activity ledger of a branch: what moved it, when by the server's clock, and by whom.

`GET /repos/{owner}/{repo}/activity` lists movements newest first. Each row's `before` must be the `after` of the next
older one; where it is not, a row is missing or the ledger does not know of a rewrite. Either is found here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.github.calls import Answer, Json, Rest, Stream
from connectors.github.paging import next_link
from connectors.github.people import rest_actor
from connectors.github.repository import Repository
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.instants import parse_instant

TEMPLATE = "/repos/{owner}/{repo}/activity"
NOTHING = "0" * 40
"""`before` of a created branch, `after` of a deleted one."""

MERGES = frozenset({"pr_merge", "merge_queue_merge"})
GAP = "gap"
"""A movement that no row tells of: the ledger goes from one commit to another one without a row between."""


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of the branch."""

    kind: str
    before: str
    after: str
    at: datetime
    actor: Json
    raw: Json

    @property
    def forward(self) -> bool:
        """Whether the kind says that commits were put on top of what was there."""
        return self.kind == "push" or self.kind in MERGES


@dataclass(slots=True)
class Ledger:
    """What the ledger of one branch says about [start, end). Filled page by page by `read`."""

    repository: Repository
    branch: str
    start: datetime
    end: datetime
    moves: list[Move] = field(default_factory=list[Move])
    """Movements in the interval, newest first, gaps between them included."""
    older: Move | None = None
    """The last movement before the interval."""
    newest: Move | None = None
    """The last movement of all."""
    begins: bool = False
    """The ledger's oldest row creates the branch: there is nothing older."""
    done: bool = False
    lagging: bool = False
    """The branch's tip is not in the ledger yet: its newest part is unknown."""
    rows: int = 0
    pages: int = 0
    reread: int = 0
    tips: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """Every commit the ledger names as a tip, and since when, the earliest time counting."""

    @property
    def reaches_back(self) -> bool:
        """Whether the whole interval is known to the ledger."""
        return self.older is not None or self.begins

    @property
    def known_from(self) -> datetime | None:
        """The instant from which on the ledger knows all, when it does not reach back to the start."""
        return None if self.reaches_back or not self.moves else self.moves[-1].at

    @property
    def quiet(self) -> bool:
        """Nothing moved in the interval, and the ledger shows that it would have said so."""
        return self.done and not self.moves and not self.lagging and self.reaches_back


def read(ledger: Ledger, dataset: Dataset) -> Stream[None]:
    """Read the ledger from its newest row back to the first one before the interval.

    A break between two rows is asked about again, both pages; if it stays, it is kept as a movement of kind `gap`,
    which the walk along the commits then judges. Raises `IncompletePopulation` where paging contradicts itself.
    """
    repository, branch = ledger.repository, ledger.branch
    tip = repository.tips[branch]
    first = Rest(TEMPLATE, repository.path("activity"), dataset, {"ref": f"refs/heads/{branch}", "per_page": 100})
    asked: set[str] = set()
    call, previous = first, first
    answer = yield call
    rows, link = _page(ledger, answer)
    if not _shows(rows, tip.oid if tip else NOTHING):
        # Pushed a moment ago, or a page with rows missing: a second look tells.
        ledger.reread += 1
        answer = yield call
        rows, link = _page(ledger, answer)
        ledger.lagging = not _shows(rows, tip.oid if tip else NOTHING)
    ids: set[str] = set()
    last: Move | None = None
    while True:
        if _broken(rows, last):
            ledger.reread += 1
            again: list[Move] = []
            if previous is not call:
                answer = yield previous
                again, _ = _page(ledger, answer)
            answer = yield call
            rows, link = _page(ledger, answer)
            rows = _merged(again, rows, ids)
        fresh = [row for row in rows if str(row.raw["id"]) not in ids]
        ids.update(str(row.raw["id"]) for row in fresh)
        last = _take(ledger, fresh, last)
        if ledger.older is not None or link is None:
            break
        if not rows or link in asked:
            ledger.reread += 1
            answer = yield call
            rows, link = _page(ledger, answer)
            if link is not None and (not rows or link in asked):
                raise IncompletePopulation(
                    f"The activity ledger of {repository.name} says that there is more and gives nothing more, twice. "
                    "Nothing is claimed; run it again later."
                )
            continue
        asked.add(link)
        previous, call = call, replace(first, path=link, parameters={})
        answer = yield call
        rows, link = _page(ledger, answer)
    ledger.begins = ledger.older is None and last is not None and last.before == NOTHING
    ledger.done = True


def _shows(rows: list[Move], tip: str) -> bool:
    """Whether the tip seen before the ledger was read is one of its newest rows (an absent branch: deleted or none)."""
    return any(row.after == tip for row in rows) or (tip == NOTHING and not rows)


def _page(ledger: Ledger, answer: Answer) -> tuple[list[Move], str | None]:
    ledger.pages += 1
    data: Any = answer.data
    if not isinstance(data, list):
        raise SchemaDrift("GitHub's activity ledger is no list. The connector must be looked at.")
    wanted = f"refs/heads/{ledger.branch}"
    moves: list[Move] = []
    for row in data:
        try:
            ref = row["ref"]
            move = Move(
                row["activity_type"], row["before"], row["after"], parse_instant(row["timestamp"]),
                rest_actor(row.get("actor")), row,
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise SchemaDrift(
                f"A row of GitHub's activity ledger lacks a field it must have ({error}). The connector must be "
                "looked at."
            ) from error
        if ref != wanted:
            raise IncompletePopulation(
                f"GitHub's activity ledger answered for {ref} when asked for {wanted}. Run it again; nothing "
                "is claimed."
            )
        moves.append(move)
    return moves, next_link(answer)


def _broken(rows: list[Move], last: Move | None) -> bool:
    for row in rows:
        if last is not None and row.raw["id"] != last.raw["id"] and last.before != row.after:
            return True
        last = row
    return False


def _merged(earlier: list[Move], later: list[Move], known: set[str]) -> list[Move]:
    """Rows of two pages read again, without those already taken, in their order."""
    fresh = [row for row in earlier if str(row.raw["id"]) not in known]
    seen = {str(row.raw["id"]) for row in fresh}
    return fresh + [row for row in later if str(row.raw["id"]) not in seen]


def _take(ledger: Ledger, rows: list[Move], last: Move | None) -> Move | None:
    for row in rows:
        ledger.rows += 1
        if ledger.older is not None:
            ledger.tips[row.after] = row.at
            continue
        ledger.newest = ledger.newest or row
        if row.after != NOTHING:
            ledger.tips[row.after] = row.at
        if last is not None and last.before != row.after and last.at >= ledger.start and row.at < ledger.end:
            # Dated like the row after it: by then it had happened.
            ledger.moves.append(
                Move(GAP, row.after, last.before, min(last.at, _before(ledger.end)), _NOBODY, _gap(row, last))
            )
        last = row
        if row.at >= ledger.end:
            continue
        if row.at < ledger.start:
            ledger.older = row
            continue
        ledger.moves.append(row)
    return last


_NOBODY: Json = {"id": None, "login": None, "kind": "unknown"}


def _before(instant: datetime) -> datetime:
    return instant - instant.resolution


def _gap(older: Move, newer: Move) -> Json:
    return {"gap": True, "between": [older.raw["id"], newer.raw["id"]], "before": older.after, "after": newer.before}
