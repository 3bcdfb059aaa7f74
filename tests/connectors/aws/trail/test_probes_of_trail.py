"""What `evidence doctor` asks of CloudTrail, which rights that takes, and what faults make of it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.aws.permissions import TRAIL_ACTIONS, trail_policy
from connectors.aws.probes import PROBES
from schemas.errors import ClockSkew, IncompletePopulation, NotLicensed, PermissionDenied, RetriableError
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, SimulatedAws
from tests.fakes.aws_trail import BUCKET, TRAIL, collect_events, every, session, start, with_trail

ITEM = ScopeItem(f"aws:{PROD}", "prod", "aws")


def test_probes_touch_every_right_once(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(30, 8)))
    opened = session(simulated)
    for name in ("aws.management_events", "aws.trail_continuity"):
        PROBES[name](opened, ITEM)
    asked = simulated.server.requests_by_operation
    assert [asked[name] for name in ("s3:ListObjectsV2", "s3:GetObject", "cloudtrail:ListPublicKeys")] == [2, 2, 2]
    without = session(simulated, trail=None)
    PROBES["aws.management_events"](without, ITEM)
    assert simulated.server.requests_by_operation["cloudtrail:LookupEvents"] == 1
    with pytest.raises(NotLicensed):
        PROBES["aws.trail_continuity"](without, ITEM)
    for operation in ("s3:ListObjectsV2", "s3:GetObject", "cloudtrail:ListPublicKeys", "ec2:DescribeRegions"):
        simulated.plan.replace([{"source": "aws", "match": operation, "kind": "forbidden", "times": None}])
        with pytest.raises(PermissionDenied):
            PROBES["aws.management_events"](opened, ITEM)


def test_files_may_be_read_in_the_bucket_of_the_trail_alone() -> None:
    [statement] = trail_policy(f"{TRAIL}/logs/AWSLogs")["Statement"]
    assert statement["Action"] == list(TRAIL_ACTIONS)
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]


LASTING: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"match": "s3:GetObject", "kind": "forbidden"}, PermissionDenied),
    ({"match": "s3:GetObject", "kind": "rate_limited"}, RetriableError),
    ({"match": "s3:GetObject", "kind": "server_error"}, RetriableError),
    ({"match": "s3:ListObjectsV2", "kind": "truncated_body"}, RetriableError),
    ({"match": "s3:ListObjectsV2", "kind": "truncated_page", "field": "Marker"}, IncompletePopulation),
    ({"match": "cloudtrail:ListPublicKeys", "kind": "forbidden"}, PermissionDenied),
    ({"match": "s3:GetObject", "kind": "wrong_date", "seconds": 300}, ClockSkew),
]


def test_a_fault_that_stays_is_an_error_and_never_fewer_rows(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(7, 60)))
    opened = session(simulated)
    plain = collect_events(simulated, opened=opened)
    for fault, error in LASTING:
        simulated.plan.replace([{"source": "aws", "times": None, **fault}])
        with pytest.raises(error):
            collect_events(simulated, opened=opened)
    for fault in (
        {"match": "s3:GetObject", "kind": "server_error", "times": 2},
        {"match": "s3:ListObjectsV2", "kind": "rate_limited", "times": 2},
        {"match": "s3:GetObject", "kind": "connection_reset", "times": 1},
    ):
        simulated.plan.replace([{"source": "aws", **fault}])
        assert collect_events(simulated, opened=opened) == plain
    # A list that leaves files out is found out by the digests, which name them.
    hidden = {"source": "aws", "match": "s3:ListObjectsV2", "kind": "lying_last_page", "items": 1, "times": None}
    simulated.plan.replace([{**hidden, "after": 3}])
    claim, rows = collect_events(simulated, opened=opened)
    assert rows == plain[1]
    assert claim.reconciliation != plain[0].reconciliation
