"""What is asked for each dataset of the configuration of an account, by operation.

The query of a claim, the rights of the reader and what an unreadable part of a resource takes away all follow from
this list. It loads no vendor SDK.
"""

from __future__ import annotations

from collections.abc import Mapping

_SNAPSHOTS = ("rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots")
_DATABASES = ("rds:DescribeDBInstances", "rds:DescribeDBClusters")
_BUCKETS = ("s3:ListBuckets", "s3:GetBucketLocation")
_QUEUES = ("sqs:ListQueues", "sqs:GetQueueAttributes", "sns:ListTopics", "sns:GetTopicAttributes")
_BALANCERS = ("elbv2:DescribeLoadBalancers", "elb:DescribeLoadBalancers")

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "aws.exposure": (
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:GetManagedPrefixListEntries",
        "ec2:DescribeNetworkAcls", "ec2:DescribeAddresses", *_BALANCERS, "elbv2:DescribeListeners",
        *_BUCKETS, "s3control:GetPublicAccessBlock", "s3control:ListAccessPoints", "s3control:GetAccessPoint",
        "s3control:GetAccessPointPolicyStatus", "s3:GetPublicAccessBlock", "s3:GetBucketPolicy",
        "s3:GetBucketPolicyStatus", "s3:GetBucketOwnershipControls", "s3:GetBucketAcl",
        *_DATABASES, *_SNAPSHOTS, "rds:DescribeDBSnapshotAttributes", "rds:DescribeDBClusterSnapshotAttributes",
        "ec2:GetSnapshotBlockPublicAccessState", "ec2:GetImageBlockPublicAccessState", "ec2:DescribeSnapshots",
        "ec2:DescribeImages", "lambda:ListFunctions", "lambda:GetPolicy", "lambda:ListFunctionUrlConfigs",
        "efs:DescribeFileSystems", "efs:DescribeFileSystemPolicy", "kms:ListKeys", "kms:GetKeyPolicy", *_QUEUES,
    ),
    "aws.encryption": (
        "ec2:GetEbsEncryptionByDefault", "ec2:GetEbsDefaultKmsKeyId", "ec2:DescribeVolumes", "ec2:DescribeSnapshots",
        *_DATABASES, *_SNAPSHOTS, *_BUCKETS, "s3:GetBucketEncryption", "dynamodb:ListTables", "dynamodb:DescribeTable",
        "kms:ListKeys", "kms:DescribeKey", "kms:GetKeyRotationStatus", "efs:DescribeFileSystems", *_QUEUES,
    ),
    "aws.transit": (
        *_BALANCERS, "elbv2:DescribeListeners", "elbv2:DescribeRules", "elbv2:DescribeSSLPolicies",
        "elb:DescribeLoadBalancerPolicies", "acm:ListCertificates", "acm:DescribeCertificate",
        "cloudfront:ListDistributions", *_BUCKETS, "s3:GetBucketPolicy",
    ),
    "aws.lifecycle": (
        *_BUCKETS, "s3:GetBucketVersioning", "s3:GetBucketLifecycleConfiguration", "s3:GetObjectLockConfiguration",
        "s3:GetBucketReplication", "dynamodb:ListTables", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
        "dynamodb:DescribeContinuousBackups", "logs:DescribeLogGroups", *_DATABASES, "backup:ListBackupVaults",
        "backup:ListBackupPlans", "backup:GetBackupPlan",
    ),
    "aws.log_config": (
        "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors",
        "cloudtrail:GetInsightSelectors", "s3:GetBucketVersioning", "s3:GetBucketLifecycleConfiguration",
        "s3:GetObjectLockConfiguration", "s3:GetBucketPolicyStatus", *_BUCKETS, "s3:GetBucketLogging",
        "logs:DescribeLogGroups", "logs:DescribeMetricFilters", "ec2:DescribeVpcs", "ec2:DescribeFlowLogs",
        *_BALANCERS, "elbv2:DescribeLoadBalancerAttributes", "elb:DescribeLoadBalancerAttributes",
        "rds:DescribeDBInstances",
    ),
}  # fmt: skip
"""By dataset name."""
