"""CC7-LOG-01: calls that touched the logging, and what they left unlogged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.audit_rows import audit_row
from evidence.controls.audit_trail import CODES
from evidence.controls.logging_toggles import aws_toggles, google_toggles
from schemas import gcp, tickets
from schemas.aws_configuration import LOG_CONFIG
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.errors import SchemaDrift
from schemas.outcome import Outcome
from tests.evidence.controls.access import DAY
from tests.evidence.controls.changes import END, LATER, START, window
from tests.evidence.controls.configuration import filled
from tests.evidence.controls.tickets import event, ticket
from tests.evidence.controls.writes import ACCOUNT, AWS, GCP, WROTE, as_collected, by_role, of_google, written
from tests.fakes.memory_evidence import MemoryEvidence

VERDICTS = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts"
REGION = f"{AWS}:eu-west-1"
Row = dict[str, Any]


def trail(name: str = "all", **changed: Any) -> Row:
    row: Row = {
        "record_id": f"trail:{name}", "kind": "trail", "name": name, "logging": True, "management_events": "All",
        "resource_id": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{name}", "bucket": f"logs-{name}",
    }  # fmt: skip
    return filled(LOG_CONFIG, row | changed)


def call(name: str, parameters: Any = None, *, hours: float = 0, **changed: Any) -> Row:
    """A call of alice about the trail `all`, so many hours after noon of the twelfth."""
    given = {"name": "all"} if parameters is None else parameters
    source = "s3.amazonaws.com" if "Bucket" in name else "cloudtrail.amazonaws.com"
    made: Row = {"event_source": source, "request_parameters": json.dumps(given)}
    return written(name, WROTE + timedelta(hours=hours), **made | changed)


def selecting(**selector: Any) -> Row:
    return call("PutEventSelectors", {"trailName": "all", "eventSelectors": [selector]})


def expiring(days: int, status: str = "Enabled", bucket: str = "logs-all") -> Row:
    rule = {"Expiration": {"Days": days}, "Status": status}
    return call("PutBucketLifecycle", {"bucketName": bucket, "LifecycleConfiguration": {"Rule": rule}})


def held(
    rows: Sequence[Row], before: Sequence[Row] | None = None, after: Sequence[Row] | None = None, covered: bool = True
) -> MemoryEvidence:
    evidence = MemoryEvidence()
    evidence.store(MANAGEMENT_EVENTS, AWS, rows)
    if covered:
        evidence.claim(MANAGEMENT_EVENTS, AWS, START, LATER)
    for at, trails in ((WROTE - DAY, before), (WROTE + DAY, after)):
        if trails is None or trails:
            evidence.snapshot(LOG_CONFIG, REGION, at, [trail()] if trails is None else trails)
    return evidence


def judged(evidence: MemoryEvidence, *, region: str = "eu-west-1", **kept: Any) -> list[Outcome]:
    tested = replace(
        window("CC7-LOG-01", scope=f"{AWS}:{region}", name="prod", **kept), holders={MANAGEMENT_EVENTS.name: (AWS,)}
    )
    found = aws_toggles(tested, evidence)
    assert {row.evidence_id for row in found} <= {"toggles"}
    assert {code for row in found for code in row.codes} <= set(CODES)
    return found


def one(row: Row, *others: Row, **kept: Any) -> Outcome:
    shown = {name: kept.pop(name) for name in ("before", "after") if name in kept}
    found = judged(held([row, *others], **shown), **kept)
    [outcome] = [found for found in found if found.item_id == f"toggle:{row['event_id']}"]
    return outcome


@pytest.mark.parametrize(
    ("row", "outcome", "codes"),
    [
        (call("StopLogging"), "exception", ("LOGGING_OFF",)),
        (call("DeleteTrail"), "exception", ("LOGGING_OFF",)),
        (selecting(includeManagementEvents=False), "exception", ("LOGGING_OFF",)),
        (selecting(readWriteType="WriteOnly"), "exception", ("LOGGING_OFF",)),
        (selecting(excludeManagementEventSources=["kms.amazonaws.com"]), "exception", ("LOGGING_OFF",)),
        (selecting(includeManagementEvents=True, readWriteType="All"), "pass", ()),
        (call("PutEventSelectors"), "unknown", ()),
        (call("UpdateTrail"), "unknown", ()),
        (call("PutBucketPolicy", {"bucketName": "logs-all"}), "unknown", ()),
        (call("DeleteBucket", {"bucketName": "logs-all"}), "unknown", ()),
        (call("DeleteBucketLifecycle", {"bucketName": "logs-all"}), "unknown", ()),
        (expiring(364), "exception", ("RETENTION_SHORT",)),
        (expiring(365), "pass", ()),
        (expiring(1, "Disabled"), "pass", ()),
        (call("PutBucketLifecycle", {"bucketName": "logs-all"}), "unknown", ()),
    ],
)
def test_a_call_by_what_it_did(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row)
    assert (found.outcome, found.codes, found.event_time) == (outcome, codes, WROTE), found.explanation
    assert found.explanation.startswith("alice called ")


@pytest.mark.parametrize(
    ("field", "equals", "outcome"),
    [(None, None, "pass"), ("readOnly", ["false"], "exception"), ("eventSource", ["x"], "exception")],
)
def test_advanced_selectors(field: str | None, equals: Any, outcome: str) -> None:
    fields = [{"field": "eventCategory", "equals": ["Management"]}]
    fields += [] if field is None else [{"field": field, "equals": equals}]
    row = call("PutEventSelectors", {"trailName": "all", "advancedEventSelectors": [{"fieldSelectors": fields}]})
    assert one(row).outcome == outcome


@pytest.mark.parametrize(
    "row",
    [
        call("StopLogging", error_code="AccessDenied"),
        call("StartLogging"),
        call("GetTrailStatus"),
        call("PutBucketPolicy", {"bucketName": "another"}),
        call("StopLogging", {"name": "elsewhere"}, region="us-east-1"),
        call("StopLogging", hours=24 * 25),
        call("StopLogging", event_source="other.amazonaws.com"),
    ],
)
def test_what_touched_nothing_is_no_item(row: Row) -> None:
    assert judged(held([row])) == []


def test_a_call_counts_where_its_trail_does() -> None:
    arn = {"name": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/all"}
    assert one(call("StopLogging", arn, region="us-east-1")).codes == ("LOGGING_OFF",)
    # One that no snapshot shows may have been there in between; the other kept everything.
    assert [row.outcome for row in judged(held([call("StopLogging", {"name": "mine"})]))] == ["pass"]


def test_from_and_to_are_told() -> None:
    began = call("StartLogging", hours=2)
    assert "from 2026-05-12T10:00:00Z to 2026-05-12T12:00:00Z" in one(call("StopLogging"), began).explanation
    assert "from 2026-05-12T10:00:00Z on" in one(call("StopLogging")).explanation
    assert "to 2026-06-06T10:00:00Z" in one(call("StopLogging"), call("StartLogging", hours=24 * 25)).explanation
    other = call("StartLogging", {"name": "other"}, hours=2)
    assert "10:00:00Z on" in one(call("StopLogging"), other).explanation


ORGANISATION = trail("organisation")


def test_a_trail_that_was_replaced_needs_an_overlap() -> None:
    both = [trail(), ORGANISATION]
    found = one(call("DeleteTrail"), before=both, after=[ORGANISATION])
    assert (found.outcome, len(found.evidence)) == ("pass", 3)
    assert one(call("DeleteTrail"), before=[trail()], after=[ORGANISATION]).codes == ("LOGGING_OFF",)
    partly = trail("organisation", management_events="WriteOnly")
    assert one(call("DeleteTrail"), before=[trail(), partly], after=[partly]).codes == ("LOGGING_OFF",)
    # The other one was stopped as well, for a while.
    stopped = [
        call("StopLogging", {"name": "organisation"}, hours=1),
        call("StartLogging", {"name": "organisation"}, hours=2),
    ]
    assert one(call("DeleteTrail"), *stopped, before=both, after=[ORGANISATION]).codes == ("LOGGING_OFF",)
    assert one(call("StopLogging"), before=both, after=[]).outcome == "unknown"
    assert one(call("StopLogging"), before=[], after=both).outcome == "unknown"


def test_what_explains_a_call() -> None:
    deploys = {"pipeline_identities": ["Deployer"]}
    row = by_role("Deployer", "run-7", event_name="UpdateTrail", event_source="cloudtrail.amazonaws.com",
                  request_parameters='{"name": "all"}')  # fmt: skip
    assert one(row).outcome == "unknown"
    assert one(row, rules=deploys).outcome == "pass"
    assert one(row | {"mfa_authenticated": True}, rules=deploys).outcome == "unknown"  # a person with the role
    named = row | {"identity_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Own/Deployer", "issuer_arn": None}
    assert one(named, rules=deploys).outcome == "unknown"  # anybody may name a session so

    def explained(signed_by: str | None, event_id: str = "e1", known: bool = True) -> str:
        evidence = held([call("UpdateTrail", event_id="e1")])
        evidence.record(
            "CC7-LOG-01",
            "toggles",
            REGION,
            "logging_explanation",
            WROTE + DAY,
            {"event_id": event_id},
            signed_by=signed_by,
        )
        people: list[Mapping[str, Any]] = [{"person_id": "p1", "email": "alice@acme.example"}]
        accounts: list[Mapping[str, Any]] = [
            {"person_id": "p1", "system": "aws", "account_id": f"arn:aws:iam::{ACCOUNT}:user/alice"}
        ]
        registers = {"people": people, "identities": accounts}
        [row] = judged(evidence, registers=registers if known else {})
        return row.outcome

    assert explained("cto@acme.example") == explained("cto@acme.example", "toggle:e1") == "pass"
    assert explained("alice@acme.example") == "unknown"
    assert explained("cto@acme.example", "e2") == explained(None) == "unknown"
    assert explained("cto@acme.example", known=False) == "unknown"  # alice's account is nobody's, so perhaps theirs


def test_a_ticket_that_names_the_call_explains_it() -> None:
    evidence = held([call("UpdateTrail", event_id="e-1")])
    said = event("commented", WROTE + DAY, text="That was us: e-1, the new bucket")
    evidence.store(tickets.CHANGES, REGION, [ticket(7, WROTE - DAY, said)])
    another = held([call("UpdateTrail", event_id="e")])
    another.store(tickets.CHANGES, REGION, [ticket(7, WROTE - DAY, said)])
    assert [one.outcome for one in judged(another)] == ["unknown"], "a part of a word is no name"
    [found] = judged(evidence)
    assert (found.outcome, len(found.evidence)) == ("pass", 2)
    assert "ticket acme/ops#7 names" in found.explanation


def test_calls_that_are_not_held_are_unknown() -> None:
    assert [row.item_id[:14] for row in judged(held([], covered=False))] == ["window:toggles"]
    assert judged(held([], covered=False), as_of=END - DAY) == []
    nobody = replace(window("CC7-LOG-01", scope=REGION), holders={MANAGEMENT_EVENTS.name: ()})
    assert [row.outcome for row in aws_toggles(nobody, held([]))] == ["unknown"]


def test_hostile_words_break_nothing() -> None:
    ugly = "x" * 4000 + "|\n<b>"
    for text in (json.dumps({"name": ugly}), "[", '{"name": {"a": 1}}', '"x"'):
        assert one(call("UpdateTrail", identity_user_name=ugly) | {"request_parameters": text}).outcome == "unknown"


# --- Google Cloud


def logging(method: str = "google.logging.v2.ConfigServiceV2.DeleteSink", **changed: Any) -> Row:
    named: Row = {"service": "logging.googleapis.com", "resource_name": "projects/acme/sinks/all"}
    return of_google(method, **named | changed)


STORAGE: Row = {
    "method": "storage.setIamPermissions", "service": "storage.googleapis.com",
    "resource_name": "projects/_/buckets/acme-logs",
}  # fmt: skip


def google(*rows: Row, covered: bool = True, **kept: Any) -> list[Outcome]:
    evidence = MemoryEvidence()
    evidence.store(gcp.ADMIN_ACTIVITY, GCP, rows)
    if covered:
        evidence.claim(gcp.ADMIN_ACTIVITY, GCP, START, LATER)
    sink = {"config_id": "s", "kind": "sink", "name": "all", "destination": "storage.googleapis.com/acme-logs"}
    evidence.snapshot(gcp.LOG_CONFIG, GCP, START, [filled(gcp.LOG_CONFIG, sink)])
    return google_toggles(window("CC7-LOG-01", scope=GCP, name="acme", **kept), evidence)


@pytest.mark.parametrize(
    ("row", "outcomes"),
    [
        (logging(), ["unknown"]),
        (logging("google.logging.v2.ConfigServiceV2.UpdateSink"), ["unknown"]),
        (logging("google.logging.v2.ConfigServiceV2.GetSink"), []),
        (logging(status_code=7), []),
        (logging(**STORAGE), ["unknown"]),
        (logging(**STORAGE | {"resource_name": "projects/_/buckets/other"}), []),
        (logging(service="compute.googleapis.com"), []),
    ],
)
def test_calls_at_google(row: Row, outcomes: list[str]) -> None:
    assert [found.outcome for found in google(row)] == outcomes


def test_calls_at_google_by_the_pipeline_or_not_held() -> None:
    rules = {"pipeline_identities": ["alice@acme.example"]}
    assert [row.outcome for row in google(logging(), rules=rules)] == ["pass"]
    assert [row.outcome for row in google(covered=False)] == ["unknown"]


# --- verdicts of somebody else

OURS = {
    "AWS.CloudTrail.Stopped", "AWS.CloudTrail.EventSelectorsDisabled", "AWS.CloudTrail.ShortLifecycle",
    "AWS.CloudTrail.SecurityConfigurationChange", "AWS.S3.BucketPolicyModified",
    "GCP.Log.Bucket.Or.Sink.Deleted", "GCP.Logging.Sink.Modified", "GCP.Logging.Settings.Modified",
}  # fmt: skip


def verdicts(system: str) -> list[Row]:
    path = VERDICTS / f"rules-{system}_rules.jsonl"
    if not path.is_file():
        pytest.skip(f"the recorded verdicts are not here: {path.name}")
    return [row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if row["rule"] in OURS]


def test_calls_at_aws_that_others_alert_on_are_ours_too() -> None:
    """Every trail and bucket of the verdicts is one of the company's; what others alert on never passes here."""
    names = ("example-trail", "sample-cloudtrail-name")
    buckets = ("sample-cloudtrail-bucket-name", "bucket")
    shown = [trail(name, bucket=bucket) for name in names for bucket in buckets]
    judged_, alerts = 0, 0
    for case in verdicts("aws_cloudtrail"):
        times = {"eventTime": "2026-05-12T10:00:00Z", "eventID": "x", "recipientAccountId": ACCOUNT}
        record = {"eventSource": "cloudtrail.amazonaws.com", **case["event"], "awsRegion": "eu-west-1", **times}
        rows = [dict(row) for row in as_collected([record])]
        found = judged(held([row | {"scope_item_id": AWS} for row in rows], before=shown))
        alert = any(row.outcome != "pass" for row in found)
        assert alert == case["expected_alert"], (case["rule"], case["test"], found)
        judged_, alerts = judged_ + 1, alerts + alert
    assert judged_ >= 16
    assert alerts >= 5


def test_calls_at_google_that_others_alert_on_are_ours_too() -> None:
    envelope = {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "insertId": "cut",
        "timestamp": "2026-05-12T10:00:00Z",
    }  # fmt: skip
    compared = 0
    for case in verdicts("gcp_audit"):
        given = {name: value for name, value in case["event"].items() if "imestamp" not in name}
        try:
            row = audit_row(GCP, {**envelope, **given, "timestamp": envelope["timestamp"]}, gcp.ADMIN_ACTIVITY)
        except SchemaDrift:
            assert not case["expected_alert"]  # without service or method it is nothing that happened
            continue
        compared += 1
        assert bool(google(row)) == case["expected_alert"], (case["rule"], case["test"])
    assert compared >= 7


def test_a_window_has_its_own_calls() -> None:
    early = datetime(2026, 4, 30, 23, tzinfo=UTC)
    assert judged(held([call("StopLogging") | {"event_time": early}])) == []
