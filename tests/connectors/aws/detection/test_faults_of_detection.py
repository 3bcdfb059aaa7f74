"""Everything that watches, under faults: all rows or an error that says so, and no right that the policy lacks."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest

from connectors.aws.permissions import ACTIONS
from connectors.aws.probes import PROBES
from sandbox.faults import Fault, Source
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import Session
from schemas.scope import ScopeItem
from tests.fakes.aws_company import LONG_AGO, PROD, START, Simulated, SimulatedAws, account, company
from tests.fakes.aws_records import REGION, alarm_entry, detector, finding, hub_finding, record, vulnerability, watched

ITEM = f"aws:{PROD}:{REGION}"
ITEMS = {
    "aws.detectors": ITEM, "aws.alerts": ITEM, "aws.alarm_history": ITEM, "aws.vulnerability_findings": ITEM,
    "aws.scan_coverage": ITEM, "aws.posture": ITEM,
}  # fmt: skip
STREAMS = ("aws.alerts", "aws.alarm_history", "aws.vulnerability_findings")
INTERVAL = (START - timedelta(days=3), START)
RECENT = "2026-03-31T00:00:00Z"
ANALYZER = f"arn:aws:access-analyzer:{REGION}:{PROD}:analyzer/own"
DIGEST = "sha256:" + "a" * 64


def everything() -> list[dict[str, Any]]:
    """A region in which each list has something."""
    qualifier = {"ConfigRuleName": "r", "ResourceType": "AWS::S3::Bucket", "ResourceId": "b"}
    repository = f"arn:aws:ecr:{REGION}:{PROD}:repository/api"
    return [
        *watched(), *(finding(number, RECENT) for number in range(3)), hub_finding(1, RECENT), alarm_entry(RECENT),
        vulnerability(1, RECENT),
        hub_finding(2, RECENT, kind="Software and Configuration Checks/x", Compliance={"Status": "FAILED"}),
        record("inspector.coverage", {
            "accountId": PROD, "resourceType": "AWS_EC2_INSTANCE", "resourceId": "i-1", "scanType": "PACKAGE",
            "scanStatus": {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"}}),
        record("ecr.repository", {"repositoryName": "api", "repositoryArn": repository, "registryId": PROD}),
        record("ecr.image", {"repositoryName": "api", "registryId": PROD, "imageDigest": DIGEST,
                             "imageScanStatus": {"status": "COMPLETE"}}),
        record("ecr.findings", {
            "repositoryName": "api", "imageDigest": DIGEST, "imageScanCompletedAt": RECENT, "findingSeverityCounts": {},
            "findings": [{"name": "CVE-2026-9", "severity": "LOW"}]}),
        record("config.rule", {
            "ConfigRuleName": "r", "Compliance": {"ComplianceType": "COMPLIANT"},
            "Source": {"Owner": "AWS", "SourceIdentifier": "R"}}),
        record("config.result", {
            "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier}, "ComplianceType": "COMPLIANT"}),
        record("analyzer.finding", {
            "analyzerArn": ANALYZER, "id": "f", "status": "ACTIVE", "analyzedAt": LONG_AGO, "createdAt": LONG_AGO,
            "updatedAt": LONG_AGO, "resourceType": "AWS::S3::Bucket", "resourceOwnerAccount": PROD}),
        record("securityhub.standard", {
            "StandardsSubscriptionArn": "arn:aws:securityhub:x", "StandardsArn": "arn:aws:securityhub:::standard",
            "StandardsInput": {}, "StandardsStatus": "READY"}),
    ]  # fmt: skip


def rows(aws: Simulated, dataset: str, session: Session) -> list[dict[str, Any]]:
    interval = INTERVAL if dataset in STREAMS else None
    _, sink = aws.collect(dataset, item=ITEMS[dataset], session=session, interval=interval)
    return [{**row, "raw": None} for row in sink.of(dataset)]


@pytest.fixture
def aws(simulated_aws: SimulatedAws) -> Simulated:
    return simulated_aws.start(company(account(regions=[REGION, "us-east-1"]), records=everything()))


def asked(aws: Simulated, before: dict[str, int]) -> set[str]:
    """Operations answered since, and those about credentials not."""
    after = aws.server.requests_by_operation
    return {name for name, count in after.items() if count > before.get(name, 0) and not name.startswith("sts:")}


def rights(operations: set[str]) -> set[str]:
    return {name.replace("ListFindingsV2", "ListFindings") if "analyzer" in name else name for name in operations}


@pytest.mark.parametrize("dataset", ITEMS)
def test_no_right_that_the_policy_lacks_and_none_that_it_need_not_give(aws: Simulated, dataset: str) -> None:
    """And a probe touches every right that the extractor needs."""
    session = aws.session()
    allowed = set(ACTIONS[dataset]) - {"ec2:DescribeRegions"}  # asked where the item is an account
    before = dict(aws.server.requests_by_operation)
    assert rows(aws, dataset, session)
    assert rights(asked(aws, before)) == allowed

    before = dict(aws.server.requests_by_operation)
    PROBES[dataset](session, ScopeItem(ITEM, ITEM, "aws"))
    assert rights(asked(aws, before)) == allowed


@pytest.mark.parametrize("dataset", ITEMS)
def test_each_call_that_is_denied_is_an_error_by_its_right(aws: Simulated, dataset: str) -> None:
    session = aws.session()
    before = dict(aws.server.requests_by_operation)
    rows(aws, dataset, session)
    for operation in sorted(asked(aws, before)):
        aws.plan.replace([{"source": "aws", "match": operation, "kind": "forbidden", "times": None}])
        with pytest.raises(PermissionDenied) as denied:
            rows(aws, dataset, session)
        assert {denied.value.permission} == rights({operation})
        with pytest.raises(PermissionDenied):
            PROBES[dataset](session, ScopeItem(ITEM, ITEM, "aws"))


@pytest.mark.parametrize(
    ("dataset", "operation"),
    [("aws.alerts", "guardduty:ListFindings"), ("aws.posture", "config:GetComplianceDetailsByConfigRule")],
)
def test_what_may_not_be_read_in_one_region_is_not_off(aws: Simulated, dataset: str, operation: str) -> None:
    """The other region has nothing on, so all that is known of this one is that it refuses."""
    aws.plan.replace([{"source": "aws", "match": operation, "kind": "forbidden", "times": None}])
    item = f"alerts:aws:{PROD}" if dataset == "aws.alerts" else f"aws:{PROD}"
    with pytest.raises(PermissionDenied) as denied:
        aws.collect(dataset, item=item, session=aws.session(), interval=INTERVAL if dataset in STREAMS else None)
    assert denied.value.permission == operation


def test_a_probe_looks_in_every_region_for_something_that_is_on(simulated_aws: SimulatedAws) -> None:
    item = ScopeItem(f"alerts:aws:{PROD}", "x", "aws")
    aws = simulated_aws.start(company(account(regions=[REGION, "us-east-1"]), records=[detector()]))
    assert aws.session().client.region != REGION
    PROBES["aws.alerts"](aws.session(), item)
    simulated_aws.start(company(account(regions=[REGION, "us-east-1"]), records=[]))
    with pytest.raises(NotLicensed, match="nothing can raise an alert"):
        PROBES["aws.alerts"](aws.session(), item)


class Limiter:
    """Lets five requests a second through, by a clock that only waiting and asking move."""

    def __init__(self) -> None:
        self.now, self.held, self.refused, self.through = 0.0, 0.0, 0, 0

    def sleep(self, seconds: float) -> None:
        self.held = min(5.0, self.held + 5 * seconds)
        self.now += seconds

    def take(self, source: Source, operation: str, path: str) -> Fault | None:
        self.sleep(0.02)
        if self.held >= 1:
            self.held -= 1
            self.through += 1
            return None
        self.refused += 1
        code = ("ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException")[
            self.refused % 4
        ]
        return Fault(source="aws", kind="rate_limited", code=code, status=(400, 429)[self.refused % 2])


@pytest.mark.parametrize("dataset", ["aws.alerts", "aws.posture"])
def test_a_limit_of_five_a_second_loses_nothing(aws: Simulated, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows(aws, dataset, aws.session())
    limiter = Limiter()
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=limiter.sleep))
    monkeypatch.setattr(aws.plan, "take", limiter.take)
    session = aws.session(attempts=10, pause=limiter.sleep)
    assert rows(aws, dataset, session) == whole
    assert limiter.refused > 0
    assert limiter.through <= 5 * limiter.now + 1


@pytest.mark.parametrize("dataset", ["aws.alarm_history", "aws.vulnerability_findings"])
def test_bursts_of_throttling_lose_nothing(aws: Simulated, dataset: str) -> None:
    session = aws.session(attempts=10)
    whole = rows(aws, dataset, session)
    bursts = [
        {"source": "aws", "kind": "rate_limited", "after": place, "times": times, "code": "ThrottlingException"}
        for place, times in ((0, 3), (1, 4))
    ]
    aws.plan.replace(bursts)
    assert rows(aws, dataset, session) == whole
    assert [rule["spent"] for rule in aws.plan.describe()] == [3, 4]


def test_a_marker_that_is_over_is_no_end_of_the_list(simulated_aws: SimulatedAws) -> None:
    """Inspector's markers last for a while; one that is over is refused, not answered with an empty page."""
    records = [detector(), *(finding(number, RECENT) for number in range(52))]
    aws = simulated_aws.start(company(account(regions=[REGION, "us-east-1"]), records=records))
    session = aws.session()
    for code in ("ValidationException", "BadRequestException", "InvalidNextTokenException"):
        aws.plan.replace([
            {"source": "aws", "match": "guardduty:ListFindings", "kind": "error", "code": code, "after": 1}
        ])  # fmt: skip
        with pytest.raises(IncompletePopulation, match="no longer knows where its list goes on"):
            rows(aws, "aws.alerts", session)


def test_a_region_that_may_not_be_read_is_named_in_the_claim(aws: Simulated) -> None:
    """A service control policy shuts one region: the rest is kept, and the claim is no whole one."""
    session = aws.session()
    aws.plan.replace([
        {"source": "aws", "match": "guardduty:ListDetectors", "kind": "forbidden", "after": 1, "times": None}
    ])  # fmt: skip
    [claim], sink = aws.collect("aws.detectors", item=f"aws:{PROD}", session=session)
    assert claim.truncated
    assert "not read: us-east-1 (guardduty:ListDetectors)" in (claim.reconciliation or "")
    assert {row["region"] for row in sink.of("aws.detectors")} == {REGION}
