"""The complete population of changes of one repository and interval, in one pass.

Fills github.commits, github.pull_requests, github.checks and, where asked in the same request, github.deployments and
github.bypasses. The question is what entered the production branches; three readings answer it and are held against
each other: the activity ledger, the first-parent graph, and the list of merged pull requests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import orjson

from connectors.github import activity, pulls
from connectors.github.activity import Ledger, Move
from connectors.github.bypasses import Bypasses
from connectors.github.calls import Json, Stream
from connectors.github.claims import claims_of
from connectors.github.client import GithubClient, client_of, interval_of
from connectors.github.deployments import Deployments, deployed_between
from connectors.github.ownership import Owner
from connectors.github.paging import Tally
from connectors.github.population import BranchPopulation, own
from connectors.github.pulls import DETAILS_PAGE, Detailed, Merged
from connectors.github.reconcile import reconcile
from connectors.github.repository import Repository, locate, require_production_branch
from connectors.github.streams import Driver, together
from connectors.github.verdicts import NO_LOGIN
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import BYPASSES, CHECKS, COMMITS, DEPLOYMENTS, PULL_REQUESTS

OFFERED = frozenset(dataset.name for dataset in (COMMITS, PULL_REQUESTS, CHECKS, DEPLOYMENTS, BYPASSES))
POPULATION = frozenset({COMMITS.name, PULL_REQUESTS.name, CHECKS.name})
_BATCH = 500


def changes(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Collect what `request.datasets` names of the five datasets for one repository and [start, end).

    Raises an error of `schemas.errors` where the population can't be shown to be complete.
    """
    start, end = interval_of(request)
    client = client_of(session)
    driver = Driver(client.transport, sink)
    located: list[Repository] = []
    first = next(
        dataset
        for dataset in (COMMITS, PULL_REQUESTS, CHECKS, DEPLOYMENTS, BYPASSES)
        if dataset.name in request.datasets
    )

    def find() -> Stream[None]:
        located.append((yield from locate(request, client.production_branches, first)))

    driver.ask(find())
    require_production_branch(located[0])
    one = ChangePass(client, request, sink, located[0], start, end, driver)
    one.run()
    return claims_of(one)


@dataclass(slots=True)
class Brought:
    """A pull request that brought commits onto a branch in the interval."""

    number: int
    branch: str
    entered_at: datetime
    commits: int
    queued: bool
    merged_at: datetime | None = None
    updated_at: datetime | None = None


class ChangePass:
    """Everything one pass over one repository knows. Implements `population.Changes`."""

    def __init__(
        self,
        client: GithubClient,
        request: Request,
        sink: Sink,
        repository: Repository,
        start: datetime,
        end: datetime,
        driver: Driver,
    ) -> None:
        self.client = client
        self.datasets = request.datasets
        self.repository = repository
        self.start = start
        self.end = end
        self.ledgers: dict[str, Ledger] = {}
        self.populations: dict[str, BranchPopulation] = {}
        self.merged: dict[str, dict[str, Merged]] = {}
        self.tallies: list[Tally] = []
        self.brought: dict[str, Brought] = {}
        self.deployments = Deployments()
        self.bypasses = Bypasses(client, repository, start, end)
        self.rows: Counter[str] = Counter()
        self.dropped: dict[str, Counter[str]] = {name: Counter() for name in OFFERED}
        self.notes: list[str] = []
        self.denied: dict[str, str] = {}
        """Datasets of which nothing can be said for want of a right, and why."""
        self.read: set[str] = set()
        self._sink = sink
        self._driver = driver
        self._asked: set[str] = set()
        self._wanted: dict[bool, list[str]] = {False: [], True: []}
        self._undecided: dict[str, list[tuple[Json, list[Owner], str, Move]]] = {}
        self._commits: list[Json] = []

    # --- what the walk along a branch finds (population.Changes)

    def entered(self, row: Json) -> None:
        self._commits.append(row)
        if len(self._commits) >= _BATCH:
            self._put_commits()

    def owns(self, owner: Owner, move: Move, commits: int, branch: str) -> None:
        known = self.brought.get(owner.id)
        if known is None:
            queued = move.kind == "merge_queue_merge"
            self.brought[owner.id] = Brought(owner.number, branch, move.at, commits, queued)
            self._want(owner.id, queued=queued)
        else:
            known.commits += commits
            # Of several entries (the branch was rewritten and brought them again) the first is the merge.
            known.entered_at = min(known.entered_at, move.at)

    def undecided(self, row: Json, candidates: tuple[Owner, ...], move: Move, branch: str) -> None:
        self._undecided.setdefault(candidates[0].id, []).append((row, list(candidates), branch, move))
        if candidates[0].id in self.read:
            self._want_commits(candidates[0].id)
        else:
            self._want(candidates[0].id, queued=False)

    # --- reading

    def run(self) -> None:
        """Read everything. When this returns the rows are in the sink and the counts agree."""
        streams: list[Stream[None]] = []
        if self.datasets & POPULATION:
            for branch in self.repository.tips:
                ledger = Ledger(self.repository, branch, self.start, self.end)
                now = self.client.now()
                self.ledgers[branch] = ledger
                self.populations[branch] = BranchPopulation(self.repository, ledger, self, self.client.sizes, now)
                self.merged[branch] = {}
                streams.append(activity.read(ledger, COMMITS))
            for index, branch in enumerate(self.repository.tips):
                joined = [self._walk(branch), self._count(branch)]
                if index == 0 and DEPLOYMENTS.name in self.datasets:
                    joined.append(self._deployed())
                streams.append(together(*joined))
        elif DEPLOYMENTS.name in self.datasets:
            streams.append(self._deployed())
        if BYPASSES.name in self.datasets:
            streams.append(self._apart(BYPASSES, self.bypasses.read()))
        self._driver.run(*streams)
        if self.datasets & POPULATION:
            self._put_commits()
            reconcile(self)
            self._put_commits()
        if BYPASSES.name in self.datasets and BYPASSES.name not in self.denied:
            self._put(BYPASSES, self.bypasses.rows)

    def _walk(self, branch: str) -> Stream[None]:
        yield from self.populations[branch].walk()
        if all(population.done for population in self.populations.values()):
            self._ask_details(everything=True)

    def undecided_left(self) -> int:
        """Commits whose owner could not be settled; none, or the pass has gone wrong."""
        return sum(len(rows) for rows in self._undecided.values())

    def count_again(self, branch: str) -> None:
        """Read the list of merged pull requests once more; what it shows is added to what is known."""
        self._driver.run(self._count(branch))

    def read_details(self, ids: list[str]) -> None:
        """Read further pull requests, found by the counting and not by the walk."""
        for one in ids:
            self._want(one, queued=False)
        self._ask_details(everything=True)
        self._driver.run()

    def run_stream(self, stream: Stream[None]) -> None:
        """Run one more stream."""
        self._driver.run(stream)

    def _count(self, branch: str) -> Stream[None]:
        tally = yield from pulls.merged_since(
            self.repository, branch, self.start, self.merged[branch], self.client.sizes
        )
        self.tallies.append(tally)

    def _deployed(self) -> Stream[None]:
        listing = deployed_between(
            self.repository, self.start, self.end, self.client.is_production, self.client.sizes,
            lambda rows: self._put(DEPLOYMENTS, rows), self.deployments,
        )  # fmt: skip
        yield from self._apart(DEPLOYMENTS, listing)

    def _apart(self, dataset: Dataset, stream: Stream[None]) -> Stream[None]:
        """Read what needs a right of its own. Where that is missing, the other datasets are none the worse: this one
        claims nothing and says why. Asked for alone, the error is raised."""
        try:
            yield from stream
        except (PermissionDenied, NotLicensed) as denied:
            refused_login = isinstance(denied, PermissionDenied) and denied.permission == NO_LOGIN
            if refused_login or len(self.datasets) == 1:
                raise
            self.denied[dataset.name] = str(denied)

    def _want(self, pull_id: str, *, queued: bool) -> None:
        if pull_id in self._asked:
            return
        self._asked.add(pull_id)
        self._wanted[queued].append(pull_id)
        self._ask_details(everything=False)

    def _ask_details(self, *, everything: bool) -> None:
        for queued, ids in self._wanted.items():
            while len(ids) >= DETAILS_PAGE or (everything and ids):
                batch, ids[:] = ids[:DETAILS_PAGE], ids[DETAILS_PAGE:]
                details = pulls.details(
                    batch,
                    self.repository,
                    self.client.sizes,
                    self._take_details,
                    queued=queued,
                    several=self._several,
                )
                self._driver.add(details)

    # --- rows

    def _take_details(self, page: list[Detailed]) -> None:
        rows: list[Json] = []
        checks: list[Json] = []
        for one in page:
            row = one.row
            self.read.add(row["pr_id"])
            self._decide(row["pr_id"], one.shas)
            brought = self.brought.get(row["pr_id"])
            merged_at: datetime | None = row["event_time"]
            if merged_at is None:
                raise IncompletePopulation(
                    f"Pull request #{row['number']} of {self.repository.name} was merged by one answer of GitHub and "
                    "is not by another. Nothing is claimed; run it again later."
                )
            if brought is not None:
                brought.merged_at, brought.updated_at = merged_at, row["updated_at"]
            if self.inside(merged_at):
                rows.append(row)
            else:
                self.dropped[PULL_REQUESTS.name]["merged outside the interval"] += 1
            entered_at = brought.entered_at if brought is not None else merged_at
            if one.checks and not self.inside(entered_at):
                self.dropped[CHECKS.name]["entered outside the interval"] += len(one.checks)
            else:
                checks += [self._check_row(check, row["number"], entered_at) for check in one.checks]
        if PULL_REQUESTS.name in self.datasets:
            self._put(PULL_REQUESTS, rows)
        if CHECKS.name in self.datasets:
            self._put(CHECKS, checks)

    def _check_row(self, check: Json, number: int, entered_at: datetime) -> Json:
        return {
            "scope_item_id": self.repository.scope_item_id, **check, "event_time": entered_at,
            "repo_id": self.repository.id, "repo_name": self.repository.name, "pr_number": number,
            "raw": orjson.dumps(check["raw"]).decode(),
        }  # fmt: skip

    def _decide(self, pull_id: str, shas: frozenset[str]) -> None:
        """Settle the rows whose owner is this pull request if the commit is one of its own."""
        for row, candidates, branch, move in self._undecided.pop(pull_id, ()):
            owner = candidates.pop(0)
            if row["sha"] in shas:
                own(row, owner)
                self.entered(row)
                self.owns(owner, move, 1, branch)
            elif candidates:
                self._undecided.setdefault(candidates[0].id, []).append((row, candidates, branch, move))
                self._want_commits(candidates[0].id)
            else:
                self.entered(row)

    def _want_commits(self, pull_id: str) -> None:
        """Read a pull request for the sake of its commits alone."""
        take, sizes = self._take_commits, self.client.sizes
        self._driver.add(pulls.details([pull_id], self.repository, sizes, take, queued=False, several=self._several))

    def _several(self, pull_id: str) -> bool:
        """Whether a pull request brought more than one commit: by a rebase merge."""
        return pull_id in self.brought and self.brought[pull_id].commits > 1

    def _take_commits(self, page: list[Detailed]) -> None:
        for one in page:
            self._decide(one.row["pr_id"], one.shas)

    def inside(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def _put_commits(self) -> None:
        rows, self._commits = self._commits, []
        if COMMITS.name in self.datasets:
            self._put(COMMITS, rows)

    def _put(self, dataset: Dataset, rows: list[Json]) -> None:
        self.rows[dataset.name] += len(rows)
        if rows:
            self._sink.rows(dataset, rows)
