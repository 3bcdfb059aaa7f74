"""From hand-made ledgers to exact cells: which cells there are, what they say, and what proves them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evidence.completeness.json_form import instant_text
from evidence.completeness.matrix import Matrix
from evidence.controls.model import EvidenceLine
from evidence.controls.sources import GOOGLE_DIRECTORY_STATE
from tests.fakes.ledger_entries import (
    ACCESS,
    BACKUPS,
    CHANGES,
    INVENTORY,
    Ledger,
    at,
    cells,
    programme,
    repository,
    states,
)

REPO = "github:R_1"
ORG = "github:O_1"
ACCOUNT = "aws:111122223333"
COMPANY = "org:acme-inc"


def github(**more: Any) -> dict[str, Any]:
    return {"scope": {"github": {"organisation": "acme", "repositories": ["api"], **more}}}


@pytest.fixture
def ledger() -> Ledger:
    """Acme's programme and one inventory, both from before the period."""
    started = Ledger()
    started.programme("2025-12-10")
    started.repositories("2025-12-11", repository("R_1", "acme/api"))
    return started


def unconfigured(matrix: Matrix) -> dict[tuple[str, str | None, str | None], str]:
    return {(one.control_id, one.evidence_id, one.system): one.reason for one in matrix.not_configured}


class TestStreams:
    def test_states_of_one_row(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        ledger.stream("github.pull_requests", REPO, "2026-02-01", "2026-02-20", "2026-02-20T02:00")
        ledger.stream("github.pull_requests", REPO, "2026-02-21", "2026-03-01", "2026-03-01T02:00")
        found = cells(ledger.matrix("2026-04-20", CHANGES))
        assert states(ledger.matrix("2026-04-20", CHANGES), "merges", REPO) == {
            "2026-01": "collected", "2026-02": "partial", "2026-03": "missing_recoverable", "2026-04": "not_due",
            "2026-05": "not_due", "2026-06": "not_due",
        }  # fmt: skip
        (hole,) = found["merges", "2026-02", REPO].cell.holes
        assert (hole.start, hole.end, hole.first_loss) == (at("2026-02-20"), at("2026-02-21"), None)

    def test_loss_dates_by_the_sources_that_are_there(self, ledger: Ledger) -> None:
        cell = cells(ledger.matrix("2026-02-20", CHANGES))["bypasses", "2026-02", REPO]
        assert (cell.gap, cell.until) == ("recoverable", at("2026-03-01")), "rule suites alone: 28 days"
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(**github(plan="enterprise_cloud")))
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        cell = cells(ledger.matrix("2026-02-20", CHANGES))["bypasses", "2026-02", REPO]
        assert cell.until == at("2026-07-31"), "with the audit log: 180 days"

    def test_an_audit_log_bought_in_spring_does_not_help_winter(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(**github()))
        ledger.programme("2026-02-10", programme(**github(plan="enterprise_cloud")))
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        found = cells(ledger.matrix("2026-03-20", CHANGES))
        assert found["bypasses", "2026-01", REPO].until == at("2026-01-29")
        assert found["bypasses", "2026-03", REPO].until == at("2026-08-28")

    def test_a_line_without_any_source_in_the_plan_keeps_its_cells(self) -> None:
        only_log = replace(CHANGES, evidence=(replace(CHANGES.evidence[1], sources=CHANGES.evidence[1].sources[1:]),))
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(**github()))
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        found = cells(ledger.matrix("2026-01-20", only_log))
        assert found["bypasses", "2026-01", REPO].state == "missing_unrecoverable"
        assert not found["bypasses", "2026-01", REPO].parts[0].group.switched_on
        ledger.stream("github.bypasses", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        assert states(ledger.matrix("2026-02-02", only_log), "bypasses", REPO)["2026-01"] == "collected"

    def test_failed_truncated_and_empty(self, ledger: Ledger) -> None:
        window = {"from": "2026-01-01", "to": "2026-02-01"}
        ledger.failed("github.pull_requests", REPO, "2026-02-01T02:00", "403 from GitHub", **window)
        assert states(ledger.matrix("2026-02-07", CHANGES), "merges", REPO)["2026-01"] == "failed"
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-07T02:00", status="truncated")
        assert states(ledger.matrix("2026-02-12", CHANGES), "merges", REPO)["2026-01"] == "missing_recoverable"
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-12T02:00", rows=0)
        assert states(ledger.matrix("2026-02-13", CHANGES), "merges", REPO)["2026-01"] == "empty_unconfirmed"
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-13T02:00", rows=0, proof_of_life=True
        )
        found = cells(ledger.matrix("2026-02-14", CHANGES))["merges", "2026-01", REPO]
        assert (found.state, "late" in found.flags) == ("empty_population_confirmed", True)

    def test_a_prefix_of_a_truncated_run_counts(self, ledger: Ledger) -> None:
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00", status="truncated",
            complete_until="2026-01-20T00:00:00Z",
        )  # fmt: skip
        (hole,) = cells(ledger.matrix("2026-02-20", CHANGES))["merges", "2026-01", REPO].cell.holes
        assert (hole.start, hole.end) == (at("2026-01-20"), at("2026-02-01"))

    def test_rows_of_a_run_over_several_months(self, ledger: Ledger) -> None:
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-03-01", "2026-03-01T02:00", rows=9,
            rows_by_month={"2026-01": 9},
        )  # fmt: skip
        found = cells(ledger.matrix("2026-03-02", CHANGES))
        assert found["merges", "2026-01", REPO].cell.population_count == 9
        assert found["merges", "2026-02", REPO].state == "empty_unconfirmed"

    def test_rows_of_months_add_up_to_quarters(self, ledger: Ledger) -> None:
        quarterly = replace(CHANGES, evidence=(replace(CHANGES.evidence[0], window_cadence="quarterly"),))
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-05-01", "2026-05-01T02:00", rows=9,
            rows_by_month={"2026-01": 4, "2026-03": 3, "2026-04": 2},
        )  # fmt: skip
        assert cells(ledger.matrix("2026-05-02", quarterly))["merges", "2026-Q1", REPO].cell.population_count == 7

    def test_damaged_objects(self, ledger: Ledger) -> None:
        seq = ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        cell = cells(ledger.matrix("2026-02-03", CHANGES, damaged=[f"sha256:o{seq}"]))["merges", "2026-01", REPO]
        assert cell.state == "invalid"

    def test_later_entries_change_no_earlier_answer(self, ledger: Ledger) -> None:
        before = ledger.matrix("2026-02-04", CHANGES).to_json()
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-03-20T02:00")
        ledger.programme("2026-03-21", programme(**github()))
        ledger.record(
            "not_applicable",
            "2026-03-22",
            CHANGES.id,
            "merges",
            REPO,
            from_="2026-01-01",
            to="2026-02-01",
            requested_by="a@acme.com",
            approved_by="b@acme.com",
            approved_at="2026-01-01",
            reason="none",
        )
        ledger.outcomes("2026-03-23", CHANGES.id, "merges", REPO, "2026-01", exceptions=2)
        assert ledger.matrix("2026-02-04", CHANGES).to_json() == before
        assert states(ledger.matrix("2026-03-21", CHANGES), "merges", REPO)["2026-01"] == "collected_late"


class TestSnapshots:
    def test_quorum_and_silence(self, ledger: Ledger) -> None:
        """The snapshot of 14 February covers until 21 March: March has none, and April begins uncovered."""
        for day in ("2026-01-15", "2026-02-14", "2026-04-02"):
            ledger.snapshot("github.branch_tips", REPO, f"{day}T06:00")
        assert states(ledger.matrix("2026-04-10", CHANGES), "tips", REPO) == {
            "2026-01": "collected", "2026-02": "collected", "2026-03": "missing_unrecoverable", "2026-04": "partial",
            "2026-05": "not_due", "2026-06": "not_due",
        }  # fmt: skip

    def test_a_truncated_snapshot_is_none(self, ledger: Ledger) -> None:
        ledger.snapshot("github.branch_tips", REPO, "2026-01-15T06:00", status="truncated")
        assert states(ledger.matrix("2026-02-02", CHANGES), "tips", REPO)["2026-01"] == "missing_unrecoverable"


class TestWhichSources:
    def test_every_group_of_the_programme_is_needed_where_items_have_no_system(self, ledger: Ledger) -> None:
        ledger.snapshot("github.repositories", COMPANY, "2026-01-15T06:00")
        assert states(ledger.matrix("2026-02-02", INVENTORY), "inventory", COMPANY)["2026-01"] == (
            "missing_unrecoverable"
        )
        ledger.snapshot("aws.accounts", COMPANY, "2026-01-20T06:00")
        matrix = ledger.matrix("2026-02-02", INVENTORY)
        cell = cells(matrix)["inventory", "2026-01", COMPANY]
        assert (cell.state, len(cell.parts)) == ("collected", 2)
        assert unconfigured(matrix) == {
            (INVENTORY.id, "inventory", "google"): "google is not part of the programme (google.reports_activities)"
        }

    def test_an_item_of_one_system_needs_that_system_alone(self, ledger: Ledger) -> None:
        ledger.snapshot("github.members", ORG, "2026-03-15T06:00")
        ledger.snapshot("github.members", ORG, "2026-01-15T06:00")
        found = states(ledger.matrix("2026-04-02", ACCESS), "pack", ORG)
        assert found == {"2026-Q1": "collected", "2026-Q2": "not_due"}
        assert states(ledger.matrix("2026-04-02", ACCESS), "pack", ACCOUNT)["2026-Q1"] == "missing_unrecoverable"

    def test_decisions_of_people_are_needed_for_items_of_every_system(self, ledger: Ledger) -> None:
        matrix = ledger.matrix("2026-04-02", ACCESS)
        assert {key[2] for key in cells(matrix) if key[0] == "decisions"} == {ORG, ACCOUNT}

    def test_a_group_without_a_collector_is_listed_and_makes_no_cells(self, ledger: Ledger) -> None:
        google = {**github(), "scope": {**github()["scope"], "google": {
            "customer": "C01abcd", "domain": "acme.com", "delegate": "audit@acme.com"}}}  # fmt: skip
        line = EvidenceLine(
            "users", "snapshot", "monthly", (GOOGLE_DIRECTORY_STATE,), "", max_gap_hours=840, grace_days=5
        )
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(**google))
        matrix = ledger.matrix("2026-02-02", replace(ACCESS, evidence=(line,)))
        assert matrix.cells == ()
        assert unconfigured(matrix)[ACCESS.id, "users", "google"] == (
            "there is no collector for google.directory_state yet"
        )

    def test_a_system_that_left_the_programme_is_expected_until_then(self, ledger: Ledger) -> None:
        ledger.programme("2026-03-10", programme(**github()))
        found = cells(ledger.matrix("2026-06-01", ACCESS))["pack", "2026-Q1", ACCOUNT]
        assert found.cell.clipped is not None
        assert found.cell.clipped.end == at("2026-03-10")
        assert cells(ledger.matrix("2026-06-01", ACCESS))["pack", "2026-Q2", ACCOUNT].state == "not_in_effect"

    def test_the_company_s_line_loses_the_group_but_not_the_cell(self, ledger: Ledger) -> None:
        for day in ("2026-01-15", "2026-02-15", "2026-03-05"):
            ledger.snapshot("github.repositories", COMPANY, f"{day}T06:00")
            ledger.snapshot("aws.accounts", COMPANY, f"{day}T06:00")
        ledger.snapshot("github.repositories", COMPANY, "2026-04-05T06:00")
        ledger.programme("2026-03-10", programme(**github()))
        found = states(ledger.matrix("2026-05-02", INVENTORY), "inventory", COMPANY)
        assert [found[f"2026-0{month}"] for month in (1, 2, 3, 4)] == ["collected"] * 4


class TestScope:
    def test_unresolved_repositories_have_cells(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10")
        found = states(ledger.matrix("2026-02-20", CHANGES), "merges", "github:unresolved:acme/api")
        assert (found["2026-01"], found["2026-02"]) == ("missing_recoverable", "not_due")
        ledger.repositories("2026-02-25", repository("R_1", "acme/api"))
        assert {cell.scope_item_id for cell in ledger.matrix("2026-02-26", CHANGES).cells} == {REPO}

    def test_a_repository_taken_out_keeps_the_cells_it_had(self, ledger: Ledger) -> None:
        two = {"scope": {"github": {"organisation": "acme", "repositories": ["api", "web"]}}}
        ledger.programme("2025-12-20", programme(**two))
        ledger.repositories("2025-12-21", repository("R_1", "acme/api"), repository("R_2", "acme/web"))
        ledger.programme("2026-03-05", programme(**github()))
        matrix = ledger.matrix("2026-04-20", CHANGES)
        found = states(matrix, "merges", "github:R_2")
        assert found == {
            "2026-01": "missing_recoverable", "2026-02": "missing_recoverable", "2026-03": "missing_recoverable",
            "2026-04": "not_in_effect", "2026-05": "not_in_effect", "2026-06": "not_in_effect",
        }  # fmt: skip
        clipped = cells(matrix)["merges", "2026-03", "github:R_2"].cell.clipped
        assert clipped is not None
        assert clipped.end == at("2026-03-05")
        assert [one["what"] for one in matrix.to_json()["removed"]][-1] == (
            "repository acme/web is no longer part of the programme"
        )

    def test_a_moved_date_keeps_what_was_expected_before(self, ledger: Ledger) -> None:
        later = {"controls": {CHANGES.id: {"effective_from": "2026-05-01"}}}
        ledger.programme("2026-02-10", programme(**github(), **later))
        ledger.stream("github.pull_requests", REPO, "2026-02-01", "2026-03-01", "2026-03-01T02:00")
        found = states(ledger.matrix("2026-03-20", CHANGES), "merges", REPO)
        assert (found["2026-01"], found["2026-02"], found["2026-03"], found["2026-05"]) == (
            "missing_recoverable", "collected", "not_in_effect", "not_due",
        )  # fmt: skip

    def test_two_stretches_of_one_window_make_one_cell(self, ledger: Ledger) -> None:
        off = {"controls": {CHANGES.id: {"effective_from": "2026-02-20"}}}
        ledger.programme("2026-02-10", programme(**github(), **off))
        ledger.stream("github.pull_requests", REPO, "2026-02-20", "2026-03-01", "2026-03-01T02:00")
        matrix = ledger.matrix("2026-03-20", CHANGES)
        assert [key[1] for key in cells(matrix) if key[0] == "merges"].count("2026-02") == 1
        (hole,) = cells(matrix)["merges", "2026-02", REPO].cell.holes
        assert (hole.start, hole.end) == (at("2026-02-01"), at("2026-02-10"))

    def test_a_shortened_period_keeps_its_days_up_to_the_recording(self, ledger: Ledger) -> None:
        short = {"observation_period": {"start": "2026-01-01", "end": "2026-02-28"}}
        ledger.programme("2026-04-10", programme(**github(), **short))
        matrix = ledger.matrix("2026-05-20", CHANGES)
        assert list(states(matrix, "merges", REPO)) == ["2026-01", "2026-02", "2026-03", "2026-04"]
        clipped = cells(matrix)["merges", "2026-04", REPO].cell.clipped
        assert clipped is not None
        assert clipped.end == at("2026-04-10")

    def test_controls_that_are_off_or_of_another_category(self) -> None:
        off = {"controls": {CHANGES.id: {"enabled": False, "reason": "no code of our own"}}}
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(**github(), **off))
        matrix = ledger.matrix("2026-02-02", CHANGES, BACKUPS)
        assert matrix.cells == ()
        assert unconfigured(matrix) == {(CHANGES.id, None, None): "switched off: no code of our own"}

    def test_a_control_without_items_says_so(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10", programme(scope={}))
        assert unconfigured(ledger.matrix("2026-02-02", CHANGES))[CHANGES.id, None, None] == "no repository is in scope"

    def test_controls_that_the_catalogue_lost_are_named(self, ledger: Ledger) -> None:
        ledger.outcomes("2026-02-02", "CC9-OLD-01", "x", REPO, "2026-01")
        assert ledger.matrix("2026-02-03", CHANGES).dropped_controls == ("CC9-OLD-01",)


class TestRules:
    def grace(self, days: int) -> dict[str, Any]:
        return programme(**github(), controls={CHANGES.id: {"grace_days": days}})

    def deadlines(self, ledger: Ledger) -> dict[str, str]:
        matrix = ledger.matrix("2026-06-20", CHANGES)
        return {
            cell.window_id: instant_text(cell.cell.deadline_at)[5:10]
            for cell in matrix.cells
            if cell.evidence_id == "merges"
        }

    def test_tightened_counts_for_the_running_window_loosened_for_later_ones(self, ledger: Ledger) -> None:
        ledger.programme("2026-02-10", self.grace(2))
        assert self.deadlines(ledger) == {
            "2026-01": "02-11", "2026-02": "03-08", "2026-03": "04-08", "2026-04": "05-08", "2026-05": "06-08",
            "2026-06": "07-08",
        }  # fmt: skip
        ledger.programme("2026-04-10", self.grace(20))
        assert self.deadlines(ledger) == {
            "2026-01": "02-11", "2026-02": "03-08", "2026-03": "04-08", "2026-04": "05-08", "2026-05": "06-26",
            "2026-06": "07-26",
        }  # fmt: skip

    def cadence(self, cadence: str) -> dict[str, Any]:
        return programme(**github(), controls={CHANGES.id: {"evidence": {"merges": {"cadence": cadence}}}})

    def windows(self, ledger: Ledger) -> list[str]:
        return sorted(states(ledger.matrix("2026-06-20", CHANGES), "merges", REPO))

    def test_a_longer_cadence_begins_with_its_next_whole_window(self, ledger: Ledger) -> None:
        ledger.programme("2026-02-10", self.cadence("quarterly"))
        assert self.windows(ledger) == ["2026-01", "2026-02", "2026-03", "2026-Q2"]

    def test_a_shorter_cadence_begins_at_once_and_the_longer_window_stays(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10", self.cadence("quarterly"))
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        ledger.programme("2026-02-10", self.cadence("monthly"))
        assert self.windows(ledger) == ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-Q1"]

    def test_a_longer_silence_between_snapshots_helps_later_windows_only(self, ledger: Ledger) -> None:
        loose = {"controls": {CHANGES.id: {"evidence": {"tips": {"max_gap_hours": 2000}}}}}
        ledger.programme("2026-02-20", programme(**github(), **loose))
        for day in ("2026-01-02", "2026-02-25", "2026-03-02", "2026-04-29"):
            ledger.snapshot("github.branch_tips", REPO, f"{day}T06:00")
        found = states(ledger.matrix("2026-05-02", CHANGES), "tips", REPO)
        assert (found["2026-02"], found["2026-04"]) == ("partial", "collected")


class TestPeople:
    PEOPLE = (
        {"person_id": "p1", "email": "cto@acme.com", "aliases": ["boss@acme.com"]},
        {"person_id": "p2", "email": "lead@acme.com", "aliases": None},
    )

    @pytest.fixture
    def ledger(self) -> Ledger:
        ledger = Ledger()
        reviewers = {"people": {"reviewers": ["cto@acme.com", {"email": "lead@acme.com", "to": "2026-03-01"}]}}
        ledger.programme("2025-12-10", programme(**github(), **reviewers), people=self.PEOPLE)
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        return ledger

    def review(self, ledger: Ledger, **body: Any) -> int:
        fields = {"for_window": "2026-Q1", "performed_at": "2026-03-28T10:00", "population_at": "2026-03-25"}
        return ledger.record("periodic", "2026-03-28T10:00", ACCESS.id, "decisions", ORG, **{**fields, **body})

    def state(self, ledger: Ledger, as_of: str = "2026-04-02") -> str:
        return states(ledger.matrix(as_of, ACCESS), "decisions", ORG)["2026-Q1"]

    def test_review(self, ledger: Ledger) -> None:
        assert self.state(ledger) == "due"
        ledger.record("pack", "2026-03-25", ACCESS.id, "decisions", ORG, window="2026-Q1")
        assert self.state(ledger) == "human_decision_pending"
        seq = self.review(ledger, signed_by="boss@acme.com")
        matrix = ledger.matrix("2026-04-02", ACCESS)
        assert self.state(ledger) == "collected"
        assert cells(matrix)["decisions", "2026-Q1", ORG].evidence == [seq - 1, seq]
        assert states(matrix, "decisions", ORG)["2026-Q2"] == "not_due"

    def test_undecided_rows(self, ledger: Ledger) -> None:
        self.review(ledger, undecided=2)
        assert self.state(ledger) == "invalid"

    def test_only_listed_people_sign(self, ledger: Ledger) -> None:
        self.review(ledger, signed_by="intern@acme.com")
        assert self.state(ledger) == "invalid"
        self.review(ledger, signed_by="lead@acme.com")
        assert self.state(ledger) == "invalid", "off the list since 2 March"
        self.review(ledger, signed_by="CTO@acme.com")
        assert self.state(ledger) == "collected"

    def test_a_list_changed_afterwards_makes_nobody_a_reviewer_of_the_past(self, ledger: Ledger) -> None:
        self.review(ledger, signed_by="intern@acme.com")
        added = {"people": {"reviewers": ["cto@acme.com", {"email": "intern@acme.com", "from": "2026-01-01"}]}}
        ledger.programme("2026-03-30", programme(**github(), **added), people=self.PEOPLE)
        assert self.state(ledger) == "invalid"

    def test_nobody_approves_their_own_note_under_another_address(self, ledger: Ledger) -> None:
        def note(approver: str) -> None:
            ledger.record(
                "not_applicable",
                "2026-01-05",
                CHANGES.id,
                None,
                REPO,
                from_="2026-01-01",
                to="2026-02-01",
                requested_by="cto@acme.com",
                approved_by=approver,
                approved_at="2026-01-05",
                reason="idle",
            )

        note("boss@acme.com")
        assert states(ledger.matrix("2026-02-20", CHANGES), "merges", REPO)["2026-01"] == "missing_recoverable"
        note("lead@acme.com")
        matrix = ledger.matrix("2026-02-20", CHANGES)
        assert states(matrix, "merges", REPO)["2026-01"] == "not_applicable"
        assert states(matrix, "tips", REPO)["2026-01"] == "not_applicable", "a note without a line is about all"
        assert [one["reason"] for one in matrix.to_json()["not_applicable"]] == ["idle", "idle"]
        assert cells(matrix)["merges", "2026-01", REPO].evidence == [3, 4]


class TestOutcomes:
    @pytest.fixture
    def ledger(self, ledger: Ledger) -> Ledger:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        return ledger

    def cell(self, ledger: Ledger, as_of: str = "2026-02-20") -> Any:
        return cells(ledger.matrix(as_of, CHANGES))["merges", "2026-01", REPO]

    def dispose(self, ledger: Ledger, item: str, disposition: str = "false_positive", **more: Any) -> None:
        ledger.record("disposition", "2026-02-10", CHANGES.id, "merges", REPO, window="2026-01", item_id=item,
                      disposition=disposition, **more)  # fmt: skip

    def test_covered_is_not_tested(self, ledger: Ledger) -> None:
        assert (self.cell(ledger).state, self.cell(ledger).flags) == ("collected", ("not_tested",))
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01")
        assert (self.cell(ledger).state, self.cell(ledger).flags) == ("collected", ())
        assert self.cell(ledger).to_json()["tested"]["exceptions"] == 0

    def test_tested_before_the_evidence_was_complete(self, ledger: Ledger) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10")
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        ledger.outcomes("2026-01-20", CHANGES.id, "merges", REPO, "2026-01")
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        assert self.cell(ledger).flags == ("test_outdated",)
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01")
        assert self.cell(ledger).flags == ()
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-09T02:00", changes_population=True
        )
        assert "test_outdated" in self.cell(ledger).flags

    def test_tested_while_the_window_was_open(self, ledger: Ledger) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-10")
        ledger.repositories("2025-12-11", repository("R_1", "acme/api"))
        for day in ("2026-01-10", "2026-01-31"):
            ledger.snapshot("github.branch_tips", REPO, f"{day}T06:00")
        ledger.outcomes("2026-01-20", CHANGES.id, "tips", REPO, "2026-01")
        control = replace(CHANGES, evidence=(replace(CHANGES.evidence[2], is_population=True),))
        assert cells(ledger.matrix("2026-01-25", control))["tips", "2026-01", REPO].flags == ()
        assert cells(ledger.matrix("2026-02-02", control))["tips", "2026-01", REPO].flags == ("test_outdated",)

    def test_exceptions_and_their_dispositions(self, ledger: Ledger) -> None:
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01", exceptions=2)
        assert (self.cell(ledger).state, self.cell(ledger).cell.exceptions_open) == ("exception_noted", 2)
        self.dispose(ledger, "pr:1")
        self.dispose(ledger, "pr:2", "confirmed")
        assert self.cell(ledger).cell.exceptions_open == 1
        self.dispose(ledger, "pr:2")
        assert (self.cell(ledger).state, self.cell(ledger).cell.exceptions_open) == ("collected", 0)
        self.dispose(ledger, "pr:1", "confirmed")
        assert self.cell(ledger).cell.exceptions_open == 1, "the latest word counts"

    def test_dispositions_are_held_against_the_items_where_the_summary_names_them(self, ledger: Ledger) -> None:
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01", exceptions=2,
                        exception_items={"pr:1": ["NO_TICKET"], "pr:2": ["NO_APPROVAL", "NO_TICKET"]})  # fmt: skip
        self.dispose(ledger, "pr:9")
        assert self.cell(ledger).cell.exceptions_open == 2, "no exception of this window"
        self.dispose(ledger, "pr:2", code="NO_TICKET")
        assert self.cell(ledger).cell.exceptions_open == 2, "one of its two codes stands"
        self.dispose(ledger, "pr:2", code="NO_APPROVAL")
        assert self.cell(ledger).cell.exceptions_open == 1

    def test_latest_test_of_each_window_counts(self, ledger: Ledger) -> None:
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01", exceptions=2)
        ledger.outcomes("2026-02-03", CHANGES.id, "merges", REPO, "2026-02", exceptions=0)
        assert self.cell(ledger).state == "exception_noted"
        ledger.outcomes("2026-02-04", CHANGES.id, "merges", REPO, "2026-01", exceptions=0)
        assert self.cell(ledger).state == "collected"
        assert self.cell(ledger, "2026-02-03").state == "exception_noted"

    def test_unknown_and_overdue_pending_are_no_pass(self, ledger: Ledger) -> None:
        ledger.outcomes("2026-02-02", CHANGES.id, "merges", REPO, "2026-01", pending=2,
                        resolves_at="2026-02-12T00:00:00Z")  # fmt: skip
        assert self.cell(ledger, "2026-02-10").flags == ("outcome_pending",)
        assert self.cell(ledger, "2026-02-10").cell.outcomes_pending == 2
        assert self.cell(ledger, "2026-02-13").flags == ("outcome_unknown",)
        ledger.outcomes("2026-02-14", CHANGES.id, "merges", REPO, "2026-01", unknown=1)
        assert self.cell(ledger, "2026-02-15").flags == ("outcome_unknown",)
        assert ledger.matrix("2026-02-15", CHANGES).to_json()["tests"]["outcome_unknown"] == 1

    def test_restated_after_the_seal(self, ledger: Ledger) -> None:
        ledger.record("seal", "2026-02-08", CHANGES.id, "merges", REPO, window="2026-01", sealed_at="2026-02-08")
        ledger.stream(
            "github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-15T02:00", changes_population=True
        )
        cell = self.cell(ledger)
        assert (cell.state, cell.cell.revision, "restated" in cell.flags) == ("collected", 2, True)


class TestDocument:
    def test_contract(self, ledger: Ledger) -> None:
        seq = ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        document = ledger.matrix("2026-02-20", CHANGES, catalogue_digest="sha256:cat", ledger_head="sha256:h").to_json()
        assert document["period"] == {"start": "2026-01-01", "end": "2026-06-30", "timezone": "UTC"}
        assert (document["as_of"], document["simulated"]) == ("2026-02-20T00:00:00Z", True)
        assert (document["catalogue_digest"], document["ledger_head"]) == ("sha256:cat", "sha256:h")
        assert document["programme_digest"] == "sha256:p1"
        assert document["rollup"]["verdict"] == "permanent_gaps"
        (cell,) = [c for c in document["cells"] if (c["evidence_id"], c["window_id"]) == ("merges", "2026-01")]
        assert {**cell} == {
            "control_id": "CC8-CHG-01", "evidence_id": "merges", "window_id": "2026-01", "scope_item_id": REPO,
            "scope_item": "acme/api", "state": "collected", "gap": "none", "until": None, "next_loss": None,
            "flags": ["not_tested"], "holes": [], "population_count": 3, "exceptions_open": 0, "outcomes_pending": 0,
            "due_at": "2026-02-06T00:00:00Z", "deadline_at": "2026-02-11T00:00:00Z",
            "first_proof_at": "2026-02-01T02:01:00Z", "revision": 1, "evidence": [seq],
        }  # fmt: skip

    def test_every_cell_names_what_proves_it(self, ledger: Ledger) -> None:
        first = ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-15", "2026-02-15T02:00")
        second = ledger.stream("github.pull_requests", REPO, "2026-02-15", "2026-03-01", "2026-03-01T02:00")
        window = {"from": "2026-02-01", "to": "2026-03-01"}
        ledger.failed("github.pull_requests", REPO, "2026-03-02T02:00", "no", **window)
        december = ledger.snapshot("github.branch_tips", REPO, "2025-12-20T06:00")
        january = ledger.snapshot("github.branch_tips", REPO, "2026-01-10T06:00")
        found = cells(ledger.matrix("2026-03-20", CHANGES))
        assert found["merges", "2026-01", REPO].evidence == [first]
        assert found["merges", "2026-02", REPO].evidence == [first, second]
        assert found["merges", "2026-03", REPO].evidence == []
        assert found["tips", "2026-01", REPO].evidence == [december, january]
        assert found["tips", "2026-02", REPO].evidence == [january]
        assert found["tips", "2026-03", REPO].evidence == []

    def test_the_same_ledger_gives_the_same_document(self, ledger: Ledger) -> None:
        ledger.stream("github.pull_requests", REPO, "2026-01-01", "2026-02-01", "2026-02-01T02:00")
        assert ledger.matrix("2026-02-20").to_json() == ledger.matrix("2026-02-20").to_json()
