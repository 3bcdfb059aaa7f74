"""The registers: lists that people keep as reviewed files, such as who works here and which account is whose.

A register is declared here once; the loader, the JSON schemas and the empty files of `evidence init` follow from it.
Rows are plain JSON values, as they stand in the ledger: texts, `YYYY-MM-DD` days, instants with `Z`, lists of texts,
numbers, and None where a cell is empty. What a cell says is data and is never run, expanded or looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["text", "day", "instant", "email", "number", "texts", "url", "flag", "rows"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column (or key, in YAML) of a register."""

    name: str
    meaning: str
    kind: ValueKind = "text"
    required: bool = True
    """Whether each row must have a value."""
    header: bool = True
    """Whether a CSV file must have the column at all."""
    choices: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    """Of `rows`, a list of mappings (in YAML): the keys of each."""


@dataclass(frozen=True, slots=True)
class Register:
    """Declaration of one register."""

    name: str
    file: str
    """Where `evidence init` puts it, beside the programme file."""
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that together name a row; no two rows may be valid under the same key at once."""
    interval: tuple[str, str] | None = None
    """The columns that bound a row's validity, first and last day, both inclusive; empty means open."""
    offered: bool = True
    """Whether `evidence init` writes it; one that is not stands in for something better that a company may not have."""

    @property
    def format(self) -> Literal["csv", "yaml"]:
        return "yaml" if self.file.endswith(".yaml") else "csv"

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def _validity(start: str, end: str) -> tuple[Column, Column]:
    return Column("from", start, "day", required=False), Column("to", end, "day", required=False)


PEOPLE = Register(
    "people",
    "registers/people.csv",
    "Everybody who works here or did in the period: the population of joiners and leavers.",
    (
        Column("person_id", "An id of your own that never changes and is never used again"),
        Column("name", "Name for people to read"),
        Column("email", "Work e-mail address", "email"),
        Column("kind", "What ties the person to the company", choices=("employee", "contractor", "adviser")),
        Column("office", "Office, by which the calendar of business days is chosen", required=False),
        Column("start", "First day", "day"),
        Column("last_day", "Last working day; empty while the person works here", "day", required=False),
        Column("manager", "person_id of the manager", required=False),
        Column("leaving", "How the person left", required=False, header=False,
               choices=("voluntary", "involuntary", "contract_end")),
        Column("notified_at", "When the company learnt of it", "instant", required=False, header=False),
        Column("aliases", "Other e-mail addresses of the same person, separated by spaces", "texts",
               required=False, header=False),
    ),
    ("person_id",),
)  # fmt: skip

IDENTITIES = Register(
    "identities",
    "registers/identities.csv",
    "Which account belongs to which person, on every system in scope.",
    (
        Column("person_id", "Person of the people register"),
        Column("system", "System the account is on", choices=("aws", "github", "google", "gcp", "jira", "pagerduty")),
        Column("account_id", "GitHub login or node id, ARN of an IAM user, address at Google, accountId of Jira"),
        *_validity("First day on which the account was this person's", "Last such day"),
    ),
    ("system", "account_id"),
    ("from", "to"),
)

SCOPE = Register(
    "scope",
    "registers/scope.csv",
    "Decisions on what is in the system and what is not, each with its reason.",
    (
        Column("item_id", "Scope item id, such as github:R_kgDOA1b2c3 or aws:111122223333"),
        Column("decision", "Whether the item is part of the system", choices=("in", "out")),
        *_validity("Day from which the decision holds", "Last day on which it holds"),
        Column("reason", "Why; a sentence the auditor will read"),
        Column("decided_by", "E-mail address of who decided", "email"),
        Column("name", "Name for people to read", required=False, header=False),
        Column("description", "Where the system description mentions it", required=False, header=False),
    ),
    ("item_id",),
    ("from", "to"),
)

ADMINISTRATORS = Register(
    "administrators",
    "registers/administrators.csv",
    "Who may have administrative power, where, since when and why.",
    (
        Column("system", "System", choices=("aws", "github", "google", "gcp")),
        Column("principal", "Login, node id, team or app slug, ARN, or role name: as the source names it"),
        Column("privilege", "Privilege as the source names it, such as organisation_owner, repository_admin, "
               "app_write, administrator, iam_administrator; * for any"),
        Column("resource", "Account id, organisation or repository it is limited to; empty for all", required=False),
        *_validity("First day of the approval", "Last day of the approval"),
        Column("reason", "Why this power is needed"),
        Column("approved_by", "E-mail address of who approved it; never the holder", "email"),
    ),
    ("system", "principal", "privilege", "resource"),
    ("from", "to"),
)  # fmt: skip

PUBLIC_ENDPOINTS = Register(
    "public_endpoints",
    "registers/public_endpoints.csv",
    "What may be reached from the internet.",
    (
        Column("resource_id", "ARN, full resource name or host name"),
        Column("description", "What it serves"),
        *_validity("First day of the approval", "Last day of the approval"),
        Column("reason", "Why it must be public"),
        Column("approved_by", "E-mail address of who approved it", "email"),
    ),
    ("resource_id",),
    ("from", "to"),
)

DEVICES = Register(
    "devices",
    "registers/devices.csv",
    "Devices that can reach production or customer data.",
    (
        Column("device_id", "Serial number or the id in the device management system"),
        Column("person_id", "Person who holds it; empty for a shared device", required=False),
        Column("platform", "Operating system", choices=("macos", "windows", "linux", "chromeos", "ios", "android")),
        *_validity("Day it was handed out", "Day it came back or was wiped"),
        Column("os_version", "Version of the operating system", required=False, header=False),
        Column("encrypted", "Whether its disk is encrypted", "flag", required=False, header=False),
        Column("screen_lock", "Whether it locks itself", "flag", required=False, header=False),
        Column("malware_protection", "Whether it is protected from malware", "flag", required=False, header=False),
        Column("last_seen_at", "When the device management last heard of it", "instant", required=False, header=False),
    ),
    ("device_id",),
    ("from", "to"),
)

VENDORS = Register(
    "vendors",
    "registers/vendors.yaml",
    "Vendors and subservice organisations.",
    (
        Column("vendor_id", "An id of your own (`vendor:<vendor_id>`)"),
        Column("name", "Name of the company"),
        Column("service", "What it does for you"),
        Column("kind", "Whether your controls rely on its controls", choices=("vendor", "subservice")),
        Column("tier", "How much depends on it", choices=("critical", "high", "low")),
        Column("owner", "E-mail address of who answers for it", "email"),
        Column("data", "Kinds of data it touches", "texts", required=False),
        Column("contract", "Where the contract is", required=False),
        *_validity("First day of use", "Last day of use"),
    ),
    ("vendor_id",),
    ("from", "to"),
)

RISKS = Register(
    "risks",
    "registers/risks.yaml",
    "Risks, how large they are and what is done about them.",
    (
        Column("risk_id", "An id of your own"),
        Column("title", "The risk in a sentence"),
        Column("likelihood", "1 (rare) to 5 (expected)", "number", choices=("1", "2", "3", "4", "5")),
        Column("impact", "1 (small) to 5 (ruinous)", "number", choices=("1", "2", "3", "4", "5")),
        Column("treatment", "What is done", choices=("mitigate", "accept", "transfer", "avoid")),
        Column("owner", "E-mail address of who answers for it", "email"),
        Column("controls", "Ids of the controls that mitigate it", "texts", required=False),
        Column("due", "Day by which the treatment is to be done", "day", required=False),
        Column("status", "Where the treatment stands", choices=("open", "in_progress", "done")),
    ),
    ("risk_id",),
)

PUBLISHED_PAGES = Register(
    "published_pages",
    "registers/published_pages.csv",
    "Where customers find what is promised and how to report a problem.",
    (
        Column("url", "Address of the page", "url"),
        Column("kind", "What it is",
               choices=("terms", "privacy", "security", "security_txt", "status", "service_levels", "other")),
        *_validity("First day on which it is to be there", "Last such day"),
    ),
    ("url",),
    ("from", "to"),
)  # fmt: skip

INCIDENTS = Register(
    "incidents",
    "registers/incidents.yaml",
    "Incidents, where no tracker keeps them: what happened, when it was seen to, what follows from it.",
    (
        Column("incident_id", "An id of your own that is never used again"),
        Column("title", "What happened, in a sentence"),
        Column("opened_at", "When it was opened", "instant"),
        Column("opened_by", "E-mail address of who opened it", "email"),
        Column("severity", "1 (the worst) to 5", "number", required=False, choices=("1", "2", "3", "4", "5")),
        Column("classified_at", "When it was given its severity", "instant", required=False),
        Column("detected_by", "How it was noticed", required=False),
        Column("assignee", "E-mail address of who handles it", "email", required=False),
        Column("description", "What is known of it", required=False),
        Column("contained_at", "When it could do no more harm", "instant", required=False),
        Column("resolved_at", "When it was over; empty while it is not", "instant", required=False),
        Column("notice_required", "Whether customers must be told by contract", "flag", required=False),
        Column("notice_due_at", "By when, where a contract says", "instant", required=False),
        Column("customers_informed_at", "When customers were told", "instant", required=False),
        Column("review_at", "When it was reviewed", "instant", required=False),
        Column("duplicate_of", "incident_id of the one that is about the same", required=False),
        Column("timeline", "What was done", "rows", required=False, columns=(
            Column("at", "When", "instant"),
            Column("by", "E-mail address of who did it", "email"),
            Column("text", "What"),
        )),
        Column("actions", "What is to be done so that it does not happen again", "rows", required=False, columns=(
            Column("id", "An id within the incident"),
            Column("text", "What is to be done"),
            Column("owner", "E-mail address of who does it", "email"),
            Column("due", "Last day for it", "day"),
            Column("done", "Day on which it was done; empty while it is open", "day", required=False),
            Column("redated_from", "The day by which it was due before", "day", required=False),
            Column("redated_by", "E-mail address of who decided on the later day", "email", required=False),
        )),
    ),
    ("incident_id",),
    offered=False,
)  # fmt: skip

UPTIME = Register(
    "uptime",
    "registers/uptime.csv",
    "What probes from outside saw of each service: stretches without a break, out of the monitoring.",
    (
        Column("service", "Service of the programme, by its name or as in service:<id>"),
        Column("started_at", "First probe of the stretch", "instant"),
        Column("ended_at", "First instant after it; empty while it lasts", "instant", required=False),
        Column("state", "What the probes saw; maintenance where it was announced and the contract leaves it out",
               choices=("up", "down", "maintenance")),
    ),
    ("service", "started_at"),
)  # fmt: skip

DISPOSALS = Register(
    "disposals",
    "registers/disposals.csv",
    "Devices and media that went out of use: wiped and given away, kept, lost, enrolled again.",
    (
        Column("device_id", "The device, as the register of devices or the device management names it"),
        Column("retired_at", "When it went out of use, or was missed", "instant"),
        Column("outcome", "What became of it",
               choices=("disposed", "returned", "kept", "lost", "stolen", "re_enrolled")),
        Column("wiped_at", "When its data were wiped or its disk destroyed", "instant", required=False),
        Column("method", "How they were wiped", required=False),
        Column("disposed_at", "When it left the company", "instant", required=False),
        Column("done_by", "E-mail address of who wiped it, or reported the loss", "email", required=False),
        Column("new_device_id", "Its id after it was enrolled again", required=False, header=False),
    ),
    ("device_id", "retired_at"),
)  # fmt: skip

TRAINING = Register(
    "training",
    "registers/training.csv",
    "Who finished which security training when, out of the learning platform.",
    (
        Column("person_id", "Person of the people register"),
        Column("course_id", "The course, by an id that stays"),
        Column("version", "Version of the course", required=False),
        Column("completed_at", "When it was finished", "instant"),
        Column("score", "Score in percent", "number", required=False),
    ),
    ("person_id", "course_id", "completed_at"),
)

REGISTERS: Mapping[str, Register] = {
    register.name: register
    for register in (
        PEOPLE, IDENTITIES, SCOPE, ADMINISTRATORS, PUBLIC_ENDPOINTS, VENDORS, RISKS, DEVICES, PUBLISHED_PAGES, TRAINING,
        DISPOSALS, UPTIME,
        INCIDENTS,
    )
}  # fmt: skip
