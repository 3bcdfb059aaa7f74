"""Whether backups were made, and what there is to restore from: AWS Backup, and the snapshots of databases by RDS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from connectors.aws.reading import Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_operations import BACKUP_JOBS, RECOVERY_POINTS
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink

JOBS_KEPT = timedelta(days=30)
EVENTS_KEPT = timedelta(days=14)
_MARGIN = timedelta(minutes=5)
"""So much earlier RDS is not asked, because it refuses to look back further than it remembers."""

_JOBS_QUERY = (
    "ec2:DescribeRegions\nbackup:ListBackupVaults\nbackup:ListBackupJobs ByCreatedAfter ByCreatedBefore\n"
    "backup:ListCopyJobs ByCreatedAfter ByCreatedBefore\nrds:DescribeDBInstances\nrds:DescribeDBClusters\n"
    "rds:DescribeEvents StartTime EndTime, category backup\nrds:DescribeDBSnapshots\nrds:DescribeDBClusterSnapshots"
)
_POINTS_QUERY = (
    "ec2:DescribeRegions\nbackup:ListBackupVaults\nbackup:ListRecoveryPointsByBackupVault\n"
    "backup:ListProtectedResources\nrds:DescribeDBInstances\nrds:DescribeDBClusters\nrds:DescribeDBSnapshots\n"
    "rds:DescribeDBClusterSnapshots"
)
_RESULTS = {
    "COMPLETED": "succeeded", "FAILED": "failed", "ABORTED": "failed", "PARTIAL": "failed", "EXPIRED": "expired",
    "CREATED": "running", "PENDING": "running", "RUNNING": "running", "ABORTING": "running",
}  # fmt: skip
_SNAPSHOTS = {"available": "succeeded", "creating": "running", "failed": "failed"}

Row = dict[str, Any]


def backup_jobs(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.backup_jobs` for an item `aws:<account>` or `aws:<account>:<region>`.

    Raises `NotLicensed` where no region has a vault of AWS Backup, a database or a snapshot of one.
    """
    reading = reading_of(session, request, sink, BACKUP_JOBS)
    there = {"vaults": 0, "databases": 0, "snapshots": 0}

    def region(name: str) -> None:
        lists = Lists(reading, name)
        start, end = reading.interval
        if reading.offered("backup", name):
            there["vaults"] += len(lists.vaults())
            asked = {"ByCreatedAfter": start, "ByCreatedBefore": end}
            reading.put(_jobs(reading, name, lists.of("backup:ListBackupJobs", "BackupJobs", "BackupJobId", **asked)))
            reading.put(_copies(reading, name, lists.of("backup:ListCopyJobs", "CopyJobs", "CopyJobId", **asked)))
        there["databases"] += len(list(lists.databases())) + len(list(lists.clusters()))
        reading.put(_events(reading, name, lists))
        snapshots = [*lists.snapshots(), *lists.cluster_snapshots()]
        there["snapshots"] += len(snapshots)
        reading.put(_made(reading, name, snapshots))

    reading.in_each_region(region)
    if not any(there.values()):
        raise reading.nothing_on(nothing_backs_up(reading.account, reading.regions))
    reading.remembers("AWS Backup", JOBS_KEPT)
    reading.remembers("events of RDS", EVENTS_KEPT)
    shown = ", ".join(f"{count} {name}" for name, count in there.items())
    reading.words.insert(0, f"there are {shown}")
    return [reading.claim(_JOBS_QUERY, proof=shown)]


def nothing_backs_up(account: str, regions: Sequence[str]) -> str:
    """What to say where nothing makes backups."""
    return (
        f"There is no vault of AWS Backup and no database of RDS in {', '.join(regions)} of account {account}, so "
        "neither makes backups there. Name another source of backups."
    )


class Lists:
    """What a region lists of backups and databases."""

    def __init__(self, reading: Reading, region: str) -> None:
        self.reading, self.region = reading, region

    def of(self, operation: str, name: str, key: str, **parameters: Any) -> Iterator[Json]:
        """A list, to its end: AWS Backup's with NextToken, those of RDS with Marker.

        RDS lists what is of the account and the region that are asked, and says so in each ARN. Raises
        `IncompletePopulation` where it shows another's, since then the answer is one to another request.
        """
        of_rds = operation.startswith("rds:")
        asked = "Marker" if of_rds else "NextToken"
        for entry in self.reading.entries(
            operation, name, key=lambda one: one.get(key), region=self.region, asked=asked, answered=asked, **parameters
        ):
            if of_rds:
                arn = str(field_of(entry.parsed, key, f"An item of {operation}"))
                if arn.split(":")[3:5] != [self.region, self.reading.account]:
                    raise IncompletePopulation(
                        f"{operation} was asked for {self.region} of account {self.reading.account} and answers about "
                        "another place. Nothing was kept; run again."
                    )
            yield entry.parsed

    def vaults(self) -> list[Json]:
        return list(self.of("backup:ListBackupVaults", "BackupVaultList", "BackupVaultArn"))

    def databases(self) -> Iterator[Json]:
        return self.of("rds:DescribeDBInstances", "DBInstances", "DBInstanceArn")

    def clusters(self) -> Iterator[Json]:
        return self.of("rds:DescribeDBClusters", "DBClusters", "DBClusterArn")

    def snapshots(self) -> Iterator[Json]:
        return self.of("rds:DescribeDBSnapshots", "DBSnapshots", "DBSnapshotArn")

    def cluster_snapshots(self) -> Iterator[Json]:
        return self.of("rds:DescribeDBClusterSnapshots", "DBClusterSnapshots", "DBClusterSnapshotArn")


def _jobs(reading: Reading, region: str, jobs: Iterable[Json]) -> Iterator[Row]:
    for one in jobs:
        yield from _of_aws_backup(
            reading, region, "backup_job", one, recovery_point_id=one.get("RecoveryPointArn"),
            vault=one.get("BackupVaultName"), encrypted=one.get("IsEncrypted"),
        )  # fmt: skip


def _copies(reading: Reading, region: str, jobs: Iterable[Json]) -> Iterator[Row]:
    for one in jobs:
        yield from _of_aws_backup(
            reading, region, "copy_job", one, recovery_point_id=one.get("DestinationRecoveryPointArn"),
            vault=one.get("SourceBackupVaultArn"), destination=one.get("DestinationBackupVaultArn"),
        )  # fmt: skip


_OF_AWS_BACKUP = {"backup_job": ("BackupJobId", "A backup job"), "copy_job": ("CopyJobId", "A copy job")}


def _of_aws_backup(reading: Reading, region: str, kind: str, one: Json, **more: Any) -> Iterator[Row]:
    """What backup jobs and copy jobs say in the same words."""
    own_id, what = _OF_AWS_BACKUP[kind]
    native = str(field_of(one, "State", what))
    created: Json = one.get("CreatedBy") or {}
    yield from _within(reading, _job(
        reading, region, kind, str(field_of(one, own_id, what)), one,
        event_time=moment(field_of(one, "CreationDate", what)), native_state=native,
        result=_RESULTS.get(native, "unknown"), resource_type=str(one.get("ResourceType")),
        resource_id=str(one.get("ResourceArn")), message=one.get("StatusMessage"),
        completed_at=moment(one.get("CompletionDate")), plan_id=created.get("BackupPlanId"), automatic=bool(created),
        bytes=one.get("BackupSizeInBytes"), **more,
    ))  # fmt: skip


def _events(reading: Reading, region: str, lists: Lists) -> Iterator[Row]:
    start, end = reading.interval
    oldest = reading.now - EVENTS_KEPT + _MARGIN
    if end <= oldest:
        return
    for entry in reading.entries(
        "rds:DescribeEvents", "Events", key=None, region=region, asked="Marker", answered="Marker",
        StartTime=max(start, oldest), EndTime=end,
    ):  # fmt: skip
        one = entry.parsed
        if "backup" not in [str(name).lower() for name in one.get("EventCategories") or []]:
            reading.dropped["an event of a database that is about no backup"] += 1
            continue
        at, text = moment(field_of(one, "Date", "An event of RDS")), str(one.get("Message"))
        arn = str(field_of(one, "SourceArn", "An event of RDS"))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        yield from _within(reading, _job(
            reading, region, "database_event", f"{arn}@{at}#{digest}", one, event_time=at, native_state=text,
            result=_told(text), resource_type=str(one.get("SourceType")), resource_id=arn, message=text,
        ))  # fmt: skip


def _told(text: str) -> str:
    """What the sentence of an event means; RDS has no field for it."""
    lower = text.lower()
    if "fail" in lower or "error" in lower:
        return "failed"
    if "finished" in lower or "created" in lower or "complete" in lower:
        return "succeeded"
    return "running" if "backing up" in lower or "creating" in lower else "unknown"


def _made(reading: Reading, region: str, snapshots: Iterable[Json]) -> Iterator[Row]:
    for one in snapshots:
        of_cluster = "DBClusterSnapshotArn" in one
        at = moment(one.get("SnapshotCreateTime"))
        if at is None:
            reading.dropped["a snapshot that is still being made, without a time"] += 1
            continue
        native = str(field_of(one, "Status", "A snapshot"))
        yield from _within(reading, _job(
            reading, region, "cluster_snapshot" if of_cluster else "database_snapshot",
            str(one["DBClusterSnapshotArn" if of_cluster else "DBSnapshotArn"]), one, event_time=at,
            native_state=native, result=_SNAPSHOTS.get(native, "unknown"), resource_type=str(one.get("Engine")),
            resource_id=str(one.get("DBClusterIdentifier" if of_cluster else "DBInstanceIdentifier")),
            completed_at=at if native == "available" else None, automatic=one.get("SnapshotType") == "automated",
            encrypted=one.get("StorageEncrypted" if of_cluster else "Encrypted"),
            recovery_point_id=str(one["DBClusterSnapshotArn" if of_cluster else "DBSnapshotArn"]),
        ))  # fmt: skip


def _within(reading: Reading, row: Row) -> Iterator[Row]:
    if reading.within(row["event_time"]):
        yield row
    else:
        reading.dropped["begun outside the interval"] += 1


def _job(reading: Reading, region: str, kind: str, own_id: str, record: Json, **more: Any) -> Row:
    empty = dict.fromkeys(
        ("message", "completed_at", "recovery_point_id", "vault", "plan_id", "automatic", "encrypted", "bytes",
         "destination")
    )  # fmt: skip
    return {
        **empty, "scope_item_id": reading.item, "job_id": f"{kind}:{region}:{own_id}", "account_id": reading.account,
        "region": region, "kind": kind, "raw": raw_of(BACKUP_JOBS, record), **more,
    }  # fmt: skip


def recovery_points(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.recovery_points` for an item `aws:<account>` or `aws:<account>:<region>`.

    Raises `IncompletePopulation` where a vault counts more recovery points than it lists. A vault that refuses to be
    looked into is named, and the claim is no whole one.
    """
    reading = reading_of(session, request, sink, RECOVERY_POINTS)
    counts = {"listed": 0, "counted": 0}

    def region(name: str) -> None:
        reading.put(_region_points(reading, name, counts))

    reading.in_each_region(region)
    reading.words.append(f"vaults count {counts['counted']} recovery points and list {counts['listed']}")
    looked_at = sum(one not in reading.refused for one in reading.regions)
    return [reading.claim(_POINTS_QUERY, proof=f"{looked_at} region(s) looked at")]


def _region_points(reading: Reading, region: str, counts: dict[str, int]) -> Iterator[Row]:
    lists = Lists(reading, region)
    restorable: set[str] = set()
    for vault in lists.vaults() if reading.offered("backup", region) else []:
        name = str(field_of(vault, "BackupVaultName", "A vault"))
        yield _vault(reading, region, name, vault)
        points = _points(reading, lists, region, name, vault, counts)
        for row in points:
            restorable.add(str(row["resource_id"]))
            yield row
    if reading.offered("backup", region):
        for one in lists.of("backup:ListProtectedResources", "Results", "ResourceArn"):
            arn = str(field_of(one, "ResourceArn", "A protected resource"))
            yield _point(
                reading, region, "protected_resource", arn, one, resource_type=one.get("ResourceType"),
                resource_id=arn, created_at=moment(one.get("LastBackupTime")), protected=True,
            )  # fmt: skip
    for one in [*lists.snapshots(), *lists.cluster_snapshots()]:
        of_cluster = "DBClusterSnapshotArn" in one
        resource = str(one.get("DBClusterIdentifier" if of_cluster else "DBInstanceIdentifier"))
        if one.get("Status") == "available":
            restorable.add(resource)
        at = moment(one.get("SnapshotCreateTime"))
        yield _point(
            reading, region, "cluster_snapshot" if of_cluster else "database_snapshot",
            str(one["DBClusterSnapshotArn" if of_cluster else "DBSnapshotArn"]), one, resource_type=one.get("Engine"),
            resource_id=resource, created_at=at, completed_at=at, state=one.get("Status"), key_id=one.get("KmsKeyId"),
            encrypted=one.get("StorageEncrypted" if of_cluster else "Encrypted"),
            copied_from_region=one.get("SourceRegion"),
        )  # fmt: skip
    yield from _stores(reading, region, lists, restorable)


def _points(reading: Reading, lists: Lists, region: str, name: str, vault: Json, counts: dict[str, int]) -> list[Row]:
    counted = int(vault.get("NumberOfRecoveryPoints") or 0)
    try:
        listed = list(
            lists.of(
                "backup:ListRecoveryPointsByBackupVault", "RecoveryPoints", "RecoveryPointArn", BackupVaultName=name
            )
        )
    except PermissionDenied as denied:
        # The policy of a single vault can shut out everybody, which takes nothing from the others.
        reading.refused[f"vault {name} in {region}"] = denied.permission or "a right that AWS does not name"
        return []
    if len(listed) < counted:
        again = [one for one in lists.vaults() if one.get("BackupVaultName") == name]
        counted = min([counted, *(int(one.get("NumberOfRecoveryPoints") or 0) for one in again)])
        if len(listed) < counted:
            raise IncompletePopulation(
                f"A vault in {region} of account {reading.account} counts {counted} recovery points and lists "
                f"{len(listed)}. Nothing was kept; run again."
            )
    counts["listed"] += len(listed)
    counts["counted"] += counted
    return [_recovery_point(reading, region, name, vault, one) for one in listed]


def _recovery_point(reading: Reading, region: str, vault: str, held_in: Json, one: Json) -> Row:
    arn = str(field_of(one, "RecoveryPointArn", "A recovery point"))
    source = str(one.get("SourceBackupVaultArn") or "")
    came_from = source.split(":")[3] if source.count(":") >= 3 else None
    lifecycle: Json = one.get("CalculatedLifecycle") or {}
    return _point(
        reading, region, "recovery_point", f"{vault}|{arn}", one, resource_type=one.get("ResourceType"),
        resource_id=one.get("ResourceArn"), vault=vault, created_at=moment(one.get("CreationDate")),
        completed_at=moment(one.get("CompletionDate")), state=one.get("Status"), encrypted=one.get("IsEncrypted"),
        key_id=one.get("EncryptionKeyArn"), copied_from_region=came_from if came_from != region else None,
        delete_at=moment(lifecycle.get("DeleteAt")), bytes=one.get("BackupSizeInBytes"), **_lock(held_in),
    )  # fmt: skip


def _vault(reading: Reading, region: str, name: str, vault: Json) -> Row:
    return _point(
        reading, region, "vault", str(field_of(vault, "BackupVaultArn", "A vault")), vault, vault=name,
        created_at=moment(vault.get("CreationDate")), key_id=vault.get("EncryptionKeyArn"),
        encrypted=vault.get("EncryptionKeyArn") is not None, state=vault.get("VaultState"), **_lock(vault),
    )  # fmt: skip


def _lock(vault: Json) -> Row:
    return {
        "vault_locked": bool(vault.get("Locked", False)), "lock_date": moment(vault.get("LockDate")),
        "minimum_retention_days": vault.get("MinRetentionDays"),
        "maximum_retention_days": vault.get("MaxRetentionDays"),
    }  # fmt: skip


def _stores(reading: Reading, region: str, lists: Lists, restorable: set[str]) -> Iterator[Row]:
    """Databases, with or without something to restore them from. One in a cluster is kept with its cluster."""
    for kind, found in (("DBCluster", lists.clusters()), ("DBInstance", lists.databases())):
        for one in found:
            arn = str(field_of(one, f"{kind}Arn", "A database"))
            names = {arn, str(one.get(f"{kind}Identifier")), str(one.get("DBClusterIdentifier"))}
            yield _point(
                reading, region, "store", arn, _without_endpoint(one), resource_type=one.get("Engine"), resource_id=arn,
                encrypted=one.get("StorageEncrypted"), key_id=one.get("KmsKeyId"), state=one.get("Status")
                or one.get("DBInstanceStatus"), latest_restorable_at=moment(one.get("LatestRestorableTime")),
                protected=bool(names & restorable) or one.get("LatestRestorableTime") is not None,
            )  # fmt: skip


def _without_endpoint(one: Json) -> Json:
    return {name: value for name, value in one.items() if name not in ("Endpoint", "MasterUsername")}


def _point(reading: Reading, region: str, kind: str, own_id: str, record: Json, **more: Any) -> Row:
    empty = dict.fromkeys(
        ("resource_type", "resource_id", "vault", "created_at", "completed_at", "state", "encrypted", "key_id",
         "vault_locked", "lock_date", "minimum_retention_days", "maximum_retention_days", "copied_from_region",
         "delete_at", "latest_restorable_at", "protected", "bytes")
    )  # fmt: skip
    return {
        **empty, "scope_item_id": reading.item, "point_id": f"{kind}:{region}:{own_id}", "account_id": reading.account,
        "region": region, "kind": kind, "raw": raw_of(RECOVERY_POINTS, record), **more,
    }  # fmt: skip
