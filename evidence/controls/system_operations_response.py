"""What is answered: alerts, drills, incidents, exercises."""

from __future__ import annotations

from evidence.controls import detection_drills, incident_exercise
from evidence.controls.alert_triage import CODES as ALERT_CODES
from evidence.controls.alert_triage import alerts_triaged
from evidence.controls.incidents import CODES as INCIDENT_CODES
from evidence.controls.incidents import incidents_handled
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.sources import (
    AWS_CLOUDWATCH_ALARM_HISTORY,
    AWS_GUARDDUTY_FINDINGS,
    AWS_SECURITYHUB_FINDINGS,
    GCP_SCC_FINDINGS,
    GITHUB_ALERTS,
    GOOGLE_ALERT_CENTER,
    OWN_RECORDS,
    TICKETING,
)
from schemas import aws_detection, gcp, github_security, google, tickets

ALERTS = Control(
    id="CC7-ALT-01",
    title="Alerts are looked at and resolved in time",
    family="system_operations",
    criteria=("CC7.2", "CC7.3"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="per_event",
    scope_kind="alert_source",
    must_show="Each alert of set severity got an owner, a verdict (false alarm, event, incident) and a close within "
    "target; the reasoning is readable.",
    evidence=(
        EvidenceLine(
            id="alerts",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=6,
            due_days=5,
            grace_days=5,
            sources=(
                AWS_GUARDDUTY_FINDINGS,
                AWS_SECURITYHUB_FINDINGS,
                GOOGLE_ALERT_CENTER,
                GCP_SCC_FINDINGS,
                GITHUB_ALERTS,
                AWS_CLOUDWATCH_ALARM_HISTORY,
            ),
            datasets={
                "aws": aws_detection.ALERTS,
                "google": google.ALERTS,
                "gcp": gcp.ALERTS,
                "github": github_security.ALERTS,
            },
            is_population=True,
            description="Alerts: id at the source, severity, created, changed, status, assignee.",
        ),
        EvidenceLine(
            id="triage",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=4,
            due_days=5,
            grace_days=5,
            sources=(TICKETING,),
            datasets={"own": tickets.ALERT_TRIAGE},
            supporting={"own": (tickets.INCIDENTS,)},
            description="Tickets: the alerts they are about, acknowledged, verdict and by whom, closed, incident.",
        ),
    ),
    exception_codes=ALERT_CODES,
    population="Alerts at or above the severity threshold created in the window, from the alert source.",
    test=alerts_triaged,
    false_positives=(
        "one cause with many alerts (group ticket lists all ids)",
        "auto-archived by approved suppression rule (rule is evidence)",
        "test alerts from CC7-TEST-01 (tagged)",
    ),
    zero="Coverage without holes and a passed detection test in the same quarter.",
    limits=(
        "Whether an alert was closed within a target is not judged: the rule names none.",
        "Alerts at GitHub need a ticket like any other: that one was dismissed there with a reason is no verdict yet.",
    ),
    recover_until="CloudWatch 14 days; Security Hub 14-90 days; GuardDuty 90 days; Alert Center about 30 days; SCC "
    "390 days.",
)

DETECTION_TEST = Control(
    id="CC7-TEST-01",
    title="Detection proven to work by a deliberate test",
    family="system_operations",
    criteria=("CC7.2", "CC7.3", "CC4.1"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="quarterly",
    scope_kind="alert_source",
    must_show="Once a quarter a harmless trigger was set off and travelled from source to ticket in time. This is "
    "what makes a quarter with no incidents believable.",
    evidence=(
        EvidenceLine(
            id="drill",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="What was triggered and when, alert, ticket, acknowledgement, observer.",
        ),
    ),
    exception_codes=detection_drills.CODES,
    population="One drill per alert source per quarter.",
    test=detection_drills.detection_tested,
    limits=("Who was on call is told by the record alone: rotas are not collected.",),
    false_positives=("sample findings suppressed by rule: exempt the test tag from suppression",),
    recover_until="Not recoverable.",
)

INCIDENTS = Control(
    id="CC7-INC-01",
    title="Incidents handled by the procedure",
    family="system_operations",
    criteria=("CC7.3", "CC7.4", "CC7.5", "CC2.3"),
    tier="core",
    nature=("human_decision",),
    frequency_class="per_event",
    scope_kind="organisation",
    must_show="Every incident was classified, contained, communicated where promised, closed with cause and lessons; "
    "and the register itself is complete.",
    evidence=(
        EvidenceLine(
            id="incidents",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="weekly",
            lag_hours=24,
            due_days=5,
            grace_days=5,
            sources=(TICKETING,),
            datasets={"own": tickets.INCIDENTS},
            supporting={"own": (tickets.ALERT_TRIAGE, tickets.SECURITY_INBOX)},
            is_population=True,
            description="Incidents: opened, severity, how detected, timeline, contained, resolved, customers told, "
            "review, actions.",
        ),
        EvidenceLine(
            id="attestation",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            sources=(OWN_RECORDS,),
            description="Statement of the incident owner that the register is complete: how many, sources consulted.",
        ),
    ),
    exception_codes=INCIDENT_CODES,
    population="Incident register rows; cross-checks: alerts with verdict incident, status-page posts, rollback "
    "deployments, customer security reports.",
    test=incidents_handled,
    false_positives=(
        "availability blips below threshold",
        "duplicates merged",
    ),
    zero="All of: attestation of zero, alert stream covered and triaged, detection drill passed, tabletop current. "
    "The auditor will report that the control did not have to operate; do not report it as passed.",
    recover_until="Tickets while kept; attestation no.",
    limits=(
        "Posts on the status page and deployments that were rolled back are not held against the register.",
        "Dates in the text of a ticket are taken as they are written; trackers keep no history of a text.",
    ),
)

INCIDENT_EXERCISE = Control(
    id="CC7-IRX-01",
    title="Yearly incident exercise",
    family="system_operations",
    criteria=("CC7.4", "CC7.5", "CC9.1"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="organisation",
    must_show="The response plan was exercised within 12 months with the people who would act, and the plan was "
    "improved.",
    evidence=(
        EvidenceLine(
            id="exercise",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            is_population=True,
            description="When, scenario, participants, version of the plan, findings, actions with owners.",
        ),
    ),
    exception_codes=incident_exercise.CODES,
    population="One exercise per 12 months (a real severity-1 incident with review may stand in, by decision).",
    test=incident_exercise.plan_exercised,
    limits=("A real incident that stands in is not compared with the register of incidents.",),
    false_positives=(
        "exercise held together with the restore test (counts once for each if both scripts were followed)",
        "roles merged in a small team (one person may hold two, not all)",
    ),
    recover_until="Not recoverable.",
)

CONTROLS = (ALERTS, DETECTION_TEST, INCIDENTS, INCIDENT_EXERCISE)
