"""One pass over an account: lists that shift, lists that are not there, regions that refuse, sources that forget."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.aws.reading import (
    Reading,
    batches,
    demand_all,
    enabled_regions,
    first_days,
    moment,
    raw_of,
    reading_of,
)
from schemas.aws_detection import ALERTS, DETECTORS
from schemas.errors import IncompletePopulation, PermissionDenied, SchemaDrift
from schemas.extraction import Request
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, START, Simulated, SimulatedAws, account, company
from tests.fakes.aws_records import DETECTOR, OTHER, REGION, REGIONS, detector, record
from tests.fakes.memory_sink import MemorySink

TOPICS = [record("sns.topic", {"TopicArn": f"arn:aws:sns:{REGION}:{PROD}:t{number:03}"}) for number in range(104)]


def reading(aws: Simulated, item: str = f"aws:{PROD}", **more: Any) -> Reading:
    request = Request(frozenset({DETECTORS.name}), ScopeItem(item, item, "aws"), **more)
    return reading_of(aws.session(), request, MemorySink(), DETECTORS)


def topics(one: Reading, name: str = "Topics") -> list[str]:
    listed = one.entries("sns:ListTopics", name, key=lambda topic: topic.get("TopicArn"), region=REGION)
    return [str(entry.parsed["TopicArn"]) for entry in listed]


def test_the_item_says_which_regions_are_read(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(regions=REGIONS)))
    assert reading(aws).regions == (REGION, OTHER)
    assert reading(aws, f"alerts:aws:{PROD}").regions == (REGION, OTHER)
    one = reading(aws, f"aws:{PROD}:{OTHER}")
    assert (one.regions, one.account, one.partition, one.item) == ((OTHER,), PROD, "aws", f"aws:{PROD}:{OTHER}")


def test_a_list_is_read_to_its_end_and_shown_items_count_once(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), records=TOPICS))
    whole = reading(aws, f"aws:{PROD}:{REGION}")
    assert len(set(topics(whole))) == len(TOPICS) == whole.read
    assert (whole.pages, dict(whole.dropped)) == (2, {})

    aws.plan.replace([{"source": "aws", "match": "sns:ListTopics", "kind": "shifting_list", "after": 1, "items": 2}])
    moved = reading(aws, f"aws:{PROD}:{REGION}")
    assert topics(moved) == topics(whole)
    claim = moved.claim("q")
    assert claim.drop_rules == {"repeated on a later page": 2}
    assert claim.rows_returned == len(TOPICS)


def test_an_answer_without_the_list_is_drift_and_never_an_empty_list(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), records=TOPICS[:1]))
    with pytest.raises(SchemaDrift, match="without Subjects"):
        topics(reading(aws, f"aws:{PROD}:{REGION}"), "Subjects")


def test_the_raw_item_is_what_was_sent_field_names_included(simulated_aws: SimulatedAws) -> None:
    member = {"AccountId": "999900001111", "MasterId": PROD, "Email": "x", "RelationshipStatus": "Enabled",
              "UpdatedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
    aws = simulated_aws.start(company(account(), records=[detector(), record("guardduty.member", member)]))
    listed = reading(aws, f"aws:{PROD}:{REGION}").entries(
        "guardduty:ListMembers", "Members", key=None, region=REGION, wire="members", DetectorId=DETECTOR,
    )  # fmt: skip
    [entry] = listed
    assert (entry.parsed["AccountId"], entry.raw["accountId"]) == ("999900001111", "999900001111")


def test_a_region_that_refuses_is_named_and_takes_nothing_from_the_others(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(regions=REGIONS)))
    one = reading(aws)
    read: list[str] = []

    def region(name: str) -> None:
        if name == OTHER:
            raise PermissionDenied("no", permission="sns:ListTopics")
        read.append(name)

    one.in_each_region(region)
    claim = one.claim("q", proof="p")
    assert (read, claim.truncated) == ([REGION], True)
    assert claim.reconciliation == f"not read: {OTHER} (sns:ListTopics)"


def test_refused_everywhere_is_an_error(simulated_aws: SimulatedAws) -> None:
    one = reading(simulated_aws.start(company(account(regions=REGIONS))))

    def region(name: str) -> None:
        raise PermissionDenied(name, permission="x:Y")

    with pytest.raises(PermissionDenied, match=REGION):
        one.in_each_region(region)


def test_another_error_in_a_region_is_none_of_a_region_that_refuses(simulated_aws: SimulatedAws) -> None:
    one = reading(simulated_aws.start(company(account(regions=REGIONS))))

    def region(name: str) -> None:
        raise IncompletePopulation("fewer")

    with pytest.raises(IncompletePopulation):
        one.in_each_region(region)


def test_what_a_source_forgot_is_not_claimed(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), records=TOPICS[:1]))
    request = Request(
        frozenset({ALERTS.name}), ScopeItem(f"alerts:aws:{PROD}", "x", "aws"), START - timedelta(days=30), START
    )
    one = reading_of(aws.session(), request, MemorySink(), ALERTS)
    one.remembers("GuardDuty", timedelta(days=90))
    assert one.claim("q").complete_from is None
    one.remembers("CloudWatch", timedelta(days=14))
    claim = one.claim("q")
    assert claim.complete_from == one.now - timedelta(days=14)
    assert claim.observed_at is None
    assert "CloudWatch 2026-03-18T06:00:00" in (claim.reconciliation or "")
    assert one.within(START - timedelta(days=30))
    assert not one.within(START)
    assert not one.within(None)


def test_an_account_without_regions_is_drift(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    one = reading(simulated_aws.start(company(account())), f"aws:{PROD}:{REGION}")
    answer = one.ask("ec2:DescribeRegions", AllRegions=False)
    object.__setattr__(answer, "parsed", {"Regions": []})
    monkeypatch.setattr(one.caller, "ask", lambda *_, **__: answer)
    with pytest.raises(SchemaDrift, match="without regions"):
        enabled_regions(one)


def test_times() -> None:
    assert moment(None) is None
    assert moment("2026-04-01T02:00:00+02:00") == datetime(2026, 4, 1, tzinfo=UTC)
    assert moment("2026-04-01T00:00:00.123Z") == datetime(2026, 4, 1, 0, 0, 0, 123000, tzinfo=UTC)
    for text in ("yesterday", "2026-04-01T00:00:00"):
        with pytest.raises(SchemaDrift):
            moment(text)


def test_first_days_stand_inside_a_half_open_interval() -> None:
    start, end = datetime(2025, 12, 1, 12, tzinfo=UTC), datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert list(first_days(start, end)) == [start, datetime(2026, 1, 1, 12, tzinfo=UTC)]
    assert list(first_days(start + timedelta(seconds=1), end + timedelta(seconds=1))) == [
        datetime(2026, 1, 1, 12, tzinfo=UTC), end,
    ]  # fmt: skip


def test_batches_hold_all_and_no_more_than_asked() -> None:
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []


def test_details_must_come_for_all_that_was_listed_and_for_nothing_else() -> None:
    demand_all(["a", "b"], {"b", "a"}, "things")
    for got in (["a"], ["a", "b", "c"]):
        with pytest.raises(IncompletePopulation, match="things"):
            demand_all(["a", "b"], got, "things")


def test_declared_secrets_leave_the_record_at_any_depth_whatever_their_case() -> None:
    record_ = {"Targets": [{"Arn": "a", "input": "s3cret", "inner": {"Input": "s3cret"}}], "at": START}
    kept = raw_of(DETECTORS, record_)
    assert "s3cret" not in kept
    assert json.loads(kept) == {"Targets": [{"Arn": "a", "inner": {}}], "at": "2026-04-01T06:00:00Z"}
