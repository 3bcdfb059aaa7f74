"""Logical access: how people sign in, which long-lived credentials exist, who has administrative power."""

from __future__ import annotations

from evidence.controls.administrators import CODES as ADMINISTRATOR_CODES
from evidence.controls.administrators import administrators_approved
from evidence.controls.credentials import CODES as CREDENTIAL_CODES
from evidence.controls.credentials import credentials_young_and_used
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sign_in import CODES as SIGN_IN_CODES
from evidence.controls.sign_in import second_factor_everywhere
from evidence.controls.sources import (
    AWS_IAM_STATE,
    GCP_ASSET_HISTORY,
    GITHUB_SETTINGS_STATE,
    GOOGLE_DIRECTORY_STATE,
    GOOGLE_POLICY_STATE,
    GOOGLE_REPORTS_ACTIVITIES,
    GOOGLE_REPORTS_USAGE,
)
from schemas import aws, github

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
    limits=("Google Workspace is not collected yet.",),
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
            datasets={"github": github.ADMINISTRATORS, "aws": aws.PRIVILEGES},
            is_population=True,
            description="AWS principals with administrator access or its equal; GitHub owners, repository "
            "administrators, apps that may write; Google and Google Cloud administrators.",
        ),
    ),
    exception_codes=ADMINISTRATOR_CODES,
    population="Privileged assignments at each snapshot.",
    test=administrators_approved,
    false_positives=(
        "AWS service-linked roles and roles of organisation management",
        "break-glass roles without members",
        "support roles of vendors that need a grant just in time",
    ),
    recover_until="Google Cloud 35 days; the rest can't be recovered.",
    limits=(
        "Grants (CC6-PROV-01) are not collected yet: an addition is explained by the register of administrators alone.",
        "Google Workspace and Google Cloud are not collected yet.",
    ),
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
            datasets={"github": github.CREDENTIALS, "aws": aws.ACCESS_KEYS},
            is_population=True,
            description="Access keys with rotation and last use, deploy keys and token grants, service-account keys.",
        ),
    ),
    exception_codes=CREDENTIAL_CODES,
    population="Active long-lived credentials.",
    test=credentials_young_and_used,
    false_positives=(
        "keys made minutes ago that nobody has used yet",
        "keys managed by Google",
        "read-only deploy keys where the policy leaves them out",
    ),
    recover_until="Age by the creation time, use by last-accessed data (400 days); the set itself can't be recovered.",
    limits=(
        "The register of approved exceptions is not collected yet: no old credential is excused by one.",
        "Google Cloud service-account keys are not collected yet.",
    ),
)

CONTROLS = (SECOND_FACTOR, ADMINISTRATORS, CREDENTIALS)
