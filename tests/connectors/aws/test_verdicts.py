"""What an error code of AWS means for the caller."""

from __future__ import annotations

import pytest

from connectors.aws.verdicts import verdict
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EvidenceError,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
    SourceGone,
)
from tests.fakes.aws_company import PROD, SimulatedAws, account, company


def judged(operation: str, status: int, code: str, *, assumed: bool = True, **headers: str) -> EvidenceError:
    return verdict(operation, status, code, headers, account=PROD, region="eu-west-1", assumed=assumed)


@pytest.mark.parametrize(
    ("operation", "status", "code", "expected"),
    [
        ("iam:ListUsers", 403, "AccessDenied", PermissionDenied),
        ("organizations:ListAccounts", 400, "AccessDeniedException", PermissionDenied),
        ("ec2:DescribeRegions", 403, "UnauthorizedOperation", PermissionDenied),
        ("iam:ListUsers", 400, "Throttling", RetriableError),
        ("organizations:ListAccounts", 400, "TooManyRequestsException", RetriableError),
        ("ec2:DescribeRegions", 503, "RequestLimitExceeded", RetriableError),
        ("iam:GenerateCredentialReport", 409, "LimitExceeded", RetriableError),
        ("iam:ListUsers", 429, "", RetriableError),
        ("iam:ListUsers", 500, "InternalFailure", RetriableError),
        ("iam:ListUsers", 502, "502", RetriableError),
        ("iam:ListUsers", 403, "ExpiredToken", RetriableError),
        ("iam:ListUsers", 403, "InvalidClientTokenId", ConfigurationError),
        ("iam:ListUsers", 403, "SignatureDoesNotMatch", ConfigurationError),
        ("ec2:DescribeRegions", 401, "AuthFailure", ConfigurationError),
        ("iam:ListUsers", 403, "RequestTimeTooSkewed", ClockSkew),
        ("ec2:DescribeRegions", 401, "OptInRequired", NotLicensed),
        ("iam:GetUser", 404, "NoSuchEntity", SourceGone),
        ("iam:ListUsers", 400, "ValidationError", SchemaDrift),
        ("iam:ListUsers", 404, "", SchemaDrift),
    ],
)
def test_errors_are_named_by_what_to_do(operation: str, status: int, code: str, expected: type[EvidenceError]) -> None:
    found = judged(operation, status, code)
    assert type(found) is expected
    assert len(str(found)) > 40
    if isinstance(found, PermissionDenied):
        assert found.permission == operation


def test_expired_credentials_of_the_machine_are_for_people_to_renew() -> None:
    assert isinstance(judged("sts:AssumeRole", 403, "ExpiredToken", assumed=False), ConfigurationError)


def test_the_wait_that_was_asked_for_is_handed_on() -> None:
    for found, wait in (
        (judged("iam:ListUsers", 503, "x", **{"retry-after": "17"}), 17.0),
        (judged("iam:ListUsers", 400, "Throttling", **{"retry-after": "soon"}), None),
        (judged("iam:ListUsers", 500, "x"), None),
    ):
        assert isinstance(found, RetriableError)
        assert found.retry_after == wait


def test_a_region_that_is_not_enabled_is_named(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = simulated_aws.start(company(account()))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "af-south-1")
    with pytest.raises(ConfigurationError, match="region af-south-1"):
        aws.collect("aws.accounts", item="org:acme")
