"""A small account with people in IAM and in Identity Center, for tests of who can act there."""

from __future__ import annotations

from typing import Any

from tests.fakes.aws_company import ADMIN_POLICY, LONG_AGO, PROD, STAGING, account, document, role, statement, user
from tests.fakes.aws_records import ADMIN_SET, INSTANCE, READ_SET, REGIONS, STORE, record

ADMIN_ROLE = "AWSReservedSSO_Administrator_0123456789abcdef"
READ_ROLE = "AWSReservedSSO_ReadOnly_fedcba9876543210"
READ_POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
STORE_ARN = f"arn:aws:identitystore::{PROD}"
PATH = "/aws-reserved/sso.amazonaws.com/"


def permission_roles() -> list[dict[str, Any]]:
    """What Identity Center makes in an account for the permission sets that are given there."""
    provider = f"arn:aws:iam::{PROD}:saml-provider/AWSSSO_0123_DO_NOT_DELETE"
    trust = document({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithSAML"})
    return [
        {"name": ADMIN_ROLE, "created": LONG_AGO, "trust": trust, "path": PATH, "attached": [ADMIN_POLICY]},
        {"name": READ_ROLE, "created": LONG_AGO, "trust": trust, "path": PATH, "attached": [READ_POLICY]},
    ]


def people(**more: Any) -> dict[str, Any]:
    """The account: an administrator by a group, a machine with a key, roles for another account and for a service."""
    ec2 = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    return account(
        regions=REGIONS,
        users=[
            user("maria", password=True, mfa=True, groups=["admins"], tags={"Owner": "maria@acme.example"}),
            user("ci", keys=[{"label": "one", "created": LONG_AGO}], inline={"deploy": document(statement("s3:Put*"))}),
        ],
        groups=[{"name": "admins", "created": LONG_AGO, "attached": [ADMIN_POLICY]}],
        roles=[
            role("vendor", "arn:aws:iam::999900001111:root"),
            {"name": "server", "created": LONG_AGO, "trust": ec2},
            *permission_roles(),
        ],
        **more,
    )


def _given(permission_set: str, kind: str, who: str, account_id: str = PROD) -> dict[str, Any]:
    return record("sso.assignment", {
        "AccountId": account_id, "PermissionSetArn": permission_set, "PrincipalType": kind, "PrincipalId": who,
    })  # fmt: skip


def _member(user_id: str, group: str) -> dict[str, Any]:
    return record("identitystore.membership", {
        "MembershipId": f"m-{user_id}-{group}", "MembershipArn": f"{STORE_ARN}:membership/{user_id}",
        "GroupId": group, "MemberId": {"UserId": user_id},
    })  # fmt: skip


def _person(user_id: str, name: str, **more: Any) -> dict[str, Any]:
    return record("identitystore.user", {
        "UserId": user_id, "UserArn": f"{STORE_ARN}:user/{user_id}", "Revision": "1", "UserName": name,
        "DisplayName": name.title(), "UserStatus": "ENABLED",
        "Emails": [{"Value": f"{name}@acme.example", "Type": "work", "Primary": True}],
        "PhoneNumbers": [{"Value": "+44 s3cret", "Type": "home", "Primary": True}], **more,
    })  # fmt: skip


def _group(group_id: str, name: str) -> dict[str, Any]:
    return record("identitystore.group", {
        "GroupId": group_id, "GroupArn": f"{STORE_ARN}:group/{group_id}", "Revision": "1", "DisplayName": name,
    })  # fmt: skip


def identity_center() -> list[dict[str, Any]]:
    """Ada administers through a group, Ben reads by himself, Cyd is disabled, Dee is let into staging alone."""
    return [
        record("sso.instance", {"InstanceArn": INSTANCE, "IdentityStoreId": STORE, "OwnerAccountId": PROD}),
        record("sso.permission_set", {"PermissionSetArn": ADMIN_SET, "Name": "Administrator"}),
        record("sso.permission_set", {"PermissionSetArn": READ_SET, "Name": "ReadOnly"}),
        _person("u-ada", "ada"), _person("u-ben", "ben"), _person("u-cyd", "cyd", UserStatus="DISABLED"),
        _person("u-dee", "dee"),
        _group("g-ops", "Operators"), _group("g-none", "Nobody"),
        _member("u-ada", "g-ops"), _member("u-cyd", "g-none"),
        _given(ADMIN_SET, "GROUP", "g-ops"), _given(READ_SET, "USER", "u-ben"),
        _given(READ_SET, "USER", "u-dee", STAGING),
        record("iam.last_accessed", {
            "Arn": f"arn:aws:iam::{PROD}:user/maria", "ServiceName": "Amazon S3", "ServiceNamespace": "s3",
            "LastAuthenticated": "2026-03-20T10:00:00Z",
        }, region="global"),
        record("iam.last_accessed", {
            "Arn": f"arn:aws:iam::{PROD}:user/maria", "ServiceName": "AWS Key Management Service",
            "ServiceNamespace": "kms", "LastAuthenticated": "2026-03-28T10:00:00Z",
        }, region="global"),
        record("iam.last_accessed", {
            "Arn": f"arn:aws:iam::{PROD}:user/maria", "ServiceName": "Amazon EC2", "ServiceNamespace": "ec2",
        }, region="global"),
    ]  # fmt: skip
