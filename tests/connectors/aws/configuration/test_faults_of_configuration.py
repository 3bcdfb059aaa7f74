"""Under every kind of fault: all rows, an error that says so, or a row that names what it lacks. Never fewer rows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from connectors.aws.configuration import buckets
from connectors.aws.configuration.operations import OPERATIONS
from connectors.aws.configuration.region import Region
from connectors.aws.permissions import ACTIONS
from connectors.aws.probes import PROBES
from connectors.aws.verdicts import iam_action
from schemas.aws_configuration import DATASETS, ENCRYPTION, EXPOSURE, LOG_CONFIG, TRANSIT
from schemas.errors import (
    ClockSkew,
    CollectionError,
    ConfigurationError,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
)
from schemas.extraction import ItemClaim
from schemas.scope import ScopeItem
from tests.connectors.aws.configuration.conftest import Account
from tests.fakes.aws_company import PROD
from tests.fakes.aws_configuration import BALANCER
from tests.fakes.aws_records import REGION
from tests.fakes.memory_sink import MemorySink

Whole = dict[str, tuple[dict[str, ItemClaim], MemorySink]]
DENIED = {"kind": "forbidden", "times": None}

# One list, and one call about a single resource, of each way that AWS writes its answers.
CALLS = [
    ("ec2:DescribeSecurityGroups", EXPOSURE), ("elbv2:DescribeListeners", EXPOSURE), ("s3:ListBuckets", ENCRYPTION),
    ("s3:GetBucketEncryption", ENCRYPTION), ("kms:ListKeys", ENCRYPTION), ("s3control:ListAccessPoints", EXPOSURE),
    ("elasticfilesystem:DescribeFileSystems", ENCRYPTION), ("rds:DescribeDBInstances", ENCRYPTION),
    ("cloudtrail:DescribeTrails", LOG_CONFIG), ("sqs:GetQueueAttributes", ENCRYPTION),
]  # fmt: skip

# Of the whole region; a list of one resource's parts is named in its row where it may not be read.
LISTS = [call for call in CALLS if ":Get" not in call[0] and call[0] != "elbv2:DescribeListeners"]

PASSING: list[dict[str, Any]] = [
    {"kind": "rate_limited", "times": 2}, {"kind": "server_error", "times": 2},
    {"kind": "connection_reset", "times": 2},
    {"kind": "server_error", "times": 1, "code": "html"}, {"kind": "truncated_body", "times": 1},
    {"kind": "truncated_body", "times": 1, "bytes": 0},
]  # fmt: skip
LASTING: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"kind": "rate_limited"}, RetriableError), ({"kind": "server_error"}, RetriableError),
    ({"kind": "truncated_body"}, RetriableError), ({"kind": "connection_reset"}, RetriableError),
    ({"kind": "unauthorized"}, CollectionError),
    ({"kind": "error", "code": "SubscriptionRequiredException", "status": 403}, NotLicensed),
    ({"kind": "error", "code": "NobodyKnowsThisException"}, CollectionError),
    ({"kind": "wrong_date", "seconds": 300}, ClockSkew),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "dataset"), CALLS)
def test_faults_that_pass_cost_nothing_one_after_the_other(
    whole: Whole, configured: Account, operation: str, dataset: Any
) -> None:
    configured.plan(*({"match": operation, **fault} for fault in PASSING))
    _, sink = configured.read(dataset.name)
    assert sink.of(dataset) == whole[REGION][1].of(dataset)
    assert [rule["spent"] for rule in configured.aws.plan.describe()] == [fault["times"] for fault in PASSING]


@pytest.mark.parametrize(("operation", "dataset"), CALLS[:4])
def test_faults_that_stay_are_errors(configured: Account, operation: str, dataset: Any) -> None:
    for fault, expected in LASTING:
        configured.plan({"match": operation, "times": None, **fault})
        with pytest.raises(expected):
            configured.read(dataset.name)


@pytest.mark.parametrize(("operation", "dataset"), LISTS)
def test_a_list_that_may_not_be_read_is_an_error_that_names_right_and_region(
    configured: Account, operation: str, dataset: Any
) -> None:
    configured.plan({"match": operation, **DENIED})
    with pytest.raises(PermissionDenied, match=REGION) as raised:
        configured.read(dataset.name)
    assert raised.value.permission in ACTIONS[dataset.name]
    assert raised.value.permission.partition(":")[2] in (operation.partition(":")[2], "ListAllMyBuckets")


def test_a_bucket_that_may_not_be_read_names_itself_and_keeps_its_row(whole: Whole, configured: Account) -> None:
    configured.plan({"match": {"operation": "s3:GetBucketPolicy", "path": "/shop-data?policy"}, **DENIED})
    claims, sink = configured.read("aws.exposure", "aws.transit", "aws.encryption")
    for dataset in (EXPOSURE, TRANSIT):
        before, after = whole[REGION][1].of(dataset), sink.of(dataset)
        assert [row["record_id"] for row in after] == [row["record_id"] for row in before]
        [row] = [row for row in after if row["unreadable"]]
        assert row["record_id"] == "bucket:arn:aws:s3:::shop-data"
        assert row["unreadable"] == ["s3:GetBucketPolicy AccessDenied"]
        claim = claims[dataset.name]
        assert claim.truncated
        assert "s3:GetBucketPolicy: arn:aws:s3:::shop-data" in str(claim.reconciliation)
    [row] = [row for row in sink.of(TRANSIT) if row["unreadable"]]
    assert row["plain_text"] is None  # not known, which is neither yes nor no
    assert not claims["aws.encryption"].truncated  # nothing of it hangs on the policy


# What is asked about a single resource.
ABOUT_ONE = [
    "backup:GetBackupPlan", "elbv2:DescribeListeners", "elbv2:DescribeRules", "elbv2:DescribeLoadBalancerAttributes",
    "elb:DescribeLoadBalancerPolicies", "elb:DescribeLoadBalancerAttributes", "s3control:GetPublicAccessBlock",
    "s3control:GetAccessPoint", "s3control:GetAccessPointPolicyStatus", "s3:GetBucketLocation", "s3:GetBucketPolicy",
    "s3:GetPublicAccessBlock", "s3:GetBucketPolicyStatus", "s3:GetBucketOwnershipControls", "s3:GetBucketAcl",
    "s3:GetBucketEncryption", "s3:GetBucketVersioning", "s3:GetBucketLifecycleConfiguration",
    "s3:GetObjectLockConfiguration", "s3:GetBucketReplication", "s3:GetBucketLogging", "acm:DescribeCertificate",
    "rds:DescribeDBSnapshotAttributes", "rds:DescribeDBClusterSnapshotAttributes", "cloudtrail:GetTrailStatus",
    "cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "ec2:GetManagedPrefixListEntries",
    "kms:DescribeKey", "kms:GetKeyRotationStatus", "kms:GetKeyPolicy", "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups", "efs:DescribeFileSystemPolicy",
    "sqs:GetQueueAttributes", "sns:GetTopicAttributes", "lambda:GetPolicy", "lambda:ListFunctionUrlConfigs",
]  # fmt: skip


def test_every_refusal_about_a_single_resource_is_told_by_every_dataset_that_needs_it(configured: Account) -> None:
    """Also by one whose rows all hang on the answer, such as listeners in `aws.transit`."""
    silent: list[str] = []
    following = {"elbv2:DescribeRules", "kms:GetKeyRotationStatus"}  # asked only where another answer is there
    for refused in (set(ABOUT_ONE) - following, following):
        matches = [operation.replace("efs:", "elasticfilesystem:") for operation in sorted(refused)]
        configured.plan(*({"match": match, **DENIED} for match in matches))
        claims, _ = configured.read()
        for name, claim in claims.items():
            said = str(claim.reconciliation)
            silent += [
                f"{operation} {name}"
                for operation in sorted(refused & set(OPERATIONS[name]))
                if not (claim.truncated and f"not read for want of {iam_action(operation)}: " in said)
            ]
    assert not silent


def test_listeners_that_may_not_be_read_are_missing_from_both_datasets_by_name(configured: Account) -> None:
    configured.plan({"match": "elbv2:DescribeListeners", **DENIED})
    claims, _ = configured.read("aws.exposure", "aws.transit")
    for claim in claims.values():
        assert claim.truncated
        assert f"elasticloadbalancing:DescribeListeners: {BALANCER}" in str(claim.reconciliation)
    item = ScopeItem(f"aws:{PROD}:{REGION}", "x", "aws")
    with pytest.raises(PermissionDenied):
        PROBES["aws.transit"](configured.session, item)


def test_an_account_block_that_may_not_be_read_leaves_open_what_hangs_on_it(configured: Account) -> None:
    configured.plan({"match": "s3control:GetPublicAccessBlock", **DENIED})
    claims, sink = configured.read("aws.exposure")
    public = {row["name"]: row["public"] for row in sink.of(EXPOSURE) if row["kind"] == "bucket"}
    # Its own block closes it whatever the account's says; without one nobody can tell.
    assert public == {"shop-data": False, "shop-site": None, "shop-old": None, "shop-unplaced": False}
    assert claims["aws.exposure"].truncated


def test_a_bucket_whose_region_nobody_may_know_is_named(configured: Account) -> None:
    configured.plan({"match": "s3:GetBucketLocation", **DENIED})
    claims, _ = configured.read("aws.encryption")
    assert claims["aws.encryption"].truncated
    assert "shop-unplaced" in str(claims["aws.encryption"].reconciliation)


def test_a_bucket_that_is_deleted_meanwhile_is_counted(whole: Whole, configured: Account) -> None:
    gone = {"kind": "not_found", "code": "NoSuchBucket", "times": None}
    configured.plan({"match": {"operation": "s3:*", "path": "/shop-old?*"}, **gone})
    claims, sink = configured.read("aws.encryption")
    assert len(sink.of(ENCRYPTION)) == len(whole[REGION][1].of(ENCRYPTION)) - 1
    assert claims["aws.encryption"].drop_rules == {"gone since it was listed": 1}
    assert not claims["aws.encryption"].truncated


@pytest.mark.parametrize("refusal", [DENIED, {"kind": "not_found", "code": "NoSuchBucket", "times": None}])
def test_a_trail_whose_bucket_is_another_account_s_keeps_its_row(
    configured: Account, refusal: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "_of_region", lambda _: iter(()))  # so that the bucket is not one of the account
    configured.plan({"match": {"operation": "s3:*", "path": "/shop-logs?*"}, **refusal})
    claims, sink = configured.read("aws.log_config")
    [trail] = [row for row in sink.of(LOG_CONFIG) if row["kind"] == "trail"]
    assert trail["bucket_readable"] is False
    assert trail["unreadable"]
    assert (trail["lock_mode"], trail["expiration_days"], trail["bucket_public"]) == (None, None, None)
    assert trail["logging"] is True
    assert not claims["aws.log_config"].truncated  # what the log archive hides is no gap of this account


@pytest.mark.parametrize("name", ["HomeRegion", "TrailARN"])
def test_a_trail_that_does_not_say_where_its_home_is_is_drift(
    configured: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Elsewhere AWS does not know it, so that it would be left out as one that is gone."""
    ask = Region.ask

    def without(self: Region, operation: str, **parameters: Any) -> Any:
        answer = ask(self, operation, **parameters)
        trails = answer.get("trailList")
        if trails is None:
            return answer
        return {**answer, "trailList": [{key: trail[key] for key in trail if key != name} for trail in trails]}

    monkeypatch.setattr(Region, "ask", without)
    with pytest.raises(SchemaDrift, match=f"A trail comes without {name}"):
        configured.read("aws.log_config")


def test_a_trail_s_bucket_of_the_account_itself_is_a_gap_where_it_may_not_be_read(configured: Account) -> None:
    configured.plan({"match": {"operation": "s3:GetBucketVersioning", "path": "/shop-logs?*"}, **DENIED})
    claims, sink = configured.read("aws.log_config")
    [trail] = [row for row in sink.of(LOG_CONFIG) if row["kind"] == "trail"]
    assert trail["unreadable"] == ["s3:GetBucketVersioning AccessDenied"]
    assert claims["aws.log_config"].truncated
    assert "s3:GetBucketVersioning: " + trail["resource_id"] in str(claims["aws.log_config"].reconciliation)


def test_a_region_that_is_not_enabled_is_an_error_that_says_so(configured: Account) -> None:
    for dataset in DATASETS:
        with pytest.raises((ConfigurationError, CollectionError), match="me-south-1"):
            configured.read(dataset.name, region="me-south-1")


def test_a_distribution_that_the_page_s_own_count_misses_is_an_error(configured: Account) -> None:
    from connectors.aws.configuration import certificates

    class Region:
        account, name = PROD, "us-east-1"

        def ask(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"DistributionList": {"Quantity": 2, "IsTruncated": False, "Items": [{"ARN": "a"}]}}

        class reading:  # noqa: N801 - stands in for an attribute
            pages = read = 0

    region: Any = Region()
    with pytest.raises(IncompletePopulation, match="counts 2"):
        list(certificates._distributions(region))  # pyright: ignore[reportPrivateUsage]


class Limiter:
    """No more than five requests a second, in the time that everybody here waits by; all else goes to the plan."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.now, self.seen, self.refused = inner, 0.0, [0.0] * 5, 0
        self.lock = threading.Lock()

    def wait(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds

    def conditions(self, *asked: Any) -> Any:
        return self.inner.conditions(*asked)

    def take(self, source: Any, operation: str, path: str) -> Any:
        from sandbox.faults import Fault

        with self.lock:
            if operation.startswith("s3:") and self.now - self.seen[-5] < 1:
                self.refused += 1
                return Fault(source="aws", match=operation, kind="rate_limited")
            self.seen.append(self.now)
        return self.inner.take(source, operation, path)


def test_five_requests_a_second_are_enough(whole: Whole, configured: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads learn from the first refusals, and none of them gives up."""
    import botocore.endpoint

    state = configured.aws.server._state  # pyright: ignore[reportPrivateUsage]
    limiter = Limiter(state.faults)
    conduct = configured.session.client._conduct  # the pacer waits in the limiter's time
    pacer = type(conduct.pacer)({}, 5, pause=limiter.wait, monotonic=lambda: limiter.now)
    monkeypatch.setattr(state, "faults", limiter)
    monkeypatch.setattr(conduct, "pacer", pacer)
    monkeypatch.setattr(botocore.endpoint.time, "sleep", limiter.wait)
    _, sink = configured.read("aws.exposure", "aws.lifecycle")
    assert sink.of(EXPOSURE) == whole[REGION][1].of(EXPOSURE)
    assert limiter.refused > 0
    assert limiter.refused < 80


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_probe_touches_every_right_that_the_account_gives_occasion_for(configured: Account, dataset: Any) -> None:
    item = ScopeItem(f"aws:{PROD}:us-east-1" if dataset is TRANSIT else f"aws:{PROD}:{REGION}", "x", "aws")
    before = configured.asked()
    PROBES[dataset.name](configured.session, item)
    touched = {name for name, count in configured.asked().items() if count > before.get(name, 0)}
    rights = {iam_action(name.replace("elasticfilesystem:", "efs:")) for name in touched}
    assert rights <= set(ACTIONS[dataset.name])
    configured.plan({"match": next(iter(sorted(touched))), **DENIED})
    with pytest.raises(PermissionDenied):
        PROBES[dataset.name](configured.session, item)


def test_every_operation_that_is_asked_is_declared_for_its_dataset(configured: Account) -> None:
    """By which the rights follow, and the query that a claim names."""
    for dataset in DATASETS:
        before = configured.asked()
        for region in ("us-east-1", REGION):
            configured.read(dataset.name, region=region)
        touched = {name for name, count in configured.asked().items() if count > before.get(name, 0)}
        declared = {name.replace("efs:", "elasticfilesystem:") for name in OPERATIONS[dataset.name]}
        assert touched == declared, dataset.name
