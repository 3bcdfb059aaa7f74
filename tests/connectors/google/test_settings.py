"""Policies, detectors, devices, alerts, documents, reviews and usage reports of a customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied, RetriableError
from schemas.google import ALERTS, DETECTORS, DEVICES, DOCUMENT_APPROVALS, HELD_REVIEWS, POLICIES, USAGE_REPORTS
from tests.fakes.benches import BENCHES
from tests.fakes.google_bench import GoogleBench

JUNE, JULY, OCTOBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 10))


def test_policies_with_the_paths_of_their_units(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(POLICIES)
    demanded = [row for row in rows if row["setting"] == "security.two_step_verification_enforcement"]
    assert [(row["org_unit_path"], row["policy_type"], row["value"]) for row in demanded] == [
        ("/", "ADMIN", '{"enforcedFrom":"2021-09-06T08:00:00.000Z"}')
    ]
    assert claim.independent_count == len(rows) == 8
    assert {row["unread_units"] for row in rows} == {0}


def test_detectors_tell_whom_they_reach(bench: GoogleBench) -> None:
    _, rows, _ = bench.collected(DETECTORS)
    assert {row["name"]: (row["enabled"], row["delivers"], row["severity"]) for row in rows} == {
        "Suspicious login": (True, True, "MEDIUM"), "User granted Admin privilege": (True, True, "MEDIUM"),
        "Leaked password": (True, False, "HIGH"), "Device compromised": (False, False, "LOW"),
    }  # fmt: skip


def test_devices_with_their_users(bench: GoogleBench) -> None:
    claim, rows, sink = bench.collected(DEVICES)
    told = {
        row["device_id"]: (row["encrypted"], row["screen_lock"], [one["email"] for one in row["users"]]) for row in rows
    }
    assert told == {
        "devices/mac-p002": (True, True, ["tomasz@tallybrook.example"]),
        "devices/mac-p010": (True, True, ["nadia@tallybrook.example"]),
        "devices/win-p025": (False, True, ["luca@tallybrook.example"]),
        "devices/pixel-p024": (True, False, ["amara@tallybrook.example"]),
        "chromeosdevices/chrome-desk": (True, None, ["amara@tallybrook.example"]),
    }
    assert claim.proof_of_life
    assert not [one for one in sink.answers if b"490154203237518" in one.body or b"macAddress" in one.body]


def test_a_user_of_a_device_that_is_not_listed(bench: GoogleBench) -> None:
    bench.spoil({"match": "cloudidentity.devices.list", "kind": "truncated_page", "times": None})
    with pytest.raises(IncompletePopulation):
        bench.collected(DEVICES)


@pytest.mark.parametrize(
    ("dataset", "method"),
    [
        (DEVICES, "cloudidentity.devices.list"), (DEVICES, "cloudidentity.devices.deviceUsers.list"),
        (DEVICES, "directory.chromeosdevices.list"), (HELD_REVIEWS, "calendar.events.list"),
    ],
    ids=lambda one: one.name if isinstance(one, Dataset) else one,
)  # fmt: skip
def test_an_answer_that_comes_once_more(bench: GoogleBench, dataset: Dataset, method: str) -> None:
    answers: list[bytes] = []

    def repeated(asked: str, body: bytes) -> bytes:
        if asked != method:
            return body
        answers.append(body)
        return answers[0] if len(answers) == 2 else body

    faulty = BENCHES["google"]
    assert faulty is not None
    past: tuple[datetime, ...] = ()
    if dataset is HELD_REVIEWS:
        bench.clock.set(OCTOBER)
        past = (JUNE, OCTOBER)
    with faulty.altering(repeated), pytest.raises(IncompletePopulation, match="ids alone"):
        bench.collected(dataset, *past)


def test_alerts_of_an_interval(bench: GoogleBench) -> None:
    bench.clock.set(OCTOBER)
    claim, rows, sink = bench.collected(ALERTS, JULY, datetime(2026, 9, 1, tzinfo=UTC), item="alerts:google:C03tally1")
    assert [(row["alert_id"], row["severity"], row["status"], row["rule_name"]) for row in rows] == [
        ("a-0001", "MEDIUM", "CLOSED", None), ("a-0002", "HIGH", "NOT_STARTED", "Payroll shared by link"),
    ]  # fmt: skip
    assert claim.proof == "alerts are seen"
    assert not [one for one in sink.answers if b"investigation" in one.body]
    claim, rows, _ = bench.collected(ALERTS, JUNE, JULY)
    assert (rows, claim.proof) == ([], "the latest alert is of 2026-08-03T15:02:00Z")


def test_without_any_alert_ever_nothing_proves_that_there_was_none(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(ALERTS, datetime(2026, 6, 1, tzinfo=UTC), JULY)
    assert (rows, claim.proof_of_life, claim.proof) == ([], False, None)


def test_an_alert_centre_that_is_not_licensed_is_not_one_that_is_unreachable(bench: GoogleBench) -> None:
    bench.spoil({"match": "alertcenter.alerts.list", "kind": "forbidden", "code": "notLicensed", "times": None})
    with pytest.raises(NotLicensed):
        bench.collected(ALERTS, JUNE, JULY)
    bench.spoil({"match": "alertcenter.alerts.list", "kind": "server_error", "times": None})
    with pytest.raises(RetriableError):
        bench.collected(ALERTS, JUNE, JULY)
    bench.spoil({"match": "alertcenter.alerts.list", "kind": "forbidden", "times": None})
    with pytest.raises(PermissionDenied) as denied:
        bench.collected(ALERTS, JUNE, JULY)
    assert denied.value.permission == "administrator privilege Alert Center: View access"


def _approvals(bench: GoogleBench, *policies: str) -> tuple[Any, list[dict[str, Any]]]:
    claim, rows, _ = bench.collected(
        DOCUMENT_APPROVALS, session=bench.session(policies=policies), item="org:tallybrook"
    )
    return claim, rows


def test_approvals_of_policy_documents(bench: GoogleBench) -> None:
    bench.clock.set(datetime(2026, 8, 1, tzinfo=UTC))
    claim, rows = _approvals(bench, "Information security policy", "Acceptable use policy", "Backup policy")
    told = [(row["policy"], row["status"], row["approved_revision_id"], row["approved_is_latest"]) for row in rows]
    assert told == [
        ("Acceptable use policy", "APPROVED", "1", False), ("Information security policy", "APPROVED", "1", False),
        ("Information security policy", "APPROVED", "2", True),
    ]  # fmt: skip
    assert [one["email"] for one in rows[-1]["reviewers"]] == ["maren@tallybrook.example", "tomasz@tallybrook.example"]
    assert "none is named Backup policy" in (claim.reconciliation or "")


def test_without_policies_there_is_nothing_to_look_for(bench: GoogleBench) -> None:
    claim, rows = _approvals(bench)
    assert (rows, claim.proof_of_life, claim.observed_at) == ([], False, bench.clock.now())


def test_an_approval_that_a_page_lost(bench: GoogleBench) -> None:
    bench.spoil({"match": "drive.approvals.list", "kind": "truncated_page", "after": 1, "times": 1})
    with pytest.raises(IncompletePopulation):
        _approvals(bench, "Information security policy")


def test_held_reviews_and_nothing_private(bench: GoogleBench) -> None:
    bench.clock.set(OCTOBER)
    claim, rows, sink = bench.collected(HELD_REVIEWS, JUNE, OCTOBER, item="org:tallybrook")
    assert [(row["review_id"], row["title"]) for row in rows] == [
        ("primary/review-2026q2", "Quarterly security review"),
        ("primary/review-2026q3", "Quarterly security review"),
    ]
    assert {one["email"]: one["response"] for one in rows[1]["attendees"]}["maren@tallybrook.example"] == "declined"
    assert claim.drop_rules == {"no review by its title": 1}
    assert not [one for one in sink.answers if b"Agenda" in one.body or b"meet-" in one.body]


def test_usage_reports_of_every_day_of_an_interval(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(USAGE_REPORTS, datetime(2026, 6, 7, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC))
    assert sorted({row["report_date"] for row in rows}) == ["2026-06-06", "2026-06-07", "2026-06-08"]
    assert claim.observed_at == datetime(2026, 6, 9, 8, tzinfo=UTC)
    off = [(row["report_date"], row["primary_email"]) for row in rows if not row["enrolled_2sv"]]
    # Off from 8 June 07:30 on, which is still the evening of the 7th where Google counts its days.
    assert off == [("2026-06-07", "hanna@tallybrook.example"), ("2026-06-08", "hanna@tallybrook.example")]


def test_the_latest_usage_report_is_some_days_old(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(USAGE_REPORTS)
    assert {row["report_date"] for row in rows} == {"2026-06-27"}
    assert claim.independent_count == 26


@pytest.mark.parametrize(
    ("dataset", "method"),
    [
        (POLICIES, "cloudidentity.policies.list"), (DETECTORS, "cloudidentity.policies.list"),
        (DEVICES, "cloudidentity.devices.deviceUsers.list"), (USAGE_REPORTS, "reports.userUsageReport.get"),
    ],
    ids=lambda one: one.name if isinstance(one, Dataset) else one,
)  # fmt: skip
def test_a_page_that_lost_an_entry(bench: GoogleBench, dataset: Dataset, method: str) -> None:
    bench.spoil({"match": method, "kind": "truncated_page", "after": 1, "times": 1})
    past = (datetime(2026, 6, 9, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)) if dataset is USAGE_REPORTS else ()
    with pytest.raises(IncompletePopulation):
        bench.collected(dataset, *past)
