"""How the resources of a small AWS account are set up: one record of every kind that the simulated AWS shows."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.aws_company import LONG_AGO, PROD
from tests.fakes.aws_records import OTHER, REGION, record

ACCOUNT_ROOT = f"arn:aws:iam::{PROD}:root"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{PROD}:loadbalancer/app/shop/50dc6c495c0c9188"
LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{PROD}:listener/app/shop/50dc6c495c0c9188/"
TRAIL = f"arn:aws:cloudtrail:{OTHER}:{PROD}:trail/everything"
BLOCKED = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}  # fmt: skip
OPEN = dict.fromkeys(BLOCKED, False)
SSE = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/shop"},
        "BucketKeyEnabled": True}]  # fmt: skip


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any = "*", action: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def bucket(name: str, *, region: str = REGION, **members: Any) -> dict[str, Any]:
    shows = {
        "Name": name, "CreationDate": LONG_AGO, "PublicAccessBlock": BLOCKED, "Ownership": "BucketOwnerEnforced",
        "Encryption": SSE, **members,
    }  # fmt: skip
    return record("s3.bucket", {key: value for key, value in shows.items() if value is not None}, region=region)


def permission(cidr: str, port: int | None = 443, **more: Any) -> dict[str, Any]:
    ports = {} if port is None else {"FromPort": port, "ToPort": port}
    ranges = {"Ipv6Ranges": [{"CidrIpv6": cidr}]} if ":" in cidr else {"IpRanges": [{"CidrIp": cidr}]}
    return {"IpProtocol": "tcp" if port is not None else "-1", **ports, **ranges, **more}


def group(group_id: str, *ingress: dict[str, Any], name: str | None = None, region: str = REGION) -> dict[str, Any]:
    shows = {
        "GroupId": group_id, "GroupName": name or group_id, "VpcId": "vpc-1", "OwnerId": PROD, "Description": "x",
        "IpPermissions": list(ingress), "IpPermissionsEgress": [permission("0.0.0.0/0", None)],
    }  # fmt: skip
    return record("ec2.security_group", shows, region=region)


def networks() -> list[dict[str, Any]]:
    lists = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-office"}]}
    everybody = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": "pl-world"}]}
    pairs = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-web"}]}
    entry = {"CidrBlock": "0.0.0.0/0", "Egress": False, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100}
    return [
        group("sg-web", permission("0.0.0.0/0"), permission("::/0")),
        group("sg-office", permission("198.51.100.0/24", 22), lists),
        group("sg-world", everybody),
        group("sg-halves", permission("0.0.0.0/1", 22), permission("128.0.0.0/1", 22)),
        group("sg-data", pairs),
        group("sg-idle", name="default"),
        record("ec2.prefix_list", {"PrefixListId": "pl-office", "Entries": [{"Cidr": "198.51.100.0/24"}]}),
        record("ec2.prefix_list", {"PrefixListId": "pl-world", "Entries": [{"Cidr": "0.0.0.0/0"}]}),
        record("ec2.network_interface", {
            "NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-web", "GroupName": "sg-web"}],
            "SubnetId": "subnet-1", "Association": {"PublicIp": "203.0.113.7", "PublicDnsName": "x.example"},
            "Attachment": {"InstanceId": "i-1"},
        }),
        record("ec2.address", {"PublicIp": "203.0.113.7", "AllocationId": "a-1", "AssociationId": "as-1"}),
        record("ec2.address", {"PublicIp": "203.0.113.8", "AllocationId": "a-2"}),
        record("ec2.network_acl", {
            "NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": True, "Associations": [{"SubnetId": "subnet-1"}],
            "Entries": [entry, {**entry, "RuleNumber": 32767, "RuleAction": "deny"}, {**entry, "Egress": True}],
        }),
        record("ec2.vpc", {"VpcId": "vpc-1", "IsDefault": False, "State": "available"}),
        record("ec2.vpc", {"VpcId": "vpc-2", "IsDefault": True, "State": "available"}),
        record("ec2.flow_log", {
            "FlowLogId": "fl-1", "ResourceId": "vpc-1", "FlowLogStatus": "ACTIVE", "DeliverLogsStatus": "SUCCESS",
            "TrafficType": "ALL", "LogGroupName": "flows", "CreationTime": LONG_AGO,
        }),
    ]  # fmt: skip


def buckets() -> list[dict[str, Any]]:
    plain_text = {"Bool": {"aws:SecureTransport": "false"}}
    resources = ["arn:aws:s3:::shop-data", "arn:aws:s3:::shop-data/*"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": plain_text, "Resource": resources}
    everybody = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    rules = [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "AWSLogs/"}, "Expiration": {"Days": 400},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1},
         "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
    ]  # fmt: skip
    return [
        bucket("shop-data", Policy=policy(deny), IsPublic=False, Versioning={"Status": "Enabled"}, Lifecycle=rules,
               Replication={"Role": "x", "Rules": [
                   {"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::shop-copy"}}]},
               Lock={"Mode": "COMPLIANCE", "Days": 365},
               Logging={"TargetBucket": "shop-logs", "TargetPrefix": "s3/"}),
        bucket("shop-site", PublicAccessBlock=OPEN, Policy=policy(allow(action="s3:GetObject")), IsPublic=True),
        bucket("shop-old", PublicAccessBlock=None, Ownership=None, Encryption=None, Grants=[
            {"Grantee": everybody, "Permission": "READ"},
            {"Grantee": {"Type": "CanonicalUser", "ID": "own"}, "Permission": "FULL_CONTROL"}]),
        bucket("shop-logs", region=OTHER, Versioning={"Status": "Enabled"}, Lock={"Mode": "COMPLIANCE", "Days": 365},
               Lifecycle=rules),
        bucket("shop-unplaced", Unplaced=True),
        record("s3.account_block", OPEN),
        record("s3.access_point", {
            "Name": "door", "Bucket": "shop-data", "NetworkOrigin": "Internet", "Block": OPEN, "IsPublic": True,
            "AccessPointArn": f"arn:aws:s3:{REGION}:{PROD}:accesspoint/door"}),
        record("s3.access_point", {
            "Name": "hatch", "Bucket": "shop-data", "NetworkOrigin": "VPC", "Block": BLOCKED,
            "AccessPointArn": f"arn:aws:s3:{REGION}:{PROD}:accesspoint/hatch"}),
    ]  # fmt: skip


def balancers() -> list[dict[str, Any]]:
    redirect = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}]
    forward = [{"Type": "forward", "TargetGroupArn": "x"}]

    def listener(own: str, protocol: str, port: int, actions: Any = forward, **more: Any) -> dict[str, Any]:
        shows = {
            "ListenerArn": LISTENER + own, "LoadBalancerArn": BALANCER, "Protocol": protocol, "Port": port,
            "DefaultActions": actions, **more,
        }  # fmt: skip
        return record("elbv2.listener", shows)

    return [
        record("elbv2.load_balancer", {
            "LoadBalancerArn": BALANCER, "LoadBalancerName": "shop", "DNSName": "shop.elb.example", "VpcId": "vpc-1",
            "Scheme": "internet-facing", "State": {"Code": "active"}, "Type": "application", "CreatedTime": LONG_AGO,
            "SecurityGroups": ["sg-web"],
            "Attributes": {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "shop-logs"}}),
        listener("tls", "HTTPS", 443, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
                 Certificates=[{"CertificateArn": "arn:cert"}]),
        listener("redirect", "HTTP", 80, redirect),
        listener("half", "HTTP", 8080, redirect),
        listener("old", "HTTPS", 8443, SslPolicy="ELBSecurityPolicy-2016-08"),
        record("elbv2.rule", {"ListenerArn": LISTENER + "redirect", "RuleArn": "r-1", "Priority": "default",
                              "Actions": redirect}),
        record("elbv2.rule", {"ListenerArn": LISTENER + "half", "RuleArn": "r-2", "Priority": "default",
                              "Actions": redirect}),
        record("elbv2.rule", {"ListenerArn": LISTENER + "half", "RuleArn": "r-3", "Priority": "1",
                              "Actions": forward}),
        record("elbv2.ssl_policy", {"Name": "ELBSecurityPolicy-TLS13-1-2-2021-06", "SslProtocols": [
            "TLSv1.2", "TLSv1.3"]}),
        record("elbv2.ssl_policy", {"Name": "ELBSecurityPolicy-2016-08", "SslProtocols": [
            "TLSv1", "TLSv1.1", "TLSv1.2"]}),
        record("elb.load_balancer", {
            "LoadBalancerName": "old", "DNSName": "old.elb.example", "Scheme": "internal", "CreatedTime": LONG_AGO,
            "ListenerDescriptions": [{
                "Listener": {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstancePort": 80,
                             "SSLCertificateId": "arn:cert"},
                "PolicyNames": ["tls-only"]}],
            "PolicyDescriptions": [{
                "PolicyName": "tls-only", "PolicyTypeName": "SSLNegotiationPolicyType",
                "PolicyAttributeDescriptions": [
                    {"AttributeName": "Protocol-TLSv1.2", "AttributeValue": "true"},
                    {"AttributeName": "Protocol-TLSv1", "AttributeValue": "false"}]}],
            "Attributes": {"AccessLog": {"Enabled": False}}}),
    ]  # fmt: skip


def certificate(number: int, until: str, **more: Any) -> dict[str, Any]:
    shows = {
        "CertificateArn": f"arn:aws:acm:{REGION}:{PROD}:certificate/{number}", "DomainName": f"{number}.acme.example",
        "SubjectAlternativeNames": [f"{number}.acme.example"], "Status": "ISSUED", "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048", "SignatureAlgorithm": "SHA256WITHRSA", "NotBefore": LONG_AGO, "NotAfter": until,
        "InUseBy": [BALANCER], "RenewalEligibility": "ELIGIBLE", "CreatedAt": LONG_AGO,
        "Options": {"CertificateTransparencyLoggingPreference": "ENABLED"}, **more,
    }  # fmt: skip
    return record("acm.certificate", shows)


def distribution(number: int, version: str = "TLSv1.2_2021", viewer: str = "redirect-to-https") -> dict[str, Any]:
    nothing = {"Quantity": 0}
    shows = {
        "Id": f"E{number}", "ARN": f"arn:aws:cloudfront::{PROD}:distribution/E{number}", "Status": "Deployed",
        "LastModifiedTime": LONG_AGO, "DomainName": f"d{number}.cloudfront.net", "Comment": "", "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": [f"cdn{number}.acme.example"]}, "CacheBehaviors": nothing,
        "CustomErrorResponses": nothing, "PriceClass": "PriceClass_100", "WebACLId": "", "HttpVersion": "http2",
        "IsIPV6Enabled": True, "Staging": False, "Restrictions": {"GeoRestriction": {"RestrictionType": "none",
                                                                                  "Quantity": 0}},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": viewer},
        "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.example", "CustomHeaders": {
            "Quantity": 1, "Items": [{"HeaderName": "x-origin", "HeaderValue": "hush-hush-origin"}]}}]},
        "ViewerCertificate": {"ACMCertificateArn": "arn:cert", "MinimumProtocolVersion": version},
    }  # fmt: skip
    return record("cloudfront.distribution", shows, region=OTHER)


def databases() -> list[dict[str, Any]]:
    def instance(name: str, **more: Any) -> dict[str, Any]:
        return record("rds.instance", {
            "DBInstanceIdentifier": name, "DBInstanceArn": f"arn:aws:rds:{REGION}:{PROD}:db:{name}",
            "DBInstanceStatus": "available", "Engine": "postgres", "StorageEncrypted": True, "KmsKeyId": "k",
            "PubliclyAccessible": False, "Endpoint": {"Address": f"{name}.rds.example", "Port": 5432},
            "InstanceCreateTime": LONG_AGO, "BackupRetentionPeriod": 14, "DeletionProtection": True,
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-data", "Status": "active"}],
            "EnabledCloudwatchLogsExports": ["postgresql"], **more})  # fmt: skip

    snapshot = {"SnapshotCreateTime": LONG_AGO, "Engine": "postgres", "Status": "available"}
    arn = f"arn:aws:rds:{REGION}:{PROD}"
    return [
        instance("orders"),
        instance("legacy", PubliclyAccessible=True, StorageEncrypted=False, BackupRetentionPeriod=0,
                 EnabledCloudwatchLogsExports=[]),
        record("rds.cluster", {
            "DBClusterIdentifier": "ledger", "DBClusterArn": f"{arn}:cluster:ledger", "Status": "available",
            "Engine": "aurora-postgresql", "StorageEncrypted": True, "KmsKeyId": "k", "Port": 5432,
            "Endpoint": "ledger.rds.example", "BackupRetentionPeriod": 7, "ClusterCreateTime": LONG_AGO}),
        record("rds.snapshot", {
            "DBSnapshotIdentifier": "auto", "DBSnapshotArn": f"{arn}:snapshot:auto", "SnapshotType": "automated",
            "DBInstanceIdentifier": "orders", "Encrypted": True, **snapshot}),
        record("rds.snapshot", {
            "DBSnapshotIdentifier": "given", "DBSnapshotArn": f"{arn}:snapshot:given", "SnapshotType": "manual",
            "DBInstanceIdentifier": "legacy", "Encrypted": False, "SharedWith": ["all", "999988887777"],
            **snapshot}),
        record("rds.cluster_snapshot", {
            "DBClusterSnapshotIdentifier": "lent", "DBClusterSnapshotArn": f"{arn}:cluster-snapshot:lent",
            "SnapshotType": "manual", "DBClusterIdentifier": "ledger", "StorageEncrypted": True,
            "SharedWith": ["999988887777"], **snapshot}),
    ]  # fmt: skip


def volumes() -> list[dict[str, Any]]:
    return [
        record("ec2.settings", {"EbsEncryptionByDefault": True, "State": "block-new-sharing"}),
        record("ec2.volume", {"VolumeId": "vol-1", "Encrypted": True, "KmsKeyId": "k", "State": "in-use",
                              "CreateTime": LONG_AGO, "Attachments": [{"InstanceId": "i-1"}]}),
        record("ec2.volume", {"VolumeId": "vol-2", "Encrypted": False, "State": "available",
                              "CreateTime": LONG_AGO}),
        record("ec2.snapshot", {"SnapshotId": "snap-1", "VolumeId": "vol-1", "Encrypted": True, "State": "completed",
                                "StartTime": LONG_AGO, "OwnerId": PROD}),
        record("ec2.snapshot", {"SnapshotId": "snap-2", "VolumeId": "vol-2", "Encrypted": False, "Public": True,
                                "State": "completed", "StartTime": LONG_AGO, "OwnerId": PROD}),
        record("ec2.image", {"ImageId": "ami-1", "Name": "base", "Public": False, "State": "available",
                             "CreationDate": LONG_AGO}),
        record("ec2.image", {"ImageId": "ami-2", "Name": "given", "Public": True, "State": "available",
                             "CreationDate": LONG_AGO}),
    ]  # fmt: skip


def key(own: str, **more: Any) -> dict[str, Any]:
    shows = {
        "KeyId": own, "Arn": f"arn:aws:kms:{REGION}:{PROD}:key/{own}", "KeyManager": "CUSTOMER", "Enabled": True,
        "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT",
        "CreationDate": LONG_AGO, "MultiRegion": False, "Policy": policy(allow({"AWS": ACCOUNT_ROOT})), **more,
    }  # fmt: skip
    return record("kms.key", shows)


def stores() -> list[dict[str, Any]]:
    topic = f"arn:aws:sns:{REGION}:{PROD}:"
    owner = {"StringEquals": {"AWS:SourceOwner": PROD}}
    mounts = {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}
    unsigned = {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
    function = f"arn:aws:lambda:{REGION}:{PROD}:function:"
    return [
        key("rotated", Rotation={"KeyRotationEnabled": True, "RotationPeriodInDays": 365}),
        key("still"),
        key("signing", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        key("aws", KeyManager="AWS"),
        key("open", Policy=policy(allow()), Rotation={"KeyRotationEnabled": True}),
        record("dynamodb.table", {
            "TableName": "carts", "TableArn": f"arn:aws:dynamodb:{REGION}:{PROD}:table/carts",
            "TableStatus": "ACTIVE", "CreationDateTime": LONG_AGO, "DeletionProtectionEnabled": True,
            "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "k"},
            "TimeToLive": {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"},
            "Recovery": {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35}}),
        record("dynamodb.table", {
            "TableName": "plain", "TableArn": f"arn:aws:dynamodb:{REGION}:{PROD}:table/plain",
            "TableStatus": "ACTIVE", "CreationDateTime": LONG_AGO}),
        record("efs.file_system", {
            "FileSystemId": "fs-1", "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{PROD}:file-system/fs-1",
            "OwnerId": PROD, "CreationToken": "x", "CreationTime": LONG_AGO, "LifeCycleState": "available",
            "NumberOfMountTargets": 1, "SizeInBytes": {"Value": 1}, "PerformanceMode": "generalPurpose", "Tags": [],
            "Encrypted": True, "KmsKeyId": "k", "Policy": policy(allow(Condition=mounts))}),
        record("efs.file_system", {
            "FileSystemId": "fs-2", "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{PROD}:file-system/fs-2",
            "OwnerId": PROD, "CreationToken": "y", "CreationTime": LONG_AGO, "LifeCycleState": "available",
            "NumberOfMountTargets": 0, "SizeInBytes": {"Value": 1}, "PerformanceMode": "generalPurpose", "Tags": [],
            "Encrypted": False}),
        record("sqs.queue", {"Name": "orders", "Attributes": {"SqsManagedSseEnabled": "true"}}),
        record("sqs.queue", {"Name": "open", "Attributes": {"KmsMasterKeyId": "k", "Policy": policy(allow())}}),
        record("sns.topic", {"TopicArn": f"{topic}news"}),
        record("sns.topic", {"TopicArn": f"{topic}quiet"}),
        record("sns.topic_attributes", {"TopicArn": f"{topic}news", "Attributes": {
            "KmsMasterKeyId": "k", "Policy": policy(allow(Condition=owner))}}),
        record("lambda.function", {
            "FunctionName": "pay", "FunctionArn": f"{function}pay", "State": "Active",
            "Environment": {"Variables": {"STRIPE": "hush-hush-stripe"}}}),
        record("lambda.function", {
            "FunctionName": "hook", "FunctionArn": f"{function}hook", "State": "Active",
            "Policy": policy(allow(action="lambda:InvokeFunctionUrl", Condition=unsigned)),
            "Urls": [{"FunctionUrl": "https://x.lambda-url.example/", "FunctionArn": f"{function}hook",
                      "CreationTime": LONG_AGO, "LastModifiedTime": LONG_AGO, "AuthType": "NONE"}]}),
    ]  # fmt: skip


def trail(name: str = "everything", *, region: str = OTHER, at: str = LONG_AGO, **more: Any) -> dict[str, Any]:
    shows = {
        "Name": name, "TrailARN": f"arn:aws:cloudtrail:{region}:{PROD}:trail/{name}", "HomeRegion": region,
        "S3BucketName": "shop-logs", "IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True,
        "LogFileValidationEnabled": True, "IsOrganizationTrail": False, "HasInsightSelectors": True, "KmsKeyId": "k",
        "Status": {"IsLogging": True, "StartLoggingTime": LONG_AGO, "LatestDeliveryTime": LONG_AGO},
        "Insights": [{"InsightType": "ApiCallRateInsight"}], **more,
    }  # fmt: skip
    return record("cloudtrail.trail", shows, region=region, at=at)


def logs() -> list[dict[str, Any]]:
    return [
        trail(),
        record("logs.group", {"logGroupName": "app", "retentionInDays": 400, "storedBytes": 7,
                              "creationTime": 1704877200000, "logGroupClass": "STANDARD",
                              "logGroupArn": f"arn:aws:logs:{REGION}:{PROD}:log-group:app"}),
        record("logs.group", {"logGroupName": "ever", "storedBytes": 7, "creationTime": 1704877200000,
                              "logGroupArn": f"arn:aws:logs:{REGION}:{PROD}:log-group:ever"}),
        record("logs.metric_filter", {
            "filterName": "root", "logGroupName": "app", "filterPattern": "{ $.userIdentity.type = Root }",
            "creationTime": 1704877200000, "metricTransformations": [
                {"metricName": "Root", "metricNamespace": "Own", "metricValue": "1"}]}),
        record("backup.vault", {
            "BackupVaultName": "safe", "BackupVaultArn": f"arn:aws:backup:{REGION}:{PROD}:backup-vault:safe",
            "CreationDate": LONG_AGO, "Locked": True, "LockDate": LONG_AGO, "MinRetentionDays": 35,
            "MaxRetentionDays": 400}),
        record("backup.plan", {
            "BackupPlanId": "p-1", "BackupPlanName": "nightly", "CreationDate": LONG_AGO,
            "BackupPlanArn": f"arn:aws:backup:{REGION}:{PROD}:backup-plan:p-1", "Rules": [
                {"RuleName": "daily", "RuleId": "r-1", "TargetBackupVaultName": "safe",
                 "ScheduleExpression": "cron(0 5 ? * * *)",
                 "Lifecycle": {"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": 7},
                 "CopyActions": [{"DestinationBackupVaultArn": "arn:far"}]}]}),
    ]  # fmt: skip


def everything() -> list[dict[str, Any]]:
    """One account with something of every kind, in `REGION`; its trail and CloudFront are in `OTHER`."""
    certificates = [certificate(1, "2027-01-01T00:00:00Z"), certificate(2, "2027-01-01T00:00:00Z",
                                                                       KeyAlgorithm="EC_prime256v1")]  # fmt: skip
    return [
        *networks(), *buckets(), *balancers(), *certificates, distribution(1), distribution(2, "TLSv1", "allow-all"),
        *databases(), *volumes(), *stores(), *logs(),
    ]  # fmt: skip
