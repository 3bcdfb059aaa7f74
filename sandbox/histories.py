"""Real change histories as repositories: `--changes ORG/REPO=FILE.csv`.

A file lists commits, newest first, with the columns `sha, parents, on_first_parent, author, committer, author_date,
commit_date, pr_number, pr_source, web_flow, author_is_bot, reviewed_by, co_authored_by, gpgsig`. Rows on the first
parent line are the production branch in the order of the file. The instant at which a commit entered the branch is
its committer date, raised where needed so that each entry is at least a second after the one before.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sandbox.github.build import RepositoryBuilder
from sandbox.github.model import Account, Commit, Member, Organisation, Repository, Signature
from sandbox.github.nodeids import object_id
from sandbox.github.times import Changing, Epoch, epoch
from sandbox.github.world import World

DAY = 86_400
NEEDED = frozenset(
    {
        "sha",
        "parents",
        "on_first_parent",
        "author",
        "committer",
        "author_date",
        "commit_date",
        "pr_number",
        "pr_source",
        "author_is_bot",
        "reviewed_by",
        "co_authored_by",
    }
)


@dataclass(slots=True)
class Row:
    """One commit of a history file."""

    sha: str
    parents: tuple[str, ...]
    mainline: bool
    author: str
    committer: str
    authored: Epoch
    authored_offset: int
    committed: Epoch
    committed_offset: int
    number: int | None
    rebased: bool
    bot: bool
    reviewers: tuple[str, ...]
    co_authors: tuple[str, ...]
    signed: bool
    entry: Epoch = 0


@dataclass(slots=True)
class Run:
    """Adjoining mainline rows of one pull request, or one row pushed directly (`number` None)."""

    number: int | None
    rows: list[Row] = field(default_factory=list[Row])


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part for part in (text or "").split("|") if part)


def _instant(text: str) -> tuple[Epoch, int]:
    instant = datetime.fromisoformat(text)
    offset = instant.utcoffset()
    if offset is None:
        raise ValueError(f"{text} has no time zone")
    return epoch(instant), int(offset.total_seconds() // 60)


def read_rows(path: Path) -> list[Row]:
    """The rows of a history file, oldest first. Raises ValueError naming the line that is wrong."""
    rows: list[Row] = []
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = NEEDED - set(reader.fieldnames or [])
        if missing:
            raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        for line in reader:
            try:
                authored, authored_offset = _instant(line["author_date"])
                committed, committed_offset = _instant(line["commit_date"])
                row = Row(
                    line["sha"],
                    tuple(line["parents"].replace("|", " ").split()),
                    line["on_first_parent"] == "1",
                    line["author"],
                    line["committer"],
                    authored,
                    authored_offset,
                    committed,
                    committed_offset,
                    int(line["pr_number"]) if line["pr_number"] else None,
                    line["pr_source"] == "pr-url-trailer",
                    line["author_is_bot"] == "1",
                    _names(line["reviewed_by"]),
                    _names(line["co_authored_by"]),
                    line.get("gpgsig") == "1",
                )
            except (KeyError, ValueError) as error:
                raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from error
            rows.append(row)
    rows.reverse()
    return rows


def mainline_runs(rows: list[Row]) -> list[Run]:
    """Set the entry instants and group the mainline into pull requests and direct pushes, oldest first.

    A number that comes back after other commits is another pull request: it gets a `0` appended for each return.
    """
    runs: list[Run] = []
    previous: Epoch | None = None
    last_number: int | None = None
    used: set[int] = {row.number for row in rows if row.number is not None}
    begun: set[int] = set()
    for row in rows:
        if not row.mainline:
            continue
        row.entry = row.committed if previous is None else max(row.committed, previous + 1)
        previous = row.entry
        if row.number is not None and row.number == last_number:
            runs[-1].rows.append(row)
            continue
        last_number = row.number
        number = row.number
        if number is not None:
            if number in begun:
                number *= 10
                while number in used:
                    number *= 10
                used.add(number)
            begun.add(row.number or 0)
        runs.append(Run(number, [row]))
    return runs


def add_history(world: World, organisation: Organisation, name: str, path: Path) -> Repository:
    """Make a repository out of a history file. Raises ValueError for a file without mainline rows."""
    rows = read_rows(path)
    runs = mainline_runs(rows)
    if not runs:
        raise ValueError(f"{path.name} has no row with on_first_parent = 1, so there is no branch to show")
    first = runs[0].rows[0]
    born = first.entry - 30 * DAY
    repository = world.repository(organisation, name, created_at=born, visibility="private")
    _History(world, organisation, repository, rows, runs, born).build()
    return repository


class _History:
    def __init__(
        self,
        world: World,
        organisation: Organisation,
        repository: Repository,
        rows: list[Row],
        runs: list[Run],
        born: Epoch,
    ) -> None:
        self.world = world
        self.organisation = organisation
        self.repository = repository
        self.rows = {row.sha: row for row in rows}
        self.runs = runs
        self.born = born
        self.builder = RepositoryBuilder(world, repository)
        self.bots = {row.author for row in rows if row.bot}
        self.entries: list[Epoch] = [born]
        self.line: list[str] = []

    def build(self) -> None:
        owner = next(
            (member.account for member in self.organisation.members if member.role.at(self.born) == "admin"), None
        )
        first = self.runs[0].rows[0]
        root = first.parents[0] if first.parents else object_id("root", self.repository.slug)
        self._boundary(root, self.born)
        self.line.append(root)
        self.builder.move("main", "branch_creation", root, self.born, owner)
        for run in self.runs:
            for row in run.rows:
                self._side_commits(row)
                self._commit(row, row.entry)
            if run.number is None:
                self._direct(run.rows[0])
            else:
                self._merged(run.number, run.rows)
            for row in run.rows:
                self.line.append(row.sha)
                self.entries.append(row.entry)

    def person(self, login: str) -> Account:
        return self.world.account(login, kind="Bot" if login in self.bots else "User")

    def member(self, login: str) -> Account:
        """Somebody who pushes, merges or reviews has to belong to the organisation."""
        account = self.person(login)
        if account.kind == "User" and not any(known.account is account for known in self.organisation.members):
            self.organisation.members.append(Member(account, Changing("member"), self.organisation.account.created_at))
        return account

    def _boundary(self, oid: str, at: Epoch) -> None:
        """A commit that the file only names as a parent."""
        if oid not in self.repository.commits:
            nobody = Signature("Earlier history", "history@example.invalid", at, 0, None)
            self.builder.commit(oid, (), "Earlier history", nobody, nobody, at)

    def _side_commits(self, row: Row) -> None:
        """Commits that come in as second parents, received with the merge that brings them."""
        waiting = list(row.parents[1:])
        while waiting:
            oid = waiting.pop()
            if oid in self.repository.commits:
                continue
            side = self.rows.get(oid)
            if side is None or side.mainline:
                self._boundary(oid, row.entry)
                continue
            self._commit(side, row.entry)
            waiting.extend(side.parents)

    def _commit(self, row: Row, received_at: Epoch) -> None:
        author = self.builder.signature(self.person(row.author), row.authored, row.authored_offset)
        if row.committer == "web-flow":
            committer = self.builder.web_flow(row.committed, row.committed_offset)
        else:
            committer = self.builder.signature(self.person(row.committer), row.committed, row.committed_offset)
        message = f"Change {row.sha[:10]}" if row.number is None else f"Change {row.sha[:10]} (#{row.number})"
        self.builder.commit(
            row.sha,
            row.parents or (self.line[0],),
            message,
            author,
            committer,
            received_at,
            co_authors=self._signatures(row),
            signed=row.signed,
        )

    def _signatures(self, row: Row) -> list[Signature]:
        return [
            self.builder.signature(self.person(login), row.authored, row.authored_offset) for login in row.co_authors
        ]

    def _direct(self, row: Row) -> None:
        pusher = self.member(row.author if row.committer == "web-flow" else row.committer)
        self.builder.move("main", "push", row.sha, row.entry, pusher)

    def _merged(self, number: int, rows: list[Row]) -> None:
        last = rows[-1]
        merged_at = last.entry
        author = self.person(rows[0].author)
        reviewers = list(dict.fromkeys(login for row in rows for login in row.reviewers))
        if last.committer != "web-flow":
            merger = self.member(last.committer)
        else:
            merger = self.member(reviewers[0] if reviewers else rows[0].author)
        opened = max(self.born + 60, min(max(rows[0].authored, merged_at - 90 * DAY), merged_at - 600))
        base = self.line[bisect_right(self.entries, opened) - 1]
        proposed: list[Commit] = []
        for index, row in enumerate(rows):
            signature = self.builder.signature(self.person(row.author), opened, row.authored_offset)
            proposed.append(
                self.builder.commit(
                    object_id("head", self.repository.slug, str(number), str(index), row.sha),
                    (proposed[-1].oid if proposed else base,),
                    f"Change {row.sha[:10]}",
                    signature,
                    signature,
                    opened,
                    co_authors=self._signatures(row),
                )
            )
        pull = self.builder.open_pull(
            number, f"Change {last.sha[:10]}", author, opened, proposed, head_ref=f"change-{number}"
        )
        for login in reviewers:
            self.builder.review(pull, self.member(login), "APPROVED", merged_at - 60)
        method = "REBASE" if rows[0].rebased or len(rows) > 1 else "SQUASH"
        commits = [self.repository.commits[row.sha] for row in rows]
        self.builder.merge(pull, merged_at, merger, commits, method=method)
