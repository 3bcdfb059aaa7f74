"""The `scope` of the programme file: which systems, and which parts of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, StrictStr, field_validator, model_validator

from schemas.programme_values import Count, Email, Part, Text, Url, or_short

GitHubPlan = Literal["free", "team", "enterprise_cloud", "enterprise_server"]


class AwsAccount(Part):
    """One account, and the role by which it is read (none: boto3's own credentials must belong to it)."""

    id: StrictStr
    role: StrictStr | None = None
    name: Text | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _twelve_digits(cls, value: Any) -> Any:
        if isinstance(value, int):  # pydantic reports a ValueError only
            raise ValueError('write the account id in quotes ("111122223333"): as a number it loses zeros')  # noqa: TRY004
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{12}", value):
            raise ValueError('an AWS account id has twelve digits. Write it like "111122223333"')
        return value

    @model_validator(mode="after")
    def _role_of_this_account(self) -> Self:
        if self.role is not None:
            match = re.fullmatch(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/.+", self.role)
            if match is None:
                raise ValueError("role is not the ARN of an IAM role, such as arn:aws:iam::111122223333:role/reader")
            if match[1] != self.id:
                raise ValueError(f"the role belongs to account {match[1]} and the account is {self.id}. Correct one")
        return self


class AwsScope(Part):
    """AWS accounts and regions in scope."""

    accounts: tuple[AwsAccount, ...] = Field(min_length=1)
    regions: tuple[Annotated[StrictStr, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")], ...] = ()
    cloudtrail: Annotated[StrictStr, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/.*)?$")] | None = None
    """Where the trail is delivered. Without it only CloudTrail's event history (90 days) is read."""
    config_history_days: Count | None = None
    """How long AWS Config keeps configuration items, where a recorder is on; leave it out where none is."""
    changes_by_hand_allowed: tuple[Text, ...] = ()
    """Names of API calls that people may make in production without a ticket."""

    @model_validator(mode="after")
    def _no_account_twice(self) -> Self:
        ids = [account.id for account in self.accounts]
        if len(set(ids)) != len(ids):
            raise ValueError(f"an account is listed twice: {sorted({i for i in ids if ids.count(i) > 1})}")
        return self


class Repositories(Part):
    """Repositories by topic, or an explicit list (`names`, `owner/name` or `name`). Exactly one of the two."""

    topic: Text | None = None
    names: tuple[Annotated[StrictStr, Field(pattern=r"^([A-Za-z0-9-]+/)?[A-Za-z0-9._-]+$")], ...] | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return or_short(handler, core_schema, {"type": "array", "items": {"type": "string"}, "minItems": 1})

    @model_validator(mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return {"names": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.topic is None) == (self.names is None):
            raise ValueError("name the repositories either by {topic: production} or as a list, one of the two")
        if self.names is not None and not self.names:
            raise ValueError("the list of repositories is empty. Leave scope.github out if there are none")
        return self


class GitHubScope(Part):
    """The GitHub organisation in scope."""

    organisation: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$")]
    api_url: Url = "https://api.github.com"
    repositories: Repositories = Repositories(topic="production")
    production_branches: tuple[Text, ...] = Field(default=("main",), min_length=1)
    plan: GitHubPlan = "team"
    """What the organisation pays for decides what GitHub remembers: the audit log can be read on Enterprise only."""

    @model_validator(mode="after")
    def _repositories_of_this_organisation(self) -> Self:
        for name in self.repositories.names or ():
            owner, slash, _ = name.rpartition("/")
            if slash and owner.lower() != self.organisation.lower():
                raise ValueError(f"repository {name} does not belong to organisation {self.organisation}")
        return self


class GoogleScope(Part):
    """The Google Workspace customer in scope."""

    customer: Annotated[StrictStr, Field(pattern=r"^C[0-9a-z]+$")]
    domain: Text
    delegate: Email
    api_url: Url | None = None


class GcpScope(Part):
    """Google Cloud projects in scope, by project id."""

    projects: tuple[Text, ...] = Field(min_length=1)
    api_url: Url | None = None
    changes_by_hand_allowed: tuple[Text, ...] = ()
    """Names of methods that people may call in production without a ticket."""


class Scope(Part):
    """What the system consists of. A system that is not named here makes no cells and is listed as not configured."""

    aws: AwsScope | None = None
    github: GitHubScope | None = None
    google: GoogleScope | None = None
    gcp: GcpScope | None = None
    products: tuple[Text, ...] = ()
    """Names of the products the report describes (`product:<slug>`)."""
    services: tuple[Text, ...] = ()
    """Names of the services the report describes (`service:<slug>`)."""
    policies: tuple[Text, ...] = ()
    """Names of the policies that must be in force (`policy:<slug>`)."""
