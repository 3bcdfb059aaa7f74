"""Tickets that are kept as issues: by label, with their timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.github.client import Tickets, client_of
from connectors.github.paging import PageSize
from connectors.github.permissions import least_app_permissions
from connectors.tickets.extractors import EXTRACTORS
from connectors.tickets.probes import PROBES
from connectors.tickets.rows import fields_of
from sandbox.github.model import IssueEvent, Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from schemas.errors import CollectionError, ConfigurationError, EvidenceError, SourceGone
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from tests.fakes.local_github import END, START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

HOUR = timedelta(hours=1)
ITEM = ScopeItem("org:acme", "Acme", "own")
BODY = "Detected by: queue alarm\n- **Contained at:** 2026-04-01T10:00:00Z\nSee: also\nno field here"


def ticket(
    story: Story, number: int, opened: datetime, *events: tuple[timedelta, str, str, dict[str, Any]], body: str = ""
) -> None:
    issue = story.builder.issue(number, f"Ticket {number}", story.member("alice"), epoch(opened), body=body)
    for place, (after, kind, who, details) in enumerate(events):
        at = epoch(opened + after)
        told = {key: story.builder.label(value, at) if key == "label" else value for key, value in details.items()}
        made = story.world.numbers.allot("event", f"{number}/{place}")
        issue.events.append(IssueEvent(kind, made, issue, at, story.member(who), told))


def build(world: World, organisation: Organisation) -> None:
    story = Story(world, organisation, "ops")
    label = {"label": "Incident"}
    ticket(
        story, 1, START + HOUR, (timedelta(), "LabeledEvent", "alice", label),
        (HOUR, "IssueComment", "alice", {"body": "still looking"}),
        (2 * HOUR, "AssignedEvent", "bob", {"assignee": story.member("carol")}),
        *[(3 * HOUR + n * timedelta(minutes=1), "IssueComment", "bob", {"body": f"note {n}"}) for n in range(60)],
        (9 * HOUR, "ClosedEvent", "carol", {}), body=BODY,
    )  # fmt: skip
    ticket(story, 2, START + 2 * HOUR, (timedelta(), "LabeledEvent", "alice", label),
           (HOUR, "UnlabeledEvent", "bob", label))  # fmt: skip
    ticket(story, 3, START + 3 * HOUR, (timedelta(), "LabeledEvent", "alice", {"label": "bug"}))
    ticket(story, 4, START - HOUR, (timedelta(), "LabeledEvent", "alice", label))
    for number in range(5, 30):
        ticket(story, number, START + number * HOUR)
    ticket(story, 30, START + 40 * HOUR, (timedelta(), "LabeledEvent", "alice", label))


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(build) as github:
        yield github


def session_of(running: LocalGithub, tickets: Tickets | None, environ: dict[str, str] | None = None) -> Session:
    session = running.session(environ=environ)
    client = replace(client_of(session), tickets=tickets)
    client.sizes._known["tickets"] = PageSize(5)
    return replace(session, client=client)


KEPT = Tickets("acme/ops", ("incident",))


def read(
    running: LocalGithub, tickets: Tickets | None = KEPT, environ: dict[str, str] | None = None
) -> tuple[dict[int, dict[str, Any]], ItemClaim]:
    sink = MemorySink()
    request = Request(frozenset({"ticketing.incidents"}), ITEM, START, END)
    [claim] = EXTRACTORS["ticketing.incidents"](session_of(running, tickets, environ), request, sink)
    return {row["number"]: row for row in sink.of("ticketing.incidents")}, claim


def test_tickets_are_those_that_carry_the_label_or_ever_did(running: LocalGithub) -> None:
    rows, claim = read(running)
    assert set(rows) == {1, 2, 30}, "one opened earlier and one with another label are none"
    assert (rows[2]["labels"], rows[2]["matched_labels"]) == ([], ["Incident"])
    assert claim.rows_returned == 29
    assert claim.drop_rules == {"never carried the label": 26}


def test_a_ticket_has_its_whole_timeline_and_the_fields_of_its_text(running: LocalGithub) -> None:
    row = read(running)[0][1]
    assert [one["kind"] for one in row["timeline"]][:3] == ["labeled", "commented", "assigned"]
    assert sum(one["kind"] == "commented" for one in row["timeline"]) == 61
    assert row["timeline"][2]["detail"] == "carol"
    assert row["first_response_at"] == START + 3 * HOUR, "the author's own comment is no response"
    assert (row["closed_by"]["login"], row["state"], row["ticket_id"]) == ("carol", "closed", "acme/ops#1")
    assert row["fields"] == [
        {"name": "detected_by", "value": "queue alarm"}, {"name": "contained_at", "value": "2026-04-01T10:00:00Z"},
        {"name": "see", "value": "also"},
    ]  # fmt: skip


def test_fields_of_a_text() -> None:
    assert fields_of("https://example.com: no\nA b: c\na B: second\n\nx") == [{"name": "a_b", "value": "c"}]


def test_a_repository_that_is_not_shown_is_no_empty_list(running: LocalGithub) -> None:
    with pytest.raises(SourceGone, match="acme/elsewhere"):
        read(running, Tickets("acme/elsewhere", ("incident",)))
    with pytest.raises(ConfigurationError):
        read(running, None)


FAULTS: list[dict[str, Any]] = [
    {"kind": "server_error", "status": 502},
    {"kind": "truncated_page"},
    {"kind": "empty_page"},
    {"kind": "shifting_list"},
    {"kind": "graphql_error", "code": "TIMEOUT"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_a_fault_costs_no_ticket(running: LocalGithub, fault: dict[str, Any]) -> None:
    whole = read(running)[0]
    for number in (2, 4, 6):
        running.plan.replace([{"source": "github", "times": 1, "after": number, "items": 2, **fault}])
        try:
            rows, claim = read(running)
        except CollectionError:
            assert fault["kind"] in {"empty_page", "shifting_list"}
        else:
            assert rows == whole or claim.truncated
        finally:
            running.plan.replace([])


def test_least_rights_are_enough_and_needed(running: LocalGithub, tmp_path: Path) -> None:
    granted = least_app_permissions(["ticketing.incidents"])
    assert granted == {"issues": "read", "metadata": "read"}
    tickets = Tickets("acme/ops", ("incident",))
    for permissions in (granted, {"metadata": "read"}):
        environ = running.app_environ(tmp_path, permissions)
        try:
            if permissions == granted:
                assert set(read(running, environ=environ)[0]) == {1, 2, 30}
                PROBES["ticketing.incidents"](session_of(running, tickets, environ), ITEM)
            else:
                with pytest.raises(EvidenceError):
                    PROBES["ticketing.incidents"](session_of(running, tickets, environ), ITEM)
        finally:
            running.organisation.installations.pop()
