"""What power a policy document gives."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.aws.policies import Holder, read_policy, trusted_principals
from schemas.errors import SchemaDrift
from tests.fakes.aws_company import PROD, document, statement

SOMEBODY = Holder({"user": [f"arn:aws:iam::{PROD}:user/maria"]}, "maria")
MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}


def power(*statements: dict[str, Any], holder: Holder = SOMEBODY) -> tuple[str, bool] | None:
    found = read_policy(document(*statements), account=PROD, name="p").power_of(holder)
    return None if found is None else (found.level, found.conditional)


def without(action: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "NotAction": action, "Resource": "*", **more}


@pytest.mark.parametrize(
    "statements",
    [
        [statement("*")],
        [statement("*:*")],
        [statement(["s3:GetObject", "*"])],
        [statement("*", ["*", "arn:aws:s3:::x"])],
        [statement("*", "arn:aws:*")],
        [statement("**")],
        [without("iam:*"), statement("IAM:*")],
        [without(["iam:*", "sts:Assume*"]), statement(["iam:*"]), statement("sts:*")],
        [without("iam:Delete*"), statement("iam:*")],
        [{"Effect": "Allow", "Action": "*", "NotResource": []}],
        [{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::secret/*"}],
    ],
)
def test_administrators(statements: list[dict[str, Any]]) -> None:
    assert power(*statements) == ("administrator", False)


@pytest.mark.parametrize(
    "statements",
    [
        [statement("iam:*")],
        [statement("iam:Put*")],
        [statement("iam:?ttachUserPolicy")],
        [statement("IAM:ATTACHUSERPOLICY")],
        [statement("*", f"arn:aws:iam::{PROD}:*")],
        [statement("iam:CreateAccessKey", "arn:aws:iam::*:user/*")],
        [statement("iam:CreatePolicyVersion")],
        [statement("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{PROD}:role/*")],
        [without("s3:*")],
        [without("iam:*"), statement("iam:Attach*")],
        [{"Effect": "Allow", "Action": "*", "NotResource": f"arn:aws:ec2:*:{PROD}:*"}],
        [statement("iam:PutUserPolicy", "arn:aws:iam::*:user/${aws:username}")],
        [statement("iam:PutUserPolicy", f"arn:aws:iam::{PROD}:user/mar*")],
    ],
)
def test_those_who_can_make_themselves_administrators(statements: list[dict[str, Any]]) -> None:
    assert power(*statements) == ("iam_administrator", False)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [statement("s3:*")],
        [statement("iam:Get*"), statement("iam:List*")],
        [statement("*", "arn:aws:s3:::*")],
        [statement("*", effect="Deny")],
        [without("iam:*")],
        [without(["iam:*", "organizations:*", "account:*"]), statement(["iam:CreateServiceLinkedRole", "iam:List*"])],
        [statement("iam:CreateAccessKey", "arn:aws:iam::*:user/${aws:username}")],  # on oneself: nothing new
        [statement("iam:PutUserPolicy", f"arn:aws:iam::{PROD}:user/dev-*")],
        [statement("iam:PutUserPolicy", "arn:aws:iam::999999999999:user/*")],  # of another account
        [statement("iam:AttachRolePolicy", f"arn:aws:iam::{PROD}:role/app/*")],
        [statement("iam:PutRolePolicy", f"arn:aws:iam::{PROD}:user/*")],  # no resource that the action acts on
    ],
)
def test_people_without_administrative_power(statements: list[dict[str, Any]]) -> None:
    assert power(*statements) is None


def test_a_pattern_that_takes_in_iam_and_not_everything() -> None:
    assert power(statement("???:*")) == ("iam_administrator", False)


def test_a_condition_is_told() -> None:
    assert power(statement("*", **MFA)) == ("administrator", True)
    assert power(statement("*", **MFA), statement("iam:*")) == ("administrator", True)
    assert power(statement("iam:*", **MFA)) == ("iam_administrator", True)
    assert power(statement("iam:*", **MFA), statement("iam:PutRolePolicy")) == ("iam_administrator", False)
    assert power(statement("iam:PutUserPolicy", "*:user/maria", **MFA)) == ("iam_administrator", True)
    assert power(statement("*", Condition={})) == ("administrator", False)


def test_a_deny_takes_nothing_away_and_is_noted() -> None:
    reading = read_policy(document(statement("*"), statement("iam:*", effect="Deny")), account=PROD)
    assert reading.denies
    assert reading.power is not None
    assert not read_policy(document(statement("*")), account=PROD).denies


def test_policies_attached_to_oneself_can_be_rewritten() -> None:
    mine = Holder({"policy": [f"arn:aws:iam::{PROD}:policy/team-a"], "group": [f"arn:aws:iam::{PROD}:group/team"]}, "m")
    rewrite = statement("iam:CreatePolicyVersion", f"arn:aws:iam::{PROD}:policy/team-*")
    assert power(rewrite, holder=mine) == ("iam_administrator", False)
    assert power(rewrite) is None
    assert power(statement("iam:PutGroupPolicy", "*:group/team"), holder=mine) == ("iam_administrator", False)


def test_a_users_name_stands_for_nobody_in_a_role() -> None:
    role = Holder({"role": [f"arn:aws:iam::{PROD}:role/x"]}, None)
    assert power(statement("iam:PutRolePolicy", "arn:aws:iam::*:role/${aws:username}"), holder=role) is None


def test_one_statement_may_stand_without_a_list() -> None:
    reading = read_policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, account=PROD)
    assert reading.power is not None


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        None,
        {},
        {"Statement": ["text"]},
        {"Statement": [{"Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "x:y", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": [1], "Resource": "*"}]},
    ],
)
def test_what_is_no_policy_is_not_read_as_one_without_power(broken: Any) -> None:
    with pytest.raises(SchemaDrift):
        read_policy(broken, account=PROD, name="broken")


def test_whom_a_role_trusts() -> None:
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["999999999999", "arn:aws:iam::1:root"], "Service": "ec2.x"}},
            {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::1:saml-provider/idp"}},
            {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::2:root"}},
        ]
    }
    assert trusted_principals(trust) == [
        "aws:999999999999", "aws:arn:aws:iam::1:root", "federated:arn:aws:iam::1:saml-provider/idp", "service:ec2.x",
    ]  # fmt: skip
    assert trusted_principals({"Statement": {"Effect": "Allow", "Principal": "*"}}) == ["*"]
    assert trusted_principals({"Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": "1"}}]}) == ["*"]
    for broken in (None, {"Statement": ["x"]}):
        with pytest.raises(SchemaDrift):
            trusted_principals(broken)
