"""Ways to administrative power, in accounts made for the purpose."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import IncompletePopulation
from tests.fakes.aws_company import (
    ADMIN_POLICY,
    PROD,
    STAGING,
    SimulatedAws,
    account,
    company,
    document,
    role,
    statement,
    user,
)

EVERYTHING = document(statement("*"))
IAM = document(statement("iam:*"))
LONG_AGO = "2024-01-10T09:00:00Z"


def ways(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(r["principal_name"], r["way"], r["policy_name"], r["group_name"], r["level"]) for r in rows}


def test_attached_inline_and_group_policies_are_all_ways(simulated_aws: SimulatedAws) -> None:
    groups = [
        {"name": "admins", "created": LONG_AGO, "attached": [ADMIN_POLICY]},
        {"name": "iam", "created": LONG_AGO, "inline": {"iam-all": IAM}},
        {"name": "readers", "created": LONG_AGO, "attached": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
    ]
    users = [
        user("attached", attached=[ADMIN_POLICY]),
        user("own", attached=["own-admin"]),
        user("inline", inline={"all": EVERYTHING}),
        user("grouped", groups=["admins", "iam", "readers"]),
        user("reader", groups=["readers"]),
        user("power", attached=["arn:aws:iam::aws:policy/PowerUserAccess"]),
    ]
    roles = [
        role("deploy", f"arn:aws:iam::{PROD}:root", attached=[ADMIN_POLICY], inline={"iam": IAM}, boundary="own-admin"),
        role("plain", "*"),
    ]
    policies = [{"name": "own-admin", "created": LONG_AGO, "document": EVERYTHING}]
    events = [{"kind": "role_used", "at": "2026-03-20T10:00:00Z", "account": PROD, "role": "deploy"}]
    content = company(account(users=users, groups=groups, roles=roles, policies=policies), events=events)
    claims, sink = simulated_aws.start(content).collect("aws.privileges")
    rows = sink.of("aws.privileges")
    assert ways(rows) == {
        ("attached", "attached", "AdministratorAccess", None, "administrator"),
        ("own", "attached", "own-admin", None, "administrator"),
        ("inline", "inline", "all", None, "administrator"),
        ("grouped", "group_attached", "AdministratorAccess", "admins", "administrator"),
        ("grouped", "group_inline", "iam-all", "iam", "iam_administrator"),
        ("deploy", "attached", "AdministratorAccess", None, "administrator"),
        ("deploy", "inline", "iam", None, "iam_administrator"),
    }
    deploy = next(row for row in rows if row["principal_name"] == "deploy" and row["way"] == "attached")
    assert deploy["trusted_principals"] == [f"aws:arn:aws:iam::{PROD}:root"]
    assert deploy["permissions_boundary"] == f"arn:aws:iam::{PROD}:policy/own-admin"
    assert deploy["principal_kind"] == "role"
    assert deploy["last_used_at"] == datetime(2026, 3, 20, 10, tzinfo=UTC)
    assert deploy["principal_created_at"] == datetime(2024, 1, 10, 9, tzinfo=UTC)
    assert json.loads(deploy["raw"])["principal"]["RoleName"] == "deploy"
    assert claims[0].rows_returned == claims[0].independent_count
    assert "6 users (6 by GetAccountSummary)" in (claims[0].reconciliation or "")


def test_an_account_without_administrators_has_no_rows_and_says_what_was_read(simulated_aws: SimulatedAws) -> None:
    claims, sink = simulated_aws.start(company(account(users=[user("maria")]))).collect("aws.privileges")
    assert sink.of("aws.privileges") == []
    assert claims[0].rows_returned == 2  # the user and the reading role
    assert claims[0].observed_at is not None


def test_every_page_is_read(simulated_aws: SimulatedAws) -> None:
    """260 users and a policy that sorts last: users stand pages before the policy that makes them administrators."""
    users = [user(f"u{number:03}", attached=["zz-admin"]) for number in range(260)]
    policies = [{"name": "zz-admin", "created": LONG_AGO, "document": EVERYTHING}]
    claims, sink = simulated_aws.start(company(account(users=users, policies=policies))).collect("aws.privileges")
    assert len(sink.of("aws.privileges")) == 260
    assert claims[0].pages == 3
    answers = [a for a in sink.answers if a.parameters["operation"] == "iam:GetAccountAuthorizationDetails"]
    assert len(answers) == 3


def test_deny_and_boundary_take_nothing_away_and_are_told(simulated_aws: SimulatedAws) -> None:
    denied = document(statement("*", effect="Deny"))
    users = [user("tom", attached=[ADMIN_POLICY], inline={"never": denied}, boundary="edge")]
    policies = [{"name": "edge", "created": LONG_AGO, "document": document(statement("s3:*"))}]
    _, sink = simulated_aws.start(company(account(users=users, policies=policies))).collect("aws.privileges")
    [row] = sink.of("aws.privileges")
    assert row["level"] == "administrator"
    assert row["permissions_boundary"] == f"arn:aws:iam::{PROD}:policy/edge"
    assert json.loads(row["raw"])["policies_with_deny"] == ["never"]


def test_the_default_version_counts(simulated_aws: SimulatedAws) -> None:
    policies = [{"name": "team", "created": LONG_AGO, "document": document(statement("s3:*"))}]
    events = [
        {
            "kind": "policy_changed", "at": "2026-04-10T00:00:00Z", "account": PROD, "policy": "team",
            "document": EVERYTHING,
        }
    ]  # fmt: skip
    content = company(account(users=[user("tom", attached=["team"])], policies=policies), events=events)
    aws = simulated_aws.start(content)
    assert aws.collect("aws.privileges")[1].of("aws.privileges") == []
    aws.clock.set(datetime(2026, 4, 11, tzinfo=UTC))
    assert len(aws.collect("aws.privileges")[1].of("aws.privileges")) == 1


def test_accounts_are_kept_apart(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(PROD, users=[user("a", attached=[ADMIN_POLICY])]), account(STAGING, users=[user("b")]))
    )
    session = aws.session(PROD, STAGING)
    _, sink = aws.collect("aws.privileges", item=f"aws:{STAGING}", session=session)
    assert sink.of("aws.privileges") == []
    _, sink = aws.collect("aws.privileges", item=f"aws:{PROD}", session=session)
    assert {row["principal_arn"] for row in sink.of("aws.privileges")} == {f"arn:aws:iam::{PROD}:user/a"}


def test_a_policy_whose_document_is_missing_is_no_policy_without_power(simulated_aws: SimulatedAws) -> None:
    users = [user("tom", attached=["zz-admin"])]
    policies = [
        {"name": name, "created": LONG_AGO, "document": EVERYTHING} for name in ("zz-admin", "zz-other", "zz-unused")
    ]
    aws = simulated_aws.start(company(account(users=users, policies=policies)))
    aws.plan.replace(
        [{"source": "aws", "kind": "truncated_page", "items": 3, "match": "iam:GetAccountAuthorizationDetails"}]
    )
    with pytest.raises(IncompletePopulation):
        aws.collect("aws.privileges")
