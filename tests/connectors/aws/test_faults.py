"""Every extractor under every kind of fault: all rows, or an error that says so. Never fewer rows."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.aws.permissions import ACTIONS
from schemas.errors import (
    ClockSkew,
    CollectionError,
    ConfigurationError,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
)
from schemas.extraction import Session
from tests.fakes.aws_company import PROD, Simulated, SimulatedAws, account, company, organisation, user

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
CASES = {
    "aws.accounts": ("org:acme", ("aws.accounts",)),
    "aws.sign_in": (f"aws:{PROD}", ("aws.sign_in", "aws.access_keys")),
    "aws.privileges": (f"aws:{PROD}", ("aws.privileges",)),
}
OPERATIONS = {
    "aws.accounts": [
        "organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListRoots",
        "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent",
        "ec2:DescribeRegions", "sts:AssumeRole",
    ],
    "aws.sign_in": [
        "iam:GenerateCredentialReport", "iam:GetCredentialReport", "iam:GetAccountSummary",
        "iam:GetAccountPasswordPolicy", "sts:AssumeRole",
    ],
    "aws.privileges": ["iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary", "sts:AssumeRole"],
}  # fmt: skip
PAGED = ["iam:GetAccountAuthorizationDetails", "organizations:ListAccounts", "organizations:ListAccountsForParent"]
EACH = [(dataset, operation) for dataset, operations in OPERATIONS.items() for operation in operations]
EACH_PAGED = [(dataset, operation) for dataset, operation in EACH if operation in PAGED]

# A fault that passes: the request that is repeated gets its answer.
PASSING: list[dict[str, Any]] = [
    {"kind": "rate_limited", "times": 2},
    {"kind": "rate_limited", "times": 1, "status": 429, "code": "TooManyRequestsException"},
    {"kind": "server_error", "times": 2},
    {"kind": "server_error", "times": 1, "status": 503, "code": "ServiceUnavailable"},
    {"kind": "server_error", "times": 1, "code": "html"},
    {"kind": "truncated_body", "times": 1},
    {"kind": "truncated_body", "times": 1, "bytes": 0},
    {"kind": "truncated_body", "times": 1, "code": "connection"},
    {"kind": "connection_reset", "times": 2},
    {"kind": "slow_body", "times": 1, "ms": 20},
]

# One that stays: what the caller learns.
LASTING: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"kind": "forbidden"}, PermissionDenied),
    ({"kind": "unauthorized"}, CollectionError),
    ({"kind": "rate_limited"}, RetriableError),
    ({"kind": "server_error"}, RetriableError),
    ({"kind": "server_error", "code": "html"}, RetriableError),
    ({"kind": "truncated_body"}, RetriableError),
    ({"kind": "truncated_body", "bytes": 0}, RetriableError),
    ({"kind": "truncated_body", "code": "connection"}, RetriableError),
    ({"kind": "connection_reset"}, RetriableError),
    ({"kind": "error", "code": "SubscriptionRequiredException", "status": 403}, NotLicensed),
    ({"kind": "error", "code": "NobodyKnowsThisException"}, CollectionError),
    ({"kind": "wrong_date", "seconds": 300}, ClockSkew),
    ({"kind": "wrong_date", "seconds": -61.5}, ClockSkew),
]


def start(simulated_aws: SimulatedAws) -> Simulated:
    users = [user(f"u{number:03}", attached=[ADMIN] if number % 40 == 0 else []) for number in range(205)]
    users.append(user("ci", keys=[{"label": "one", "created": "2026-01-01T00:00:00Z"}]))
    members = [account(f"9{number:011}", roles=[]) for number in range(45)]
    return simulated_aws.start(company(account(users=users), *members, organisation=organisation()))


def rows(aws: Simulated, dataset: str, session: Session | None = None) -> dict[str, list[dict[str, Any]]]:
    item, datasets = CASES[dataset]
    _, sink = aws.collect(*datasets, item=item, session=session)
    return {name: [{**row, "raw": None} for row in sink.of(name)] for name in datasets}


def session_for(aws: Simulated, operation: str) -> Session | None:
    """One session for all tries, unless it is the opening of a session that is to fail."""
    return None if operation.startswith("sts:") else aws.session()


def plan(aws: Simulated, operation: str, fault: dict[str, Any]) -> None:
    aws.plan.replace([{"source": "aws", "match": operation, **fault}])


def described(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.mark.parametrize(("dataset", "operation"), EACH)
def test_faults_that_pass_cost_nothing(simulated_aws: SimulatedAws, dataset: str, operation: str) -> None:
    aws = start(simulated_aws)
    session = session_for(aws, operation)
    whole = rows(aws, dataset, session)
    assert any(whole.values())
    for fault in PASSING:
        plan(aws, operation, fault)
        assert rows(aws, dataset, session) == whole, described(fault)
        assert aws.plan.describe()[0]["spent"] == fault["times"], described(fault)


@pytest.mark.parametrize(("dataset", "operation"), EACH)
def test_faults_that_stay_are_errors(simulated_aws: SimulatedAws, dataset: str, operation: str) -> None:
    aws = start(simulated_aws)
    session = session_for(aws, operation)
    for fault, expected in LASTING:
        plan(aws, operation, fault | {"times": None})
        if operation == "sts:AssumeRole" and fault["kind"] == "unauthorized":
            expected = ConfigurationError  # the credentials of this machine have expired, not a session of a role
        with pytest.raises(expected) as raised:
            rows(aws, dataset, session)
        if expected is PermissionDenied and operation != "sts:AssumeRole":
            assert raised.value.permission == operation  # type: ignore[union-attr]
        assert aws.plan.describe()[0]["spent"] > 0, described(fault)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(("dataset", "operation"), EACH_PAGED)
def test_pages_that_lose_something_are_never_taken_for_the_whole(
    simulated_aws: SimulatedAws, dataset: str, operation: str, after: int
) -> None:
    aws = start(simulated_aws)
    for kind in ("truncated_page", "lying_last_page"):
        plan(aws, operation, {"kind": kind, "after": after})
        with pytest.raises(IncompletePopulation):
            rows(aws, dataset)
        assert aws.plan.describe()[0]["spent"] == 1


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(("dataset", "operation"), EACH_PAGED)
def test_odd_pages_that_lose_nothing_cost_nothing(
    simulated_aws: SimulatedAws, dataset: str, operation: str, after: int
) -> None:
    aws = start(simulated_aws)
    session = aws.session()
    whole = rows(aws, dataset, session)
    faults: list[dict[str, Any]] = [{"kind": "empty_page"}, {"kind": "shifting_list", "items": 3}]
    if operation.startswith("iam:"):  # Organizations has no IsTruncated: a missing token is the end there
        faults += [{"kind": "empty_page", "field": "Marker"}, {"kind": "truncated_page", "field": "Marker"}]
    for fault in faults:
        plan(aws, operation, fault | {"after": after})
        assert rows(aws, dataset, session) == whole, described(fault)
        assert aws.plan.describe()[0]["spent"] == 1


def test_more_is_promised_for_ever_without_saying_where(simulated_aws: SimulatedAws) -> None:
    aws = start(simulated_aws)
    for kind in ("empty_page", "truncated_page"):
        plan(aws, "iam:GetAccountAuthorizationDetails", {"kind": kind, "field": "Marker", "times": None})
        with pytest.raises(IncompletePopulation, match="not where it goes on"):
            rows(aws, "aws.privileges")


def test_a_list_that_never_moves_on_ends(simulated_aws: SimulatedAws) -> None:
    aws = start(simulated_aws)
    for dataset, operation in EACH_PAGED:
        plan(aws, operation, {"kind": "empty_page", "times": None})
        with pytest.raises(IncompletePopulation, match="never ends"):
            rows(aws, dataset)


@pytest.mark.parametrize("dataset", list(CASES))
def test_the_rights_asked_for_are_those_that_are_used(simulated_aws: SimulatedAws, dataset: str) -> None:
    aws = start(simulated_aws)
    item, datasets = CASES[dataset]
    aws.collect(*datasets, item=item)
    used = {name for name in aws.server.requests_by_operation if not name.startswith("sts:")}
    allowed = {action for name in datasets for action in ACTIONS[name]}
    assert used <= allowed
    # Those beyond are asked only where something has to be explained.
    assert allowed - used <= {"iam:ListUsers", "organizations:DescribeAccount"}


def test_a_denied_explanation_is_denied(simulated_aws: SimulatedAws) -> None:
    """Counts differ and the users can't be listed: that is no reason to let the difference pass."""
    late = {**user("late"), "created": "2026-04-01T07:00:00Z"}
    aws = simulated_aws.start(company(account(users=[user("maria"), late])))
    rows(aws, "aws.sign_in")
    aws.clock.set(aws.clock.now().replace(hour=8))
    plan(aws, "iam:ListUsers", {"kind": "forbidden", "times": None})
    with pytest.raises(PermissionDenied) as denied:
        rows(aws, "aws.sign_in")
    assert denied.value.permission == "iam:ListUsers"
