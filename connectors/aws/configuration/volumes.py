"""Volumes, their snapshots and images of machines: encrypted or not, shared with everybody or not."""

from __future__ import annotations

from typing import Any

from connectors.aws.configuration.region import Region, texts
from connectors.aws.reading import Json, field_of, moment
from schemas.aws_configuration import ENCRYPTION, EXPOSURE


def volumes(region: Region) -> None:
    """The default of the region, and every volume."""
    default = region.ask("ec2:GetEbsEncryptionByDefault")
    key = region.ask("ec2:GetEbsDefaultKmsKeyId")
    region.put(
        ENCRYPTION, "volume_default", f"{region.account}/{region.name}", {**default, "KmsKeyId": key.get("KmsKeyId")},
        encrypted=field_of(default, "EbsEncryptionByDefault", "ec2:GetEbsEncryptionByDefault"),
        key_id=key.get("KmsKeyId"),
    )  # fmt: skip
    for one in region.items("ec2:DescribeVolumes", "Volumes", "VolumeId", MaxResults=1000):
        region.put(
            ENCRYPTION, "volume", str(one["VolumeId"]), one, **encrypted(one),
            created_at=moment(one.get("CreateTime")), attached=bool(one.get("Attachments")),
        )  # fmt: skip


def encrypted(one: Json) -> dict[str, Any]:
    """Columns of `aws.encryption` for volumes and their snapshots."""
    flag = one.get("Encrypted")
    return {
        "encrypted": flag, "key_id": one.get("KmsKeyId"), "algorithm": "aws:kms" if flag else None,
        "state": one.get("State"),
    }  # fmt: skip


def volume_snapshots(region: Region) -> None:
    """Snapshots of the account. Those that everybody may restore are told by a list of their own; with which single
    accounts others are shared is not asked, as that takes a call for each."""
    own: dict[str, Any] = {"OwnerIds": ["self"], "MaxResults": 1000}
    public: set[str] = set()
    if region.wants(EXPOSURE):
        _block(region, "snapshot", "ec2:GetSnapshotBlockPublicAccessState", "State")
        for one in region.items(
            "ec2:DescribeSnapshots", "Snapshots", "SnapshotId", **own, RestorableByUserIds=["all"]
        ):  # fmt: skip
            public.add(str(one["SnapshotId"]))
    for one in region.items("ec2:DescribeSnapshots", "Snapshots", "SnapshotId", **own):
        snapshot = str(one["SnapshotId"])
        head: dict[str, Any] = {"name": one.get("Description") or None, "created_at": moment(one.get("StartTime"))}
        region.put(
            EXPOSURE, "volume_snapshot", snapshot, one, **head, parent_id=one.get("VolumeId"), state=one.get("State"),
            public=snapshot in public, reasons=["shared"] if snapshot in public else [],
            shared_with=["all"] if snapshot in public else [],
        )  # fmt: skip
        region.put(ENCRYPTION, "volume_snapshot", snapshot, one, **head, **encrypted(one))


def images(region: Region) -> None:
    """Images of machines that the account owns, disabled ones too."""
    _block(region, "image", "ec2:GetImageBlockPublicAccessState", "ImageBlockPublicAccessState")
    for one in region.items(
        "ec2:DescribeImages", "Images", "ImageId", Owners=["self"], IncludeDeprecated=True, IncludeDisabled=True,
        MaxResults=1000,
    ):  # fmt: skip
        region.put(
            EXPOSURE, "image", str(one["ImageId"]), one, **image_exposure(one), name=one.get("Name"),
            created_at=moment(one.get("CreationDate")),
        )  # fmt: skip


def image_exposure(one: Json) -> dict[str, Any]:
    """Columns of `aws.exposure`."""
    public = one.get("Public")
    return {
        "public": public, "reasons": ["shared"] if public else [], "shared_with": ["all"] if public else [],
        "state": one.get("State"), "attached_to": texts([one], "SourceInstanceId"),
    }  # fmt: skip


def _block(region: Region, what: str, operation: str, name: str) -> None:
    """Whether the region forbids that something is made public. It does not take back what was public before, except
    for snapshots where all sharing is blocked."""
    answer = region.ask(operation)
    state = str(field_of(answer, name, operation))
    region.put(
        EXPOSURE, f"{what}_public_access", f"{region.account}/{region.name}", answer, state=state,
        block_public_policy=state.startswith("block"),
    )  # fmt: skip
