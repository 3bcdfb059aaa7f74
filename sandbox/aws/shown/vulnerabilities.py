"""Inspector and the scans of ECR. `inspector.status` is a State of BatchGetAccountStatus with `ResourceState`,
`inspector.finding` a Finding, `inspector.coverage` a CoveredResource; `ecr.scanning` what
GetRegistryScanningConfiguration answers; `ecr.repository` a Repository, `ecr.image` an ImageDetail, `ecr.findings` the
`ImageScanFindings` of an image with its `repositoryName` and `imageDigest`.

Closed findings of Inspector are kept for 30 days. Without a status record Inspector is off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.records import Shown, View, picked, shim, without
from sandbox.aws.wire import WireError

_KEPT = timedelta(days=30)


@shim("inspector2:BatchGetAccountStatus", "accountIds")
def _status(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    off = {"errorCode": "ALREADY_ENABLED", "errorMessage": ""}
    state: dict[str, Any] = {
        "accountId": view.account, "state": {"status": "DISABLED", **off},
        "resourceState": {name: {"status": "DISABLED", **off} for name in ("ec2", "ecr", "lambda", "lambdaCode")},
    }  # fmt: skip
    for shown in view.of("inspector.status"):
        state |= shown
    return {"accounts": [state], "failedAccounts": []}


@shim("inspector2:ListFindings", "filterCriteria", "sortCriteria", lists="findings", limit=100)
def _findings(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _on(view)
    criteria: Mapping[str, Any] = asked.get("filterCriteria", {})
    return [shown for shown in _kept(view) if _fits(shown, criteria)]


@shim("inspector2:ListCoverage", "filterCriteria", lists="coveredResources", limit=200)
def _coverage(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _on(view)
    return list(view.of("inspector.coverage"))


@shim("inspector2:ListCoverageStatistics", "filterCriteria")
def _statistics(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    _on(view)
    return {"totalCounts": sum(1 for _ in view.of("inspector.coverage"))}


def _on(view: View) -> None:
    if not any(view.of("inspector.status")):
        raise WireError(403, "AccessDeniedException", "Amazon Inspector is not enabled for this account.")


def _kept(view: View) -> Iterator[Shown]:
    for shown in view.of("inspector.finding"):
        if shown["status"] != "CLOSED" or view.now - datetime.fromisoformat(shown["updatedAt"]) < _KEPT:
            yield shown


def _fits(shown: Shown, criteria: Mapping[str, Any]) -> bool:
    unknown = set(criteria) - {"awsAccountId", "findingStatus"}
    if unknown:
        raise WireError(400, "ValidationException", f"The criteria {sorted(unknown)} are not modelled.")
    values = {"awsAccountId": shown["awsAccountId"], "findingStatus": shown["status"]}
    return all(any(values[name] == one["value"] for one in wanted) for name, wanted in criteria.items())


@shim("ecr:GetRegistryScanningConfiguration")
def _scanning(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    for shown in view.of("ecr.scanning"):
        return {"registryId": view.account, **shown}
    return {"registryId": view.account, "scanningConfiguration": {"scanType": "BASIC", "rules": []}}


@shim("ecr:DescribeRepositories", lists="repositories", limit=100)
def _repositories(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("ecr.repository"))


@shim("ecr:DescribeImages", "repositoryName", lists="imageDetails", limit=100)
def _images(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("ecr.repository", "RepositoryNotFoundException", repositoryName=asked["repositoryName"])
    return [shown for shown in view.of("ecr.image") if shown["repositoryName"] == asked["repositoryName"]]


@shim("ecr:DescribeImageScanFindings", "repositoryName", "imageId", "maxResults", "nextToken")
def _image_findings(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    named = {"repositoryName": asked["repositoryName"], "imageDigest": asked["imageId"]["imageDigest"]}
    image = view.one("ecr.image", "ImageNotFoundException", **named)
    shown = view.one("ecr.findings", "ScanNotFoundException", **named)
    start, limit = int(asked.get("nextToken", "0")), int(asked.get("maxResults", 100))
    found = list(shown["findings"])
    answer: dict[str, Any] = {
        **picked(image, "registryId", "repositoryName"), "imageId": {"imageDigest": image["imageDigest"]},
        "imageScanStatus": image["imageScanStatus"],
        "imageScanFindings": {
            **without(shown, "repositoryName", "imageDigest", "findings"), "findings": found[start : start + limit]
        },
    }  # fmt: skip
    return answer if start + limit >= len(found) else answer | {"nextToken": str(start + limit)}
