"""A right missing for one source must not cost the datasets of another."""

from __future__ import annotations

from datetime import UTC, datetime

from evidence.collection_plan import CollectionStep
from schemas.collection import Claim, Failure
from schemas.dataset import Dataset
from schemas.github import BYPASSES, CHECKS, COMMITS, PULL_REQUESTS
from schemas.scope import ScopeItem
from tasks.collection import Collected, by_source

START, END = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
API = ScopeItem("github:R_1", "acme/api", "github")
WEB = ScopeItem("github:R_2", "acme/web", "github")


def collected(*failed: tuple[Dataset, ScopeItem, str]) -> Collected:
    found = Collected()
    for dataset, item, kind in failed:
        claim = Claim(
            dataset.name,
            item.id,
            item.name,
            "error",
            START,
            START,
            start=START,
            end=END,
            failure=Failure(kind, "no"),
        )
        found.claims[dataset.name, item.id, START, END] = claim, 1
    return found


def step(*datasets: Dataset) -> CollectionStep:
    return CollectionStep(datasets, (API, WEB), (START, END))


def test_a_denied_item_is_asked_again_source_by_source() -> None:
    denied = collected(*((dataset, API, "PermissionDenied") for dataset in (COMMITS, PULL_REQUESTS, CHECKS, BYPASSES)))
    smaller = by_source(step(COMMITS, PULL_REQUESTS, CHECKS, BYPASSES), denied)
    assert [(one.datasets, one.items) for one in smaller] == [
        ((COMMITS, PULL_REQUESTS), (API,)),
        ((CHECKS,), (API,)),
        ((BYPASSES,), (API,)),
    ]
    assert all(one.interval == (START, END) for one in smaller)


def test_what_is_of_one_source_alone_is_not_asked_again() -> None:
    assert by_source(step(COMMITS, PULL_REQUESTS), collected((COMMITS, API, "PermissionDenied"))) == []


def test_other_failures_are_left_to_the_retries() -> None:
    assert by_source(step(COMMITS, BYPASSES), collected((COMMITS, API, "RetriableError"))) == []


def test_failures_of_other_steps_are_none_of_this_one() -> None:
    assert by_source(step(COMMITS, BYPASSES), collected((CHECKS, API, "PermissionDenied"))) == []
