"""A1-CAP-01: uptime by the stretches of probes, and its review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.model import TestWindow
from evidence.controls.service_uptime import CODES, uptime_watched
from schemas.outcome import Outcome
from schemas.own import UPTIME
from tests.evidence.controls.people_records import DAY, HOSTILE, HOUR, LATER, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

API = "service:api"
JUNE, JULY = day("2026-06-01", 0), day("2026-07-01", 0)
MINUTE = timedelta(minutes=1)
OUT = day("2026-06-10")
BEFORE = OUT - MINUTE
RULES = {"uptime_percent": 99.5}  # three and a half hours of a month
Row = dict[str, Any]


def made(rules: Mapping[str, Any] = RULES, **more: Any) -> TestWindow:
    return asked("A1-CAP-01", API, start=JUNE, end=JULY, window_id="2026-06", rules=rules, **more)


def stretch(start: datetime = JUNE - DAY, end: datetime | None = JULY + DAY, state: str = "up",
            exported: datetime = LATER) -> Row:  # fmt: skip
    return {"service": "api", "event_time": start, "ended_at": end or exported, "state": state, "line": 2,
            "register_file": "uptime.csv", "register_sha256": "sha256:1", "exported_at": exported}  # fmt: skip


def outage(length: timedelta, state: str = "down", at: datetime = OUT) -> list[Row]:
    return [stretch(end=at), stretch(at, at + length, state), stretch(at + length)]


def review(**more: Any) -> Row:
    return {"uptime": 100.0, "breaches": [], "decisions": [], "reviewer": "bob@acme.example", **more}


def judged(rows: Sequence[Row] | None = None, told: Sequence[tuple[datetime, Row]] | None = None, *, held: bool = True,
           window: TestWindow | None = None, named: str | None = "2026-06") -> dict[str, Outcome]:  # fmt: skip
    evidence, window = MemoryEvidence(), window or made()
    evidence.store(UPTIME, API, [stretch()] if rows is None else rows)
    if held:
        evidence.claim(UPTIME, API, JUNE, JULY)
    for at, values in [(day("2026-07-05"), review())] if told is None else told:
        record(evidence, window, "review", "capacity_review", at, values, for_window=named)
    return by_item(uptime_watched(window, evidence), CODES)


def uptime(rows: Sequence[Row] | None = None, **more: Any) -> Outcome:
    return judged(rows, **more)[f"uptime:{API}"]


def test_in_order() -> None:
    found = judged()
    assert {item: (one.outcome, one.evidence_id) for item, one in found.items()} == {
        f"uptime:{API}": ("pass", "metrics"), f"review:{API}": ("pass", "review"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        (outage(4 * HOUR), ("SLA_MISSED",)),
        (outage(3 * HOUR), ()),
        (outage(90 * HOUR, "maintenance"), ()),
        ([*outage(217 * MINUTE), stretch(BEFORE, day("2026-06-10", 16), "up")], ("SLA_MISSED",)),  # down wins
        ([*outage(4 * HOUR), stretch(BEFORE, day("2026-06-10", 16), "maintenance")], ()),
        ([stretch(end=day("2026-06-10")), stretch(day("2026-06-10") + 11 * MINUTE)], ("PROBE_HOLE",)),
        ([stretch(end=day("2026-06-10")), stretch(day("2026-06-10") + 10 * MINUTE)], ()),
        ([stretch(end=None, exported=day("2026-06-29"))], ("PROBE_HOLE",)),
        ([stretch(end=None)], ()),
        ([stretch(JUNE + HOUR)], ("PROBE_HOLE",)),
        ([], ("PROBE_HOLE",)),
        # Silent for so long that nobody can say, or that it can't have been kept.
        ([*outage(3 * HOUR)[:2], stretch(day("2026-06-10", 16))], ("PROBE_HOLE",)),
        ([*outage(4 * HOUR)[:2], stretch(day("2026-06-10", 17))], ("PROBE_HOLE", "SLA_MISSED")),
    ],
)  # fmt: skip
def test_uptime(rows: Sequence[Row], codes: tuple[str, ...]) -> None:
    found = uptime(rows)
    assert found.codes == codes, found.explanation
    assert found.outcome == ("exception" if codes else "pass")


def test_what_is_promised() -> None:
    rows = outage(4 * HOUR)
    assert uptime(rows, window=made({"uptime_percent_of": {"API": 99.0}, "uptime_percent": 99.9})).outcome == "pass"
    assert uptime(rows, window=made({"uptime_percent_of": {API: 99.9}})).codes == ("SLA_MISSED",)
    assert uptime(rows, window=made({"uptime_percent_of": {"web": 99.9}})).outcome == "unknown"
    hole = [stretch(end=day("2026-06-10")), stretch(day("2026-06-10", 17))]
    assert uptime(hole, window=made(RULES | {"probe_hole_minutes": 600})).outcome == "unknown"


def test_a_stretch_is_read_as_it_is_known_last() -> None:
    evidence, window = MemoryEvidence(), made()
    evidence.claim(UPTIME, API, JUNE, JULY)
    evidence.store(UPTIME, API, [stretch(end=None, exported=day("2026-06-20"))])
    evidence.store(UPTIME, API, [stretch(end=None, exported=day("2026-07-02"))], learnt_at=day("2026-07-02"))
    assert by_item(uptime_watched(window, evidence), CODES)[f"uptime:{API}"].outcome == "pass"


def test_without_probes() -> None:
    whole = f"window:metrics:{API}:2026-06"
    assert judged(held=False)[whole].outcome == "unknown"
    low = [(day("2026-07-05"), review(uptime=98.1, breaches=[{"what": HOSTILE, "incident": HOSTILE}]))]
    assert judged(held=False, told=low)[f"uptime:{API}"].codes == ("SLA_MISSED",)
    assert HOSTILE[:3] in uptime(outage(9 * HOUR), told=low).explanation


@pytest.mark.parametrize(
    ("at", "outcome"),
    [("2026-07-05", "pass"), ("2026-07-15", "pass"), ("2026-07-16", "exception"), ("2026-05-30", "exception")],
)
def test_reviews(at: str, outcome: str) -> None:
    assert judged(told=[(day(at), review())])[f"review:{API}"].outcome == outcome


def test_reviews_that_are_missing_late_or_differ() -> None:
    item = f"review:{API}"
    assert judged(told=[])[item].codes == ("REVIEW_MISSING",)
    assert judged(named="2026-05")[item].codes == ("REVIEW_MISSING",)
    assert judged(told=[], window=made(as_of=day("2026-07-10")))[item].outcome == "pending"
    assert judged(told=[(day("2026-07-05"), review(uptime=None))])[item].outcome == "unknown"
    assert judged(outage(30 * HOUR))[item].outcome == "unknown"
    strict = made(programme={"controls": {"A1-CAP-01": {"evidence": {"review": {"due_days": 3, "grace_days": 0}}}}})
    assert judged(window=strict)[item].codes == ("REVIEW_MISSING",)


def test_a_month_that_runs() -> None:
    now = made(as_of=day("2026-06-15"))
    assert uptime([stretch(end=None, exported=day("2026-06-15"))], window=now).outcome == "pending"
    assert list(judged([], held=False, window=now)) == [f"review:{API}"]


def test_rows_that_name_the_service_in_two_ways() -> None:
    down = {**stretch(JUNE - DAY, JUNE + 9 * HOUR, "down"), "service": "service:api"}
    assert uptime([stretch(), down]).codes == ("SLA_MISSED",)
    assert uptime([down, stretch()]).codes == ("SLA_MISSED",)
