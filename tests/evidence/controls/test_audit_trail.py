"""CC7-LOG-01: a trail that keeps everything, for a year."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.controls.audit_trail import logged_and_kept
from schemas import gcp
from schemas.aws_configuration import LOG_CONFIG
from schemas.outcome import Outcome
from tests.evidence.controls.access import FIRST, SECOND, shown
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.configuration import filled

REGION = "aws:111122223333:eu-west-1"


def trail(name: str = "all", **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "record_id": f"trail:{name}", "kind": "trail", "resource_id": name, "name": name, "logging": True,
        "management_events": "All", "bucket_readable": True, "expiration_days": 400,
    }  # fmt: skip
    return filled(LOG_CONFIG, row | changed)


def judged(*snapshots: list[dict[str, Any]], scope: str = REGION, **kept: Any) -> list[Outcome]:
    tested = window("CC7-LOG-01", scope=scope, name="prod eu-west-1", **kept)
    dated = dict(zip((FIRST, SECOND), snapshots, strict=False))
    found = logged_and_kept(tested, shown(LOG_CONFIG, scope, dated))
    return [row for row in found if row.evidence_id == "config"]


@pytest.mark.parametrize(
    ("changed", "outcome", "codes"),
    [
        ({}, "pass", ()),
        ({"expiration_days": None}, "pass", ()),
        ({"logging": False}, "exception", ("LOGGING_OFF",)),
        ({"logging": None}, "unknown", ()),
        ({"management_events": "WriteOnly"}, "exception", ("LOGGING_OFF",)),
        ({"management_events": None}, "unknown", ()),
        ({"excluded_sources": ["kms.amazonaws.com"]}, "exception", ("LOGGING_OFF",)),
        ({"expiration_days": 364}, "exception", ("RETENTION_SHORT",)),
        ({"bucket_readable": False, "expiration_days": None}, "unknown", ()),
    ],
)
def test_a_trail_makes_the_region_logged_or_not(changed: dict[str, Any], outcome: str, codes: tuple[str, ...]) -> None:
    [found] = judged([trail(**changed)])
    assert (found.outcome, found.codes) == (outcome, codes)
    assert found.evidence_id == "config"


def test_one_good_trail_is_enough_and_none_is_not() -> None:
    [found] = judged([trail("off", logging=False), trail()])
    assert found.outcome == "pass"
    [found] = judged([])
    assert found.codes == ("LOGGING_OFF",)


def test_a_gap_between_two_snapshots_is_a_stretch() -> None:
    [found] = judged([trail()], [trail(logging=False)])
    assert (found.event_time, found.codes) == (SECOND, ("LOGGING_OFF",))


def test_what_is_not_held_or_not_judged_is_unknown() -> None:
    [found] = judged(as_of=END)
    assert found.outcome == "unknown"
    assert judged(as_of=START) == []
    for scope in ("gcp:1", "google:C1"):
        [found] = judged(scope=scope, as_of=END)
        assert found.outcome == "unknown"


@pytest.mark.parametrize(
    ("changed", "outcome", "codes"),
    [
        ({}, "pass", ()),
        ({"retention_days": 364}, "exception", ("RETENTION_SHORT",)),
        ({"retention_days": None}, "unknown", ()),
        ({"name": "projects/p/locations/global/buckets/_Default"}, "unknown", ()),
        ({"inherited": True}, "unknown", ()),
    ],
)
def test_google_keeps_what_administrators_do(changed: dict[str, Any], outcome: str, codes: tuple[str, ...]) -> None:
    row = {
        "config_id": "b", "kind": "log_bucket", "name": "projects/p/locations/global/buckets/_Required",
        "inherited": False, "retention_days": 400,
    }  # fmt: skip
    evidence = shown(gcp.LOG_CONFIG, "gcp:1", {FIRST: [filled(gcp.LOG_CONFIG, row | changed)]})
    tested = window("CC7-LOG-01", scope="gcp:1", name="p")
    [found, toggles] = logged_and_kept(tested, evidence)
    assert (found.outcome, found.codes) == (outcome, codes)
    assert (toggles.evidence_id, toggles.outcome) == ("toggles", "unknown")
