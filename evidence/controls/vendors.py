"""Vendors and continuity: who is relied on, and what happens without them (CC9)."""

from __future__ import annotations

from evidence.controls import assurance_reports, continuity_plan, vendor_assessments, vendor_onboarding
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import GITHUB_ORG_AUDIT_LOG, GOOGLE_REPORTS_ACTIVITIES, OWN_RECORDS
from schemas import github_organisation, google, own

VENDOR_REGISTER = Control(
    id="CC9-VEN-01",
    title="Vendor register with yearly assessment",
    family="vendors",
    criteria=("CC9.2", "CC3.2"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="vendor",
    must_show="All third parties that touch the system or its data are listed, tiered, and assessed by a person at "
    "the rhythm of their tier; decisions are followed.",
    evidence=(
        EvidenceLine(
            id="register",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="monthly",
            grace_days=10,
            max_gap_hours=100 * 24,
            sources=(OWN_RECORDS,),
            datasets={"own": own.VENDORS},
            is_population=True,
            description="Vendor register: service, data touched, tier, owner, contract, since and until.",
        ),
        EvidenceLine(
            id="assessment",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            description="Per vendor: what was read and of what date, findings, remaining risk, decision, assessor, "
            "approver.",
        ),
    ),
    exception_codes=vendor_assessments.CODES,
    population="Vendors active at any instant of the period. Completeness cross-check: payments ledger, OAuth/GitHub "
    "app installs, SSO app list, DNS/processor list.",
    test=vendor_assessments.vendors_assessed,
    limits=(
        "Vendors are looked for among apps at Google and GitHub: payments, single sign-on and DNS are not collected.",
        "With no vendor in the register there is nothing to test, and no app is looked at.",
    ),
    false_positives=(
        "free tools without data",
        "vendors off-boarded in the period (assessment due until the end date)",
    ),
    recover_until="Not recoverable.",
)

SUBSERVICES = Control(
    id="CC9-SUB-01",
    title="Subservice organisations' assurance reports read and bridged",
    family="vendors",
    criteria=("CC9.2", "CC6.4", "CC2.3"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="subservice_organisation",
    must_show="For each carved-out provider a report covering most of the observation period was obtained and read; "
    "exceptions, opinion and the duties left to the customer were considered; the remaining months are bridged.",
    evidence=(
        EvidenceLine(
            id="review",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Per provider: kind and period of the report, auditor, opinion, exceptions with their effect, "
            "own duties mapped to controls, reviewer, digest; bridge letter.",
        ),
    ),
    exception_codes=assurance_reports.CODES,
    population="Subservice organisations named in the system description.",
    test=assurance_reports.reports_bridged,
    limits=("Whether a report covers the services that are used of a provider is for its reader.",),
    false_positives=(
        "provider issues reports twice a year",
        "ISO certificate used instead (weaker: say so)",
    ),
    recover_until="Reports can usually be fetched again; the review cannot be backdated.",
)

NEW_VENDORS = Control(
    id="CC9-VEN-02",
    title="New vendors checked before use",
    family="vendors",
    criteria=("CC9.2",),
    tier="core",
    nature=("human_decision",),
    frequency_class="per_event",
    scope_kind="vendor",
    must_show="No vendor got data or access before an assessment and a contract with security and confidentiality "
    "terms.",
    evidence=(
        EvidenceLine(
            id="onboarding",
            kind="human_record",
            mode="response",
            window_cadence="monthly",
            due_days=5,
            grace_days=5,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Per vendor: tier, when assessed, who approved, when the contract was signed, data terms, "
            "first use.",
        ),
        EvidenceLine(
            id="first_use",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="weekly",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GOOGLE_REPORTS_ACTIVITIES, GITHUB_ORG_AUDIT_LOG),
            datasets={"google": google.TOKEN_ACTIVITIES, "github": github_organisation.AUDIT_EVENTS},
            description="Apps authorised for the first time, single sign-on apps added, apps installed on GitHub.",
        ),
    ),
    exception_codes=vendor_onboarding.CODES,
    population="Vendors whose first use lies in the window, found from first_use and payments.",
    test=vendor_onboarding.vendors_checked_first,
    limits=(
        "First use is looked for in the register and among apps at Google and GitHub: payments are not collected.",
        "With no vendor in the register there is nothing to test, and no app is looked at.",
    ),
    false_positives=(
        "trial without customer data (policy)",
        "marketplace apps installed and removed the same day",
    ),
    zero="Covered first_use stream with no new clients.",
    recover_until="Google 178 days; GitHub 180 days.",
)

CONTINUITY_PLAN = Control(
    id="CC9-BCP-01",
    title="Continuity plan kept current",
    family="vendors",
    criteria=("CC9.1", "CC7.5"),
    tier="core",
    nature=("document", "human_decision"),
    frequency_class="annual",
    scope_kind="organisation",
    must_show="A plan with recovery objectives, roles and dependencies is approved each year and based on an impact "
    "analysis; cover for financial loss was considered.",
    evidence=(
        EvidenceLine(
            id="plan",
            kind="document",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Version and digest of the plan, approval, recovery objectives per service, decision on "
            "insurance.",
        ),
    ),
    exception_codes=continuity_plan.CODES,
    population="Plans named in the system description.",
    test=continuity_plan.plan_current,
    limits=(
        "Plans are not told apart: the latest approval is that of the plan.",
        "Whether the objectives follow from an impact analysis is for whoever reads the plan.",
    ),
    false_positives=("a service retired in the period (target needed until its end date)",),
    recover_until="Git history.",
)

CONTROLS = (VENDOR_REGISTER, SUBSERVICES, NEW_VENDORS, CONTINUITY_PLAN)
