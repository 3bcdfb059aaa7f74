"""Recorded events with a verdict by others: what they call use of root, an override or a new right, we call so too.

Each of their rules answers yes or no for one event. Where a rule asks what ours asks, the answers must be the same;
where it asks for a part of it (administrators only), its yes must be a yes of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.gcp.audit_rows import audit_row
from connectors.github.audit_events import _log_row  # pyright: ignore[reportPrivateUsage]
from evidence.controls.access_events import access_events
from evidence.controls.privileged_events import Uses
from schemas.gcp import ADMIN_ACTIVITY
from schemas.github import ADMINISTRATORS
from tests.evidence.controls.access import owner
from tests.evidence.controls.rights import AWS, GCP, GITHUB, Row, window
from tests.evidence.controls.writes import as_collected
from tests.fakes.memory_evidence import MemoryEvidence

DATA = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded verdicts are not there: {DATA.name}")

Case = Mapping[str, Any]


def aws_row(event: Row) -> Row:
    """As the collector stores it; times and identities that were blacked out are filled in."""
    stamp = str(event["eventTime"]).replace(" ", "T").partition(".")[0].removesuffix("Z")
    made = event | {"eventTime": f"{stamp}Z" if stamp[:1].isdigit() else "2026-05-12T10:00:00Z"}
    [row] = as_collected([{"awsRegion": "us-east-1", **made}])
    return row


def github_row(event: Row) -> Row:
    stamp = event["created_at"]
    at = stamp if isinstance(stamp, int | float) else 1_600_000_000_000
    return _log_row({"_document_id": "x", **event, "@timestamp": int(at), "created_at": int(at)}, GITHUB)


def gcp_row(event: Row) -> Row:
    filled = {"timestamp": "2026-05-12T10:00:00Z", "insertId": "x", **event}
    payload = {"serviceName": "cloudresourcemanager.googleapis.com", **event["protoPayload"]}
    # One of the recorded entries has what stands beside the payload inside it.
    filled |= {name: payload[name] for name in ("resource", "timestamp") if name in payload}
    for name in {"timestamp", "receiveTimestamp"} & filled.keys():
        filled[name] = f"{str(filled[name]).replace(' ', 'T').removesuffix('Z')}Z"
    filled.setdefault("logName", "projects/x/logs/cloudaudit.googleapis.com%2Factivity")
    return audit_row(GCP, filled | {"protoPayload": payload}, ADMIN_ACTIVITY)


def is_use(scope: str, row: Row) -> bool:
    """Whether it is a use of the highest powers; on GitHub the one owner is `cat`."""
    evidence = MemoryEvidence()
    if scope == GITHUB:
        evidence.snapshot(ADMINISTRATORS, scope, row["event_time"].replace(microsecond=0), [owner("cat")])
    use = Uses(window("CC6-ROOT-01", scope), evidence).of(row)
    return use is not None and use.doubt is None


def grants(system: str, row: Row) -> list[Any]:
    return [event for event in access_events(system, row) if event.kind in ("granted", "restored")]


def of_root(event: Row) -> bool:
    return is_use(AWS, aws_row(event))


def admin_attached(event: Row) -> bool:
    return any(one.privileged for one in grants("aws", aws_row(event)))


def user_created(event: Row) -> bool:
    return any(one.action == "iam:CreateUser" for one in grants("aws", aws_row(event)))


def github_use(event: Row) -> bool:
    return is_use(GITHUB, github_row(event))


def github_grant(event: Row) -> bool:
    return bool(grants("github", github_row(event)))


def github_change(event: Row) -> bool:
    return bool(list(access_events("github", github_row(event))))


def outsider(event: Row) -> bool:
    return any("@gmail.com" in (one.subject.email or "") for one in grants("gcp", gcp_row(event)))


def at_the_top(event: Row) -> bool:
    return is_use(GCP, gcp_row(event))


def invited(event: Row) -> bool:
    return bool(grants("gcp", gcp_row(event)))


SAME: Mapping[str, Callable[[Row], bool]] = {
    "AWS.Root.Activity": of_root,
    "AWS.Console.RootLogin": of_root,
    "AWS.CloudTrail.RootPasswordChanged": of_root,
    "AWS.IAM.AttachAdminUserPolicy": admin_attached,
    "AWS.IAM.CreateUser": user_created,
    "GitHub.Branch.PolicyOverride": github_use,
    "GitHub.Org.Modified": github_use,
    "Github.Organization.App.Integration.Installed": github_grant,
    "Github.Repo.CollaboratorChange": github_change,
    "GitHub.User.RoleUpdated": github_change,
    "GCP.IAM.CorporateEmail": outsider,
    "GCP.IAM.OrgFolderIAMChanges": at_the_top,
}
"""Rules that ask what we ask."""
PART: Mapping[str, Callable[[Row], bool]] = {
    "AWS.CloudTrail.RootAccessKeyCreated": of_root,  # ours asks for everything that root does
    "GCP.Project.ExternalUserOwnershipInvite": invited,  # ours for members of the company too
}
"""Rules that ask for a part of it: their yes is ours."""
FILES = ("rules-aws_cloudtrail_rules", "rules-github_rules", "rules-gcp_audit_rules")


def cases() -> Iterator[Case]:
    for name in FILES:
        path = DATA / f"{name}.jsonl"
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                case = json.loads(line)
                if case["rule"] in SAME or case["rule"] in PART:
                    yield case


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{one['rule']}: {one['test']}" for one in CASES])
def test_the_same_verdict(case: Case) -> None:
    rule = case["rule"]
    if rule in SAME:
        assert SAME[rule](case["event"]) is case["expected_alert"]
    elif case["expected_alert"]:
        assert PART[rule](case["event"])


def test_every_rule_is_there() -> None:
    assert {case["rule"] for case in CASES} == set(SAME) | set(PART)
    assert sum(1 for case in CASES if case["expected_alert"]) >= 15
