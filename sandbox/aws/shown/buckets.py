"""Buckets. An `s3.bucket` is shown in the region it is in, and has members by the operations that read it:

`Name`, `CreationDate`; `PublicAccessBlock`, `Policy` (text), `IsPublic` (status of the policy), `Ownership`, `Grants`,
`Encryption` (rules), `Versioning` (Status, MFADelete), `Lifecycle` (rules), `Lock` (DefaultRetention, `{}` for a lock
without one), `Replication`, `Logging`. `Unplaced` leaves it out of the regions in the list of buckets. What is not
there is answered as S3 does for buckets that were never set up so. `Denied` names operations that its policy refuses.
`s3.account_block` is the account's own block; `s3.access_point` an AccessPoint with `Block` and `IsPublic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.aws.records import Shown, View, picked, shim, without
from sandbox.aws.wire import WireError


def _everywhere(view: View, kind: str) -> Iterator[tuple[str, Shown]]:
    account = view.world.account(view.account)
    for region in sorted([] if account is None else account.regions):
        for shown in view.world.shown(view.account, region, kind):
            yield region, shown


@shim("s3:ListBuckets", lists="Buckets", limit=1000)
def _list(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [
        {**picked(shown, "Name", "CreationDate"), **({} if shown.get("Unplaced") else {"BucketRegion": region})}
        for region, shown in _everywhere(view, "s3.bucket")
    ]
    return sorted(found, key=lambda one: str(one["Name"]))


def _bucket(view: View, asked: Mapping[str, Any], operation: str) -> tuple[str, Shown]:
    for region, shown in _everywhere(view, "s3.bucket"):
        if shown["Name"] == asked["Bucket"]:
            if operation in shown.get("Denied", ()):
                raise WireError(403, "AccessDenied", "Access Denied")
            return region, shown
    raise WireError(404, "NoSuchBucket", "The specified bucket does not exist")


@shim("s3:GetBucketLocation", "Bucket")
def _location(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    region, _ = _bucket(view, asked, "GetBucketLocation")
    return {} if region == "us-east-1" else {"LocationConstraint": region}


def _read(operation: str, member: str, absent: str | None, build: Callable[[Any], dict[str, Any]]) -> None:
    """An operation that reads one member of a bucket; `absent` is the code where it has none, None: an empty answer."""

    def answer(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
        region, shown = _bucket(view, asked, operation)
        if region != view.region:
            raise WireError(301, "PermanentRedirect", f"The bucket must be addressed in {region}.")
        if member not in shown:
            if absent is None:
                return {}
            raise WireError(404, absent, f"The bucket has no {member}.")
        return build(shown[member])

    shim(f"s3:{operation}", "Bucket")(answer)


def _member(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


def _rules(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: {"Rules": value}}


_read(
    "GetPublicAccessBlock", "PublicAccessBlock", "NoSuchPublicAccessBlockConfiguration",
    _member("PublicAccessBlockConfiguration"),
)  # fmt: skip
_read("GetBucketPolicy", "Policy", "NoSuchBucketPolicy", _member("Policy"))
_read("GetBucketPolicyStatus", "IsPublic", "NoSuchBucketPolicy", lambda value: {"PolicyStatus": {"IsPublic": value}})
_read(
    "GetBucketOwnershipControls", "Ownership", "OwnershipControlsNotFoundError",
    lambda value: {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}},
)  # fmt: skip
_read("GetBucketAcl", "Grants", None, lambda value: {"Owner": {"ID": "own"}, "Grants": value})
_read(
    "GetBucketEncryption", "Encryption", "ServerSideEncryptionConfigurationNotFoundError",
    _rules("ServerSideEncryptionConfiguration"),
)  # fmt: skip
_read("GetBucketVersioning", "Versioning", None, dict)
_read("GetBucketLifecycleConfiguration", "Lifecycle", "NoSuchLifecycleConfiguration", _member("Rules"))
_read(
    "GetObjectLockConfiguration", "Lock", "ObjectLockConfigurationNotFoundError",
    lambda value: {
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled", **({"Rule": {"DefaultRetention": value}} if value else {}),
        }
    },
)  # fmt: skip
_read(
    "GetBucketReplication", "Replication", "ReplicationConfigurationNotFoundError", _member("ReplicationConfiguration")
)
_read("GetBucketLogging", "Logging", None, _member("LoggingEnabled"))


@shim("s3control:GetPublicAccessBlock", "AccountId")
def _account_block(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    for _, shown in _everywhere(view, "s3.account_block"):
        return {"PublicAccessBlockConfiguration": shown}
    raise WireError(404, "NoSuchPublicAccessBlockConfiguration", "The account has no block.")


@shim("s3control:ListAccessPoints", "AccountId", lists="AccessPointList", limit=1000)
def _points(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "Block", "IsPublic") for shown in view.of("s3.access_point")]


@shim("s3control:GetAccessPoint", "AccountId", "Name")
def _point(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("s3.access_point", "NoSuchAccessPoint", Name=asked["Name"])
    return {"Name": shown["Name"], "Bucket": shown["Bucket"], "PublicAccessBlockConfiguration": shown["Block"]}


@shim("s3control:GetAccessPointPolicyStatus", "AccountId", "Name")
def _point_status(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    shown = view.one("s3.access_point", "NoSuchAccessPoint", Name=asked["Name"])
    if "IsPublic" not in shown:
        raise WireError(404, "NoSuchAccessPointPolicy", "The access point has no policy.")
    return {"PolicyStatus": {"IsPublic": shown["IsPublic"]}}
