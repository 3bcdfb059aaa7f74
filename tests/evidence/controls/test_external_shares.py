"""C1-CLS-01, `sharing`: what was shared outside was approved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.controls.external_shares import SHARE_UNAPPROVED, shares_approved
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.dataset import Dataset
from schemas.gcp import DATA_ACCESS
from schemas.google import DRIVE_ACTIVITIES
from schemas.outcome import Outcome
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.writes import AWS, as_collected, written
from tests.fakes.memory_evidence import MemoryEvidence

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts"
GOOGLE, GCP = "google:C1", "gcp:42"
AT = datetime(2026, 5, 12, 10, tzinfo=UTC)
SYSTEMS: dict[str, Any] = {
    "aws": {"accounts": [{"id": "111122223333"}, {"id": "444455556666"}]},
    "google": {"customer": "C1", "domain": "acme.example", "delegate": "auditor@acme.example"},
}
PEOPLE: dict[str, list[Mapping[str, Any]]] = {
    "people": [
        {"person_id": "p1", "email": "alice@acme.example", "aliases": ["al@acme.example"]},
        {"person_id": "p2", "email": "bob@acme.example", "aliases": None},
    ],
    "identities": [{"person_id": "p1", "system": "aws", "account_id": "alice"}],
}
DATASETS: dict[str, Dataset] = {GOOGLE: DRIVE_ACTIVITIES, AWS: MANAGEMENT_EVENTS, GCP: DATA_ACCESS}
Row = dict[str, Any]


def shared(name: str = "change_user_access", **parameters: Any) -> Row:
    """A row of `google.drive_activities`: alice shares the price list with a customer."""
    told = {"doc_id": "doc-prices", "doc_title": "Prices", "target_user": "eve@customer.example",
            "new_value": ["can_view"], "old_value": ["none"], "visibility": "shared_externally"}  # fmt: skip
    return {
        "event_id": f"drive:1#{name}", "event_time": AT, "activity_id": "1", "application": "drive",
        "unique_qualifier": "q", "event_index": 0, "event_name": name, "scopes": [], "object_id": "doc-prices",
        "object_name": "Prices", "parameters": json.dumps(told | parameters),
        "actor": {"email": "alice@acme.example", "profile_id": "1", "caller_type": "USER", "key": None},
    }  # fmt: skip


def called(name: str, told: Any, service: str = "ec2", **changed: Any) -> Row:
    return written(name, event_source=f"{service}.amazonaws.com", request_parameters=json.dumps(told), **changed)


def snapshot_shared(*accounts: str, **changed: Any) -> Row:
    items = [{"group": "all"} if one == "all" else {"userId": one} for one in accounts]
    told = {"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": items}}}
    return called("ModifySnapshotAttribute", told, **changed)


def policy(principal: Any, **more: Any) -> Row:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": principal, **more}
    return called("PutBucketPolicy", {"bucketName": "ledger", "bucketPolicy": {"Statement": [statement]}}, "s3")


def mapped(cls: str = "confidential", store: str = "doc-prices", approved: Sequence[Row] = ()) -> Row:
    return {"stores": [{"store_id": store, "class": cls, "owner": "bob@acme.example", "retention": "1 year"}],
            "approved_shares": list(approved)}  # fmt: skip


def allowed(
    document: str = "doc-prices", whom: str = "eve@customer.example", by: str | None = "bob@acme.example"
) -> Row:
    return {"document_id": document, "shared_with": whom, "approved_by": by, "approved_at": None}


def judged(
    scope: str, rows: Sequence[Row], maps: Sequence[Row] = (), *, held: bool = True, **more: Any
) -> list[Outcome]:
    evidence = MemoryEvidence()
    evidence.store(DATASETS[scope], scope, rows)
    if held:
        evidence.claim(DATASETS[scope], scope, START, END)
    for number, values in enumerate(maps):
        at = START + timedelta(days=number)
        evidence.record("C1-CLS-01", "map", scope, "data_map", at, values, kind="periodic")
    return shares_approved(
        window("C1-CLS-01", scope=scope, name="acme", systems=SYSTEMS, registers=PEOPLE, **more), evidence
    )


def one(scope: str, row: Row, maps: Sequence[Row] = (), **more: Any) -> Outcome:
    (found,) = judged(scope, [row], maps, **more)
    return found


def test_a_confidential_document_shared_outside() -> None:
    found = one(GOOGLE, shared(), [mapped()])
    assert (found.outcome, found.codes) == ("exception", (SHARE_UNAPPROVED,))
    assert found.item_id == "google:activity:drive:1#change_user_access"
    assert "alice@acme.example shared Prices with eve@customer.example" in found.explanation
    assert one(GOOGLE, shared(), [mapped("restricted", "Prices")]).codes == (SHARE_UNAPPROVED,)


def test_what_the_map_says_of_it() -> None:
    assert one(GOOGLE, shared()).outcome == "unknown"
    assert one(GOOGLE, shared(), [mapped(store="another")]).outcome == "unknown"
    assert one(GOOGLE, shared(), [mapped("internal")]).outcome == "pass"
    assert one(GOOGLE, shared(), [mapped("internal"), mapped()]).outcome == "exception"  # the latest map counts
    assert one(GOOGLE, shared(), [mapped("internal")], as_of=START - timedelta(days=1)).outcome == "unknown"


APPROVALS: dict[str, tuple[Row, str]] = {
    "this one": (allowed(), "pass"),
    "its domain": (allowed(whom="Customer.example"), "pass"),
    "its title": (allowed("prices"), "pass"),
    "somebody else": (allowed(whom="mallory@customer.example"), "exception"),
    "another document": (allowed("doc-other"), "exception"),
    "approved by who shared it": (allowed(by="al@acme.example"), "exception"),
    "approved by nobody": (allowed(by=None), "exception"),
    "approved by somebody whom no register knows": (allowed(by="alice@mail.example"), "unknown"),
}


@pytest.mark.parametrize(("approval", "outcome"), APPROVALS.values(), ids=APPROVALS)
def test_approved_shares(approval: Row, outcome: str) -> None:
    assert one(GOOGLE, shared(), [mapped(approved=[approval])]).outcome == outcome


def test_somebody_whom_no_register_knows_may_have_approved_it_themselves() -> None:
    approved = [mapped(approved=[allowed("snap-1", "999988887777")])]
    call = snapshot_shared("999988887777", "888877776666")
    assert one(AWS, call, approved).outcome == "exception", "one of the two is approved"
    call = snapshot_shared("999988887777", identity_arn="arn:aws:iam::1:user/robert", identity_user_name="robert")
    assert one(AWS, call, approved).outcome == "unknown"


def test_what_is_public_needs_an_approval_as_public() -> None:
    public = shared("change_document_visibility", target_user=None, visibility="public_on_the_web")
    assert one(GOOGLE, public, [mapped(approved=[allowed()])]).codes == (SHARE_UNAPPROVED,)
    assert one(GOOGLE, public, [mapped(approved=[allowed(whom="anyone")])]).outcome == "pass"


NO_SHARE: dict[str, Row] = {
    "inside": shared(target_user="bob@acme.example", visibility="shared_internally"),
    "inside a part of the domain": shared(target_user="bob@eu.acme.example"),
    "a right taken away": shared(new_value=["none"]),
    "a member who leaves": shared("shared_drive_membership_change", membership_change_type="remove_from_shared_drive"),
    "for the domain": shared(
        "change_document_visibility", target_user=None, visibility="people_within_domain_with_link",
    ),
    "visible before": shared("change_document_visibility", target_user=None, visibility="people_with_link",
                             old_visibility="public_on_the_web"),
}  # fmt: skip


@pytest.mark.parametrize("row", NO_SHARE.values(), ids=NO_SHARE)
def test_what_is_no_share_outside(row: Row) -> None:
    assert judged(GOOGLE, [row], [mapped()]) == []


OUTSIDE: dict[str, Row] = {
    "a new owner": shared("change_owner", target_user=None, new_owner="eve@customer.example"),
    "a member of a drive": shared("shared_drive_membership_change", membership_change_type="add_to_shared_drive"),
    "a whole domain": shared(target_user=None, target_domain="customer.example"),
    "everybody with the link": shared("change_document_visibility", target_user=None, visibility="people_with_link"),
    "wider than before": shared("change_document_access_scope", target_user=None, visibility_change="external"),
    "a likely domain": shared(target_user="eve@notacme.example"),
}


@pytest.mark.parametrize("row", OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_shared_outside(row: Row) -> None:
    assert one(GOOGLE, row, [mapped()]).codes == (SHARE_UNAPPROVED,)


OF_AWS: dict[str, Row] = {
    "a snapshot for everybody": snapshot_shared("all"),
    "a snapshot for an account": snapshot_shared("999988887777"),
    "a snapshot of a database": called(
        "ModifyDBSnapshotAttribute",
        {"dBSnapshotIdentifier": "s", "attributeName": "restore", "valuesToAdd": ["999988887777"]}, "rds",
    ),
    "a bucket for everybody": policy("*"),
    "a bucket for an account": policy({"AWS": ["arn:aws:iam::999988887777:root"]}),
    "all but the organisation": policy("*", Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
    "whoever says nothing": policy("*", Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
    "every address": policy("*", Condition={"IpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}}),
    "an image for another organisation": called(
        "ModifyImageAttribute", {"imageId": "ami", "launchPermission": {"add": {"items": [
            {"organizationArn": "arn:aws:organizations::999988887777:organization/o-2"}]}}},
    ),
    "a bucket for all but one": called(
        "PutBucketPolicy",
        {"bucketName": "b", "bucketPolicy": {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}}}}, "s3",
    ),
    "a list of rights": called("PutBucketAcl", {"bucketName": "b", "x-amz-acl": ["public-read"]}, "s3"),
    "an image": called(
        "ModifyImageAttribute", {"imageId": "ami", "launchPermission": {"add": {"items": [{"group": "all"}]}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", OF_AWS.values(), ids=OF_AWS)
def test_stores_of_aws_are_confidential_unless_the_map_says_otherwise(row: Row) -> None:
    assert one(AWS, row).codes == (SHARE_UNAPPROVED,)


NOT_OF_AWS: dict[str, Row] = {
    "an account of the programme": snapshot_shared("444455556666"),
    "a call that failed": snapshot_shared("all", error_code="UnauthorizedOperation"),
    "taken away": called("ModifySnapshotAttribute", {"snapshotId": "s", "createVolumePermission": {"remove": {}}}),
    "a service": policy({"Service": "cloudtrail.amazonaws.com"}),
    "a denial": policy("*", Effect="Deny"),
    "the organisation": policy("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    "a private list of rights": called("PutBucketAcl", {"bucketName": "public-read", "x-amz-acl": ["private"]}, "s3"),
}


@pytest.mark.parametrize("row", NOT_OF_AWS.values(), ids=NOT_OF_AWS)
def test_what_shares_nothing_of_aws(row: Row) -> None:
    assert judged(AWS, [row]) == []


UNREADABLE: dict[str, Row] = {
    "no policy at all": called("PutBucketPolicy", None, "s3"),
    "no policy that anybody can read": called("PutBucketPolicy", {"bucketPolicy": "x"}, "s3"),
    "parameters left out": called("ModifySnapshotAttribute", None),
    "a canonical user": policy({"CanonicalUser": "79a59df900b949e5"}),
}


@pytest.mark.parametrize("row", UNREADABLE.values(), ids=UNREADABLE)
def test_what_can_not_be_read_is_not_known(row: Row) -> None:
    found = one(AWS, row)
    assert (found.outcome, found.codes) == ("unknown", ())


def test_a_bucket_by_its_arn() -> None:
    assert one(AWS, policy("*"), [mapped("public", "arn:aws:s3:::ledger")]).outcome == "pass"
    assert one(AWS, policy("*"), [mapped("x", "ledger", [allowed("ledger", "public")])]).outcome == "pass"
    shared_with = allowed("snap-1", "999988887777")
    assert one(AWS, snapshot_shared("999988887777"), [mapped(approved=[shared_with])]).outcome == "pass"


def of_google_cloud(member: str, **changed: Any) -> Row:
    delta = {"action": "ADD", "role": "roles/storage.objectViewer", "member": member, "condition": None}
    row: Row = {
        "event_id": f"d:{member}", "event_time": AT, "container": "projects/acme", "inherited": False,
        "log": "data_access", "insert_id": "i", "service": "storage.googleapis.com", "method": "setIamPermissions",
        "resource_name": "projects/_/buckets/ledger", "principal": "alice@acme.example", "principal_kind": "person",
        "delegation": [], "permissions": [], "policy_deltas": [delta | changed], "status_code": 0,
    }  # fmt: skip
    return row


def test_rights_on_data_at_google_cloud() -> None:
    assert one(GCP, of_google_cloud("allUsers")).codes == (SHARE_UNAPPROVED,)
    assert one(GCP, of_google_cloud("user:eve@customer.example")).codes == (SHARE_UNAPPROVED,)
    for member in ("user:bob@acme.example", "serviceAccount:x@acme.iam.gserviceaccount.com", "projectViewer:acme"):
        assert judged(GCP, [of_google_cloud(member)]) == []
    assert judged(GCP, [of_google_cloud("allUsers", action="REMOVE")]) == []
    assert judged(GCP, [of_google_cloud("allUsers") | {"status_code": 7}]) == []


def test_what_is_not_held_is_not_known() -> None:
    assert [one.outcome for one in judged(AWS, [], held=False)] == ["unknown"]
    assert judged(AWS, [], held=False, as_of=END - timedelta(days=1)) == []
    assert judged(AWS, []) == []


def test_hostile_words_break_nothing() -> None:
    ugly = "w" * 5000 + "|\n<i>@x.example"
    found = one(GOOGLE, shared(target_user=ugly) | {"object_name": ugly}, [mapped()])
    assert "\n" not in found.explanation
    assert len(found.explanation) < 1000
    assert judged(GOOGLE, [shared() | {"parameters": "["}], [mapped()]) == []


RULES = {"AWS.CloudTrail.SnapshotMadePublic", "AWS.RDS.SnapshotShared", "AWS.CloudTrail.AMIModifiedForPublicAccess"}


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the recorded verdicts (../shared/data/detection-verdicts) are not here"
)
def test_recorded_verdicts_on_shares_of_aws() -> None:
    lines = [
        json.loads(line)
        for line in (FOLDER / "rules-aws_cloudtrail_rules.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    chosen = [line for line in lines if line["rule"] in RULES]
    chosen += [
        line
        for line in lines
        if line["rule"] == "AWS.CloudTrail.ResourceMadePublic" and line["event"]["eventName"] == "PutBucketPolicy"
    ]
    assert len(chosen) >= 17
    for line in chosen:
        known = {"eventSource": "ec2.amazonaws.com", "awsRegion": "eu-west-1", **line["event"]}
        event = known | {"eventTime": "2026-05-12T10:00:00Z", "eventID": "x", "recipientAccountId": "555566667777"}
        scope = {**SYSTEMS, "aws": {"accounts": [{"id": "555566667777"}]}}
        rows = [dict(row) | {"scope_item_id": AWS} for row in as_collected([event])]
        evidence = MemoryEvidence()
        evidence.store(MANAGEMENT_EVENTS, AWS, rows)
        evidence.claim(MANAGEMENT_EVENTS, AWS, START, END)
        found = shares_approved(window("C1-CLS-01", scope=AWS, name="acme", systems=scope), evidence)
        assert any(one.codes for one in found) == line["expected_alert"], line["test"]


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the recorded verdicts (../shared/data/detection-verdicts) are not here"
)
def test_recorded_verdicts_on_documents_given_away() -> None:
    lines = [
        json.loads(line)
        for line in (FOLDER / "rules-gsuite_activityevent_rules.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    chosen = [line for line in lines if line["rule"] == "GSuite.DocOwnershipTransfer"]
    assert len(chosen) == 3
    for line in chosen:
        event = line["event"]
        row = shared(event["name"]) | {"parameters": json.dumps(event["parameters"])}
        scope = {"google": SYSTEMS["google"] | {"domain": "panther.com", "delegate": "a@panther.com"}}
        evidence = MemoryEvidence()
        evidence.store(DRIVE_ACTIVITIES, GOOGLE, [row])
        evidence.claim(DRIVE_ACTIVITIES, GOOGLE, START, END)
        found = shares_approved(window("C1-CLS-01", scope=GOOGLE, name="acme", systems=scope), evidence)
        assert bool(found) == line["expected_alert"], line["test"]
