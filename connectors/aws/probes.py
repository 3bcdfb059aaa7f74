"""Whether a dataset of AWS can be read, by the cheapest calls that touch every permission it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.aws.calls import Caller
from connectors.aws.configuration.probes import PROBES as CONFIGURATION
from connectors.aws.detection.probes import PROBES as DETECTION
from connectors.aws.identity.probes import PROBES as IDENTITY
from connectors.aws.operations.probes import PROBES as OPERATIONS
from connectors.aws.session import AwsClient
from connectors.aws.trail.probes import PROBES as TRAIL
from schemas.aws import ACCESS_KEYS, ACCOUNTS, PRIVILEGES, SIGN_IN
from schemas.extraction import Session
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]

_NOT_IN_USE = ("AWSOrganizationsNotInUseException",)
_NO_REPORT_YET = ("ReportNotPresent", "ReportInProgress", "ReportExpired")


def source_clock(session: Session) -> datetime:
    """What AWS's clock says now."""
    client: AwsClient = session.client
    return client.home.ask("sts:GetCallerIdentity").served_at


def _caller(session: Session, item: ScopeItem) -> Caller:
    client: AwsClient = session.client
    return client.account(item.id.split(":")[1])


def _accounts(session: Session, item: ScopeItem) -> None:
    client: AwsClient = session.client
    for access in client.accounts:
        caller = client.account(access.account_id)
        caller.ask("ec2:DescribeRegions", AllRegions=False)
        answer = caller.ask("organizations:DescribeOrganization", expect=_NOT_IN_USE)
        organisation = answer.parsed.get("Organization") or {}
        if answer.error_code is None and organisation.get("MasterAccountId") == access.account_id:
            caller.ask("organizations:ListAccounts", MaxResults=1)
            caller.ask("organizations:ListRoots", MaxResults=1)


def _report(session: Session, item: ScopeItem) -> None:
    caller = _caller(session, item)
    caller.ask("iam:GetAccountSummary")
    caller.ask("iam:GenerateCredentialReport")
    caller.ask("iam:GetCredentialReport", expect=_NO_REPORT_YET)
    caller.ask("iam:ListUsers", MaxItems=1)


def _sign_in(session: Session, item: ScopeItem) -> None:
    _report(session, item)
    _caller(session, item).ask("iam:GetAccountPasswordPolicy", expect=("NoSuchEntity",))


def _privileges(session: Session, item: ScopeItem) -> None:
    caller = _caller(session, item)
    caller.ask("iam:GetAccountSummary")
    caller.ask("iam:GetAccountAuthorizationDetails", MaxItems=1)


PROBES: Mapping[str, Probe] = {
    ACCOUNTS.name: _accounts,
    SIGN_IN.name: _sign_in,
    ACCESS_KEYS.name: _report,
    PRIVILEGES.name: _privileges,
    **CONFIGURATION,
    **TRAIL,
    **DETECTION,
    **IDENTITY,
    **OPERATIONS,
}
"""By dataset name."""
