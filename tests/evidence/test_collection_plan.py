"""What a run collects: which datasets, for which items, over which time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evidence.collection_plan import (
    CollectionStep,
    PlanRequest,
    closed_window,
    inventory_steps,
    plan_collection,
    steps_of_missing,
)
from evidence.completeness.instants import ticks
from evidence.completeness.missing import CollectionRequest
from evidence.completeness.model import Interval
from evidence.controls.catalogue import CATALOGUE, FAMILIES, control
from evidence.controls.model import Control
from evidence.scope import ScopedItem, ScopeRegister
from evidence.timeline import ALWAYS, ALWAYS_TO
from schemas.dataset import Dataset
from schemas.github import BRANCH_TIPS, CHECKS, COMMITS, PULL_REQUESTS
from schemas.own import PEOPLE
from schemas.scope import ScopeKind

COMPANY = ScopedItem("org:acme", "Acme", "own", ALWAYS)
GITHUB = ScopedItem("github:O_1", "acme", "github", ALWAYS)
ACCOUNT = ScopedItem("aws:111122223333", "prod", "aws", ALWAYS)
API = ScopedItem("github:R_1", "acme/api", "github", ALWAYS)
WEB = ScopedItem("github:R_2", "acme/web", "github", ALWAYS)
STREAMS = {"github.commits", "github.pull_requests", "github.checks", "github.bypasses", "github.deployments"}
PASS = frozenset(STREAMS)
"""Datasets that one extractor reads in one pass."""

Claims = dict[tuple[str, str], list[tuple[datetime, datetime]]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scope(*repositories: ScopedItem, domains: tuple[ScopedItem, ...] = (GITHUB, ACCOUNT)) -> ScopeRegister:
    return ScopeRegister(
        {"organisation": (COMPANY,), "github_repo": repositories, "repo_or_account": repositories,
         "identity_domain": domains},
        (), {},
    )  # fmt: skip


def request(now: str, controls: Iterable[Control] = FAMILIES["change_management"], **more: object) -> PlanRequest:
    base = PlanRequest(
        controls=tuple(controls), now=at(now), zone="UTC", period=(at("2026-04-01"), at("2026-10-01")),
        systems=("github", "aws"),
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def group(dataset: Dataset) -> object:
    return PASS if dataset.name in STREAMS else dataset.name


def planned(
    asked: PlanRequest, register: ScopeRegister | None = None, claims: Claims | None = None
) -> list[CollectionStep]:
    held = claims or {}
    return plan_collection(asked, register or scope(API), group, lambda dataset, item: held.get((dataset, item), []))


def shown(steps: Iterable[CollectionStep]) -> list[tuple[list[str], list[str], str]]:
    def interval(step: CollectionStep) -> str:
        return "now" if step.interval is None else "..".join(f"{one:%m-%dT%H:%M}" for one in step.interval)

    return [
        (sorted(one.name.partition(".")[2] for one in step.datasets), [item.id for item in step.items], interval(step))
        for step in steps
    ]


def streams(steps: Iterable[CollectionStep]) -> dict[str, str]:
    """Interval by item of the pass over changes."""
    return {item: when for names, items, when in shown(steps) if "commits" in names for item in items}


CHANGES = ["bypasses", "checks", "commits", "deployments", "pull_requests"]


def claimed(item: str, *spans: tuple[str, str], datasets: Iterable[str] = STREAMS) -> Claims:
    return {(name, item): [(at(start), at(end)) for start, end in spans] for name in datasets}


class TestDaily:
    def test_the_first_run_reads_from_the_month_before_on(self) -> None:
        assert shown(planned(request("2026-06-20"))) == [
            (CHANGES, ["github:R_1"], "05-01T00:00..06-20T00:00"),
            (["workflow_runs"], ["github:R_1"], "05-01T00:00..06-20T00:00"),
            (["branch_tips"], ["github:R_1"], "now"),
            (["branch_rules"], ["github:R_1"], "now"),
            (["code_owners"], ["github:R_1"], "now"),
            (["rule_changes"], ["github:R_1"], "05-01T00:00..06-20T00:00"),
            (["environments"], ["github:R_1"], "now"),
        ]

    @pytest.mark.parametrize(
        ("spans", "expected"),
        [
            ([("2026-04-01", "2026-06-19T01:00")], "06-19T01:00..06-20T00:00"),
            # An outage: the next run goes on from the last proof.
            ([("2026-04-01", "2026-06-10")], "06-10T00:00..06-20T00:00"),
            # A hole in the middle is read again, and what lies behind it with it.
            ([("2026-04-01", "2026-06-10"), ("2026-06-12", "2026-06-19")], "06-10T00:00..06-20T00:00"),
            # What is older than the month before this one is the business of catching up.
            ([("2026-04-05", "2026-06-19")], "06-19T00:00..06-20T00:00"),
        ],
        ids=["yesterday", "outage", "hole", "old hole"],
    )
    def test_from_where_the_claims_end(self, spans: list[tuple[str, str]], expected: str) -> None:
        steps = planned(request("2026-06-20"), claims=claimed("github:R_1", *spans))
        assert streams(steps) == {"github:R_1": expected}

    def test_nothing_new_means_no_stream(self) -> None:
        steps = planned(request("2026-06-20"), claims=claimed("github:R_1", ("2026-04-01", "2026-06-20")))
        assert "github:R_1" not in streams(steps)
        assert (["branch_tips"], ["github:R_1"], "now") in shown(steps)

    def test_what_keeps_changing_is_read_again(self) -> None:
        pulls = PULL_REQUESTS
        held = {(pulls.name, API.id): [(at("2026-05-01"), at("2026-06-20"))]}
        line = replace(control("CC8-CHG-01").line("merges"), datasets={"github": replace(pulls, keeps_changing=True)})
        asked = request("2026-06-20", [replace(control("CC8-CHG-01"), evidence=(line,))])
        again = (["pull_requests"], [API.id], "05-01T00:00..06-20T00:00")
        assert shown(planned(asked, claims=held)) == [again]

    def test_the_dataset_that_lags_most_decides_for_the_pass(self) -> None:
        claims = claimed("github:R_1", ("2026-04-01", "2026-06-19T23:00"))
        claims["github.checks", "github:R_1"] = [(at("2026-04-01"), at("2026-06-19T18:00"))]
        assert streams(planned(request("2026-06-20"), claims=claims)) == {"github:R_1": "06-19T18:00..06-20T00:00"}

    def test_what_a_source_has_forgotten_is_not_asked_for_day_after_day(self) -> None:
        """Rule suites go back 28 days: what lies before is lost and must not make every run read two months."""
        claims = claimed("github:R_1", ("2026-04-01", "2026-06-19T23:00"), datasets=STREAMS - {"github.bypasses"})
        claims["github.bypasses", "github:R_1"] = [(at("2026-05-22"), at("2026-06-19T23:00"))]
        assert streams(planned(request("2026-06-20"), claims=claims)) == {"github:R_1": "06-19T23:00..06-20T00:00"}
        del claims["github.bypasses", "github:R_1"]
        assert streams(planned(request("2026-06-20"), claims=claims)) == {"github:R_1": "05-23T00:00..06-20T00:00"}

    def test_items_with_the_same_interval_share_a_step(self) -> None:
        claims = claimed("github:R_1", ("2026-04-01", "2026-06-19")) | claimed(
            "github:R_2", ("2026-04-01", "2026-06-19")
        )
        [step] = [one for one in planned(request("2026-06-20"), scope(API, WEB), claims) if len(one.datasets) == 5]
        assert [item.name for item in step.items] == ["acme/api", "acme/web"]

    def test_an_item_that_was_born_later_is_read_from_its_birth(self) -> None:
        born = ticks(at("2026-06-15T12:00"))
        young = replace(WEB, spans=((born, ALWAYS_TO),), born=born)
        assert streams(planned(request("2026-06-20"), scope(young))) == {"github:R_2": "06-15T12:00..06-20T00:00"}

    def test_before_and_after_the_period(self) -> None:
        before = planned(request("2026-03-15"))
        assert streams(before) == {}
        assert [when for _, _, when in shown(before)] == ["now"] * 4
        assert streams(planned(request("2026-10-05"))) == {"github:R_1": "09-01T00:00..10-01T00:00"}
        assert streams(planned(request("2027-02-05"))) == {}


class TestWindows:
    def test_a_closed_month_is_read_whole_and_its_states_are_gone(self) -> None:
        held = claimed("github:R_1", ("2026-04-01", "2026-06-01"))
        steps = planned(request("2026-06-02", window="2026-05"), claims=held)
        assert shown(steps) == [
            (CHANGES, ["github:R_1"], "05-01T00:00..06-01T00:00"),
            (["workflow_runs"], ["github:R_1"], "05-01T00:00..06-01T00:00"),
            (["rule_changes"], ["github:R_1"], "05-01T00:00..06-01T00:00"),
        ]

    def test_the_running_month_ends_now_and_shows_states(self) -> None:
        steps = planned(request("2026-06-20T06:00", window="2026-06"))
        assert streams(steps) == {"github:R_1": "06-01T00:00..06-20T06:00"}
        assert (["branch_tips"], ["github:R_1"], "now") in shown(steps)

    @pytest.mark.parametrize("window", ["2026-07", "2027-01", "2025-01"])
    def test_a_window_without_time_makes_no_step(self, window: str) -> None:
        assert planned(request("2026-06-20", window=window)) == []

    def test_a_window_is_cut_by_the_period_and_by_the_item(self) -> None:
        asked = request("2026-07-02", window="2026-Q2", period=(at("2026-04-15"), at("2026-10-01")))
        gone = replace(API, spans=((ticks(at("2026-01-01")), ticks(at("2026-05-10"))),))
        assert streams(planned(asked, scope(gone))) == {"github:R_1": "04-15T00:00..05-10T00:00"}

    def test_months_are_those_of_the_zone(self) -> None:
        asked = request("2026-06-02", window="2026-05", zone="America/New_York")
        assert streams(planned(asked)) == {"github:R_1": "05-01T04:00..06-01T04:00"}


DAILY_ACCESS = {
    "github.members", "github.administrators", "github.accounts", "github.organisation_settings",
    "github.audit_events", "github.repository_security", "github.secret_alerts", "aws.sign_in", "aws.privileges",
    "aws.principals", "github.credentials",
}  # fmt: skip


class TestChoice:
    @pytest.mark.parametrize(
        ("cadence", "datasets"),
        [
            ("daily", DAILY_ACCESS),
            ("weekly", {"github.credentials", "aws.access_keys"}),
            (None, DAILY_ACCESS | {"aws.access_keys"}),
        ],
    )
    def test_the_rhythm_chooses_the_lines(self, cadence: str | None, datasets: set[str]) -> None:
        steps = planned(request("2026-06-20", FAMILIES["logical_access"], cadence=cadence))
        assert {dataset.name for step in steps for dataset in step.datasets} == datasets

    def test_each_system_is_asked_about_its_own_items(self) -> None:
        steps = planned(request("2026-06-20", FAMILIES["logical_access"], cadence="daily"))
        for step in steps:
            assert {item.system for item in step.items} == {step.system}

    @pytest.mark.parametrize(
        ("systems", "expected"), [(("github",), {"github"}), (("aws",), {"aws"}), ((), set[str]())]
    )
    def test_systems_that_are_not_of_the_programme_are_not_asked(
        self, systems: tuple[str, ...], expected: set[str]
    ) -> None:
        """The organisation's own item is judged by every system, and would be asked of those that are not there."""
        steps = planned(request("2026-06-20", FAMILIES["governance"], systems=systems))
        assert {step.system for step in steps} == expected

    @pytest.mark.parametrize("wanted", ["github:R_2", "acme/web"])
    def test_one_item_by_id_or_name(self, wanted: str) -> None:
        steps = planned(request("2026-06-20", scope_items=[wanted]), scope(API, WEB))
        assert {item.id for step in steps for item in step.items} == {"github:R_2"}

    def test_a_dataset_of_two_controls_is_read_once(self) -> None:
        steps = planned(request("2026-06-20", [*FAMILIES["change_management"], *FAMILIES["change_management"]]))
        assert shown(steps) == shown(planned(request("2026-06-20")))

    def test_items_that_no_inventory_knows_make_no_step(self) -> None:
        unknown = replace(API, id="github:unresolved:acme/api", resolved=False)
        assert planned(request("2026-06-20"), scope(unknown)) == []


class TestInventory:
    def test_unresolved_items_call_for_the_inventory_of_their_system(self) -> None:
        unknown = replace(API, id="github:unresolved:acme/api", resolved=False)
        steps = inventory_steps(scope(unknown), CATALOGUE)
        assert shown(steps) == [(["repositories"], ["org:acme"], "now")]

    def test_known_items_need_none(self) -> None:
        assert inventory_steps(scope(API), CATALOGUE) == []

    def test_a_system_that_left_the_programme_is_not_asked(self) -> None:
        unknown = replace(API, id="github:unresolved:acme/api", resolved=False)
        assert inventory_steps(scope(unknown), CATALOGUE, systems=["aws"]) == []


class TestClosedWindow:
    @pytest.mark.parametrize(
        ("now", "cadence", "zone", "window"),
        [
            ("2026-06-02T06:00", "monthly", "UTC", "2026-05"),
            ("2026-06-01T00:00", "monthly", "UTC", "2026-05"),
            ("2026-05-31T23:59", "monthly", "UTC", "2026-04"),
            ("2026-01-01T00:00", "monthly", "UTC", "2025-12"),
            ("2026-07-02T06:00", "quarterly", "UTC", "2026-Q2"),
            ("2026-01-02T06:00", "quarterly", "UTC", "2025-Q4"),
            # New York is four hours behind in summer, five in winter: its month ends later.
            ("2026-06-01T03:59", "monthly", "America/New_York", "2026-04"),
            ("2026-06-01T04:00", "monthly", "America/New_York", "2026-05"),
            ("2026-12-01T04:59", "monthly", "America/New_York", "2026-10"),
            ("2026-12-01T05:00", "monthly", "America/New_York", "2026-11"),
            # London's clocks go forward on 29 March: April begins an hour earlier by UTC.
            ("2026-03-31T22:59", "monthly", "Europe/London", "2026-02"),
            ("2026-03-31T23:00", "monthly", "Europe/London", "2026-03"),
            # Ahead of UTC.
            ("2026-05-31T14:59", "monthly", "Asia/Tokyo", "2026-04"),
            ("2026-05-31T15:00", "monthly", "Asia/Tokyo", "2026-05"),
            # Lord Howe Island moves its clocks by half an hour, Kiritimati is 14 hours ahead.
            ("2026-04-30T13:30", "monthly", "Australia/Lord_Howe", "2026-04"),
            ("2026-05-31T10:00", "monthly", "Pacific/Kiritimati", "2026-05"),
        ],
    )
    def test_the_window_that_had_closed_last(self, now: str, cadence: str, zone: str, window: str) -> None:
        assert closed_window(at(now), cadence, zone) == window  # type: ignore[arg-type]

    def test_a_late_run_means_the_window_of_its_scheduled_time(self) -> None:
        scheduled = at("2026-06-02T06:00")
        assert {closed_window(scheduled + timedelta(hours=hours), "monthly", "UTC") for hours in (0, 1, 27 * 24)} == {
            "2026-05"
        }


class TestMissing:
    def test_datasets_of_one_pass_go_together_and_the_order_stays(self) -> None:
        def missing(dataset: str, interval: tuple[str, str] | None, *items: ScopedItem) -> CollectionRequest:
            span = None if interval is None else Interval(at(interval[0]), at(interval[1]))
            return CollectionRequest("github", dataset, items, span, None, None, ())

        steps = steps_of_missing(
            [
                missing("github.checks", ("2026-05-01", "2026-05-10"), API),
                missing("github.commits", ("2026-05-01", "2026-06-01"), API, WEB),
                missing("github.branch_tips", None, WEB),
                missing("github.pull_requests", ("2026-05-01", "2026-06-01"), API, WEB),
            ],
            {one.name: one for one in (BRANCH_TIPS, CHECKS, COMMITS, PULL_REQUESTS)},
            group,
        )
        assert shown(steps) == [
            (["checks"], ["github:R_1"], "05-01T00:00..05-10T00:00"),
            (["commits", "pull_requests"], ["github:R_1", "github:R_2"], "05-01T00:00..06-01T00:00"),
            (["branch_tips"], ["github:R_2"], "now"),
        ]


class TestOfWhatItIsPart:
    """Datasets collected for something else than the item of the control."""

    REGION = ScopedItem("aws:111122223333:eu-west-1", "prod eu-west-1", "aws", ALWAYS, within=ACCOUNT.id)
    ALERTS = ScopedItem("alerts:aws:111122223333", "prod", "aws", ALWAYS, within=ACCOUNT.id)
    OTHER = ScopedItem("aws:999988887777", "dev", "aws", ALWAYS)
    REGISTER = ScopeRegister(
        {"organisation": (COMPANY,), "cloud_account": (ACCOUNT, OTHER), "cloud_account_region": (REGION,),
         "identity_domain": (GITHUB, ACCOUNT, OTHER), "github_repo": (replace(API, within=GITHUB.id),)},
        (), {},
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("kind", "system", "item", "expected"),
        [
            ("cloud_account", "aws", REGION, [ACCOUNT.id]),
            ("cloud_account_region", "aws", ACCOUNT, [REGION.id]),
            ("cloud_account_region", "aws", ALERTS, [REGION.id]),
            ("identity_domain", "github", replace(API, within=GITHUB.id), [GITHUB.id]),
            ("cloud_account", "aws", ACCOUNT, [ACCOUNT.id]),
            ("cloud_account_region", "aws", OTHER, []),
            ("organisation", "ticketing", ACCOUNT, [COMPANY.id]),
            ("cloud_account", "aws", COMPANY, [ACCOUNT.id, OTHER.id]),
        ],
    )
    def test_holders(self, kind: ScopeKind, system: str, item: ScopedItem, expected: list[str]) -> None:
        assert [one.id for one in self.REGISTER.holders(kind, system, item)] == expected

    def test_it_is_asked_for_once(self) -> None:
        leavers = control("CC6-DEPR-01")
        people = replace(PEOPLE, per="workforce")
        line = replace(leavers.line("leavers"), datasets={"hr": people})
        workforce = ScopedItem("workforce", "workforce", "hr", ALWAYS)
        register = replace(self.REGISTER, by_kind={**self.REGISTER.by_kind, "workforce": (workforce,)})
        asked = request("2026-06-20", [replace(leavers, evidence=(line,))], systems=("aws", "github", "hr"))
        assert shown(planned(asked, register)) == [(["people"], ["workforce"], "now")]
        assert planned(replace(asked, registers=()), register) == []

    def test_what_supports_a_line_is_collected_with_it(self) -> None:
        rules = control("CC8-CHG-02")
        line = replace(rules.line("rules"), supporting={"github": (BRANCH_TIPS,)})
        steps = planned(request("2026-06-20", [replace(rules, evidence=(line,))]))
        assert {dataset.name for step in steps for dataset in step.datasets} == {
            "github.branch_rules", "github.branch_tips",
        }  # fmt: skip

    def test_a_closing_run_looks_at_what_nobody_looks_at_more_often(self) -> None:
        risks = control("CC3-RISK-01")
        asked = request("2026-06-02", [risks], window="2026-05", systems=("own",))
        assert planned(asked) == []
        assert shown(planned(replace(asked, cadence="monthly"))) == [(["risks"], ["org:acme"], "now")]
