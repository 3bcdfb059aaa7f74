"""A simulated company with every source, its programme recorded and its inventories taken, ready to be asked."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.collect import collect
from connectors.registry import extractor_for
from connectors.sessions import run_facts, session_factory
from connectors.workspace import Workspace, open_workspace
from evidence.collection_plan import inventory_steps, items_for, lines_of
from evidence.controls.catalogue import CATALOGUE
from sandbox.faults import FaultPlan
from sandbox.serve import Sandbox, start
from schemas.extraction import Session
from schemas.scope import ScopeItem

NOW = datetime(2026, 8, 26, 6, tzinfo=UTC)
START = datetime(2026, 7, 25, tzinfo=UTC)
END = datetime(2026, 8, 25, tzinfo=UTC)
"""A month of the demo company in which rules changed and were bypassed."""


@dataclass
class WholeCompany:
    """The running sources and the workspace over them."""

    sandbox: Sandbox
    folder: Path
    workspace: Workspace
    dress: dict[str, Callable[[Session], Session]] = field(default_factory=dict[str, Callable[[Session], Session]])
    """What a system's session needs beside what the programme says, such as the authority of a test's certificates."""

    counters: list[Callable[[], Mapping[str, int]]] = field(default_factory=list[Callable[[], Mapping[str, int]]])
    """Requests by operation of sources beside the sandbox's, such as a web site of the test."""

    @property
    def plan(self) -> FaultPlan:
        assert self.sandbox.plan is not None, "it runs in this process"
        return self.sandbox.plan

    def session(self, source: str) -> Session:
        """A new open session with a source (`source_of`), made as every run makes it."""
        session = session_factory(self.workspace, source)()
        return self.dress.get(source, lambda one: one)(session)

    def requests_by_operation(self) -> Counter[str]:
        """Requests that all sources have received so far."""
        counted: Counter[str] = Counter()
        for operations in self.plan.requests().values():
            counted.update(operations)
        for counter in self.counters:
            counted.update(counter())
        return counted

    @cached_property
    def items(self) -> dict[str, list[ScopeItem]]:
        """What each dataset is collected for, by dataset name: the identified items of all lines over it."""
        scope = self.workspace.scope()
        found: dict[str, dict[str, ScopeItem]] = {}
        for control, line, system, dataset in lines_of(CATALOGUE):
            for item in items_for(control, line, system, dataset, scope):
                if item.resolved:
                    found.setdefault(dataset.name, {})[item.id] = item.as_scope_item()
        return {name: list(items.values()) for name, items in found.items()}

    @cached_property
    def known_items(self) -> frozenset[str]:
        """The ids that the inventories show."""
        return frozenset(item.id for items in self.items.values() for item in items)


@contextlib.contextmanager
def whole_company(
    company: Path, folder: Path, prepare: Callable[[Path], None] | None = None
) -> Generator[WholeCompany]:
    """Start the company's sources, record its programme and take its inventories. `prepare` may add registers."""
    sandbox = start(company, now=NOW, directory=folder)
    try:
        environ = {**sandbox.environment, "EVIDENCE_SIGNING_KEY_FILE": str(folder / "signing-key.pem")}
        if prepare is not None:
            prepare(folder)
        workspace = open_workspace(sandbox.program, now=lambda: NOW, environ=environ, create=True)
        workspace.pause = _at_once
        if sandbox.github is not None:
            sandbox.github.application.limits.allow({"core": 10_000_000, "graphql": 10_000_000})
        made = WholeCompany(sandbox, folder, workspace)
        with reached(made):
            for step in inventory_steps(workspace.scope(), CATALOGUE):
                collect(
                    workspace.store, extractor_for(step.datasets[0].name), partial(made.session, step.system),
                    step.items, step.datasets, None, facts=run_facts(workspace), flow="family",
                )  # fmt: skip
        yield made
    finally:
        sandbox.close()


def _at_once(_: float) -> None:
    """Nothing waits."""


@contextlib.contextmanager
def reached(company: WholeCompany) -> Generator[None]:
    """The environment by which the company's sources are found."""
    import boto3
    import botocore.endpoint

    with pytest.MonkeyPatch.context() as environ:
        for name in ("AWS_PROFILE", "GITHUB_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "HTTPS_PROXY", "HTTP_PROXY"):
            environ.delenv(name, raising=False)
        for name, value in company.workspace.environ.items():
            environ.setenv(name, value)
        environ.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the credentials of the last one
        with patch.object(botocore.endpoint, "time", _Still()):
            yield


class _Still:
    """Stands for the module `time` where botocore waits between attempts."""

    @staticmethod
    def sleep(_: float) -> None:
        """Nothing waits."""
