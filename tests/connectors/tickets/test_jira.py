"""Tickets that are kept in Jira, Cloud and Data Center."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import requests

from connectors.jira import tickets as reading
from connectors.jira.client import Project, client_of
from connectors.tickets.asking import Question
from sandbox.trackers.jira import JiraServer
from schemas.errors import (
    ClockSkew,
    CollectionError,
    ConfigurationError,
    EvidenceError,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SourceGone,
)
from schemas.tickets import INCIDENTS
from tests.fakes.trackers import NOW, START, Tracker, jira

PLACE = Project("OPS", "incidents", "incident")
AT = START + timedelta(days=3)


def at(hours: float) -> str:
    return (AT + timedelta(hours=hours)).isoformat()


def issue(number: int, created: datetime = AT, **more: Any) -> dict[str, Any]:
    return {"project": "OPS", "number": number, "summary": f"Issue {number}", "created": created.isoformat(),
            "reporter": "ann", "labels": ["incident"]} | more  # fmt: skip


def change(hours: float, by: str, field: str, to: str = "") -> dict[str, Any]:
    return {"at": at(hours), "by": by, "field": field, "to": to}


ISSUES = [
    issue(
        1, type="Incident", description="Detected by: pager\nContained at: 2026-07-04T03:00:00Z", priority="Low",
        fields={"Review at": "2026-07-20"},
        comments=[{"at": at(n), "by": "bob" if n else "ann", "text": f"note {n}"} for n in range(20)],
        changes=[
            change(1, "bob", "priority", "High"), change(1.5, "bob", "assignee", "eve"),
            *[change(2 + n / 100, "eve", "Review at", f"2026-07-{10 + n}") for n in range(15)],
            change(30, "eve", "status", "Done"), change(31, "ann", "status", "To Do"),
            change(40, "eve", "status", "Done"), change(41, "bob", "summary", "Queue stood still"),
        ],
    ),
    issue(2, changes=[change(1, "bob", "labels", "other")]),
    issue(3, labels=["bug"]),
    issue(4, labels=["bug"], changes=[change(5, "eve", "labels", "bug Incident")]),
    issue(5, START - timedelta(minutes=1)), issue(6, START),
    issue(7, hidden=True),
    *[issue(number, AT + timedelta(minutes=number), labels=[]) for number in range(10, 30)],
]  # fmt: skip


def script(deployment: str = "Cloud", **more: Any) -> dict[str, Any]:
    return {"site": "acme.atlassian.example", "deployment": deployment, "custom_fields": ["Review at"],
            "projects": [{"key": "OPS", "name": "Operations"}, {"key": "HR", "name": "People", "hidden": True}],
            "issues": ISSUES} | more  # fmt: skip


@pytest.fixture(scope="module", params=["Cloud", "Server"])
def running(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    tracker = jira(script(request.param))
    with patch.object(reading, "PAGE", 5):
        yield tracker
    tracker.server.close()


@pytest.fixture(autouse=True)
def _no_faults(running: Tracker) -> None:
    running.plan.replace([])
    running.waited.clear()


def test_tickets_are_those_that_carry_the_label_or_ever_did(running: Tracker) -> None:
    rows, claim = running.read(PLACE)
    assert set(rows) == {1, 2, 4, 6}, "one behind a security level is not shown, and one opened earlier is none"
    assert (rows[2]["labels"], rows[2]["matched_labels"], rows[4]["matched_labels"]) == (
        ["other"], ["incident"], ["Incident"]
    )  # fmt: skip
    assert claim.rows_returned == 25
    assert claim.independent_count == 26, "of the days around the interval"
    assert "project OPS labelled incident" in claim.query_text


def test_a_type_and_a_whole_project(running: Tracker) -> None:
    assert set(running.read(Project("OPS", "incidents", issue_type="incident"))[0]) == {1}
    assert len(running.read(Project("OPS", "incidents"))[0]) == 25


def test_a_ticket_has_all_that_happened_to_it(running: Tracker) -> None:
    row = running.read(PLACE)[0][1]
    kinds = [one["kind"] for one in row["timeline"]]
    assert (kinds.count("commented"), kinds.count("changed")) == (20, 16)
    assert [one["kind"] for one in row["timeline"] if one["field"] == "status"] == ["closed", "reopened", "closed"]
    assert row["timeline"] == sorted(row["timeline"], key=lambda one: one["at"])
    raised = next(one for one in row["timeline"] if one["field"] == "priority")
    assert (raised["before"], raised["after"], raised["actor"]["email"]) == ("Low", "High", "bob@acme.example")
    assert (row["state"], row["status"], row["closed_at"], row["severity"]) == (
        "closed", "Done", AT + timedelta(hours=40), "High"
    )  # fmt: skip
    assert row["closed_by"]["email"] == "eve@acme.example"
    assert row["first_response_at"] == AT + timedelta(hours=1), "the author's own comment is no response"
    assert {one["name"]: one["value"] for one in row["fields"]} == {
        "detected_by": "pager", "contained_at": "2026-07-04T03:00:00Z", "review_at": "2026-07-24",
    }  # fmt: skip
    assert (row["ticket_id"], row["place"], row["tracker"], row["title"]) == (
        "OPS-1", "OPS", "jira", "Queue stood still"
    )  # fmt: skip
    assert row["url"] == "https://acme.atlassian.example/browse/OPS-1"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_time_zone_of_the_account_hides_nothing(zone: str) -> None:
    tracker = jira(script(time_zone=zone))
    try:
        edge = [START, START + timedelta(hours=1)]
        assert set(tracker.read(Project("OPS", "incidents"), *edge)[0]) == {6}
    finally:
        tracker.server.close()


def test_a_project_that_is_not_shown_is_no_empty_one(running: Tracker) -> None:
    for key in ("HR", "NONE"):
        place = Project(key, "incidents")
        with pytest.raises(SourceGone, match=key):
            running.read(place)
        with pytest.raises(SourceGone, match=key):
            running.probe(place)
    running.probe(PLACE)
    assert running.clock(PLACE) == NOW


def test_a_bad_login_is_said_whatever_jira_answers(running: Tracker) -> None:
    bad = dict.fromkeys(running.environ, "wrong")
    with pytest.raises(PermissionDenied) as refused, running.session(PLACE, bad):
        pass
    assert refused.value.permission == "valid credentials"
    # What anybody may see, answered to a login that failed, looks like an empty project.
    server = running.server
    assert isinstance(server, JiraServer)
    failed = patch.object(server.application, "headers", {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
    with failed, pytest.raises(PermissionDenied), running.session(PLACE):
        pass


@pytest.mark.parametrize(
    ("environ", "match"),
    [({}, "No Jira credentials"), ({"JIRA_EMAIL": "a@b.example"}, "JIRA_API_TOKEN"),
     ({"JIRA_API_TOKEN": "x", "JIRA_PERSONAL_ACCESS_TOKEN": "y"}, "Unset one")],
)  # fmt: skip
def test_credentials_that_are_missing_or_contradict(running: Tracker, environ: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match), running.session(PLACE, environ):
        pass


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"kind": "forbidden", "times": None}, PermissionDenied),
        ({"kind": "error", "status": 402, "times": None}, NotLicensed),
        ({"kind": "forbidden", "message": "Your Jira license has expired", "times": None}, NotLicensed),
        ({"kind": "rate_limited", "times": None}, RetriableError),
        ({"kind": "server_error", "times": None}, RetriableError),
        ({"kind": "truncated_body", "times": None}, RetriableError),
        ({"kind": "connection_reset", "times": None}, RetriableError),
        ({"kind": "wrong_date", "seconds": 300, "times": None}, ClockSkew),
        ({"kind": "empty_page", "times": None}, IncompletePopulation),
        ({"kind": "lying_last_page"}, IncompletePopulation),
        ({"kind": "shifting_list", "after": 1}, IncompletePopulation),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_what_goes_wrong_is_never_a_smaller_population(
    running: Tracker, rule: dict[str, Any], error: type[EvidenceError]
) -> None:
    running.plan.replace([{"source": "jira", "match": "*search*", **rule}])
    with pytest.raises(error):
        running.read(PLACE)


def test_limits_are_waited_for_as_long_as_jira_asks(running: Tracker) -> None:
    whole = running.read(PLACE)[0]
    running.plan.replace([{"source": "jira", "match": "*search*", "kind": "rate_limited", "retry_after": 17}])
    assert running.read(PLACE)[0] == whole
    assert running.waited == [17.0]
    running.plan.replace([{"source": "jira", "match": "*search*", "kind": "rate_limited", "retry_after": 900}])
    with pytest.raises(RetriableError) as later:
        running.read(PLACE)
    assert later.value.retry_after == 900.0


@pytest.mark.parametrize("kind", ["truncated_page", "shifting_list", "empty_page", "lying_last_page"])
@pytest.mark.parametrize("operation", ["*search*", "*/{id}/*"])
def test_a_list_is_whole_or_nothing(running: Tracker, operation: str, kind: str) -> None:
    whole = running.read(PLACE)[0]
    running.plan.replace([{"source": "jira", "match": operation, "kind": kind, "times": None}])
    try:
        rows, _ = running.read(PLACE)
    except IncompletePopulation:
        return
    assert rows == whole


def test_the_server_is_strict(running: Tracker) -> None:
    assert requests.get(f"{running.server.url}/rest/api/2/myself", timeout=10).status_code == 401
    with running.session(PLACE) as session:
        ask = client_of(session).asker.ask
        for path, parameters, words in (
            ("myself", {"expand": "groups"}, "no parameter expand"), ("issue/1/watchers", {}, "answered 501"),
            ("project/OPS", {"properties": "*"}, "no parameter properties"),
        ):  # fmt: skip
            with pytest.raises(CollectionError, match=words):
                ask(Question(path, path, INCIDENTS, parameters))
