"""Rows of audit logs of AWS and Google Cloud for tests: something changed by alice, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from connectors.aws.trail.records import Origin, Taken, events
from schemas.aws_trail import MANAGEMENT_EVENTS

Row = dict[str, Any]

ACCOUNT = "111122223333"
AWS = f"aws:{ACCOUNT}"
GCP = "gcp:42"
WROTE = datetime(2026, 5, 12, 10, tzinfo=UTC)
"""A Tuesday."""


def written(name: str = "AuthorizeSecurityGroupIngress", at: datetime = WROTE, **changed: Any) -> Row:
    """A row of `aws.management_events`: the IAM user alice changes something."""
    empty: Row = {column.name: None for column in MANAGEMENT_EVENTS.arrow()}
    empty.pop("scope_item_id")
    row: Row = {
        "event_time": at, "event_id": f"e-{name}-{at:%d%H%M%S}", "account_id": ACCOUNT, "recipient_account_id": ACCOUNT,
        "region": "eu-west-1", "event_source": "ec2.amazonaws.com", "event_name": name, "event_type": "AwsApiCall",
        "event_category": "Management", "management_event": True, "read_only": False, "identity_type": "IAMUser",
        "identity_arn": f"arn:aws:iam::{ACCOUNT}:user/alice", "identity_user_name": "alice",
        "identity_access_key_id": "AKIA-ALICE-000001", "raw": "{}",
    }  # fmt: skip
    return empty | row | changed


def by_role(role: str = "Operator", session: str = "alice@acme.example", **changed: Any) -> Row:
    """The same in a session of a role, begun an hour before."""
    named: Row = {
        "identity_type": "AssumedRole", "identity_user_name": None,
        "identity_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{session}",
        "identity_access_key_id": "ASIA-SESSION-0001", "issuer_type": "Role",
        "issuer_arn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "mfa_authenticated": False,
        "session_created_at": WROTE.replace(hour=9),
    }  # fmt: skip
    return written(**named) | changed


def of_google(method: str = "v1.compute.firewalls.insert", at: datetime = WROTE, **changed: Any) -> Row:
    """A row of `gcp.admin_activity`: alice changes something in a project."""
    row: Row = {
        "event_id": f"g-{method}-{at:%d%H%M%S}", "event_time": at, "received_at": at, "container": "projects/acme",
        "inherited": False, "log": "activity", "insert_id": f"insert-{at:%d%H%M%S}", "severity": "NOTICE",
        "service": "compute.googleapis.com", "method": method, "resource_name": "projects/acme/global/firewalls/a",
        "resource_type": "gce_firewall_rule", "principal": "alice@acme.example", "principal_kind": "person",
        "delegation": [], "key_name": None, "caller_ip": "1.2.3.4", "user_agent": "console", "permissions": [],
        "policy_deltas": [], "status_code": 0, "operation_id": None, "operation_first": None, "operation_last": None,
        "raw": "{}",
    }  # fmt: skip
    return row | changed


def as_collected(records: list[Mapping[str, Any]]) -> Iterator[Row]:
    """Events as CloudTrail writes them, as the collector stores them."""
    interval = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    origin = Origin.of(AWS, ACCOUNT, None, interval)
    texts = [msgspec.Raw(orjson.dumps(record)) for record in records]
    yield from events(texts, origin, Taken()).batch.to_pylist()
