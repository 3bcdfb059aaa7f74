"""The event history: the fallback without a trail, which reaches back 90 days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.aws.calls import Caller
from schemas.errors import SchemaDrift
from tests.fakes.aws_company import SimulatedAws
from tests.fakes.aws_trail import NOW, STARTED, collect_events, every, record, session, start, with_trail


def test_the_same_rows_as_from_the_files(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(1, 200)))
    _, delivered = collect_events(simulated)
    claim, rows = collect_events(simulated, opened=session(simulated, trail=None))
    assert [{**row, "log_file": None} for row in delivered] == rows
    assert len(rows) > 100
    assert simulated.server.requests_by_operation["cloudtrail:LookupEvents"] > 3
    assert claim.parameters["source"] == "aws.cloudtrail_event_history"
    assert not claim.truncated
    assert claim.proof_of_life
    assert claim.rows_returned == len(rows) + sum(claim.drop_rules.values())


def test_what_it_has_forgotten(simulated_aws: SimulatedAws) -> None:
    events = [record(1, NOW - timedelta(days=95)), record(2, NOW - timedelta(days=80)), record(3, NOW)]
    simulated = start(simulated_aws, with_trail(events))
    opened = session(simulated, trail=None)
    claim, rows = collect_events(simulated, NOW - timedelta(days=100), NOW, opened=opened)
    assert claim.complete_from == NOW - timedelta(days=90)
    assert claim.reconciliation is not None
    assert "the event history reaches back to 2026-01-01T08:00:00Z" in claim.reconciliation
    assert [row["event_time"] for row in rows if row["region"] == "eu-west-1"] == [NOW - timedelta(days=80)]


def test_a_list_that_moves_while_it_is_read(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(1, 200)))
    opened = session(simulated, trail=None)
    _, plain = collect_events(simulated, opened=opened)
    fault = {"source": "aws", "match": "cloudtrail:LookupEvents", "kind": "shifting_list", "items": 3, "after": 1}
    simulated.plan.replace([{**fault, "times": 1}])
    claim, rows = collect_events(simulated, opened=opened)
    assert rows == plain
    assert claim.drop_rules["repeated on a later page"] == 3


def test_events_without_an_id_are_not_taken_for_one(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    simulated = start(simulated_aws, with_trail(every(1, 200)))
    pages = Caller.pages

    def without_ids(self: Caller, operation: str, **parameters: Any) -> Any:
        for page in pages(self, operation, **parameters):
            for event in page.parsed.get("Events") or []:
                del event["EventId"]
            yield page

    monkeypatch.setattr(Caller, "pages", without_ids)
    with pytest.raises(SchemaDrift, match="without what tells it from others"):
        collect_events(simulated, opened=session(simulated, trail=None))


def test_nothing_happened_and_nothing_proves_it(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail([]))
    quiet = STARTED - timedelta(days=9) + timedelta(minutes=1)
    claim, rows = collect_events(
        simulated, quiet, quiet + timedelta(minutes=5), opened=session(simulated, trail=None)
    )  # fmt: skip
    assert rows == []
    assert not claim.proof_of_life
