"""Identity Center, and which services a principal of IAM used.

`sso.instance` is an InstanceMetadata; it stands in the account and region that hold the instance, and other accounts of
the company see it there too. In the same place: `sso.permission_set` (a PermissionSet with `ManagedPolicies`,
`CustomerManagedPolicies`, `InlinePolicy`), `sso.assignment` (an AccountAssignment), `identitystore.user`,
`identitystore.group`, `identitystore.membership` (a GroupMembership with its `GroupId`). All but the list of instances
is for that account alone. `iam.last_accessed` (region `global`) is a ServiceLastAccessed with the `Arn` of a principal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.aws.iam_backend import stable_id
from sandbox.aws.records import Shown, View, shim, without
from sandbox.aws.wire import WireError


@shim("sso:ListInstances", lists="Instances", limit=10)
def _instances(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    ids = [account.plan.id for account in view.world.accounts()]
    return [shown for one in ids for shown in view.world.shown(one, view.region, "sso.instance")]


@shim("sso:ListPermissionSets", "InstanceArn", lists="PermissionSets", limit=100)
def _permission_sets(view: View, asked: Mapping[str, Any]) -> list[str]:
    _instance(view, asked)
    return [shown["PermissionSetArn"] for shown in view.of("sso.permission_set")]


@shim(
    "sso:ListPermissionSetsProvisionedToAccount", "InstanceArn", "AccountId", "ProvisioningStatus",
    lists="PermissionSets", limit=100,
)  # fmt: skip
def _provisioned(view: View, asked: Mapping[str, Any]) -> list[str]:
    _instance(view, asked)
    return sorted(
        {one["PermissionSetArn"] for one in view.of("sso.assignment") if one["AccountId"] == asked["AccountId"]}
    )


@shim("sso:DescribePermissionSet", "InstanceArn", "PermissionSetArn")
def _permission_set(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    found = _set(view, asked)
    return {"PermissionSet": without(found, "ManagedPolicies", "CustomerManagedPolicies", "InlinePolicy")}


@shim("sso:ListManagedPoliciesInPermissionSet", "InstanceArn", "PermissionSetArn", lists="AttachedManagedPolicies",
      limit=100)  # fmt: skip
def _managed(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    arns: list[str] = _set(view, asked).get("ManagedPolicies", [])
    return [{"Name": arn.rpartition("/")[2], "Arn": arn} for arn in arns]


@shim(
    "sso:ListCustomerManagedPolicyReferencesInPermissionSet", "InstanceArn", "PermissionSetArn",
    lists="CustomerManagedPolicyReferences", limit=100,
)  # fmt: skip
def _customer_managed(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [{"Name": name, "Path": "/"} for name in _set(view, asked).get("CustomerManagedPolicies", [])]


@shim("sso:GetInlinePolicyForPermissionSet", "InstanceArn", "PermissionSetArn")
def _inline(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    document = _set(view, asked).get("InlinePolicy")
    return {"InlinePolicy": "" if document is None else json.dumps(document)}


@shim("sso:ListAccountAssignments", "InstanceArn", "AccountId", "PermissionSetArn", lists="AccountAssignments",
      limit=100)  # fmt: skip
def _assignments(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _set(view, asked)
    wanted = (asked["AccountId"], asked["PermissionSetArn"])
    return [one for one in view.of("sso.assignment") if (one["AccountId"], one["PermissionSetArn"]) == wanted]


@shim("identitystore:ListUsers", "IdentityStoreId", lists="Users", limit=100)
def _users(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _store(view, asked)
    return [{"IdentityStoreId": asked["IdentityStoreId"], **shown} for shown in view.of("identitystore.user")]


@shim("identitystore:ListGroups", "IdentityStoreId", lists="Groups", limit=100)
def _groups(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _store(view, asked)
    return [{"IdentityStoreId": asked["IdentityStoreId"], **shown} for shown in view.of("identitystore.group")]


@shim("identitystore:ListGroupMemberships", "IdentityStoreId", "GroupId", lists="GroupMemberships", limit=100)
def _memberships(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _store(view, asked)
    view.one("identitystore.group", GroupId=asked["GroupId"])
    store = asked["IdentityStoreId"]
    return [
        {"IdentityStoreId": store, **shown}
        for shown in view.of("identitystore.membership")
        if shown["GroupId"] == asked["GroupId"]
    ]


def _denied(view: View) -> WireError:
    return WireError(
        400, "AccessDeniedException",
        f"User in account {view.account} is not authorized to perform this on the Identity Center of another account.",
    )  # fmt: skip


def _instance(view: View, asked: Mapping[str, Any]) -> Shown:
    for shown in view.of("sso.instance"):
        if shown["InstanceArn"] == asked["InstanceArn"]:
            return shown
    raise _denied(view)


def _store(view: View, asked: Mapping[str, Any]) -> None:
    if all(shown["IdentityStoreId"] != asked["IdentityStoreId"] for shown in view.of("sso.instance")):
        raise _denied(view)


def _set(view: View, asked: Mapping[str, Any]) -> Shown:
    _instance(view, asked)
    return view.one("sso.permission_set", PermissionSetArn=asked["PermissionSetArn"])


@shim("iam:GenerateServiceLastAccessedDetails", "Arn", "Granularity")
def _generate(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    # The job carries what it is about in its id, so that nothing has to be remembered.
    return {"JobId": f"{stable_id('JOB', view.account, asked['Arn'])}/{asked['Arn']}".ljust(36, "-")}


@shim("iam:GetServiceLastAccessedDetails", "JobId", "MaxItems", "Marker")
def _last_accessed(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    arn = asked["JobId"].partition("/")[2].rstrip("-")
    of_principal = View(view.world, view.account, "global").of("iam.last_accessed")
    services = [without(shown, "Arn") for shown in of_principal if shown["Arn"] == arn]
    now = view.now.isoformat()
    return {
        "JobStatus": "COMPLETED", "JobCreationDate": now, "JobCompletionDate": now, "JobType": "SERVICE_LEVEL",
        "ServicesLastAccessed": services, "IsTruncated": False,
    }  # fmt: skip
