"""Real events of attacks: through delivery, digests and event history, and whole on the other side."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.aws_trail import SECRETS
from tests.fakes.aws_company import PROD, SimulatedAws
from tests.fakes.aws_trail import END, START, collect_events, session, start, with_trail

DATA = Path(__file__).parents[5] / "shared" / "data" / "cloudtrail-techniques"


@pytest.fixture
def techniques() -> list[dict[str, Any]]:
    """Every event once, moved into the interval, into one account and region; nothing else of it is touched."""
    if not DATA.is_dir():
        pytest.skip(f"real events of CloudTrail are not at {DATA}")
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(DATA.glob("*.json")):
        content = json.loads(path.read_bytes())
        for one in content if isinstance(content, list) else content["Records"]:
            found.setdefault(one["eventID"], one)
    records = [one for _, one in sorted(found.items())]
    span = (END - START).total_seconds()
    for number, one in enumerate(records):
        at = START + timedelta(seconds=number * span // len(records))
        one |= {"eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "recipientAccountId": PROD, "awsRegion": "eu-west-1"}
    return records


def without_secrets(value: Any) -> Any:
    secret = {name.casefold() for name in SECRETS}
    if isinstance(value, dict):
        return {name: without_secrets(inner) for name, inner in value.items() if name.casefold() not in secret}
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


def test_every_real_event_comes_out_whole(simulated_aws: SimulatedAws, techniques: list[dict[str, Any]]) -> None:
    simulated = start(simulated_aws, with_trail(techniques))
    opened = session(simulated)
    management = {
        one["eventID"]: one for one in techniques
        if one.get("eventCategory", "Management") == "Management" and one.get("managementEvent") is not False
    }  # fmt: skip
    claim, rows = collect_events(simulated, opened=opened)
    assert not claim.truncated
    delivered = {row["event_id"]: row for row in rows if row["event_id"] in management}
    assert delivered.keys() == management.keys()
    assert claim.drop_rules.get("no management event", 0) == len(techniques) - len(management)
    for event_id, row in delivered.items():
        told = management[event_id]
        assert json.loads(row["raw"]) == without_secrets(told)
        assert (row["event_name"], row["event_source"]) == (told["eventName"], told["eventSource"])
        assert row["identity_type"] == told["userIdentity"].get("type")
        assert json.loads(row["request_parameters"] or "null") == without_secrets(told.get("requestParameters"))
        assert json.loads(row["response_elements"] or "null") == without_secrets(told.get("responseElements"))
    assert len(management) > 250
