"""Cloud Logging of the simulated Google Cloud: `entries.list` with the filters that the product asks with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from sandbox.google.calls import Call, paged
from sandbox.google.cloud.world import CloudWorld, Holder, Project, Record
from sandbox.google.errors import GoogleError, NotModelled
from schemas.instants import parse_instant

_NAMES = re.compile(r'logName=\(("[^"]+"(?: OR "[^"]+")*)\)')
_BOUND = re.compile(r'(timestamp|receiveTimestamp)(>=|<=|<)"([^"]+)"')
_EVER, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_REQUIRED = timedelta(days=400)


def entries_list(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    """Entries of the containers named. Private ones are left out, without a word, for who may not see them."""
    names = [str(one) for one in call.body.get("resourceNames", [])]
    if not names:
        raise GoogleError(400, "At least one of resource_names must be given")
    holders = [world.holder(name) for name in names]
    for holder in holders:
        world.on(holder, "logging.googleapis.com")
        world.permit(holder, "logging.logEntries.list")
    order = str(call.body.get("orderBy") or "timestamp asc")
    if order not in ("timestamp asc", "timestamp desc"):
        raise NotModelled(f"the order {order}")
    logs, start, end, received = _filter(str(call.body.get("filter") or ""))
    visible: list[Record] = []
    for holder in holders:
        mine = {holder.name} | ({f"projects/{holder.project_id}"} if isinstance(holder, Project) else set())
        private = (holder.name, "logging.privateLogEntries.list") not in world.denied
        kept = _kept(holder)
        for entry in world.entries:
            log = unquote(str(entry["logName"]))
            container, _, short = log.partition("/logs/")
            at = parse_instant(str(entry["timestamp"]))
            remembered = _REQUIRED if short.endswith(("activity", "system_event")) else kept
            if (
                container in mine and log in logs and start <= at < end and at <= call.now
                and call.now - at <= remembered and parse_instant(str(entry["receiveTimestamp"])) <= received
                and (private or not short.endswith("data_access"))
            ):  # fmt: skip
                visible.append(entry)
    visible.sort(
        key=lambda one: (parse_instant(str(one["timestamp"])), str(one["insertId"])), reverse=order.endswith("desc")
    )
    return paged(call, visible, "entries", size="pageSize", usual=50, most=1000)


def _kept(holder: Holder) -> timedelta:
    """How long the container's own bucket keeps what it is not bound to keep; 30 days where nobody changed it."""
    kind = holder.name.partition("/")[0]
    for bucket in holder.records.get(f"logging.{kind}.locations.buckets.list", []):
        if str(bucket["name"]).endswith("/_Default"):
            return timedelta(days=int(bucket["retentionDays"]))
    return timedelta(days=30)


def _filter(text: str) -> tuple[set[str], datetime, datetime, datetime]:
    clauses = text.split(" AND ")
    names = _NAMES.fullmatch(clauses[0])
    if names is None:
        raise NotModelled(f"the filter {text[:80]}")
    start, end, received = _EVER, _NEVER, _NEVER
    for clause in clauses[1:]:
        bound = _BOUND.fullmatch(clause)
        match (bound[1], bound[2]) if bound is not None else (None, None):
            case ("timestamp", ">="):
                start = parse_instant(clause.split('"')[1])
            case ("timestamp", "<"):
                end = parse_instant(clause.split('"')[1])
            case ("receiveTimestamp", "<="):
                received = parse_instant(clause.split('"')[1])
            case _:
                raise NotModelled(f"the filter {clause[:80]}")
    return {unquote(one) for one in re.findall(r'"([^"]+)"', names[1])}, start, end, received
