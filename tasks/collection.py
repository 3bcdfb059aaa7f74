"""Collecting as Prefect tasks. The retry policy of collection lives here and nowhere else.

A task is one collection step. What it could not read is retried a few times, minutes apart, and only for the items
that failed in a way that passes; each attempt is an entry of the ledger, so a source that was down stays visible.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.tasks import Task

from connectors.collect import CollectionResult, ItemProgress, collect
from connectors.registry import extractor_for
from connectors.sessions import run_facts, source_of
from connectors.workspace import Workspace
from evidence.collection_plan import CollectionStep
from schemas.collection import Claim
from schemas.dataset import Dataset
from schemas.errors import (
    CollectionError,
    ConfigurationError,
    EvidenceError,
    NotLicensed,
    PermissionDenied,
    RetriableError,
)
from tasks.retrying import passes_by_itself

WORKERS = 4
"""Scope items read side by side, each with a client of its own."""


_DELAYS: list[float] = [60.0, 300.0, 900.0]


ClaimKey = tuple[str, str, datetime | None, datetime | None]


@dataclass(slots=True)
class Collected:
    """What a run came to: for each dataset, item and interval the claim of the last attempt, and the entry it is in."""

    claims: dict[ClaimKey, tuple[Claim, int]] = field(default_factory=dict[ClaimKey, "tuple[Claim, int]"])
    stopped: list[EvidenceError] = field(default_factory=list[EvidenceError])
    """Errors that ended a step as a whole: wrong configuration, a refused endpoint, a clock that is off."""

    def take(self, result: CollectionResult, interval: tuple[datetime, datetime] | None) -> None:
        """Take in the claims of one attempt over `interval`."""
        for claim in result.claims:
            asked = (None, None) if claim.start is None else (interval or (None, None))
            self.claims[claim.dataset, claim.scope_item_id, *asked] = claim, result.entry["seq"]

    @property
    def failures(self) -> list[Claim]:
        return [claim for claim, _ in self.claims.values() if claim.status == "error"]

    @property
    def unproven(self) -> list[Claim]:
        """Claims that prove nothing although the source answered: cut-off answers without a whole beginning."""
        return [
            claim for claim, _ in self.claims.values() if claim.status == "truncated" and claim.complete_until is None
        ]


def collect_step(
    workspace: Workspace,
    step: CollectionStep,
    *,
    flow: str,
    known_items: frozenset[str] | None,
    retries: int,
    collected: Collected,
) -> None:
    """Run one step, retrying the items that failed for a passing reason; what still failed stands in the claims.

    What ends a step as a whole (wrong configuration, a refused endpoint, a clock that is off) is kept in
    `collected.stopped`, so that other systems are collected all the same. Raises StoreError, where nothing can be
    recorded any more, and what nobody foresaw.
    """
    try:
        _attempts(retries)(_Pending(workspace, step, flow, known_items, collected))
    except RetriableError:
        # Every attempt is recorded as a claim that says why; the flow goes on with the other steps.
        get_run_logger().warning("%s: some scope items could not be read", _label(step))
    except (ConfigurationError, CollectionError) as error:
        get_run_logger().error("%s: %s", _label(step), error)
        collected.stopped.append(error)
    else:
        for smaller in by_source(step, collected):
            collect_step(workspace, smaller, flow=flow, known_items=known_items, retries=retries, collected=collected)


def by_source(step: CollectionStep, collected: Collected) -> list[CollectionStep]:
    """The items of a step that were denied something, source by source.

    One pass over an item is all or nothing, and its datasets may come from several sources, each with a right of its
    own. A right missing for one of them must not cost the others.
    """
    sources: dict[str, list[Dataset]] = {}
    for dataset in step.datasets:
        sources.setdefault(dataset.source, []).append(dataset)
    denied = {
        claim.scope_item_id
        for claim in collected.failures
        if claim.failure is not None
        and claim.failure.kind in (PermissionDenied.__name__, NotLicensed.__name__)
        and claim.dataset in {dataset.name for dataset in step.datasets}
        and (claim.start is None or step.interval is None or (claim.start, claim.end) == step.interval)
    }
    items = tuple(item for item in step.items if item.id in denied)
    if len(sources) == 1 or not items:
        return []
    return [replace(step, datasets=tuple(found), items=items) for found in sources.values()]


class _Pending:
    """What is left of a step after the attempts so far. Not a dataclass: Prefect would look through its fields."""

    def __init__(
        self,
        workspace: Workspace,
        step: CollectionStep,
        flow: str,
        known_items: frozenset[str] | None,
        collected: Collected,
    ) -> None:
        self.workspace = workspace
        self.step = step
        self.flow = flow
        self.known_items = known_items
        self.collected = collected


def _attempts(retries: int) -> Task[[_Pending], None]:
    if retries == 0:
        return _collect
    return _collect.with_options(retries=retries, retry_delay_seconds=_DELAYS[:retries], retry_jitter_factor=0.5)


@task(name="collect", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=passes_by_itself)
def _collect(pending: _Pending) -> None:
    """One attempt at what is left of a step. Raises RetriableError while something is left that may still work."""
    workspace, step, logger = pending.workspace, pending.step, get_run_logger()

    def report(progress: ItemProgress) -> None:
        state = f"{progress.rows} rows" if progress.failure is None else f"failed: {progress.failure.message}"
        logger.info("%s %d/%d %s: %s", _label(step), progress.done, progress.total, progress.item.name, state)

    def take(recorded: CollectionResult) -> None:
        pending.collected.take(recorded, step.interval)

    with workspace.sessions.lending(source_of(step.datasets[0].name)) as sessions:
        result = collect(
            workspace.store,
            extractor_for(step.datasets[0].name),
            sessions.open,
            step.items,
            step.datasets,
            step.interval,
            facts=run_facts(workspace),
            flow=pending.flow,
            known_items=pending.known_items,
            progress=report,
            stopped=take,
            workers=WORKERS,
        )
        if not result.failures:
            sessions.keep()
    take(result)
    passing = {
        claim.scope_item_id
        for claim in result.failures
        if claim.failure and claim.failure.kind == RetriableError.__name__
    }
    if passing:
        pending.step = replace(step, items=tuple(item for item in step.items if item.id in passing))
        raise RetriableError(f"{len(passing)} scope items could not be read; trying them again")


def _label(step: CollectionStep) -> str:
    return ", ".join(dataset.name for dataset in step.datasets)
