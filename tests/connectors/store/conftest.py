"""A simulated store for each test, and its clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.store import Signer, Store
from tests.fakes.stores import FakeSource, SettableClock, simulated_store


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 5, 2, 6, tzinfo=UTC))


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture
def store(tmp_path: Path, clock: SettableClock, signer: Signer) -> Store:
    return simulated_store(tmp_path / "store", clock, signer)


@pytest.fixture
def source(clock: SettableClock) -> FakeSource:
    return FakeSource(clock)
