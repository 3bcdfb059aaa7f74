"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.fakes.memory_sink import MemorySink
from tests.fakes.prefect_api import prefect_api_for_tests


@pytest.fixture
def memory_sink() -> MemorySink:
    """An empty sink in memory, checked as strictly as the store's own."""
    return MemorySink()


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a Prefect API, one for all tests of a session that run flows in their own process."""
    with prefect_api_for_tests() as url:
        yield url


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let nobody else roll the dice while a property test makes its examples.

    After tests that ran flows in this process, Prefect's sender of events lives on and takes random numbers for the
    pings of its connection; to Hypothesis that looks like a strategy that isn't repeatable. The next flow starts it
    again.
    """
    worker = sys.modules.get("prefect.events.worker")
    if worker is not None and item.get_closest_marker("hypothesis") is not None:
        worker.EventsWorker.drain_all(timeout=30, at_exit=False)
