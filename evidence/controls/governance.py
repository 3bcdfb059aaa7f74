"""Governance: what the system consists of is decided and reviewed."""

from __future__ import annotations

from evidence.controls.model import Control, EvidenceLine
from evidence.controls.scope_decisions import CODES as SCOPE_CODES
from evidence.controls.scope_decisions import scope_is_decided
from evidence.controls.sources import (
    AWS_IAM_STATE,
    GCP_ASSET_HISTORY,
    GITHUB_SETTINGS_STATE,
    GOOGLE_DIRECTORY_STATE,
    OWN_RECORDS,
)
from schemas import aws, github

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
            datasets={"github": github.REPOSITORIES, "aws": aws.ACCOUNTS},
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
            recordable=False,
        ),
    ),
    exception_codes=SCOPE_CODES,
    population="Every item any inventory snapshot ever showed in the period.",
    test=scope_is_decided,
    false_positives=(
        "forks and archived repositories",
        "suspended AWS accounts",
        "sandbox projects made by automation, under a rule that somebody approved",
    ),
    recover_until="Google Cloud 35 days; creation dates of AWS accounts and repositories stay; otherwise not.",
    limits=("Google Workspace domains and Google Cloud projects are not collected yet.",),
)

CONTROLS = (SCOPE_REGISTER,)
