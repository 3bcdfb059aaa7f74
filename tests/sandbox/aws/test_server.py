"""What the simulated AWS answers on the wire: pages, dates, credentials, faults, and refusals by name."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox.faults import Fault
from tests.fakes.aws_company import PROD, STAGING, START, Simulated, SimulatedAws, account, company, organisation, user


def client(aws: Simulated, service: str, **keys: str) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, region_name="us-east-1", endpoint_url=aws.server.url, config=config, **keys)


def code(call: Any, **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def aws(simulated_aws: SimulatedAws) -> Simulated:
    users = [user(f"u{number:03}") for number in range(150)]
    members = [account(f"9{number:011}", roles=[]) for number in range(25)]
    return simulated_aws.start(company(account(users=users), *members, organisation=organisation()))


def test_lists_come_in_pages_of_a_hundred(aws: Simulated) -> None:
    first = client(aws, "iam").list_users()
    assert len(first["Users"]) == 100
    assert first["IsTruncated"]
    second = client(aws, "iam").list_users(Marker=first["Marker"])
    assert len(second["Users"]) == 50
    assert not second["IsTruncated"]
    assert "Marker" not in second
    names = [entry["UserName"] for entry in first["Users"] + second["Users"]]
    assert sorted(names) == [f"u{number:03}" for number in range(150)]


def test_a_limit_is_kept_and_lists_within_lists_count_together(aws: Simulated) -> None:
    assert len(client(aws, "iam").list_users(MaxItems=7)["Users"]) == 7
    pages = (
        client(aws, "iam")
        .get_paginator("get_account_authorization_details")
        .paginate(PaginationConfig={"PageSize": 40})
    )
    sizes = [
        sum(len(page[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"))
        for page in pages
    ]
    assert sizes == [40, 40, 40, 31]  # 150 users and the reading role
    assert code(client(aws, "iam").list_users, Marker="made-up")[1] == "ValidationError"
    other = client(aws, "iam").list_users(MaxItems=5)["Marker"]
    assert code(client(aws, "iam").list_roles, Marker=other)[1] == "ValidationError"


def test_accounts_come_in_pages_of_twenty(aws: Simulated) -> None:
    first = client(aws, "organizations").list_accounts()
    assert len(first["Accounts"]) == 20
    second = client(aws, "organizations").list_accounts(NextToken=first["NextToken"])
    assert len(second["Accounts"]) == 6
    assert "NextToken" not in second
    assert code(client(aws, "organizations").list_accounts, NextToken="made-up")[1] == "InvalidInputException"
    assert (
        code(client(aws, "organizations").list_accounts_for_parent, ParentId="r-nope")[1] == "ParentNotFoundException"
    )
    assert code(client(aws, "organizations").describe_account, AccountId="0" * 12)[1] == "AccountNotFoundException"


def test_the_date_is_the_clocks(aws: Simulated) -> None:
    aws.clock.set(datetime(2026, 7, 3, 12, 0, 1, tzinfo=UTC))
    headers = client(aws, "iam").list_users(MaxItems=1)["ResponseMetadata"]["HTTPHeaders"]
    assert parsedate_to_datetime(headers["date"]) == datetime(2026, 7, 3, 12, 0, 1, tzinfo=UTC)


def test_the_report_is_kept_for_four_hours(aws: Simulated) -> None:
    iam = client(aws, "iam")
    assert code(iam.get_credential_report)[:2] == (410, "ReportNotPresent")
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert code(iam.get_credential_report)[:2] == (404, "ReportInProgress")
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert iam.get_credential_report()["GeneratedTime"] == START
    aws.clock.set(START + timedelta(hours=3, minutes=59))
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert iam.get_credential_report()["GeneratedTime"] == START
    aws.clock.set(START + timedelta(hours=4))
    assert code(iam.get_credential_report)[:2] == (410, "ReportExpired")
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert iam.get_credential_report()["GeneratedTime"] == START + timedelta(hours=4)
    aws.clock.set(START - timedelta(days=1))
    assert code(iam.get_credential_report)[1] == "ReportNotPresent"


def test_only_known_credentials_are_served(aws: Simulated) -> None:
    held = aws.server.environment
    good = {
        "aws_access_key_id": held["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": held["AWS_SECRET_ACCESS_KEY"],
        "aws_session_token": held["AWS_SESSION_TOKEN"],
    }  # fmt: skip
    assert client(aws, "sts", **good).get_caller_identity()["Account"] == PROD
    for spoiled in ({"aws_access_key_id": "AKIAMADEUP"}, {"aws_session_token": "made-up"}):
        for service, call in (("iam", "list_users"), ("sts", "get_caller_identity"), ("organizations", "list_roots")):
            status, name, _ = code(getattr(client(aws, service, **(good | spoiled)), call))
            assert (status, name) == (
                403, "UnrecognizedClientException" if service == "organizations" else "InvalidClientTokenId",
            )  # fmt: skip
    connection = http.client.HTTPConnection(urlsplit(aws.server.url).netloc)
    body = "Action=ListUsers&Version=2010-05-08"
    connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert connection.getresponse().status == 403
    connection.close()


def test_roles_are_assumed_by_those_they_trust(simulated_aws: SimulatedAws) -> None:
    closed = {
        "name": "closed", "created": "2024-01-10T09:00:00Z",
        "trust": {
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ]
        },
    }  # fmt: skip
    guarded = {
        "name": "guarded", "created": "2024-01-10T09:00:00Z",
        "trust": {
            "Statement": {
                "Effect": "Allow", "Principal": {"AWS": PROD}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}},
            }
        },
    }  # fmt: skip
    aws = simulated_aws.start(company(account(), account(STAGING, roles=[closed, guarded], users=[user("s")])))
    sts = client(aws, "sts")

    def role(name: str, **more: str) -> dict[str, str]:
        return {"RoleArn": f"arn:aws:iam::{STAGING}:role/{name}", "RoleSessionName": "test", **more}

    for refused in (role("nothing"), role("closed"), role("guarded"), role("guarded", ExternalId="other")):
        assert code(sts.assume_role, **refused)[:2] == (403, "AccessDenied")
    assert sts.assume_role(**role("guarded", ExternalId="agreed"))["AssumedRoleUser"]["Arn"].endswith("guarded/test")
    made = sts.assume_role(**role("evidence-reader"))["Credentials"]
    assert made["Expiration"] == START + timedelta(hours=1)
    keys = {
        "aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }  # fmt: skip
    assert [entry["UserName"] for entry in client(aws, "iam", **keys).list_users()["Users"]] == ["s"]
    aws.clock.set(START + timedelta(hours=1))
    assert code(client(aws, "iam", **keys).list_users)[:2] == (403, "ExpiredToken")


def test_what_is_not_modelled_is_an_error_that_names_it(aws: Simulated) -> None:
    cases = [
        ("iam", "list_organizations_features", {}, "iam:ListOrganizationsFeatures"),
        ("ec2", "describe_key_pairs", {}, "ec2:DescribeKeyPairs"),
        ("sts", "get_session_token", {}, "sts:GetSessionToken"),
        ("organizations", "list_policies", {"Filter": "TAG_POLICY"}, "organizations:ListPolicies"),
        ("guardduty", "list_filters", {"DetectorId": "d1"}, "guardduty:ListFilters"),
        ("cloudtrail", "list_channels", {}, "cloudtrail:ListChannels"),
        ("s3", "get_bucket_website", {"Bucket": "acme"}, "s3:GetBucketWebsite"),
    ]
    for service, call, parameters, name in cases:
        status, _, message = code(getattr(client(aws, service), call), **parameters)
        assert status == 400
        assert name in message
        assert "not modelled" in message


def test_nothing_can_be_changed(aws: Simulated) -> None:
    iam = client(aws, "iam")
    for call, parameters in (
        (iam.create_user, {"UserName": "x"}), (iam.delete_user, {"UserName": "u001"}),
        (iam.attach_user_policy, {"UserName": "u001", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ):  # fmt: skip
        assert code(call, **parameters)[:2] == (403, "AccessDenied")
    assert len(iam.list_users(MaxItems=1000)["Users"]) == 150


def test_reads_of_single_things_go_through(aws: Simulated) -> None:
    iam = client(aws, "iam")
    assert iam.get_user(UserName="u001")["User"]["Arn"] == f"arn:aws:iam::{PROD}:user/u001"
    assert code(iam.get_user, UserName="nobody")[:2] == (404, "NoSuchEntity")
    assert iam.get_account_summary()["SummaryMap"]["Users"] == 150
    assert code(iam.get_account_password_policy)[1] == "NoSuchEntity"
    role = iam.get_role(RoleName="evidence-reader")["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
    managed = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 1000})
    assert sum(len(page["Policies"]) for page in managed) > 1000


def test_regions_are_the_accounts_own(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(regions=["us-east-1", "eu-west-1"])))
    regions = client(aws, "ec2").describe_regions()["Regions"]
    assert {entry["RegionName"] for entry in regions} == {"us-east-1", "eu-west-1"}
    everything = client(aws, "ec2").describe_regions(AllRegions=True)["Regions"]
    assert {entry["RegionName"] for entry in everything if entry["OptInStatus"] == "not-opted-in"}
    abroad = boto3.client("ec2", region_name="af-south-1", endpoint_url=aws.server.url)
    assert code(abroad.describe_regions)[:2] == (401, "AuthFailure")


def test_members_may_not_list_the_organisation(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(), account(STAGING), organisation=organisation(management_account=STAGING))
    )
    organizations = client(aws, "organizations")
    assert organizations.describe_organization()["Organization"]["MasterAccountId"] == STAGING
    assert code(organizations.list_accounts)[1] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("fault", "service", "call", "expected"),
    [
        ({"kind": "forbidden"}, "iam", "list_users", (403, "AccessDenied")),
        ({"kind": "forbidden"}, "organizations", "list_roots", (400, "AccessDeniedException")),
        ({"kind": "forbidden"}, "ec2", "describe_regions", (403, "UnauthorizedOperation")),
        ({"kind": "unauthorized"}, "iam", "list_users", (403, "ExpiredToken")),
        ({"kind": "unauthorized"}, "organizations", "list_roots", (403, "ExpiredTokenException")),
        ({"kind": "rate_limited"}, "iam", "list_users", (400, "Throttling")),
        ({"kind": "rate_limited"}, "organizations", "list_roots", (400, "TooManyRequestsException")),
        ({"kind": "secondary_limit"}, "ec2", "describe_regions", (503, "RequestLimitExceeded")),
        ({"kind": "server_error", "status": 503}, "iam", "list_users", (503, "InternalFailure")),
        ({"kind": "server_error", "code": "html"}, "iam", "list_users", (500, "500")),
        ({"kind": "not_found"}, "iam", "get_account_summary", (404, "NoSuchEntity")),
        ({"kind": "error", "code": "OptInRequired", "status": 401}, "ec2", "describe_regions", (401, "OptInRequired")),
    ],
)
def test_faults_speak_the_language_of_the_service(
    aws: Simulated, fault: dict[str, Any], service: str, call: str, expected: tuple[int, str]
) -> None:
    aws.plan.replace([Fault(source="aws", match=f"{service}:*", **fault)])
    assert code(getattr(client(aws, service), call))[:2] == expected
    getattr(client(aws, service), call)()  # once, and then it is over


def test_a_connection_that_is_cut(aws: Simulated) -> None:
    aws.plan.replace([Fault(source="aws", kind="connection_reset", match="iam:ListUsers")])
    with pytest.raises(ConnectionClosedError):
        client(aws, "iam").list_users()
    assert client(aws, "iam").list_users(MaxItems=1)["Users"]


def test_pages_that_lie(aws: Simulated) -> None:
    iam = client(aws, "iam")

    def first(**fault: Any) -> dict[str, Any]:
        aws.plan.replace([Fault(source="aws", match="iam:ListUsers", **fault)])
        return iam.list_users()

    page = first(kind="truncated_page", items=3)
    assert (len(page["Users"]), page["IsTruncated"], "Marker" in page) == (97, True, True)
    assert len(iam.list_users(Marker=page["Marker"])["Users"]) == 50
    page = first(kind="truncated_page", field="Marker")
    assert (len(page["Users"]), page["IsTruncated"], "Marker" in page) == (100, True, False)
    page = first(kind="empty_page")
    assert (len(page["Users"]), page["IsTruncated"], "Marker" in page) == (0, True, True)
    assert len(iam.list_users(Marker=page["Marker"])["Users"]) == 100
    page = first(kind="lying_last_page")
    assert (len(page["Users"]), page["IsTruncated"], "Marker" in page) == (100, False, False)
    marker = iam.list_users()["Marker"]
    aws.plan.replace([Fault(source="aws", match="iam:ListUsers", kind="shifting_list", items=2)])
    assert len(iam.list_users(Marker=marker)["Users"]) == 52


def test_conditions_last(aws: Simulated) -> None:
    aws.plan.replace([Fault(source="aws", kind="wrong_date", seconds=-500, times=None)])
    for _ in range(2):
        headers = client(aws, "iam").list_users(MaxItems=1)["ResponseMetadata"]["HTTPHeaders"]
        assert parsedate_to_datetime(headers["date"]) == START - timedelta(seconds=500)


def test_requests_are_counted(aws: Simulated) -> None:
    for _ in range(3):
        client(aws, "iam").list_users(MaxItems=1)
    client(aws, "sts").get_caller_identity()
    assert aws.server.requests == 4
    assert aws.server.requests_by_operation == {"iam:ListUsers": 3, "sts:GetCallerIdentity": 1}
    assert aws.plan.requests()["aws"] == {"iam:ListUsers": 3, "sts:GetCallerIdentity": 1}
