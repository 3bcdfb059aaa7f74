"""A real account, loaded whole: every way to administrative power, and nothing else.

What is expected is worked out from the document by trying things out: a small evaluator is asked, for concrete actions
on concrete resources, whether one policy by itself allows them. The connector reads patterns instead and tries nothing.
"""

from __future__ import annotations

import itertools
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.iam_document import IamDocument
from tests.fakes.aws_company import SimulatedAws

REAL = Path(__file__).parents[4] / "shared" / "data" / "aws-iam-account" / "account-authorization-details.json"
pytestmark = pytest.mark.skipif(not REAL.is_file(), reason=f"the real account is not there: {REAL.name}")

ACCOUNT = "200611803367"
Way = tuple[str, str, str, str | None, str]

# A handful of actions from everywhere; who may do all of them, on all of these, may do everything.
ACTIONS = [
    "iam:CreateUser", "iam:DeleteRole", "iam:AttachUserPolicy", "s3:DeleteBucket", "ec2:RunInstances",
    "organizations:LeaveOrganization", "kms:ScheduleKeyDeletion", "sts:AssumeRole", "lambda:CreateFunction",
    "aws-portal:ModifyBilling", "rds:DeleteDBInstance", "logs:DeleteLogGroup", "secretsmanager:GetSecretValue",
    "cloudtrail:StopLogging", "support:CreateCase", "quux:Frobnicate",
]  # fmt: skip
RESOURCES = [
    f"arn:aws:iam::{ACCOUNT}:user/someone", f"arn:aws:iam::{ACCOUNT}:role/team/someone", "arn:aws:s3:::some-bucket",
    f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1", f"arn:aws:kms:us-east-2:{ACCOUNT}:key/some-key",
]  # fmt: skip

# Permissions by which somebody gets power that they lack: on the left those that work on oneself.
ON_ANYBODY = {
    "user": [
        "iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
    ],
    "group": ["iam:AttachGroupPolicy", "iam:PutGroupPolicy", "iam:AddUserToGroup"],
    "role": ["iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"],
    "policy": ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"],
}  # fmt: skip
NOT_ON_ONESELF = {
    "iam:AddUserToGroup", "iam:UpdateAssumeRolePolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
    "iam:UpdateLoginProfile",
}  # fmt: skip


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(patterns: Any, text: str, *, fold: bool) -> bool:
    if fold:
        return any(fnmatchcase(text.lower(), pattern.lower()) for pattern in as_list(patterns))
    return any(fnmatchcase(text, pattern) for pattern in as_list(patterns))


def allowed(document: dict[str, Any], action: str, resource: str) -> bool:
    """Whether some Allow statement fits. Deny is left aside on purpose: see `connectors.aws.policies`."""
    for entry in as_list(document["Statement"]):
        if entry["Effect"] != "Allow":
            continue
        acts = (
            like(entry["Action"], action, fold=True)
            if "Action" in entry
            else not like(entry["NotAction"], action, fold=True)
        )
        reaches = (
            like(entry["Resource"], resource, fold=False)
            if "Resource" in entry
            else not like(entry["NotResource"], resource, fold=False)
        )
        if acts and reaches:
            return True
    return False


def level(document: dict[str, Any], own: list[str]) -> str | None:
    if all(allowed(document, action, resource) for action, resource in itertools.product(ACTIONS, RESOURCES)):
        return "administrator"
    for kind, actions in ON_ANYBODY.items():
        for action in actions:
            strangers = [f"arn:aws:iam::{ACCOUNT}:{kind}/a-stranger", f"arn:aws:iam::{ACCOUNT}:{kind}/x/y/z"]
            if all(allowed(document, action, arn) for arn in strangers):
                return "iam_administrator"
            if action not in NOT_ON_ONESELF and any(
                allowed(document, action, arn) for arn in own if f":{kind}/" in arn
            ):
                return "iam_administrator"
    return None


def expected_ways(data: dict[str, Any]) -> set[Way]:
    """(principal name, way, policy, group, level) from the document alone."""
    documents = {
        policy["PolicyName"]: next(v["Document"] for v in policy["PolicyVersionList"] if v["IsDefaultVersion"])
        for policy in data["Policies"]
    }
    groups = {group["GroupName"]: group for group in data["GroupDetailList"]}
    ways: set[Way] = set()
    for principal in (*data["UserDetailList"], *data["RoleDetailList"]):
        name = principal.get("UserName") or principal["RoleName"]
        kind = "user" if "UserName" in principal else "role"
        held = [("attached", None, p["PolicyName"], documents[p["PolicyName"]]) for p in attached(principal)]
        held += [
            ("inline", None, p["PolicyName"], p["PolicyDocument"])
            for p in principal.get("UserPolicyList", []) + principal.get("RolePolicyList", [])
        ]
        for group in (groups[entry] for entry in principal.get("GroupList", [])):
            own_name = group["GroupName"]
            held += [("group_attached", own_name, p["PolicyName"], documents[p["PolicyName"]]) for p in attached(group)]
            held += [
                ("group_inline", own_name, p["PolicyName"], p["PolicyDocument"])
                for p in group.get("GroupPolicyList", [])
            ]
        own = [f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"]
        own += [f"arn:aws:iam::{ACCOUNT}:group/{entry}" for entry in principal.get("GroupList", [])]
        mine = [principal, *(groups[entry] for entry in principal.get("GroupList", []))]
        own += [p["PolicyArn"] for entry in mine for p in attached(entry) if "::aws:" not in p["PolicyArn"]]
        for way, group_name, policy, document in held:
            power = level(document, own)
            if power is not None:
                ways.add((name, way, policy, group_name, power))
    return ways


def attached(entry: dict[str, Any]) -> list[dict[str, str]]:
    return entry["AttachedManagedPolicies"]


def test_the_document_is_loaded_whole() -> None:
    backend = IamDocument(REAL).load()
    data = json.loads(REAL.read_bytes())
    assert len(backend.users) == len(data["UserDetailList"]) == 44
    assert len(backend.groups) == len(data["GroupDetailList"]) == 5
    assert len(backend.roles) == len(data["RoleDetailList"]) == 78
    local = [arn for arn in backend.managed_policies if f"::{ACCOUNT}:" in arn]
    assert len(local) == len([p for p in data["Policies"] if "::aws:" not in p["Arn"]]) == 46


def test_exactly_every_way_to_administrative_power(simulated_aws: SimulatedAws) -> None:
    data = json.loads(REAL.read_bytes())
    aws = simulated_aws.start(iam_file=REAL)
    claims, sink = aws.collect("aws.privileges", item=f"aws:{ACCOUNT}", session=aws.session(ACCOUNT))
    rows = sink.of("aws.privileges")
    found = {(row["principal_name"], row["way"], row["policy_name"], row["group_name"], row["level"]) for row in rows}
    expected = expected_ways(data)
    assert found - expected == set()
    assert expected - found == set()
    assert len(found) == len(rows)
    # Guards against both being wrong in the same way: the account is known to hold these.
    assert {way[1] for way in found} == {"attached", "inline", "group_attached"}
    assert sum(way[4] == "administrator" for way in found) == 11
    assert claims[0].rows_returned == claims[0].independent_count == 44 + 5 + 78 + 84
    assert claims[0].pages >= 3


def test_service_linked_roles_and_trust_are_told(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(iam_file=REAL)
    _, sink = aws.collect("aws.privileges", item=f"aws:{ACCOUNT}", session=aws.session(ACCOUNT))
    roles = {row["principal_name"]: row for row in sink.of("aws.privileges") if row["principal_kind"] == "role"}
    assert all(row["trusted_principals"] for row in roles.values())
    data = json.loads(REAL.read_bytes())
    linked = {role["RoleName"] for role in data["RoleDetailList"] if role["Path"].startswith("/aws-service-role/")}
    assert {name for name, row in roles.items() if row["service_linked"]} == linked & set(roles)
