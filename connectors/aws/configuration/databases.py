"""Databases of RDS (with those of Neptune and DocumentDB, which share its lists), and their snapshots."""

from __future__ import annotations

from typing import Any

from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.reading import Json, moment
from schemas.aws_configuration import ENCRYPTION, EXPOSURE, LIFECYCLE, LOG_CONFIG

_PAGE: dict[str, Any] = {"marker": "Marker", "MaxRecords": 100}


def databases(region: Region) -> None:
    """Instances, one row of each dataset."""
    listed = region.items("rds:DescribeDBInstances", "DBInstances", "DBInstanceArn", **_PAGE)
    for one in listed:
        arn = str(one["DBInstanceArn"])
        head: dict[str, Any] = {
            "name": one.get("DBInstanceIdentifier"), "created_at": moment(one.get("InstanceCreateTime"))
        }  # fmt: skip
        region.put(EXPOSURE, "database", arn, one, **head, **instance_exposure(one))
        region.put(ENCRYPTION, "database", arn, one, **head, **storage(one, one.get("DBInstanceStatus")))
        region.put(LIFECYCLE, "database", arn, one, **head, **retention(one), parent_id=one.get("DBClusterIdentifier"))
        exports = [str(name) for name in one.get("EnabledCloudwatchLogsExports") or []]
        region.put(
            LOG_CONFIG, "database", arn, one, **head, logging=bool(exports), exports=exports,
            parent_id=one.get("DBClusterIdentifier"),
        )  # fmt: skip


def clusters(region: Region) -> None:
    """Clusters. Only those of instances in several zones say themselves whether they are public; of others the
    instances do."""
    for one in region.items("rds:DescribeDBClusters", "DBClusters", "DBClusterArn", **_PAGE):
        arn = str(one["DBClusterArn"])
        head: dict[str, Any] = {
            "name": one.get("DBClusterIdentifier"), "created_at": moment(one.get("ClusterCreateTime"))
        }  # fmt: skip
        public = one.get("PubliclyAccessible")
        region.put(
            EXPOSURE, "database_cluster", arn, one, **head, public=public,
            reasons=["publicly_accessible"] if public else [], address=one.get("Endpoint"), from_port=one.get("Port"),
            to_port=one.get("Port"), attached_to=texts(one.get("VpcSecurityGroups"), "VpcSecurityGroupId"),
            state=one.get("Status"),
        )  # fmt: skip
        region.put(ENCRYPTION, "database_cluster", arn, one, **head, **storage(one, one.get("Status")))
        region.put(LIFECYCLE, "database_cluster", arn, one, **head, **retention(one))


def instance_exposure(one: Json) -> dict[str, Any]:
    """Columns of `aws.exposure`."""
    endpoint = one.get("Endpoint") or {}
    public = one.get("PubliclyAccessible")
    return {
        "public": public, "reasons": ["publicly_accessible"] if public else [], "address": endpoint.get("Address"),
        "from_port": endpoint.get("Port"), "to_port": endpoint.get("Port"), "state": one.get("DBInstanceStatus"),
        "attached_to": texts(one.get("VpcSecurityGroups"), "VpcSecurityGroupId"),
        "parent_id": one.get("DBClusterIdentifier"),
    }  # fmt: skip


def storage(one: Json, state: Any) -> dict[str, Any]:
    """Columns of `aws.encryption`."""
    encrypted = one.get("StorageEncrypted")
    return {
        "encrypted": encrypted, "key_id": one.get("KmsKeyId"), "algorithm": "aws:kms" if encrypted else None,
        "engine": one.get("Engine"), "state": state,
    }  # fmt: skip


def retention(one: Json) -> dict[str, Any]:
    """Columns of `aws.lifecycle`. No days: automated backups are off."""
    days = one.get("BackupRetentionPeriod")
    return {
        "retention_days": days, "enabled": None if days is None else days > 0,
        "deletion_protection": one.get("DeletionProtection"),
    }  # fmt: skip


def snapshots(region: Region) -> None:
    """Snapshots of instances and clusters. Only those that somebody made can be shared."""
    for prefix, kind in (("DBSnapshot", "s"), ("DBClusterSnapshot", "s")):
        _snapshots(region, prefix, f"{prefix}{kind}")


def _snapshots(region: Region, prefix: str, plural: str) -> None:
    attributes = f"rds:Describe{prefix}Attributes"

    def ask(detail: Detail, one: Json) -> None:
        if region.wants(EXPOSURE) and one.get("SnapshotType") == "manual":
            gone = (f"{prefix}NotFound", f"{prefix}NotFoundFault")
            detail.ask(attributes, gone=gone, **{f"{prefix}Identifier": str(one[f"{prefix}Identifier"])})
        else:
            detail.conclude(attributes)

    listed = region.items(f"rds:Describe{plural}", plural, f"{prefix}Arn", **_PAGE)
    for one, detail in region.each(listed, ask, f"{prefix}Arn"):
        arn = str(one[f"{prefix}Arn"])
        parent = one.get("DBInstanceIdentifier") or one.get("DBClusterIdentifier")
        head: dict[str, Any] = {
            "name": one.get(f"{prefix}Identifier"), "created_at": moment(one.get("SnapshotCreateTime"))
        }  # fmt: skip
        found = detail.of(attributes)
        region.put(
            EXPOSURE, "database_snapshot", arn, {**one, "Attributes": found}, detail=detail, **head,
            parent_id=parent, state=one.get("Status"), **sharing(found, prefix),
        )  # fmt: skip
        encrypted = one.get("Encrypted", one.get("StorageEncrypted"))
        region.put(
            ENCRYPTION, "database_snapshot", arn, one, **head, encrypted=encrypted, key_id=one.get("KmsKeyId"),
            algorithm="aws:kms" if encrypted else None, engine=one.get("Engine"), state=one.get("Status"),
        )  # fmt: skip


def sharing(found: Json | None, prefix: str = "DBSnapshot") -> dict[str, Any]:
    """Whom a snapshot is shared with; `all` is everybody."""
    if found is None:
        return {"public": None}
    listed = (found.get(f"{prefix}AttributesResult") or {}).get(f"{prefix}Attributes") or []
    shared = sorted({
        str(value)
        for one in listed
        if one.get("AttributeName") == "restore"
        for value in one.get("AttributeValues") or []
    })  # fmt: skip
    public = "all" in shared
    return {"shared_with": shared, "public": public, "reasons": ["shared"] if public else []}
