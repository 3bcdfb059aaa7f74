"""Vulnerabilities by their dates, and what scanners look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.aws.calls import Caller
from connectors.aws.detection.vulnerabilities import SEVERITY
from schemas.aws_detection import SCAN_COVERAGE, VULNERABILITY_FINDINGS
from schemas.errors import IncompletePopulation, NotLicensed, SchemaDrift
from tests.fakes.aws_company import PROD, START, Simulated, SimulatedAws, account, company
from tests.fakes.aws_records import OTHER, REGION, REGIONS, inspector, record, vulnerability

NAME = VULNERABILITY_FINDINGS.name
DAY = timedelta(days=1)
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 4, 2, 6, tzinfo=UTC)
INTERVAL = (NOW - 3 * DAY, NOW)
DIGEST = "sha256:" + "a" * 64


def at(hours_back: float) -> str:
    return (NOW - timedelta(hours=hours_back)).isoformat().replace("+00:00", "Z")


def started(simulated_aws: SimulatedAws, *records: dict[str, Any]) -> Simulated:
    return simulated_aws.start(company(account(regions=REGIONS), records=records), now=NOW)


def repository(name: str = "api", **more: Any) -> dict[str, Any]:
    return record("ecr.repository", {
        "repositoryName": name, "repositoryArn": f"arn:aws:ecr:{REGION}:{PROD}:repository/{name}",
        "registryId": PROD, "imageScanningConfiguration": {"scanOnPush": True}, **more,
    })  # fmt: skip


def image(name: str = "api", digest: str = DIGEST, status: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    return record("ecr.image", {
        "repositoryName": name, "registryId": PROD, "imageDigest": digest, "imageScanStatus": {"status": status},
        "imageScanFindingsSummary": {"imageScanCompletedAt": at(40), "findingSeverityCounts": {"HIGH": 2}}, **more,
    })  # fmt: skip


def scan(*names: str, counts: int | None = None) -> dict[str, Any]:
    findings = [
        {"name": name, "severity": "HIGH", "uri": f"https://cve.example/{name}", "description": name,
         "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "1.1"},
                        {"key": "CVSS2_SCORE", "value": "7.5"}]}
        for name in names
    ]  # fmt: skip
    return record("ecr.findings", {
        "repositoryName": "api", "imageDigest": DIGEST, "imageScanCompletedAt": at(40), "findings": findings,
        "findingSeverityCounts": {"HIGH": len(names) if counts is None else counts},
    })  # fmt: skip


def test_a_finding_has_a_row_of_each_date_in_the_interval(simulated_aws: SimulatedAws) -> None:
    aws = started(
        simulated_aws, inspector(),
        vulnerability(1, at(40)),  # new, and open at noon of the first
        vulnerability(2, at(900)),  # old and open
        vulnerability(3, at(900), status="CLOSED", updated=at(5)),  # old, closed after noon
        vulnerability(4, at(900), status="CLOSED", updated=at(40)),  # closed before noon
        vulnerability(5, at(5), status="SUPPRESSED", severity="UNTRIAGED"),  # new, after noon
        vulnerability(6, at(900), awsAccountId="999900001111"),  # of a member
    )  # fmt: skip
    [claim], sink = aws.collect(NAME, interval=INTERVAL)
    found = {(row["rule_id"], row["event"], row["event_time"]) for row in sink.of(NAME)}
    assert found == {
        ("CVE-2026-1", "created", NOW - timedelta(hours=40)), ("CVE-2026-1", "carried_over", NOON),
        ("CVE-2026-2", "carried_over", NOON), ("CVE-2026-3", "carried_over", NOON),
        ("CVE-2026-3", "closed", NOW - timedelta(hours=5)), ("CVE-2026-4", "closed", NOW - timedelta(hours=40)),
        ("CVE-2026-5", "created", NOW - timedelta(hours=5)),
    }  # fmt: skip
    [suppressed] = [row for row in sink.of(NAME) if row["rule_id"] == "CVE-2026-5"]
    assert (suppressed["dismissed"], suppressed["state"], suppressed["severity"]) == (True, "suppressed", "undefined")
    assert claim.proof == "Inspector is on in 1 of 2 regions, 0 image(s) scanned by ECR itself"
    assert claim.complete_from is None


def test_no_more_is_claimed_than_inspector_remembers(simulated_aws: SimulatedAws) -> None:
    """A closed finding is gone after three days where its resource is gone too."""
    aws = started(simulated_aws, inspector())
    [claim], _ = aws.collect(NAME, interval=(NOW - 10 * DAY, NOW))
    assert claim.complete_from == NOW - 3 * DAY


def test_basic_scans_of_ecr_count_beside_inspector(simulated_aws: SimulatedAws) -> None:
    aws = started(
        simulated_aws, repository(), image(), scan("CVE-2026-77", "CVE-2026-77", "CVE-2026-78"),
        image(digest="sha256:" + "b" * 64, status="FAILED"),
    )  # fmt: skip
    [claim], sink = aws.collect(NAME, interval=INTERVAL)
    created = {row["rule_id"]: row for row in sink.of(NAME) if row["event"] == "created"}
    assert set(created) == {"CVE-2026-77", "CVE-2026-78"}
    row = created["CVE-2026-77"]
    assert (row["occurrences"], row["component"], row["component_version"], row["score"], row["source"]) == (
        2, "openssl", "1.1", 7.5, "ecr",
    )  # fmt: skip
    assert claim.proof == "Inspector is on in 0 of 2 regions, 1 image(s) scanned by ECR itself"


def test_fewer_findings_of_an_image_than_ecr_counts(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, repository(), image(), scan("CVE-2026-77", counts=2))
    with pytest.raises(IncompletePopulation, match="counts 2 findings"):
        aws.collect(NAME, interval=INTERVAL)


def test_where_nobody_looks_no_findings_is_no_fact(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, inspector(status="DISABLED"), repository(), image(status="FAILED"))
    with pytest.raises(NotLicensed, match="Inspector is off in every region"):
        aws.collect(NAME, interval=INTERVAL)


def test_a_severity_that_is_not_known_is_drift(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(SEVERITY, "HIGH")
    aws = started(simulated_aws, inspector(), vulnerability(1, at(40)))
    with pytest.raises(SchemaDrift, match="HIGH"):
        aws.collect(NAME, interval=INTERVAL)


@pytest.mark.parametrize("resource", [{"type": "AWS_EC2_INSTANCE"}, {"id": "i-1"}])
def test_a_resource_without_id_or_type_is_drift(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch, resource: dict[str, str]
) -> None:
    aws = started(simulated_aws, inspector(), vulnerability(1, at(40)))
    pages = Caller.pages

    def with_resource(self: Caller, operation: str, **parameters: Any) -> Any:
        for page in pages(self, operation, **parameters):
            for finding in page.parsed.get("findings") or []:
                finding["resources"] = [resource]
            yield page

    monkeypatch.setattr(Caller, "pages", with_resource)
    with pytest.raises(SchemaDrift, match="A resource of Inspector comes without"):
        aws.collect(NAME, interval=INTERVAL)


def test_code_snippets_are_not_kept(simulated_aws: SimulatedAws) -> None:
    code = vulnerability(1, at(40), type="CODE_VULNERABILITY", codeVulnerabilityDetails={
        "cwes": ["CWE-798"], "detectorId": "python/hardcoded@v1", "detectorName": "password = 's3cret'",
        "filePath": {"endLine": 1, "fileName": "a", "filePath": "a", "startLine": 1},
    })  # fmt: skip
    del code["shows"]["packageVulnerabilityDetails"]
    aws = started(simulated_aws, inspector(), code)
    _, sink = aws.collect(NAME, interval=INTERVAL)
    [row, _] = sink.of(NAME)
    assert row["rule_id"] == "python/hardcoded@v1"
    assert "s3cret" not in row["raw"]
    assert all(b"s3cret" not in answer.body for answer in sink.answers)


_REASONS = {"ACTIVE": "SUCCESSFUL", "INACTIVE": "UNMANAGED_EC2_INSTANCE"}


def covered(number: int, status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return record("inspector.coverage", {
        "accountId": PROD, "resourceType": "AWS_EC2_INSTANCE", "resourceId": f"i-{number:03}", "scanType": "PACKAGE",
        "scanStatus": {"statusCode": status, "reason": _REASONS[status]}, "lastScannedAt": at(10), **more,
    })  # fmt: skip


def test_what_is_scanned_and_what_is_left_out(simulated_aws: SimulatedAws) -> None:
    aws = started(
        simulated_aws, inspector(), *(covered(number) for number in range(3)), covered(7, "INACTIVE"),
        repository(), image(), image(digest="sha256:" + "b" * 64, status="FAILED"), repository("empty"),
    )  # fmt: skip
    [claim], sink = aws.collect(SCAN_COVERAGE.name)
    rows = {row["coverage_id"]: row for row in sink.of(SCAN_COVERAGE)}
    assert rows[f"inspector|{REGION}|AWS_EC2_INSTANCE|i-002|PACKAGE"]["scanned"]
    left_out = rows[f"inspector|{REGION}|AWS_EC2_INSTANCE|i-007|PACKAGE"]
    assert (left_out["scanned"], left_out["reason"]) == (False, "UNMANAGED_EC2_INSTANCE")
    api = rows[f"ecr|{REGION}|AWS_ECR_REPOSITORY|arn:aws:ecr:{REGION}:{PROD}:repository/api|BASIC"]
    assert (api["scanned"], api["images"], api["status"]) == (False, 2, "COMPLETE 1, FAILED 1")
    assert api["last_scanned_at"] == NOW - timedelta(hours=40)
    off = rows[f"inspector|{OTHER}|region|ec2|"]
    assert (off["scanned"], off["status"]) == (False, "DISABLED")
    assert rows[f"inspector|{REGION}|region|ec2|"]["reason"] is None
    assert claim.reconciliation == "Inspector lists 4 resources and counts 4"


def test_fewer_resources_than_inspector_counts(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, inspector(), covered(1), covered(2))
    session = aws.session()
    aws.plan.replace([{"source": "aws", "match": "inspector2:ListCoverage", "kind": "truncated_page", "items": 1}])
    with pytest.raises(IncompletePopulation, match="counts 2 resources"):
        aws.collect(SCAN_COVERAGE.name, session=session)


def test_only_enabled_regions_are_looked_at(simulated_aws: SimulatedAws) -> None:
    """An opt-in region that is off can hold nothing, and a call to it is refused."""
    aws = simulated_aws.start(company(account(regions=[OTHER]), records=[inspector(OTHER)]), now=NOW)
    [claim], sink = aws.collect(SCAN_COVERAGE.name)
    assert {row["region"] for row in sink.of(SCAN_COVERAGE)} == {OTHER}
    assert claim.parameters["regions"] == [OTHER]
    assert claim.proof == "1 region(s) looked at"
    assert START < NOW
