"""All management events of an account: from the files that CloudTrail delivered, or from its event history.

The digests that AWS signs say which files there are. Where their chain has a hole, a file is missing or is not what
was delivered, the claim stops before that hour and says why; the rows of all other files are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa

from connectors.aws.reading import Reading, reading_of
from connectors.aws.session import AwsClient
from connectors.aws.trail.bucket import Bucket
from connectors.aws.trail.decoding import WORKERS, Decoders
from connectors.aws.trail.delivery import (
    DELIVERED_WITHIN,
    MANY_FILES,
    Delivery,
    delivery_of,
    merged,
    missing_from,
    read_files,
)
from connectors.aws.trail.digests import Stretch
from connectors.aws.trail.duplicates import Delivered
from connectors.aws.trail.history import event_history
from connectors.aws.trail.layout import Place
from connectors.aws.trail.records import Origin, Taken
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant

LATE = timedelta(hours=1)
"""An event is delivered within minutes as a rule; so long after it its hour is taken to be complete."""
READ_ON = timedelta(hours=3)
"""Files are read that were delivered up to so long after the interval."""
SHOWN = 8
"""So many holes are told one by one."""

QUERY = (
    "ec2:DescribeRegions\ns3:ListObjectsV2 CloudTrail-Digest, CloudTrail: by day, account and region\n"
    "cloudtrail:ListPublicKeys\ns3:GetObject: digests, and every log file that they name\n"
    "of these: eventCategory Management, eventTime=[start,end)"
)


def management_events(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.management_events` for an item `aws:<account>`.

    Raises `IncompletePopulation` where nothing is delivered for the account or no digest speaks of the time asked, and
    `PermissionDenied` where the bucket may not be read: the event history then is no substitute, for it forgets.
    """
    reading = reading_of(session, request, sink, MANAGEMENT_EVENTS)
    client: AwsClient = session.client
    if client.trail is None:
        return event_history(reading)
    start, end = reading.interval
    bucket = Bucket(client, reading, Place.of(client.trail))
    delivery = delivery_of(bucket, reading, Stretch(start, end + READ_ON), min(end, reading.now - DELIVERED_WITHIN))
    taken = Taken()
    dropped = _read(delivery, taken)
    return [_claim(reading, delivery, taken, dropped)]


def _read(delivery: Delivery, taken: Taken) -> int:
    """Hand every event over, once; how many came again."""
    reading = delivery.reading
    origin = Origin.of(reading.item, reading.account, None, reading.interval)
    delivered = Delivered()
    again = 0

    def rows() -> Iterator[pa.RecordBatch]:
        nonlocal again
        for _, found in read_files(delivery, decoders, origin):
            taken.add(found.taken)
            for batch, (identity, content) in zip(found.batches, found.fingerprints, strict=True):
                new = delivered.new(identity, content)
                again += batch.num_rows - len(new)
                if len(new):
                    yield batch if len(new) == batch.num_rows else batch.take(pa.array(new))

    with Decoders(WORKERS if len(delivery.named()) >= MANY_FILES else 0) as decoders:
        reading.sink.batches(MANAGEMENT_EVENTS, rows())
    return again


def _claim(reading: Reading, delivery: Delivery, taken: Taken, again: int) -> ItemClaim:
    start, end = reading.interval
    whole, holes = whole_stretch(delivery, Stretch(start, end))
    words = [_counted(delivery), *holes[:SHOWN]]
    if len(holes) > SHOWN:
        words.append(f"and {len(holes) - SHOWN} more")
    proof = None
    if whole is not None:
        proof = (
            f"{sum(link.proven for link in delivery.links)} digests signed by AWS name every file delivered between "
            f"{format_instant(whole.start)} and {format_instant(whole.end)}"
        )
    trails = sorted({link.trail for link in delivery.links if link.trail is not None})
    return ItemClaim(
        MANAGEMENT_EVENTS.name,
        QUERY,
        {
            "account": reading.account, "principal": reading.caller.principal, "regions": delivery.regions,
            "source": "aws.cloudtrail_s3", "trails": trails,
        },
        truncated=whole is None or whole != Stretch(start, end),
        complete_from=None if whole is None or whole.start == start else whole.start,
        complete_until=None if whole is None or whole.end == end else whole.end,
        proof_of_life=proof is not None,
        proof=proof,
        reconciliation="; ".join(words),
        pages=reading.pages,
        drop_rules={
            reason: count
            for reason, count in (
                ("delivered again", again), ("no management event", taken.not_management),
                ("before the interval", taken.earlier), ("after the interval", taken.later),
            )
            if count
        },
        rows_returned=taken.records,
    )  # fmt: skip


def _counted(delivery: Delivery) -> str:
    whole = sum(link.whole for link in delivery.links)
    wrong = sum(link.missing + link.altered for link in delivery.links)
    words = (
        f"{delivery.listed} log files lie there, {whole + wrong} are named by digests, {whole} are as they were "
        "delivered"
    )
    if delivery.unnamed:
        shown = ", ".join(delivery.unnamed[:SHOWN])
        words += f"; {len(delivery.unnamed)} that no digest names were not read: {shown}"
    return words


def whole_stretch(delivery: Delivery, asked: Stretch) -> tuple[Stretch | None, list[str]]:
    """The first stretch of event time that is whole in every region, and what is wrong with the rest, in words.

    An event may be delivered late, so what came in the time LATE after it counts as well. A claim says one stretch: the
    one from the start, or where the start itself is in a hole, the first after it.
    """
    holes: list[Stretch] = []
    words: list[str] = []
    for region, links in sorted(delivery.uncovered(asked.end + LATE).items()):
        for link in links:
            if link.stretch.end > asked.start:
                holes.append(Stretch(link.stretch.start - LATE, link.stretch.end))
                span = f"{format_instant(link.stretch.start)} to {format_instant(link.stretch.end)}"
                words.append(f"{region} {span}: {link.state}, {link.detail}")
    for region in delivery.reading.regions:
        ends = [link.stretch.end for link in delivery.links if link.region == region and link.digest is not None]
        last = max(ends, default=asked.start)
        if last < asked.end + LATE:
            holes.append(Stretch(last - LATE, asked.end))
    missing = missing_from(asked, merged(holes))
    whole = next(iter(missing), None)
    proven = _proven_until(delivery, asked)
    if proven < asked.end:
        words.append(f"digests prove what was delivered up to {format_instant(proven + LATE)}")
    return whole, words


def _proven_until(delivery: Delivery, asked: Stretch) -> datetime:
    ends = [
        max((link.stretch.end for link in delivery.links if link.region == region and link.digest), default=asked.start)
        for region in delivery.reading.regions
    ]
    return min(ends, default=asked.start) - LATE
