"""Until when backups are kept: vaults with their bounds, rules of plans with their expiry."""

from __future__ import annotations

from typing import Any

from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.reading import Json, moment
from schemas.aws_configuration import LIFECYCLE


def vaults(region: Region) -> None:
    """Vaults. A lock is for good (COMPLIANCE) once its date has passed; without a date it can be taken away."""
    for one in region.items("backup:ListBackupVaults", "BackupVaultList", "BackupVaultArn", MaxResults=1000):
        region.put(
            LIFECYCLE, "backup_vault", str(one["BackupVaultArn"]), one, name=one.get("BackupVaultName"),
            created_at=moment(one.get("CreationDate")), locked=bool(one.get("Locked")),
            lock_mode=lock_mode(one, region), minimum_retention_days=one.get("MinRetentionDays"),
            maximum_retention_days=one.get("MaxRetentionDays"),
        )  # fmt: skip


def lock_mode(one: Json, region: Region) -> str | None:
    """Which lock it is by now."""
    if not one.get("Locked"):
        return None
    date = moment(one.get("LockDate"))
    return "COMPLIANCE" if date is not None and date <= region.reading.now else "GOVERNANCE"


def plans(region: Region) -> None:
    """Plans, one row for each of their rules."""

    def ask(detail: Detail, one: Json) -> None:
        gone = ("ResourceNotFoundException",)
        detail.ask("backup:GetBackupPlan", gone=gone, BackupPlanId=str(one["BackupPlanId"]))

    listed = region.items("backup:ListBackupPlans", "BackupPlansList", "BackupPlanId", MaxResults=1000)
    for one, detail in region.each(listed, ask, "BackupPlanId"):
        arn = str(one.get("BackupPlanArn") or one["BackupPlanId"])
        found = detail.of("backup:GetBackupPlan")
        if found is None:
            region.put(LIFECYCLE, "backup_plan_rule", arn, one, detail=detail, name=one.get("BackupPlanName"))
            continue
        for place, rule in enumerate((found.get("BackupPlan") or {}).get("Rules") or []):
            region.put(
                LIFECYCLE, "backup_plan_rule", arn, rule, part=str(rule.get("RuleId") or place), parent_id=arn,
                created_at=moment(one.get("CreationDate")), **rule_columns(rule),
            )  # fmt: skip


def rule_columns(rule: Json) -> dict[str, Any]:
    """Columns of `aws.lifecycle`."""
    kept = rule.get("Lifecycle") or {}
    cold = kept.get("MoveToColdStorageAfterDays")
    return {
        "name": rule.get("RuleName"), "enabled": True, "expiration_days": kept.get("DeleteAfterDays"),
        "transitions": [f"{cold}:COLD"] if cold else [], "schedule": rule.get("ScheduleExpression"),
        "target": rule.get("TargetBackupVaultName"), "recovery_enabled": bool(rule.get("EnableContinuousBackup")),
        "copies_to": texts(rule.get("CopyActions"), "DestinationBackupVaultArn"),
    }  # fmt: skip
