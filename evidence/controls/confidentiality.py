"""Confidentiality: where such data are, and that they go when due. Part of the examination where the programme names
the category."""

from __future__ import annotations

from evidence.controls import data_disposal
from evidence.controls.data_disposal import disposed_when_due
from evidence.controls.data_map import confidential_data_kept
from evidence.controls.external_shares import CODES as SHARE_CODES
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_S3,
    AWS_CONFIG_HISTORY,
    GCP_AUDIT_DATA_ACCESS,
    GOOGLE_REPORTS_ACTIVITIES,
    OWN_RECORDS,
    TICKETING,
)
from schemas import aws_configuration, aws_trail, gcp, google, tickets

CONFIDENTIAL_DATA = Control(
    id="C1-CLS-01",
    title="Confidential data known and kept where it should be",
    family="confidentiality",
    criteria=("C1.1",),
    tier="optional",
    nature=("document", "automated"),
    frequency_class="quarterly",
    scope_kind="data_store",
    category="confidentiality",
    must_show="Stores and shares with confidential data are labelled, owned, limited to production, and sharing "
    "outside is controlled.",
    evidence=(
        EvidenceLine(
            id="map",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            sources=(OWN_RECORDS,),
            description="Per store: class, owner, retention rule, reviewer.",
        ),
        EvidenceLine(
            id="sharing",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(GOOGLE_REPORTS_ACTIVITIES, AWS_CLOUDTRAIL_S3, GCP_AUDIT_DATA_ACCESS),
            datasets={"aws": aws_trail.MANAGEMENT_EVENTS, "google": google.DRIVE_ACTIVITIES, "gcp": gcp.DATA_ACCESS},
            is_population=True,
            description="Files shared outside, sharing of buckets and snapshots changed, data read.",
        ),
    ),
    exception_codes=SHARE_CODES,
    population="Data stores in inventory; external share events.",
    test=confidential_data_kept,
    test_version=2,
    limits=(
        "Stores are compared with the data map at AWS and Google Cloud; every account of the programme is production.",
        "Google tells no labels of documents: what the data map does not list is unknown.",
        "Roles given on data at Google Cloud are seen only where the data access log tells of them.",
    ),
    false_positives=("synthetic test data",),
    recover_until="Google 178 days; AWS per trail.",
)

DISPOSAL = Control(
    id="C1-DSP-01",
    title="Confidential data disposed of when due",
    family="confidentiality",
    criteria=("C1.2", "CC6.5"),
    tier="optional",
    nature=("human_decision", "automated"),
    frequency_class="per_event",
    scope_kind="customer_contract",
    category="confidentiality",
    must_show="Data of ended customers and data past retention were deleted in time, backups included by expiry.",
    evidence=(
        EvidenceLine(
            id="deletions",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="weekly",
            lag_hours=24,
            due_days=10,
            grace_days=5,
            sources=(TICKETING, OWN_RECORDS),
            datasets={"own": tickets.DELETIONS},
            is_population=True,
            description="Per ended customer: end of the contract, deletion due and executed, log of the job, who "
            "verified it.",
        ),
        EvidenceLine(
            id="lifecycle",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            reconstructible_from=AWS_CONFIG_HISTORY,
            sources=(AWS_CONFIG_HISTORY,),
            datasets={"aws": aws_configuration.LIFECYCLE},
            is_population=True,
            description="Lifecycle rules of buckets, time to live of tables, retention of logs, expiry of backups.",
        ),
    ),
    exception_codes=data_disposal.CODES,
    population="Contracts ended (billing system) whose deletion falls due in the window.",
    test=disposed_when_due,
    limits=(
        "Contracts that ended are known from tickets alone: the billing system is not collected.",
        "Of stores of AWS only buckets, groups of logs and backup plans are looked at for rules.",
    ),
    false_positives=("legal hold",),
    zero="No contract ended per billing export.",
    recover_until="Tickets while kept.",
)

CONTROLS = (CONFIDENTIAL_DATA, DISPOSAL)
