"""Everything the GitHub connector asks for is valid by GitHub's official schema, and answered by the sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from connectors.github.client import client_of
from connectors.github.extractors import EXTRACTORS
from connectors.github.session import open_session
from connectors.github.transport import GithubTransport
from evidence.controls.catalogue import datasets
from sandbox.serve import Sandbox, running
from schemas.errors import CollectionError
from schemas.extraction import Request, Session
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink

NOW = datetime(2026, 9, 2, 6, tzinfo=UTC)
START, END = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
MODULES = Path(os.environ.get("NPM_MODULES", Path(__file__).parents[3] / "node_modules"))
OFFICIAL = MODULES / "@octokit" / "graphql-schema" / "schema.graphql"
CHANGES = {"github.commits", "github.pull_requests", "github.checks", "github.deployments", "github.bypasses"}
ORGANISATION = {
    "github.repositories", "github.members", "github.organisation_settings", "github.audit_events", "github.accounts",
    "github.administrators", "github.credentials",
}  # fmt: skip
DATASETS = {dataset.name: dataset for dataset in datasets()}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running("demo", now=NOW, directory=tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture(scope="module")
def session(sandbox: Sandbox) -> Iterator[Session]:
    scope = {
        "organisation": "tallybrook",
        "api_url": sandbox.endpoints["github"],
        "production_branches": ["main"],
        "plan": "enterprise_cloud",
    }
    made = open_session(scope, sandbox.environment, lambda: NOW)
    yield made
    transport = client_of(made).transport
    assert isinstance(transport, GithubTransport)
    transport.close()


def asked(sandbox: Sandbox, dataset: str) -> Request:
    assert sandbox.world is not None
    organisation = sandbox.world.organisations["tallybrook"]
    repository = organisation.repositories[1]
    if dataset in ORGANISATION:
        item = ScopeItem(f"github:{organisation.node_id}", organisation.login, "github")
    elif dataset == "github.alerts":
        item = ScopeItem(f"alerts:github:{organisation.node_id}", organisation.login, "github")
    else:
        item = ScopeItem(f"github:{repository.node_id}", repository.full_name(2**40), "github")
    whole = CHANGES if dataset in CHANGES else {dataset}
    snapshot = DATASETS[dataset].kind == "snapshot"
    return Request(frozenset(whole), item, None if snapshot else START, None if snapshot else END)


@pytest.mark.parametrize("dataset", sorted(EXTRACTORS))
def test_every_dataset_is_read_from_the_sandbox(sandbox: Sandbox, session: Session, dataset: str) -> None:
    sink = MemorySink()
    try:
        claims = EXTRACTORS[dataset](session, asked(sandbox, dataset), sink)
    except CollectionError as error:
        pytest.fail(f"{dataset}: {error}")
    assert [claim.dataset for claim in claims if claim.dataset == dataset] == [dataset]
    assert not any(claim.truncated for claim in claims)


@pytest.mark.skipif(
    not OFFICIAL.is_file(),
    reason="GitHub's schema is not there: npm install --no-save --no-package-lock @octokit/graphql-schema@15.26.1",
)
def test_every_query_is_githubs(sandbox: Sandbox, session: Session) -> None:
    for dataset in EXTRACTORS:
        EXTRACTORS[dataset](session, asked(sandbox, dataset), MemorySink())
    assert sandbox.github is not None
    documents = sandbox.github.application.graphql.documents
    assert len(documents) > 5
    schema = build_schema(OFFICIAL.read_text(encoding="utf-8"), assume_valid=True)
    for document in documents:
        assert [error.message for error in validate(schema, parse(document))] == []
