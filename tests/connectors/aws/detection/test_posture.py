"""Results of configuration checks: what is not evaluated or off is never a pass."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.aws_detection import POSTURE
from schemas.errors import IncompletePopulation, NotLicensed
from tests.fakes.aws_company import LONG_AGO, PROD, SimulatedAws, account, company
from tests.fakes.aws_records import OTHER, REGION, REGIONS, hub, hub_finding, record

NAME = POSTURE.name
ITEM = f"aws:{PROD}:{REGION}"
ANALYZER = f"arn:aws:access-analyzer:{REGION}:{PROD}:analyzer/own"
KIND = "Software and Configuration Checks/Industry and Regulatory Standards"


def recorder(recording: bool = True) -> dict[str, Any]:
    shows = {"name": "default", "roleARN": "arn:aws:iam::1:role/x", "recording": recording, "lastStatus": "Success"}
    return record("config.recorder", shows)


def config_rule(name: str, compliance: str | None) -> dict[str, Any]:
    shows: dict[str, Any] = {
        "ConfigRuleName": name, "ConfigRuleArn": f"arn:aws:config:{REGION}:{PROD}:config-rule/{name}",
        "Description": f"About {name}", "Source": {"Owner": "AWS", "SourceIdentifier": name.upper()},
        "InputParameters": '{"token":"s3cret"}',
    }  # fmt: skip
    if compliance is not None:
        shows["Compliance"] = {"ComplianceType": compliance}
    return record("config.rule", shows)


def result(rule: str, resource: str, compliance: str, mode: str = "DETECTIVE") -> dict[str, Any]:
    qualifier = {"ConfigRuleName": rule, "ResourceType": "AWS::S3::Bucket", "ResourceId": resource,
                 "EvaluationMode": mode}  # fmt: skip
    return record("config.result", {
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": LONG_AGO},
        "ComplianceType": compliance, "ResultRecordedTime": LONG_AGO, "ConfigRuleInvokedTime": LONG_AGO,
    })  # fmt: skip


def check(number: int, status: str, **more: Any) -> dict[str, Any]:
    compliance = {"Status": status, "SecurityControlId": f"S3.{number}",
                  "StatusReasons": [{"ReasonCode": "X", "Description": "why"}]}  # fmt: skip
    return hub_finding(number, LONG_AGO, kind=KIND, Compliance=compliance, UpdatedAt="2026-03-31T00:00:00Z", **more)


def collected(simulated_aws: SimulatedAws, *records: dict[str, Any], item: str = ITEM) -> dict[str, dict[str, Any]]:
    aws = simulated_aws.start(company(account(regions=REGIONS), records=records))
    _, sink = aws.collect(NAME, item=item)
    assert all(b"s3cret" not in answer.body for answer in sink.answers)
    return {row["result_id"].removeprefix(f"{row['tool']}|"): row for row in sink.of(POSTURE)}


def test_rules_of_config_with_their_results(simulated_aws: SimulatedAws) -> None:
    rows = collected(
        simulated_aws, recorder(), config_rule("encrypted", "NON_COMPLIANT"), config_rule("never", None),
        config_rule("waiting", "INSUFFICIENT_DATA"), result("encrypted", "logs", "COMPLIANT"),
        result("encrypted", "data", "NON_COMPLIANT"), result("encrypted", "data", "NOT_APPLICABLE", "PROACTIVE"),
    )  # fmt: skip
    status = {name: row["status"] for name, row in rows.items() if row["tool"] == "config"}
    assert status == {
        f"{REGION}|recorder|||": "pass", f"{REGION}|encrypted|||": "fail", f"{REGION}|never|||": "not_evaluated",
        f"{REGION}|waiting|||": "not_evaluated", f"{REGION}|encrypted|AWS::S3::Bucket|logs|": "pass",
        f"{REGION}|encrypted|AWS::S3::Bucket|data|": "fail",
        f"{REGION}|encrypted (proactive)|AWS::S3::Bucket|data|": "not_applicable",
    }  # fmt: skip
    assert rows[f"{REGION}|encrypted|||"]["tool_version"] == "ENCRYPTED"
    assert "s3cret" not in rows[f"{REGION}|encrypted|||"]["raw"]


def test_a_word_that_is_not_known_is_an_error_of_the_check(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.aws.detection.posture._CONFIG", {"NON_COMPLIANT": "fail"})
    rows = collected(simulated_aws, recorder(), config_rule("encrypted", "COMPLIANT"))
    assert rows[f"{REGION}|encrypted|||"]["status"] == "error"


def test_a_recorder_that_stands_still_is_an_error_of_its_results(simulated_aws: SimulatedAws) -> None:
    rows = collected(simulated_aws, recorder(False), config_rule("encrypted", "COMPLIANT"))
    one = rows[f"{REGION}|recorder|||"]
    assert (one["status"], one["native_status"]) == ("error", "off")


def test_standards_of_security_hub(simulated_aws: SimulatedAws) -> None:
    rows = collected(
        simulated_aws, hub(), check(1, "PASSED"), check(2, "FAILED", Workflow={"Status": "SUPPRESSED"}),
        check(3, "WARNING"), check(4, "NOT_AVAILABLE"), hub_finding(5, LONG_AGO, UpdatedAt="2026-03-31T00:00:00Z"),
        check(6, "FAILED", RecordState="ARCHIVED"),
    )  # fmt: skip
    found = {row["check_id"]: row for row in rows.values() if row["tool"] == "securityhub" and row["resource_id"]}
    assert {name: row["status"] for name, row in found.items()} == {
        "S3.1": "pass", "S3.2": "fail", "S3.3": "error", "S3.4": "not_evaluated",
    }  # fmt: skip
    assert (found["S3.2"]["suppressed"], found["S3.2"]["detail"], found["S3.2"]["severity"]) == (True, "why", "high")


def test_findings_of_access_analyzer(simulated_aws: SimulatedAws) -> None:
    own = {"arn": ANALYZER, "name": "own", "type": "ACCOUNT", "createdAt": LONG_AGO, "status": "ACTIVE"}

    def seen(number: int, status: str, **more: Any) -> dict[str, Any]:
        return record("analyzer.finding", {
            "analyzerArn": ANALYZER, "id": f"f{number}", "status": status, "analyzedAt": LONG_AGO,
            "createdAt": LONG_AGO, "updatedAt": LONG_AGO, "resourceType": "AWS::S3::Bucket",
            "resourceOwnerAccount": PROD, "resource": f"arn:aws:s3:::b{number}", "findingType": "ExternalAccess",
            **more,
        })  # fmt: skip

    rows = collected(
        simulated_aws, record("analyzer", own), seen(1, "ACTIVE"), seen(2, "ARCHIVED"), seen(3, "RESOLVED"),
        seen(4, "ACTIVE", error="ACCESS_DENIED"),
    )  # fmt: skip
    found = {
        row["resource_id"].removeprefix("arn:aws:s3:::"): (row["status"], row["suppressed"])
        for row in rows.values() if row["tool"] == "access_analyzer" and row["resource_id"]
    }  # fmt: skip
    assert found == {"b1": ("fail", False), "b2": ("fail", True), "b3": ("pass", False), "b4": ("error", False)}


def test_a_service_that_is_off_is_an_error_and_never_a_pass(simulated_aws: SimulatedAws) -> None:
    rows = collected(simulated_aws, hub(OTHER), item=f"aws:{PROD}")
    assert rows[f"{REGION}|hub|||"]["status"] == "error"
    assert rows[f"{OTHER}|hub|||"]["status"] == "pass"
    assert {row["status"] for name, row in rows.items() if "|recorder|" in name} == {"error"}


def test_where_nothing_checks_there_are_no_results(simulated_aws: SimulatedAws) -> None:
    with pytest.raises(NotLicensed, match="Nothing checks the configuration"):
        collected(simulated_aws, recorder())


def test_compliance_of_a_rule_that_is_not_listed(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(regions=REGIONS), records=[config_rule("a", "COMPLIANT"), config_rule("b", "COMPLIANT")])
    )
    session = aws.session()
    aws.plan.replace([{"source": "aws", "match": "config:DescribeConfigRules", "kind": "truncated_page", "items": 1}])
    with pytest.raises(IncompletePopulation, match="does not list"):
        aws.collect(NAME, item=ITEM, session=session)
