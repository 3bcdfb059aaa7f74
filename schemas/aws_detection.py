"""What watches an AWS account and what it found.

`scope_item_id` is `aws:<account>:<region>` for detectors and posture, `alerts:aws:<account>` for alerts, and
`aws:<account>` for the rest: then every enabled region is read. Each extractor also takes the other two forms.

AWS keeps a finding's dates and no list of its changes. The stream of vulnerabilities makes a row of each date,
`created` and `closed`; because findings that were open already belong to a month's population too, a row
`carried_over` is made at noon UTC of the first day of each month in the interval for every finding that was open then
by its dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

DETECTOR_KINDS = (
    "guardduty", "guardduty_member", "securityhub", "securityhub_standard", "access_analyzer", "event_rule",
    "cloudwatch_alarm", "sns_topic",
)  # fmt: skip

ALERT_SOURCES = ("guardduty", "securityhub", "cloudwatch_alarm")

SEVERITIES = ("critical", "high", "medium", "low", "informational", "undefined")

EVENTS = ("created", "carried_over", "closed")

CHECK_STATUSES = ("pass", "fail", "error", "not_applicable", "not_evaluated")


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64(), pa.list_(pa.string())


def _detectors() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _, _ = _types()
    features = pa.list_(pa.struct([("name", text), ("enabled", flag)]))
    # confirmed: an SNS subscription that was accepted; null where the kind of target has no such thing.
    targets = pa.list_(pa.struct([("kind", text), ("id", text), ("confirmed", flag)]))
    return framed(
        ("detector_id", text),  # kind, region, and AWS's own id or ARN; `none` in its place where the service is off
        ("account_id", text), ("region", text), ("kind", text), ("name", text, True), ("arn", text, True),
        ("enabled", flag),  # it is there and it runs
        ("status", text),  # in AWS's own words; `not_enabled` where the service is off in this region
        ("features", features), ("targets", targets),
        ("delivers", flag, True),  # some target is there and confirmed; null for kinds that deliver through others
        ("watches", text, True),  # the pattern of a rule, the metric of an alarm, the kind of an analyzer
        ("managed_by", text, True), ("created_at", instant, True), ("updated_at", instant, True),
    )  # fmt: skip


def _alerts() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number, texts = _types()
    return framed(
        ("alert_id", text),  # ARN of the finding, or alarm and the instant it went off
        ("event_time", instant),  # created at the source
        ("account_id", text), ("region", text), ("source", text),
        ("product", text, True),  # Security Hub: whose finding it is
        ("alert_type", text), ("title", text), ("severity", text),
        ("severity_score", pa.float64(), True),  # GuardDuty 1 to 10, Security Hub 0 to 100, alarms none
        ("created_at", instant), ("updated_at", instant, True), ("first_seen_at", instant, True),
        ("last_seen_at", instant, True), ("status", text),  # open, archived; Security Hub: of the workflow
        ("archived", flag), ("assignee", text, True),  # AWS has no assignee: the note's author, where there is one
        ("sample", flag),  # made on request, to test the way of an alert
        ("count", number, True), ("resource_type", text, True), ("resources", texts), ("description", text, True),
    )  # fmt: skip


def _alarm_history() -> pa.Schema:
    text, instant, flag, _, _ = _types()
    return framed(
        ("entry_id", text), ("event_time", instant), ("account_id", text), ("region", text), ("alarm_name", text),
        ("alarm_type", text, True), ("entry_type", text),  # StateUpdate, ConfigurationUpdate, Action …
        ("old_state", text, True), ("new_state", text, True), ("reason", text, True), ("summary", text, True),
        ("action", text, True), ("action_succeeded", flag, True),
    )  # fmt: skip


def _vulnerability_findings() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number, texts = _types()
    return framed(
        ("finding_id", text), ("event_time", instant), ("event", text),  # created, carried_over, closed
        ("account_id", text), ("region", text), ("source", text),  # inspector, ecr
        ("rule_id", text),  # CVE, or the detector of code and network findings
        ("title", text, True), ("component", text, True), ("component_version", text, True),
        ("resource_type", text), ("resource_id", text), ("severity", text), ("vendor_severity", text, True),
        ("score", pa.float64(), True),
        ("first_seen_at", instant), ("last_seen_at", instant, True), ("updated_at", instant, True),
        ("fixed_at", instant, True), ("state", text),  # active, closed, suppressed
        ("fix_available", text, True), ("fixed_in", text, True), ("exploit_available", text, True),
        ("dismissed", flag), ("references", texts), ("occurrences", number),
    )  # fmt: skip


def _scan_coverage() -> pa.Schema:
    text, instant, flag, number, _ = _types()
    return framed(
        ("coverage_id", text), ("account_id", text), ("region", text), ("scanner", text),  # inspector, ecr
        ("resource_type", text),  # of the row `region` the answer is about the whole region: is the scanner on at all
        ("resource_id", text), ("scan_type", text, True), ("scanned", flag),
        ("status", text), ("reason", text, True), ("last_scanned_at", instant, True), ("images", number, True),
        ("scan_on_push", flag, True),
    )  # fmt: skip


def _posture() -> pa.Schema:
    text, instant, flag, _, _ = _types()
    return framed(
        ("result_id", text), ("account_id", text), ("region", text),
        ("tool", text),  # config, securityhub, access_analyzer
        ("tool_version", text, True), ("check_id", text), ("title", text, True), ("resource_type", text, True),
        ("resource_id", text, True),  # null: the check as a whole, which every check has a row for
        ("status", text),  # pass, fail, error, not_applicable, not_evaluated
        ("native_status", text), ("severity", text, True), ("detail", text, True),
        ("suppressed", flag), ("since", instant, True), ("evaluated_at", instant, True),
    )  # fmt: skip


DETECTORS = Dataset(
    "aws.detectors", "aws.iam_state", "snapshot", ("detector_id",), _detectors, allowed=(("kind", DETECTOR_KINDS),),
    # Targets and subscriptions can hold tokens: a transformed input of a rule, the address of a web hook.
    secret_fields=("Input", "InputTransformer", "HttpParameters", "Endpoint"),
)  # fmt: skip
ALERTS = Dataset(
    "aws.alerts", "aws.guardduty_findings", "event_stream", ("alert_id",), _alerts,
    allowed=(("source", ALERT_SOURCES), ("severity", SEVERITIES)),
    volatile=("updated_at", "last_seen_at", "count"),
)  # fmt: skip
ALARM_HISTORY = Dataset(
    "aws.alarm_history", "aws.cloudwatch_alarm_history", "event_stream", ("entry_id",), _alarm_history,
    per="cloud_account",
)  # fmt: skip
VULNERABILITY_FINDINGS = Dataset(
    "aws.vulnerability_findings", "aws.inspector_findings", "event_stream", ("finding_id", "event", "event_time"),
    _vulnerability_findings, allowed=(("event", EVENTS), ("severity", SEVERITIES)),
    volatile=("updated_at", "last_seen_at"),
    secret_fields=("codeSnippet", "codeVulnerabilityDetails"),
)  # fmt: skip
SCAN_COVERAGE = Dataset("aws.scan_coverage", "aws.iam_state", "snapshot", ("coverage_id",), _scan_coverage)
POSTURE = Dataset(
    "aws.posture", "aws.config_history", "snapshot", ("result_id",), _posture, allowed=(("status", CHECK_STATUSES),),
    secret_fields=("InputParameters",),
)  # fmt: skip

DATASETS = (DETECTORS, ALERTS, ALARM_HISTORY, VULNERABILITY_FINDINGS, SCAN_COVERAGE, POSTURE)
