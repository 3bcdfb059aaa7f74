"""Registers over the recorded versions of the programme: what was on record when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.registers import decided_at, registers_of, stood_at
from evidence.controls.validity import end_of, holds_at, start_of
from evidence.programme_versions import Version
from tests.evidence.controls.access import approved

APRIL, JUNE, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 6, 9))


def version(number: int, at: datetime, **registers: list[dict[str, Any]]) -> Version:
    return Version(number, number, at, 0, f"sha256:{number}", "sha256:c", {}, registers)


def rows_of(*versions: tuple[datetime, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    made = [version(number, at, administrators=rows) for number, (at, rows) in enumerate(versions, start=1)]
    return [dict(row) for row in registers_of(made)["administrators"]]


def test_rows_of_the_first_version_speak_of_the_time_before() -> None:
    (row,) = rows_of((APRIL, [approved()]))
    assert "recorded_at" not in row
    assert stood_at(row, datetime(2026, 1, 1, tzinfo=UTC), "UTC")


def test_a_row_added_later_speaks_from_its_recording_on() -> None:
    _first, row = rows_of((APRIL, [approved()]), (SEPTEMBER, [approved(), approved("bob", **{"from": "2026-05-01"})]))
    assert row["recorded_at"] == "2026-09-01T00:00:00Z"
    assert not stood_at(row, JUNE, "UTC")
    assert not stood_at(row, SEPTEMBER - timedelta(hours=72, microseconds=1), "UTC")
    assert stood_at(row, SEPTEMBER - timedelta(hours=72), "UTC")


def test_a_row_that_is_closed_keeps_what_it_said_before() -> None:
    closed = approved(to="2026-08-10")
    before, after = rows_of((APRIL, [approved()]), (SEPTEMBER, [closed]))
    assert stood_at(before, JUNE, "UTC")
    assert before["recorded_until"] == "2026-09-01T00:00:00Z"
    assert not stood_at(before, SEPTEMBER, "UTC")
    assert not stood_at(after, SEPTEMBER, "UTC")


def test_a_row_that_is_extended_afterwards_does_not_fill_the_hole() -> None:
    short = approved(to="2026-05-31")
    rows = rows_of((APRIL, [short]), (SEPTEMBER, [approved()]))
    assert [any(stood_at(row, at, "UTC") for row in rows) for at in (APRIL, JUNE, SEPTEMBER)] == [True, False, True]


def test_a_row_that_was_removed_and_came_back() -> None:
    rows = rows_of((APRIL, [approved()]), (JUNE, []), (SEPTEMBER, [approved()]))
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert [any(stood_at(row, at, "UTC") for row in rows) for at in (APRIL, july, SEPTEMBER)] == [True, False, True]


def test_registers_of_facts_are_as_the_latest_version_knows_them() -> None:
    old, new = {"person_id": "p1", "account_id": "a"}, {"person_id": "p1", "account_id": "b"}
    versions = [version(1, APRIL, identities=[old]), version(2, JUNE, identities=[new], people=[])]
    assert registers_of(versions) == {"identities": [new], "people": []}
    assert registers_of([]) == {}


def test_a_register_that_was_dropped_keeps_its_history() -> None:
    versions = [version(1, APRIL, administrators=[approved()]), version(2, JUNE)]
    (row,) = registers_of(versions)["administrators"]
    assert row["recorded_until"] == "2026-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("row", "decided"),
    [
        ({"from": None}, None),
        ({"from": "2026-06-01"}, JUNE),
        ({"from": None, "recorded_at": "2026-06-03T00:00:00Z"}, JUNE + timedelta(days=2)),
        ({"from": "2026-06-01", "recorded_at": "2026-06-04T00:00:00Z"}, JUNE),
        ({"from": "2026-06-01", "recorded_at": "2026-06-04T00:00:01Z"}, JUNE + timedelta(days=3, seconds=1)),
        ({"from": "2026-06-05", "recorded_at": "2026-06-01T00:00:00Z"}, JUNE),
    ],
    ids=["always", "its day", "recorded", "recorded soon after", "recorded too late", "decided in advance"],
)
def test_when_a_row_counts_as_decided(row: dict[str, Any], decided: datetime | None) -> None:
    assert decided_at(row, "UTC") == decided


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_days_that_people_write_for_always_and_never(zone: str) -> None:
    assert end_of("9999-12-31", zone) is None
    assert end_of(date.max, zone) is None
    always = start_of("0001-01-01", zone)
    assert always is not None
    assert always.year in (1899, 1900)
    assert holds_at({"from": "0001-01-01", "to": "9999-12-31"}, datetime(2026, 5, 1, tzinfo=UTC), zone)
