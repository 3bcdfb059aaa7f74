"""ECR: which images a region holds, whether they are scanned and by whom, and what a scan found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.aws.reading import Json, Reading, field_of, moment
from schemas.errors import IncompletePopulation, SchemaDrift


@dataclass(frozen=True, slots=True)
class Image:
    """One image, as ECR describes it."""

    detail: Json
    scanned: bool
    """ECR's own basic scan of it is complete."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry of one region."""

    reading: Reading
    region: str
    enhanced: bool
    """Inspector scans, and tells of it."""
    repositories: tuple[Json, ...]

    def images(self) -> Iterator[Image]:
        """The images of all repositories; of an enhanced registry none counts as scanned by ECR."""
        for repository in self.repositories:
            for entry in self.reading.entries(
                "ecr:DescribeImages", "imageDetails", key=lambda one: one.get("imageDigest"), region=self.region,
                asked="nextToken", answered="nextToken", repositoryName=repository["repositoryName"], maxResults=100,
            ):  # fmt: skip
                status = str((entry.parsed.get("imageScanStatus") or {}).get("status") or "")
                yield Image(entry.parsed, not self.enhanced and status == "COMPLETE")


def registry_of(reading: Reading, region: str) -> Registry:
    """What there is in the registry of a region."""
    answer = reading.ask("ecr:GetRegistryScanningConfiguration", region=region).parsed
    kind = (answer.get("scanningConfiguration") or {}).get("scanType")
    if kind not in ("BASIC", "ENHANCED"):
        raise SchemaDrift("ecr:GetRegistryScanningConfiguration does not say which kind of scan there is.")
    repositories = [
        entry.parsed
        for entry in reading.entries(
            "ecr:DescribeRepositories", "repositories", key=lambda one: one.get("repositoryArn"), region=region,
            asked="nextToken", answered="nextToken", maxResults=100,
        )
    ]  # fmt: skip
    return Registry(reading, region, kind == "ENHANCED", tuple(repositories))


def image_findings(reading: Reading, region: str, image: Json) -> Iterator[tuple[str, datetime, list[Json]]]:
    """What the last scan of an image found: vulnerability and package, when the scan ended, the records.

    Raises `IncompletePopulation` where ECR counts more than it tells.
    """
    named: dict[str, Any] = {
        "repositoryName": image["repositoryName"],
        "imageId": {"imageDigest": image["imageDigest"]},
    }
    found: dict[str, list[Any]] = {}
    told = counted = 0
    completed: datetime | None = None
    for page in reading.caller.pages(
        "ecr:DescribeImageScanFindings",
        asked="nextToken",
        answered="nextToken",
        region=region,
        maxResults=1000,
        **named,
    ):
        page.keep(reading.sink, reading.dataset)
        reading.pages += 1
        scan = field_of(page.parsed, "imageScanFindings", "A scan of ECR")
        completed = moment(field_of(scan, "imageScanCompletedAt", "A scan of ECR"))
        counted = sum(int(count) for count in (scan.get("findingSeverityCounts") or {}).values())
        for one in field_of(scan, "findings", "A scan of ECR"):
            told += 1
            package = next(
                (pair.get("value") for pair in one.get("attributes") or [] if pair.get("key") == "package_name"), ""
            )
            found.setdefault(f"{one.get('name')}#{package}", []).append(one)
    if told < counted:
        raise IncompletePopulation(
            f"ECR counts {counted} findings of an image in {region} of account {reading.account} and tells of {told}. "
            "Nothing was kept; run again."
        )
    reading.read += told
    for name, records in found.items():
        assert completed is not None, "a page set it"
        yield name, completed, records
