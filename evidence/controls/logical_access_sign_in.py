"""Signing in: second factors, the highest powers, long-lived credentials."""

from __future__ import annotations

from evidence.controls.credentials import CODES as CREDENTIAL_CODES
from evidence.controls.credentials import credentials_young_and_used
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.privileged_use import CODES as PRIVILEGED_USE_CODES
from evidence.controls.privileged_use import highest_powers_watched
from evidence.controls.sign_in import CODES as SIGN_IN_CODES
from evidence.controls.sign_in import second_factor_everywhere
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_EVENT_HISTORY,
    AWS_CLOUDTRAIL_S3,
    AWS_IAM_STATE,
    GCP_ASSET_HISTORY,
    GCP_AUDIT_ADMIN_ACTIVITY,
    GITHUB_ORG_AUDIT_LOG,
    GITHUB_SETTINGS_STATE,
    GOOGLE_DIRECTORY_STATE,
    GOOGLE_POLICY_STATE,
    GOOGLE_REPORTS_ACTIVITIES,
    GOOGLE_REPORTS_USAGE,
    OWN_RECORDS,
)
from schemas import aws, aws_trail, gcp, github, github_organisation, google

SECOND_FACTOR = Control(
    id="CC6-MFA-01",
    title="Multi-factor sign-in for all people",
    family="logical_access",
    criteria=("CC6.1", "CC6.6"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="identity_domain",
    must_show="No person could sign in to an in-scope system with a password alone at any time in the period; "
    "enforcement, not mere enrolment.",
    evidence=(
        EvidenceLine(
            id="google_users",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            reconstructible_from=GOOGLE_REPORTS_USAGE,
            sources=(GOOGLE_DIRECTORY_STATE, GOOGLE_POLICY_STATE),
            datasets={"google": google.USERS},
            supporting={
                "google": (
                    google.POLICIES,
                    google.USAGE_REPORTS,
                )
            },
            is_population=True,
            description="Users with two-step verification enrolled and enforced, suspended, organisational unit; "
            "enforcement policy of each unit.",
        ),
        EvidenceLine(
            id="google_events",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GOOGLE_REPORTS_ACTIVITIES,),
            datasets={"google": google.ADMIN_ACTIVITIES},
            description="Two-step verification switched on and off, and changes of its settings.",
        ),
        EvidenceLine(
            id="github_org",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(GITHUB_SETTINGS_STATE,),
            datasets={"github": github.MEMBERS},
            supporting={"github": (github_organisation.ORGANISATION_SETTINGS,)},
            is_population=True,
            description="The organisation's two-factor requirement; members and outside collaborators with theirs.",
        ),
        EvidenceLine(
            id="aws",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(AWS_IAM_STATE,),
            datasets={"aws": aws.SIGN_IN},
            is_population=True,
            description="Credential report (password, MFA) of every IAM user, MFA and credentials of root.",
        ),
    ),
    exception_codes=SIGN_IN_CODES,
    population="Accounts of people that are not suspended at the instant of the snapshot.",
    test=second_factor_everywhere,
    false_positives=(
        "accounts within the days allowed to enrol",
        "accounts that sign in only through an external identity provider that enforces it",
        "GitHub members who sign in by SSO only",
        "service identities without a password",
    ),
    recover_until="Google's flags 440 days by the usage report; GitHub and AWS can't be recovered.",
)

HIGHEST_POWERS = Control(
    id="CC6-ROOT-01",
    title="Root, super-admin and owner powers are rarely used and watched",
    family="logical_access",
    criteria=("CC6.1", "CC6.3", "CC7.2"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="per_event",
    scope_kind="identity_domain",
    must_show="Use of the highest accounts was expected, explained and seen by a second person; break-glass use has a "
    "record.",
    evidence=(
        EvidenceLine(
            id="use",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(
                AWS_CLOUDTRAIL_S3,
                AWS_CLOUDTRAIL_EVENT_HISTORY,
                GOOGLE_REPORTS_ACTIVITIES,
                GITHUB_ORG_AUDIT_LOG,
                GCP_AUDIT_ADMIN_ACTIVITY,
            ),
            datasets={
                "aws": aws_trail.MANAGEMENT_EVENTS,
                "google": google.ADMIN_ACTIVITIES,
                "github": github_organisation.AUDIT_EVENTS,
                "gcp": gcp.ADMIN_ACTIVITY,
            },
            is_population=True,
            supporting={"google": (google.ADMINISTRATORS,), "github": (github.ADMINISTRATORS,)},
            description="Use of root and break-glass roles in AWS; acts of super administrators at Google; "
            "organisation settings, overrides and bypasses by owners on GitHub; IAM policies set at the top of Google "
            "Cloud.",
        ),
        EvidenceLine(
            id="reviews",
            kind="human_record",
            mode="response",
            window_cadence="monthly",
            due_days=5,
            grace_days=5,
            sources=(OWN_RECORDS,),
            description="Per event: explanation, reviewer who is not the actor, when reviewed.",
        ),
    ),
    exception_codes=PRIVILEGED_USE_CODES,
    population="Events of the named kinds.",
    test=highest_powers_watched,
    false_positives=(
        "AWS service actions recorded as root (invokedBy an AWS service)",
        "scheduled tasks that need root such as closing accounts",
        "automated owner-app actions",
    ),
    limits=(
        "Calls of AWS root that only read are not counted: the sign-in before them is; keys of root are CC6-KEY-01's.",
        "Reviews are asked for each event, activity or session; a review of a period as a whole does not count.",
    ),
    zero="Covered stream plus the quarterly detection test CC7-TEST-01 proves the query sees root use.",
    recover_until="CloudTrail S3 own lifecycle, else 90 days; Google 178 days; GitHub 180 days; GCP 400 days.",
)

CREDENTIALS = Control(
    id="CC6-KEY-01",
    title="Long-lived credentials are few, young and used",
    family="logical_access",
    criteria=("CC6.1", "CC6.3"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="identity_domain",
    must_show="Access keys, service-account keys, deploy keys and tokens are known, rotated within policy days, and "
    "unused ones are removed.",
    evidence=(
        EvidenceLine(
            id="keys",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(AWS_IAM_STATE, GITHUB_SETTINGS_STATE, GCP_ASSET_HISTORY),
            datasets={"github": github.CREDENTIALS, "aws": aws.ACCESS_KEYS, "gcp": gcp.SERVICE_ACCOUNT_KEYS},
            is_population=True,
            description="Access keys with rotation and last use, deploy keys and token grants, service-account keys.",
        ),
    ),
    exception_codes=CREDENTIAL_CODES,
    population="Active long-lived credentials.",
    test=credentials_young_and_used,
    test_version=2,
    false_positives=(
        "keys made minutes ago that nobody has used yet",
        "keys managed by Google",
        "read-only deploy keys where the policy leaves them out",
    ),
    recover_until="Age by the creation time, use by last-accessed data (400 days); the set itself can't be recovered.",
)

CONTROLS = (SECOND_FACTOR, HIGHEST_POWERS, CREDENTIALS)
