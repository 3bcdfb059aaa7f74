"""Holding the three readings of a branch against each other: ledger, graph, merged pull requests.

A difference must have an explanation that GitHub's own figures give, or the population is not complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.github.calls import Stream
from connectors.github.graph import compared
from connectors.github.pulls import Merged
from schemas.errors import IncompletePopulation
from schemas.github import COMMITS

if TYPE_CHECKING:
    from connectors.github.changes import ChangePass


def reconcile(one: ChangePass) -> None:
    """Compare, explain, read what the walk did not need. Raises `IncompletePopulation` where no explanation holds."""
    for branch in one.repository.tips:
        _merged_without_commit(one, branch)
        _owner_without_listing(one, branch)
    unread = sorted(
        pull.id
        for listed in one.merged.values()
        for pull in listed.values()
        if one.start <= pull.merged_at < one.end and pull.id not in one.read
    )
    if unread:
        one.read_details(unread)
    if one.undecided_left():
        raise IncompletePopulation(
            f"The owner of {one.undecided_left()} commits of {one.repository.name} could not be settled. Nothing is "
            "claimed; run it again later."
        )


def _merged_without_commit(one: ChangePass, branch: str) -> None:
    """Each pull request that GitHub counts as merged into the branch in the interval must have brought a commit."""
    population, ledger = one.populations[branch], one.ledgers[branch]
    suspects: list[Merged] = []
    for pull in one.merged[branch].values():
        if not one.start <= pull.merged_at < one.end:
            continue
        brought = one.brought.get(pull.id)
        if brought is not None and brought.branch == branch:
            continue
        if pull.merge_sha is not None and pull.merge_sha in population.shas:
            one.notes.append(f"#{pull.number} came with the merge commit of another pull request")
        elif (
            pull.merge_sha is not None and pull.merge_sha in ledger.tips and not one.inside(ledger.tips[pull.merge_sha])
        ):
            one.notes.append(f"#{pull.number} entered outside the interval by the ledger's clock")
        elif not _expected(one, branch, pull):
            one.notes.append(f"#{pull.number} was merged where the ledger is not known")
        else:
            suspects.append(pull)
    if not suspects:
        return
    inside: set[str] = set()
    if ledger.moves and ledger.older is not None:
        before, after = ledger.older.after, ledger.moves[0].after

        def compare() -> Stream[None]:
            inside.update((yield from compared(before, after, one.repository, COMMITS)) or ())

        one.run_stream(compare())
    for pull in suspects:
        if pull.merge_sha is not None and pull.merge_sha in inside:
            one.notes.append(f"#{pull.number} came in as part of another commit, not by first parents")
        elif population.rewrites:
            one.notes.append(f"#{pull.number} was merged and then overwritten by a rewrite of {branch}")
        else:
            raise IncompletePopulation(
                f"GitHub counts #{pull.number} as merged into {branch} of {one.repository.name} in the interval, and "
                "its commit is neither in the activity ledger nor in the branch. Nothing is claimed; run it again "
                "later."
            )


def _expected(one: ChangePass, branch: str, pull: Merged) -> bool:
    """Whether the ledger, as far as it is known, must have a movement for this pull request."""
    ledger, population = one.ledgers[branch], one.populations[branch]
    if ledger.lagging and (ledger.newest is None or pull.merged_at >= ledger.newest.at):
        return False
    if population.incomplete_from is not None and pull.merged_at >= population.incomplete_from:
        return False
    if not ledger.reaches_back:
        return ledger.known_from is not None and pull.merged_at >= ledger.known_from
    return True


def _owner_without_listing(one: ChangePass, branch: str) -> None:
    """Each pull request that brought a commit must be among those that GitHub lists as merged."""
    for reading in (1, 2):
        missing = [
            (pull_id, brought)
            for pull_id, brought in one.brought.items()
            if brought.branch == branch
            and pull_id not in one.merged[branch]
            and brought.merged_at is not None
            and brought.merged_at >= one.start
            # Updated while the list was being read, it moved to a page that had been read already.
            and (brought.updated_at is None or brought.updated_at < one.repository.seen_at)
        ]
        if not missing:
            return
        if reading == 1:
            one.count_again(branch)
            continue
        numbers = ", ".join(f"#{brought.number}" for _, brought in missing[:10])
        raise IncompletePopulation(
            f"GitHub's list of pull requests merged into {branch} of {one.repository.name} lacks {numbers}, which "
            "brought commits onto it; read twice. Nothing is claimed; run it again later."
        )
