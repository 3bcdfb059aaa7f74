"""One simulated Google Cloud for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.cloud_company import Cloud, small_world


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("gcp"))
    yield cloud
    cloud.close()


@pytest.fixture
def cloud(served: Cloud) -> Cloud:
    served.become(small_world())
    return served
