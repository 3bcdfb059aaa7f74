"""Rights: granted after approval, taken from leavers, reviewed, and few administrators."""

from __future__ import annotations

from evidence.controls.access_grants import CODES as GRANT_CODES
from evidence.controls.access_grants import access_granted_after_approval
from evidence.controls.access_reviews import CODES as ACCESS_REVIEW_CODES
from evidence.controls.access_reviews import access_reviewed
from evidence.controls.administrators import CODES as ADMINISTRATOR_CODES
from evidence.controls.administrators import administrators_approved
from evidence.controls.leavers import CODES as LEAVER_CODES
from evidence.controls.leavers import leavers_lose_access
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_S3,
    AWS_IAM_STATE,
    GCP_ASSET_HISTORY,
    GCP_AUDIT_ADMIN_ACTIVITY,
    GITHUB_ORG_AUDIT_LOG,
    GITHUB_SETTINGS_STATE,
    GOOGLE_DIRECTORY_STATE,
    GOOGLE_REPORTS_ACTIVITIES,
    HR_REGISTER,
    OWN_RECORDS,
    TICKETING,
)
from schemas import aws, aws_identity, aws_trail, gcp, github, github_organisation, google, own, tickets

APPROVED_ACCESS = Control(
    id="CC6-PROV-01",
    title="Access granted only after approval",
    family="logical_access",
    criteria=("CC6.2", "CC6.3"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="per_event",
    scope_kind="identity_domain",
    must_show="Every new account and every raised privilege was asked for, approved by someone entitled and not by "
    "the receiver, before it was granted, and matches what was granted.",
    evidence=(
        EvidenceLine(
            id="grants",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GOOGLE_REPORTS_ACTIVITIES, GITHUB_ORG_AUDIT_LOG, AWS_CLOUDTRAIL_S3, GCP_AUDIT_ADMIN_ACTIVITY),
            datasets={
                "aws": aws_trail.MANAGEMENT_EVENTS,
                "google": google.ADMIN_ACTIVITIES,
                "github": github_organisation.AUDIT_EVENTS,
                "gcp": gcp.ADMIN_ACTIVITY,
            },
            is_population=True,
            supporting={"aws": (aws_identity.PRINCIPALS,), "google": (google.ACCOUNTS,)},
            description="Accounts made or unsuspended, roles, group and team memberships, policies and account "
            "assignments given, apps installed, IAM bindings added.",
        ),
        EvidenceLine(
            id="requests",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=4,
            due_days=5,
            grace_days=5,
            sources=(TICKETING,),
            datasets={"own": tickets.ACCESS_REQUESTS},
            description="Access requests: subject, system, role, requester, approver, when approved, history of "
            "changes.",
        ),
    ),
    exception_codes=GRANT_CODES,
    population="Grant events on in-scope systems in the window (NOT the tickets; tickets are the answer, grants are "
    "the question).",
    test=access_granted_after_approval,
    false_positives=(
        "re-adding a member after team rename",
        "automation re-applying the same state (no net change)",
        "SCIM sync duplicates",
        "first-day birthright access covered by role rule",
    ),
    zero="No grants is believable only with stream covered and HR register showing no joiners or movers.",
    recover_until="Per source as listed; without Enterprise Cloud audit log GitHub grants exist only as differences "
    "between daily member snapshots.",
    limits=(
        "Grants are read from events alone: where no stream tells of them they are unknown.",
        "Rights of AWS roles are not looked at.",
        "Tickets are taken as they were read last: who wrote the fields of an approval is not known.",
    ),
)

LEAVERS = Control(
    id="CC6-DEPR-01",
    title="Leavers lose access in time",
    family="logical_access",
    criteria=("CC6.2", "CC6.3"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="per_event",
    scope_kind="identity_domain",
    must_show="For each leaver, access to every in-scope system ended within one business day (24 h for involuntary "
    "or privileged) of the last working moment.",
    evidence=(
        EvidenceLine(
            id="leavers",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=8 * 24,
            max_gap_hours=35 * 24,
            sources=(HR_REGISTER,),
            datasets={"hr": own.PEOPLE},
            is_population=True,
            description="People register: last day, when the company learnt of it, how the person left.",
        ),
        EvidenceLine(
            id="removals",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GOOGLE_REPORTS_ACTIVITIES, GITHUB_ORG_AUDIT_LOG, AWS_CLOUDTRAIL_S3, GCP_AUDIT_ADMIN_ACTIVITY),
            datasets={
                "aws": aws_trail.MANAGEMENT_EVENTS,
                "google": google.ADMIN_ACTIVITIES,
                "github": github_organisation.AUDIT_EVENTS,
                "gcp": gcp.ADMIN_ACTIVITY,
            },
            supporting={"google": (google.TOKEN_ACTIVITIES,)},
            description="Accounts suspended or deleted, tokens revoked, members and collaborators removed, keys "
            "deactivated, assignments and IAM bindings removed.",
        ),
        EvidenceLine(
            id="after_state",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(GOOGLE_DIRECTORY_STATE, GITHUB_SETTINGS_STATE, AWS_IAM_STATE),
            datasets={
                "google": google.ACCOUNTS,
                "github": github_organisation.ACCOUNTS,
                "aws": aws_identity.PRINCIPALS,
            },
            supporting={"gcp": (gcp.PRINCIPALS,), "github": (github.CREDENTIALS,)},
            description="Accounts per system, which show the absence after the deadline.",
        ),
    ),
    exception_codes=LEAVER_CODES,
    population="HR register rows whose last_day falls in the window, cross-checked against accounts suspended or "
    "deleted in the window (both directions).",
    test=leavers_lose_access,
    false_positives=(
        "last_day entered in HR after the fact (clock still starts at last_day; note notified_at as explanation)",
        "garden leave",
        "conversion from contractor to employee",
        "legal hold with sign-in disabled",
        "access removed before last_day",
    ),
    zero="No leavers: equal workforce counts between first and last HR snapshots and no removal events.",
    recover_until="Google 178 days; GitHub 180 days; AWS S3 own; after-state no.",
    limits=(
        "The register knows the last day and not the hour: the clock starts at the end of that day.",
        "Keys of Google Cloud service accounts name no owner, so nobody's are asked for.",
        "Sessions that were open when access ended are not seen.",
    ),
)

ACCESS_REVIEW = Control(
    id="CC6-UAR-01",
    title="Quarterly user access review",
    family="logical_access",
    criteria=("CC6.2", "CC6.3", "CC6.1"),
    tier="core",
    nature=("human_decision", "automated"),
    frequency_class="quarterly",
    scope_kind="in_scope_system",
    must_show="A person with knowledge decided keep, change or revoke for every account and role of each system, on a "
    "complete list taken shortly before, and the decisions were carried out.",
    evidence=(
        EvidenceLine(
            id="pack",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="weekly",
            grace_days=5,
            max_gap_hours=100 * 24,
            sources=(GOOGLE_DIRECTORY_STATE, GITHUB_SETTINGS_STATE, AWS_IAM_STATE, GCP_ASSET_HISTORY),
            datasets={
                "google": google.ACCOUNTS,
                "github": github_organisation.ACCOUNTS,
                "aws": aws_identity.PRINCIPALS,
                "gcp": gcp.PRINCIPALS,
            },
            is_population=True,
            description="Every account, service, suspended and external ones too: stable id, owner, roles, privileged "
            "or not, second factor, last use, created.",
        ),
        EvidenceLine(
            id="decisions",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            pack_max_age_days=30,
            sources=(OWN_RECORDS,),
            description="Per row of the pack: keep, change or revoke, with the reason, by whom and when; signature "
            "over the whole.",
        ),
        EvidenceLine(
            id="followup",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="weekly",
            due_days=14,
            grace_days=14,
            max_gap_hours=100 * 24,
            sources=(GOOGLE_DIRECTORY_STATE, GITHUB_SETTINGS_STATE, AWS_IAM_STATE),
            datasets={
                "google": google.ACCOUNTS,
                "github": github_organisation.ACCOUNTS,
                "aws": aws_identity.PRINCIPALS,
            },
            supporting={"gcp": (gcp.PRINCIPALS,)},
            description="Accounts as they were after the deadline for removals of the review; a snapshot before the "
            "signature never counts.",
        ),
    ),
    exception_codes=ACCESS_REVIEW_CODES,
    population="All rows of the pack.",
    test=access_reviewed,
    false_positives=(
        "accounts created between pack and sign-off (next review)",
        "role renames",
        "single-person company where an outside adviser must review the founder",
    ),
    recover_until="Pack no (GCP 35 days); decisions no.",
    limits=(
        "At AWS what was revoked is seen in later lists alone, not in the trail.",
        "A role that was renamed looks like one that was changed.",
        "Google Cloud gives no count of its own for a project's principals, so no review of a project can be opened.",
    ),
)

ADMINISTRATORS = Control(
    id="CC6-PRIV-01",
    title="Few, known administrators",
    family="logical_access",
    criteria=("CC6.3", "CC6.1"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="monthly",
    scope_kind="identity_domain",
    must_show="The set of people and machines with administrative power is listed, justified, small, and any growth "
    "was approved.",
    evidence=(
        EvidenceLine(
            id="admins",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(AWS_IAM_STATE, GITHUB_SETTINGS_STATE, GOOGLE_DIRECTORY_STATE, GCP_ASSET_HISTORY),
            datasets={
                "github": github.ADMINISTRATORS,
                "aws": aws.PRIVILEGES,
                "google": google.ADMINISTRATORS,
                "gcp": gcp.ADMINISTRATORS,
            },
            # The streams that tell of grants are collected for CC6-PROV-01.
            supporting={"own": (tickets.ACCESS_REQUESTS,)},
            is_population=True,
            description="AWS principals with administrator access or its equal; GitHub owners, repository "
            "administrators, apps that may write; Google and Google Cloud administrators.",
        ),
    ),
    exception_codes=ADMINISTRATOR_CODES,
    population="Privileged assignments at each snapshot.",
    test=administrators_approved,
    test_version=2,
    false_positives=(
        "AWS service-linked roles and roles of organisation management",
        "break-glass roles without members",
        "support roles of vendors that need a grant just in time",
    ),
    recover_until="Google Cloud 35 days; the rest can't be recovered.",
)

CONTROLS = (APPROVED_ACCESS, LEAVERS, ACCESS_REVIEW, ADMINISTRATORS)
