"""A change as it is going to happen, with every instant settled: what routine and scripted events come down to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sandbox.github.times import Epoch

Method = Literal["squash", "rebase", "merge"]


@dataclass(slots=True)
class PlannedCommit:
    """A commit of a pull request. With `replaces` it is force-pushed in place of the commits before it."""

    at: Epoch
    by: str
    message: str
    co_authors: tuple[str, ...] = ()
    replaces: bool = False


@dataclass(slots=True)
class PlannedReview:
    """A review; `of` is the index of the commit it is of, None for the head at that moment."""

    at: Epoch
    by: str
    verdict: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"] = "APPROVED"
    of: int | None = None
    dismissed_at: Epoch | None = None
    dismissed_by: str | None = None


@dataclass(slots=True)
class PlannedDeployment:
    """A deployment: when it starts, by whom, its states, and how the check afterwards ends (None: it does not run)."""

    at: Epoch
    by: str | None
    environment: str
    states: tuple[str, ...]
    post_check: str | None


@dataclass(slots=True)
class PlannedProposal:
    """A pull request that is not merged: still open, or closed, and perhaps opened again."""

    key: str
    repository: str
    author: str
    opened: Epoch
    title: str
    closed_at: Epoch | None = None
    reopened_at: Epoch | None = None


@dataclass(slots=True)
class PlannedChange:
    """A pull request from its first commit to its merge. `key` names it for ever; people are named by login."""

    key: str
    repository: str
    author: str
    opened: Epoch
    merged_at: Epoch
    merged_by: str
    title: str
    body: str
    method: Method
    commits: list[PlannedCommit]
    reviews: list[PlannedReview]
    checks: list[str]
    check_ends: dict[str, str | None] = field(default_factory=dict[str, str | None])
    labels: list[str] = field(default_factory=list[str])
    flaky: bool = False
    draft_until: Epoch | None = None
    auto_merge_from: Epoch | None = None
    issue_opened: Epoch | None = None
    bypass: bool = False
    queued_at: Epoch | None = None
    """When it entered the merge queue, which then merges it; None: it is merged by hand."""
    first_base: str | None = None
    """The branch it was opened against, before it was turned to the default branch."""
    retargeted_at: Epoch = 0
    deployments: list[PlannedDeployment] = field(default_factory=list[PlannedDeployment])
    author_is_app: bool = False
