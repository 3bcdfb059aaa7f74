"""What a test of a control reads off a ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.ticket_facts import (
    Ticket,
    severity_number,
    severity_of_label,
    spoken_instant,
    tickets_covered,
    tickets_of,
)
from schemas.tickets import INCIDENTS
from tests.evidence.controls.changes import START, window
from tests.evidence.controls.tickets import HOUR, event, ticket
from tests.fakes.memory_evidence import MemoryEvidence

OPENED = START + HOUR
ORG = "org:acme"
TEN = datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("SEV-1", 1), ("sev 3", 3), ("P4 - minor", 4), ("High", 2), ("critical!", 1), ("lowest", 5),
     ("", None), (None, None), ("none", None), ("2026", None), ("as soon as possible", None)],
)  # fmt: skip
def test_severity_as_people_write_it(text: str | None, number: int | None) -> None:
    assert severity_number(text) == number


@pytest.mark.parametrize(
    ("label", "number"),
    [("severity: 2", 2), ("sev1", 1), ("Severity/high", 2), ("priority: P1", 1), ("security", None), ("2", None),
     ("several", None), ("p2", None)],
)  # fmt: skip
def test_severity_of_a_label(label: str, number: int | None) -> None:
    assert severity_of_label(label) == number


@pytest.mark.parametrize(
    ("text", "instant"),
    [("2026-05-01T10:00:00Z", TEN), ("2026-05-01 10:00 UTC", TEN), ("2026-05-01T12:00:00+02:00", TEN),
     ("2026-05-01 11:00", TEN), ("2026-05-01", datetime(2026, 5, 1, 22, 59, 59, 999999, tzinfo=UTC))],
)  # fmt: skip
def test_instants_as_people_write_them(text: str, instant: datetime) -> None:
    assert spoken_instant(text, "Europe/London") == instant


@pytest.mark.parametrize("text", ["tomorrow", "10:00", "2026-02-30", "TBD", "05/01/2026"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        spoken_instant(text, "UTC")


def test_severity_and_when_it_was_set() -> None:
    def of(*events: Any, **more: Any) -> tuple[int | None, datetime | None]:
        made = Ticket(ticket(1, OPENED, *events, **more), "sha256:x")
        return made.severity, made.severity_set_at()

    assert of() == (None, None)
    assert of(fields={"severity": "SEV-0"}) == (0, OPENED), "nothing is worse"
    assert of(labels=["severity: 2"]) == (2, OPENED), "no event set it, so it was there from the beginning"
    assert of(event("labeled", OPENED + HOUR, detail="severity: 3"), labels=["severity: 3"]) == (3, OPENED + HOUR)
    assert of(fields={"severity": "1"}, labels=["severity: 3"]) == (1, OPENED)
    raised = event("changed", OPENED + 2 * HOUR, field="priority", before="Low", after="High")
    assert of(raised, severity="High") == (2, OPENED), "it had one before"
    given = event("changed", OPENED + 2 * HOUR, field="priority", before=None, after="High")
    assert of(given, severity="High") == (2, OPENED + 2 * HOUR)


def test_of_several_versions_the_one_read_last_counts() -> None:
    evidence = MemoryEvidence()
    early = ticket(1, OPENED, read_at=OPENED + HOUR)
    late = ticket(1, OPENED, read_at=OPENED + 9 * HOUR, fields={"Review": "x", "review_at": "2026-05-09"})
    evidence.store(INCIDENTS, ORG, [late], learnt_at=OPENED + 9 * HOUR)
    evidence.store(INCIDENTS, ORG, [early], learnt_at=OPENED + 20 * HOUR)
    [found] = tickets_of(window("CC7-INC-01", scope=ORG), evidence, INCIDENTS, START, START + timedelta(days=1))
    assert (found.known_until, found.field("none", "review_at")) == (OPENED + 9 * HOUR, "2026-05-09")


def test_tickets_are_covered_where_everybody_asked_for_them_is() -> None:
    evidence = MemoryEvidence()
    evidence.claim(INCIDENTS, ORG, START, START + 9 * HOUR)
    tested = window("CC7-INC-01", scope=ORG)
    assert tickets_covered(tested, evidence, INCIDENTS, START, START + 9 * HOUR)
    assert not tickets_covered(tested, evidence, INCIDENTS, START, START + 10 * HOUR)
