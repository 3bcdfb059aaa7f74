"""Fixtures that every folder of tests may use."""

from __future__ import annotations

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
