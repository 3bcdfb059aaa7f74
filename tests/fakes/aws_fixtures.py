"""Fixtures of the tests that talk to a simulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import botocore.endpoint
import pytest

from tests.fakes.aws_company import SimulatedAws


@pytest.fixture
def simulated_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    """Simulated AWS companies on loopback; the environment points to the one started last. Nothing waits."""
    # botocore waits between repetitions and offers no other way to do without.
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    simulated = SimulatedAws(tmp_path, monkeypatch)
    yield simulated
    simulated.close()
