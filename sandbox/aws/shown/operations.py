"""Backups, databases' events, patches and deployments.

`backup.job`, `backup.copy_job`, `backup.vault`, `backup.point` (a RecoveryPointByBackupVault), `backup.protected`;
`rds.event`, `rds.snapshot`, `rds.cluster_snapshot`, `rds.instance`, `rds.cluster`; `ssm.instance`, `ssm.patch_state`;
`codepipeline.pipeline` (a PipelineSummary with its `roleArn`), `codepipeline.execution` (a PipelineExecutionSummary
with its `pipelineName`); `codedeploy.deployment` (a DeploymentInfo), `codedeploy.group` (a DeploymentGroupInfo). Backup
jobs are kept for 30 days, events of databases for 14, executions for 12 months.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.records import Shown, View, shim, without
from sandbox.aws.wire import WireError

_JOBS_KEPT = timedelta(days=30)
_EVENTS_KEPT = timedelta(days=14)
_EXECUTIONS_KEPT = timedelta(days=365)
_BATCH = 25


def _at(moment: str | datetime) -> datetime:
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _jobs(kind: str) -> Callable[[View, Mapping[str, Any]], list[Shown]]:
    def answer(view: View, asked: Mapping[str, Any]) -> list[Shown]:
        after, before = asked.get("ByCreatedAfter"), asked.get("ByCreatedBefore")
        return [
            shown
            for shown in view.of(kind)
            if view.now - _at(shown["CreationDate"]) < _JOBS_KEPT
            and (after is None or _at(after) <= _at(shown["CreationDate"]))
            and (before is None or _at(shown["CreationDate"]) <= _at(before))
        ]

    return answer


shim("backup:ListBackupJobs", "ByCreatedAfter", "ByCreatedBefore", lists="BackupJobs", limit=1000)(_jobs("backup.job"))
shim("backup:ListCopyJobs", "ByCreatedAfter", "ByCreatedBefore", lists="CopyJobs", limit=1000)(_jobs("backup.copy_job"))


@shim("backup:ListBackupVaults", lists="BackupVaultList", limit=1000)
def _vaults(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("backup.vault"))


@shim("backup:ListRecoveryPointsByBackupVault", "BackupVaultName", lists="RecoveryPoints", limit=1000)
def _points(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("backup.vault", BackupVaultName=asked["BackupVaultName"])
    return [shown for shown in view.of("backup.point") if shown["BackupVaultName"] == asked["BackupVaultName"]]


@shim("backup:ListProtectedResources", lists="Results", limit=1000)
def _protected(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("backup.protected"))


@shim("rds:DescribeEvents", "StartTime", "EndTime", "SourceType", "Duration", lists="Events", limit=100)
def _events(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    end = _at(asked["EndTime"]) if "EndTime" in asked else view.now
    start = _at(asked["StartTime"]) if "StartTime" in asked else view.now - timedelta(hours=1)
    if view.now - start > _EVENTS_KEPT:
        raise WireError(400, "InvalidParameterCombination", "The start time is more than 14 days back.")
    return [shown for shown in view.of("rds.event") if start <= _at(shown["Date"]) <= end]


@shim("rds:DescribeDBSnapshots", "SnapshotType", "IncludeShared", "IncludePublic", lists="DBSnapshots", limit=100)
def _snapshots(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "SharedWith") for shown in view.of("rds.snapshot")]


@shim("rds:DescribeDBClusterSnapshots", "SnapshotType", lists="DBClusterSnapshots", limit=100)
def _cluster_snapshots(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "SharedWith") for shown in view.of("rds.cluster_snapshot")]


@shim("rds:DescribeDBInstances", lists="DBInstances", limit=100)
def _instances(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("rds.instance"))


@shim("rds:DescribeDBClusters", lists="DBClusters", limit=100)
def _clusters(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("rds.cluster"))


@shim("ssm:DescribeInstanceInformation", lists="InstanceInformationList", limit=50)
def _managed(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("ssm.instance"))


@shim("ssm:DescribeInstancePatchStates", "InstanceIds", lists="InstancePatchStates", limit=100)
def _patch_states(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    if not 1 <= len(asked["InstanceIds"]) <= 50:
        raise WireError(400, "ValidationException", "InstanceIds takes 1 to 50 ids.")
    return [shown for shown in view.of("ssm.patch_state") if shown["InstanceId"] in asked["InstanceIds"]]


@shim("ec2:DescribeInstances", lists="Reservations", limit=1000)
def _ec2_instances(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [{"ReservationId": f"r-{shown['InstanceId']}", "OwnerId": view.account, "Instances": [shown]}
            for shown in view.of("ec2.instance")]  # fmt: skip


@shim("codepipeline:ListPipelines", lists="pipelines", limit=1000)
def _pipelines(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "roleArn") for shown in view.of("codepipeline.pipeline")]


@shim("codepipeline:GetPipeline", "name")
def _pipeline(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("codepipeline.pipeline", "PipelineNotFoundException", name=asked["name"])
    return {"pipeline": {"name": shown["name"], "roleArn": shown["roleArn"], "stages": [],
                         "version": shown.get("version", 1)}}  # fmt: skip


@shim("codepipeline:ListPipelineExecutions", "pipelineName", lists="pipelineExecutionSummaries", limit=100)
def _executions(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("codepipeline.pipeline", "PipelineNotFoundException", name=asked["pipelineName"])
    found = [
        without(shown, "pipelineName")
        for shown in view.of("codepipeline.execution")
        if shown["pipelineName"] == asked["pipelineName"] and view.now - _at(shown["startTime"]) < _EXECUTIONS_KEPT
    ]
    return sorted(found, key=lambda shown: _at(shown["startTime"]), reverse=True)


@shim("codedeploy:ListApplications", lists="applications", limit=100)
def _applications(view: View, asked: Mapping[str, Any]) -> list[str]:
    found = [*view.of("codedeploy.group"), *view.of("codedeploy.deployment")]
    return sorted({str(shown["applicationName"]) for shown in found})


@shim("codedeploy:ListDeployments", "createTimeRange", "includeOnlyStatuses", lists="deployments", limit=100)
def _deployments(view: View, asked: Mapping[str, Any]) -> list[str]:
    wanted: Mapping[str, datetime] = asked.get("createTimeRange", {})
    start, end = (wanted.get(name) for name in ("start", "end"))
    return [
        shown["deploymentId"]
        for shown in view.of("codedeploy.deployment")
        if (start is None or _at(start) <= _at(shown["createTime"]))
        and (end is None or _at(shown["createTime"]) <= _at(end))
    ]


@shim("codedeploy:BatchGetDeployments", "deploymentIds")
def _deployment_infos(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    if len(asked["deploymentIds"]) > _BATCH:
        raise WireError(400, "BatchLimitExceededException", "The maximum number of names or IDs was exceeded.")
    wanted = set(asked["deploymentIds"])
    return {"deploymentsInfo": [one for one in view.of("codedeploy.deployment") if one["deploymentId"] in wanted]}


@shim("codedeploy:BatchGetDeploymentGroups", "applicationName", "deploymentGroupNames")
def _deployment_groups(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    wanted = set(asked["deploymentGroupNames"])
    return {
        "deploymentGroupsInfo": [
            shown
            for shown in view.of("codedeploy.group")
            if shown["applicationName"] == asked["applicationName"] and shown["deploymentGroupName"] in wanted
        ]
    }
