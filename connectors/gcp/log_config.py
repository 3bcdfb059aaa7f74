"""Where logs go, what is logged, and how long it is kept: sinks, audit configurations and log buckets."""

from __future__ import annotations

from typing import Any

from connectors.gcp.access import policy_of
from connectors.gcp.audit_rows import audit_config_rows
from connectors.gcp.pages import by, field_of
from connectors.gcp.reading import Container, Reading, reading
from connectors.gcp.values import Record, instant, needed, number, part, parts, raw
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import LOG_CONFIG

_EMPTY: dict[str, Any] = {
    "disabled": None, "destination": None, "filter": None, "exclusions": [], "include_children": None, "writer": None,
    "service": None, "log_types": [], "retention_days": None, "locked": None, "state": None, "kms_key": None,
    "created_at": None, "updated_at": None,
}  # fmt: skip
DEFAULT_DAYS = 30
"""How long a log bucket keeps entries where nobody said anything (Cloud Logging documentation)."""


def log_config(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.log_config` for a project and what is above it."""
    found = reading(session, request, sink, LOG_CONFIG)
    found.demand()
    rows: list[dict[str, Any]] = []
    for container in found.containers:
        rows += [sink_row(request.item.id, container, one) for one in sinks(found, container)]
        rows += [bucket_row(request.item.id, container, one) for one in log_buckets(found, container)]
        rows += [
            _audit_row(request.item.id, container, one)
            for one in audit_config_rows(container.name, policy_of(found, container))
        ]
    sink.rows(LOG_CONFIG, rows)
    return found.result(f"sinks, buckets and audit configuration of {len(found.containers)} levels read",
                        rows_returned=len(rows))  # fmt: skip


def sinks(found: Reading, container: Container) -> list[Record]:
    """The sinks of a container; those of the organisation that take in everything below it stand there."""
    kind = container.name.partition("/")[0]
    return found.listed(
        f"logging.{kind}.sinks.list", field_of("sinks"), by("name"), parent=container.name, pageSize=1000
    )


def log_buckets(found: Reading, container: Container) -> list[Record]:
    """The log buckets of a container, in every location."""
    kind = container.name.partition("/")[0]
    return found.listed(
        f"logging.{kind}.locations.buckets.list", field_of("buckets"), by("name"),
        parent=f"{container.name}/locations/-", pageSize=1000,
    )  # fmt: skip


def _row(item: str, container: Container, kind: str, name: str, record: Record, **more: Any) -> dict[str, Any]:
    return {
        **_EMPTY, "scope_item_id": item, "config_id": f"{container.name}|{kind}|{name}", "kind": kind,
        "container": container.name, "inherited": container.inherited, "name": name, "raw": raw(record, LOG_CONFIG),
        **more,
    }  # fmt: skip


def sink_row(item: str, container: Container, sink: Record) -> dict[str, Any]:
    """A sink."""
    return _row(
        item, container, "sink", str(needed(sink, "name", "sink")), sink, disabled=bool(sink.get("disabled", False)),
        destination=str(needed(sink, "destination", "sink")), filter=sink.get("filter") or None,
        exclusions=[str(one.get("filter")) for one in parts(sink, "exclusions") if not one.get("disabled")],
        include_children=bool(sink.get("includeChildren", False)), writer=sink.get("writerIdentity") or None,
        created_at=instant(sink, "createTime"), updated_at=instant(sink, "updateTime"),
    )  # fmt: skip


def bucket_row(item: str, container: Container, bucket: Record) -> dict[str, Any]:
    """A log bucket."""
    return _row(
        item, container, "log_bucket", str(needed(bucket, "name", "log bucket")), bucket,
        retention_days=number(bucket, "retentionDays") or DEFAULT_DAYS, locked=bool(bucket.get("locked", False)),
        state=bucket.get("lifecycleState"), kms_key=part(bucket, "cmekSettings").get("kmsKeyName") or None,
        created_at=instant(bucket, "createTime"), updated_at=instant(bucket, "updateTime"),
    )  # fmt: skip


def _audit_row(item: str, container: Container, one: Record) -> dict[str, Any]:
    return _row(
        item, container, "audit_config", one["service"], one["record"], service=one["service"],
        log_types=one["log_types"],
    )  # fmt: skip
