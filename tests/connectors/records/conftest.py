"""A company to record for, made once; each test gets a copy of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.records.problems import InvalidRecords
from connectors.records.recording import Recorded, record_file
from connectors.workspace import Workspace, open_workspace
from schemas.instants import parse_instant
from schemas.records import RECORD_TYPES
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import recording_company, write_records

BORN = "2026-01-02T00:00:00Z"
NOW = parse_instant("2026-04-02T00:00:00Z")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The company as it is before anything is recorded."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(folder / "key.pem"))
        return recording_company(folder / "company", BORN)


@pytest.fixture
def company(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(made.folder.parent / "key.pem"))
    return made.copy(tmp_path / "company")


@pytest.fixture
def workspace(company: Project) -> Workspace:
    return open_workspace(company.program, now=lambda: NOW)


@pytest.fixture
def record(workspace: Workspace, company: Project) -> Callable[..., list[Recorded]]:
    """Write a file of records and record it."""

    def run(kind: str, records: Any, **options: Any) -> list[Recorded]:
        path = records if isinstance(records, Path) else write_records(company.folder, "file.yaml", records)
        return record_file(workspace, RECORD_TYPES[kind], path, **options)

    return run


@pytest.fixture
def refused(record: Callable[..., list[Recorded]], workspace: Workspace) -> Callable[..., str]:
    """Record what must be refused: all that is said, after a look that nothing was recorded."""

    def run(kind: str, records: Any, **options: Any) -> str:
        before = workspace.store.head()
        with pytest.raises(InvalidRecords) as caught:
            record(kind, records, **options)
        assert workspace.store.head() == before
        return str(caught.value)

    return run
