"""The cheapest calls that touch every right which the data about running an account need, in one region of the item."""

from __future__ import annotations

from connectors.aws.detection.probes import Place, probing
from connectors.aws.operations.backups import nothing_backs_up
from schemas.aws_operations import BACKUP_JOBS, CONFIG_HISTORY, DEPLOYMENTS, PATCH_STATE, RECOVERY_POINTS

_GONE = ("ResourceNotDiscoveredException",)


def _databases(place: Place) -> bool:
    """Whether there is a database or a snapshot of one."""
    kinds = ("DBInstances", "DBClusters", "DBSnapshots", "DBClusterSnapshots")
    found = [bool(place.ask(f"rds:Describe{kind}", MaxRecords=20).get(kind)) for kind in kinds]
    return any(found)


def _jobs(place: Place) -> None:
    place.ask("backup:ListBackupVaults", MaxResults=1)
    place.ask("backup:ListBackupJobs", MaxResults=1)
    place.ask("backup:ListCopyJobs", MaxResults=1)
    place.ask("rds:DescribeEvents", MaxRecords=20)
    _databases(place)
    place.demand(_backs_up, nothing_backs_up(place.account, place.regions))


def _backs_up(place: Place) -> bool:
    vaults = place.caller.offers("backup", place.region) and place.ask("backup:ListBackupVaults", MaxResults=1)
    return bool(vaults and vaults.get("BackupVaultList")) or _databases(place)


def _points(place: Place) -> None:
    for vault in place.ask("backup:ListBackupVaults", MaxResults=1).get("BackupVaultList") or []:
        name = vault["BackupVaultName"]
        place.ask("backup:ListRecoveryPointsByBackupVault", BackupVaultName=name, MaxResults=1)
    place.ask("backup:ListProtectedResources", MaxResults=1)
    _databases(place)


def _patches(place: Place) -> None:
    place.ask("ec2:DescribeInstances", MaxResults=5)
    managed = place.ask("ssm:DescribeInstanceInformation", MaxResults=5).get("InstanceInformationList") or []
    if managed:
        place.ask("ssm:DescribeInstancePatchStates", InstanceIds=[managed[0]["InstanceId"]])


def _deployments(place: Place) -> None:
    for pipeline in place.ask("codepipeline:ListPipelines", maxResults=1).get("pipelines") or []:
        place.ask("codepipeline:GetPipeline", name=pipeline["name"])
        place.ask("codepipeline:ListPipelineExecutions", pipelineName=pipeline["name"], maxResults=1)
    place.ask("codedeploy:ListApplications")
    some = (place.ask("codedeploy:ListDeployments").get("deployments") or [])[:1]
    if not some:
        return
    for one in place.ask("codedeploy:BatchGetDeployments", deploymentIds=some).get("deploymentsInfo") or []:
        if one.get("deploymentGroupName"):
            place.ask(
                "codedeploy:BatchGetDeploymentGroups", ("ApplicationDoesNotExistException",),
                applicationName=one["applicationName"], deploymentGroupNames=[one["deploymentGroupName"]],
            )  # fmt: skip


def _config_history(place: Place) -> None:
    place.ask("config:DescribeConfigurationRecorders")
    place.ask("config:DescribeConfigurationRecorderStatus")
    counts = place.ask("config:GetDiscoveredResourceCounts", limit=1).get("resourceCounts") or []
    for kind in [str(one["resourceType"]) for one in counts[:1]]:
        found = place.ask("config:ListDiscoveredResources", resourceType=kind, limit=1).get("resourceIdentifiers") or []
        for one in found:
            place.ask(
                "config:GetResourceConfigHistory", _GONE, resourceType=kind, resourceId=one["resourceId"], limit=1
            )


PROBES = {
    BACKUP_JOBS.name: probing(_jobs),
    RECOVERY_POINTS.name: probing(_points),
    PATCH_STATE.name: probing(_patches),
    DEPLOYMENTS.name: probing(_deployments),
    CONFIG_HISTORY.name: probing(_config_history),
}
"""By dataset name."""
