"""Branch tips as a second witness: a tip that no stored change explains means that changes are missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from evidence.controls.model import StoredEvidence, TestWindow
from schemas.github import BRANCH_TIPS
from schemas.instants import format_instant


class TipWitness:
    """Tips of production branches seen in a window, checked against the changes that entered in it."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        github = window.programme.scope.github
        self._branches = set(github.production_branches) if github is not None else set[str]()
        self._unexplained: dict[tuple[str, str], tuple[datetime, str]] = {}
        baseline = evidence.snapshot_before(BRANCH_TIPS, window.scope_item_id, window.start)
        shown = [] if baseline is None else [baseline]
        known: set[tuple[str, str]] = set()
        seen: set[str] = set()
        for observed_at, rows, digest in evidence.snapshots(
            BRANCH_TIPS, window.scope_item_id, window.start, window.end
        ):
            shown.append((observed_at, rows, digest))
        for observed_at, rows, digest in shown:
            for row in rows:
                tip = (row["branch"], row["tip_sha"])
                if row["branch"] not in self._branches or tip in known:
                    continue
                if row["branch"] in seen:
                    self._unexplained.setdefault(tip, (observed_at, digest))
                else:  # the first tip known of a branch is where its story begins
                    seen.add(row["branch"])
                    known.add(tip)

    def explain(self, branch: str, *shas: str | None) -> None:
        """Tips that a stored change accounts for: its own commit, and the tips before and after it."""
        for sha in shas:
            if sha is not None:
                self._unexplained.pop((branch, sha), None)

    def missing(self) -> Iterator[tuple[str, str]]:
        """A sentence and the snapshot's digest for each tip that no change accounts for."""
        for (branch, sha), (observed_at, digest) in self._unexplained.items():
            seen = f"the tip of {branch} was {sha[:12]} at {format_instant(observed_at)}"
            yield f"{seen}, and no stored change explains it: changes are missing from the population", digest
