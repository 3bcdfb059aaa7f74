"""Open a session with AWS: boto3's own credentials, one reading role per account, endpoints judged before anything is
sent.

    session = open_session(accounts, now=clock, declared=["https://gateway.acme.example"])
    session.client.account("111122223333").ask("iam:GetAccountSummary")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import boto3.session
import botocore.loaders
import botocore.session
import botocore.utils
from botocore import exceptions as botocore_errors

from connectors.aws.calls import CALLS_PER_SECOND, OTHER_CALLS_PER_SECOND, Caller, Conduct, Credentials
from connectors.endpoints import EndpointJudge, peer_certificate_sha256, resolve_addresses, shown_certificate
from connectors.pacing import Pacer
from schemas.errors import ConfigurationError, PermissionDenied
from schemas.extraction import Session

VENDOR_SUFFIXES = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
SESSION_NAME = "soc2-evidence"
BUNDLE_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Those that botocore looks at, in its order."""
_SERVICES = ("iam", "organizations", "sts", "ec2")


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """One account of the programme's scope. Without a role boto3's own credentials must belong to it."""

    account_id: str
    role: str | None = None


@lru_cache(maxsize=1)
def _loader() -> botocore.loaders.Loader:
    """The vendor's service descriptions, read once per process: they are large and never change."""
    loader = botocore.loaders.create_loader()
    loader.search_paths.append(os.path.join(os.path.dirname(boto3.session.__file__), "data"))
    return loader


class AwsClient:
    """The connector's side of an open session; one per thread."""

    def __init__(
        self, conduct: Conduct, home: Caller, accounts: Sequence[AccountAccess], trail: str | None = None
    ) -> None:
        self.home = home
        """The credentials that boto3 found."""
        self.accounts = tuple(accounts)
        self.trail = trail
        """`s3://bucket/prefix`, where CloudTrail delivers; None: only its event history is read."""
        self._conduct = conduct
        self._callers: dict[str, Caller] = {}

    @property
    def now(self) -> Callable[[], datetime]:
        """The collector's clock."""
        return self._conduct.now

    @property
    def pause(self) -> Callable[[float], None]:
        return self._conduct.pause

    @property
    def region(self) -> str:
        """The region that regional services are asked in."""
        return self._conduct.region

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, repetitions included."""
        return self._conduct.requests

    def account(self, account_id: str) -> Caller:
        """Calls in one account of the programme, by its role. The role is taken on with the first call.

        Raises `ConfigurationError` where the programme does not name the account, or names no role and the credentials
        belong to another. The first call raises `PermissionDenied` where the role can't be assumed.
        """
        caller = self._callers.get(account_id)
        if caller is None:
            access = next((entry for entry in self.accounts if entry.account_id == account_id), None)
            if access is None:
                raise ConfigurationError(f"Account {account_id} is not under scope.aws.accounts of the programme.")
            caller = self._callers[account_id] = self._caller(access)
        return caller

    def _caller(self, access: AccountAccess) -> Caller:
        if access.role is None:
            if self.home.account != access.account_id:
                raise ConfigurationError(
                    f"scope.aws.accounts names no role for account {access.account_id}, and the AWS credentials belong "
                    f"to account {self.home.account}. Add the role to be read with, or use other credentials."
                )
            return self.home
        role = access.role
        if f"::{access.account_id}:role/" not in role:
            raise ConfigurationError(f"The role given for account {access.account_id} belongs to another account.")

        def renew() -> Credentials:
            return self._assume(role)

        return Caller(self._conduct, access.account_id, role, renew)

    def _assume(self, role: str) -> Credentials:
        # Never kept: this one answer holds credentials.
        answer = self.home.ask(
            "sts:AssumeRole", expect=("AccessDenied",), RoleArn=role, RoleSessionName=SESSION_NAME, DurationSeconds=3600
        )
        if answer.error_code is not None:
            raise PermissionDenied(
                f"The role {role} can't be assumed: it does not exist, its account is closed, or it does not trust "
                f"{self.home.principal}. Correct its trust policy, and allow sts:AssumeRole on it.",
                permission=f"sts:AssumeRole on {role}",
            )
        made: Mapping[str, Any] = answer.parsed["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], made["Expiration"])


def open_session(
    accounts: Sequence[AccountAccess],
    *,
    now: Callable[[], datetime],
    declared: Iterable[str] = (),
    regions: Sequence[str] = (),
    trail: str | None = None,
    environ: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
    attempts: int = 10,
    resolve: Callable[[str, int], Collection[str]] = resolve_addresses,
    certificate: Callable[..., str] = peer_certificate_sha256,
) -> Session:
    """Open a session for the accounts of the programme.

    `declared` are the URLs under `endpoints.declared`, `regions` those of `scope.aws.regions` (the first one serves as
    default region where boto3 has none), `trail` is `scope.aws.cloudtrail`. `attempts` bounds how often botocore sends
    one request. `environ` is what is looked at for certificate and proxy overrides (the process's own by default);
    boto3 reads its own settings.

    Raises `EndpointRefused`, `ConfigurationError` (no or expired credentials), `ClockSkew` and `RetriableError`.
    """
    if not accounts:
        raise ConfigurationError("scope.aws.accounts names no account, so there is nothing to read in AWS.")
    boto, configured_bundle = _boto_session()
    overrides = dict(os.environ if environ is None else environ)
    if configured_bundle:
        overrides["AWS_CA_BUNDLE"] = configured_bundle
    judge = EndpointJudge(
        "AWS", VENDOR_SUFFIXES, declared=tuple(declared), environ=overrides, resolve=resolve,
        look_at="Set or unset the AWS_ENDPOINT_URL variables for all services.",
    )  # fmt: skip
    region = boto.region_name or (regions[0] if regions else "us-east-1")
    pacer = Pacer(CALLS_PER_SECOND, OTHER_CALLS_PER_SECOND, pause=pause)
    conduct = Conduct(
        boto=boto, region=region, now=now, judge=judge, pacer=pacer, pause=pause, attempts=attempts
    )  # fmt: skip
    home = Caller(conduct, "unknown", "unknown")
    endpoints = [home.endpoint(service) for service in _SERVICES]
    identity = home.ask("sts:GetCallerIdentity").parsed
    home.account, home.principal = str(identity["Account"]), str(identity["Arn"])
    judged = judge(endpoints[0])
    roles = [access.role or f"{access.account_id}: own credentials" for access in accounts]
    return Session(
        system="aws",
        client=AwsClient(conduct, home, accounts, trail),
        endpoint=judged.url,
        simulated=judged.simulated,
        declared=judge.declared_in_use,
        principal=home.principal,
        principal_rights="reads as " + ", ".join(roles),
        tenant=home.account,
        certificate_sha256=shown_certificate(judged, overrides, certificate, BUNDLE_VARIABLES),
    )


def _read_time(value: Any) -> datetime:
    """A time of an answer. botocore looks at every one with a parser for any way to write dates, which takes longer
    than all the rest of reading a list; AWS writes ISO 8601 in nearly all of them."""
    if isinstance(value, str) and value[4:5] == "-":
        return datetime.fromisoformat(value)
    return botocore.utils.parse_timestamp(value)


def _boto_session() -> tuple[boto3.session.Session, str | None]:
    """A session of boto3, and the certificate bundle that it would use: one in ~/.aws/config counts as well."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_read_time)
    try:
        return boto3.session.Session(botocore_session=core), core.get_config_variable("ca_bundle")
    except botocore_errors.ProfileNotFound as error:
        raise ConfigurationError("AWS_PROFILE names a profile that ~/.aws/config does not have.") from error
