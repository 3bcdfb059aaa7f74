"""State as a function of the clock, and the company file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.aws.company import company_schema, load_company, truth_schema
from sandbox.aws.server import start
from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from schemas.errors import ConfigurationError
from tests.fakes.aws_company import ADMIN_POLICY, PROD, Simulated, SimulatedAws, account, company, document, user

LONG_AGO = "2024-01-10T09:00:00Z"


def iam(aws: Simulated) -> Any:
    """A client with the credentials that the sandbox hands out, which belong to the reader's own account."""
    return boto3.client("iam", region_name="us-east-1", endpoint_url=aws.server.url)


def report(aws: Simulated) -> dict[str, dict[str, str]]:
    client = iam(aws)
    while client.generate_credential_report()["State"] != "COMPLETE":
        pass
    text = client.get_credential_report()["Content"].decode()
    return {row["user"]: row for row in csv.DictReader(io.StringIO(text))}


def names(aws: Simulated) -> set[str]:
    return {entry["UserName"] for entry in iam(aws).list_users()["Users"]}


def event(kind: str, at: str, account: str = PROD, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at, "account": account, **more}


JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def test_things_exist_from_their_creation_to_their_end(simulated_aws: SimulatedAws) -> None:
    users = [user("maria"), {**user("late"), "created": "2026-06-01T10:00:00Z"}]
    events = [event("user_deleted", "2026-06-01T20:00:00Z", user="maria")]
    aws = simulated_aws.start(company(account(users=users), events=events), now=JUNE)
    at: dict[int, set[str]] = {}
    for hour in (0, 9, 10, 19, 20, 23, 9, 20, 0):  # forwards and backwards
        aws.clock.set(JUNE + timedelta(hours=hour))
        at.setdefault(hour, names(aws))
        assert at[hour] == names(aws)
    assert at == {
        0: {"maria"}, 9: {"maria"}, 10: {"maria", "late"}, 19: {"maria", "late"}, 20: {"late"}, 23: {"late"},
    }  # fmt: skip


def test_the_same_instant_gives_the_same_ids_and_dates(simulated_aws: SimulatedAws) -> None:
    users = [user("maria", keys=[{"label": "k", "created": "2026-05-01T00:00:00Z"}])]
    content = company(account(users=users, policies=[{"name": "p", "created": LONG_AGO, "document": document()}]))
    seen: list[Any] = []
    for _ in range(2):
        aws = simulated_aws.start(content, now=JUNE)
        client = iam(aws)
        details = client.get_account_authorization_details(Filter=["User", "Role", "LocalManagedPolicy"])
        keys = client.list_access_keys(UserName="maria")["AccessKeyMetadata"]
        seen.append((details["UserDetailList"], details["RoleDetailList"], details["Policies"], keys))
    assert seen[0] == seen[1]
    [maria] = seen[0][0]
    assert maria["CreateDate"] == datetime(2024, 1, 10, 9, tzinfo=UTC)
    assert maria["UserId"].startswith("AIDA")
    assert len(maria["UserId"]) == 21
    assert seen[0][3][0]["CreateDate"] == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("happening", "before", "after"),
    [
        (event("mfa_removed", "2026-06-01T12:00:00Z", user="maria"), ("mfa_active", "true"), "false"),
        (event("mfa_added", "2026-06-01T12:00:00Z", user="tom"), ("mfa_active", "false"), "true"),
        (event("password_set", "2026-06-01T12:00:00Z", user="tom"), ("password_enabled", "false"), "true"),
        (event("password_removed", "2026-06-01T12:00:00Z", user="maria"), ("password_enabled", "true"), "false"),
        (
            event("signed_in", "2026-06-01T12:00:00Z", user="maria"),
            ("password_last_used", "no_information"),
            "2026-06-01T12:00:00+00:00",
        ),
        (
            event("password_set", "2026-06-01T12:00:00Z", user="maria"),
            ("password_last_changed", "2024-01-10T09:00:00+00:00"),
            "2026-06-01T12:00:00+00:00",
        ),
        (
            event("key_rotated", "2026-06-01T12:00:00Z", user="maria", key="k"),
            ("access_key_1_last_rotated", "2026-05-01T00:00:00+00:00"),
            "2026-06-01T12:00:00+00:00",
        ),
        (
            event("key_used", "2026-06-01T12:00:00Z", user="maria", key="k", service="ec2"),
            ("access_key_1_last_used_service", "N/A"),
            "ec2",
        ),
        (
            event("key_deactivated", "2026-06-01T12:00:00Z", user="maria", key="k"),
            ("access_key_1_active", "true"),
            "false",
        ),
        (
            event("key_deleted", "2026-06-01T12:00:00Z", user="maria", key="k"),
            ("access_key_1_last_rotated", "2026-05-01T00:00:00+00:00"),
            "N/A",
        ),
        (
            event("key_created", "2026-06-01T12:00:00Z", user="maria", key="two"),
            ("access_key_2_active", "false"),
            "true",
        ),
        (event("root_mfa_removed", "2026-06-01T12:00:00Z"), ("mfa_active", "true"), "false"),
        (
            event("root_signed_in", "2026-06-01T12:00:00Z"),
            ("password_last_used", "no_information"),
            "2026-06-01T12:00:00+00:00",
        ),
        (event("root_key_created", "2026-06-01T12:00:00Z", key="r"), ("access_key_1_active", "false"), "true"),
    ],
)
def test_events_show_in_the_credential_report(
    simulated_aws: SimulatedAws, happening: dict[str, Any], before: tuple[str, str], after: str
) -> None:
    users = [
        user("maria", password=True, mfa=True, keys=[{"label": "k", "created": "2026-05-01T00:00:00Z"}]),
        user("tom"),
    ]
    aws = simulated_aws.start(company(account(users=users), events=[happening]), now=JUNE)
    who = happening.get("user", "<root_account>")
    column, value = before
    assert report(aws)[who][column] == value
    aws.clock.set(JUNE + timedelta(hours=13))
    assert report(aws)[who][column] == after
    aws.clock.set(JUNE)  # the report of 13:00 does not exist yet
    assert report(aws)[who][column] == value


def test_policies_groups_and_roles_change(simulated_aws: SimulatedAws) -> None:
    moment = "2026-06-01T12:00:00Z"
    groups = [{"name": name, "created": LONG_AGO} for name in ("a", "b")]
    policies = [{"name": "p", "created": LONG_AGO, "document": document()}]
    users = [user("maria", groups=["a"], attached=["p"], inline={"x": document()})]
    events = [
        event("policy_attached", moment, principal="user:maria", policy=ADMIN_POLICY),
        event("policy_detached", moment, principal="user:maria", policy="p"),
        event("policy_attached", moment, principal="group:b", policy="p"),
        event("inline_put", moment, principal="group:a", policy="y", document=document()),
        event("inline_removed", moment, principal="user:maria", policy="x"),
        event("joined_group", moment, user="maria", group="b"),
        event("left_group", moment, user="maria", group="a"),
        event("role_deleted", moment, role="evidence-reader"),
    ]
    aws = simulated_aws.start(company(account(users=users, groups=groups, policies=policies), events=events), now=JUNE)

    def picture() -> tuple[Any, ...]:
        details = iam(aws).get_account_authorization_details()
        [maria] = details["UserDetailList"]
        inline = [entry["PolicyName"] for entry in maria.get("UserPolicyList", [])]
        attached = [entry["PolicyName"] for entry in maria["AttachedManagedPolicies"]]
        held = {
            group["GroupName"]: (len(group["AttachedManagedPolicies"]), len(group["GroupPolicyList"]))
            for group in details["GroupDetailList"]
        }
        return maria["GroupList"], attached, inline, held, len(details["RoleDetailList"]), len(details["Policies"])

    before = (["a"], ["p"], ["x"], {"a": (0, 0), "b": (0, 0)}, 1, 1)
    assert picture() == before
    aws.clock.set(JUNE + timedelta(hours=12))
    assert picture() == (["b"], ["AdministratorAccess"], [], {"a": (0, 1), "b": (1, 0)}, 0, 2)
    aws.clock.set(JUNE)
    assert picture() == before


def test_recurring_use_follows_the_clock_both_ways(simulated_aws: SimulatedAws) -> None:
    keys = [{"label": "ci", "created": "2026-05-01T00:00:00Z", "used_every_hours": 6}]
    users = [user("ci", keys=keys), user("maria", password=True, signs_in_every_hours=24)]
    aws = simulated_aws.start(company(account(users=users)), now=JUNE + timedelta(hours=7))
    for hours, used in ((7, "06"), (5, "00"), (13, "12")):
        aws.clock.set(JUNE + timedelta(hours=hours))
        rows = report(aws)
        assert rows["ci"]["access_key_1_last_used_date"] == f"2026-06-01T{used}:00:00+00:00"
    assert rows["maria"]["password_last_used"] == "2026-06-01T09:00:00+00:00"


def happens(kind: str, at: str = "2026-05-01T00:00:00Z", **more: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["events"].append(event(kind, at, **more))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (happens("mfa_added", user="nobody"), "mfa_added"),
        (happens("mfa_added", "2020-05-01T00:00:00Z", user="maria"), "does not exist then"),
        (happens("user_vanished", user="maria"), "events"),
        (happens("mfa_added", user="maria", account="9" * 12), "9999"),
        (lambda content: content["accounts"][0].update(colour="red"), "colour"),
        (lambda content: content["accounts"][0].update(id="12"), "id"),
        (lambda content: content["accounts"].append(content["accounts"][0]), "same id"),
        (lambda content: content["accounts"][0]["users"][0].update(created="2026-05-01T00:00:00"), "created"),
        (lambda content: content["accounts"][0]["users"][0].update(attached=["nothing"]), "user maria"),
        (lambda content: content["reader"].update(account="9" * 12), "does not list"),
    ],
)
def test_a_script_that_is_not_in_order_is_refused_at_the_start(
    simulated_aws: SimulatedAws, spoil: Callable[[dict[str, Any]], None], words: str
) -> None:
    content = company(account(users=[user("maria")]))
    spoil(content)
    with pytest.raises(ConfigurationError, match=words):
        simulated_aws.start(content)


def test_without_anything_there_is_nothing_to_simulate(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no AWS to simulate"):
        start(tmp_path, SimulatedClock(), FaultPlan())
    assert load_company(tmp_path) is None
    for text, words in (("[]", "Policies"), ("{", "JSON")):
        (tmp_path / "iam.json").write_text(text)
        with pytest.raises(ConfigurationError, match=words):
            start(None, SimulatedClock(), FaultPlan(), iam_file=tmp_path / "iam.json")


def test_accounts_can_be_left_out(simulated_aws: SimulatedAws, tmp_path: Path) -> None:
    simulated_aws.start(company(account(PROD), account("444455556666")))
    running = start(tmp_path / "company-0", SimulatedClock(JUNE), FaultPlan(), accounts=["444455556666"])
    try:
        assert [entry.id for entry in running.accounts] == ["444455556666"]
        client: Any = boto3.client(
            "sts", region_name="us-east-1", endpoint_url=running.url,
            aws_access_key_id=running.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=running.environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=running.environment["AWS_SESSION_TOKEN"],
        )  # fmt: skip
        assert client.get_caller_identity()["Account"] == "444455556666"
    finally:
        running.close()


def test_the_schemas_are_in_order() -> None:
    from jsonschema import Draft202012Validator

    for schema in (company_schema(), truth_schema()):
        Draft202012Validator.check_schema(dict(schema))
        assert schema["title"]
