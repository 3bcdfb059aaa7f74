"""Expands the `routine` of a script into changes: the same seed and repository always give the same ones.

Only `random.Random.random` is used, whose sequence for a seed Python guarantees for ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sandbox.github.planned import PlannedChange, PlannedCommit, PlannedDeployment, PlannedReview
from sandbox.github.script import Routine, RoutineOf
from sandbox.github.times import Epoch, epoch

T = TypeVar("T")
Employed = Callable[[str, Epoch], bool]
"""Whether the person of a login works for the company at an instant."""

MINUTE = 60
HOUR = 3600
FIRST_HOUR, LAST_HOUR = 8, 17

_VERBS = ("Add", "Fix", "Simplify", "Rework", "Speed up", "Validate", "Log", "Cache", "Retry", "Document", "Guard")
_THINGS = (
    "trial balance export", "invoice numbering", "rounding of foreign amounts", "bank feed import", "webhook delivery",
    "payout reconciliation", "session expiry", "audit trail of journal entries", "search in accounts", "VAT report",
    "closing of a period", "permission check of the report page", "idempotency keys", "queue back-off", "chart colours",
    "attachment upload", "email templates", "statement parser", "currency table", "dunning schedule", "API pagination",
    "login throttling", "ledger locking", "mobile layout", "fee calculation", "card token storage", "retention job",
)  # fmt: skip
_PACKAGES = ("starlette", "pydantic", "psycopg", "cryptography", "react", "vite", "httpx", "sqlalchemy", "celery")


class Dice:
    """Choices from one seeded sequence."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a script has to be repeatable, not unpredictable

    def below(self, limit: int) -> int:
        """A whole number from 0 up to but not including the limit."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number within both bounds."""
        return low + self.below(high - low + 1)

    def one_in(self, number: int) -> bool:
        """True once in that many times."""
        return self._random.random() * number < 1

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        rest, mixed = list(items), list[T]()
        while rest:
            mixed.append(rest.pop(self.below(len(rest))))
        return mixed


def expand(routine: Routine, employed: Employed) -> list[PlannedChange]:
    """All changes of the routine, repository by repository, each in the order of merging."""
    changes: list[PlannedChange] = []
    for one in routine.repositories:
        dice = Dice(f"{routine.seed}:{one.repository}")
        start, end = epoch(one.start or routine.start), epoch(one.end or routine.end)
        for index, merged_at in enumerate(_merge_times(dice, one.pull_requests, start, end)):
            changes.append(_Expansion(routine, one, employed, dice, index, merged_at, start).change())
    return changes


def _merge_times(dice: Dice, count: int, start: Epoch, end: Epoch) -> list[Epoch]:
    """So many instants in working hours, one in each of as many different hours."""
    hours: list[Epoch] = []
    day = datetime.fromtimestamp(start, UTC).replace(hour=0, minute=0, second=0)
    while epoch(day) < end:
        if day.weekday() < 5:
            for hour in range(FIRST_HOUR, LAST_HOUR):
                at = epoch(day) + hour * HOUR
                # The first changes need time to be written before they are merged.
                if start + 3 * 24 * HOUR <= at and at + HOUR <= end:
                    hours.append(at)
        day += timedelta(days=1)
    if count > len(hours):
        raise ValueError(f"{count} changes do not fit into {len(hours)} working hours; ask for fewer or a longer time")
    chosen = sorted(dice.shuffled(hours)[:count])
    return [at + dice.between(0, 25 * MINUTE) for at in chosen]


class _Expansion:
    """One change: the dice are thrown in a fixed order."""

    def __init__(
        self,
        routine: Routine,
        one: RoutineOf,
        employed: Employed,
        dice: Dice,
        index: int,
        merged_at: Epoch,
        start: Epoch,
    ) -> None:
        self.routine = routine
        self.one = one
        self.dice = dice
        self.index = index
        self.merged_at = merged_at
        self.span = dice.between(2 * HOUR, 50 * HOUR)
        self.opened = max(start, merged_at - self.span)
        self.span = merged_at - self.opened
        team = [login for login in one.team if employed(login, self.opened) and employed(login, merged_at)]
        if len(team) < 3:
            raise ValueError(f"{one.repository}: fewer than three of its team work at {merged_at}; name more people")
        self.people = dice.shuffled(team)

    def at(self, hundredths: int) -> Epoch:
        """An instant between opening (0) and merge (100), a few seconds off the exact share."""
        return self.opened + self.span * hundredths // 100 + self.dice.below(50)

    def change(self) -> PlannedChange:
        dice, one = self.dice, self.one
        by_bot = self.routine.dependency_app is not None and dice.one_in(7)
        author = self.routine.dependency_app if by_bot and self.routine.dependency_app else self.people[0]
        reviewer, third = self.people[1], self.people[2]
        if by_bot:
            title = f"Bump {dice.pick(_PACKAGES)} to {dice.between(1, 9)}.{dice.below(20)}.{dice.below(10)}"
        else:
            title = f"{one.key}-{100 + self.index * 3 + dice.below(3)} {dice.pick(_VERBS)} {dice.pick(_THINGS)}"
        commits = self._commits(author, third, title, by_bot=by_bot)
        reviews = self._reviews(author, reviewer, third, commits, by_bot=by_bot)
        labels = ["dependencies"] if by_bot else [dice.pick(("enhancement", "bug", "chore"))]
        change = PlannedChange(
            key=f"routine-{self.index}",
            repository=one.repository,
            author=author,
            opened=self.opened,
            merged_at=self.merged_at,
            merged_by=reviewer if by_bot or dice.one_in(3) else author,
            title=title,
            body="" if by_bot else f"See {title.split(' ', 1)[0]}.",
            method=one.method,
            commits=commits,
            reviews=reviews,
            checks=list(one.checks),
            labels=labels,
            author_is_app=by_bot,
        )
        change.flaky = dice.one_in(12)
        if not by_bot and dice.one_in(10):
            change.draft_until = self.at(8)
        if dice.one_in(10) and not one.merge_queue:
            change.auto_merge_from = self.at(93)
        if one.merge_queue:
            change.queued_at = self.merged_at - dice.between(8, 15) * MINUTE
        if not by_bot and dice.one_in(10):
            change.issue_opened = self.opened - dice.between(1, 5) * 24 * HOUR
        if one.deploys:
            change.deployments = self._deployments()
        return change

    def _commits(self, author: str, third: str, title: str, *, by_bot: bool) -> list[PlannedCommit]:
        dice = self.dice
        co_authors = (third,) if not by_bot and dice.one_in(10) else ()
        commits = [PlannedCommit(self.opened, author, title, co_authors)]
        if by_bot:
            return commits
        further = dice.below(3)
        commits.extend(
            PlannedCommit(self.at(10 + 8 * number), author, f"{title}, part {number + 2}") for number in range(further)
        )
        if dice.one_in(15):
            commits.append(PlannedCommit(self.at(36), author, title, co_authors, replaces=True))
        return commits

    def _reviews(
        self, author: str, reviewer: str, third: str, commits: list[PlannedCommit], *, by_bot: bool
    ) -> list[PlannedReview]:
        dice = self.dice
        reviews: list[PlannedReview] = []
        if not by_bot:
            if dice.one_in(8):
                reviews.append(PlannedReview(self.at(40), reviewer, "CHANGES_REQUESTED"))
                commits.append(PlannedCommit(self.at(50), author, "Answer the review"))
            elif dice.one_in(12):
                pushed = self.at(50)
                reviews.append(PlannedReview(self.at(42), reviewer, dismissed_at=pushed + 1, dismissed_by=author))
                commits.append(PlannedCommit(pushed, author, "One more case"))
            has_helped = any(third in commit.co_authors for commit in commits)
            if dice.one_in(6) and not has_helped:
                reviews.append(PlannedReview(self.at(55), third, "COMMENTED"))
        reviews.append(PlannedReview(self.at(75), reviewer))
        return reviews

    def _deployments(self) -> list[PlannedDeployment]:
        started = self.merged_at + self.dice.between(6, 12) * MINUTE
        states = ("QUEUED", "IN_PROGRESS", "SUCCESS")
        staging = PlannedDeployment(self.merged_at + 3 * MINUTE, None, "staging", states, None)
        return [staging, PlannedDeployment(started, None, "production", states, "SUCCESS")]
