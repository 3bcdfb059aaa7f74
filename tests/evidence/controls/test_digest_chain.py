"""CC7-LOG-01: the digest chain of CloudTrail, judged for every hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.digest_chain import chain_whole
from schemas.aws_configuration import LOG_CONFIG
from schemas.aws_trail import TRAIL_CONTINUITY
from schemas.instants import format_instant
from schemas.outcome import Outcome
from tests.evidence.controls.changes import window
from tests.evidence.controls.configuration import filled
from tests.fakes.memory_evidence import MemoryEvidence

ACCOUNT = "aws:111122223333"
REGION = f"{ACCOUNT}:eu-west-1"
START = datetime(2026, 5, 1, tzinfo=UTC)
END = START + timedelta(days=2)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


def link(hour: float, hours: float = 1, **changed: Any) -> Row:
    """A whole digest that ends so many hours after the start of the window."""
    row = {
        "account_id": "111122223333", "region": "eu-west-1", "trail": "all", "state": "whole",
        "starts_at": START + (hour - hours) * HOUR, "ends_at": START + hour * HOUR,
    }  # fmt: skip
    return filled(TRAIL_CONTINUITY, row | changed)


def links(first: int, last: int, **changed: Any) -> list[Row]:
    return [link(hour, **changed) for hour in range(first, last)]


WHOLE = links(-20, 49)


def judged(
    *snapshots: Sequence[Row], at: Sequence[float] = (49, 60), settings: float = -1, **kept: Any
) -> list[Outcome]:
    evidence = MemoryEvidence()
    for hours, rows in zip(at, snapshots, strict=False):
        evidence.snapshot(TRAIL_CONTINUITY, ACCOUNT, START + hours * HOUR, rows)
    evidence.snapshot(LOG_CONFIG, REGION, START + settings * HOUR, [])
    options: dict[str, Any] = {"start": START, "end": END, "as_of": START + 90 * HOUR} | kept
    tested = window("CC7-LOG-01", scope=REGION, name="prod eu-west-1", **options)
    found = chain_whole(replace(tested, holders={TRAIL_CONTINUITY.name: (ACCOUNT,)}), evidence)
    assert {row.evidence_id for row in found} <= {"continuity"}
    assert len({row.item_id for row in found}) == len(found)
    return found


def told(found: Sequence[Outcome]) -> list[tuple[str, float]]:
    """Outcome and the hour of the window at which a row begins."""
    return [(row.outcome, (row.event_time - START) / HOUR) for row in found]


def with_(hour: float, **changed: Any) -> list[Row]:
    """The whole chain with one digest otherwise."""
    return [link(hour, **changed) if row["ends_at"] == START + hour * HOUR else row for row in WHOLE]


def test_a_whole_chain_is_one_row() -> None:
    [found] = judged(WHOLE)
    assert (found.outcome, found.item_id, found.event_time) == ("pass", f"{REGION}:digest-chain", START)
    assert len(found.evidence) == 1
    # A digest need not begin at the full hour.
    [found] = judged([link(hour + 0.37) for hour in range(-20, 50)])
    assert found.outcome == "pass"


@pytest.mark.parametrize(
    "state", ["file_missing", "file_altered", "digest_missing", "digest_altered", "key_unknown", "chain_restarted"]
)
def test_what_breaks_an_hour(state: str) -> None:
    [found] = judged(with_(6, state=state, detail="s3://logs/x is wrong"))
    assert (found.outcome, found.codes, found.event_time) == ("exception", ("CHAIN_BROKEN",), START + 5 * HOUR)
    assert found.item_id.endswith("@2026-05-01T05:00:00Z")
    assert "from 2026-05-01T05:00:00Z to 2026-05-01T06:00:00Z: s3://logs/x is wrong" in found.explanation


def test_every_hour_is_judged_and_adjoining_ones_told_together() -> None:
    broken = [row for row in WHOLE if not START + 5 * HOUR < row["ends_at"] <= START + 8 * HOUR]
    missing = [link(8, 3, state="digest_missing", trail=None)]
    altered = with_(20, state="file_altered")
    both = [*broken[:26], *missing, *[row for row in altered if row["ends_at"] > START + 8 * HOUR]]
    assert told(judged(both)) == [("exception", 5), ("exception", 19)]
    twice = [row | {"state": "file_missing"} if 3 <= (row["ends_at"] - START) / HOUR <= 4 else row for row in WHOLE]
    [found] = judged(twice)
    assert found.explanation.startswith("Record of eu-west-1 from 2026-05-01T02:00:00Z to 2026-05-01T04:00:00Z")


def test_the_edges_of_the_window() -> None:
    assert told(judged(with_(0, state="file_missing"))) == [("pass", 0)]
    assert told(judged(with_(1, state="file_missing"))) == [("exception", 0)]
    assert told(judged(with_(48, state="file_missing"))) == [("exception", 47)]
    assert told(judged([*WHOLE, link(49, state="file_missing")])) == [("pass", 0)]


def test_what_no_snapshot_speaks_of_is_unknown() -> None:
    assert told(judged(links(-20, 31))) == [("unknown", 30)]
    assert told(judged(links(11, 49))) == [("unknown", 0)]
    assert told(judged([link(5, region="us-east-1")])) == [("unknown", 0)]
    assert told(judged()) == [("unknown", 0)]
    assert judged(as_of=END - HOUR) == []


def test_hours_to_come_are_nobody_s_failure() -> None:
    now = START + 30 * HOUR
    assert told(judged(links(-20, 28), at=(29,), as_of=now)) == [("pass", 0)]
    assert told(judged([link(-5)], at=(1,), as_of=now)) == []


def test_the_latest_snapshot_counts() -> None:
    late = with_(6, state="digest_missing")
    assert told(judged(late, WHOLE)) == [("pass", 0)]
    assert told(judged(WHOLE, late)) == [("exception", 5)]
    # Three digests that were there are gone now, and nobody can tell of which trail.
    gone = [*links(1, 5), link(8, 4, state="digest_missing", trail=None), *links(9, 49)]
    assert told(judged(WHOLE, gone)) == [("exception", 4)]
    assert told(judged(gone, WHOLE)) == [("pass", 0)]


def test_one_whole_trail_is_enough() -> None:
    other = [row | {"trail": "organisation"} for row in WHOLE]
    assert told(judged([*with_(6, state="file_missing"), *other])) == [("pass", 0)]
    replaced = [*links(-20, 11), *links(9, 49, trail="organisation")]
    replaced[31] |= {"state": "chain_restarted"}
    assert told(judged(replaced)) == [("pass", 0)]
    gap = [*links(-20, 9), *links(11, 49, trail="organisation"), link(10, 2, state="digest_missing", trail=None)]
    assert told(judged(gap)) == [("exception", 8)]


def test_a_region_that_is_enabled_within_the_window() -> None:
    first = link(11, state="chain_restarted")
    late = [link(10, 10, state="digest_missing", trail=None), first, *links(12, 49)]
    assert told(judged(late, settings=12)) == [("unknown", 0)]
    assert told(judged(late[::-1], settings=12)) == [("unknown", 0)]  # in whatever order they are told
    assert told(judged(late, settings=-1)) == [("exception", 0)]
    # One that was seen before its chain begins was not logged.
    assert told(judged(late, settings=4)) == [("exception", 0)]
    assert format_instant(START) in judged(late)[0].explanation


def test_snapshots_long_after_the_window_do_not_matter() -> None:
    assert told(judged(WHOLE, with_(6, state="digest_missing"), at=(49, 200), as_of=START + 300 * HOUR)) == [
        ("pass", 0)
    ]


def test_several_accounts_are_asked_and_none_is_unknown() -> None:
    tested: Mapping[str, tuple[str, ...]] = {TRAIL_CONTINUITY.name: ()}
    empty = replace(window("CC7-LOG-01", scope=REGION, start=START, end=END), holders=tested)
    assert [row.outcome for row in chain_whole(empty, MemoryEvidence())] == ["unknown"]
