"""Whether the record of an account is whole, hour by hour: each digest, its signature, its chain and its files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.aws.reading import Reading, reading_of
from connectors.aws.session import AwsClient
from connectors.aws.trail.bucket import Bucket
from connectors.aws.trail.decoding import WORKERS, Decoders
from connectors.aws.trail.delivery import DELIVERED_WITHIN, MANY_FILES, Delivery, delivery_of, read_files
from connectors.aws.trail.digests import HOUR, Link, Stretch
from connectors.aws.trail.layout import Place
from schemas.aws_trail import TRAIL_CONTINUITY
from schemas.errors import NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant

LOOKS_BACK = timedelta(days=3)
"""The hours that one snapshot speaks of: more than the longest silence that is planned between two (49 hours)."""
NO_TRAIL = (
    "scope.aws.cloudtrail names no trail, so there are no digests that could prove the record whole. Name the bucket "
    "it is delivered to, or record why there is none."
)

QUERY = (
    "ec2:DescribeRegions\ns3:ListObjectsV2 CloudTrail-Digest, CloudTrail: by day, account and region\n"
    "cloudtrail:ListPublicKeys\ns3:GetObject: digests, and every log file that they name"
)


def trail_continuity(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.trail_continuity` for an item `aws:<account>`: the last three days, hour by hour.

    Raises `NotLicensed` where the programme names no trail: the event history is signed by nobody.
    """
    reading = reading_of(session, request, sink, TRAIL_CONTINUITY)
    client: AwsClient = session.client
    if client.trail is None:
        raise NotLicensed(NO_TRAIL)
    now = reading.now.replace(minute=0, second=0, microsecond=0)
    asked = Stretch(now - LOOKS_BACK, now + HOUR)
    bucket = Bucket(client, reading, Place.of(client.trail))
    delivery = delivery_of(bucket, reading, asked, reading.now - DELIVERED_WITHIN)
    with Decoders(WORKERS if len(delivery.named()) >= MANY_FILES else 0) as decoders:
        for _ in read_files(delivery, decoders):
            pass  # the hash alone counts here
    sink.rows(TRAIL_CONTINUITY, _rows(reading, delivery))
    wrong = [link for link in delivery.links if link.state != "whole"]
    words = [
        (
            f"{len(delivery.links) - len(wrong)} of {len(delivery.links)} digests and gaps of {len(delivery.regions)} "
            "regions are whole"
        ),
        f"{delivery.listed} log files lie there, {len(delivery.named())} are named by digests that can be believed",
    ]
    if delivery.unnamed:
        words.append(f"{len(delivery.unnamed)} log files are named by no digest: {', '.join(delivery.unnamed[:8])}")
    return [
        ItemClaim(
            TRAIL_CONTINUITY.name,
            QUERY,
            {
                "account": reading.account, "principal": reading.caller.principal, "regions": delivery.regions,
                "from": format_instant(asked.start),
            },
            observed_at=reading.observed_at,
            proof_of_life=True,
            proof=f"{sum(link.digest is not None for link in delivery.links)} digests were read",
            reconciliation="; ".join(words),
            pages=reading.pages,
            rows_returned=len(delivery.links),
        )
    ]  # fmt: skip


def _rows(reading: Reading, delivery: Delivery) -> Iterator[dict[str, Any]]:
    for link in delivery.links:
        yield _row(reading.item, reading.account, link)


def _row(item: str, account: str, link: Link) -> dict[str, Any]:
    digest = link.digest
    row: dict[str, Any] = {
        "scope_item_id": item, "account_id": account, "region": link.region, "trail": link.trail,
        "starts_at": link.stretch.start, "ends_at": link.stretch.end, "state": link.state, "detail": link.detail,
        "signature_valid": link.signature_valid, "follows_previous": link.follows,
        "log_files": 0, "log_files_whole": link.whole, "log_files_missing": link.missing,
        "log_files_altered": link.altered,
    }  # fmt: skip
    if digest is None:
        return row | {"raw": orjson.dumps({"region": link.region, "starts_at": _said(link.stretch.start)}).decode()}
    said = digest.content
    return row | {
        "digest_object": f"s3://{digest.bucket}/{digest.key}", "digest_sha256": digest.sha256,
        "digest_delivered_at": digest.delivered_at, "public_key_fingerprint": said.digest_public_key_fingerprint,
        "log_files": len(said.log_files), "oldest_event_at": said.oldest_event_time,
        "newest_event_at": said.newest_event_time, "raw": _json(digest.text),
    }  # fmt: skip


def _json(text: bytes) -> str:
    """What a digest says; nothing where an edited one is no JSON any more."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return "{}"
    return text.decode()


def _said(at: datetime) -> str:
    return format_instant(at)
