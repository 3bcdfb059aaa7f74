"""The static page: self-contained, honest about simulation, and safe with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from dashboard.matrix import LOOKS, control_rows, months_of
from dashboard.publish import CellProof, PageFacts, page


def cell(window: str, state: str = "collected", **changes: Any) -> dict[str, Any]:
    return {
        "control_id": "CC8-CHG-01",
        "evidence_id": "commits",
        "window_id": window,
        "scope_item_id": "github:R_1",
        "scope_item": "acme/api",
        "state": state,
        "gap": "none",
        "until": None,
        "next_loss": None,
        "flags": [],
        "holes": [],
        "population_count": 3,
        "exceptions_open": 0,
        "due_at": "2026-05-06T00:00:00Z",
        "deadline_at": "2026-05-11T00:00:00Z",
        "first_proof_at": None,
        "revision": 1,
        **changes,
    }


def document(*cells: dict[str, Any], simulated: bool = False) -> dict[str, Any]:
    return {
        "as_of": "2026-10-02T00:00:00Z",
        "period": {"start": "2026-04-01T00:00:00Z", "end": "2026-10-01T00:00:00Z", "timezone": "UTC"},
        "catalogue_digest": "sha256:c",
        "ledger_head": "sha256:h",
        "programme_digest": "sha256:p",
        "simulated": simulated,
        "not_configured": [
            {
                "control_id": "CC6-MFA-01",
                "evidence_id": "google_users",
                "system": "google",
                "reason": "not in the programme",
            }
        ],
        "removed": [],
        "rollup": {
            "verdict": "open_gaps",
            "permanent_gaps": 0,
            "recoverable_gaps": 1,
            "nearest_until": None,
            "awaiting_people": 0,
            "unconfirmed_empty": 0,
            "deviations": 0,
            "covered": 1,
            "expected": 2,
            "percent": 50.0,
            "not_applicable": 0,
            "not_due": 0,
            "worst": "missing_recoverable",
        },
        "cells": list(cells),
    }


FACTS = PageFacts("Acme, Inc.", {"CC8-CHG-01": ("Changes are reviewed", ("CC8.1",))})


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.tags


def test_the_page_asks_nothing_of_any_other_place() -> None:
    html = page(document(cell("2026-04")), FACTS)
    tags = tags_of(html)
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe")]
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in tags)
    assert "url(" not in html


def test_every_link_leads_to_a_section_and_every_cell_has_words() -> None:
    html = page(document(cell("2026-04"), cell("2026-05", "missing_recoverable", gap="recoverable")), FACTS)
    tags = tags_of(html)
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    targets = {attrs["href"][1:] for tag, attrs in tags if tag == "a" and attrs.get("href")}
    assert targets
    assert targets <= ids
    assert "2026-05: missing, can still be collected" in html


def test_hostile_names_stay_text() -> None:
    hostile = '"><script>alert(1)</script>'
    html = page(
        document(cell("2026-04", scope_item=hostile, scope_item_id=hostile)),
        PageFacts(hostile, {}, {}, program=hostile),
    )
    assert "<script" not in html
    assert not [attrs for _, attrs in tags_of(html) if any(key.startswith("on") for key in attrs)]


def test_a_simulated_store_says_so_in_title_and_banner() -> None:
    html = page(document(cell("2026-04"), simulated=True), FACTS)
    assert "<title>[SIMULATED]" in html
    assert "no evidence of anything real" in html
    assert "SIMULATED" not in page(document(cell("2026-04")), FACTS)


def test_quarterly_cells_span_three_months_and_merged_stubs_two() -> None:
    cells = [cell("2026-Q2", evidence_id="register_review"), cell("2026-Q3", evidence_id="register_review")]
    stub = [cell("2026-04", evidence_id="tips"), cell("2026-05+2026-06", evidence_id="tips")]
    rows = control_rows(document(*cells, *stub), {})[0].rows
    spans = {row.evidence_id: [slot.span for slot in row.cells] for row in rows}
    assert spans == {"register_review": [3, 3], "tips": [1, 2, 1, 1, 1]}


def test_months_outside_the_period_have_no_column() -> None:
    period = {"start": "2026-04-15T00:00:00Z", "end": "2026-06-10T00:00:00Z"}
    assert months_of(period, [cell("2026-Q2")]) == ["2026-04", "2026-05", "2026-06"]


def test_loss_in_part_is_shown_as_loss() -> None:
    html = page(document(cell("2026-04", "partial", gap="unrecoverable")), FACTS)
    assert re.search(r'<td class="lost"', html)


def test_attempts_and_exceptions_stand_behind_the_cell() -> None:
    proof = CellProof(
        "because of X",
        [{"ledger": 7, "recorded_at": "t", "status": "error", "error": "403", "span": "April", "rows": 0}],
        [
            {
                "item_id": "github:commit:R_1:abc",
                "event_time": "t",
                "codes": ["DIRECT_PUSH"],
                "outcome": "exception",
                "explanation": "pushed",
            }
        ],
    )
    facts = PageFacts("Acme", {}, {"CC8-CHG-01/commits/2026-04/github:R_1": proof})
    html = page(document(cell("2026-04", "exception_noted", exceptions_open=1)), facts)
    for text in ("because of X", "DIRECT_PUSH", "error: 403", "github:commit:R_1:abc"):
        assert text in html


def test_every_state_has_a_look() -> None:
    states = """
        not_in_effect not_applicable not_due due failed human_decision_pending
        human_decision_overdue collected collected_late performed_late empty_population_confirmed exception_noted
        empty_unconfirmed partial missing_recoverable missing_unrecoverable invalid not_performed
    """.split()
    assert set(LOOKS) == set(states)
