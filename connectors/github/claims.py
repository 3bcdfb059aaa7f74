"""What one pass over a repository may assert, and how its counts agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.github import activity, bypasses, graph
from connectors.github.deployments import deployments_part
from connectors.github.pulls import details_part, merged_part
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim
from schemas.github import BYPASSES, CHECKS, COMMITS, DEPLOYMENTS, PULL_REQUESTS
from schemas.instants import format_instant

if TYPE_CHECKING:
    from connectors.github.changes import ChangePass


def query_texts() -> dict[str, str]:
    """The questions by dataset as they stand in provenance.

    Without page sizes and cursors, and however they were joined into requests, so that the same question always has
    the same hash.
    """
    population = "\n".join([
        f"GET {activity.TEMPLATE}?ref=refs/heads/{{branch}}",
        f"GET {graph.COMPARE}",
        graph.history_part("", "", 0, None).selection,
        merged_part("", "", 0, None).selection,
    ])  # fmt: skip
    detailed = f"{population}\n{details_part([], queued=True).selection}"
    return {
        COMMITS.name: population,
        PULL_REQUESTS.name: detailed,
        CHECKS.name: detailed,
        DEPLOYMENTS.name: deployments_part("", 0, None).selection,
        BYPASSES.name: bypasses.QUERY_TEXT,
    }


QUERY_TEXTS = query_texts()
_SECOND = timedelta(seconds=1)


def claims_of(one: ChangePass) -> list[ItemClaim]:
    """One claim for each dataset that was asked."""
    claims: list[ItemClaim] = []
    if COMMITS.name in one.datasets:
        claims.append(_commits(one))
    if PULL_REQUESTS.name in one.datasets:
        claims.append(_pull_requests(one))
    if CHECKS.name in one.datasets:
        claims.append(_checks(one))
    claims += [_denied(name, why) for name, why in one.denied.items()]
    if DEPLOYMENTS.name in one.datasets - one.denied.keys():
        claims.append(_deployments(one))
    if BYPASSES.name in one.datasets - one.denied.keys():
        still = bool(one.ledgers) and all(ledger.quiet for ledger in one.ledgers.values())
        claims.append(one.bypasses.claim(no_movement=still))
    return claims


def _denied(dataset: str, why: str) -> ItemClaim:
    """Nothing is claimed of a dataset that the principal may not read."""
    return ItemClaim(
        dataset, QUERY_TEXTS[dataset], truncated=True, reconciliation=f"not read, nothing is claimed: {why}"
    )


@dataclass(slots=True)
class _Limits:
    """How much of the interval the population is known for, and why not for all."""

    truncated: bool = False
    complete_from: datetime | None = None
    complete_until: datetime | None = None
    notes: list[str] = field(default_factory=list[str])

    def until(self, instant: datetime) -> None:
        self.truncated = True
        self.complete_until = instant if self.complete_until is None else min(self.complete_until, instant)

    def since(self, instant: datetime) -> None:
        self.complete_from = instant if self.complete_from is None else max(self.complete_from, instant)


def _limits(one: ChangePass) -> _Limits:
    limits = _Limits()
    for branch, ledger in one.ledgers.items():
        if ledger.lagging and (ledger.newest is None or ledger.newest.at < one.end):
            limits.until(one.start if ledger.newest is None else max(one.start, ledger.newest.at))
            limits.notes.append(f"{branch}: its tip is not in the activity ledger yet")
        late = one.populations[branch].incomplete_from
        if late is not None:
            limits.until(late)
            limits.notes.append(
                f"{branch}: GitHub does not name the pull request of the merge at {format_instant(late)} yet"
            )
        if not ledger.reaches_back and _existed(one, branch):
            known = ledger.known_from
            # Rows are dated by the second, so others of that second may be missing.
            limits.since(one.end if known is None else known + _SECOND)
            limits.notes.append(
                f"{branch}: the activity ledger reaches back to "
                f"{'nothing' if known is None else format_instant(known)} only; what happened before is unknown"
            )
    return limits


def _existed(one: ChangePass, branch: str) -> bool:
    """Whether there can have been movements: a branch that is not there and has no ledger never was."""
    return one.repository.tips[branch] is not None or one.ledgers[branch].rows > 0


def _quiet(one: ChangePass) -> str | None:
    """Proof that nothing moved: the tips are the same at both ends, and the ledger would have said otherwise."""
    if one.repository.empty:
        return "the repository has no commits at all"
    words: list[str] = []
    for branch, ledger in one.ledgers.items():
        if not _existed(one, branch):
            continue
        if not ledger.quiet:
            return None
        if ledger.older is not None:
            words.append(
                f"{branch} stands at {ledger.older.after} at both ends; the activity ledger's last movement before is "
                f"of {format_instant(ledger.older.at)}"
            )
        else:
            words.append(f"{branch} was created after the interval")
    return "; ".join(words) or None


def _unmerged(one: ChangePass) -> str | None:
    """Proof that no pull request was merged: a ledger that is whole shows none."""
    if one.repository.empty:
        return "the repository has no commits at all"
    for branch, ledger in one.ledgers.items():
        whole = ledger.done and not ledger.lagging and ledger.reaches_back
        if _existed(one, branch) and (not whole or one.populations[branch].merge_moves):
            return None
    return "the activity ledger of each production branch is whole and shows no merge"


def _commits(one: ChangePass) -> ItemClaim:
    limits = _limits(one)
    rows = one.rows[COMMITS.name]
    counted = 0
    words: list[str] = []
    for branch, population in one.populations.items():
        ledger = one.ledgers[branch]
        counted += population.commits + len(population.rewrites)
        merged = sum(1 for pull in one.merged[branch].values() if one.inside(pull.merged_at))
        owners = sum(1 for brought in one.brought.values() if brought.branch == branch)
        words.append(
            f"{branch}: {len(ledger.moves)} movements in the activity ledger ({population.merge_moves} merges) "
            f"brought {population.commits} commits by first parents; {owners} merged pull requests own some of them, "
            f"GitHub lists {merged} as merged in the interval"
        )
        if population.rewrites:
            words.append(f"history rewritten: {', '.join(population.rewrites)}")
        if population.vanished:
            words.append(f"overwritten and no longer readable: {', '.join(population.vanished)}")
        if not _existed(one, branch):
            words.append(f"{branch}: does not exist and never moved")
    if rows != counted:
        raise IncompletePopulation(
            f"{one.repository.name}: {rows} rows of changes were made of {counted} that were found. The connector "
            "must be looked at."
        )
    proof = _quiet(one)
    return ItemClaim(
        COMMITS.name,
        QUERY_TEXTS[COMMITS.name],
        _parameters(one),
        truncated=limits.truncated,
        complete_from=limits.complete_from,
        complete_until=limits.complete_until,
        proof_of_life=proof is not None,
        proof=proof,
        independent_count=counted,
        reconciliation="; ".join([*words, *one.notes, *limits.notes]),
        pages=_pages(one),
        rows_returned=rows,
    )


def _pull_requests(one: ChangePass) -> ItemClaim:
    limits = _limits(one)
    listed = {pull.id: pull for merged in one.merged.values() for pull in merged.values() if one.inside(pull.merged_at)}
    rows = one.rows[PULL_REQUESTS.name]
    # Of those updated while the list was read the list may know nothing; they are read by id all the same.
    beside = sum(
        1
        for pull_id, brought in one.brought.items()
        if pull_id not in listed and brought.merged_at is not None and one.inside(brought.merged_at)
    )
    if rows < len(listed) + beside:
        raise IncompletePopulation(
            f"{one.repository.name}: {rows} pull requests were read in full and GitHub lists {len(listed) + beside} as "
            "merged in the interval. Nothing is claimed; run it again later."
        )
    proof = _unmerged(one)
    words = f"{rows} pull requests read by id; GitHub lists {len(listed)} as merged in the interval"
    if beside:
        words += f", {beside} more were updated while the list was read"
    return ItemClaim(
        PULL_REQUESTS.name,
        QUERY_TEXTS[PULL_REQUESTS.name],
        _parameters(one),
        truncated=limits.truncated,
        complete_from=limits.complete_from,
        complete_until=limits.complete_until,
        proof_of_life=proof is not None,
        proof=proof,
        independent_count=len(listed) + beside,
        reconciliation="; ".join([words, *one.notes, *limits.notes]),
        pages=sum(tally.pages for tally in one.tallies),
        drop_rules=dict(one.dropped[PULL_REQUESTS.name]),
        rows_returned=rows + one.dropped[PULL_REQUESTS.name].total(),
    )


def _checks(one: ChangePass) -> ItemClaim:
    limits = _limits(one)
    rows = one.rows[CHECKS.name]
    proof = _unmerged(one)
    if proof is None and one.read and not rows and not one.dropped[CHECKS.name]:
        proof = f"GitHub's own rollup of checks is empty for the head commit of each of {len(one.read)} pull requests"
    words = (
        f"{rows} check runs and statuses on the heads of {len(one.read)} pull requests; each list reached its own "
        "total, and none is shorter than GitHub's rollup"
    )
    return ItemClaim(
        CHECKS.name,
        QUERY_TEXTS[CHECKS.name],
        _parameters(one),
        truncated=limits.truncated,
        complete_from=limits.complete_from,
        complete_until=limits.complete_until,
        proof_of_life=proof is not None,
        proof=proof,
        reconciliation="; ".join([words, *limits.notes]),
        drop_rules=dict(one.dropped[CHECKS.name]),
        rows_returned=rows + one.dropped[CHECKS.name].total(),
    )


def _deployments(one: ChangePass) -> ItemClaim:
    found = one.deployments
    tally = found.tally
    proof = None
    if found.ever:
        proof = f"the same list counts {found.ever} deployments of all times"
    elif not found.environments:
        proof = "the repository has no environment, and a deployment would have made one"
    seen = 0 if tally is None else tally.seen
    return ItemClaim(
        DEPLOYMENTS.name,
        QUERY_TEXTS[DEPLOYMENTS.name],
        {"production_environments": sorted(one.client.production_environments)},
        proof_of_life=proof is not None,
        proof=proof,
        reconciliation=(
            f"{found.rows} deployments created in the interval; the list, newest first, was read "
            f"{'to its end' if tally is not None and tally.exhausted else 'past the start of the interval'}, {seen} of "
            f"{found.ever} that GitHub counts"
        ),
        pages=0 if tally is None else tally.pages,
        drop_rules={"outside the interval": seen - found.rows} if seen > found.rows else {},
        rows_returned=seen,
    )


def _parameters(one: ChangePass) -> dict[str, object]:
    return {"repository": one.repository.name, "branches": sorted(one.repository.tips)}


def _pages(one: ChangePass) -> int:
    ledgers = sum(ledger.pages for ledger in one.ledgers.values())
    return ledgers + sum(population.pages for population in one.populations.values())
