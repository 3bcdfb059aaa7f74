"""CloudTrail's event history: the fallback where no trail is delivered. It remembers 90 days and is slow.

It is asked two times a second, region by region: AWS allows no more in an account. It shows an event within 15 minutes,
which the time that a stream is given to settle covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pyarrow as pa

from connectors.aws.reading import Reading, batches
from connectors.aws.trail.duplicates import Delivered
from connectors.aws.trail.records import BATCH_ROWS, Origin, Taken, events
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.errors import SchemaDrift
from schemas.extraction import ItemClaim
from schemas.instants import format_instant

REMEMBERS = timedelta(days=90)
HISTORY_QUERY = "ec2:DescribeRegions\ncloudtrail:LookupEvents StartTime=start EndTime=end, in each region"


def event_history(reading: Reading) -> list[ItemClaim]:
    """The claim of `aws.management_events` from the event history; its rows go to the sink of `reading`."""
    start, _ = reading.interval
    reach = reading.now - REMEMBERS
    origin = Origin.of(reading.item, reading.account, None, reading.interval)
    delivered, taken = Delivered(), Taken()
    again = 0

    def rows() -> Iterator[pa.RecordBatch]:
        nonlocal again
        for region in reading.regions:
            for some in batches(_records(reading, region), BATCH_ROWS):
                made = events(some, origin, taken)
                new = delivered.new(made.identity, made.content)
                again += made.batch.num_rows - len(new)
                yield made.batch.take(pa.array(new))

    reading.sink.batches(MANAGEMENT_EVENTS, rows())
    words = ["no trail is named under scope.aws.cloudtrail: CloudTrail's event history was read, which nobody signs"]
    late = reach > start
    if late:
        words.append(f"the event history reaches back to {format_instant(reach)}")
    for reason, count in (
        ("in the history of several regions", again), ("before the interval", taken.earlier),
        ("after the interval", taken.later),
    ):  # fmt: skip
        if count:
            reading.dropped[reason] += count
    kept = taken.records - sum(reading.dropped.values())
    return [
        ItemClaim(
            MANAGEMENT_EVENTS.name,
            HISTORY_QUERY,
            {
                "account": reading.account, "principal": reading.caller.principal, "regions": list(reading.regions),
                "source": "aws.cloudtrail_event_history",
            },
            complete_from=reach if late else None,
            proof_of_life=kept > 0,
            proof=f"{taken.records} events are in the history of {len(reading.regions)} regions" if kept else None,
            reconciliation="; ".join(words),
            pages=reading.pages,
            drop_rules=dict(reading.dropped),
            rows_returned=taken.records,
        )
    ]  # fmt: skip


def _records(reading: Reading, region: str) -> Iterator[msgspec.Raw]:
    start, end = reading.interval
    for entry in reading.entries(
        "cloudtrail:LookupEvents", "Events", key=lambda event: event.get("EventId"), region=region,
        StartTime=start, EndTime=end, MaxResults=50,
    ):  # fmt: skip
        record = entry.parsed.get("CloudTrailEvent")
        if not isinstance(record, str):
            raise SchemaDrift("cloudtrail:LookupEvents tells of an event without its record.")
        yield msgspec.Raw(record.encode())
