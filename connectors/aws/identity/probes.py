"""The cheapest calls that touch every right which the list of principals needs."""

from __future__ import annotations

from typing import Any

from connectors.aws.detection.probes import Place, probing
from schemas.aws_identity import PRINCIPALS

_NO_REPORT_YET = ("ReportNotPresent", "ReportInProgress", "ReportExpired")


def _principals(place: Place) -> None:
    place.ask("iam:GetAccountSummary")
    place.ask("iam:GetAccountAuthorizationDetails", MaxItems=1)
    place.ask("iam:GenerateCredentialReport")
    place.ask("iam:GetCredentialReport", _NO_REPORT_YET)
    arn = place.caller.principal
    if ":role/" in arn:  # its own role is there for certain
        job = place.ask("iam:GenerateServiceLastAccessedDetails", Arn=arn).get("JobId")
        place.ask("iam:GetServiceLastAccessedDetails", JobId=job, MaxItems=1)
    for region in place.ask("ec2:DescribeRegions", AllRegions=False).get("Regions") or []:
        place.region = str(region["RegionName"])
        for instance in place.ask("sso-admin:ListInstances").get("Instances") or []:
            if instance.get("OwnerAccountId") == place.account:
                _instance(place, instance)
                return


def _instance(place: Place, instance: dict[str, Any]) -> None:
    named = {"InstanceArn": instance["InstanceArn"]}
    store = {"IdentityStoreId": instance["IdentityStoreId"]}
    for arn in (
        place.ask(
            "sso-admin:ListPermissionSetsProvisionedToAccount", AccountId=place.account, MaxResults=1, **named
        ).get("PermissionSets")
        or []
    ):
        place.ask("sso-admin:DescribePermissionSet", PermissionSetArn=arn, **named)
        place.ask(
            "sso-admin:ListAccountAssignments", AccountId=place.account, PermissionSetArn=arn, MaxResults=1, **named
        )
    place.ask("identitystore:ListUsers", MaxResults=1, **store)
    for group in place.ask("identitystore:ListGroups", MaxResults=1, **store).get("Groups") or []:
        place.ask("identitystore:ListGroupMemberships", GroupId=group["GroupId"], MaxResults=1, **store)


PROBES = {PRINCIPALS.name: probing(_principals)}
"""By dataset name."""
