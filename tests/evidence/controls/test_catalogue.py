"""The catalogue against tables written by hand from the specification of the controls, and against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.registry import DATASET_NAMES
from evidence.controls import matrix
from evidence.controls.catalogue import (
    CATALOGUE,
    FAMILIES,
    catalogue_digest,
    control,
    datasets,
    digest_of,
    validate,
)
from evidence.controls.criteria import CRITERIA, criterion
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import GITHUB_PULL_REQUESTS, HR_REGISTER, OWN_RECORDS, SOURCES, TICKETING
from schemas import github
from tests.evidence.controls.catalogue_table import CODES, CONTROLS, LINES
from tests.evidence.controls.catalogue_table import SOURCES as SOURCES_OF_LINES

ROOT = Path(__file__).parents[3]
SPECIFICATION = ROOT.parent / "shared" / "spec" / "controls.yaml"

PLAN_DAYS = {
    "aws.cloudtrail_event_history": 90, "aws.cloudtrail_s3": 400, "aws.config_history": 365, "aws.iam_state": 0,
    "aws.iam_last_accessed": 400, "aws.guardduty_findings": 90, "aws.securityhub_findings": 14,
    "aws.inspector_findings": 3, "aws.backup_jobs": 30, "aws.cloudwatch_alarm_history": 14, "aws.rds_events": 14,
    "github.pull_requests": None, "github.checks_and_statuses": 90, "github.org_audit_log": 180,
    "github.rule_suites": 28, "github.ruleset_history": 90, "github.settings_state": 0, "github.alerts": None,
    "github.deployments": None, "google.reports_activities": 178, "google.reports_usage": 440,
    "google.directory_state": 0, "google.policy_state": 0, "google.alert_center": 30,
    "gcp.audit_admin_activity": 400, "gcp.audit_data_access": 30, "gcp.asset_history": 35, "gcp.scc_findings": 390,
    "hr.register": None, "ticketing": None, "own.records": None,
    # Sources beyond the specification's, of datasets that tests look at and no cell is judged by.
    "aws.deployment_history": 365, "google.drive_documents": None, "google.calendar": None, "gcp.deployments": 365,
    "gcp.backup_runs": 7,
}  # fmt: skip


def test_controls() -> None:
    assert [
        [declared.id, declared.scope_kind, declared.frequency_class, " ".join(declared.criteria)]
        for declared in CATALOGUE
    ] == CONTROLS
    assert [[declared.id, " ".join(declared.exception_codes)] for declared in CATALOGUE] == CODES


def test_evidence_lines() -> None:
    assert [_numbers(declared, line) for declared in CATALOGUE for line in declared.evidence] == LINES
    assert [
        [declared.id, line.id, " ".join(source.id for source in line.sources)]
        for declared in CATALOGUE
        for line in declared.evidence
    ] == SOURCES_OF_LINES


def _numbers(declared: Control, line: EvidenceLine) -> list[str]:
    """A line as the table has it; the limit for late records stands only where the specification has one."""
    kind = line.mode or {"event_stream": "stream"}.get(line.kind, line.kind)
    late = str(line.late_limit_days) if line.mode == "periodic" and line.window_cadence != "annual" else "-"
    hours = [line.lag_hours, line.target_gap_hours, line.max_gap_hours]
    return [
        declared.id, line.id, kind, line.window_cadence, line.collect_every or "-", str(line.due_days),
        str(line.grace_days), *("-" if number is None else f"{number:g}" for number in hours), late,
        "-" if line.reconstructible_from is None else line.reconstructible_from.id,
    ]  # fmt: skip


def test_the_rest_of_the_lines() -> None:
    every = [(declared, line) for declared in CATALOGUE for line in declared.evidence]
    assert [line.id for _, line in every if line.pack_max_age_days is not None] == ["decisions"]
    assert control("CC6-UAR-01").line("decisions").pack_max_age_days == 30
    assert all(line.min_count == 1 for _, line in every)
    # What people decide and write can be recorded.
    assert [(declared.id, line.id) for declared, line in every if not line.recordable] == []


def test_categories() -> None:
    """Controls outside security are examined only where the programme names their category, and are optional."""
    for declared in CATALOGUE:
        expected = {"A1": "availability", "C1": "confidentiality"}.get(declared.id.partition("-")[0], "security")
        assert declared.category == expected, declared.id
        assert (declared.tier == "core") == (expected == "security"), declared.id
    assert sum(declared.tier == "core" for declared in CATALOGUE) == 38
    assert len(CATALOGUE) == 43


@pytest.mark.skipif(not SPECIFICATION.is_file(), reason="the specification of controls (../shared/spec) is not here")
def test_every_number_is_that_of_the_specification() -> None:
    written = YAML(typ="safe", pure=True).load(SPECIFICATION)
    assert [one["id"] for one in written["controls"]] == [declared.id for declared in CATALOGUE]
    for one in written["controls"]:
        declared = control(one["id"])
        assert (list(declared.criteria), declared.tier, list(declared.nature), declared.frequency_class) == (
            one["tsc"], one["tier"], one["nature"], one["frequency_class"],
        )  # fmt: skip
        assert declared.title == one["title"]
        assert declared.scope_kind == {"workforce_device": "device"}.get(one["scope_item"], one["scope_item"])
        assert [line.id for line in declared.evidence] == [line["id"] for line in one["evidence"]]
        assert len(declared.false_positives) == len(one["false_positives"]), declared.id
        assert bool(declared.zero) == ("zero" in one), declared.id
        for line in one["evidence"]:
            assert _declared(declared.line(line["id"]), line) == line, (declared.id, line["id"])
    sources = {name: source["plan_days"] for name, source in written["sources"].items()}
    assert {name: SOURCES[name].plan_days for name in sources} == sources
    assert dict(CRITERIA) == written["criteria"]


def _declared(line: EvidenceLine, written: Mapping[str, Any]) -> dict[str, Any]:
    """A line in the words of the specification, with the keys that it has there."""
    gaps = {"target_gap": line.target_gap_hours, "max_gap": line.max_gap_hours}
    values: dict[str, Any] = {
        "id": line.id, "kind": line.kind, "mode": line.mode, "window_cadence": line.window_cadence,
        "collect_every": line.collect_every, "due": line.due_days, "grace": line.grace_days,
        "lag_hours": line.lag_hours, "late_limit": line.late_limit_days,
        "reconstructible_from": None if line.reconstructible_from is None else line.reconstructible_from.id,
        "sources": [source.id for source in line.sources], "data": written["data"],
    }  # fmt: skip
    for name, hours in gaps.items():
        unit = "d" if str(written.get(name, "h")).endswith("d") else "h"
        values[name] = None if hours is None else f"{hours / 24:g}d" if unit == "d" else f"{hours:g}h"
    unsaid: dict[str, Any] = {"due": 0, "lag_hours": 0, "late_limit": 60}
    return {name: value for name, value in values.items() if name in written or value != unsaid.get(name)}


def test_retention_table() -> None:
    assert {source.id: source.plan_days for source in SOURCES.values()} == PLAN_DAYS
    assert len(SOURCES) == 36
    assert TICKETING.system == OWN_RECORDS.system == "own"
    assert HR_REGISTER.system == "hr"


def test_criteria() -> None:
    counts: dict[str, int] = {}
    for reference in CRITERIA:
        counts[reference.partition(".")[0]] = counts.get(reference.partition(".")[0], 0) + 1
    assert counts == {
        "CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2, "A1": 3, "C1": 2,
    }  # fmt: skip
    assert criterion("CC6.6") == "boundary protection"
    with pytest.raises(KeyError, match=r"'CC8\.2' is no criterion; known are CC8\.1"):
        criterion("CC8.2")


def test_the_datasets_are_those_that_something_collects() -> None:
    assert {dataset.name for dataset in datasets()} == set(DATASET_NAMES)
    assert len(datasets()) == len({dataset.name for dataset in datasets()})


def test_families() -> None:
    prefixes = {
        "governance": "CC1 CC2 CC3 CC4", "logical_access": "CC6", "system_operations": "CC7",
        "change_management": "CC8", "vendors": "CC9", "availability": "A1", "confidentiality": "C1",
    }  # fmt: skip
    assert list(FAMILIES) == list(prefixes)
    for family, controls in FAMILIES.items():
        assert {one.id.partition("-")[0] for one in controls} == set(prefixes[family].split())


def test_an_unknown_control_is_refused_with_the_known_ones() -> None:
    assert control("CC8-CHG-01").title.startswith("Every production code change")
    with pytest.raises(KeyError, match="CC8-CHG-01"):
        control("CC8-CHG-99")


CHANGES = control("CC8-CHG-01")


def with_line(**changed: Any) -> Control:
    line = replace(CHANGES.line("commits"), **changed)
    return replace(CHANGES, evidence=(line,))


BROKEN: dict[str, tuple[Callable[[], list[Control]], str]] = {
    "an id used twice": (lambda: [CHANGES, CHANGES], "declared twice"),
    "an unknown criterion": (lambda: [replace(CHANGES, criteria=("CC8.2",))], r"CC8\.2"),
    "no criterion": (lambda: [replace(CHANGES, criteria=())], "mapped to no criterion"),
    "no population": (lambda: [with_line(is_population=False)], "carries its population"),
    "a population from nowhere": (lambda: [with_line(datasets={})], "no dataset"),
    "a test that can't fail": (lambda: [replace(CHANGES, exception_codes=())], "can't fail"),
    "another source": (
        lambda: [with_line(sources=(replace(GITHUB_PULL_REQUESTS, plan_days=5),))], "not that of the retention table",
    ),
    "a snapshot in a stream": (lambda: [with_line(datasets={"github": github.MEMBERS})], "event_stream"),
}  # fmt: skip


@pytest.mark.parametrize(("broken", "message"), BROKEN.values(), ids=BROKEN)
def test_a_catalogue_that_contradicts_itself_is_refused(broken: Callable[[], list[Control]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validate(broken())


def test_lines_and_controls_refuse_what_they_can_not_be() -> None:
    with pytest.raises(ValueError, match="max_gap_hours"):
        EvidenceLine("x", "snapshot", "monthly", (GITHUB_PULL_REQUESTS,), "x")
    with pytest.raises(ValueError, match="unique"):
        replace(CHANGES, evidence=(CHANGES.line("commits"), CHANGES.line("commits")))


MOVES: dict[str, Control] = {
    "a deadline": with_line(grace_days=6),
    "a lag": with_line(lag_hours=2),
    "a title": replace(CHANGES, title="x"),
    "a criterion": replace(CHANGES, criteria=("CC8.1",)),
    "the version of the test": replace(CHANGES, test_version=CHANGES.test_version + 1),
    "the test": replace(CHANGES, test=control("CC8-CHG-02").test),
    "a code": replace(CHANGES, exception_codes=CHANGES.exception_codes[:-1]),
    "a dataset's version": with_line(datasets={"github": replace(github.COMMITS, version=2)}),
}


@pytest.mark.parametrize("changed", MOVES.values(), ids=MOVES)
def test_the_digest_moves_with_everything_that_decides(changed: Control) -> None:
    alone = replace(CHANGES, evidence=(CHANGES.line("commits"),)) if len(changed.evidence) == 1 else CHANGES
    assert digest_of([changed]) != digest_of([alone])


def test_the_digest_is_the_same_in_every_process() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import evidence.controls.catalogue as c; print(c.catalogue_digest())"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert answer.stdout.strip() == catalogue_digest()
    assert catalogue_digest().startswith("sha256:")
    assert len(catalogue_digest()) == 71


def test_reading_the_catalogue_loads_nothing_heavy() -> None:
    heavy = "pyarrow pandas pydantic prefect boto3 requests github"
    program = f"import sys, evidence.controls.catalogue; print(*[n for n in '{heavy}'.split() if n in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_the_control_matrix_is_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "control-matrix.md").read_text(encoding="utf-8")
    assert page == matrix.render(), "run: python -m evidence.controls.matrix > docs/control-matrix.md"


def test_the_control_matrix_names_what_is_not_collected() -> None:
    page = matrix.render()
    assert "| manual (population) | event stream | monthly | daily | 5 + 5 d | 2 h | – | aws.cloudtrail_s3" in page
    assert "own: not collected yet" in page
    assert "- Not yet: Deployments in AWS that leave no GitHub deployment are not seen" in page
