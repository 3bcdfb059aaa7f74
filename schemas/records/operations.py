"""Records of operating the system: drills, incidents, emergencies, weaknesses that stay for a while (CC7, CC8)."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.records.model import Answers, Field, Problem, RecordType, Values, actions

DETECTION_DRILL = RecordType(
    "detection_drill",
    "Something was set off on purpose to see whether the alert comes",
    "periodic",
    (Answers("CC7-TEST-01", "drill"),),
    (
        Field("trigger", "What was done, such as a sample finding or a root sign-in from a test account"),
        Field("triggered_at", "When it was set off", "instant"),
        Field("alert_id", "Id of the alert that came; empty where none came", required=False),
        Field("alerted_at", "When the alert came", "instant", required=False),
        Field("ticket", "Number or address of the ticket that was opened", required=False),
        Field("acknowledged_at", "When somebody took it on", "instant", required=False),
        Field("acknowledged_by", "Who took it on", "person", required=False),
        Field("told_beforehand", "Whether that person knew the time of the drill", "flag", required=False),
        Field("observer", "Who ran and watched the drill", "person"),
    ),
    ("triggered_at",),
    "observer",
    (
        "One drill for every source of alerts and every quarter.",
        "The alert came within the hour (or within what the source states), a ticket was opened.",
        "It was acknowledged in time by the person on call, who was not told.",
        "A drill that failed is recorded too: it is worth more than none.",
    ),
    ("The alert as it arrived; the ticket.",),
)

INCIDENT_ATTESTATION = RecordType(
    "incident_attestation",
    "Who answers for incidents says that the register is complete",
    "periodic",
    (Answers("CC7-INC-01", "attestation"),),
    (
        Field("statement", "The statement: that the register holds every incident of the quarter"),
        Field("incidents", "How many there were; 0 is a statement too", "number"),
        Field("sources_consulted", "What was looked through: alert verdicts, support, status page, on-call log",
              "texts"),
        Field("cross_checks", "What could have been an incident, each with the incident or why it was none", "rows",
              required=False, fields=(
                  Field("source", "Where it was found"),
                  Field("item", "Its id or address"),
                  Field("incident", "Id of the incident it belongs to", required=False),
                  Field("why_not", "Why it was no incident", required=False),
              )),
        Field("incident_owner", "Who answers for incidents", "person"),
        Field("attested_at", "When the statement was made", "instant"),
    ),
    ("attested_at",),
    "incident_owner",
    (
        "One for every quarter, also and above all where there was no incident.",
        "It says what was consulted; alerts judged to be incidents are in the register.",
    ),
)  # fmt: skip

INCIDENT_EXERCISE = RecordType(
    "incident_exercise",
    "The incident plan was exercised",
    "periodic",
    (Answers("CC7-IRX-01", "exercise"),),
    (
        Field("held_at", "When it was held", "instant"),
        Field("scenario", "What was played through"),
        Field("participants", "Who took part", "rows", fields=(
            Field("person", "The person's address", "person"),
            Field("role", "In which role of the plan"),
        )),
        Field("plan_version", "Version of the incident plan"),
        Field("findings", "What was found", "texts", required=False),
        actions("What follows from it"),
        Field("real_incident", "Id of a real incident that stands in for an exercise", required=False),
        Field("led_by", "Who led it", "person"),
    ),
    ("held_at",),
    "led_by",
    (
        "At every moment of the period the latest exercise was at most 12 months old.",
        "The roles that the plan names took part.",
        "What was found has actions with owners, and they were done.",
    ),
    ("Scenario and notes.",),
)  # fmt: skip


def _reviewed(values: Values) -> Iterator[Problem]:
    if bool(values.get("reviewed_by")) != bool(values.get("reviewed_at")):
        name = "reviewed_at" if values.get("reviewed_by") else "reviewed_by"
        yield name, "a review has somebody who made it and a time: give both, or neither"


EMERGENCY_CHANGE = RecordType(
    "emergency_change",
    "An emergency change was authorised, and reviewed afterwards",
    "response",
    (Answers("CC8-CHG-03", "register"),),
    (
        Field("item_id", "Id of the change, as the test of CC8-CHG-01 names it"),
        Field("reason", "Why it could not wait"),
        Field("authorised_by", "Who authorised it; never its author", "person"),
        Field("authorised_at", "When it was authorised", "instant"),
        Field("incident_id", "The incident or alert it was for", required=False),
        Field("reviewed_by", "Who reviewed it afterwards; never its author", "person", required=False),
        Field("reviewed_at", "When it was reviewed", "instant", required=False),
        Field("outcome", "What the review found", required=False),
    ),
    ("authorised_at", "reviewed_at"),
    None,
    (
        "Somebody other than the author authorised it, within the hour.",
        "Somebody other than the author reviewed it within two business days.",
        "It belongs to an incident or an alert. Record the authorisation at once and again with the review.",
    ),
    check=_reviewed,
)

VULNERABILITY_ACCEPTANCE = RecordType(
    "vulnerability_acceptance",
    "A finding may stay open beyond its limit",
    "response",
    (Answers("CC7-VUL-01", "findings"), Answers("CC7-CFG-01", "posture")),
    (
        Field("finding_id", "The finding, as the test of the control names it"),
        Field("severity", "Its severity", required=False),
        Field("reason", "Why it can't be fixed in time"),
        Field("compensation", "What makes up for it", required=False),
        Field("accepted_by", "Who accepted the risk", "person"),
        Field("accepted_at", "When it was accepted", "instant"),
        Field("expires", "Last day of the acceptance", "day"),
    ),
    ("accepted_at",),
    "accepted_by",
    (
        "It came before the limit for the severity was over, not after.",
        "A named person accepted it, with a reason, until a day.",
    ),
)

LOGGING_EXPLANATION = RecordType(
    "logging_explanation",
    "Somebody says why the logging was touched",
    "response",
    (Answers("CC7-LOG-01", "toggles"),),
    (
        Field("event_id", "Id of the event, as the test of CC7-LOG-01 names it"),
        Field("explanation", "What was changed, and why"),
        Field("ticket", "Number or address of the ticket", required=False),
        Field("explained_by", "Who explains it; never who made the call", "person"),
        Field("explained_at", "When it was explained", "instant"),
    ),
    ("explained_at",),
    "explained_by",
    (
        "Somebody other than the caller explained it.",
        "Where logging was off meanwhile, that stays an exception whatever explains it.",
    ),
)

SECRET_ROTATION = RecordType(
    "secret_rotation",
    "A leaked secret was made worthless",
    "response",
    (Answers("CC6-SEC-01", "alerts"),),
    (
        Field("alert_id", "The alert, as the test of CC6-SEC-01 names it"),
        Field("how", "How it was rotated or revoked, and by what that can be seen"),
        Field("rotated_by", "Who did it", "person"),
        Field("rotated_at", "When the secret stopped working", "instant"),
    ),
    ("rotated_at",),
    "rotated_by",
    ("The secret stopped working after it had leaked, and something shows it.",),
    ("The answer of the service to the old secret, without the secret.",),
)

BYPASS_REVIEW = RecordType(
    "bypass_review",
    "Somebody looked at a push past the protection of secrets",
    "response",
    (Answers("CC6-SEC-01", "alerts"),),
    (
        Field("alert_id", "The alert, as the test of CC6-SEC-01 names it"),
        Field("finding", "What was found"),
        Field("reviewer", "Who looked at it; never who pushed", "person"),
        Field("reviewed_at", "When it was reviewed", "instant"),
    ),
    ("reviewed_at",),
    "reviewer",
    ("Somebody other than who pushed looked at every bypass.",),
)

TYPES = (
    DETECTION_DRILL, INCIDENT_ATTESTATION, INCIDENT_EXERCISE, EMERGENCY_CHANGE, VULNERABILITY_ACCEPTANCE,
    LOGGING_EXPLANATION, SECRET_ROTATION, BYPASS_REVIEW,
)  # fmt: skip
