"""What an error of AWS means for the caller, and what the source's clock says. Pure functions.

No text of AWS is passed on but its error code: its messages name principals and resources.
"""

from __future__ import annotations

from collections.abc import Mapping

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

DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError", "AuthorizationErrorException",
    "NotAuthorized", "UnauthorizedAccess", "UnauthorizedException", "UnauthorizedOperation",
})  # fmt: skip
THROTTLED = frozenset({
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceeded", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "TransactionInProgressException",
})  # fmt: skip
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN_CREDENTIALS = frozenset({
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
    "MissingAuthenticationToken", "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_GLOBAL = frozenset({"iam", "organizations", "sts"})
_IAM_PREFIXES = {
    "sso-admin": "sso", "accessanalyzer": "access-analyzer", "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing", "efs": "elasticfilesystem", "s3control": "s3",
}  # fmt: skip
_IAM_ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "accessanalyzer:ListFindingsV2": "access-analyzer:ListFindings",
}
"""Operations whose right has another name."""
_NOT_SUBSCRIBED = frozenset({"OptInRequired", "SubscriptionRequiredException"})
_GONE = frozenset({"AccountNotFoundException", "NoSuchEntity", "NoSuchEntityException"})


def verdict(
    operation: str, status: int, code: str, headers: Mapping[str, str], *, account: str, region: str, assumed: bool
) -> EvidenceError:
    """The error to raise for an answer that is none. `operation` is `service:Operation`; header names in lower case.

    `assumed`: the credentials are a session of a reading role, which ends within the hour by design.
    """
    where = f"account {account}" if service_of(operation) in _GLOBAL else f"account {account}, region {region}"
    if code in _CLOCK:
        return ClockSkew(
            f"AWS refuses {operation} because the clock of this machine is off. Synchronise it (NTP) and run again."
        )
    if code in DENIED:
        return PermissionDenied(
            f"AWS denies {operation} in {where}. Allow it to the role that is read with, and look for a service "
            "control policy or permissions boundary that forbids it.",
            permission=iam_action(operation),
        )
    if code in THROTTLED or status == 429:
        return RetriableError(
            f"AWS still throttles {operation} in {where} after repeated attempts. Try again later.",
            retry_after=_seconds(headers.get("retry-after")),
        )
    if status >= 500:
        return RetriableError(
            f"AWS failed to answer {operation} in {where} (status {status}). Try again later.",
            retry_after=_seconds(headers.get("retry-after")),
        )
    if code in _EXPIRED:
        if assumed:
            return RetriableError(f"The role session for {where} ended during {operation}. Run again.")
        return ConfigurationError(
            "The AWS credentials of this machine have expired. Sign in again (for example `aws sso login`) or renew "
            "them, then run again."
        )
    if code in _UNKNOWN_CREDENTIALS and service_of(operation) not in _GLOBAL:
        return ConfigurationError(
            f"AWS does not accept these credentials for {operation} in {where}. If the region is "
            "not enabled in the account, enable it or take it out of scope.aws.regions; otherwise correct the "
            "credentials."
        )
    if code in _UNKNOWN_CREDENTIALS:
        return ConfigurationError(
            f"AWS does not know the credentials used for {operation} in {where} ({code}). Correct AWS_PROFILE or the "
            "access key variables, or sign in again."
        )
    if code in _NOT_SUBSCRIBED:
        return NotLicensed(
            f"{where} is not signed up for the service behind {operation}. Enable it, or take the "
            "account or region out of scope."
        )
    if code in _GONE:
        return SourceGone(f"What {operation} asks for does not exist any more in {where}.")
    return SchemaDrift(
        f"AWS answers {operation} in {where} with status {status}, code {code or 'none'}, which this version does not "
        "know. The connector must be looked at."
    )


def service_of(operation: str) -> str:
    return operation.partition(":")[0]


def iam_action(operation: str) -> str:
    """The right that an operation needs, as a policy names it: IAM calls some services otherwise than boto3 does."""
    if operation in _IAM_ACTIONS:
        return _IAM_ACTIONS[operation]
    service, _, action = operation.partition(":")
    return f"{_IAM_PREFIXES.get(service, service)}:{action}"


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; None where it is absent or a date."""
    return float(text) if text is not None and text.isdigit() else None
