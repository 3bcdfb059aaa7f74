"""One simulated account with something of every kind, and one session with it, for the tests of this folder.

Making the clients of seventeen services takes longer than all the tests, so they are made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest

from connectors.aws.configuration.extractor import configuration
from schemas.aws_configuration import DATASETS
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, Simulated, SimulatedAws, account, company
from tests.fakes.aws_configuration import everything
from tests.fakes.aws_records import REGION, REGIONS
from tests.fakes.memory_sink import MemorySink

NAMES = tuple(dataset.name for dataset in DATASETS)


@dataclass
class Account:
    """The running account and the session with it."""

    aws: Simulated
    session: Session

    def read(self, *datasets: str, region: str = REGION) -> tuple[dict[str, ItemClaim], MemorySink]:
        """One pass over one region; the sink is new."""
        sink = MemorySink()
        item = ScopeItem(f"aws:{PROD}:{region}", region, "aws")
        claims = configuration(self.session, Request(frozenset(datasets or NAMES), item), sink)
        return {claim.dataset: claim for claim in claims}, sink

    def plan(self, *faults: dict[str, Any]) -> None:
        """Put these faults in force, and no others."""
        self.aws.plan.replace([{"source": "aws", **fault} for fault in faults])

    def asked(self) -> dict[str, int]:
        """Requests by operation, since the account was started."""
        return dict(self.aws.server.requests_by_operation)


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account, started once for the folder."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        simulated = SimulatedAws(tmp_path_factory.mktemp("aws"), environ)
        aws = simulated.start(company(account(regions=REGIONS), records=everything()))
        yield Account(aws, aws.session(attempts=12))
        simulated.close()


@pytest.fixture
def configured(started: Account) -> Iterator[Account]:
    """The account without faults."""
    started.plan()
    yield started
    started.plan()


@pytest.fixture(scope="package")
def whole(started: Account) -> dict[str, tuple[dict[str, ItemClaim], MemorySink]]:
    """Both regions as they are read when nothing goes wrong."""
    started.plan()
    return {region: started.read(region=region) for region in REGIONS}
