"""Every configuration item that AWS Config captured in an interval: what a resource was like, and when it changed.

Configurations are JSON inside a text, where a declared secret would not be found: they are unfolded before anything is
kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import botocore.session
import orjson

from connectors.aws.calls import Answer
from connectors.aws.reading import Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_operations import CONFIG_HISTORY
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

_QUERY = (
    "ec2:DescribeRegions\nconfig:DescribeConfigurationRecorders\nconfig:DescribeConfigurationRecorderStatus\n"
    "config:GetDiscoveredResourceCounts\nconfig:ListDiscoveredResources includeDeletedResources=true, each type\n"
    "config:GetResourceConfigHistory earlierTime laterTime, each resource"
)
_GONE = ("ResourceNotDiscoveredException",)

Row = dict[str, Any]


def config_history(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.config_history` for an item `aws:<account>:<region>`, or `aws:<account>` and every region.

    Raises `NotLicensed` where AWS Config was never set up, and `IncompletePopulation` where it counts more resources
    than it lists. Where the recorder stands still the claim is no whole one; it begins where it was last started.
    """
    reading = reading_of(session, request, sink, CONFIG_HISTORY)
    recorders = 0

    def region(name: str) -> None:
        nonlocal recorders
        if not reading.offered("config", name):
            return
        types = _recorded_types(reading, name)
        if types is None:
            reading.refused[name] = "AWS Config is not set up"
            return
        recorders += 1
        reading.put(_items(reading, name, types))

    reading.in_each_region(region)
    if not recorders:
        raise reading.nothing_on(
            f"AWS Config is not set up in {', '.join(reading.regions)} of account {reading.account}, so it keeps no "
            "history there. Set up a recorder, or rely on CloudTrail."
        )
    return [reading.claim(_QUERY, proof=f"{recorders} recorder(s), {reading.read} entries of lists")]


def _recorded_types(reading: Reading, region: str) -> Sequence[str] | None:
    """The types of resources that are recorded; None without a recorder. Notes where it stands still or began late."""
    answer = reading.ask("config:DescribeConfigurationRecorders", region=region).parsed
    recorders: list[Json] = list(answer.get("ConfigurationRecorders") or [])
    if not recorders:
        return None
    answer = reading.ask("config:DescribeConfigurationRecorderStatus", region=region).parsed
    states: list[Json] = list(answer.get("ConfigurationRecordersStatus") or [])
    if not any(state.get("recording") for state in states):
        reading.refused[region] = "AWS Config does not record"
    started = [moment(state.get("lastStartTime")) for state in states]
    if known := [at for at in started if at is not None]:
        reading.reaches[f"AWS Config in {region}"] = max(known)
    group: Json = recorders[0].get("recordingGroup") or {}
    named = [str(one) for one in group.get("resourceTypes") or []]
    return named if named and not group.get("allSupported") else _all_types()


@cache
def _all_types() -> tuple[str, ...]:
    """By the vendor's own description: a type of which nothing is left is in no count."""
    model: Any = botocore.session.get_session().get_service_model("config")
    return tuple(sorted(model.shape_for("ResourceType").enum))


def _items(reading: Reading, region: str, types: Sequence[str]) -> Iterator[Row]:
    counted = {
        str(field_of(entry.parsed, "resourceType", "A count")): int(entry.parsed.get("count") or 0)
        for entry in reading.entries(
            "config:GetDiscoveredResourceCounts", "resourceCounts", key=lambda one: one.get("resourceType"),
            region=region, asked="nextToken", answered="nextToken", limit=100,
        )
    }  # fmt: skip
    for kind in sorted({*types, *counted}):
        listed = [
            entry.parsed
            for entry in reading.entries(
                "config:ListDiscoveredResources", "resourceIdentifiers", key=lambda one: one.get("resourceId"),
                region=region, asked="nextToken", answered="nextToken", resourceType=kind, limit=100,
                includeDeletedResources=True,
            )
        ]  # fmt: skip
        alive = sum(one.get("resourceDeletionTime") is None for one in listed)
        if alive < counted.get(kind, 0):
            raise IncompletePopulation(
                f"AWS Config counts {counted[kind]} resources of {kind} in {region} of account {reading.account} and "
                f"lists {alive}. Nothing was kept; run again."
            )
        start, _ = reading.interval
        for one in listed:
            deleted = moment(one.get("resourceDeletionTime"))
            if deleted is None or deleted >= start:
                yield from _history(reading, region, kind, str(field_of(one, "resourceId", "A resource")))


def _history(reading: Reading, region: str, kind: str, resource: str) -> Iterator[Row]:
    start, end = reading.interval
    seen: set[str] = set()
    for page in reading.caller.pages(
        "config:GetResourceConfigHistory", asked="nextToken", answered="nextToken", region=region, expect=_GONE,
        resourceType=kind, resourceId=resource, earlierTime=start, laterTime=end, chronologicalOrder="Forward",
        limit=100,
    ):  # fmt: skip
        if page.error_code is not None:
            reading.dropped["a resource that Config forgot while it was read"] += 1
            return
        document = _unfolded(page)
        reading.keep(replace(page, body=orjson.dumps(document)))
        reading.pages += 1
        items = document.get("configurationItems")
        if not isinstance(items, list):
            raise SchemaDrift("config:GetResourceConfigHistory answers without configuration items.")
        for parsed, sent in zip(page.parsed["configurationItems"], items, strict=True):
            row = _row(reading, region, parsed, sent)
            if row["item_id"] in seen:
                reading.dropped["repeated on a later page"] += 1
            elif reading.within(row["event_time"]):
                seen.add(row["item_id"])
                reading.read += 1
                yield row
            else:
                reading.dropped["captured at the end of the interval, which is not part of it"] += 1


def _row(reading: Reading, region: str, parsed: Json, sent: Json) -> Row:
    what = "A configuration item"
    at = moment(field_of(parsed, "configurationItemCaptureTime", what))
    kind, resource = str(field_of(parsed, "resourceType", what)), str(field_of(parsed, "resourceId", what))
    state = parsed.get("configurationStateId")
    configuration = parsed.get("configuration")
    return {
        "scope_item_id": reading.item,
        "item_id": f"{region}|{kind}|{resource}|{at:%Y-%m-%dT%H:%M:%S.%fZ}|{state or ''}",
        "event_time": at, "account_id": str(parsed.get("accountId") or reading.account), "region": region,
        "resource_type": kind, "resource_id": resource, "arn": parsed.get("arn"),
        "resource_name": parsed.get("resourceName"),
        "item_status": str(field_of(parsed, "configurationItemStatus", what)),
        "resource_created_at": moment(parsed.get("resourceCreationTime")),
        "state_id": None if state is None else str(state),
        "changed_by": [str(one) for one in parsed.get("relatedEvents") or []],
        "configuration_sha256": None if configuration is None else hashlib.sha256(configuration.encode()).hexdigest(),
        "raw": raw_of(CONFIG_HISTORY, sent),
    }  # fmt: skip


def _unfolded(page: Answer) -> Mapping[str, Any]:
    """The answer with configurations as documents instead of texts."""
    document: dict[str, Any] = orjson.loads(page.body)
    for item in document.get("configurationItems") or []:
        if "configuration" in item:
            item["configuration"] = _parsed(item["configuration"])
        more = item.get("supplementaryConfiguration") or {}
        item["supplementaryConfiguration"] = {name: _parsed(value) for name, value in more.items()}
    return document


def _parsed(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return text
