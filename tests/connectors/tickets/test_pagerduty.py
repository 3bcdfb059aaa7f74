"""Tickets that are kept in PagerDuty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import requests

from connectors.pagerduty import incidents as reading
from connectors.pagerduty.client import Services
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EvidenceError,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SourceGone,
)
from tests.fakes.trackers import END, NOW, START, Tracker, pagerduty

PLACE = Services(("PLEDGER1",), "incidents")
AT = START + timedelta(days=3)


def at(hours: float) -> str:
    return (AT + timedelta(hours=hours)).isoformat()


def entry(hours: float, kind: str, **more: Any) -> dict[str, Any]:
    return {"at": at(hours), "kind": kind} | more


def incident(number: int, hours: float = 0, **more: Any) -> dict[str, Any]:
    return {"number": number, "service": "PLEDGER1", "title": f"Alarm {number}", "created": at(hours)} | more


SCRIPT = {
    "services": [{"id": "PLEDGER1", "name": "Ledger"}, {"id": "PPAYOUT1", "name": "Payouts"}],
    "users": ["ann", "bob"],
    "incidents": [
        incident(1, priority="P3", log=[
            entry(0.01, "assign", to=["ann", "eve"]), entry(0.02, "notify"), entry(0.2, "acknowledge", by="ann"),
            entry(0.3, "priority_change", by="ann", text="P2"),
            entry(0.4, "annotate", by="bob", text="Contained at: 2026-07-04T00:30:00Z\nReview at: 2026-07-09"),
            *[entry(0.5 + n / 1000, "annotate", by="eve", text=f"note {n}") for n in range(8)],
            entry(2, "resolve", by="bob"),
        ]),
        incident(2, 1, by="ann", urgency="low"),
        incident(3, 2, service="PPAYOUT1"),
        incident(4, -72 - 1 / 3600),
        *[incident(number, number) for number in range(10, 22)],
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Tracker]:
    tracker = pagerduty(SCRIPT)
    with patch.object(reading, "PAGE", 5):
        yield tracker
    tracker.server.close()


@pytest.fixture(autouse=True)
def _no_faults(running: Tracker) -> None:
    running.plan.replace([])
    running.waited.clear()


def test_tickets_are_the_incidents_of_the_services(running: Tracker) -> None:
    rows, claim = running.read(PLACE)
    assert set(rows) == {1, 2, *range(10, 22)}, "one of another service, and one a second too early, are none"
    assert claim.independent_count == len(rows)
    assert "services PLEDGER1" in claim.query_text
    assert set(running.read(Services((), "incidents"))[0]) == {*rows, 3}


def test_an_incident_has_its_whole_log(running: Tracker) -> None:
    row = running.read(PLACE)[0][1]
    assert [one["kind"] for one in row["timeline"]] == [
        "opened", "assigned", "notified", "acknowledged", "changed", *["commented"] * 9, "closed"
    ]  # fmt: skip
    assert row["timeline"][1]["detail"] == "ann@acme.example, Eve", "an address where there is an account"
    changed = row["timeline"][4]
    assert (changed["field"], changed["before"], changed["after"]) == ("priority", "P3", "P2")
    assert (row["state"], row["status"], row["severity"]) == ("closed", "resolved", "P2")
    assert row["closed_by"]["email"] == "bob@acme.example"
    assert (row["closed_at"], row["first_response_at"]) == (AT + timedelta(hours=2), AT + timedelta(hours=0.2))
    assert {one["name"]: one["value"] for one in row["fields"]} == {
        "contained_at": "2026-07-04T00:30:00Z", "review_at": "2026-07-09",
    }  # fmt: skip
    assert row["author"]["kind"] == "bot", "the service triggered it"
    assert running.read(PLACE)[0][2]["severity"] == "low", "urgency where there is no priority"


def test_long_times_and_long_lists_are_cut(running: Tracker) -> None:
    everything, _ = running.read(PLACE, START - timedelta(days=400), END)
    assert set(everything) == {1, 2, 4, *range(10, 22)}
    with patch.object(reading, "REACH", 6):
        assert running.read(PLACE)[0] == {number: row for number, row in everything.items() if number != 4}


def test_a_service_that_is_not_shown_is_no_quiet_one(running: Tracker) -> None:
    place = Services(("PLEDGER1", "PNOWHERE"), "incidents")
    with pytest.raises(SourceGone, match="PNOWHERE"):
        running.read(place)
    with pytest.raises(SourceGone, match="PNOWHERE"):
        running.probe(place)
    running.probe(PLACE)
    assert running.clock(PLACE) == NOW


def test_credentials(running: Tracker) -> None:
    with pytest.raises(ConfigurationError, match="PAGERDUTY_API_TOKEN"), running.session(PLACE, {}):
        pass
    with pytest.raises(PermissionDenied) as refused, running.session(PLACE, {"PAGERDUTY_API_TOKEN": "wrong"}):
        pass
    assert refused.value.permission == "valid credentials"
    with running.session(PLACE) as session:
        assert running.environ["PAGERDUTY_API_TOKEN"] not in f"{session.principal} {session.tenant}"


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"kind": "forbidden", "times": None}, PermissionDenied),
        ({"kind": "error", "status": 402, "times": None}, NotLicensed),
        ({"kind": "secondary_limit", "times": None}, RetriableError),
        ({"kind": "server_error", "times": None}, RetriableError),
        ({"kind": "truncated_body", "times": None}, RetriableError),
        ({"kind": "connection_reset", "times": None}, RetriableError),
        ({"kind": "wrong_date", "seconds": -300, "times": None}, ClockSkew),
        ({"kind": "empty_page", "times": None}, IncompletePopulation),
        ({"kind": "lying_last_page", "after": 1}, IncompletePopulation),
        ({"kind": "shifting_list", "after": 1}, IncompletePopulation),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("operation", ["GET /incidents", "GET /incidents/{id}/log_entries"])
def test_what_goes_wrong_is_never_a_smaller_population(
    running: Tracker, operation: str, rule: dict[str, Any], error: type[EvidenceError]
) -> None:
    running.plan.replace([{"source": "pagerduty", "match": {"operation": operation}, **rule}])
    if rule["kind"] == "shifting_list" and operation != "GET /incidents":
        running.plan.replace([{"source": "pagerduty", "match": {"operation": operation}, **rule, "times": None}])
    with pytest.raises(error):
        running.read(PLACE)


@pytest.mark.parametrize("operation", ["GET /incidents", "GET /incidents/{id}/log_entries", "GET /users"])
def test_a_page_that_is_short_is_read_on_from_there(running: Tracker, operation: str) -> None:
    whole = running.read(PLACE)[0]
    running.plan.replace([{"source": "pagerduty", "match": {"operation": operation}, "kind": "truncated_page"}])
    try:
        assert running.read(PLACE)[0] == whole
    except IncompletePopulation:
        assert operation != "GET /incidents"


def test_limits_are_waited_for_as_long_as_pagerduty_asks(running: Tracker) -> None:
    whole = running.read(PLACE)[0]
    limited = {"source": "pagerduty", "match": "GET /incidents", "kind": "rate_limited"}
    running.plan.replace([{**limited, "retry_after": 23}])
    assert running.read(PLACE)[0] == whole
    assert running.waited == [23.0]


def test_the_server_is_strict(running: Tracker) -> None:
    login = {"Authorization": f"Token token={running.environ['PAGERDUTY_API_TOKEN']}"}
    for query, words in (("x=1", "no parameter x"), ("limit=101", "limit lies"), ("since=soon", "no instant")):
        found = requests.get(f"{running.server.url}/incidents?{query}", headers=login, timeout=10)
        assert found.status_code == 400
        assert words in found.json()["error"]["message"]
    assert requests.get(f"{running.server.url}/teams", headers=login, timeout=10).status_code == 501
