"""`evidence doctor` against the simulated company: what it reads, what it misses, what it says of both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import jsonschema
import pytest

from cli.json_schemas import schema_of
from connectors.least_rights import POLICY_LIMIT, split_policy
from connectors.probing import probes_of
from connectors.registry import DATASETS
from evidence.completeness.model import Period, Requirement
from evidence.controls.model import EvidenceLine
from evidence.controls.sources import AWS_INSPECTOR_FINDINGS
from evidence.schedule import retention_risk
from sandbox.faults import FaultPlan
from sandbox.serve import Sandbox, company_folder, start
from tests.fakes.evidence_project import Project

NOW = "2026-05-02T06:00:00Z"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    now = datetime(2026, 5, 2, 6, tzinfo=UTC)
    running = start(company_folder("demo"), now=now, directory=tmp_path_factory.mktemp("company"))
    yield running
    running.close()


@pytest.fixture
def project(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Project:
    described = sandbox.describe()
    for name, value in described["environment"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("connectors.workspace.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    return Project(Path(described["program"]).parent, NOW)


def plan_of(sandbox: Sandbox) -> FaultPlan:
    assert sandbox.plan is not None, "it runs in this process"
    return sandbox.plan


@pytest.mark.parametrize("system", sorted({dataset.system for dataset in DATASETS.values()}))
def test_every_dataset_has_a_probe(system: str) -> None:
    assert {name for name in DATASETS if DATASETS[name].system == system} <= set(probes_of(system))


def _of(document: dict[str, Any], system: str) -> Counter[str]:
    return Counter(
        line["status"]
        for line in document["lines"]
        if line["scope_item_id"] and (line["dataset"] or "").startswith(f"{system}.")
    )


def test_before_the_first_collection_everything_is_asked_and_nothing_made(sandbox: Sandbox, project: Project) -> None:
    plan_of(sandbox).replace([])
    ran = project.run("doctor")
    document = ran.json
    jsonschema.validate(document, dict(schema_of("doctor")))
    for system in ("aws", "github", "hr"):
        assert set(_of(document, system)) >= {"readable"}, (system, document["lines"])
    # Repositories are chosen by topic: which there are is asked first, so that each is tried.
    tried = {line["scope_item"] for line in document["lines"] if line["dataset"] == "github.commits"}
    assert tried == {"tallybrook/ledger-core", "tallybrook/payments-gateway", "tallybrook/web-app"}
    near = {clock["system"] for clock in document["clocks"] if abs(clock["skew_seconds"]) <= 2}
    assert near >= {"aws", "github"}
    assert (document["store"]["exists"], document["store"]["simulated"]) == (False, True)
    assert not project.store.exists()


def test_a_refusal_is_named_and_a_broken_source_stops_no_other(sandbox: Sandbox, project: Project) -> None:
    plan_of(sandbox).replace([
        {"source": "aws", "match": "iam:GetAccountAuthorizationDetails", "kind": "forbidden", "times": None},
        {"source": "github", "kind": "server_error", "times": None},
    ])  # fmt: skip
    try:
        ran = project.run("doctor")
    finally:
        plan_of(sandbox).replace([])
    assert ran.code == 3
    denied = [line for line in ran.json["lines"] if line["status"] == "denied"]
    assert {(line["dataset"], line["permission"]) for line in denied} == {
        ("aws.privileges", "iam:GetAccountAuthorizationDetails"),
        ("aws.principals", "iam:GetAccountAuthorizationDetails"),
    }
    assert set(_of(ran.json, "github")) == {"unreachable"}
    assert _of(ran.json, "hr")["readable"] > 0


def test_a_clock_that_is_off_is_said(sandbox: Sandbox, project: Project) -> None:
    plan_of(sandbox).replace([{"source": "aws", "kind": "wrong_date", "seconds": 600, "times": None}])
    try:
        ran = project.run("doctor")
    finally:
        plan_of(sandbox).replace([])
    assert ran.code == 3
    reasons = {line["reason"] for line in ran.json["lines"] if (line["dataset"] or "").startswith("aws.")}
    assert any("clock of this machine" in (reason or "") for reason in reasons)


def test_the_least_rights_are_written_for_the_lines_in_use(project: Project, tmp_path: Path) -> None:
    ran = project.run("doctor", "--permissions", "--to", str(tmp_path))
    assert ran.code == 0
    policy = json.loads((tmp_path / "aws-reader-policy.json").read_bytes())
    assert "iam:GetCredentialReport" in policy["Statement"][0]["Action"]
    manifest = json.loads((tmp_path / "github-app-manifest.json").read_bytes())
    assert manifest["default_permissions"]["contents"] == "read"


def test_a_long_policy_is_split_within_the_limit() -> None:
    actions = [f"service{number:03}:DescribeSomethingLong" for number in range(400)]
    policies = split_policy(actions)
    assert len(policies) == 3
    assert [action for one in policies for action in one["Statement"][0]["Action"]] == actions
    assert all(len(json.dumps(one, separators=(",", ":"))) <= POLICY_LIMIT for one in policies)


@pytest.mark.parametrize(
    ("every", "memory", "lost", "words"),
    [
        ("weekly", 3.0, 4.0, "4 days of each 7 are lost"),
        ("weekly", 14.0, 0.0, "two failed runs in a row lose up to 7 days"),
        ("weekly", 10.0, 0.0, "one failed run loses up to 4 days"),
        ("daily", 28.0, 0.0, "an outage of the collector of more than 27 days"),
    ],
)
def test_what_a_schedule_loses_is_said_in_days(every: Any, memory: float, lost: float, words: str) -> None:
    period = Period(datetime(2026, 4, 1).date(), datetime(2026, 9, 30).date(), "UTC")  # noqa: DTZ001 - only days
    requirement = Requirement(kind="event_stream", retention_days=memory)
    line = EvidenceLine("x", "event_stream", "monthly", (AWS_INSPECTOR_FINDINGS,), "x", collect_every=every)
    risk = retention_risk(period, requirement, line)
    assert risk is not None
    assert (risk.lost_days, risk.outrun) == (lost, lost > 0)
    assert words in risk.words
    assert risk.survives_days == max(0.0, memory - timedelta(days=7 if every == "weekly" else 1) / timedelta(days=1))
