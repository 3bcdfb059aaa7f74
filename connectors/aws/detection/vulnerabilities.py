"""Vulnerabilities that Inspector and the basic scans of ECR found, and what they cover.

Inspector keeps a closed finding for 30 days, for 3 once its resource is gone: the claim begins 3 days back. ECR keeps
the last scan of an image and nothing before it; where its scans are Inspector's (enhanced), Inspector tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from connectors.aws.detection.registries import image_findings, registry_of
from connectors.aws.reading import Json, Reading, field_of, first_days, moment, raw_of, reading_of
from schemas.aws_detection import VULNERABILITY_FINDINGS
from schemas.errors import SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

CLOSED_KEPT = timedelta(days=3)
SEVERITY = {
    "CRITICAL": "critical", "HIGH": "high", "MEDIUM": "medium", "LOW": "low", "INFORMATIONAL": "informational",
    "UNTRIAGED": "undefined", "UNDEFINED": "undefined",
}  # fmt: skip

_QUERY = (
    "ec2:DescribeRegions\ninspector2:BatchGetAccountStatus\ninspector2:ListFindings awsAccountId=account\n"
    "ecr:GetRegistryScanningConfiguration\necr:DescribeRepositories\necr:DescribeImages\n"
    "ecr:DescribeImageScanFindings"
)

Row = dict[str, Any]


def vulnerability_findings(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.vulnerability_findings` for an item `aws:<account>` or `aws:<account>:<region>`.

    Raises `NotLicensed` where Inspector is off and ECR holds no image that it scanned, in every region.
    """
    reading = reading_of(session, request, sink, VULNERABILITY_FINDINGS)
    on: list[str] = []
    scanned = 0

    def region(name: str) -> None:
        nonlocal scanned
        if inspector_state(reading, name)[0]:
            on.append(name)
            reading.put(_inspector(reading, name))
        for image in registry_of(reading, name).images():
            if image.scanned:
                scanned += 1
                reading.put(_ecr(reading, name, image.detail))

    reading.in_each_region(region)
    if not on and not scanned:
        raise reading.nothing_on(nobody_scans(reading.account))
    reading.remembers("Inspector and ECR, of what is closed by now", CLOSED_KEPT)
    shown = f"Inspector is on in {len(on)} of {len(reading.regions)} regions, {scanned} image(s) scanned by ECR itself"
    reading.words.insert(0, shown)
    return [reading.claim(_QUERY, proof=shown, parameters={"inspector": on})]


def nobody_scans(account: str) -> str:
    """What to say where no scanner is on."""
    return (
        f"Inspector is off in every region of account {account} and ECR holds no scanned image, so nobody "
        "looks for vulnerabilities there. Enable it, or record another scanner as the evidence."
    )


def inspector_state(reading: Reading, region: str) -> tuple[bool, Json]:
    """Whether Inspector looks at anything in a region, and the state of each kind of thing."""
    answer = reading.ask("inspector2:BatchGetAccountStatus", region=region, accountIds=[reading.account]).parsed
    found = [one for one in answer.get("accounts") or [] if one.get("accountId") == reading.account]
    if not found:
        raise SchemaDrift("inspector2:BatchGetAccountStatus does not answer about the account that was asked for.")
    states: Json = field_of(found[0], "resourceState", "The status of Inspector")
    return any(state.get("status") == "ENABLED" for state in states.values()), found[0]


def events_of(reading: Reading, first_seen: datetime, closed: datetime | None, row: Row) -> Iterator[Row]:
    """The rows of one finding in the interval: a row of each date, and one for each first day on which it was open."""
    start, end = reading.interval
    if start <= first_seen < end:
        yield row | {"event": "created", "event_time": first_seen}
    for noon in first_days(start, end):
        if first_seen < noon <= reading.now and (closed is None or closed > noon):
            yield row | {"event": "carried_over", "event_time": noon}
    if closed is not None and start <= closed < end:
        yield row | {"event": "closed", "event_time": closed}


def _inspector(reading: Reading, region: str) -> Iterator[Row]:
    criteria = {"awsAccountId": [{"comparison": "EQUALS", "value": reading.account}]}
    for entry in reading.entries(
        "inspector2:ListFindings", "findings", key=lambda one: one.get("findingArn"), region=region,
        asked="nextToken", answered="nextToken", filterCriteria=criteria, maxResults=100,
    ):  # fmt: skip
        finding = entry.parsed
        first_seen = moment(field_of(finding, "firstObservedAt", "A finding of Inspector"))
        assert first_seen is not None, "field_of demands it"
        state = str(field_of(finding, "status", "A finding of Inspector"))
        updated = moment(finding.get("updatedAt"))
        closed = updated or moment(finding.get("lastObservedAt")) if state == "CLOSED" else None
        row = _inspector_row(reading, region, finding, entry.raw) | {
            "first_seen_at": first_seen, "fixed_at": closed, "updated_at": updated, "state": state.lower(),
            "dismissed": state == "SUPPRESSED",
        }  # fmt: skip
        yield from events_of(reading, first_seen, closed, row)


def _inspector_row(reading: Reading, region: str, finding: Json, raw: Any) -> Row:
    package: Json = finding.get("packageVulnerabilityDetails") or {}
    code: Json = finding.get("codeVulnerabilityDetails") or {}
    packages: list[Json] = list(package.get("vulnerablePackages") or [])
    resources: list[Json] = list(finding.get("resources") or [])
    severity = str(finding.get("severity"))
    if severity not in SEVERITY:
        raise SchemaDrift(f"Inspector sends the severity {severity!r}, which this version does not know.")
    named = package.get("vulnerabilityId") or code.get("ruleId") or code.get("detectorId")
    about = (_text(resources[0], "type"), _text(resources[0], "id")) if resources else ("unknown", "unknown")
    return {
        "scope_item_id": reading.item, "finding_id": field_of(finding, "findingArn", "A finding of Inspector"),
        "account_id": str(finding.get("awsAccountId")), "region": region, "source": "inspector",
        "rule_id": str(named or finding.get("type")),
        "title": finding.get("title"),
        "component": packages[0].get("name") if packages else None,
        "component_version": packages[0].get("version") if packages else None,
        "resource_type": about[0], "resource_id": about[1],
        "severity": SEVERITY[severity], "vendor_severity": package.get("vendorSeverity"),
        "score": finding.get("inspectorScore"), "last_seen_at": moment(finding.get("lastObservedAt")),
        "fix_available": finding.get("fixAvailable"),
        "fixed_in": packages[0].get("fixedInVersion") if packages else None,
        "exploit_available": finding.get("exploitAvailable"),
        "references": sorted({str(one) for one in package.get("relatedVulnerabilities") or []}),
        "occurrences": max(len(packages), 1), "raw": raw_of(VULNERABILITY_FINDINGS, raw),
    }  # fmt: skip


def _text(resource: Json, name: str) -> str:
    """What a finding is about, as it is said. Raises `SchemaDrift` where it is not, or is no text."""
    value = field_of(resource, name, "A resource of Inspector")
    if not isinstance(value, str):
        raise SchemaDrift(f"A resource of Inspector comes with a {name} that is no text.")
    return value


def _ecr(reading: Reading, region: str, image: Json) -> Iterator[Row]:
    digest, repository = str(image["imageDigest"]), str(image["repositoryName"])
    for name, completed, found in image_findings(reading, region, image):
        one = found[0]
        attributes = {str(pair.get("key")): pair.get("value") for pair in one.get("attributes") or []}
        component = attributes.get("package_name")
        severity = str(one.get("severity"))
        resource = f"arn:{reading.partition}:ecr:{region}:{reading.account}:repository/{repository}/{digest}"
        row: Row = {
            "scope_item_id": reading.item, "finding_id": f"{resource}#{name}", "account_id": reading.account,
            "region": region, "source": "ecr", "rule_id": str(one.get("name")), "title": one.get("description"),
            "component": component, "component_version": attributes.get("package_version"),
            "resource_type": "AWS_ECR_CONTAINER_IMAGE", "resource_id": resource,
            "severity": SEVERITY.get(severity, "undefined"), "vendor_severity": severity,
            "score": _number(attributes.get("CVSS3_SCORE") or attributes.get("CVSS2_SCORE")),
            "first_seen_at": completed, "last_seen_at": completed, "updated_at": completed, "fixed_at": None,
            "state": "active", "fix_available": None, "fixed_in": None, "exploit_available": None, "dismissed": False,
            "references": [str(one["uri"])] if one.get("uri") else [], "occurrences": len(found),
            "raw": raw_of(VULNERABILITY_FINDINGS, {"image": image, "findings": found}),
        }  # fmt: skip
        yield from events_of(reading, completed, None, row)


def _number(text: Any) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
