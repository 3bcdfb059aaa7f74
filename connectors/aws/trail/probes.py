"""Whether CloudTrail can be read: the cheapest calls that touch every right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from connectors.aws.calls import Caller
from connectors.aws.session import AwsClient
from connectors.aws.trail.bucket import reader_of
from connectors.aws.trail.continuity import NO_TRAIL
from connectors.aws.trail.layout import Place
from schemas.aws_trail import MANAGEMENT_EVENTS, TRAIL_CONTINUITY
from schemas.errors import NotLicensed
from schemas.extraction import Session
from schemas.scope import ScopeItem


def _files(client: AwsClient, caller: Caller, trail: str) -> None:
    place = Place.of(trail)
    reader, answer = reader_of(client, caller, place)
    caller.ask("ec2:DescribeRegions", AllRegions=False)
    caller.ask("cloudtrail:ListPublicKeys", StartTime=answer.served_at - timedelta(days=1), EndTime=answer.served_at)
    for entry in answer.parsed.get("Contents") or []:
        reader.ask("s3:GetObject", region=client.region, Bucket=place.bucket, Key=entry["Key"], Range="bytes=0-0")


def _management_events(session: Session, item: ScopeItem) -> None:
    client: AwsClient = session.client
    caller = client.account(item.id.split(":")[1])
    if client.trail is not None:
        _files(client, caller, client.trail)
    else:
        caller.ask("ec2:DescribeRegions", AllRegions=False)
        caller.ask("cloudtrail:LookupEvents", MaxResults=1)


def _trail_continuity(session: Session, item: ScopeItem) -> None:
    client: AwsClient = session.client
    if client.trail is None:
        raise NotLicensed(NO_TRAIL)
    _files(client, client.account(item.id.split(":")[1]), client.trail)


PROBES: Mapping[str, Callable[[Session, ScopeItem], None]] = {
    MANAGEMENT_EVENTS.name: _management_events,
    TRAIL_CONTINUITY.name: _trail_continuity,
}
"""By dataset name."""
