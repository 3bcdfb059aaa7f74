"""CC9-SUB-01: reports of subservice organisations, bridged and read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.assurance_reports import CODES, reports_bridged
from evidence.controls.model import TestWindow
from schemas.outcome import Outcome
from tests.evidence.controls.people_records import DAY, END, HOSTILE, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

VENDOR = "vendor:cloud"
Row = dict[str, Any]
READ = day("2026-10-20")


def report(first: str = "2025-10-01", last: str = "2026-09-30", **more: Any) -> Row:
    """A report of type 2 that covers the whole period, in order."""
    return {
        "provider": "cloud", "report_type": "soc2_type2", "period_from": first, "period_to": last,
        "categories": ["security"], "auditor": "Audit LLP", "opinion": "unqualified", "opinion_effect": None,
        "exceptions": [], "user_entity_controls": [{"duty": "Manage accounts", "controls": ["CC6-MFA-01"]}],
        "received_at": "2026-10-10T00:00:00Z", "report_sha256": f"sha256:{first}", "bridge_letters": [],
        "reviewer": "alice@acme.example", **more,
    }  # fmt: skip


def letter(first: str, last: str) -> Row:
    return {"from": first, "to": last, "sha256": f"sha256:{first}"}


def made(**more: Any) -> TestWindow:
    return asked("CC9-SUB-01", VENDOR, **more)


def one(*reports: Row | tuple[Row, datetime], window: TestWindow | None = None) -> Outcome:
    evidence, window = MemoryEvidence(), window or made()
    for told in reports:
        row, at = told if isinstance(told, tuple) else (told, READ)
        record(evidence, window, "review", "assurance_report", at, {**row, "reviewed_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
    found = by_item(reports_bridged(window, evidence), CODES)
    assert list(found) == [f"provider:{VENDOR}"]
    return found[f"provider:{VENDOR}"]


def test_in_order() -> None:
    found = one(report())
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation
    assert found.evidence


OLD = {"received_at": "2026-05-01T00:00:00Z"}
IN_MAY = day("2026-05-10")


@pytest.mark.parametrize(
    ("told", "holes"),
    [
        ([report(last="2026-06-30")], "2026-07-01 to 2026-09-30"),
        ([report(first="2026-04-02")], "2026-04-01 to 2026-04-01"),
        ([report(last="2026-06-30"), report("2026-07-02")], "2026-07-01 to 2026-07-01"),
        ([], "2026-04-01 to 2026-09-30"),
        ([report(last="2026-06-30", bridge_letters=[letter("2026-07-02", "2026-09-30")])], "2026-07-01 to 2026-09-30"),
        ([report(last="2026-06-30", bridge_letters=[letter("2026-07-01", "2026-09-29")])], "2026-09-30 to 2026-09-30"),
        ([report(report_type="soc2_type1")], "2026-04-01 to 2026-09-30"),
        # It was read in May: it can't know of the days after that.
        ([(report(**OLD), IN_MAY)], "2026-05-10 to 2026-09-30"),
        ([report(last="2026-04-30"), report("2026-06-01", "2026-07-31")],
         "2026-05-01 to 2026-05-31 and 2026-08-01 to 2026-09-30"),
    ],
)  # fmt: skip
def test_holes(told: list[Any], holes: str) -> None:
    found = one(*told)
    assert found.codes == ("COVERAGE_HOLE",), found.explanation
    assert f"covers {holes}" in found.explanation


@pytest.mark.parametrize(
    "told",
    [
        [report(last="2026-06-30"), report("2026-07-01")],
        [report(last="2026-03-31", report_sha256="sha256:a", **OLD), report("2026-04-01")],
        [report(last="2026-06-30", bridge_letters=[letter("2026-07-01", "2026-09-30")])],
        [report(last="2026-06-30", bridge_letters=[letter("2026-08-01", "2026-09-30"),
                                                   letter("2026-06-15", "2026-08-05")])],
        [report(report_type="soc3", user_entity_controls=[{"duty": "none", "not_needed": "it names none"}])],
        [report(exceptions=[{"text": "Late reviews", "effect": "We review ourselves"}])],
        [report(opinion="qualified", opinion_effect="Concerns a product we do not use")],
        [report(user_entity_controls=[{"duty": "Badges", "controls": [], "not_needed": "No office"}])],
        [report(auditor=HOSTILE, exceptions=[{"text": HOSTILE, "effect": HOSTILE}])],
    ],
)  # fmt: skip
def test_what_is_in_order_too(told: list[Row]) -> None:
    found = one(*told)
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation


def test_a_certificate_is_weaker_and_counts() -> None:
    found = one(report("2025-01-01", "2027-12-31", report_type="iso27001", opinion="none", user_entity_controls=None))
    assert found.outcome == "pass"
    assert "weaker" in found.explanation


def test_the_tail_that_the_programme_states() -> None:
    told = report(last="2026-08-31")
    assert one(told).codes == ("COVERAGE_HOLE",)
    assert one(told, window=made(rules={"assurance_tail_days": 30})).outcome == "pass"
    assert one(told, window=made(rules={"assurance_tail_days": 29})).codes == ("COVERAGE_HOLE",)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (report(opinion="qualified"), "QUALIFIED_UNASSESSED"),
        (report(opinion="none"), "QUALIFIED_UNASSESSED"),
        (report(exceptions=[{"text": "Late", "effect": "Fine"}, {"text": "Later", "effect": None}]),
         "QUALIFIED_UNASSESSED"),
        (report(user_entity_controls=[{"duty": "Badges", "controls": None, "not_needed": None}]), "DUTY_UNMAPPED"),
        (report(user_entity_controls=[{"duty": "Backups", "controls": ["A1-BKP-01"]}]), "DUTY_UNMAPPED"),
        (report(received_at="2026-08-20T00:00:00Z"), "REVIEW_LATE"),
    ],
)  # fmt: skip
def test_what_was_not_read(told: Row, code: str) -> None:
    found = one(told)
    assert (found.outcome, found.codes) == ("exception", (code,)), found.explanation


def test_a_control_that_is_switched_off_takes_no_duty() -> None:
    off = {"controls": {"CC6-MFA-01": {"enabled": False, "reason": "no accounts"}}}
    assert one(report(), window=made(programme=off)).codes == ("DUTY_UNMAPPED",)


def test_the_latest_record_of_a_report_says_what_it_is_the_first_when_it_was_read() -> None:
    text = {"report_sha256": "sha256:one", "received_at": "2026-06-01T00:00:00Z"}
    early = report(last="2026-04-30", opinion="qualified", **text)
    late = report(last="2026-04-30", opinion="qualified", opinion_effect="None for us",
                  bridge_letters=[letter("2026-05-01", "2026-09-30")], **text)  # fmt: skip
    found = one((early, day("2026-06-10")), (late, READ))
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation
    assert "longer than the customary three months" in found.explanation
    backdated = MemoryEvidence()
    record(backdated, made(), "review", "assurance_report", day("2026-06-10"), late, recorded_at=READ)
    assert reports_bridged(made(), backdated)[0].codes == ("REVIEW_LATE",)


@pytest.mark.parametrize(
    "told",
    [
        report(user_entity_controls=None),
        report(received_at=None),
        report(received_at="2026-11-01T00:00:00Z"),
        report(report_type="other", opinion="none"),
        report(period_to="not a day"),
    ],
)  # fmt: skip
def test_what_nobody_can_say(told: Row) -> None:
    found = one(told)
    assert found.outcome == "unknown" or found.codes == ("COVERAGE_HOLE",), found
    assert "Not known" in found.explanation


def test_holes_wait_for_letters_that_can_come() -> None:
    told = (report(last="2026-06-30", received_at="2026-07-10T00:00:00Z"), day("2026-07-20"))
    before = one(told, window=made(as_of=END + 30 * DAY - timedelta(seconds=1)))
    assert (before.outcome, before.resolves_at) == ("pending", END + 30 * DAY)
    assert one(told, window=made(as_of=END + 30 * DAY)).codes == ("COVERAGE_HOLE",)
    # What is wrong already does not wait.
    assert one((told[0] | {"opinion": "adverse"}, told[1]), window=made(as_of=day("2026-08-01"))).outcome == "exception"
