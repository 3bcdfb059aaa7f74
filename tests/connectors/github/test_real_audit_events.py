"""Audit events of other people's test suites, each with a verdict that is not ours: none is lost, and where a rule is
the same as one of ours, ours looks at the same events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.github.bypasses import OVERRIDE
from connectors.github.extractors import EXTRACTORS
from connectors.github.rule_changes import CATEGORIES
from sandbox.github.model import AuditEntry, Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from tests.fakes.local_github import NOW, LocalGithub, local_github
from tests.fakes.memory_sink import MemorySink

VERDICTS = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts" / "rules-github_rules.jsonl"
START = NOW - timedelta(days=2)
_OURS = {"action", "actor", "_document_id", "@timestamp", "created_at", "org", "org_id", "actor_id"}

pytestmark = pytest.mark.skipif(not VERDICTS.is_file(), reason="the verdicts (../shared/data) are not here")


def events() -> list[dict[str, Any]]:
    """Entries of the audit log, with rule and verdict."""
    rows = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["resource_types"] == ["GitHub.Audit"]]


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    def build(world: World, organisation: Organisation) -> None:
        organisation.plan = "enterprise"
        for number, row in enumerate(events()):
            event = row["event"]
            who = event.get("actor")
            actor = world.account(who, name=who) if who and "[" not in who else None
            fields = {name: value for name, value in event.items() if name not in _OURS}
            organisation.audit.append(
                AuditEntry(f"real-{number:03}", epoch(START) + number, event["action"], actor, fields)
            )

    with local_github(build) as github:
        yield github


def test_every_event_comes_out_whole(running: LocalGithub) -> None:
    sink = MemorySink()
    [claim] = EXTRACTORS["github.audit_events"](
        running.session(plan="enterprise_cloud"), running.organisation_request("audit_events", START, NOW), sink
    )
    rows = {row["event_id"]: row for row in sink.of("github.audit_events")}
    assert len(rows) == len(events()) == claim.rows_returned
    for number, given in enumerate(events()):
        row, event = rows[f"audit:real-{number:03}"], given["event"]
        assert row["action"] == event["action"]
        assert row["repo_name"] == event.get("repo")
        assert row["subject_login"] == (event.get("user") or event.get("invitee") or None)
        kept = json.loads(row["raw"])
        assert {name for name in event if name not in _OURS} - kept.keys() <= {"hashed_token", "token", "secret"}


@pytest.mark.parametrize(
    ("rule", "looked_at"),
    [
        ("GitHub.Branch.PolicyOverride", lambda action: action == OVERRIDE),
        ("GitHub.Repo.RulesetModified", lambda action: action.partition(".")[0] in CATEGORIES),
    ],
)
def test_our_rules_look_at_what_others_alert_on(rule: str, looked_at: Any) -> None:
    cases = [row for row in events() if row["rule"] == rule]
    assert {row["expected_alert"] for row in cases} == {True, False}
    for row in cases:
        assert looked_at(row["event"]["action"]) == row["expected_alert"], row["test"]
