"""The demo company with what only the conformance suite needs: services that watch, Google, something of every kind.

It is a company of its own, because each further source of the demo company would be collected in every demonstration.
Whoever adds a dataset adds here what it shows, unless the demo company has it already.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from ruamel.yaml import YAML

from sandbox.company import company_folder
from sandbox.google import start as google_start
from sandbox.google.calls import Handler
from sandbox.google.cloud.resources import cloud_world_handlers
from sandbox.google.cloud.world import CloudWorld
from schemas.tickets import REGISTER_OF as TICKETS
from tests.fakes import aws_configuration, aws_identity, aws_records
from tests.fakes.aws_company import LONG_AGO, PROD
from tests.fakes.aws_records import REGION, record
from tests.fakes.cloud_company import small_world

ACCOUNT = "210987654321"
"""The demo company's production account, which has everything."""
RECENT = "2026-08-10T09:00:00Z"
_DIGEST = "sha256:" + "a" * 64


def furnish(folder: Path) -> Path:
    """Write the company into a folder."""
    shutil.copytree(company_folder("demo"), folder)
    _records(folder)
    _regions(folder / "aws.yaml")
    _workspace(folder / "google.yaml")
    (folder / "gcp.yaml").touch()  # served by `cloud`
    _programme(folder / "program.yaml")
    return folder


def _programme(path: Path) -> None:
    yaml = YAML()
    content = yaml.load(path)
    content["scope"]["google"] = {
        "customer": "C03tally1", "domain": "tallybrook.example", "delegate": "evidence@tallybrook.example",
    }  # fmt: skip
    content["scope"]["gcp"] = {"projects": ["tallybrook-prod"]}
    content["scope"]["services"] = ["ledger"]
    content["scope"]["policies"] = ["Information security policy"]
    for register in TICKETS.values():
        place = {"repository": "tallybrook/ledger-core", "label": "incident"}
        content["registers"][register] = {"github_issues": place}
    jira = {"url": "https://tallybrook.atlassian.net", "project": "ACC", "label": "access"}
    content["registers"]["access_requests"] = {"jira": jira}
    content["registers"]["alert_triage"] = {"pagerduty": {"services": ["PLEDGER1", "PPAYOUT1"]}}
    content["categories"] = ["security", "availability", "confidentiality"]
    yaml.dump(content, path)


def _regions(path: Path) -> None:
    """Two regions an account: what is read of each is the same code, and seventeen of them take eight times as long."""
    yaml = YAML()
    content = yaml.load(path)
    for account in content["accounts"]:
        account["regions"] = [REGION, "us-east-1"]
    yaml.dump(content, path)


def _workspace(path: Path) -> None:
    """What happens in the office in the month that is read."""
    yaml = YAML()
    content = yaml.load(path)
    content.setdefault("meetings", []).append(
        {"id": "m1", "title": "Access review", "at": "2026-08-12T10:00:00Z", "organizer": "p004", "guests": ["p002"]}
    )
    content.setdefault("documents", []).append({
        "id": "doc-policy", "title": "Information security policy", "owner": "p004",
        "revisions": ["2026-08-03T09:00:00Z"],
        "approvals": [{"at": "2026-08-04T09:00:00Z", "by": "p004", "reviewers": ["p002"],
                       "completed": "2026-08-05T09:00:00Z"}],
    })  # fmt: skip
    content["happenings"] += [
        {"application": "token", "at": f"2026-08-{day:02}T09:00:00Z", "by": "p022", "type": "auth", "name": "authorize",
         "parameters": {"client_id": "7711.apps.example", "app_name": "Roadmap board"}}
        for day in (3, 4, 5)
    ]  # fmt: skip
    content.setdefault("alerts", []).append(
        {"id": "a1", "type": "Suspicious login", "source": "Google identity", "at": "2026-08-12T10:00:00Z"}
    )
    yaml.dump(content, path)


def _account(number: int) -> dict[str, Any]:
    email = f"svc{number}@tallybrook-prod.iam.gserviceaccount.com"
    return {
        "name": f"projects/tallybrook-prod/serviceAccounts/{email}", "email": email, "uniqueId": str(10_000 + number),
        "projectId": "tallybrook-prod", "displayName": f"Service {number}", "oauth2ClientId": "1", "etag": "x",
    }  # fmt: skip


def _logged(number: int, log: str) -> dict[str, Any]:
    return {
        "insertId": f"{log}{number}", "timestamp": f"2026-08-{number + 1:02}T09:00:00Z", "severity": "NOTICE",
        "receiveTimestamp": f"2026-08-{number + 1:02}T09:00:02Z",
        "logName": f"projects/tallybrook-prod/logs/{quote(f'cloudaudit.googleapis.com/{log}', safe='')}",
        "resource": {"type": "project", "labels": {}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "compute.googleapis.com",
            "methodName": "v1.compute.firewalls.patch", "resourceName": f"projects/tallybrook-prod/firewalls/{number}",
            "authenticationInfo": {"principalEmail": "ines@tallybrook.example"},
        },
    }  # fmt: skip


def _cloud_world() -> CloudWorld:
    """A project in which somebody works, with its logs on."""
    made = small_world()
    project, organisation = made.projects[0], made.above[0]
    made.roles = {
        "roles/owner": ["resourcemanager.projects.setIamPolicy"], "roles/viewer": ["compute.instances.list"],
        "roles/resourcemanager.organizationAdmin": ["resourcemanager.organizations.setIamPolicy"],
    }  # fmt: skip
    read = {"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}, {"logType": "DATA_WRITE"}]}
    project.policy = {
        "bindings": [
            {"role": "roles/owner", "members": ["user:ines@tallybrook.example", "user:tomasz@tallybrook.example"]},
            {"role": "roles/viewer", "members": ["group:engineering@tallybrook.example"]},
        ],
        "auditConfigs": [read],
    }
    organisation.policy = {
        "bindings": [{"role": "roles/resourcemanager.organizationAdmin", "members": ["user:tomasz@tallybrook.example"]}]
    }
    project.records["iam.projects.serviceAccounts.list"] = [_account(number) for number in range(5)]
    project.records["iam.projects.serviceAccounts.keys.list"] = [
        {
            "name": f"{_account(number)['name']}/keys/k{number}", "keyType": "USER_MANAGED",
            "validAfterTime": "2025-03-01T00:00:00Z", "validBeforeTime": "9999-12-31T23:59:59Z",
            "keyOrigin": "GOOGLE_PROVIDED", "keyAlgorithm": "KEY_ALG_RSA_2048",
        }
        for number in range(3)
    ]  # fmt: skip
    organisation.records["logging.organizations.sinks.list"] = [
        {"name": f"sink{number}", "destination": "storage.googleapis.com/audit", "includeChildren": True,
         "createTime": "2025-01-01T00:00:00Z"}
        for number in range(3)
    ]  # fmt: skip
    project.records["logging.projects.locations.buckets.list"] = [
        {"name": "projects/tallybrook-prod/locations/global/buckets/_Required", "retentionDays": 400, "locked": True},
        {"name": "projects/tallybrook-prod/locations/global/buckets/_Default", "retentionDays": 30},
    ]
    made.entries = [_logged(number, log) for log in ("activity", "data_access") for number in range(9)]
    return made


def cloud() -> Any:
    """A patch by which the simulated Google serves a small Google Cloud."""
    handlers: Mapping[str, Handler] = cloud_world_handlers(_cloud_world())
    return patch.object(google_start, "cloud_handlers", lambda _folder: handlers)


def _records(folder: Path) -> None:
    """What AWS services show, in the production account and its region."""
    found = [*_detection(), *aws_configuration.everything(), *aws_identity.identity_center()]
    ours = json.loads(json.dumps(found, default=str).replace(PROD, ACCOUNT))
    with (folder / "aws.records.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump({"records": ours}, stream)


def _detection() -> list[dict[str, Any]]:
    analyzer = f"arn:aws:access-analyzer:{REGION}:{PROD}:analyzer/own"
    qualifier = {"ConfigRuleName": "r", "ResourceType": "AWS::S3::Bucket", "ResourceId": "b"}
    return [
        *aws_records.watched(), *(aws_records.finding(number, RECENT) for number in range(7)),
        *(aws_records.hub_finding(number, RECENT) for number in range(3)), aws_records.alarm_entry(RECENT),
        aws_records.hub_finding(9, RECENT, kind="Software and Configuration Checks/x", Compliance={"Status": "FAILED"}),
        *(aws_records.vulnerability(number, RECENT) for number in range(3)),
        record("inspector.coverage", {
            "accountId": PROD, "resourceType": "AWS_EC2_INSTANCE", "resourceId": "i-1", "scanType": "PACKAGE",
            "scanStatus": {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"}}),
        record("ecr.repository", {
            "repositoryName": "api", "repositoryArn": f"arn:aws:ecr:{REGION}:{PROD}:repository/api",
            "registryId": PROD}),
        record("ecr.image", {
            "repositoryName": "api", "registryId": PROD, "imageDigest": _DIGEST,
            "imageScanStatus": {"status": "COMPLETE"}}),
        record("ecr.findings", {
            "repositoryName": "api", "imageDigest": _DIGEST, "imageScanCompletedAt": RECENT,
            "findingSeverityCounts": {}, "findings": [{"name": "CVE-2026-9", "severity": "LOW"}]}),
        record("config.rule", {
            "ConfigRuleName": "r", "Compliance": {"ComplianceType": "COMPLIANT"},
            "Source": {"Owner": "AWS", "SourceIdentifier": "R"}}),
        record("config.result", {
            "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier}, "ComplianceType": "COMPLIANT"}),
        record("analyzer.finding", {
            "analyzerArn": analyzer, "id": "f", "status": "ACTIVE", "analyzedAt": LONG_AGO, "createdAt": LONG_AGO,
            "updatedAt": LONG_AGO, "resourceType": "AWS::S3::Bucket", "resourceOwnerAccount": PROD}),
    ]  # fmt: skip
