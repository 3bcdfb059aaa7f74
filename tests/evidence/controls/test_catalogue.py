"""The catalogue against tables written by hand from the specification of the controls, and against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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
from schemas import aws, github

ROOT = Path(__file__).parents[3]

CONTROLS = {
    # id: (criteria, scope kind, frequency class, exception codes)
    "CC2-SYS-01": (
        ("CC2.1", "CC6.1", "CC3.4"), "organisation", "quarterly", ("SCOPE_UNDECIDED", "SCOPE_LATE", "ITEM_VANISHED"),
    ),
    "CC6-MFA-01": (
        ("CC6.1", "CC6.6"), "identity_domain", "automated_config", ("MFA_NOT_ENFORCED", "MFA_OFF", "ROOT_NO_MFA"),
    ),
    "CC6-PRIV-01": (
        ("CC6.3", "CC6.1"), "identity_domain", "monthly", ("ADMIN_NOT_APPROVED", "TOO_MANY", "GRANT_UNEXPLAINED"),
    ),
    "CC6-KEY-01": (
        ("CC6.1", "CC6.3"), "identity_domain", "automated_config",
        ("KEY_OLD", "KEY_UNUSED", "ROOT_KEY", "KEY_NO_OWNER"),
    ),
    "CC8-CHG-01": (
        ("CC8.1", "CC5.2", "CC6.8"), "github_repo", "many_per_day",
        ("DIRECT_PUSH", "NO_APPROVAL", "STALE_APPROVAL", "CHANGES_OPEN", "CHECK_NOT_GREEN", "BYPASS", "FORCE_PUSHED",
         "NO_TICKET"),
    ),
    "CC8-CHG-02": (
        ("CC8.1", "CC6.1"), "github_repo", "automated_config", ("RULE_OFF", "BYPASS_ACTOR", "WEAKENED_UNAPPROVED"),
    ),
    "CC8-CHG-04": (
        ("CC8.1", "CC7.1"), "repo_or_account", "many_per_day",
        ("UNKNOWN_SHA", "NOT_VERIFIED", "DEPLOY_BY_HAND", "MANUAL_WRITE_UNEXPLAINED"),
    ),
}  # fmt: skip

STREAM, SNAPSHOT, RECORD = "event_stream", "snapshot", "human_record"
LINES = {
    # control, line: kind, window, collected, due, grace, lag h, target gap h, max gap h, population, sources, datasets
    ("CC2-SYS-01", "inventory"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, True,
        "aws.iam_state github.settings_state gcp.asset_history google.directory_state",
        {"github": "github.repositories", "aws": "aws.accounts"},
    ),
    ("CC2-SYS-01", "register_review"): (RECORD, "quarterly", None, 0, 14, 0, None, None, False, "own.records", {}),
    ("CC6-MFA-01", "google_users"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, False, "google.directory_state google.policy_state", {},
    ),
    ("CC6-MFA-01", "google_events"): (
        STREAM, "monthly", "daily", 5, 5, 12, None, None, False, "google.reports_activities", {},
    ),
    ("CC6-MFA-01", "github_org"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, True, "github.settings_state", {"github": "github.members"},
    ),
    ("CC6-MFA-01", "aws"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, True, "aws.iam_state", {"aws": "aws.sign_in"},
    ),
    ("CC6-PRIV-01", "admins"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, True,
        "aws.iam_state github.settings_state google.directory_state gcp.asset_history",
        {"github": "github.administrators", "aws": "aws.privileges"},
    ),
    ("CC6-KEY-01", "keys"): (
        SNAPSHOT, "monthly", "weekly", 0, 5, 0, 384, 840, True, "aws.iam_state github.settings_state gcp.asset_history",
        {"github": "github.credentials", "aws": "aws.access_keys"},
    ),
    ("CC8-CHG-01", "merges"): (
        STREAM, "monthly", "daily", 5, 5, 1, None, None, False, "github.pull_requests",
        {"github": "github.pull_requests"},
    ),
    ("CC8-CHG-01", "checks"): (
        STREAM, "monthly", "daily", 5, 5, 6, None, None, False, "github.checks_and_statuses",
        {"github": "github.checks"},
    ),
    ("CC8-CHG-01", "commits"): (
        STREAM, "monthly", "daily", 5, 5, 1, None, None, True, "github.pull_requests", {"github": "github.commits"},
    ),
    ("CC8-CHG-01", "bypasses"): (
        STREAM, "monthly", "daily", 5, 5, 1, None, None, False, "github.rule_suites github.org_audit_log",
        {"github": "github.bypasses"},
    ),
    ("CC8-CHG-01", "tips"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, False, "github.settings_state",
        {"github": "github.branch_tips"},
    ),
    ("CC8-CHG-02", "rules"): (
        SNAPSHOT, "monthly", "daily", 0, 5, 0, 49, 840, True, "github.settings_state",
        {"github": "github.branch_rules"},
    ),
    ("CC8-CHG-02", "rule_changes"): (
        STREAM, "monthly", "daily", 5, 5, 2, None, None, True, "github.org_audit_log github.ruleset_history",
        {"github": "github.rule_changes"},
    ),
    ("CC8-CHG-04", "deployments"): (
        STREAM, "monthly", "daily", 5, 5, 2, None, None, True, "github.deployments aws.cloudtrail_s3",
        {"github": "github.deployments"},
    ),
    ("CC8-CHG-04", "manual"): (
        STREAM, "monthly", "daily", 5, 5, 2, None, None, False, "aws.cloudtrail_s3 gcp.audit_admin_activity", {},
    ),
}  # fmt: skip

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
}  # fmt: skip


def test_controls() -> None:
    assert {
        declared.id: (declared.criteria, declared.scope_kind, declared.frequency_class, declared.exception_codes)
        for declared in CATALOGUE
    } == CONTROLS


def test_evidence_lines() -> None:
    assert {
        (declared.id, line.id): (
            line.kind, line.window_cadence, line.collect_every, line.due_days, line.grace_days, line.lag_hours,
            line.target_gap_hours, line.max_gap_hours, line.is_population,
            " ".join(source.id for source in line.sources),
            {system: dataset.name for system, dataset in line.datasets.items()},
        )
        for declared in CATALOGUE
        for line in declared.evidence
    } == LINES  # fmt: skip


def test_the_rest_of_the_lines() -> None:
    review = control("CC2-SYS-01").line("register_review")
    assert (review.mode, review.late_limit_days, review.pack_max_age_days) == ("periodic", 60, None)
    rebuilt = control("CC6-MFA-01").line("google_users").reconstructible_from
    assert rebuilt is not None
    assert rebuilt.id == "google.reports_usage"
    others = [line for declared in CATALOGUE for line in declared.evidence if line.reconstructible_from]
    assert len(others) == 1
    assert all(declared.tier == "core" and declared.category == "security" for declared in CATALOGUE)
    assert all(line.min_count == 1 for declared in CATALOGUE for line in declared.evidence)


def test_retention_table() -> None:
    assert {source.id: source.plan_days for source in SOURCES.values()} == PLAN_DAYS
    assert len(SOURCES) == 31
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


def test_every_dataset_of_github_and_aws_is_some_controls_evidence() -> None:
    assert {dataset.name for dataset in datasets()} == {
        dataset.name for dataset in (*github.DATASETS, *aws.DATASETS)
    }  # fmt: skip
    assert len(datasets()) == len({dataset.name for dataset in datasets()})


def test_families() -> None:
    assert {family: [one.id for one in controls] for family, controls in FAMILIES.items()} == {
        "governance": ["CC2-SYS-01"],
        "logical_access": ["CC6-MFA-01", "CC6-PRIV-01", "CC6-KEY-01"],
        "change_management": ["CC8-CHG-01", "CC8-CHG-02", "CC8-CHG-04"],
    }


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
    "the version of the test": replace(CHANGES, test_version=2),
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
    assert "| manual | event stream | monthly | daily | 5 + 5 d | 2 h | – | aws.cloudtrail_s3" in page
    assert "aws: not collected yet, gcp: not collected yet" in page
    assert "- Not yet: The register of emergency changes is not collected yet" in page
