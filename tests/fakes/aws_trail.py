"""A small company with a trail, and the collector's way to what is delivered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.aws.session import AccountAccess, open_session
from connectors.aws.trail.continuity import trail_continuity
from connectors.aws.trail.events import management_events
from schemas.aws_trail import MANAGEMENT_EVENTS, TRAIL_CONTINUITY
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, Simulated, SimulatedAws, account, company, user
from tests.fakes.memory_sink import MemorySink

STARTED = datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
START, END = datetime(2026, 4, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, 5, tzinfo=UTC)
REGIONS = ["eu-west-1", "us-east-1"]
BUCKET = "acme-trail"
TRAIL = f"s3://{BUCKET}"


def record(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """A management event of eu-west-1."""
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:ana", "accountId": PROD,
            "arn": f"arn:aws:sts::{PROD}:assumed-role/engineer/ana", "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLE", "arn": f"arn:aws:iam::{PROD}:role/engineer",
                    "accountId": PROD, "userName": "engineer",
                },
                "attributes": {"creationDate": "2026-04-01T00:30:00Z", "mfaAuthenticated": "true"},
            },
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": "ec2.amazonaws.com",
        "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.17.0", "requestParameters": {"groupId": f"sg-{number:04x}"},
        "responseElements": {"_return": True}, "requestID": str(uuid.UUID(int=number + 2**100)),
        "eventID": str(uuid.UUID(int=number * 7919 + (number << 96))), "readOnly": False, "eventType": "AwsApiCall",
        "managementEvent": True, "recipientAccountId": PROD, "eventCategory": "Management", **more,
    }  # fmt: skip


def every(minutes: int, count: int, start: datetime = STARTED, **more: Any) -> list[dict[str, Any]]:
    return [record(number, start + timedelta(minutes=minutes * number), **more) for number in range(count)]


def with_trail(
    events: Sequence[Mapping[str, Any]], *, regions: Sequence[str] = REGIONS, **trail: Any
) -> dict[str, Any]:
    """A company whose account has these events, and a trail that delivers them."""
    users = [user("ana", signs_in_every_hours=1, password=True, mfa=True)]
    content = company(account(regions=list(regions), users=users))
    declared = {"name": "everything", "account": PROD, "bucket": BUCKET, "started": STARTED, **trail}
    return {**content, "trail": declared, "trail_events": [dict(event) for event in events]}


def session(simulated: Simulated, *accounts: str, trail: str | None = TRAIL) -> Session:
    access = [AccountAccess(one, f"arn:aws:iam::{one}:role/evidence-reader") for one in accounts or (PROD,)]
    return open_session(access, now=simulated.clock.now, pause=lambda _: None, attempts=4, trail=trail)


def collect_events(
    simulated: Simulated,
    start: datetime = START,
    end: datetime = END,
    *,
    item: str = PROD,
    opened: Session | None = None,
    sink: MemorySink | None = None,
) -> tuple[ItemClaim, list[dict[str, Any]]]:
    """The claim and the rows of one interval."""
    sink = sink or MemorySink()
    scope = ScopeItem(f"aws:{item}", item, "aws")
    request = Request(frozenset([MANAGEMENT_EVENTS.name]), scope, start, end)
    [claim] = management_events(opened or session(simulated), request, sink)
    return claim, sink.of(MANAGEMENT_EVENTS)


def collect_continuity(
    simulated: Simulated, *, item: str = PROD, opened: Session | None = None
) -> tuple[ItemClaim, list[dict[str, Any]]]:
    sink = MemorySink()
    request = Request(frozenset([TRAIL_CONTINUITY.name]), ScopeItem(f"aws:{item}", item, "aws"))
    [claim] = trail_continuity(opened or session(simulated), request, sink)
    return claim, sink.of(TRAIL_CONTINUITY)


def start(simulated_aws: SimulatedAws, content: Mapping[str, Any], now: datetime = NOW) -> Simulated:
    return simulated_aws.start(content, now=now)
