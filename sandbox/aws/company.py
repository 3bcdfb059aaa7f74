"""The AWS side of a simulated company: `aws.yaml` in its folder.

The file says what exists and when. Everything with a `created` comes into being at that instant; `events` change it
later. State at any instant is a function of the file alone, so the same clock gives the same accounts, and a clock
moved back gives the past. Policies are named by the name of a policy of the account or by an AWS-managed ARN.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.aws.record_file import AccountId, Record, load_records
from sandbox.aws.trail_file import Trail, load_trail_events
from sandbox.company import SCHEMA_DIALECT, Planted, Strict, read_model
from schemas.errors import ConfigurationError

PolicyDocument = dict[str, Any]

DEFAULT_REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
"""The regions that every account has without opting in."""


class AccessKey(Strict):
    """An access key. The second one of a user takes the second place in the credential report."""

    label: str = Field(description="Name inside this file only; key ids are derived and never written down.")
    created: AwareDatetime
    active: bool = True
    used_every_hours: float | None = Field(
        default=None, gt=0, description="Used that often from creation on, as a build system does."
    )
    service: str = "s3"
    region: str = "us-east-1"


class User(Strict):
    """An IAM user."""

    name: str
    created: AwareDatetime
    path: str = "/"
    password: bool = Field(default=False, description="Can sign in to the console.")
    mfa: bool = False
    signs_in_every_hours: float | None = Field(default=None, gt=0)
    groups: list[str] = Field(default_factory=list)
    attached: list[str] = Field(default_factory=list, description="Managed policies: local names or AWS-managed ARNs.")
    inline: dict[str, PolicyDocument] = Field(default_factory=dict)
    boundary: str | None = Field(default=None, description="Managed policy that is the permissions boundary.")
    keys: list[AccessKey] = Field(default_factory=list, max_length=2)
    tags: dict[str, str] = Field(default_factory=dict)


class Group(Strict):
    """An IAM group."""

    name: str
    created: AwareDatetime
    path: str = "/"
    attached: list[str] = Field(default_factory=list)
    inline: dict[str, PolicyDocument] = Field(default_factory=dict)


class Role(Strict):
    """An IAM role. Only roles that stand here can be assumed, and only by whom `trust` names."""

    name: str
    created: AwareDatetime
    path: str = "/"
    trust: PolicyDocument = Field(description="The trust policy document.")
    attached: list[str] = Field(default_factory=list)
    inline: dict[str, PolicyDocument] = Field(default_factory=dict)
    boundary: str | None = None
    used_every_hours: float | None = Field(default=None, gt=0)


class Policy(Strict):
    """A customer-managed policy."""

    name: str
    created: AwareDatetime
    path: str = "/"
    document: PolicyDocument


class Root(Strict):
    """The account's root user."""

    password: bool = Field(default=True, description="False: root credentials are removed, centrally managed.")
    mfa: bool = True
    last_used: AwareDatetime | None = None
    keys: list[AccessKey] = Field(default_factory=list, max_length=2)


class Account(Strict):
    """One AWS account."""

    id: AccountId
    name: str
    created: AwareDatetime
    email: str = Field(description="Address of the account's root user.")
    in_organisation: bool = True
    unit: str | None = Field(default=None, description="Id of its organisational unit; none: right under the root.")
    regions: list[str] = Field(default_factory=lambda: list(DEFAULT_REGIONS), min_length=1)
    root: Root = Field(default_factory=Root)
    password_policy: dict[str, bool | int] | None = Field(
        default=None, description="As GetAccountPasswordPolicy names its parts, without ExpirePasswords."
    )
    policies: list[Policy] = Field(default_factory=list)
    groups: list[Group] = Field(default_factory=list)
    users: list[User] = Field(default_factory=list)
    roles: list[Role] = Field(default_factory=list)


class Unit(Strict):
    """An organisational unit."""

    id: Annotated[str, Field(pattern=r"^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$")]
    name: str
    parent: str


class Organisation(Strict):
    """The AWS organisation; without one the accounts stand alone."""

    id: Annotated[str, Field(pattern=r"^o-[a-z0-9]{10,32}$")]
    root: Annotated[str, Field(pattern=r"^r-[0-9a-z]{4,32}$")]
    management_account: AccountId
    units: list[Unit] = Field(default_factory=list)


class Reader(Strict):
    """Who the credentials that the sandbox hands out belong to: a role session in one of the accounts."""

    account: AccountId
    role: str = "evidence-collector"


class _Event(Strict):
    at: AwareDatetime
    account: AccountId


class _UserEvent(_Event):
    user: str


class UserDeleted(_UserEvent):
    kind: Literal["user_deleted"]


class PasswordSet(_UserEvent):
    """A console password is given or changed."""

    kind: Literal["password_set"]


class PasswordRemoved(_UserEvent):
    kind: Literal["password_removed"]


class SignedIn(_UserEvent):
    kind: Literal["signed_in"]


class MfaAdded(_UserEvent):
    kind: Literal["mfa_added"]


class MfaRemoved(_UserEvent):
    kind: Literal["mfa_removed"]


class JoinedGroup(_UserEvent):
    kind: Literal["joined_group"]
    group: str


class LeftGroup(_UserEvent):
    kind: Literal["left_group"]
    group: str


class _KeyEvent(_UserEvent):
    key: str = Field(description="Label of the key.")


class KeyCreated(_UserEvent):
    """A further key; its creation is the event's instant."""

    kind: Literal["key_created"]
    key: str
    used_every_hours: float | None = Field(default=None, gt=0)


class KeyRotated(_KeyEvent):
    """The key is replaced by a new one in the same place, as old as the event."""

    kind: Literal["key_rotated"]


class KeyDeactivated(_KeyEvent):
    kind: Literal["key_deactivated"]


class KeyDeleted(_KeyEvent):
    kind: Literal["key_deleted"]


class KeyUsed(_KeyEvent):
    kind: Literal["key_used"]
    service: str = "s3"
    region: str = "us-east-1"


class _PolicyEvent(_Event):
    principal: Annotated[str, Field(pattern=r"^(user|group|role):.+$", description="For example `user:maria`.")]
    policy: str


class PolicyAttached(_PolicyEvent):
    kind: Literal["policy_attached"]


class PolicyDetached(_PolicyEvent):
    kind: Literal["policy_detached"]


class InlinePut(_PolicyEvent):
    kind: Literal["inline_put"]
    document: PolicyDocument


class InlineRemoved(_PolicyEvent):
    kind: Literal["inline_removed"]


class PolicyChanged(_Event):
    """A managed policy gets a new default version."""

    kind: Literal["policy_changed"]
    policy: str
    document: PolicyDocument


class RoleDeleted(_Event):
    kind: Literal["role_deleted"]
    role: str


class RoleUsed(_Event):
    kind: Literal["role_used"]
    role: str
    region: str = "us-east-1"


class RootSignedIn(_Event):
    kind: Literal["root_signed_in"]


class RootMfaAdded(_Event):
    kind: Literal["root_mfa_added"]


class RootMfaRemoved(_Event):
    kind: Literal["root_mfa_removed"]


class RootKeyCreated(_Event):
    kind: Literal["root_key_created"]
    key: str


class RootKeyDeleted(_Event):
    kind: Literal["root_key_deleted"]
    key: str


class AccountState(_Event):
    """The account changes state in the organisation, for example by being closed."""

    kind: Literal["account_state"]
    state: Literal["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]


class RegionsEnabled(_Event):
    """The list of enabled regions becomes this."""

    kind: Literal["regions_enabled"]
    regions: list[str] = Field(min_length=1)


Event = Annotated[
    UserDeleted | PasswordSet | PasswordRemoved | SignedIn | MfaAdded | MfaRemoved | JoinedGroup | LeftGroup
    | KeyCreated | KeyRotated | KeyDeactivated | KeyDeleted | KeyUsed | PolicyAttached | PolicyDetached | InlinePut
    | InlineRemoved | PolicyChanged | RoleDeleted | RoleUsed | RootSignedIn | RootMfaAdded | RootMfaRemoved
    | RootKeyCreated | RootKeyDeleted | AccountState | RegionsEnabled,
    Field(discriminator="kind"),
]  # fmt: skip


class AwsCompany(Strict):
    """The whole of `aws.yaml`."""

    organisation: Organisation | None = None
    reader: Reader
    accounts: list[Account] = Field(min_length=1)
    events: list[Event] = Field(default_factory=list)
    records: list[Record] = Field(default_factory=list[Record])
    trail: Trail | None = None
    trail_events: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]], description="Further records.")


class AwsTruth(Strict):
    """The whole of `aws.truth.yaml`: what the script breaks on purpose."""

    aws: list[Planted] = Field(default_factory=list)


_COMPANY: TypeAdapter[AwsCompany] = TypeAdapter(AwsCompany)
_TRUTH: TypeAdapter[AwsTruth] = TypeAdapter(AwsTruth)


def company_schema() -> Mapping[str, Any]:
    """JSON schema of `aws.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_COMPANY.json_schema(), "title": "The AWS of a simulated company (aws.yaml)"}


def truth_schema() -> Mapping[str, Any]:
    """JSON schema of `aws.truth.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_TRUTH.json_schema(), "title": "Planted violations at AWS (aws.truth.yaml)"}


def load_truth(folder: Path) -> AwsTruth:
    """Read `aws.truth.yaml`; nothing planted where there is none. Raises ConfigurationError."""
    path = folder / "aws.truth.yaml"
    return read_model(path, _TRUTH) if path.is_file() else AwsTruth()


def load_company(folder: Path) -> AwsCompany | None:
    """Read `aws.yaml` of a company folder; None where the company has no AWS. Raises ConfigurationError."""
    path = folder / "aws.yaml"
    if not path.is_file():
        return None
    company = read_model(path, _COMPANY)
    company = company.model_copy(
        update={
            "records": [*company.records, *load_records(folder)],
            "trail_events": [*company.trail_events, *load_trail_events(folder)],
        }
    )
    known = {account.id for account in company.accounts}
    if len(known) != len(company.accounts):
        raise ConfigurationError(f"{path.name}: two accounts have the same id")
    wanted = {company.reader.account, *(event.account for event in company.events)}
    wanted |= {record.account for record in company.records}
    if company.trail is not None:
        wanted.add(company.trail.account)
    if company.organisation is not None:
        wanted.add(company.organisation.management_account)
    if wanted - known:
        raise ConfigurationError(f"{path.name} speaks of accounts that it does not list: {sorted(wanted - known)}")
    return company
