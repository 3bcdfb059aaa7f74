"""The static page: self-contained, honest about simulation, and safe with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from dashboard import wording
from dashboard.matrix import LOOKS, anchor_of, control_rows, months_of
from dashboard.publish import CellProof, PageFacts, page
from dashboard.work import Cause, exception_groups, kinds_of, work_entries


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


def test_one_missing_right_over_many_items_is_one_thing_to_do() -> None:
    cells = [
        cell("2026-09", "failed", gap="recoverable", next_loss="2026-12-16T21:15:00Z", scope_item=f"acme/{name}",
             scope_item_id=f"github:{name}")
        for name in ("web", "api", "jobs")
    ]  # fmt: skip
    denied = Cause("GitHub denies it.", "repository permission administration: write")
    proofs = {anchor_of(one): CellProof(cause=denied) for one in cells}
    [entry] = work_entries(cells, "collect", dict.fromkeys(proofs, denied))
    assert [name for name, _ in entry.items] == ["acme/api", "acme/jobs", "acme/web"]
    assert entry.causes == ("GitHub denies it.",)
    html = page(document(*cells), PageFacts("Acme", {}, proofs))
    first = html[html.index("Do first") : html.index("</ol>")]
    assert "Grant <strong>repository permission administration: write</strong>; 3 cells wait for it" in first
    assert "Before <strong>16 Dec 2026, 21:15 UTC</strong> (in 75 days)" in first
    assert "evidence collect --program program.yaml --missing" in first


def test_what_is_lost_in_part_and_open_in_part_is_both() -> None:
    both = cell("2026-09", "partial", gap="unrecoverable", next_loss="2026-12-01T00:00:00Z")
    whole = cell("2026-08", "missing_unrecoverable", gap="unrecoverable")
    assert kinds_of(both) == ("lost", "collect")
    assert kinds_of(whole) == ("lost",)
    html = page(document(both, whole), FACTS)
    assert '2 cells are <a href="#lost">lost for good' in html
    assert "1 cell is open and can still be had" in html


def test_soonest_loss_comes_first_and_undated_work_last() -> None:
    cells = [
        cell("2026-07", "missing_recoverable", gap="recoverable"),
        cell("2026-08", "missing_recoverable", gap="recoverable", next_loss="2026-12-02T00:00:00Z"),
        cell("2026-09", "missing_recoverable", gap="recoverable", next_loss="2026-11-02T00:00:00Z"),
    ]
    assert [entry.window_id for entry in work_entries(cells, "collect", {})] == ["2026-09", "2026-08", "2026-07"]


def test_a_page_with_nothing_to_do_says_so() -> None:
    assert "Nothing: no cell is open." in page(document(cell("2026-04")), FACTS)


def test_items_that_nobody_decided_about_are_among_the_first_things_to_do() -> None:
    undecided = {"scope_undecided": [{"scope_item_id": "aws:1", "scope_item": "demo-data"}]}
    html = page({**document(cell("2026-04")), **undecided}, FACTS)
    assert "whether <strong>demo-data</strong> is in scope" in html[: html.index("</ol>")]


def test_exceptions_are_counted_by_kind_and_unknowns_are_not_among_them() -> None:
    noted = cell("2026-04", "exception_noted", exceptions_open=1)
    rows = [
        {"outcome": "exception", "codes": ["DIRECT_PUSH", "NO_TICKET"]},
        {"outcome": "exception", "codes": ["DIRECT_PUSH"]},
        {"outcome": "unknown", "codes": ["NO_TICKET"]},
    ]
    groups = exception_groups([noted], {anchor_of(noted): rows})
    assert [(group.code, group.rows) for group in groups] == [("DIRECT_PUSH", 2), ("NO_TICKET", 1)]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2026-10-02T00:00:00Z", "now"),
        ("2026-10-01T00:00:00Z", "now"),
        ("2026-10-02T00:10:00Z", "in 1 h"),
        ("2026-10-03T23:59:00Z", "in 47 h"),
        ("2026-10-04T00:00:00Z", "in 2 days"),
    ],
)
def test_time_left_is_rounded_towards_less(until: str, said: str) -> None:
    assert wording.left(until, "2026-10-02T00:00:00Z") == said


def test_every_state_has_a_look() -> None:
    states = """
        not_in_effect not_applicable not_due due failed human_decision_pending
        human_decision_overdue collected collected_late performed_late empty_population_confirmed exception_noted
        empty_unconfirmed partial missing_recoverable missing_unrecoverable invalid not_performed
    """.split()
    assert set(LOOKS) == set(states)


def test_what_people_have_to_record_is_nothing_to_collect() -> None:
    """A sign-off that is due, or whose record can't count, is waited for; no collection mends it."""
    signoff = {"control_id": "CC4-MON-01", "evidence_id": "signoff"}
    for state in ("due", "invalid", "human_decision_overdue"):
        html = page(document(cell("2026-09", state, **signoff)), FACTS)
        assert "evidence record sign_off FILE" in html
        assert 'id="collect"' not in html
    assert 'id="collect"' in page(document(cell("2026-09", "due")), FACTS)
    lost = page(document(cell("2026-06", "not_performed", gap="unrecoverable", **signoff)), FACTS)
    assert 'id="lost"' in lost
    assert 'id="decide"' not in lost


def test_findings_that_may_be_accepted_are_collected() -> None:
    findings = {"control_id": "CC7-VUL-01", "evidence_id": "findings"}
    html = page(document(cell("2026-09", "due", **findings)), FACTS)
    assert 'id="collect"' in html
    assert "vulnerability_acceptance" not in html


def test_an_access_review_is_decided_by_its_own_commands() -> None:
    review = {"control_id": "CC6-UAR-01", "evidence_id": "decisions"}
    html = page(document(cell("2026-Q3", "due", **review)), FACTS)
    assert "<code>evidence review list</code>" in html
    assert 'id="collect"' not in html
