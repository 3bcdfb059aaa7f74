"""A real AWS account, served as it is: every way to administrative power is collected, stored and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from sandbox.serve import running
from tests.connectors.aws.test_real_account import ACCOUNT, REAL, expected_ways
from tests.fakes.evidence_project import Project, reachable

NOW = "2026-06-02T06:00:00Z"

pytestmark = pytest.mark.skipif(not REAL.is_file(), reason=f"the real account is not there: {REAL.name}")


@pytest.fixture(scope="module")
def project(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("account"), NOW)
    with (
        running(iam=REAL, now=datetime.fromisoformat(NOW), directory=made.folder) as sandbox,
        reachable(sandbox, made.folder),
    ):
        entries = made.fine("collect")["entries"]
        assert {entry["status"] for entry in entries} == {"ok"}
        yield made


def test_every_way_to_administrative_power_is_stored(project: Project) -> None:
    [claim] = project.claims("aws.privileges")
    rows = project.rows("aws.privileges", claim["ledger"])
    found = {(row["principal_name"], row["way"], row["policy_name"], row["group_name"], row["level"]) for row in rows}
    assert found == expected_ways(json.loads(REAL.read_bytes()))
    assert claim["rows"] == len(found) == len(rows)


def test_every_one_of_them_is_judged_and_none_passes_unasked(project: Project) -> None:
    """The programme has no register of administrators, so nobody can say that a single one was approved."""
    outcomes = project.fine("test", "--control", "CC6-PRIV-01")["outcomes"]
    [claim] = project.claims("aws.privileges")
    ways = [one for one in outcomes if "|" in one["item_id"]]
    assert len(ways) == claim["rows"]
    assert {one["outcome"] for one in outcomes} <= {"exception", "unknown"}
    assert {one["scope_item_id"] for one in outcomes} == {f"aws:{ACCOUNT}"}


def test_the_cells_of_this_month_are_covered_and_say_so(project: Project) -> None:
    cells = {
        (cell["control_id"], cell["evidence_id"]): cell
        for cell in project.completeness()["cells"]
        if cell["window_id"] == "2026-06"
    }
    states = {key: cell["state"] for key, cell in cells.items()}
    assert set(states) == {
        ("CC2-SYS-01", "inventory"), ("CC6-MFA-01", "aws"), ("CC6-PRIV-01", "admins"), ("CC6-KEY-01", "keys"),
    }  # fmt: skip
    assert set(states.values()) <= {"collected", "exception_noted"}
    assert "outcome_unknown" in cells["CC6-PRIV-01", "admins"]["flags"]


def test_the_store_verifies(project: Project) -> None:
    assert project.verify()["problems"] == []
