"""Activities of the Reports API: the interval, what is late, what is forgotten, and what spoils them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from connectors.google.activities import parameters_of, slices
from connectors.sessions import _LAGS  # pyright: ignore[reportPrivateUsage]
from schemas.dataset import Dataset
from schemas.errors import ClockSkew, CollectionError, IncompletePopulation, PermissionDenied, SchemaDrift
from schemas.google import ADMIN_ACTIVITIES, DRIVE_ACTIVITIES, SIGN_INS, TOKEN_ACTIVITIES
from tests.fakes.google_bench import GoogleBench

MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))


def named(rows: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    ordered = sorted(rows, key=lambda row: row["event_time"])
    return [(row["event_name"], row["actor"]["email"].partition("@")[0], row["subject"]) for row in ordered]


def test_what_administrators_did_and_who_lost_the_second_factor(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(ADMIN_ACTIVITIES, JUNE, JULY)
    assert named(rows) == [
        ("2sv_disable", "hanna", None), ("ENFORCE_STRONG_AUTHENTICATION", "tomasz", None),
        ("2sv_enroll", "hanna", None), ("ENFORCE_STRONG_AUTHENTICATION", "tomasz", None),
        ("SUSPEND_USER", "tomasz", "viktor@tallybrook.example"),
    ]  # fmt: skip
    assert (claim.proof_of_life, claim.independent_count, claim.complete_from) == (True, 5, None)
    row = next(row for row in rows if row["event_name"] == "ENFORCE_STRONG_AUTHENTICATION")
    assert json.loads(row["parameters"])["NEW_VALUE"] == "false"
    assert json.loads(row["raw"])["events"][0]["name"] == row["event_name"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"value": "x"}, "x"), ({"value": ""}, ""), ({}, None), ({"boolValue": False}, False),
        ({"intValue": "-7"}, -7), ({"multiValue": ["x"]}, ["x"]), ({"multiIntValue": ["1", "2"]}, [1, 2]),
        ({"multiBoolValue": [True]}, [True]),
        ({"messageValue": {"parameter": [{"name": "y", "value": "z"}]}}, {"y": "z"}),
        ({"multiMessageValue": [{"parameter": [{"name": "y", "intValue": "1"}]}]}, [{"y": 1}]),
    ],
)  # fmt: skip
def test_parameters_of_every_type(given: dict[str, Any], told: object) -> None:
    assert parameters_of({"parameters": [{"name": "p", **given}]}) == {"p": told}


@pytest.mark.parametrize(
    "given",
    [
        {"value": {"inner": "x"}}, {"value": 1}, {"value": None}, {"boolValue": "true"}, {"intValue": "seven"},
        {"intValue": True}, {"multiValue": "x"}, {"multiValue": [1]}, {"multiIntValue": ["x"]},
        {"multiBoolValue": ["x"]}, {"messageValue": "x"}, {"messageValue": {"parameter": "x"}},
        {"multiMessageValue": ["x"]},
    ],
)  # fmt: skip
def test_a_parameter_of_another_type_is_no_parameter(given: dict[str, Any]) -> None:
    with pytest.raises(SchemaDrift):
        parameters_of({"parameters": [{"name": "p", **given}]})


def test_parameters_are_a_list() -> None:
    with pytest.raises(SchemaDrift):
        parameters_of({"parameters": "p"})


def test_a_role_given_names_role_and_person(bench: GoogleBench) -> None:
    _, rows, _ = bench.collected(ADMIN_ACTIVITIES, MAY, JUNE)
    (given,) = [row for row in rows if row["event_name"] == "ASSIGN_ROLE"]
    assert (given["subject"], given["object_name"]) == ("yuki@tallybrook.example", "_SEED_ADMIN_ROLE")


def test_sign_ins_are_read_page_by_page(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(SIGN_INS, JUNE, JULY)
    assert len(rows) == claim.independent_count == len({row["event_id"] for row in rows}) > 500
    assert all(JUNE <= row["event_time"] < JULY for row in rows)


def test_applications_that_were_let_in_with_their_scopes(bench: GoogleBench) -> None:
    _, rows, _ = bench.collected(TOKEN_ACTIVITIES, datetime(2026, 4, 1, tzinfo=UTC), JUNE)
    assert [(row["event_name"], row["object_name"], row["scopes"]) for row in rows] == [
        ("authorize", "Calendar helper", ["https://www.googleapis.com/auth/calendar"]),
        ("revoke", "Calendar helper", ["https://www.googleapis.com/auth/calendar"]),
    ]


def test_drive_is_asked_for_sharing_alone(bench: GoogleBench) -> None:
    claim, rows, sink = bench.collected(DRIVE_ACTIVITIES, MAY, JUNE)
    assert [(row["event_name"], row["object_id"]) for row in rows] == [("change_user_access", "doc-prices")]
    assert all("eventName=" in answer.url for answer in sink.answers)
    assert claim.rows_returned == 1


def test_an_empty_interval_is_proven_by_the_latest_activity(bench: GoogleBench) -> None:
    claim, rows, _ = bench.collected(TOKEN_ACTIVITIES, JUNE, JULY)
    assert rows == []
    assert claim.proof == "the latest activity of token is of 2026-05-04T09:00:00Z"


def test_the_end_is_not_part_of_the_interval(bench: GoogleBench) -> None:
    at = datetime(2026, 6, 9, 9, tzinfo=UTC)
    claim, rows, _ = bench.collected(ADMIN_ACTIVITIES, at - timedelta(hours=3), at)
    assert (rows, claim.drop_rules) == ([], {"outside the interval": 1})
    assert len(bench.collected(ADMIN_ACTIVITIES, at, at + timedelta(hours=1))[1]) == 1


def test_what_google_has_forgotten_is_not_claimed(bench: GoogleBench) -> None:
    bench.clock.set(datetime(2026, 10, 2, tzinfo=UTC))
    claim, _, _ = bench.collected(ADMIN_ACTIVITIES, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
    assert claim.complete_from == datetime(2026, 10, 2, tzinfo=UTC) - timedelta(days=180)


def test_an_activity_that_arrives_late_is_found_by_the_next_run_within_its_lag(bench: GoogleBench) -> None:
    at = datetime(2026, 6, 26, 17, tzinfo=UTC)
    bench.clock.set(at + timedelta(minutes=1))
    assert bench.collected(ADMIN_ACTIVITIES, at - timedelta(hours=1), at + timedelta(minutes=1))[1] == []
    bench.clock.set(at + timedelta(hours=30))
    assert len(bench.collected(ADMIN_ACTIVITIES, at - timedelta(hours=1), at + timedelta(minutes=1))[1]) == 1
    assert {_LAGS[one.name] for one in (ADMIN_ACTIVITIES, SIGN_INS, TOKEN_ACTIVITIES, DRIVE_ACTIVITIES)} == {48}


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("truncated_page", {"after": 1, "times": 1}, IncompletePopulation),
        ("lying_last_page", {"after": 1, "times": 1}, IncompletePopulation),
        ("wrong_date", {"seconds": -600, "times": None}, ClockSkew),
        ("forbidden", {"times": None}, PermissionDenied),
    ],
)
@pytest.mark.parametrize("dataset", [ADMIN_ACTIVITIES, SIGN_INS], ids=lambda one: one.name)
def test_what_is_not_whole_claims_nothing(
    bench: GoogleBench, dataset: Dataset, kind: str, more: dict[str, Any], error: type[CollectionError]
) -> None:
    bench.spoil({"match": "reports.activities.list", "kind": kind, **more})
    with pytest.raises(error):
        bench.collected(dataset, datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC))


def test_an_activity_of_another_application_is_refused(bench: GoogleBench) -> None:
    customer = bench.workspace.customer
    (at, record) = next(customer.activities("login", bench.clock.now()))
    customer.put("activities", record, at, at + timedelta(days=99), parent="token")
    customer._sorted.clear()  # pyright: ignore[reportPrivateUsage]
    try:
        with pytest.raises(IncompletePopulation, match="another application"):
            bench.collected(TOKEN_ACTIVITIES, at - timedelta(hours=1), at + timedelta(hours=1))
    finally:
        customer.collections["activities", "token"].pop(0)


def test_slices_cover_the_interval() -> None:
    found = list(slices(MAY, JUNE))
    assert [found[0][0], found[-1][1]] == [MAY, JUNE]
    assert all(low[1] == high[0] for low, high in pairwise(found))
    assert len(found) == 5
