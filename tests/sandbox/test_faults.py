"""Fault plans: which request a rule hits, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from sandbox.faults import CONDITIONS, Fault, FaultPlan, Match, plan_schema

OPERATION, PATH = "GET /repos/{owner}/{repo}/activity", "/repos/acme/api/activity?ref=main&page=2"


def rule(**more: Any) -> Fault:
    return Fault(**{"source": "github", "kind": "server_error", **more})


def kinds(plan: FaultPlan, times: int, operation: str = OPERATION, path: str = PATH) -> list[str | None]:
    found = [plan.take("github", operation, path) for _ in range(times)]
    return [one.kind if one else None for one in found]


class TestMatching:
    @pytest.mark.parametrize(
        ("match", "hits"),
        [
            ("*", True),
            (OPERATION, True),
            ("GET /repos/*", True),
            ("*/activity", True),
            ("/repos/acme/api/activity", True),
            ("/repos/acme/*", True),
            ("*page=2", True),
            ("*page=3", False),
            ("GET /repos/{owner}/{repo}", False),
            ("/repos/acme/api", False),
            ("", False),
            (Match(operation="GET *", path="*ref=main*"), True),
            (Match(operation="GET *", path="*ref=dev*"), False),
            (Match(operation="POST *"), False),
        ],
    )
    def test_patterns(self, match: str | Match, hits: bool) -> None:
        assert rule(match=match).matches("github", OPERATION, PATH) is hits

    def test_a_question_mark_is_a_question_mark(self) -> None:
        assert not rule(match="/repos/acme/ap?").matches("github", "x", "/repos/acme/api")

    def test_other_sources_are_left_alone(self) -> None:
        assert not rule().matches("aws", OPERATION, PATH)


class TestSpending:
    def test_once_unless_told_otherwise(self) -> None:
        assert kinds(FaultPlan([rule()]), 3) == ["server_error", None, None]

    def test_so_many_times_or_for_ever(self) -> None:
        assert kinds(FaultPlan([rule(times=2)]), 3) == ["server_error", "server_error", None]
        assert kinds(FaultPlan([rule(times=None)]), 50) == ["server_error"] * 50

    def test_after_some_have_passed(self) -> None:
        assert kinds(FaultPlan([rule(after=2)]), 4) == [None, None, "server_error", None]

    def test_the_first_rule_that_matches_and_has_uses_left(self) -> None:
        plan = FaultPlan([rule(), rule(kind="forbidden", times=2), rule(kind="not_found", match="/other")])
        assert kinds(plan, 4) == ["server_error", "forbidden", "forbidden", None]
        assert [one["spent"] for one in plan.describe()] == [1, 2, 0]

    def test_a_new_plan_starts_from_zero(self) -> None:
        plan = FaultPlan([rule()])
        kinds(plan, 1)
        generation = plan.generation
        plan.replace([rule()])
        assert kinds(plan, 1) == ["server_error"]
        assert plan.generation == generation + 1

    def test_conditions_are_apart(self) -> None:
        plan = FaultPlan([rule(kind="wrong_date", seconds=5, times=None), rule(kind="latency", ms=9, times=1), rule()])
        assert kinds(plan, 1) == ["server_error"]
        assert [one.kind for one in plan.conditions("github", OPERATION, PATH)] == ["wrong_date", "latency"]
        assert [one.kind for one in plan.conditions("github", OPERATION, PATH)] == ["wrong_date"]

    def test_latency_of_everything(self) -> None:
        plan = FaultPlan()
        plan.set_latency(50)
        for source in ("aws", "github"):
            assert [one.ms for one in plan.conditions(source, "x", "y")] == [50]
        plan.set_latency(0)
        assert plan.conditions("aws", "x", "y") == []
        with pytest.raises(ValueError, match="between"):
            plan.set_latency(-1)


def test_requests_are_counted_by_source_and_operation() -> None:
    plan = FaultPlan()
    for source, operation in (("github", "Walk"), ("github", "Walk"), ("aws", "iam:ListUsers")):
        plan.take(source, operation, "/")
    assert plan.requests() == {"aws": {"iam:ListUsers": 1}, "github": {"Walk": 2}, "google": {}}
    plan.forget_requests()
    assert plan.requests() == {"aws": {}, "github": {}, "google": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "meltdown"},
        {"kind": "fewer_repositories"},
        {"kind": "wrong_date"},
        {"kind": "latency"},
        {"kind": "slow_body"},
        {"kind": "graphql_error", "code": "OTHER"},
        {"kind": "server_error", "status": 200},
        {"kind": "server_error", "times": 0},
        {"kind": "server_error", "surprise": 1},
        {"kind": "server_error", "source": "gitlab"},
        {"kind": "graphql_error", "code": "TIMEOUT", "source": "aws"},
    ],
)
def test_rules_that_make_no_sense_are_refused_and_the_old_plan_stays(wrong: dict[str, Any]) -> None:
    plan = FaultPlan([rule(times=None)])
    with pytest.raises(ValidationError):
        plan.replace([{"source": "github", **wrong}])
    assert kinds(plan, 1) == ["server_error"]


def test_the_schema_accepts_what_the_model_accepts() -> None:
    validator = Draft202012Validator(plan_schema())
    Draft202012Validator.check_schema(plan_schema())
    good = [{"source": "github", "kind": "secondary_limit", "match": {"operation": "Walk"}, "times": None}]
    assert not list(validator.iter_errors(good))
    assert list(validator.iter_errors([{"source": "github", "kind": "meltdown"}]))
    assert {"latency", "fewer_repositories", "wrong_date"} == CONDITIONS
