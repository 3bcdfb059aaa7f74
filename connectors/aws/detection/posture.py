"""Results of configuration checks: rules of AWS Config, standards of Security Hub, findings of Access Analyzer.

Every check has a row for itself and one for each resource it has a result for. A check that was not evaluated says so,
and a service that is off has a row of status `error`: neither is a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.aws.detection.alerts import HUB_OFF
from connectors.aws.reading import Json, Reading, field_of, moment, raw_of, reading_of
from schemas.aws_detection import POSTURE
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink

_QUERY = (
    "config:DescribeConfigurationRecorderStatus\nconfig:DescribeConfigRules\nconfig:DescribeComplianceByConfigRule\n"
    "config:GetComplianceDetailsByConfigRule\nsecurityhub:DescribeHub\n"
    "securityhub:GetFindings AwsAccountId=account Region=region RecordState=ACTIVE, those with a compliance\n"
    "access-analyzer:ListAnalyzers\naccess-analyzer:ListFindingsV2"
)
_CONFIG = {
    "COMPLIANT": "pass", "NON_COMPLIANT": "fail", "NOT_APPLICABLE": "not_applicable",
    "INSUFFICIENT_DATA": "not_evaluated",
}  # fmt: skip
_HUB = {"PASSED": "pass", "FAILED": "fail", "WARNING": "error", "NOT_AVAILABLE": "not_evaluated"}
_ANALYZER = {"ACTIVE": "fail", "ARCHIVED": "fail", "RESOLVED": "pass"}

Row = dict[str, Any]


def posture(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.posture` for an item `aws:<account>:<region>`, or `aws:<account>` and every region.

    Raises `NotLicensed` where no service checks anything: no rule of AWS Config, no Security Hub, no analyzer.
    """
    reading = reading_of(session, request, sink, POSTURE)
    checks = 0

    def region(name: str) -> None:
        nonlocal checks
        one = _Region(reading, name)
        reading.put(one.rows())
        checks += one.checks

    reading.in_each_region(region)
    if not checks:
        raise reading.nothing_on(nothing_checks(reading.account, reading.regions))
    return [reading.claim(_QUERY, proof=f"{checks} checks and analyzers")]


def nothing_checks(account: str, regions: Sequence[str]) -> str:
    """What to say where no service checks anything."""
    return (
        f"Nothing checks the configuration of account {account} in {', '.join(regions)}: AWS "
        "Config has no rule, Security Hub is off and there is no analyzer. Enable one of them, or import the "
        "results of another tool."
    )


class _Region:
    def __init__(self, reading: Reading, region: str) -> None:
        self.reading, self.region = reading, region
        self.checks = 0

    def rows(self) -> Iterator[Row]:
        yield from self._config()
        yield from self._securityhub()
        yield from self._analyzers()

    def _config(self) -> Iterator[Row]:
        recorders = self.reading.ask("config:DescribeConfigurationRecorderStatus", region=self.region).parsed
        recording = [one for one in recorders.get("ConfigurationRecordersStatus") or [] if one.get("recording")]
        yield self._row(
            "config", "recorder", recorders, status="pass" if recording else "error",
            native="recording" if recording else "off", title="AWS Config records",
            detail=None if recording else "results are of the time when it last did",
        )  # fmt: skip
        rules = {
            str(entry.parsed["ConfigRuleName"]): entry.parsed
            for entry in self._list("config:DescribeConfigRules", "ConfigRules", "ConfigRuleName")
        }
        verdicts = {
            str(entry.parsed["ConfigRuleName"]): entry.parsed.get("Compliance") or {}
            for entry in self._list(
                "config:DescribeComplianceByConfigRule", "ComplianceByConfigRules", "ConfigRuleName"
            )
        }
        if set(verdicts) - set(rules):
            raise IncompletePopulation(
                f"AWS Config tells of the compliance of rules in {self.region} of account {self.reading.account} that "
                "it does not list. Nothing was kept; run again."
            )
        for name, rule in rules.items():
            self.checks += 1
            native = str(verdicts.get(name, {}).get("ComplianceType") or "INSUFFICIENT_DATA")
            yield self._row(
                "config", name, rule, status=_known(_CONFIG, native), native=native, title=rule.get("Description"),
                version=(rule.get("Source") or {}).get("SourceIdentifier"),
            )  # fmt: skip
            yield from self._results(name, rule)

    def _results(self, name: str, rule: Json) -> Iterator[Row]:
        def mark(one: Json) -> object:
            found = _qualifier(one)
            return found.get("ResourceType"), found.get("ResourceId"), found.get("EvaluationMode")

        for entry in self.reading.entries(
            "config:GetComplianceDetailsByConfigRule", "EvaluationResults", key=mark, region=self.region,
            ConfigRuleName=name, Limit=100,
        ):  # fmt: skip
            one, found = entry.parsed, _qualifier(entry.parsed)
            native = str(one.get("ComplianceType"))
            mode = found.get("EvaluationMode")
            yield self._row(
                "config", name if mode in (None, "DETECTIVE") else f"{name} ({str(mode).lower()})", one,
                status=_known(_CONFIG, native), native=native, resource_type=found.get("ResourceType"),
                resource_id=str(field_of(found, "ResourceId", "A result of AWS Config")), title=rule.get("Description"),
                detail=one.get("Annotation"), since=one.get("ConfigRuleInvokedTime"),
                evaluated=one.get("ResultRecordedTime"),
            )  # fmt: skip

    def _securityhub(self) -> Iterator[Row]:
        hub = self.reading.ask("securityhub:DescribeHub", region=self.region, expect=HUB_OFF)
        if hub.error_code is not None:
            yield self._row("securityhub", "hub", {}, status="error", native="not_enabled", title="Security Hub is on")
            return
        self.checks += 1
        yield self._row("securityhub", "hub", hub.parsed, status="pass", native="enabled", title="Security Hub is on")
        filters = {
            "AwsAccountId": [{"Value": self.reading.account, "Comparison": "EQUALS"}],
            "Region": [{"Value": self.region, "Comparison": "EQUALS"}],
            "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
        }
        for entry in self.reading.entries(
            "securityhub:GetFindings", "Findings", region=self.region, Filters=filters, MaxResults=100,
            key=lambda one: (one.get("ProductArn"), one.get("Id")),
        ):  # fmt: skip
            finding = entry.raw
            compliance: Json = finding.get("Compliance") or {}
            if not compliance.get("Status"):
                self.reading.dropped["a finding of Security Hub that is no check"] += 1
                continue
            yield from self._check(finding, compliance)

    def _check(self, finding: Json, compliance: Json) -> Iterator[Row]:
        native = str(compliance["Status"])
        control = str(compliance.get("SecurityControlId") or finding.get("GeneratorId"))
        resources: list[Json] = list(finding.get("Resources") or [])
        if not resources:
            raise SchemaDrift("A check of Security Hub names no resource.")
        reasons = [
            str(one.get("Description") or one.get("ReasonCode")) for one in compliance.get("StatusReasons") or []
        ]
        for one in resources:
            yield self._row(
                "securityhub", control, finding, status=_known(_HUB, native), native=native,
                resource_type=one.get("Type"), resource_id=str(field_of(one, "Id", "A resource of Security Hub")),
                title=finding.get("Title"), severity=str((finding.get("Severity") or {}).get("Label") or "").lower(),
                detail="; ".join(reasons) or None, version=finding.get("SchemaVersion"),
                suppressed=(finding.get("Workflow") or {}).get("Status") == "SUPPRESSED",
                since=finding.get("FirstObservedAt") or finding.get("CreatedAt"),
                evaluated=finding.get("LastObservedAt") or finding.get("UpdatedAt"), own=str(finding.get("Id")),
            )  # fmt: skip

    def _analyzers(self) -> Iterator[Row]:
        analyzers = [
            entry.parsed
            for entry in self.reading.entries(
                "accessanalyzer:ListAnalyzers", "analyzers", key=lambda one: one.get("arn"), region=self.region,
                asked="nextToken", answered="nextToken",
            )
        ]  # fmt: skip
        for analyzer in analyzers:
            self.checks += 1
            status = str(analyzer.get("status"))
            yield self._row(
                "access_analyzer", str(analyzer["arn"]), analyzer, status="pass" if status == "ACTIVE" else "error",
                native=status, title=analyzer.get("type"), evaluated=analyzer.get("lastResourceAnalyzedAt"),
            )  # fmt: skip
            for entry in self.reading.entries(
                "accessanalyzer:ListFindingsV2", "findings", key=lambda one: one.get("id"), region=self.region,
                asked="nextToken", answered="nextToken", analyzerArn=analyzer["arn"], maxResults=100,
            ):  # fmt: skip
                one = entry.parsed
                native = str(one.get("status"))
                status = "error" if one.get("error") else _known(_ANALYZER, native)
                yield self._row(
                    "access_analyzer", str(one.get("findingType") or "ExternalAccess"), one, status=status,
                    native=native, resource_type=one.get("resourceType"),
                    resource_id=str(one.get("resource") or one["id"]), detail=one.get("error"),
                    suppressed=native == "ARCHIVED", since=one.get("createdAt"), evaluated=one.get("analyzedAt"),
                    own=str(one["id"]),
                )  # fmt: skip

    def _list(self, operation: str, name: str, key: str) -> Iterator[Any]:
        return self.reading.entries(operation, name, key=lambda one: one.get(key), region=self.region)

    def _row(
        self, tool: str, check: str, record: Json, *, status: str, native: str, resource_type: str | None = None,
        resource_id: str | None = None, title: str | None = None, severity: str | None = None,
        detail: str | None = None, version: str | None = None, suppressed: bool = False, since: Any = None,
        evaluated: Any = None, own: str = "",
    ) -> Row:  # fmt: skip
        return {
            "scope_item_id": self.reading.item,
            "result_id": "|".join((tool, self.region, check, resource_type or "", resource_id or "", own)),
            "account_id": self.reading.account, "region": self.region, "tool": tool, "tool_version": version,
            "check_id": check, "title": title, "resource_type": resource_type, "resource_id": resource_id,
            "status": status, "native_status": native, "severity": severity or None, "detail": detail,
            "suppressed": suppressed, "since": moment(since), "evaluated_at": moment(evaluated),
            "raw": raw_of(POSTURE, record),
        }  # fmt: skip


def _qualifier(one: Json) -> Json:
    identifier: Json = one.get("EvaluationResultIdentifier") or {}
    return identifier.get("EvaluationResultQualifier") or {}


def _known(words: dict[str, str], native: str) -> str:
    """The status in our words. A word that is not known is an error of the check, never a pass."""
    return words.get(native, "error")
