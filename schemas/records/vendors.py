"""Records about vendors, providers and going on without them (CC6-PHY, CC9)."""

from __future__ import annotations

from dataclasses import replace

from schemas.records.model import Answers, Field, RecordType, actions

VENDOR_ASSESSMENT = RecordType(
    "vendor_assessment",
    "A vendor was assessed",
    "periodic",
    (Answers("CC9-VEN-01", "assessment"),),
    (
        Field("vendor_id", "The vendor, by the vendor register"),
        Field("inputs", "What was read, and of what date", "rows", fields=(
            Field("what", "Report, questionnaire, certificate, page"),
            Field("dated", "Its date", "day"),
        )),
        Field("findings", "What was found", "texts", required=False),
        Field("residual_risk", "What risk remains", choices=("low", "medium", "high")),
        Field("decision", "What was decided", choices=("accept", "accept_with_actions", "exit")),
        actions("What the vendor or we must do"),
        Field("requested_by", "Who wants to use the vendor", "person", required=False),
        Field("assessor", "Who assessed", "person"),
        Field("approver", "Who decided; never who asked for the vendor", "person"),
        Field("decided_at", "When it was decided", "instant"),
    ),
    ("decided_at",),
    "approver",
    (
        "Vendors of the first tier are assessed every 12 months, those of the second every 24.",
        "What was read is named with its date; the decision is somebody else's than the requester's.",
        "Actions are followed until they are done.",
    ),
    ("What was read.",),
    item="vendor_id",
    item_prefix="vendor:",
)  # fmt: skip

ASSURANCE_REPORT = RecordType(
    "assurance_report",
    "The assurance report of a subservice organisation was read and bridged",
    "periodic",
    (Answers("CC9-SUB-01", "review"),),
    (
        Field("provider", "The provider, by the vendor register"),
        Field("report_type", "Kind of report",
              choices=("soc2_type2", "soc2_type1", "soc1_type2", "soc3", "iso27001", "pci_dss", "other")),
        Field("period_from", "First day it covers", "day"),
        Field("period_to", "Last day it covers", "day"),
        Field("categories", "Trust services categories it covers", "texts", required=False),
        Field("auditor", "Who issued it"),
        Field("opinion", "The opinion", choices=("unqualified", "qualified", "adverse", "disclaimer", "none")),
        Field("opinion_effect", "What a qualified opinion means for us", required=False),
        Field("exceptions", "Exceptions in the report", "rows", required=False, fields=(
            Field("text", "The exception"),
            Field("effect", "What it means for us", required=False),
        )),
        Field("user_entity_controls", "What the report expects of its customers", "rows", required=False, fields=(
            Field("duty", "The duty"),
            Field("controls", "Our own controls that fulfil it", "controls", required=False),
            Field("not_needed", "Why it does not concern us", required=False),
        )),
        Field("received_at", "When we got the report", "instant", required=False),
        Field("report_sha256", "Digest of the report", "digest"),
        Field("bridge_letters", "Letters for the months after the report", "rows", required=False, fields=(
            Field("from", "First day it covers", "day"),
            Field("to", "Last day it covers", "day"),
            Field("sha256", "Digest of the letter", "digest"),
        )),
        Field("reviewer", "Who read it", "person"),
        Field("reviewed_at", "When it was reviewed", "instant"),
    ),
    ("reviewed_at",),
    "reviewer",
    (
        "Reports and bridge letters together cover the whole observation period but for a short tail.",
        "The opinion is unqualified, or what it means for us was thought through; so with each exception.",
        "Every duty of the customer maps to a control of ours.",
        "It was read within 60 days of its arrival.",
    ),
    ("The report, or its first pages where it may not be copied; each bridge letter.",),
    item="provider",
    item_prefix="vendor:",
)  # fmt: skip

PROVIDER_REVIEW = replace(
    ASSURANCE_REPORT,
    name="provider_review",
    title="The report of a hosting provider was read for what it says of its buildings",
    answers=(Answers("CC6-PHY-01", "provider_reports"),),
    auditor=(
        "Every hosting provider has a current one.",
        "Physical access, environment and disposal of media are among what the report covers.",
    ),
    item=None,
    item_prefix="",
)

VENDOR_ONBOARDING = RecordType(
    "vendor_onboarding",
    "A new vendor was checked before use",
    "response",
    (Answers("CC9-VEN-02", "onboarding"),),
    (
        Field("vendor_id", "The vendor, by the vendor register"),
        Field("tier", "How much depends on it", choices=("critical", "high", "low")),
        Field("assessed_at", "When it was assessed", "instant"),
        Field("approved_by", "Who approved it", "person"),
        Field("contract_signed_at", "When the contract was signed", "instant", required=False),
        Field("data_terms", "Whether the contract has terms on security, confidentiality and data", "flag",
              required=False),
        Field("first_use_at", "When it was first used, where it already is", "instant", required=False),
        Field("apps", "Client ids and names under which it appears at Google or GitHub", "texts", required=False),
    ),
    ("assessed_at",),
    "approved_by",
    (
        "Assessment and contract came before the first use.",
        "What shows up among authorised apps maps to a vendor.",
    ),
    ("The assessment; the contract's data terms.",),
    item="vendor_id",
    item_prefix="vendor:",
)  # fmt: skip

CONTINUITY_PLAN = RecordType(
    "continuity_plan",
    "The continuity plan was approved",
    "document",
    (Answers("CC9-BCP-01", "plan"),),
    (
        Field("version", "Version of the plan"),
        Field("sha256", "Digest of its text", "digest"),
        Field("objectives", "Recovery objectives", "rows", fields=(
            Field("service", "Service, as in service:<id>"),
            Field("rto_hours", "Longest time until it runs again", "decimal"),
            Field("rpo_hours", "Most time whose data may be lost", "decimal"),
        )),
        Field("roles", "Who does what", "rows", fields=(
            Field("role", "Role of the plan"),
            Field("person", "Who holds it", "person"),
        )),
        Field("insurance", "What was decided about cover for financial loss", required=False),
        Field("authors", "Who wrote this version", "persons", required=False),
        Field("approved_by", "Who approved it", "person"),
        Field("approved_at", "When it was approved", "instant"),
    ),
    ("approved_at",),
    "approved_by",
    (
        "At every moment of the period the latest approval was at most 12 months old.",
        "Every service in scope has recovery objectives.",
        "The roles are held by people who work here.",
    ),
    ("The plan as approved.",),
)  # fmt: skip

TYPES = (VENDOR_ASSESSMENT, ASSURANCE_REPORT, PROVIDER_REVIEW, VENDOR_ONBOARDING, CONTINUITY_PLAN)
