"""CC8-CHG-01 over the real histories of three public projects, not of our own making.

The histories are rows of `../shared/data/changes`; where that folder is absent these tests are skipped and say so.
What must come out is told from the CSV alone, by other means than the product's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.controls.change_review import reviewed_before_merge
from schemas.github import COMMITS, PULL_REQUESTS
from schemas.outcome import Outcome
from tests.evidence.controls.changes import SCOPE, actor, author, commit, proposed, pull, review, window
from tests.fakes.memory_evidence import MemoryEvidence

CHANGES = Path(__file__).parents[4] / "shared" / "data" / "changes"
NO_CHECKS_NO_TICKETS = {"tickets_required": False, "required_checks": "none", "rule_bypasses": "none"}
FIRST, LAST = datetime(2005, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not CHANGES.is_dir(), reason="the real histories (../shared/data/changes) are not here")


@dataclass
class Run:
    """Adjoining mainline rows of one pull request, or one direct push (`number` None)."""

    number: int | None
    rows: list[dict[str, str]]
    entered: list[datetime] = field(default_factory=list)


def names(text: str) -> list[str]:
    return [name for name in text.split("|") if name]


def runs_of(file: str) -> list[Run]:
    with (CHANGES / file).open(newline="") as stream:
        mainline = [row for row in csv.DictReader(stream) if row["on_first_parent"] == "1"]
    mainline.reverse()
    runs: list[Run] = []
    begun: set[int] = set()
    last = FIRST
    for row in mainline:
        last = max(datetime.fromisoformat(row["commit_date"]).astimezone(UTC), last + timedelta(seconds=1))
        number = int(row["pr_number"]) if row["pr_number"] else None
        if number is not None and runs and runs[-1].rows[-1]["pr_number"] == row["pr_number"]:
            runs[-1].rows.append(row)
            runs[-1].entered.append(last)
            continue
        again = number in begun
        begun.add(number or 0)
        runs.append(Run(number * 10 if again and number is not None else number, [row], [last]))
    return runs


def stored(runs: list[Run]) -> MemoryEvidence:
    evidence = MemoryEvidence()
    evidence.store(COMMITS, SCOPE, commit_rows(runs))
    evidence.store(PULL_REQUESTS, SCOPE, pull_rows(runs))
    for dataset in (COMMITS, PULL_REQUESTS):
        evidence.claim(dataset, SCOPE, FIRST, LAST)
    return evidence


def writers(row: dict[str, str]) -> list[dict[str, Any]]:
    kind = "bot" if row["author_is_bot"] == "1" else "person"
    return [author(row["author"], kind=kind), *(author(name) for name in names(row["co_authored_by"]))]


def commit_rows(runs: list[Run]) -> Iterator[dict[str, Any]]:
    for run in runs:
        for row, entered in zip(run.rows, run.entered, strict=True):
            pusher = row["author"] if row["committer"] == "web-flow" else row["committer"]
            yield commit(
                sha=row["sha"],
                item_id=f"github:commit:R_1:{row['sha']}",
                event_time=entered,
                parents=row["parents"].replace("|", " ").split(),
                authors=writers(row),
                actor=actor(pusher),
                activity="push" if run.number is None else "pr_merge",
                pr_number=run.number,
                pr_merge_sha=None if run.number is None else run.rows[-1]["sha"],
            )


def pull_rows(runs: list[Run]) -> Iterator[dict[str, Any]]:
    for run in runs:
        if run.number is None:
            continue
        merged_at = run.entered[-1]
        first = run.rows[0]
        kind = "bot" if first["author_is_bot"] == "1" else "person"
        head = f"head-{run.number}"
        reviewers = dict.fromkeys(name for row in run.rows for name in names(row["reviewed_by"]))
        yield pull(
            number=run.number,
            event_time=merged_at,
            author=actor(first["author"], kind),
            last_pusher=actor(first["author"], kind),
            head_sha=head,
            merge_sha=run.rows[-1]["sha"],
            reviews=[review(name, minutes=-1, sha=head, at=merged_at) for name in reviewers],
            commits=[proposed(f"{head}-{index}", authors=writers(row)) for index, row in enumerate(run.rows)],
        )


def judged(runs: list[Run]) -> list[Outcome]:
    return reviewed_before_merge(
        window(rules=NO_CHECKS_NO_TICKETS, start=FIRST, end=LAST, as_of=LAST), stored(runs)
    )  # fmt: skip


def expected(runs: list[Run]) -> dict[str, tuple[str, ...]]:
    """Code per commit, straight from the columns."""
    codes: dict[str, tuple[str, ...]] = {}
    for run in runs:
        involved = {name for row in run.rows for name in [row["author"], *names(row["co_authored_by"])]}
        reviewers = {name for row in run.rows for name in names(row["reviewed_by"])}
        for row in run.rows:
            if run.number is None:
                codes[row["sha"]] = ("DIRECT_PUSH",)
            else:
                codes[row["sha"]] = () if reviewers - involved else ("NO_APPROVAL",)
    return codes


@pytest.mark.parametrize(
    ("file", "direct", "unapproved", "passed"),
    [("libuv.csv", 438, 676, 1561), ("prefect.csv", 10, 3218, 0), ("warehouse.csv", 0, 885, 0)],
)
def test_a_real_history(file: str, direct: int, unapproved: int, passed: int) -> None:
    runs = runs_of(file)
    outcomes = judged(runs)
    codes = {outcome.item_id.rpartition(":")[2]: outcome.codes for outcome in outcomes}
    assert codes == expected(runs)
    assert len(outcomes) == len(codes)
    found = [outcome.codes for outcome in outcomes]
    assert (found.count(("DIRECT_PUSH",)), found.count(("NO_APPROVAL",)), found.count(())) == (
        direct, unapproved, passed,
    )  # fmt: skip
    assert {outcome.outcome for outcome in outcomes} <= {"pass", "exception"}


def test_months_add_up_to_the_whole() -> None:
    runs = runs_of("libuv.csv")
    evidence = stored(runs)
    whole = {outcome.item_id: outcome.codes for outcome in judged(runs)}
    months: dict[str, tuple[str, ...]] = {}
    for year in (2019, 2020, 2021):
        for month in range(1, 13):
            start = datetime(year, month, 1, tzinfo=UTC)
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            kept = window(rules=NO_CHECKS_NO_TICKETS, start=start, end=end, as_of=LAST)
            for outcome in reviewed_before_merge(kept, evidence):
                assert start <= outcome.event_time < end
                months[outcome.item_id] = outcome.codes
    assert len(months) > 500
    assert months == {item: whole[item] for item in months}
