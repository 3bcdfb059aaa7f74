"""The programme in effect: what a later version removes stays in effect until it was recorded, and stays listed."""

from __future__ import annotations

from datetime import date

import pytest

from evidence.programme_history import ProgrammeHistory
from evidence.timeline import ALWAYS, ALWAYS_FROM, ALWAYS_TO, fold, fold_exclusions
from schemas.errors import ConfigurationError
from tests.fakes.ledger_entries import Ledger, at, programme


def period(start: str, end: str) -> dict[str, object]:
    return {"observation_period": {"start": start, "end": end}}


def history(*versions: tuple[str, dict[str, object]], as_of: str = "2026-12-31") -> ProgrammeHistory:
    ledger = Ledger()
    for recorded, parts in versions:
        ledger.programme(recorded, programme(**parts))
    return ledger.history(as_of)


def removed(found: ProgrammeHistory) -> list[tuple[str, int]]:
    return [(one.kind, one.version) for one in found.removed]


def days(spans: tuple[tuple[int, int], ...]) -> list[tuple[str, str]]:
    from evidence.completeness.instants import instant

    def text(tick: int) -> str:
        return "always" if tick in (ALWAYS_FROM, ALWAYS_TO) else instant(tick).strftime("%m-%d")

    return [(text(low), text(high)) for low, high in spans]


class TestFold:
    def test_removal_counts_from_its_recording(self) -> None:
        found = fold([(10, [(0, 100)]), (40, [(0, 20)])])
        assert found.spans == ((0, 40),)
        assert [(gone.recorded, gone.spans) for gone in found.removed] == [(40, ((40, 100),))]

    def test_addition_counts_from_its_own_start(self) -> None:
        found = fold([(10, [(50, 100)]), (60, [(0, 100)])])
        assert found.spans == ((0, 100),)
        assert found.removed == ()

    def test_first_version_holds_as_written(self) -> None:
        assert fold([(99, [(0, 10)])]).spans == ((0, 10),)

    def test_exclusions_count_from_their_recording_and_end_without_trace_when_withdrawn(self) -> None:
        assert fold_exclusions([(0, []), (40, [(10, 80)])]) == ((40, 80),)
        assert fold_exclusions([(0, []), (40, [(10, 80)]), (60, [(10, 90)])]) == ((40, 90),)
        assert fold_exclusions([(0, []), (40, [(10, 80)]), (60, [])]) == ()


class TestPeriod:
    def test_moved_before_it_begins(self) -> None:
        found = history(("2025-12-01", {}), ("2025-12-15", period("2026-02-01", "2026-07-31")))
        assert (found.chosen.start, found.chosen.end) == (date(2026, 2, 1), date(2026, 7, 31))
        assert not found.chosen.has_gaps
        assert removed(found) == [("period", 2)]

    def test_shortened_while_it_runs(self) -> None:
        found = history(
            ("2025-12-01", {}),
            ("2026-05-10T12:00", period("2026-01-01", "2026-03-31")),
        )
        assert found.chosen.end == date(2026, 5, 10)
        assert days(found.chosen.spans) == [("01-01", "05-10")]
        assert [days(one.spans) for one in found.removed] == [[("05-10", "07-01")]]

    def test_shortened_in_the_first_days_of_a_month_leaves_a_week_of_it(self) -> None:
        """A stub of two days would be judged together with April, and stand for an April without a snapshot."""
        found = history(("2025-12-01", {}), ("2026-05-02T12:00", period("2026-01-01", "2026-04-30")))
        assert found.chosen.end == date(2026, 5, 7)
        assert days(found.chosen.spans) == [("01-01", "05-08")]
        assert [days(one.spans) for one in found.removed] == [[("05-08", "07-01")]]

    def test_a_later_start_is_listed_though_it_moves_nothing_that_has_begun(self) -> None:
        found = history(("2025-12-01", {}), ("2026-05-10", period("2026-03-01", "2026-06-30")))
        assert found.chosen.start == date(2026, 1, 1)
        assert [(one.kind, one.spans) for one in found.removed] == [("period", ())]
        assert found.removed[0].what.endswith("; what had begun stays")

    def test_start_moved_while_it_runs_leaves_a_gap_and_no_cell_less(self) -> None:
        found = history(("2025-12-01", {}), ("2026-02-10", period("2026-04-01", "2026-09-30")))
        assert days(found.chosen.spans) == [("01-01", "02-10"), ("04-01", "10-01")]
        assert (found.chosen.start, found.chosen.end) == (date(2026, 1, 1), date(2026, 9, 30))
        assert found.chosen.has_gaps

    def test_extended(self) -> None:
        found = history(("2025-12-01", {}), ("2026-06-10", period("2026-01-01", "2026-12-31")))
        assert days(found.chosen.spans) == [("01-01", "01-01")]
        assert found.chosen.end == date(2026, 12, 31)
        assert found.removed == ()

    def test_the_next_period_follows_and_the_one_before_can_still_be_asked_for(self) -> None:
        later = period("2026-07-01", "2026-12-31")
        found = history(("2025-12-01", {}), ("2026-07-02", later))
        assert found.chosen.start == date(2026, 7, 1)
        assert [period.start for period in found.previous_periods] == [date(2026, 1, 1)]
        assert found.choose_period(date(2026, 1, 1)).chosen.end == date(2026, 6, 30)
        with pytest.raises(ConfigurationError, match="2026-01-01, 2026-07-01"):
            found.choose_period(date(2026, 3, 1))

    def test_a_later_period_recorded_while_the_present_one_runs_is_a_move(self) -> None:
        later = period("2026-07-01", "2026-12-31")
        found = history(("2025-12-01", {}), ("2026-06-01", later))
        assert days(found.chosen.spans) == [("01-01", "06-01"), ("07-01", "01-01")]
        assert found.previous_periods == ()

    def test_zone_of_a_period_that_has_begun_stays(self) -> None:
        found = history(("2025-12-01", {}), ("2026-02-01", {"timezone": "America/New_York"}))
        assert found.timezone == "UTC"
        assert removed(found) == [("timezone", 2)]
        assert (
            history(("2025-12-01", {}), ("2025-12-02", {"timezone": "America/New_York"})).timezone == "America/New_York"
        )


class TestControls:
    def spans(self, found: ProgrammeHistory, control: str = "CC7-DET-01") -> list[tuple[str, str]]:
        return days(found.control_spans(control, "security"))

    def test_effective_date_of_the_first_version_holds(self) -> None:
        found = history(("2025-12-01", {"controls": {"CC7-DET-01": {"effective_from": "2026-03-10"}}}))
        assert self.spans(found) == [("03-10", "07-01")]

    def test_effective_date_moved_later_counts_from_its_recording(self) -> None:
        later = {"controls": {"CC7-DET-01": {"effective_from": "2026-05-01"}}}
        found = history(("2025-12-01", {}), ("2026-02-10", later))
        assert self.spans(found) == [("01-01", "02-10"), ("05-01", "07-01")]
        assert removed(found) == [("control", 2)]

    def test_effective_date_moved_earlier_counts_at_once(self) -> None:
        found = history(
            ("2025-12-01", {"controls": {"CC7-DET-01": {"effective_from": "2026-05-01"}}}),
            ("2026-05-20", {"controls": {"CC7-DET-01": {"effective_from": "2026-02-01"}}}),
        )
        assert self.spans(found) == [("02-01", "07-01")]

    def test_switched_off_counts_from_its_recording_and_stays_listed_when_switched_on_again(self) -> None:
        off = {"controls": {"CC7-DET-01": {"enabled": False, "reason": "not used"}}}
        found = history(("2025-12-01", {}), ("2026-03-05", off))
        assert self.spans(found) == [("01-01", "03-05")]
        again = history(("2025-12-01", {}), ("2026-03-05", off), ("2026-04-05", {}))
        assert self.spans(again) == [("01-01", "07-01")]
        assert removed(again) == [("control", 2)]
        assert "not used" in again.removed[0].what

    def test_category_dropped(self) -> None:
        both = {"categories": ["security", "availability"]}
        found = history(("2025-12-01", both), ("2026-02-01", {}))
        assert days(found.control_spans("A1-BKP-01", "availability")) == [("01-01", "02-01")]
        assert found.control_spans("C1-CLS-01", "confidentiality") == ()
        assert removed(found) == [("category", 2)]


CATALOGUE = {
    "cadence": "monthly", "due_days": 5, "grace_days": 5, "late_limit_days": 60, "max_gap_hours": None,
    "pack_max_age_days": None, "min_count": 1,
}  # fmt: skip


class TestRules:
    def test_one_version_makes_one_set_of_rules(self) -> None:
        found = history(("2025-12-01", {"controls": {"CC7-DET-01": {"grace_days": 3}}}))
        (only,) = found.line_rules("CC7-DET-01", "state", CATALOGUE)
        assert (only.recorded, only.rules["grace_days"], only.rules["due_days"]) == (ALWAYS_FROM, 3, 5)

    def test_a_line_wins_over_its_control(self) -> None:
        override = {"grace_days": 3, "evidence": {"state": {"grace_days": 1}}}
        found = history(("2025-12-01", {"controls": {"CC7-DET-01": override}}))
        assert found.line_rules("CC7-DET-01", "state", CATALOGUE)[0].rules["grace_days"] == 1
        assert found.line_rules("CC7-DET-01", "other", CATALOGUE)[0].rules["grace_days"] == 3

    def test_loosening_is_listed_and_tightening_is_not(self) -> None:
        one = {"controls": {"CC7-DET-01": {"grace_days": 3, "due_days": 9}}}
        two = {"controls": {"CC7-DET-01": {"grace_days": 9, "due_days": 3}}}
        found = history(("2025-12-01", one), ("2026-02-01", two))
        assert [(r.kind, r.before, r.after) for r in found.removed] == [("rule", 3, 9)]
        assert "grace_days" in found.removed[0].what

    def test_parameters_of_tests_follow_the_same_rule(self) -> None:
        strict = {"evidence_rules": {"tickets_required": True, "max_administrators": 4}}
        loose = {"evidence_rules": {"tickets_required": False, "max_administrators": 2}}
        found = history(("2025-12-01", strict), ("2026-02-10", loose))
        february = found.programme_for_window(at("2026-02-01"), at("2026-03-01"))["evidence_rules"]
        assert (february["tickets_required"], february["max_administrators"]) == (True, 2)
        march = found.programme_for_window(at("2026-03-01"), at("2026-04-01"))["evidence_rules"]
        assert (march["tickets_required"], march["max_administrators"]) == (False, 2)
        january = found.programme_for_window(at("2026-01-01"), at("2026-02-01"))["evidence_rules"]
        assert (january["tickets_required"], january["max_administrators"]) == (True, 4)

    def test_calendars_of_offices_change_for_later_windows(self) -> None:
        plain, london = {"calendar": "GB-ENG"}, {"calendar": "GB-NIR"}
        found = history(
            ("2025-12-01", {"offices": {"cadence": plain}}),
            ("2026-02-10", {"offices": {"cadence": london, "reason": plain}}),
        )
        february = found.programme_for_window(at("2026-02-01"), at("2026-03-01"))
        assert february["offices"] == {"cadence": plain}
        assert found.programme_for_window(at("2026-03-01"), at("2026-04-01"))["offices"]["cadence"] == london
        assert [(r.kind, r.before, r.after) for r in found.removed] == [
            ("rule", plain, london),
            ("rule", None, plain),
        ]

    def test_calls_allowed_by_hand_grow_for_later_windows(self) -> None:
        def aws(*calls: str) -> dict[str, object]:
            return {"scope": {"aws": {"accounts": [{"id": "111122223333"}], "changes_by_hand_allowed": list(calls)}}}

        found = history(("2025-12-01", aws("StartQuery")), ("2026-02-10", aws("StartQuery", "RunInstances")))

        def allowed(start: str, end: str) -> object:
            return found.programme_for_window(at(start), at(end))["scope"]["aws"]["changes_by_hand_allowed"]

        assert allowed("2026-02-01", "2026-03-01") == ["StartQuery"]
        assert allowed("2026-03-01", "2026-04-01") == ["StartQuery", "RunInstances"]

    def test_the_company_s_own_deadlines_too(self) -> None:
        found = history(
            ("2025-12-01", {"controls": {"CC6-DEPR-01": {"deadline_business_days": 1}}}),
            ("2026-02-10", {"controls": {"CC6-DEPR-01": {"deadline_business_days": 5}}}),
        )

        def deadline(start: str, end: str) -> object:
            return found.programme_for_window(at(start), at(end))["controls"]["CC6-DEPR-01"]["deadline_business_days"]

        assert deadline("2026-02-01", "2026-03-01") == 1
        assert deadline("2026-03-01", "2026-04-01") == 5


class TestScopeAndSources:
    def test_a_system_dropped_stays_until_recorded(self) -> None:
        without = {"scope": {"github": {"organisation": "acme", "repositories": ["api"]}}}
        found = history(("2025-12-01", {}), ("2026-02-10", without))
        assert days(found.system_spans("aws")) == [("always", "02-10")]
        assert found.system_spans("github") == ALWAYS
        assert found.system_spans("google") == ()
        assert found.system_spans("own") == ALWAYS
        assert "aws" in found.systems_at(at("2026-02-09"))
        assert "aws" not in found.systems_at(at("2026-02-10"))
        assert {"github", "own"} <= set(found.systems_at(at("2026-02-10")))
        assert {("system", 2), ("scope", 2)} == set(removed(found))

    def test_a_register_dropped_is_read_no_more(self) -> None:
        registers = {"registers": {"people": "people.csv", "devices": "devices.csv"}}
        found = history(("2025-12-01", registers), ("2026-02-10", {"registers": {"people": "people.csv"}}))
        assert "devices" in found.registers_at(at("2026-02-09"))
        assert "devices" not in found.registers_at(at("2026-02-11"))

    def test_a_plan_bought_in_spring_remembers_nothing_of_winter(self) -> None:
        def scope(plan: str) -> dict[str, object]:
            return {"scope": {"github": {"organisation": "acme", "repositories": ["api"], "plan": plan}}}

        found = history(("2025-12-01", scope("team")), ("2026-03-01", scope("enterprise_cloud")))
        assert days(found.source_spans("github.org_audit_log")) == [("03-01", "always")]
        assert found.source_spans("github.pull_requests") == ALWAYS
        assert found.source_spans("aws.cloudtrail_s3") == ()

    def test_people_taken_out_of_the_register_are_listed(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-01", people=[{"person_id": "p1"}, {"person_id": "p2"}])
        ledger.programme("2026-02-01", people=[{"person_id": "p1"}])
        found = ledger.history("2026-03-01")
        assert [(r.kind, r.before) for r in found.removed] == [("register_row", "p2")]

    def test_rows_say_when_they_were_first_recorded(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-01", administrators=[{"principal": "a"}])
        ledger.programme("2026-02-01", administrators=[{"principal": "a"}, {"principal": "b"}])
        rows = ledger.history("2026-03-01").register_rows("administrators")
        assert [row["recorded_at"] for row in rows] == ["2025-12-01T00:00:00Z", "2026-02-01T00:00:00Z"]


class TestRecording:
    def test_only_what_was_recorded_by_then_counts(self) -> None:
        ledger = Ledger()
        first = ledger.programme("2025-12-01")
        second = ledger.programme("2026-02-01", programme(organisation="Acme Ltd"))
        early = ledger.history("2026-01-15")
        assert early.programme_digest == first
        assert ledger.history("2026-02-01").programme_digest == second
        with pytest.raises(ConfigurationError, match="evidence programme record"):
            ledger.history("2025-11-01")

    def test_a_changed_file_is_refused_with_what_to_do(self) -> None:
        ledger = Ledger()
        digest = ledger.programme("2025-12-01")
        found = ledger.history("2026-01-01")
        assert found.is_recorded(digest)
        assert found.refusal(digest, "sha256:c") is None
        assert "evidence programme record" in (found.refusal("sha256:other") or "")
        assert "catalogue" in (found.refusal(digest, "sha256:new") or "")

    def test_a_new_name_is_no_new_organisation(self) -> None:
        found = history(("2025-12-01", {}), ("2026-02-01", {"organisation": "Acme Ltd"}))
        assert found.organisation_slug == "acme-inc"
        assert found.current.programme["organisation"] == "Acme Ltd"

    def test_a_change_of_catalogue_is_listed(self) -> None:
        ledger = Ledger()
        ledger.programme("2025-12-01")
        ledger.programme("2026-02-01", catalogue="sha256:d")
        (one,) = ledger.history("2026-03-01").removed
        assert (one.kind, one.before, one.after) == ("catalogue", "sha256:c", "sha256:d")
        assert one.to_json()["recorded_at"] == "2026-02-01T00:00:00Z"
