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
        for control in ("CC2-SYS-01", "CC6-MFA-01", "CC6-PRIV-01", "CC6-KEY-01", "CC6-UAR-01"):
            entries = made.fine("collect", "--control", control)["entries"]
            assert {entry["status"] for entry in entries} <= {"ok"}, control
        yield made


def test_every_way_to_administrative_power_is_stored(project: Project) -> None:
    [claim] = project.claims("aws.privileges")
    rows = project.rows("aws.privileges", claim["ledger"])
    found = {(row["principal_name"], row["way"], row["policy_name"], row["group_name"], row["level"]) for row in rows}
    assert found == expected_ways(json.loads(REAL.read_bytes()))
    assert claim["rows"] == len(found) == len(rows)


def test_everybody_who_can_act_there_is_listed(project: Project) -> None:
    """The access-review pack against the document itself: every user, role and group, and root."""
    [claim] = project.claims("aws.principals")
    rows = project.rows("aws.principals", claim["ledger"])
    document = json.loads(REAL.read_bytes())
    listed = {"UserDetailList": "UserName", "RoleDetailList": "RoleName", "GroupDetailList": "GroupName"}
    expected = {one[name] for kind, name in listed.items() for one in document[kind]} | {"root"}
    assert {row["principal_name"] for row in rows} == expected
    assert len(rows) == 1 + sum(len(document[kind]) for kind in listed)
    powerful = {row["principal_name"] for row in rows if row["privileged"] and row["principal_kind"] != "iam_group"}
    assert powerful == {way[0] for way in expected_ways(document)} | {"root"}


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
    states = {
        cells[key]["state"]
        for key in (
            ("CC2-SYS-01", "inventory"), ("CC6-MFA-01", "aws"), ("CC6-PRIV-01", "admins"), ("CC6-KEY-01", "keys"),
        )
    }  # fmt: skip
    assert states <= {"collected", "exception_noted"}
    assert "outcome_unknown" in cells["CC6-PRIV-01", "admins"]["flags"]


def test_the_store_verifies(project: Project) -> None:
    assert project.verify()["problems"] == []
