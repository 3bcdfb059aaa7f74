"""Independent verdicts on audit events agree with ours wherever a rule is the same.

The rules are somebody else's; each line of the file is an event with the verdict that the rule gives. Compared are the
rules whose question our rows and our reading of power answer too: nothing is tuned to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.audit_rows import audit_row
from connectors.gcp.iam_rows import PUBLIC, privilege
from schemas.errors import SchemaDrift
from schemas.gcp import ADMIN_ACTIVITY

VERDICTS = (
    Path(__file__).resolve().parents[4] / "shared" / "data" / "detection-verdicts" / "rules-gcp_audit_rules.jsonl"
)
ENVELOPE = {
    "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "insertId": "cut",
    "timestamp": "2024-01-01T00:00:00Z", "receiveTimestamp": "2024-01-01T00:00:01Z",
}  # fmt: skip
Row = dict[str, Any]

pytestmark = pytest.mark.skipif(not VERDICTS.is_file(), reason=f"the verdicts are not there: {VERDICTS.name}")


def used(permission: str) -> Callable[[Row], bool]:
    """Whether a right was used, and not only asked for."""
    return lambda row: any(one["permission"] == permission and one["granted"] for one in row["permissions"])


def gives_power(permission: str) -> bool:
    """Whether a role with this one permission makes its holder an administrator, by `gcp.administrators`."""
    return privilege("projects/p/roles/x", {"includedPermissions": [permission]}) is not None


POWERS = {
    "GCP.iam.roles.update.Privilege.Escalation": "iam.roles.update",
    "GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation": "iam.serviceAccounts.getAccessToken",
    "GCP.IAM.serviceAccounts.signBlob": "iam.serviceAccounts.signBlob",
    "GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation": "iam.serviceAccounts.signJwt",
    "GCP.iam.serviceAccountKeys.create": "iam.serviceAccountKeys.create",
}
"""Rules about the use of a right that lets its holder take on more: the right must be power to us as well."""


def _given(row: Row) -> list[tuple[str, str]]:
    return [(one["role"], one["member"]) for one in row["policy_deltas"] if one["action"] == "ADD"]


OTHERS: dict[str, Callable[[Row], bool]] = {
    "GCP.GCS.Public": lambda row: any(member in PUBLIC for _, member in _given(row)),
    "GCP.IAM.OrgFolderIAMChanges": lambda row: row["inherited"] and row["method"].endswith("SetIamPolicy"),
    "GCP.Firewall.Rule.Created": lambda row: _firewall(row, "insert", "create"),
    "GCP.Firewall.Rule.Deleted": lambda row: _firewall(row, "delete"),
    "GCP.Firewall.Rule.Modified": lambda row: _firewall(row, "patch", "update"),
    "GCP.Log.Bucket.Or.Sink.Deleted": lambda row: (
        row["service"] == "logging.googleapis.com" and row["method"].endswith(("DeleteBucket", "DeleteSink"))
    ),
    "GCP.Logging.Sink.Modified": lambda row: row["method"].endswith("ConfigServiceV2.UpdateSink"),
}
"""Other rules, as a question to a row of the audit log."""


def _firewall(row: Row, *verbs: str) -> bool:
    """A rule of a network, of App Engine or of a firewall policy, by the method that was called."""
    *_, what, verb = row["method"].casefold().rsplit(".", 2)
    ours = "firewall" in what or "ingressrule" in verb
    return ours and verb.startswith(verbs) and row["status_code"] == 0


def rows(rule: str) -> list[tuple[str, Row, bool]]:
    """Name of the test, row and verdict of the events that are whole enough to be an entry of the log."""
    found: list[tuple[str, Row, bool]] = []
    for line in VERDICTS.read_text().splitlines():
        one = json.loads(line)
        if one["rule"] != rule:
            continue
        # Many were cut down to what the rule looks at: the envelope is put back, what was logged stays as it is.
        event = {**ENVELOPE, **one["event"]}
        for name in ("timestamp", "receiveTimestamp"):  # the recorder took the zone away, which was UTC
            text = event.get(name)
            if isinstance(text, str) and not text.endswith("Z") and "+" not in text:
                event[name] = text.replace(" ", "T") + "Z"
        try:
            row = audit_row("gcp:1", event, ADMIN_ACTIVITY)
        except SchemaDrift:
            continue  # without service or method it is nothing that happened
        found.append((one["test"], row, one["expected_alert"]))
    return found


@pytest.mark.parametrize("rule", sorted(OTHERS))
def test_a_rule_about_an_event_says_the_same_of_its_row(rule: str) -> None:
    for name, row, verdict in rows(rule):
        assert OTHERS[rule](row) is verdict, name


@pytest.mark.parametrize("rule", sorted(POWERS))
def test_a_right_whose_use_is_escalation_is_power(rule: str) -> None:
    assert gives_power(POWERS[rule])
    for name, row, verdict in rows(rule):
        assert used(POWERS[rule])(row) is verdict, name


def test_events_enough_are_whole() -> None:
    """A comparison that compares nothing would agree too."""
    compared = {rule: len(rows(rule)) for rule in (*OTHERS, *POWERS)}
    assert sum(compared.values()) >= 20
