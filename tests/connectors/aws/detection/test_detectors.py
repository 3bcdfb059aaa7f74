"""What watches a region and whether anybody hears of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.aws.detection.detectors import shown
from connectors.store.redaction import Redactor
from schemas.aws_detection import DETECTORS
from tests.fakes.aws_company import PROD, SimulatedAws, account, company
from tests.fakes.aws_records import (
    DETECTOR,
    OTHER,
    REGION,
    REGIONS,
    TOPIC,
    alarm,
    detector,
    record,
    rule,
    subscription,
    topic,
    watched,
)

NAME = DETECTORS.name


def rows(simulated_aws: SimulatedAws, *records: dict[str, Any], item: str = f"aws:{PROD}") -> list[dict[str, Any]]:
    aws = simulated_aws.start(company(account(regions=REGIONS), records=records))
    [claim], sink = aws.collect(NAME, item=item)
    assert claim.proof_of_life
    assert not claim.truncated
    assert claim.observed_at is not None
    return sink.of(DETECTORS)


def of_kind(found: list[dict[str, Any]], kind: str, region: str = REGION) -> list[dict[str, Any]]:
    return [row for row in found if (row["kind"], row["region"]) == (kind, region)]


def test_every_service_has_a_row_in_every_region_on_or_off(simulated_aws: SimulatedAws) -> None:
    found = rows(simulated_aws, *watched())
    states = {(row["region"], row["kind"]): row["enabled"] for row in found}
    assert states == {
        **{(REGION, kind): True for kind in (
            "guardduty", "securityhub", "access_analyzer", "sns_topic", "event_rule", "cloudwatch_alarm")},
        **{(OTHER, kind): False for kind in ("guardduty", "securityhub", "access_analyzer")},
    }  # fmt: skip
    off = of_kind(found, "guardduty", OTHER)[0]
    assert (off["detector_id"], off["status"]) == (f"guardduty:{OTHER}:none", "not_enabled")


def test_a_region_is_read_alone_where_the_item_is_one(simulated_aws: SimulatedAws) -> None:
    found = rows(simulated_aws, *watched(), item=f"aws:{PROD}:{OTHER}")
    assert {row["region"] for row in found} == {OTHER}
    assert {row["scope_item_id"] for row in found} == {f"aws:{PROD}:{OTHER}"}


def test_a_suspended_detector_is_there_and_off(simulated_aws: SimulatedAws) -> None:
    member = {"AccountId": "999900001111", "MasterId": PROD, "Email": "x@acme.example", "RelationshipStatus": "Paused",
              "UpdatedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
    found = rows(simulated_aws, detector(status="DISABLED"), record("guardduty.member", member))
    [one] = of_kind(found, "guardduty")
    assert (one["enabled"], one["status"]) == (False, "DISABLED")
    assert one["features"] == [
        {"name": "S3_DATA_EVENTS", "enabled": True}, {"name": "RDS_LOGIN_EVENTS", "enabled": False},
    ]  # fmt: skip
    [of_member] = of_kind(found, "guardduty_member")
    assert (of_member["detector_id"], of_member["enabled"]) == (
        f"guardduty_member:{REGION}:{DETECTOR}/999900001111", False,
    )  # fmt: skip


def test_a_target_counts_only_where_somebody_accepted(simulated_aws: SimulatedAws) -> None:
    """A topic whose only subscription waits for confirmation delivers to nobody, and so do rule and alarm behind it."""
    found = rows(simulated_aws, topic(), subscription(confirmed=False), rule("findings", TOPIC), alarm())
    for kind in ("sns_topic", "event_rule", "cloudwatch_alarm"):
        [one] = of_kind(found, kind)
        assert one["delivers"] is False, kind
        assert [target["confirmed"] for target in one["targets"]] == [False]


def test_one_accepted_subscription_beside_a_pending_one_is_enough(simulated_aws: SimulatedAws) -> None:
    found = rows(
        simulated_aws, topic(), subscription(confirmed=False, endpoint="left@acme.example"), subscription(number=2),
        rule("findings", TOPIC),
    )  # fmt: skip
    [one] = of_kind(found, "event_rule")
    assert one["delivers"] is True
    assert sorted(target["confirmed"] for target in of_kind(found, "sns_topic")[0]["targets"]) == [False, True]


def test_rules_and_alarms_without_targets_or_switched_off_deliver_nothing(simulated_aws: SimulatedAws) -> None:
    silent = alarm("silent")
    silent["shows"]["ActionsEnabled"] = False
    found = rows(
        simulated_aws, topic(), subscription(), rule("nowhere"), rule("off", TOPIC, state="DISABLED"), silent,
        rule("function", f"arn:aws:lambda:{REGION}:{PROD}:function:triage"),
    )  # fmt: skip
    state = {row["name"]: (row["enabled"], row["delivers"]) for row in found if row["name"]}
    assert state["nowhere"] == (True, False)
    assert state["off"] == (False, True)  # it would deliver, and it does not run
    assert state["silent"] == (False, False)
    assert state["function"] == (True, True)  # a function accepts nothing, so nothing is said of its consent
    [target] = next(row for row in found if row["name"] == "function")["targets"]
    assert target["confirmed"] is None


def test_composite_alarms_and_other_buses_are_there_too(simulated_aws: SimulatedAws) -> None:
    bus = f"arn:aws:events:{REGION}:{PROD}:event-bus/partner"
    own = rule("of the bus", TOPIC)
    own["shows"] |= {"EventBusName": "partner", "Arn": f"arn:aws:events:{REGION}:{PROD}:rule/partner/of-the-bus"}
    composite = {
        "AlarmName": "both", "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{PROD}:alarm:both", "AlarmActions": [TOPIC],
        "AlarmRule": "ALARM(a) AND ALARM(b)", "StateValue": "OK", "ActionsEnabled": True,
    }  # fmt: skip
    found = rows(
        simulated_aws, topic(), subscription(), own, record("events.bus", {"Name": "partner", "Arn": bus}),
        record("cloudwatch.composite_alarm", composite), *(alarm(f"a{number:03}") for number in range(101)),
    )  # fmt: skip
    assert [row["name"] for row in of_kind(found, "event_rule")] == ["of the bus"]
    alarms = of_kind(found, "cloudwatch_alarm")
    assert len(alarms) == 102
    assert [row["watches"] for row in alarms if row["name"] == "both"] == ["ALARM(a) AND ALARM(b)"]


def test_keys_in_web_addresses_and_inputs_of_targets_are_kept_nowhere(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(regions=REGIONS), records=[
        topic(), subscription(protocol="https", endpoint="https://hooks.example/services/T0/s3cret?token=s3cret"),
        record("events.rule", {
            "Name": "r", "Arn": f"arn:aws:events:{REGION}:{PROD}:rule/r", "State": "ENABLED", "EventPattern": "{}",
            "Targets": [{"Id": "1", "Arn": TOPIC, "Input": '{"token":"s3cret"}'}],
        }),
    ]))  # fmt: skip
    _, sink = aws.collect(NAME)
    assert [row["targets"] for row in sink.of(DETECTORS) if row["kind"] == "sns_topic"] == [
        [{"kind": "https", "id": "https://hooks.example", "confirmed": True}]
    ]
    # The list of subscriptions comes as XML, of which the store takes out the elements of declared names.
    redactor = Redactor(DETECTORS.secret_fields)
    answers = "".join(redactor.json_text(one.body.decode())[0] for one in sink.answers)
    assert "ListSubscriptionsResult" in answers
    for held in (json.dumps(sink.of(DETECTORS), default=str), answers):
        assert "s3cret" not in held


@pytest.mark.parametrize(
    ("protocol", "endpoint", "expected"),
    [
        ("email", "oncall@acme.example", "oncall@acme.example"), ("email-json", "s3cret", "unknown"),
        ("email", {"Inner": "s3cret"}, "unknown"), ("email", ["s3cret"], "unknown"), ("email", None, "unknown"),
        ("sms", "+4915112345678", "+4915112345678"), ("sms", "s3cret", "unknown"),
        ("sqs", "arn:aws:sqs:eu-west-1:1:q", "arn:aws:sqs:eu-west-1:1:q"), ("lambda", "s3cret", "unknown"),
        ("https", "https://user:s3cret@hooks.example:8443/T0/s3cret", "https://hooks.example"),
        ("https", "s3cret", "unknown"), ("https", "s3cret://hooks.example", "unknown"),
        ("https", "https://[", "unknown"),
        ("carrier-pigeon", "s3cret", "unknown"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_its_protocol_is_not_shown(protocol: str, endpoint: Any, expected: str) -> None:
    """It may be a key."""
    assert shown(protocol, endpoint) == expected
