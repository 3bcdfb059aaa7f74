"""Risks, and whether the controls themselves are watched (CC3, CC4)."""

from __future__ import annotations

from evidence.controls.model import Control, EvidenceLine
from evidence.controls.monthly_review import CODES as REVIEW_CODES
from evidence.controls.monthly_review import months_are_signed_off
from evidence.controls.penetration_tests import CODES as PENETRATION_TEST_CODES
from evidence.controls.penetration_tests import product_was_tested
from evidence.controls.risks import CODES as RISK_CODES
from evidence.controls.risks import risks_are_assessed
from evidence.controls.sources import OWN_RECORDS, TICKETING
from schemas import own

RISK_ASSESSMENT = Control(
    id="CC3-RISK-01",
    title="Yearly risk assessment with fraud and change",
    family="governance",
    criteria=("CC3.1", "CC3.2", "CC3.3", "CC3.4", "CC5.1", "CC9.1"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="organisation",
    must_show="Objectives are stated, risks to them (including fraud, vendors, technology and business change) are "
    "rated, each has an owner and a treatment, and treatments are followed.",
    evidence=(
        EvidenceLine(
            id="assessment",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            description="The yearly assessment: version of the risk register, when, who took part, who approved it.",
        ),
        EvidenceLine(
            id="register",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="monthly",
            grace_days=10,
            max_gap_hours=100 * 24,
            sources=(OWN_RECORDS,),
            datasets={"own": own.RISKS},
            is_population=True,
            description="Risk register: likelihood, impact, owner, treatment, due day, status.",
        ),
    ),
    exception_codes=RISK_CODES,
    population="Risk register rows.",
    test=risks_are_assessed,
    false_positives=("accepted risks without treatment (acceptance needs approver and expiry)",),
    recover_until="Not recoverable.",
)

MONTHLY_REVIEW = Control(
    id="CC4-MON-01",
    title="Monthly review of evidence completeness and exceptions",
    family="governance",
    criteria=("CC4.1", "CC4.2", "CC2.1"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="monthly",
    scope_kind="organisation",
    must_show="Somebody looks every month at what the pipeline could not prove and what the tests found, opens an "
    "issue for each, and closes it in time. This is the control over the pipeline itself.",
    evidence=(
        EvidenceLine(
            id="run",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=3,
            max_gap_hours=35 * 24,
            sources=(OWN_RECORDS,),
            description="Result of the completeness flow: as of when, version of catalogue and code, digest of the "
            "cells.",
        ),
        EvidenceLine(
            id="signoff",
            kind="human_record",
            mode="periodic",
            window_cadence="monthly",
            due_days=10,
            grace_days=5,
            late_limit_days=45,
            sources=(OWN_RECORDS, TICKETING),
            is_population=True,
            description="Sign-off: result that was looked at, by whom and when, an issue for each gap or exception.",
        ),
    ),
    exception_codes=REVIEW_CODES,
    population="Gaps and exceptions open at sign-off.",
    test=months_are_signed_off,
    false_positives=("gaps repaired between run and sign-off",),
    recover_until="The run can be recomputed as of any past day (bitemporal store); the sign-off cannot.",
    limits=(
        "Gaps and exceptions are those that the sign-off names: what it left out shows only beside the report.",
        "Whether changes of the collector's code in the month passed CC8-CHG-01 is judged there alone.",
    ),
)

PENETRATION_TEST = Control(
    id="CC4-PEN-01",
    title="Yearly independent penetration test",
    family="governance",
    criteria=("CC4.1", "CC7.1", "CC3.2"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="product",
    must_show="A qualified party that does not build the product tested it within 12 months; serious findings were "
    "fixed and retested in time.",
    evidence=(
        EvidenceLine(
            id="report",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Tester, scope, days of the test, digest of the report, findings with severity, when fixed "
            "and when tested again.",
        ),
    ),
    exception_codes=PENETRATION_TEST_CODES,
    population="Findings of the latest test.",
    test=product_was_tested,
    false_positives=("findings rated down after discussion with the tester (keep the letter)",),
    recover_until="Not recoverable.",
    limits=("Whether the tester is qualified, and does not build the product, can't be seen from the record.",),
)

CONTROLS = (RISK_ASSESSMENT, MONTHLY_REVIEW, PENETRATION_TEST)
