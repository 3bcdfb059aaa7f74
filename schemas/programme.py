"""The programme file: what the company promises to be judged by.

Loaded with pydantic, and only where a file is read or a test of a control needs typed rules; everything that runs
often works on the normalised dictionary (`Programme.normalised`) as it was recorded in the ledger.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, StrictStr, field_validator, model_validator

from schemas.calendars import split_calendar
from schemas.programme_rules import ControlOverride, EvidenceRules
from schemas.programme_scope import Scope
from schemas.programme_tickets import Incidents, Tickets
from schemas.programme_values import Day, Email, EnvironmentName, Part, Text, Url, exactly_one, or_short

Category = Literal["security", "availability", "confidentiality"]


class ObservationPeriod(Part):
    """First and last local day of the period, both inclusive."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"the period ends on {self.end}, before it starts on {self.start}. Swap or correct them")
        if (self.end - self.start).days > 366 * 2:
            raise ValueError("the period is longer than two years. An observation period is 3 to 12 months")
        return self


class Registers(Part):
    """Files under review in a repository, relative to the programme file. `evidence schema` prints their columns."""

    people: Text | None = None
    identities: Text | None = None
    scope: Text | None = None
    administrators: Text | None = None
    public_endpoints: Text | None = None
    vendors: Text | None = None
    risks: Text | None = None
    devices: Text | None = None
    published_pages: Text | None = None
    training: Text | None = None
    disposals: Text | None = None
    uptime: Text | None = None
    incidents: Incidents | None = None
    """Where incidents are kept: in a tracker, or in a file such as `registers/incidents.yaml`."""
    access_requests: Tickets | None = None
    """Where access is asked for and approved."""
    alert_triage: Tickets | None = None
    """Where alerts are looked into."""
    security_inbox: Tickets | None = None
    """Where messages to the security contact arrive."""
    deletions: Tickets | None = None
    """Where deletions of customers' data are kept."""
    changes: Tickets | None = None
    """Where changes that people make by hand are kept."""


class DeclaredEndpoint(Part):
    """An endpoint that is not the vendor's own. It is shown on every page, report and package."""

    url: Text
    reason: Text


class Endpoints(Part):
    """Endpoints other than the vendors' own."""

    declared: tuple[DeclaredEndpoint, ...] = ()


PublicKey = Annotated[StrictStr, Field(pattern=r"^ed25519:[A-Za-z0-9+/=_-]{16,}$")]


class Approver(Part):
    """Somebody entitled to change the programme and to approve; the key is public, the private one stays with them."""

    email: Email
    key: PublicKey | None = None
    valid_from: Day | None = Field(default=None, alias="from")
    valid_to: Day | None = Field(default=None, alias="to")


class Reviewer(Part):
    """Somebody entitled to sign reviews; `- a@example.com` is short for `- {email: a@example.com}`.

    With a key (public; `evidence record key` makes one) it is known that they signed.
    """

    email: Email
    key: PublicKey | None = None
    valid_from: Day | None = Field(default=None, alias="from")
    valid_to: Day | None = Field(default=None, alias="to")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return or_short(handler, core_schema, {"type": "string", "format": "email"})

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"email": value} if isinstance(value, str) else value


class People(Part):
    """Who approves, owns, reviews and is called."""

    approvers: tuple[Approver, ...] = ()
    owners: dict[StrictStr, Email] = Field(default_factory=dict)
    reviewers: tuple[Reviewer, ...] = ()
    on_call: Email | None = None


class Slack(Part):
    """An incoming webhook, named by an environment variable or a Prefect Secret block."""

    webhook_env: EnvironmentName | None = None
    webhook_block: Text | None = None


class PagerDuty(Part):
    """An Events v2 integration, named by an environment variable or a Prefect Secret block."""

    routing_key_env: EnvironmentName | None = None
    routing_key_block: Text | None = None


class Webhook(Part):
    """A URL of your own that takes a POST. One that holds a secret goes into `apprise: {url_env: NAME}` instead."""

    url: Url


class SecretAddress(Part):
    """An Apprise address (mail, Teams, Matrix, …), which holds a secret and so is named by an environment variable."""

    url_env: EnvironmentName


class AnchorMail(Part):
    """A mail box out of the operator's reach, such as the auditor's; `url_env` names the sending server's address."""

    to: Email
    url_env: EnvironmentName


class Alert(Part):
    """One alert channel: exactly one of the keys."""

    slack: Slack | None = None
    pagerduty: PagerDuty | None = None
    webhook: Webhook | None = None
    mail: SecretAddress | None = None
    apprise: SecretAddress | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        exactly_one(self, "an alert channel is exactly one of slack, pagerduty, webhook, mail, apprise")
        for part in (self.slack, self.pagerduty):
            if part is not None:
                exactly_one(part, f"give exactly one of {', '.join(type(part).model_fields)}")
        return self


class Anchor(Part):
    """Where the head of the ledger is sent each day, out of the operator's reach: exactly one of the keys."""

    webhook: Webhook | None = None
    mail: AnchorMail | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        exactly_one(self, "an anchor is exactly one of webhook, mail")
        return self


def _iana_zone(value: str) -> str:
    try:
        zone_exists = "/" in value or value == "UTC"
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone_exists = False
    if not zone_exists:
        raise ValueError(
            f"{value!r} is not an IANA time zone. Write one such as Europe/London, America/New_York or UTC"
        )
    return value


Zone = Annotated[StrictStr, AfterValidator(_iana_zone)]


def _calendar(value: str) -> str:
    split_calendar(value)
    return value


class Office(Part):
    """Whose business days count for the people of an office."""

    calendar: Annotated[StrictStr, AfterValidator(_calendar)]
    """Country, or country and subdivision, whose public holidays are no business days: `FR`, `GB-ENG`, `DE-BE`."""
    timezone: Zone | None = None
    """IANA zone in which its days begin and end; absent: that of the programme."""


class Programme(Part):
    """`program.yaml` as a whole."""

    organisation: Text
    timezone: Zone = "UTC"
    observation_period: ObservationPeriod
    categories: tuple[Category, ...] = ("security",)
    store: Text = "./evidence-store"
    scope: Scope = Scope()
    registers: Registers = Registers()
    endpoints: Endpoints = Endpoints()
    evidence_rules: EvidenceRules = EvidenceRules()
    people: People = People()
    offices: dict[Text, Office] = Field(default_factory=dict)
    """Offices by the name that the people register gives them; the one named `default` holds for whoever has none of
    these. Without either, business days are Monday to Friday and no holiday is left out."""
    controls: dict[StrictStr, ControlOverride] = Field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    anchors: tuple[Anchor, ...] = ()

    @field_validator("offices")
    @classmethod
    def _told_apart(cls, value: dict[str, Office]) -> dict[str, Office]:
        names = [name.strip().casefold() for name in value]
        for name in value:
            if names.count(name.strip().casefold()) > 1:
                raise ValueError(f"{name!r} is written twice; letters' case makes no other office. Remove one")
        return value

    @field_validator("categories", mode="before")
    @classmethod
    def _supported(cls, value: Any) -> Any:
        for name in value if isinstance(value, list | tuple) else ():
            spoken = re.sub(r"[\s_-]+", " ", name).strip().lower() if isinstance(name, str) else ""
            if spoken in UNSUPPORTED_CATEGORIES:
                raise ValueError(UNSUPPORTED_CATEGORIES[spoken])
        return value

    @field_validator("categories")
    @classmethod
    def _security_always(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "security" not in value:
            raise ValueError("security is part of every SOC 2 examination. Add it: categories: [security, …]")
        if len(set(value)) != len(value):
            raise ValueError("a category is listed twice. Remove one")
        return value

    def normalised(self) -> dict[str, Any]:
        """The programme as plain JSON values with every default written out; what the ledger records.

        Defaults are included on purpose: a later version of the product can't change by what a period was judged.
        Keys without a value are left out. `Programme.from_recorded` reads it back.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def from_recorded(cls, recorded: dict[str, Any]) -> Self:
        """The programme back from the normalised dictionary of a ledger entry."""
        return cls.model_validate(recorded)


UNSUPPORTED_CATEGORIES = {
    "processing integrity": (
        "Processing Integrity is not supported: its criteria are about your own processing, which no general control "
        "can test. Scope it out, or extend the catalogue with controls of your own"
    ),
    "privacy": (
        "Privacy is not supported: its criteria are about notices, consent and data subjects, for which no source is "
        "connected. Scope it out, or extend the catalogue with controls of your own"
    ),
}
