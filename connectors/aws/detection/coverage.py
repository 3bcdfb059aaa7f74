"""What scanners for vulnerabilities look at, and what they leave out: Inspector and ECR, region by region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from connectors.aws.detection.registries import registry_of
from connectors.aws.detection.vulnerabilities import inspector_state
from connectors.aws.reading import Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_detection import SCAN_COVERAGE
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

_QUERY = (
    "ec2:DescribeRegions\ninspector2:BatchGetAccountStatus\ninspector2:ListCoverage awsAccountId=account\n"
    "inspector2:ListCoverageStatistics\necr:GetRegistryScanningConfiguration\necr:DescribeRepositories\n"
    "ecr:DescribeImages"
)

Row = dict[str, Any]


def scan_coverage(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.scan_coverage` for an item `aws:<account>` or `aws:<account>:<region>`.

    Every region has a row for each scanner, on or off. Raises `IncompletePopulation` where Inspector counts more
    resources than it lists.
    """
    reading = reading_of(session, request, sink, SCAN_COVERAGE)
    counts = Counter[str]()

    def region(name: str) -> None:
        reading.put(_inspector(reading, name, counts))
        reading.put(_ecr(reading, name))

    reading.in_each_region(region)
    reading.words.append(f"Inspector lists {counts['listed']} resources and counts {counts['counted']}")
    looked_at = len(reading.regions) - len(reading.refused)
    return [reading.claim(_QUERY, proof=f"{looked_at} region(s) looked at")]


def _inspector(reading: Reading, region: str, counts: Counter[str]) -> Iterator[Row]:
    on, status = inspector_state(reading, region)
    for kind, state in sorted(status["resourceState"].items()):
        enabled = state.get("status") == "ENABLED"
        yield _row(
            reading, region, "inspector", "region", kind, status, scanned=enabled, status=str(state.get("status")),
            reason=None if enabled else state.get("errorCode"),
        )  # fmt: skip
    if not on:
        return
    criteria = {"accountId": [{"comparison": "EQUALS", "value": reading.account}]}
    listed = 0
    for entry in reading.entries(
        "inspector2:ListCoverage", "coveredResources", region=region, asked="nextToken", answered="nextToken",
        key=lambda one: (one.get("resourceType"), one.get("resourceId"), one.get("scanType"), one.get("scanMode")),
        filterCriteria=criteria, maxResults=200,
    ):  # fmt: skip
        one = entry.parsed
        listed += 1
        state: Json = one.get("scanStatus") or {}
        if "statusCode" not in state:
            raise SchemaDrift("Inspector does not say whether it scans a resource that it lists.")
        kind = str(one["resourceType"])
        parts = "/".join(str(one[part]) for part in ("scanType", "scanMode") if one.get(part))
        yield _row(
            reading, region, "inspector", kind, str(one["resourceId"]), entry.raw,
            scanned=state["statusCode"] == "ACTIVE", status=str(state["statusCode"]), reason=state.get("reason"),
            scan_type=parts or None, last=one.get("lastScannedAt"),
        )  # fmt: skip
    answer = reading.ask("inspector2:ListCoverageStatistics", region=region, filterCriteria=criteria).parsed
    counted = int(field_of(answer, "totalCounts", "inspector2:ListCoverageStatistics"))
    counts["listed"] += listed
    counts["counted"] += counted
    if listed < counted:
        raise IncompletePopulation(
            f"Inspector counts {counted} resources in {region} of account {reading.account} and lists {listed}. "
            "Nothing was kept; run again."
        )


def _ecr(reading: Reading, region: str) -> Iterator[Row]:
    registry = registry_of(reading, region)
    kind = "ENHANCED" if registry.enhanced else "BASIC"
    yield _row(
        reading, region, "ecr", "region", "registry", {"scanType": kind}, scanned=bool(registry.repositories),
        status=kind, reason=None if registry.repositories else "no repository in this region",
    )  # fmt: skip
    images: dict[str, Counter[str]] = {}
    last: dict[str, Any] = {}
    for image in registry.images():
        repository = str(image.detail["repositoryName"])
        status = str((image.detail.get("imageScanStatus") or {}).get("status") or "NOT_SCANNED")
        images.setdefault(repository, Counter())[status] += 1
        completed = moment((image.detail.get("imageScanFindingsSummary") or {}).get("imageScanCompletedAt"))
        if completed is not None and (last.get(repository) is None or completed > last[repository]):
            last[repository] = completed
    for one in registry.repositories:
        name = str(one["repositoryName"])
        states = images.get(name, Counter())
        on_push = (one.get("imageScanningConfiguration") or {}).get("scanOnPush")
        unscanned = sum(states.values()) - states["COMPLETE"] - states["ACTIVE"]
        yield _row(
            reading, region, "ecr", "AWS_ECR_REPOSITORY", str(one["repositoryArn"]), one,
            scanned=not unscanned and (bool(on_push) or registry.enhanced or bool(states)),
            status=", ".join(f"{state} {count}" for state, count in sorted(states.items())) or "EMPTY",
            reason=f"{unscanned} image(s) without a complete scan" if unscanned else None, scan_type=kind,
            last=last.get(name), images=sum(states.values()), on_push=on_push,
        )  # fmt: skip


def _row(
    reading: Reading, region: str, scanner: str, resource_type: str, resource_id: str, record: Json, *, scanned: bool,
    status: str, reason: str | None = None, scan_type: str | None = None, last: Any = None, images: int | None = None,
    on_push: bool | None = None,
) -> Row:  # fmt: skip
    return {
        "scope_item_id": reading.item,
        "coverage_id": "|".join((scanner, region, resource_type, resource_id, scan_type or "")),
        "account_id": reading.account, "region": region, "scanner": scanner, "resource_type": resource_type,
        "resource_id": resource_id, "scan_type": scan_type, "scanned": scanned, "status": status, "reason": reason,
        "last_scanned_at": moment(last), "images": images, "scan_on_push": on_push,
        "raw": raw_of(SCAN_COVERAGE, record),
    }  # fmt: skip
