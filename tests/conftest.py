"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import pytest

from tests.fakes.memory_sink import MemorySink


@pytest.fixture
def memory_sink() -> MemorySink:
    """An empty sink in memory, checked as strictly as the store's own."""
    return MemorySink()
