"""The least rights that reading each dataset needs, as IAM actions. `evidence doctor` prints them as a policy.

All but a few of them are part of AWS's own `SecurityAudit` policy; docs/credentials.md names those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectors.aws.configuration.operations import OPERATIONS
from connectors.aws.verdicts import iam_action

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "aws.accounts": (
        "ec2:DescribeRegions",
        "organizations:DescribeAccount",
        "organizations:DescribeOrganization",
        "organizations:ListAccounts",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots",
    ),
    "aws.sign_in": (
        "iam:GenerateCredentialReport",
        "iam:GetAccountPasswordPolicy",
        "iam:GetAccountSummary",
        "iam:GetCredentialReport",
        "iam:ListUsers",
    ),
    "aws.access_keys": (
        "iam:GenerateCredentialReport",
        "iam:GetAccountSummary",
        "iam:GetCredentialReport",
        "iam:ListUsers",
    ),
    "aws.privileges": (
        "iam:GetAccountAuthorizationDetails",
        "iam:GetAccountSummary",
    ),
    "aws.management_events": (
        "cloudtrail:ListPublicKeys",
        "cloudtrail:LookupEvents",
        "ec2:DescribeRegions",
    ),
    "aws.trail_continuity": (
        "cloudtrail:ListPublicKeys",
        "ec2:DescribeRegions",
    ),
    "aws.detectors": (
        "access-analyzer:ListAnalyzers",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeRegions",
        "events:ListEventBuses",
        "events:ListRules",
        "events:ListTargetsByRule",
        "guardduty:GetDetector",
        "guardduty:ListDetectors",
        "guardduty:ListMembers",
        "securityhub:DescribeHub",
        "securityhub:GetEnabledStandards",
        "sns:ListSubscriptions",
        "sns:ListTopics",
    ),
    "aws.alerts": (
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeRegions",
        "guardduty:GetFindings",
        "guardduty:GetFindingsStatistics",
        "guardduty:ListDetectors",
        "guardduty:ListFindings",
        "securityhub:DescribeHub",
        "securityhub:GetFindings",
    ),
    "aws.alarm_history": (
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeRegions",
    ),
    "aws.vulnerability_findings": (
        "ec2:DescribeRegions",
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:GetRegistryScanningConfiguration",
        "inspector2:BatchGetAccountStatus",
        "inspector2:ListFindings",
    ),
    "aws.scan_coverage": (
        "ec2:DescribeRegions",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:GetRegistryScanningConfiguration",
        "inspector2:BatchGetAccountStatus",
        "inspector2:ListCoverage",
        "inspector2:ListCoverageStatistics",
    ),
    "aws.posture": (
        "access-analyzer:ListAnalyzers",
        "access-analyzer:ListFindings",
        "config:DescribeComplianceByConfigRule",
        "config:DescribeConfigRules",
        "config:DescribeConfigurationRecorderStatus",
        "config:GetComplianceDetailsByConfigRule",
        "ec2:DescribeRegions",
        "securityhub:DescribeHub",
        "securityhub:GetFindings",
    ),
    **{name: tuple(sorted({iam_action(operation) for operation in asked})) for name, asked in OPERATIONS.items()},
    "aws.principals": (
        "ec2:DescribeRegions",
        "iam:GenerateCredentialReport",
        "iam:GenerateServiceLastAccessedDetails",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetAccountSummary",
        "iam:GetCredentialReport",
        "iam:GetServiceLastAccessedDetails",
        "identitystore:ListGroupMemberships",
        "identitystore:ListGroups",
        "identitystore:ListUsers",
        "sso:DescribePermissionSet",
        "sso:ListAccountAssignments",
        "sso:ListInstances",
        "sso:ListPermissionSetsProvisionedToAccount",
    ),
    "aws.config_history": (
        "config:DescribeConfigurationRecorderStatus",
        "config:DescribeConfigurationRecorders",
        "config:GetDiscoveredResourceCounts",
        "config:GetResourceConfigHistory",
        "config:ListDiscoveredResources",
        "ec2:DescribeRegions",
    ),
    "aws.backup_jobs": (
        "backup:ListBackupJobs",
        "backup:ListBackupVaults",
        "backup:ListCopyJobs",
        "ec2:DescribeRegions",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
        "rds:DescribeEvents",
    ),
    "aws.recovery_points": (
        "backup:ListBackupVaults",
        "backup:ListProtectedResources",
        "backup:ListRecoveryPointsByBackupVault",
        "ec2:DescribeRegions",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
    ),
    "aws.patch_state": (
        "ec2:DescribeInstances",
        "ec2:DescribeRegions",
        "ssm:DescribeInstanceInformation",
        "ssm:DescribeInstancePatchStates",
    ),
    "aws.deployments": (
        "codedeploy:BatchGetDeploymentGroups",
        "codedeploy:BatchGetDeployments",
        "codedeploy:ListApplications",
        "codedeploy:ListDeployments",
        "codepipeline:GetPipeline",
        "codepipeline:ListPipelineExecutions",
        "codepipeline:ListPipelines",
        "ec2:DescribeRegions",
    ),
}
"""Actions by dataset name. None of them can be limited to a resource, and none of them changes anything.

`organizations:*` is needed in the management account (or a delegated administrator's) only.
"""


def reader_policy(datasets: Collection[str]) -> dict[str, Any]:
    """The IAM policy of the role that is read with, for the datasets named. Raises KeyError for an unknown one."""
    actions = sorted({action for dataset in datasets for action in ACTIONS[dataset]})
    return allowing("ReadEvidence", actions)


TRAIL_ACTIONS = ("s3:GetObject", "s3:ListBucket")
"""Needed besides, on the bucket of the trail and no other: files of other buckets are nobody's evidence."""
FROM_TRAIL = frozenset(["aws.management_events", "aws.trail_continuity"])
"""The datasets that need them."""


def trail_policy(trail: str) -> dict[str, Any]:
    """The IAM policy to read what is delivered to `s3://bucket/prefix`, beside `reader_policy`."""
    bucket = trail.removeprefix("s3://").partition("/")[0]
    return allowing("ReadTrail", list(TRAIL_ACTIONS), [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])


def allowing(sid: str, actions: str | Sequence[str], resources: str | Sequence[str] = "*") -> dict[str, Any]:
    """A policy of one statement that allows actions."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}],
    }


def collector_policy(role_arns: Collection[str]) -> dict[str, Any]:
    """The IAM policy of the collector's own principal: to take on the reading roles, and nothing else."""
    return allowing("ReadAs", "sts:AssumeRole", sorted(set(role_arns)))


def trust_policy(collector_arn: str) -> dict[str, Any]:
    """The trust policy of a reading role: who may take it on."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": collector_arn}, "Action": "sts:AssumeRole"}],
    }
