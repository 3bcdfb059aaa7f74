"""Pace, and the rights that are asked for."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from connectors.aws.calls import CALLS_PER_SECOND, OTHER_CALLS_PER_SECOND
from connectors.aws.permissions import ACTIONS, collector_policy, reader_policy, trust_policy
from connectors.aws.policies import Holder, read_policy
from connectors.aws.verdicts import iam_action
from connectors.pacing import Pacer
from schemas import aws, aws_configuration, aws_detection, aws_identity, aws_operations, aws_trail


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_calls_keep_the_pace() -> None:
    clock = Clock()
    pacer = Pacer({"iam": 10, "sts": 1}, OTHER_CALLS_PER_SECOND, pause=clock.pause, monotonic=clock.monotonic)
    for _ in range(120):
        pacer.wait("iam")
    assert clock.now == pytest.approx(10.0)  # 20 at once, then ten a second
    assert len(clock.waits) == 100


def test_services_do_not_wait_for_each_other() -> None:
    clock = Clock()
    pacer = Pacer({"iam": 10, "sts": 1}, OTHER_CALLS_PER_SECOND, pause=clock.pause, monotonic=clock.monotonic)
    for _ in range(20):
        pacer.wait("iam")
    pacer.wait("sts")
    assert clock.waits == []


def test_an_idle_bucket_holds_no_more_than_a_burst() -> None:
    clock = Clock()
    pacer = Pacer({"iam": 10}, OTHER_CALLS_PER_SECOND, pause=clock.pause, monotonic=clock.monotonic)
    clock.now = 3600
    for _ in range(21):
        pacer.wait("iam")
    assert len(clock.waits) == 1


def test_a_source_that_throttles_is_asked_at_half_the_pace_and_gets_it_back_little_by_little() -> None:
    clock = Clock()
    pacer = Pacer({"s3": 10}, OTHER_CALLS_PER_SECOND, pause=clock.pause, monotonic=clock.monotonic)
    pacer.throttled("s3")
    assert pacer.is_slowed("s3")
    pacer.wait("s3")
    assert clock.now == pytest.approx(0.2)  # five a second, and nothing saved up
    for _ in range(30):
        pacer.wait("s3")
    assert not pacer.is_slowed("s3")
    before = clock.now
    for _ in range(40):
        pacer.wait("s3")
    assert clock.now - before == pytest.approx(4, abs=2.1)


def test_however_often_it_throttles_something_is_left_of_the_pace() -> None:
    clock = Clock()
    pacer = Pacer({"s3": 10}, OTHER_CALLS_PER_SECOND, pause=clock.pause, monotonic=clock.monotonic)
    for _ in range(20):
        pacer.throttled("s3")
    pacer.wait("s3")
    assert clock.now == pytest.approx(1)


def test_every_service_that_is_asked_has_a_pace() -> None:
    """The pace goes by boto3's name of a service, the right by IAM's."""
    services = {action.partition(":")[0] for actions in ACTIONS.values() for action in actions}
    paced = {iam_action(f"{service}:X").partition(":")[0] for service in CALLS_PER_SECOND}
    assert services | {"sts"} == paced


def test_every_dataset_names_its_rights_and_none_of_them_changes_anything() -> None:
    modules = (aws, aws_configuration, aws_detection, aws_trail, aws_identity, aws_operations)
    assert set(ACTIONS) == {dataset.name for module in modules for dataset in module.DATASETS}
    verbs = {action.partition(":")[2] for actions in ACTIONS.values() for action in actions}
    reading = ("BatchGet", "Get", "List", "Describe", "Generate", "LookupEvents")
    assert all(verb.startswith(reading) for verb in verbs)


def test_what_the_policy_of_aws_for_auditors_lacks_is_documented() -> None:
    policies = json.loads(aws_managed_policies_data)
    statements = policies["SecurityAudit"]["Document"]["Statement"]
    held = [pattern.lower() for one in statements for pattern in one["Action"]]
    needed = {action for actions in ACTIONS.values() for action in actions}
    beyond = sorted(one for one in needed if not any(fnmatchcase(one.lower(), pattern) for pattern in held))
    page = (Path(__file__).parents[3] / "docs" / "credentials.md").read_text(encoding="utf-8")
    [sentence] = re.findall(r"all of them but (.*?)\.\s", page, re.DOTALL)
    assert re.findall(r"`(.*?)`", sentence) == beyond


def test_the_rights_of_the_reader_give_no_power() -> None:
    policy = reader_policy(ACTIONS)
    assert policy["Statement"][0]["Action"] == sorted(set(policy["Statement"][0]["Action"]))
    assert read_policy(policy, account="111122223333").power_of(Holder({}, None)) is None
    with pytest.raises(KeyError):
        reader_policy(["aws.nothing"])


def test_the_collector_may_only_take_on_the_roles() -> None:
    roles = ["arn:aws:iam::111122223333:role/evidence-reader"]
    assert collector_policy(roles)["Statement"][0] == {
        "Sid": "ReadAs", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles,
    }  # fmt: skip
    assert trust_policy("arn:aws:iam::1:role/c")["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::1:role/c"}
