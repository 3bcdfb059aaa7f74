"""Keys, tables, file systems, queues, topics, functions: encryption, time to live, and whom their policies let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.aws.configuration.region import Detail, Region
from connectors.aws.configuration.resource_policies import is_public, read_document
from connectors.aws.reading import Json, moment
from schemas.aws_configuration import ENCRYPTION, EXPOSURE, LIFECYCLE

_NOT_FOUND = ("ResourceNotFoundException",)


def keys(region: Region) -> None:
    """Keys of KMS. Whether one is rotated is asked where it can be: keys of the account's own, symmetric, of material
    that KMS made."""

    def ask(detail: Detail, key: Json) -> None:
        named: dict[str, Any] = {"KeyId": str(key["KeyId"]), "gone": ("NotFoundException",)}
        if region.wants(ENCRYPTION):
            found = detail.ask("kms:DescribeKey", **named)
            if not detail.gone and found is not None and rotatable(found.get("KeyMetadata") or {}):
                detail.ask(
                    "kms:GetKeyRotationStatus", absent=("UnsupportedOperationException", "KMSInvalidStateException"),
                    **named,
                )  # fmt: skip
        if region.wants(EXPOSURE) and not detail.gone:
            detail.ask("kms:GetKeyPolicy", PolicyName="default", **named)

    listed = region.items(
        "kms:ListKeys", "Keys", "KeyId", "Marker", answered="NextMarker", more="Truncated", Limit=1000
    )
    for key, detail in region.each(listed, ask, "KeyId"):
        arn = str(key.get("KeyArn") or key["KeyId"])
        described = (detail.of("kms:DescribeKey") or {}).get("KeyMetadata") or {}
        rotation = detail.of("kms:GetKeyRotationStatus")
        region.put(
            ENCRYPTION, "key", arn, {**key, **described, "Rotation": rotation}, detail=detail,
            **key_columns(described, rotation),
        )  # fmt: skip
        _policy(region, detail, "key", arn, key, "kms:GetKeyPolicy")


def rotatable(metadata: Json) -> bool:
    """Whether KMS can rotate a key by itself."""
    return (
        metadata.get("KeyManager") == "CUSTOMER"
        and metadata.get("KeyUsage") == "ENCRYPT_DECRYPT"
        and metadata.get("KeySpec", metadata.get("CustomerMasterKeySpec")) in (None, "SYMMETRIC_DEFAULT")
        and metadata.get("Origin") == "AWS_KMS"
        and metadata.get("KeyState") not in ("PendingDeletion", "PendingReplicaDeletion")
    )


def key_columns(metadata: Json, rotation: Json | None) -> dict[str, Any]:
    """Columns of `aws.encryption`."""
    return {
        "key_manager": metadata.get("KeyManager"), "key_state": metadata.get("KeyState"),
        "key_usage": metadata.get("KeyUsage"), "key_origin": metadata.get("Origin"),
        "algorithm": metadata.get("KeySpec", metadata.get("CustomerMasterKeySpec")),
        "rotation_enabled": None if rotation is None else rotation.get("KeyRotationEnabled"),
        "rotation_period_days": None if rotation is None else rotation.get("RotationPeriodInDays"),
        "deletion_at": moment(metadata.get("DeletionDate")), "multi_region": metadata.get("MultiRegion"),
        "created_at": moment(metadata.get("CreationDate")), "name": metadata.get("Description") or None,
    }  # fmt: skip


def tables(region: Region) -> None:
    """Tables of DynamoDB, which are always encrypted: with a key of the service where nothing else is said."""

    def ask(detail: Detail, name: str) -> None:
        named: dict[str, Any] = {"TableName": name, "gone": (*_NOT_FOUND, "TableNotFoundException")}
        detail.ask("dynamodb:DescribeTable", **named)
        for operation in ("dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups"):
            if region.wants(LIFECYCLE) and not detail.gone:
                detail.ask(operation, **named)

    listed = region.items(
        "dynamodb:ListTables", "TableNames", "", "ExclusiveStartTableName", answered="LastEvaluatedTableName", Limit=100
    )
    for name, detail in region.each((str(one) for one in listed), ask):
        table = (detail.of("dynamodb:DescribeTable") or {}).get("Table")
        live, backups = detail.of("dynamodb:DescribeTimeToLive"), detail.of("dynamodb:DescribeContinuousBackups")
        told: Json = table or {}
        arn = str(told.get("TableArn") or region.arn("dynamodb", f"table/{name}"))
        head: dict[str, Any] = {"name": name, "created_at": moment(told.get("CreationDateTime")), "detail": detail}
        sse = told.get("SSEDescription") or {}
        region.put(
            ENCRYPTION, "table", arn, told, **head, encrypted=None if table is None else True,
            algorithm=None if table is None else "aws:kms" if sse.get("SSEType") == "KMS" else "AES256",
            key_id=sse.get("KMSMasterKeyArn"), key_state=sse.get("Status"), state=told.get("TableStatus"),
        )  # fmt: skip
        ttl = (live or {}).get("TimeToLiveDescription") or {}
        recovery = ((backups or {}).get("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription")
        region.put(
            LIFECYCLE, "table", arn, {**told, "TimeToLive": ttl, "PointInTimeRecovery": recovery}, **head,
            enabled=None if live is None else ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"),
            ttl_attribute=ttl.get("AttributeName"), deletion_protection=told.get("DeletionProtectionEnabled"),
            recovery_enabled=None if backups is None
            else (recovery or {}).get("PointInTimeRecoveryStatus") == "ENABLED",
            retention_days=(recovery or {}).get("RecoveryPeriodInDays"),
        )  # fmt: skip


def file_systems(region: Region) -> None:
    """File systems of EFS. One without a policy lets in whoever reaches it inside its network."""

    def ask(detail: Detail, one: Json) -> None:
        if region.wants(EXPOSURE):
            detail.ask(
                "efs:DescribeFileSystemPolicy", absent=("PolicyNotFound",), gone=("FileSystemNotFound",),
                FileSystemId=str(one["FileSystemId"]),
            )  # fmt: skip

    listed = region.items("efs:DescribeFileSystems", "FileSystems", "FileSystemId", "Marker", answered="NextMarker")
    for one, detail in region.each(listed, ask, "FileSystemId"):
        arn = str(one.get("FileSystemArn") or one["FileSystemId"])
        flag = one.get("Encrypted")
        region.put(
            ENCRYPTION, "file_system", arn, one, name=one.get("Name"), created_at=moment(one.get("CreationTime")),
            encrypted=flag, key_id=one.get("KmsKeyId"), algorithm="aws:kms" if flag else None,
            state=one.get("LifeCycleState"), attached=bool(one.get("NumberOfMountTargets")),
        )  # fmt: skip
        _policy(region, detail, "file_system", arn, one, "efs:DescribeFileSystemPolicy")


def queues(region: Region) -> None:
    """Queues of SQS. An account without queues answers without the list of them."""

    def addresses() -> Iterator[str]:
        for page in region.reading.caller.pages(
            "sqs:ListQueues", asked="NextToken", answered="NextToken", region=region.name, MaxResults=1000
        ):
            region.reading.keep(page)
            region.reading.pages += 1
            yield from (str(one) for one in (page.parsed.get("QueueUrls") or [])[: 1 if region.first_only else None])

    def ask(detail: Detail, address: str) -> None:
        gone = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
        detail.ask("sqs:GetQueueAttributes", gone=gone, QueueUrl=address, AttributeNames=["All"])

    for address, detail in region.each(dict.fromkeys(addresses()), ask):
        found = detail.of("sqs:GetQueueAttributes")
        one: Json = (found or {}).get("Attributes") or {}
        name = address.rpartition("/")[2]
        arn = str(one.get("QueueArn") or region.arn("sqs", name))
        key = one.get("KmsMasterKeyId")
        managed = str(one.get("SqsManagedSseEnabled")).lower() == "true"
        region.put(
            ENCRYPTION, "queue", arn, one, detail=detail, name=name, key_id=key,
            encrypted=None if found is None else bool(key) or managed,
            algorithm="aws:kms" if key else "SSE-SQS" if managed else None,
        )  # fmt: skip
        _put_policy(region, detail, "queue", arn, one, one.get("Policy"), known=found is not None, name=name)


def topics(region: Region) -> None:
    """Topics of SNS."""

    def ask(detail: Detail, one: Json) -> None:
        detail.ask("sns:GetTopicAttributes", gone=("NotFound", "NotFoundException"), TopicArn=str(one["TopicArn"]))

    for topic, detail in region.each(region.items("sns:ListTopics", "Topics", "TopicArn"), ask, "TopicArn"):
        found = detail.of("sns:GetTopicAttributes")
        one: Json = (found or {}).get("Attributes") or {}
        arn = str(topic["TopicArn"])
        key = one.get("KmsMasterKeyId")
        name = arn.rpartition(":")[2]
        region.put(
            ENCRYPTION, "topic", arn, one, detail=detail, name=name, key_id=key,
            encrypted=None if found is None else bool(key), algorithm="aws:kms" if key else None,
        )  # fmt: skip
        _put_policy(region, detail, "topic", arn, one, one.get("Policy"), known=found is not None, name=name)


def functions(region: Region) -> None:
    """Functions of Lambda: a policy that lets everybody call them, an address that asks for no signature."""

    def ask(detail: Detail, one: Json) -> None:
        name = str(one["FunctionName"])
        detail.ask("lambda:GetPolicy", absent=_NOT_FOUND, FunctionName=name)
        named: dict[str, Any] = {"FunctionName": name, "MaxItems": 50}
        urls = detail.ask("lambda:ListFunctionUrlConfigs", absent=_NOT_FOUND, **named)
        if urls and urls.get("NextMarker"):
            detail.pages("lambda:ListFunctionUrlConfigs", "FunctionUrlConfigs", "Marker", "NextMarker", **named)

    listed = region.items("lambda:ListFunctions", "Functions", "FunctionArn", "Marker", answered="NextMarker")
    for one, detail in region.each(listed, ask, "FunctionArn"):
        urls = detail.of("lambda:ListFunctionUrlConfigs")
        configs = None if urls is None else urls.get("FunctionUrlConfigs") or []
        unsigned = None if configs is None else any(entry.get("AuthType") == "NONE" for entry in configs)
        policy = detail.of("lambda:GetPolicy")
        name = str(one["FunctionName"])
        by_policy = None if policy is None else is_public(read_document(policy.get("Policy"), f"function {name}"))
        # An address that asks for no signature is reached only where the policy lets everybody in.
        public = None if policy is None else _both(by_policy, unsigned)
        reasons = (["policy"] if by_policy else []) + (["function_url"] if public and unsigned else [])
        region.put(
            EXPOSURE, "function", str(one["FunctionArn"]), one, detail=detail, name=name, public=public,
            policy_public=by_policy, reasons=reasons, state=one.get("State"),
            address=next((str(entry["FunctionUrl"]) for entry in configs or [] if entry.get("FunctionUrl")), None),
        )  # fmt: skip


def _both(by_policy: bool | None, unsigned: bool | None) -> bool | None:
    """A policy for everybody whose condition is open (such as one on how the address signs) lets in by that address."""
    if by_policy is None:
        return unsigned
    return by_policy


def _policy(region: Region, detail: Detail, kind: str, arn: str, record: Json, operation: str) -> None:
    found = detail.of(operation)
    policy = None if found is None else found.get("Policy")
    _put_policy(region, detail, kind, arn, {**record, "Policy": policy}, policy, known=found is not None)


def _put_policy(
    region: Region, detail: Detail, kind: str, arn: str, record: Json, policy: Any, *, known: bool,
    name: str | None = None,
) -> None:  # fmt: skip
    public = is_public(read_document(policy, f"{kind} {arn}")) if known else None
    region.put(
        EXPOSURE, kind, arn, record, detail=detail, name=name or record.get("Name"), public=public,
        policy_public=public, reasons=["policy"] if public else [],
    )  # fmt: skip
