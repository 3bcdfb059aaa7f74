"""What services of a small AWS account show: records for simulated companies, in the words of AWS's APIs."""

from __future__ import annotations

from typing import Any

from tests.fakes.aws_company import LONG_AGO, PROD

REGION = "eu-west-1"
OTHER = "us-east-1"
REGIONS = [REGION, OTHER]
DETECTOR = "d0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5"
TOPIC = f"arn:aws:sns:{REGION}:{PROD}:security"
STORE = "d-9067abc123"
INSTANCE = "arn:aws:sso:::instance/ssoins-1111222233334444"
ADMIN_SET = "arn:aws:sso:::permissionSet/ssoins-1111222233334444/ps-aaaabbbbccccdddd"
READ_SET = "arn:aws:sso:::permissionSet/ssoins-1111222233334444/ps-1111bbbbccccdddd"


def record(kind: str, shows: dict[str, Any], *, region: str = REGION, account: str = PROD, at: str = LONG_AGO,
           **more: Any) -> dict[str, Any]:  # fmt: skip
    return {"account": account, "region": region, "kind": kind, "at": at, "shows": shows, **more}


def detector(region: str = REGION, status: str = "ENABLED") -> dict[str, Any]:
    shows = {
        "Id": DETECTOR, "CreatedAt": LONG_AGO, "UpdatedAt": LONG_AGO, "Status": status, "ServiceRole": "x",
        "Features": [
            {"Name": "S3_DATA_EVENTS", "Status": "ENABLED"}, {"Name": "RDS_LOGIN_EVENTS", "Status": "DISABLED"},
        ],
    }  # fmt: skip
    return record("guardduty.detector", shows, region=region)


def finding(number: int, created: str, *, severity: float = 8, updated: str | None = None, archived: bool = False,
            region: str = REGION, **more: Any) -> dict[str, Any]:  # fmt: skip
    own = f"f{number:031d}"
    shows = {
        "AccountId": PROD, "Arn": f"arn:aws:guardduty:{region}:{PROD}:detector/{DETECTOR}/finding/{own}", "Id": own,
        "CreatedAt": created, "UpdatedAt": updated or created, "Region": region, "Partition": "aws",
        "SchemaVersion": "2.0", "Severity": severity, "Type": "UnauthorizedAccess:IAMUser/ConsoleLogin",
        "Title": f"Finding {number}", "Description": "Somebody did something.",
        "Resource": {"ResourceType": "AccessKey", "AccessKeyDetails": {"UserName": "maria", "PrincipalId": "AIDA1"}},
        "Service": {"Archived": archived, "Count": 3, "EventFirstSeen": created, "EventLastSeen": updated or created},
        **more,
    }  # fmt: skip
    return record("guardduty.finding", shows, region=region, at=created)


def hub(region: str = REGION) -> dict[str, Any]:
    arn = f"arn:aws:securityhub:{region}:{PROD}:hub/default"
    return record("securityhub.hub", {"HubArn": arn, "SubscribedAt": LONG_AGO}, region=region)


def hub_finding(number: int, created: str, *, kind: str = "TTPs/Initial Access", label: str = "HIGH",
                region: str = REGION, **more: Any) -> dict[str, Any]:  # fmt: skip
    shows = {
        "SchemaVersion": "2018-10-08", "Id": f"arn:aws:securityhub:{region}:{PROD}:finding/{number}",
        "ProductArn": f"arn:aws:securityhub:{region}:{PROD}:product/{PROD}/default", "GeneratorId": "own",
        "AwsAccountId": PROD, "Types": [kind], "CreatedAt": created, "UpdatedAt": created,
        "Severity": {"Label": label, "Normalized": 70}, "Title": f"Hub finding {number}", "Description": "x",
        "Resources": [{"Type": "AwsEc2Instance", "Id": f"i-{number}"}], "RecordState": "ACTIVE", "Region": region,
        "Workflow": {"Status": "NOTIFIED"}, **more,
    }  # fmt: skip
    return record("securityhub.finding", shows, region=region, at=created)


def alarm(name: str = "root sign-in", action: str = TOPIC, region: str = REGION) -> dict[str, Any]:
    shows = {
        "AlarmName": name, "AlarmArn": f"arn:aws:cloudwatch:{region}:{PROD}:alarm:{name}", "ActionsEnabled": True,
        "AlarmActions": [action], "StateValue": "OK", "Namespace": "Own", "MetricName": "RootSignIn",
    }  # fmt: skip
    return record("cloudwatch.alarm", shows, region=region)


def alarm_entry(at: str, new: str = "ALARM", *, old: str = "OK", name: str = "root sign-in",
                kind: str = "MetricAlarm", region: str = REGION) -> dict[str, Any]:  # fmt: skip
    data = (
        f'{{"version":"1.0","oldState":{{"stateValue":"{old}"}},'
        f'"newState":{{"stateValue":"{new}","stateReason":"Threshold crossed"}}}}'
    )
    shows = {
        "AlarmName": name, "AlarmType": kind, "Timestamp": at, "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {old} to {new}", "HistoryData": data,
    }  # fmt: skip
    return record("cloudwatch.alarm_history", shows, region=region, at=at)


def topic(arn: str = TOPIC) -> dict[str, Any]:
    return record("sns.topic", {"TopicArn": arn})


def subscription(confirmed: bool = True, protocol: str = "email", endpoint: str = "oncall@acme.example",
                 number: int = 1) -> dict[str, Any]:  # fmt: skip
    arn = f"{TOPIC}:{number}" if confirmed else "PendingConfirmation"
    shows = {
        "SubscriptionArn": arn, "Owner": PROD, "Protocol": protocol, "Endpoint": endpoint, "TopicArn": TOPIC
    }  # fmt: skip
    return record("sns.subscription", shows)


def rule(name: str, *targets: str, state: str = "ENABLED") -> dict[str, Any]:
    shows = {
        "Name": name, "Arn": f"arn:aws:events:{REGION}:{PROD}:rule/{name}", "State": state,
        "EventPattern": '{"source":["aws.guardduty"]}',
        "Targets": [{"Id": str(place), "Arn": arn} for place, arn in enumerate(targets)],
    }  # fmt: skip
    return record("events.rule", shows)


def inspector(region: str = REGION, status: str = "ENABLED") -> dict[str, Any]:
    state = {"status": status, "errorCode": "ALREADY_ENABLED", "errorMessage": ""}
    shows = {"accountId": PROD, "state": state, "resourceState": {"ec2": state, "ecr": state, "lambda": state}}
    return record("inspector.status", shows, region=region)


def vulnerability(number: int, first_seen: str, *, status: str = "ACTIVE", severity: str = "HIGH",
                  updated: str | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    shows = {
        "findingArn": f"arn:aws:inspector2:{REGION}:{PROD}:finding/{number:032d}", "awsAccountId": PROD,
        "type": "PACKAGE_VULNERABILITY", "description": "x", "title": f"CVE-2026-{number} - openssl",
        "remediation": {"recommendation": {"text": "None Provided"}}, "severity": severity, "status": status,
        "firstObservedAt": first_seen, "lastObservedAt": updated or first_seen, "updatedAt": updated or first_seen,
        "resources": [{"type": "AWS_EC2_INSTANCE", "id": f"i-{number}"}], "inspectorScore": 7.5, "fixAvailable": "YES",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": f"CVE-2026-{number}", "source": "NVD", "vendorSeverity": "HIGH",
            "vulnerablePackages": [{"name": "openssl", "version": "3.0.1", "fixedInVersion": "3.0.9"}],
        },
        **more,
    }  # fmt: skip
    return record("inspector.finding", shows, at=first_seen)


def watched() -> list[dict[str, Any]]:
    """A region with everything on; the other one has nothing."""
    return [
        detector(), hub(), alarm(), topic(), subscription(), rule("findings", TOPIC), inspector(),
        record(
            "analyzer",
            {"arn": f"arn:aws:access-analyzer:{REGION}:{PROD}:analyzer/own", "name": "own", "type": "ACCOUNT",
             "createdAt": LONG_AGO, "status": "ACTIVE"},
        ),
    ]  # fmt: skip
