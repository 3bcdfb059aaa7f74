"""From the matrix to work, soonest loss first, and to plain words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evidence.completeness.explain import explain
from evidence.completeness.missing import CollectionRequest, missing_work
from tests.fakes.ledger_entries import ACCESS, CHANGES, Ledger, at, cells, programme, repository

REPO, WEB = "github:R_1", "github:R_2"


@pytest.fixture
def ledger() -> Ledger:
    started = Ledger()
    github = {"organisation": "acme", "repositories": ["api", "web", "lost"]}
    started.programme("2025-12-10", programme(scope={"github": github}))
    started.repositories("2025-12-11", repository("R_1", "acme/api"), repository("R_2", "acme/web"))
    return started


def work(ledger: Ledger, as_of: str, **chosen: Any) -> list[CollectionRequest]:
    return missing_work(ledger.matrix(as_of, CHANGES), at(as_of), **chosen)


def shown(requests: list[CollectionRequest]) -> list[tuple[str, list[str], str]]:
    def interval(request: CollectionRequest) -> str:
        if request.interval is None:
            return "now"
        return f"{request.interval.start:%m-%d}..{request.interval.end:%m-%d}"

    return [(r.dataset.removeprefix("github."), [item.id for item in r.items], interval(r)) for r in requests]


class TestMissing:
    def test_soonest_loss_first_items_together_and_unresolved_ones_left_out(self, ledger: Ledger) -> None:
        found = work(ledger, "2026-02-10", window_id="2026-01")
        both = [REPO, WEB]
        assert shown(found) == [
            ("bypasses", both, "01-13..01-22"), ("bypasses", both, "01-22..01-31"), ("bypasses", both, "01-31..02-01"),
            ("pull_requests", both, "01-01..02-01"),
        ]  # fmt: skip
        assert found[0].next_loss == at("2026-02-10"), "its first part is being lost"
        assert found[-1].next_loss is None, "pull requests stay until they are deleted"
        losses = [request.next_loss for request in found if request.next_loss]
        assert losses == sorted(losses)
        assert max(r.interval.end - r.interval.start for r in found[:3] if r.interval) <= timedelta(days=28) / 3

    def test_only_what_is_missing(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-01-15", "2026-01-15T02:00")
        ledger.stream("github.pull_requests", REPO, "2026-01-16", "2026-02-01", "2026-02-01T02:00")
        found = [one for one in shown(work(ledger, "2026-02-10", window_id="2026-01")) if one[0] == "pull_requests"]
        assert found == [("pull_requests", [WEB], "01-01..02-01"), ("pull_requests", [REPO], "01-15..01-16")]

    def test_the_rest_of_a_hole_whatever_its_gap(self, ledger: Ledger) -> None:
        cell = cells(ledger.matrix("2026-02-10", CHANGES))["bypasses", "2026-01", REPO]
        assert cell.gap == "unrecoverable"
        assert any(one[0] == "bypasses" for one in shown(work(ledger, "2026-02-10", window_id="2026-01")))
        assert not any(one[0] == "bypasses" for one in shown(work(ledger, "2026-03-02", window_id="2026-01")))

    def test_a_snapshot_of_now_while_the_window_has_none(self, ledger: Ledger) -> None:
        ledger.snapshot("github.branch_tips", REPO, "2026-02-03T06:00")
        (one,) = [r for r in work(ledger, "2026-02-10") if r.dataset == "github.branch_tips"]
        assert ([item.id for item in one.items], one.interval) == ([WEB], None)
        assert one.cells == ((CHANGES.id, "tips", "2026-02"),)

    def test_open_windows_up_to_the_settle_lag(self, ledger: Ledger) -> None:
        (one,) = [r for r in work(ledger, "2026-02-10", window_id="2026-02") if r.dataset == "github.pull_requests"]
        assert one.interval is not None
        assert (one.interval.start, one.interval.end) == (at("2026-02-01"), at("2026-02-09T23:00"))

    def test_an_unconfirmed_zero_is_read_again(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00", rows=0)
        found = shown(work(ledger, "2026-02-10", window_id="2026-01", scope_item_id=REPO))
        assert ("pull_requests", [REPO], "01-01..02-01") in found

    def test_chosen_by_control_and_item(self, ledger: Ledger) -> None:
        assert work(ledger, "2026-02-10", control_id="CC6-UAR-01") == []
        assert {item.id for r in work(ledger, "2026-02-10", scope_item_id=WEB) for item in r.items} == {WEB}

    def test_nothing_is_missing_of_what_is_covered(self, ledger: Ledger) -> None:
        for item in (REPO, WEB):
            ledger.stream("github.pull_requests", item, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
            ledger.stream("github.bypasses", item, "2026-01-01", "2026-01-16", "2026-01-16T02:00")
            ledger.stream("github.bypasses", item, "2026-01-16", "2026-02-01", "2026-02-01T02:00")
        assert work(ledger, "2026-02-01T03:00", window_id="2026-01") == []


class TestExplain:
    def words(self, ledger: Ledger, evidence: str, window: str, as_of: str, item: str = REPO) -> str:
        controls = (CHANGES, ACCESS)
        return explain(cells(ledger.matrix(as_of, *controls))[evidence, window, item], at(as_of))

    def test_hole_command_and_date(self, ledger: Ledger) -> None:
        ledger.stream("github.bypasses", REPO, "2026-02-01", "2026-02-19", "2026-02-19T02:00")
        ledger.stream("github.bypasses", REPO, "2026-02-19T01:00", "2026-03-01", "2026-03-01T02:00")
        words = self.words(ledger, "bypasses", "2026-02", "2026-03-12")
        assert words == (
            "CC8-CHG-01 bypasses, acme/api, 2026-02: Part of the window is proven and part is not. Not covered: "
            "2026-02-19T00:00:00Z to 2026-02-19T01:00:00Z (1.0 hours). Run `evidence collect --control CC8-CHG-01 "
            "--window 2026-02 --scope github:R_1` before 2026-03-19T00:00:00Z."
        )

    def test_the_failed_run_speaks_for_itself(self, ledger: Ledger) -> None:
        window = {"from": "2026-01-01", "to": "2026-02-01"}
        ledger.failed("github.pull_requests", REPO, "2026-02-01T02:00", "GitHub answered 403.", **window)
        words = self.words(ledger, "merges", "2026-01", "2026-02-03")
        assert "GitHub answered 403 (missing permission: Contents: read)." in words
        assert "2026-02-01T02:00:00Z" in words

    def test_a_run_that_saw_too_little_says_why(self, ledger: Ledger) -> None:
        denied = "not read, nothing is claimed: GitHub denies it. Missing: administration: write."
        ledger.stream(
            "github.bypasses", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00", status="truncated",
            reconciliation=denied,
        )  # fmt: skip
        said = explain(cells(ledger.matrix("2026-02-10", CHANGES))["bypasses", "2026-01", REPO], at("2026-02-10"))
        assert "saw less than there is" in said
        assert f"It says: {denied}" in said

    def test_a_failure_that_was_mended_is_not_told(self, ledger: Ledger) -> None:
        window = {"from": "2026-01-01", "to": "2026-02-01"}
        ledger.failed("github.pull_requests", REPO, "2026-02-01T02:00", "GitHub answered 403.", **window)
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-01-20", "2026-02-02T02:00")
        assert "403" not in self.words(ledger, "merges", "2026-01", "2026-02-03")

    def test_lost_for_good(self, ledger: Ledger) -> None:
        words = self.words(ledger, "tips", "2026-01", "2026-02-03")
        assert "1 snapshot missing in the window." in words
        assert "It can't be mended from the source" in words

    def test_unresolved_items_say_so(self, ledger: Ledger) -> None:
        words = self.words(ledger, "merges", "2026-01", "2026-02-20", "github:unresolved:acme/lost")
        assert "no inventory knows a repository of this name" in words

    def test_a_plan_without_the_source_is_named(self) -> None:
        from dataclasses import replace

        from evidence.controls.sources import GITHUB_ORG_AUDIT_LOG

        only_log = replace(CHANGES, evidence=(replace(CHANGES.evidence[1], sources=(GITHUB_ORG_AUDIT_LOG,)),))
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(scope={"github": {"organisation": "acme", "repositories": ["api"]}}))
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        cell = cells(ledger.matrix("2026-02-20", only_log))["bypasses", "2026-01", REPO]
        assert "no source of it is switched on (github.org_audit_log)" in explain(cell, at("2026-02-20"))

    def test_people(self, ledger: Ledger) -> None:
        words = self.words(ledger, "decisions", "2026-Q1", "2026-04-20", "github:O_1")
        assert "The decision is overdue" in words
        assert "`evidence review open --quarter 2026-Q1`" in words
        assert "before 2026-05-31T00:00:00Z" in words
        assert "can't be mended" in self.words(ledger, "decisions", "2026-Q1", "2026-06-20", "github:O_1")

    def test_what_to_record(self) -> None:
        from evidence.controls.catalogue import control

        ledger = Ledger()
        ledger.programme("2025-12-10", programme())
        shown = cells(ledger.matrix("2026-04-20", control("CC1-GOV-01")))["minutes", "2026-Q1", "org:acme-inc"]
        words = explain(shown, at("2026-04-20"))
        assert "record it: `evidence record template minutes` shows how" in words
        assert "before 2026-05-31T00:00:00Z" in words

    def test_covered_and_untested(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        words = self.words(ledger, "merges", "2026-01", "2026-02-03")
        assert words.endswith("Run `evidence test --control CC8-CHG-01 --window 2026-01`.")
        ledger.outcomes("2026-02-03", CHANGES.id, "merges", REPO, "2026-01", exceptions=1)
        assert "1 exception open." in self.words(ledger, "merges", "2026-01", "2026-02-04")

    def test_every_state_and_gap_has_words(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00", rows=0)
        for as_of in ("2025-12-20", "2026-01-20", "2026-02-03", "2026-04-20", "2026-08-01"):
            for cell in ledger.matrix(as_of, CHANGES, ACCESS).cells:
                assert explain(cell, at(as_of)).startswith(f"{cell.control_id} {cell.evidence_id}, {cell.scope_item}")
