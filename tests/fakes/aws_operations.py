"""Backups, machines, deployments and configuration items that services of a small AWS account show."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.aws_company import LONG_AGO, PROD
from tests.fakes.aws_records import REGION, record

VAULT_ARN = f"arn:aws:backup:{REGION}:{PROD}:backup-vault:main"
DATABASE = f"arn:aws:rds:{REGION}:{PROD}:db:orders"
SHA = "a" * 40


def vault(points: int, name: str = "main", **more: Any) -> dict[str, Any]:
    return record("backup.vault", {
        "BackupVaultName": name, "BackupVaultArn": f"arn:aws:backup:{REGION}:{PROD}:backup-vault:{name}",
        "CreationDate": LONG_AGO, "NumberOfRecoveryPoints": points, "Locked": False, **more,
    })  # fmt: skip


def job(number: int, at: str, state: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return record("backup.job", {
        "AccountId": PROD, "BackupJobId": f"job-{number}", "BackupVaultName": "main", "BackupVaultArn": VAULT_ARN,
        "ResourceArn": DATABASE, "ResourceType": "RDS", "CreationDate": at, "State": state, "IsEncrypted": True,
        "CreatedBy": {"BackupPlanId": "plan-1"}, **more,
    }, at=at)  # fmt: skip


def copy_job(number: int, at: str, state: str = "COMPLETED") -> dict[str, Any]:
    return record("backup.copy_job", {
        "AccountId": PROD, "CopyJobId": f"copy-{number}", "SourceBackupVaultArn": VAULT_ARN, "State": state,
        "DestinationBackupVaultArn": "arn:aws:backup:eu-central-1:1:backup-vault:far", "ResourceArn": DATABASE,
        "ResourceType": "RDS", "CreationDate": at,
    }, at=at)  # fmt: skip


def point(number: int, **more: Any) -> dict[str, Any]:
    return record("backup.point", {
        "RecoveryPointArn": f"arn:aws:backup:{REGION}:{PROD}:recovery-point:{number}", "BackupVaultName": "main",
        "BackupVaultArn": VAULT_ARN, "ResourceArn": DATABASE, "ResourceType": "RDS", "Status": "COMPLETED",
        "CreationDate": LONG_AGO, "IsEncrypted": True, **more,
    })  # fmt: skip


def database(name: str = "orders", **more: Any) -> dict[str, Any]:
    return record("rds.instance", {
        "DBInstanceIdentifier": name, "DBInstanceArn": f"arn:aws:rds:{REGION}:{PROD}:db:{name}", "Engine": "postgres",
        "DBInstanceStatus": "available", "StorageEncrypted": True, **more,
    })  # fmt: skip


def cluster(name: str = "ledger", **more: Any) -> dict[str, Any]:
    return record("rds.cluster", {
        "DBClusterIdentifier": name, "DBClusterArn": f"arn:aws:rds:{REGION}:{PROD}:cluster:{name}",
        "Engine": "aurora-postgresql", "Status": "available", "StorageEncrypted": True, **more,
    })  # fmt: skip


def snapshot(number: int, at: str | None, status: str = "available", **more: Any) -> dict[str, Any]:
    shows: dict[str, Any] = {
        "DBSnapshotIdentifier": f"rds:orders-{number}", "DBInstanceIdentifier": "orders", "Engine": "postgres",
        "DBSnapshotArn": f"arn:aws:rds:{REGION}:{PROD}:snapshot:rds:orders-{number}", "Status": status,
        "SnapshotType": "automated", "Encrypted": True, **more,
    }  # fmt: skip
    return record("rds.snapshot", shows if at is None else {**shows, "SnapshotCreateTime": at})


def cluster_snapshot(at: str) -> dict[str, Any]:
    return record("rds.cluster_snapshot", {
        "DBClusterSnapshotIdentifier": "ledger-1", "DBClusterIdentifier": "ledger", "Status": "available",
        "DBClusterSnapshotArn": f"arn:aws:rds:{REGION}:{PROD}:cluster-snapshot:ledger-1", "SnapshotCreateTime": at,
        "SnapshotType": "manual", "StorageEncrypted": False, "Engine": "aurora-postgresql",
    })  # fmt: skip


def event(at: str, message: str, category: str = "backup") -> dict[str, Any]:
    return record("rds.event", {
        "SourceIdentifier": "orders", "SourceType": "db-instance", "SourceArn": DATABASE, "Message": message,
        "EventCategories": [category], "Date": at,
    }, at=at)  # fmt: skip


def machine(number: int, *, managed: bool = True, missing: int | None = 0) -> list[dict[str, Any]]:
    """An instance, what Systems Manager knows of it, and its patches (None: never scanned)."""
    own = f"i-{number:017d}"
    found = [record("ec2.instance", {
        "InstanceId": own, "State": {"Code": 16, "Name": "running"}, "LaunchTime": LONG_AGO,
    })]  # fmt: skip
    if managed:
        found.append(record("ssm.instance", {
            "InstanceId": own, "PingStatus": "Online", "PlatformName": "Amazon Linux", "AgentVersion": "3.3",
        }))  # fmt: skip
    if managed and missing is not None:
        found.append(record("ssm.patch_state", {
            "InstanceId": own, "PatchGroup": "prod", "BaselineId": "pb-0123456789abcdef0", "Operation": "Scan",
            "OperationStartTime": LONG_AGO, "OperationEndTime": LONG_AGO, "MissingCount": missing, "FailedCount": 0,
            "InstalledCount": 90,
        }))  # fmt: skip
    return found


def pipeline() -> dict[str, Any]:
    return record("codepipeline.pipeline", {"name": "web", "version": 3, "roleArn": f"arn:aws:iam::{PROD}:role/pipe"})


def execution(number: int, at: str, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    return record("codepipeline.execution", {
        "pipelineName": "web", "pipelineExecutionId": f"{number:08d}-0000-4000-8000-000000000000", "status": status,
        "startTime": at, "lastUpdateTime": at,
        "sourceRevisions": [{"actionName": "Source", "revisionId": SHA, "revisionSummary": "Fix", "revisionUrl": "u"}],
        "trigger": {"triggerType": "StartPipelineExecution", "triggerDetail": f"arn:aws:iam::{PROD}:user/maria"},
        **more,
    }, at=at)  # fmt: skip


def deployment(number: int, at: str, status: str = "Succeeded", group: str = "prod", **more: Any) -> dict[str, Any]:
    return record("codedeploy.deployment", {
        "deploymentId": f"d-{number:09d}", "applicationName": "api", "deploymentGroupName": group, "status": status,
        "createTime": at, "creator": "user",
        "revision": {"revisionType": "GitHub", "gitHubLocation": {"repository": "acme/api", "commitId": SHA}}, **more,
    }, at=at)  # fmt: skip


def deployment_group(name: str = "prod") -> dict[str, Any]:
    return record("codedeploy.group", {
        "applicationName": "api", "deploymentGroupName": name, "serviceRoleArn": f"arn:aws:iam::{PROD}:role/deploy",
    })  # fmt: skip


def recorder(recording: bool = True) -> dict[str, Any]:
    return record("config.recorder", {
        "name": "default", "roleARN": f"arn:aws:iam::{PROD}:role/config", "recording": recording,
        "recordingGroup": {
            "allSupported": False, "resourceTypes": ["AWS::EC2::SecurityGroup", "AWS::Lambda::Function"],
        },
    })  # fmt: skip


def item(kind: str, resource: str, at: str, status: str = "OK", **configuration: Any) -> dict[str, Any]:
    return record("config.item", {
        "version": "1.3", "accountId": PROD, "configurationItemCaptureTime": at, "configurationItemStatus": status,
        "configurationStateId": at, "resourceType": kind, "resourceId": resource, "awsRegion": REGION,
        "configuration": json.dumps(configuration), "relatedEvents": ["event-1"],
    }, at=at)  # fmt: skip
