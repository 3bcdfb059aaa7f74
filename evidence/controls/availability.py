"""Availability: capacity, backups, restores. Part of the examination where the programme names the category."""

from __future__ import annotations

from evidence.controls import restore_tests, service_uptime
from evidence.controls.backups_made import CODES as BACKUP_CODES
from evidence.controls.backups_made import backups_succeed
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_BACKUP_JOBS,
    AWS_CLOUDWATCH_ALARM_HISTORY,
    AWS_IAM_STATE,
    AWS_RDS_EVENTS,
    OWN_RECORDS,
)
from schemas import aws_detection, aws_operations, gcp, own

CAPACITY = Control(
    id="A1-CAP-01",
    title="Capacity and uptime watched",
    family="availability",
    criteria=("A1.1",),
    tier="optional",
    nature=("automated", "human_decision"),
    frequency_class="monthly",
    scope_kind="service",
    category="availability",
    must_show="Load and limits are measured, alarms exist for saturation, and uptime against the promise is reviewed "
    "monthly.",
    evidence=(
        EvidenceLine(
            id="metrics",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=6,
            due_days=5,
            grace_days=5,
            sources=(AWS_CLOUDWATCH_ALARM_HISTORY, OWN_RECORDS),
            datasets={"aws": aws_detection.ALARM_HISTORY, "own": own.UPTIME},
            is_population=True,
            description="Results of uptime probes, latency, load and quotas, state changes of alarms.",
        ),
        EvidenceLine(
            id="review",
            kind="human_record",
            mode="periodic",
            window_cadence="monthly",
            due_days=10,
            grace_days=5,
            late_limit_days=45,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Uptime of the month, breaches, decisions, reviewer.",
        ),
    ),
    exception_codes=service_uptime.CODES,
    population="Services with a commitment.",
    test=service_uptime.uptime_watched,
    limits=(
        "Alarms, load and quotas are collected and not judged here; whether alarms reach somebody is CC7-DET-01.",
        "Probes are known as stretches out of the monitoring: that each stretch has no break is its word.",
    ),
    false_positives=("announced maintenance excluded by contract",),
    recover_until="Alarm history 14 days; metrics per resolution (1-min data 15 days, 1-h data 455 days).",
)

BACKUPS = Control(
    id="A1-BKP-01",
    title="Backups succeed",
    family="availability",
    criteria=("A1.2", "CC7.5"),
    tier="optional",
    nature=("automated",),
    frequency_class="daily",
    scope_kind="data_store",
    category="availability",
    must_show="Every data store with a recovery objective had a good backup at the promised rhythm, kept apart from "
    "production administrators.",
    evidence=(
        EvidenceLine(
            id="jobs",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=12,
            due_days=5,
            grace_days=5,
            sources=(AWS_BACKUP_JOBS, AWS_RDS_EVENTS),
            datasets={"aws": aws_operations.BACKUP_JOBS},
            supporting={"gcp": (gcp.BACKUPS,)},
            is_population=True,
            description="Backup jobs and database snapshots: resource, state, when finished.",
        ),
        EvidenceLine(
            id="points",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(AWS_IAM_STATE,),
            datasets={"aws": aws_operations.RECOVERY_POINTS},
            is_population=True,
            description="Recovery points: when made, encryption, vault lock, copies in other regions; list of "
            "protected resources.",
        ),
    ),
    exception_codes=BACKUP_CODES,
    population="Data stores x expected backup days.",
    test=backups_succeed,
    limits=(
        "Of AWS only databases of RDS are known to exist; what AWS Backup does not protect is not missed elsewhere.",
        "Backup runs at Google Cloud are collected and not judged yet.",
    ),
    false_positives=(
        "store created today",
        "PITR stores where jobs are continuous",
    ),
    recover_until="Jobs 30 days, so a quarterly collection is too late by design.",
)

RESTORE_TEST = Control(
    id="A1-DRT-01",
    title="Restore tested yearly",
    family="availability",
    criteria=("A1.3", "A1.2"),
    tier="optional",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="service",
    category="availability",
    must_show="Data were restored into a usable service within the objective and someone checked the content.",
    evidence=(
        EvidenceLine(
            id="test",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="Service, recovery point, when started and when usable, checks made, objectives met, lessons, "
            "tester, approver.",
        ),
    ),
    exception_codes=restore_tests.CODES,
    population="Services with recovery objectives.",
    test=restore_tests.restores_tested,
    limits=("That the recovery point was a point of the service is not compared with the stored ones.",),
    false_positives=("restore during a real incident may stand in",),
    recover_until="Not recoverable.",
)

CONTROLS = (CAPACITY, BACKUPS, RESTORE_TEST)
