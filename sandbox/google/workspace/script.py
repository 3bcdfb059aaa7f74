"""What a company's `google.yaml` may say."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.company import SCHEMA_DIALECT, Strict


class Domain(Strict):
    """A domain of the customer, with its aliases."""

    name: str
    primary: bool = False
    verified: bool = True
    created: AwareDatetime
    aliases: list[str] = Field(default_factory=list)


class TwoStep(Strict):
    """The demand for 2-step verification in one organisational unit, as it was set at an instant."""

    unit: str = "/"
    at: AwareDatetime
    until: AwareDatetime | None = None
    enforced: bool = True
    grace_days: int = 7
    factors: str = "ALL"


class Role(Strict):
    """A role of administrators that the company made itself."""

    name: str
    privileges: list[str]
    created: AwareDatetime


class Administrator(Strict):
    """A role given to a person (person_id), or to a group by its address."""

    who: str
    role: str = Field(default="super", description="`super`, or the name of a role.")
    at: AwareDatetime
    until: AwareDatetime | None = None
    by: str | None = Field(default=None, description="person_id; none for the first of all.")


class Membership(Strict):
    """Somebody in a group: a person_id, the address of another group, an outsider's address, or `everybody`."""

    who: str
    role: Literal["OWNER", "MANAGER", "MEMBER"] = "MEMBER"
    at: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Group(Strict):
    """A group."""

    email: str
    name: str
    created: AwareDatetime
    members: list[Membership]


class App(Strict):
    """An application that a person let in."""

    who: str
    client_id: str
    name: str
    scopes: list[str]
    at: AwareDatetime
    until: AwareDatetime | None = None


class Account(Strict):
    """What is unusual about a person's account."""

    who: str
    unit: str = "/"
    suspended: AwareDatetime | None = Field(default=None, description="When it was; by default at the end of the last "
                                            "working day.")  # fmt: skip
    enrolled: AwareDatetime | None = Field(default=None, description="When the second factor came; by default an hour "
                                           "after the account.")  # fmt: skip
    without_factor: list[tuple[AwareDatetime, AwareDatetime]] = Field(default_factory=list)


class Happening(Strict):
    """One more activity."""

    application: Literal["admin", "login", "token", "drive", "user_accounts", "saml"]
    at: AwareDatetime
    by: str
    type: str
    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class Rule(Strict):
    """An alert rule of Google's own that the company changed."""

    name: str
    active: bool = True
    severity: str = "LOW"
    all_super_admins: bool = False
    recipients: list[str] = Field(default_factory=list)
    at: AwareDatetime


class Alert(Strict):
    """An alert in the alert centre."""

    id: str
    type: str
    source: str
    at: AwareDatetime
    ended: AwareDatetime | None = None
    severity: str = "MEDIUM"
    status: str = "NOT_STARTED"
    assignee: str | None = None
    rule: str | None = None


class Device(Strict):
    """A device of a person."""

    id: str
    who: str
    type: Literal["ANDROID", "IOS", "WINDOWS", "MAC_OS", "LINUX", "CHROME_OS"]
    model: str
    os: str
    at: AwareDatetime
    until: AwareDatetime | None = None
    encrypted: bool | None = True
    password: bool = True


class Approval(Strict):
    """An approval of a document's revision."""

    at: AwareDatetime
    by: str
    reviewers: list[str]
    completed: AwareDatetime | None = None
    status: Literal["APPROVED", "IN_PROGRESS", "CANCELLED", "DECLINED"] = "APPROVED"


class Document(Strict):
    """A document in a shared drive, with its revisions."""

    id: str
    title: str
    owner: str
    revisions: list[AwareDatetime] = Field(min_length=1)
    approvals: list[Approval] = Field(default_factory=list)


class Meeting(Strict):
    """Something in the reader's calendar."""

    id: str
    title: str
    at: AwareDatetime
    minutes: int = 60
    organizer: str
    guests: list[str] = Field(default_factory=list)
    declined: list[str] = Field(default_factory=list)
    cancelled: bool = False


class SignIns(Strict):
    """Routine of sign-ins: from when to when, each working day."""

    start: AwareDatetime
    end: AwareDatetime


class GoogleScript(Strict):
    """The whole of `google.yaml`. People are named by their person_id."""

    customer: str = Field(pattern=r"^C[0-9a-z]+$")
    created: AwareDatetime
    reader: str = Field(description="Address of the account that the evidence is read for: a super administrator.")
    domains: list[Domain] = Field(min_length=1)
    units: list[str] = Field(default_factory=list, description="Paths below `/`, parents first.")
    two_step: list[TwoStep] = Field(default_factory=list)
    roles: list[Role] = Field(default_factory=list)
    administrators: list[Administrator] = Field(min_length=1)
    groups: list[Group] = Field(default_factory=list)
    apps: list[App] = Field(default_factory=list)
    accounts: list[Account] = Field(default_factory=list)
    sign_ins: SignIns | None = None
    happenings: list[Happening] = Field(default_factory=list)
    rules: list[Rule] = Field(default_factory=list)
    alerts: list[Alert] = Field(default_factory=list)
    devices: list[Device] = Field(default_factory=list)
    documents: list[Document] = Field(default_factory=list)
    meetings: list[Meeting] = Field(default_factory=list)


SCRIPT: TypeAdapter[GoogleScript] = TypeAdapter(GoogleScript)


def google_schema() -> dict[str, Any]:
    """JSON schema of `google.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **SCRIPT.json_schema(), "title": "A company's Google Workspace (google.yaml)"}
