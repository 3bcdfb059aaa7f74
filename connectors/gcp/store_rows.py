"""How stores are encrypted, and backup runs, as rows. Pure functions."""

from __future__ import annotations

from typing import Any

from connectors.gcp.values import Record, full_name, instant, last, needed, needed_instant, part, raw
from schemas.errors import SchemaDrift
from schemas.gcp import BACKUPS, ENCRYPTION

_EMPTY: dict[str, Any] = {
    "state": None, "purpose": None, "protection": None, "rotation_days": None, "next_rotation_at": None,
    "primary_since": None, "created_at": None, "location": None,
}  # fmt: skip


def _row(
    item: str, resource: str, kind: str, name: str, key: str | None, record: Record, *, supplied: bool = False,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    base, mark, version = (key or "").partition("/cryptoKeyVersions/")
    return {
        **_EMPTY, "scope_item_id": item, "resource_id": resource, "resource_kind": kind, "resource_name": name,
        "encrypted": True,  # Google encrypts all content at rest and offers no way out of it
        "key_management": "customer_supplied" if supplied else "customer_managed" if key else "google",
        "kms_key": base or None, "key_version": version if mark else None, "raw": raw(record, ENCRYPTION), **more,
    }  # fmt: skip


def disk_row(item: str, disk: Record, kind: str = "disk") -> dict[str, Any]:
    """A disk, or a snapshot of one. A key of the customer's own is known by its hash alone."""
    key = part(disk, "diskEncryptionKey" if kind == "disk" else "snapshotEncryptionKey")
    name = key.get("kmsKeyName")
    return _row(
        item, full_name(str(needed(disk, "selfLink", kind))), kind, str(needed(disk, "name", kind)), name, disk,
        supplied=bool(key.get("sha256")) and not name, state=disk.get("status"),
        location=last(disk.get("zone") or disk.get("region")) or "global",
        created_at=instant(disk, "creationTimestamp"),
    )  # fmt: skip


def bucket_row(item: str, bucket: Record) -> dict[str, Any]:
    """A bucket: the key that new objects are written with."""
    name = str(needed(bucket, "name", "bucket"))
    return _row(
        item, f"//storage.googleapis.com/{name}", "bucket", name, part(bucket, "encryption").get("defaultKmsKeyName"),
        bucket, location=bucket.get("location"), created_at=instant(bucket, "timeCreated"),
    )  # fmt: skip


def sql_row(item: str, instance: Record) -> dict[str, Any]:
    """A Cloud SQL instance."""
    name = str(needed(instance, "name", "SQL instance"))
    status = part(instance, "diskEncryptionStatus").get("kmsKeyVersionName")
    return _row(
        item, f"//cloudsql.googleapis.com/projects/{instance.get('project')}/instances/{name}", "sql_instance", name,
        status or part(instance, "diskEncryptionConfiguration").get("kmsKeyName"), instance,
        location=instance.get("region"), state=instance.get("state"), created_at=instant(instance, "createTime"),
    )  # fmt: skip


def dataset_row(item: str, dataset: Record) -> dict[str, Any]:
    """A BigQuery dataset: the key that new tables are written with."""
    reference = part(dataset, "datasetReference")
    name = str(needed(reference, "datasetId", "BigQuery dataset"))
    created = dataset.get("creationTime")
    project = needed(reference, "projectId", "BigQuery dataset")
    return _row(
        item, f"//bigquery.googleapis.com/projects/{project}/datasets/{name}",
        "bigquery_dataset", name, part(dataset, "defaultEncryptionConfiguration").get("kmsKeyName"), dataset,
        location=dataset.get("location"), created_at=None if created is None else _milliseconds(created),
    )  # fmt: skip


def _milliseconds(text: Any) -> Any:
    from datetime import UTC, datetime

    if not str(text).isdigit():
        raise SchemaDrift("BigQuery writes creationTime in a way that is no instant. The connector must be looked at.")
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def key_row(item: str, key: Record) -> dict[str, Any]:
    """A key of Cloud KMS, with its rotation."""
    name = str(needed(key, "name", "KMS key"))
    primary = part(key, "primary")
    period = key.get("rotationPeriod")
    return _row(
        item, f"//cloudkms.googleapis.com/{name}", "kms_key", str(last(name)), name, key,
        key_version=last(primary.get("name")), state=primary.get("state"), purpose=key.get("purpose"),
        protection=primary.get("protectionLevel") or part(key, "versionTemplate").get("protectionLevel"),
        rotation_days=None if period is None else round(float(str(period).removesuffix("s")) / 86_400),
        next_rotation_at=instant(key, "nextRotationTime"), primary_since=instant(primary, "createTime"),
        created_at=instant(key, "createTime"), location=name.split("/")[3],
    )  # fmt: skip


def backup_row(item: str, instance: Record, run: Record) -> dict[str, Any]:
    """One row of `gcp.backups`: a backup run of a Cloud SQL instance."""
    status = str(needed(run, "status", "backup run"))
    name = str(needed(instance, "name", "SQL instance"))
    store = f"//cloudsql.googleapis.com/projects/{instance.get('project')}/instances/{name}"
    error = part(run, "error")
    return {
        "scope_item_id": item, "backup_id": f"{store}/backupRuns/{needed(run, 'id', 'backup run')}",
        "event_time": backup_time(run), "store_id": store, "store_name": name,
        "kind": str(run.get("type") or "UNKNOWN"),
        "status": status,
        "succeeded": True if status == "SUCCESSFUL" else None if status in _RUNNING else False,
        "started_at": instant(run, "startTime"), "finished_at": instant(run, "endTime"),
        "window_at": instant(run, "windowStartTime"), "location": run.get("location"),
        "kms_key": part(run, "diskEncryptionConfiguration").get("kmsKeyName"),
        "error_code": error.get("code"), "error_message": error.get("message"),
        "database_version": run.get("databaseVersion") or instance.get("databaseVersion"), "raw": raw(run, BACKUPS),
    }  # fmt: skip


_RUNNING = frozenset({"ENQUEUED", "RUNNING", "OVERDUE"})


def backup_time(run: Record) -> Any:
    """When a run was put in the queue; a run that was skipped or is overdue was never, and has its window only."""
    for name in ("enqueuedTime", "startTime", "windowStartTime"):
        found = instant(run, name)
        if found is not None:
            return found
    return needed_instant(run, "enqueuedTime", "backup run")
