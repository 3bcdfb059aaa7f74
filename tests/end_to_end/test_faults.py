"""Every kind of fault of the simulated sources, from the wire to the verdict.

Whatever a source does, a run ends in one of two ways: the rows are complete, or the claim says that it is not and no
cell is covered by it. Once the source is well again a second run heals the cell, and the ledger shows both attempts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from evidence.completeness.severity import COVERED
from sandbox.faults import Kind
from sandbox.serve import Sandbox
from tests.fakes.evidence_project import Cells, Project, cells_of
from tests.fakes.small_company import ACCOUNT, REPOSITORY, WINDOW, small_company

Fault = dict[str, Any]

CHANGES = ("github.commits", "github.pull_requests")
LINES = {"github.commits": "commits", "github.pull_requests": "merges"}
COLLECT_GITHUB = ("collect", "--control", "CC8-CHG-01", "--window", WINDOW)
COLLECT_AWS = ("collect", "--control", "CC6-PRIV-01")
ACTIVITY = "GET /repos/{owner}/{repo}/activity"
DETAILS = "iam:GetAccountAuthorizationDetails"

GITHUB: list[Fault] = [
    {"kind": "unauthorized"},
    {"kind": "forbidden"},
    {"kind": "forbidden", "match": ACTIVITY},
    {"kind": "not_found", "match": ACTIVITY},
    {"kind": "rate_limited", "retry_after": 3000},
    {"kind": "rate_limited", "times": 1, "retry_after": 1},
    {"kind": "secondary_limit"},
    {"kind": "secondary_limit", "times": 2, "retry_after": 1},
    {"kind": "server_error"},
    {"kind": "server_error", "times": 2},
    {"kind": "error", "status": 422, "match": ACTIVITY},
    {"kind": "graphql_error", "code": "RATE_LIMITED"},
    {"kind": "graphql_error", "code": "FORBIDDEN", "match": "PullRequests"},
    {"kind": "graphql_error", "code": "TIMEOUT"},
    {"kind": "graphql_error", "code": "TIMEOUT", "times": 1, "match": "PullRequests"},
    {"kind": "truncated_page", "match": ACTIVITY},
    {"kind": "truncated_page", "match": "Merged"},
    {"kind": "truncated_page", "match": "History"},
    {"kind": "empty_page", "match": ACTIVITY},
    {"kind": "empty_page", "match": "Merged"},
    {"kind": "lying_last_page", "match": ACTIVITY},
    {"kind": "lying_last_page", "match": "Merged"},
    {"kind": "shifting_list", "match": ACTIVITY, "items": 3},
    {"kind": "shifting_list", "match": "Merged", "items": 3},
    {"kind": "slow_body", "ms": 1},
    {"kind": "connection_reset"},
    {"kind": "connection_reset", "times": 2},
    {"kind": "truncated_body"},
    {"kind": "truncated_body", "times": 1, "match": "Merged"},
    {"kind": "latency", "ms": 1},
    {"kind": "fewer_repositories", "repositories": ["acme/*"]},
    {"kind": "wrong_date", "seconds": 600},
    {"kind": "wrong_date", "seconds": -90},
]
AWS: list[Fault] = [
    {"kind": "unauthorized"},
    {"kind": "forbidden", "match": DETAILS},
    {"kind": "not_found", "match": DETAILS},
    {"kind": "rate_limited"},
    {"kind": "rate_limited", "times": 2},
    {"kind": "secondary_limit", "match": DETAILS},
    {"kind": "server_error"},
    {"kind": "server_error", "times": 1, "code": "html"},
    {"kind": "error", "code": "AccessDenied", "status": 403, "match": DETAILS},
    {"kind": "error", "code": "NobodyKnowsThisException", "match": DETAILS},
    {"kind": "truncated_page", "match": DETAILS},
    {"kind": "empty_page", "match": DETAILS},
    {"kind": "lying_last_page", "match": DETAILS},
    {"kind": "shifting_list", "match": DETAILS, "items": 3},
    {"kind": "slow_body", "ms": 1},
    {"kind": "connection_reset"},
    {"kind": "truncated_body"},
    {"kind": "truncated_body", "times": 1},
    {"kind": "latency", "ms": 1},
    {"kind": "wrong_date", "seconds": 600},
]
NOT_AT_AWS = {"graphql_error", "fewer_repositories"}


def named(fault: Fault) -> str:
    return "-".join(str(value).replace("/", ".") for value in fault.values())


@dataclass(frozen=True)
class Company:
    """The running sources, and a project whose inventory is taken and which holds no other evidence yet."""

    sandbox: Sandbox
    project: Project
    whole: dict[str, list[dict[str, Any]]]
    """Rows by dataset as collected without any fault."""

    @contextlib.contextmanager
    def under(self, source: str, fault: Fault) -> Iterator[None]:
        """A source with a fault, which must really be met."""
        plan = self.sandbox.plan
        assert plan is not None
        plan.replace([{"source": source, "times": None, **fault}])
        try:
            yield
            assert plan.describe()[0]["spent"] > 0, "the fault met no request"
        finally:
            plan.replace([])


@pytest.fixture(scope="module")
def company(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    with small_company(folder) as (sandbox, project):
        project.fine("collect", "--family", "governance")
        well = project.copy(folder / "well")
        well.fine(*COLLECT_GITHUB)
        well.fine(*COLLECT_AWS)
        whole = {name: latest_rows(well, name) for name in (*CHANGES, "aws.privileges")}
        assert {name: len(rows) for name, rows in whole.items()} == {
            "github.commits": 128, "github.pull_requests": 115, "aws.privileges": 3,
        }  # fmt: skip
        yield Company(sandbox, project, whole)


def latest_rows(project: Project, dataset: str) -> list[dict[str, Any]]:
    """Rows of the last claim of a dataset, without what differs from one reading to the next."""
    claim = project.claims(dataset)[-1]
    varying = ("raw", "updated_at")
    rows = [
        {key: value for key, value in row.items() if key not in varying}
        for row in project.rows(dataset, claim["ledger"])
    ]
    return sorted(rows, key=repr)


def statuses(project: Project, dataset: str) -> list[str]:
    """Of every attempt in the ledger, in order."""
    return [claim["status"] for claim in project.claims(dataset)]


@pytest.mark.parametrize("fault", GITHUB, ids=named)
def test_github(company: Company, tmp_path: Path, fault: Fault) -> None:
    project = company.project.copy(tmp_path / "site")
    with company.under("github", fault):
        ran = project.run(*COLLECT_GITHUB)
    first = examined(company, project, ran.code, {name: ("CC8-CHG-01", line) for name, line in LINES.items()})
    if set(first.values()) == {"ok"}:
        assert project.verify()["problems"] == []
        return  # the connector got over it by itself
    project.fine(*COLLECT_GITHUB)
    healed = project.completeness()
    for name, line in LINES.items():
        *before, last = statuses(project, name)
        assert (set(before), last) == ({first[name]}, "ok"), "the failed attempts stay beside the one that healed it"
        assert latest_rows(project, name) == company.whole[name]
        assert cells_of(healed, "CC8-CHG-01", line)[WINDOW, REPOSITORY]["state"] in COVERED
    assert project.verify()["problems"] == []


@pytest.mark.parametrize("fault", AWS, ids=named)
def test_aws(company: Company, tmp_path: Path, fault: Fault) -> None:
    project = company.project.copy(tmp_path / "site")
    with company.under("aws", fault):
        ran = project.run(*COLLECT_AWS, "--scope", f"aws:{ACCOUNT}")
    first = examined(company, project, ran.code, {"aws.privileges": ("CC6-PRIV-01", "admins")})
    project.fine(*COLLECT_AWS, "--scope", f"aws:{ACCOUNT}")
    assert statuses(project, "aws.privileges") == [first["aws.privileges"], "ok"]
    assert latest_rows(project, "aws.privileges") == company.whole["aws.privileges"]
    [cell] = [cell for (window, _), cell in admins(project.completeness()).items() if window == "2026-08"]
    assert cell["state"] in COVERED
    assert project.verify()["problems"] == []


REFUSALS: list[Fault] = [
    {"kind": "unauthorized"}, {"kind": "forbidden"}, {"kind": "not_found"}, {"kind": "rate_limited"},
    {"kind": "secondary_limit"}, {"kind": "server_error"}, {"kind": "error", "status": 422},
    {"kind": "connection_reset"}, {"kind": "truncated_body"}, {"kind": "truncated_body", "bytes": 0},
    {"kind": "wrong_date", "seconds": 600},
]  # fmt: skip
TOKENS = "/app/installations/*/access_tokens"
LOGIN = [(TOKENS, fault) for fault in REFUSALS] + [("GET /app", fault) for fault in (REFUSALS[0], REFUSALS[5])]
"""Which app it is, is asked through the same code as for its tokens."""


@pytest.mark.parametrize(("match", "fault"), LOGIN, ids=lambda value: named(value) if isinstance(value, dict) else None)
def test_logging_in_as_an_app(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, match: str, fault: Fault
) -> None:
    project = company.project.copy(tmp_path / "site")
    monkeypatch.delenv("GITHUB_TOKEN")
    for name, value in company.sandbox.github_app.items():
        monkeypatch.setenv(name, value)
    with company.under("github", {"match": match, **fault}):
        ran = project.run(*COLLECT_GITHUB)
    first = examined(company, project, ran.code, {name: ("CC8-CHG-01", line) for name, line in LINES.items()})
    errors = [claim["error"] for claim in project.claims("github.commits") if claim["status"] == "error"]
    assert all("which is a defect" not in error["message"] for error in errors)
    if first["github.commits"] == "error":
        project.fine(*COLLECT_GITHUB)
        assert statuses(project, "github.commits")[-1] == "ok"


def admins(verdict: dict[str, Any]) -> Cells:
    cells = cells_of(verdict, "CC6-PRIV-01", "admins")
    return {key: cell for key, cell in cells.items() if cell["scope_item_id"].startswith("aws:")}


def examined(company: Company, project: Project, code: int, lines: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Hold a run under a fault against the rule; the status of each dataset."""
    found: dict[str, str] = {}
    verdict = project.completeness()
    for name, (control, line) in lines.items():
        claim = project.claims(name)[-1]  # denied items are asked again source by source, and the last one counts
        cells = cells_of(verdict, control, line) if name != "aws.privileges" else admins(verdict)
        window = WINDOW if name != "aws.privileges" else "2026-08"
        [state] = [cell["state"] for (id_, _), cell in cells.items() if id_ == window]
        found[name] = claim["status"]
        if claim["status"] == "ok":
            assert latest_rows(project, name) == company.whole[name], "fewer rows were taken for the whole"
            assert state in COVERED
            continue
        assert state not in COVERED
        if claim["status"] == "error":
            assert claim["rows"] == 0
            assert claim["error"]["message"]
        else:
            assert claim["reconciliation"]
            assert all(row in company.whole[name] for row in latest_rows(project, name))
    assert code in (0, 2, 3)
    assert (code != 0) == ("error" in found.values()), "a run that could not read everything must not look green"
    return found


def test_every_kind_of_fault_is_tried() -> None:
    kinds = set(get_args(Kind))
    assert {fault["kind"] for fault in GITHUB} == kinds
    assert {fault["kind"] for fault in AWS} == kinds - NOT_AT_AWS


def test_a_fault_that_stays_for_the_principal_names_the_right_that_is_missing(company: Company, tmp_path: Path) -> None:
    project = company.project.copy(tmp_path / "site")
    with company.under("github", {"kind": "forbidden", "match": ACTIVITY}):
        ran = project.run(*COLLECT_GITHUB)
    assert ran.code == 3
    claim = project.claims("github.commits")[-1]
    assert claim["error"]["permission"] == "repository permission contents: read"
    errors = [entry["error"] for entry in ran.json["entries"] if entry["status"] == "error"]
    assert errors
    assert "PermissionDenied" in errors[0]
    assert "contents: read" in ran.err
