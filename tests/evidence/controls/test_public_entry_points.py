"""CC6-NET-01: what anybody can reach is on the list of approved entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.public_entry_points import ENTRY_POINTS, nothing_public_unapproved
from schemas import gcp
from schemas.aws_configuration import EXPOSURE, EXPOSURE_KINDS
from schemas.outcome import Outcome
from tests.evidence.controls.access import FIRST, SECOND, THIRD, shown
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.configuration import filled

REGION = "aws:111122223333:eu-west-1"
APPROVED = {
    "resource_id": "arn:lb", "description": "shop", "from": "2020-01-01", "to": "", "reason": "customers",
    "approved_by": "ines@acme.example",
}  # fmt: skip
Row = dict[str, Any]


def resource(kind: str = "bucket", own: str = "arn:x", public: bool | None = True, **changed: Any) -> Row:
    row = {
        "record_id": f"{kind}:{own}", "kind": kind, "resource_id": own, "name": None, "address": None,
        "public": public, "reasons": ["policy"] if public else [], "unreadable": [],
    }  # fmt: skip
    return filled(EXPOSURE, row | changed)


def judged(
    snapshots: Mapping[datetime, Sequence[Row]], register: Sequence[Row] | None = None, **kept: Any
) -> dict[str, Outcome]:
    registers: dict[str, Any] = {} if register is None else {"public_endpoints": list(register)}
    tested = window("CC6-NET-01", scope=REGION, name="prod eu-west-1", registers=registers, **kept)
    return {one.item_id: one for one in nothing_public_unapproved(tested, shown(EXPOSURE, REGION, snapshots))}


def test_a_region_in_order() -> None:
    [outcome] = judged({FIRST: [resource(public=False)], SECOND: [resource(public=False)]}).values()
    assert (outcome.outcome, outcome.item_id) == ("pass", "bucket:arn:x")


@pytest.mark.parametrize("kind", ["bucket", "database", "volume_snapshot", "image", "key", "queue"])
def test_a_store_that_is_public_is_an_exception_with_a_register_and_without(kind: str) -> None:
    for register in (None, [APPROVED]):
        [outcome] = judged({FIRST: [resource(kind)]}, register).values()
        assert outcome.codes == ("EXPOSED",)


@pytest.mark.parametrize("kind", ["load_balancer", "public_address", "security_group", "function"])
def test_what_is_public_by_design_is_unknown_without_a_register(kind: str) -> None:
    [outcome] = judged({FIRST: [resource(kind)]}).values()
    assert outcome.outcome == "unknown"
    [outcome] = judged({FIRST: [resource(kind)]}, []).values()
    assert outcome.codes == ("EXPOSED",)


@pytest.mark.parametrize("column", ["resource_id", "name", "address"])
def test_an_approved_entry_point_passes_by_whatever_it_is_named(column: str) -> None:
    named: dict[str, Any] = {column: "arn:lb"}
    [outcome] = judged({FIRST: [resource("load_balancer", **named)]}, [APPROVED]).values()
    assert outcome.outcome == "pass"


def test_an_approval_counts_while_it_holds() -> None:
    ended = {**APPROVED, "to": SECOND.date().isoformat()}
    row = resource("load_balancer", "arn:lb")
    outcomes = judged({FIRST: [row], THIRD: [row]}, [ended])
    [outcome] = outcomes.values()
    assert outcome.codes == ("EXPOSED",)
    assert outcome.event_time == THIRD


def test_what_can_not_be_told_is_unknown_and_says_why() -> None:
    row = resource(public=None, unreadable=["s3:GetBucketPolicy AccessDenied"])
    [outcome] = judged({FIRST: [row]}).values()
    assert outcome.outcome == "unknown"
    assert "s3:GetBucketPolicy AccessDenied" in outcome.explanation


def test_parts_and_settings_are_no_entry_points() -> None:
    others = [kind for kind in EXPOSURE_KINDS if kind not in ENTRY_POINTS]
    assert "security_group_rule" in others
    assert judged({FIRST: [resource(kind, kind) for kind in others]}) == {}
    assert judged({FIRST: [resource("database_cluster", public=None)]}) == {}


def test_an_opening_between_two_snapshots_is_a_stretch() -> None:
    outcomes = judged({FIRST: [resource(public=False)], SECOND: [resource()], THIRD: [resource(public=False)]})
    [outcome] = outcomes.values()
    assert (outcome.event_time, outcome.codes) == (SECOND, ("EXPOSED",))


def test_a_closed_window_without_a_snapshot_is_unknown() -> None:
    [outcome] = judged({}, as_of=END).values()
    assert outcome.outcome == "unknown"
    assert judged({}, as_of=START) == {}


def test_a_project_of_google_cloud_is_judged_by_the_same_rule() -> None:
    row = {
        "exposure_id": "x", "resource_id": "//x", "resource_name": "logs", "resource_kind": "bucket", "public": True,
        "why": "allUsers may read", "addresses": [],
    }  # fmt: skip
    tested = window("CC6-NET-01", scope="gcp:1", name="prod")
    evidence = shown(gcp.EXPOSURE, "gcp:1", {FIRST: [filled(gcp.EXPOSURE, row)]})
    [outcome] = nothing_public_unapproved(tested, evidence)
    assert outcome.codes == ("EXPOSED",)
