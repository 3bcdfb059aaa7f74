"""Buckets of one region: what is asked of each, and the rows that follow from the answers.

What can't be there is not asked for. Object lock and replication exist only in buckets with versioning, access lists
have no effect where the owner of the bucket is enforced, and without a policy there is no status of one (S3 user guide:
"Using S3 Object Lock", "Replication", "Controlling ownership of objects").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from connectors.aws.configuration.operations import OPERATIONS
from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.configuration.resource_policies import denies_plain_text, is_public, read_document
from connectors.aws.reading import Json, field_of, moment
from schemas.aws_configuration import ENCRYPTION, EXPOSURE, LIFECYCLE, LOG_CONFIG, TRANSIT

GONE = ("NoSuchBucket",)
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_EVERYBODY = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "all",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "authenticated",
}
_NO_BLOCK = ("NoSuchPublicAccessBlockConfiguration",)
_FIRST = "us-east-1"

Found = Mapping[str, "Json | None"]
"""Answers about one bucket by operation: empty where there is no such configuration, None where it was refused."""


def buckets(region: Region) -> None:
    """Every bucket of the region, by what the list of buckets says of where it is."""
    account = account_block(region) if region.wants(EXPOSURE) else None
    listed = list(_of_region(region))
    for bucket, detail in region.each(listed, lambda detail, bucket: _ask(region, detail, str(bucket["Name"])), "Name"):
        name = str(bucket["Name"])
        arn, created = f"arn:{region.reading.partition}:s3:::{name}", moment(bucket.get("CreationDate"))
        for dataset, columns in (
            (EXPOSURE, exposure), (ENCRYPTION, encryption), (TRANSIT, transit), (LIFECYCLE, lifecycle),
            (LOG_CONFIG, logging),
        ):  # fmt: skip
            if region.wants(dataset):
                mine = ("s3:GetBucketLogging",) if dataset is LOG_CONFIG else OPERATIONS[dataset.name]
                given: dict[str, Any] = {"account": account} if dataset is EXPOSURE else {}
                region.put(
                    dataset, "bucket", arn, _record(bucket, detail, mine), detail=detail, hangs_on=mine, name=name,
                    created_at=created, **columns(detail.found, name=name, **given),
                )  # fmt: skip
        for part, rule, columns in rules(detail.found):
            region.put(LIFECYCLE, "bucket_rule", arn, rule, part=part, name=name, parent_id=arn, **columns)


def account_block(region: Region) -> Json | None:
    """The account's own block, which lies over that of every bucket; empty where there is none."""
    [(_, detail)] = region.each(
        [region.account],
        lambda detail, account: detail.ask("s3control:GetPublicAccessBlock", absent=_NO_BLOCK, AccountId=account),
    )
    found = detail.of("s3control:GetPublicAccessBlock")
    region.put(
        EXPOSURE, "account_public_access_block", region.account, found or {}, detail=detail,
        **_flags(_block(found)),
    )  # fmt: skip
    return _block(found)


def _of_region(region: Region) -> Iterator[Json]:
    """The buckets that are here. Where the list does not say where one is, the bucket itself is asked."""
    unplaced: list[Json] = []
    for bucket in region.items("s3:ListBuckets", "Buckets", "Name", "ContinuationToken", MaxBuckets=1000):
        region.own_buckets.add(str(bucket["Name"]))
        where = bucket.get("BucketRegion")
        if where is None:
            unplaced.append(bucket)
        elif where == region.name:
            yield bucket

    def ask(detail: Detail, bucket: Json) -> None:
        detail.ask("s3:GetBucketLocation", gone=GONE, region=_FIRST, Bucket=str(bucket["Name"]))

    for bucket, detail in region.each(unplaced, ask, "Name"):
        found = detail.of("s3:GetBucketLocation")
        # Where nobody may know the region, the bucket is missing, and the claim says so.
        if found is not None and (found.get("LocationConstraint") or _FIRST).replace("EU", "eu-west-1") == region.name:
            yield bucket


def _ask(region: Region, detail: Detail, name: str) -> None:
    def ask(operation: str, *absent: str) -> Json | None:
        return None if detail.gone else detail.ask(operation, absent=absent, gone=GONE, Bucket=name)

    if region.wants(EXPOSURE, TRANSIT):
        policy = ask("s3:GetBucketPolicy", "NoSuchBucketPolicy")
        if region.wants(EXPOSURE):
            ask("s3:GetPublicAccessBlock", *_NO_BLOCK)
            if policy == {}:
                detail.conclude("s3:GetBucketPolicyStatus")
            else:
                ask("s3:GetBucketPolicyStatus", "NoSuchBucketPolicy")
            owners = ask("s3:GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
            if _ownership(owners) == "BucketOwnerEnforced":
                detail.conclude("s3:GetBucketAcl")
            else:
                ask("s3:GetBucketAcl")
    if region.wants(ENCRYPTION):
        ask("s3:GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError")
    if region.wants(LIFECYCLE):
        ask_retention(detail, name)
    if region.wants(LOG_CONFIG):
        ask("s3:GetBucketLogging")


def ask_retention(detail: Detail, name: str, *, replication: bool = True, **where: Any) -> None:
    """What decides how long objects are kept: versioning, lock, lifecycle and, where asked for, replication."""

    def ask(operation: str, *absent: str) -> Json | None:
        return None if detail.gone else detail.ask(operation, absent=absent, gone=GONE, Bucket=name, **where)

    versioning = ask("s3:GetBucketVersioning")
    ask("s3:GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration")
    if versioning is not None and versioning.get("Status") is None:
        detail.conclude("s3:GetObjectLockConfiguration")
        detail.conclude("s3:GetBucketReplication")
        return
    ask("s3:GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
    if replication:
        ask("s3:GetBucketReplication", "ReplicationConfigurationNotFoundError")


def _record(bucket: Json, detail: Detail, mine: Collection[str]) -> dict[str, Any]:
    """The bucket with what was answered about it, by operation."""
    said = {operation: found for operation, found in sorted(detail.found.items()) if found and operation in mine}
    return {"Bucket": dict(bucket), **{operation.partition(":")[2]: found for operation, found in said.items()}}


def exposure(found: Found, *, name: str, account: Json | None) -> dict[str, Any]:
    """Columns of `aws.exposure`. A block, the bucket's or the account's, outweighs policy and access list."""
    own = _block(found.get("s3:GetPublicAccessBlock"))
    status = found.get("s3:GetBucketPolicyStatus")
    by_policy = None if status is None else bool((status.get("PolicyStatus") or {}).get("IsPublic", False))
    policy = found.get("s3:GetBucketPolicy")
    if status is None and policy is not None:
        by_policy = is_public(read_document(policy.get("Policy"), f"bucket {name}"))
    grants = found.get("s3:GetBucketAcl")
    grantees = [] if grants is None else sorted({_grantee(grant) for grant in grants.get("Grants") or []})
    by_acl = None if grants is None else any(one.startswith(("all:", "authenticated:")) for one in grantees)
    open_policy = _unless(by_policy, _either(own, account, "RestrictPublicBuckets"))
    open_acl = _unless(by_acl, _either(own, account, "IgnorePublicAcls"))
    public = True if True in (open_policy, open_acl) else None if None in (open_policy, open_acl) else False
    return {
        **_flags(own), "public": public, "policy_public": by_policy, "acl_public": by_acl, "acl_grantees": grantees,
        "reasons": ["policy"] * (open_policy is True) + ["acl"] * (open_acl is True),
        "object_ownership": _ownership(found.get("s3:GetBucketOwnershipControls")),
    }  # fmt: skip


def encryption(found: Found, *, name: str) -> dict[str, Any]:
    """Columns of `aws.encryption`."""
    answer = found.get("s3:GetBucketEncryption")
    if answer is None:
        return {"encrypted": None}
    rules_found = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []
    default = next((rule for rule in rules_found if rule.get("ApplyServerSideEncryptionByDefault")), {})
    applied = default.get("ApplyServerSideEncryptionByDefault") or {}
    algorithm = applied.get("SSEAlgorithm") or None
    return {
        "encrypted": algorithm is not None, "algorithm": algorithm, "key_id": applied.get("KMSMasterKeyID"),
        "bucket_key_enabled": default.get("BucketKeyEnabled"),
    }  # fmt: skip


def transit(found: Found, *, name: str) -> dict[str, Any]:
    """Columns of `aws.transit`: a bucket takes plain text unless its policy denies that."""
    policy = found.get("s3:GetBucketPolicy")
    if policy is None:
        return {"plain_text": None}
    document = read_document(policy.get("Policy"), f"bucket {name}")
    return {"plain_text": not any(denies_plain_text(document, f"arn:{part}:s3:::{name}") for part in _PARTITIONS)}


_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def lifecycle(found: Found, *, name: str) -> dict[str, Any]:
    """Columns of `aws.lifecycle` of the bucket itself."""
    answer, versioning = found.get("s3:GetBucketLifecycleConfiguration"), found.get("s3:GetBucketVersioning")
    held = list(rules(found))
    mode, days = lock(found)
    replication = (found.get("s3:GetBucketReplication") or {}).get("ReplicationConfiguration") or {}
    enabled = [rule for rule in replication.get("Rules") or [] if rule.get("Status") == "Enabled"]
    return {
        "enabled": None if answer is None else any(_deletes(columns) for _, _, columns in held),
        "rules": None if answer is None else len(held),
        "versioning": None if versioning is None else versioning.get("Status") or "Never",
        "mfa_delete": None if versioning is None else versioning.get("MFADelete") == "Enabled",
        "locked": None if found.get("s3:GetObjectLockConfiguration") is None else mode is not None,
        "lock_mode": mode, "lock_days": days,
        "replicated_to": sorted(set(texts([rule.get("Destination") or {} for rule in enabled], "Bucket"))),
    }  # fmt: skip


def _deletes(columns: Mapping[str, Any]) -> bool:
    """Whether a rule takes away objects: one that only moves them, or tidies up after uploads, keeps them for ever."""
    dated = columns["expiration_days"] is not None or columns["expiration_date"] is not None
    return bool(columns["enabled"]) and dated


def rules(found: Found) -> Iterator[tuple[str, Json, dict[str, Any]]]:
    """The lifecycle rules: what tells them apart, the rule, its columns."""
    answer = found.get("s3:GetBucketLifecycleConfiguration") or {}
    for place, rule in enumerate(answer.get("Rules") or []):
        expiration = rule.get("Expiration") or {}
        aborts = rule.get("AbortIncompleteMultipartUpload") or {}
        until = expiration.get("Date")
        yield (
            str(rule.get("ID") or place), rule,
            {
                "enabled": rule.get("Status") == "Enabled",
                "filter": orjson.dumps(rule_filter(rule)).decode(), "expiration_days": expiration.get("Days"),
                "expiration_date": None if until is None else str(until),
                "noncurrent_expiration_days": (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"),
                "abort_uploads_days": aborts.get("DaysAfterInitiation"),
                "transitions": [
                    f"{one.get('Days', one.get('Date'))}:{one.get('StorageClass')}"
                    for one in rule.get("Transitions") or []
                ],
            },
        )  # fmt: skip


def rule_filter(rule: Json) -> Json:
    """What a rule applies to; empty: all objects. Old rules have a prefix and no filter."""
    if rule.get("Filter"):
        return rule["Filter"]
    return {"Prefix": rule["Prefix"]} if rule.get("Prefix") else {}


def lock(found: Found) -> tuple[str | None, int | None]:
    """Mode and days of the default retention. A lock without one keeps nothing by itself."""
    answer = found.get("s3:GetObjectLockConfiguration") or {}
    retention = ((answer.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention") or {}
    days, years = retention.get("Days"), retention.get("Years")
    return retention.get("Mode"), 365 * years if days is None and years is not None else days


def logging(found: Found, *, name: str) -> dict[str, Any]:
    """Columns of `aws.log_config`."""
    answer = found.get("s3:GetBucketLogging")
    if answer is None:
        return {"logging": None}
    target = answer.get("LoggingEnabled") or {}
    bucket = target.get("TargetBucket")
    return {
        "logging": bool(bucket), "bucket": bucket,
        "destination": f"{bucket}/{target.get('TargetPrefix') or ''}" if bucket else None,
    }  # fmt: skip


def access_points(region: Region) -> None:
    """Doors to buckets with a policy of their own."""

    def ask(detail: Detail, point: Json) -> None:
        named: dict[str, Any] = {
            "AccountId": region.account,
            "Name": str(point["Name"]),
            "gone": ("NoSuchAccessPoint",),
        }
        detail.ask("s3control:GetAccessPoint", **named)
        if not detail.gone:
            detail.ask("s3control:GetAccessPointPolicyStatus", absent=("NoSuchAccessPointPolicy",), **named)

    listed = region.items("s3control:ListAccessPoints", "AccessPointList", "Name", AccountId=region.account)
    for point, detail in region.each(listed, ask, "Name"):
        found, status = detail.of("s3control:GetAccessPoint"), detail.of("s3control:GetAccessPointPolicyStatus")
        block = _block(found)
        policy = None if status is None else bool((status.get("PolicyStatus") or {}).get("IsPublic", False))
        inside = point.get("NetworkOrigin") == "VPC"
        public = False if inside else _unless(policy, _flags(block)["restrict_public_buckets"])
        region.put(
            EXPOSURE, "access_point", str(field_of(point, "AccessPointArn", "An access point")),
            {**point, "Block": block}, detail=detail, name=point.get("Name"), parent_id=point.get("Bucket"),
            public=public, reasons=["policy"] if public else [], policy_public=policy, **_flags(block),
        )  # fmt: skip


def _block(found: Json | None) -> Json | None:
    return None if found is None else found.get("PublicAccessBlockConfiguration") or {}


def _flags(block: Json | None) -> dict[str, Any]:
    values = [None if block is None else bool(block.get(name, False)) for name in BLOCKS]
    names = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
    return dict(zip(names, values, strict=True))


def _either(own: Json | None, account: Json | None, name: str) -> bool | None:
    """Whether one of the two blocks: the stricter one counts."""
    flags = [None if block is None else bool(block.get(name, False)) for block in (own, account)]
    return True if True in flags else None if None in flags else False


def _unless(opened: bool | None, blocked: bool | None) -> bool | None:
    if opened is False or blocked is True:
        return False
    return None if opened is None or blocked is None else opened


def _ownership(answer: Json | None) -> str | None:
    found = [] if answer is None else (answer.get("OwnershipControls") or {}).get("Rules") or []
    return str(found[0]["ObjectOwnership"]) if found else None


def _grantee(grant: Json) -> str:
    who = grant.get("Grantee") or {}
    named = _EVERYBODY.get(str(who.get("URI"))) or who.get("URI") or who.get("ID") or who.get("EmailAddress")
    return f"{named}:{grant.get('Permission')}"
