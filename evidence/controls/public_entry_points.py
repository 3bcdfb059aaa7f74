"""CC6-NET-01: what the internet can reach is on the list of approved entry points.

Each snapshot of a window is judged, resource by resource:

- EXPOSED  the resource can be reached or used by anybody, and no row of the register `public_endpoints` that was valid
           and on record at that time names it (by its id, its name or an address)

A resource that was in order in every snapshot makes one row, one that was not makes a row per stretch of adjoining
snapshots (`<resource>@<first failing instant>`).

Decisions where the rule leaves room:

- A security group is as open as its widest rule, and one row; a load balancer is one row with its listeners. Network
  ACLs let in nearly everything by default and alone open nothing.
- Load balancers, content networks and sites that are public by design are approved like anything else, once. A default
  group that nothing uses is an exception too: it opens whatever is put into it.
- Where a source can't tell whether something is public (a refused call, a condition nobody can weigh) it is unknown.
- Without a register of entry points it is unknown whether what may be public by design was approved; a store, a
  snapshot or a key that is public is an exception then too.
- Clusters of databases say nothing of their own where their instances do, and are then no part of the population.
- REGION_NOT_SCANNED is what completeness tells of a region without a snapshot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.registers import stood_at
from evidence.controls.stretches import Seen, Stretches
from schemas import gcp
from schemas.aws_configuration import EXPOSURE
from schemas.outcome import Outcome

LINE = "exposure"
REGISTER = "public_endpoints"
EXPOSED = "EXPOSED"
REGION_NOT_SCANNED = "REGION_NOT_SCANNED"
CODES = (EXPOSED, REGION_NOT_SCANNED)

ENTRY_POINTS = frozenset({
    "security_group", "load_balancer", "public_address", "bucket", "access_point", "database", "database_cluster",
    "database_snapshot", "volume_snapshot", "image", "function", "file_system", "key", "queue", "topic",
})  # fmt: skip
"""Kinds of AWS that are judged; the others are parts of them, or settings."""

BY_DESIGN = frozenset({"security_group", "load_balancer", "public_address", "function"})
"""Kinds that may be public by design. Without a register nobody can say whether one is; of any other kind nobody need.
"""
GCP_BY_DESIGN = frozenset({"firewall_rule", "address", "forwarding_rule", "instance", "service", "function"})

Row = Mapping[str, Any]


def nothing_public_unapproved(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the resources of a region of AWS, or of a project of Google Cloud."""
    system = window.scope_item_id.partition(":")[0]
    judges = {"aws": (EXPOSURE, _aws), "gcp": (gcp.EXPOSURE, _gcp)}
    if system not in judges:
        why = "what the internet reaches is collected from AWS and Google Cloud only."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    dataset, judge = judges[system]
    stretches = Stretches(window, LINE)
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, dict(judge(rows, _approved(window, observed_at))))
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of what the internet reaches is held.")]
    return list(stretches.outcomes())


def _approved(window: TestWindow, at: datetime) -> frozenset[str] | None:
    """Ids, names and addresses approved at an instant; None where the programme keeps no such register."""
    zone = window.programme.timezone
    if REGISTER not in window.registers:
        return None
    return frozenset(
        str(row["resource_id"]) for row in window.registers[REGISTER] if stood_at(row, at, zone)
    )  # fmt: skip


def _aws(rows: list[Row], approved: Collection[str] | None) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        seen = of_aws(row, approved)
        if seen is not None:
            yield row["record_id"], seen


def of_aws(row: Row, approved: Collection[str] | None = None) -> Seen | None:
    """The finding about one row; None where it is no entry point."""
    if row["kind"] not in ENTRY_POINTS or (row["kind"] == "database_cluster" and row["public"] is None):
        return None
    label = f"{row['kind'].replace('_', ' ')} {row['name'] or row['resource_id']}"
    why = ", ".join(row["reasons"]).replace("_", " ") or ", ".join(row["unreadable"])
    named = {row["resource_id"], row["name"], row["address"]}
    return _judged(label, row["public"], why, named, approved, row["kind"] in BY_DESIGN)


def _gcp(rows: list[Row], approved: Collection[str] | None) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        label = f"{row['resource_kind']} {row['resource_name']}"
        named = {row["resource_id"], row["resource_name"], *row["addresses"]}
        by_design = row["resource_kind"] in GCP_BY_DESIGN
        yield row["exposure_id"], _judged(label, row["public"], row["why"], named, approved, by_design)


def _judged(
    label: str, public: bool | None, why: str, named: set[Any], approved: Collection[str] | None, by_design: bool
) -> Seen:  # fmt: skip
    if public is False:
        return Seen(label, "not reachable by everybody")
    if public is None:
        words = f"not known whether everybody can reach it ({why or 'the source can not tell'})"
        return Seen(label, words, unknown=True)
    if approved is None and by_design:
        words = f"public ({why}), and not known whether approved: the programme has no register of entry points"
        return Seen(label, words, unknown=True)
    if approved is not None and named & set(approved):
        return Seen(label, f"public ({why}), on the list of approved entry points")
    return Seen(label, f"public ({why}) and not on the list of approved entry points", (EXPOSED,))
