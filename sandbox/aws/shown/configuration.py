"""How resources are set up. Records are in the words of the list that shows them; what is asked for one resource alone
stands beside it in a member named here.

EC2: `ec2.network_interface`, `ec2.security_group`, `ec2.prefix_list` (PrefixListId, Entries), `ec2.network_acl`,
`ec2.address`, `ec2.vpc`, `ec2.flow_log`, `ec2.volume`, `ec2.snapshot` (`Public`), `ec2.image`, `ec2.settings` (what the
region is set to, see `_SETTINGS`). Load balancers: `elbv2.load_balancer` (`Attributes`), `elbv2.listener`, `elbv2.rule`
(`ListenerArn`), `elbv2.ssl_policy`, `elb.load_balancer` (`Attributes`, `PolicyDescriptions`). RDS: `rds.instance`,
`rds.cluster`, `rds.snapshot` and `rds.cluster_snapshot` with `SharedWith`. `kms.key` (KeyMetadata with `Rotation`,
`Policy`), `dynamodb.table` (`TimeToLive`, `Recovery`), `efs.file_system` (`Policy`), `sqs.queue` and
`sns.topic_attributes` (Name or TopicArn, and `Attributes`), `lambda.function` (`Policy`, `Urls`), `acm.certificate` (a
CertificateDetail), `cloudfront.distribution`, `cloudtrail.trail` (`Status`, `Selectors`, `Insights`), `logs.group`,
`logs.metric_filter`, `backup.vault`, `backup.plan` (`Rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.aws.paging import cut
from sandbox.aws.records import Shown, View, listing, picked, shim, without
from sandbox.aws.wire import WireError

_SETTINGS: dict[str, tuple[str, Any]] = {
    "ec2:GetEbsEncryptionByDefault": ("EbsEncryptionByDefault", False),
    "ec2:GetEbsDefaultKmsKeyId": ("KmsKeyId", "alias/aws/ebs"),
    "ec2:GetSnapshotBlockPublicAccessState": ("State", "unblocked"),
    "ec2:GetImageBlockPublicAccessState": ("ImageBlockPublicAccessState", "unblocked"),
}
"""Settings of a region: the member of the answer, which is that of the record too, and its usual value."""

listing("ec2:DescribeNetworkInterfaces", "ec2.network_interface", "NetworkInterfaces", limit=1000)
listing("ec2:DescribeSecurityGroups", "ec2.security_group", "SecurityGroups", limit=1000)
listing("ec2:DescribeNetworkAcls", "ec2.network_acl", "NetworkAcls", limit=1000)
listing("ec2:DescribeVpcs", "ec2.vpc", "Vpcs", limit=1000)
listing("ec2:DescribeFlowLogs", "ec2.flow_log", "FlowLogs", limit=1000)
listing("ec2:DescribeVolumes", "ec2.volume", "Volumes", limit=1000)
listing("elbv2:DescribeSSLPolicies", "elbv2.ssl_policy", "SslPolicies", "PageSize")
listing("dynamodb:ListTables", "dynamodb.table", "TableNames", names="TableName")
listing("logs:DescribeLogGroups", "logs.group", "logGroups", limit=50)
listing("logs:DescribeMetricFilters", "logs.metric_filter", "metricFilters", limit=50)


def _setting(operation: str, name: str, usual: Any) -> None:
    def answer(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {name: next((shown[name] for shown in view.of("ec2.settings") if name in shown), usual)}

    shim(operation)(answer)


for _operation, (_name, _usual) in _SETTINGS.items():
    _setting(_operation, _name, _usual)


def _without(
    operation: str, kind: str, lists: str, *beside: str, takes: tuple[str, ...] = (), limit: int = 100
) -> None:
    """An operation that lists records without what is asked for one alone."""

    def answer(view: View, asked: Mapping[str, Any]) -> list[Shown]:
        return [without(shown, *beside) for shown in view.of(kind)]

    shim(operation, *takes, lists=lists, limit=limit)(answer)


_without("elbv2:DescribeLoadBalancers", "elbv2.load_balancer", "LoadBalancers", "Attributes", takes=("PageSize",))
_without("elb:DescribeLoadBalancers", "elb.load_balancer", "LoadBalancerDescriptions", "Attributes",
         "PolicyDescriptions", takes=("PageSize",))  # fmt: skip
_without("elasticfilesystem:DescribeFileSystems", "efs.file_system", "FileSystems", "Policy")
_without("lambda:ListFunctions", "lambda.function", "Functions", "Policy", "Urls", limit=50)
_without("backup:ListBackupPlans", "backup.plan", "BackupPlansList", "Rules")


@shim("ec2:DescribeAddresses")
def _addresses(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"Addresses": list(view.of("ec2.address"))}


@shim("ec2:GetManagedPrefixListEntries", "PrefixListId", lists="Entries", limit=100)
def _prefix_list(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.one("ec2.prefix_list", "InvalidPrefixListId.NotFound", **asked)["Entries"])


@shim("ec2:DescribeSnapshots", "OwnerIds", "RestorableByUserIds", lists="Snapshots", limit=1000)
def _snapshots(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    public = asked.get("RestorableByUserIds") == ["all"]
    return [without(shown, "Public") for shown in view.of("ec2.snapshot") if not public or shown.get("Public")]


@shim("ec2:DescribeImages", "Owners", "IncludeDeprecated", "IncludeDisabled", lists="Images", limit=1000)
def _images(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [shown for shown in view.of("ec2.image") if shown.get("State") != "disabled" or asked.get("IncludeDisabled")]


@shim("elbv2:DescribeListeners", "LoadBalancerArn", "PageSize", lists="Listeners")
def _listeners(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("elbv2.load_balancer", "LoadBalancerNotFound", LoadBalancerArn=asked["LoadBalancerArn"])
    return [one for one in view.of("elbv2.listener") if one["LoadBalancerArn"] == asked["LoadBalancerArn"]]


@shim("elbv2:DescribeRules", "ListenerArn", "PageSize", lists="Rules")
def _rules(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("elbv2.listener", "ListenerNotFound", ListenerArn=asked["ListenerArn"])
    found = [one for one in view.of("elbv2.rule") if one["ListenerArn"] == asked["ListenerArn"]]
    return [without(one, "ListenerArn") for one in found]


@shim("elbv2:DescribeLoadBalancerAttributes", "LoadBalancerArn")
def _attributes(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("elbv2.load_balancer", "LoadBalancerNotFound", **asked)
    return {"Attributes": [{"Key": key, "Value": value} for key, value in shown.get("Attributes", {}).items()]}


@shim("elb:DescribeLoadBalancerAttributes", "LoadBalancerName")
def _classic_attributes(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("elb.load_balancer", "LoadBalancerNotFound", **asked)
    return {"LoadBalancerAttributes": shown.get("Attributes", {})}


@shim("elb:DescribeLoadBalancerPolicies", "LoadBalancerName")
def _classic_policies(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("elb.load_balancer", "LoadBalancerNotFound", **asked)
    return {"PolicyDescriptions": shown.get("PolicyDescriptions", [])}


def _sharing(prefix: str, kind: str) -> None:
    member = f"{prefix}Identifier"

    @shim(f"rds:Describe{prefix}Attributes", member)
    def _answer(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
        shown = view.one(kind, f"{prefix}NotFound", **{member: asked[member]})
        values = {"AttributeName": "restore", "AttributeValues": shown.get("SharedWith", [])}
        return {f"{prefix}AttributesResult": {member: asked[member], f"{prefix}Attributes": [values]}}


_sharing("DBSnapshot", "rds.snapshot")
_sharing("DBClusterSnapshot", "rds.cluster_snapshot")


@shim("kms:ListKeys", lists="Keys", limit=100)
def _keys(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"KeyId": shown["KeyId"], "KeyArn": shown["Arn"]} for shown in view.of("kms.key")]


def _key(view: View, asked: Mapping[str, Any]) -> Shown:
    return view.one("kms.key", "NotFoundException", KeyId=asked["KeyId"])


@shim("kms:DescribeKey", "KeyId")
def _describe_key(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"KeyMetadata": without(_key(view, asked), "Rotation", "Policy")}


@shim("kms:GetKeyRotationStatus", "KeyId")
def _rotation(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = _key(view, asked)
    if shown.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise WireError(400, "UnsupportedOperationException", "The key can't be rotated.")
    return {"KeyRotationEnabled": False, **shown.get("Rotation", {})}


@shim("kms:GetKeyPolicy", "KeyId", "PolicyName")
def _key_policy(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"Policy": _key(view, asked).get("Policy", '{"Statement": []}')}


def _table(view: View, asked: Mapping[str, Any]) -> Shown:
    return view.one("dynamodb.table", **asked)


@shim("dynamodb:DescribeTable", "TableName")
def _describe_table(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"Table": without(_table(view, asked), "TimeToLive", "Recovery")}


@shim("dynamodb:DescribeTimeToLive", "TableName")
def _time_to_live(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"TimeToLiveDescription": _table(view, asked).get("TimeToLive", {"TimeToLiveStatus": "DISABLED"})}


@shim("dynamodb:DescribeContinuousBackups", "TableName")
def _recovery(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    recovery = _table(view, asked).get("Recovery", {"PointInTimeRecoveryStatus": "DISABLED"})
    described = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
    return {"ContinuousBackupsDescription": described}


@shim("elasticfilesystem:DescribeFileSystemPolicy", "FileSystemId")
def _file_system_policy(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("efs.file_system", "FileSystemNotFound", **asked)
    if "Policy" not in shown:
        raise WireError(404, "PolicyNotFound", "There is no policy.")
    return {"FileSystemId": shown["FileSystemId"], "Policy": shown["Policy"]}


@shim("sqs:ListQueues", "MaxResults", "NextToken")
def _queues(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    found = [f"https://sqs.{view.region}.amazonaws.com/{view.account}/{one['Name']}" for one in view.of("sqs.queue")]
    page = cut("sqs:ListQueues", len(found), int(asked.get("MaxResults", 1000)), asked.get("NextToken"), None)
    more = {} if page.marker is None else {"NextToken": page.marker}
    return {**({"QueueUrls": found[page.start : page.stop]} if found else {}), **more}


@shim("sqs:GetQueueAttributes", "QueueUrl", "AttributeNames")
def _queue(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    name = str(asked["QueueUrl"]).rpartition("/")[2]
    shown = view.one("sqs.queue", "AWS.SimpleQueueService.NonExistentQueue", Name=name)
    arn = f"arn:aws:sqs:{view.region}:{view.account}:{name}"
    return {"Attributes": {"QueueArn": arn, **shown.get("Attributes", {})}}


@shim("sns:GetTopicAttributes", "TopicArn")
def _topic(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    view.one("sns.topic", "NotFound", **asked)
    found = next((one for one in view.of("sns.topic_attributes") if one["TopicArn"] == asked["TopicArn"]), {})
    return {"Attributes": {"TopicArn": asked["TopicArn"], **found.get("Attributes", {})}}


@shim("lambda:GetPolicy", "FunctionName")
def _function_policy(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("lambda.function", **asked)
    if "Policy" not in shown:
        raise WireError(404, "ResourceNotFoundException", "The resource you requested does not exist.")
    return {"Policy": shown["Policy"]}


@shim("lambda:ListFunctionUrlConfigs", "FunctionName", lists="FunctionUrlConfigs", limit=50)
def _function_urls(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.one("lambda.function", FunctionName=asked["FunctionName"]).get("Urls", []))


@shim("acm:ListCertificates", "Includes", lists="CertificateSummaryList", limit=1000)
def _certificates(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = (asked.get("Includes") or {}).get("keyTypes") or ["RSA_1024", "RSA_2048"]
    return [
        picked(shown, "CertificateArn", "DomainName", "Status", "KeyAlgorithm")
        for shown in view.of("acm.certificate")
        if str(shown.get("KeyAlgorithm", "RSA_2048")).replace("-", "_") in kinds
    ]


@shim("acm:DescribeCertificate", "CertificateArn")
def _certificate(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"Certificate": view.one("acm.certificate", **asked)}


@shim("cloudfront:ListDistributions", "Marker", "MaxItems")
def _distributions(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    found, limit = list(view.of("cloudfront.distribution")), min(100, int(asked.get("MaxItems", 100)))
    page = cut("cloudfront:ListDistributions", len(found), limit, asked.get("Marker") or None, None)
    items = found[page.start : page.stop]
    listed: dict[str, Any] = {
        "Marker": asked.get("Marker", ""), "MaxItems": limit, "IsTruncated": page.more, "Quantity": len(items),
        "Items": items,
    }  # fmt: skip
    return {"DistributionList": listed | ({} if page.marker is None else {"NextMarker": page.marker})}


@shim("cloudtrail:DescribeTrails", "includeShadowTrails")
def _trails(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    found = [
        without(shown, "Status", "Selectors", "Insights")
        for region, shown in _all_trails(view)
        if region == view.region or (asked.get("includeShadowTrails") and shown.get("IsMultiRegionTrail"))
    ]
    return {"trailList": found}


def _all_trails(view: View) -> list[tuple[str, Shown]]:
    account = view.world.account(view.account)
    regions = [] if account is None else sorted(account.regions)
    return [(one, shown) for one in regions for shown in view.world.shown(view.account, one, "cloudtrail.trail")]


def _trail(view: View, arn: str) -> Shown:
    return view.one("cloudtrail.trail", "TrailNotFoundException", TrailARN=arn)


@shim("cloudtrail:GetTrailStatus", "Name")
def _trail_status(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_trail(view, asked["Name"]).get("Status", {"IsLogging": False}))


@shim("cloudtrail:GetEventSelectors", "TrailName")
def _selectors(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    usual = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}
    return {"TrailARN": asked["TrailName"], **_trail(view, asked["TrailName"]).get("Selectors", usual)}


@shim("cloudtrail:GetInsightSelectors", "TrailName")
def _insights(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = _trail(view, asked["TrailName"])
    if "Insights" not in shown:
        raise WireError(400, "InsightNotEnabledException", "The trail has no insights.")
    return {"TrailARN": asked["TrailName"], "InsightSelectors": shown["Insights"]}


@shim("backup:GetBackupPlan", "BackupPlanId")
def _plan(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("backup.plan", **asked)
    return {"BackupPlan": {"BackupPlanName": shown["BackupPlanName"], "Rules": shown["Rules"]}}
