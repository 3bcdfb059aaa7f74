"""What a real change history says, told from its CSV alone, and how a collected window differs from it.

The rules are those of the README beside the histories. Nothing of the sandbox or of the product is used to read them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes.evidence_project import Project

CHANGES = Path(__file__).parents[2].parent / "shared" / "data" / "changes"
NAMES = ("warehouse", "prefect", "libuv")
DIRECT, UNREVIEWED = ("DIRECT_PUSH",), ("NO_APPROVAL",)


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of the production branch."""

    sha: str
    entered: datetime
    pull: int | None
    codes: tuple[str, ...]

    @property
    def window(self) -> str:
        return f"{self.entered:%Y-%m}"


def changes_of(name: str) -> list[Change]:
    """The production branch, oldest first."""
    with (CHANGES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        line = [row for row in csv.DictReader(stream) if row["on_first_parent"] == "1"]
    line.reverse()
    entered: list[datetime] = []
    for row in line:
        at = datetime.fromisoformat(row["commit_date"]).astimezone(UTC)
        entered.append(max(at, entered[-1] + timedelta(seconds=1)) if entered else at)
    found: list[Change] = []
    begun: set[str] = set()
    for first, end in _runs(line):
        rows = line[first:end]
        number = rows[0]["pr_number"]
        writers = {row["author"] for row in rows} | {one for row in rows for one in _people(row["co_authored_by"])}
        reviewers = {one for row in rows for one in _people(row["reviewed_by"])}
        codes = DIRECT if not number else (() if reviewers - writers else UNREVIEWED)
        pull = None if not number else int(f"{number}0" if number in begun else number)
        begun.add(number)
        # A merge moves the branch once, so all commits of a rebase merge enter with the last of them.
        found += [Change(row["sha"], entered[end - 1], pull, codes) for row in rows]
    return found


def _runs(line: list[dict[str, str]]) -> Iterator[tuple[int, int]]:
    """Bounds of adjoining commits of one pull request; a commit without one stands alone."""
    first = 0
    for end in range(1, len(line) + 1):
        if end == len(line) or not line[end]["pr_number"] or line[end]["pr_number"] != line[first]["pr_number"]:
            yield first, end
            first = end


def _people(text: str) -> list[str]:
    return [name for name in text.split("|") if name]


def differences(project: Project, repository: str, window: str, changes: list[Change]) -> list[str]:
    """Everything in which one collected and tested month of a repository differs from the truth; empty when nothing."""
    wanted = [change for change in changes if change.window == window]
    claims = [
        claim
        for claim in project.claims("github.commits")
        if claim["scope_item"] == repository and claim["status"] != "error" and claim["from"][:7] == window
    ]
    if [claim["status"] for claim in claims] != ["ok"]:
        return [f"{window}: the claims are {[claim['status'] for claim in claims]}, wanted is one that is ok"]
    [claim] = claims
    rows = [
        row for row in project.rows("github.commits", claim["ledger"]) if row["scope_item_id"] == claim["scope_item_id"]
    ]
    held = sorted((row["event_time"], row["sha"], row["pr_number"]) for row in rows)
    told = sorted((change.entered, change.sha, change.pull) for change in wanted)
    wrong: list[str] = []
    if held != told:
        odd = [(a, b) for a, b in zip(held, told, strict=False) if a != b][:3]
        wrong.append(f"{window}: {len(held)} commits are held and {len(told)} entered; the first that differ: {odd}")
    if claim["independent_count"] != len(told):
        wrong.append(f"{window}: the independent count is {claim['independent_count']}, {len(told)} entered")
    return wrong + _judged_otherwise(project, repository, window, wanted)


def _judged_otherwise(project: Project, repository: str, window: str, wanted: list[Change]) -> list[str]:
    document: dict[str, Any] = project.fine("test", "--control", "CC8-CHG-01", "--window", window)
    found = {
        outcome["item_id"].rpartition(":")[2]: (outcome["outcome"], tuple(outcome["codes"]))
        for outcome in document["outcomes"]
        if outcome["scope_item"] == repository
    }
    told = {change.sha: ("exception" if change.codes else "pass", change.codes) for change in wanted}
    odd = [(sha, found.get(sha), told.get(sha)) for sha in {*found, *told} if found.get(sha) != told.get(sha)]
    return [f"{window}: {len(odd)} outcomes differ, such as {sorted(odd, key=repr)[:3]}"] if odd else []
