"""Where CloudTrail delivers: names of folders and files below the place that the programme gives.

AWSLogs/[o-…/]<account>/CloudTrail/<region>/2026/04/01/<account>_CloudTrail_<region>_20260401T0015Z_<16>.json.gz
AWSLogs/[o-…/]<account>/CloudTrail-Digest/<region>/2026/04/01/
    <account>_CloudTrail-Digest_<region>_<trail>_<home region>_20260401T010000Z.json.gz
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.errors import ConfigurationError

_DIGEST = re.compile(
    r"(?P<account>\d{12})_CloudTrail-Digest_(?P<region>[a-z0-9-]+)_(?P<trail>.+)_(?P<home>[a-z0-9-]+)"
    r"_(?P<end>\d{8}T\d{6}Z)\.json\.gz"
)
_ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trail is delivered."""

    bucket: str
    base: str
    """The folder in which the accounts' folders stand, or those of organisations; ends with `/`."""

    @classmethod
    def of(cls, address: str) -> Place:
        """From `s3://bucket/prefix`; `AWSLogs` and the organisation's id may be left out. Raises ConfigurationError."""
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not bucket:
            raise ConfigurationError(
                "scope.aws.cloudtrail is no address of a bucket, such as s3://acme-trail/AWSLogs/."
            )
        parts = [part for part in prefix.split("/") if part]
        if not parts or (parts[-1] != "AWSLogs" and not _ORGANISATION.fullmatch(parts[-1])):
            parts.append("AWSLogs")
        return cls(bucket, "/".join(parts) + "/")

    def folders(self, found: list[str], account: str) -> tuple[list[str], list[str]]:
        """Of the folders in `base`: those of the account, and those of organisations in which it may be."""
        own = [folder for folder in found if folder == f"{self.base}{account}/"]
        return own, [folder for folder in found if _ORGANISATION.fullmatch(folder[len(self.base) : -1])]


@dataclass(frozen=True, slots=True)
class DigestName:
    """What the name of a digest file says."""

    account: str
    region: str
    trail: str
    """Name and home region of the trail."""
    ends_at: datetime


def digest_name(key: str) -> DigestName | None:
    """What the name of a digest file says; None where it is the name of something else."""
    found = _DIGEST.fullmatch(key.rpartition("/")[2])
    if found is None:
        return None
    ends_at = datetime.strptime(found["end"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return DigestName(found["account"], found["region"], f"{found['trail']} ({found['home']})", ends_at)


def digests_of(folder: str, region: str, day: datetime) -> str:
    """The prefix of a day's digests; `folder` is the account's."""
    return f"{folder}CloudTrail-Digest/{region}/{day:%Y/%m/%d}/"


def log_files_of(folder: str, region: str, day: datetime) -> str:
    """The prefix of a day's log files; `folder` is the account's."""
    return f"{folder}CloudTrail/{region}/{day:%Y/%m/%d}/"


def days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every day (UTC) that [start, end] touches."""
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= end:
        yield day
        day += timedelta(days=1)
