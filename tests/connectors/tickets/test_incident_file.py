"""Incidents that are kept in a file beside the programme."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.programme_file import load_programme
from connectors.programme_problems import InvalidProgramme
from connectors.registers.session import open_session
from connectors.tickets.extractors import EXTRACTORS
from connectors.tickets.probes import PROBES, source_clock
from evidence.controls.incidents import incidents_handled
from schemas.errors import ConfigurationError
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from schemas.tickets import INCIDENTS
from tests.evidence.controls.test_incidents import DAY, END, LATER, OPENED, ORG, PLACES, START, asked
from tests.fakes.memory_evidence import MemoryEvidence
from tests.fakes.memory_sink import MemorySink

ITEM = ScopeItem(ORG, "Acme", "own")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
PROGRAMME = """\
organisation: Acme
observation_period: {start: 2026-04-01, end: 2026-09-30}
registers:
  incidents: registers/incidents.yaml
"""
FILE = """\
- incident_id: INC-1
  title: "Payouts | delayed"
  opened_at: 2026-06-08T09:00:00Z
  opened_by: ann@acme.example
  severity: 2
  classified_at: 2026-06-08T09:30:00Z
  detected_by: queue alarm
  assignee: bob@acme.example
  description: A certificate was refused.
  resolved_at: 2026-06-08T17:00:00Z
  notice_required: true
  customers_informed_at: 2026-06-08T19:00:00Z
  review_at: 2026-06-15T10:00:00Z
  timeline:
    - {at: 2026-06-08T10:00:00Z, by: bob@acme.example, text: Old certificate is back.}
  actions:
    - {id: A1, text: canary, owner: bob@acme.example, due: 2026-07-10, done: 2026-07-01}
    - {id: A2, text: alarm, owner: ann@acme.example, due: 2026-08-10, done: 2026-08-01, redated_from: 2026-07-10,
       redated_by: cto@acme.example}
- incident_id: INC-2
  title: Still going on
  opened_at: 2026-06-20T09:00:00Z
  opened_by: ann@acme.example
- {incident_id: INC-3, title: In May, opened_at: 2026-05-01T09:00:00Z, opened_by: ann@acme.example, severity: 4}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "registers").mkdir(exist_ok=True)
    (folder / "registers" / "incidents.yaml").write_text(text, encoding="utf-8")
    path = folder / "program.yaml"
    path.write_text(PROGRAMME, encoding="utf-8")
    return path


def session(path: Path) -> Session:
    loaded = load_programme(path, {})
    registers = loaded.programme.registers.model_dump(exclude_none=True)
    return open_session(
        "ticketing", programme=path, registers=registers, organisation="Acme", zone="UTC", now=lambda: NOW, environ={},
        simulated=True,
    )  # fmt: skip


def read(path: Path, start: datetime = START, end: datetime = END) -> tuple[dict[str, dict[str, Any]], ItemClaim]:
    sink = MemorySink()
    request = Request(frozenset({INCIDENTS.name}), ITEM, start, end)
    [claim] = EXTRACTORS[INCIDENTS.name](session(path), request, sink)
    return {row["ticket_id"]: row for row in sink.of(INCIDENTS.name)}, claim


def test_incidents_of_a_file_are_tickets(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    rows, claim = read(path)
    assert set(rows) == {"INC-1", "INC-2"}
    assert (claim.proof_of_life, claim.rows_returned, claim.drop_rules) == (True, 3, {"opened at another time": 1})
    assert claim.parameters["sha256"]
    row = rows["INC-1"]
    assert (row["tracker"], row["state"], row["severity"], row["place"]) == (
        "file", "closed", "2", "registers/incidents.yaml"
    )  # fmt: skip
    assert [one["kind"] for one in row["timeline"]] == ["changed", "commented"]
    assert row["first_response_at"] == OPENED + timedelta(hours=1)
    assert rows["INC-2"]["state"] == "open"
    assert PROBES[INCIDENTS.name](session(path), ITEM) is None
    assert source_clock(session(path)) == NOW


def test_they_are_judged_like_any_other(tmp_path: Path) -> None:
    # What a field says of the review counts with a trace of those days beside it.
    back = "text: Old certificate is back.}"
    told = FILE.replace(
        back, back + "\n    - {at: 2026-06-15T11:00:00Z, by: bob@acme.example, text: Looked at together.}"
    )
    rows, _ = read(written(tmp_path, told))
    evidence = MemoryEvidence()
    evidence.store(INCIDENTS, ORG, rows.values())
    evidence.claim(INCIDENTS, ORG, START - 90 * DAY, LATER)
    places = {**PLACES, "incidents": "registers/incidents.yaml"}
    found = {one.item_id: one for one in incidents_handled(asked(places=places), evidence)}
    assert found["incident:file:INC-1"].outcome == "pass", found["incident:file:INC-1"].explanation
    assert found["incident:file:INC-2"].codes == ("LATE_CLASS",)
    late = told.replace("2026-06-08T09:30:00Z", "2026-06-08T13:30:00Z").replace("done: 2026-07-01", "done: 2026-07-11")
    rows, _ = read(written(tmp_path, late.replace("redated_by: cto@acme.example", "redated_by: null")))
    evidence = MemoryEvidence()
    evidence.store(INCIDENTS, ORG, rows.values())
    found = {one.item_id: one for one in incidents_handled(asked(places=places), evidence)}
    assert found["incident:file:INC-1"].codes == ("LATE_CLASS", "ACTION_OVERDUE")


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("2026-06-08T09:00:00Z", "yesterday", 3, "opened_at is not an instant"),
        ("severity: 2", "severity: 7", 5, "not one of"),
        ("detected_by", "detectd_by", 7, "Did you mean 'detected_by'"),
        ("due: 2026-07-10, done", "due: July, done", 16, "entry 1 of actions: due is not a day"),
        ("owner: bob@acme.example", "holder: bob@acme.example", 16, "unknown key holder"),
        ("notice_required: true", "notice_required: maybe", 11, "must be yes or no"),
        ("INC-2", "INC-1", 20, "the same incident_id"),
        ("  timeline:\n    - {at: 2026-06-08T10:00:00Z, by: bob@acme.example, text: Old certificate is back.}",
         "  timeline: none", 14, "must be a list"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_line_and_fix(
    tmp_path: Path, before: str, after: str, line: int, words: str
) -> None:
    path = written(tmp_path, FILE.replace(before, after, 1))
    with pytest.raises(InvalidProgramme) as refused:
        load_programme(path, {})
    assert f"registers/incidents.yaml:{line}: " in str(refused.value), refused.value
    assert words in str(refused.value)


def test_an_empty_file_says_so_or_proves_nothing(tmp_path: Path) -> None:
    assert read(written(tmp_path, "# nothing yet\n"))[1].proof_of_life is False
    assert read(written(tmp_path, "[]\n"))[1].proof_of_life is True
    (tmp_path / "registers" / "incidents.yaml").unlink()
    with pytest.raises(InvalidProgramme, match="no such file"):
        load_programme(tmp_path / "program.yaml", {})


def test_the_rows_are_part_of_the_programme(tmp_path: Path) -> None:
    loaded = load_programme(written(tmp_path, FILE), {})
    assert [row["incident_id"] for row in loaded.registers["incidents"].rows] == ["INC-1", "INC-2", "INC-3"]
    assert loaded.normalised["registers"]["incidents"] == {"file": "registers/incidents.yaml"}
    changed = load_programme(written(tmp_path, FILE.replace("severity: 4", "severity: 3")), {})
    assert changed.digest != loaded.digest
    (tmp_path / "program.yaml").write_text(PROGRAMME.replace("incidents: registers", "access_requests: registers"))
    with pytest.raises(InvalidProgramme, match="access_requests"):
        load_programme(tmp_path / "program.yaml", {})


def test_reading_without_an_interval(tmp_path: Path) -> None:
    request = Request(frozenset({INCIDENTS.name}), ITEM)
    with pytest.raises(ConfigurationError, match="interval"):
        EXTRACTORS[INCIDENTS.name](session(written(tmp_path, FILE)), request, MemorySink())
