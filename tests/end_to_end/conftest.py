"""One Prefect API for all tests of this folder; connectors don't wait between attempts."""

from __future__ import annotations

from types import SimpleNamespace

import botocore.endpoint
import pytest


@pytest.fixture(autouse=True)
def _flows_run(prefect_api: str) -> None:
    """Every command of these tests may run flows."""


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that answers again at once need not be waited for."""
    monkeypatch.setattr("connectors.workspace.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
