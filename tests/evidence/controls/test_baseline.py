"""CC7-CFG-01: a baseline that is checked everywhere, and failures that are mended in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.baseline import CODES, measured_and_mended
from schemas.aws_detection import POSTURE
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY, FIRST, SECOND, THIRD, shown
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.configuration import filled
from tests.fakes.memory_evidence import MemoryEvidence

REGION = "aws:111122223333:eu-west-1"
AUGUST = datetime(2026, 8, 10, tzinfo=UTC)
Row = dict[str, Any]
Snapshots = Mapping[datetime, Sequence[Row]]


def result(check: str = "s3-public", resource: str | None = "bucket", tool: str = "securityhub", **changed: Any) -> Row:
    """A result that passed."""
    row = {
        "result_id": "|".join((tool, check, resource or "")), "account_id": "111122223333", "region": "eu-west-1",
        "tool": tool, "check_id": check, "resource_id": resource, "status": "pass", "native_status": "PASSED",
        "suppressed": False,
    }  # fmt: skip
    return filled(POSTURE, row | changed)


def fail(*named: Any, since: datetime | None = None, **changed: Any) -> Row:
    kept = {"status": "fail", "native_status": "FAILED", "severity": "critical", "since": since}
    return result(*named, **kept | changed)


def config(*results: Row, **changed: Any) -> list[Row]:
    """AWS Config with one rule and its results."""
    return [result("recorder", None, "config"), result("rule", None, "config", **changed), *results]


HUB_OFF = result("hub", None, status="error", native_status="not_enabled")
RECORDER_OFF = result("recorder", None, "config", status="error", native_status="off")


def held(snapshots: Snapshots) -> MemoryEvidence:
    return shown(POSTURE, REGION, snapshots)


def judged(evidence: MemoryEvidence, scope: str = REGION, **kept: Any) -> list[Outcome]:
    found = measured_and_mended(window("CC7-CFG-01", scope=scope, name="prod eu-west-1", **kept), evidence)
    assert {code for row in found for code in row.codes} <= set(CODES)
    assert {row.evidence_id for row in found} <= {"posture"}
    return found


def checks(snapshots: Snapshots, **kept: Any) -> dict[str, Outcome]:
    """Rows of checks by id, without the row of the region."""
    return {row.item_id: row for row in judged(held(snapshots), **kept) if not row.item_id.endswith(":baseline")}


def test_a_region_in_order() -> None:
    rows = [result(), *config(result("rule", "i-1", "config", status="not_applicable"))]
    found = judged(held({FIRST: rows, SECOND: rows}))
    assert {row.outcome for row in found} == {"pass"}
    assert len(found) == 5
    assert {row.event_time for row in found} == {SECOND}


@pytest.mark.parametrize("status", ["error", "not_evaluated"])
def test_a_check_that_was_not_run_is_no_pass(status: str) -> None:
    found = checks({FIRST: [result()], SECOND: [result(status=status)], THIRD: [result()]})
    [(item, row)] = found.items()
    assert (row.codes, row.event_time) == (("CHECK_ERROR",), SECOND)
    assert item.startswith("check:securityhub|s3-public|bucket@")


def daily(first: int, last: int, *rows: Row, then: Sequence[Row] = ()) -> dict[datetime, list[Row]]:
    """Snapshots of each day of a stretch, in days after the start of the window, and one of the day after it."""
    days = {START + n * DAY: list(rows) for n in range(first, last)}
    return days | ({START + last * DAY: list(then)} if then else {})


@pytest.mark.parametrize(
    ("row", "mended", "outcome"),
    [
        (fail(), 10, "pass"),  # seven days from the third
        (fail(), 11, "unknown"),  # mended between the seventh day and the eighth
        (fail(), 12, "exception"),
        (fail(severity="high"), 28, "pass"),
        (fail(severity="low"), 28, "pass"),
        (fail(severity=None), 28, "pass"),
        (fail(since=START + 2.5 * DAY), 10, "unknown"),
        (fail(since=START + 3 * DAY), 10, "pass"),
        (fail(since=START - 100 * DAY), 10, "pass"),  # an earlier snapshot shows that it passed
    ],
)
def test_what_fails_is_to_be_mended_in_time(row: Row, mended: int, outcome: str) -> None:
    limit = {"since": START + 3 * DAY} if row["since"] is None else {}
    found = checks(daily(0, 3, result()) | daily(3, mended, row | limit, then=[result()]))
    [(item, failed)] = found.items()
    assert failed.outcome == outcome, failed.explanation
    assert failed.codes == (("DRIFT",) if outcome == "exception" else ())
    assert item.startswith("check:securityhub|s3-public|bucket@2026-05-0")


def test_a_source_that_begins_anew_is_held_against_earlier_snapshots() -> None:
    def at(day: int) -> list[Row]:
        return [fail(severity=None, since=START + day * DAY - timedelta(hours=1))]

    snapshots = {START + n * DAY: at(n) for n in range(-40, 31)}
    [row] = checks(snapshots, as_of=END).values()
    assert row.codes == ("DRIFT",)
    assert row.event_time < START - 26 * DAY
    # What passed ten days before the window fails since then at the earliest.
    snapshots[START - 10 * DAY] = [result()]
    now = START + 15 * DAY
    [row] = checks({at: rows for at, rows in snapshots.items() if at < now}, as_of=now).values()
    assert (row.outcome, row.event_time) == ("pending", START - 9 * DAY - timedelta(hours=1))
    # One in which it was not run says neither.
    snapshots[START - 10 * DAY] = [result(status="error")]
    [row] = checks(snapshots, as_of=END).values()
    assert row.event_time < START - 26 * DAY


def test_the_source_counts_where_no_snapshot_is_older() -> None:
    [row] = checks({FIRST: [fail(since=START - 100 * DAY)]}).values()
    assert (row.codes, row.event_time) == (("DRIFT",), START - 100 * DAY)


def test_a_failure_waits_and_is_followed_beyond_the_window() -> None:
    broken = fail(severity="high", since=START + 20 * DAY)
    [row] = checks(daily(20, 31, broken), as_of=END).values()
    assert (row.outcome, row.resolves_at) == ("pending", START + 50 * DAY)
    [row] = checks(daily(20, 40, broken, then=[result()]), as_of=AUGUST).values()
    assert row.outcome == "pass"
    [row] = checks(daily(20, 60, broken, then=[result()]), as_of=AUGUST).values()
    assert row.codes == ("DRIFT",)
    assert row.explanation.endswith("1 day overdue, not closed within 30 days, as seen at 2026-06-21T00:00:00Z.")
    [row] = checks(daily(20, 40, broken), as_of=AUGUST).values()
    assert row.outcome == "unknown"


def test_failing_anew_is_a_row_of_its_own() -> None:
    found = checks(daily(3, 5, fail(), then=[result()]) | daily(6, 31, fail()))
    assert [row.outcome for row in found.values()] == ["pass", "exception"]


def test_a_failure_that_no_check_looks_at_any_more_is_not_mended() -> None:
    before = [fail(), *config(fail("rule", "i-1", "config"), status="fail")]
    gone = [HUB_OFF, result("recorder", None, "config")]
    found = checks({START + 3 * DAY: before, START + 4 * DAY: gone, START + 20 * DAY: gone})
    failed = [row for item, row in found.items() if "bucket" in item or "i-1" in item]
    assert [row.outcome for row in failed] == ["unknown", "unknown"]
    assert {row.codes for row in found.values() if row.codes} == {
        ("CHECK_ERROR",), ("REGION_MISSING",),
    }  # fmt: skip
    # The resource is gone, the rule still runs.
    found = checks({START + 3 * DAY: before, START + 4 * DAY: [result("other"), *config()]})
    assert {row.outcome for row in found.values()} == {"pass"}


def test_a_check_as_a_whole_counts_where_nothing_single_is_told() -> None:
    assert [row.codes for row in checks(daily(3, 31, *config(status="fail", severity="critical"))).values()] == [
        ("DRIFT",), (),
    ]  # fmt: skip


def test_what_no_longer_runs_is_noticed_once() -> None:
    found = checks({START - DAY: config(), FIRST: [RECORDER_OFF, result()], SECOND: [RECORDER_OFF, result()]})
    wrong = {item.partition("@")[0]: row.codes for item, row in found.items() if row.codes}
    assert wrong == {"check:config|rule|": ("CHECK_ERROR",), "check:config|recorder|": ("CHECK_ERROR",)}
    found = checks({START - DAY: [RECORDER_OFF, result()], FIRST: [RECORDER_OFF, HUB_OFF, *config()[1:]]})
    assert {item.partition("@")[0] for item, row in found.items() if row.codes} == {
        "check:config|recorder|", "check:securityhub|hub|",
    }  # fmt: skip


def test_a_service_that_was_never_on_is_no_part_of_the_baseline() -> None:
    assert {row.outcome for row in judged(held({FIRST: [HUB_OFF, *config()]}))} == {"pass"}


def test_a_region_that_no_baseline_checks() -> None:
    analyzer = result("arn:analyzer", None, "access_analyzer")
    rows = judged(held({FIRST: [HUB_OFF, RECORDER_OFF, analyzer]}))
    found = {row.item_id.partition("@")[0]: row.codes for row in rows}
    assert found == {f"{REGION}:baseline": ("REGION_MISSING",), "check:access_analyzer|arn:analyzer|": ()}


def test_suppression_and_acceptance() -> None:
    hidden = daily(3, 31, fail(suppressed=True))
    assert [row.outcome for row in checks(hidden).values()] == ["unknown"]
    young = daily(3, 6, fail(suppressed=True))
    assert [row.outcome for row in checks(young, as_of=START + 6 * DAY).values()] == ["pending"]

    def accepted(until: str, about: str = "securityhub|s3-public|bucket") -> Outcome:
        evidence = held(daily(3, 62, fail()))
        evidence.record(
            "CC7-CFG-01", "posture", REGION, "vulnerability_acceptance", START + 4 * DAY,
            {"finding_id": about, "expires": until}, signed_by="cto@acme.example",
        )  # fmt: skip
        [_, row] = sorted(judged(evidence, as_of=AUGUST), key=lambda row: not row.item_id.endswith(":baseline"))
        return row

    assert accepted("2026-09-30").outcome == "pass"
    assert accepted("2026-09-30", "check:securityhub|s3-public|bucket@2026-05-04T00:00:00Z").outcome == "pass"
    assert accepted("2026-09-30", "securityhub|s3-public").codes == ("DRIFT",)
    assert accepted("2026-06-20").codes == ("DRIFT",)
    assert accepted("2026-07-20").outcome == "unknown"  # snapshots end before


def test_limits_are_the_programme_s() -> None:
    kept = {"rules": {"baseline_days": 40, "vulnerability_critical_days": 35}}
    for severity in (None, "critical"):
        rows = fail(severity=severity, since=START - DAY)
        assert [row.outcome for row in checks(daily(3, 31, rows), as_of=END, **kept).values()] == ["pending"]


def test_what_is_not_held_or_has_no_baseline_is_unknown() -> None:
    assert [row.outcome for row in judged(held({}))] == ["unknown"]
    assert judged(held({}), as_of=START + DAY) == []
    for scope in ("github:O_1", "google:C1"):
        assert [row.outcome for row in judged(held({}), scope)] == ["unknown"]


def test_hostile_texts_stay_texts() -> None:
    rows = [fail("<b>|\n", "x" * 4000, since=START - 50 * DAY, native_status="|")]
    assert [row.codes for row in checks({FIRST: rows}).values()] == [("DRIFT",)]
