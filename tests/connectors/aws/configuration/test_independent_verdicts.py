"""Resources of real accounts with the verdicts of somebody else: they go through our mapping to rows and our rules.

The resources are as a scanner keeps them, which is nearly as AWS answers; `_answers` puts the parts of a bucket back
into the answers they came in. Rules of theirs that we do not have (approved instance types, tenancy, firewalls of web
applications) are left out by name; where a rule of theirs is another one than ours, `OTHERWISE` says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.configuration import buckets, certificates, databases, logs, stores, volumes
from connectors.aws.configuration.region import _empty  # pyright: ignore[reportPrivateUsage]
from connectors.aws.configuration.resource_policies import is_public, read_document
from evidence.controls.encryption import certificate, store_of_aws
from evidence.controls.log_calls import logs_everything
from evidence.controls.public_entry_points import of_aws
from schemas.aws_configuration import ENCRYPTION, EXPOSURE, LIFECYCLE, LOG_CONFIG, TRANSIT
from schemas.dataset import Dataset

DATA = Path(__file__).parents[5] / "shared" / "data" / "detection-verdicts"
NOW = datetime(2026, 4, 1, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded verdicts are not there: {DATA.name}")

Resource = Mapping[str, Any]
Judge = Callable[[Resource], bool]

OTHERWISE = {
    ("AWS.S3.Bucket.SecureAccess", "Bucket Uses Explicit Deny"): "two actions are denied without TLS; we want all",
    ("AWS.S3.Bucket.PublicAccessBlock", "Public Access Block Configuration Is Set"): "theirs asks for any block, ours "
    "for all four",
    ("AWS.S3.Bucket.LifecycleConfiguration", "Bucket Has Insufficient Lifecycle Configuration"): "theirs asks for a "
    "year; ours, that a rule deletes at all",
    ("AWS.EC2.Volume.Snapshot.Encrypted", "Volume Snapshot Encrypted"): "theirs does not look at one in the making",
    ("AWS.RDS.Instance.Encryption", "KMS Key Does Not Exist"): "it is encrypted; theirs asks for a key that is named",
    ("AWS.ACM.Certificate.Valid", "Certificate has been issued"): "it ran out in 2000, which theirs does not look at",
    ("AWS.ACM.Certificate.Valid", "Certificate is INELIGIBLE but not in use"): "it ran out in 2020, likewise",
}
"""Where our verdict is another one, and why."""


def row(dataset: Dataset, kind: str, **columns: Any) -> dict[str, Any]:
    return _empty(dataset) | {"kind": kind, "resource_id": "x", "unreadable": [], **columns}


def _answers(bucket: Resource) -> dict[str, Any]:
    block = bucket.get("PublicAccessBlockConfiguration")
    versioning = {"Status": bucket.get("Versioning"), "MFADelete": bucket.get("MFADelete")}
    policy, target = bucket.get("Policy"), bucket.get("LoggingPolicy")
    if isinstance(target, str):  # one of them has only the name of the bucket
        target = {"TargetBucket": target}
    return {
        "s3:GetPublicAccessBlock": {"PublicAccessBlockConfiguration": block} if block else {},
        "s3:GetBucketPolicy": {"Policy": policy} if policy else {},
        "s3:GetBucketPolicyStatus": None,  # AWS's own judgement was not recorded
        "s3:GetBucketAcl": {"Grants": bucket.get("Grants") or []}, "s3:GetBucketOwnershipControls": {},
        "s3:GetBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": bucket.get("EncryptionRules") or []}},
        "s3:GetBucketVersioning": versioning,
        "s3:GetBucketLifecycleConfiguration": {"Rules": bucket.get("LifecycleRules") or []},
        "s3:GetObjectLockConfiguration": {"ObjectLockConfiguration": bucket.get("ObjectLockConfiguration") or {}},
        "s3:GetBucketLogging": {"LoggingEnabled": target or {}},
    }  # fmt: skip


def of_bucket(dataset: Dataset, columns: Callable[..., dict[str, Any]], bucket: Resource) -> dict[str, Any]:
    given: dict[str, Any] = {"account": {}} if dataset is EXPOSURE else {}
    return row(dataset, "bucket", **columns(_answers(bucket), name="test-bucket", **given))


def granted(bucket: Resource, *permissions: str) -> bool:
    grantees = of_bucket(EXPOSURE, buckets.exposure, bucket)["acl_grantees"]
    everybody = [one for one in grantees if one.startswith(("all:", "authenticated:"))]
    # The recorded groups have the id of a person as well; the address of the group decides.
    return not any(one.endswith(permissions) for one in everybody)


def lets_nobody_else_in(bucket: Resource) -> bool:
    return is_public(read_document(bucket.get("Policy"), "test-bucket")) is False


def trail(resource: Resource) -> dict[str, Any]:
    columns = logs.trail_columns(resource, resource.get("Status"), {"EventSelectors": resource.get("EventSelectors")})
    return row(LOG_CONFIG, "trail", **columns)


def logs_all(meta: Resource) -> bool:
    selectors = {
        "EventSelectors": meta.get("GlobalEventSelectors"),
        "AdvancedEventSelectors": meta.get("GlobalAdvancedEventSelectors"),
    }
    found = {"IsLogging": bool(meta.get("GlobalEventSelectors") or meta.get("GlobalAdvancedEventSelectors"))}
    return logs_everything(row(LOG_CONFIG, "trail", **logs.trail_columns({}, found, selectors)))


def unshared(database: Resource) -> bool:
    for snapshot in database.get("SnapshotAttributes") or []:
        attributes = [
            {**one, "AttributeValues": [values] if isinstance(values := one["AttributeValues"], str) else values}
            for one in snapshot["DBSnapshotAttributes"]
        ]
        found = databases.sharing({"DBSnapshotAttributesResult": {"DBSnapshotAttributes": attributes}})
        seen = of_aws(row(EXPOSURE, "database_snapshot", **found))
        assert seen is not None
        if seen.codes:
            return False
    return True


def store(kind: str, columns: Mapping[str, Any]) -> bool:
    seen = store_of_aws(row(ENCRYPTION, kind, **columns), NOW)
    assert seen is not None
    return not seen.codes and not seen.unknown


def unexposed(kind: str, columns: Mapping[str, Any]) -> bool:
    seen = of_aws(row(EXPOSURE, kind, **columns))
    assert seen is not None
    return not seen.codes and not seen.unknown


def valid(one: Resource) -> bool:
    seen = certificate(row(TRANSIT, "certificate", **certificates.certificate_columns(one)), NOW)
    return not seen.codes and not seen.unknown


def rotated(key: Resource) -> bool:
    asked = {"KeyRotationEnabled": bool(key.get("KeyRotationEnabled"))} if stores.rotatable(key) else None
    return stores.key_columns(key, asked)["rotation_enabled"] is not False


RULES: Mapping[str, Judge] = {
    "AWS.ACM.Certificate.Expiration": valid,
    "AWS.ACM.Certificate.Valid": valid,
    "AWS.CloudTrail.Enabled": logs_all,
    "AWS.CloudTrail.LogEncryption": lambda one: trail(one)["key_id"] is not None,
    "AWS.CloudTrail.LogValidation": lambda one: trail(one)["validation"] is True,
    "AWS.AMI.Private": lambda one: unexposed("image", volumes.image_exposure(one)),
    "AWS.EC2.CDEVolumeEncrypted": lambda one: store("volume", volumes.encrypted(one)),
    "AWS.EC2.Volume.Encryption": lambda one: store("volume", volumes.encrypted(one)),
    "AWS.EC2.Volume.Snapshot.Encrypted": lambda one: all(
        store("volume_snapshot", volumes.encrypted(snapshot)) for snapshot in one.get("Snapshots") or []
    ),
    "AWS.CMK.KeyRotation": rotated,
    "AWS.RDS.InstanceBackup": lambda one: databases.retention(one)["enabled"],
    "AWS.RDS.InstanceBackupRetentionAcceptable": lambda one: databases.retention(one)["enabled"],
    "AWS.RDS.Instance.Encryption": lambda one: store("database", databases.storage(one, "available")),
    "AWS.RDS.Instance.PublicAccess": lambda one: unexposed("database", databases.instance_exposure(one)),
    "AWS.RDS.Instance.SnapshotPublicAccess": unshared,
    "AWS.S3.Bucket.Encryption": lambda one: store("bucket", buckets.encryption(_answers(one), name="test-bucket")),
    "AWS.S3.Bucket.LifecycleConfiguration": lambda one: of_bucket(LIFECYCLE, buckets.lifecycle, one)["enabled"],
    "AWS.S3.Bucket.Logging": lambda one: of_bucket(LOG_CONFIG, buckets.logging, one)["logging"],
    "AWS.S3.Bucket.MFADelete": lambda one: of_bucket(LIFECYCLE, buckets.lifecycle, one)["mfa_delete"],
    "AWS.S3.BucketObjectLockConfigured": lambda one: (
        of_bucket(LIFECYCLE, buckets.lifecycle, one)["lock_mode"] == "COMPLIANCE"
    ),
    "AWS.S3.Bucket.PolicyAllowWithNotPrincipal": lambda one: "NotPrincipal" not in str(one.get("Policy")),
    "AWS.S3.Bucket.PrincipalRestrictions": lets_nobody_else_in,
    "AWS.S3.Bucket.PublicAccessBlock": lambda one: all(
        of_bucket(EXPOSURE, buckets.exposure, one)[name]
        for name in ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
    ),
    "AWS.S3.Bucket.PublicRead": lambda one: granted(one, ":READ"),
    "AWS.S3.Bucket.PublicWrite": lambda one: granted(one, ":WRITE", ":WRITE_ACP", ":FULL_CONTROL"),
    "AWS.S3.Bucket.SecureAccess": lambda one: of_bucket(TRANSIT, buckets.transit, one)["plain_text"] is False,
    "AWS.S3.Bucket.Versioning": lambda one: of_bucket(LIFECYCLE, buckets.lifecycle, one)["versioning"] == "Enabled",
}
"""Their rules that we have too, and how ours judges the same resource."""

NOT_OURS = (
    "AWS.ACM.HasSecureAlgorithms", "AWS.CloudTrail.CloudWatchLogs", "AWS.EC2.AMI.", "AWS.EC2.Instance.", "AWS.WAF.",
    "AWS.KMS.RestrictsUsage", "AWS.RDS.InstanceHighAvailability", "AWS.RDS.Instance.AutoMinorVersionUpgradeEnabled",
    "AWS.S3.Bucket.ActionRestrictions", "AWS.S3.Bucket.NameDNSCompliance", "AWS.S3.Bucket.PolicyConfusedDeputy",
)  # fmt: skip


def recorded() -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(DATA.glob("policies-aws_*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def test_our_verdicts_are_theirs_wherever_the_rule_is_the_same() -> None:
    judged, others = 0, dict[tuple[str, str], bool]()
    for case in recorded():
        judge = RULES.get(case["rule"])
        if judge is None:
            continue
        judged += 1
        if bool(judge(case["event"])) != case["expected_alert"]:
            others[case["rule"], case["test"]] = case["expected_alert"]
    assert others.keys() == OTHERWISE.keys()
    assert judged >= 75


def test_every_rule_of_theirs_is_ours_or_left_out_by_name() -> None:
    named = {case["rule"] for case in recorded()}
    assert not [rule for rule in named if rule not in RULES and not rule.startswith(NOT_OURS)]
    assert set(RULES) <= named
