"""What people rely on: policies, the register of what is in scope, what customers are told (CC2)."""

from __future__ import annotations

from evidence.controls.commitments import CODES as COMMITMENT_CODES
from evidence.controls.commitments import commitments_reach_customers
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.policies import CODES as POLICY_CODES
from evidence.controls.policies import policies_are_approved
from evidence.controls.scope_decisions import CODES as SCOPE_CODES
from evidence.controls.scope_decisions import scope_is_decided
from evidence.controls.sources import (
    AWS_IAM_STATE,
    GCP_ASSET_HISTORY,
    GITHUB_PULL_REQUESTS,
    GITHUB_SETTINGS_STATE,
    GOOGLE_DIRECTORY_STATE,
    OWN_RECORDS,
    TICKETING,
)
from schemas import aws, gcp, github, google, own, tickets

POLICIES = Control(
    id="CC2-POL-01",
    title="Policies approved, current and published",
    family="governance",
    criteria=("CC2.2", "CC5.3", "CC1.3"),
    tier="core",
    nature=("document",),
    frequency_class="annual",
    scope_kind="policy",
    must_show="Each policy has an owner, an approver, a version in force throughout the period, a review within 12 "
    "months, and staff can read it.",
    evidence=(
        EvidenceLine(
            id="approvals",
            kind="document",
            window_cadence="annual",
            grace_days=30,
            sources=(GITHUB_PULL_REQUESTS, OWN_RECORDS),
            supporting={"google": (google.DOCUMENT_APPROVALS,)},
            is_population=True,
            description="Per policy: version and digest of the text, who approved it when, from when it is in force; "
            "history of the policy repository.",
        ),
    ),
    exception_codes=POLICY_CODES,
    population="Policies named in the system description.",
    test=policies_are_approved,
    false_positives=("typo fixes merged without new approval (allow a change class cosmetic with diff kept)",),
    recover_until="Git history.",
    limits=(
        "Approvals by pull request in a repository of policies are not read: record them, or approve at Google Drive.",
        "Whether the staff can read a policy is not looked at.",
    ),
)

SCOPE_REGISTER = Control(
    id="CC2-SYS-01",
    title="Scope register and asset inventory",
    family="governance",
    criteria=("CC2.1", "CC6.1", "CC3.4"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="quarterly",
    scope_kind="organisation",
    must_show="The list of accounts, projects, repositories, domains and data stores inside the system boundary is "
    "complete, and changes to it are decided, not discovered by accident.",
    evidence=(
        EvidenceLine(
            id="inventory",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(AWS_IAM_STATE, GITHUB_SETTINGS_STATE, GCP_ASSET_HISTORY, GOOGLE_DIRECTORY_STATE),
            datasets={
                "github": github.REPOSITORIES,
                "aws": aws.ACCOUNTS,
                "gcp": gcp.PROJECTS,
                "google": google.DOMAINS,
            },
            is_population=True,
            description="Accounts and regions, repositories, projects, domains: stable ids, creation, state.",
        ),
        EvidenceLine(
            id="register_review",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            sources=(OWN_RECORDS,),
            description="Review of the scope register: its version, no item unclassified, reviewer, signature.",
        ),
    ),
    exception_codes=SCOPE_CODES,
    population="Every item any inventory snapshot ever showed in the period.",
    test=scope_is_decided,
    test_version=2,
    false_positives=(
        "forks and archived repositories",
        "suspended AWS accounts",
        "sandbox projects made by automation, under a rule that somebody approved",
    ),
    recover_until="Google Cloud 35 days; creation dates of AWS accounts and repositories stay; otherwise not.",
)

COMMITMENTS = Control(
    id="CC2-EXT-01",
    title="Commitments and security contact reach customers",
    family="governance",
    criteria=("CC2.3",),
    tier="core",
    nature=("document", "automated"),
    frequency_class="annual",
    scope_kind="organisation",
    must_show="Customers can find what is promised (terms, SLA, security page), how to report a problem, and are told "
    "of material changes and incidents.",
    evidence=(
        EvidenceLine(
            id="published",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="monthly",
            grace_days=5,
            max_gap_hours=100 * 24,
            sources=(OWN_RECORDS,),
            datasets={"own": own.PUBLISHED_PAGES},
            is_population=True,
            description="Terms, security page, security.txt and status page as fetched: address, status, digest of "
            "the body.",
        ),
        EvidenceLine(
            id="inbound",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="weekly",
            lag_hours=24,
            due_days=5,
            grace_days=5,
            sources=(TICKETING,),
            datasets={"own": tickets.SECURITY_INBOX},
            description="Messages to the security contact: received, first answered, closed.",
        ),
    ),
    exception_codes=COMMITMENT_CODES,
    population="Published documents; messages to the security contact.",
    test=commitments_reach_customers,
    false_positives=("spam to the mailbox (classified, not deleted)",),
    zero="An unused mailbox is proven by a test message each quarter.",
    recover_until="Pages no; tickets while kept.",
    limits=("A text is its bytes: a page that is put together anew for every visitor is told as changed.",),
)

CONTROLS = (POLICIES, SCOPE_REGISTER, COMMITMENTS)
