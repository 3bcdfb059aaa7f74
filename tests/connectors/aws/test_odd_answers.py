"""Answers that no well-behaved AWS gives: none of them is taken for evidence."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.aws.credential_report import read_report
from connectors.aws.extractors import EXTRACTORS
from connectors.aws.session import AccountAccess, open_session
from schemas.errors import CollectionError, IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import Request
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, START
from tests.fakes.memory_sink import MemorySink
from tests.fakes.scripted_aws import identity, scripted_aws, xml

HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
NO_KEYS = "false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
ROOT = (
    f"<root_account>,arn:aws:iam::{PROD}:root,2020-01-01T00:00:00+00:00,not_supported,no_information,not_supported,"
    f"not_supported,true,{NO_KEYS}"
)


def line(name: str, account: str = PROD, mfa: str = "true", keys: str = NO_KEYS) -> str:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return f"{name},{arn},2021-01-01T00:00:00+00:00,true,no_information,2021-01-01T00:00:00+00:00,N/A,{mfa},{keys}"


def report(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def summary(users: int, **more: int) -> str:
    counts = {"Users": users, "Groups": 0, "Roles": 0, "Policies": 0, "AccountMFAEnabled": 1, **more}
    entries = "".join(f"<entry><key>{key}</key><value>{value}</value></entry>" for key, value in counts.items())
    return xml("GetAccountSummary", f"<SummaryMap>{entries}</SummaryMap>")


def answers(content: str, *, users: int = 0, generated: datetime = START, **more: Any) -> dict[str, Any]:
    text = base64.b64encode(content.encode()).decode()
    missing = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>none</Message></Error></ErrorResponse>"
    return {
        "sts:GetCallerIdentity": identity(PROD),
        "iam:GenerateCredentialReport": xml("GenerateCredentialReport", "<State>COMPLETE</State>"),
        "iam:GetCredentialReport": xml(
            "GetCredentialReport",
            f"<Content>{text}</Content><ReportFormat>text/csv</ReportFormat>"
            f"<GeneratedTime>{generated:%Y-%m-%dT%H:%M:%SZ}</GeneratedTime>",
        ),
        "iam:GetAccountSummary": summary(users),
        "iam:GetAccountPasswordPolicy": (404, missing, {}),
        **more,
    }


def collect(
    script: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, dataset: str = "aws.sign_in"
) -> list[dict[str, Any]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    sink = MemorySink()
    with scripted_aws(script, START) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        session = open_session([AccountAccess(PROD)], now=lambda: START, pause=lambda _: None, attempts=2)
        EXTRACTORS[dataset](session, Request(frozenset({dataset}), ScopeItem(f"aws:{PROD}", PROD, "aws")), sink)
    return sink.of(dataset)


pytestmark = pytest.mark.usefixtures("simulated_aws")  # for its clean environment


def test_the_scripted_source_is_taken_when_it_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(collect(answers(report(ROOT, line("maria")), users=1), monkeypatch)) == 2


def test_a_report_of_another_day_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for generated in (
        datetime(2015, 2, 2, 20, 2, 2, tzinfo=UTC), datetime(2026, 4, 1, 1, 57, tzinfo=UTC),
        datetime(2026, 4, 1, 6, 3, tzinfo=UTC),
    ):  # fmt: skip
        with pytest.raises(RetriableError, match="not within the last four hours"):
            collect(answers(report(ROOT), generated=generated), monkeypatch)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (report(line("maria")), IncompletePopulation),  # no root
        (report(ROOT, ROOT), IncompletePopulation),
        (report(ROOT, line("maria"), line("maria")), IncompletePopulation),
        (report(ROOT, line("maria", account="999999999999")), IncompletePopulation),
        (report(ROOT, line("maria")[:-9]), IncompletePopulation),  # cut in the middle of a line
        (report(ROOT, line("maria", mfa="perhaps")), SchemaDrift),
        (report(ROOT, line("maria", mfa="not_supported")), SchemaDrift),
        (report(ROOT, line("maria").replace("2021-01-01T00:00:00+00:00", "2021-01-01T00:00:00", 1)), SchemaDrift),
        (report(ROOT, header=HEADER.replace("mfa_active", "mfa")), SchemaDrift),
        ("", SchemaDrift),
    ],
)
def test_a_report_that_is_not_whole_is_not_taken(
    content: str, error: type[CollectionError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error):
        collect(answers(content, users=content.count(":user/")), monkeypatch)


def test_a_key_with_a_date_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    content = report(ROOT, line("maria", keys=NO_KEYS.replace("N/A", "soon", 1)))
    with pytest.raises(SchemaDrift, match="soon"):
        collect(answers(content, users=1), monkeypatch, "aws.access_keys")


def test_a_further_column_is_no_trouble() -> None:
    content = report(ROOT + ",N/A", line("maria") + ",N/A", header=HEADER + ",additional_credentials_info")
    lines = read_report(content.encode(), account=PROD)
    assert [entry.user_name for entry in lines] == ["<root_account>", "maria"]
    assert lines[1].cells["additional_credentials_info"] == "N/A"


def test_a_report_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    script = answers(report(ROOT))
    script["iam:GenerateCredentialReport"] = xml("GenerateCredentialReport", "<State>INPROGRESS</State>")
    with pytest.raises(RetriableError, match="did not finish"):
        collect(script, monkeypatch)
    script["iam:GenerateCredentialReport"] = xml("GenerateCredentialReport", "<State>TIRED</State>")
    with pytest.raises(SchemaDrift, match="TIRED"):
        collect(script, monkeypatch)


def test_a_report_that_expires_in_between_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    script = answers(report(ROOT))
    error = "<ErrorResponse><Error><Code>ReportExpired</Code><Message>old</Message></Error></ErrorResponse>"
    script["iam:GetCredentialReport"] = [(410, error, {}), script["iam:GetCredentialReport"]]
    assert len(collect(script, monkeypatch)) == 1


def test_a_count_that_nothing_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = xml("ListUsers", "<Users/><IsTruncated>false</IsTruncated>")
    script = answers(report(ROOT), users=3, **{"iam:ListUsers": nobody})
    with pytest.raises(IncompletePopulation, match="counts 3 users and lists 0"):
        collect(script, monkeypatch)


def test_a_list_that_does_not_say_whether_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    script = answers(report(ROOT), users=3, **{"iam:ListUsers": xml("ListUsers", "<Users/>")})
    with pytest.raises(SchemaDrift, match="IsTruncated"):
        collect(script, monkeypatch)


def test_a_web_page_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hotel's sign-in page comes with status 200 and is, for a parser, an answer without any fields."""
    page = "<html><head><title>Welcome</title></head><body><p>Please sign in.</p></body></html>"
    for operation in ("iam:GenerateCredentialReport", "iam:GetCredentialReport", "iam:GetAccountSummary"):
        script = answers(report(ROOT)) | {operation: (200, page, {"Content-Type": "text/html"})}
        with pytest.raises(CollectionError):
            collect(script, monkeypatch)


def test_a_summary_without_the_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    script = answers(report(ROOT)) | {"iam:GetAccountSummary": xml("GetAccountSummary", "<SummaryMap/>")}
    for dataset in ("aws.sign_in", "aws.privileges"):
        with pytest.raises(SchemaDrift, match="number"):
            collect(script, monkeypatch, dataset)


def details(**lists: str) -> str:
    names = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    parts = "".join(f"<{name}>{lists.get(name, '')}</{name}>" for name in names)
    return xml("GetAccountAuthorizationDetails", f"{parts}<IsTruncated>false</IsTruncated>")


def one_user(inside: str = "", account: str = PROD) -> str:
    return (
        "<member><Path>/</Path><UserName>maria</UserName><UserId>AIDA1</UserId>"
        f"<Arn>arn:aws:iam::{account}:user/maria</Arn><CreateDate>2021-01-01T00:00:00Z</CreateDate>{inside}</member>"
    )


ATTACHED = (
    "<AttachedManagedPolicies><member><PolicyName>AdministratorAccess</PolicyName>"
    "<PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member></AttachedManagedPolicies>"
)


@pytest.mark.parametrize(
    ("entry", "error", "words"),
    [
        (one_user(ATTACHED), IncompletePopulation, "its document is not in the answer"),
        (one_user("<GroupList><member>admins</member></GroupList>"), IncompletePopulation, "is in a group"),
        (one_user(account="999999999999"), IncompletePopulation, "another account"),
        ("<member><UserName>maria</UserName></member>", SchemaDrift, "no Arn"),
        ("", IncompletePopulation, "counts 1 users and tells of 0"),
    ],
)
def test_details_with_something_missing(
    entry: str, error: type[CollectionError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = answers(report(ROOT), users=1)
    script["iam:GetAccountAuthorizationDetails"] = details(UserDetailList=entry)
    with pytest.raises(error, match=words):
        collect(script, monkeypatch, "aws.privileges")


def test_a_user_who_came_in_between_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    script = answers(report(ROOT), users=1)
    script["iam:GetAccountSummary"] = [summary(0), summary(1)]
    script["iam:GetAccountAuthorizationDetails"] = details()
    assert collect(script, monkeypatch, "aws.privileges") == []


def test_an_inventory_without_names_for_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    json_type = {"Content-Type": "application/x-amz-json-1.1"}
    regions = (
        '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo><item>'
        "<regionName>us-east-1</regionName></item></regionInfo></DescribeRegionsResponse>"
    )
    organisation = f'{{"Organization": {{"Id": "o-acmeexample1", "MasterAccountId": "{PROD}"}}}}'
    script: dict[str, Any] = {
        "sts:GetCallerIdentity": identity(PROD),
        "ec2:DescribeRegions": regions,
        "organizations:DescribeOrganization": (200, organisation, json_type),
        "organizations:ListAccounts": (200, f'{{"Accounts": [{{"Id": "{PROD}"}}]}}', json_type),
        "organizations:ListRoots": (200, '{"Roots": [{"Id": "r-ab12"}]}', json_type),
        "organizations:ListAccountsForParent": (200, f'{{"Accounts": [{{"Id": "{PROD}"}}]}}', json_type),
        "organizations:ListOrganizationalUnitsForParent": (200, '{"OrganizationalUnits": []}', json_type),
    }
    with pytest.raises(SchemaDrift, match="in which state"):
        collect(script, monkeypatch, "aws.accounts")
    for operation, text in (
        ("organizations:ListAccounts", "{}"),
        ("organizations:ListAccounts", '{"Accounts": [{"Name": "x"}]}'),
        ("organizations:ListRoots", '{"Roots": null}'),
        ("organizations:DescribeOrganization", "{}"),
    ):
        with pytest.raises(SchemaDrift):
            collect(script | {operation: (200, text, json_type)}, monkeypatch, "aws.accounts")
    none = regions.replace("<item><regionName>us-east-1</regionName></item>", "")
    with pytest.raises(SchemaDrift, match="without regions"):
        collect(script | {"ec2:DescribeRegions": none}, monkeypatch, "aws.accounts")
