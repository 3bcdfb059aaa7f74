"""The simulated Google Workspace of the demo company, for every test in this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.google_bench import GoogleBench, google_bench


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleBench]:
    with google_bench(tmp_path_factory.mktemp("workspace")) as bench:
        yield bench


@pytest.fixture
def bench(_running: GoogleBench) -> GoogleBench:
    _running.fresh()
    return _running
